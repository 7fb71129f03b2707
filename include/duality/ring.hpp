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

/// Bounded first-in-first-out queue. A full ring refuses the new element; nothing already accepted is lost.
template <class T>
class ring {
public:
    /// Room for at least `capacity` elements (rounded up to a power of two).
    [[nodiscard]] bool create(std::size_t capacity, const allocator& memory) noexcept {
        head_ = tail_ = 0;
        return slots_.create(std::bit_ceil(capacity == 0 ? std::size_t{1} : capacity), memory);
    }

    [[nodiscard]] bool push(const T& value) noexcept {
        if (full()) return false;
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
    [[nodiscard]] std::size_t mask() const noexcept { return slots_.size() - 1; }

    buffer<T> slots_;
    std::size_t head_ = 0;
    std::size_t tail_ = 0;
};

/// The last `capacity()` sequence numbers, each with a `T`. O(1) access; old entries are overwritten as the window
/// moves on. Sequence numbers are 64-bit, at most 2^64 - 2, and do not wrap (see `unwrap_nearest`).
template <class T>
class sequence_window {
public:
    [[nodiscard]] bool create(std::size_t capacity, const allocator& memory) noexcept {
        return entries_.create(std::bit_ceil(capacity == 0 ? std::size_t{1} : capacity), memory);
    }

    /// The entry of `sequence`, or nullptr when the window holds another number there or none.
    [[nodiscard]] T* find(std::uint64_t sequence) noexcept {
        entry& e = at(sequence);
        return e.key == sequence + 1 ? &e.value : nullptr;
    }
    [[nodiscard]] const T* find(std::uint64_t sequence) const noexcept {
        const entry& e = entries_[static_cast<std::size_t>(sequence) & (entries_.size() - 1)];
        return e.key == sequence + 1 ? &e.value : nullptr;
    }
    /// A fresh value-initialised entry for `sequence`, whatever stood in its place.
    T& insert(std::uint64_t sequence) noexcept {
        entry& e = at(sequence);
        e.key = sequence + 1;
        e.value = T{};
        return e.value;
    }
    void erase(std::uint64_t sequence) noexcept {
        entry& e = at(sequence);
        if (e.key == sequence + 1) e.key = 0;
    }
    void clear() noexcept {
        for (entry& e : entries_) e.key = 0;
    }
    [[nodiscard]] std::size_t capacity() const noexcept { return entries_.size(); }

private:
    struct entry {
        std::uint64_t key = 0;  ///< sequence + 1; 0 when empty
        T value{};
    };

    [[nodiscard]] entry& at(std::uint64_t sequence) noexcept {
        return entries_[static_cast<std::size_t>(sequence) & (entries_.size() - 1)];
    }

    buffer<entry> entries_;
};

}  // namespace v0
}  // namespace duality
