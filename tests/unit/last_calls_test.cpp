// SPDX-License-Identifier: MIT
#include "duality/detail/last_calls.hpp"

#include <catch2/catch_test_macros.hpp>

#include "duality/multipath.hpp"
#include "support/session_checks.hpp"
#include "support/session_pair.hpp"

using namespace duality;
using namespace duality::literals;
using detail::last_calls;

namespace {

/// A flow of a packet every 5 ms whose idle delay is 20 ms and whose deadline is 100 ms later.
struct flow {
    last_calls calls;

    [[nodiscard]] static instant origin(std::uint64_t number) {
        return instant{} + 5_ms * static_cast<std::int64_t>(number);
    }
    /// True when it had been missed.
    bool arrive(std::uint64_t number, duration delay) {
        const bool was_missed = calls.on_source(origin(number) + delay, number, delay);
        calls.note_delay(origin(number) + delay, delay);
        return was_missed;
    }
    /// The last call of the next packet, after such a silence.
    bool judge(duration silence, bool sent = true) {
        const instant sent_at = origin(calls.next());
        const instant expiry = sent_at + 120_ms;
        return calls.judge(expiry - 60_ms, {.origin = sent_at, .expiry = expiry, .sent = sent, .silence = silence});
    }
};

}  // namespace

TEST_CASE("last calls: the lead is a round trip and its deviation, within a tenth") {
    last_calls calls;
    CHECK(calls.lead() == duration{});
    calls.set_round_trip(60_ms, 5_ms);
    CHECK(calls.lead() == 65_ms);
    calls.set_round_trip(60_ms, 1_ms);
    CHECK(calls.lead() == 64_ms);
    calls.set_round_trip(60_ms, 30_ms);  // as after one measurement, which says little about the next
    CHECK(calls.lead() == 66_ms);
    calls.set_round_trip(10_ms, 10_ms);
    CHECK(calls.lead() == 14_ms);
    calls.set_round_trip(duration{}, 10_ms);
    CHECK(calls.lead() == duration{});
}

TEST_CASE("last calls: what always comes in the end is not asked for, what never does is") {
    flow f;
    f.calls.set_round_trip(50_ms, 5_ms);
    int asked_early = 0;
    int asked_late = 0;
    for (std::uint64_t n = 0; n < 8'000; ++n) {
        // Every tenth is late by 40 ms after a short silence and comes; every hundredth is lost after a long one.
        const bool lost = n % 100 == 0;
        if (lost) {
            asked_late += f.judge(60_ms) && n > 4'000 ? 1 : 0;
        } else if (n % 10 == 5) {
            asked_early += f.judge(40_ms) && n > 4'000 ? 1 : 0;
            f.arrive(n, 70_ms);
        } else {
            f.calls.begin_at(n + 1);
            f.arrive(n, 20_ms);
        }
    }
    CHECK(asked_early == 0);
    CHECK(asked_late == 39);
}

