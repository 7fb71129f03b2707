// SPDX-License-Identifier: MIT
#include "campaign/campaign.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <thread>
#include <utility>

#include "campaign/bundle_file.hpp"
#include "campaign/state_file.hpp"
#include "duality/random.hpp"
#include "duality/service_level.hpp"

namespace duality {
inline namespace v0 {
namespace campaign {

namespace {

/// One realisation and the cells that run over it: `settings` cells for each of its networks, in the order of `cells_of`.
struct unit {
    std::size_t first_cell = 0;
    std::size_t place = 0;  ///< among the seeds
};

[[nodiscard]] std::size_t settings_of(const campaign_plan& plan) {
    return plan.hold_ms.size() * plan.deadline_ms.size() * plan.payload.size() * plan.variants.size();
}

[[nodiscard]] duration ms(double value) {
    return duration::from_ns(std::llround(value * 1e6));
}

struct level_alarm {
    bool raised = false;
    duration after;  ///< the first packet; the whole run when there was none
};

/// What a service-level monitor would have said while the run went on. It is told of each packet at its deadline.
[[nodiscard]] result<level_alarm> watch(const lab::run_result& run, duration deadline, double level_pct) {
    result<service_level> monitor =
        service_level::create({.miss_max_ppm = static_cast<std::uint32_t>(std::lround(level_pct * 1e4)),
                               .promise = alarm_promise::probability,
                               .false_alarm_ppm = 10'000});
    if (!monitor) return monitor.error();
    const auto since_first = [&](instant at) { return at - run.packets.front().sent; };
    instant due{};
    for (const lab::packet_record& p : run.packets) {
        due = std::max(due, p.sent + p.baseline + deadline);  // the baseline steps
        if (monitor->observe(due, p.released <= p.sent + p.baseline + deadline))
            return level_alarm{true, since_first(due)};
    }
    if (run.packets.empty()) return level_alarm{};
    return level_alarm{monitor->advance(due + service_level_config{}.block), since_first(due)};
}

[[nodiscard]] std::vector<double> values_of(const lab::run_result& run, const level_alarm& alarm) {
    std::vector<double> out;
    for (const lab::figure_info& figure : lab::figure_table()) out.push_back(figure.get(run.outcome));
    out.push_back(run.framing.framing_pct);
    out.push_back(run.framing.hot_pct);
    out.push_back(static_cast<double>(run.alarms.suspicions));
    out.push_back(static_cast<double>(run.alarms.failovers));
    out.push_back(static_cast<double>(run.alarms.false_alarms));
    out.push_back(alarm.raised ? 1 : 0);
    out.push_back(alarm.after.ms() / 1'000);
    return out;
}

/// What the threads share. Every unit has its own place for results, so their order does not show.
class runner {
public:
    runner(const campaign_plan& plan, const campaign_options& options) : plan_{plan}, options_{options} {
        out_.cells = cells_of(plan);
        out_.runs.assign(out_.cells.size(), std::vector<campaign_run>(plan.seeds));
        for (std::size_t first = 0; first < out_.cells.size(); first += settings_of(plan))
            for (std::size_t place = 0; place < plan.seeds; ++place) units_.push_back({first, place});
        done_.assign(units_.size(), false);
    }

    [[nodiscard]] campaign_result run() {
        if (!options_.state_file.empty() && !resume()) return std::move(out_);
        std::vector<std::size_t> pending;
        for (std::size_t i = 0; i < units_.size(); ++i)
            if (!done_[i]) pending.push_back(i);
        if (options_.order != 0) shuffle(pending);
        if (options_.units_max != 0) pending.resize(std::min(pending.size(), options_.units_max));
        const std::size_t before = static_cast<std::size_t>(std::count(done_.begin(), done_.end(), true));
        work_through(pending, before);
        if (!out_.error.empty()) return std::move(out_);
        out_.complete = std::ranges::all_of(done_, [](bool d) { return d; });
        if (out_.complete) save_bundles();
        return std::move(out_);
    }

private:
    void shuffle(std::vector<std::size_t>& order) const {
        xoshiro256 random{options_.order};
        for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random.below(i)]);
    }

    [[nodiscard]] bool resume() {
        out_.error = state_.open(options_.state_file, plan_, [&](std::size_t index, std::vector<campaign_run> runs) {
            if (index >= units_.size() || runs.size() != settings_of(plan_)) return false;
            store(index, std::move(runs));
            return true;
        });
        return out_.error.empty();
    }

    void store(std::size_t index, std::vector<campaign_run> runs) {
        const unit& u = units_[index];
        for (std::size_t i = 0; i < runs.size(); ++i) out_.runs[u.first_cell + i][u.place] = std::move(runs[i]);
        done_[index] = true;
    }

    void work_through(const std::vector<std::size_t>& pending, std::size_t before) {
        std::atomic<std::size_t> next{0};
        std::atomic<std::size_t> finished{before};
        const auto work = [&](bool tells) {
            for (std::size_t i = next++; i < pending.size() && !failed_; i = next++) {
                std::vector<campaign_run> runs = execute(units_[pending[i]]);
                ++finished;
                const std::lock_guard lock{mutex_};
                if (failed_) return;
                if (!state_.append(pending[i], runs)) fail(options_.state_file + ": cannot be written");
                store(pending[i], std::move(runs));
                if (tells && options_.progress) options_.progress(finished, units_.size());
            }
        };
        const unsigned wanted =
            options_.threads > 0 ? options_.threads : std::max(1u, std::thread::hardware_concurrency());
        std::vector<std::thread> helpers;
        for (std::size_t i = 1; i < std::min<std::size_t>(wanted, pending.size()); ++i)
            helpers.emplace_back(work, false);
        work(true);
        for (std::thread& helper : helpers) helper.join();
    }

    void fail(const std::string& why) {
        if (out_.error.empty()) out_.error = why;
        failed_ = true;
    }

    /// The network is drawn once for all cells of the unit.
    [[nodiscard]] std::vector<campaign_run> execute(const unit& u) {
        std::vector<campaign_run> out;
        const std::uint64_t seed = plan_.first_seed + u.place;
        const result<lab::prepared_network> network = lab::prepare(recipe_of(plan_, out_.cells[u.first_cell], seed));
        if (!network) {
            refuse(network.error());
            return out;
        }
        for (std::size_t i = 0; i < settings_of(plan_); ++i) {
            lab::recipe what = recipe_of(plan_, out_.cells[u.first_cell + i], seed);
            what.config.keep_packets = true;
            result<lab::run_result> run =
                lab::simulate(network.value().network, what.config, network.value().send_times);
            if (!run) {
                refuse(run.error());
                return out;
            }
            const result<level_alarm> alarm = watch(*run, what.config.deadline, plan_.level_pct);
            if (!alarm) {
                refuse(alarm.error());
                return out;
            }
            campaign_run& done = out.emplace_back();
            done.values = values_of(*run, alarm.value());
            done.event_hash = run->event_hash;
            done.broken = lab::broken_promise(*run, what.config);
            for (const lab::expectation& e : plan_.expected)
                if (done.broken.empty()) done.broken = lab::broken_expectation(*run, what.config, e);
        }
        return out;
    }
    void refuse(const failure& why) {
        const std::lock_guard lock{mutex_};
        fail(std::string{why.where.field} + ": " + std::string{to_string(why.code)});
    }

    void save_bundles() {
        if (options_.bundle_folder.empty()) return;
        for (std::size_t cell = 0; cell < out_.cells.size(); ++cell) {
            for (std::size_t place = 0; place < plan_.seeds; ++place) {
                const campaign_run& run = out_.runs[cell][place];
                if (run.broken.empty()) continue;
                lab::run_bundle bundle{.what = recipe_of(plan_, out_.cells[cell], plan_.first_seed + place),
                                       .expected = broken_one(run),
                                       .broken = run.broken,
                                       .event_hash = run.event_hash};
                out_.bundles.push_back(save_bundle(bundle, options_.bundle_folder));
                if (out_.bundles.back().empty()) return fail(options_.bundle_folder + ": cannot be written");
            }
        }
    }
    /// The first expectation that the run's figures break.
    [[nodiscard]] lab::expectation broken_one(const campaign_run& run) const {
        for (const lab::expectation& e : plan_.expected)
            if (run.broken == "figure" && run.values[column_index(e.figure)] > e.at_most) return e;
        return {};
    }

    const campaign_plan& plan_;
    const campaign_options& options_;
    campaign_result out_;
    std::vector<unit> units_;
    std::vector<bool> done_;
    state_file state_;
    std::mutex mutex_;
    std::atomic<bool> failed_{false};
};

}  // namespace

std::span<const column_info> columns() {
    static const std::vector<column_info> all = [] {
        std::vector<column_info> out;
        for (const lab::figure_info& figure : lab::figure_table()) out.push_back({figure.name, figure.count});
        for (const std::string_view name : {"framing_pct", "hot_duplicate_pct"}) out.push_back({name, false});
        for (const std::string_view name : {"suspicions", "failovers", "false_alarms", "level_alarm"})
            out.push_back({name, true});
        out.push_back({"level_alarm_s", false});
        return out;
    }();
    return all;
}

std::size_t column_index(std::string_view name) {
    return static_cast<std::size_t>(std::ranges::find(columns(), name, &column_info::name) - columns().begin());
}

std::vector<campaign_cell> cells_of(const campaign_plan& plan) {
    std::vector<campaign_cell> out;
    for (const lab::family family : plan.families)
        for (const std::uint32_t pps : plan.packets_per_second)
            for (const double rtt : plan.rtt_ms)
                for (const double hold : plan.hold_ms)
                    for (const double deadline : plan.deadline_ms)
                        for (const std::uint32_t payload : plan.payload)
                            for (const lab::variant v : plan.variants)
                                out.push_back({family, pps, rtt, hold, deadline, payload, v});
    return out;
}

lab::recipe recipe_of(const campaign_plan& plan, const campaign_cell& cell, std::uint64_t seed) {
    lab::recipe out{.network = cell.network,
                    .seed = seed,
                    .length = duration::from_seconds(plan.seconds),
                    .packets_per_second = cell.packets_per_second,
                    .rtt = ms(cell.rtt_ms)};
    out.config.protection = cell.protection;
    out.config.law = plan.law;
    out.config.hold = ms(cell.hold_ms);
    out.config.deadline = ms(cell.deadline_ms);
    out.config.payload = cell.payload;
    out.config.overhead_cap_bp = plan.overhead_cap_bp;
    return out;
}

campaign_result run_campaign(const campaign_plan& plan, const campaign_options& options) {
    return runner{plan, options}.run();
}

}  // namespace campaign
}  // namespace v0
}  // namespace duality
