// SPDX-License-Identifier: MIT
//
// `duality lab laws`: the adaptive control law beside the reference law, on the same networks.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cli/commands.hpp"
#include "cli/lab_support.hpp"
#include "duality/lab/simulation.hpp"

namespace duality {
inline namespace v0 {
namespace cli {

namespace {

using json = nlohmann::ordered_json;

struct laws_options {
    std::vector<std::string> families{"all"};
    std::vector<std::string> traces;
    std::vector<std::string> round_trip_traces;
    std::vector<std::string> variants{"single", "dual"};
    std::uint64_t first_seed = 1;
    std::uint64_t seeds = 20;
    std::uint64_t second_paths = 5;
    std::uint32_t seconds = 60;
    std::uint32_t pps = 0;
    std::string json_file;
};

/// What the laws are compared by; means over the runs.
struct outcome {
    double loss_pct = 0;
    double miss_pct = 0;
    double added_p95_ms = 0;
    double overhead_pct = 0;
    double metered_kb = 0;

    void add(const lab::figures& f, double weight) noexcept {
        loss_pct += f.apparent_loss_pct * weight;
        miss_pct += f.playout_miss_pct * weight;
        added_p95_ms += f.added_delay_p95_ms * weight;
        overhead_pct += f.overhead_pct * weight;
        metered_kb += static_cast<double>(f.metered_bytes) / 1'000 * weight;
    }
};

struct comparison {
    std::string network;
    lab::variant protection{};
    outcome reference;
    outcome adaptive;

    /// Equal within what rounding the table to its digits can tell apart.
    static constexpr double same = 0.005;
    [[nodiscard]] const char* verdict() const noexcept {
        if (adaptive.loss_pct > reference.loss_pct + same) return "more loss";
        if (adaptive.added_p95_ms > reference.added_p95_ms + 10 * same) return "more delay";
        if (adaptive.overhead_pct > reference.overhead_pct + same)
            return adaptive.loss_pct < reference.loss_pct - same ? "less loss, more overhead" : "more overhead";
        return adaptive.loss_pct < reference.loss_pct - same ? "better" : "equal loss";
    }
};

[[nodiscard]] lab::figures simulate(const lab::scenario& network, lab::variant protection, control_law law,
                                    std::span<const instant> sends) {
    lab::simulation_config config;
    config.protection = protection;
    config.law = law;
    result<lab::run_result> run = lab::simulate(network, config, sends);
    if (!run) fail_lab(std::string{to_string(run.code())});
    return run->outcome;
}

/// Adds one network to the comparison, `weight` of all its runs.
void add_run(comparison& c, const lab::scenario& network, std::span<const instant> sends, double weight) {
    c.reference.add(simulate(network, c.protection, control_law::reference, sends), weight);
    c.adaptive.add(simulate(network, c.protection, control_law::adaptive, sends), weight);
}

[[nodiscard]] comparison compare_family(const lab::family_info& family, lab::variant v, const laws_options& options) {
    comparison c{std::string{family.name}, v, {}, {}};
    const double weight = 1.0 / static_cast<double>(options.seeds);
    const std::uint32_t pps = options.pps == 0 ? 200 : options.pps;
    for (std::uint64_t seed = options.first_seed; seed < options.first_seed + options.seeds; ++seed)
        add_run(c, lab::make_scenario(family.id, seed, duration::from_seconds(options.seconds), pps), {}, weight);
    return c;
}

/// A recorded path with a simulated second one, of several seeds where the second one carries anything.
[[nodiscard]] comparison compare_trace(const std::string& source, bool round_trip, lab::variant v,
                                       const laws_options& options) {
    const lab::trace recorded = load_lab_trace(source, round_trip);
    const std::vector<instant> sends = send_times(recorded, options.pps);
    const std::size_t folder = source.find_last_of('/');
    comparison c{folder == std::string::npos ? source : source.substr(folder + 1), v, {}, {}};
    const bool two_paths = v == lab::variant::dual || v == lab::variant::hot;
    const std::uint64_t runs = two_paths ? options.second_paths : 1;
    for (std::uint64_t seed = options.first_seed; seed < options.first_seed + runs; ++seed) {
        result<lab::scenario> network = lab::replay_scenario(recorded, nullptr, seed);
        if (!network) fail_lab(source + ": " + std::string{to_string(network.code())});
        add_run(c, *network, sends, 1.0 / static_cast<double>(runs));
    }
    return c;
}

void print_header() {
    std::printf("%-40s %-8s %19s %19s %19s %19s\n", "", "", "apparent loss %", "added p95 ms", "overhead %",
                "playout miss %");
    std::printf("%-40s %-8s", "network", "variant");
    for (int i = 0; i < 4; ++i) std::printf(" %9s %9s", "reference", "adaptive");
    std::printf("\n");
}

void print_row(const comparison& c) {
    const auto pair = [](double reference, double adaptive) { std::printf(" %9.3f %9.3f", reference, adaptive); };
    std::printf("%-40s %-8s", c.network.c_str(), std::string{lab::to_string(c.protection)}.c_str());
    pair(c.reference.loss_pct, c.adaptive.loss_pct);
    pair(c.reference.added_p95_ms, c.adaptive.added_p95_ms);
    pair(c.reference.overhead_pct, c.adaptive.overhead_pct);
    pair(c.reference.miss_pct, c.adaptive.miss_pct);
    std::printf("  %s\n", c.verdict());
    std::fflush(stdout);
}

[[nodiscard]] json to_json(const outcome& o) {
    return {{"apparent_loss_pct", o.loss_pct},
            {"playout_miss_pct", o.miss_pct},
            {"added_delay_p95_ms", o.added_p95_ms},
            {"overhead_pct", o.overhead_pct},
            {"metered_kb", o.metered_kb}};
}

void run_laws(const laws_options& options) {
    std::vector<lab::variant> variants;
    for (const std::string& name : options.variants) variants.push_back(*lab::find_variant(name));
    std::vector<comparison> rows;
    const bool show = options.json_file != "-";
    if (show) print_header();
    const auto add = [&](comparison c) {
        if (show) print_row(c);
        rows.push_back(std::move(c));
    };
    for (const lab::family_info& family : lab::families())
        for (const std::string& wanted : options.families)
            if (wanted == "all" || wanted == family.name)
                for (const lab::variant v : variants) add(compare_family(family, v, options));
    for (const std::string& source : options.traces)
        for (const lab::variant v : variants) add(compare_trace(source, false, v, options));
    for (const std::string& source : options.round_trip_traces)
        for (const lab::variant v : variants) add(compare_trace(source, true, v, options));

    if (options.json_file.empty()) return;
    json document;
    document["first_seed"] = options.first_seed;
    document["seeds"] = options.seeds;
    document["second_paths"] = options.second_paths;
    document["seconds"] = options.seconds;
    document["rows"] = json::array();
    for (const comparison& c : rows)
        document["rows"].push_back({{"network", c.network},
                                    {"variant", lab::to_string(c.protection)},
                                    {"reference", to_json(c.reference)},
                                    {"adaptive", to_json(c.adaptive)},
                                    {"verdict", c.verdict()}});
    write_json(document, options.json_file);
}

}  // namespace

void add_lab_laws_command(CLI::App& lab) {
    const auto options = std::make_shared<laws_options>();
    CLI::App* command = lab.add_subcommand("laws", "Compare the adaptive control law with the reference law");
    std::vector<std::string> families{"all", "none"};
    for (const lab::family_info& f : lab::families()) families.emplace_back(f.name);
    std::vector<std::string> variants;
    for (const lab::variant v : lab::all_variants)
        if (v != lab::variant::baseline) variants.emplace_back(lab::to_string(v));

    command->add_option("--family", options->families, "Families of networks; several, all or none")
        ->check(CLI::IsMember(families))
        ->delimiter(',')
        ->capture_default_str();
    command->add_option("--trace", options->traces, "Recorded one-way paths beside them; several")->type_name("FILE");
    command->add_option("--rtt-trace", options->round_trip_traces, "Recorded round trips: half each way; several")
        ->type_name("FILE");
    command->add_option("--variant", options->variants, "What protects the flow; several at once")
        ->check(CLI::IsMember(variants))
        ->delimiter(',')
        ->capture_default_str();
    command->add_option("--first-seed", options->first_seed, "First seed of families and second paths")
        ->capture_default_str();
    command->add_option("--second-paths", options->second_paths, "Simulated second paths beside each recorded one")
        ->check(CLI::Range(1, 100))
        ->capture_default_str();
    command->add_option("--pps", options->pps, "Packets per second; 0: 200, and a recorded path's own times")
        ->check(CLI::Range(0, 1000))
        ->capture_default_str();
    command->add_option("--seeds", options->seeds, "Number of seeds of each family")
        ->check(CLI::Range(1, 100'000))
        ->capture_default_str();
    command->add_option("--seconds", options->seconds, "Length of each family's flow")
        ->check(CLI::Range(1, 3600))
        ->capture_default_str();
    command->add_option("--json", options->json_file, "Write the table to FILE as JSON, or - for standard output")
        ->type_name("FILE|-");
    command->callback([options] { run_laws(*options); });
}

}  // namespace cli
}  // namespace v0
}  // namespace duality
