// SPDX-License-Identifier: MIT
//
// 64 bytes at a time: GF2P8AFFINEQB multiplies by an 8×8 bit matrix, one instruction per product.

#include "gf256_tables.hpp"

#if defined(DUALITY_PARITY_X86)

#include <immintrin.h>

#define DUALITY_KERNEL_TARGET DUALITY_TARGET("avx512f,avx512bw,avx512vl,gfni")
#if defined(__GNUC__) || defined(__clang__)
#define DUALITY_LANE DUALITY_KERNEL_TARGET __attribute__((always_inline)) static inline
#else
#define DUALITY_LANE static inline
#endif

namespace duality {
inline namespace v0 {
namespace detail {
namespace {

struct lane {
    using vector = __m512i;
    using factor = __m512i;
    using parts = __m512i;
    static constexpr std::size_t width = 64;
    static constexpr int rows_in_pairs = 2;
    static constexpr int max_rows = 5;
    static constexpr int columns(int rows) noexcept { return rows == 1 ? 10 : rows == 2 ? 10 : rows == 3 ? 7 : 5; }

    DUALITY_LANE vector zero() noexcept { return _mm512_setzero_si512(); }
    DUALITY_LANE vector load(const std::uint8_t* p) noexcept { return _mm512_loadu_si512(p); }
    DUALITY_LANE void store(std::uint8_t* p, vector v) noexcept { _mm512_storeu_si512(p, v); }
    DUALITY_LANE vector add(vector a, vector b) noexcept { return _mm512_xor_si512(a, b); }
    DUALITY_LANE vector add(vector a, vector b, vector c) noexcept { return _mm512_ternarylogic_epi64(a, b, c, 0x96); }
    DUALITY_LANE vector keep_last(vector v, std::size_t n) noexcept {
        return _mm512_maskz_mov_epi8(~__mmask64{0} << (width - n), v);
    }
    DUALITY_LANE factor prepare(std::uint8_t c) noexcept {
        return _mm512_set1_epi64(static_cast<long long>(gf256_matrices.matrix[c]));
    }
    DUALITY_LANE parts split(vector v) noexcept { return v; }
    DUALITY_LANE vector product(factor f, parts v) noexcept { return _mm512_gf2p8affine_epi64_epi8(v, f, 0); }
    static const gf256_kernel& smaller() noexcept { return gf256_gfni256; }
};

}  // namespace
}  // namespace detail
}  // namespace v0
}  // namespace duality

#include "vector_kernel.hpp"

namespace duality {
inline namespace v0 {
namespace detail {

const gf256_kernel gf256_gfni512{"gfni512", multiply_add, dot, dot_rows, copy};

}  // namespace detail
}  // namespace v0
}  // namespace duality

#endif
