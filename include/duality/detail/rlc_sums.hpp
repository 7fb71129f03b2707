// SPDX-License-Identifier: MIT
//
// Repairs of a steady pace, worked on ahead of time: each source is read once, for all coming repairs it is part of.
// For rlc_encoder; no promise of stability.
#pragma once

#include <cstddef>
#include <cstdint>

#include "duality/detail/tinymt32.hpp"
#include "duality/memory.hpp"

namespace duality {
inline namespace v0 {
namespace detail {

/// The expected repairs cover `window()` sources each and begin `every` sources apart. An open sum is one of them as far
/// as its sources have come; all open sums hold every source from their first one to `summed_to()`. A sum cannot be
/// opened once its first source was passed by, so after a break those opened then are the first that become ready.
class rlc_sums {
public:
    /// `sums`: most that may be open at once. `stride`: bytes between symbols.
    [[nodiscard]] bool create(std::size_t sums, std::size_t max_window, std::size_t stride,
                              const allocator& memory) noexcept;

    /// Precondition: `every` times the sums created is at least `window`. 0: nothing is expected.
    void expect(std::uint32_t window, std::uint32_t every) noexcept;
    [[nodiscard]] std::uint32_t window() const noexcept { return window_; }
    /// The sources are gone.
    void forget() noexcept { in_step_ = false; }

    /// The next repair is one over the sources up to `next`, of which the last `kept` are still there. When that is not
    /// what was expected, the open sums are dropped.
    void align(std::uint32_t next, std::uint32_t kept) noexcept;
    /// Is there a sum to open because a source before `next` belongs to it? To be asked, and answered with `open`, until
    /// there is none.
    [[nodiscard]] bool lacks_sum(std::uint32_t next) const noexcept {
        return next - (first_ + open_ * every_) - 1 < next - summed_to_;
    }
    /// The repair gets this key.
    void open(std::uint16_t key) noexcept { key_[slot(open_++)] = key; }

    /// Is the oldest open sum the repair that begins with this source, and its key.
    [[nodiscard]] bool ready(std::uint32_t first) const noexcept { return open_ != 0 && first_ == first; }
    [[nodiscard]] std::uint16_t key() const noexcept { return key_[slot(0)]; }

    /// Adds the sources from `summed_to()` to `next`, of at most `size` bytes, to all open sums in one pass. If `out` is
    /// not null, the oldest sum is complete with them, goes there and is closed.
    void add(const std::uint8_t* const* sources, std::uint32_t next, std::size_t size, coefficient_rows& rows,
             unsigned density, std::uint8_t* out) noexcept;
    [[nodiscard]] std::uint32_t summed_to() const noexcept { return summed_to_; }

private:
    [[nodiscard]] std::size_t slot(std::uint32_t sum) const noexcept {
        const std::size_t s = oldest_ + sum;
        return s < key_.size() ? s : s - key_.size();
    }
    [[nodiscard]] std::uint8_t* symbol(std::size_t slot) noexcept { return symbols_.data() + slot * stride_; }

    std::uint32_t window_ = 0;
    std::uint32_t every_ = 0;
    std::uint32_t first_ = 0;      ///< source with which the oldest open sum begins, or the next one to open
    std::uint32_t summed_to_ = 0;  ///< first source that is not in the sums
    std::uint32_t open_ = 0;
    std::size_t oldest_ = 0;  ///< slot of the oldest open sum
    std::size_t size_ = 0;    ///< bytes of the open sums that may be non-zero
    std::size_t stride_ = 0;
    bool in_step_ = false;
    buffer<std::uint16_t> key_;           ///< by slot
    buffer<std::uint8_t> symbols_;        ///< by slot; one more is always zero
    buffer<std::uint8_t> coefficients_;   ///< scratch of one pass
    buffer<const std::uint8_t*> starts_;  ///< the same
    buffer<std::uint8_t*> destinations_;  ///< the same
};

}  // namespace detail
}  // namespace v0
}  // namespace duality
