// SPDX-License-Identifier: MIT
//
// The loops of a GF(2^8) kernel, written once for all vector instruction sets. Included by one translation unit per
// kernel, after it has defined
//
//   DUALITY_KERNEL_TARGET   the function attribute that allows the instructions
//   struct lane             in an anonymous namespace:
//     vector, factor, parts  types: a register of symbol bytes; what multiplies by one coefficient; a vector made
//                            ready for multiplication
//     width                  bytes in a vector
//     columns(rows)          how many vectors times `rows` sums fit into the registers
//     max_rows               sums computed in one pass over the sources, 1…5
//     load, store, add, keep_last(v, n) (all but the last n bytes become zero), prepare(coefficient), split(vector),
//     product(factor, parts)
//     smaller()              the kernel for symbols shorter than a vector
//
// A symbol that is no multiple of the width ends with a vector that overlaps the one before it, so nothing is ever
// read or written outside of the symbol and there is no slow path for the rest.
#pragma once

#include "kernels.hpp"

#if defined(__GNUC__) || defined(__clang__)
#define DUALITY_KERNEL_INLINE DUALITY_KERNEL_TARGET __attribute__((always_inline)) inline
#else
#define DUALITY_KERNEL_INLINE inline
#endif

namespace duality {
inline namespace v0 {
namespace detail {
namespace {

/// One strip of `Columns` vectors, `Rows` sums: the innermost loop. The last vector begins at `last`, the others at
/// `offset` and on.
template <int Rows, int Columns>
DUALITY_KERNEL_TARGET void dot_strip(std::uint8_t* const* destinations, const std::uint8_t* const* sources,
                                     const std::uint8_t* coefficients, std::size_t count, std::size_t offset,
                                     std::size_t last) noexcept {
    typename lane::vector total[Rows][Columns];
    {
        // The first source starts the sums.
        for (int c = 0; c < Columns; ++c) {
            const std::uint8_t* at = sources[0] + (c == Columns - 1 ? last : offset + std::size_t(c) * lane::width);
            const typename lane::parts in = lane::split(lane::load(at));
            for (int r = 0; r < Rows; ++r)
                total[r][c] = lane::product(lane::prepare(coefficients[std::size_t(r) * count]), in);
        }
    }
    for (std::size_t j = 1; j < count; ++j) {
        typename lane::factor factor[Rows];
        for (int r = 0; r < Rows; ++r) factor[r] = lane::prepare(coefficients[std::size_t(r) * count + j]);
        const std::uint8_t* source = sources[j];
        for (int c = 0; c < Columns; ++c) {
            const std::uint8_t* at = source + (c == Columns - 1 ? last : offset + std::size_t(c) * lane::width);
            const typename lane::parts in = lane::split(lane::load(at));
            for (int r = 0; r < Rows; ++r) total[r][c] = lane::add(total[r][c], lane::product(factor[r], in));
        }
    }
    for (int r = 0; r < Rows; ++r)
        for (int c = 0; c < Columns; ++c)
            lane::store(destinations[r] + (c == Columns - 1 ? last : offset + std::size_t(c) * lane::width),
                        total[r][c]);
}

template <int Rows, int Columns>
inline void dot_strip_of(std::size_t columns, std::uint8_t* const* destinations, const std::uint8_t* const* sources,
                         const std::uint8_t* coefficients, std::size_t count, std::size_t offset,
                         std::size_t last) noexcept {
    if constexpr (Columns > 1) {
        if (columns < std::size_t{Columns}) {
            dot_strip_of<Rows, Columns - 1>(columns, destinations, sources, coefficients, count, offset, last);
            return;
        }
    }
    dot_strip<Rows, Columns>(destinations, sources, coefficients, count, offset, last);
}

/// All of the symbol, cut into strips of nearly equal width.
template <int Rows>
void dot_group(std::uint8_t* const* destinations, const std::uint8_t* const* sources, const std::uint8_t* coefficients,
               std::size_t count, std::size_t size) noexcept {
    constexpr int most = lane::columns(Rows);
    std::size_t vectors = (size + lane::width - 1) / lane::width;
    std::size_t strips = (vectors + most - 1) / most;
    std::size_t offset = 0;
    while (strips != 0) {
        const std::size_t columns = vectors / strips;
        vectors -= columns;
        --strips;
        const std::size_t end = offset + columns * lane::width;
        const std::size_t last = (end < size ? end : size) - lane::width;
        dot_strip_of<Rows, most>(columns, destinations, sources, coefficients, count, offset, last);
        offset = end;
    }
}

template <int Rows>
void dot_group_of(std::size_t rows, std::uint8_t* const* destinations, const std::uint8_t* const* sources,
                  const std::uint8_t* coefficients, std::size_t count, std::size_t size) noexcept {
    if constexpr (Rows > 1) {
        if (rows < std::size_t{Rows}) {
            dot_group_of<Rows - 1>(rows, destinations, sources, coefficients, count, size);
            return;
        }
    }
    dot_group<Rows>(destinations, sources, coefficients, count, size);
}

void dot_rows(std::uint8_t* const* destinations, std::size_t rows, const std::uint8_t* const* sources,
              const std::uint8_t* coefficients, std::size_t count, std::size_t size) noexcept {
    if (size < lane::width || count == 0) {
        lane::smaller().dot_rows(destinations, rows, sources, coefficients, count, size);
        return;
    }
    constexpr std::size_t most = lane::max_rows;
    std::size_t groups = (rows + most - 1) / most;
    while (groups != 0) {
        const std::size_t n = rows / groups;
        dot_group_of<lane::max_rows>(n, destinations, sources, coefficients, count, size);
        destinations += n;
        coefficients += n * count;
        rows -= n;
        --groups;
    }
}

void dot(std::uint8_t* destination, const std::uint8_t* const* sources, const std::uint8_t* coefficients,
         std::size_t count, std::size_t size) noexcept {
    if (size < lane::width || count == 0) {
        lane::smaller().dot(destination, sources, coefficients, count, size);
        return;
    }
    dot_group<1>(&destination, sources, coefficients, count, size);
}

DUALITY_KERNEL_TARGET void multiply_add(std::uint8_t* destination, const std::uint8_t* source, std::uint8_t coefficient,
                                        std::size_t size) noexcept {
    if (size < lane::width) {
        lane::smaller().multiply_add(destination, source, coefficient, size);
        return;
    }
    if (coefficient == 0) return;
    const typename lane::factor factor = lane::prepare(coefficient);
    std::size_t offset = 0;
    for (; offset + lane::width <= size; offset += lane::width) {
        const typename lane::vector term = lane::product(factor, lane::split(lane::load(source + offset)));
        lane::store(destination + offset, lane::add(lane::load(destination + offset), term));
    }
    if (offset == size) return;
    // The bytes of the last vector that are done already get zero added.
    const std::size_t last = size - lane::width;
    const typename lane::vector term = lane::product(factor, lane::split(lane::load(source + last)));
    lane::store(destination + last, lane::add(lane::load(destination + last), lane::keep_last(term, size - offset)));
}

}  // namespace
}  // namespace detail
}  // namespace v0
}  // namespace duality
