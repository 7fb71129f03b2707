// SPDX-License-Identifier: MIT
//
// The last packet numbers that were accepted, so that none is accepted twice (RFC 4303, section 3.4.3). No promise of
// stability.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

#include "duality/memory.hpp"
#include "duality/status.hpp"

namespace duality {
inline namespace v0 {
namespace detail {

class replay_window {
public:
    /// Remembers at least `packets` numbers.
    [[nodiscard]] bool create(std::size_t packets, const allocator& memory) noexcept {
        // One word more than asked for: the one being filled is only partly behind the highest number.
        return seen_.create(std::bit_ceil(packets / 64 + 2), memory);
    }

    /// `ok` for a number not seen yet, `duplicate`, or `late` for one too old to know.
    [[nodiscard]] status judge(std::uint64_t number) const noexcept {
        if (number >= next_) return status::ok;
        if (next_ - 1 - number >= size()) return status::late;
        return (seen_[word(number)] >> (number % 64) & 1) != 0 ? status::duplicate : status::ok;
    }
    /// Precondition: `judge(number)` is ok.
    void mark(std::uint64_t number) noexcept {
        if (number >= next_) {
            // Words entered for the first time forget what they held a circle ago.
            const std::uint64_t last = number / 64;
            std::uint64_t first = (next_ + 63) / 64;
            if (last >= seen_.size() && first < last - seen_.size() + 1) first = last - seen_.size() + 1;
            for (std::uint64_t w = first; w <= last; ++w) seen_[w & (seen_.size() - 1)] = 0;
            next_ = number + 1;
        }
        seen_[word(number)] |= std::uint64_t{1} << (number % 64);
    }
    /// Above every number accepted so far.
    [[nodiscard]] std::uint64_t next() const noexcept { return next_; }
    /// How far back it remembers.
    [[nodiscard]] std::uint64_t size() const noexcept { return (seen_.size() - 1) * 64; }
    void clear() noexcept {
        next_ = 0;
        for (std::uint64_t& w : seen_) w = 0;
    }

private:
    [[nodiscard]] std::size_t word(std::uint64_t number) const noexcept {
        return static_cast<std::size_t>(number / 64) & (seen_.size() - 1);
    }

    buffer<std::uint64_t> seen_;
    std::uint64_t next_ = 0;
};

}  // namespace detail
}  // namespace v0
}  // namespace duality
