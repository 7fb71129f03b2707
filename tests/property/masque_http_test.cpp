// SPDX-License-Identifier: MIT
//
// Parsers against their writers, on random input from fixed seeds.
#include <catch2/catch_test_macros.hpp>
#include <string>
#include <vector>

#include "duality/masque/address.hpp"
#include "duality/masque/structured_field.hpp"
#include "duality/masque/target_policy.hpp"
#include "duality/masque/uri_template.hpp"
#include "duality/random.hpp"

using namespace duality;
using namespace duality::masque;

TEST_CASE("every address survives being written and read") {
    xoshiro256 random{1};
    for (int run = 0; run < 5000; ++run) {
        std::array<std::uint8_t, 16> bytes{};
        const std::uint64_t density = 1 + random.below(4);  // many zero groups, too
        for (std::size_t i = 0; i < 16; i += 2) {
            if (random.below(density) != 0) continue;
            bytes[i] = static_cast<std::uint8_t>(random.next() & (random.chance(0.5) ? 0xFF : 0x00));
            bytes[i + 1] = static_cast<std::uint8_t>(random.next());
        }
        const ip_address address =
            run % 4 == 0 ? ip_address::v4(static_cast<std::uint32_t>(random.next())) : ip_address::v6(bytes);
        char room[ip_address::text_max];
        REQUIRE(ip_address::parse(address.format(room)) == address);
    }
}

TEST_CASE("an IPv4 address is judged the same inside NAT64 and 6to4") {
    xoshiro256 random{2};
    for (int run = 0; run < 5000; ++run) {
        const auto number = static_cast<std::uint32_t>(random.next()) & (run % 2 == 0 ? ~0u : 0xFFFF0000u);
        const ip_address plain = ip_address::v4(number);
        std::array<std::uint8_t, 16> nat64{0x00, 0x64, 0xFF, 0x9B};
        std::array<std::uint8_t, 16> six_to_four{0x20, 0x02};
        for (std::size_t i = 0; i < 4; ++i) nat64[12 + i] = six_to_four[2 + i] = plain.bytes()[i];
        REQUIRE(classify(ip_address::v6(nat64)) == classify(plain));
        REQUIRE(classify(ip_address::v6(six_to_four)) == classify(plain));
    }
}

TEST_CASE("bytes and strings survive a structured field") {
    xoshiro256 random{3};
    for (int run = 0; run < 2000; ++run) {
        std::vector<std::uint8_t> raw(random.below(40));
        for (std::uint8_t& b : raw) b = static_cast<std::uint8_t>(random.next());
        std::string text(random.below(40), ' ');
        for (char& c : text) c = static_cast<char>(' ' + random.below(95));

        char room[256];
        sf_writer out{room};
        out.key("b");
        out.bytes(raw);
        out.parameter("s");
        out.string(text);
        REQUIRE(out.ok());
        const std::optional<sf_member> member = sf_find(out.text(), "b");
        REQUIRE(member);
        std::vector<std::uint8_t> bytes_again(40);
        std::size_t size = 0;
        REQUIRE(sf_decode_bytes(member->value, bytes_again, size) == status::ok);
        bytes_again.resize(size);
        REQUIRE(bytes_again == raw);
        std::array<char, 40> text_again{};
        REQUIRE(sf_decode_string(sf_find_parameter(*member, "s").value(), text_again, size) == status::ok);
        REQUIRE(std::string_view{text_again.data(), size} == text);
    }
}

TEST_CASE("what a client expands, a relay with the same template matches") {
    xoshiro256 random{4};
    constexpr std::string_view paths[] = {
        default_path_template,
        "/masque?h={target_host}&p={target_port}",
        "/masque{?target_host,target_port}",
        "/masque{?target_port,other,target_host}",
        "/{target_port}/for/{target_host}",
        "/x?a=1{&target_host,target_port}",
    };
    constexpr std::string_view letters = "abcXYZ019-_";
    for (int run = 0; run < 2000; ++run) {
        const std::string_view path = paths[random.below(std::size(paths))];
        std::string host;
        if (run % 3 == 0) {
            std::array<std::uint8_t, 16> bytes{};
            for (std::uint8_t& b : bytes) b = random.chance(0.5) ? static_cast<std::uint8_t>(random.next()) : 0;
            char room[ip_address::text_max];
            host = ip_address::v6(bytes).format(room);
        } else {
            for (std::uint64_t i = 0; i <= random.below(60); ++i) host += letters[random.below(letters.size())];
            host += ".example";
        }
        const udp_target target =
            udp_target::create(host, static_cast<std::uint16_t>(1 + random.below(65'535))).value();
        const result<uri_template> client = uri_template::create("https://relay.example" + std::string{path});
        const result<uri_template> relay = uri_template::create_path(path);
        REQUIRE(client);
        REQUIRE(relay);
        char room[uri_template::path_max];
        udp_target found;
        REQUIRE(relay.value().match(client.value().expand(target, room), found) == status::ok);
        REQUIRE(found == target);
    }
}
