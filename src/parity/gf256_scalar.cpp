// SPDX-License-Identifier: MIT
//
// Portable kernel: eight bytes at a time in ordinary words, no tables. A dot product is a Horner scheme over the bits
// of the coefficients, highest first: double the sum, then add every source whose coefficient has this bit. So the
// seven doublings are shared by all sources, and a source costs one XOR for each bit set in its coefficient.

#include <cstring>

#include "kernels.hpp"

namespace duality {
inline namespace v0 {
namespace detail {
namespace {

constexpr std::size_t words = 8;              // per step, 64 bytes
constexpr std::size_t step = words * 8;       // bytes
constexpr std::size_t sources_at_once = 128;  // bounded by the stack taken for the lists

using block = std::uint64_t[words];

/// Every byte times x, the element 2.
inline std::uint64_t twice(std::uint64_t v) noexcept {
    const std::uint64_t carry = (v >> 7) & 0x0101010101010101u;
    return ((v & 0x7F7F7F7F7F7F7F7Fu) << 1) ^ (carry * 0x1D);
}

/// Sources by bit of their coefficient.
struct bit_lists {
    std::uint8_t index[8][sources_at_once];
    std::size_t size[8]{};

    bit_lists(const std::uint8_t* coefficients, std::size_t count) noexcept {
        for (std::size_t j = 0; j < count; ++j)
            for (unsigned bit = 0; bit < 8; ++bit) {
                index[bit][size[bit]] = static_cast<std::uint8_t>(j);
                size[bit] += coefficients[j] >> bit & 1;
            }
    }
};

inline void sum(block& total, const bit_lists& lists, const std::uint8_t* const* sources, std::size_t offset) noexcept {
    for (std::uint64_t& w : total) w = 0;
    for (unsigned bit = 8; bit-- > 0;) {
        for (std::uint64_t& w : total) w = twice(w);
        for (std::size_t i = 0; i < lists.size[bit]; ++i) {
            block in;
            std::memcpy(&in, sources[lists.index[bit][i]] + offset, step);
            for (std::size_t w = 0; w < words; ++w) total[w] ^= in[w];
        }
    }
}

/// destination = start + sum; `start` may be null, or the destination.
void accumulate(std::uint8_t* destination, const std::uint8_t* start, const std::uint8_t* const* sources,
                const std::uint8_t* coefficients, std::size_t count, std::size_t size) noexcept {
    const bit_lists lists{coefficients, count};
    std::size_t offset = 0;
    for (; offset + step <= size; offset += step) {
        block total;
        sum(total, lists, sources, offset);
        if (start != nullptr) {
            block old;
            std::memcpy(&old, start + offset, step);
            for (std::size_t w = 0; w < words; ++w) total[w] ^= old[w];
        }
        std::memcpy(destination + offset, &total, step);
    }
    for (; offset < size; ++offset) {
        std::uint8_t total = start != nullptr ? start[offset] : std::uint8_t{0};
        for (std::size_t j = 0; j < count; ++j) total ^= gf256_multiply(coefficients[j], sources[j][offset]);
        destination[offset] = total;
    }
}

void multiply_add(std::uint8_t* destination, const std::uint8_t* source, std::uint8_t coefficient,
                  std::size_t size) noexcept {
    if (coefficient == 0) return;
    accumulate(destination, destination, &source, &coefficient, 1, size);
}

void dot_from(std::uint8_t* destination, const std::uint8_t* start, const std::uint8_t* const* sources,
              const std::uint8_t* coefficients, std::size_t count, std::size_t size) noexcept {
    std::size_t done = count < sources_at_once ? count : sources_at_once;
    accumulate(destination, start, sources, coefficients, done, size);
    while (done < count) {
        const std::size_t n = count - done < sources_at_once ? count - done : sources_at_once;
        accumulate(destination, destination, sources + done, coefficients + done, n, size);
        done += n;
    }
}

void dot(std::uint8_t* destination, const std::uint8_t* const* sources, const std::uint8_t* coefficients,
         std::size_t count, std::size_t size) noexcept {
    dot_from(destination, nullptr, sources, coefficients, count, size);
}

void dot_rows(std::uint8_t* const* destinations, const std::uint8_t* const* starts, std::size_t rows,
              const std::uint8_t* const* sources, const std::uint8_t* coefficients, std::size_t count,
              std::size_t size) noexcept {
    for (std::size_t r = 0; r < rows; ++r)
        dot_from(destinations[r], starts == nullptr ? nullptr : starts[r], sources, coefficients + r * count, count,
                 size);
}

void copy(std::uint8_t* destination, const std::uint8_t* source, std::size_t size) noexcept {
    if (size != 0) std::memcpy(destination, source, size);
}

}  // namespace

const gf256_kernel gf256_scalar{"scalar", multiply_add, dot, dot_rows, copy};

}  // namespace detail
}  // namespace v0
}  // namespace duality
