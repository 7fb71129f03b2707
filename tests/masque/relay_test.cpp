// SPDX-License-Identifier: MIT
//
// What a relay refuses, and how it treats those who do not behave.
#include <catch2/catch_test_macros.hpp>

#include "duality/random.hpp"
#include "support/masque_world.hpp"

using namespace duality;
using namespace duality::literals;
using namespace duality::masque;
using test::bytes;
using test::masque_world;

namespace {

/// What becomes of a flow to `host`.
tunnel_event outcome(masque_world& w, const char* host, std::uint16_t port = 7) {
    if (w.tunnels.empty()) w.start_tunnel();
    const flow_id flow = w.open(host, port);
    (void)w.send(flow, {1});  // in the hope that it is accepted
    w.run_for(500_ms);
    for (const tunnel_event& e : w.tunnels[0]->events)
        if (e.flow == flow && (e.kind == tunnel_event_kind::flow_open || e.kind == tunnel_event_kind::flow_refused))
            return e;
    return {};
}

}  // namespace

TEST_CASE("a name is looked up once and its first address connected") {
    masque_world w;
    w.names["two.test"] = {*ip_address::parse("198.51.100.1"), *ip_address::parse("198.51.100.2")};
    CHECK(outcome(w, "two.test", 9).http_status == 200);
    CHECK(w.looked_up == std::vector<std::string>{"two.test"});
    CHECK(w.opened == std::vector<udp_address>{test::address_of("198.51.100.1", 9)});
}

TEST_CASE("the target policy cannot be got around") {
    masque_world w;
    w.names["bad.test"] = {*ip_address::parse("127.0.0.1")};
    w.names["mixed.test"] = {*ip_address::parse("198.51.100.1"), *ip_address::parse("10.0.0.1")};
    w.names["mapped.test"] = {*ip_address::parse("::ffff:198.51.100.1")};
    for (const char* host : {"127.0.0.1", "10.1.2.3", "169.254.169.254", "::1", "::ffff:127.0.0.1", "64:ff9b::10.0.0.1",
                             "fe80::1", "224.0.0.1", "255.255.255.255", "bad.test", "mixed.test", "mapped.test"}) {
        INFO(host);
        const tunnel_event e = outcome(w, host);
        CHECK(e.kind == tunnel_event_kind::flow_refused);
        CHECK(e.http_status == 502);
        CHECK(e.error == proxy_error::destination_ip_prohibited);
    }
    CHECK(w.opened.empty());
    CHECK(w.relay->statistics().refused_targets == 12);
    CHECK(w.relay->statistics().open_tunnels == 0);
    CHECK(outcome(w, "8.8.8.8").http_status == 200);
}

TEST_CASE("a name without an address is an error of its own") {
    masque_world w;
    const tunnel_event e = outcome(w, "nowhere.test");
    CHECK(e.http_status == 502);
    CHECK(e.error == proxy_error::dns_error);
    CHECK(w.relay->statistics().failed_targets == 1);
}

TEST_CASE("a relay with tokens wants to see one") {
    masque_world w;
    const std::string_view tokens[] = {"first token", "second token"};
    w.relay_config.tokens = tokens;
    SECTION("none") {
        CHECK(outcome(w, "198.51.100.9").http_status == 401);
        CHECK(w.relay->statistics().refused_tokens == 1);
    }
    SECTION("a wrong one") {
        w.tunnel_config.token = "first tokem";
        CHECK(outcome(w, "198.51.100.9").http_status == 401);
    }
    SECTION("the beginning of one") {
        w.tunnel_config.token = "first";
        CHECK(outcome(w, "198.51.100.9").http_status == 401);
    }
    SECTION("a good one") {
        w.tunnel_config.token = "second token";
        CHECK(outcome(w, "198.51.100.9").http_status == 200);
    }
    // Nobody learns what a target would have been without one.
    if (w.tunnel_config.token != "second token") CHECK(outcome(w, "127.0.0.1").http_status == 401);
}

