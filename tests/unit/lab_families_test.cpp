// SPDX-License-Identifier: MIT
//
// Measured statistics of every family against the table that describes it, over many seeds. Seeds are fixed, so a
// bound is either met for ever or not at all; they are a few standard deviations wide.
#include <algorithm>
#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <vector>

#include "duality/lab/event_log.hpp"
#include "duality/lab/families.hpp"

using namespace duality;
using namespace duality::literals;
using lab::family;

namespace {

constexpr std::uint64_t seeds = 60;
constexpr std::size_t ip_bytes = 228;

instant at_ms(std::int64_t ms) {
    return instant::from_ns(ms * 1'000'000);
}

/// `expected`, give or take a share of it.
Catch::Approx about(double expected, double share) {
    return Catch::Approx(expected).epsilon(share);
}

/// Sums over the slots of many realisations.
struct slot_statistics {
    double slots = 0;
    double lost = 0;
    double bursts = 0;
    double spikes = 0;
    std::vector<double> plain_ms;  ///< extra delay of slots without a spike
    std::vector<double> spiked_ms;

    void add(const lab::link& link, bool busy) {
        bool was_lost = false;
        for (std::size_t i = 0; i < link.slot_count(); ++i) {
            const lab::slot_view slot = link.slot(i);
            if (slot.busy == busy) {
                ++slots;
                lost += slot.lost;
                bursts += slot.lost && !was_lost;
                spikes += slot.spike;
                (slot.spike ? spiked_ms : plain_ms).push_back(slot.extra.ms());
            }
            was_lost = slot.lost;
        }
    }
    [[nodiscard]] double loss() const { return lost / slots; }
    [[nodiscard]] double mean_burst() const { return lost / bursts; }
    [[nodiscard]] double spike_share() const { return spikes / slots; }
};

double quantile(std::vector<double>& values, double share) {
    const auto at = values.begin() + static_cast<std::ptrdiff_t>(share * static_cast<double>(values.size()));
    std::nth_element(values.begin(), at, values.end());
    return *at;
}

/// |N(0, sigma)|: its median and 95 % quantile.
bool is_folded_gaussian(std::vector<double>& values, double sigma) {
    return quantile(values, 0.50) == about(0.6745 * sigma, 0.02) &&
           quantile(values, 0.95) == about(1.9600 * sigma, 0.02);
}

enum class which : std::uint8_t { primary, second };

template <class Visit>
void for_each_seed(family id, which path, Visit visit) {
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
        const lab::scenario scenario = lab::make_scenario(id, seed);
        visit(path == which::primary ? scenario.primary : scenario.second);
    }
}

slot_statistics slots_of(family id, bool busy = false, which path = which::primary) {
    slot_statistics s;
    for_each_seed(id, path, [&](const lab::path& p) {
        s.add(p.forward, busy);
        s.add(p.reverse, busy);
    });
    return s;
}

struct outage_statistics {
    double per_minute = 0;
    double mean_ms = 0;
    double least_ms = 0;
    double most_ms = 0;
};

/// Outages with a length in [low, high] ms, over a thousand minutes. When outages happen does not depend on the packet
/// rate, and one packet a second has few slots to draw. Those cut by the end of the realisation are left out.
outage_statistics outages_of(family id, double low_ms, double high_ms, which path = which::primary) {
    std::vector<double> lengths;
    double minutes = 0;
    for (std::uint64_t seed = 1; seed <= 1000; ++seed) {
        const lab::scenario scenario = lab::make_scenario(id, seed, 60_s, 1);
        const lab::link& link = (path == which::primary ? scenario.primary : scenario.second).forward;
        minutes += link.length().ms() / 60'000;
        for (const lab::outage& o : link.outages()) {
            const double ms = (o.end - o.begin).ms();
            if (ms >= low_ms && ms <= high_ms && o.end < instant::from_ns(0) + link.length()) lengths.push_back(ms);
        }
    }
    REQUIRE(!lengths.empty());
    double sum = 0;
    for (const double ms : lengths) sum += ms;
    return {static_cast<double>(lengths.size()) / minutes, sum / static_cast<double>(lengths.size()),
            *std::min_element(lengths.begin(), lengths.end()), *std::max_element(lengths.begin(), lengths.end())};
}

/// Uniform in [low, high] at a Poisson rate, the rarest of which is seen about 540 times.
void check_outages(const outage_statistics& s, double per_minute, double low_ms, double high_ms) {
    CHECK(s.per_minute == about(per_minute, 0.1));
    CHECK(s.mean_ms == about((low_ms + high_ms) / 2, 0.04));
    CHECK(s.least_ms < low_ms + 0.03 * (high_ms - low_ms));
    CHECK(s.most_ms > high_ms - 0.03 * (high_ms - low_ms));
}

