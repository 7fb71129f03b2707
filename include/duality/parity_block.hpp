// SPDX-License-Identifier: MIT
//
// Systematic Cauchy Reed–Solomon over GF(2^8): k source symbols, up to 256 - k repair symbols, and any k of them all
// give the sources back (the code is MDS: every square part of a Cauchy matrix can be inverted).
//
// For data that comes in blocks, as a video frame does. Stateless apart from scratch memory: symbols stay where the
// caller has them. No clock, no I/O, no allocation after `create`; one object belongs to one thread at a time.
//
// Repair i of a block of k sources is sum over j of c(i, j) * source j with
//     c(i, j) = (255 + j) / ((255 - i) + j),   "+" being addition in the field, exclusive or, of the numbers as bytes.
// So repair 0 is the exclusive or of the sources, and a repair does not depend on how many others are made.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "duality/detail/gf256.hpp"
#include "duality/memory.hpp"
#include "duality/status.hpp"

namespace duality {
inline namespace v0 {

struct block_config {
    std::uint32_t max_sources = 64;  ///< largest k, 1…255; with `max_repairs` at most 256
    std::uint32_t max_repairs = 32;  ///< largest number of repairs per block, 1…255; costs this times k bytes
};

inline constexpr field_bounds block_bounds[] = {
    {"max_sources", 1, 255, "symbols"},
    {"max_repairs", 1, 255, "symbols"},
};

/// The coefficient of source `j` in repair `i`. Precondition: `i + j < 255` and both below 255 - the other, that is,
/// inside one block.
[[nodiscard]] constexpr std::uint8_t block_coefficient(std::uint32_t i, std::uint32_t j) noexcept {
    const auto above = static_cast<std::uint8_t>(255 ^ j);
    const auto below = static_cast<std::uint8_t>((255 - i) ^ j);
    return detail::gf256_multiply(above, detail::gf256_inverse(below));
}

/// A repair symbol that arrived.
struct block_repair {
    std::uint32_t index = 0;  ///< which one of its block, counted from 0
    const std::uint8_t* symbol = nullptr;
};

class block_code {
public:
    [[nodiscard]] static result<block_code> create(const block_config& config, const allocator& memory) noexcept;

    /// Makes repairs `first_index`, `first_index + 1`, … of the block `sources`, one per pointer in `repairs`. All
    /// symbols have `size` bytes. `invalid_argument` when there are no sources or more than configured, or a repair
    /// index beyond the configured number.
    [[nodiscard]] status encode(std::span<const std::uint8_t* const> sources, std::size_t size,
                                std::span<std::uint8_t* const> repairs, std::uint32_t first_index = 0) noexcept;

    /// Writes the missing symbols of a block. `sources[j]` is read where `present[j]` is true and written where it is
    /// not. Needs as many different repairs as symbols are missing and uses the first of them: `need_more` when there
    /// are fewer, and then nothing is written. `malformed`: a repair index is out of range or comes twice.
    [[nodiscard]] status decode(std::span<std::uint8_t* const> sources, std::span<const bool> present,
                                std::span<const block_repair> repairs, std::size_t size) noexcept;

private:
    block_code() noexcept = default;

    block_config config_{};
    buffer<std::uint8_t> matrix_;  ///< coefficients, packed for the number of sources in use
    buffer<const std::uint8_t*> inputs_;
    buffer<std::uint8_t*> outputs_;
    std::uint32_t matrix_columns_ = 0;  ///< what `matrix_` holds: rows `matrix_first_` and on for this many sources
    std::uint32_t matrix_first_ = 0;
    std::uint32_t matrix_rows_ = 0;
};

}  // namespace v0
}  // namespace duality
