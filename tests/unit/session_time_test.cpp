// SPDX-License-Identifier: MIT
//
// What time does to a session: that it is asked too often, that the network takes none, that a peer lies about it or says
// nothing at all.
#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <vector>

#include "duality/random.hpp"
#include "support/session_checks.hpp"

using namespace duality;
using namespace duality::literals;
using test::bytes;
using test::far;
using test::near;
using test::payload_of;
using test::session_pair;

namespace {

struct history {
    std::vector<test::seen_transmission> sent;
    std::vector<std::pair<instant, std::uint64_t>> delivered;
    std::vector<std::pair<instant, session_event_kind>> told;
};

/// What the two ends put on the wire, hand out and tell, of a flow over two bad paths; besides, both are asked `extra` times between
/// any two packets.
[[nodiscard]] history said(std::uint64_t seed, std::size_t extra) {
    session_config config;
    config.sync_clock = true;
    config.events = true;
    if (seed % 3 == 0) config.stream.mode = stream_mode::hot;
    if (seed % 3 == 1) config.stream.mode = stream_mode::spread;
    if (seed % 5 == 0) config.control.law = control_law::reference;
    session_pair pair{config};
    REQUIRE(pair.add_path(0) == status::ok);
    REQUIRE(pair.add_path(1, {.cost = seed % 2 == 0 ? cost_class::metered : cost_class::free}) == status::ok);
    xoshiro256 random{seed};
    xoshiro256 when{seed + 1'000};
    for (test::link_rule& link : pair.links)
        link = [&](const test::seen_transmission& t) {
            const bool out = t.path == 0 && t.at.ns() % 2'000'000'000 > 1'700'000'000;
            const std::int64_t delay = 8'000 + static_cast<std::int64_t>(random.below(9'000));
            if (random.chance(0.03) || out) return std::vector<duration>{};
            return std::vector<duration>{duration::from_us(delay + (t.path == 1 ? 10'000 : 0))};
        };
    for (std::uint64_t i = 0; i < 1'200; ++i) {
        const duration interval =
            duration::from_us(i % 400 == 399 ? 3'000'000 : 4'000 + static_cast<std::int64_t>(i % 7) * 400);
        (void)pair.send(near, 0, payload_of(i, 200));
        if (i % 2 == 0) (void)pair.send(far, 1, payload_of(i, 60));
        if (i % 50 == 0) (void)pair.send_event(near, payload_of(i, 20), pair.now() + 200_ms);
        const instant next = pair.now() + interval;
        for (std::size_t n = 0; n < extra; ++n) {
            pair.run_for(duration::from_ns(
                static_cast<std::int64_t>(when.below(static_cast<std::uint64_t>((next - pair.now()).ns()) / 2 + 1))));
            for (const std::size_t end : {near, far}) {
                pair.end(end).handle_timeout(pair.now());
                pair.drain(end);
            }
        }
        pair.run_until(next);
    }
    CHECK_FALSE(pair.stuck);
    history all;
    for (const std::size_t end : {near, far}) {
        all.sent.insert(all.sent.end(), pair.sent[end].begin(), pair.sent[end].end());
        for (const test::seen_delivery& d : pair.deliveries[end]) all.delivered.emplace_back(d.at, d.number);
        for (const session_event& e : pair.events[end]) all.told.emplace_back(e.at, e.kind);
    }
    return all;
}

[[nodiscard]] bool same(const test::seen_transmission& a, const test::seen_transmission& b) {
    return a.at == b.at && a.path == b.path && a.kind == b.kind && a.datagram == b.datagram;
}

}  // namespace

TEST_CASE("session time: to ask more often than next_timeout says changes nothing") {
    for (std::uint64_t seed = 1; seed <= 15; ++seed) {
        CAPTURE(seed);
        const auto seldom = said(seed, 0);
        const auto often = said(seed, 5);
        CHECK(seldom.sent.size() > 2'000);
        CHECK(std::equal(seldom.sent.begin(), seldom.sent.end(), often.sent.begin(), often.sent.end(), same));
        CHECK(seldom.delivered == often.delivered);
        CHECK(seldom.told == often.told);
    }
}

TEST_CASE("session time: late wake-ups do not add up, and what was missed is not made up for") {
    instant last = instant::before_all();
    REQUIRE(detail::step_due(instant{} + 7_ms, 20_ms, last));
    for (int i = 1; i <= 100; ++i) {
        CHECK_FALSE(detail::step_due(instant{} + 7_ms + 20_ms * i - 1_us, 20_ms, last));
        CHECK(detail::step_due(instant{} + 7_ms + 20_ms * i + 700_us, 20_ms, last));
    }
    CHECK(last == instant{} + 7_ms + 2_s);
    CHECK(detail::step_due(instant{} + 10_s, 20_ms, last));
    CHECK_FALSE(detail::step_due(instant{} + 10_s + 19_ms, 20_ms, last));
}

TEST_CASE("session time: ends without a way between them do not suspect their paths") {
    for (const std::size_t paths : {1u, 2u}) {
        for (const std::size_t size : {20u, 400u}) {
            for (const duration interval : {1_ms, 5_ms, 20_ms, 50_ms}) {
                // So little does not pay for reports and answers to probes.
                if (size == 20 && interval >= 20_ms) continue;
                CAPTURE(paths, size, interval.ns());
                session_pair pair{session_config{}};
                pair.links[near] = pair.links[far] = test::constant_delay(duration{});
                REQUIRE(pair.add_path(0) == status::ok);
                if (paths == 2) REQUIRE(pair.add_path(1, {.cost = cost_class::metered}) == status::ok);
                pair.send_flow(near, 0, 1'000, interval, size);
                pair.run_for(1_s);
                CHECK_FALSE(pair.stuck);
                CHECK(pair.deliveries[far].size() == 1'000);
                const path_statistics s = pair.end(near).path(pair.now(), 0);
                CHECK(s.suspicions == 0);
                CHECK(s.deaths == 0);
            }
        }
    }
}

namespace {

template <class Frame>
[[nodiscard]] bytes packet_of(std::uint16_t sequence, const Frame& frame) {
    bytes packet(2'048);
    wire::writer out{packet};
    wire::write_header(out, {sequence});
    wire::write(out, frame);
    packet.resize(out.size());
    return packet;
}

[[nodiscard]] wire::feedback_frame any_report(xoshiro256& random, std::uint32_t newest) {
    const auto below = [&](std::uint64_t limit) { return static_cast<std::uint32_t>(random.below(limit)); };
    wire::feedback_frame f;
    f.newest_esi = newest - below(40) + below(3);
    f.known_run = 1 + below(4);
    f.range_count = below(wire::max_ack_ranges + 1);
    for (std::size_t i = 0; i < f.range_count; ++i) f.ranges[i] = {1 + below(3), 1 + below(3)};
    if (random.chance(0.7)) {
        f.deficit.symbols_needed = 1 + below(200);
        f.deficit.last_missing = f.newest_esi - below(5);
        f.deficit.first_missing = f.deficit.last_missing - below(60);
        f.deficit.by_when = duration::from_ms(below(5'000));
    }
    if (random.chance(0.5)) f.call = {1 + below(31), f.newest_esi - below(30), static_cast<std::uint8_t>(below(256))};
    f.path_count = 1 + below(3);
    for (std::size_t i = 0; i < f.path_count; ++i)
        f.paths[i] = {static_cast<path_id>(below(3)), static_cast<std::uint16_t>(random.next()),
                      duration::from_ms(below(100'000)), static_cast<std::uint16_t>(random.next())};
    f.stalled = random.chance(0.3);
    return f;
}

}  // namespace

TEST_CASE("session time: a peer that never reports costs no packet and no byte beyond the cap") {
    for (const std::size_t paths : {1u, 2u}) {
        CAPTURE(paths);
        session_pair pair{session_config{}};
        REQUIRE(pair.add_path(0) == status::ok);
        if (paths == 2) REQUIRE(pair.add_path(1, {.cost = cost_class::metered}) == status::ok);
        pair.links[far] = [](const test::seen_transmission&) { return std::vector<duration>{}; };
        pair.send_flow(near, 0, 4'000, 5_ms, 200);
        pair.run_for(1_s);
        CHECK_FALSE(pair.stuck);
        CHECK(pair.deliveries[far].size() == 4'000);
        const sender_statistics s = pair.end(near).statistics().sender;
        CHECK(s.extra_bytes() * 10'000 <= s.source.bytes * (1'000 - 370));
        CHECK(s.reactive.packets == 0);
    }
}

TEST_CASE("session time: a peer that floods reports is answered within the cap, and the flow goes on") {
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
        CAPTURE(seed);
        xoshiro256 random{seed};
        session s = test::open_session();
        instant now{};
        REQUIRE(s.add_path(now, 0, {}) == status::ok);
        REQUIRE(s.add_path(now, 1, {.cost = cost_class::metered}) == status::ok);
        std::uint16_t sequence = 0;
        std::uint64_t sources = 0;
        std::uint64_t bytes_out = 0;
        session_output out;
        for (std::uint32_t i = 0; i < 2'000; ++i) {
            REQUIRE(s.send(now, 0, payload_of(i, 200)) == status::ok);
            for (int reports = 0; reports < 50; ++reports)
                (void)s.handle_datagram(now, static_cast<path_id>(random.below(2)),
                                        packet_of(sequence++, any_report(random, i)));
            // However many came, what waits is bounded by the queue.
            std::size_t outputs = 0;
            while (s.poll_output(now, out)) {
                REQUIRE(++outputs <= 128 + 64);
                if (out.kind != output_kind::transmit) continue;
                sources += out.transmit.kind == transmit_kind::source ? 1u : 0u;
                bytes_out += out.transmit.bytes.size() + 28;
            }
            const sender_statistics sent = s.statistics().sender;
            REQUIRE(sent.extra_bytes() * 10'000 <= sent.source.bytes * (1'000 - 370));
            REQUIRE(sent.source.bytes + sent.framing_bytes + sent.extra_bytes() == bytes_out);
            now += 5_ms;
        }
        CHECK(sources == 2'000);
        CHECK(s.next_timeout() > now - 5_ms);
    }
}

TEST_CASE("session time: reports that lie about one path leave the other alone") {
    session_pair pair{session_config{}};
    REQUIRE(pair.add_path(0) == status::ok);
    REQUIRE(pair.add_path(1, {.cost = cost_class::metered}) == status::ok);
    xoshiro256 random{5};
    for (std::uint32_t i = 0; i < 2'000; ++i) {
        (void)pair.send(near, 0, payload_of(i, 300));
        if (i % 4 == 0) {
            wire::feedback_frame lie;
            lie.newest_esi = i == 0 ? 0 : i - 1;  // acknowledged or not, nothing else is said
            lie.path_count = 1;
            lie.paths[0] = {1, static_cast<std::uint16_t>(random.below(60)),
                            duration::from_us(static_cast<std::int64_t>(random.below(10'000'000))),
                            static_cast<std::uint16_t>(random.next())};
            (void)pair.end(near).handle_datagram(pair.now(), 1, packet_of(static_cast<std::uint16_t>(30'000 + i), lie));
            pair.drain(near);
        }
        pair.run_for(5_ms);
    }
    pair.run_for(1_s);
    CHECK_FALSE(pair.stuck);
    CHECK(pair.deliveries[far].size() == 2'000);
    const path_statistics first = pair.end(near).path(pair.now(), 0);
    CHECK(first.deaths == 0);
    CHECK(first.rtt_min >= 20_ms - duration::from_ns(1 << wire::tick_bits));
    CHECK(first.rtt_min <= 20_ms + duration::from_ns(1 << wire::tick_bits));
}

TEST_CASE("session time: origins that are lies cost bounded time and memory") {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        CAPTURE(seed);
        xoshiro256 random{seed};
        session s = test::open_session();
        instant now{};
        REQUIRE(s.add_path(now, 0, {}) == status::ok);
        session_output out;
        std::uint64_t delivered = 0;
        const auto drain = [&] {
            while (s.poll_output(now, out)) delivered += out.kind == output_kind::deliver ? 1u : 0u;
        };
        for (std::uint32_t i = 0; i < 2'000; ++i) {
            const bytes payload = payload_of(i, 50);
            const auto origin =
                static_cast<std::uint32_t>(random.chance(0.5) ? random.next() & 0xFFFFFF : wire::to_origin(now));
            (void)s.handle_datagram(now, 0,
                                    packet_of(static_cast<std::uint16_t>(i), wire::data_frame{i, 0, origin, payload}));
            drain();
            now += 5_ms;
        }
        int wake_ups = 0;
        const instant end = now + 3_s;
        while (s.next_timeout() <= end && s.hold(0).size() != 0) {
            REQUIRE(++wake_ups < 3'000);
            now = std::max(now, s.next_timeout());
            s.handle_timeout(now);
            drain();
        }
        CHECK(s.hold(0).size() == 0);
        const receiver_statistics r = s.statistics().receiver;
        CHECK(r.accepted + r.duplicates + r.refused + r.outdated >= 2'000);
        CHECK(delivered == r.delivered);
        CHECK(delivered > 0);
    }
}
