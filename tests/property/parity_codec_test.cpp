// SPDX-License-Identifier: MIT
//
// All codes behind one encoder and one decoder, switched and mixed; Reed–Solomon against libfec where the build has it.

#include "duality/parity_codec.hpp"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <vector>

#include "duality/random.hpp"
#if defined(DUALITY_LIBFEC)
#include "duality/parity_libfec.hpp"
#endif

using namespace duality;

namespace {

using bytes = std::vector<std::uint8_t>;

bytes packet(std::uint32_t esi) {
    bytes out(1 + esi * 37 % 90);
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<std::uint8_t>(esi * 13 + i * 5);
    return out;
}

}  // namespace

TEST_CASE("a session may switch codes between packets, and repairs of all codes solve together") {
    for (std::uint64_t seed = 1; seed <= 60; ++seed) {
        INFO("seed " << seed);
        xoshiro256 random{seed};
        parity_config config;
        config.rlc.max_symbol = 100;
        config.rs.roots = 8;
        auto encoder = parity_encoder::create(config, allocator::system());
        auto decoder = parity_decoder::create(config, allocator::system());
        REQUIRE(encoder);
        REQUIRE(decoder);
        REQUIRE(decoder->sources().begin(0) == status::ok);
        constexpr std::uint32_t run = 20;
        for (std::uint32_t block = 0; block < 6; ++block) {
            std::vector<std::uint32_t> lost;
            for (std::uint32_t i = 0; i < run; ++i) {
                const std::uint32_t esi = block * run + i;
                REQUIRE(encoder->sources().push(esi, 7, packet(esi)) == status::ok);
                if (lost.size() < 6 && random.chance(0.25))
                    lost.push_back(esi);
                else
                    REQUIRE(decoder->sources().push_source(esi, 7, packet(esi)) == status::ok);
            }
            // As many repairs as losses, of codes chosen at random; one or two more cover the odd dependent pair.
            bytes symbol(100);
            std::size_t count = 0;
            for (std::size_t i = 0; count < lost.size(); ++i) {
                REQUIRE(i < lost.size() + 2);
                encoder->use(static_cast<parity_code>(random.below(3)));
                parity_repair repair;
                std::size_t size = 0;
                REQUIRE(encoder->make_repair(block * run, run, repair, symbol, size) == status::ok);
                REQUIRE(repair.code == encoder->code());
                REQUIRE(!failed(decoder->push_repair(repair, {symbol.data(), size})));
                for (recovered_unit u; decoder->sources().poll(u); ++count) {
                    REQUIRE(std::ranges::equal(u.data, packet(u.esi)));
                    REQUIRE(u.flow == 7);
                    REQUIRE(std::ranges::find(lost, u.esi) != lost.end());
                }
            }
        }
    }
}

TEST_CASE("block and rs alone are MDS through the common interface") {
    for (const parity_code code : {parity_code::block, parity_code::rs}) {
        xoshiro256 random{9};
        parity_config config;
        config.code = code;
        config.rs.roots = 5;
        for (int round = 0; round < 200; ++round) {
            auto encoder = parity_encoder::create(config, allocator::system());
            auto decoder = parity_decoder::create(config, allocator::system());
            REQUIRE(decoder->sources().begin(0) == status::ok);
            const auto k = 1 + static_cast<std::uint32_t>(random.below(30));
            for (std::uint32_t i = 0; i < k; ++i) REQUIRE(encoder->sources().push(i, 0, packet(i)) == status::ok);
            std::vector<bool> lost(k + 5, false);
            for (int i = 0; i < 5; ++i) lost[random.below(k + 5)] = true;
            for (std::uint32_t i = 0; i < k; ++i)
                if (!lost[i]) REQUIRE(decoder->sources().push_source(i, 0, packet(i)) == status::ok);
            bytes symbol(1500);
            for (std::uint32_t i = 0; i < 5; ++i) {
                parity_repair repair;
                std::size_t size = 0;
                REQUIRE(encoder->make_repair(0, k, repair, symbol, size) == status::ok);
                REQUIRE(repair.id.repair_key == i);
                if (!lost[k + i]) REQUIRE(!failed(decoder->push_repair(repair, {symbol.data(), size})));
            }
            for (std::uint32_t i = 0; i < k; ++i) REQUIRE(decoder->sources().has(i));
            parity_repair beyond;
            std::size_t size = 0;
            if (code == parity_code::rs)
                REQUIRE(encoder->make_repair(0, k, beyond, symbol, size) == status::out_of_window);
        }
    }
}

