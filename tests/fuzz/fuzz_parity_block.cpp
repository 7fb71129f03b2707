// SPDX-License-Identifier: MIT
//
// Block encoder and decoder: any set of losses up to the number of repairs comes back, more losses are refused, and
// repairs with impossible or repeated indices are refused.

#include <cstdlib>
#include <vector>

#include "duality/parity_block.hpp"

namespace {

void require(bool holds) {
    if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace duality;
    if (size < 8) return 0;
    block_config config;
    config.max_sources = 1 + data[0] % 120;
    config.max_repairs = 1 + data[1] % 100;
    auto code = block_code::create(config, allocator::system());
    require(code.has_value());
    const std::size_t k = 1 + data[2] % config.max_sources;
    const std::size_t r = data[3] % (config.max_repairs + 1);
    const std::size_t bytes = 1 + data[4];
    const auto at = [&](std::size_t i) { return data[5 + i % (size - 5)]; };

    std::vector<std::vector<std::uint8_t>> source(k, std::vector<std::uint8_t>(bytes));
    std::vector<std::vector<std::uint8_t>> parity(r, std::vector<std::uint8_t>(bytes));
    std::vector<const std::uint8_t*> in;
    std::vector<std::uint8_t*> out;
    for (std::size_t j = 0; j < k; ++j) {
        for (std::size_t b = 0; b < bytes; ++b) source[j][b] = static_cast<std::uint8_t>(at(j * 31 + b) + j);
        in.push_back(source[j].data());
    }
    for (auto& p : parity) out.push_back(p.data());
    require(code->encode(in, bytes, out) == status::ok);

    auto copy = source;
    bool present[256];
    std::size_t lost = 0;
    std::vector<std::uint8_t*> symbols;
    for (std::size_t j = 0; j < k; ++j) {
        present[j] = (at(j / 8) >> (j % 8) & 1) != 0;
        if (!present[j]) {
            ++lost;
            copy[j].assign(bytes, 0xEE);
        }
        symbols.push_back(copy[j].data());
    }
    std::vector<block_repair> repairs;
    for (std::size_t i = 0; i < r; ++i) {
        const auto index = static_cast<std::uint32_t>((i + at(7)) % r);
        repairs.push_back({index, parity[index].data()});
    }
    const status decoded = code->decode(symbols, {present, k}, repairs, bytes);
    if (lost > r) {
        require(decoded == status::need_more);
        for (std::size_t j = 0; j < k; ++j) require(present[j] || copy[j][0] == 0xEE);
    } else {
        require(decoded == status::ok);
        require(copy == source);
    }
    if (lost != 0 && r != 0) {
        repairs.back().index = at(3) % 2 != 0 ? repairs.front().index : config.max_repairs + at(4);
        if (r > 1 || repairs.back().index >= config.max_repairs)
            require(code->decode(symbols, {present, k}, repairs, bytes) == status::malformed);
    }
    return 0;
}
