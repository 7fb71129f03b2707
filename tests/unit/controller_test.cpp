// SPDX-License-Identifier: MIT
#include "duality/controller.hpp"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <cstdint>
#include <vector>

#include "duality/random.hpp"

using namespace duality;
using namespace duality::literals;

namespace {

instant at_ms(std::int64_t ms) {
    return instant::from_ns(ms * 1'000'000);
}

controller make(const controller_config& config = {}) {
    auto made = controller::create(config, allocator::system());
    REQUIRE(made.has_value());
    return std::move(made).value();
}
controller make_reference() {
    controller_config config;
    config.law = control_law::reference;
    return make(config);
}

/// A path with nothing wrong: 200 packets/s, RTT 20 ms, a usable second path.
control_inputs clean_path() {
    control_inputs in;
    in.features.interval = 5_ms;
    in.features.gap_limit = 25_ms;
    in.rtt = 20_ms;
    in.second_path_available = true;
    return in;
}

/// Updates every 10 ms of [from, to) with the same inputs.
void hold_steady(controller& law, std::int64_t from_ms, std::int64_t to_ms, const control_inputs& in) {
    for (std::int64_t t = from_ms; t < to_ms; t += 10) law.update(at_ms(t), in);
}

std::vector<decision_event> events(controller& law) {
    std::vector<decision_event> all;
    decision_event event;
    while (law.poll_event(event)) all.push_back(event);
    return all;
}

/// The reference law again, in floating point and from its description only; milliseconds and per cent.
struct reference_model {
    double b = 15, p = 0;
    bool path = false;
    double b_time = -1e9, p_time = -1e9, shed_time = -1e9, quiet_since = -1;

