// SPDX-License-Identifier: MIT
//
// The scenarios that lab and live network are compared in. Each is a trace for either path, made so that what decides
// happens well away from the times at which it would be decided otherwise: losses begin and end half an interval away
// from any packet, and the paths' idle delays are those at which the lab's own outcome changes least when everything is
// late by up to the guard band.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "duality/lab/simulation.hpp"
#include "duality/lab/trace.hpp"
#include "live/verdict.hpp"

namespace duality {
inline namespace v0 {
namespace live {

struct scenario {
    std::string_view id;
    std::string_view summary;
    lab::variant protection = lab::variant::dual;
    /// Delay above the idle one of a packet sent then; `lab::trace_row::lost` when it does not arrive.
    std::int64_t (*primary_ns)(std::int64_t at_ms) = nullptr;
    std::int64_t (*second_ns)(std::int64_t at_ms) = nullptr;
    std::uint64_t metered_bytes = 200'000'000;  ///< of the second path, a day
};

inline constexpr duration packet_interval = duration::from_ms(10);
inline constexpr std::size_t packet_count = 200;
inline constexpr std::uint32_t packet_bytes = 1'000;
inline constexpr duration guard_band = duration::from_ms(4);
inline constexpr duration tail = duration::from_ms(600);  ///< after the last packet
/// Triggers count until then; after it the runs of lab and live network end when they do.
inline constexpr duration flow_length = packet_interval * static_cast<std::int64_t>(packet_count);

[[nodiscard]] std::span<const scenario> scenarios() noexcept;
[[nodiscard]] const scenario* find_scenario(std::string_view id) noexcept;

/// The traces of both paths as CSV text that `lab::parse_trace` and `duality impair` read: a row each packet interval.
struct trace_texts {
    std::string primary;
    std::string second;
};
[[nodiscard]] trace_texts traces_of(const scenario& s);

/// How the sessions of a scenario are set up.
[[nodiscard]] lab::simulation_config rules_of(const scenario& s) noexcept;

/// What the scenario declares; `bundle` and `repro` are filled in by who runs it.
[[nodiscard]] declaration declare(const scenario& s);

/// What the lab makes of it.
struct lab_outcome {
    run_view run;
    std::vector<run_view> late;  ///< the same with everything late by parts of `guard`
};

/// Late runs to judge by, and before a difference is called one.
inline constexpr std::uint64_t late_runs = 96;
inline constexpr std::uint64_t late_runs_most = 768;

/// Runs a scenario in the lab over these traces, and so many times late. `invalid_argument` when they are none.
[[nodiscard]] result<lab_outcome> run_lab(const lab::simulation_config& rules, const lab::trace& primary,
                                          const lab::trace& second, std::size_t packets, duration guard,
                                          std::uint64_t runs);

/// The name of a trigger, the same from the lab's event log and from a live session's events. Empty: none that is
/// compared. `old_value` and `new_value` are path states or values of the output.
[[nodiscard]] std::string path_trigger(std::uint64_t path, std::uint64_t from, std::uint64_t to);
[[nodiscard]] std::string control_trigger(std::uint64_t output, std::int64_t old_value, std::int64_t new_value);

/// A packet's end by the lab's own rule, with the times that count from the first packet.
[[nodiscard]] packet_view view_of(const lab::packet_record& packet, duration deadline);

}  // namespace live
}  // namespace v0
}  // namespace duality
