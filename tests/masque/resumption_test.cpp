// SPDX-License-Identifier: MIT
//
// Tickets: a tunnel that begins where an earlier one was trusted.
#include <catch2/catch_test_macros.hpp>
#include <string>

#include "duality/random.hpp"
#include "support/masque_world.hpp"

using namespace duality;
using namespace duality::literals;
using namespace duality::masque;
using test::bytes;
using test::masque_world;

namespace {

/// A relay's certificate, and the authorities between it and the root.
struct long_chain {
    long_chain() {
        links.reserve(9);
        for (std::size_t i = 0; i < links.capacity(); ++i) {
            const bool last = i + 1 == links.capacity();
            const std::string written = last ? "relay.test" : "Authority " + std::to_string(i);
            const std::string_view name[] = {written};
            links.push_back(make_certificate({.names = name,
                                              .valid_from = test::test_day - test::one_day,
                                              .valid_until = test::test_day + test::one_day,
                                              .authority = !last,
                                              .issuer = i == 0 ? nullptr : &links.back()})
                                .value());
        }
        for (std::size_t i = links.size() - 1; i > 0; --i) text += links[i].chain();
    }
    std::vector<certificate> links;
    std::string text;
};

struct ticket_world : masque_world {
    ticket_world() { relay_config.secret.fill(7); }

    /// The ticket of a first tunnel, which stays.
    bytes first_ticket() {
        start_tunnel();
        run_for(200_ms);
        REQUIRE(tunnel().is_connected());
        const byte_view given = tunnel().ticket();
        return {given.begin(), given.end()};
    }
    /// Was a tunnel with this ticket trusted for it?
    bool resumes(const bytes& ticket) {
        tunnel_config.ticket = ticket;
        tunnel_config.path.local.port++;
        start_tunnel();
        run_for(200_ms);
        const masque::tunnel& t = tunnels.back()->tunnel;
        CHECK(t.is_connected() == (t.cause() == close_cause::none));
        return t.is_connected() && t.statistics().resumed;
    }
};

}  // namespace

TEST_CASE("a tunnel with a ticket needs no certificate, and no round trip to be sent a long one") {
    ticket_world w;
    const long_chain chain;
    w.relay_config.certificate_chain = chain.text;
    w.relay_config.private_key = chain.links.back().key();
    w.tunnel_config.roots = chain.links.front().chain();
    const bytes ticket = w.first_ticket();
    REQUIRE_FALSE(ticket.empty());
    CHECK_FALSE(w.tunnel().statistics().resumed);
    w.run_for(1_s);

    const auto until_connected = [&](const bytes& with) {
        w.tunnel_config.ticket = with;
        w.tunnel_config.path.local.port++;
        const instant begin = w.now;
        const masque::tunnel& made = w.start_tunnel();
        while (!made.is_connected() && w.now - begin < 1_s) w.run_for(1_ms);
        const duration took = w.now - begin;
        w.run_for(200_ms);
        CHECK(made.statistics().resumed == !with.empty());
        return took;
    };
    // More than three times what the client has sent must wait until it has proved its address (RFC 9000, section 8.1).
    CHECK(until_connected({}) >= 40_ms);
    CHECK(until_connected(ticket) < 22_ms);
    CHECK(w.relay->statistics().resumed_connections == 1);
    CHECK(w.relay->statistics().accepted_connections == 3);

    // It carries payloads, and gives a ticket for the next one.
    const std::size_t last = w.tunnels.size() - 1;
    const flow_id flow = w.open("198.51.100.9", 7, last);
    CHECK(w.send(flow, bytes(200), last) == status::ok);
    w.run_for(200_ms);
    CHECK(w.delivered(last).size() == 1);
    const byte_view next = w.tunnel(last).ticket();
    CHECK(w.resumes({next.begin(), next.end()}));
}

