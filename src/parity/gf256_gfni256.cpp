// SPDX-License-Identifier: MIT
//
// GF2P8AFFINEQB on 32 bytes at a time, for processors that have GFNI without AVX-512.

#include "gf256_tables.hpp"

#if defined(DUALITY_PARITY_X86)

#include <immintrin.h>

#define DUALITY_KERNEL_TARGET DUALITY_TARGET("avx2,gfni")
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
    using vector = __m256i;
    using factor = __m256i;
    using parts = __m256i;
    static constexpr std::size_t width = 32;
    static constexpr int rows_in_pairs = 0;
    static constexpr int max_rows = 5;
    static constexpr int columns(int rows) noexcept { return rows == 1 ? 12 : rows == 2 ? 6 : rows == 3 ? 4 : 2; }

    DUALITY_LANE vector zero() noexcept { return _mm256_setzero_si256(); }
    DUALITY_LANE vector load(const std::uint8_t* p) noexcept {
        return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
    }
    DUALITY_LANE void store(std::uint8_t* p, vector v) noexcept {
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), v);
    }
    DUALITY_LANE vector add(vector a, vector b) noexcept { return _mm256_xor_si256(a, b); }
    DUALITY_LANE vector add(vector a, vector b, vector c) noexcept { return add(add(a, b), c); }
    DUALITY_LANE vector keep_last(vector v, std::size_t n) noexcept {
        return _mm256_and_si256(v, load(gf256_mask.last(width, n)));
    }
    DUALITY_LANE factor prepare(std::uint8_t c) noexcept {
        return _mm256_set1_epi64x(static_cast<long long>(gf256_matrices.matrix[c]));
    }
    DUALITY_LANE parts split(vector v) noexcept { return v; }
    DUALITY_LANE vector product(factor f, parts v) noexcept { return _mm256_gf2p8affine_epi64_epi8(v, f, 0); }
    static const gf256_kernel& smaller() noexcept { return gf256_ssse3; }
};

}  // namespace
}  // namespace detail
}  // namespace v0
}  // namespace duality

#include "vector_kernel.hpp"

namespace duality {
inline namespace v0 {
namespace detail {

const gf256_kernel gf256_gfni256{"gfni256", multiply_add, dot, dot_rows, copy};

}  // namespace detail
}  // namespace v0
}  // namespace duality

#endif
