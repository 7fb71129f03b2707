// SPDX-License-Identifier: MIT
//
// Which GF(2^8) kernels this machine can run, and the one in use.

#include <atomic>

#include "kernels.hpp"

namespace duality {
inline namespace v0 {
namespace detail {
namespace {

/// Supported kernels, fastest first.
struct kernel_list {
    const gf256_kernel* kernel[8]{};
    std::string_view name[8]{};
    std::size_t size = 0;

    void add(const gf256_kernel& k) noexcept {
        kernel[size] = &k;
        name[size++] = k.name;
    }

    kernel_list() noexcept { add(gf256_scalar); }
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