TEST_CASE("repairs that their code does not have are refused and counted") {
    auto decoder = parity_decoder::create({}, allocator::system());
    REQUIRE(decoder->sources().begin(0) == status::ok);
    const bytes symbol(50);
    REQUIRE(decoder->push_repair({parity_code::rs, {16, 15, 10, 0}}, symbol) == status::malformed);
    REQUIRE(decoder->push_repair({parity_code::rs, {0, 15, 240, 0}}, symbol) == status::malformed);
    REQUIRE(decoder->push_repair({parity_code::block, {250, 15, 10, 0}}, symbol) == status::malformed);
    REQUIRE(decoder->push_repair({parity_code::block, {0, 15, 0, 0}}, symbol) == status::malformed);
    REQUIRE(decoder->push_repair({static_cast<parity_code>(9), {0, 15, 10, 0}}, symbol) == status::malformed);
    REQUIRE(decoder->refused() == 5);
    parity_config config;
    config.rs.primitive = 5;  // not coprime to 255
    REQUIRE(parity_decoder::create(config, allocator::system()).error().where.field == "rs.primitive");
}

#if defined(DUALITY_LIBFEC)
TEST_CASE("Reed–Solomon repairs are those of libfec, for several of its parameters") {
    xoshiro256 random{3};
    for (const rs_parameters& p : {rs_parameters{2, 1, 1}, {10, 0, 1}, {16, 1, 1}, {32, 112, 11}}) {
        const auto k = 1 + static_cast<std::uint32_t>(random.below(60));
        INFO("roots " << p.roots << " k " << k);
        auto fec = libfec_code::create(k, p);
        REQUIRE(fec);
        rs_coefficients ours;
        REQUIRE(ours.create(p, allocator::system()) == status::ok);
        std::vector<bytes> source(k, bytes(40));
        std::vector<bytes> parity(p.roots, bytes(40));
        std::vector<const std::uint8_t*> in;
        std::vector<std::uint8_t*> out;
        for (bytes& s : source) {
            for (std::uint8_t& b : s) b = static_cast<std::uint8_t>(random.next());
            in.push_back(s.data());
        }
        for (bytes& r : parity) out.push_back(r.data());
        REQUIRE(fec->encode(in, 40, out) == status::ok);
        for (std::uint32_t i = 0; i < p.roots; ++i)
            for (std::size_t b = 0; b < 40; ++b) {
                std::uint8_t sum = 0;
                for (std::uint32_t j = 0; j < k; ++j)
                    sum ^= detail::gf256_multiply(ours.row(i)[k - 1 - j], source[j][b]);
                REQUIRE(sum == parity[i][b]);
            }
    }
}

TEST_CASE("libfec blocks are decoded from any k symbols") {
    xoshiro256 random{4};
    for (int round = 0; round < 50; ++round) {
        const auto k = 1 + static_cast<std::uint32_t>(random.below(40));
        auto fec = libfec_code::create(k, {6, 1, 1});
        REQUIRE(fec);
        std::vector<bytes> source(k, bytes(17));
        std::vector<bytes> parity(6, bytes(17));
        std::vector<const std::uint8_t*> in;
        std::vector<std::uint8_t*> out;
        for (bytes& s : source) {
            for (std::uint8_t& b : s) b = static_cast<std::uint8_t>(random.next());
            in.push_back(s.data());
        }
        for (bytes& r : parity) out.push_back(r.data());
        REQUIRE(fec->encode(in, 17, out) == status::ok);
        std::vector<bytes> copy = source;
        bool present[64];
        std::fill_n(present, k, true);
        std::vector<std::uint8_t*> symbols;
        for (bytes& s : copy) symbols.push_back(s.data());
        bool repair_lost[6] = {};
        std::uint32_t losses = 0;
        for (int i = 0; i < 6; ++i) {
            const std::size_t at = random.below(k + 6);
            if (at < k && present[at]) {
                present[at] = false;
                copy[at].assign(17, 0);
                ++losses;
            } else if (at >= k) {
                repair_lost[at - k] = true;
            }
        }
        std::vector<block_repair> repairs;
        for (std::uint32_t i = 0; i < 6; ++i)
            if (!repair_lost[i]) repairs.push_back({i, parity[i].data()});
        REQUIRE(fec->decode(symbols, {present, k}, repairs, 17) == status::ok);
        REQUIRE(copy == source);
        if (losses != 0) {
            repairs.resize(losses - 1);
            REQUIRE(fec->decode(symbols, {present, k}, repairs, 17) == status::need_more);
        }
    }
}
#endif
