// SPDX-License-Identifier: MIT
//
// Two bounded containers that everything else is built from: a first-in-first-out ring and a window indexed by
// sequence number. Both take their memory once.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "duality/memory.hpp"

namespace duality {
inline namespace v0 {

/// Bounded first-in-first-out queue. A full ring refuses the new element; nothing already accepted is lost. It goes round
/// in as little of its memory as the most elements that it ever held need.
template <class T>
class ring {
public:
    ring() noexcept = default;
    ring(ring&& other) noexcept
        : slots_{std::move(other.slots_)},
          room_{std::exchange(other.room_, 0)},
          head_{std::exchange(other.head_, 0)},
          tail_{std::exchange(other.tail_, 0)} {}
    ring& operator=(ring&& other) noexcept {
        slots_ = std::move(other.slots_);
        room_ = std::exchange(other.room_, 0);
        head_ = std::exchange(other.head_, 0);
        tail_ = std::exchange(other.tail_, 0);
        return *this;
    }

    /// Room for at least `capacity` elements (rounded up to a power of two).
    [[nodiscard]] bool create(std::size_t capacity, const allocator& memory) noexcept {
        room_ = head_ = tail_ = 0;
        if (!slots_.create_untouched(std::bit_ceil(capacity == 0 ? std::size_t{1} : capacity), memory)) return false;
        room_ = slots_.size() < first_room ? slots_.size() : first_room;
        return true;
    }

    [[nodiscard]] bool push(const T& value) noexcept {
        if (size() == room_ && !widen()) [[unlikely]]
            return false;
        slots_[tail_++ & mask()] = value;
        return true;
    }
    /// Precondition: not empty.
    T pop() noexcept { return std::move(slots_[head_++ & mask()]); }
    [[nodiscard]] T& front() noexcept { return slots_[head_ & mask()]; }
    [[nodiscard]] const T& front() const noexcept { return slots_[head_ & mask()]; }
    [[nodiscard]] T& back() noexcept { return slots_[(tail_ - 1) & mask()]; }
    [[nodiscard]] const T& back() const noexcept { return slots_[(tail_ - 1) & mask()]; }
    /// The `i`-th element from the front; precondition: `i < size()`.
    [[nodiscard]] T& operator[](std::size_t i) noexcept { return slots_[(head_ + i) & mask()]; }
    [[nodiscard]] const T& operator[](std::size_t i) const noexcept { return slots_[(head_ + i) & mask()]; }

    void clear() noexcept { head_ = tail_ = 0; }
    [[nodiscard]] std::size_t size() const noexcept { return tail_ - head_; }
    [[nodiscard]] std::size_t capacity() const noexcept { return slots_.size(); }
    [[nodiscard]] bool empty() const noexcept { return head_ == tail_; }
    [[nodiscard]] bool full() const noexcept { return size() == slots_.size(); }

private:
    static constexpr std::size_t first_room = 8;

    [[nodiscard]] std::size_t mask() const noexcept { return room_ - 1; }
    /// Goes round in twice as much, if there is that. What had gone round moves behind the rest.
    [[nodiscard]] bool widen() noexcept {
        if (room_ == slots_.size()) return false;
        for (std::size_t i = head_; i != tail_; ++i)
            if ((i & room_) != 0) slots_[i & (2 * room_ - 1)] = std::move(slots_[i & mask()]);
        room_ *= 2;
        return true;
    }

    buffer<T> slots_;
    std::size_t room_ = 0;  ///< slots in use, a power of two
    std::size_t head_ = 0;
    std::size_t tail_ = 0;
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
