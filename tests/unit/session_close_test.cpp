// SPDX-License-Identifier: MIT
//
// Ending a session, at every step of a run and with every budget spent.
#include <catch2/catch_test_macros.hpp>

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
