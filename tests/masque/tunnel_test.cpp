// SPDX-License-Identifier: MIT
//
// Whole connections between tunnels and a relay, in virtual time: flows, sizes, networks that misbehave.
#include <catch2/catch_test_macros.hpp>
#include <memory>
#include <set>

#include "duality/lab/families.hpp"
#include "duality/random.hpp"
#include "support/counting_allocator.hpp"
#include "support/masque_world.hpp"

using namespace duality;
using namespace duality::literals;
using namespace duality::masque;
using test::bytes;
using test::masque_world;

namespace {

const std::vector<duration> one_way = {duration::from_ms(10)};

bytes numbered(std::uint32_t n, std::size_t size = 200) {
    bytes out(size, static_cast<std::uint8_t>(n * 7));
    for (std::size_t i = 0; i < 4; ++i) out[i] = static_cast<std::uint8_t>(n >> (8 * i));
    return out;
}

/// `count` payloads every `interval`; how many came back.
std::size_t run_flow(masque_world& w, flow_id flow, std::uint32_t count, duration interval) {
    const std::size_t before = w.delivered().size();
    for (std::uint32_t i = 0; i < count; ++i) {
        (void)w.send(flow, numbered(i));
        w.run_for(interval);
    }
    w.run_for(500_ms);
    return w.delivered().size() - before;
}

}  // namespace

