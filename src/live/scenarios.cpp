// SPDX-License-Identifier: MIT
#include "live/scenarios.hpp"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "duality/random.hpp"

namespace duality {
inline namespace v0 {
namespace live {
namespace {

constexpr std::int64_t lost = lab::trace_row::lost;
constexpr std::int64_t ms = 1'000'000;
constexpr std::int64_t primary_idle_ms = 20;
constexpr std::int64_t second_idle_ms = 30;
/// Idle delays are tried up to so much longer.
constexpr std::int64_t idle_search_ms = 10;
/// Late runs to choose traces by.
constexpr std::uint64_t search_runs = 12;

[[nodiscard]] constexpr bool within(std::int64_t at, std::int64_t begin, std::int64_t end) noexcept {
    return at >= begin && at < end;
}

constexpr std::int64_t clean(std::int64_t) noexcept {
    return 0;
}
constexpr std::int64_t isolated_losses(std::int64_t at) noexcept {
    return within(at, 300, 1'900) && at % 200 == 100 ? lost : 0;
}
constexpr std::int64_t pairs_lost(std::int64_t at) noexcept {
    return within(at, 300, 1'900) && at % 300 < 20 ? lost : 0;
}
constexpr std::int64_t bursts_lost(std::int64_t at) noexcept {
    return within(at, 300, 1'900) && at % 500 < 40 ? lost : 0;
}
constexpr std::int64_t short_outage(std::int64_t at) noexcept {
    return within(at, 800, 1'000) ? lost : 0;
}
constexpr std::int64_t long_outage(std::int64_t at) noexcept {
    return within(at, 700, 1'200) ? lost : 0;
}
constexpr std::int64_t early_outage(std::int64_t at) noexcept {
    return within(at, 400, 700) ? lost : 0;
}
constexpr std::int64_t late_outage(std::int64_t at) noexcept {
    return within(at, 1'200, 1'500) ? lost : 0;
}
constexpr std::int64_t gone(std::int64_t at) noexcept {
    return at >= 400 ? lost : 0;
}
/// Everything sent in 60 ms comes 150 ms later; what follows waits behind it: first in, first out.
constexpr std::int64_t spike(std::int64_t at) noexcept {
    return within(at, 800, 860) ? 150 * ms : 0;
}
constexpr std::int64_t step(std::int64_t at) noexcept {
    return at >= 900 ? 40 * ms : 0;
}
/// The queue of a narrow link, as somebody who measured it saw it: for 300 ms more comes in than leaves, then the queue
/// is full and every third packet finds no room, then it drains.
constexpr std::int64_t bottleneck(std::int64_t at) noexcept {
    constexpr std::int64_t full = 60 * ms;
    if (within(at, 600, 900)) return (at - 600) * ms / 5;
    if (within(at, 900, 1'200)) return at % 30 == 0 ? lost : full;
    if (within(at, 1'200, 1'500)) return full - (at - 1'200) * ms / 5;
    return 0;
}

constexpr std::array<scenario, 16> all_scenarios = {{
    {"clean_single", "a clean path: nothing to do", lab::variant::single, clean, clean},
    {"clean_dual", "two clean paths: the second one rests", lab::variant::dual, clean, clean},
    {"loss_unprotected", "isolated losses with a hold and nothing else", lab::variant::hold, isolated_losses, clean},
    {"loss_isolated", "isolated losses, repaired on one path", lab::variant::single, isolated_losses, clean},
    {"loss_pairs", "losses of two in a row, on one path", lab::variant::single, pairs_lost, clean},
    {"loss_bursts", "losses of four in a row, on one path", lab::variant::single, bursts_lost, clean},
    {"outage_single", "200 ms of silence, and no other path", lab::variant::single, short_outage, clean},
    {"outage_dual", "200 ms of silence, and a second path", lab::variant::dual, short_outage, clean},
    {"outage_long", "500 ms of silence, and a second path", lab::variant::dual, long_outage, clean},
    {"outage_second", "the second path falls silent, the first does not", lab::variant::dual, clean, short_outage},
    {"outage_hot", "either path falls silent in turn, every packet on both", lab::variant::hot, early_outage,
     late_outage},
    {"second_only", "the first path goes and does not come back", lab::variant::dual, gone, clean},
    {"jitter_spike", "a spike of 150 ms: what it holds up comes late", lab::variant::hold, spike, clean},
    {"latency_step", "the path becomes 40 ms longer", lab::variant::single, step, clean},
    {"rate_bottleneck", "the queue of a narrow link fills, drops and drains", lab::variant::hold, bottleneck, clean},
    {"budget_cap", "every packet on both paths until the metered one has used up its bytes", lab::variant::hot, clean,
     clean, 30'000},
}};

/// Late by up to `most`: in even runs everything by any part of it, in odd ones a few by much and the rest by little.
[[nodiscard]] std::int64_t lateness(xoshiro256& random, duration most, std::uint64_t run) {
    const bool is_much = run % 2 == 0 || random.chance(0.1);
    const std::int64_t range = is_much ? most.ns() : most.ns() / 16;
    return static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(range) + 1));
}

/// The same trace with every delay up to `most` longer.
[[nodiscard]] lab::trace later(const lab::trace& of, duration most, std::uint64_t run, std::uint64_t stream) {
    lab::trace out = of;
    xoshiro256 random{derive_seed(run, stream)};
    for (lab::trace_row& row : out.rows) {
        const std::int64_t by = lateness(random, most, run);
        if (!row.is_lost()) row.delay_ns += by;
    }
    return out;
}

[[nodiscard]] std::string trace_text(std::int64_t (*delay_ns)(std::int64_t at_ms), std::int64_t idle_ms) {
    std::string out = "send_ms,delay_ms\n";
    const std::int64_t step_ms = packet_interval.ns() / ms;
    const std::int64_t end_ms = step_ms * static_cast<std::int64_t>(packet_count) + tail.ns() / ms + 1'000;
    for (std::int64_t at = 0; at < end_ms; at += step_ms) {
        out += std::to_string(at) + ",";
        const std::int64_t delay = delay_ns(at);
        if (delay != lost) out += std::to_string(idle_ms + delay / ms);
        out += "\n";
    }
    return out;
}

/// Packets and, far worse, runs in which the triggers are other ones.
[[nodiscard]] std::size_t doubts(const scenario& s, const trace_texts& texts) {
    lab::trace primary;
    lab::trace second;
    lab::trace_error why;
    if (failed(lab::parse_trace(texts.primary, {}, primary, why)) ||
        failed(lab::parse_trace(texts.second, {}, second, why)))
        return packet_count;
    const result<lab_outcome> run = run_lab(rules_of(s), primary, second, packet_count, guard_band, search_runs);
    if (!run) return packet_count;
    const auto same_triggers = [&](const run_view& late) {
        return std::ranges::equal(late.triggers, run.value().run.triggers, {}, &trigger_view::what,
                                  &trigger_view::what);
    };
    const auto others =
        std::ranges::count_if(run.value().late, [&](const run_view& late) { return !same_triggers(late); });
    return count_undecided(run.value().run, run.value().late) + static_cast<std::size_t>(others);
}

[[nodiscard]] run_view run_of(const lab::run_result& run, duration deadline) {
    run_view out;
    for (const lab::packet_record& p : run.packets) out.packets.push_back(view_of(p, deadline));
    for (const lab::event& e : run.log) {
        trigger_view t{(e.subject & 1) != 0, {}, e.at - instant{}};
        if (e.kind == lab::event_kind::regime) t.what = path_trigger(e.subject >> 1, e.a, e.b);
        if (e.kind == lab::event_kind::decision)
            t.what = control_trigger(e.subject >> 1, static_cast<std::int64_t>(e.a), static_cast<std::int64_t>(e.b));
        if (!t.what.empty() && t.at < flow_length) out.triggers.push_back(std::move(t));
    }
    return out;
}

/// `late` 0: everything on the dot. Otherwise everything is late by some part of `guard` that this seed draws: half of
/// it at the sender, half on the way.
[[nodiscard]] result<run_view> run_once(const lab::simulation_config& rules, const lab::trace& primary,
                                        const lab::trace& second, std::size_t packets, duration guard,
                                        std::uint64_t late) {
    const duration half = late == 0 ? duration::zero() : guard / 2;
    const lab::trace first = later(primary, half, late, 1);
    const lab::trace other = later(second, half, late, 2);
    const result<lab::scenario> network = lab::replay_scenario(first, &other, 0);
    if (!network) return network.error();
    std::vector<instant> sends;
    xoshiro256 random{derive_seed(late, 3)};
    for (std::size_t i = 0; i < packets; ++i)
        sends.push_back(instant{} + packet_interval * static_cast<std::int64_t>(i) +
                        duration::from_ns(lateness(random, half, late)));
    const result<lab::run_result> run = lab::simulate(network.value(), rules, sends);
    if (!run) return run.error();
    return run_of(run.value(), rules.deadline);
}

}  // namespace

std::span<const scenario> scenarios() noexcept {
    return all_scenarios;
}

const scenario* find_scenario(std::string_view id) noexcept {
    const auto found = std::ranges::find(all_scenarios, id, &scenario::id);
    return found == all_scenarios.end() ? nullptr : &*found;
}

trace_texts traces_of(const scenario& s) {
    trace_texts best;
    std::size_t fewest = ~std::size_t{0};
    for (std::int64_t longer = 0; longer < idle_search_ms && fewest > 0; ++longer) {
        trace_texts one{trace_text(s.primary_ns, primary_idle_ms + longer),
                        trace_text(s.second_ns, second_idle_ms + longer)};
        const std::size_t left = doubts(s, one);
        if (left >= fewest) continue;
        fewest = left;
        best = std::move(one);
    }
    return best;
}

lab::simulation_config rules_of(const scenario& s) noexcept {
    // The hold has one depth only: 30 ms, its greatest. What it would choose follows from delays to the microsecond.
    return {.protection = s.protection,
            .hold = duration::from_ms(30),
            .payload = packet_bytes,
            .metered_budget = {.day_bytes = s.metered_bytes},
            .keep_events = lab::event_log::retention::all,
            .far_hears_first = true,
            .keep_packets = true};
}

declaration declare(const scenario& s) {
    const auto field = [](std::string_view name, visibility how, std::string note) {
        return field_declaration{std::string{name}, how, std::move(note)};
    };
    const bool ramps = s.primary_ns == bottleneck;
    declaration d;
    d.id = s.id;
    d.surface = "the sessions of both ends and the application behind them, over UDP on IPv4";
    d.boundary = "four network namespaces without a way out; both ends in one process, the network in others";
    d.clock_id = "CLOCK_MONOTONIC";
    d.clock_source = "read when a datagram is read from or given to its socket; one clock for all namespaces";
    d.deadline_id = "sent + idle delay of the primary path + 100 ms";
    d.window = duration::from_ms(10);
    d.guard = guard_band;
    d.fields = {
        field(lost_field, visibility::observed, "never read by the receiving application"),
        field(late_field, visibility::observed, "read after the deadline"),
        field(recovered_field, visibility::inferred, "from what the far session says of a delivery"),
        field(trigger_field, visibility::observed,
              "changes of a path's state, and reactive repair and second path switched on or off, while packets are "
              "sent"),
        ramps ? field(elapsed_field, visibility::unsupported,
                      "a delay that ramps is a step of the baseline or none, by less than the guard band")
              : field(elapsed_field, visibility::observed, "from the sender's clock to the receiver's, the same clock"),
        field("hold_depth", visibility::unsupported, "fixed at 30 ms: what it would be follows every delay"),
        field("parity_rate", visibility::unsupported, "follows estimates that depend on when reports come"),
        field("regime", visibility::unsupported, "the detector ranks delays that differ by less than the guard")};
    d.manifest = {"primary.csv", "second.csv", "network-0.csv", "near.rec", "far.rec", "live.json"};
    if (s.protection == lab::variant::dual || s.protection == lab::variant::hot)
        d.manifest.emplace_back("network-1.csv");
    return d;
}

result<lab_outcome> run_lab(const lab::simulation_config& rules, const lab::trace& primary, const lab::trace& second,
                            std::size_t packets, duration guard, std::uint64_t runs) {
    result<run_view> nominal = run_once(rules, primary, second, packets, guard, 0);
    if (!nominal) return nominal.error();
    lab_outcome out{std::move(nominal).value(), {}};
    for (std::uint64_t late = 1; late <= runs; ++late) {
        result<run_view> run = run_once(rules, primary, second, packets, guard, late);
        if (!run) return run.error();
        out.late.push_back(std::move(run).value());
    }
    return out;
}

std::string path_trigger(std::uint64_t path, std::uint64_t from, std::uint64_t to) {
    constexpr std::array<std::string_view, 5> names = {"standby", "warm", "active", "suspect", "dead"};
    const auto name = [&](std::uint64_t state) { return std::string{state < names.size() ? names[state] : "?"}; };
    return "path " + std::to_string(path) + " " + name(from) + " to " + name(to);
}

std::string control_trigger(std::uint64_t output, std::int64_t old_value, std::int64_t new_value) {
    const auto kind = static_cast<control_output>(output);
    if (kind != control_output::reactive && kind != control_output::second_path) return {};
    return std::string{kind == control_output::reactive ? "reactive" : "second path"} + " " +
           std::to_string(old_value) + " to " + std::to_string(new_value);
}

packet_view view_of(const lab::packet_record& packet, duration deadline) {
    packet_view out;
    if (packet.rejected || packet.cancelled || packet.released.is_never()) return out;
    out.elapsed = packet.released - packet.sent;
    out.end = out.elapsed > packet.baseline + deadline ? packet_end::late : packet_end::on_time;
    out.origin = origin_of(packet.recovered_by);
    return out;
}

}  // namespace live
}  // namespace v0
}  // namespace duality
