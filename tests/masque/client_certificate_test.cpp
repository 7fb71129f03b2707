// SPDX-License-Identifier: MIT
//
// Clients that a relay admits by their certificates.
#include <catch2/catch_test_macros.hpp>
#include <string>
#include <string_view>

#include "support/raw_client.hpp"

using namespace duality;
using namespace duality::literals;
using namespace duality::masque;
using test::masque_world;
using test::one_day;
using test::raw_client;
using test::test_day;

namespace {

enum class use : std::uint8_t { client, server, authority };

certificate issue(std::string_view name, const certificate* issuer, use purpose = use::client,
                  wall_time from = test_day - one_day, wall_time until = test_day + one_day) {
    const std::string_view names[] = {name};
    const auto made = make_certificate({.names = names,
                                        .valid_from = from,
                                        .valid_until = until,
                                        .authority = purpose == use::authority,
                                        .client = purpose == use::client,
                                        .issuer = issuer});
    if (!made) std::abort();
    return made.value();
}

const certificate& club() {
    static const certificate made = issue("Club", nullptr, use::authority);
    return made;
}
const certificate& member() {
    static const certificate made = issue("member", &club());
    return made;
}

/// A relay for clients of the club, at noon.
struct club_world : masque_world {
    club_world() {
        relay_config.client_roots = club().chain();
        relay_config.wall = test_day;
    }
    void show(const certificate& one) { show(one.chain(), one.key()); }
    void show(std::string_view chain, std::string_view key) {
        tunnel_config.certificate_chain = bond_config.certificate_chain = chain;
        tunnel_config.private_key = bond_config.private_key = key;
    }
    /// The relay's answer to a tunnel from a client of its own; 0: none.
    int answer() {
        tunnel_config.path.local.port = ++port;
        start_tunnel();
        const std::size_t at = tunnels.size() - 1;
        (void)open("198.51.100.9", 7, at);
        run_for(2_s);
        for (const tunnel_event_kind kind : {tunnel_event_kind::flow_open, tunnel_event_kind::flow_refused})
            if (const tunnel_event* const e = find(kind, at)) return e->http_status;
        return 0;
    }
    std::uint16_t port = 41'000;
};

/// How the relay ends the connection of a client that shows what `w` has.
test::ending ending_of(club_world& w) {
    raw_client client{w, test::address_of("203.0.113.66", 50'000)};
    client.run_for(1_s);
    if (!client.ended()) return {};
    return *client.ended();
}

constexpr std::uint64_t alert(std::uint8_t code) {
    return 0x100u + code;  // RFC 9001, section 4.8
}

}  // namespace

TEST_CASE("a relay for certificates takes whom its authority has issued one") {
    club_world w;
    w.show(member());
    CHECK(w.answer() == 200);
    CHECK(w.relay->statistics().refused_certificates == 0);
    CHECK(w.send(0, {1, 2, 3}) == status::ok);
    w.run_for(1_s);
    CHECK(w.delivered().size() == 1);
    CHECK(w.tunnel().ticket().empty());  // the next connection shows its certificate again
}

TEST_CASE("a certificate may come with those between it and the authority") {
    const certificate between = issue("Branch", &club(), use::authority);
    const certificate leaf = issue("member of a branch", &between);
    club_world w;
    SECTION("with it") {
        const std::string chain = std::string{leaf.chain()} + std::string{between.chain()};
        w.show(chain, leaf.key());
        CHECK(w.answer() == 200);
    }
    SECTION("without") {
        w.show(leaf);
        CHECK(w.answer() == 0);
        CHECK(w.tunnel().cause() == close_cause::not_admitted);
    }
}

TEST_CASE("who has no good certificate is told so by TLS") {
    club_world w;
    std::uint8_t told = 0;
    SECTION("none") {
        told = 116;  // certificate_required
    }
    SECTION("of another authority") {
        static const certificate other = issue("Other club", nullptr, use::authority);
        static const certificate foreign = issue("member", &other);
        w.show(foreign);
        told = 48;  // unknown_ca
    }
    SECTION("of nobody but itself") {
        static const certificate own = issue("member", nullptr);
        w.show(own);
        told = 48;
    }
    SECTION("for relays, not for clients") {
        static const certificate server = issue("relay.test", &club(), use::server);
        w.show(server);
        told = 48;
    }
    SECTION("that is not valid any more") {
        static const certificate old =
            issue("member", &club(), use::client, test_day - one_day * 9, test_day - one_day);
        w.show(old);
        told = 45;  // certificate_expired
    }
    CHECK(w.answer() == 0);
    CHECK(w.tunnel().cause() == close_cause::not_admitted);
    CHECK(w.count(tunnel_event_kind::connected) == 0);
    CHECK(w.relay->statistics().refused_certificates == 1);
    CHECK(w.relay->statistics().accepted_connections == 0);

    const test::ending end = ending_of(w);
    CHECK(end.code == alert(told));
    CHECK(!end.by_application);
    CHECK(w.relay->statistics().refused_certificates == 2);
}

TEST_CASE("a certificate's dates are compared with the relay's calendar as it goes on") {
    static const certificate brief = issue("guest", &club());
    club_world w;
    w.show(brief);
    CHECK(w.answer() == 200);
    w.tunnel().close(w.now);
    w.run_for(one_day);
    w.tunnel_config.wall = test_day + one_day;
    CHECK(w.answer() == 0);
    CHECK(w.tunnel(1).cause() == close_cause::not_admitted);
}

TEST_CASE("beside tokens a certificate is one of two ways in") {
    club_world w;
    const std::string_view tokens[] = {"a token"};
    w.relay_config.tokens = tokens;
    SECTION("a certificate") {
        w.show(member());
        CHECK(w.answer() == 200);
    }
    SECTION("a token") {
        w.tunnel_config.token = "a token";
        CHECK(w.answer() == 200);
    }
    SECTION("neither") {
        CHECK(w.answer() == 401);
        CHECK(w.tunnel().is_connected());
        CHECK(w.relay->statistics().refused_tokens == 1);
        CHECK(w.relay->statistics().refused_certificates == 0);
    }
    SECTION("a token, and a certificate of somebody else") {
        static const certificate own = issue("member", nullptr);
        w.tunnel_config.token = "a token";
        w.show(own);
        CHECK(w.answer() == 0);
        CHECK(w.tunnel().cause() == close_cause::not_admitted);
        CHECK(w.relay->statistics().refused_certificates == 1);
    }
}

TEST_CASE("what a client may have is counted by the key of its certificate") {
    static const certificate other = issue("other member", &club());
    club_world w;
    w.relay_config.max_tunnels_per_client = 1;
    w.show(member());
    CHECK(w.answer() == 200);
    w.show(other);
    CHECK(w.answer() == 200);
    w.show(member());
    w.tunnel_config.path.local = test::address_of("203.0.113.8", 40'000);
    CHECK(w.answer() == 429);
    w.tunnel(0).close(w.now);
    w.run_for(5_s);
    CHECK(w.answer() == 200);
}

TEST_CASE("a certificate's bytes are counted for good") {
    static const certificate other = issue("other member", &club());
    club_world w;
    w.relay_config.bytes_per_client = 100;
    w.show(member());
    CHECK(w.answer() == 200);
    CHECK(w.send(0, test::bytes(50)) == status::ok);  // and as many come back
    w.run_for(1_s);
    w.tunnel().close(w.now);
    w.run_for(one_day / 24);
    CHECK(w.relay->is_idle());
    CHECK(w.answer() == 429);
    w.show(other);
    CHECK(w.answer() == 200);
}

TEST_CASE("a bond is made with certificates too") {
    club_world w;
    w.show(member());
    w.start_bond();
    w.run_for(2_s);
    CHECK(w.count(bond_event_kind::bonded) == 1);
    CHECK(w.count(bond_event_kind::leg_up) == w.bond_config.paths.size());
    CHECK(w.relay->statistics().open_bonds == 1);
}

TEST_CASE("a client shows its certificate to nobody that does not ask") {
    masque_world w;
    w.tunnel_config.certificate_chain = member().chain();
    w.tunnel_config.private_key = member().key();
    w.start_tunnel();
    w.run_for(2_s);
    CHECK(w.tunnel().is_connected());
    CHECK(!w.tunnel().ticket().empty());
}

TEST_CASE("certificates of clients are checked when an end is created") {
    club_world w;
    const auto why = [&] { return relay::create(w.now, w.relay_config, w.memory).error(); };
    SECTION("no calendar") {
        w.relay_config.wall = {};
        CHECK(why().code == status::invalid_config);
        CHECK(why().where.field == "wall");
    }
    SECTION("no certificates") {
        w.relay_config.client_roots = "not PEM";
        CHECK(why().code == status::malformed);
    }
    SECTION("another's key") {
        w.tunnel_config.certificate_chain = member().chain();
        w.tunnel_config.private_key = club().key();
        CHECK(tunnel::create(w.now, w.tunnel_config, w.memory).code() == status::malformed);
    }
    SECTION("no key") {
        w.tunnel_config.certificate_chain = member().chain();
        CHECK(tunnel::create(w.now, w.tunnel_config, w.memory).code() == status::malformed);
    }
}
