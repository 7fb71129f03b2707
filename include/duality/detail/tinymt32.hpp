// SPDX-License-Identifier: MIT
//
// TinyMT32 (RFC 8682) and the coding coefficients of RFC 8681 drawn from it, with a cache of coefficient rows: drawing
// 40 coefficients costs as much as the dot product they are for.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "duality/memory.hpp"

namespace duality {
inline namespace v0 {
namespace detail {

/// RFC 8682, section 2.1, with its parameter set.
class tinymt32 {
public:
    constexpr tinymt32() noexcept = default;
    constexpr explicit tinymt32(std::uint32_t seed) noexcept : state_{seed, matrix1, matrix2, tempering} {
        for (std::uint32_t i = 1; i < 8; ++i) {
            const std::uint32_t previous = state_[(i - 1) & 3];
            state_[i & 3] ^= i + 1812433253u * (previous ^ (previous >> 30));
        }
        for (int i = 0; i < 8; ++i) step();
    }

    constexpr std::uint32_t next() noexcept {
        step();
        const std::uint32_t t = state_[0] + (state_[2] >> 8);
        return state_[3] ^ t ^ ((0u - (t & 1)) & tempering);
    }

private:
    static constexpr std::uint32_t matrix1 = 0x8F7011EE;
    static constexpr std::uint32_t matrix2 = 0xFC78FF1F;
    static constexpr std::uint32_t tempering = 0x3793FDFF;

    constexpr void step() noexcept {
        std::uint32_t x = (state_[0] & 0x7FFFFFFF) ^ state_[1] ^ state_[2];
        std::uint32_t y = state_[3];
        x ^= x << 1;
        y ^= (y >> 1) ^ x;
        const std::uint32_t odd = 0u - (y & 1);
        state_[0] = state_[1];
        state_[1] = state_[2] ^ (odd & matrix1);
        state_[2] = x ^ (y << 10) ^ (odd & matrix2);
        state_[3] = y;
    }

    std::uint32_t state_[4]{};
};

/// The next coding coefficient over GF(2^8) for density threshold `dt` (RFC 8681, section 3.6): zero with probability
/// (15 - dt) / 16, otherwise uniform over 1…255.
[[nodiscard]] constexpr std::uint8_t next_coefficient(tinymt32& generator, unsigned dt) noexcept {
    if (dt < 15 && (generator.next() & 15) > dt) return 0;
    for (;;)
        if (const auto c = static_cast<std::uint8_t>(generator.next()); c != 0) return c;
}

/// The beginnings of the rows that are drawn all the time, as constants: those of the keys that an encoder with 256 or
/// fewer rows goes round, with all coefficients non-zero.
inline constexpr std::size_t common_keys = 256;
inline constexpr std::size_t common_width = 64;
inline constexpr unsigned common_density = 15;
using common_row_table = std::array<std::array<std::uint8_t, common_width>, common_keys>;
extern const common_row_table common_rows;

struct coefficient_row_state {
    tinymt32 generator;
    std::uint32_t filled = 0;
    std::uint16_t key = 0;
    std::uint8_t dt = 0;
};

/// Coefficient rows by repair key and density. A row for a shorter window is the beginning of the row for a longer
/// one, so each entry keeps its generator and grows as needed. Direct-mapped by key: 24 bytes of state and `width`
/// bytes per row, which take memory only once a row is drawn. Common rows are not kept: they are there.
class coefficient_rows {
public:
    /// `rows` is a power of two.
    [[nodiscard]] bool create(std::size_t rows, std::size_t width, const allocator& memory) noexcept {
        width_ = width;
        return drawn_.create((rows + 63) / 64, memory) && entries_.create_untouched(rows, memory) &&
               coefficients_.create_untouched(rows * width, memory);
    }

    /// At least `count` coefficients, valid until the next call. Precondition: `count <= width`, `dt <= 15`.
    [[nodiscard]] const std::uint8_t* row(std::uint16_t key, unsigned dt, std::size_t count) noexcept {
        if (key < common_keys && dt == common_density && count <= common_width) return common_rows[key].data();
        const std::size_t index = key & (entries_.size() - 1);
        coefficient_row_state& e = entries_[index];
        std::uint8_t* out = coefficients_.data() + index * width_;
        std::uint64_t& drawn = drawn_[index / 64];
        const std::uint64_t bit = std::uint64_t{1} << (index % 64);
        if ((drawn & bit) == 0 || e.key != key || e.dt != dt) {
            drawn |= bit;
            e = {.generator = tinymt32{key}, .filled = 0, .key = key, .dt = static_cast<std::uint8_t>(dt)};
        }
        if (e.filled < count) {
            tinymt32 generator = e.generator;  // in registers: a byte stored to `out` might otherwise be part of it
            for (std::size_t i = e.filled; i < count; ++i) out[i] = next_coefficient(generator, dt);
            e.generator = generator;
            e.filled = static_cast<std::uint32_t>(count);
        }
        return out;
    }

    [[nodiscard]] std::size_t rows() const noexcept { return entries_.size(); }

private:
    buffer<std::uint64_t> drawn_;  ///< bit by entry: it has a value
    buffer<coefficient_row_state> entries_;
    buffer<std::uint8_t> coefficients_;
    std::size_t width_ = 0;
};

}  // namespace detail
}  // namespace v0
}  // namespace duality