TEST_CASE("a client sees through a wrong certificate") {
    masque_world w;
    const auto cause = [&] {
        w.start_tunnel();
        w.run_for(2_s);
        return w.tunnel().cause();
    };
    SECTION("another name") {
        w.tunnel_config.relay = "other.test";
        CHECK(cause() == close_cause::untrusted);
    }
    SECTION("its address, which is in the certificate") {
        w.tunnel_config.relay = "192.0.2.1";
        CHECK(cause() == close_cause::none);
    }
    SECTION("another address") {
        w.tunnel_config.relay = "192.0.2.2";
        CHECK(cause() == close_cause::untrusted);
    }
    SECTION("after its time") {
        w.tunnel_config.wall = test::test_day + test::one_day * 31;
        CHECK(cause() == close_cause::untrusted);
    }
    SECTION("before its time") {
        w.tunnel_config.wall = test::test_day - test::one_day * 2;
        CHECK(cause() == close_cause::untrusted);
    }
    SECTION("an authority nobody trusts") {
        const std::string_view name[] = {"Someone else"};
        const auto other = make_certificate({.names = name,
                                             .valid_from = test::test_day - test::one_day,
                                             .valid_until = test::test_day + test::one_day,
                                             .authority = true});
        w.tunnel_config.roots = other.value().chain();
        CHECK(cause() == close_cause::untrusted);
    }
    SECTION("the right pin, whatever the name and the date") {
        const key_pin pins[] = {key_pin{}, test::test_authority::get().relay.pin};
        w.tunnel_config.pins = pins;
        w.tunnel_config.relay = "other.test";
        w.tunnel_config.wall = wall_time{};
        w.tunnel_config.roots = {};
        CHECK(cause() == close_cause::none);
    }
    SECTION("the wrong pin, even with the right certificate") {
        const key_pin pins[] = {test::test_authority::get().root.pin};
        w.tunnel_config.pins = pins;
        CHECK(cause() == close_cause::untrusted);
    }
}

TEST_CASE("pins are text and certificates have them") {
    const key_pin& pin = test::test_authority::get().relay.pin;
    char room[key_pin::text_size];
    const std::string_view text = pin.format(room);
    CHECK(text.size() == key_pin::text_size);
    CHECK(text.starts_with("sha256//"));
    CHECK(key_pin::parse(text).value() == pin);
    CHECK(pin_of(test::test_authority::get().relay.chain()).value() == pin);
    CHECK(pin_of("nothing").code() == status::malformed);
    for (const char* wrong : {"", "sha256//", "sha256//AAAA", "md5//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
                              "sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA!="})
        CHECK_FALSE(key_pin::parse(wrong));
    CHECK(make_certificate({}).code() == status::invalid_argument);
}

TEST_CASE("with Retry a client proves its address first") {
    masque_world w;
    w.relay_config.retry = retry_mode::always;
    CHECK(outcome(w, "198.51.100.9").http_status == 200);
    CHECK(w.relay->statistics().retries == 1);
    CHECK(w.relay->statistics().accepted_connections == 1);
}

