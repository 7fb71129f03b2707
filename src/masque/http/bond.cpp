// SPDX-License-Identifier: MIT
#include "duality/masque/bond.hpp"

#include <algorithm>

#include "duality/masque/structured_field.hpp"

namespace duality {
inline namespace v0 {
namespace masque {
namespace {

constexpr std::int64_t payload_least = 64;
constexpr std::int64_t payload_most = 16'384;
constexpr std::uint8_t metered_flag = 0x01;

/// A member that may be missing, but not be something else than bytes of this length.
template <std::size_t Size>
[[nodiscard]] bool read_bytes(std::string_view field, std::string_view key,
                              std::optional<std::array<std::uint8_t, Size>>& out) noexcept {
    const std::optional<sf_member> member = sf_find(field, key);
    if (!member) return true;
    std::array<std::uint8_t, Size> bytes{};
    std::size_t size = 0;
    if (sf_decode_bytes(member->value, bytes, size) != status::ok || size != Size) return false;
    out = bytes;
    return true;
}

template <class Number>
[[nodiscard]] bool read_integer(std::string_view field, std::string_view key, std::int64_t least, std::int64_t most,
                                std::optional<Number>& out) noexcept {
    const std::optional<sf_member> member = sf_find(field, key);
    if (!member) return true;
    const sf_value& value = member->value;
    if (value.type != sf_type::integer || value.number < least || value.number > most) return false;
    out = static_cast<Number>(value.number);
    return true;
}

template <std::size_t Size>
void write_bytes(sf_writer& out, std::string_view key,
                 const std::optional<std::array<std::uint8_t, Size>>& value) noexcept {
    if (!value) return;
    out.comma();
    out.key(key);
    out.bytes(*value);
}

template <class Number>
void write_integer(sf_writer& out, std::string_view key, const std::optional<Number>& value) noexcept {
    if (!value) return;
    out.comma();
    out.key(key);
    out.integer(static_cast<std::int64_t>(*value));
}

}  // namespace

status read_bond_field(std::string_view field, bond_parameters& out) noexcept {
    out = {};
    if (!sf_is_dictionary(field)) return status::malformed;
    std::optional<std::int64_t> version;
    if (!read_integer(field, "v", bond_version, bond_version, version) || !version) return status::unsupported_version;
    const bool ok = read_bytes(field, "id", out.id) && read_bytes(field, "proof", out.proof) &&
                    read_bytes(field, "secret", out.secret) && read_integer(field, "leg", 0, 255, out.leg) &&
                    read_integer(field, "payload", payload_least, payload_most, out.max_payload);
    return ok ? status::ok : status::malformed;
}

std::string_view write_bond_field(const bond_parameters& what, std::span<char> out) noexcept {
    sf_writer field{out};
    field.key("v");
    field.integer(bond_version);
    write_bytes(field, "id", what.id);
    write_integer(field, "leg", what.leg);
    write_bytes(field, "proof", what.proof);
    write_bytes(field, "secret", what.secret);
    write_integer(field, "payload", what.max_payload);
    return field.text();
}

std::array<std::uint8_t, bond_proof_input_size> bond_proof_input(const bond_exporter& exporter, const bond_id& id,
                                                                 std::uint8_t leg) noexcept {
    std::array<std::uint8_t, bond_proof_input_size> out{};
    const auto end = std::copy(id.begin(), id.end(), std::copy(exporter.begin(), exporter.end(), out.begin()));
    *end = leg;
    return out;
}

status read_bond_registration(byte_view value, bond_registration& out) noexcept {
    wire::reader in{value};
    out.context = in.varint();
    const std::uint8_t flags = in.u8();
    if (!in.ok() || out.context == udp_context || out.context % 2 != 0) return status::malformed;
    out.metered = (flags & metered_flag) != 0;
    return status::ok;
}

byte_view write_bond_registration(const bond_registration& what, byte_span out) noexcept {
    wire::writer value{out};
    value.varint(what.context);
    value.u8(what.metered ? metered_flag : 0);
    return out.first(value.size());
}

}  // namespace masque
}  // namespace v0
}  // namespace duality
