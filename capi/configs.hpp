// SPDX-License-Identifier: MIT
//
// The fields of the configuration structs that several objects share, each listed once (see structs.hpp).
#pragma once

#include "duality/clock_sync.hpp"
#include "duality/controller.hpp"
#include "duality/jitter_hold.hpp"
#include "duality/multipath.hpp"
#include "duality/regime.hpp"
#include "structs.hpp"

namespace duality::capi {

inline constexpr auto baseline_fields = [](auto&& visit, auto& c, auto& cpp) {
    visit(c.baseline_window_ns, cpp.window);
    visit(c.baseline_low_permille, cpp.low_permille);
    visit(c.baseline_capacity, cpp.capacity);
    visit(c.baseline_step_min_ns, cpp.step_min);
    visit(c.baseline_step_time_ns, cpp.step_time);
    visit(c.baseline_step_packets, cpp.step_packets);
};

inline constexpr auto jitter_hold_fields = [](auto&& visit, auto& c, auto& cpp) {
    visit(c.hold_min_ns, cpp.hold_min);
    visit(c.hold_max_ns, cpp.hold_max);
    visit(c.hold_initial_ns, cpp.hold_initial);
    visit(c.deadline_ns, cpp.deadline);
    visit(c.early_slack_ns, cpp.early_slack);
    visit(c.late, cpp.late, late_policy::deliver, "late");
    visit(c.mode, cpp.mode, playout_mode::deadline, "mode");
    visit(c.lead_ns, cpp.lead);
    visit(c.media_offset_ns, cpp.media_offset);
    visit(c.capacity, cpp.capacity);
    visit(c.origin_ahead_max_ns, cpp.origin_ahead_max);
    visit(c.origin_behind_max_ns, cpp.origin_behind_max);
    visit(c.sequence_jump_max, cpp.sequence_jump_max);
    visit(c.restart_packets, cpp.restart_packets);
    baseline_fields(visit, c, cpp.baseline);
};

inline constexpr auto regime_fields = [](auto&& visit, auto& c, auto& cpp) {
    visit(c.gap_floor_ns, cpp.gap_floor);
    visit(c.gap_ceiling_ns, cpp.gap_ceiling);
    visit(c.gap_margin_ns, cpp.gap_margin);
    visit(c.gap_permyriad, cpp.gap_permyriad);
    visit(c.burst_max_ns, cpp.burst_max);
    visit(c.jittery_above_ns, cpp.jittery_above);
    visit(c.jittery_below_ns, cpp.jittery_below);
    visit(c.lossy_from, cpp.lossy_from);
    visit(c.congested_above_ns, cpp.congested_above);
    visit(c.congested_below_ns, cpp.congested_below);
    visit(c.congested_time_ns, cpp.congested_time);
    visit(c.linger_ns, cpp.linger);
    visit(c.sequence_jump_max, cpp.sequence_jump_max);
    visit(c.delay_jump_max_ns, cpp.delay_jump_max);
    visit(c.restart_packets, cpp.restart_packets);
    visit(c.change_enabled, cpp.change.enabled);
    visit(c.change_false_alarms_per_1000_hours, cpp.change.false_alarms_per_1000_hours);
    visit(c.change_margin_ns, cpp.change.margin);
    baseline_fields(visit, c, cpp.baseline);
};

inline constexpr auto controller_fields = [](auto&& visit, auto& c, auto& cpp) {
    visit(c.law, cpp.law, control_law::adaptive, "law");
    visit(c.hold_min_ns, cpp.hold_min);
    visit(c.hold_max_ns, cpp.hold_max);
    visit(c.parity_max_bp, cpp.parity_max_bp);
    visit(c.hold_enabled, cpp.hold_enabled);
    visit(c.reactive_enabled, cpp.reactive_enabled);
    visit(c.second_path_enabled, cpp.second_path_enabled);
    visit(c.hold_budget_ns, cpp.hold_budget);
    visit(c.hold_over_permille, cpp.hold_over_permille);
    visit(c.hold_gain_ppm, cpp.hold_gain_ppm);
    visit(c.hold_up_per_second_ns, cpp.hold_up_per_second);
    visit(c.hold_down_per_second_ns, cpp.hold_down_per_second);
    visit(c.clean_ppm, cpp.clean_ppm);
    visit(c.parity_per_loss_x16, cpp.parity_per_loss_x16);
    visit(c.parity_up_bp_per_second, cpp.parity_up_bp_per_second);
    visit(c.parity_down_bp_per_second, cpp.parity_down_bp_per_second);
    visit(c.reactive_permille, cpp.reactive_permille);
    visit(c.second_path_linger_ns, cpp.second_path_linger);
};

inline constexpr auto clock_sync_fields = [](auto&& visit, auto& c, auto& cpp) {
    visit(c.fast_interval_ns, cpp.fast_interval);
    visit(c.fast_requests, cpp.fast_requests);
    visit(c.octave_requests, cpp.octave_requests);
    visit(c.slow_interval_ns, cpp.slow_interval);
    visit(c.lock_samples, cpp.lock_samples);
    visit(c.restart_samples, cpp.restart_samples);
    visit(c.round_trip_max_ns, cpp.round_trip_max);
    visit(c.holdover_after_ns, cpp.holdover_after);
    visit(c.skew_max_ppm, cpp.skew_max_ppm);
    visit(c.holdover_ppm, cpp.holdover_ppm);
    visit(c.slew_max_ppm, cpp.slew_max_ppm);
};

// What is reported; from C++ to C, and back where a caller passes it on.

inline constexpr auto jitter_hold_statistics_fields = [](auto&& visit, auto& c, auto& cpp) {
    visit(c.accepted, cpp.accepted);
    visit(c.duplicates, cpp.duplicates);
    visit(c.dropped_late, cpp.dropped_late);
    visit(c.dropped_stale, cpp.dropped_stale);
    visit(c.refused_origin, cpp.refused_origin);
    visit(c.refused_sequence, cpp.refused_sequence);
    visit(c.queue_full, cpp.queue_full);
    visit(c.released, cpp.released);
    visit(c.released_late, cpp.released_late);
    visit(c.released_past_deadline, cpp.released_past_deadline);
    for (std::size_t i = 0; i < recovery_count; ++i) visit(c.released_by[i], cpp.released_by[i]);
    visit(c.reordered, cpp.reordered);
    visit(c.level_steps_up, cpp.level_steps_up);
    visit(c.level_steps_down, cpp.level_steps_down);
    visit(c.restarts, cpp.restarts);
    visit(c.clock_backwards, cpp.clock_backwards);
};

inline void give_hold(duality_jitter_hold_statistics& c, const jitter_hold& object) noexcept {
    c.size = static_cast<std::uint32_t>(object.size());
    c.hold_ns = object.hold().ns();
    c.baseline_ns = object.baseline().ns();
    jitter_hold_statistics_fields(give{}, c, object.statistics());
}

inline constexpr auto clock_estimate_fields = [](auto&& visit, auto& c, auto& cpp) {
    visit(c.state, cpp.state);
    visit(c.offset_ns, cpp.offset);
    visit(c.error_bound_ns, cpp.error_bound);
    visit(c.skew_ppb, cpp.skew_ppb);
    visit(c.skew_error_ppb, cpp.skew_error_ppb);
    visit(c.round_trip_min_ns, cpp.round_trip_min);
    visit(c.samples, cpp.samples);
    visit(c.epoch, cpp.epoch);
};

inline constexpr auto features_fields = [](auto&& visit, auto& c, auto& cpp) {
    visit(c.j_fast_ns, cpp.j_fast);
    visit(c.j_slow_ns, cpp.j_slow);
    visit(c.loss20, cpp.loss20);
    visit(c.loss_ppm, cpp.loss_ppm);
    visit(c.loss_slow_ppm, cpp.loss_slow_ppm);
    visit(c.mean_burst_x16, cpp.mean_burst_x16);
    visit(c.gap_ns, cpp.gap);
    visit(c.gap_limit_ns, cpp.gap_limit);
    visit(c.interval_ns, cpp.interval);
    visit(c.delay_above_baseline_ns, cpp.delay_above_baseline);
    visit(c.queue_delay_ns, cpp.queue_delay);
    visit(c.delay_p50_ns, cpp.delay_p50);
    visit(c.delay_p95_ns, cpp.delay_p95);
    visit(c.delay_p99_ns, cpp.delay_p99);
    for (std::size_t i = 0; i < miss_holds.size(); ++i) visit(c.miss_ppm[i], cpp.miss_ppm[i]);
    visit(c.packets, cpp.packets);
};

inline void give_features(duality_regime_features& c, const regime_features& features, regime current) noexcept {
    c.current = static_cast<std::int32_t>(current);
    features_fields(give{}, c, features);
}

inline constexpr auto regime_event_fields = [](auto&& visit, auto& c, auto& cpp) {
    visit(c.kind, cpp.what);
    visit(c.at_ns, cpp.at);
    visit(c.from, cpp.from);
    visit(c.to, cpp.to);
    visit(c.baseline_before_ns, cpp.baseline_before);
    visit(c.baseline_after_ns, cpp.baseline_after);
};

inline constexpr auto inputs_fields = [](auto&& visit, auto& c, auto& cpp) {
    visit(c.current, cpp.current, regime::outage, "current");
    visit(c.rtt_ns, cpp.rtt);
    visit(c.deadline_ns, cpp.deadline);
    visit(c.second_path_available, cpp.second_path_available);
    visit(c.congestion, cpp.congestion);
    visit(c.overhead_headroom_bp, cpp.overhead_headroom_bp);
    visit(c.cpu_share_permille, cpp.cpu_share_permille);
    visit(c.cpu_cap_permille, cpp.cpu_cap_permille);
    visit(c.metered_budget_left, cpp.metered_budget_left);
};

inline constexpr auto decision_fields = [](auto&& visit, auto& c, auto& cpp) {
    visit(c.output, cpp.output);
    visit(c.reason, cpp.reason);
    visit(c.at_ns, cpp.at);
    visit(c.threshold, cpp.threshold);
    visit(c.old_value, cpp.old_value);
    visit(c.new_value, cpp.new_value);
    visit(c.since_change_ns, cpp.since_change);
    visit(c.quiet_for_ns, cpp.quiet_for);
    visit(c.hold_credit_ns, cpp.hold_credit);
};

/// A decision and what entered it, lent to the caller until the next one.
struct lent_decision {
    duality_regime_features features{};
    duality_control_inputs inputs{};

    void give_to(duality_decision& c, const decision_event& event) noexcept {
        features.struct_size = sizeof features;
        give_features(features, event.inputs.features, event.inputs.current);
        inputs.struct_size = sizeof inputs;
        inputs_fields(give{}, inputs, event.inputs);
        inputs.features = &features;
        decision_fields(give{}, c, event);
        c.inputs = &inputs;
    }
};

}  // namespace duality::capi
