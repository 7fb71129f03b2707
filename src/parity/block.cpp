// SPDX-License-Identifier: MIT

#include "duality/parity_block.hpp"

namespace duality {
inline namespace v0 {

result<block_code> block_code::create(const block_config& config, const allocator& memory) noexcept {
    config_check check{block_bounds};
    check.in_range("max_sources", config.max_sources)
        .in_range("max_repairs", config.max_repairs)
        .require("max_repairs", config.max_sources + config.max_repairs <= 256);
    if (!check.ok()) return check.error();
    block_code b;
    b.config_ = config;
    const std::size_t larger = config.max_sources > config.max_repairs ? config.max_sources : config.max_repairs;
    if (!b.matrix_.create(std::size_t{config.max_repairs} * config.max_sources, memory) ||
        !b.inputs_.create(config.max_sources, memory) || !b.outputs_.create(larger, memory))
        return status::out_of_memory;
    return b;
}

status block_code::encode(std::span<const std::uint8_t* const> sources, std::size_t size,
                          std::span<std::uint8_t* const> repairs, std::uint32_t first_index) noexcept {
    if (sources.empty() || sources.size() > config_.max_sources || first_index > config_.max_repairs ||
        repairs.size() > config_.max_repairs - first_index)
        return status::invalid_argument;
    const auto columns = static_cast<std::uint32_t>(sources.size());
    const auto rows = static_cast<std::uint32_t>(repairs.size());
    if (columns != matrix_columns_ || first_index != matrix_first_ || rows > matrix_rows_) {
        std::uint8_t* out = matrix_.data();
        for (std::uint32_t i = 0; i < rows; ++i)
            for (std::uint32_t j = 0; j < columns; ++j) *out++ = block_coefficient(first_index + i, j);
        matrix_columns_ = columns;
        matrix_first_ = first_index;
        matrix_rows_ = rows;
    }
    detail::gf256_active().dot_rows(repairs.data(), nullptr, rows, sources.data(), matrix_.data(), columns, size);
    return status::ok;
}

// The code is a generalised Reed–Solomon code: with nodes y(j) = j for the sources and x(i) = 255 - i for the repairs,
// P the product of (z - y(j)), there is one polynomial f of degree below k with
//     source j = f(y(j)) / (P'(y(j)) u(j)),   repair i = f(x(i)) / P(x(i)),   u(j) = x(0) - y(j).
// Given k symbols at the nodes z(n), a missing source is f by Lagrange interpolation at its node. Put together, its
// coefficient for the symbol at z(n) is a(m) b(n) / (y(m) - z(n)), with a and b products over the missing sources and
// the repairs used only: the inverse of the r×r Cauchy matrix, already applied. Products are sums of logarithms.
status block_code::decode(std::span<std::uint8_t* const> sources, std::span<const bool> present,
                          std::span<const block_repair> repairs, std::size_t size) noexcept {
    const auto& log = detail::gf256.log;
    if (sources.empty() || sources.size() > config_.max_sources || present.size() != sources.size())
        return status::invalid_argument;
    const std::size_t k = sources.size();

    std::uint8_t missing[256];  // nodes
    std::uint8_t node[256];     // of the inputs: known sources, then repairs
    std::size_t lost = 0;
    std::size_t inputs = 0;
    for (std::size_t j = 0; j < k; ++j) {
        if (present[j]) {
            node[inputs] = static_cast<std::uint8_t>(j);
            inputs_[inputs++] = sources[j];
        } else {
            if (lost < outputs_.size()) outputs_[lost] = sources[j];
            missing[lost++] = static_cast<std::uint8_t>(j);
        }
    }
    if (lost == 0) return status::ok;
    bool seen[256]{};
    for (const block_repair& r : repairs) {
        if (r.index >= config_.max_repairs || r.index + k > 255 || seen[r.index]) return status::malformed;
        seen[r.index] = true;
        if (inputs == k) continue;
        node[inputs] = static_cast<std::uint8_t>(255 - r.index);
        inputs_[inputs++] = r.symbol;
    }
    if (inputs < k) return status::need_more;

    const std::size_t known = k - lost;  // inputs from here on are repairs
    unsigned from[256];                  // logarithms of b(n), then of a(m)
    for (std::size_t n = 0; n < k; ++n) {
        unsigned above = 0;
        unsigned below = 0;
        for (std::size_t m = 0; m < lost; ++m) above += log[node[n] ^ missing[m]];
        for (std::size_t x = known; x < k; ++x)
            if (x != n) below += log[node[n] ^ node[x]];
        if (n < known) above += log[255 ^ node[n]];
        from[n] = (above + 255u * 256u - below) % 255;
    }
    matrix_columns_ = 0;
    std::uint8_t* out = matrix_.data();
    for (std::size_t m = 0; m < lost; ++m) {
        unsigned above = 0;
        unsigned below = log[255 ^ missing[m]];
        for (std::size_t x = known; x < k; ++x) above += log[missing[m] ^ node[x]];
        for (std::size_t other = 0; other < lost; ++other)
            if (other != m) below += log[missing[m] ^ missing[other]];
        const unsigned to = (above + 255u * 256u - below) % 255 + 255;
        for (std::size_t n = 0; n < k; ++n)
            *out++ = detail::gf256.exp[(to + from[n] - log[missing[m] ^ node[n]]) % 255];
    }
    detail::gf256_active().dot_rows(outputs_.data(), nullptr, lost, inputs_.data(), matrix_.data(), k, size);
    return status::ok;
}

}  // namespace v0
}  // namespace duality
