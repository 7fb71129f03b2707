// SPDX-License-Identifier: MIT
#include "cli/comparison.hpp"

#include <algorithm>

#include "lab/quantile.hpp"

namespace duality {
inline namespace v0 {
namespace cli {

namespace {

constexpr contender all_contenders[] = {
    {"baseline", lab::variant::baseline, {}}, {"single", lab::variant::single, {}},
    {"dual", lab::variant::dual, {}},         {"dual_sparing", lab::variant::dual, {}, true},
    {"hot", lab::variant::hot, {}},           {"fec_block", {}, lab::rival::fec_block},
    {"fec_flush", {}, lab::rival::fec_flush}, {"duplication", {}, lab::rival::duplication},
    {"failover", {}, lab::rival::failover},   {"nack", {}, lab::rival::nack},
};

/// A figure per outage, in milliseconds, judged by its worst case.
[[nodiscard]] verdict judge_outages(std::string_view network, std::string_view figure, std::vector<double> ms,
                                    double floor, double target) {
    verdict v{.network = std::string{network}, .figure = std::string{figure}, .unit = "ms"};
    v.floor = floor;
    v.target = target;
    v.samples = ms.size();
    if (ms.empty()) return v;
    const auto within = std::ranges::count_if(ms, [&](double x) { return x <= floor; });
    v.within_pct = 100 * static_cast<double>(within) / static_cast<double>(ms.size());
    v.median = lab::detail::nearest_rank(ms, 50);
    v.p95 = lab::detail::nearest_rank(ms, 95);
    v.value = *std::ranges::max_element(ms);
    return v;
}

/// One figure of every outage of every run that has it.
template <class Get>
[[nodiscard]] std::vector<double> per_outage(std::span<const compared_run> runs, const Get& get) {
    std::vector<double> out;
    for (const compared_run& run : runs)
        for (const lab::outage_effect& effect : run.outages)
            if (const std::optional<duration> value = get(effect)) out.push_back(value->ms());
    return out;
}

[[nodiscard]] double loss(const compared_run& r) {
    return r.outcome.apparent_loss_pct;
}
[[nodiscard]] double miss(const compared_run& r) {
    return r.outcome.playout_miss_pct;
}
[[nodiscard]] double overhead(const compared_run& r) {
    return r.outcome.overhead_pct;
}
[[nodiscard]] double metered_outside(const compared_run& r) {
    return r.useful_bytes == 0 ? 0 : 100 * static_cast<double>(r.metered_outside) / static_cast<double>(r.useful_bytes);
}

/// So many of the packets, in percent.
template <auto Member>
[[nodiscard]] double share(const compared_run& r) {
    return r.outcome.packets == 0 ? 0 : 100 * static_cast<double>(r.*Member) / static_cast<double>(r.outcome.packets);
}

}  // namespace

std::span<const contender> contenders() noexcept {
    return all_contenders;
}

const std::vector<compared_run>& compared_network::of(std::string_view who) const noexcept {
    const auto it = std::ranges::find(all_contenders, who, &contender::name);
    return runs[static_cast<std::size_t>(it - std::begin(all_contenders))];
}

double mean_of(std::span<const compared_run> runs, double (*get)(const compared_run&)) noexcept {
    double sum = 0;
    for (const compared_run& run : runs) sum += get(run);
    return runs.empty() ? 0 : sum / static_cast<double>(runs.size());
}

double max_of(std::span<const compared_run> runs, double (*get)(const compared_run&)) noexcept {
    double most = 0;
    for (const compared_run& run : runs) most = std::max(most, get(run));
    return most;
}

std::string_view verdict::word() const noexcept {
    return value <= target ? "target" : value <= floor ? "floor" : "missed";
}

std::vector<verdict> verdicts_of(const compared_network& network) {
    const std::vector<compared_run>& single = network.of("single");
    const std::vector<compared_run>& dual = network.of("dual");
    const std::vector<compared_run>& hot = network.of("hot");
    const std::vector<compared_run>& sparing = network.of("dual_sparing");
    std::vector<verdict> out;
    const auto add = [&](std::string_view figure, std::string_view unit, double value, double floor, double target) {
        verdict v{.network = network.name, .figure = std::string{figure}, .unit = std::string{unit}};
        v.value = value;
        v.floor = floor;
        v.target = target;
        out.push_back(std::move(v));
    };
    constexpr double loss_floor = 0.2;
    add("dual: apparent loss, mean", "%", mean_of(dual, loss), loss_floor, 0.05);
    add("dual_sparing: apparent loss, mean", "%", mean_of(sparing, loss), loss_floor, 0.05);
    if (network.knows_outages) {
        using effect = lab::outage_effect;
        using maybe = std::optional<duration>;
        const auto add_outages = [&](std::string_view figure, double floor, double target, auto get) {
            out.push_back(judge_outages(network.name, figure, per_outage(dual, get), floor, target));
        };
        add_outages("dual: gap - RTT of primary", 40, 20,
                    [](const effect& e) -> maybe { return e.gap - e.rtt_primary; });
        add_outages("dual: gap - RTT of longer path", 40, 20,
                    [](const effect& e) -> maybe { return e.gap - e.rtt_longer; });
        add_outages("dual: moved - RTT/2 of primary", 40, 25, [](const effect& e) -> maybe {
            return e.exposed ? maybe{*e.exposed - e.rtt_primary / 2} : std::nullopt;
        });
        add_outages("dual: moved - RTT/2 of longer path", 40, 25, [](const effect& e) -> maybe {
            return e.exposed ? maybe{*e.exposed - e.rtt_longer / 2} : std::nullopt;
        });
        add("dual: metered outside outages", "%", mean_of(dual, metered_outside), 1, 0.3);
        add("dual_sparing: metered outside outages", "%", mean_of(sparing, metered_outside), 1, 0.3);
        // What anybody must put on the second path: what the first one alone brings too late, but for what may be lost; and
        // what is sent while an outage may have begun too long ago.
        const std::vector<compared_run>& bare = network.of("baseline");
        const auto add_least = [&](std::string_view why, double pct) {
            add("least metered outside outages: " + std::string{why}, "%", std::max(pct, 0.0), 1, 0.3);
        };
        add_least("loss", mean_of(bare, share<&compared_run::late_outside>) - loss_floor);
        add_least("gap", mean_of(bare, share<&compared_run::moved_for_silence>));
        add_least("gap, moved", mean_of(bare, share<&compared_run::moved_in_time>));
        add_least("both, by reports", mean_of(bare, share<&compared_run::moved_by_reports>));
    }
    add("hot: apparent loss, mean", "%", mean_of(hot, loss), 0.02, 0);
    const double missed = mean_of(single, miss);
    const auto of_single = [&](std::span<const compared_run> runs) {
        return missed == 0 ? 0 : mean_of(runs, miss) / missed;
    };
    add("hot: playout misses / single's", "", of_single(hot), 0.1, 0.05);
    add("duplication: playout misses / single's", "", of_single(network.of("duplication")), 0.1, 0.05);
    add("single: overhead, worst run", "%", max_of(single, overhead), 10, 5);
    add("dual: overhead, worst run", "%", max_of(dual, overhead), 10, 5);
    add("hot: overhead, worst run", "%", max_of(hot, overhead), 10, 5);
    return out;
}

}  // namespace cli
}  // namespace v0
}  // namespace duality
