// SPDX-License-Identifier: MIT
//
// 64 bytes at a time without GFNI: a product is looked up by nibbles, sixteen entries at a time.

#include "gf256_tables.hpp"

#if defined(DUALITY_PARITY_X86)

#if defined(__GNUC__) && !defined(__clang__)
// GCC 12 warns about its own way of writing a register whose old value does not matter.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#include <immintrin.h>
#pragma GCC diagnostic pop
#else
#include <immintrin.h>
#endif

#define DUALITY_KERNEL_TARGET DUALITY_TARGET("avx512f,avx512bw,avx512vl")
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
        __m512i low, high;
    };
    struct parts {
        __m512i low, high;
    };
    using vector = __m512i;
    static constexpr std::size_t width = 64;
    static constexpr int rows_in_pairs = 1;
    static constexpr int max_rows = 4;
    static constexpr int columns(int rows) noexcept { return rows == 1 ? 10 : rows == 2 ? 8 : rows == 3 ? 5 : 4; }

    DUALITY_LANE vector zero() noexcept { return _mm512_setzero_si512(); }
    DUALITY_LANE vector load(const std::uint8_t* p) noexcept { return _mm512_loadu_si512(p); }
    DUALITY_LANE void store(std::uint8_t* p, vector v) noexcept { _mm512_storeu_si512(p, v); }
    DUALITY_LANE vector add(vector a, vector b) noexcept { return _mm512_xor_si512(a, b); }
    DUALITY_LANE vector add(vector a, vector b, vector c) noexcept { return _mm512_ternarylogic_epi64(a, b, c, 0x96); }
    DUALITY_LANE vector keep_last(vector v, std::size_t n) noexcept {
        return _mm512_maskz_mov_epi8(~__mmask64{0} << (width - n), v);
    }
    DUALITY_LANE factor prepare(std::uint8_t c) noexcept {
        const auto* table = reinterpret_cast<const __m128i*>(gf256_nibbles.product[c]);
        return {_mm512_broadcast_i32x4(_mm_load_si128(table)), _mm512_broadcast_i32x4(_mm_load_si128(table + 1))};
    }
    DUALITY_LANE parts split(vector v) noexcept {
        const __m512i nibble = _mm512_set1_epi8(0x0F);
        return {_mm512_and_si512(v, nibble), _mm512_and_si512(_mm512_srli_epi64(v, 4), nibble)};
    }
    DUALITY_LANE vector product(const factor& f, const parts& v) noexcept {
        return _mm512_xor_si512(_mm512_shuffle_epi8(f.low, v.low), _mm512_shuffle_epi8(f.high, v.high));
    }
    static const gf256_kernel& smaller() noexcept { return gf256_avx2; }
};

}  // namespace
}  // namespace detail
}  // namespace v0
}  // namespace duality

#include "vector_kernel.hpp"

namespace duality {
inline namespace v0 {
namespace detail {

const gf256_kernel gf256_avx512{"avx512", multiply_add, dot, dot_rows, copy};

}  // namespace detail
}  // namespace v0
}  // namespace duality

#endif
