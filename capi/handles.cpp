// SPDX-License-Identifier: MIT
#include "handles.hpp"

namespace duality::capi::slots {

namespace {

constexpr unsigned generation_shift = index_bits + kind_bits;
constexpr std::uintptr_t kind_mask = ((std::uintptr_t{1} << kind_bits) - 1) << index_bits;
constexpr handle_kind lent = static_cast<handle_kind>((1u << kind_bits) - 1);

/// Where to look for a free slot next: onwards, so that a number is used again as late as possible.
std::atomic<std::size_t> next_slot{0};

[[nodiscard]] constexpr std::uintptr_t with_kind(std::uintptr_t word, handle_kind kind) noexcept {
    return (word & ~kind_mask) | static_cast<std::uintptr_t>(kind) << index_bits;
}

}  // namespace

constinit slot table[count];

std::uintptr_t reserve() noexcept {
    for (std::size_t tries = 0; tries < count; ++tries) {
        const std::size_t index = next_slot.fetch_add(1, std::memory_order_relaxed) & (count - 1);
        std::uintptr_t word = table[index].word.load(std::memory_order_relaxed);
        if (kind_of(word) != handle_kind::none) continue;
        // The next generation; never 0, which would make a NULL of slot 0.
        std::uintptr_t generation = (word >> generation_shift) + 1;
        if (generation << generation_shift >> generation_shift != generation) generation = 1;
        const std::uintptr_t taken = with_kind(generation << generation_shift | index, handle_kind::reserved);
        if (table[index].word.compare_exchange_strong(word, taken, std::memory_order_acquire)) return taken;
    }
    return 0;
}

std::uintptr_t publish(std::uintptr_t reserved, handle_kind kind, void* object) noexcept {
    slot& s = table[index_of(reserved)];
    s.object = object;
    const std::uintptr_t handle = with_kind(reserved, kind);
    s.word.store(handle, std::memory_order_release);
    return handle;
}

void* withdraw(std::uintptr_t handle, handle_kind kind, std::uintptr_t& reserved) noexcept {
    if (kind_of(handle) != kind) return nullptr;
    slot& s = table[index_of(handle)];
    reserved = with_kind(handle, handle_kind::reserved);
    std::uintptr_t expected = handle;
    if (!s.word.compare_exchange_strong(expected, reserved, std::memory_order_acq_rel)) return nullptr;
    return s.object;
}

void release(std::uintptr_t reserved) noexcept {
    slot& s = table[index_of(reserved)];
    s.object = nullptr;
    s.word.store(with_kind(reserved, handle_kind::none), std::memory_order_release);
}

bool lend(std::uintptr_t handle) noexcept {
    std::uintptr_t expected = handle;
    return table[index_of(handle)].word.compare_exchange_strong(expected, with_kind(handle, lent),
                                                                std::memory_order_acq_rel);
}

void take_back(std::uintptr_t handle) noexcept {
    table[index_of(handle)].word.store(handle, std::memory_order_release);
}

status refusal(std::uintptr_t handle) noexcept {
    const std::uintptr_t word = table[index_of(handle)].word.load(std::memory_order_acquire);
    const bool is_lent = handle != 0 && kind_of(word) == lent && with_kind(word, kind_of(handle)) == handle;
    return is_lent ? status::wrong_state : status::invalid_handle;
}

}  // namespace duality::capi::slots
