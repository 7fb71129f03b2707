// SPDX-License-Identifier: MIT
//
// IP addresses as values, without a socket header: read, written, compared, nothing looked up.
#pragma once

#include <algorithm>
#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "duality/memory.hpp"

namespace duality {
inline namespace v0 {
namespace masque {

/// An IPv4 or IPv6 address. The default is the unspecified IPv4 address.
class ip_address {
public:
    constexpr ip_address() noexcept = default;

    /// From a number in host order: 0x7F000001 is 127.0.0.1.
    [[nodiscard]] static constexpr ip_address v4(std::uint32_t number) noexcept {
        ip_address a;
        for (std::size_t i = 0; i < 4; ++i) a.bytes_[i] = static_cast<std::uint8_t>(number >> (24 - 8 * i));
        return a;
    }
    [[nodiscard]] static constexpr ip_address v6(const std::array<std::uint8_t, 16>& bytes) noexcept {
        ip_address a;
        a.bytes_ = bytes;
        a.is_v6_ = true;
        return a;
    }
    /// Dotted decimal without leading zeros, or IPv6 as in RFC 4291, section 2.2. No brackets, no zone; nothing else.
    [[nodiscard]] static std::optional<ip_address> parse(std::string_view text) noexcept;

    /// Longest text `format` writes.
    static constexpr std::size_t text_max = 45;
    /// The canonical text (RFC 5952) into `out`, which holds at least `text_max` characters.
    [[nodiscard]] std::string_view format(std::span<char> out) const noexcept;

    [[nodiscard]] constexpr bool is_v6() const noexcept { return is_v6_; }
    /// 4 or 16 bytes in network order.
    [[nodiscard]] constexpr byte_view bytes() const noexcept {
        return byte_view{bytes_}.first(is_v6_ ? std::size_t{16} : std::size_t{4});
    }
    /// Do the first `bits` bits agree? Addresses of two families never do.
    [[nodiscard]] constexpr bool in_prefix(const ip_address& prefix, unsigned bits) const noexcept {
        if (is_v6_ != prefix.is_v6_) return false;
        for (std::size_t i = 0; i < bytes().size() && bits > 0; ++i) {
            const unsigned here = std::min(bits, 8u);
            if (((bytes_[i] ^ prefix.bytes_[i]) >> (8 - here)) != 0) return false;
            bits -= here;
        }
        return true;
    }

    constexpr auto operator<=>(const ip_address&) const noexcept = default;

private:
    std::array<std::uint8_t, 16> bytes_{};
    bool is_v6_ = false;
};

/// Where a UDP datagram comes from or goes to.
struct udp_address {
    ip_address ip;
    std::uint16_t port = 0;
    constexpr auto operator<=>(const udp_address&) const noexcept = default;
};

}  // namespace masque
}  // namespace v0
}  // namespace duality
