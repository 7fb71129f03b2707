// SPDX-License-Identifier: MIT
//
// `duality lab playout`: a voice stream over a recorded or simulated path, through one or more players.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cli/commands.hpp"
#include "cli/lab_support.hpp"
#include "duality/lab/clairvoyant.hpp"
#include "duality/lab/families.hpp"
#include "duality/lab/playout.hpp"
#include "duality/lab/trace.hpp"
#include "duality/voice_quality.hpp"

namespace duality {
inline namespace v0 {
namespace cli {

namespace {

using json = nlohmann::ordered_json;

struct playout_options {
    path_options path;
    std::vector<std::string> buffers{"voice"};
    std::uint32_t rises_per_hour = voice_playout_config{}.rises_per_hour;
    double delay_ms = 0;
    std::uint32_t warp_permille = voice_playout_config{}.warp_permille;
    std::string json_file;
    std::string csv_file;
};

struct played {
    std::string buffer;
    lab::playout_figures figures;
    std::vector<lab::playout_sample> samples;
};

[[nodiscard]] lab::voice_stream arrivals(const path_options& options) {
    if (options.trace.empty()) {
        const duration length = duration::from_seconds(options.seconds);
        const lab::scenario network = lab::make_scenario(*lab::find_family(options.family), options.seed, length, 50);
        return lab::send_voice(network.primary.forward, length);
    }
    const lab::trace recorded = load_lab_trace(options.trace, options.round_trip);
    return lab::send_voice(replay_path(recorded, options.trace).forward, recorded.length());
}

/// The mean delay that the players without a knob of their own are given: asked for, or that of `voice`.
[[nodiscard]] double wanted_delay(const lab::voice_stream& stream, const playout_options& options,
                                  const voice_playout_config& config) {
    return options.delay_ms > 0 ? options.delay_ms : lab::play_adaptive(stream, config).mean_delay_ms;
}

[[nodiscard]] played play(const std::string& buffer, const lab::voice_stream& stream, const playout_options& options) {
    voice_playout_config config;
    config.rises_per_hour = options.rises_per_hour;
    config.warp_permille = options.warp_permille;
    played out;
    out.buffer = buffer;
    if (buffer == "voice") {
        if (options.delay_ms > 0) config.rises_per_hour = lab::rises_for_delay(stream, config, options.delay_ms);
        out.figures = lab::play_adaptive(stream, config, &out.samples);
    } else if (buffer == "hold") {
        out.figures = lab::play_slots(stream, control_law::adaptive, &out.samples);
    } else if (buffer == "reference") {
        out.figures = lab::play_slots(stream, control_law::reference, &out.samples);
    } else if (buffer == "fixed") {
        const double delay_ms = wanted_delay(stream, options, config);
        out.figures = lab::play_fixed(stream, duration::from_ns(std::llround(delay_ms * 1e6)), &out.samples);
    } else {
        lab::clairvoyant_config bound;
        bound.warp_permille = options.warp_permille;
        out.figures.mean_delay_ms = wanted_delay(stream, options, config);
        out.figures.concealed_share = lab::clairvoyant_loss(stream.delays_ns(), bound, out.figures.mean_delay_ms);
        out.figures.unheard_share = out.figures.concealed_share;
    }
    return out;
}

[[nodiscard]] double rating(const lab::playout_figures& f) {
    voice_conditions heard;
    heard.delay = duration::from_ns(std::llround(f.mean_delay_ms * 1e6));
    heard.loss_pct = 100 * f.concealed_share;
    return e_model_rating(heard);
}

void write_csv(const std::string& file, const lab::voice_stream& stream, const std::vector<played>& players) {
    std::ofstream out{file};
    out << "player,at_ms,delay_ms,baseline_ms,wanted_ms,made_up_ms\n";
    const std::vector<std::int64_t> delays = stream.delays_ns();
    const auto ms = [](std::int64_t ns) { return static_cast<double>(ns) / 1e6; };
    for (std::size_t n = 0; n < delays.size(); ++n)
        if (delays[n] >= 0)
            out << "path," << static_cast<double>(n) * stream.frame.ms() << ',' << ms(delays[n]) << ",,,\n";
    for (const played& p : players)
        for (const lab::playout_sample& s : p.samples) {
            out << p.buffer << ',' << ms(s.at_ns) << ',';
            if (s.played_ns >= 0) out << ms(s.played_ns);
            out << ',' << ms(s.baseline_ns) << ',' << ms(s.wanted_ns) << ',' << ms(s.concealed_ns) << '\n';
        }
    if (!out.flush()) fail_lab("cannot write " + file);
}

void run_playout(const playout_options& options) {
    const lab::voice_stream stream = arrivals(options.path);
    std::vector<played> players;
    json document;
    document["source"] = options.path.source();
    document["frames"] = stream.arrivals_ns.size();
    document["lost"] = std::count(stream.arrivals_ns.begin(), stream.arrivals_ns.end(), lab::voice_stream::lost);
    document["players"] = json::array();
    const bool table = options.json_file != "-";
    if (table)
        std::printf("%-12s %10s %10s %10s %12s %14s %8s\n", "player", "made up %", "delay ms", "unheard %",
                    "concealments", "interruptions", "R");
    for (const std::string& name : options.buffers) {
        played p = play(name, stream, options);
        const lab::playout_figures& f = p.figures;
        if (table)
            std::printf("%-12s %10.3f %10.1f %10.3f %12llu %14llu %8.1f\n", name.c_str(), 100 * f.concealed_share,
                        f.mean_delay_ms, 100 * f.unheard_share, static_cast<unsigned long long>(f.concealments),
                        static_cast<unsigned long long>(f.interruptions), rating(f));
        document["players"].push_back({{"player", name},
                                       {"made_up_pct", 100 * f.concealed_share},
                                       {"mean_delay_ms", f.mean_delay_ms},
                                       {"unheard_pct", 100 * f.unheard_share},
                                       {"concealments", f.concealments},
                                       {"interruptions", f.interruptions},
                                       {"r_factor", rating(f)}});
        players.push_back(std::move(p));
    }
    if (!options.csv_file.empty()) write_csv(options.csv_file, stream, players);
    if (options.json_file.empty()) return;
    write_json(document, options.json_file);
}

}  // namespace

void add_lab_playout_command(CLI::App& lab) {
    const auto options = std::make_shared<playout_options>();
    CLI::App* command = lab.add_subcommand("playout", "Play a voice stream through different buffers");
    command->footer(
        "Delays are from sending to decoding, above the least delay of the path. R is the E-model's rating of that\n"
        "delay and the share made up, with G.711. Players: voice (voice_playout), hold (slots under the adaptive "
        "law),\n"
        "reference (slots under the reference law), fixed (a fixed delay), clairvoyant (the least any could make up).");
    add_path_options(*command, options->path);
    command->add_option("--buffer", options->buffers, "Who plays; several are separated by commas")
        ->check(CLI::IsMember({"voice", "hold", "reference", "fixed", "clairvoyant"}))
        ->delimiter(',')
        ->capture_default_str();
    command->add_option("--rises", options->rises_per_hour, "Of voice: rises of the delay above playout, per hour")
        ->check(CLI::Range(1, 100'000))
        ->capture_default_str();
    command
        ->add_option("--delay-ms", options->delay_ms,
                     "Mean delay of voice (instead of --rises), fixed and clairvoyant; 0: that of voice")
        ->check(CLI::Range(0.0, 10'000.0))
        ->capture_default_str();
    command->add_option("--warp", options->warp_permille, "How far playing may be stretched, in thousandths")
        ->check(CLI::Range(0, 100))
        ->capture_default_str();
    command->add_option("--csv", options->csv_file, "Write delays of the path and of the players, row by row")
        ->type_name("FILE");
    command->add_option("--json", options->json_file, "Write the figures to FILE as JSON, or - for standard output")
        ->type_name("FILE|-");
    command->callback([options] { run_playout(*options); });
}

}  // namespace cli
}  // namespace v0
}  // namespace duality
