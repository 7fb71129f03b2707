// SPDX-License-Identifier: MIT
#include <CLI/CLI.hpp>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "cli/commands.hpp"
#include "cli/failure.hpp"
#include "live/soak.hpp"

namespace duality {
inline namespace v0 {
namespace cli {
namespace {

using json = nlohmann::ordered_json;

struct soak_command {
    double hours = 0;
    std::int64_t seconds = 0;
    std::int64_t regime_s = 10;
    std::uint64_t seed = 1;
    std::string json_file;
};

std::atomic<bool> interrupted{false};
static_assert(std::atomic<bool>::is_always_lock_free);  // a signal handler may set it

void print_round(const live::soak_round& r) {
    std::printf(
        "%8.3f h  heap %9.3f MB  resident %8.2f MB  descriptors %3lld  released %6.2f %%  delay p50 %6.2f ms p95 "
        "%7.2f ms  overhead %5.2f %%  late p99 %.2f ms\n",
        r.hours, static_cast<double>(r.heap_bytes) / 1e6, static_cast<double>(r.resident_bytes) / 1e6,
        static_cast<long long>(r.descriptors),
        r.sent == 0 ? 0 : 100.0 * static_cast<double>(r.released) / static_cast<double>(r.sent), r.delay_p50.ms(),
        r.delay_p95.ms(), r.overhead_pct, r.lateness_p99.ms());
    std::fflush(stdout);
}

[[nodiscard]] json to_json(const live::soak_round& r) {
    return {{"hours", r.hours},
            {"heap_bytes", r.heap_bytes},
            {"resident_bytes", r.resident_bytes},
            {"descriptors", r.descriptors},
            {"sent", r.sent},
            {"released", r.released},
            {"delay_p50_ms", r.delay_p50.ms()},
            {"delay_p95_ms", r.delay_p95.ms()},
            {"overhead_pct", r.overhead_pct},
            {"lateness_p99_ms", r.lateness_p99.ms()}};
}

[[nodiscard]] json to_json(const live::soak_result& result, const live::soak_limits& limits) {
    json rounds = json::array();
    for (const live::soak_round& r : result.rounds) rounds.push_back(to_json(r));
    return {{"hours", result.length.ms() / 3'600'000},
            {"sent", result.sent},
            {"released", result.released},
            {"repeated", result.repeated},
            {"damaged", result.damaged},
            {"refused", result.refused},
            {"socket_errors", result.socket_errors},
            {"limits",
             {{"heap_bytes", limits.heap_bytes},
              {"resident_bytes", limits.resident_bytes},
              {"descriptors", limits.descriptors},
              {"delay_p50_ms", limits.delay_p50.ms()},
              {"delay_p95_ms", limits.delay_p95.ms()},
              {"overhead_pct", limits.overhead_pct}}},
            {"violations", result.violations},
            {"rounds", rounds}};
}

void run(const soak_command& options) {
    live::soak_options how;
    how.length = options.seconds > 0 ? duration::from_seconds(options.seconds)
                                     : duration::from_ms(static_cast<std::int64_t>(options.hours * 3'600'000));
    how.regime = duration::from_seconds(options.regime_s);
    how.seed = options.seed;
    const live::soak_limits limits;
    for (const int number : {SIGINT, SIGTERM}) (void)std::signal(number, [](int) { interrupted.store(true); });
    std::string error;
    const std::optional<live::soak_result> result = live::soak(how, limits, interrupted, print_round, error);
    if (!result) fail("soak", error);

    std::printf("%llu packets in %.3f h, %llu released, %llu twice, %llu damaged\n",
                static_cast<unsigned long long>(result->sent), result->length.ms() / 3'600'000,
                static_cast<unsigned long long>(result->released), static_cast<unsigned long long>(result->repeated),
                static_cast<unsigned long long>(result->damaged));
    for (const std::string& v : result->violations) std::printf("beyond the limits: %s\n", v.c_str());
    if (!options.json_file.empty()) {
        std::ofstream file{options.json_file};
        file << to_json(*result, limits).dump(2) << '\n';
        if (!file.flush()) fail("soak", "cannot write " + options.json_file);
    }
    if (!result->violations.empty()) throw CLI::RuntimeError{1};
}

}  // namespace

void add_soak_command(CLI::App& app) {
    const auto options = std::make_shared<soak_command>();
    CLI::App* command = app.add_subcommand(
        "soak", "Send for hours over networks that change, and watch memory, file descriptors and delay");
    CLI::Option_group* length = command->add_option_group("length", "For how long");
    length->add_option("--hours", options->hours, "Hours, fractions too")->check(CLI::Range(0.001, 10'000.0));
    length->add_option("--seconds", options->seconds, "Seconds")->check(CLI::Range(1, 86'400));
    length->require_option(1);
    command->add_option("--regime-seconds", options->regime_s, "How long one network lasts; all of them are a round")
        ->check(CLI::Range(1, 3'600))
        ->capture_default_str();
    command->add_option("--seed", options->seed, "Seed of the networks")->capture_default_str();
    command->add_option("--json", options->json_file, "Write the result to FILE")->type_name("FILE");
    command->footer("Exit status: 0 nothing grew beyond the limits, 1 something did");
    command->callback([options] { run(*options); });
}

}  // namespace cli
}  // namespace v0
}  // namespace duality
