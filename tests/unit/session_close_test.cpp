// SPDX-License-Identifier: MIT
//
// Ending a session, at every step of a run and with every budget spent.
#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <utility>
#include <vector>

#include "duality/random.hpp"
#include "support/counting_allocator.hpp"
#include "support/session_pair.hpp"

using namespace duality;
using namespace duality::literals;
using test::session_pair;

namespace {

constexpr std::size_t near = session_pair::near;
constexpr std::size_t far = session_pair::far;

/// A short life over two bad paths: the `step`-th thing that happens at one end is a close.
void live_until(std::size_t step, std::size_t who) {
    test::counting_allocator memory;
    {
        result<session> a = session::create({}, memory.get());
        result<session> b = session::create({}, memory.get());
        REQUIRE(a.has_value());
        REQUIRE(b.has_value());
        session* const ends[] = {&a.value(), &b.value()};
        instant now{};
        for (session* s : ends) {
            REQUIRE(s->add_path(now, 0, {}) == status::ok);
            REQUIRE(s->add_path(now, 1, {.cost = cost_class::metered}) == status::ok);
        }
        xoshiro256 random{7};
        std::vector<std::pair<std::size_t, std::pair<path_id, test::bytes>>> wire;
        std::size_t steps = 0;
        bool closed = false;
        std::array<int, 2> goodbyes{};
        const auto tick = [&](std::size_t e) {
            if (e == who && ++steps == step && !closed) {
                closed = true;
                REQUIRE(ends[e]->close(now, wire::close_reason::going_away) == status::ok);
            }
        };
        for (int round = 0; round < 60; ++round) {
            for (const std::size_t e : {near, far}) {
                tick(e);
                const status sent = ends[e]->send(now, 0, test::payload_of(1, 100));
                if (closed && e == who) REQUIRE(sent == status::closed);
                tick(e);
                ends[e]->handle_timeout(now);
                session_output out;
                for (int outputs = 0;; ++outputs) {
                    REQUIRE(outputs < 1'000);
                    tick(e);
                    if (!ends[e]->poll_output(now, out)) break;
                    REQUIRE(goodbyes[e] == 0);  // nothing after the last event
                    if (out.kind == output_kind::event && out.event.kind == session_event_kind::closed) ++goodbyes[e];
                    if (out.kind == output_kind::transmit && !random.chance(0.1))
                        wire.emplace_back(1 - e, std::pair{out.transmit.path, test::bytes(out.transmit.bytes.begin(),
                                                                                          out.transmit.bytes.end())});
                }
            }
            const auto under_way = std::exchange(wire, {});
            for (const auto& [to, datagram] : under_way) {
                tick(to);
                (void)ends[to]->handle_datagram(now, datagram.first, datagram.second);
            }
            now += 5_ms;
        }
        if (!closed) return;
        // What is held comes out, then silence.
        session_output out;
        for (int wake_ups = 0; !ends[who]->next_timeout().is_never(); ++wake_ups) {
            REQUIRE(wake_ups < 200);
            now = std::max(now, ends[who]->next_timeout());
            ends[who]->handle_timeout(now);
            while (ends[who]->poll_output(now, out))
                if (out.kind == output_kind::event && out.event.kind == session_event_kind::closed) ++goodbyes[who];
        }
        REQUIRE(goodbyes[who] == 1);
        REQUIRE(ends[who]->is_closed());
        REQUIRE_FALSE(ends[who]->poll_output(now + 10_s, out));
    }
    REQUIRE(memory.live_blocks() == 0);
}

}  // namespace

TEST_CASE("session close: at every step of a run, it ends once, in bounded time, and nothing is left") {
    for (const std::size_t who : {near, far}) {
        for (std::size_t step = 1; step <= 400; ++step) {
            CAPTURE(who, step);
            live_until(step, who);
        }
    }
}

TEST_CASE("session close: the peer is told although the overhead cap is used up") {
    for (const std::size_t who : {near, far}) {
        CAPTURE(who);
        session_config config;
        config.overhead_cap_bp = 300;
        config.control_share_bp = 100;
        session_pair pair{config};
        REQUIRE(pair.add_path(0) == status::ok);
        REQUIRE(pair.add_path(1) == status::ok);
        int count = 0;
        // Two in five are lost: repairs take all there is.
        pair.links[near] = [&](const test::seen_transmission& t) {
            if (t.kind == transmit_kind::source && ++count % 5 < 2) return std::vector<duration>{};
            return std::vector<duration>{10_ms};
        };
        for (int i = 0; i < 600; ++i) {
            (void)pair.send(near, 0, test::payload_of(1, 100));
            pair.run_for(5_ms);
        }
        REQUIRE(pair.end(near).statistics().sender.refused_by_cap > 0);
        REQUIRE(pair.end(who).close(pair.now(), wire::close_reason::going_away) == status::ok);
        pair.drain(who);
        CHECK(pair.count(who, transmit_kind::close) >= 1);
        pair.run_for(1_s);
        CHECK(pair.count_event(1 - who, session_event_kind::peer_closed) == 1);
        CHECK(pair.count_event(near, session_event_kind::closed) == 1);
        CHECK(pair.count_event(far, session_event_kind::closed) == 1);
    }
}

namespace {

/// A flow in each direction over two paths of which each loses every third datagram;
/// `packets` in all.
struct goodbye {
    session_pair pair{session_config{}};
    xoshiro256 random;
    double loss = 0.33;
    static constexpr std::size_t packet_bytes = 200;

