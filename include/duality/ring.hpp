// SPDX-License-Identifier: MIT
//
// Two bounded containers that everything else is built from: a first-in-first-out ring and a window indexed by
// sequence number. Both take their memory once.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <new>
#include <type_traits>
#include <utility>

#include "duality/memory.hpp"

namespace duality {
inline namespace v0 {

/// Bounded first-in-first-out queue. A full ring refuses the new element; nothing already accepted is lost. It goes round
/// in as little memory as the most elements that it ever held need; the first few have their place in the ring itself.
template <class T>
class ring {
public:
    ring() noexcept = default;
    ring(ring&& other) noexcept { take_over(other); }
    ring& operator=(ring&& other) noexcept {
        if (this != &other) take_over(other);
        return *this;
    }

    /// Room for at least `capacity` elements (rounded up to a power of two).
    [[nodiscard]] bool create(std::size_t capacity, const allocator& memory) noexcept {
        room_ = head_ = tail_ = 0;
        if (!slots_.create_untouched(std::bit_ceil(capacity == 0 ? std::size_t{1} : capacity), memory)) return false;
        room_ = std::clamp<std::size_t>(first_room, 1, slots_.size());
        return true;
    }

    [[nodiscard]] bool push(const T& value) noexcept {
        if (size() == room_ && !widen()) [[unlikely]]
            return false;
        slot(tail_++) = value;
        return true;
    }
    /// Precondition: not empty.
    T pop() noexcept { return std::move(slot(head_++)); }
    [[nodiscard]] T& front() noexcept { return slot(head_); }
    [[nodiscard]] const T& front() const noexcept { return slot(head_); }
    [[nodiscard]] T& back() noexcept { return slot(tail_ - 1); }
    [[nodiscard]] const T& back() const noexcept { return slot(tail_ - 1); }
    /// The `i`-th element from the front; precondition: `i < size()`.
    [[nodiscard]] T& operator[](std::size_t i) noexcept { return slot(head_ + i); }
    [[nodiscard]] const T& operator[](std::size_t i) const noexcept { return slot(head_ + i); }

    void clear() noexcept { head_ = tail_ = 0; }
    [[nodiscard]] std::size_t size() const noexcept { return tail_ - head_; }
    [[nodiscard]] std::size_t capacity() const noexcept { return slots_.size(); }
    [[nodiscard]] bool empty() const noexcept { return head_ == tail_; }
    [[nodiscard]] bool full() const noexcept { return size() == slots_.size(); }

private:
    /// Elements inside: 256 bytes of plain data, or a single one up to 512.
    static constexpr std::size_t first_room = !std::is_trivially_copyable_v<T> || sizeof(T) > 512 ? 0
                                              : sizeof(T) > 256                                   ? 1
                                                                : std::bit_floor(256 / sizeof(T));

    [[nodiscard]] bool is_inside() const noexcept { return room_ <= first_room; }
    [[nodiscard]] T& slot(std::size_t i) noexcept {
        T* const slots = is_inside() ? std::launder(reinterpret_cast<T*>(first_.data())) : slots_.data();
        return slots[i & (room_ - 1)];
    }
    [[nodiscard]] const T& slot(std::size_t i) const noexcept {
        const T* const slots = is_inside() ? std::launder(reinterpret_cast<const T*>(first_.data())) : slots_.data();
        return slots[i & (room_ - 1)];
    }
    /// Goes round in twice as much, if there is that.
    [[nodiscard]] bool widen() noexcept {
        if (room_ == slots_.size()) return false;
        const std::size_t wider = 2 * room_;
        for (std::size_t i = head_; i != tail_; ++i)
            if (is_inside() || (i & room_) != 0) slots_[i & (wider - 1)] = std::move(slot(i));
        room_ = wider;
        return true;
    }
    void take_over(ring& other) noexcept {
        slots_ = std::move(other.slots_);
        first_ = other.first_;
        room_ = std::exchange(other.room_, 0);
        head_ = std::exchange(other.head_, 0);
        tail_ = std::exchange(other.tail_, 0);
    }

    buffer<T> slots_;
    std::size_t room_ = 0;  ///< slots in use, a power of two
    std::size_t head_ = 0;
    std::size_t tail_ = 0;
    alignas(T) std::array<std::byte, first_room == 0 ? 1 : first_room * sizeof(T)> first_{};
};

/// The last `capacity()` sequence numbers, each with a `T`. O(1) access; old entries are overwritten as the window
/// moves on. Sequence numbers are 64-bit, at most 2^64 - 2, and do not wrap (see `unwrap_nearest`). Memory is written as
/// numbers that begin at a multiple of the capacity need it.
template <class T>
class sequence_window {
public:
    [[nodiscard]] bool create(std::size_t capacity, const allocator& memory) noexcept {
        made_ = 0;
        return entries_.create_untouched(std::bit_ceil(capacity == 0 ? std::size_t{1} : capacity), memory);
    }

    /// The entry of `sequence`, or nullptr when the window holds another number there or none.
    [[nodiscard]] T* find(std::uint64_t sequence) noexcept {
        const std::size_t place = place_of(sequence);
        if (place >= made_) return nullptr;
        entry& e = entries_[place];
        return e.key == sequence + 1 ? &e.value : nullptr;
    }
    [[nodiscard]] const T* find(std::uint64_t sequence) const noexcept {
        const std::size_t place = place_of(sequence);
        if (place >= made_) return nullptr;
        const entry& e = entries_[place];
        return e.key == sequence + 1 ? &e.value : nullptr;
    }
    /// A fresh value-initialised entry for `sequence`, whatever stood in its place.
    T& insert(std::uint64_t sequence) noexcept {
        const std::size_t place = place_of(sequence);
        while (made_ <= place) [[unlikely]] entries_[made_++] = entry{};
        entry& e = entries_[place];
        e.key = sequence + 1;
        e.value = T{};
        return e.value;
    }
    void erase(std::uint64_t sequence) noexcept {
        const std::size_t place = place_of(sequence);
        if (place < made_ && entries_[place].key == sequence + 1) entries_[place].key = 0;
    }
    void clear() noexcept { made_ = 0; }
    [[nodiscard]] std::size_t capacity() const noexcept { return entries_.size(); }

private:
    struct entry {
        std::uint64_t key = 0;  ///< sequence + 1; 0 when empty
        T value{};
    };

    [[nodiscard]] std::size_t place_of(std::uint64_t sequence) const noexcept {
        return static_cast<std::size_t>(sequence) & (entries_.size() - 1);
    }

    buffer<entry> entries_;
    std::size_t made_ = 0;  ///< entries that have a value; those behind are empty
};

}  // namespace v0
}  // namespace duality
