// SPDX-License-Identifier: MIT
//
// The codes with every kernel of this machine, forced by name: the same repairs and the same packets back, to the bit.
#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <string>
#include <vector>

#include "duality/parity.hpp"
#include "duality/random.hpp"

using namespace duality;
using bytes = std::vector<std::uint8_t>;

namespace {

bytes random_bytes(xoshiro256& random, std::size_t size) {
    bytes out(size);
    for (std::uint8_t& b : out) b = static_cast<std::uint8_t>(random.next());
    return out;
}

void append(bytes& to, byte_view what) {
    to.insert(to.end(), what.begin(), what.end());
}

/// All repairs of a stream with losses, and all packets they bring back. Every third repair is one of an announced pace.
bytes stream_with_losses() {
    rlc_config config;
    config.max_window = 30;
    config.max_symbol = 1403;
    auto encoder = rlc_encoder::create(config, allocator::system());
    auto decoder = rlc_decoder::create(config, allocator::system());
    REQUIRE(encoder);
    REQUIRE(decoder);
    REQUIRE(encoder->expect_repairs(30, 12) == status::ok);
    REQUIRE(decoder->begin(0) == status::ok);
    xoshiro256 random{5};
    std::vector<bytes> sent;
    bytes out;
    bytes symbol(config.max_symbol);
    std::size_t recovered = 0;
    for (std::uint32_t i = 0; i < 600; ++i) {
        sent.push_back(random_bytes(random, random.below(1400)));
        REQUIRE(encoder->push(i, 3, sent.back()) == status::ok);
        if (!random.chance(0.08)) REQUIRE(decoder->push_source(i, 3, sent.back()) == status::ok);
        if (i % 4 != 3) continue;
        repair_payload_id id;
        std::size_t size = 0;
        REQUIRE(encoder->make_repair(i % 12 == 11 ? 30 : 1 + static_cast<std::uint32_t>(random.below(29)), id, symbol,
                                     size) == status::ok);
        append(out, byte_view{symbol}.first(size));
        REQUIRE(!failed(decoder->push_repair(id, byte_view{symbol}.first(size))));
        for (recovered_unit u; decoder->poll(u); ++recovered) {
            REQUIRE(std::ranges::equal(u.data, sent[u.esi]));
            append(out, u.data);
        }
    }
    REQUIRE(encoder->stats().repairs_ahead >= 45);
    REQUIRE(recovered > 30);
    return out;
}

/// All repairs of a block, and the packets that half of them bring back.
bytes block_with_losses() {
    constexpr std::size_t k = 17;
    constexpr std::size_t r = 9;
    constexpr std::size_t size = 1213;
    auto code = block_code::create({}, allocator::system());
    REQUIRE(code);
    xoshiro256 random{6};
    std::vector<bytes> source;
    std::vector<const std::uint8_t*> inputs;
    for (std::size_t i = 0; i < k; ++i) source.push_back(random_bytes(random, size));
    for (const bytes& s : source) inputs.push_back(s.data());
    std::vector<bytes> parity(r, bytes(size));
    std::vector<std::uint8_t*> outputs;
    for (bytes& p : parity) outputs.push_back(p.data());
    REQUIRE(code->encode(inputs, size, outputs) == status::ok);
    bytes out;
    for (const bytes& p : parity) append(out, p);

    std::vector<bytes> there = source;
    bool present[k];
    std::vector<std::uint8_t*> places;
    std::vector<block_repair> repairs;
    for (std::size_t i = 0; i < k; ++i) {
        present[i] = i % 2 == 0;
        if (!present[i]) {
            there[i].assign(size, 0);
            const auto index = static_cast<std::uint32_t>(i / 2 + 1);
            repairs.push_back({index, parity[index].data()});
        }
        places.push_back(there[i].data());
    }
    REQUIRE(code->decode(places, present, repairs, size) == status::ok);
    REQUIRE(there == source);
    return out;
}

}  // namespace

TEST_CASE("both codes give the same bits with every kernel") {
    const bytes stream = stream_with_losses();
    const bytes block = block_with_losses();
    for (const std::string_view name : parity_kernels()) {
        INFO("kernel " << std::string{name});
        REQUIRE(parity_force_kernel(name) == status::ok);
        REQUIRE(parity_kernel() == name);
        CHECK((stream_with_losses() == stream));
        CHECK((block_with_losses() == block));
    }
    REQUIRE(parity_force_kernel("") == status::ok);
}
