// SPDX-License-Identifier: MIT
#include "duality/lab/recipe.hpp"

#include <algorithm>
#include <utility>

namespace duality {
inline namespace v0 {
namespace lab {

namespace {

constexpr std::string_view feature_names[] = {"outages",       "loss",         "spikes",
                                              "jitter",        "busy_regimes", "baseline_steps",
                                              "cross_traffic", "bottleneck",   "aggregates"};
static_assert(std::size(feature_names) == feature_count);

constexpr field_bounds recipe_bounds[] = {
    {"length", 1, 3'600, "s"},
    {"packets_per_second", 1, 1'000, "1/s"},
    {"rtt", 0, 10'000, "ms"},
};

[[nodiscard]] config_check check_recipe(const recipe& what) noexcept {
    config_check check{recipe_bounds};
    const bool own_times = what.is_replay() && what.packets_per_second == 0;
    check.in_range("length", (what.length.ns() + 999'999'999) / 1'000'000'000)
        .in_range("packets_per_second", own_times ? 1 : what.packets_per_second)
        .in_range("rtt", what.rtt.ns() / 1'000'000);
    return check;
}

/// The rows sent within `length`.
[[nodiscard]] trace cut(const trace& whole, duration length) {
    trace out{.rows = {}, .round_trip = whole.round_trip};
    for (const trace_row& row : whole.rows)
        if (row.send_ns <= length.ns()) out.rows.push_back(row);
    return out;
}

/// The rows from `from` on; the first one of them is at 0.
[[nodiscard]] trace later_part(const trace& whole, duration from) {
    trace out{.rows = {}, .round_trip = whole.round_trip};
    for (trace_row row : whole.rows) {
        if (row.send_ns < from.ns()) continue;
        row.send_ns -= from.ns();
        out.rows.push_back(row);
    }
    if (!out.rows.empty()) {
        const std::int64_t first = out.rows.front().send_ns;
        for (trace_row& row : out.rows) row.send_ns -= first;
    }
    return out;
}

[[nodiscard]] result<prepared_network> prepare_replay(const recipe& what) {
    const trace primary = cut(what.primary, what.length);
    const trace second = cut(what.second, what.length);
    result<scenario> network = replay_scenario(primary, second.rows.empty() ? nullptr : &second, what.seed);
    if (!network) return network.error();
    prepared_network out{std::move(network).value(), {}};
    if (what.packets_per_second == 0) {
        for (const trace_row& row : primary.rows) out.send_times.push_back(instant::from_ns(row.send_ns));
    } else {
        const duration interval = duration::from_ns(1'000'000'000 / what.packets_per_second);
        for (instant at{}; at <= instant{} + primary.length(); at += interval) out.send_times.push_back(at);
    }
    return out;
}

[[nodiscard]] variant weaker(variant v) noexcept {
    return v == variant::baseline ? v : static_cast<variant>(static_cast<int>(v) - 1);
}

void add_shorter(const recipe& what, std::vector<recipe>& out) {
    constexpr duration shortest = duration::from_seconds(1);
    duration length = what.length;
    if (what.is_replay()) length = std::min(length, what.primary.length());
    if (what.is_replay() && length > shortest * 2) {
        // What fails may be in the later half alone.
        recipe later = what;
        later.primary = later_part(cut(what.primary, what.length), length / 2);
        later.second = later_part(what.second, length / 2);
        later.length = std::max(length - length / 2, shortest);
        if (later.primary.rows.size() > 1) out.push_back(std::move(later));
    }
    for (const duration less : {length / 2, length * 3 / 4, length * 9 / 10}) {
        if (less < shortest || less >= what.length) continue;
        recipe shorter = what;
        shorter.length = less;
        if (shorter.is_replay()) {
            shorter.primary = cut(what.primary, less);
            shorter.second = cut(what.second, less);
        }
        out.push_back(std::move(shorter));
    }
}

void add_fewer_features(const recipe& what, std::vector<recipe>& out) {
    for (std::size_t path = 0; path < 2; ++path) {
        if (path == 0 ? what.is_replay() : !what.second.rows.empty()) continue;
        for (std::size_t f = 0; f < feature_count; ++f) {
            const auto which = static_cast<feature>(f);
            if (what.left_out[path].has(which)) continue;
            // Nothing gets simpler by leaving out what the model does not have.
            const path_model& model = path == 0 ? describe(what.network).model : second_path_model();
            feature_set alone;
            alone.add(which);
            if (without(model, alone) == model) continue;
            out.push_back(what);
            out.back().left_out[path].add(which);
        }
    }
}

void add_simpler_settings(const recipe& what, std::vector<recipe>& out) {
    const simulation_config usual;
    const auto add = [&](auto change) {
        recipe candidate = what;
        change(candidate.config);
        out.push_back(std::move(candidate));
    };
    const simulation_config& c = what.config;
    if (weaker(c.protection) != c.protection) add([&](auto& s) { s.protection = weaker(c.protection); });
    if (c.law != usual.law) add([&](auto& s) { s.law = usual.law; });
    if (c.hold != usual.hold) add([&](auto& s) { s.hold = usual.hold; });
    if (c.deadline != usual.deadline) add([&](auto& s) { s.deadline = usual.deadline; });
    if (c.payload != usual.payload) add([&](auto& s) { s.payload = usual.payload; });
    if (c.overhead_cap_bp != usual.overhead_cap_bp) add([&](auto& s) { s.overhead_cap_bp = usual.overhead_cap_bp; });
    if (c.metered_budget.day_bytes != usual.metered_budget.day_bytes)
        add([&](auto& s) { s.metered_budget = usual.metered_budget; });
    if (c.suspicion_margin != usual.suspicion_margin)
        add([&](auto& s) { s.suspicion_margin = usual.suspicion_margin; });
    if (what.rtt != duration{}) {
        out.push_back(what);
        out.back().rtt = {};
    }
}

}  // namespace

std::string_view to_string(feature f) noexcept {
    return feature_names[static_cast<std::size_t>(f)];
}

std::optional<feature> find_feature(std::string_view name) noexcept {
    for (std::size_t i = 0; i < feature_count; ++i)
        if (feature_names[i] == name) return static_cast<feature>(i);
    return std::nullopt;
}

path_model without(path_model model, feature_set left_out) noexcept {
    const auto gone = [&](feature f) { return left_out.has(f); };
    if (gone(feature::outages)) {
        model.outages = {};
        model.steps.outage_share = 0;
    }
    for (regime_model* regime : {&model.calm, &model.busy}) {
        if (gone(feature::loss)) regime->loss = {};
        if (gone(feature::spikes)) regime->spikes.share = 0;
        if (gone(feature::jitter)) regime->jitter_sigma_ms = 0;
    }
    if (gone(feature::loss)) model.steps.loss = {};
    if (gone(feature::busy_regimes)) model.busy.dwell_high_s = model.busy.dwell_low_s = 0;
    if (gone(feature::baseline_steps)) model.steps.every_s = 0;
    for (bottleneck_model* narrow : {&model.forward, &model.reverse}) {
        if (gone(feature::cross_traffic) || gone(feature::bottleneck)) narrow->cross = {};
        if (gone(feature::bottleneck)) narrow->rate_low_bps = narrow->rate_high_bps = narrow->rate_every_s = 0;
        if (gone(feature::aggregates)) narrow->aggregate_low_ms = narrow->aggregate_high_ms = 0;
    }
    return model;
}

result<prepared_network> prepare(const recipe& what) noexcept {
    if (const config_check check = check_recipe(what); !check.ok()) return check.error();
    if (what.is_replay()) return prepare_replay(what);
    path_model primary = without(describe(what.network).model, what.left_out[0]);
    if (what.rtt != duration{}) primary.rtt_ms = what.rtt.ms();
    result<scenario> network = make_scenario(what.network, primary, without(second_path_model(), what.left_out[1]),
                                             what.seed, what.length, what.packets_per_second);
    if (!network) return network.error();
    return prepared_network{std::move(network).value(), {}};
}

result<run_result> run(const recipe& what) noexcept {
    result<prepared_network> ready = prepare(what);
    if (!ready) return ready.error();
    return simulate(ready->network, what.config, ready->send_times);
}

std::string_view broken_promise(const run_result& run, const simulation_config& config) noexcept {
    const figures& f = run.outcome;
    if (f.fates.sum() != f.packets) return "fates";
    if (run.wrong_releases > 0) return "exactly_once";
    if (f.overhead_pct * 100 > config.overhead_cap_bp) return "overhead_cap";
    // Each end keeps the budget for what it sends.
    const std::uint64_t budget = config.metered_budget.day_bytes;
    if (run.metered_sent[0] > budget || run.metered_sent[1] > budget) return "metered_budget";
    return {};
}

std::vector<recipe> simpler(const recipe& what) {
    std::vector<recipe> out;
    add_shorter(what, out);
    add_fewer_features(what, out);
    add_simpler_settings(what, out);
    return out;
}

}  // namespace lab
}  // namespace v0
}  // namespace duality
