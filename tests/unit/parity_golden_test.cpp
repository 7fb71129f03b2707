// SPDX-License-Identifier: MIT
//
// Bit-exactness: the vectors published with RFC 8682 and RFC 8681 (appendix A), and vectors of an independent model in
// another language, parity_model.py, which also says how to print them.

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cstdint>
#include <vector>

#include "duality/parity_rlc.hpp"

using namespace duality;

TEST_CASE("TinyMT32 gives the numbers published in RFC 8682, section 2.3") {
    constexpr std::uint32_t published[] = {
        2545341989u, 981918433u,  3715302833u, 2387538352u, 3591001365u, 3820442102u, 2114400566u, 2196103051u,
        2783359912u, 764534509u,  643179475u,  1822416315u, 881558334u,  4207026366u, 3690273640u, 3240535687u,
        2921447122u, 3984931427u, 4092394160u, 44209675u,   2188315343u, 2908663843u, 1834519336u, 3774670961u,
        3019990707u, 4065554902u, 1239765502u, 4035716197u, 3412127188u, 552822483u,  161364450u,  353727785u,
        140085994u,  149132008u,  2547770827u, 4064042525u, 4078297538u, 2057335507u, 622384752u,  2041665899u,
        2193913817u, 1080849512u, 33160901u,   662956935u,  642999063u,  3384709977u, 1723175122u, 3866752252u,
        521822317u,  2292524454u};
    detail::tinymt32 generator{1};
    for (const std::uint32_t value : published) REQUIRE(generator.next() == value);
}

TEST_CASE("the low bits are those published in RFC 8681, appendix A") {
    constexpr std::uint8_t rand256[] = {37,  225, 177, 176, 21,  246, 54,  139, 168, 237, 211, 187, 62,
                                        190, 104, 135, 210, 99,  176, 11,  207, 35,  40,  113, 179, 214,
                                        254, 101, 212, 211, 226, 41,  234, 232, 203, 29,  194, 211, 112,
                                        107, 217, 104, 197, 135, 23,  89,  210, 252, 109, 166};
    constexpr std::uint8_t rand16[] = {5,  1,  1,  0,  5, 6,  6, 11, 8, 13, 3, 11, 14, 14, 8,  7,  2,
                                       3,  0,  11, 15, 3, 8,  1, 3,  6, 14, 5, 4,  3,  2,  9,  10, 8,
                                       11, 13, 2,  3,  0, 11, 9, 8,  5, 7,  7, 9,  2,  12, 13, 6};
    detail::tinymt32 generator{1};
    for (std::size_t i = 0; i < std::size(rand256); ++i) {
        const std::uint32_t value = generator.next();
        REQUIRE((value & 0xFF) == rand256[i]);
        REQUIRE((value & 0xF) == rand16[i]);
    }
}

TEST_CASE("coefficient rows are those of the model, for every density and from the cache as well") {
    struct golden {
        std::uint16_t key;
        unsigned dt;
        std::vector<std::uint8_t> row;
    };
    const golden rows[] = {
        {0, 15, {39,  42,  153, 208, 176, 219, 77, 72, 133, 163, 38,  172,
                 186, 127, 138, 236, 145, 94,  11, 45, 224, 104, 131, 175}},
        {1, 15, {37, 225, 177, 176, 21,  246, 54,  139, 168, 237, 211, 187,
                 62, 190, 104, 135, 210, 99,  176, 11,  207, 35,  40,  113}},
        {65535, 15, {52, 199, 76,  244, 208, 206, 112, 248, 248, 73,  120, 100,
                     85, 42,  243, 145, 247, 114, 31,  139, 114, 174, 118, 145}},
        {1, 7, {225, 176, 246, 139, 0, 0, 187, 0, 0, 0, 210, 176, 0, 0, 40, 179, 254, 212, 226, 0, 0, 0, 0, 0}},
        {4660, 0, {25, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 168, 0, 0, 0, 0, 0, 0, 0}},
        {777, 14, {227, 61, 62, 194, 27,  104, 162, 222, 143, 125, 12, 42,
                   198, 0,  27, 45,  220, 87,  95,  20,  0,   103, 0,  71}},
    };
    detail::coefficient_rows cache;
    REQUIRE(cache.create(16, 24, allocator::system()));
    for (int round = 0; round < 2; ++round)
        for (const golden& g : rows) {
            INFO("key " << g.key << " dt " << g.dt);
            // A short row first: the longer one continues it.
            const std::uint8_t* row = cache.row(g.key, g.dt, 5);
            REQUIRE(std::equal(row, row + 5, g.row.begin()));
            row = cache.row(g.key, g.dt, 24);
            REQUIRE(std::equal(row, row + 24, g.row.begin()));
        }
}

TEST_CASE("repair symbols are those of the model, over the wrap of the numbers and with gaps in the coefficients") {
    struct golden {
        repair_payload_id id;
        std::vector<std::uint8_t> symbol;
    };
    const golden repairs[] = {
        {{7, 15, 12, 4294967290u}, {122, 0, 218, 81, 240, 187, 65, 194, 18, 224, 253, 115, 75, 177, 220, 78, 201}},
        {{300, 7, 9, 3u}, {74, 0, 36, 15, 254, 162, 112, 73, 101, 100, 24, 137, 50, 90, 46, 6, 209}},
    };
    for (const golden& g : repairs) {
        auto encoder = rlc_encoder::create({}, allocator::system());
        REQUIRE(encoder);
        for (std::uint32_t i = 0; i < g.id.window_size; ++i) {
            const std::uint32_t esi = g.id.first_esi + i;
            std::vector<std::uint8_t> data(5 + 3 * (esi % 4));
            for (std::size_t k = 0; k < data.size(); ++k) data[k] = static_cast<std::uint8_t>(17 * esi + 7 * k + 3);
            REQUIRE(encoder->push(esi, static_cast<std::uint8_t>(esi), data) == status::ok);
        }
        std::vector<std::uint8_t> symbol(1500);
        std::size_t size = 0;
        REQUIRE(encoder->make_repair(g.id, symbol, size) == status::ok);
        symbol.resize(size);
        REQUIRE(symbol == g.symbol);
    }
}

TEST_CASE("the payload id has the layout of RFC 8681, section 4.1.3") {
    const repair_payload_id id{0x1234, 15, 0xABC, 0xDEADBEEF};
    std::uint8_t bytes[8];
    REQUIRE(write(id, bytes) == status::ok);
    const std::uint8_t expected[] = {0x12, 0x34, 0xFA, 0xBC, 0xDE, 0xAD, 0xBE, 0xEF};
    REQUIRE(std::equal(bytes, bytes + 8, expected));
    repair_payload_id read;
    REQUIRE(parse(bytes, read) == status::ok);
    REQUIRE(read == id);
    REQUIRE(parse({bytes, 7}, read) == status::malformed);
    bytes[2] = 0xF0;
    bytes[3] = 0;
    REQUIRE(parse(bytes, read) == status::malformed);
    REQUIRE(read == id);
    REQUIRE(write({1, 16, 1, 0}, bytes) == status::invalid_argument);
    REQUIRE(write({1, 15, 0, 0}, bytes) == status::invalid_argument);
    REQUIRE(write({1, 15, 4096, 0}, bytes) == status::invalid_argument);
    REQUIRE(write(id, byte_span{bytes, 7}) == status::buffer_too_small);
}
