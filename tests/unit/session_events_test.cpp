// SPDX-License-Identifier: MIT
//
// The event lane of a session: once each, soon, and paid for.
#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <vector>

#include "duality/random.hpp"
#include "support/counting_allocator.hpp"
#include "support/session_checks.hpp"

using namespace duality;
using namespace duality::literals;
using test::far;
using test::near;
using test::payload_of;
using test::session_pair;

namespace {

[[nodiscard]] session_config with_lane() {
    session_config config;
    config.events = true;
    return config;
}

/// Both ends within the cap, together.
void check_cap(session_pair& pair) {
    const sender_statistics a = pair.end(near).statistics().sender;
    const sender_statistics b = pair.end(far).statistics().sender;
    REQUIRE((a.extra_bytes() + b.extra_bytes()) * 10 <= a.source.bytes + b.source.bytes);
}

[[nodiscard]] test::link_rule losing(double share, std::uint64_t seed) {
    return [share, random = xoshiro256{seed}](const test::seen_transmission& t) mutable {
        if (random.chance(share)) return std::vector<duration>{};
        return std::vector<duration>{t.path == 0 ? 10_ms : 25_ms};
    };
}

}  // namespace

TEST_CASE("session events: on a clean link each comes once, as soon as the link brings it, outside of the hold") {
    session_pair pair{with_lane()};
    REQUIRE(pair.add_path(0) == status::ok);
    for (std::uint64_t i = 0; i < 100; ++i) {
        const instant at = pair.now();
        REQUIRE(pair.send_event(near, payload_of(i, i % 100)) == status::ok);
        pair.run_for(30_ms);
        REQUIRE(pair.lane[far].size() == i + 1);
        const test::seen_event& e = pair.lane[far].back();
        CHECK(e.number == i);
        CHECK(e.payload == payload_of(i, i % 100));
        CHECK(e.at - at == 10_ms);
        const std::int64_t behind = at.ns() - e.origin.ns();
        CHECK(behind >= 0);
        CHECK(behind < 1 << wire::tick_bits);
        check_cap(pair);
    }
    CHECK_FALSE(pair.stuck);
    CHECK(pair.lane[near].empty());
    const sender_statistics s = pair.end(near).statistics().sender;
    CHECK(s.source.packets == 100);
    CHECK(s.source.bytes == 100 * 28 + 99 * 100 / 2);
    CHECK(pair.end(far).events().accepted == 100);
}

TEST_CASE("session events: what a loss took the next message brings, as far as the cap pays for it") {
    session_pair pair{with_lane()};
    REQUIRE(pair.add_path(0) == status::ok);
    bool cut = false;
    pair.links[near] = [&](const test::seen_transmission&) {
        return cut ? std::vector<duration>{} : std::vector<duration>{10_ms};
    };
    pair.send_flow(near, 0, 200, 5_ms, 400);  // earns the credit
    for (std::uint64_t i = 0; i < 30; ++i) {
        cut = i % 3 != 2;
        REQUIRE(pair.send_event(near, payload_of(i, 20)) == status::ok);
        cut = false;
        pair.run_for(15_ms);
        CHECK(pair.lane[far].size() == (i + 1) / 3 * 3);
        check_cap(pair);
    }
    for (std::size_t i = 0; i < pair.lane[far].size(); ++i) CHECK(pair.lane[far][i].number == i);
    const sender_statistics s = pair.end(near).statistics().sender;
    CHECK(s.event_repeats.bytes > 0);
    CHECK(s.event_repeats.packets == 0);  // no message was a repetition alone
    CHECK(s.source.bytes == 200 * 428 + 30 * 48);
}