    void update(double t, double j_fast, double j_slow, unsigned loss20, double gap, bool cpu_over, bool budget) {
        const bool quiet = loss20 == 0 && j_slow < 6;
        if (!quiet) quiet_since = -1;
        if (quiet && quiet_since < 0) quiet_since = t;
        if (cpu_over) {
            if (t - shed_time >= 1'000) {
                if (p > 0)
                    p = std::max(0.0, p - 2), shed_time = p_time = t;
                else if (b > 15)
                    b = std::max(15.0, b - 2), shed_time = b_time = t;
            }
        } else {
            const double b_next = j_fast > 12 ? std::min(b + 2, 30.0) : j_fast < 6 ? std::max(b - 1, 15.0) : b;
            if (t - b_time >= 1'000 && std::abs(b_next - b) >= 1) b = b_next, b_time = t;
            double p_next = p;
            if (loss20 >= 2 || j_fast > 10)
                p_next = std::min(p + 1, 10.0);
            else if (quiet && t - quiet_since >= 2'000)
                p_next = std::max(p - 1, 0.0);
            if (t - p_time >= 1'000 && std::abs(p_next - p) >= 0.5) p = p_next, p_time = t;
        }
        path = gap >= 120 && budget;
    }
};

}  // namespace

TEST_CASE("the reference law agrees with an independent model", "[controller]") {
    for (std::uint64_t seed = 1; seed <= 40; ++seed) {
        INFO("seed " << seed);
        controller law = make_reference();
        reference_model model;
        xoshiro256 random{seed};
        control_inputs in = clean_path();
        std::int64_t t = 1'000;
        double j_fast = 4;
        double j_slow = 4;
        bool cpu_over = false;
        for (int i = 0; i < 6'000; ++i) {
            t += 5 * (1 + static_cast<std::int64_t>(random.below(4)));
            if (random.chance(0.01)) j_fast = random.uniform(0, 20);
            if (random.chance(0.01)) j_slow = random.uniform(2, 9);
            if (random.chance(0.02))
                in.features.loss20 = static_cast<std::uint32_t>(random.below(4)) * random.chance(0.6);
            if (random.chance(0.004)) cpu_over = !cpu_over && random.chance(0.4);
            if (random.chance(0.02)) in.metered_budget_left = random.chance(0.8);
            const auto gap = static_cast<std::int64_t>(random.below(200));
            in.features.j_fast = duration::from_ns(static_cast<std::int64_t>(j_fast * 1e6));
            in.features.j_slow = duration::from_ns(static_cast<std::int64_t>(j_slow * 1e6));
            in.features.gap = duration::from_ms(gap);
            in.cpu_share_permille = cpu_over ? 60 : 50;
            in.cpu_cap_permille = 50;
            const control_outputs& out = law.update(at_ms(t), in);
            model.update(static_cast<double>(t), in.features.j_fast.ms(), in.features.j_slow.ms(), in.features.loss20,
                         static_cast<double>(gap), cpu_over, in.metered_budget_left);
            REQUIRE(out.hold.ms() == model.b);
            REQUIRE(out.parity_bp == static_cast<std::uint32_t>(std::lround(model.p * 100)));
            REQUIRE(out.second_path == model.path);
            REQUIRE(!out.reactive);
        }
    }
}

TEST_CASE("reference law: thresholds are exact", "[controller]") {
    control_inputs in = clean_path();
    in.features.j_fast = 12_ms;
    in.features.j_slow = 12_ms;
    controller law = make_reference();
    law.update(at_ms(0), in);
    CHECK(law.outputs().hold == 15_ms);  // above 12, not at 12
    CHECK(law.outputs().parity_bp == 100);
    in.features.j_fast = 12_ms + 1_ns;
    law.update(at_ms(10), in);
    CHECK(law.outputs().hold == 17_ms);
    law.update(at_ms(1'009), in);
    CHECK(law.outputs().hold == 17_ms);
    law.update(at_ms(1'010), in);
    CHECK(law.outputs().hold == 19_ms);
    hold_steady(law, 1'020, 20'000, in);
    CHECK(law.outputs().hold == 30_ms);
    CHECK(law.outputs().parity_bp == 1'000);
}

TEST_CASE("adaptive law: a clean path costs nothing", "[controller]") {
    controller law = make();
    hold_steady(law, 0, 10'000, clean_path());
    CHECK(law.outputs().parity_bp == 0);
    CHECK(law.outputs().hold == 15_ms);
    CHECK(law.outputs().reactive);
    CHECK(!law.outputs().second_path);
    control_inputs far = clean_path();
    far.rtt = 120_ms;
    far.features.loss_ppm = 500;
    hold_steady(law, 10'000, 20'000, far);
    CHECK(law.outputs().parity_bp == 0);
    CHECK(!law.outputs().reactive);
}

TEST_CASE("adaptive law: the round trip decides between repair and parity", "[controller]") {
    control_inputs in = clean_path();
    in.features.loss_ppm = 20'000;
    in.features.mean_burst_x16 = 16;
    controller law = make();
    in.rtt = 20_ms;
    hold_steady(law, 0, 1'000, in);
    CHECK(law.outputs().reactive);
    CHECK(law.outputs().parity_bp == 0);
    in.rtt = 85_ms;  // one round fits, a second does not
    hold_steady(law, 1'000, 2'000, in);
    CHECK(law.outputs().reactive);
    CHECK(law.outputs().parity_bp == 0);
    in.rtt = 100_ms;  // inside the hysteresis
    hold_steady(law, 2'000, 3'000, in);
    CHECK(law.outputs().reactive);
    in.rtt = 103_ms;
    hold_steady(law, 3'000, 4'000, in);
    CHECK(!law.outputs().reactive);
    CHECK(law.outputs().parity_bp == 400);
    in.rtt = 0_ms;  // unknown
    hold_steady(law, 4'000, 5'000, in);
    CHECK(!law.outputs().reactive);
    in.features.loss_ppm = 300'000;
    hold_steady(law, 5'000, 5'900, in);
    CHECK(law.outputs().parity_bp == 1'000);  // within a second, at its maximum
    in.overhead_headroom_bp = 330;
    law.update(at_ms(5'910), in);
    CHECK(law.outputs().parity_bp == 330);
    const auto seen = events(law);
    CHECK(seen.back().reason == control_reason::headroom);
    CHECK(seen.back().old_value == 1'000);
    CHECK(seen.back().new_value == 330);
}

TEST_CASE("adaptive law: congestion turns parity off", "[controller]") {
    control_inputs in = clean_path();
    in.features.loss_ppm = 40'000;
    in.rtt = 120_ms;
    controller law = make();
    hold_steady(law, 0, 1'000, in);
    CHECK(law.outputs().parity_bp == 800);
    SECTION("as reported") {
        in.congestion = true;
    }
    SECTION("as seen") {
        in.current = regime::congested;
    }
    hold_steady(law, 1'000, 3'000, in);
    CHECK(law.outputs().parity_bp == 0);
    CHECK(events(law).back().reason == control_reason::congestion);
}

TEST_CASE("adaptive law: bursts beyond parity move to the second path", "[controller]") {
    control_inputs in = clean_path();
    in.rtt = 120_ms;
    in.features.loss_ppm = 30'000;
    in.features.mean_burst_x16 = 16 * 5;  // at 200 packets/s and 10 % parity, 100 ms cover two
    controller law = make();
    hold_steady(law, 0, 1'000, in);
    CHECK(law.outputs().second_path);
    CHECK(law.outputs().parity_bp == 0);
    in.second_path_available = false;
    hold_steady(law, 1'000, 2'000, in);
    CHECK(!law.outputs().second_path);
    CHECK(law.outputs().parity_bp == 0);  // one repair in forty would rebuild anything
    in.features.mean_burst_x16 = 16 * 3;  // one in fifteen: better than nothing
    hold_steady(law, 2'000, 3'000, in);
    CHECK(law.outputs().parity_bp == 600);
}

TEST_CASE("adaptive law: silence beyond the flow's own limit opens the second path", "[controller]") {
    control_inputs in = clean_path();
    controller law = make();
    hold_steady(law, 0, 1'000, in);
    in.features.gap = 25_ms - 1_ns;
    law.update(at_ms(1'000), in);
    CHECK(!law.outputs().second_path);
    in.features.gap = 25_ms;
    law.update(at_ms(1'005), in);
    CHECK(law.outputs().second_path);
    in.features.gap = 0_ms;
    law.update(at_ms(1'504), in);
    CHECK(law.outputs().second_path);  // it lingers
    law.update(at_ms(1'505), in);
    CHECK(!law.outputs().second_path);
    in.features.gap = 100_ms;
    in.metered_budget_left = false;
    law.update(at_ms(1'600), in);
    CHECK(!law.outputs().second_path);
    in.metered_budget_left = true;
    law.update(at_ms(1'610), in);
    CHECK(law.outputs().second_path);
    in.metered_budget_left = false;
    law.update(at_ms(1'620), in);
    CHECK(!law.outputs().second_path);
    const auto seen = events(law);
    CHECK(seen.back().reason == control_reason::budget);
}

TEST_CASE("adaptive law: the hold deepens for what it saves, within the budget of added delay", "[controller]") {
    control_inputs in = clean_path();
    // Delays above the baseline: 20 % beyond 15 ms, 5 % beyond 20 ms, hardly any beyond 25 ms.
    in.features.miss_ppm = {900'000, 600'000, 400'000, 200'000, 50'000, 1'000, 900, 800};
    controller law = make();
    hold_steady(law, 0, 1'000, in);
    CHECK(law.outputs().hold == 15_ms);  // no credit yet
    hold_steady(law, 1'000, 60'000, clean_path());
    std::int64_t deep = 0;
    std::int64_t total = 0;
    duration deepest{};
    for (std::int64_t t = 60'000; t < 660'000; t += 10) {
        law.update(at_ms(t), in);
        deepest = std::max(deepest, law.outputs().hold);
        deep += law.outputs().hold > 15_ms;
        ++total;
    }
    CHECK(deepest == 25_ms);
    CHECK(static_cast<double>(deep) / static_cast<double>(total) < 0.05);
    CHECK(static_cast<double>(deep) / static_cast<double>(total) > 0.02);

    controller_config config;
    config.hold_over_permille = 1'000;
    controller free = make(config);
    hold_steady(free, 0, 2'000, in);
    CHECK(free.outputs().hold == 25_ms);
    hold_steady(free, 2'000, 5'000, clean_path());
    CHECK(free.outputs().hold == 15_ms);  // a spike's overshoot is gone within 3 s
}

TEST_CASE("adaptive law: CPU over its cap sheds parity first, hold second", "[controller]") {
    controller_config config;
    config.hold_over_permille = 1'000;
    controller law = make(config);
    control_inputs in = clean_path();
    in.rtt = 120_ms;
    in.features.loss_ppm = 15'000;
    in.features.miss_ppm = {900'000, 600'000, 400'000, 200'000, 50'000, 1'000, 900, 800};
    hold_steady(law, 0, 2'000, in);
    REQUIRE(law.outputs().parity_bp == 300);
    REQUIRE(law.outputs().hold == 25_ms);
    in.cpu_share_permille = 51;
    in.cpu_cap_permille = 50;
    law.update(at_ms(2'000), in);
    CHECK(law.outputs().parity_bp == 100);
    CHECK(law.outputs().hold == 25_ms);
    hold_steady(law, 2'010, 3'010, in);
    CHECK(law.outputs().parity_bp == 0);
    CHECK(law.outputs().hold == 25_ms);
    hold_steady(law, 3'010, 4'010, in);
    CHECK(law.outputs().hold == 23_ms);
    hold_steady(law, 4'010, 20'000, in);
    CHECK(law.outputs().hold == 15_ms);
}

TEST_CASE("an event carries what is needed to recompute it", "[controller]") {
    controller law = make_reference();
    control_inputs in = clean_path();
    in.features.j_fast = 13_ms;
    in.features.j_slow = 9_ms;
    in.features.loss20 = 2;
    law.update(at_ms(100), in);
    law.update(at_ms(1'100), in);
    const auto seen = events(law);
    REQUIRE(seen.size() == 4);
    CHECK(seen[0].output == control_output::hold);
    CHECK(seen[0].since_change == duration::infinite());
    CHECK(seen[2].output == control_output::hold);
    CHECK(seen[2].reason == control_reason::jitter_high);
    CHECK(seen[2].threshold == 12'000'000);
    CHECK(seen[2].old_value == 17'000'000);
    CHECK(seen[2].new_value == 19'000'000);
    CHECK(seen[2].since_change == 1_s);
    CHECK(seen[2].at == at_ms(1'100));
    CHECK(seen[2].inputs.features.j_fast == 13_ms);
    CHECK(seen[3].output == control_output::parity);
    CHECK(seen[3].reason == control_reason::loss_high);
    CHECK(seen[3].threshold == 2);
    CHECK(law.statistics().hold_changes == 2);
    CHECK(law.statistics().parity_changes == 2);
}

TEST_CASE("a controller configuration out of range is refused by name", "[controller]") {
    controller_config config;
    config.parity_max_bp = 10'001;
    CHECK(controller::create(config, allocator::system()).error().where.field == "parity_max_bp");
    config = {};
    config.hold_max = 1_ms;
    CHECK(controller::create(config, allocator::system()).error().where.field == "hold_max");
    config = {};
    config.law = static_cast<control_law>(5);
    CHECK(controller::create(config, allocator::system()).error().where.field == "law");
}