TEST_CASE("a payload goes through tunnel and relay to its target and back") {
    masque_world w;
    w.start_tunnel();
    const flow_id flow = w.open();
    CHECK(w.send(flow, {'h', 'i'}) == status::ok);  // before there is a connection
    w.run_for(90_ms);
    CHECK_FALSE(w.stuck);
    CHECK(w.count(tunnel_event_kind::connected) == 1);
    REQUIRE(w.find(tunnel_event_kind::flow_open) != nullptr);
    CHECK(w.find(tunnel_event_kind::flow_open)->flow == flow);
    CHECK(w.find(tunnel_event_kind::flow_open)->http_status == 200);
    CHECK(w.tunnel().is_connected());
    CHECK(w.tunnel().uses_quic_datagrams());
    REQUIRE(w.opened.size() == 1);
    CHECK(w.opened[0] == test::address_of("198.51.100.9", 7));
    REQUIRE(w.at_target.size() == 1);
    CHECK(w.at_target[0].content == bytes{'h', 'i'});
    REQUIRE(w.delivered().size() == 1);
    CHECK(w.delivered()[0].content == bytes{'h', 'i'});
    CHECK(w.delivered()[0].id == flow);
    // Two round trips of 20 ms for the connection, half of one to the target.
    CHECK(w.at_target[0].at - instant::from_ns(1'000'000'000) <= 60_ms);
    CHECK(run_flow(w, flow, 200, 5_ms) == 200);
    CHECK(w.tunnel().statistics().smoothed_rtt >= 20_ms);
    CHECK(w.tunnel().statistics().smoothed_rtt <= 40_ms);
    CHECK(w.relay->statistics().connections.datagrams_received == 201);
}

TEST_CASE("on a live connection the first payload travels with the request") {
    masque_world w;
    w.start_tunnel();
    w.run_for(1_s);
    const instant asked = w.now;
    const flow_id flow = w.tunnel().open(w.now, udp_target::create("198.51.100.9", 7).value()).value();
    CHECK(w.send(flow, numbered(1)) == status::ok);
    w.run_for(100_ms);
    REQUIRE(w.at_target.size() == 1);
    CHECK(w.at_target[0].at - asked == 10_ms);
    REQUIRE(w.delivered().size() == 1);
    CHECK(w.delivered()[0].at - asked == 20_ms);
}

TEST_CASE("payloads that overtake their request wait for it, within bounds") {
    masque_world w;
    w.relay_config.connection.early_datagrams = 5;
    w.answer_lookups = false;
    w.start_tunnel();
    w.run_for(1_s);
    const flow_id flow = w.open("echo.test");
    for (std::uint32_t i = 0; i < 8; ++i) CHECK(w.send(flow, numbered(i)) == status::ok);
    w.run_for(50_ms);
    CHECK(w.at_target.empty());
    CHECK(w.relay->statistics().connections.early == 8);
    CHECK(w.relay->statistics().connections.early_dropped == 3);
    SECTION("the name is found in time") {
        const ip_address answer[] = {*ip_address::parse("198.51.100.9")};
        CHECK(w.relay->target_resolved(w.now, 0, answer) == status::ok);
        w.drain();
        CHECK(w.at_target.size() == 5);
        CHECK(w.at_target[0].content == numbered(0));
    }
    SECTION("it is not") {
        w.run_for(5_s);
        CHECK(w.relay->statistics().connections.early_dropped == 8);
        CHECK(w.relay->target_failed(w.now, 0, proxy_error::dns_timeout) == status::ok);
        w.run_for(1_s);
        CHECK(w.find(tunnel_event_kind::flow_refused)->http_status == 504);
        CHECK(w.find(tunnel_event_kind::flow_refused)->error == proxy_error::dns_timeout);
    }
}

TEST_CASE("capsules carry payloads where one end offers no QUIC datagrams") {
    masque_world w;
    SECTION("the relay") {
        w.relay_config.connection.quic_datagrams = false;
    }
    SECTION("the client") {
        w.tunnel_config.connection.quic_datagrams = false;
    }
    w.start_tunnel();
    const flow_id flow = w.open();
    for (std::uint32_t i = 0; i < 3; ++i) CHECK(w.send(flow, numbered(i)) == status::ok);
    w.run_for(200_ms);
    CHECK_FALSE(w.tunnel().uses_quic_datagrams());
    CHECK(w.delivered().size() == 3);
    CHECK(run_flow(w, flow, 100, 5_ms) == 100);
    CHECK(w.send(flow, numbered(7, 1500)) == status::ok);  // longer than any packet
    w.run_for(100_ms);
    REQUIRE(w.delivered().size() == 104);
    CHECK(w.delivered().back().content == numbered(7, 1500));
    CHECK(w.tunnel().statistics().connection.capsules_received == 104);
    CHECK(w.tunnel().statistics().connection.capsules_sent == 104);
    CHECK(w.relay->statistics().connections.capsules_received == 104);
}

TEST_CASE("many flows share a connection and do not mix") {
    masque_world w;
    w.start_tunnel();
    std::vector<flow_id> flows;
    for (std::uint16_t port = 1; port <= 40; ++port) flows.push_back(w.open("198.51.100.9", port));
    for (std::uint32_t i = 0; i < flows.size(); ++i) CHECK(w.send(flows[i], numbered(i)) == status::ok);
    w.run_for(500_ms);
    CHECK(w.relay->statistics().open_tunnels == 40);
    CHECK(w.relay->statistics().open_connections == 1);
    REQUIRE(w.delivered().size() == 40);
    for (const auto& payload : w.delivered()) {
        const auto n = static_cast<std::size_t>(std::find(flows.begin(), flows.end(), payload.id) - flows.begin());
        CHECK(payload.content == numbered(static_cast<std::uint32_t>(n)));
    }

    CHECK(w.tunnel().close_flow(w.now, flows[3]) == status::ok);
    w.drain();
    w.run_for(200_ms);
    CHECK(w.closed_targets.size() == 1);
    CHECK(w.count(tunnel_event_kind::flow_closed) == 1);
    CHECK(w.send(flows[3], {1}) == status::unknown_stream);
    CHECK(w.tunnel().close_flow(w.now, flows[3]) == status::unknown_stream);
    CHECK(w.tunnel().max_payload(flows[3]) == 0);
    const flow_id again = w.open();
    CHECK(again != flows[3]);
    CHECK(w.send(flows[3], {1}) == status::unknown_stream);  // its place has another flow now
    CHECK(run_flow(w, again, 10, 5_ms) == 10);
    CHECK(w.relay->statistics().open_tunnels == 40);
}

TEST_CASE("more flows than the relay allows wait for their turn") {
    masque_world w;
    w.relay_config.max_tunnels_per_connection = 2;
    w.start_tunnel();
    const flow_id first = w.open();
    (void)w.open();
    const flow_id third = w.open();
    CHECK(w.send(third, {3}) == status::ok);
    w.run_for(90_ms);
    CHECK(w.count(tunnel_event_kind::flow_open) == 2);
    CHECK(w.at_target.empty());
    CHECK(w.tunnel().close_flow(w.now, first) == status::ok);
    w.drain();
    w.run_for(200_ms);
    CHECK(w.count(tunnel_event_kind::flow_open) == 3);
    CHECK(run_flow(w, third, 10, 5_ms) == 10);
}

TEST_CASE("what is too large for the path is refused, and the limit is known") {
    masque_world w;
    std::size_t mtu = 0;
    SECTION("an ordinary path") {
        mtu = 1500 - 28;
    }
    SECTION("inside a VPN") {
        mtu = 1280 - 28;
    }
    w.network = [&](test::wire_packet& p, instant) {
        return p.content.size() > mtu ? std::vector<duration>{} : one_way;
    };
    w.start_tunnel();
    const flow_id flow = w.open();
    CHECK(w.tunnel().max_payload(flow) >= 1100);  // any QUIC path carries that much
    w.run_for(10_s);
    const std::size_t most = w.tunnel().max_payload(flow);
    CHECK(most >= (mtu > 1400 ? std::size_t{1350} : std::size_t{1150}));
    CHECK(most < mtu);
    CHECK(w.send(flow, numbered(1, most + 1)) == status::too_large);
    CHECK(w.send(flow, numbered(1, most)) == status::ok);
    w.run_for(200_ms);
    REQUIRE(w.delivered().size() == 1);
    CHECK(w.delivered()[0].content.size() == most);
    CHECK(w.tunnel().statistics().connection.too_large == 1);
    // The relay says the same of what a target sends.
    const target_id target = w.targets.begin()->first;
    CHECK(w.relay->handle_target_datagram(w.now, target, bytes(1500)) == status::too_large);
}

TEST_CASE("payloads wait no longer than they are worth") {
    masque_world w;
    bool out = false;
    w.network = [&](test::wire_packet&, instant) { return out ? std::vector<duration>{} : one_way; };
    w.start_tunnel();
    const flow_id flow = w.open();
    w.run_for(500_ms);
    CHECK(run_flow(w, flow, 20, 5_ms) == 20);
    out = true;
    std::size_t accepted = 0;
    for (std::uint32_t i = 0; i < 400; ++i) {
        accepted += w.send(flow, numbered(i, 1000)) == status::ok ? 1 : 0;
        w.run_for(5_ms);
    }
    out = false;
    w.delivered().clear();
    w.run_for(2_s);
    // What the congestion controller held back for more than 100 ms is gone, and nothing stale comes out.
    CHECK(w.tunnel().statistics().connection.expired > 100);
    CHECK(accepted == 400);
    CHECK(w.delivered().size() <= 25);
    CHECK(run_flow(w, flow, 50, 5_ms) == 50);
    CHECK_FALSE(w.stuck);
}

TEST_CASE("a full queue says so and loses nothing it accepted before its time") {
    masque_world w;
    w.tunnel_config.connection.queued_datagrams = 10;
    w.start_tunnel();
    const flow_id flow = w.open();
    std::size_t accepted = 0;
    for (std::uint32_t i = 0; i < 30; ++i) accepted += w.send(flow, numbered(i)) == status::ok ? 1 : 0;
    CHECK(accepted == 10);
    w.run_for(90_ms);
    CHECK(w.delivered().size() == 10);
    CHECK(w.tunnel().statistics().connection.refused == 20);
}

TEST_CASE("a connection is made and kept under heavy loss") {
    for (std::uint64_t seed = 1; seed <= 8; ++seed) {
        masque_world w;
        xoshiro256 random{seed};
        w.network = [&](test::wire_packet&, instant) {
            if (random.chance(0.2)) return std::vector<duration>{};
            return std::vector<duration>{10_ms + duration::from_us(static_cast<std::int64_t>(random.below(5'000)))};
        };
        w.start_tunnel();
        const flow_id flow = w.open();
        w.run_for(9_s);
        INFO("seed " << seed);
        REQUIRE(w.count(tunnel_event_kind::flow_open) == 1);
        const std::size_t back = run_flow(w, flow, 400, 5_ms);
        CHECK(back > 180);  // 0.8 * 0.8 of them is 256
        CHECK(back < 320);
        CHECK(w.tunnel().is_connected());
        CHECK_FALSE(w.stuck);
    }
}

TEST_CASE("duplicates and reordering do no harm") {
    masque_world w;
    xoshiro256 random{3};
    w.network = [&](test::wire_packet&, instant) {
        std::vector<duration> copies(1 + random.below(3));
        for (duration& d : copies) d = 10_ms + duration::from_us(static_cast<std::int64_t>(random.below(20'000)));
        return copies;
    };
    w.start_tunnel();
    const flow_id flow = w.open();
    w.run_for(1_s);
    CHECK(run_flow(w, flow, 300, 5_ms) == 300);  // QUIC drops the copies
}

TEST_CASE("a network of the lab carries a flow") {
    masque_world w;
    lab::scenario made = lab::make_scenario(lab::find_family("cable_ftth").value(), 5, duration::from_seconds(20));
    w.network = [&](test::wire_packet& p, instant now) {
        lab::link& way = p.to_relay ? made.primary.forward : made.primary.reverse;
        const lab::link_outcome outcome = way.transmit(now, p.content.size() + 28);
        if (outcome.fate != lab::packet_fate::delivered) return std::vector<duration>{};
        return std::vector<duration>{outcome.arrival - now};
    };
    w.start_tunnel();
    const flow_id flow = w.open();
    w.run_for(1_s);
    const std::size_t back = run_flow(w, flow, 2'000, 5_ms);
    CHECK(back > 1'800);
    CHECK(w.tunnel().is_connected());
}

TEST_CASE("an outage of seconds ends nothing") {
    masque_world w;
    bool out = false;
    w.network = [&](test::wire_packet&, instant) { return out ? std::vector<duration>{} : one_way; };
    w.start_tunnel();
    const flow_id flow = w.open();
    CHECK(run_flow(w, flow, 50, 5_ms) > 0);
    out = true;
    CHECK(run_flow(w, flow, 1'000, 5_ms) == 0);
    out = false;
    w.run_for(6_s);  // a probe may be as far away as the outage was long
    CHECK(run_flow(w, flow, 100, 5_ms) == 100);
}

TEST_CASE("the relay follows a client whose NAT has given it another port") {
    masque_world w;
    const udp_address inside = w.tunnel_config.path.local;
    udp_address outside = inside;
    w.network = [&](test::wire_packet& p, instant) {
        if (p.to_relay) p.path.local = outside;
        if (!p.to_relay && p.path.remote != outside) return std::vector<duration>{};  // the old binding is gone
        if (!p.to_relay) p.path.remote = inside;
        return one_way;
    };
    w.start_tunnel();
    const flow_id flow = w.open();
    w.run_for(1_s);
    CHECK(run_flow(w, flow, 50, 5_ms) == 50);
    outside.port = 50'001;
    CHECK(run_flow(w, flow, 50, 5_ms) >= 49);
    CHECK(run_flow(w, flow, 50, 5_ms) == 50);
    CHECK(w.opened.size() == 1);  // the target sees nothing of it
}

TEST_CASE("a tunnel moves to another address without a new handshake") {
    masque_world w;
    w.start_tunnel();
    const flow_id flow = w.open();
    w.run_for(1_s);
    const udp_address other = test::address_of("203.0.113.99", 41'000);
    CHECK(w.tunnel().migrate(w.now, test::address_of("2001:db8::1", 1)) == status::invalid_argument);
    REQUIRE(w.tunnel().migrate(w.now, other) == status::ok);
    w.tunnels[0]->path.local = other;
    w.drain();
    CHECK(run_flow(w, flow, 50, 5_ms) >= 49);
    CHECK(run_flow(w, flow, 50, 5_ms) == 50);
    CHECK(w.relay->statistics().accepted_connections == 1);
    CHECK(w.count(tunnel_event_kind::connected) == 1);
}

TEST_CASE("congestion marks are understood on the way in and set on the way out") {
    masque_world w;
    std::set<int> seen;
    w.network = [&](test::wire_packet& p, instant) {
        seen.insert(static_cast<int>(p.mark));
        return one_way;
    };
    w.start_tunnel();
    const flow_id flow = w.open();
    CHECK(run_flow(w, flow, 50, 5_ms) == 50);
    CHECK(seen.count(static_cast<int>(ecn::ect0)) == 1);
    CHECK(seen.count(static_cast<int>(ecn::ce)) == 0);
}

TEST_CASE("a quiet tunnel is kept alive, a dead one ends") {
    masque_world w;
    bool out = false;
    w.network = [&](test::wire_packet&, instant) { return out ? std::vector<duration>{} : one_way; };
    w.start_tunnel();
    const flow_id flow = w.open();
    w.run_for(300_s);
    CHECK(w.tunnel().is_connected());
    CHECK(run_flow(w, flow, 5, 5_ms) == 5);
    out = true;
    w.run_for(120_s);
    CHECK(w.tunnel().cause() == close_cause::idle);
    CHECK(w.count(tunnel_event_kind::closed) == 1);
    CHECK(w.count(tunnel_event_kind::flow_closed) == 1);
    CHECK(w.relay->is_idle());
    CHECK(w.closed_targets.size() == 1);
    CHECK(w.relay->statistics().open_tunnels == 0);
    CHECK(w.send(flow, {1}) == status::closed);
    CHECK(w.tunnel().next_timeout().is_never());
}

TEST_CASE("without keep-alive a quiet tunnel ends") {
    masque_world w;
    w.tunnel_config.connection.keep_alive = w.relay_config.connection.keep_alive = duration::zero();
    w.start_tunnel();
    (void)w.open();
    w.run_for(60_s);
    CHECK(w.tunnel().cause() == close_cause::idle);
    CHECK(w.relay->is_idle());
}

TEST_CASE("a tunnel's life has an end") {
    masque_world w;
    w.tunnel_config.connection.max_lifetime = 60_s;
    w.start_tunnel();
    (void)w.open();
    w.run_for(59_s);
    CHECK(w.tunnel().is_connected());
    w.run_for(2_s);
    CHECK(w.tunnel().cause() == close_cause::lifetime);
    CHECK(w.relay->is_idle());
}

TEST_CASE("closing a tunnel closes its targets at once") {
    masque_world w;
    w.start_tunnel();
    (void)w.open();
    (void)w.open();
    w.run_for(1_s);
    w.tunnel().close(w.now);
    w.drain();
    w.run_for(100_ms);
    CHECK(w.closed_targets.size() == 2);
    CHECK(w.tunnel().cause() == close_cause::local);
    CHECK(w.count(tunnel_event_kind::flow_closed) == 2);
    CHECK_FALSE(w.tunnel().open(w.now, udp_target::create("198.51.100.9", 7).value()));
    w.run_for(10_s);
    CHECK(w.relay->is_idle());
}

TEST_CASE("nobody answering is noticed") {
    masque_world w;
    w.network = [](test::wire_packet&, instant) { return std::vector<duration>{}; };
    w.start_tunnel();
    const flow_id flow = w.open();
    CHECK(w.send(flow, {1}) == status::ok);
    w.run_for(11_s);
    CHECK(w.tunnel().cause() == close_cause::handshake_timeout);
    CHECK(w.count(tunnel_event_kind::flow_closed) == 1);
    CHECK(w.count(tunnel_event_kind::closed) == 1);
}

TEST_CASE("a clock that goes backwards is counted and harmless") {
    masque_world w;
    w.start_tunnel();
    w.run_for(1_s);
    w.tunnel().handle_timeout(w.now - 10_s);
    w.relay->handle_timeout(w.now - 10_s);
    CHECK(w.tunnel().statistics().clock_backwards == 1);
    CHECK(w.relay->statistics().clock_backwards == 1);
    CHECK(run_flow(w, w.open(), 20, 5_ms) == 20);
}

TEST_CASE("running out of memory anywhere is an error, not a crash, and nothing leaks") {
    std::size_t allowed = 0;
    std::size_t completed = 0;
    for (; completed < 3 && allowed < 4'000; allowed += allowed < 60 ? 1 : 37) {
        test::counting_allocator memory{allowed};
        {
            masque_world w;
            w.memory = memory.get();
            w.relay_config.rest_after = {};  // so that all of its memory is counted
            auto relay = masque::relay::create(w.now, w.relay_config, w.memory);
            if (!relay) {
                CHECK(relay.code() == status::out_of_memory);
                continue;
            }
            w.relay.emplace(std::move(relay).value());
            auto tunnel = masque::tunnel::create(w.now, w.tunnel_config, w.memory);
            if (!tunnel) {
                CHECK(tunnel.code() == status::out_of_memory);
                continue;
            }
            w.tunnels.push_back(std::make_unique<masque_world::end>(
                masque_world::end{std::move(tunnel).value(), w.tunnel_config.path, {}, {}}));
            const auto flow = w.tunnel().open(w.now, udp_target::create("198.51.100.9", 7).value());
            REQUIRE(flow);
            (void)w.send(flow.value(), {1});
            w.run_for(2_s);
            CHECK_FALSE(w.stuck);
            completed += w.delivered().empty() ? 0 : 1;
        }
        INFO("with " << allowed << " allocations");
        CHECK(memory.live_blocks() == 0);
    }
    CHECK(completed == 3);
}

TEST_CASE("a tunnel's configuration is checked") {
    const auto refused = [](auto change) {
        masque_world w;
        change(w.tunnel_config);
        const auto made = masque::tunnel::create(w.now, w.tunnel_config, w.memory);
        return made ? std::string{"accepted"} : std::string{made.error().where.field};
    };
    CHECK(refused([](tunnel_config& c) { c.relay = "http://relay.test/{target_host}/{target_port}"; }) == "relay");
    CHECK(refused([](tunnel_config& c) { c.max_flows = 0; }) == "max_flows");
    CHECK(refused([](tunnel_config& c) { c.max_payload = 1 << 20; }) == "max_payload");
    CHECK(refused([](tunnel_config& c) { c.wall = wall_time{}; }) == "wall");
    CHECK(refused([](tunnel_config& c) { c.path.remote.port = 0; }) == "path");
    CHECK(refused([](tunnel_config& c) { c.path.local.ip = *ip_address::parse("::1"); }) == "path");
    CHECK(refused([](tunnel_config& c) { c.connection.idle_timeout = duration::zero(); }) == "idle_timeout");
    CHECK(refused([](tunnel_config& c) { c.connection.keep_alive = duration::from_seconds(31); }) == "keep_alive");
    CHECK(refused([](tunnel_config& c) { c.connection.max_udp_payload = 1'199; }) == "max_udp_payload");
    masque_world w;
    w.tunnel_config.roots = "no certificate";
    CHECK(masque::tunnel::create(w.now, w.tunnel_config, w.memory).code() == status::malformed);
    CHECK(masque::tunnel::bounds("max_flows")->high == 65'535);
    CHECK(masque::tunnel::bounds("early_age")->unit == "ms");
    CHECK(masque::tunnel::bounds("nothing") == nullptr);
}
