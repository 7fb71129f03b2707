// SPDX-License-Identifier: MIT
//
// Memory of a decoder's units, which several owners may share: who receives a packet, who holds it for its slot, and who
// rebuilds others from it. No promise of stability.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "duality/detail/unit_memory.hpp"
#include "duality/memory.hpp"

namespace duality {
inline namespace v0 {
namespace detail {

/// A bounded number of units. Each lives as long as anyone refers to it; the one that was given back last is the next to
/// be taken, so that no more of them are ever written than were in use at once. Behind its length a unit is zero.
class unit_pool {
public:
    static constexpr std::uint32_t none = ~std::uint32_t{0};

    /// `alike`: all units are of the longest size.
    [[nodiscard]] bool create(std::size_t units, std::size_t longest, bool alike, const allocator& memory) noexcept {
        begun_ = 0;
        free_ = none;
        return memory_.create(units, longest, alike, memory) && states_.create_untouched(units, memory);
    }

    /// One that nobody refers to, with a reference and of any content; `none`: all are in use.
    [[nodiscard]] std::uint32_t take() noexcept {
        const std::uint32_t unit = free_;
        if (unit != none) {
            free_ = states_[unit].references;
            states_[unit].references = 1;
            return unit;
        }
        if (begun_ == states_.size()) return none;
        states_[begun_] = {.length = static_cast<std::uint32_t>(memory_.stride()), .references = 1};
        return begun_++;
    }
    void share(std::uint32_t unit) noexcept { ++states_[unit].references; }
    void release(std::uint32_t unit) noexcept {
        state& s = states_[unit];
        if (--s.references != 0) return;
        s.references = free_;
        free_ = unit;
    }

    [[nodiscard]] std::uint8_t* bytes(std::uint32_t unit) noexcept { return memory_.place(unit); }
    [[nodiscard]] const std::uint8_t* bytes(std::uint32_t unit) const noexcept { return memory_.place(unit); }
    /// Bytes that may be other than zero.
    [[nodiscard]] std::uint32_t length(std::uint32_t unit) const noexcept { return states_[unit].length; }
    /// Its first `length` bytes were written.
    void set_length(std::uint32_t unit, std::size_t length) noexcept {
        state& s = states_[unit];
        if (s.length > length) std::memset(memory_.place(unit) + length, 0, s.length - length);
        s.length = static_cast<std::uint32_t>(length);
    }
    /// All of it was written, and is zero behind `length`.
    void note_length(std::uint32_t unit, std::size_t length) noexcept {
        states_[unit].length = static_cast<std::uint32_t>(length);
    }

    /// Bytes of a unit that can be written.
    [[nodiscard]] std::size_t stride() const noexcept { return memory_.stride(); }
    /// Makes room for units of `length` bytes, at most the longest. All units move.
    void widen(std::size_t length) noexcept { memory_.widen(length, begun_); }

private:
    struct state {
        std::uint32_t length = 0;
        std::uint32_t references = 0;  ///< of one that nobody refers to: the next such unit
    };

    unit_memory memory_;
    buffer<state> states_;
    std::uint32_t begun_ = 0;  ///< units that were ever taken
    std::uint32_t free_ = none;
};

}  // namespace detail
}  // namespace v0
}  // namespace duality
