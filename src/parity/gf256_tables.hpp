// SPDX-License-Identifier: MIT
#pragma once

#include "kernels.hpp"

namespace duality {
inline namespace v0 {
namespace detail {

/// Multiplication by a constant as an 8×8 bit matrix, in the operand order of GF2P8AFFINEQB. (The instruction's own
/// multiplication is for another polynomial.)
struct gf256_matrix_table {
    alignas(64) std::uint64_t matrix[256];
};

/// Products of a constant with the 16 low nibbles, then with the 16 high nibbles.
struct gf256_nibble_table {
    alignas(64) std::uint8_t product[256][32];
};

extern const gf256_matrix_table gf256_matrices;
extern const gf256_nibble_table gf256_nibbles;

/// 64 zero bytes, then 64 bytes of 0xFF: any window on them is a mask that keeps the last bytes of a vector.
struct gf256_mask_bytes {
    alignas(64) std::uint8_t byte[128]{};

    constexpr gf256_mask_bytes() noexcept {
        for (int i = 64; i < 128; ++i) byte[i] = 0xFF;
    }
    /// A mask of `width` bytes whose last `n` are set.
    [[nodiscard]] const std::uint8_t* last(std::size_t width, std::size_t n) const noexcept {
        return byte + 64 + n - width;
    }
};

inline constexpr gf256_mask_bytes gf256_mask{};

}  // namespace detail
}  // namespace v0
}  // namespace duality
