// SPDX-License-Identifier: MIT
//
// `duality lab detect`: what the regime detector says of a recorded or simulated path, packet by packet.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "cli/commands.hpp"
#include "cli/lab_support.hpp"
#include "duality/lab/families.hpp"
#include "duality/lab/trace.hpp"
#include "duality/regime.hpp"

namespace duality {
inline namespace v0 {
namespace cli {

namespace {

using json = nlohmann::ordered_json;

struct detect_options {
    path_options path;
    std::uint32_t pps = 200;
    double false_alarms_per_hour = 1;
    bool quiet = false;
    std::string json_file;
    std::string csv_file;
};

[[nodiscard]] std::string_view name_of(regime r) noexcept {
    switch (r) {
        case regime::calm: return "calm";
        case regime::jittery: return "jittery";
        case regime::lossy: return "lossy";
        case regime::congested: return "congested";
        case regime::outage: return "outage";
    }
    return "unknown";
}

[[nodiscard]] std::string_view name_of(regime_event::kind what) noexcept {
    switch (what) {
        case regime_event::kind::changed: return "regime";
        case regime_event::kind::level_step: return "level_step";
        case regime_event::kind::delay_worse: return "delay_worse";
        case regime_event::kind::loss_worse: return "loss_worse";
        case regime_event::kind::restarted: return "restarted";
    }
    return "unknown";
}

/// A packet as it was sent, and when it arrived: `never()` when it did not.
struct observed_packet {
    instant sent;
    instant arrived = instant::never();
};

[[nodiscard]] std::vector<observed_packet> observe(const detect_options& options) {
    lab::scenario network;
    std::vector<instant> sends;
    if (options.path.trace.empty()) {
        network = lab::make_scenario(*lab::find_family(options.path.family), options.path.seed,
                                     duration::from_seconds(options.path.seconds), options.pps);
        for (instant at{}; at < instant{} + network.length; at += network.interval) sends.push_back(at);
    } else {
        const lab::trace recorded = load_lab_trace(options.path.trace, options.path.round_trip);
        network.primary = replay_path(recorded, options.path.trace);
        sends = send_times(recorded, 0);
    }
    constexpr std::size_t ip_bytes = 428;
    std::vector<observed_packet> packets;
    packets.reserve(sends.size());
    for (const instant at : sends) packets.push_back({at, network.primary.forward.transmit(at, ip_bytes).arrival});
    return packets;
}

/// Runs the detector over the packets and tells `on_packet` and `on_event` what it says; events come with the time at
/// which they happened.
template <class OnPacket, class OnEvent>
void detect(regime_detector& detector, const std::vector<observed_packet>& packets, OnPacket on_packet,
            OnEvent on_event) {
    regime_event event;
    const auto drain = [&] {
        while (detector.poll_event(event)) on_event(event);
    };
    for (std::size_t i = 0; i < packets.size(); ++i) {
        const observed_packet& p = packets[i];
        if (p.arrived.is_never()) continue;
        while (detector.next_timeout() <= p.arrived) detector.handle_timeout(detector.next_timeout());
        (void)detector.on_arrival(p.arrived, i, media_time::from_ns(p.sent.ns()));
        on_packet(p);
        drain();
    }
}

/// Time spent in each regime.
class regime_clock {
public:
    void begin(instant at) noexcept { last_ = at; }
    void enter(instant at, regime next) noexcept {
        spent_[static_cast<std::size_t>(current_)] += at - last_;
        last_ = at;
        current_ = next;
    }
    [[nodiscard]] double seconds(regime r) const noexcept { return spent_[static_cast<std::size_t>(r)].ms() / 1'000; }

private:
    std::array<duration, 5> spent_{};
    regime current_ = regime::calm;
    instant last_;
};

constexpr regime all_regimes[] = {regime::calm, regime::jittery, regime::lossy, regime::congested, regime::outage};

[[nodiscard]] json to_json(const regime_event& e) {
    json out;
    out["at_ms"] = duration::from_ns(e.at.ns()).ms();
    out["event"] = name_of(e.what);
    if (e.what == regime_event::kind::changed) {
        out["from"] = name_of(e.from);
        out["to"] = name_of(e.to);
    }
    if (e.what == regime_event::kind::level_step) {
        out["baseline_before_ms"] = e.baseline_before.ms();
        out["baseline_after_ms"] = e.baseline_after.ms();
    }
    return out;
}

void print(const regime_event& e) {
    std::printf("%12.1f ms  %-12s", duration::from_ns(e.at.ns()).ms(), std::string{name_of(e.what)}.c_str());
    if (e.what == regime_event::kind::changed)
        std::printf("%s -> %s", std::string{name_of(e.from)}.c_str(), std::string{name_of(e.to)}.c_str());
    if (e.what == regime_event::kind::level_step)
        std::printf("%.2f -> %.2f ms", e.baseline_before.ms(), e.baseline_after.ms());
    std::printf("\n");
}

void write_row(std::ofstream& out, const observed_packet& p, const regime_detector& detector) {
    constexpr double bit = 65'536;
    const change_detector& change = detector.change();
    const regime_features f = detector.features(p.arrived);
    char line[256];
    std::snprintf(line, sizeof line, "%.3f,%.3f,%.3f,%.3f,%.3f,%.3f,%u,%.2f,%.2f,%.2f,%.2f,%s\n",
                  duration::from_ns(p.sent.ns()).ms(), (p.arrived - p.sent).ms(), detector.baseline().ms(),
                  f.j_fast.ms(), f.j_slow.ms(), f.gap_limit.ms(), f.loss20, change.delay_evidence() / bit,
                  change.delay_threshold() / bit, change.loss_evidence() / bit, change.loss_threshold() / bit,
                  std::string{name_of(detector.current())}.c_str());
    out << line;
}

[[nodiscard]] json summary(const regime_detector& detector, const regime_clock& clock, double seconds) {
    const regime_statistics& s = detector.statistics();
    json out;
    out["seconds"] = seconds;
    out["packets"] = s.arrivals;
    out["lost"] = s.lost;
    out["loss_bursts"] = s.loss_bursts;
    out["outages"] = s.outages;
    out["level_steps"] = s.level_steps;
    out["delay_alarms"] = s.delay_alarms;
    out["loss_alarms"] = s.loss_alarms;
    out["refused"] = s.refused;
    out["restarts"] = s.restarts;
    json spent;
    for (const regime r : all_regimes) spent[std::string{name_of(r)}] = clock.seconds(r);
    out["seconds_in"] = spent;
    return out;
}

void run_detect(const detect_options& options) {
    regime_config config;
    config.change.false_alarms_per_1000_hours =
        static_cast<std::uint32_t>(std::lround(options.false_alarms_per_hour * 1'000));
    result<regime_detector> made = regime_detector::create(config, allocator::system());
    if (!made) fail_lab(made.error());
    regime_detector detector = std::move(made).value();

    const std::vector<observed_packet> packets = observe(options);
    std::ofstream csv;
    if (!options.csv_file.empty()) {
        csv.open(options.csv_file);
        csv << "send_ms,delay_ms,baseline_ms,j_fast_ms,j_slow_ms,gap_limit_ms,loss20,delay_evidence_bits,"
               "delay_threshold_bits,loss_evidence_bits,loss_threshold_bits,regime\n";
    }
    json events = json::array();
    const bool show = !options.quiet && options.json_file != "-";
    regime_clock clock;
    instant last;
    bool first = true;
    detect(
        detector, packets,
        [&](const observed_packet& p) {
            if (first) clock.begin(p.arrived);
            first = false;
            last = p.arrived;
            if (csv.is_open()) write_row(csv, p, detector);
        },
        [&](const regime_event& e) {
            if (e.what == regime_event::kind::changed) clock.enter(e.at, e.to);
            if (!options.json_file.empty()) events.push_back(to_json(e));
            if (show) print(e);
        });
    clock.enter(last, detector.current());
    if (csv.is_open() && !csv.flush()) fail_lab("cannot write " + options.csv_file);

    const double seconds = packets.empty() ? 0 : (packets.back().sent - packets.front().sent).ms() / 1'000;
    json totals = summary(detector, clock, seconds);
    if (options.json_file != "-") {
        const regime_statistics& s = detector.statistics();
        std::printf(
            "%.1f s, %llu packets, %llu lost in %llu bursts; %llu outages, %llu level steps, alarms: %llu on "
            "delay, %llu on loss\n",
            seconds, static_cast<unsigned long long>(s.arrivals), static_cast<unsigned long long>(s.lost),
            static_cast<unsigned long long>(s.loss_bursts), static_cast<unsigned long long>(s.outages),
            static_cast<unsigned long long>(s.level_steps), static_cast<unsigned long long>(s.delay_alarms),
            static_cast<unsigned long long>(s.loss_alarms));
        for (const regime r : all_regimes)
            std::printf("%-10s %8.1f s\n", std::string{name_of(r)}.c_str(), clock.seconds(r));
    }
    if (options.json_file.empty()) return;
    json document;
    document["source"] = options.path.source();
    if (options.path.trace.empty()) document["seed"] = options.path.seed;
    document["false_alarms_per_hour"] = options.false_alarms_per_hour;
    document["summary"] = totals;
    document["events"] = events;
    write_json(document, options.json_file);
}

}  // namespace

void add_lab_detect_command(CLI::App& lab) {
    const auto options = std::make_shared<detect_options>();
    CLI::App* command = lab.add_subcommand("detect", "Show what the regime detector says of a path");
    add_path_options(*command, options->path);
    command->add_option("--pps", options->pps, "Packets per second of the simulated flow")
        ->check(CLI::Range(1, 1000))
        ->capture_default_str();
    command->add_option("--false-alarms", options->false_alarms_per_hour, "Limit on false alarms, per hour")
        ->check(CLI::Range(0.001, 1000.0))
        ->capture_default_str();
    command->add_flag("--quiet", options->quiet, "Print the totals only");
    command->add_option("--csv", options->csv_file, "Write one row per packet: delay, features, evidence, regime")
        ->type_name("FILE");
    command
        ->add_option("--json", options->json_file, "Write events and totals to FILE as JSON, or - for standard output")
        ->type_name("FILE|-");
    command->callback([options] { run_detect(*options); });
}

}  // namespace cli
}  // namespace v0
}  // namespace duality