TEST_CASE("session events: repeated until their deadline they come through losses, exactly once") {
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
        CAPTURE(seed);
        session_pair pair{with_lane()};
        REQUIRE(pair.add_path(0) == status::ok);
        REQUIRE(pair.add_path(1, {.cost = cost_class::metered}) == status::ok);
        pair.links[near] = losing(0.3, seed);
        pair.links[far] = losing(0.3, seed + 100);
        for (std::uint64_t i = 0; i < 1'000; ++i) {
            (void)pair.send(near, 0, payload_of(i, 400));
            if (i % 50 == 25)
                REQUIRE(pair.send_event(near, payload_of(1'000 + i, 30), pair.now() + 300_ms) == status::ok);
            pair.run_for(5_ms);
            check_cap(pair);
        }
        pair.run_for(1_s);
        CHECK_FALSE(pair.stuck);
        CHECK(pair.lane[far].size() >= 19);
        std::vector<std::uint64_t> numbers;
        for (const test::seen_event& e : pair.lane[far]) numbers.push_back(e.number);
        std::sort(numbers.begin(), numbers.end());
        CHECK(std::adjacent_find(numbers.begin(), numbers.end()) == numbers.end());
        CHECK(pair.end(near).statistics().sender.event_repeats.packets > 20);
        // All that was sent is accounted for.
        std::uint64_t wire = 0;
        for (const test::seen_transmission& t : pair.sent[near]) wire += t.datagram.size() + 28;
        const sender_statistics s = pair.end(near).statistics().sender;
        CHECK(s.source.bytes + s.framing_bytes + s.hot_copies.bytes + s.extra_bytes() == wire);
    }
}

TEST_CASE("session events: without anything earned nothing is said twice") {
    session_pair pair{with_lane()};
    REQUIRE(pair.add_path(0) == status::ok);
    REQUIRE(pair.send_event(near, payload_of(1, 10), pair.now() + 1_s) == status::ok);
    pair.run_for(3_s);
    CHECK(pair.count(near, transmit_kind::event) == 1);
    CHECK(pair.end(near).statistics().sender.refused_by_cap > 0);
    check_cap(pair);
}

TEST_CASE("session events: they go where packets go when the path is out") {
    session_pair pair{with_lane()};
    REQUIRE(pair.add_path(0) == status::ok);
    REQUIRE(pair.add_path(1, {.cost = cost_class::metered}) == status::ok);
    pair.send_flow(near, 0, 400, 5_ms, 400);
    pair.links[near] = [](const test::seen_transmission& t) {
        return t.path == 0 ? std::vector<duration>{} : std::vector<duration>{20_ms};
    };
    REQUIRE(pair.send_event(near, payload_of(1, 10), pair.now() + 300_ms) == status::ok);
    pair.send_flow(near, 0, 100, 5_ms, 400);
    CHECK(pair.lane[far].size() == 1);
}

TEST_CASE("session events: misuse, and a peer without a lane") {
    session_pair pair{with_lane(), session_config{}};
    CHECK(pair.end(far).send_event({}, payload_of(1, 3)) == status::wrong_state);
    CHECK(pair.send_event(near, payload_of(1, 101)) == status::too_large);
    for (int i = 0; i < 4; ++i) CHECK(pair.send_event(near, payload_of(1, 100)) == status::ok);  // no path yet
    CHECK(pair.send_event(near, payload_of(1, 100)) == status::queue_full);
    CHECK(pair.sent[near].empty());
    REQUIRE(pair.add_path(0) == status::ok);
    pair.run_for(500_ms);
    CHECK(pair.count(near, transmit_kind::event) == 1);
    CHECK(pair.lane[far].empty());
    CHECK(pair.end(far).statistics().malformed == 0);
    CHECK_FALSE(pair.stuck);
    REQUIRE(pair.end(near).close(pair.now(), wire::close_reason::normal) == status::ok);
    CHECK(pair.send_event(near, payload_of(1, 3)) == status::closed);
    CHECK_FALSE(session::create({.events = true, .lane = {.carry = 17}}, allocator::system()).has_value());
}

TEST_CASE("session events: new ones leave before the goodbye, old ones are not said again after it") {
    session_pair pair{with_lane()};
    REQUIRE(pair.add_path(0) == status::ok);
    pair.send_flow(near, 0, 200, 5_ms, 400);
    REQUIRE(pair.end(near).send_event(pair.now(), payload_of(7, 10), pair.now() + 1_s) == status::ok);
    REQUIRE(pair.end(near).close(pair.now(), wire::close_reason::normal) == status::ok);
    pair.drain(near);
    pair.run_for(3_s);
    CHECK(pair.lane[far].size() == 1);
    CHECK(pair.count(near, transmit_kind::event) == 1);
    CHECK(pair.count_event(far, session_event_kind::closed) == 1);
    CHECK(pair.end(near).next_timeout().is_never());
}

TEST_CASE("session events: the lane of a restarted peer begins anew") {
    session_config config = with_lane();
    config.epoch = 1;
    session_pair pair{config};
    REQUIRE(pair.add_path(0) == status::ok);
    for (std::uint64_t i = 0; i < 5; ++i) {
        REQUIRE(pair.send_event(near, payload_of(i, 10)) == status::ok);
        pair.run_for(100_ms);
    }
    REQUIRE(pair.lane[far].size() == 5);
    config.epoch = 2;
    pair.restart(near, config);
    REQUIRE(pair.end(near).add_path(pair.now(), 0, {}) == status::ok);
    REQUIRE(pair.send_event(near, payload_of(9, 10)) == status::ok);
    pair.run_for(100_ms);
    REQUIRE(pair.lane[far].size() == 6);
    CHECK(pair.lane[far].back().number == 0);
    CHECK(pair.lane[far].back().payload == payload_of(9, 10));
}

TEST_CASE("session events: a lane costs memory only where it is wanted") {
    test::counting_allocator plain;
    test::counting_allocator wanted;
    auto without = session::create({}, plain.get());
    auto with = session::create(with_lane(), wanted.get());
    REQUIRE(without.has_value());
    REQUIRE(with.has_value());
    CHECK(wanted.live_bytes() - plain.live_bytes() <= 13 * 1'024);
}
