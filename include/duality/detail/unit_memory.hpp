// SPDX-License-Identifier: MIT
//
// Memory of the source units of an encoder or a decoder: room for as many of the longest size as there can be, of which
// only as much is written as the units at hand are long. No promise of stability.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "duality/memory.hpp"

namespace duality {
inline namespace v0 {
namespace detail {

/// Up to the end of a cache line.
[[nodiscard]] constexpr std::size_t padded(std::size_t bytes) noexcept {
    return (bytes + 63) / 64 * 64;
}

/// Bytes between units: whole cache lines, and an odd number of them, so that the same bytes of neighbouring units do
/// not compete for the same cache sets.
[[nodiscard]] constexpr std::size_t unit_stride(std::size_t symbol) noexcept {
    return ((symbol + 63) / 64 | 1) * 64;
}

/// Places for units, as far apart as the longest unit that came so far asks for: a flow of small packets lives in few
/// pages. A longer one moves them all apart, which happens a few times in the life of a flow.
class unit_memory {
public:
    /// Of units of up to `longest` bytes; `alike`: all of them are that long.
    [[nodiscard]] bool create(std::size_t places, std::size_t longest, bool alike, const allocator& memory) noexcept {
        longest_ = unit_stride(longest);
        stride_ = alike ? longest_ : std::min(longest_, first_stride);
        return bytes_.create_untouched(places * longest_, memory);
    }

    [[nodiscard]] std::uint8_t* place(std::size_t i) noexcept { return bytes_.data() + i * stride_; }
    [[nodiscard]] const std::uint8_t* place(std::size_t i) const noexcept { return bytes_.data() + i * stride_; }
    /// Bytes of one place.
    [[nodiscard]] std::size_t stride() const noexcept { return stride_; }

    /// Makes the places so long that a unit of `length` bytes, at most the longest, fits; those before `used` keep what
    /// they hold, with zeros behind it. All places move.
    void widen(std::size_t length, std::size_t used) noexcept {
        const std::size_t old = stride_;
        stride_ = std::min(longest_, unit_stride(std::max(length, old + old / 2)));
        for (std::size_t i = used; i-- != 0;) {
            std::memmove(place(i), bytes_.data() + i * old, old);
            std::memset(place(i) + old, 0, stride_ - old);
        }
    }

private:
    static constexpr std::size_t first_stride = unit_stride(192);

    buffer<std::uint8_t> bytes_;
    std::size_t longest_ = 0;
    std::size_t stride_ = 0;
};

}  // namespace detail
}  // namespace v0
}  // namespace duality
