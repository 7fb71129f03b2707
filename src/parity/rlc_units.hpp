// SPDX-License-Identifier: MIT
//
// How the encoder and the decoder of the sliding window keep source units in memory, and what both ask of their
// configuration.
#pragma once

#include <bit>
#include <cstring>

#include "duality/detail/gf256.hpp"
#include "duality/detail/unit_memory.hpp"
#include "duality/parity_rlc.hpp"

namespace duality {
inline namespace v0 {
namespace detail {

/// Longest unit that fits.
[[nodiscard]] inline std::size_t unit_limit(const rlc_config& config) noexcept {
    return config.symbol_size != 0 ? config.symbol_size : config.max_symbol;
}

/// Copies `in` behind the first `done` bytes of a unit that begins a cache line. All but the first piece is stored to
/// whole lines: a packet shifted by the header would otherwise straddle two with every store.
inline void copy_into_unit(std::uint8_t* unit, std::size_t done, byte_view in) noexcept {
    const std::size_t to_line = padded(done) - done;
    const std::size_t head = in.size() < to_line ? in.size() : to_line;
    if (head != 0) std::memcpy(unit + done, in.data(), head);
    if (in.size() > head) gf256_active().copy(unit + done + head, in.data() + head, in.size() - head);
}

/// Is every field in its range? `why` says which is not.
[[nodiscard]] inline bool valid(const rlc_config& config, failure& why) noexcept {
    config_check check{rlc_bounds};
    check.in_range("max_window", config.max_window)
        .in_range("max_symbol", config.max_symbol)
        .in_range("symbol_size", config.symbol_size)
        .in_range("decoder_window", config.decoder_window)
        .in_range("max_equations", config.max_equations)
        .in_range("max_units", config.max_units)
        .in_range("max_jump", config.max_jump)
        .in_range("cached_rows", config.cached_rows)
        .in_range("density_threshold", config.density_threshold)
        .in_range("repairs_ahead", config.repairs_ahead)
        .require("symbol_size", config.symbol_size == 0 || (config.symbol_size > source_unit_header &&
                                                            config.symbol_size <= config.max_symbol))
        .require("decoder_window", config.decoder_window == 0 || config.decoder_window >= config.max_window)
        .require("max_units", config.max_units == 0 || config.max_units >= 16)
        .require("cached_rows", std::has_single_bit(config.cached_rows));
    if (!check.ok()) why = check.error();
    return check.ok();
}

}  // namespace detail
}  // namespace v0
}  // namespace duality
