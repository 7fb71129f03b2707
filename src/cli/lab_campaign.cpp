// SPDX-License-Identifier: MIT
//
// `duality lab campaign`: families × seeds × variants × settings on all cores.
#include <CLI/CLI.hpp>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "campaign/campaign.hpp"
#include "campaign/spread.hpp"
#include "cli/commands.hpp"
#include "cli/lab_support.hpp"

namespace duality {
inline namespace v0 {
namespace cli {

namespace {

struct campaign_command {
    std::vector<std::string> families{"all"};
    std::vector<std::string> variants{"all"};
    std::vector<std::string> expected;
    double overhead_max_pct = 10;
    campaign::campaign_plan plan;
    campaign::campaign_options options;
    std::string csv_file;
    std::string json_file;
    std::string html_file;
};

/// "apparent_loss_pct<=0.2"
[[nodiscard]] lab::expectation expectation_of(const std::string& text) {
    const std::size_t sign = text.find("<=");
    lab::expectation out{.figure = text.substr(0, sign)};
    if (sign == std::string::npos) fail_lab("--expect " + text + ": must be FIGURE<=NUMBER");
    const char* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data() + sign + 2, end, out.at_most);
    if (error != std::errc{} || stop != end) fail_lab("--expect " + text + ": the limit is not a number");
    for (const lab::figure_info& figure : lab::figure_table())
        if (figure.name == out.figure) return out;
    std::string known;
    for (const lab::figure_info& figure : lab::figure_table()) known += ' ' + std::string{figure.name};
    fail_lab("--expect " + text + ": no such figure; there are" + known);
}

void print_summary(const campaign::campaign_plan& plan, const campaign::campaign_result& result) {
    std::printf("%-16s %-24s %9s %19s %9s %9s %9s %6s\n", "family", "run", "loss %", "95 % of the mean", "gap ms",
                "miss %", "ovh %", "broken");
    const auto spread_in = [&](std::size_t cell, std::string_view name) {
        std::vector<double> values;
        for (const campaign::campaign_run& run : result.runs[cell])
            values.push_back(run.values[campaign::column_index(name)]);
        return campaign::spread_of(values);
    };
    for (std::size_t i = 0; i < result.cells.size(); ++i) {
        const campaign::spread loss = spread_in(i, "apparent_loss_pct");
        std::size_t broken = 0;
        for (const campaign::campaign_run& run : result.runs[i]) broken += run.broken.empty() ? 0 : 1;
        std::printf("%-16s %-24s %9.3f %8.3f … %8.3f %9.1f %9.3f %9.2f %6zu\n",
                    std::string{lab::describe(result.cells[i].network).name}.c_str(),
                    campaign::cell_label(plan, result.cells[i]).c_str(), loss.mean, loss.low, loss.high,
                    spread_in(i, "longest_gap_ms").mean, spread_in(i, "playout_miss_pct").mean,
                    spread_in(i, "overhead_pct").mean, broken);
    }
}

void tell_bundles(const std::vector<std::string>& bundles) {
    constexpr std::size_t told_max = 10;
    for (std::size_t i = 0; i < std::min(bundles.size(), told_max); ++i)
        std::printf("not as expected: duality lab replay-bundle %s\n", bundles[i].c_str());
    if (bundles.size() > told_max) std::printf("and %zu more\n", bundles.size() - told_max);
}

void run_command(campaign_command& command) {
    campaign::campaign_plan& plan = command.plan;
    plan.families = families_of(command.families);
    plan.variants = variants_of(command.variants);
    plan.overhead_cap_bp = static_cast<std::uint32_t>(std::lround(command.overhead_max_pct * 100));
    for (const std::string& text : command.expected) plan.expected.push_back(expectation_of(text));
    const auto begin = std::chrono::steady_clock::now();
    campaign::campaign_result result;
    {
        progress_counter progress;
        command.options.progress = [&](std::size_t done, std::size_t all) { progress.show(done, all, "networks"); };
        result = campaign::run_campaign(plan, command.options);
    }
    if (!result.error.empty()) fail_lab(result.error);
    if (!result.complete) {
        std::printf("stopped before the end; the same command goes on\n");
        return;
    }
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    if (!command.csv_file.empty()) write_text(campaign::campaign_csv(plan, result), command.csv_file);
    if (!command.json_file.empty()) write_text(campaign::campaign_json(plan, result), command.json_file);
    if (!command.html_file.empty()) write_text(campaign::campaign_html(plan, result), command.html_file);
    if (command.csv_file == "-" || command.json_file == "-") return;
    print_summary(plan, result);
    std::printf("%zu runs in %.1f s\n", result.cells.size() * static_cast<std::size_t>(plan.seeds), took.count());
    tell_bundles(result.bundles);
    if (!result.bundles.empty()) throw CLI::RuntimeError{1};
}

void add_settings(CLI::App& command, campaign_command& c) {
    const auto several = [&](const char* name, auto& values, const CLI::Range& range, const char* help) {
        command.add_option(name, values, help)->check(range)->delimiter(',')->capture_default_str();
    };
    several("--pps", c.plan.packets_per_second, CLI::Range(1, 1000),
            "Packets per second; several, separated by commas");
    several("--rtt-ms", c.plan.rtt_ms, CLI::Range(0.0, 10'000.0), "Round trip of the idle path; 0: the family's own");
    several("--hold-ms", c.plan.hold_ms, CLI::Range(0.0, 1000.0), "Slot after an idle path's arrival, and least hold");
    several("--deadline-ms", c.plan.deadline_ms, CLI::Range(1.0, 10'000.0), "Deadline after an idle path's arrival");
    several("--payload", c.plan.payload, CLI::Range(16, 1200), "Bytes of each application packet");
    command.add_option("--overhead-max", c.overhead_max_pct, "Hard cap of extra bytes, in percent")
        ->check(CLI::Range(0.0, 1000.0))
        ->capture_default_str();
    command.add_option(
        "--expect", c.expected,
        "FIGURE<=NUMBER that every run must keep, such as apparent_loss_pct<=0.2; may be given several times");
}

}  // namespace

void add_lab_campaign_command(CLI::App& lab) {
    const auto options = std::make_shared<campaign_command>();
    campaign_command& c = *options;
    c.options.bundle_folder = "bundles";
    CLI::App* command = lab.add_subcommand("campaign", "Run families, seeds, variants and settings on all cores");
    command->add_option("--family", c.families, "Families of networks; several or all")
        ->check(CLI::IsMember(family_names()))
        ->delimiter(',')
        ->capture_default_str();
    command->add_option("--variant", c.variants, "What protects the flow; several or all")
        ->check(CLI::IsMember(variant_names()))
        ->delimiter(',')
        ->capture_default_str();
    command->add_option("--seeds", c.plan.seeds, "Number of seeds")
        ->check(CLI::Range(1, 100'000))
        ->capture_default_str();
    command->add_option("--first-seed", c.plan.first_seed, "First of them")->capture_default_str();
    command->add_option("--seconds", c.plan.seconds, "Length of each flow")
        ->check(CLI::Range(1, 3600))
        ->capture_default_str();
    add_settings(*command, c);
    command->add_option("--threads", c.options.threads, "Threads; 0: one per core")
        ->check(CLI::Range(0, 256))
        ->capture_default_str();
    command->add_option("--order", c.options.order,
                        "Run the networks in an order drawn from this seed; 0: as they come");
    command->add_option("--stop-after", c.options.units_max, "Stop after so many networks; 0: run all");
    command->add_option("--state", c.options.state_file, "Keep what is finished in FILE and go on from there next time")
        ->type_name("FILE");
    command
        ->add_option("--bundles", c.options.bundle_folder, "Folder for replay bundles of runs that are not as expected")
        ->type_name("FOLDER")
        ->capture_default_str();
    command->add_option("--csv", c.csv_file, "Write one line per run to FILE, or - for standard output")
        ->type_name("FILE|-");
    command
        ->add_option("--service-level", c.plan.level_pct, "Apparent loss, in %, that a monitor watches every run for")
        ->check(CLI::Range(0.0001, 50.0))
        ->capture_default_str();
    command->add_option("--json", c.json_file, "Write plan, means, intervals and spreads to FILE")->type_name("FILE|-");
    command->add_option("--html", c.html_file, "Write a page with plots to FILE")->type_name("FILE");
    command->callback([options] { run_command(*options); });
}

}  // namespace cli
}  // namespace v0
}  // namespace duality
