// SPDX-License-Identifier: MIT
#include "duality/masque/certificate.hpp"

#include <algorithm>

#include "duality/masque/structured_field.hpp"

namespace duality {
inline namespace v0 {
namespace masque {
namespace {

constexpr std::string_view pin_prefix = "sha256//";

}  // namespace

result<key_pin> key_pin::parse(std::string_view text) noexcept {
    if (!text.starts_with(pin_prefix) || text.size() != text_size) return status::invalid_argument;
    text.remove_prefix(pin_prefix.size());
    key_pin pin;
    std::size_t size = 0;
    if (sf_decode_bytes({sf_type::bytes, 0, text}, pin.sha256, size) != status::ok || size != pin.sha256.size())
        return status::invalid_argument;
    return pin;
}

std::string_view key_pin::format(std::span<char> out) const noexcept {
    char quoted[text_size];  // a byte sequence stands between colons
    sf_writer writer{quoted};
    writer.bytes(sha256);
    std::string_view base64 = writer.text();
    base64.remove_prefix(1);
    base64.remove_suffix(1);
    char* const begin = std::copy(pin_prefix.begin(), pin_prefix.end(), out.data());
    return {out.data(), std::copy(base64.begin(), base64.end(), begin)};
}

}  // namespace masque
}  // namespace v0
}  // namespace duality
