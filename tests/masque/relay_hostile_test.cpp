// SPDX-License-Identifier: MIT
//
// Clients and targets that mean harm, and what others notice of them: nothing. Each test has a modest client beside them
// whose echoes are counted.
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <string>

#include "support/counting_allocator.hpp"
#include "support/masque_world.hpp"

using namespace duality;
using namespace duality::literals;
using namespace duality::masque;
using test::bytes;
using test::masque_world;

namespace {

/// A world whose first tunnel behaves, and whose relay takes its memory from where it is counted.
struct besieged_world : masque_world {
    besieged_world() { network = reachable; }

    void start_modest() {
        tunnel_config.path.local = test::address_of("203.0.113.7", 40'000);
        memory = counted.get();
        relay_config.rest_after = {};  // so that all of its memory is counted
        start_relay();
        memory = allocator::system();
        start_tunnel();
        flow = open();
        run_for(500_ms);
        REQUIRE(find(tunnel_event_kind::flow_open) != nullptr);
    }
    /// One more tunnel, from an address of its own; from port 50,000 on nothing ever reaches it.
    std::size_t add_stranger(std::uint16_t port = 40'000) {
        const std::string address = "198.18." + std::to_string(strangers / 250) + "." + std::to_string(strangers % 250);
        ++strangers;
        tunnel_config.path.local = test::address_of(address.c_str(), port);
        start_tunnel();
        return tunnels.size() - 1;
    }
    /// The modest client sends so many payloads, 5 ms apart; all of them come back.
    void modest_exchange(int count) {
        const std::size_t before = delivered().size();
        for (int i = 0; i < count; ++i) {
            (void)send(flow, bytes(100));
            run_for(5_ms);
        }
        run_for(100_ms);
        CHECK(delivered().size() == before + static_cast<std::size_t>(count));
    }
    static std::vector<duration> reachable(test::wire_packet& p, instant) {
        const bool nowhere = !p.to_relay && p.path.remote.port >= 50'000;
        return nowhere ? std::vector<duration>{} : std::vector<duration>{10_ms};
    }

    test::counting_allocator counted;
    flow_id flow = 0;
    int strangers = 0;
};

constexpr std::size_t connection_bytes = 100'000;  ///< more than QUIC and HTTP/3 take for one

}  // namespace

TEST_CASE("a flood of handshakes takes little memory, is not amplified, and harms nobody") {
    besieged_world w;
    w.relay_config.handshakes_before_retry = 10;
    std::size_t to_nowhere = 0;
    std::size_t from_nowhere = 0;
    w.network = [&](test::wire_packet& p, instant now) {
        if (p.path.remote.port >= 50'000) to_nowhere += p.content.size();
        if (p.path.local.port >= 50'000) from_nowhere += p.content.size();
        return besieged_world::reachable(p, now);
    };
    w.start_modest();
    const std::size_t before = w.counted.live_bytes();
    for (int i = 0; i < 200; ++i) {
        (void)w.add_stranger(50'000);
        (void)w.send(w.flow, bytes(100));
        w.run_for(1_ms);
    }
    w.run_for(100_ms);
    CHECK(w.delivered().size() == 200);
    CHECK(w.relay->statistics().handshakes <= 10);
    CHECK(w.relay->statistics().retries >= 190);
    CHECK(w.counted.live_bytes() < before + 10 * connection_bytes);
    w.modest_exchange(50);
    CHECK(w.counted.live_bytes() < before + 10 * connection_bytes);
    CHECK(to_nowhere <= 3 * from_nowhere);
    const std::size_t honest = w.add_stranger();  // proves its address and is served
    w.run_for(1_s);
    CHECK(w.tunnel(honest).is_connected());
}

TEST_CASE("beginnings of connections that lead nowhere leave nothing behind") {
    besieged_world w;
    w.relay_config.retry = retry_mode::never;
    w.start_modest();
    const std::size_t before = w.counted.live_bytes();
    for (std::uint32_t i = 0; i < 2'000; ++i) {
        bytes packet(1'200, 0x77);
        packet[0] = 0xC3;  // Initial, version 1, ids of eight bytes, no token, the rest of the packet
        const std::uint8_t head[] = {0, 0, 0, 1, 8};
        std::copy(std::begin(head), std::end(head), packet.begin() + 1);
        std::copy_n(reinterpret_cast<const std::uint8_t*>(&i), sizeof i, packet.begin() + 6);
        packet[14] = 8;
        packet[23] = 0;
        packet[24] = 0x44;
        packet[25] = 0x96;
        const udp_address from = test::address_of("198.18.0.1", static_cast<std::uint16_t>(50'000 + i % 64));
        w.inject({{from, w.relay_address}, ecn::not_ect, packet, true});
        if (i % 40 == 0) w.run_for(1_ms);
    }
    w.modest_exchange(20);
    w.run_for(30_s);
    CHECK(w.relay->statistics().open_connections == 1);
    CHECK(w.counted.live_bytes() < before + connection_bytes);
}

TEST_CASE("clients that connect and never ask for anything give way when all places are taken") {
    besieged_world w;
    w.relay_config.max_connections = 8;
    w.start_modest();
    for (int i = 0; i < 7; ++i) (void)w.add_stranger();
    w.run_for(2_s);
    REQUIRE(w.relay->statistics().open_connections == 8);
    const std::size_t too_soon = w.add_stranger();  // they may be about to ask
    w.run_for(3_s);
    CHECK_FALSE(w.tunnel(too_soon).is_connected());
    w.run_for(10_s);
    const std::size_t late = w.add_stranger();
    w.run_for(1_s);
    REQUIRE(w.tunnel(late).is_connected());
    (void)w.open("198.51.100.9", 8, late);
    w.run_for(500_ms);
    CHECK(w.find(tunnel_event_kind::flow_open, late) != nullptr);
    CHECK(w.relay->statistics().evicted >= 1);
    // Whoever has had a tunnel stays, however many come.
    for (int i = 0; i < 20; ++i) {
        (void)w.add_stranger();
        w.run_for(11_s);
    }
    CHECK(w.relay->statistics().open_connections <= 8);
    CHECK(w.tunnel(late).is_connected());
    w.modest_exchange(20);
}

TEST_CASE("a client that wants all tunnels gets its share, and leaves nothing behind") {
    besieged_world w;
    w.relay_config.max_tunnels = 60;
    w.relay_config.max_tunnels_per_client = 50;
    w.tunnel_config.max_flows = 100;
    w.start_modest();
    const std::size_t greedy = w.add_stranger();
    w.run_for(500_ms);
    for (int i = 0; i < 80; ++i) (void)w.open("198.51.100.9", 9, greedy);
    w.run_for(1_s);
    CHECK(w.count(tunnel_event_kind::flow_open, greedy) == 50);
    CHECK(w.count(tunnel_event_kind::flow_refused, greedy) == 30);
    const std::size_t other = w.add_stranger();
    w.run_for(500_ms);
    (void)w.open("198.51.100.9", 7, other);
    w.run_for(500_ms);
    CHECK(w.find(tunnel_event_kind::flow_open, other) != nullptr);

    // Opening and closing as fast as it can does not help it either.
    std::vector<flow_id> mine;
    for (const tunnel_event& e : w.tunnels[greedy]->events)
        if (e.kind == tunnel_event_kind::flow_open) mine.push_back(e.flow);
    const std::size_t before = w.counted.live_bytes();
    for (int round = 0; round < 30; ++round) {
        for (const flow_id id : mine) (void)w.tunnel(greedy).close_flow(w.now, id);
        w.drain();
        w.run_for(50_ms);
        mine.clear();
        for (int i = 0; i < 50; ++i) mine.push_back(w.open("198.51.100.9", 9, greedy));
        w.run_for(50_ms);
        (void)w.send(w.flow, bytes(100));
    }
    w.run_for(1_s);
    w.modest_exchange(20);
    CHECK(w.relay->statistics().open_tunnels <= 52);
    CHECK(w.targets.size() == w.relay->statistics().open_tunnels);
    CHECK(w.counted.live_bytes() < before + connection_bytes);
}

TEST_CASE("names that nobody answers for are a matter of the client that asks for them") {
    besieged_world w;
    w.relay_config.max_lookups_per_client = 5;
    w.start_modest();
    const std::size_t asker = w.add_stranger();
    w.run_for(500_ms);
    w.answer_lookups = false;
    for (int i = 0; i < 12; ++i) (void)w.open("slow.test", 9, asker);
    w.run_for(500_ms);
    CHECK(w.looked_up.size() == 5);
    CHECK(w.count(tunnel_event_kind::flow_refused, asker) == 7);
    w.answer_lookups = true;
    const flow_id named = w.open("echo.test", 7, 0);  // somebody else's
    w.run_for(500_ms);
    CHECK(w.looked_up.size() == 6);
    CHECK(w.send(named, {1}) == status::ok);
    // Once they have failed, it may ask again.
    for (target_id id = 0; id < 64; ++id) (void)w.relay->target_failed(w.now, id, proxy_error::dns_timeout);
    w.drain();
    w.run_for(500_ms);
    (void)w.open("echo.test", 9, asker);
    w.run_for(500_ms);
    CHECK(w.count(tunnel_event_kind::flow_open, asker) == 1);
    w.modest_exchange(10);
}

TEST_CASE("a target that floods takes no memory and nobody's turn") {
    besieged_world w;
    w.start_modest();
    const std::size_t victim = w.add_stranger();
    w.run_for(500_ms);
    (void)w.open("198.51.100.9", 8, victim);
    w.run_for(500_ms);
    const target_id flooding = w.targets.rbegin()->first;
    for (int i = 0; i < 200; ++i) (void)w.relay->handle_target_datagram(w.now, flooding, bytes(1'000));
    w.run_for(200_ms);
    const std::size_t before = w.counted.live_bytes();
    for (int round = 0; round < 50; ++round) {
        for (int i = 0; i < 400; ++i) (void)w.relay->handle_target_datagram(w.now, flooding, bytes(1'000));
        (void)w.relay->handle_target_datagram(w.now, flooding, bytes(2'000));  // longer than any tunnel carries
        w.modest_exchange(2);
    }
    const relay_statistics stats = w.relay->statistics();
    CHECK(stats.connections.refused > 1'000);
    CHECK(stats.connections.too_large == 50);
    CHECK(w.counted.live_bytes() < before + connection_bytes);
}

TEST_CASE("no connection outlives its time, however busy it is") {
    besieged_world w;
    w.relay_config.connection.max_lifetime = 60_s;
    w.start_modest();
    for (int i = 0; i < 50; ++i) {
        (void)w.send(w.flow, {1});
        w.run_for(1_s);
    }
    CHECK(w.tunnel().is_connected());
    for (int i = 0; i < 15; ++i) {
        (void)w.send(w.flow, {1});
        w.run_for(1_s);
    }
    CHECK(w.tunnel().cause() == close_cause::peer);
    CHECK(w.relay->is_idle());
    CHECK(w.targets.empty());
}
