// SPDX-License-Identifier: MIT
//
// Every field of the configurations that a recording carries, by name: `visit(name, member, most)`, where `most` is the
// largest value of an enumeration. A field that is added to a configuration belongs here too; the test of the recording
// counts them.
#pragma once

#include <concepts>
#include <cstdint>
#include <limits>
#include <string_view>
#include <type_traits>
#include <utility>

#include "duality/session_config.hpp"

namespace duality {
inline namespace v0 {
namespace lab {
namespace detail {

/// `Config` itself or const.
template <class Config, class T>
concept any_of = std::same_as<std::remove_const_t<Config>, T>;

template <any_of<stream_config> Config, class Visit>
void visit_fields(Config& c, Visit&& visit) {
    visit("stream.mode", c.mode, static_cast<std::int64_t>(stream_mode::spread));
    visit("stream.deadline", c.deadline);
    visit("stream.late", c.late, static_cast<std::int64_t>(late_policy::deliver));
    visit("stream.weight", c.weight);
}

template <any_of<jitter_hold_config> Config, class Visit>
void visit_fields(Config& c, Visit&& visit) {
    visit("hold.hold_min", c.hold_min);
    visit("hold.hold_max", c.hold_max);
    visit("hold.hold_initial", c.hold_initial);
    visit("hold.deadline", c.deadline);
    visit("hold.early_slack", c.early_slack);
    visit("hold.late", c.late, static_cast<std::int64_t>(late_policy::deliver));
    visit("hold.mode", c.mode, static_cast<std::int64_t>(playout_mode::deadline));
    visit("hold.lead", c.lead);
    visit("hold.media_offset", c.media_offset);
    visit("hold.capacity", c.capacity);
    visit("hold.origin_ahead_max", c.origin_ahead_max);
    visit("hold.origin_behind_max", c.origin_behind_max);
    visit("hold.sequence_jump_max", c.sequence_jump_max);
    visit("hold.restart_packets", c.restart_packets);
}

template <any_of<regime_config> Config, class Visit>
void visit_fields(Config& c, Visit&& visit) {
    visit("regime.gap_floor", c.gap_floor);
    visit("regime.gap_ceiling", c.gap_ceiling);
    visit("regime.gap_margin", c.gap_margin);
    visit("regime.gap_permyriad", c.gap_permyriad);
    visit("regime.burst_max", c.burst_max);
    visit("regime.jittery_above", c.jittery_above);
    visit("regime.jittery_below", c.jittery_below);
    visit("regime.lossy_from", c.lossy_from);
    visit("regime.congested_above", c.congested_above);
    visit("regime.congested_below", c.congested_below);
    visit("regime.congested_time", c.congested_time);
    visit("regime.linger", c.linger);
    visit("regime.sequence_jump_max", c.sequence_jump_max);
    visit("regime.delay_jump_max", c.delay_jump_max);
    visit("regime.restart_packets", c.restart_packets);
    visit("regime.change.enabled", c.change.enabled);
    visit("regime.change.false_alarms_per_1000_hours", c.change.false_alarms_per_1000_hours);
    visit("regime.change.margin", c.change.margin);
}

template <any_of<controller_config> Config, class Visit>
void visit_fields(Config& c, Visit&& visit) {
    visit("control.law", c.law, static_cast<std::int64_t>(control_law::adaptive));
    visit("control.hold_min", c.hold_min);
    visit("control.hold_max", c.hold_max);
    visit("control.parity_max_bp", c.parity_max_bp);
    visit("control.hold_enabled", c.hold_enabled);
    visit("control.reactive_enabled", c.reactive_enabled);
    visit("control.second_path_enabled", c.second_path_enabled);
    visit("control.hold_budget", c.hold_budget);
    visit("control.hold_over_permille", c.hold_over_permille);
    visit("control.hold_gain_ppm", c.hold_gain_ppm);
    visit("control.hold_up_per_second", c.hold_up_per_second);
    visit("control.hold_down_per_second", c.hold_down_per_second);
    visit("control.clean_ppm", c.clean_ppm);
    visit("control.parity_per_loss_x16", c.parity_per_loss_x16);
    visit("control.parity_up_bp_per_second", c.parity_up_bp_per_second);
    visit("control.parity_down_bp_per_second", c.parity_down_bp_per_second);
    visit("control.reactive_permille", c.reactive_permille);
    visit("control.second_path_linger", c.second_path_linger);
}

template <any_of<scheduler_config> Config, class Visit>
void visit_fields(Config& c, Visit&& visit) {
    visit("paths.max_paths", c.max_paths);
    visit("paths.report_interval", c.report_interval);
    visit("paths.acknowledgement_delay", c.acknowledgement_delay);
    visit("paths.report_worth", c.report_worth);
    visit("paths.suspicion_margin", c.suspicion_margin);
    visit("paths.dead_after", c.dead_after);
    visit("paths.late_after", c.late_after);
    visit("paths.leave_suspects", c.leave_suspects);
    visit("paths.probe_interval", c.probe_interval);
    visit("paths.keep_alive", c.keep_alive);
    visit("paths.recovery_time", c.recovery_time);
}

template <any_of<clock_sync_config> Config, class Visit>
void visit_fields(Config& c, Visit&& visit) {
    visit("clock.fast_interval", c.fast_interval);
    visit("clock.fast_requests", c.fast_requests);
    visit("clock.octave_requests", c.octave_requests);
    visit("clock.slow_interval", c.slow_interval);
    visit("clock.lock_samples", c.lock_samples);
    visit("clock.restart_samples", c.restart_samples);
    visit("clock.round_trip_max", c.round_trip_max);
    visit("clock.holdover_after", c.holdover_after);
    visit("clock.skew_max_ppm", c.skew_max_ppm);
    visit("clock.holdover_ppm", c.holdover_ppm);
    visit("clock.slew_max_ppm", c.slew_max_ppm);
}

template <any_of<path_config> Config, class Visit>
void visit_fields(Config& c, Visit&& visit) {
    visit("path.cost", c.cost, static_cast<std::int64_t>(cost_class::metered));
    visit("path.budget.day_bytes", c.budget.day_bytes);
    visit("path.budget.month_bytes", c.budget.month_bytes);
    visit("path.budget.ahead_bp", c.budget.ahead_bp);
    visit("path.budget.carry_bp", c.budget.carry_bp);
    visit("path.initial_rtt", c.initial_rtt);
    visit("path.datagram_overhead", c.datagram_overhead);
    visit("path.max_datagram", c.max_datagram);
    visit("path.seal_overhead", c.seal_overhead);
    visit("path.acknowledged", c.acknowledged);
}

template <any_of<event_lane_config> Config, class Visit>
void visit_fields(Config& c, Visit&& visit) {
    visit("lane.carry", c.carry);
    visit("lane.repeat_interval", c.repeat_interval);
    visit("lane.queue", c.queue);
    visit("lane.window", c.window);
}

template <any_of<session_config> Config, class Visit>
void visit_fields(Config& c, Visit&& visit) {
    visit("max_payload", c.max_payload);
    visit("max_streams", c.max_streams);
    visit("protected_packets", c.protected_packets);
    visit("receive_packets", c.receive_packets);
    visit("queue", c.queue);
    visit("overhead_cap_bp", c.overhead_cap_bp);
    visit("control_share_bp", c.control_share_bp);
    visit("reorder_delay", c.reorder_delay);
    visit("path_skew", c.path_skew);
    visit("parity", c.parity);
    visit("reactive", c.reactive);
    visit("sync_clock", c.sync_clock);
    visit("second_path", c.second_path);
    visit("epoch", c.epoch);
    visit("close_timeout", c.close_timeout);
    visit_fields(c.stream, visit);
    visit_fields(c.hold, visit);
    visit_fields(c.regime, visit);
    visit_fields(c.control, visit);
    visit_fields(c.paths, visit);
    visit_fields(c.clock, visit);
    visit("events", c.events);
    visit_fields(c.lane, visit);
    // The two parts that have a baseline call its fields alike.
    const auto prefixed = [&](const char* hold_name, const char* regime_name, auto member) {
        visit(hold_name, c.hold.baseline.*member);
        visit(regime_name, c.regime.baseline.*member);
    };
    prefixed("hold.baseline.window", "regime.baseline.window", &baseline_config::window);
    prefixed("hold.baseline.low_permille", "regime.baseline.low_permille", &baseline_config::low_permille);
    prefixed("hold.baseline.capacity", "regime.baseline.capacity", &baseline_config::capacity);
    prefixed("hold.baseline.step_min", "regime.baseline.step_min", &baseline_config::step_min);
    prefixed("hold.baseline.step_time", "regime.baseline.step_time", &baseline_config::step_time);
    prefixed("hold.baseline.step_packets", "regime.baseline.step_packets", &baseline_config::step_packets);
}

/// A field's value as the recording writes it; the bits of an unsigned 64-bit one.
template <class T>
[[nodiscard]] std::int64_t value_of(const T& field) noexcept {
    if constexpr (std::same_as<T, duration>)
        return field.ns();
    else
        return static_cast<std::int64_t>(field);
}

/// Sets a field, unless the value does not fit its type or enumeration.
template <class T>
[[nodiscard]] bool set_value(T& field, std::int64_t value, std::int64_t most) noexcept {
    if constexpr (std::same_as<T, duration>) {
        field = duration::from_ns(value);
    } else if constexpr (std::same_as<T, bool>) {
        if (value != 0 && value != 1) return false;
        field = value == 1;
    } else if constexpr (std::is_enum_v<T>) {
        if (value < 0 || value > most) return false;
        field = static_cast<T>(value);
    } else {
        if constexpr (sizeof(T) < sizeof value)
            if (!std::in_range<T>(value)) return false;
        field = static_cast<T>(value);
    }
    return true;
}

}  // namespace detail
}  // namespace lab
}  // namespace v0
}  // namespace duality