    goodbye(std::uint64_t seed, std::size_t packets) : random{seed} {
        REQUIRE(pair.add_path(0) == status::ok);
        REQUIRE(pair.add_path(1, {.cost = cost_class::metered}) == status::ok);
        for (test::link_rule& link : pair.links)
            link = [this](const test::seen_transmission& t) {
                if (random.chance(loss)) return std::vector<duration>{};
                return std::vector<duration>{t.path == 0 ? 10_ms : 25_ms};
            };
        flow(packets);
    }
    void flow(std::size_t packets) {
        for (std::size_t i = 0; i < packets; ++i) {
            (void)pair.send(i % 2, 0, test::payload_of(i, packet_bytes));
            pair.run_for(3_ms);
        }
    }
    [[nodiscard]] const session_event* told(std::size_t end, session_event_kind kind) const {
        const auto& list = pair.events[end];
        const auto found =
            std::find_if(list.begin(), list.end(), [&](const session_event& e) { return e.kind == kind; });
        return found == list.end() ? nullptr : &*found;
    }
};

}  // namespace

TEST_CASE("session close: both ends know the reason although the first goodbyes are lost, at every step") {
    // Twenty packets of 200 bytes earn what a few goodbyes cost; a third of those is lost.
    std::size_t unheard = 0;
    for (std::size_t step = 20; step <= 240; ++step) {
        CAPTURE(step);
        goodbye world{step, step};
        const std::size_t who = step / 2 % 2;
        const std::size_t other = 1 - who;
        int lose_first = 2;  // one on each path
        auto before = std::exchange(world.pair.links[who], nullptr);
        world.pair.links[who] = [&, before](const test::seen_transmission& t) {
            if (t.kind == transmit_kind::close && lose_first-- > 0) return std::vector<duration>{};
            return before(t);
        };
        REQUIRE(world.pair.end(who).close(world.pair.now(), wire::close_reason::going_away) == status::ok);
        world.pair.run_for(5_s);
        REQUIRE_FALSE(world.pair.stuck);
        if (world.pair.count_event(other, session_event_kind::peer_closed) == 0) {
            ++unheard;  // none of those that could be paid has come
            REQUIRE(world.pair.count(who, transmit_kind::close) <= 10);
            REQUIRE(world.pair.count_event(who, session_event_kind::closed) == 1);
            continue;
        }
        REQUIRE(world.told(other, session_event_kind::peer_closed)->reason == wire::close_reason::going_away);
        for (const std::size_t end : {near, far}) {
            REQUIRE(world.pair.count_event(end, session_event_kind::closed) == 1);
            REQUIRE(world.told(end, session_event_kind::closed)->reason == wire::close_reason::going_away);
            REQUIRE(world.pair.end(end).is_closed());
            REQUIRE(world.pair.end(end).next_timeout().is_never());
        }
        REQUIRE(world.pair.count_event(who, session_event_kind::peer_closed) == 0);
        const session_statistics a = world.pair.end(near).statistics();
        const session_statistics b = world.pair.end(far).statistics();
        const auto extra = [](const sender_statistics& s) { return s.extra_bytes(); };
        REQUIRE((extra(a.sender) + extra(b.sender)) * 10 <= a.sender.source.bytes + b.sender.source.bytes);
    }
    CHECK(unheard <= 3);
}

TEST_CASE("session close: it is said until it is answered, and no longer") {
    goodbye world{1, 200};
    world.loss = 0;
    world.flow(200);  // both paths live again
    world.pair.run_for(500_ms);
    const instant begun = world.pair.now();
    REQUIRE(world.pair.end(near).close(begun, wire::close_reason::normal) == status::ok);
    world.pair.run_for(5_s);
    CHECK(world.pair.count(near, transmit_kind::close) == 2);  // once on each path
    CHECK(world.pair.count(far, transmit_kind::close) == 2);   // each answered
    const session_event* ended = world.told(near, session_event_kind::closed);
    REQUIRE(ended != nullptr);
    CHECK(ended->at - begun <= 30_ms);  // the round trip of the shorter path, and what is held
    ended = world.told(far, session_event_kind::closed);
    REQUIRE(ended != nullptr);
    CHECK(ended->at - begun <= 250_ms);  // it stays for a while: its answer might have been lost
}

TEST_CASE("session close: a peer that is gone is not waited for longer than close_timeout") {
    for (const duration timeout : {duration{}, 100_ms, 1'000_ms}) {
        CAPTURE(timeout.ns());
        session_config config;
        config.close_timeout = timeout;
        session_pair pair{config};
        REQUIRE(pair.add_path(0) == status::ok);
        pair.send_flow(near, 0, 200, 5_ms, 200);
        pair.links[near] = [](const test::seen_transmission&) { return std::vector<duration>{}; };
        const instant begun = pair.now();
        const std::size_t before = pair.count(near, transmit_kind::close);
        REQUIRE(pair.end(near).close(begun, wire::close_reason::normal) == status::ok);
        pair.run_for(5_s);
        REQUIRE(pair.count_event(near, session_event_kind::closed) == 1);
        const auto ended = std::find_if(pair.events[near].begin(), pair.events[near].end(),
                                        [](const session_event& e) { return e.kind == session_event_kind::closed; });
        CHECK(ended->at - begun == timeout);
        const std::size_t said = pair.count(near, transmit_kind::close) - before;
        CHECK(said == (timeout == duration{} ? 1u : timeout == 100_ms ? 3u : 7u));
        // Packets were lost in numbers: a short silence of its own is no end for the other one.
        CHECK(pair.count_event(far, session_event_kind::closed) == 0);
    }
}

TEST_CASE("session close: both at once, each answers the other") {
    for (std::uint64_t seed = 1; seed <= 50; ++seed) {
        CAPTURE(seed);
        goodbye world{seed, 200};
        REQUIRE(world.pair.end(near).close(world.pair.now(), wire::close_reason::normal) == status::ok);
        REQUIRE(world.pair.end(far).close(world.pair.now(), wire::close_reason::idle) == status::ok);
        world.pair.run_for(5_s);
        REQUIRE_FALSE(world.pair.stuck);
        for (const std::size_t end : {near, far}) {
            REQUIRE(world.pair.count_event(end, session_event_kind::closed) == 1);
            REQUIRE(world.pair.count_event(end, session_event_kind::peer_closed) == 0);
        }
        CHECK(world.told(near, session_event_kind::closed)->reason == wire::close_reason::normal);
        CHECK(world.told(far, session_event_kind::closed)->reason == wire::close_reason::idle);
    }
}

TEST_CASE("session close: goodbyes without end are answered, and waited for no longer than close_timeout") {
    goodbye world{1, 100};
    world.loss = 0;
    session& end = world.pair.end(far);
    std::size_t answers = 0;
    instant now = world.pair.now();
    session_output out;
    for (std::uint16_t i = 0; i < 600 && !end.is_closed(); ++i) {
        test::bytes packet(16);
        wire::writer w{packet};
        wire::write_header(w, {static_cast<std::uint16_t>(1'000 + i)});
        wire::write(w, wire::close_frame{.reason = wire::close_reason::budget});
        packet.resize(w.size());
        (void)end.handle_datagram(now, 0, packet);
        while (end.poll_output(now, out)) answers += out.kind == output_kind::transmit ? 1u : 0u;
        now += 5_ms;
    }
    CHECK(end.is_closed());
    CHECK(now - world.pair.now() <= 1'050_ms);
    CHECK(answers >= 3);
    CHECK(answers <= 201);
}
