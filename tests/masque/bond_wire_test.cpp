// SPDX-License-Identifier: MIT
//
// The test vectors of docs/bonding.md.
#include <catch2/catch_test_macros.hpp>
#include <numeric>

#include "duality/masque/bond.hpp"
#include "masque/tls.hpp"

using namespace duality;
using namespace duality::masque;

namespace {

template <std::size_t Size>
std::array<std::uint8_t, Size> counting_from(std::uint8_t first) {
    std::array<std::uint8_t, Size> out{};
    std::iota(out.begin(), out.end(), first);
    return out;
}

std::string hex(byte_view bytes) {
    std::string out;
    for (const std::uint8_t b : bytes) {
        constexpr std::string_view digits = "0123456789abcdef";
        out += digits[b >> 4];
        out += digits[b & 15];
    }
    return out;
}

const bond_exporter exporter = counting_from<32>(0x00);
const bond_id id = counting_from<16>(0xA0);
const bond_secret secret = counting_from<32>(0x40);

constexpr std::string_view answer_text =
    "v=1, id=:oKGio6SlpqeoqaqrrK2urw==:, secret=:QEFCQ0RFRkdISUpLTE1OT1BRUlNUVVZXWFlaW1xdXl8=:, payload=1200";
constexpr std::string_view join_text =
    "v=1, id=:oKGio6SlpqeoqaqrrK2urw==:, leg=1, proof=:oumueyu1Js6gxbUmwwA6pLqmQ3OSBa6fpE7eR0X2GuE=:";

}  // namespace

TEST_CASE("the proof of a leg is that of the specification") {
    const auto input = bond_proof_input(exporter, id, 1);
    CHECK(hex(input) ==
          "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
          "a0a1a2a3a4a5a6a7a8a9aaabacadaeaf01");
    CHECK(hex(tls::hmac_sha256(secret, input)) == "a2e9ae7b2bb526cea0c5b526c3003aa4baa643739205ae9fa44ede4745f61ae1");
}

TEST_CASE("the fields are those of the specification") {
    std::array<char, bond_field_max> room{};
    CHECK(write_bond_field({}, room) == "v=1");
    bond_parameters answer;
    answer.id = id;
    answer.secret = secret;
    answer.max_payload = 1'200;
    CHECK(write_bond_field(answer, room) == answer_text);
    bond_parameters join;
    join.id = id;
    join.leg = std::uint8_t{1};
    join.proof = tls::hmac_sha256(secret, bond_proof_input(exporter, id, 1));
    CHECK(write_bond_field(join, room) == join_text);

    bond_parameters read;
    REQUIRE(read_bond_field("v=1", read) == status::ok);
    CHECK(read.opens());
    REQUIRE(read_bond_field(answer_text, read) == status::ok);
    CHECK(read.answers_opening());
    CHECK(*read.secret == secret);
    CHECK(*read.max_payload == 1'200);
    REQUIRE(read_bond_field(join_text, read) == status::ok);
    CHECK(read.joins());
    CHECK(*read.proof == *join.proof);
    CHECK(read_bond_field("v=1, other=?1;x=2", read) == status::ok);
    CHECK(read.opens());
}

TEST_CASE("fields that break a rule are refused whole") {
    bond_parameters read;
    for (const std::string_view field : {"", "id=:oKGio6SlpqeoqaqrrK2urw==:", "v=2", "v=\"1\"", "v=1.0"})
        CHECK(read_bond_field(field, read) == status::unsupported_version);
    for (const std::string_view field : {"v=1, id=:oKGi:", "v=1, id=oKGi", "v=1, leg=256", "v=1, leg=-1",
                                         "v=1, payload=63", "v=1, payload=16385", "v=1, secret=:QEFC:", "v=1 id"})
        CHECK(read_bond_field(field, read) == status::malformed);
}

TEST_CASE("the capsules are those of the specification") {
    std::array<std::uint8_t, bond_capsule_max> value{};
    std::array<std::uint8_t, 32> room{};
    wire::writer out{room};
    write_capsule(out, {bond_register_capsule, write_bond_registration({2, true}, value)});
    CHECK(hex(byte_view{room}.first(out.size())) == "ad0a1170020201");
    wire::writer gone{room};
    const std::uint8_t leg = 0;
    write_capsule(gone, {bond_leg_gone_capsule, {&leg, 1}});
    CHECK(hex(byte_view{room}.first(gone.size())) == "ad0a11710100");

    bond_registration read;
    const std::uint8_t longer[] = {4, 0, 0xFF, 0xFF};
    CHECK(read_bond_registration(longer, read) == status::ok);
    CHECK(read.context == 4);
    CHECK_FALSE(read.metered);
    for (const std::uint8_t context : {std::uint8_t{0}, std::uint8_t{1}, std::uint8_t{3}}) {
        const std::uint8_t wrong[] = {context, 0};
        CHECK(read_bond_registration(wrong, read) == status::malformed);
    }
    CHECK(read_bond_registration({}, read) == status::malformed);
}
