// SPDX-License-Identifier: MIT
//
// Objects in order of the time at which they want to be woken.
#pragma once

#include <cstddef>

#include "duality/memory.hpp"
#include "duality/time.hpp"

namespace duality {
inline namespace v0 {
namespace masque {

/// A `T` has `std::size_t timer_place` and `instant timer_at` for the heap's use. The heap owns nothing.
template <class T>
class timer_heap {
public:
    [[nodiscard]] bool create(std::size_t capacity, const allocator& memory) noexcept {
        return heap_.create(capacity, memory);
    }

    [[nodiscard]] std::size_t count() const noexcept { return count_; }
    [[nodiscard]] bool full() const noexcept { return count_ == heap_.size(); }

    /// Takes it up, not to be woken yet. Precondition: not full.
    void add(T& t) noexcept {
        t.timer_at = instant::never();
        put(count_++, &t);
    }
    void remove(T& t) noexcept {
        const std::size_t place = t.timer_place;
        T* const last = heap_[--count_].who;
        if (last == &t) return;
        put(place, last);
        sift(place);
    }
    void retime(T& t, instant at) noexcept {
        if (at == t.timer_at) return;
        t.timer_at = at;
        sift(t.timer_place);
    }
    /// Whoever wants to be woken next; nullptr when there is nobody.
    [[nodiscard]] T* first() noexcept { return count_ == 0 ? nullptr : heap_[0].who; }
    [[nodiscard]] const T* first() const noexcept { return count_ == 0 ? nullptr : heap_[0].who; }
    [[nodiscard]] T& operator[](std::size_t i) noexcept { return *heap_[i].who; }
    [[nodiscard]] const T& operator[](std::size_t i) const noexcept { return *heap_[i].who; }

private:
    struct entry {
        T* who = nullptr;
    };

    void put(std::size_t place, T* t) noexcept {
        heap_[place].who = t;
        t->timer_place = place;
    }
    /// Restores the heap's order after the time at `place` has changed.
    void sift(std::size_t place) noexcept {
        T* const t = heap_[place].who;
        while (place > 0 && t->timer_at < heap_[(place - 1) / 2].who->timer_at) {
            put(place, heap_[(place - 1) / 2].who);
            place = (place - 1) / 2;
        }
        for (;;) {
            std::size_t child = 2 * place + 1;
            if (child >= count_) break;
            if (child + 1 < count_ && heap_[child + 1].who->timer_at < heap_[child].who->timer_at) ++child;
            if (t->timer_at <= heap_[child].who->timer_at) break;
            put(place, heap_[child].who);
            place = child;
        }
        put(place, t);
    }

    buffer<entry> heap_;
    std::size_t count_ = 0;
};

}  // namespace masque
}  // namespace v0
}  // namespace duality