TEST_CASE("clients that never finish make the relay ask for proof, and hurt nobody else") {
    masque_world w;
    w.relay_config.handshakes_before_retry = 10;
    w.network = [](test::wire_packet& p, instant) {
        const bool silent = !p.to_relay && p.path.remote.port >= 50'000;
        return silent ? std::vector<duration>{} : std::vector<duration>{10_ms};
    };
    CHECK(outcome(w, "198.51.100.9").http_status == 200);
    for (std::uint16_t i = 0; i < 30; ++i) {
        w.tunnel_config.path.local = test::address_of("203.0.113.200", static_cast<std::uint16_t>(50'000 + i));
        w.start_tunnel();
    }
    w.run_for(500_ms);
    CHECK(w.relay->statistics().handshakes == 10);
    CHECK(w.relay->statistics().retries >= 20);
    w.tunnel_config.path.local = test::address_of("203.0.113.9", 40'000);
    w.start_tunnel();
    w.run_for(500_ms);
    CHECK(w.tunnel(31).is_connected());
    CHECK(outcome(w, "198.51.100.9").http_status == 200);
    w.run_for(15_s);
    CHECK(w.relay->statistics().handshakes == 0);
}

TEST_CASE("a relay that has lost its memory says so, and the client knows at once") {
    masque_world w;
    w.relay_config.secret.fill(7);
    w.start_tunnel();
    const flow_id flow = w.open();
    w.run_for(1_s);
    w.start_relay();  // another one in its place, with the same secret
    CHECK(w.send(flow, bytes(200)) == status::ok);
    w.run_for(25_ms);
    CHECK(w.tunnel().cause() == close_cause::reset);
    CHECK(w.relay->statistics().resets >= 1);
}

TEST_CASE("what is no QUIC is dropped, whatever it is") {
    masque_world w;
    w.start_relay();
    xoshiro256 random{9};
    const udp_path from{w.relay_address, test::address_of("203.0.113.7", 1)};
    for (int i = 0; i < 3'000; ++i) {
        bytes noise(random.below(1'500));
        for (std::uint8_t& b : noise) b = static_cast<std::uint8_t>(random.next());
        w.relay->handle_datagram(w.now, from, ecn::not_ect, noise);
        w.drain();
    }
    CHECK(w.relay->is_idle());
    CHECK(w.relay->statistics().open_connections == 0);
    CHECK(outcome(w, "198.51.100.9").http_status == 200);
}

TEST_CASE("another version is answered with the one that is spoken") {
    masque_world w;
    w.keep_sent = true;
    w.start_relay();
    bytes packet(1'200);
    packet[0] = 0xC0;
    packet[1] = packet[2] = packet[3] = packet[4] = 0x1A;
    packet[5] = 8;
    packet[14] = 8;
    w.relay->handle_datagram(w.now, {w.relay_address, test::address_of("203.0.113.7", 1)}, ecn::not_ect, packet);
    w.drain();
    REQUIRE(w.sent.size() == 1);
    const bytes& answer = w.sent[0].content;
    CHECK((answer[0] & 0x80) != 0);
    CHECK(std::equal(answer.begin() + 1, answer.begin() + 5, bytes(4).begin()));  // version 0
    CHECK(std::equal(answer.end() - 4, answer.end(), bytes{0, 0, 0, 1}.begin()));
}

TEST_CASE("packets changed on the way end nothing") {
    masque_world w;
    xoshiro256 random{5};
    w.network = [&](test::wire_packet& p, instant) {
        if (random.chance(0.1)) p.content[random.below(p.content.size())] ^= 0x20;
        return std::vector<duration>{10_ms};
    };
    w.start_tunnel();
    const flow_id flow = w.open();
    w.run_for(5_s);
    std::size_t accepted = 0;
    for (int i = 0; i < 200; ++i) {
        accepted += w.send(flow, bytes(200, 1)) == status::ok ? 1 : 0;
        w.run_for(5_ms);
    }
    w.run_for(1_s);
    CHECK(accepted == 200);
    CHECK(w.tunnel().is_connected());
    CHECK(w.delivered().size() > 130);
    for (const auto& payload : w.delivered()) CHECK(payload.content == bytes(200, 1));
}

TEST_CASE("a client has so many connections and tunnels and no more") {
    masque_world w;
    w.relay_config.max_tunnels_per_client = 3;
    w.relay_config.max_connections_per_address = 2;
    for (int i = 0; i < 3; ++i) CHECK(outcome(w, "198.51.100.9").http_status == 200);
    CHECK(outcome(w, "198.51.100.9").http_status == 429);
    CHECK(w.relay->statistics().refused_tunnels == 1);
    w.tunnel_config.path.local.port = 40'001;
    w.start_tunnel();
    w.tunnel_config.path.local.port = 40'002;
    w.start_tunnel();
    w.run_for(2_s);
    CHECK(w.tunnel(1).is_connected());
    CHECK_FALSE(w.tunnel(2).is_connected());
    CHECK(w.relay->statistics().refused_connections >= 1);
    // Another address has limits of its own.
    w.tunnel_config.path.local = test::address_of("203.0.113.8", 40'000);
    w.start_tunnel();
    w.run_for(1_s);
    const flow_id flow = w.open("198.51.100.9", 7, 3);
    w.run_for(500_ms);
    CHECK(w.find(tunnel_event_kind::flow_open, 3) != nullptr);
    CHECK(w.send(flow, {1}, 3) == status::ok);
}

TEST_CASE("a client's rate is limited, and only its own") {
    masque_world w;
    w.relay_config.rate_per_client_bps = 800'000;  // 100 kB/s, both ways together
    w.start_tunnel();
    w.tunnel_config.path.local = test::address_of("203.0.113.8", 40'000);
    w.start_tunnel();
    w.run_for(500_ms);
    const flow_id greedy = w.open("198.51.100.9", 7, 0);
    const flow_id modest = w.open("198.51.100.9", 7, 1);
    for (int i = 0; i < 1'000; ++i) {
        (void)w.send(greedy, bytes(1'000), 0);
        if (i % 20 == 0) (void)w.send(modest, bytes(100), 1);
        w.run_for(2_ms);
    }
    w.run_for(500_ms);
    const auto through = std::count_if(w.at_target.begin(), w.at_target.end(),
                                       [](const auto& payload) { return payload.content.size() == 1'000; });
    CHECK(through > 150);  // 100 kB/s for 2 s and a burst, less what came back
    CHECK(through < 300);
    CHECK(w.delivered(1).size() == 50);
    CHECK(w.relay->statistics().over_rate > 500);
}

TEST_CASE("a token's bytes are counted for good") {
    masque_world w;
    const std::string_view tokens[] = {"t"};
    w.relay_config.tokens = tokens;
    w.tunnel_config.token = "t";
    w.relay_config.bytes_per_client = 10'000;
    w.start_tunnel();
    const flow_id flow = w.open();
    w.run_for(500_ms);
    for (int i = 0; i < 50; ++i) {
        (void)w.send(flow, bytes(500));
        w.run_for(5_ms);
    }
    w.run_for(100_ms);
    CHECK(w.delivered().size() == 10);
    CHECK(outcome(w, "198.51.100.9").http_status == 429);
}

TEST_CASE("a target that never answers gets so much and no more") {
    masque_world w;
    w.relay_config.max_unanswered = 20;
    w.echo = false;
    w.start_tunnel();
    const flow_id flow = w.open();
    w.run_for(500_ms);
    for (int i = 0; i < 50; ++i) {
        (void)w.send(flow, {1});
        w.run_for(5_ms);
    }
    w.run_for(50_ms);
    CHECK(w.at_target.size() == 20);
    CHECK(w.relay->statistics().unanswered == 30);
    CHECK(w.relay->handle_target_datagram(w.now, w.targets.begin()->first, bytes{2}) == status::ok);
    (void)w.send(flow, {1});
    w.run_for(50_ms);
    CHECK(w.at_target.size() == 21);
    CHECK(w.delivered().size() == 1);
}

TEST_CASE("a target that floods harms only its own client's queue") {
    masque_world w;
    w.start_tunnel();
    w.tunnel_config.path.local = test::address_of("203.0.113.8", 40'000);
    w.start_tunnel();
    w.run_for(500_ms);
    (void)w.open("198.51.100.9", 7, 0);
    const flow_id other = w.open("198.51.100.9", 8, 1);
    w.run_for(500_ms);
    const target_id flooded = w.targets.begin()->first;
    std::size_t refused = 0;
    for (int i = 0; i < 200; ++i) {
        for (int k = 0; k < 200; ++k)
            refused += failed(w.relay->handle_target_datagram(w.now, flooded, bytes(1'000))) ? 1 : 0;
        (void)w.send(other, {1}, 1);
        w.run_for(5_ms);
    }
    w.run_for(500_ms);
    CHECK(refused > 1'000);
    CHECK(w.delivered(1).size() == 200);
}

TEST_CASE("a target whose socket has died closes its flow") {
    masque_world w;
    w.start_tunnel();
    const flow_id flow = w.open();
    w.run_for(500_ms);
    const target_id target = w.targets.begin()->first;
    CHECK(w.relay->target_lost(w.now, target) == status::ok);
    w.drain();
    w.run_for(500_ms);
    REQUIRE(w.find(tunnel_event_kind::flow_closed) != nullptr);
    CHECK(w.find(tunnel_event_kind::flow_closed)->flow == flow);
    CHECK(w.closed_targets == std::vector<std::uint64_t>{target});
    CHECK(w.relay->target_lost(w.now, target) == status::unknown_stream);
    CHECK(w.relay->handle_target_datagram(w.now, target, {}) == status::unknown_stream);
    CHECK(w.relay->statistics().open_tunnels == 0);
}

TEST_CASE("a draining relay takes nothing new and lets go of what is done") {
    masque_world w;
    w.start_tunnel();
    const flow_id flow = w.open();
    w.run_for(500_ms);
    w.relay->drain(w.now);
    w.drain();
    w.run_for(100_ms);
    CHECK(w.send(flow, {1}) == status::ok);
    w.run_for(100_ms);
    CHECK(w.delivered().size() == 1);
    w.tunnel_config.path.local.port = 40'001;
    w.start_tunnel();
    w.run_for(2_s);
    CHECK_FALSE(w.tunnel(1).is_connected());
    w.relay->close(w.now);
    w.drain();
    w.run_for(5_s);
    CHECK(w.relay->is_idle());
    CHECK(w.tunnel(0).cause() == close_cause::peer);
}

TEST_CASE("a relay's configuration is checked") {
    const auto refused = [](auto change) {
        masque_world w;
        change(w.relay_config);
        const auto made = masque::relay::create(w.now, w.relay_config, w.memory);
        return made ? std::string{"accepted"} : std::string{made.error().where.field};
    };
    static constexpr std::string_view empty[] = {""};
    CHECK(refused([](relay_config& c) { c.path = "/{target_host}"; }) == "path");
    CHECK(refused([](relay_config& c) { c.tokens = empty; }) == "tokens");
    CHECK(refused([](relay_config& c) { c.bytes_per_client = 1; }) == "bytes_per_client");
    CHECK(refused([](relay_config& c) { c.max_tunnels = 0; }) == "max_tunnels");
    CHECK(refused([](relay_config& c) { c.connection.early_age = duration::zero(); }) == "early_age");
    masque_world w;
    w.relay_config.private_key = test::test_authority::get().root.key();
    CHECK(masque::relay::create(w.now, w.relay_config, w.memory).code() == status::malformed);
    CHECK(masque::relay::bounds("max_tunnels")->unit == "tunnels");
}
