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
//     rows_in_pairs          up to how many sums it pays to take two sources at a time
//     max_rows               sums computed in one pass over the sources, 1…5
//     zero, load, store, add (two or three terms), keep_last(v, n) (all but the last n bytes become zero), prepare(coefficient), split(vector),
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

// The sums live in registers only when the loops over them are unrolled, at every optimisation level.
#if defined(__clang__)
#define DUALITY_UNROLL _Pragma("unroll")
#elif defined(__GNUC__)
#define DUALITY_UNROLL _Pragma("GCC unroll 32")
#else
#define DUALITY_UNROLL
#endif

namespace duality {
inline namespace v0 {
namespace detail {
namespace {

/// The same pointer, of which the compiler forgets how it was made. GCC otherwise keeps one register per column for
/// `offset + column`, runs out of them, and fetches them from vector registers in the innermost loop.
DUALITY_KERNEL_INLINE const std::uint8_t* opaque(const std::uint8_t* p) noexcept {
#if defined(__GNUC__) && !defined(__clang__)
    __asm__("" : "+r"(p));
#endif
    return p;
}

/// Where column `c` of a strip begins in a symbol: `at` is the first one, `tail` the last one.
template <int Columns>
DUALITY_KERNEL_INLINE const std::uint8_t* column(const std::uint8_t* at, const std::uint8_t* tail, int c) noexcept {
    return c == Columns - 1 ? tail : at + std::size_t(c) * lane::width;
}

/// Adds one source to all sums of a strip, or two at once, which takes fewer additions where the machine has one of
/// three operands.
template <int Rows, int Columns, bool Two>
DUALITY_KERNEL_INLINE void add_sources(lane::vector (&total)[Rows][Columns], const std::uint8_t* const* sources,
                                       const std::uint8_t* coefficients, std::size_t count, std::size_t offset,
                                       std::size_t last) noexcept {
    lane::factor factor[Rows][2];
    DUALITY_UNROLL
    for (int r = 0; r < Rows; ++r) {
        factor[r][0] = lane::prepare(coefficients[std::size_t(r) * count]);
        if constexpr (Two) factor[r][1] = lane::prepare(coefficients[std::size_t(r) * count + 1]);
    }
    const std::uint8_t* a = opaque(sources[0] + offset);
    const std::uint8_t* a_tail = sources[0] + last;
    const std::uint8_t* b = Two ? opaque(sources[1] + offset) : a;
    const std::uint8_t* b_tail = Two ? sources[1] + last : a_tail;
    DUALITY_UNROLL
    for (int c = 0; c < Columns; ++c) {
        const lane::parts x = lane::split(lane::load(column<Columns>(a, a_tail, c)));
        if constexpr (Two) {
            const lane::parts y = lane::split(lane::load(column<Columns>(b, b_tail, c)));
            DUALITY_UNROLL
            for (int r = 0; r < Rows; ++r)
                total[r][c] = lane::add(total[r][c], lane::product(factor[r][0], x), lane::product(factor[r][1], y));
        } else {
            DUALITY_UNROLL
            for (int r = 0; r < Rows; ++r) total[r][c] = lane::add(total[r][c], lane::product(factor[r][0], x));
        }
    }
}

/// One strip of `Columns` vectors, `Rows` sums: the innermost loop. The last vector begins at `last`, the others at
/// `offset` and on.
template <int Rows, int Columns>
DUALITY_KERNEL_TARGET void dot_strip(std::uint8_t* const* destinations, const std::uint8_t* const* starts,
                                     const std::uint8_t* const* sources, const std::uint8_t* coefficients,
                                     std::size_t count, std::size_t offset, std::size_t last) noexcept {
    lane::vector total[Rows][Columns];
    DUALITY_UNROLL
    for (int r = 0; r < Rows; ++r) {
        DUALITY_UNROLL
        for (int c = 0; c < Columns; ++c)
            total[r][c] =
                starts == nullptr ? lane::zero() : lane::load(column<Columns>(starts[r] + offset, starts[r] + last, c));
    }
    std::size_t j = 0;
    if constexpr (Rows <= lane::rows_in_pairs)
        for (; j + 2 <= count; j += 2)
            add_sources<Rows, Columns, true>(total, sources + j, coefficients + j, count, offset, last);
    for (; j < count; ++j) add_sources<Rows, Columns, false>(total, sources + j, coefficients + j, count, offset, last);
    DUALITY_UNROLL
    for (int r = 0; r < Rows; ++r) {
        std::uint8_t* out = destinations[r];
        DUALITY_UNROLL
        for (int c = 0; c < Columns; ++c)
            lane::store(out + (c == Columns - 1 ? last : offset + std::size_t(c) * lane::width), total[r][c]);
    }
}

template <int Rows, int Columns>
inline void dot_strip_of(std::size_t columns, std::uint8_t* const* destinations, const std::uint8_t* const* starts,
                         const std::uint8_t* const* sources, const std::uint8_t* coefficients, std::size_t count,
                         std::size_t offset, std::size_t last) noexcept {
    if constexpr (Columns > 1) {
        if (columns < std::size_t{Columns}) {
            dot_strip_of<Rows, Columns - 1>(columns, destinations, starts, sources, coefficients, count, offset, last);
            return;
        }
    }
    dot_strip<Rows, Columns>(destinations, starts, sources, coefficients, count, offset, last);
}

/// All of the symbol, cut into strips of nearly equal width, the widest last: so the vector that overlaps the one
/// before it has that one in its own strip, and a sum that continues in place is read before either is written.
template <int Rows>
void dot_group(std::uint8_t* const* destinations, const std::uint8_t* const* starts, const std::uint8_t* const* sources,
               const std::uint8_t* coefficients, std::size_t count, std::size_t size) noexcept {
    constexpr int most = lane::columns(Rows);
    static_assert(most >= 2);
    std::size_t vectors = (size + lane::width - 1) / lane::width;
    std::size_t strips = (vectors + most - 1) / most;
    std::size_t offset = 0;
    while (strips != 0) {
        const std::size_t columns = vectors / strips;
        vectors -= columns;
        --strips;
        const std::size_t end = offset + columns * lane::width;
        const std::size_t last = (end < size ? end : size) - lane::width;
        dot_strip_of<Rows, most>(columns, destinations, starts, sources, coefficients, count, offset, last);
        offset = end;
    }
}

template <int Rows>
void dot_group_of(std::size_t rows, std::uint8_t* const* destinations, const std::uint8_t* const* starts,
                  const std::uint8_t* const* sources, const std::uint8_t* coefficients, std::size_t count,
                  std::size_t size) noexcept {
    if constexpr (Rows > 1) {
        if (rows < std::size_t{Rows}) {
            dot_group_of<Rows - 1>(rows, destinations, starts, sources, coefficients, count, size);
            return;
        }
    }
    dot_group<Rows>(destinations, starts, sources, coefficients, count, size);
}

void dot_rows(std::uint8_t* const* destinations, const std::uint8_t* const* starts, std::size_t rows,
              const std::uint8_t* const* sources, const std::uint8_t* coefficients, std::size_t count,
              std::size_t size) noexcept {
    if (size < lane::width || count == 0) {
        lane::smaller().dot_rows(destinations, starts, rows, sources, coefficients, count, size);
        return;
    }
    constexpr std::size_t most = lane::max_rows;
    std::size_t groups = (rows + most - 1) / most;
    while (groups != 0) {
        const std::size_t n = rows / groups;
        dot_group_of<lane::max_rows>(n, destinations, starts, sources, coefficients, count, size);
        destinations += n;
        if (starts != nullptr) starts += n;
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
    dot_group<1>(&destination, nullptr, sources, coefficients, count, size);
}

DUALITY_KERNEL_TARGET void copy(std::uint8_t* destination, const std::uint8_t* source, std::size_t size) noexcept {
    if (size < lane::width) {
        lane::smaller().copy(destination, source, size);
        return;
    }
    std::size_t offset = 0;
    for (; offset + lane::width <= size; offset += lane::width)
        lane::store(destination + offset, lane::load(source + offset));
    if (offset != size) lane::store(destination + size - lane::width, lane::load(source + size - lane::width));
}

DUALITY_KERNEL_TARGET void multiply_add(std::uint8_t* destination, const std::uint8_t* source, std::uint8_t coefficient,
                                        std::size_t size) noexcept {
    if (size < lane::width) {
        lane::smaller().multiply_add(destination, source, coefficient, size);
        return;
    }
    if (coefficient == 0) return;
    const lane::factor factor = lane::prepare(coefficient);
    std::size_t offset = 0;
    for (; offset + lane::width <= size; offset += lane::width) {
        const lane::vector term = lane::product(factor, lane::split(lane::load(source + offset)));
        lane::store(destination + offset, lane::add(lane::load(destination + offset), term));
    }
    if (offset == size) return;
    // The bytes of the last vector that are done already get zero added.
    const std::size_t last = size - lane::width;
    const lane::vector term = lane::product(factor, lane::split(lane::load(source + last)));
    lane::store(destination + last, lane::add(lane::load(destination + last), lane::keep_last(term, size - offset)));
}

}  // namespace
}  // namespace detail
}  // namespace v0
}  // namespace duality
