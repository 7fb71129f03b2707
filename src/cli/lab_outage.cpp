// SPDX-License-Identifier: MIT
//
// `duality lab outage`: one outage of one run, drawn on a timeline: datagrams on both paths, what the sender thought of
// the primary path, and what the application got.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "campaign/svg.hpp"
#include "cli/commands.hpp"
#include "cli/lab_support.hpp"
#include "duality/lab/outages.hpp"

namespace duality {
inline namespace v0 {
namespace cli {

namespace {

using campaign::svg_drawing;
using campaign::svg_number;

struct outage_options {
    std::string family = "reference";
    std::string variant = "dual";
    std::uint64_t seed = 1;
    std::uint32_t nth = 1;
    double hold_ms = 15;
    double deadline_ms = 100;
    double before_ms = 60;
    double after_ms = 120;
    std::string plot_file;
};

constexpr std::string_view ink = "#24292f";
constexpr std::string_view soft = "#57606a";
constexpr std::string_view bad = "#cf222e";

struct datagram_style {
    std::string_view name;
    std::string_view color;
};
/// By `transmit_kind`.
constexpr std::array<datagram_style, 8> styles{{
    {"source packet", "#0969da"},
    {"copy", "#bc4c00"},
    {"parity", "#8250df"},
    {"repair on request", "#8250df"},
    {"feedback", "#2da44e"},
    {"probe", "#8c959f"},
    {"clock", "#8c959f"},
    {"close", "#8c959f"},
}};

[[nodiscard]] std::string_view state_color(path_state state) noexcept {
    switch (state) {
        case path_state::active: return "#aceebb";
        case path_state::warm: return "#d0ebff";
        case path_state::suspect: return "#ffe08a";
        case path_state::dead: return "#ffc1ba";
        case path_state::standby: break;
    }
    return "#eaeef2";
}

[[nodiscard]] std::string_view state_name(path_state state) noexcept {
    constexpr std::string_view names[] = {"standby", "warm", "active", "suspect", "dead"};
    return names[static_cast<std::size_t>(state)];
}

constexpr std::string_view notice = "#d4006a";
constexpr std::string_view over_second = "#1b7c83";

[[nodiscard]] std::string_view release_color(recovery by) noexcept {
    switch (by) {
        case recovery::second_path: return over_second;
        case recovery::parity:
        case recovery::reactive: return styles[2].color;
        case recovery::duplicate: return styles[1].color;
        case recovery::none: break;
    }
    return styles[0].color;
}

[[nodiscard]] double ms_since(instant at, instant zero) noexcept {
    return (at - zero).ms();
}

class timeline {
public:
    timeline(const outage_options& options, const lab::scenario& network, const lab::run_result& run,
             const lab::outage_effect& effect)
        : options_{options},
          network_{network},
          run_{run},
          effect_{effect},
          zero_{effect.when.begin},
          from_ms_{-options.before_ms},
          to_ms_{ms_since(effect.when.end, zero_) + options.after_ms},
          out_{width, height} {}

    [[nodiscard]] std::string draw() {
        title();
        axis();
        band(0, "primary path", first_band);
        band(1, "second path", second_band);
        states();
        releases();
        legend();
        return out_.finish();
    }

private:
    static constexpr double width = 1120;
    static constexpr double height = 640;
    static constexpr double left = 110;
    static constexpr double right = 1100;
    static constexpr double state_top = 66;
    static constexpr double first_band = 122;
    static constexpr double second_band = 302;
    static constexpr double band_height = 130;
    static constexpr double release_top = 482;
    static constexpr double axis_y = 560;

    [[nodiscard]] double x(instant at) const noexcept {
        return left + (ms_since(at, zero_) - from_ms_) / (to_ms_ - from_ms_) * (right - left);
    }
    [[nodiscard]] bool shown(instant at) const noexcept {
        const double ms = ms_since(at, zero_);
        return !at.is_never() && from_ms_ <= ms && ms <= to_ms_;
    }
    [[nodiscard]] double clamped(instant at) const noexcept { return std::clamp(x(at), left, right); }

    void title() {
        char text[200];
        std::snprintf(text, sizeof text, "%s, seed %llu, %s: an outage of %.0f ms at %.2f s. Longest silence %.0f ms",
                      network_.name.c_str(), static_cast<unsigned long long>(options_.seed), options_.variant.c_str(),
                      ms_since(effect_.when.end, zero_), (zero_ - instant{}).ms() / 1000, effect_.gap.ms());
        std::string words = text;
        if (effect_.exposed) {
            std::snprintf(text, sizeof text, ", traffic moved %.0f ms after the first lost packet",
                          effect_.exposed->ms());
            words += text;
        }
        std::snprintf(text, sizeof text, " (RTT %.0f and %.0f ms)", effect_.rtt_primary.ms(), effect_.rtt_longer.ms());
        out_.text(12, 24, words + text, "start", ink, true);
    }

    void axis() {
        out_.line(left, axis_y, right, axis_y, soft);
        const double step = to_ms_ - from_ms_ > 450 ? 50 : 20;
        for (double ms = std::ceil(from_ms_ / step) * step; ms <= to_ms_; ms += step) {
            const double at = left + (ms - from_ms_) / (to_ms_ - from_ms_) * (right - left);
            out_.line(at, axis_y, at, axis_y + 5, soft);
            out_.text(at, axis_y + 18, svg_number(ms), "middle", soft);
        }
        out_.text(right, axis_y + 34, "ms since the outage began", "end", soft);
    }

    /// The datagrams of one path: the sending end above, the receiving end below, a line from departure to arrival.
    void band(path_id path, std::string_view name, double top) {
        const double bottom = top + band_height;
        if (path == 0) {
            out_.rectangle(x(effect_.when.begin), top, x(effect_.when.end) - x(effect_.when.begin), band_height,
                           "#ffebe9");
            out_.text(x(effect_.when.begin) + 4, top + band_height / 2, "out", "start", bad);
        }
        out_.line(left, top, right, top, soft, 1.5);
        out_.line(left, bottom, right, bottom, soft, 1.5);
        out_.text(left - 8, top + 4, "sender", "end", soft);
        out_.text(left - 8, (top + bottom) / 2 + 4, name, "end", ink, true);
        out_.text(left - 8, bottom + 4, "receiver", "end", soft);
        for (const lab::datagram_record& d : run_.datagrams) {
            if (d.path != path || !shown(d.sent)) continue;
            const std::string_view color = d.tells_stall ? notice : styles[static_cast<std::size_t>(d.kind)].color;
            const double start = d.from_far ? bottom : top;
            const double goal = d.from_far ? top : bottom;
            if (d.arrival.is_never()) {
                const double stop = start + (goal - start) * 0.12;
                out_.line(x(d.sent), start, x(d.sent), stop, color);
                out_.cross(x(d.sent), stop, 2.5, color);
                continue;
            }
            // A line that leaves the picture is cut where it does.
            const double share = std::min(1.0, (right - x(d.sent)) / std::max(1e-9, x(d.arrival) - x(d.sent)));
            out_.line(x(d.sent), start, x(d.sent) + share * (x(d.arrival) - x(d.sent)), start + share * (goal - start),
                      color,
                      d.tells_stall                     ? 2.4
                      : d.kind == transmit_kind::source ? 1
                                                        : 1.4);
        }
    }

    /// What the sending end thinks of the primary path.
    void states() {
        struct change {
            instant at;
            path_state to;
        };
        std::vector<change> changes{{instant{}, path_state::standby}};
        for (const lab::event& e : run_.log)
            if (e.kind == lab::event_kind::regime && e.subject == 0 && e.a != e.b)
                changes.push_back({e.at, static_cast<path_state>(e.b)});
        out_.text(left - 8, state_top + 18, "sender thinks", "end", ink, true);
        double labelled = 0;  // where the last time was written
        for (std::size_t i = 0; i < changes.size(); ++i) {
            const double begin = clamped(changes[i].at);
            const double end = i + 1 < changes.size() ? clamped(changes[i + 1].at) : right;
            if (end <= left || begin >= right) continue;
            out_.rectangle(begin, state_top, end - begin, 28, state_color(changes[i].to));
            if (end - begin > 40) out_.text(begin + 4, state_top + 18, state_name(changes[i].to), "start", ink);
            if (!shown(changes[i].at)) continue;
            out_.line(begin, state_top, begin, state_top + 28, soft);
            if (begin - labelled < 24) continue;
            out_.text(begin, state_top - 4, svg_number(std::round(ms_since(changes[i].at, zero_))), "middle", soft);
            labelled = begin;
        }
    }

    /// The application's packets at the time they were released, or were due when none came in time.
    void releases() {
        out_.text(left - 8, release_top + 18, "application", "end", ink, true);
        out_.rectangle(left, release_top, right - left, 28, "#f6f8fa");
        for (const lab::packet_record& p : run_.packets) {
            const instant due = p.sent + p.baseline;
            const bool in_time = p.released <= due + from_ms(options_.deadline_ms);
            const instant at = in_time ? p.released : due + from_ms(options_.hold_ms);
            if (!shown(at)) continue;
            if (!in_time)
                out_.cross(x(at), release_top + 38, 3, bad);
            else
                out_.line(x(at), release_top + 3, x(at), release_top + 25, release_color(p.recovered_by), 1.6);
        }
    }

    void legend() {
        double at = left;
        const double y = height - 18;
        const auto entry = [&](std::string_view color, std::string_view words) {
            out_.rectangle(at, y - 9, 12, 10, color);
            out_.text(at + 17, y, words, "start", soft);
            at += 17 + 6.4 * static_cast<double>(words.size()) + 16;
        };
        entry(styles[0].color, "source packet");
        entry(styles[1].color, "copy");
        entry(styles[2].color, "parity, repair");
        entry(styles[4].color, "feedback");
        entry(notice, "notice of a stall");
        entry(styles[5].color, "probe");
        entry(over_second, "came over the second path");
        out_.cross(at + 6, y - 4, 3, bad);
        out_.text(at + 17, y, "lost; below: not in time", "start", soft);
    }

    const outage_options& options_;
    const lab::scenario& network_;
    const lab::run_result& run_;
    const lab::outage_effect& effect_;
    instant zero_;
    double from_ms_;
    double to_ms_;
    svg_drawing out_;
};

void show_outage(const outage_options& options) {
    const lab::scenario network = lab::make_scenario(*lab::find_family(options.family), options.seed);
    lab::simulation_config config;
    config.protection = *lab::find_variant(options.variant);
    config.hold = from_ms(options.hold_ms);
    config.deadline = from_ms(options.deadline_ms);
    config.keep_events = lab::event_log::retention::all;
    config.keep_packets = config.keep_datagrams = true;
    result<lab::run_result> run = lab::simulate(network, config);
    if (!run) fail_lab(run.error());
    const std::vector<lab::outage_effect> effects =
        lab::outage_effects(network, *run, {.hold = config.hold, .deadline = config.deadline});
    std::printf("%4s %10s %10s %8s %8s %10s\n", "nth", "begin s", "length ms", "RTT ms", "gap ms", "moved ms");
    for (std::size_t i = 0; i < effects.size(); ++i) {
        const lab::outage_effect& e = effects[i];
        std::printf("%4zu %10.3f %10.1f %8.1f %8.1f ", i + 1, (e.when.begin - instant{}).ms() / 1000,
                    (e.when.end - e.when.begin).ms(), e.rtt_primary.ms(), e.gap.ms());
        if (e.exposed)
            std::printf("%10.1f\n", e.exposed->ms());
        else
            std::printf("%10s\n", "before");
    }
    if (options.plot_file.empty()) return;
    if (options.nth > effects.size()) fail_lab("this run has no outage number " + std::to_string(options.nth));
    write_text(timeline{options, network, *run, effects[options.nth - 1]}.draw(), options.plot_file);
}

}  // namespace

void add_lab_outage_command(CLI::App& lab) {
    const auto options = std::make_shared<outage_options>();
    CLI::App* command = lab.add_subcommand("outage", "List the outages of a run and draw one on a timeline");
    std::vector<std::string> families = family_names();
    std::erase(families, "all");
    command->add_option("--family", options->family, "Family of networks")
        ->check(CLI::IsMember(families))
        ->capture_default_str();
    command->add_option("--variant", options->variant, "What protects the flow")
        ->check(CLI::IsMember({"single", "dual", "hot"}))
        ->capture_default_str();
    command->add_option("--seed", options->seed, "Seed of the network")->capture_default_str();
    command->add_option("--nth", options->nth, "Which outage of the list")
        ->check(CLI::Range(1, 10'000))
        ->capture_default_str();
    command->add_option("--hold-ms", options->hold_ms, "Slot after an idle path's arrival, and least hold")
        ->check(CLI::Range(0.0, 1000.0))
        ->capture_default_str();
    command->add_option("--deadline-ms", options->deadline_ms, "Deadline after an idle path's arrival")
        ->check(CLI::Range(1.0, 10'000.0))
        ->capture_default_str();
    command->add_option("--before-ms", options->before_ms, "Time to draw before the outage")
        ->check(CLI::Range(0.0, 10'000.0))
        ->capture_default_str();
    command->add_option("--after-ms", options->after_ms, "Time to draw after it")
        ->check(CLI::Range(0.0, 10'000.0))
        ->capture_default_str();
    command->add_option("--plot", options->plot_file, "Draw it to FILE as SVG, or - for standard output")
        ->type_name("FILE|-");
    command->callback([options] { show_outage(*options); });
}

}  // namespace cli
}  // namespace v0
}  // namespace duality
