// SPDX-License-Identifier: MIT
//
// Sessions that learn each other's clock, and play by it.
#include <catch2/catch_test_macros.hpp>

#include <cmath>
#include <cstdint>
#include <vector>

#include "support/session_pair.hpp"

using namespace duality;
using namespace duality::literals;
using test::session_pair;

namespace {

constexpr std::size_t near = session_pair::near;
constexpr std::size_t far = session_pair::far;

/// 15 ms and |N(0, 5 ms)|, in order, losing a share.
test::link_rule jittery(xoshiro256& random, double loss = 0) {
    return [&random, loss, newest = instant{}](const test::seen_transmission& t) mutable {
        if (random.chance(loss)) return std::vector<duration>{};
        const auto jitter = static_cast<std::int64_t>(std::abs(random.gaussian()) * 5e6);
        newest = std::max(newest, t.at + 15_ms + duration::from_ns(jitter));
        return std::vector<duration>{newest - t.at};
    };
}

duration error_at(session_pair& pair, std::size_t end) {
    const duration truth = pair.local(1 - end) - pair.local(end);
    const duration error = pair.end(end).clock(pair.local(end)).offset - truth;
    return error < duration::zero() ? -error : error;
}

std::uint64_t control_bytes(session_pair& pair) {
    return pair.end(near).statistics().sender.control.bytes + pair.end(far).statistics().sender.control.bytes;
}

}  // namespace

TEST_CASE("session clock: both ends of a one-way flow know the other's clock after 5 s") {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        CAPTURE(seed);
        xoshiro256 random{seed};
        session_config config;
        config.sync_clock = true;
        session_pair pair{config};
        pair.ahead[far] = 5'000_s;
        pair.fast_ppm[far] = 50;
        REQUIRE(pair.add_path(0) == status::ok);
        pair.links = {jittery(random, 0.01), jittery(random, 0.01)};
        pair.send_flow(near, 0, 1'000, 5_ms, 400);
        for (const std::size_t end : {near, far}) {
            const clock_estimate e = pair.end(end).clock(pair.local(end));
            CHECK(e.state == clock_state::locked);
            CHECK(error_at(pair, end) <= 2_ms);
            CHECK(error_at(pair, end) <= e.error_bound);
            CHECK(e.error_bound <= 25_ms);
        }
        // Everything rode on something else.
        CHECK(pair.count(near, transmit_kind::clock) + pair.count(far, transmit_kind::clock) == 0);
        CHECK_FALSE(pair.stuck);
    }
}

TEST_CASE("session clock: what it costs in a minute is a fraction of a per cent, paid as control") {
    std::uint64_t control[2];
    std::uint64_t source = 0;
    for (const bool sync : {false, true}) {
        session_config config;
        config.sync_clock = sync;
        session_pair pair{config};
        REQUIRE(pair.add_path(0) == status::ok);
        pair.send_flow(near, 0, 12'000, 5_ms, 400);
        control[sync] = control_bytes(pair);
        source = pair.end(near).statistics().sender.source.bytes;
        CHECK((pair.end(near).clock_statistics().requests > 50) == sync);
        CHECK((pair.end(far).clock(pair.now()).state == clock_state::locked) == sync);
    }
    CHECK(control[true] > control[false]);
    CHECK((control[true] - control[false]) * 10'000 <= source * 20);  // 0.2 %
}

TEST_CASE("session clock: an end that does not ask answers all the same") {
    session_config asking;
    asking.sync_clock = true;
    session_pair pair{asking, session_config{}};
    REQUIRE(pair.add_path(0) == status::ok);
    pair.send_flow(near, 0, 1'000, 5_ms, 400);
    CHECK(pair.end(near).clock(pair.now()).state == clock_state::locked);
    CHECK(pair.end(far).clock(pair.now()).samples == 0);
    CHECK(pair.end(far).clock_statistics().requests == 0);
}

TEST_CASE("session clock: without credit nobody asks, and the cap holds") {
    session_config config;
    config.sync_clock = true;
    config.overhead_cap_bp = config.control_share_bp = 0;
    session_pair pair{config};
    REQUIRE(pair.add_path(0) == status::ok);
    pair.send_flow(near, 0, 1'000, 5_ms, 400);
    CHECK(pair.end(near).clock(pair.now()).samples == 0);
    CHECK(control_bytes(pair) == 0);
    CHECK_FALSE(pair.stuck);
}

TEST_CASE("session clock: a peer that floods requests gets few answers, within the cap") {
    session_config config;
    session_pair pair{config};
    REQUIRE(pair.add_path(0) == status::ok);
    pair.send_flow(near, 0, 400, 5_ms, 400);
    std::uint16_t sequence = 20'000;
    for (int i = 0; i < 2'000; ++i) {
        test::bytes packet(1'400);
        wire::writer w{packet};
        wire::write_header(w, {++sequence});
        for (std::uint64_t n = 0; n < 100; ++n) wire::write_delimited(w, wire::clock_frame{false, n, 0, 0});
        packet.resize(w.size());
        REQUIRE(pair.end(near).handle_datagram(pair.now(), 0, packet) == status::ok);
        (void)pair.send(near, 0, test::payload_of(1, 400));
        pair.run_for(5_ms);
    }
    const session_statistics s = pair.end(near).statistics();
    CHECK(s.sender.control.bytes * 10'000 <= (s.sender.source.bytes + 1) * config.overhead_cap_bp);
    CHECK_FALSE(pair.stuck);
}

TEST_CASE("session clock: deadline playout releases every packet at the same time after it was sent") {
    for (std::uint64_t seed = 1; seed <= 5; ++seed) {
        CAPTURE(seed);
        xoshiro256 random{seed};
        session_config config;
        config.hold.mode = playout_mode::deadline;
        config.hold.lead = 80_ms;
        session_pair pair{config};
        pair.ahead[far] = -3'000_s;
        pair.ahead[near] = 100'000_s;
        pair.fast_ppm[far] = -50;
        REQUIRE(pair.add_path(0) == status::ok);
        pair.links = {jittery(random), jittery(random)};
        constexpr std::size_t count = 4'000;
        pair.send_flow(near, 0, count, 5_ms, 400);
        pair.run_for(1_s);
        REQUIRE(pair.deliveries[far].size() == count);
        for (const test::seen_delivery& d : pair.deliveries[far]) {
            const instant sent = instant{} + 5_ms * static_cast<std::int64_t>(d.number & 0xFFFFFFFF);
            const duration away = d.at - sent;
            // Before the clocks are known, a route as long in both directions is supposed.
            const duration slack = sent < instant{} + 4_s ? 15_ms : 2_ms;
            CAPTURE(d.number, away.ms());
            REQUIRE(away >= 80_ms - slack);
            REQUIRE(away <= 80_ms + slack);
        }
    }
}
