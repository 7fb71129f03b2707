// SPDX-License-Identifier: MIT
//
// `duality lab`: runs scenarios in virtual time and prints what every packet's fate adds up to.
#include <CLI/CLI.hpp>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cli/commands.hpp"
#include "cli/figures_json.hpp"
#include "cli/lab_support.hpp"
#include "duality/lab/bundle.hpp"
#include "duality/lab/simulation.hpp"

namespace duality {
inline namespace v0 {
namespace cli {

namespace {

using json = nlohmann::ordered_json;

/// Options that `run` and `replay` share.
struct lab_options {
    std::vector<std::string> variants{"dual"};
    double hold_ms = 15;
    double deadline_ms = 100;
    double overhead_max_pct = 10;
    double metered_carry_pct = 50;
    double suspicion_margin_ms = lab::simulation_config{}.suspicion_margin.ms();
    std::uint32_t payload = 400;
    std::string law = "adaptive";
    std::string json_file;
};

struct run_options : lab_options {
    std::vector<std::string> families{"cable_ftth"};
    std::uint64_t seeds = 20;
    std::uint64_t first_seed = 1;
    std::uint32_t seconds = 60;
    std::uint32_t pps = 200;
};

struct replay_options : lab_options {
    std::string trace;
    std::string second_trace;
    bool round_trip = false;
    std::uint32_t pps = 0;
    std::uint64_t seed = 1;
};

/// One finished run and how long it took.
struct finished_run {
    std::string family;
    lab::variant variant{};
    std::uint64_t seed = 0;
    lab::run_result result;
    double wall_ms = 0;
};

[[nodiscard]] lab::simulation_config config_of(const lab_options& options, lab::variant v) {
    lab::simulation_config c;
    c.protection = v;
    c.law = options.law == "reference" ? control_law::reference : control_law::adaptive;
    c.hold = from_ms(options.hold_ms);
    c.deadline = from_ms(options.deadline_ms);
    c.payload = options.payload;
    c.overhead_cap_bp = static_cast<std::uint32_t>(std::lround(options.overhead_max_pct * 100));
    c.metered_budget.carry_bp = static_cast<std::uint32_t>(std::lround(options.metered_carry_pct * 100));
    c.suspicion_margin = from_ms(options.suspicion_margin_ms);
    return c;
}

/// Simulates and times; a configuration out of range ends the command with the field's name.
[[nodiscard]] finished_run simulate(const lab::scenario& network, const lab::simulation_config& config,
                                    std::span<const instant> sends, std::string family, std::uint64_t seed) {
    const auto begin = std::chrono::steady_clock::now();
    result<lab::run_result> run = lab::simulate(network, config, sends);
    if (!run) fail_lab(run.error());
    const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - begin;
    return {std::move(family), config.protection, seed, std::move(run).value(), took.count()};
}

// Output

[[nodiscard]] json to_json(const finished_run& run) {
    const lab::run_result& r = run.result;
    json out;
    out["family"] = run.family;
    out["variant"] = lab::to_string(run.variant);
    out["seed"] = run.seed;
    out.update(figures_json(r.outcome));
    out["framing_pct"] = r.framing.framing_pct;
    out["hot_duplicate_pct"] = r.framing.hot_pct;
    out["suspicions"] = r.alarms.suspicions;
    out["failovers"] = r.alarms.failovers;
    out["false_alarms"] = r.alarms.false_alarms;
    out["event_hash"] = lab::hash_text(r.event_hash);
    out["wall_ms"] = run.wall_ms;
    return out;
}

/// Means under the names of the figures; the spread beside them.
[[nodiscard]] json aggregate_json(std::span<const finished_run> runs) {
    std::vector<lab::figures> outcomes;
    double wall_ms = 0;
    for (const finished_run& run : runs) {
        outcomes.push_back(run.result.outcome);
        wall_ms += run.wall_ms;
    }
    json out;
    json spread;
    out["family"] = runs.front().family;
    out["variant"] = lab::to_string(runs.front().variant);
    out["seeds"] = runs.size();
    for (const lab::figure_summary& s : lab::summarise(outcomes)) {
        out[std::string{s.name}] = s.mean;
        spread[std::string{s.name}] = {{"min", s.min}, {"median", s.median}, {"max", s.max}};
    }
    out["wall_ms"] = wall_ms;
    out["spread"] = spread;
    return out;
}

void print_header() {
    std::printf("%-16s %-8s %5s  %9s %9s %9s %9s %9s %9s %9s %9s %10s\n", "family", "variant", "seeds", "loss %",
                "(max)", "gap ms", "(max)", "miss %", "jit p95", "add p95", "ovh %", "metered kB");
}

void print_row(std::span<const finished_run> runs) {
    const json a = aggregate_json(runs);
    const auto max_of = [&](const char* name) { return a["spread"][name]["max"].get<double>(); };
    const auto mean_of = [&](const char* name) { return a[name].get<double>(); };
    std::printf("%-16s %-8s %5zu  %9.3f %9.3f %9.1f %9.1f %9.3f %9.2f %9.2f %9.2f %10.1f\n",
                runs.front().family.c_str(), std::string{lab::to_string(runs.front().variant)}.c_str(), runs.size(),
                mean_of("apparent_loss_pct"), max_of("apparent_loss_pct"), mean_of("longest_gap_ms"),
                max_of("longest_gap_ms"), mean_of("playout_miss_pct"), mean_of("jitter_p95_ms"),
                mean_of("added_delay_p95_ms"), mean_of("overhead_pct"), mean_of("metered_bytes") / 1000);
}

/// Prints or writes groups of runs, one group per family and variant.
void finish(const lab_options& options, const json& settings, const std::vector<std::vector<finished_run>>& groups) {
    if (options.json_file != "-") {
        print_header();
        for (const std::vector<finished_run>& group : groups) print_row(group);
    }
    if (options.json_file.empty()) return;
    json document;
    document["settings"] = settings;
    document["runs"] = json::array();
    for (const std::vector<finished_run>& group : groups)
        for (const finished_run& run : group) document["runs"].push_back(to_json(run));
    if (groups.size() == 1) {
        document["aggregate"] = aggregate_json(groups.front());
    } else {
        document["aggregates"] = json::array();
        for (const std::vector<finished_run>& group : groups) document["aggregates"].push_back(aggregate_json(group));
    }
    write_json(document, options.json_file);
}

[[nodiscard]] json settings_of(const lab_options& options) {
    return {{"hold_ms", options.hold_ms},
            {"deadline_ms", options.deadline_ms},
            {"overhead_max_pct", options.overhead_max_pct},
            {"payload", options.payload},
            {"law", options.law}};
}

// Commands

void run(const run_options& options) {
    const std::vector<lab::family> families = families_of(options.families);
    const std::vector<lab::variant> variants = variants_of(options.variants);
    progress_line progress{families.size() * variants.size() * options.seeds};
    std::vector<std::vector<finished_run>> groups;
    for (const lab::family family : families) {
        const std::string name{lab::describe(family).name};
        for (const lab::variant v : variants) {
            std::vector<finished_run>& group = groups.emplace_back();
            for (std::uint64_t i = 0; i < options.seeds; ++i) {
                const std::uint64_t seed = options.first_seed + i;
                const lab::scenario network =
                    lab::make_scenario(family, seed, duration::from_seconds(options.seconds), options.pps);
                group.push_back(simulate(network, config_of(options, v), {}, name, seed));
                progress.step(name);
            }
        }
    }
    json settings = settings_of(options);
    settings["seconds"] = options.seconds;
    settings["pps"] = options.pps;
    finish(options, settings, groups);
}

void replay(const replay_options& options) {
    const lab::trace primary = load_lab_trace(options.trace, options.round_trip);
    lab::trace second;
    if (!options.second_trace.empty()) second = load_lab_trace(options.second_trace, options.round_trip);
    result<lab::scenario> network =
        lab::replay_scenario(primary, options.second_trace.empty() ? nullptr : &second, options.seed);
    if (!network) fail_lab(options.trace + ": " + std::string{to_string(network.code())});
    const std::vector<instant> sends = send_times(primary, options.pps);
    const std::vector<lab::variant> variants = variants_of(options.variants);
    progress_line progress{variants.size()};
    std::vector<std::vector<finished_run>> groups;
    for (const lab::variant v : variants) {
        groups.emplace_back().push_back(simulate(*network, config_of(options, v), sends, "trace", options.seed));
        progress.step(lab::to_string(v));
    }
    json settings = settings_of(options);
    settings["trace"] = options.trace;
    settings["second_trace"] = options.second_trace;
    settings["round_trip"] = options.round_trip;
    settings["pps"] = options.pps;
    finish(options, settings, groups);
}

void add_shared_options(CLI::App& command, lab_options& options) {
    command.add_option("--variant", options.variants, "What protects the flow; several or all at once")
        ->check(CLI::IsMember(variant_names()))
        ->delimiter(',')
        ->capture_default_str();
    command.add_option("--hold-ms", options.hold_ms, "Slot after an idle path's arrival, and least hold")
        ->check(CLI::Range(0.0, 1000.0))
        ->capture_default_str();
    command.add_option("--deadline-ms", options.deadline_ms, "Deadline after an idle path's arrival")
        ->check(CLI::Range(1.0, 10'000.0))
        ->capture_default_str();
    command.add_option("--overhead-max", options.overhead_max_pct, "Hard cap of extra bytes, in percent")
        ->check(CLI::Range(0.0, 1000.0))
        ->capture_default_str();
    command
        .add_option("--metered-carry", options.metered_carry_pct,
                    "Of the second path's bytes, in percent, what carrying the flow of an unsteady path may use up")
        ->check(CLI::Range(0.0, 100.0))
        ->capture_default_str();
    command
        .add_option("--suspicion-margin-ms", options.suspicion_margin_ms,
                    "A path is suspect when it is silent this much longer than it is used to")
        ->check(CLI::Range(1.0, 1000.0))
        ->capture_default_str();
    command.add_option("--payload", options.payload, "Bytes of each application packet")
        ->check(CLI::Range(16, 1200))
        ->capture_default_str();
    command.add_option("--law", options.law, "Control law")
        ->check(CLI::IsMember({"adaptive", "reference"}))
        ->capture_default_str();
    command.add_option("--json", options.json_file, "Write results to FILE as JSON, or - for standard output")
        ->type_name("FILE|-");
}

}  // namespace

void add_lab_command(CLI::App& app) {
    CLI::App* lab = app.add_subcommand("lab", "Simulate flows over bad networks in virtual time");
    lab->require_subcommand(1);

    const auto running = std::make_shared<run_options>();
    CLI::App* run_command = lab->add_subcommand("run", "Run a family of networks over several seeds");
    run_command->add_option("--family", running->families, "Family of networks; several or all at once")
        ->check(CLI::IsMember(family_names()))
        ->delimiter(',')
        ->capture_default_str();
    run_command->add_option("--seeds", running->seeds, "Number of seeds")
        ->check(CLI::Range(1, 100'000))
        ->capture_default_str();
    run_command->add_option("--first-seed", running->first_seed, "First of them")->capture_default_str();
    run_command->add_option("--seconds", running->seconds, "Length of the flow")
        ->check(CLI::Range(1, 3600))
        ->capture_default_str();
    run_command->add_option("--pps", running->pps, "Packets per second")
        ->check(CLI::Range(1, 1000))
        ->capture_default_str();
    add_shared_options(*run_command, *running);
    run_command->callback([running] { run(*running); });

    const auto replaying = std::make_shared<replay_options>();
    CLI::App* replay_command = lab->add_subcommand("replay", "Run a flow over recorded paths");
    replay_command
        ->add_option("--trace", replaying->trace,
                     "Recorded primary path: CSV, may be gzip; FILE:CARRIER[@N] where a file has several")
        ->required();
    replay_command->add_option("--second-trace", replaying->second_trace,
                               "Recorded second path; without it the families' metered path is used");
    replay_command->add_flag("--rtt", replaying->round_trip, "The traces' delays are round trips: half each way");
    replay_command->add_option("--pps", replaying->pps, "Packets per second; 0: the trace's own send times")
        ->check(CLI::Range(0, 1000))
        ->capture_default_str();
    replay_command->add_option("--seed", replaying->seed, "Seed of the generated second path")->capture_default_str();
    add_shared_options(*replay_command, *replaying);
    replay_command->callback([replaying] { replay(*replaying); });

    add_lab_bundle_commands(*lab);
    add_lab_campaign_command(*lab);
    add_lab_compare_command(*lab);
    add_lab_detect_command(*lab);
    add_lab_laws_command(*lab);
    add_lab_outage_command(*lab);
    add_lab_playout_command(*lab);
}

}  // namespace cli
}  // namespace v0
}  // namespace duality
