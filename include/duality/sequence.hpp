// SPDX-License-Identifier: MIT
//
// Sequence numbers that wrap: serial arithmetic (RFC 1982) and the way back to 64 bits.
#pragma once

#include <concepts>
#include <cstdint>
#include <type_traits>

namespace duality {
inline namespace v0 {

/// Signed distance from `from` to `to` on the circle of `T`: positive when `to` is ahead. The two points exactly half
/// the circle apart have distance `-2^(bits-1)` both ways, as RFC 1982 leaves that case undefined.
template <std::unsigned_integral T>
[[nodiscard]] constexpr std::make_signed_t<T> serial_distance(T from, T to) noexcept {
    return static_cast<std::make_signed_t<T>>(static_cast<T>(to - from));
}

template <std::unsigned_integral T>
[[nodiscard]] constexpr bool serial_less(T a, T b) noexcept {
    return serial_distance(a, b) > 0;
}

/// The 64-bit value nearest to `reference` whose low `bits` bits are `truncated`. `1 <= bits <= 63`.
[[nodiscard]] constexpr std::int64_t unwrap_nearest(std::int64_t reference, std::uint64_t truncated,
                                                    unsigned bits) noexcept {
    const std::uint64_t circle = std::uint64_t{1} << bits;
    const std::uint64_t mask = circle - 1;
    const std::uint64_t ahead = (truncated - static_cast<std::uint64_t>(reference)) & mask;
    const std::uint64_t base = static_cast<std::uint64_t>(reference) + ahead;
    return static_cast<std::int64_t>(ahead >= circle / 2 ? base - circle : base);
}

}  // namespace v0
}  // namespace duality
