// SPDX-License-Identifier: MIT
//
// The MASQUE client in C: whole connections to a relay in virtual time, structs of any age, nonsense and dead handles.
#include <duality/masque.h>

#include <catch2/catch_test_macros.hpp>
#include <deque>
#include <string>
#include <vector>

#include "capi/sizes.hpp"
#include "capi/support.hpp"
#include "support/masque_world.hpp"

using namespace duality;
using namespace duality::literals;
using capi_test::check_output;
using capi_test::counting_host;
using capi_test::made;
using test::bytes;

namespace {

/// A tunnel through the C interface, and the relay of a `masque_world` 10 ms away.
class c_world {
public:
    c_world() {
        world.start_relay();
        // What the relay sends passes the network rule, which takes it out for the tunnel in C.
        world.network = [this](test::wire_packet& p, instant now) {
            from_relay_.push_back({now + 10_ms, p.content});
            return std::vector<duration>{};
        };
        path = made<duality_udp_path>();
        REQUIRE(duality_udp_path_parse("203.0.113.7", 40'000, "192.0.2.1", 443, &path) == DUALITY_OK);
        config = made<duality_tunnel_config>();
        REQUIRE(duality_tunnel_config_default(&config) == DUALITY_OK);
        roots_ = std::string{test::test_authority::get().root.chain()};
        config.relay = "relay.test";
        config.path = &path;
        config.roots = roots_.c_str();
        config.system_roots = 0;
        config.wall_ns = test::test_day.ns();
    }
    c_world(const c_world&) = delete;
    c_world& operator=(const c_world&) = delete;
    ~c_world() {
        if (tunnel != nullptr) (void)duality_tunnel_destroy(tunnel);
    }

    duality_status start(const duality_host* host = nullptr, duality_failure* why = nullptr) {
        return duality_tunnel_create(world.now.ns(), &config, host, why, &tunnel);
    }

    void run_for(duration d) {
        for (const instant until = world.now + d; world.now < until;) {
            drain();
            world.run_for(1_ms);
            while (!from_relay_.empty() && from_relay_.front().at <= world.now) {
                auto back = made<duality_udp_path>();
                REQUIRE(duality_udp_path_parse("203.0.113.7", 40'000, "192.0.2.1", 443, &back) == DUALITY_OK);
                const bytes& content = from_relay_.front().content;
                REQUIRE(duality_tunnel_handle_datagram(tunnel, now(), &back, DUALITY_ECN_NOT_ECT, content.data(),
                                                       content.size()) == DUALITY_OK);
                from_relay_.pop_front();
            }
            REQUIRE(duality_tunnel_handle_timeout(tunnel, now()) == DUALITY_OK);
        }
        drain();
    }

    [[nodiscard]] std::int64_t now() const { return world.now.ns(); }
    [[nodiscard]] bool saw(std::int32_t event) const {
        return std::find(events.begin(), events.end(), event) != events.end();
    }

    test::masque_world world;
    duality_udp_path path{};
    duality_tunnel_config config{};
    duality_tunnel* tunnel = nullptr;
    std::vector<std::int32_t> events;
    std::vector<bytes> delivered;

private:
    struct packet {
        instant at;
        bytes content;
    };

    void drain() {
        auto out = made<duality_tunnel_output>();
        while (duality_tunnel_poll_output(tunnel, now(), &out) == DUALITY_OK) {
            if (out.kind == DUALITY_TUNNEL_EVENT) events.push_back(out.event);
            if (out.kind == DUALITY_TUNNEL_DELIVER) delivered.push_back({out.bytes, out.bytes + out.size});
            if (out.kind != DUALITY_TUNNEL_TRANSMIT) continue;
            CHECK(out.path.remote_port == 443);
            CHECK(out.path.remote_ip_size == 4);
            world.inject({{test::address_of("203.0.113.7", 40'000), world.relay_address},
                          static_cast<masque::ecn>(out.ecn),
                          {out.bytes, out.bytes + out.size},
                          true},
                         10_ms);
        }
    }

    std::string roots_;
    std::deque<packet> from_relay_;
};

}  // namespace

TEST_CASE("C tunnel: a payload goes through the relay to its target and back") {
    c_world w;
    REQUIRE(w.start() == DUALITY_OK);
    std::uint32_t flow = 0;
    REQUIRE(duality_tunnel_open(w.tunnel, w.now(), "198.51.100.9", 7, &flow) == DUALITY_OK);
    const bytes payload(500, 0x5A);
    REQUIRE(duality_tunnel_send(w.tunnel, w.now(), flow, payload.data(), payload.size(), DUALITY_NEVER) == DUALITY_OK);
    w.run_for(150_ms);
    CHECK(w.saw(DUALITY_TUNNEL_EVENT_CONNECTED));
    CHECK(w.saw(DUALITY_TUNNEL_EVENT_FLOW_OPEN));
    REQUIRE(w.delivered.size() == 1);
    CHECK(w.delivered[0] == payload);

    auto statistics = made<duality_tunnel_statistics>();
    REQUIRE(duality_tunnel_get_statistics(w.tunnel, &statistics) == DUALITY_OK);
    CHECK(statistics.connected == 1);
    CHECK(statistics.uses_quic_datagrams == 1);
    CHECK(statistics.datagrams_sent == 1);
    CHECK(statistics.datagrams_received == 1);
    CHECK(statistics.smoothed_rtt_ns >= 20'000'000);
    std::size_t room = 0;
    REQUIRE(duality_tunnel_max_payload(w.tunnel, flow, &room) == DUALITY_OK);
    CHECK(room >= 1'000);
    const bytes giant(w.config.max_payload + 1);
    CHECK(duality_tunnel_send(w.tunnel, w.now(), flow, giant.data(), giant.size(), DUALITY_NEVER) == DUALITY_TOO_LARGE);
    CHECK(duality_tunnel_send(w.tunnel, w.now(), flow + 1, payload.data(), 1, DUALITY_NEVER) == DUALITY_UNKNOWN_STREAM);

    REQUIRE(duality_tunnel_migrate(w.tunnel, w.now(), "203.0.113.8", 40'001) == DUALITY_OK);
    REQUIRE(duality_tunnel_close_flow(w.tunnel, w.now(), flow) == DUALITY_OK);
    w.run_for(100_ms);
    CHECK(w.saw(DUALITY_TUNNEL_EVENT_FLOW_CLOSED));
    REQUIRE(duality_tunnel_close(w.tunnel, w.now()) == DUALITY_OK);
    w.run_for(50_ms);
    CHECK(w.saw(DUALITY_TUNNEL_EVENT_CLOSED));
    REQUIRE(duality_tunnel_get_statistics(w.tunnel, &statistics) == DUALITY_OK);
    CHECK(statistics.close_cause == DUALITY_CLOSED_LOCAL);
    CHECK(duality_tunnel_open(w.tunnel, w.now(), "198.51.100.9", 7, &flow) == DUALITY_CLOSED);
}

TEST_CASE("C tunnel: what is wrong with a configuration is named") {
    c_world w;
    auto why = made<duality_failure>();
    w.config.max_flows = 0;
    CHECK(w.start(nullptr, &why) == DUALITY_INVALID_CONFIG);
    CHECK(std::string{why.field} == "max_flows");
    w.config.max_flows = 64;
    w.config.pins = "sha256//nonsense";
    CHECK(w.start(nullptr, &why) == DUALITY_INVALID_CONFIG);
    CHECK(std::string{why.field} == "pins");
    w.config.pins = nullptr;
    w.config.path = nullptr;
    CHECK(w.start(nullptr, &why) == DUALITY_INVALID_CONFIG);
    CHECK(std::string{why.field} == "path");
    w.config.path = &w.path;
    w.config.roots = "no certificate";
    CHECK(w.start(nullptr, &why) == DUALITY_MALFORMED);
    w.config.congestion = 99;
    CHECK(w.start(nullptr, &why) == DUALITY_INVALID_CONFIG);
    CHECK(std::string{why.field} == "congestion");
    CHECK(w.tunnel == nullptr);
}

TEST_CASE("C tunnel: pins instead of authorities") {
    c_world w;
    std::array<char, masque::key_pin::text_size> text{};
    const std::string good{test::test_authority::get().relay.pin.format(text)};
    const std::string other{test::test_authority::get().root.pin.format(text)};
    const std::string both = other + " " + good;
    w.config.roots = nullptr;
    w.config.pins = both.c_str();
    REQUIRE(w.start() == DUALITY_OK);
    w.run_for(100_ms);
    CHECK(w.saw(DUALITY_TUNNEL_EVENT_CONNECTED));

    c_world stranger;
    stranger.config.roots = nullptr;
    stranger.config.pins = other.c_str();
    REQUIRE(stranger.start() == DUALITY_OK);
    stranger.run_for(100_ms);
    CHECK(stranger.saw(DUALITY_TUNNEL_EVENT_CLOSED));
    auto statistics = made<duality_tunnel_statistics>();
    REQUIRE(duality_tunnel_get_statistics(stranger.tunnel, &statistics) == DUALITY_OK);
    CHECK(statistics.close_cause == DUALITY_CLOSED_UNTRUSTED);
}

TEST_CASE("C tunnel: a certificate for a relay that wants one") {
    const auto make = [](masque::certificate_request request) {
        const std::string_view names[] = {"a name"};
        request.names = names;
        request.valid_from = test::test_day - test::one_day;
        request.valid_until = test::test_day + test::one_day;
        return masque::make_certificate(request).value();
    };
    masque::certificate_request wanted;
    wanted.authority = true;
    const masque::certificate authority = make(wanted);
    wanted.authority = false;
    wanted.client = true;
    wanted.issuer = &authority;
    const masque::certificate own = make(wanted);
    const std::string chain{own.chain()};
    const std::string key{own.key()};
    c_world w;
    w.world.relay_config.client_roots = authority.chain();
    w.world.relay_config.wall = test::test_day;
    w.world.start_relay();
    auto statistics = made<duality_tunnel_statistics>();
    SECTION("shown") {
        w.config.certificate_chain = chain.c_str();
        w.config.private_key = key.c_str();
        REQUIRE(w.start() == DUALITY_OK);
        w.run_for(200_ms);
        CHECK(w.saw(DUALITY_TUNNEL_EVENT_CONNECTED));
    }
    SECTION("not shown") {
        REQUIRE(w.start() == DUALITY_OK);
        w.run_for(200_ms);
        CHECK(w.saw(DUALITY_TUNNEL_EVENT_CLOSED));
        REQUIRE(duality_tunnel_get_statistics(w.tunnel, &statistics) == DUALITY_OK);
        CHECK(statistics.close_cause == DUALITY_CLOSED_NOT_ADMITTED);
    }
    SECTION("without its key") {
        w.config.certificate_chain = chain.c_str();
        CHECK(w.start() == DUALITY_MALFORMED);
    }
}

TEST_CASE("C tunnel: callers of any age") {
    check_output<duality_tunnel_config>(duality_tunnel_config_default);
    check_output<duality_udp_path>(
        [](duality_udp_path* s) { return duality_udp_path_parse("2001:db8::1", 1, "2001:db8::2", 2, s); });
    c_world w;
    REQUIRE(w.start() == DUALITY_OK);
    check_output<duality_tunnel_statistics>(
        [&](duality_tunnel_statistics* s) { return duality_tunnel_get_statistics(w.tunnel, s); });
    // A caller from before `size` was there gets what it knows, and nothing behind it.
    struct older_output {
        std::uint32_t struct_size;
        std::int32_t kind;
        std::uint64_t canary;
    } older{8, 0, 0xABABABABABABABAB};
    REQUIRE(duality_tunnel_poll_output(w.tunnel, w.now(), reinterpret_cast<duality_tunnel_output*>(&older)) ==
            DUALITY_OK);
    CHECK(older.kind == DUALITY_TUNNEL_TRANSMIT);
    CHECK(older.canary == 0xABABABABABABABAB);
    // A configuration that ends before buffers and timers keeps their defaults, whatever lies behind it.
    w.config.struct_size = offsetof(duality_tunnel_config, buffered_datagrams);
    w.config.buffered_datagrams = 0xFFFFFFFF;
    w.config.idle_timeout_ns = -1;
    duality_tunnel* early = nullptr;
    CHECK(duality_tunnel_create(w.now(), &w.config, nullptr, nullptr, &early) == DUALITY_OK);
    CHECK(duality_tunnel_destroy(early) == DUALITY_OK);
}

TEST_CASE("C tunnel: NULL, nonsense and dead handles are answered") {
    c_world w;
    REQUIRE(w.start() == DUALITY_OK);
    duality_tunnel* const dead = w.tunnel;
    w.tunnel = nullptr;
    REQUIRE(duality_tunnel_destroy(dead) == DUALITY_OK);
    CHECK(duality_tunnel_destroy(nullptr) == DUALITY_OK);
    CHECK(duality_tunnel_destroy(dead) == DUALITY_INVALID_HANDLE);
    std::int64_t at = 0;
    std::size_t size = 0;
    std::uint32_t flow = 0;
    auto out = made<duality_tunnel_output>();
    auto statistics = made<duality_tunnel_statistics>();
    for (duality_tunnel* t : {static_cast<duality_tunnel*>(nullptr), dead, reinterpret_cast<duality_tunnel*>(12'345)}) {
        CHECK(duality_tunnel_open(t, 0, "192.0.2.9", 7, &flow) == DUALITY_INVALID_HANDLE);
        CHECK(duality_tunnel_send(t, 0, 0, nullptr, 0, 0) == DUALITY_INVALID_HANDLE);
        CHECK(duality_tunnel_max_payload(t, 0, &size) == DUALITY_INVALID_HANDLE);
        CHECK(duality_tunnel_close_flow(t, 0, 0) == DUALITY_INVALID_HANDLE);
        CHECK(duality_tunnel_handle_datagram(t, 0, &w.path, 0, nullptr, 0) == DUALITY_INVALID_HANDLE);
        CHECK(duality_tunnel_handle_timeout(t, 0) == DUALITY_INVALID_HANDLE);
        CHECK(duality_tunnel_poll_output(t, 0, &out) == DUALITY_INVALID_HANDLE);
        CHECK(duality_tunnel_next_timeout(t, &at) == DUALITY_INVALID_HANDLE);
        CHECK(duality_tunnel_migrate(t, 0, "192.0.2.9", 7) == DUALITY_INVALID_HANDLE);
        CHECK(duality_tunnel_close(t, 0) == DUALITY_INVALID_HANDLE);
        CHECK(duality_tunnel_get_statistics(t, &statistics) == DUALITY_INVALID_HANDLE);
    }
    REQUIRE(w.start() == DUALITY_OK);
    duality_tunnel* const t = w.tunnel;
    CHECK(duality_tunnel_create(0, nullptr, nullptr, nullptr, &w.tunnel) == DUALITY_INVALID_ARGUMENT);
    CHECK(w.tunnel == nullptr);
    w.tunnel = t;
    CHECK(duality_tunnel_create(0, &w.config, nullptr, nullptr, nullptr) == DUALITY_INVALID_ARGUMENT);
    CHECK(duality_tunnel_open(t, 0, nullptr, 7, &flow) == DUALITY_INVALID_ARGUMENT);
    CHECK(duality_tunnel_open(t, 0, "192.0.2.9", 65'536, &flow) == DUALITY_INVALID_ARGUMENT);
    CHECK(duality_tunnel_open(t, 0, "no such/name", 7, &flow) == DUALITY_INVALID_ARGUMENT);
    CHECK(duality_tunnel_open(t, 0, "192.0.2.9", 7, nullptr) == DUALITY_INVALID_ARGUMENT);
    CHECK(duality_tunnel_send(t, 0, 0, nullptr, 5, 0) == DUALITY_INVALID_ARGUMENT);
    CHECK(duality_tunnel_handle_datagram(t, 0, nullptr, 0, nullptr, 0) == DUALITY_INVALID_ARGUMENT);
    CHECK(duality_tunnel_handle_datagram(t, 0, &w.path, 4, nullptr, 0) == DUALITY_INVALID_ARGUMENT);
    CHECK(duality_tunnel_handle_datagram(t, 0, &w.path, 0, nullptr, 0) == DUALITY_OK);
    w.path.remote_ip_size = 7;
    CHECK(duality_tunnel_handle_datagram(t, 0, &w.path, 0, nullptr, 0) == DUALITY_INVALID_ARGUMENT);
    CHECK(duality_tunnel_poll_output(t, 0, nullptr) == DUALITY_INVALID_ARGUMENT);
    CHECK(duality_tunnel_next_timeout(t, nullptr) == DUALITY_INVALID_ARGUMENT);
    CHECK(duality_tunnel_migrate(t, 0, "nowhere", 7) == DUALITY_INVALID_ARGUMENT);
    CHECK(duality_tunnel_migrate(t, 0, "192.0.2.9", 7) == DUALITY_WRONG_STATE);
    CHECK(duality_tunnel_get_statistics(t, nullptr) == DUALITY_INVALID_ARGUMENT);
    CHECK(duality_udp_path_parse(nullptr, 0, "192.0.2.9", 0, &w.path) == DUALITY_INVALID_ARGUMENT);
    CHECK(duality_udp_path_parse("192.0.2.9", 0, "192.0.2.300", 0, &w.path) == DUALITY_INVALID_ARGUMENT);
    CHECK(duality_udp_path_parse("192.0.2.9", 0, "192.0.2.3", 0, nullptr) == DUALITY_INVALID_ARGUMENT);
    CHECK(duality_masque_abi_version() == DUALITY_ABI_VERSION);
}

TEST_CASE("C tunnel: a host whose memory ends leaves nothing behind") {
    for (std::size_t allowed = 0; allowed < 400; allowed += allowed < 20 ? 1 : 19) {
        counting_host host{allowed};
        {
            c_world w;
            const duality_status said = w.start(host.get());
            CHECK((said == DUALITY_OK || said == DUALITY_OUT_OF_MEMORY || said == DUALITY_UNSUPPORTED));
            if (said == DUALITY_OK) w.run_for(60_ms);
        }
        CHECK(host.live == 0);
    }
}