duration one_way(family id) {
    return lab::make_scenario(id, 1).primary.forward.baseline(at_ms(0));
}

/// The queueing delay a tiny packet finds every millisecond, in ms: the path's model without its jitter and losses.
std::vector<double> queue_of(family id, std::uint64_t seed) {
    lab::path_model model = lab::describe(id).model;
    model.calm.jitter_sigma_ms = model.busy.jitter_sigma_ms = 0;
    model.calm.spikes = model.busy.spikes = {};
    model.calm.loss = model.busy.loss = {};
    model.outages = {};
    result<lab::path> path = lab::path::create(model, seed, 60_s);
    REQUIRE(path);
    std::vector<double> queue;
    for (std::int64_t ms = 0; ms < 60'000; ++ms)
        queue.push_back(
            (path->forward.transmit(at_ms(ms), 1).arrival - at_ms(ms) - path->forward.baseline(at_ms(ms))).ms());
    return queue;
}

}  // namespace

TEST_CASE("families are found by name, and only by their own") {
    CHECK(lab::families().size() == 7);
    for (const lab::family_info& info : lab::families()) {
        CHECK(lab::find_family(info.name) == info.id);
        CHECK(lab::describe(info.id).name == info.name);
        CHECK_FALSE(info.summary.empty());
    }
    CHECK_FALSE(lab::find_family("cable").has_value());
    CHECK_FALSE(lab::find_family("").has_value());
}

TEST_CASE("idle round trips are the table's") {
    CHECK(one_way(family::reference) == 15_ms);
    CHECK(one_way(family::cable_ftth) == 8_ms);
    CHECK(one_way(family::rural_dsl) == 20_ms);
    CHECK(one_way(family::wifi_contention) == 5_ms);
    CHECK(one_way(family::leo_satellite) == 25_ms);
    CHECK(one_way(family::mobile_hotspot) == 22'500_us);
    CHECK(one_way(family::vpn_on_path) == 14_ms);
    CHECK(lab::make_scenario(family::reference, 1).second.forward.baseline(at_ms(0)) == 25_ms);
}

TEST_CASE("reference: jitter 3 ms, 5 % spikes of 20 ms, no random loss, 4 outages a minute") {
    slot_statistics s = slots_of(family::reference);
    CHECK(s.lost == 0);
    CHECK(s.spike_share() == about(0.05, 0.03));
    CHECK(is_folded_gaussian(s.plain_ms, 3));
    // A spike comes on top of jitter: |N(0, 20)| + |N(0, 3)| has its mean at (20 + 3) sqrt(2 / pi).
    double sum = 0;
    for (const double ms : s.spiked_ms) sum += ms;
    CHECK(sum / static_cast<double>(s.spiked_ms.size()) == about(23 * 0.79788, 0.02));
    check_outages(outages_of(family::reference, 150, 400), 4, 150, 400);
}

TEST_CASE("cable_ftth: spikes only in the evening, 0.3 % loss, cross traffic up to 60 ms") {
    slot_statistics calm = slots_of(family::cable_ftth, false);
    slot_statistics evening = slots_of(family::cable_ftth, true);
    CHECK(calm.spikes == 0);
    CHECK(evening.spike_share() == about(0.03, 0.03));
    CHECK(is_folded_gaussian(calm.plain_ms, 2));
    CHECK(is_folded_gaussian(evening.plain_ms, 2));
    CHECK(calm.loss() == about(0.003, 0.1));
    CHECK(evening.loss() == about(0.003, 0.1));
    CHECK(calm.mean_burst() == about(2, 0.1));
    CHECK(evening.slots / (calm.slots + evening.slots) == about(0.5, 0.2));
    check_outages(outages_of(family::cable_ftth, 100, 300), 2, 100, 300);

    double highest = 0;
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        const std::vector<double> queue = queue_of(family::cable_ftth, seed);
        highest = std::max(highest, *std::max_element(queue.begin(), queue.end()));
    }
    CHECK(highest <= 60.001);
    CHECK(highest >= 50);
}

