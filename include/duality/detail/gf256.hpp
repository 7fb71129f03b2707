// SPDX-License-Identifier: MIT
//
// The field GF(2^8) with the polynomial x^8 + x^4 + x^3 + x^2 + 1 (0x11D; RFC 5510, section 8.1), one element at a time
// from tables, and whole symbols at a time through a kernel table chosen once for the machine the program runs on.
//
// All kernels give the same bits. They take any length and any alignment.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "duality/status.hpp"

namespace duality {
inline namespace v0 {
namespace detail {

/// Logarithms to the base 2 and their inverse. `log[0]` points behind every sum of two logarithms, where `exp` is zero,
/// so that a product needs no branch.
struct gf256_tables {
    std::array<std::uint8_t, 1025> exp{};
    std::array<std::uint16_t, 256> log{};

    constexpr gf256_tables() noexcept {
        unsigned x = 1;
        for (unsigned i = 0; i < 255; ++i) {
            exp[i] = exp[i + 255] = static_cast<std::uint8_t>(x);
            log[x] = static_cast<std::uint16_t>(i);
            x <<= 1;
            if (x & 0x100) x ^= 0x11D;
        }
        log[0] = 512;
    }
};

inline constexpr gf256_tables gf256{};

[[nodiscard]] constexpr std::uint8_t gf256_multiply(std::uint8_t a, std::uint8_t b) noexcept {
    return gf256.exp[static_cast<std::size_t>(gf256.log[a]) + gf256.log[b]];
}
/// Precondition: `a != 0`.
[[nodiscard]] constexpr std::uint8_t gf256_inverse(std::uint8_t a) noexcept {
    return gf256.exp[static_cast<std::size_t>(255 - gf256.log[a])];
}

/// Operations on whole symbols. No pointer may be null when `size` is not zero.
struct gf256_kernel {
    std::string_view name;
    /// destination ^= coefficient * source. The two are the same array or do not overlap.
    void (*multiply_add)(std::uint8_t* destination, const std::uint8_t* source, std::uint8_t coefficient,
                         std::size_t size) noexcept;
    /// destination = sum of coefficients[j] * sources[j] over `count` sources; zeros when `count` is 0. The destination
    /// overlaps no source. (To scale in place: multiply_add(x, x, coefficient ^ 1).)
    void (*dot)(std::uint8_t* destination, const std::uint8_t* const* sources, const std::uint8_t* coefficients,
                std::size_t count, std::size_t size) noexcept;
    /// Several dot products of the same sources in one pass over them: row i of `coefficients` (row-major, `count`
    /// wide) goes to destinations[i]. Unless `starts` is null, starts[i] is added to it; that may be destinations[i]
    /// itself. Otherwise no destination overlaps anything else.
    void (*dot_rows)(std::uint8_t* const* destinations, const std::uint8_t* const* starts, std::size_t rows,
                     const std::uint8_t* const* sources, const std::uint8_t* coefficients, std::size_t count,
                     std::size_t size) noexcept;
    /// Copies between arrays that do not overlap; faster than memcpy into memory that is not in the first cache, when
    /// the destination begins a cache line.
    void (*copy)(std::uint8_t* destination, const std::uint8_t* source, std::size_t size) noexcept;
};

/// The kernel in use. The first call picks the fastest one this machine supports.
[[nodiscard]] const gf256_kernel& gf256_active() noexcept;

}  // namespace detail

/// Names of the GF(2^8) kernels this machine can run, fastest first; the last one is always "scalar".
[[nodiscard]] std::span<const std::string_view> parity_kernels() noexcept;
/// Name of the kernel in use.
[[nodiscard]] std::string_view parity_kernel() noexcept;
/// Uses the named kernel from now on, in every object of the process; an empty name goes back to the fastest one.
/// `unsupported` when this machine or this build has no such kernel (nothing changes then). For tests, benchmarks and
/// for ruling a kernel out; results do not depend on it.
[[nodiscard]] status parity_force_kernel(std::string_view name) noexcept;

}  // namespace v0
}  // namespace duality
