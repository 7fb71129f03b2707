// SPDX-License-Identifier: MIT
//
// Runs of the lab in C.
#include <string_view>
#include <vector>

#include "duality/lab/simulation.hpp"
#include "duality/lab/trace.hpp"
#include "objects.hpp"

using namespace duality;
using namespace duality::capi;

namespace {

/// The C configuration's fields, which belong to three places in C++.
struct lab_settings {
    lab::family family = lab::family::reference;
    std::uint64_t seed = 1;
    duration length = duration::from_seconds(60);
    std::uint32_t packets_per_second = 200;
    lab::simulation_config simulation{};
};

constexpr auto lab_fields = [](auto&& visit, auto& c, auto& cpp) {
    visit(c.family, cpp.family, lab::family::vpn_on_path, "family");
    visit(c.variant, cpp.simulation.protection, lab::variant::hot, "variant");
    visit(c.law, cpp.simulation.law, control_law::adaptive, "law");
    visit(c.seed, cpp.seed);
    visit(c.length_ns, cpp.length);
    visit(c.hold_ns, cpp.simulation.hold);
    visit(c.deadline_ns, cpp.simulation.deadline);
    visit(c.packets_per_second, cpp.packets_per_second);
    visit(c.payload, cpp.simulation.payload);
    visit(c.overhead_cap_bp, cpp.simulation.overhead_cap_bp);
    visit(c.metered_day_bytes, cpp.simulation.metered_budget.day_bytes);
    visit(c.metered_month_bytes, cpp.simulation.metered_budget.month_bytes);
};

constexpr auto result_fields = [](auto&& visit, auto& c, auto& cpp) {
    visit(c.event_hash, cpp.event_hash);
    visit(c.events, cpp.events);
    visit(c.packets, cpp.outcome.packets);
    visit(c.delivered, cpp.outcome.fates.delivered);
    visit(c.late, cpp.outcome.fates.late);
    visit(c.unrecoverable, cpp.outcome.fates.unrecoverable);
    visit(c.rejected, cpp.outcome.fates.rejected);
    visit(c.cancelled, cpp.outcome.fates.cancelled);
    visit(c.jitter_p50_ms, cpp.outcome.jitter_p50_ms);
    visit(c.jitter_p95_ms, cpp.outcome.jitter_p95_ms);
    visit(c.playout_miss_pct, cpp.outcome.playout_miss_pct);
    visit(c.apparent_loss_pct, cpp.outcome.apparent_loss_pct);
    visit(c.eventual_loss_pct, cpp.outcome.eventual_loss_pct);
    visit(c.longest_gap_ms, cpp.outcome.longest_gap_ms);
    visit(c.overhead_pct, cpp.outcome.overhead_pct);
    visit(c.framing_pct, cpp.framing.framing_pct);
    visit(c.hot_duplicate_pct, cpp.framing.hot_pct);
    visit(c.added_delay_p50_ms, cpp.outcome.added_delay_p50_ms);
    visit(c.added_delay_p95_ms, cpp.outcome.added_delay_p95_ms);
    visit(c.added_delay_p99_ms, cpp.outcome.added_delay_p99_ms);
    visit(c.metered_bytes, cpp.outcome.metered_bytes);
    visit(c.repaired_parity, cpp.outcome.repaired_parity);
    visit(c.repaired_reactive, cpp.outcome.repaired_reactive);
    visit(c.repaired_duplicate, cpp.outcome.repaired_duplicate);
    visit(c.repaired_second_path, cpp.outcome.repaired_second_path);
    visit(c.suspicions, cpp.alarms.suspicions);
    visit(c.failovers, cpp.alarms.failovers);
    visit(c.false_alarms, cpp.alarms.false_alarms);
};

constexpr field_bounds lab_bounds[] = {
    {"length", 1'000'000'000, 3'600'000'000'000, "ns"},
    {"packets_per_second", 1, 1'000, "packets"},
};

/// Simulates; says why not.
[[nodiscard]] duality_status run(const lab::scenario& network, const lab_settings& settings,
                                 std::span<const instant> send_times, duality_failure* failure,
                                 duality_lab_result* out) noexcept {
    const result<lab::run_result> done = lab::simulate(network, settings.simulation, send_times);
    if (!done) {
        host{}.tell("lab", done.error(), failure);
        return to_c(done.code());
    }
    return give_struct(out, done.value(), result_fields);
}

[[nodiscard]] failure take_settings(const duality_lab_config* config, lab_settings& settings) noexcept {
    if (const failure wrong = take_struct(config, settings, lab_fields); failed(wrong.code)) return wrong;
    config_check check{lab_bounds};
    check.in_range("length", settings.length.ns()).in_range("packets_per_second", settings.packets_per_second);
    return check.ok() ? failure{status::ok, {}} : check.error();
}

}  // namespace

const char* duality_lab_family_name(std::int32_t family) {
    if (family < 0 || family > static_cast<std::int32_t>(lab::family::vpn_on_path)) return nullptr;
    return lab::describe(static_cast<lab::family>(family)).name.data();
}

const char* duality_lab_variant_name(std::int32_t variant) {
    if (variant < 0 || variant > static_cast<std::int32_t>(lab::variant::hot)) return nullptr;
    return lab::to_string(static_cast<lab::variant>(variant)).data();
}

duality_status duality_lab_config_default(duality_lab_config* config) {
    return give_struct(config, lab_settings{}, lab_fields);
}

duality_status duality_lab_run(const duality_lab_config* config, duality_failure* failure, duality_lab_result* result) {
    if (!sized(result)) return DUALITY_INVALID_ARGUMENT;
    lab_settings settings;
    if (const auto wrong = take_settings(config, settings); failed(wrong.code)) {
        host{}.tell("lab", wrong, failure);
        return to_c(wrong.code);
    }
    return run(lab::make_scenario(settings.family, settings.seed, settings.length, settings.packets_per_second),
               settings, {}, failure, result);
}

duality_status duality_lab_replay(const duality_lab_config* config, const char* csv, std::size_t size,
                                  std::uint32_t round_trip, std::size_t* bad_line, duality_failure* failure,
                                  duality_lab_result* result) {
    if (!sized(result) || csv == nullptr) return DUALITY_INVALID_ARGUMENT;
    lab_settings settings;
    if (const auto wrong = take_settings(config, settings); failed(wrong.code)) {
        host{}.tell("lab", wrong, failure);
        return to_c(wrong.code);
    }
    lab::trace trace;
    lab::trace_error why;
    if (const status read = lab::parse_trace({csv, size}, {.round_trip = round_trip != 0}, trace, why);
        read != status::ok) {
        if (bad_line != nullptr) *bad_line = why.line;
        return to_c(read);
    }
    const duality::result<lab::scenario> network = lab::replay_scenario(trace, nullptr, settings.seed);
    if (!network) return to_c(network.code());
    std::vector<instant> send_times;
    send_times.reserve(trace.rows.size());
    for (const lab::trace_row& row : trace.rows) send_times.push_back(instant::from_ns(row.send_ns));
    return run(network.value(), settings, send_times, failure, result);
}
