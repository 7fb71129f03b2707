// SPDX-License-Identifier: MIT
//
// A hash table that takes its memory from the caller's allocator and grows by doubling.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include "duality/memory.hpp"

namespace duality {
inline namespace v0 {
namespace masque {

/// Open addressing with linear probing, at most half full. `Hash` must mix well, and with a secret where an attacker
/// chooses keys.
template <class Key, class Value, class Hash>
class hash_map {
public:
    hash_map(const allocator& memory, Hash hash) noexcept : memory_{memory}, hash_{hash} {}

    [[nodiscard]] std::size_t size() const noexcept { return size_; }

    [[nodiscard]] Value* find(const Key& key) noexcept {
        if (slots_.empty()) return nullptr;
        for (std::size_t i = home(key); slots_[i].used; i = next(i))
            if (slots_[i].key == key) return &slots_[i].value;
        return nullptr;
    }
    /// False when the key is there already or there is no memory.
    [[nodiscard]] bool insert(const Key& key, const Value& value) noexcept {
        if (find(key) != nullptr || (2 * (size_ + 1) > slots_.size() && !grow())) return false;
        place(slots_, key, value);
        ++size_;
        return true;
    }
    void erase(const Key& key) noexcept {
        if (slots_.empty()) return;
        std::size_t hole = home(key);
        for (; slots_[hole].used; hole = next(hole))
            if (slots_[hole].key == key) break;
        if (!slots_[hole].used) return;
        // Whoever would no longer be found from its home moves into the hole.
        for (std::size_t i = next(hole); slots_[i].used; i = next(i)) {
            const std::size_t wanted = home(slots_[i].key);
            if (((i - wanted) & mask()) < ((i - hole) & mask())) continue;
            slots_[hole] = slots_[i];
            hole = i;
        }
        slots_[hole] = {};
        --size_;
    }
    /// Calls `see(key, value)` for each, in no order. Nothing may be added or removed meanwhile.
    template <class See>
    void for_each(See see) noexcept {
        for (slot& s : slots_)
            if (s.used) see(s.key, s.value);
    }

private:
    struct slot {
        Key key{};
        Value value{};
        bool used = false;
    };

    [[nodiscard]] std::size_t mask() const noexcept { return slots_.size() - 1; }
    [[nodiscard]] std::size_t home(const Key& key) const noexcept {
        return static_cast<std::size_t>(hash_(key)) & mask();
    }
    [[nodiscard]] std::size_t next(std::size_t i) const noexcept { return (i + 1) & mask(); }

    void place(buffer<slot>& slots, const Key& key, const Value& value) noexcept {
        const std::size_t wrap = slots.size() - 1;
        std::size_t i = static_cast<std::size_t>(hash_(key)) & wrap;
        while (slots[i].used) i = (i + 1) & wrap;
        slots[i] = {key, value, true};
    }
    [[nodiscard]] bool grow() noexcept {
        buffer<slot> larger;
        if (!larger.create(slots_.empty() ? 8 : 2 * slots_.size(), memory_)) return false;
        for (const slot& s : slots_)
            if (s.used) place(larger, s.key, s.value);
        slots_ = std::move(larger);
        return true;
    }

    allocator memory_;
    Hash hash_;
    buffer<slot> slots_;
    std::size_t size_ = 0;
};

}  // namespace masque
}  // namespace v0
}  // namespace duality
