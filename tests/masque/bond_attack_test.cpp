// SPDX-License-Identifier: MIT
//
// Who may not join a bond: a client that builds its requests by hand.
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <optional>

#include "duality/masque/bond.hpp"
#include "masque/connection.hpp"
#include "support/masque_world.hpp"

using namespace duality;
using namespace duality::literals;
using namespace duality::masque;
using test::bytes;
using test::masque_world;

namespace {

/// A client's end of one connection, without a tunnel or a bond of its own.
class bare_client final : public connection_owner {
public:
    bare_client(masque_world& world, const char* ip)
        : world_{world}, path_{test::address_of(ip, 50'000), world.relay_address} {
        environment_.memory = allocator::system();
        if (!environment_.pool.create(32, 1'500, environment_.memory)) std::abort();
        auto credentials = tls::context::create_client(world.bond_config.roots, false, {});
        if (!credentials) std::abort();
        environment_.credentials = std::move(credentials).value();
        link.emplace(environment_, *this, world.now);
        if (failed(link->start_client(world.now, path_, {"relay.test", {}, test::test_day}))) std::abort();
        const test::network_rule before = world.network;
        world.network = [this, before](test::wire_packet& p, instant now) {
            if (p.to_relay || p.path.remote != path_.local) return before(p, now);
            inbox_.push_back(p.content);
            return std::vector<duration>{};
        };
        turn();
    }
    /// Everything under way arrives, a few times to and fro.
    void turn() {
        for (int i = 0; i < 12; ++i) {
            for (const bytes& packet : std::exchange(inbox_, {})) link->read(world_.now, path_, ecn::not_ect, packet);
            std::array<std::uint8_t, packet_max> room{};
            quic_packet out;
            while (link->write(world_.now, room, out))
                world_.inject({out.path, out.mark, {out.bytes.begin(), out.bytes.end()}, true}, 1_ms);
            world_.run_for(10_ms);
        }
    }
    /// The status of the answer to a request for `target` with that field.
    int ask(std::string_view field, const char* target = "198.51.100.9", std::string_view token = {}) {
        answered = 0;
        const uri_template relay = uri_template::create("relay.test").value();
        std::array<char, uri_template::path_max> room{};
        status why = status::ok;
        on = link->connect_udp(relay.authority(), relay.expand(udp_target::create(target, 7).value(), room), token,
                               field, why);
        if (on == nullptr) std::abort();
        turn();
        return answered;
    }
    int join(bond_id id, const bond_secret& secret, const char* target = "198.51.100.9", std::uint8_t leg = 1,
             std::string_view token = {}) {
        bond_exporter exporter{};
        if (!link->get_exporter(exporter)) std::abort();
        bond_parameters shown;
        shown.id = id;
        shown.leg = leg;
        shown.proof = proof = tls::hmac_sha256(secret, bond_proof_input(exporter, id, leg));
        std::array<char, bond_field_max> field{};
        return ask(write_bond_field(shown, field), target, token);
    }
    void say(std::uint64_t type, const bytes& value) {
        (void)link->send_capsule(*on, {type, value});
        turn();
    }

    void on_ready(connection&) noexcept override {}
    void on_head(connection&, request&, const message& head) noexcept override {
        answered = head.status;
        understood = read_bond_field(head.bond.view(), told) == status::ok;
    }
    void on_payload(connection&, request&, byte_view) noexcept override {}
    void on_bond_frame(connection&, request&, byte_view) noexcept override {}
    void on_acknowledged(connection&, std::int64_t, std::uint16_t) noexcept override {}
    bool on_capsule(connection&, request&, const capsule&) noexcept override { return false; }
    void on_over(connection&, request& r) noexcept override { over = over || on == &r; }
    bool on_new_id(connection&, const ngtcp2_cid&) noexcept override { return true; }
    void on_retired_id(connection&, const ngtcp2_cid&) noexcept override {}

    int answered = 0;
    bool understood = false;
    bool over = false;
    bond_parameters told;
    bond_proof proof{};
    request* on = nullptr;

private:
    masque_world& world_;
    udp_path path_;
    std::vector<bytes> inbox_;
    connection_environment environment_;

public:
    std::optional<connection> link;
};

constexpr std::string_view opening = "v=1";

}  // namespace

TEST_CASE("a leg joins with the secret of its bond, and only with that") {
    masque_world w;
    w.start_relay();
    bare_client first{w, "203.0.113.20"};
    REQUIRE(first.ask(opening) == 200);
    REQUIRE(first.understood);
    REQUIRE(first.told.answers_opening());
    const bond_id id = *first.told.id;
    const bond_secret secret = *first.told.secret;
    CHECK(w.relay->statistics().open_bonds == 1);

    bare_client second{w, "203.0.113.21"};
    SECTION("as it should be") {
        CHECK(second.join(id, secret) == 200);
        CHECK(second.told.id == id);
        CHECK_FALSE(second.told.secret);
        CHECK(w.relay->statistics().open_bonds == 1);
        CHECK(w.relay->statistics().open_tunnels == 1);
    }
    SECTION("wrong secret") {
        bond_secret other = secret;
        other[31] ^= 1;
        CHECK(second.join(id, other) == 403);
    }
    SECTION("wrong target") {
        CHECK(second.join(id, secret, "198.51.100.10") == 403);
    }
    SECTION("unknown bond") {
        bond_id other = id;
        other[0] ^= 1;
        CHECK(second.join(other, secret) == 403);
    }
    SECTION("a proof made for another connection, as a thief of it would show") {
        CHECK(second.join(id, secret) == 200);
        bare_client thief{w, "203.0.113.22"};
        bond_parameters shown;
        shown.id = id;
        shown.leg = std::uint8_t{1};
        shown.proof = second.proof;
        std::array<char, bond_field_max> field{};
        CHECK(thief.ask(write_bond_field(shown, field)) == 403);
        CHECK(w.relay->statistics().refused_legs == 1);
    }
    SECTION("the same number again takes the place of the old leg") {
        CHECK(second.join(id, secret) == 200);
        bare_client third{w, "203.0.113.23"};
        CHECK(third.join(id, secret) == 200);
        second.turn();
        CHECK(second.over);
        CHECK(w.relay->statistics().open_bonds == 1);
    }
    SECTION("no more legs than there is room for") {
        for (std::uint8_t leg = 1; leg < 4; ++leg) CHECK(second.join(id, secret, "198.51.100.9", leg) == 200);
        CHECK(second.join(id, secret, "198.51.100.9", 4) == 403);
    }
    SECTION("a field that is none is as if it were not there") {
        CHECK(second.ask("v=1, id=:AAAA:") == 200);
        CHECK_FALSE(second.understood);
        CHECK(second.ask("v=2") == 200);
        CHECK_FALSE(second.understood);
        CHECK(second.ask("v=1,") == 200);
        CHECK_FALSE(second.understood);
    }
    SECTION("a context that no client may register ends the leg") {
        const bytes value = GENERATE(bytes{0, 0}, bytes{3, 0}, bytes{2}, bytes{});
        CHECK(second.join(id, secret) == 200);
        second.say(bond_register_capsule, value);
        CHECK(second.over);
        CHECK_FALSE(first.over);
    }
    SECTION("a context is registered once") {
        CHECK(second.join(id, secret) == 200);
        second.say(bond_register_capsule, {2, 0});
        CHECK_FALSE(second.over);
        second.say(bond_register_capsule, {4, 0});
        CHECK(second.over);
    }
    SECTION("a leg may say that another is gone") {
        CHECK(second.join(id, secret) == 200);
        second.say(bond_leg_gone_capsule, {bond_first_leg});
        first.turn();
        CHECK(first.over);
        CHECK_FALSE(second.over);
    }
}

TEST_CASE("a bond belongs to whoever showed the token") {
    masque_world w;
    const std::string_view tokens[] = {"alpha", "beta"};
    w.relay_config.tokens = tokens;
    w.start_relay();
    bare_client first{w, "203.0.113.20"};
    REQUIRE(first.ask(opening, "198.51.100.9", "alpha") == 200);
    bare_client second{w, "203.0.113.21"};
    CHECK(second.join(*first.told.id, *first.told.secret, "198.51.100.9", 1, "beta") == 403);
    CHECK(second.join(*first.told.id, *first.told.secret) == 401);
    CHECK(second.join(*first.told.id, *first.told.secret, "198.51.100.9", 1, "alpha") == 200);
}

TEST_CASE("over the limit of bonds a relay gives plain tunnels") {
    masque_world w;
    w.relay_config.max_bonds_per_client = 1;
    w.start_relay();
    bare_client first{w, "203.0.113.20"};
    CHECK(first.ask(opening) == 200);
    CHECK(first.understood);
    CHECK(first.ask(opening) == 200);
    CHECK_FALSE(first.understood);
    CHECK(w.relay->statistics().open_bonds == 1);
}
