// SPDX-License-Identifier: MIT
//
// Handles: what a C caller holds is no pointer but the number of a slot, its generation and the type of the object. So a
// handle that was destroyed, belongs to another type or is nonsense is recognised without touching memory that may be
// gone: the one global table of the library, in static memory, changed by atomic operations only (no lock is ever
// taken, and distinct objects stay independent). A lookup is one load and one comparison.
//
// While a callback runs on behalf of an object its slot is marked as lent, so that the callback cannot enter it again.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "duality/status.hpp"

namespace duality::capi {

/// Types of objects; part of every handle.
enum class handle_kind : std::uint8_t {
    none,
    reserved,  ///< being made or destroyed
    jitter_hold,
    regime_detector,
    controller,
    parity_encoder,
    parity_decoder,
    block_code,
    repair_generator,
    aggregator,
    delay_variation,
    interarrival_jitter,
    burst_gap,
    outage_ledger,
    session,
    clock_sync,
    tunnel,
    service_level,
};

namespace slots {

inline constexpr unsigned index_bits = sizeof(std::uintptr_t) >= 8 ? 16 : 12;
inline constexpr unsigned kind_bits = 6;
inline constexpr std::size_t count = std::size_t{1} << index_bits;

struct slot {
    /// generation · kind · index; the handle itself while an object lives here
    std::atomic<std::uintptr_t> word{0};
    void* object = nullptr;
};

extern slot table[count];

[[nodiscard]] constexpr std::size_t index_of(std::uintptr_t handle) noexcept {
    return static_cast<std::size_t>(handle & (count - 1));
}
[[nodiscard]] constexpr handle_kind kind_of(std::uintptr_t word) noexcept {
    return static_cast<handle_kind>(word >> index_bits & ((1u << kind_bits) - 1));
}

/// A slot nobody has, or 0 when `count` objects live.
[[nodiscard]] std::uintptr_t reserve() noexcept;
/// Makes a reserved slot a handle.
[[nodiscard]] std::uintptr_t publish(std::uintptr_t reserved, handle_kind kind, void* object) noexcept;
/// Ends a handle: the object, which nobody else can reach any more, or nullptr when it was none of that kind.
[[nodiscard]] void* withdraw(std::uintptr_t handle, handle_kind kind, std::uintptr_t& reserved) noexcept;
/// Gives a reserved slot back.
void release(std::uintptr_t reserved) noexcept;
/// The object of a handle during a callback cannot be reached; false when `handle` is not alive.
[[nodiscard]] bool lend(std::uintptr_t handle) noexcept;
void take_back(std::uintptr_t handle) noexcept;
/// Why `handle` did not lead to an object: lent to a callback, or no handle.
[[nodiscard]] status refusal(std::uintptr_t handle) noexcept;

/// The object, if `handle` is alive and of that kind.
[[nodiscard]] inline void* find(std::uintptr_t handle, handle_kind kind) noexcept {
    const slot& s = table[index_of(handle)];
    if (s.word.load(std::memory_order_acquire) != handle || kind_of(handle) != kind) [[unlikely]]
        return nullptr;
    if (s.object == nullptr) __builtin_unreachable();  // published with an object; said so that nobody asks again
    return s.object;
}

}  // namespace slots
}  // namespace duality::capi