TEST_CASE("no request travels before the handshake is done, ticket or not") {
    ticket_world w;
    const bytes ticket = w.first_ticket();
    w.keep_sent = true;
    w.tunnel_config.ticket = ticket;
    w.tunnel_config.path.local.port++;
    w.start_tunnel();
    const flow_id flow = w.open("198.51.100.9", 7, 1);
    CHECK(w.send(flow, bytes(200), 1) == status::ok);
    w.run_for(5_ms);
    REQUIRE_FALSE(w.sent.empty());
    for (const test::wire_packet& p : w.sent) {
        const unsigned long_type = p.content[0] >> 4 & 3;
        CHECK((p.content[0] & 0x80) != 0);  // a long header, which 1-RTT packets do not have
        CHECK(long_type != 1);              // 0-RTT (RFC 9000, section 17.2.3)
    }
    CHECK(w.at_target.empty());
    w.run_for(200_ms);
    CHECK(w.tunnel(1).statistics().resumed);
    CHECK(w.delivered(1).size() == 1);
}

TEST_CASE("a ticket does not make a relay trusted that would not be") {
    ticket_world w;
    const bytes ticket = w.first_ticket();
    const key_pin right[] = {test::test_authority::get().relay.pin};
    const key_pin wrong[] = {test::test_authority::get().root.pin};
    SECTION("the same expectation") {
        CHECK(w.resumes(ticket));
    }
    SECTION("another name: its certificate is looked at, and it is not for that name") {
        w.tunnel_config.relay = "other.test";
        CHECK_FALSE(w.resumes(ticket));
        CHECK(w.tunnel(1).cause() == close_cause::untrusted);
    }
    SECTION("another name of the same certificate: trusted, but not for the ticket") {
        w.tunnel_config.relay = "192.0.2.1";
        CHECK_FALSE(w.resumes(ticket));
        CHECK(w.tunnel(1).is_connected());
    }
    SECTION("a pin in place of an authority") {
        w.tunnel_config.pins = right;
        CHECK_FALSE(w.resumes(ticket));
        CHECK(w.tunnel(1).is_connected());
        const byte_view pinned = w.tunnel(1).ticket();
        CHECK(w.resumes({pinned.begin(), pinned.end()}));
    }
    SECTION("another pin") {
        w.tunnel_config.pins = wrong;
        CHECK_FALSE(w.resumes(ticket));
        CHECK(w.tunnel(1).cause() == close_cause::untrusted);
    }
    SECTION("no authority at all") {
        w.tunnel_config.roots = {};
        CHECK_FALSE(w.resumes(ticket));
        CHECK(w.tunnel(1).cause() == close_cause::untrusted);
    }
    SECTION("two days later, when the certificate is to be seen again") {
        w.tunnel_config.wall = test::test_day + test::one_day * 2;
        CHECK_FALSE(w.resumes(ticket));
        CHECK(w.tunnel(1).is_connected());
    }
    SECTION("after the certificate's time") {
        w.tunnel_config.wall = test::test_day + test::one_day * 31;
        CHECK_FALSE(w.resumes(ticket));
        CHECK(w.tunnel(1).cause() == close_cause::untrusted);
    }
    SECTION("a day is counted from when the certificate was seen, not from the last ticket") {
        w.tunnel_config.wall = test::test_day + test::one_day;
        REQUIRE(w.resumes(ticket));
        const byte_view second = w.tunnel(1).ticket();
        const bytes kept{second.begin(), second.end()};
        w.tunnel_config.wall = test::test_day + test::one_day + 1_s;
        CHECK_FALSE(w.resumes(kept));
        CHECK(w.tunnel(2).is_connected());
    }
}

TEST_CASE("a ticket outlives the relay that shares its secret, and no other") {
    ticket_world w;
    const bytes ticket = w.first_ticket();
    w.start_relay();  // another process with the same state folder
    CHECK(w.resumes(ticket));
    w.relay_config.secret.fill(8);
    w.start_relay();
    CHECK_FALSE(w.resumes(ticket));
    CHECK(w.tunnels.back()->tunnel.is_connected());
}

TEST_CASE("what is no ticket costs a whole handshake and nothing else") {
    ticket_world w;
    const bytes ticket = w.first_ticket();
    xoshiro256 random{3};
    for (int i = 0; i < 40; ++i) {
        bytes wrong = ticket;
        if (i % 2 == 0) wrong.resize(random.below(wrong.size()));
        if (!wrong.empty() && i % 2 == 1)
            wrong[random.below(wrong.size())] ^= static_cast<std::uint8_t>(1 + random.below(255));
        CHECK_FALSE(w.resumes(wrong));
        INFO("change " << i);
        CHECK(w.tunnels.back()->tunnel.is_connected());
    }
    CHECK(w.resumes(ticket));
}
