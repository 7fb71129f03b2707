// SPDX-License-Identifier: MIT
//
// 16 bytes at a time on arm64, where NEON is always there: a product is looked up by nibbles, sixteen entries at a time.

#include "gf256_tables.hpp"

#if defined(DUALITY_PARITY_ARM64)

#include <arm_neon.h>

#define DUALITY_KERNEL_TARGET
#define DUALITY_LANE static inline

namespace duality {
inline namespace v0 {
namespace detail {
namespace {

struct lane {
    struct factor {
        uint8x16_t low, high;
    };
    struct parts {
        uint8x16_t low, high;
    };
    using vector = uint8x16_t;
    static constexpr std::size_t width = 16;
    static constexpr int rows_in_pairs = 0;
    static constexpr int max_rows = 4;
    static constexpr int columns(int rows) noexcept { return rows == 1 ? 10 : rows == 2 ? 8 : rows == 3 ? 5 : 4; }

    DUALITY_LANE vector zero() noexcept { return vdupq_n_u8(0); }
    DUALITY_LANE vector load(const std::uint8_t* p) noexcept { return vld1q_u8(p); }
    DUALITY_LANE void store(std::uint8_t* p, vector v) noexcept { vst1q_u8(p, v); }
    DUALITY_LANE vector add(vector a, vector b) noexcept { return veorq_u8(a, b); }
    DUALITY_LANE vector add(vector a, vector b, vector c) noexcept { return add(add(a, b), c); }
    DUALITY_LANE vector keep_last(vector v, std::size_t n) noexcept {
        return vandq_u8(v, load(gf256_mask.last(width, n)));
    }
    DUALITY_LANE factor prepare(std::uint8_t c) noexcept {
        return {vld1q_u8(gf256_nibbles.product[c]), vld1q_u8(gf256_nibbles.product[c] + 16)};
    }
    DUALITY_LANE parts split(vector v) noexcept { return {vandq_u8(v, vdupq_n_u8(0x0F)), vshrq_n_u8(v, 4)}; }
    DUALITY_LANE vector product(const factor& f, const parts& v) noexcept {
        return veorq_u8(vqtbl1q_u8(f.low, v.low), vqtbl1q_u8(f.high, v.high));
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

const gf256_kernel gf256_neon{"neon", multiply_add, dot, dot_rows, copy};

}  // namespace detail
}  // namespace v0
}  // namespace duality

#endif