TEST_CASE("last calls: without arrivals there is no credit for more than a few") {
    flow f;
    f.calls.set_round_trip(50_ms, 5_ms);
    for (std::uint64_t n = 0; n < 4'000; ++n) {
        f.calls.begin_at(n + 1);
        f.arrive(n, 20_ms);
    }
    int asked = 0;
    for (int i = 0; i < 1'000; ++i) asked += f.judge(80_ms) ? 1 : 0;
    CHECK(asked > 0);
    CHECK(asked <= 64);
}

TEST_CASE("last calls: packets that a pause of the application delayed teach nothing") {
    flow paused;
    flow fresh;
    for (flow* f : {&paused, &fresh}) f->calls.set_round_trip(50_ms, 5_ms);
    for (int i = 0; i < 30; ++i) (void)paused.judge(40_ms, false);
    // They are sent a second later than the pace made one think.
    for (std::uint64_t n = 0; n < 30; ++n) CHECK_FALSE(paused.calls.on_source(flow::origin(n) + 1_s + 20_ms, n, 20_ms));
    (void)paused.judge(40_ms);
    (void)fresh.judge(40_ms);
    CHECK(paused.calls.odds() == fresh.calls.odds());
}

TEST_CASE("last calls: what was lost in a silence is learned from the packets behind it") {
    // Every silence of 40 ms is an outage: nothing that was under way comes, and nothing behind it has come at the call.
    const auto odds_after = [](duration gap_of_the_application) {
        flow f;
        for (std::uint64_t n = 0; n < 2'000; ++n) {
            if (n % 100 != 0) {
                f.calls.begin_at(n + 1);
                (void)f.arrive(n, 20_ms);
                continue;
            }
            (void)f.judge(40_ms, false);
            f.calls.on_hole(n, flow::origin(n) + gap_of_the_application);
        }
        (void)f.judge(40_ms, false);
        return f.calls.odds();
    };
    CHECK(odds_after(0_ms) > 192);
    CHECK(odds_after(1_s) < 192);  // it was sent when nobody waited for it
}

TEST_CASE("last calls: a silence after a late packet says something else than one after a punctual one") {
    flow f;
    f.calls.set_round_trip(50_ms, 5_ms);
    for (std::uint64_t n = 0; n < 16'000; ++n) {
        const bool first_in_time = n % 80 < 40;
        if (n % 40 == 1) {
            // Silences that begin at once are outages; those that a late packet announces are not.
            (void)f.judge(40_ms);
            if (!first_in_time) (void)f.arrive(n, 90_ms);
        } else {
            f.calls.begin_at(n + 1);
            (void)f.arrive(n, n % 40 == 0 && !first_in_time ? 60_ms : 20_ms);
        }
    }
    f.calls.note_delay(flow::origin(16'000), 20_ms);
    (void)f.judge(40_ms);
    const int punctual = f.calls.odds();
    f.calls.note_delay(flow::origin(16'001), 60_ms);
    (void)f.judge(40_ms);
    const int late = f.calls.odds();
    CAPTURE(punctual, late);
    CHECK(punctual > 128);
    CHECK(late < 128);
}

TEST_CASE("last calls: one that comes after its call is told from one in time and from one called before it was due") {
    flow f;
    CHECK_FALSE(f.arrive(0, 20_ms));
    (void)f.calls.judge({}, {.known = true});
    (void)f.judge(40_ms);
    CHECK(f.arrive(1, 90_ms));
    CHECK_FALSE(f.arrive(1, 95_ms));  // again
    // Where the way there and back is longer than the deadline every call is one too many.
    const instant sent = flow::origin(2);
    (void)f.calls.judge(sent + 10_ms, {.origin = sent, .expiry = sent + 60_ms, .sent = false, .silence = 5_ms});
    CHECK_FALSE(f.arrive(2, 21_ms));
}

TEST_CASE("last calls: a session asks for a burst that nothing has come behind yet, and gets it in time") {
    session_config config;
    config.hold.hold_min = config.hold.hold_initial = 15_ms;
    test::session_pair pair{config};
    REQUIRE(pair.add_path(0) == status::ok);
    REQUIRE(pair.add_path(1, {.cost = cost_class::metered}) == status::ok);
    // Every 2 s the first path swallows 70 ms in both directions: too short to be called dead for certain.
    const auto swallow = [](const test::seen_transmission& t) {
        const bool out = t.path == 0 && t.at > instant{} + 5_s && t.at.ns() % 2'000'000'000 < 70'000'000;
        return out ? std::vector<duration>{} : std::vector<duration>{t.path == 0 ? 10_ms : 25_ms};
    };
    pair.links[0] = pair.links[1] = swallow;
    pair.send_flow(0, 0, 6'000, 5_ms, 200);
    pair.run_for(1_s);
    std::size_t in_time = 0;
    for (const test::seen_delivery& d : pair.deliveries[1]) in_time += d.past_deadline ? 0 : 1;
    CHECK(in_time == 6'000);
    std::size_t requested = 0;
    for (const test::seen_transmission& t : pair.sent[0]) {
        for (const wire::frame& frame : test::frames_of(t))
            requested +=
                frame.type == wire::frame_type::copy && frame.copy.reason == wire::copy_reason::requested ? 1 : 0;
    }
    CHECK(requested > 0);
    CHECK(requested < 300);
}
