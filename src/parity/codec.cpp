// SPDX-License-Identifier: MIT

#include "duality/parity_codec.hpp"

#include <cstring>
#include <numeric>

#include "duality/detail/gf256.hpp"

namespace duality {
inline namespace v0 {
namespace {

constexpr std::uint32_t longest_block = 255;

failure rs_failure(const rs_parameters& p) noexcept {
    config_check check{rs_bounds};
    check.in_range("rs.roots", p.roots)
        .in_range("rs.first_root", p.first_root)
        .in_range("rs.primitive", p.primitive)
        .require("rs.primitive", std::gcd(p.primitive, 255u) == 1);
    return check.ok() ? failure{status::ok, {}} : check.error();
}

/// Does this code have repair `index` of a block of `count`?
bool exists(parity_code code, const rs_coefficients& rs, std::uint32_t index, std::uint32_t count) noexcept {
    if (code == parity_code::block) return count >= 1 && index + count <= longest_block;
    return count >= 1 && index < rs.roots() && count <= rs.max_sources();
}

/// Precondition: `exists`.
void fill(parity_code code, const rs_coefficients& rs, std::uint32_t index, std::uint32_t count,
          std::uint8_t* out) noexcept {
    if (code == parity_code::block) {
        for (std::uint32_t j = 0; j < count; ++j) out[j] = block_coefficient(index, j);
    } else {
        const std::uint8_t* row = rs.row(index);
        for (std::uint32_t j = 0; j < count; ++j) out[j] = row[count - 1 - j];
    }
}

}  // namespace

// The repairs of a block with source polynomial d(x) are the coefficients of d(x) x^roots modulo the generator
// polynomial, highest first; a source at distance t contributes x^(t + roots) modulo the generator.
status rs_coefficients::create(const rs_parameters& parameters, const allocator& memory) noexcept {
    if (const failure f = rs_failure(parameters); f.code != status::ok) return f.code;
    const std::uint32_t roots = parameters.roots;
    if (!table_.create(std::size_t{roots} * (255 - roots), memory)) return status::out_of_memory;
    roots_ = roots;

    std::uint8_t generator[129] = {1};  // lowest coefficient first
    for (std::uint32_t i = 0; i < roots; ++i) {
        const std::uint8_t root = detail::gf256.exp[(parameters.first_root + i) * parameters.primitive % 255];
        for (std::uint32_t k = i + 1; k > 0; --k)
            generator[k] = generator[k - 1] ^ detail::gf256_multiply(generator[k], root);
        generator[0] = detail::gf256_multiply(generator[0], root);
    }
    std::uint8_t remainder[128];  // of x^(t + roots), lowest coefficient first
    std::memcpy(remainder, generator, roots);
    for (std::uint32_t t = 0; t < max_sources(); ++t) {
        for (std::uint32_t i = 0; i < roots; ++i) table_[std::size_t{i} * max_sources() + t] = remainder[roots - 1 - i];
        const std::uint8_t top = remainder[roots - 1];
        for (std::uint32_t k = roots - 1; k > 0; --k)
            remainder[k] = remainder[k - 1] ^ detail::gf256_multiply(top, generator[k]);
        remainder[0] = detail::gf256_multiply(top, generator[0]);
    }
    return status::ok;
}

result<parity_encoder> parity_encoder::create(const parity_config& config, const allocator& memory) noexcept {
    if (const failure f = rs_failure(config.rs); f.code != status::ok) return f;
    auto sources = rlc_encoder::create(config.rlc, memory);
    if (!sources) return sources.error();
    parity_encoder e{std::move(sources).value()};
    if (e.rs_.create(config.rs, memory) != status::ok || !e.row_.create(longest_block, memory))
        return status::out_of_memory;
    e.code_ = config.code;
    return e;
}

status parity_encoder::make_repair(std::uint32_t first_esi, std::uint32_t window_size, parity_repair& repair,
                                   byte_span symbol, std::size_t& symbol_size) noexcept {
    if (code_ == parity_code::rlc) {
        const status made = sources_.make_repair(first_esi, window_size, repair.id, symbol, symbol_size);
        if (made == status::ok) repair.code = code_;
        return made;
    }
    if (window_size == 0) return status::invalid_argument;
    if (block_first_ != first_esi || block_size_ != window_size) {
        block_first_ = first_esi;
        block_size_ = window_size;
        next_index_[0] = next_index_[1] = 0;
    }
    std::uint32_t& next_index = next_index_[code_ == parity_code::block ? 0 : 1];
    const std::uint32_t index = next_index;
    if (!exists(code_, rs_, index, window_size)) return status::out_of_window;
    fill(code_, rs_, index, window_size, row_.data());
    const status made = sources_.combine(first_esi, {row_.data(), window_size}, symbol, symbol_size);
    if (made != status::ok) return made;
    ++next_index;
    repair.code = code_;
    repair.id = {static_cast<std::uint16_t>(index), 15, static_cast<std::uint16_t>(window_size), first_esi};
    return status::ok;
}

result<parity_decoder> parity_decoder::create(const parity_config& config, const allocator& memory) noexcept {
    if (const failure f = rs_failure(config.rs); f.code != status::ok) return f;
    auto sources = rlc_decoder::create(config.rlc, memory);
    if (!sources) return sources.error();
    parity_decoder d{std::move(sources).value()};
    if (d.rs_.create(config.rs, memory) != status::ok || !d.row_.create(longest_block, memory))
        return status::out_of_memory;
    return d;
}

status parity_decoder::push_repair(const parity_repair& repair, byte_view symbol) noexcept {
    if (repair.code == parity_code::rlc) return sources_.push_repair(repair.id, symbol);
    const bool known_code = repair.code == parity_code::block || repair.code == parity_code::rs;
    if (!known_code || !exists(repair.code, rs_, repair.id.repair_key, repair.id.window_size)) {
        ++refused_;
        return status::malformed;
    }
    fill(repair.code, rs_, repair.id.repair_key, repair.id.window_size, row_.data());
    return sources_.push_combination(repair.id.first_esi, {row_.data(), repair.id.window_size}, symbol);
}

}  // namespace v0
}  // namespace duality
