// SPDX-License-Identifier: MIT
#include <catch2/catch_test_macros.hpp>

#include <algorithm>

#include "duality/detail/stall_odds.hpp"
#include "duality/detail/stall_watch.hpp"
#include "duality/multipath.hpp"
#include "support/session_pair.hpp"

using namespace duality;
using namespace duality::literals;
using detail::stall_odds;
using detail::stall_watch;

namespace {

/// Packets every 5 ms; after each it would be silence if no other came until `due`.
void feed(stall_watch& watch, instant& now, int packets, duration spacing = duration::from_ms(5)) {
    for (int i = 0; i < packets; ++i, now += spacing) watch.on_packet(now, spacing);
    now = now - spacing;
}

}  // namespace

TEST_CASE("stall watch: silence beyond the sender's spacing and some patience is a stall, told once") {
    stall_watch watch;
    CHECK(watch.due().is_never());
    instant now{};
    feed(watch, now, 400);
    const instant due = watch.due();
    CHECK(due > now + 10_ms);
    CHECK(due <= now + 5_ms + 12_ms);
    CHECK_FALSE(watch.poll(due - 1_us));
    CHECK(watch.poll(due));
    CHECK_FALSE(watch.poll(due + 1_s));
    CHECK(watch.due().is_never());
    now = due + 20_ms;
    feed(watch, now, 1);
    CHECK_FALSE(watch.due().is_never());
}

TEST_CASE("stall watch: alarms teach it patience, quiet takes it away again, within limits") {
    stall_watch watch;
    instant now{};
    feed(watch, now, 10);
    const duration fresh = watch.due() - now;
    for (int i = 0; i < 100; ++i) {
        REQUIRE(watch.poll(watch.due()));
        now += 5_ms;
        feed(watch, now, 2);
    }
    const duration wary = watch.due() - now;
    CHECK(wary > fresh + 10_ms);
    CHECK(wary <= 5_ms + 40_ms);
    feed(watch, now, 200 * 60);
    CHECK(watch.due() - now < fresh);
    CHECK(watch.due() - now >= 5_ms + 6_ms);
}

TEST_CASE("stall watch: the longest recent spacing counts, and sparse flows are not watched") {
    stall_watch frames;
    instant now{};
    for (int frame = 0; frame < 60; ++frame) {  // four packets at once, every 33 ms
        for (int i = 0; i < 3; ++i) frames.on_packet(now, 0_ms);
        frames.on_packet(now, 33_ms);
        now += 33_ms;
    }
    CHECK(frames.due() >= now);
    stall_watch sparse;
    feed(sparse, now, 20, 100_ms);
    CHECK(sparse.due().is_never());
}

TEST_CASE("stall odds: before anything was seen, twice as long is about half as likely") {
    const stall_odds odds;
    CHECK(odds.chance_bp(50_ms, 50_ms) == 10'000);
    CHECK(odds.chance_bp(50_ms, 40_ms) == 10'000);
    const std::int64_t twice = odds.chance_bp(50_ms, 100_ms);
    CHECK(twice > 3'500);
    CHECK(twice < 6'500);
    CHECK(odds.chance_bp(-50_ms, 100_ms) > 0);
    CHECK(odds.chance_bp(duration::infinite(), duration::infinite()) == 10'000);
}

TEST_CASE("stall odds: what was seen counts, and is forgotten") {
    stall_odds odds;
    for (int i = 0; i < 200; ++i) odds.record(60_ms, 0_ms);  // only the reports were late
    CHECK(odds.chance_bp(50_ms, 100_ms) < 300);
    for (int i = 0; i < 200; ++i) odds.record(150_ms, duration::infinite());
    CHECK(odds.chance_bp(50_ms, 100_ms) > 8'000);
    CHECK(odds.chance_bp(140_ms, 200_ms) > 9'900);
    for (int i = 0; i < 400; ++i) odds.record(80_ms, 80_ms);
    CHECK(odds.chance_bp(50_ms, 75_ms) > 9'000);
    CHECK(odds.chance_bp(50_ms, 100_ms) < 1'000);
}

TEST_CASE("scheduler: a peer that waits in vain makes a path suspect, one that pauses does not") {
    auto made = scheduler::create({}, allocator::system());
    REQUIRE(made.has_value());
    scheduler s = std::move(made).value();
    REQUIRE(s.add_path({}, 0, {}) == status::ok);
    REQUIRE(s.add_path({}, 1, {.cost = cost_class::metered}) == status::ok);
    instant now{};
    const auto send = [&](path_id id) { return s.on_transmit(now, id, 400, 428); };
    std::uint16_t newest = 0;
    for (int i = 0; i < 100; ++i, now += 5_ms) {
        s.activate(now, 0);
        newest = send(0);
        s.on_report(now + 1_ms, 0, {0, newest, {}, static_cast<std::uint16_t>(i + 1)});
        s.on_report(now + 1_ms, 1, {1, send(1), {}, static_cast<std::uint16_t>(i + 1)});
    }
    // Everything was reported: the application pauses.
    now += 100_ms;
    s.on_stall(now, 0, 1, newest);
    CHECK(s.state(0) == path_state::active);
    // Sent a moment ago: it could not have arrived when the peer wrote this.
    (void)send(0);
    s.on_stall(now, 0, 1, newest);
    CHECK(s.state(0) == path_state::active);
    // Sent long ago: it is stuck, and new packets take the other path.
    now += 30_ms;
    CHECK(s.best(now) == path_id{0});
    s.on_stall(now, 0, 1, newest);
    CHECK(s.state(0) == path_state::suspect);
    CHECK(s.best(now) == path_id{1});
    CHECK(s.chance_of_missing(now, 0, now, 100_ms) > 0);
    // The peer has moved on since.
    s.on_report(now, 0, {1, static_cast<std::uint16_t>(newest + 1), {}, 101});
    CHECK(s.state(0) == path_state::active);
    CHECK(s.best(now) == path_id{0});
    CHECK(s.chance_of_missing(now, 0, now, 100_ms) == 0);
    s.on_stall(now, 0, 1, newest);
    CHECK(s.state(0) == path_state::active);
    s.on_stall(now, 42, 1, newest);
}

TEST_CASE("session: a stall is told over the other path, before the sender could miss the reports") {
    test::session_pair pair{session_config{}};
    REQUIRE(pair.add_path(0) == status::ok);
    REQUIRE(pair.add_path(1, {.cost = cost_class::metered}) == status::ok);
    const instant from = instant{} + 2_s;
    const instant to = from + 300_ms;
    // Only the data stops; the reports of the other direction still come through.
    pair.links[test::session_pair::near] = [&](const test::seen_transmission& t) {
        const bool out = t.path == 0 && t.at >= from && t.at < to;
        return out ? std::vector<duration>{} : std::vector<duration>{10_ms};
    };
    pair.send_flow(test::session_pair::near, 0, 600, 5_ms, 200);
    instant moved = instant::never();
    for (const auto& t : pair.sent[test::session_pair::near])
        if (t.kind == transmit_kind::source && t.path == 1) moved = std::min(moved, t.at);
    // 10 ms to arrive, 5 ms of spacing, up to 12 ms of patience, 10 ms for the notice.
    CHECK(moved <= from + 40_ms);
    CHECK(moved > from + 20_ms);
}
