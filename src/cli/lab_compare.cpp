// SPDX-License-Identifier: MIT
//
// `duality lab compare`: our variants beside what a user would pick instead, over the same networks and under the same
// judge, and what is asked of them beside what they do.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdio>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "cli/commands.hpp"
#include "cli/comparison.hpp"
#include "cli/figures_json.hpp"
#include "cli/lab_support.hpp"

namespace duality {
inline namespace v0 {
namespace cli {

namespace {

using json = nlohmann::ordered_json;

constexpr std::uint32_t ip_udp_bytes = 28;

struct compare_options {
    std::vector<std::string> families{"all"};
    std::vector<std::string> traces;
    std::string second_trace;
    bool round_trip = false;
    std::uint64_t seeds = 20;
    std::uint64_t first_seed = 1;
    std::uint32_t seconds = 60;
    std::uint32_t pps = 200;
    double hold_ms = 15;
    double deadline_ms = 100;
    double suspicion_margin_ms = lab::simulation_config{}.suspicion_margin.ms();
    std::uint32_t payload = 400;
    std::uint32_t threads = 0;
    std::string json_file;
    std::string csv_file;
    std::string plot_file;
};

/// One realisation of a network to be run by every contender.
struct job {
    std::size_t network = 0;
    std::size_t place = 0;  ///< among the network's seeds
    std::uint64_t seed = 0;
    lab::family family{};
    const lab::trace* primary = nullptr;  ///< instead of the family
    const lab::trace* second = nullptr;   ///< or none
};

class comparison_run {
public:
    explicit comparison_run(const compare_options& options) : options_{options} {
        config_.hold = from_ms(options.hold_ms);
        config_.deadline = from_ms(options.deadline_ms);
        config_.suspicion_margin = from_ms(options.suspicion_margin_ms);
        config_.payload = options.payload;
        config_.keep_packets = config_.keep_datagrams = true;
        if (const config_check check = lab::check_simulation(config_); !check.ok()) fail_lab(check.error());
        rules_.hold = config_.hold;
        rules_.deadline = config_.deadline;
        add_jobs();
    }

    /// The jobs are shared out to threads; every result has its own place, so their order does not show.
    [[nodiscard]] std::vector<compared_network> run() {
        std::atomic<std::size_t> next{0};
        std::atomic<std::size_t> done{0};
        const auto work = [&] {
            for (std::size_t i = next++; i < jobs_.size(); i = next++) {
                execute(jobs_[i]);
                ++done;
            }
        };
        const std::size_t wanted = options_.threads > 0 ? options_.threads : std::thread::hardware_concurrency();
        std::vector<std::thread> helpers;
        for (std::size_t i = 1; i < std::min(wanted, jobs_.size()); ++i) helpers.emplace_back(work);
        progress_line progress{jobs_.size()};
        std::size_t shown = 0;
        for (std::size_t i = next++; i < jobs_.size(); i = next++) {
            execute(jobs_[i]);
            for (++done; shown < done; ++shown) progress.step(networks_[jobs_[i].network].name);
        }
        for (std::thread& helper : helpers) helper.join();
        if (refused_.load() != status::ok) fail_lab(failure{.code = refused_});
        return std::move(networks_);
    }

private:
    void add_network(std::string name, bool knows_outages, std::uint64_t seeds, job what) {
        compared_network& n = networks_.emplace_back();
        n.name = std::move(name);
        n.knows_outages = knows_outages;
        n.runs.assign(contenders().size(), std::vector<compared_run>(seeds));
        what.network = networks_.size() - 1;
        for (what.place = 0; what.place < seeds; ++what.place) {
            what.seed = options_.first_seed + what.place;
            jobs_.push_back(what);
        }
    }

    void add_jobs() {
        std::vector<std::string> families = options_.families;
        std::erase(families, "none");
        for (const lab::family family : families_of(families))
            add_network(std::string{lab::describe(family).name}, true, options_.seeds, {.family = family});
        if (!options_.second_trace.empty()) second_ = load_lab_trace(options_.second_trace, options_.round_trip);
        traces_.reserve(options_.traces.size());
        for (const std::string& source : options_.traces) {
            const lab::trace& recorded = traces_.emplace_back(load_lab_trace(source, options_.round_trip));
            if (recorded.rows.empty() || (!options_.second_trace.empty() && second_.rows.empty()))
                fail_lab(source + ": the trace is empty");
            // With a recorded second path nothing is left to a seed.
            const bool all_recorded = !options_.second_trace.empty();
            const std::size_t slash = source.rfind('/');
            add_network(slash == std::string::npos ? source : source.substr(slash + 1), false,
                        all_recorded ? 1 : options_.seeds,
                        {.primary = &recorded, .second = all_recorded ? &second_ : nullptr});
        }
    }

    void execute(const job& j) {
        lab::scenario network;
        std::vector<instant> sends;
        if (j.primary == nullptr) {
            network = lab::make_scenario(j.family, j.seed, duration::from_seconds(options_.seconds), options_.pps);
        } else {
            result<lab::scenario> replayed = lab::replay_scenario(*j.primary, j.second, j.seed);
            if (!replayed) return refuse(replayed.code());
            network = std::move(replayed).value();
            sends = send_times(*j.primary, options_.pps);
        }
        for (std::size_t i = 0; i < contenders().size(); ++i) {
            const contender& who = contenders()[i];
            lab::simulation_config config = config_;
            if (who.ours) config.protection = *who.ours;
            if (who.sparing) config.metered_budget.carry_bp = 0;
            result<lab::run_result> run = who.ours ? lab::simulate(network, config, sends)
                                                   : lab::simulate_rival(network, *who.theirs, config, {}, sends);
            if (!run) return refuse(run.code());
            compared_run& out = networks_[j.network].runs[i][j.place];
            out.seed = j.seed;
            out.outcome = run->outcome;
            out.framing_pct = run->framing.framing_pct;
            out.hot_pct = run->framing.hot_pct;
            out.useful_bytes = run->packets.size() * std::uint64_t{config.payload + ip_udp_bytes};
            if (!networks_[j.network].knows_outages) continue;
            out.outages = lab::outage_effects(network, *run, rules_);
            out.metered_outside = lab::metered_outside_outages(network, *run, rules_);
            if (who.ours == lab::variant::baseline) note_least(network, *run, out);
        }
    }
    /// What has to go over the second path, whoever sends it.
    void note_least(const lab::scenario& network, const lab::run_result& bare, compared_run& out) const {
        const duration reports = lab::session_for(config_).paths.report_interval;
        const auto moved = [&](const lab::outage_floor& floor) {
            return lab::moved_outside_outages(network, bare, floor, rules_);
        };
        out.late_outside = lab::late_outside_outages(network, bare, rules_);
        out.moved_for_silence = moved({.moving = false});
        out.moved_in_time = moved({});
        out.moved_by_reports = moved({.report_interval = reports});
    }
    void refuse(status why) noexcept { refused_ = why; }

    const compare_options& options_;
    lab::simulation_config config_;
    lab::outage_rules rules_;
    std::vector<lab::trace> traces_;
    lab::trace second_;
    std::vector<job> jobs_;
    std::vector<compared_network> networks_;
    std::atomic<status> refused_{status::ok};
};

// Output

/// The columns of the table, the CSV file and the aggregates, in their order.
struct column {
    std::string_view name;
    double (*get)(const compared_run&);
    std::string_view title;  ///< empty: not in the table
    int digits = 2;
};

template <auto Member>
double figure(const compared_run& r) {
    return static_cast<double>(r.outcome.*Member);
}

constexpr column columns[] = {
    {"apparent_loss_pct", figure<&lab::figures::apparent_loss_pct>, "loss %", 3},
    {"longest_gap_ms", figure<&lab::figures::longest_gap_ms>, "gap ms", 1},
    {"playout_miss_pct", figure<&lab::figures::playout_miss_pct>, "miss %", 3},
    {"jitter_p95_ms", figure<&lab::figures::jitter_p95_ms>, "jit p95", 2},
    {"added_delay_p95_ms", figure<&lab::figures::added_delay_p95_ms>, "add p95", 2},
    {"overhead_pct", figure<&lab::figures::overhead_pct>, "ovh %", 2},
    {"framing_pct", [](const compared_run& r) { return r.framing_pct; }, "frame %", 2},
    {"hot_duplicate_pct", [](const compared_run& r) { return r.hot_pct; }, "hot %", 2},
    {"all_extra_pct", [](const compared_run& r) { return r.all_extra_pct(); }, "all %", 2},
    {"metered_bytes", figure<&lab::figures::metered_bytes>, "", 0},
    {"metered_kb", [](const compared_run& r) { return static_cast<double>(r.outcome.metered_bytes) / 1000; },
     "metered kB", 1},
    {"eventual_loss_pct", figure<&lab::figures::eventual_loss_pct>, "", 3},
};

void print_tables(const std::vector<compared_network>& networks, const std::vector<verdict>& verdicts) {
    std::size_t width = 16;
    for (const compared_network& n : networks) width = std::max(width, n.name.size());
    const int name_width = static_cast<int>(width);
    std::printf("%-*s %-12s %5s", name_width, "network", "who", "runs");
    for (const column& c : columns)
        if (!c.title.empty()) std::printf(" %10.*s", static_cast<int>(c.title.size()), c.title.data());
    std::puts("");
    for (const compared_network& n : networks) {
        for (std::size_t i = 0; i < n.runs.size(); ++i) {
            const contender& who = contenders()[i];
            std::printf("%-*s %-12.*s %5zu", name_width, n.name.c_str(), static_cast<int>(who.name.size()),
                        who.name.data(), n.runs[i].size());
            for (const column& c : columns)
                if (!c.title.empty()) std::printf(" %10.*f", c.digits, mean_of(n.runs[i], c.get));
            std::puts("");
        }
    }
    std::printf("\n%-*s %-46s %6s %8s %8s %8s %7s %7s %8s  %s\n", name_width, "network", "figure", "n", "median", "p95",
                "judged", "floor", "target", "in floor", "verdict");
    for (const verdict& v : verdicts) {
        std::printf("%-*s %-46s ", name_width, v.network.c_str(), v.figure.c_str());
        if (v.samples > 0)
            std::printf("%6zu %8.1f %8.1f %8.1f", v.samples, v.median, v.p95, v.value);
        else
            std::printf("%6s %8s %8s %8.3f", "", "", "", v.value);
        std::printf(" %7.4g %7.4g ", v.floor, v.target);
        if (v.samples > 0)
            std::printf("%7.1f%%", v.within_pct);
        else
            std::printf("%8s", "");
        std::printf("  %.*s\n", static_cast<int>(v.word().size()), v.word().data());
    }
}

[[nodiscard]] std::string csv_of(const std::vector<compared_network>& networks) {
    std::string out = "network,who,seed";
    for (const column& c : columns) out += ',' + std::string{c.name};
    out += ",outages,worst_outage_gap_ms,worst_exposed_ms,metered_outside_bytes\n";
    char number[32];
    const auto add = [&](double value) {
        std::snprintf(number, sizeof number, ",%.6g", value);
        out += number;
    };
    for (const compared_network& n : networks) {
        // A quote inside a quoted name is doubled (RFC 4180).
        std::string name = "\"";
        for (const char c : n.name) name += c == '"' ? std::string{"\"\""} : std::string{c};
        name += '"';
        for (std::size_t i = 0; i < n.runs.size(); ++i) {
            for (const compared_run& run : n.runs[i]) {
                out += name + ',' + std::string{contenders()[i].name} + ',' + std::to_string(run.seed);
                for (const column& c : columns) add(c.get(run));
                duration gap{};
                duration exposed{};
                for (const lab::outage_effect& e : run.outages) {
                    gap = std::max(gap, e.gap);
                    exposed = std::max(exposed, e.exposed.value_or(duration{}));
                }
                out += ',' + std::to_string(run.outages.size());
                add(gap.ms());
                add(exposed.ms());
                out += ',' + std::to_string(run.metered_outside) + '\n';
            }
        }
    }
    return out;
}

[[nodiscard]] json run_json(const compared_network& n, std::size_t who, const compared_run& run) {
    json out;
    out["network"] = n.name;
    out["who"] = contenders()[who].name;
    out["seed"] = run.seed;
    out.update(figures_json(run.outcome));
    out["framing_pct"] = run.framing_pct;
    out["hot_duplicate_pct"] = run.hot_pct;
    out["all_extra_pct"] = run.all_extra_pct();
    if (!n.knows_outages) return out;
    out["metered_outside_bytes"] = run.metered_outside;
    if (contenders()[who].ours == lab::variant::baseline) {
        out["late_outside_packets"] = run.late_outside;
        out["moved_for_silence_packets"] = run.moved_for_silence;
        out["moved_in_time_packets"] = run.moved_in_time;
        out["moved_by_reports_packets"] = run.moved_by_reports;
    }
    out["outages"] = json::array();
    for (const lab::outage_effect& e : run.outages) {
        json one{{"begin_ms", (e.when.begin - instant{}).ms()},
                 {"length_ms", (e.when.end - e.when.begin).ms()},
                 {"rtt_primary_ms", e.rtt_primary.ms()},
                 {"rtt_longer_ms", e.rtt_longer.ms()},
                 {"gap_ms", e.gap.ms()}};
        one["exposed_ms"] = e.exposed ? json(e.exposed->ms()) : json{};
        out["outages"].push_back(std::move(one));
    }
    return out;
}

[[nodiscard]] json document_of(const compare_options& options, const std::vector<compared_network>& networks,
                               const std::vector<verdict>& verdicts) {
    json out;
    out["settings"] = {{"seconds", options.seconds},       {"pps", options.pps},
                       {"hold_ms", options.hold_ms},       {"deadline_ms", options.deadline_ms},
                       {"payload", options.payload},       {"seeds", options.seeds},
                       {"first_seed", options.first_seed}, {"second_trace", options.second_trace},
                       {"round_trip", options.round_trip}, {"suspicion_margin_ms", options.suspicion_margin_ms}};
    out["aggregates"] = json::array();
    out["verdicts"] = json::array();
    out["runs"] = json::array();
    for (const compared_network& n : networks) {
        for (std::size_t i = 0; i < n.runs.size(); ++i) {
            json row{{"network", n.name}, {"who", contenders()[i].name}, {"runs", n.runs[i].size()}};
            for (const column& c : columns) row[std::string{c.name}] = mean_of(n.runs[i], c.get);
            row["apparent_loss_max_pct"] = max_of(n.runs[i], columns[0].get);
            row["overhead_max_pct"] = max_of(n.runs[i], figure<&lab::figures::overhead_pct>);
            out["aggregates"].push_back(std::move(row));
            for (const compared_run& run : n.runs[i]) out["runs"].push_back(run_json(n, i, run));
        }
    }
    for (const verdict& v : verdicts) {
        json row{{"network", v.network}, {"figure", v.figure}, {"unit", v.unit},     {"value", v.value},
                 {"floor", v.floor},     {"target", v.target}, {"verdict", v.word()}};
        if (v.samples > 0)
            row.update(
                {{"samples", v.samples}, {"median", v.median}, {"p95", v.p95}, {"within_floor_pct", v.within_pct}});
        out["verdicts"].push_back(std::move(row));
    }
    return out;
}

void compare(const compare_options& options) {
    const bool html = options.plot_file.ends_with(".html");
    if (!options.plot_file.empty() && !html && !options.plot_file.ends_with(".svg"))
        fail_lab("--plot: the name must end in .svg or .html");
    const std::vector<compared_network> networks = comparison_run{options}.run();
    std::vector<verdict> verdicts;
    for (const compared_network& n : networks) std::ranges::move(verdicts_of(n), std::back_inserter(verdicts));
    if (options.json_file != "-" && options.csv_file != "-") print_tables(networks, verdicts);
    if (!options.csv_file.empty()) write_text(csv_of(networks), options.csv_file);
    if (!options.json_file.empty()) write_json(document_of(options, networks, verdicts), options.json_file);
    if (!options.plot_file.empty())
        write_text(html ? comparison_html(networks) : comparison_svg(networks), options.plot_file);
}

}  // namespace

void add_lab_compare_command(CLI::App& lab) {
    const auto options = std::make_shared<compare_options>();
    CLI::App* command = lab.add_subcommand("compare", "Compare with block codes, duplication, failover and requests");
    command->add_option("--family", options->families, "Family of networks; several, all, or none beside traces")
        ->check(CLI::IsMember(family_names()) | CLI::IsMember({"none"}))
        ->delimiter(',')
        ->capture_default_str();
    command->add_option("--trace", options->traces, "Recorded primary path, as in replay; may be given several times");
    command->add_option("--second-trace", options->second_trace,
                        "Recorded second path of every trace; without it the families' metered path is used");
    command->add_flag("--rtt", options->round_trip, "The traces' delays are round trips: half each way");
    command->add_option("--seeds", options->seeds, "Number of seeds")
        ->check(CLI::Range(1, 100'000))
        ->capture_default_str();
    command->add_option("--first-seed", options->first_seed, "First of them")->capture_default_str();
    command->add_option("--seconds", options->seconds, "Length of the flow over a family")
        ->check(CLI::Range(1, 3600))
        ->capture_default_str();
    command->add_option("--pps", options->pps, "Packets per second")->check(CLI::Range(1, 1000))->capture_default_str();
    command->add_option("--hold-ms", options->hold_ms, "Slot after an idle path's arrival, and least hold")
        ->check(CLI::Range(0.0, 1000.0))
        ->capture_default_str();
    command->add_option("--deadline-ms", options->deadline_ms, "Deadline after an idle path's arrival")
        ->check(CLI::Range(1.0, 10'000.0))
        ->capture_default_str();
    command
        ->add_option("--suspicion-margin-ms", options->suspicion_margin_ms,
                     "A path is suspect when it is silent this much longer than it is used to")
        ->check(CLI::Range(1.0, 1000.0))
        ->capture_default_str();
    command->add_option("--payload", options->payload, "Bytes of each application packet")
        ->check(CLI::Range(16, 1200))
        ->capture_default_str();
    command->add_option("--threads", options->threads, "Threads; 0: one per core")
        ->check(CLI::Range(0, 256))
        ->capture_default_str();
    command->add_option("--json", options->json_file, "Write everything to FILE as JSON, or - for standard output")
        ->type_name("FILE|-");
    command->add_option("--csv", options->csv_file, "Write one line per run to FILE, or - for standard output")
        ->type_name("FILE|-");
    command->add_option("--plot", options->plot_file, "Draw the table to FILE, which ends in .svg or .html")
        ->type_name("FILE");
    command->callback([options] { compare(*options); });
}

}  // namespace cli
}  // namespace v0
}  // namespace duality
