// SPDX-License-Identifier: MIT
//
// Bonds between a client and a relay, in virtual time: how they form, what a failing path costs, and how they end.
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include "duality/session.hpp"
#include "support/bond_runs.hpp"
#include "support/counting_allocator.hpp"

using namespace duality;
using namespace duality::literals;
using namespace duality::masque;
using test::bond_figures;
using test::bond_flow;
using test::bond_run;
using test::bytes;
using test::flow_direction;
using test::masque_world;

namespace {

constexpr int rates[] = {20, 50, 100, 500};

/// Sends `count` payloads 5 ms apart; how many came back.
std::size_t run_flow(masque_world& w, int count) {
    const std::size_t before = w.bonds[0]->delivered.size();
    for (int i = 0; i < count; ++i) {
        (void)w.bond().send(w.now, bytes(200, static_cast<std::uint8_t>(i)));
        w.drain();
        w.run_for(5_ms);
    }
    w.run_for(300_ms);
    return w.bonds[0]->delivered.size() - before;
}

bool is_path(const test::wire_packet& p, const masque_world& w, std::size_t path) {
    return (p.to_relay ? p.path.local : p.path.remote) == w.bond_paths[path].path.local;
}

}  // namespace

TEST_CASE("a bond forms over two paths and carries payloads both ways") {
    masque_world w;
    w.start_bond();
    CHECK(w.bond().send(w.now, bytes{'h', 'i'}) == status::ok);  // before anybody has answered
    w.run_for(200_ms);
    CHECK_FALSE(w.stuck);
    CHECK(w.count(bond_event_kind::bonded) == 1);
    CHECK(w.count(bond_event_kind::leg_up) == 2);
    CHECK(w.relay->statistics().open_bonds == 1);
    REQUIRE(w.at_target.size() == 1);
    CHECK(w.at_target[0].content == bytes{'h', 'i'});
    CHECK(w.bonds[0]->delivered.size() == 1);
    CHECK(run_flow(w, 200) == 200);
    CHECK(w.opened.size() == 1);  // one socket toward the target
    CHECK(w.bond().max_payload() > 1'000);
}

TEST_CASE("a path that comes back is recognised by a ticket") {
    masque_world w;
    w.start_bond();
    CHECK(run_flow(w, 50) == 50);
    const auto path = GENERATE(std::size_t{0}, std::size_t{1});
    CHECK(w.bond().path_down(w.now, path) == status::ok);
    CHECK(run_flow(w, 50) == 50);
    CHECK(w.relay->statistics().resumed_connections == 0);
    CHECK(w.bond().path_up(w.now, path, w.bond_paths[path].path.local) == status::ok);
    CHECK(run_flow(w, 50) == 50);
    CHECK(w.bond().leg(w.now, path).joined);
    const relay_statistics stats = w.relay->statistics();
    CHECK(stats.resumed_connections == 1);
    CHECK(stats.joined_legs == 2);
    CHECK(stats.lost_bonds == 0);
    // The echo's payloads went up and down through the sessions, but for those before the bond was there.
    CHECK(stats.bonds.receiver.delivered >= 100);
    CHECK(stats.bonds.receiver.delivered <= 150);
    CHECK(stats.bonds.sender.source.packets == stats.bonds.receiver.delivered);
    CHECK(stats.bonds.sender.framing_bytes > 0);
}

TEST_CASE("a client says how large its payloads are, and the session is no larger") {
    const auto memory_of = [](std::uint32_t payload) {
        test::counting_allocator counted;
        masque_world w;
        w.memory = counted.get();
        w.relay_config.rest_after = {};  // so that all of its memory is counted
        w.start_relay();
        w.memory = allocator::system();
        w.bond_config.protected_payload = payload;
        w.start_bond();
        const std::size_t before = counted.live_bytes();
        w.run_for(200_ms);
        CHECK(w.bond().state() == bond_state::bonded);
        const std::size_t used = counted.live_bytes() - before;
        // What fits is protected, the rest goes as it is.
        CHECK(run_flow(w, 20) == 20);
        CHECK(w.bond().statistics().unprotected == 0);
        CHECK(w.bond().send(w.now, bytes(1'000)) == status::ok);
        w.run_for(200_ms);
        CHECK(w.at_target.back().content == bytes(1'000));
        CHECK(w.bond().statistics().unprotected == (payload == 256 ? 1 : 0));
        return used;
    };
    CHECK(memory_of(256) + 140'000 < memory_of(0));
    CHECK(memory_of(0) < 570'000);
    CHECK(memory_of(16'384) == memory_of(0));  // the relay has the last word

    masque_world w;
    w.bond_config.protected_payload = 63;
    const auto made = bonded_tunnel::create(w.now, w.bond_config, allocator::system());
    REQUIRE_FALSE(made);
    CHECK(made.error().where.field == "protected_payload");
}

TEST_CASE("a long hold has room for what it holds") {
    for (const std::int64_t ms : {0, 15, 1'000})
        CHECK(session::create(bond_session_config(duration::from_ms(ms)), allocator::system()));
    masque_world w;
    w.relay_config.bond_session = bond_session_config(500_ms);
    w.echo = false;
    w.start_bond();
    w.run_for(200_ms);
    const instant begin = w.now;
    for (int i = 0; i < 200; ++i) {
        (void)w.bond().send(w.now, bytes(200, static_cast<std::uint8_t>(i)));
        w.drain();
        w.run_for(5_ms);
    }
    w.run_for(1_s);
    REQUIRE(w.at_target.size() == 200);
    CHECK(w.at_target.front().at >= begin + 500_ms);
    CHECK(w.relay->statistics().bonds.receiver.refused == 0);
}

TEST_CASE("what an outage of the only path took last is asked for at once when it is over") {
    // There is credit for the request: where QUIC acknowledges, reports do not use it up.
    for (const std::int64_t outage : {50, 200}) {
        CAPTURE(outage);
        masque_world w;
        bool dead = false;
        w.echo = false;
        w.network = [&dead](test::wire_packet&, instant) {
            return dead ? std::vector<duration>{} : std::vector<duration>{15_ms};
        };
        w.bond_config.paths = {w.bond_paths.data(), 1};
        w.relay_config.max_unanswered = 1 << 30;
        w.start_bond();
        w.run_for(500_ms);
        const auto run = [&w](duration length) {
            for (const instant until = w.now + length; w.now < until;) {
                (void)w.bond().send(w.now, bytes(172));
                w.drain();
                w.run_for(5_ms);
            }
        };
        run(5_s);
        const std::size_t before = w.at_target.size();
        dead = true;
        run(duration::from_ms(outage));
        dead = false;
        run(500_ms);
        w.run_for(500_ms);
        // Three packets were under way before; the deadline of 100 ms leaves time for those of the last 60.
        const std::size_t sent = static_cast<std::size_t>(outage) / 5 + 100 + 3;
        const std::size_t hopeless = static_cast<std::size_t>(std::max<std::int64_t>(0, outage - 60)) / 5;
        CHECK(w.at_target.size() - before >= sent - hopeless - 2);
        CHECK(w.relay->statistics().bonds.receiver.rebuilt >= 10);
    }
}

TEST_CASE("a dead first path holds up nobody") {
    masque_world w;
    w.network = [&](test::wire_packet& p, instant) {
        return is_path(p, w, 0) ? std::vector<duration>{} : std::vector<duration>{10_ms};
    };
    w.start_bond();
    (void)w.bond().send(w.now, bytes(100));
    w.run_for(100_ms);
    CHECK(w.at_target.size() == 1);
    CHECK(w.bond().state() == bond_state::bonded);
    CHECK(run_flow(w, 100) == 100);
}

TEST_CASE("a path that dies after it was first is asked beside another") {
    masque_world w;
    bool dead = false;
    w.network = [&](test::wire_packet& p, instant) {
        if (is_path(p, w, 0) && dead) return std::vector<duration>{};
        return std::vector<duration>{is_path(p, w, 0) ? 5_ms : 15_ms};
    };
    w.answer_lookups = false;
    w.bond_config.target = udp_target::create("echo.test", 7).value();
    w.start_bond();
    w.run_for(40_ms);  // the request is out, the answer waits for the name
    dead = true;
    w.answer_lookups = true;
    w.run_for(2_s);
    CHECK(w.bond().state() == bond_state::bonded);
    CHECK(run_flow(w, 50) == 50);
    w.run_for(40_s);  // the half that nobody has is given up
    CHECK(w.relay->statistics().open_bonds == 1);
}

TEST_CASE("the flow outlives a silent path at every rate") {
    for (const flow_direction direction : {flow_direction::up, flow_direction::down})
        for (const std::int64_t rtt : {20, 60})
            for (const int rate : rates) {
                CAPTURE(direction == flow_direction::up, rtt, rate);
                bond_flow flow;
                flow.primary_rtt = flow.secondary_rtt = duration::from_ms(rtt);
                flow.packets_per_second = rate;
                flow.direction = direction;
                const bond_figures f = test::run_blackhole(flow, 2_s, 3_ms);
                CHECK_FALSE(f.stuck);
                CHECK(f.gap <= 150_ms);
                CHECK(f.lost <= 1);
                CHECK(f.repeated == 0);
                CHECK(f.back <= 1_s);
            }
}

TEST_CASE("a path that fails in one direction is left as well") {
    for (const bool up : {true, false}) {
        CAPTURE(up);
        const bond_figures f = test::run_blackhole({}, 2_s, 1_ms, up, !up);
        CHECK(f.gap <= 100_ms);
        CHECK(f.lost == 0);
        CHECK(f.back <= 1_s);
        // At a high rate, the flow does not come back to a path while its acknowledgements are lost.
        bond_flow fast;
        fast.packets_per_second = 500;
        const bond_figures g = test::run_blackhole(fast, 2_s, 1_ms, up, !up);
        CHECK(g.gap <= 100_ms);
        CHECK(g.lost <= 1);
    }
}

TEST_CASE("a link that is known to be down costs nothing, and is used again at once") {
    for (const flow_direction direction : {flow_direction::up, flow_direction::down}) {
        CAPTURE(direction == flow_direction::up);
        bond_flow flow;
        flow.direction = direction;
        bond_run run{flow};
        run.run(5_s);
        const instant begin = run.world.now;
        run.dead = true;
        CHECK(run.world.bond().path_down(run.world.now, 0) == status::ok);
        run.world.drain();
        run.run(2_s);
        CHECK(run.longest_gap(begin - 100_ms) <= 60_ms);
        run.dead = false;
        CHECK(run.world.bond().path_up(run.world.now, 0, test::address_of("203.0.113.9", 41'000)) == status::ok);
        run.world.bond_paths[0].path.local = test::address_of("203.0.113.9", 41'000);
        run.world.drain();
        run.run(200_ms);
        CHECK(run.busy_path(300_ms) == 0);
        run.world.run_for(300_ms);
        CHECK(run.lost() <= 1);
        CHECK(run.world.count(bond_event_kind::lost) == 0);
        CHECK(run.world.opened.size() == 1);
    }
}

TEST_CASE("the standby costs next to nothing while all is well") {
    for (const int rate : {20, 200}) {
        bond_flow flow;
        flow.packets_per_second = rate;
        bond_run run{flow};
        run.run(5_s);
        CHECK(run.busy_path(20_s) == 0);
        CHECK(run.wire_bytes[1] * 50 <= run.wire_bytes[0]);
    }
}

TEST_CASE("fifty outages, and after each the path carries the flow again") {
    bond_run run{{}};
    for (int cycle = 0; cycle < 50; ++cycle) {
        CAPTURE(cycle);
        run.run(900_ms);
        run.dead = true;
        run.run(600_ms);
        run.dead = false;
        run.run(700_ms);
        CHECK(run.busy_path(300_ms) == 0);
    }
    run.world.run_for(500_ms);
    CHECK(run.lost() <= 2);
    CHECK(run.world.count(bond_event_kind::leg_down) == 0);
}

TEST_CASE("a relay that restarts is noticed, said, and used again") {
    bond_run run{{}};
    run.run(2_s);
    run.world.relay.reset();
    run.world.cut();
    run.world.targets.clear();
    run.world.start_relay();
    run.run(5_s);
    CHECK(run.world.count(bond_event_kind::lost) >= 1);
    CHECK(run.world.bond().state() == bond_state::bonded);
    const std::size_t before = run.arrived().size();
    run.run(1_s);
    CHECK(run.arrived().size() >= before + 195);
}

TEST_CASE("the relay keeps its end for a while when every leg is gone") {
    bond_run run{{}};
    run.world.relay_config.bond_grace = 10_s;
    run.run(1_s);
    for (std::size_t path : {0u, 1u}) CHECK(run.world.bond().path_down(run.world.now, path) == status::ok);
    run.world.drain();
    const bool in_time = GENERATE_COPY(true, false);
    CAPTURE(in_time);
    run.world.run_for(in_time ? 5_s : 60_s);  // the connections of the relay time out in 30 s
    for (std::size_t path : {0u, 1u})
        CHECK(run.world.bond().path_up(run.world.now, path, run.world.bond_paths[path].path.local) == status::ok);
    run.world.drain();
    run.run(1_s);
    CHECK(run.world.bond().state() == bond_state::bonded);
    CHECK(run.world.count(bond_event_kind::lost) == (in_time ? 0 : 1));
    CHECK(run.world.opened.size() == (in_time ? 1 : 2));
    CHECK(run.arrived().size() + 2 >= run.sent());
}

TEST_CASE("against a proxy that knows no bonds it is one plain tunnel, said once") {
    masque_world w;
    w.relay_config.bonding = false;
    w.start_bond();
    (void)w.bond().send(w.now, bytes(100));
    w.run_for(200_ms);
    CHECK(w.bond().state() == bond_state::plain);
    CHECK(w.count(bond_event_kind::plain) == 1);
    CHECK(run_flow(w, 100) == 101 - 1);
    CHECK(w.relay->statistics().open_tunnels == 1);
    // The tunnel's path is lost: the flow goes on over another.
    const std::size_t path = w.bond().leg(w.now, 0).connected ? 0 : 1;
    CHECK(w.bond().path_down(w.now, path) == status::ok);
    w.drain();
    w.run_for(500_ms);
    CHECK(run_flow(w, 100) == 100);
    CHECK(w.count(bond_event_kind::plain) == 1);
}

TEST_CASE("a relay that cannot be reached is said, and so is that it can be again") {
    masque_world w;
    bool dead = true;
    w.network = [&](test::wire_packet&, instant) {
        return dead ? std::vector<duration>{} : std::vector<duration>{10_ms};
    };
    w.start_bond();
    w.run_for(4_s);
    CHECK(w.count(bond_event_kind::unreachable) == 1);
    dead = false;
    w.run_for(20_s);
    CHECK(w.count(bond_event_kind::reachable) == 1);
    CHECK(run_flow(w, 20) == 20);
    dead = true;
    for (int i = 0; i < 1'000; ++i) {
        (void)w.bond().send(w.now, bytes(100));
        w.drain();
        w.run_for(5_ms);
    }
    CHECK(w.count(bond_event_kind::unreachable) == 2);
}

TEST_CASE("closing a bond ends it at the relay, and nothing is left") {
    test::counting_allocator counted;
    {
        masque_world w;
        w.memory = counted.get();
        w.relay_config.rest_after = {};  // so that all of its memory is counted
        w.start_bond();
        w.run_for(300_ms);
        CHECK(run_flow(w, 20) == 20);
        w.bond().close(w.now);
        CHECK(w.bond().send(w.now, bytes(10)) == status::closed);
        w.drain();
        w.run_for(1_s);
        CHECK_FALSE(w.stuck);
        CHECK(w.relay->statistics().open_bonds == 0);
        CHECK(w.relay->statistics().open_tunnels == 0);
        CHECK(w.closed_targets.size() == 1);
        CHECK(w.relay->is_idle());
        CHECK(w.bond().next_timeout().is_never());
    }
    CHECK(counted.live_blocks() == 0);
}

TEST_CASE("a target that is lost ends the bond, and the client asks for another") {
    masque_world w;
    w.start_bond();
    w.run_for(300_ms);
    REQUIRE(w.targets.size() == 1);
    CHECK(w.relay->target_lost(w.now, w.targets.begin()->first) == status::ok);
    w.drain();
    w.run_for(3_s);
    CHECK(w.relay->statistics().open_bonds == 1);
    CHECK(w.closed_targets.size() == 1);
    CHECK(run_flow(w, 20) == 20);
}

TEST_CASE("payloads too long for a frame go as they are") {
    masque_world w;
    w.start_bond();
    w.run_for(10_s);  // the path's limit has been found out
    const std::size_t longest = w.bond().max_payload();
    CHECK(longest > 1'300);
    CHECK(w.bond().send(w.now, bytes(1'400, 3)) == status::ok);
    CHECK(w.bond().send(w.now, bytes(1'501)) == status::too_large);
    w.drain();
    w.run_for(200_ms);
    REQUIRE(w.bonds[0]->delivered.size() == 1);
    CHECK(w.bonds[0]->delivered[0].content == bytes(1'400, 3));
    CHECK(w.bond().statistics().unprotected == 1);
}

TEST_CASE("paths come and go while the flow runs") {
    masque_world w;
    w.bond_config.paths = {w.bond_paths.data(), 1};
    w.start_bond();
    w.run_for(300_ms);
    CHECK(run_flow(w, 20) == 20);
    const auto added = w.bond().add_path(w.now, w.bond_paths[1]);
    REQUIRE(added);
    CHECK(w.bond().add_path(w.now, w.bond_paths[1]).code() == status::invalid_argument);
    w.drain();
    w.run_for(300_ms);
    CHECK(w.count(bond_event_kind::leg_up) == 2);
    CHECK(w.bond().remove_path(w.now, 0) == status::ok);
    CHECK(w.bond().remove_path(w.now, 0) == status::unknown_path);
    w.drain();
    CHECK(run_flow(w, 100) == 100);
    CHECK(w.opened.size() == 1);
    CHECK_FALSE(w.bond().leg(w.now, 0).joined);
    CHECK(w.bond().leg(w.now, 1).joined);
}

TEST_CASE("bonds over capsules, where the relay offers no QUIC datagrams") {
    masque_world w;
    w.relay_config.connection.quic_datagrams = false;
    w.start_bond();
    w.run_for(300_ms);
    CHECK(w.bond().state() == bond_state::bonded);
    CHECK(run_flow(w, 100) == 100);
}