TEST_CASE("rural_dsl: 5 % heavy-tailed spikes with 0.1 % of the slots above 100 ms, 1 Mbit/s up") {
    slot_statistics s = slots_of(family::rural_dsl);
    CHECK(s.spike_share() == about(0.05, 0.03));
    const auto above = [&](double ms) {
        const auto over = std::count_if(s.spiked_ms.begin(), s.spiked_ms.end(), [=](double x) { return x > ms; });
        return static_cast<double>(over) / s.slots;
    };
    CHECK(above(100 + 3.2) == about(0.001, 0.1));    // 3.2 ms: the mean of the jitter that comes on top
    CHECK(above(200 + 3.2) == about(0.00025, 0.2));  // exponent 2: twice as long is four times as rare
    CHECK(above(430) == 0);
    CHECK(is_folded_gaussian(s.plain_ms, 4));
    CHECK(s.loss() == about(0.008, 0.05));
    CHECK(s.mean_burst() == about(3, 0.05));
    check_outages(outages_of(family::rural_dsl, 150, 400), 2, 150, 400);
    const std::vector<double> queue = queue_of(family::rural_dsl, 1);
    CHECK(queue[0] == 0.008);  // one byte at 1 Mbit/s
}

TEST_CASE("wifi_contention: two regimes of 1 to 10 s with their own jitter and loss") {
    slot_statistics calm = slots_of(family::wifi_contention, false);
    slot_statistics contention = slots_of(family::wifi_contention, true);
    CHECK(is_folded_gaussian(calm.plain_ms, 3));
    CHECK(is_folded_gaussian(contention.plain_ms, 20));
    CHECK(calm.loss() == about(0.002, 0.1));
    CHECK(contention.loss() == about(0.02, 0.05));
    CHECK(contention.mean_burst() == about(4, 0.05));
    check_outages(outages_of(family::wifi_contention, 80, 250), 4, 80, 250);

    std::vector<double> dwells_s;
    for_each_seed(family::wifi_contention, which::primary, [&](const lab::path& path) {
        std::size_t begin = 0;
        for (std::size_t i = 1; i < path.forward.slot_count(); ++i) {
            if (path.forward.slot(i).busy == path.forward.slot(i - 1).busy) continue;
            if (begin > 0) dwells_s.push_back(static_cast<double>(i - begin) * 0.005);
            begin = i;
        }
    });
    CHECK(*std::min_element(dwells_s.begin(), dwells_s.end()) >= 0.99);
    CHECK(*std::max_element(dwells_s.begin(), dwells_s.end()) <= 10.01);
    CHECK(quantile(dwells_s, 0.5) == about(5.5, 0.15));
}

