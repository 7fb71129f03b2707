// SPDX-License-Identifier: MIT
//
// Chaos: two sessions whose application, network and clocks do everything wrong at random, and what must hold after
// every single step all the same. A seed says it all; same recipe, same events on every compiler and machine.
//
// A step is one thing that happens: the application sends, changes a stream, misuses the interface or stops draining;
// a path comes or goes; a clock jumps; time passes. Between steps datagrams arrive and timers fire. After the last step
// everything goes quiet, and both ends must come to rest by themselves.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "duality/status.hpp"

namespace duality {
inline namespace v0 {
namespace lab {

/// What goes wrong. A bit of `chaos_recipe::left_out`.
enum class trouble : std::uint8_t {
    loss,         ///< of the links: random, in bursts, in outages
    jitter,       ///< of the links: jitter and a bottleneck
    duplication,  ///< datagrams arrive twice, some of them seconds later
    reordering,   ///< datagrams are overtaken
    corruption,   ///< bytes change, are cut off or made up
    clock_jumps,  ///< one end's clock jumps, backwards too
    path_flaps,   ///< paths are removed and added at run time
    stalls,       ///< an end stops draining for a while
    overruns,     ///< more packets at once than any queue holds
    misuse,       ///< calls that make no sense
    closing,      ///< an end closes the session in the middle
};
inline constexpr std::size_t trouble_count = 11;

[[nodiscard]] std::string_view to_string(trouble t) noexcept;
[[nodiscard]] std::optional<trouble> find_trouble(std::string_view name) noexcept;

/// Everything that a run of chaos is made from.
struct chaos_recipe {
    std::uint64_t seed = 1;
    std::uint32_t steps = 1'000;  ///< 1 … 100,000
    std::uint32_t left_out = 0;   ///< one bit per `trouble`

    /// May this go wrong?
    [[nodiscard]] constexpr bool has(trouble t) const noexcept {
        return (left_out >> static_cast<unsigned>(t) & 1u) == 0;
    }
    /// From now on it may not.
    constexpr void leave_out(trouble t) noexcept { left_out |= 1u << static_cast<unsigned>(t); }
    constexpr bool operator==(const chaos_recipe&) const noexcept = default;
};

/// What became of the application's packets of one direction. Every packet has one fate.
struct chaos_fates {
    std::uint64_t sent = 0;  ///< by the application, accepted or not
    std::uint64_t delivered = 0;
    std::uint64_t late = 0;           ///< delivered, flagged as past its deadline
    std::uint64_t duplicate = 0;      ///< delivered again; must be none
    std::uint64_t unrecoverable = 0;  ///< accepted, and never delivered
    std::uint64_t rejected = 0;       ///< not accepted
    std::uint64_t cancelled = 0;      ///< accepted, and the session was closed before it was delivered

    [[nodiscard]] constexpr std::uint64_t sum() const noexcept {
        return delivered + late + duplicate + unrecoverable + rejected + cancelled;
    }
};

/// What became of the datagrams of one direction, likewise.
struct datagram_fates {
    std::uint64_t sent = 0;  ///< copies made by the network and forgeries included
    std::uint64_t lost = 0;
    std::uint64_t taken = 0;  ///< by the session at the other end
    std::uint64_t duplicate = 0;
    std::uint64_t rejected = 0;   ///< malformed, of another version, over an unknown path, or after the end
    std::uint64_t cancelled = 0;  ///< still under way when the run ended

    [[nodiscard]] constexpr std::uint64_t sum() const noexcept {
        return lost + taken + duplicate + rejected + cancelled;
    }
};

/// What a run of chaos showed.
struct chaos_result {
    /// The promise that was broken, as a name, or nothing: fates, exactly_once, intact, deadline, overhead_cap,
    /// metered_budget, memory, progress, bounded_output, counters, misuse, rest.
    std::string_view broken;
    std::uint32_t broken_at = 0;  ///< the step
    std::uint64_t event_hash = 0;
    std::uint64_t events = 0;
    std::uint64_t checks = 0;                   ///< times that all promises were looked at
    std::array<chaos_fates, 2> packets{};       ///< by sending end
    std::array<datagram_fates, 2> datagrams{};  ///< likewise
    std::uint64_t memory_bytes = 0;             ///< of both sessions
};

/// `invalid_config` when `steps` is out of range, `out_of_memory`.
[[nodiscard]] result<chaos_result> run_chaos(const chaos_recipe& what) noexcept;

/// Recipes one step simpler, the boldest first: fewer steps, fewer troubles. For `shrink` of recipe.hpp.
[[nodiscard]] std::vector<chaos_recipe> simpler(const chaos_recipe& what);

}  // namespace lab
}  // namespace v0
}  // namespace duality
