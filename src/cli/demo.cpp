// SPDX-License-Identifier: MIT
//
// `duality demo`: a recorded voice crosses a bad network, unprotected and protected at the same time, and what arrives
// is measured, plotted and can be heard.
#include <sys/ioctl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "cli/commands.hpp"
#include "cli/failure.hpp"
#include "cli/figures_json.hpp"
#include "cli/report.hpp"
#include "duality/secure_datagram.hpp"
#include "io/demo_network.hpp"
#include "io/live_run.hpp"
#include "io/recording_file.hpp"
#include "io/voice.hpp"

#if defined DUALITY_MASQUE
#include "relay/live_tunnel.hpp"
#endif

namespace duality {
inline namespace v0 {
namespace cli {
namespace {

using json = nlohmann::ordered_json;

constexpr std::int64_t seconds_max = 300;  // an RTP sequence number has 16 bits, and the flow 200 packets/s

struct demo_options {
    std::string family{io::demo_network_name};
    std::uint64_t seed = 52;  ///< outages of 174 to 366 ms at 2.8, 8.2, 13.3 and 16.8 s: well spread over the call
    std::int64_t seconds = 20;
    int bit_rate_kbps = 256;
    std::string output = "build/demo";
    bool no_report = false;
    bool bare = false;
    bool sealed = false;
    std::string psk_file;
    std::string json_file;
    std::string record;
};

/// What the protected calls travel by; empty: sessions on bare UDP sockets.
[[nodiscard]] io::live_carrier_factory carrier_of([[maybe_unused]] const demo_options& options) {
#if defined DUALITY_MASQUE
    if (!options.bare) return io::live_tunnels();
#endif
    return {};
}

[[nodiscard]] lab::scenario network_of(const demo_options& options) {
    const duration length = duration::from_seconds(options.seconds);
    if (options.family == io::demo_network_name) return io::demo_network(options.seed, length, io::voice_frame);
    const std::optional<lab::family> id = lab::find_family(options.family);  // checked by the parser
    return lab::make_scenario(*id, options.seed, length,
                              static_cast<std::uint32_t>(duration::from_seconds(1).ns() / io::voice_frame.ns()));
}

/// What seals the datagrams: the file's bytes, or a key for this run alone; empty when they are not sealed.
[[nodiscard]] std::vector<std::uint8_t> key_of(const demo_options& options) {
    std::vector<std::uint8_t> key(32);
    if (!options.sealed && options.psk_file.empty()) return {};
    if (options.psk_file.empty()) {
        const entropy_source entropy = entropy_source::system();
        if (!entropy.fill(entropy.user, key)) fail("demo", "no randomness for a key");
        return key;
    }
    std::ifstream in{options.psk_file, std::ios::binary};
    key.assign(std::istreambuf_iterator<char>{in}, {});
    const field_bounds& size = *secure_channel::bounds("psk");
    if (!in || key.size() < static_cast<std::size_t>(size.low) || key.size() > static_cast<std::size_t>(size.high))
        fail("demo", options.psk_file + " must have " + std::to_string(size.low) + " to " + std::to_string(size.high) +
                         " bytes");
    return key;
}

/// Before the long run rather than after it.
void check_writable(const std::string& folder) {
    std::error_code error;
    std::filesystem::create_directories(folder, error);
    if (error) fail("demo", "cannot create " + folder + ": " + error.message());
    if (::access(folder.c_str(), W_OK | X_OK) != 0) fail("demo", "cannot write into " + folder);
}

// While it runs

[[nodiscard]] std::string describe(const io::live_progress& now, std::int64_t seconds) {
    char text[64];
    const double elapsed = std::clamp(now.elapsed.ms() / 1000, 0.0, static_cast<double>(seconds));
    std::snprintf(text, sizeof text, "%4.1f/%lld s  received/lost:", elapsed, static_cast<long long>(seconds));
    std::string line = text;
    for (const io::live_progress::flow& f : now.flows)
        line += " " + std::string{lab::to_string(f.variant)} + " " + std::to_string(f.received) + "/" +
                std::to_string(f.lost) + " ";
    line += now.in_outage[0] ? "| primary OUT" : "| primary up";
    const io::live_progress::flow& last = now.flows.back();
    const bool moved = last.paths[0] != path_state::active && last.paths[1] == path_state::active;
    if (last.variant == lab::variant::dual && moved) line += " -> second path";
    return line;
}

/// Columns of the terminal behind standard error; 0 when there is none.
[[nodiscard]] std::size_t terminal_width() noexcept {
    winsize size{};
    if (isatty(STDERR_FILENO) != 1) return 0;
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

/// One line that is written over, or a plain line now and then where nobody watches.
void watch(io::live_run& run, std::int64_t seconds) {
    using namespace std::chrono_literals;
    const bool is_terminal = terminal_width() > 0;
    const auto pause = is_terminal ? 100ms : 5'000ms;
    for (auto next = std::chrono::steady_clock::now() + pause;; next += pause) {
        while (!run.finished() && std::chrono::steady_clock::now() < next) std::this_thread::sleep_for(20ms);
        if (run.finished()) break;
        const std::string line = describe(run.progress(), seconds);
        if (is_terminal)
            std::fprintf(stderr, "\r\033[K%s", line.substr(0, terminal_width() - 1).c_str());
        else
            std::fprintf(stderr, "%s\n", line.c_str());
    }
    if (is_terminal) std::fputs("\r\033[K", stderr);
}

// Afterwards

void print_table(std::FILE* to, const io::live_result& result) {
    std::fprintf(to, "\n%-9s %13s %11s %10s %12s %15s %10s %10s %10s %10s\n", "variant", "apparent loss", "longest gap",
                 "jitter p95", "playout miss", "added delay p95", "overhead", "framing", "transport", "metered");
    for (const io::live_flow& flow : result.flows) {
        const lab::figures& f = flow.outcome;
        std::fprintf(to, "%-9s %11.3f %% %8.1f ms %7.2f ms %10.2f %% %12.2f ms %8.2f %% %8.2f %% %8.2f %% %7.1f kB\n",
                     std::string{lab::to_string(flow.variant)}.c_str(), f.apparent_loss_pct, f.longest_gap_ms,
                     f.jitter_p95_ms, f.playout_miss_pct, f.added_delay_p95_ms, f.overhead_pct,
                     flow.framing.framing_pct, flow.transport_pct(), static_cast<double>(f.metered_bytes) / 1000);
    }
    const io::live_timers& t = result.timers;
    std::fprintf(to,
                 "\nLateness of the threads, p99 and at most: sender %.2f and %.2f ms, sessions %.2f and %.2f ms, "
                 "network %.2f and %.2f ms.\n",
                 t.sender.p99.ms(), t.sender.most.ms(), t.endpoints.p99.ms(), t.endpoints.most.ms(), t.network.p99.ms(),
                 t.network.most.ms());
    if (t.excessive())
        std::fputs("This machine was too busy to keep time: the figures above are not to be trusted. Run it again.\n",
                   to);
}

[[nodiscard]] json lateness_json(const io::live_lateness& l) {
    return {{"p50_ms", l.p50.ms()}, {"p99_ms", l.p99.ms()}, {"max_ms", l.most.ms()}};
}

[[nodiscard]] json outages_json(const lab::link& link, duration length) {
    json out = json::array();
    for (const lab::outage& o : link.outages())
        if (o.begin < instant{} + length)
            out.push_back({{"begin_ms", (o.begin - instant{}).ms()}, {"end_ms", (o.end - instant{}).ms()}});
    return out;
}

/// What one end sent, in bytes with IP and UDP headers.
[[nodiscard]] json sent_json(const sender_statistics& s) {
    return {{"source", s.source.bytes},          {"framing", s.framing_bytes}, {"parity", s.parity.bytes},
            {"reactive", s.reactive.bytes},      {"copies", s.copies.bytes},   {"control", s.control.bytes},
            {"refused_by_cap", s.refused_by_cap}};
}

[[nodiscard]] json result_json(const demo_options& options, const io::live_run_config& config,
                               const io::live_result& result, double wall_ms) {
    json out;
    out["settings"] = {{"family", options.family},
                       {"seed", options.seed},
                       {"seconds", options.seconds},
                       {"pps", duration::from_seconds(1).ns() / io::voice_frame.ns()},
                       {"payload", config.packets.front().size()},
                       {"hold_ms", config.rules.hold.ms()},
                       {"deadline_ms", config.rules.deadline.ms()},
                       {"overhead_max_pct", config.rules.overhead_cap_bp / 100.0},
                       {"carrier", config.carrier ? "tunnel" : "udp"}};
    out["outages"] = {{"primary", outages_json(config.network.primary.forward, result.length)},
                      {"second", outages_json(config.network.second.forward, result.length)}};
    out["timers"] = {{"sender", lateness_json(result.timers.sender)},
                     {"sessions", lateness_json(result.timers.endpoints)},
                     {"network", lateness_json(result.timers.network)},
                     {"excessive", result.timers.excessive()}};
    out["runs"] = json::array();
    for (const io::live_flow& flow : result.flows) {
        json run;
        run["family"] = options.family;
        run["variant"] = lab::to_string(flow.variant);
        run["seed"] = options.seed;
        run.update(figures_json(flow.outcome));
        run["framing_pct"] = flow.framing.framing_pct;
        run["transport_pct"] = flow.transport_pct();
        run["useful_bytes"] = flow.bytes.useful;
        run["extra_bytes"] = flow.bytes.extra;
        run["wire_bytes"] = flow.on_the_wire;
        run["transport_bytes"] = flow.transport_bytes;
        run["sent_bytes"] = {{"near", sent_json(flow.near.sender)}, {"far", sent_json(flow.far.sender)}};
        run["socket_errors"] = flow.socket_errors;
        run["damaged"] = flow.damaged;
        run["repeated"] = flow.repeated;
        run["wall_ms"] = wall_ms;
        out["runs"].push_back(run);
    }
    return out;
}

/// What a listener hears whose player waits for a packet until its deadline.
[[nodiscard]] std::vector<float> heard(const io::live_run_config& config, const io::live_flow& flow) {
    std::vector<bool> present;
    for (const lab::packet_record& p : flow.packets)
        present.push_back(!p.released.is_never() && p.released <= p.sent + p.baseline + config.rules.deadline);
    io::voice_samples voice = io::decode_voice(config.packets, present);
    if (!voice.error.empty()) fail("demo", voice.error);
    return std::move(voice.samples);
}

/// The sound of every variant beside the report that plots them.
void write_report(const demo_options& options, const io::live_run_config& config, const io::live_result& result) {
    report_content content{options.family, options.seed, config, result, {}};
    for (const io::live_flow& flow : result.flows) {
        const std::string name{lab::to_string(flow.variant)};
        const std::vector<float> samples = heard(config, flow);
        if (const std::string error = io::write_wav(options.output + "/" + name + ".wav", samples); !error.empty())
            fail("demo", error);
        content.sounds.push_back({name + ".wav", io::ogg_opus(samples)});
    }
    const std::string file = options.output + "/report.html";
    std::ofstream out{file};
    out << render_report(content);
    if (!out.flush()) fail("demo", "cannot write " + file);
}

/// One recording per session.
void write_recordings(const std::string& folder, const io::live_result& result) {
    for (const io::live_flow& flow : result.flows) {
        const std::string name = folder + "/" + std::string{lab::to_string(flow.variant)};
        for (const auto& [end, bytes] :
             {std::pair{"-near.rec", &flow.near_recording}, {"-far.rec", &flow.far_recording}}) {
            if (bytes->empty()) continue;
            if (const std::string error = io::write_recording(name + end, *bytes); !error.empty()) fail("demo", error);
        }
    }
}

void run(const demo_options& options) {
    const auto begin = std::chrono::steady_clock::now();
    if (!options.no_report) check_writable(options.output);
    if (!options.record.empty()) check_writable(options.record);
    const bool json_to_stdout = options.json_file == "-";
    std::ofstream json_out;
    if (!options.json_file.empty() && !json_to_stdout) {
        json_out.open(options.json_file);
        if (!json_out) fail("demo", "cannot write " + options.json_file);
    }
    const io::voice_samples voice = io::load_voice(duration::from_seconds(options.seconds));
    if (!voice.error.empty()) fail("demo", voice.error);
    io::voice_packets call = io::encode_voice(voice.samples, options.bit_rate_kbps * 1000);
    if (!call.error.empty()) fail("demo", call.error);

    const io::live_run_config config{.network = network_of(options),
                                     .variants = {lab::variant::baseline, lab::variant::single, lab::variant::dual},
                                     .packets = std::move(call.packets),
                                     .psk = key_of(options),
                                     .record = !options.record.empty(),
                                     .notes = {{"seed", std::to_string(options.seed)}},
                                     .carrier = carrier_of(options)};
    const char* const way = config.carrier ? "through tunnel and relay (QUIC)" : "by a session at each end (UDP)";
    std::fprintf(stderr,
                 "A voice call of %lld s, 200 packets/s of %zu bytes, over network '%s' (seed %llu), three times at "
                 "once:\n  baseline  as it is\n  single    protected %s, on one path\n  dual      protected %s, "
                 "with a metered second path\n",
                 static_cast<long long>(options.seconds), config.packets.front().size(), options.family.c_str(),
                 static_cast<unsigned long long>(options.seed), way, way);
    std::string error;
    const std::unique_ptr<io::live_run> live = io::live_run::start(config, error);
    if (!live) fail("demo", error);
    watch(*live, options.seconds);
    const io::live_result result = live->finish();

    print_table(json_to_stdout ? stderr : stdout, result);
    if (!options.json_file.empty()) {
        const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - begin;
        std::ostream& out = json_to_stdout ? std::cout : json_out;
        out << result_json(options, config, result, took.count()).dump(2) << '\n';
        if (!out.flush()) fail("demo", "cannot write " + options.json_file);
    }
    if (!options.record.empty()) write_recordings(options.record, result);
    if (options.no_report) return;
    write_report(options, config, result);
    std::fprintf(stderr, "Plots and sound: %s/report.html\n", options.output.c_str());
}

[[nodiscard]] std::vector<std::string> demo_network_names() {
    std::vector<std::string> out{std::string{io::demo_network_name}};
    for (const lab::family_info& f : lab::families()) out.emplace_back(f.name);
    return out;
}

[[nodiscard]] std::string demo_networks_text() {
    std::string text = "Networks:";
    const auto line = [&text](std::string_view name, std::string_view summary) {
        std::string padded{name};
        padded.resize(17, ' ');
        text += "\n  " + padded + std::string{summary};
    };
    line(io::demo_network_name, io::demo_network_summary);
    for (const lab::family_info& info : lab::families()) line(info.name, info.summary);
    return text;
}

}  // namespace

void add_demo_command(CLI::App& app) {
    const auto options = std::make_shared<demo_options>();
    CLI::App* command = app.add_subcommand("demo", "Send a voice call over a bad network, unprotected and protected");
    command->add_option("--family", options->family, "The network, see below")
        ->check(CLI::IsMember(demo_network_names()))
        ->capture_default_str();
    command->add_option("--seed", options->seed, "Seed of the network")->capture_default_str();
    command->add_option("--seconds", options->seconds, "Length of the call")
        ->check(CLI::Range(std::int64_t{1}, seconds_max))
        ->capture_default_str();
    command->add_option("--bit-rate", options->bit_rate_kbps, "Of the voice, in kbit/s")
        ->check(CLI::Range(16, 510))
        ->capture_default_str();
    command->add_option("--output", options->output, "Folder for the report and the sound")
        ->type_name("DIR")
        ->capture_default_str();
    CLI::Option* const bare = command->add_flag(
        "--bare", options->bare, "Protect by a session at each end of bare UDP, without tunnel and relay");
    command
        ->add_flag("--sealed", options->sealed,
                   "With --bare: encrypt and authenticate what crosses the network, with a random key")
        ->needs(bare);
    command->add_option("--psk-file", options->psk_file, "The same, with the 16 to 64 bytes of this file as key")
        ->check(CLI::ExistingFile)
        ->needs(bare);
    command
        ->add_option("--record", options->record,
                     "With --bare: folder for a recording of every session, for `duality replay`")
        ->type_name("DIR")
        ->needs(bare);
    command->add_flag("--no-report", options->no_report, "Write neither report nor sound");
    command->add_option("--json", options->json_file, "Write results to FILE as JSON, or - for standard output")
        ->type_name("FILE|-");
    command->footer(demo_networks_text());
    command->callback([options] { run(*options); });
}

}  // namespace cli
}  // namespace v0
}  // namespace duality
