// SPDX-License-Identifier: MIT
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "cli/commands.hpp"
#include "cli/failure.hpp"
#include "live/level_b.hpp"

namespace duality {
inline namespace v0 {
namespace cli {
namespace {

namespace fs = std::filesystem;
using json = nlohmann::ordered_json;

constexpr int exit_failed = 1;
constexpr int exit_skipped = 77;  // what CTest takes for skipped

struct live_options {
    std::vector<std::string> scenarios;
    std::string output = "build/live";
    unsigned attempts = 3;
    std::size_t at_once = 4;
    std::string judge;
};

void print_heading() {
    std::printf("%-17s %-31s %5s %5s %8s %7s %9s %13s %13s\n", "scenario", "verdict", "lost", "late", "rebuilt",
                "copied", "late by", "times apart", "triggers apart");
}

void print_row(const live::examined_bundle& b) {
    const json summary = live::to_json(b).at("live");
    std::printf("%-17s %-31s %5d %5d %8d %7d %6.2f ms %10.2f ms %11.2f ms\n", b.declared.id.c_str(),
                std::string{live::to_string(b.judged.outcome)}.c_str(), summary.at("lost").get<int>(),
                summary.at("late").get<int>(), summary.at("rebuilt").get<int>(), summary.at("copied").get<int>(),
                b.found.lateness.ms(), b.judged.worst_elapsed.ms(), b.judged.worst_trigger.ms());
    for (const std::string& reason : b.judged.reasons) std::printf("    %s\n", reason.c_str());
    std::fflush(stdout);
}

/// Nothing that was observed disagrees, but not everything could be observed, or nothing at all: nobody failed or passed.
[[nodiscard]] int exit_status(const std::vector<live::verdict>& verdicts) {
    bool all_passed = true;
    for (const live::verdict v : verdicts) {
        all_passed = all_passed && v == live::verdict::pass;
        if (v != live::verdict::pass && v != live::verdict::insufficient_observability &&
            v != live::verdict::blocked_missing_virtualization)
            return exit_failed;
    }
    return all_passed ? 0 : exit_skipped;
}

[[nodiscard]] int judge(const std::string& folder) {
    const live::examined_bundle bundle = live::examine(folder);
    if (!bundle.error.empty()) fail("live", bundle.error);
    print_heading();
    print_row(bundle);
    return exit_status({bundle.judged.outcome});
}

[[nodiscard]] int run(const live_options& options) {
    std::vector<const live::scenario*> wanted;
    for (const live::scenario& s : live::scenarios())
        if (options.scenarios.empty() || std::ranges::find(options.scenarios, s.id) != options.scenarios.end())
            wanted.push_back(&s);

    live::level_b_options how{.output = options.output,
                              .program = fs::read_symlink("/proc/self/exe"),
                              .attempts = options.attempts,
                              .at_once = options.at_once};
    how.on_verdict = [](const live::examined_bundle& bundle, unsigned) { print_row(bundle); };
    print_heading();
    std::string error;
    const std::vector<live::level_b_result> results = live::run_level_b(wanted, how, error);
    if (!error.empty()) fail("live", error);

    std::vector<live::verdict> verdicts;
    json out = json::array();
    for (const live::level_b_result& r : results) {
        if (!r.bundle.error.empty()) fail("live", r.bundle.error);
        verdicts.push_back(r.bundle.judged.outcome);
        out.push_back(live::to_json(r.bundle));
        out.back()["attempts"] = r.attempts;
    }
    const auto passed = std::ranges::count(verdicts, live::verdict::pass);
    std::printf("%zu of %zu scenarios agree; bundles and results.json in %s\n", static_cast<std::size_t>(passed),
                verdicts.size(), options.output.c_str());
    std::ofstream file{fs::path{options.output} / "results.json"};
    file << out.dump(2) << '\n';
    if (!file.flush()) fail("live", "cannot write " + options.output + "/results.json");
    return exit_status(verdicts);
}

[[nodiscard]] std::string scenarios_text() {
    std::string text = "Scenarios:";
    for (const live::scenario& s : live::scenarios()) {
        std::string name{s.id};
        name.resize(18, ' ');
        text += "\n  " + name + std::string{s.summary};
    }
    return text + "\nExit status: 0 all pass, 77 some could not be observed or no namespaces are here, 1 anything else";
}

}  // namespace

void add_live_command(CLI::App& app) {
    const auto options = std::make_shared<live_options>();
    CLI::App* command =
        app.add_subcommand("live", "Compare lab and live network: scenarios in network namespaces of their own");
    std::vector<std::string> names;
    for (const live::scenario& s : live::scenarios()) names.emplace_back(s.id);
    command->add_option("--scenario", options->scenarios, "These only, see below")->check(CLI::IsMember(names));
    command->add_option("--output", options->output, "Folder for the bundles")->type_name("DIR")->capture_default_str();
    command->add_option("--attempts", options->attempts, "Of a scenario that was not observed well enough")
        ->check(CLI::Range(1, 10))
        ->capture_default_str();
    command->add_option("--at-once", options->at_once, "Scenarios side by side")
        ->check(CLI::Range(1, 16))
        ->capture_default_str();
    command->add_option("--judge", options->judge, "Only judge the bundle in this folder again")->type_name("DIR");
    command->footer(scenarios_text());
    command->callback([options] {
        const int status = options->judge.empty() ? run(*options) : judge(options->judge);
        if (status != 0) throw CLI::RuntimeError{status};
    });
}

}  // namespace cli
}  // namespace v0
}  // namespace duality
