// SPDX-License-Identifier: MIT
//
// Any k of the k + r symbols of a block give it back: all erasure patterns for small codes, random ones for large.

#include "duality/parity_block.hpp"

#include <bit>
#include <catch2/catch_test_macros.hpp>
#include <vector>

#include "duality/random.hpp"

using namespace duality;

namespace {

struct block {
    std::vector<std::vector<std::uint8_t>> source;
    std::vector<std::vector<std::uint8_t>> parity;

    block(block_code& code, std::size_t k, std::size_t r, std::size_t bytes, xoshiro256& random)
        : source(k, std::vector<std::uint8_t>(bytes)), parity(r, std::vector<std::uint8_t>(bytes)) {
        std::vector<const std::uint8_t*> in;
        std::vector<std::uint8_t*> out;
        for (auto& s : source) {
            for (std::uint8_t& b : s) b = static_cast<std::uint8_t>(random.next());
            in.push_back(s.data());
        }
        for (auto& p : parity) out.push_back(p.data());
        REQUIRE(code.encode(in, bytes, out) == status::ok);
    }

    /// `lost(i)` for the sources, then for the repairs.
    template <class Lost>
    status decode(block_code& code, Lost lost, std::vector<std::vector<std::uint8_t>>& copy) const {
        copy = source;
        bool present[256];
        std::vector<std::uint8_t*> symbols;
        for (std::size_t j = 0; j < source.size(); ++j) {
            present[j] = !lost(j);
            if (!present[j]) copy[j].assign(copy[j].size(), 0);
            symbols.push_back(copy[j].data());
        }
        std::vector<block_repair> repairs;
        for (std::size_t i = 0; i < parity.size(); ++i)
            if (!lost(source.size() + i)) repairs.push_back({static_cast<std::uint32_t>(i), parity[i].data()});
        return code.decode(symbols, {present, source.size()}, repairs, source[0].size());
    }
};

}  // namespace

TEST_CASE("every erasure pattern of every small code that leaves k symbols is decoded, every other one refused") {
    auto code = block_code::create({}, allocator::system());
    REQUIRE(code);
    xoshiro256 random{1};
    for (std::size_t k = 1; k <= 8; ++k)
        for (std::size_t r = 0; r <= 6; ++r) {
            const block b{*code, k, r, 5, random};
            for (std::uint32_t pattern = 0; pattern < (1u << (k + r)); ++pattern) {
                std::vector<std::vector<std::uint8_t>> copy;
                const status s = b.decode(
                    *code, [&](std::size_t i) { return (pattern >> i & 1) != 0; }, copy);
                const bool sources_lost = (pattern & ((1u << k) - 1)) != 0;
                if (!sources_lost || static_cast<std::size_t>(std::popcount(pattern)) <= r) {
                    if (s != status::ok || copy != b.source) FAIL("k " << k << " r " << r << " pattern " << pattern);
                } else if (s != status::need_more) {
                    FAIL("k " << k << " r " << r << " pattern " << pattern << " was not refused");
                }
            }
        }
}

TEST_CASE("every square part of the coefficient matrix up to 4 by 4 can be inverted") {
    // Determinants by expansion, independent of the decoder, over a corner of the matrix.
    constexpr std::uint32_t n = 9;
    const auto c = [](std::uint32_t i, std::uint32_t j) { return block_coefficient(i, j); };
    const auto mul = detail::gf256_multiply;
    for (std::uint32_t a = 0; a < n; ++a)
        for (std::uint32_t b = a + 1; b < n; ++b)
            for (std::uint32_t x = 0; x < n; ++x)
                for (std::uint32_t y = x + 1; y < n; ++y) {
                    const auto two = [&](std::uint32_t p, std::uint32_t q, std::uint32_t s, std::uint32_t t) {
                        return static_cast<std::uint8_t>(mul(c(p, s), c(q, t)) ^ mul(c(p, t), c(q, s)));
                    };
                    REQUIRE(two(a, b, x, y) != 0);
                    for (std::uint32_t d = b + 1; d < n; ++d)
                        for (std::uint32_t z = y + 1; z < n; ++z)
                            REQUIRE((mul(c(a, x), two(b, d, y, z)) ^ mul(c(a, y), two(b, d, x, z)) ^
                                     mul(c(a, z), two(b, d, x, y))) != 0);
                }
    for (std::uint32_t j = 0; j < 200; ++j) REQUIRE(block_coefficient(0, j) == 1);
}

TEST_CASE("random patterns of large codes are decoded, up to the limit of the field") {
    xoshiro256 random{2};
    for (const auto& [sources, repairs] :
         {std::pair{20u, 10u}, {64u, 32u}, {223u, 32u}, {1u, 255u}, {255u, 1u}, {128u, 128u}}) {
        auto code = block_code::create({sources, repairs}, allocator::system());
        REQUIRE(code);
        for (int round = 0; round < 40; ++round) {
            const block b{*code, sources, repairs, 33, random};
            std::vector<bool> lost(sources + repairs, false);
            for (std::uint32_t i = 0; i < repairs; ++i) lost[random.below(lost.size())] = true;
            std::vector<std::vector<std::uint8_t>> copy;
            REQUIRE(b.decode(
                        *code, [&](std::size_t i) { return lost[i]; }, copy) == status::ok);
            REQUIRE(copy == b.source);
        }
    }
}

TEST_CASE("repairs made one at a time are those made together") {
    auto code = block_code::create({}, allocator::system());
    xoshiro256 random{3};
    const block b{*code, 20, 10, 50, random};
    std::vector<const std::uint8_t*> in;
    for (const auto& s : b.source) in.push_back(s.data());
    for (std::uint32_t i = 0; i < 10; ++i) {
        std::vector<std::uint8_t> one(50);
        std::uint8_t* out = one.data();
        REQUIRE(code->encode(in, 50, {&out, 1}, i) == status::ok);
        REQUIRE(one == b.parity[i]);
    }
}

TEST_CASE("wrong calls and impossible configurations are refused by name") {
    REQUIRE(block_code::create({0, 1}, allocator::system()).error().where.field == "max_sources");
    REQUIRE(block_code::create({200, 57}, allocator::system()).error().where.field == "max_repairs");
    auto code = block_code::create({4, 2}, allocator::system());
    std::uint8_t byte[8] = {};
    const std::uint8_t* in[5] = {byte, byte, byte, byte, byte};
    std::uint8_t* out[3] = {byte + 1, byte + 2, byte + 3};
    REQUIRE(code->encode({in, 5}, 1, {out, 1}) == status::invalid_argument);
    REQUIRE(code->encode({in, 0}, 1, {out, 1}) == status::invalid_argument);
    REQUIRE(code->encode({in, 4}, 1, {out, 3}) == status::invalid_argument);
    REQUIRE(code->encode({in, 4}, 1, {out, 2}, 1) == status::invalid_argument);
    const bool present[4] = {false, false, true, true};
    std::uint8_t* symbols[4] = {byte, byte + 1, byte + 2, byte + 3};
    const block_repair twice[2] = {{1, byte + 4}, {1, byte + 4}};
    REQUIRE(code->decode(symbols, present, twice, 1) == status::malformed);
    const block_repair beyond[2] = {{0, byte + 4}, {2, byte + 4}};
    REQUIRE(code->decode(symbols, present, beyond, 1) == status::malformed);
    REQUIRE(code->decode(symbols, {present, 3}, twice, 1) == status::invalid_argument);
}