TEST_CASE("leo_satellite: steps of 5 to 25 ms every 15 s, loss thickest around them, outages at 30 % of them") {
    double steps = 0;
    double with_outage = 0;
    double near_slots = 0;
    double near_lost = 0;
    double far_slots = 0;
    double far_lost = 0;
    for_each_seed(family::leo_satellite, which::primary, [&](const lab::path& path) {
        const lab::link& link = path.forward;
        std::vector<std::int64_t> at;
        for (std::int64_t ms = 1; ms < link.length().ns() / 1'000'000; ++ms) {
            const duration moved = link.baseline(at_ms(ms)) - link.baseline(at_ms(ms - 1));
            if (moved == 0_ms) continue;
            const duration size = moved < 0_ms ? -moved : moved;
            CHECK(size >= 5_ms);
            CHECK(size <= 25_ms);
            CHECK(link.baseline(at_ms(ms)) >= 5_ms);
            CHECK(link.baseline(at_ms(ms)) <= 55_ms);
            if (!at.empty()) CHECK(std::abs(ms - at.back() - 15'000) <= 1);
            at.push_back(ms);
            ++steps;
            with_outage += link.in_outage(at_ms(ms));
        }
        CHECK(at.size() >= 4);
        for (std::size_t i = 0; i < link.slot_count(); ++i) {
            const auto ms = static_cast<std::int64_t>(i) * 5;
            const bool close = std::any_of(at.begin(), at.end(), [&](auto s) { return ms > s - 250 && ms < s + 750; });
            (close ? near_slots : far_slots) += 1;
            (close ? near_lost : far_lost) += link.slot(i).lost;
        }
    });
    // A few of the 1/min outages cover a step by chance.
    CHECK(with_outage / steps == about(0.3, 0.25));
    CHECK((near_lost + far_lost) / (near_slots + far_slots) == about(0.01, 0.1));
    CHECK(near_lost / near_slots > 6 * far_lost / far_slots);
    slot_statistics s = slots_of(family::leo_satellite);
    CHECK(s.mean_burst() == about(5, 0.05));
    CHECK(is_folded_gaussian(s.plain_ms, 6));
    check_outages(outages_of(family::leo_satellite, 300, 500), 1, 300, 500);
    check_outages(outages_of(family::leo_satellite, 40, 200), 0.3 * 4, 40, 200);
}

TEST_CASE("mobile_hotspot: handovers and long outages, 5 % spikes of 30 ms, queue up to 300 ms") {
    slot_statistics s = slots_of(family::mobile_hotspot);
    CHECK(s.spike_share() == about(0.05, 0.03));
    CHECK(is_folded_gaussian(s.plain_ms, 8));
    CHECK(s.loss() == about(0.01, 0.06));
    CHECK(s.mean_burst() == about(6, 0.05));
    check_outages(outages_of(family::mobile_hotspot, 60, 120), 2, 60, 120);
    check_outages(outages_of(family::mobile_hotspot, 500, 1500), 0.5, 500, 1500);

    double highest = 0;
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        const std::vector<double> queue = queue_of(family::mobile_hotspot, seed);
        highest = std::max(highest, *std::max_element(queue.begin(), queue.end()));
    }
    CHECK(highest <= 300.01);
    CHECK(highest >= 200);
}

TEST_CASE("vpn_on_path: jitter and outages as cable_ftth, 0.5 % loss, MTU 1280") {
    slot_statistics calm = slots_of(family::vpn_on_path, false);
    slot_statistics evening = slots_of(family::vpn_on_path, true);
    CHECK(is_folded_gaussian(calm.plain_ms, 2));
    CHECK(calm.spikes == 0);
    CHECK(evening.spike_share() == about(0.03, 0.03));
    CHECK(calm.loss() == about(0.005, 0.07));
    CHECK(calm.mean_burst() == about(2, 0.05));
    check_outages(outages_of(family::vpn_on_path, 100, 300), 2, 100, 300);
    lab::scenario scenario = lab::make_scenario(family::vpn_on_path, 1);
    CHECK(scenario.mtu == 1280);
    CHECK(scenario.primary.forward.transmit(at_ms(0), 1281).fate == lab::packet_fate::lost_mtu);
    CHECK(scenario.second.forward.transmit(at_ms(0), 1500).fate != lab::packet_fate::lost_mtu);
}

TEST_CASE("the metered second path: jitter 6 ms, 0.8 % loss, one outage a minute, independent of the primary") {
    slot_statistics s = slots_of(family::reference, false, which::second);
    CHECK(is_folded_gaussian(s.plain_ms, 6));
    CHECK(s.spikes == 0);
    CHECK(s.loss() == about(0.008, 0.05));
    CHECK(s.mean_burst() == about(3, 0.05));
    check_outages(outages_of(family::reference, 100, 400, which::second), 1, 100, 400);

    // Both out at once as often as chance has it: 4/min * 275 ms against 1/min * 250 ms.
    double both = 0;
    double primary = 0;
    double second = 0;
    double samples = 0;
    for (std::uint64_t seed = 1; seed <= 200; ++seed) {
        const lab::scenario scenario = lab::make_scenario(family::reference, seed);
        for (std::int64_t ms = 0; ms < 60'000; ms += 10) {
            const bool a = scenario.primary.forward.in_outage(at_ms(ms));
            const bool b = scenario.second.forward.in_outage(at_ms(ms));
            both += a && b;
            primary += a;
            second += b;
            ++samples;
        }
    }
    CHECK(both / samples < 3 * (primary / samples) * (second / samples));
}

TEST_CASE("a scenario follows the requested length and packet rate, within limits") {
    const lab::scenario scenario = lab::make_scenario(family::reference, 1, 10_s, 50);
    CHECK(scenario.name == "reference");
    CHECK(scenario.length == 10_s);
    CHECK(scenario.interval == 20_ms);
    CHECK(scenario.primary.forward.length() == 10_s + lab::scenario_tail);
    CHECK(scenario.primary.forward.slot_count() == 750);
    CHECK(lab::make_scenario(family::reference, 1, 0_s, 0).length == 1_s);
    CHECK(lab::make_scenario(family::reference, 1, 0_s, 0).interval == 1_s);
}

TEST_CASE("a seed means the same network on every compiler and machine") {
    lab::event_log log;
    for (const lab::family_info& info : lab::families()) {
        lab::scenario scenario = lab::make_scenario(info.id, 42, 20_s);
        lab::link* links[] = {&scenario.primary.forward, &scenario.primary.reverse, &scenario.second.forward,
                              &scenario.second.reverse};
        for (std::int64_t ms = 0; ms < 20'000; ms += 5) {
            for (std::uint32_t i = 0; i < 4; ++i) {
                const lab::link_outcome outcome = links[i]->transmit(at_ms(ms), ip_bytes);
                log.append({at_ms(ms), lab::event_kind::transmitted, i, static_cast<std::uint64_t>(outcome.fate),
                            static_cast<std::uint64_t>(outcome.arrival.ns())});
            }
        }
    }
    CHECK(log.count() == 112'000);  // 7 families, 4 links, 4000 packets
    CHECK(log.hash() == 0x7d83bbdff358eee8u);
}
