// SPDX-License-Identifier: MIT
//
// 16 bytes at a time: a product is looked up by nibbles, sixteen entries at a time.

#include "gf256_tables.hpp"

#if defined(DUALITY_PARITY_X86)

#include <immintrin.h>

#define DUALITY_KERNEL_TARGET DUALITY_TARGET("ssse3")
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
    struct factor {
        __m128i low, high;
    };
    struct parts {
        __m128i low, high;
    };
    using vector = __m128i;
    static constexpr std::size_t width = 16;
    static constexpr int rows_in_pairs = 0;
    static constexpr int max_rows = 3;
    static constexpr int columns(int rows) noexcept { return rows == 1 ? 8 : rows == 2 ? 4 : 2; }

    DUALITY_LANE vector zero() noexcept { return _mm_setzero_si128(); }
    DUALITY_LANE vector load(const std::uint8_t* p) noexcept {
        return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    }
    DUALITY_LANE void store(std::uint8_t* p, vector v) noexcept { _mm_storeu_si128(reinterpret_cast<__m128i*>(p), v); }
    DUALITY_LANE vector add(vector a, vector b) noexcept { return _mm_xor_si128(a, b); }
    DUALITY_LANE vector add(vector a, vector b, vector c) noexcept { return add(add(a, b), c); }
    DUALITY_LANE vector keep_last(vector v, std::size_t n) noexcept {
        return _mm_and_si128(v, load(gf256_mask.last(width, n)));
    }
    DUALITY_LANE factor prepare(std::uint8_t c) noexcept {
        const auto* table = reinterpret_cast<const __m128i*>(gf256_nibbles.product[c]);
        return {_mm_load_si128(table), _mm_load_si128(table + 1)};
    }
    DUALITY_LANE parts split(vector v) noexcept {
        const __m128i nibble = _mm_set1_epi8(0x0F);
        return {_mm_and_si128(v, nibble), _mm_and_si128(_mm_srli_epi64(v, 4), nibble)};
    }
    DUALITY_LANE vector product(const factor& f, const parts& v) noexcept {
        return _mm_xor_si128(_mm_shuffle_epi8(f.low, v.low), _mm_shuffle_epi8(f.high, v.high));
    }
    static const gf256_kernel& smaller() noexcept { return gf256_scalar; }
};

}  // namespace
}  // namespace detail
}  // namespace v0
}  // namespace duality

#include "vector_kernel.hpp"

namespace duality {
inline namespace v0 {
namespace detail {

const gf256_kernel gf256_ssse3{"ssse3", multiply_add, dot, dot_rows, copy};

}  // namespace detail
}  // namespace v0
}  // namespace duality

#endif
