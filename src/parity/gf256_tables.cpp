// SPDX-License-Identifier: MIT
//
// What the vector kernels multiply with, one entry per coefficient.

#include "gf256_tables.hpp"

namespace duality {
inline namespace v0 {
namespace detail {
namespace {

/// Row i of the bit matrix gives bit i of the product and stands in byte 7 - i, as GF2P8AFFINEQB wants it; its bit j
/// says whether x^j contributes.
constexpr gf256_matrix_table make_matrices() noexcept {
    gf256_matrix_table table{};
    for (unsigned c = 0; c < 256; ++c)
        for (unsigned j = 0; j < 8; ++j) {
            const std::uint8_t column =
                gf256_multiply(static_cast<std::uint8_t>(c), static_cast<std::uint8_t>(1u << j));
            for (unsigned i = 0; i < 8; ++i)
                if (column >> i & 1) table.matrix[c] |= std::uint64_t{1} << ((7 - i) * 8 + j);
        }
    return table;
}

constexpr gf256_nibble_table make_nibbles() noexcept {
    gf256_nibble_table table{};
    for (unsigned c = 0; c < 256; ++c)
        for (unsigned n = 0; n < 16; ++n) {
            table.product[c][n] = gf256_multiply(static_cast<std::uint8_t>(c), static_cast<std::uint8_t>(n));
            table.product[c][16 + n] = gf256_multiply(static_cast<std::uint8_t>(c), static_cast<std::uint8_t>(n << 4));
        }
    return table;
}

}  // namespace

constexpr gf256_matrix_table matrices_value = make_matrices();
constexpr gf256_nibble_table nibbles_value = make_nibbles();
const gf256_matrix_table gf256_matrices = matrices_value;
const gf256_nibble_table gf256_nibbles = nibbles_value;

}  // namespace detail
}  // namespace v0
}  // namespace duality
