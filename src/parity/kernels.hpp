// SPDX-License-Identifier: MIT
//
// The GF(2^8) kernels this build contains. Each stands in a translation unit of its own and is compiled for its
// instruction set by function attributes, so no compiler flag is needed; none may run before dispatch has checked the
// machine.
#pragma once

#include "duality/detail/gf256.hpp"

#if defined(__x86_64__) || defined(_M_X64)
#define DUALITY_PARITY_X86 1
#endif
#if defined(__aarch64__) || defined(_M_ARM64)
#define DUALITY_PARITY_ARM64 1
#endif

#if defined(__GNUC__) || defined(__clang__)
#define DUALITY_TARGET(features) __attribute__((target(features)))
#else
#define DUALITY_TARGET(features)
#endif

namespace duality {
inline namespace v0 {
namespace detail {

extern const gf256_kernel gf256_scalar;
#if defined(DUALITY_PARITY_X86)
extern const gf256_kernel gf256_ssse3;
extern const gf256_kernel gf256_avx2;
extern const gf256_kernel gf256_avx512;
extern const gf256_kernel gf256_gfni256;
extern const gf256_kernel gf256_gfni512;
#endif
#if defined(DUALITY_PARITY_ARM64)
extern const gf256_kernel gf256_neon;
#endif

}  // namespace detail
}  // namespace v0
}  // namespace duality
