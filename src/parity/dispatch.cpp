// SPDX-License-Identifier: MIT
//
// Which GF(2^8) kernels this machine can run, and the one in use.

#include <atomic>

#include "kernels.hpp"

#if defined(DUALITY_PARITY_X86)
#if defined(_MSC_VER)
#include <intrin.h>
#else
#include <cpuid.h>
#endif
#endif

namespace duality {
inline namespace v0 {
namespace detail {
namespace {

#if defined(DUALITY_PARITY_X86)

struct cpuid_registers {
    std::uint32_t eax = 0, ebx = 0, ecx = 0, edx = 0;
};

cpuid_registers cpuid(std::uint32_t leaf) noexcept {
    cpuid_registers r;
#if defined(_MSC_VER)
    int out[4];
    __cpuidex(out, static_cast<int>(leaf), 0);
    r = {static_cast<std::uint32_t>(out[0]), static_cast<std::uint32_t>(out[1]), static_cast<std::uint32_t>(out[2]),
         static_cast<std::uint32_t>(out[3])};
#else
    __cpuid_count(leaf, 0, r.eax, r.ebx, r.ecx, r.edx);
#endif
    return r;
}

/// The register states the operating system saves (XCR0). Precondition: OSXSAVE.
std::uint64_t saved_states() noexcept {
#if defined(_MSC_VER)
    return _xgetbv(0);
#else
    std::uint32_t low = 0;
    std::uint32_t high = 0;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return std::uint64_t{high} << 32 | low;
#endif
}

struct x86_features {
    bool ssse3 = false;
    bool avx2 = false;
    bool avx512 = false;  ///< F, BW and VL
    bool gfni = false;

    x86_features() noexcept {
        constexpr std::uint64_t ymm = 0x6;
        constexpr std::uint64_t zmm = 0xE6;
        if (cpuid(0).eax < 1) return;
        const std::uint32_t ecx1 = cpuid(1).ecx;
        ssse3 = (ecx1 >> 9 & 1) != 0;
        const bool osxsave = (ecx1 >> 27 & 1) != 0;
        if (!osxsave || cpuid(0).eax < 7) return;
        const std::uint64_t states = saved_states();
        const cpuid_registers leaf7 = cpuid(7);
        avx2 = (states & ymm) == ymm && (leaf7.ebx >> 5 & 1) != 0;
        avx512 = avx2 && (states & zmm) == zmm && (leaf7.ebx >> 16 & 1) != 0 && (leaf7.ebx >> 30 & 1) != 0 &&
                 (leaf7.ebx >> 31 & 1) != 0;
        gfni = (leaf7.ecx >> 8 & 1) != 0;
    }
};

#endif

/// Supported kernels, fastest first.
struct kernel_list {
    const gf256_kernel* kernel[8]{};
    std::string_view name[8]{};
    std::size_t size = 0;

    void add(const gf256_kernel& k) noexcept {
        kernel[size] = &k;
        name[size++] = k.name;
    }

    kernel_list() noexcept {
#if defined(DUALITY_PARITY_X86)
        const x86_features cpu;
        if (cpu.avx512 && cpu.gfni) add(gf256_gfni512);
        if (cpu.avx2 && cpu.gfni) add(gf256_gfni256);
        if (cpu.avx512) add(gf256_avx512);
        if (cpu.avx2) add(gf256_avx2);
        if (cpu.ssse3) add(gf256_ssse3);
#elif defined(DUALITY_PARITY_ARM64)
        add(gf256_neon);
#endif
        add(gf256_scalar);
    }
};

const kernel_list& kernels() noexcept {
    static const kernel_list list;
    return list;
}

std::atomic<const gf256_kernel*> active{nullptr};

}  // namespace

const gf256_kernel& gf256_active() noexcept {
    const gf256_kernel* k = active.load(std::memory_order_acquire);
    if (k == nullptr) {
        // Two threads may come here at once; both find the same kernel.
        k = kernels().kernel[0];
        active.store(k, std::memory_order_release);
    }
    return *k;
}

}  // namespace detail

std::span<const std::string_view> parity_kernels() noexcept {
    const detail::kernel_list& list = detail::kernels();
    return {list.name, list.size};
}

std::string_view parity_kernel() noexcept {
    return detail::gf256_active().name;
}

status parity_force_kernel(std::string_view name) noexcept {
    const detail::kernel_list& list = detail::kernels();
    for (std::size_t i = 0; i < list.size; ++i) {
        if (!name.empty() && list.name[i] != name) continue;
        detail::active.store(list.kernel[i], std::memory_order_release);
        return status::ok;
    }
    return status::unsupported;
}

}  // namespace v0
}  // namespace duality
