// SPDX-License-Identifier: MIT
//
// The caller's allocator for objects that come and go with connections and requests, and for libraries that free
// without saying how much.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

#include "duality/memory.hpp"

namespace duality {
inline namespace v0 {
namespace masque {

struct heap_deleter {
    allocator memory{};
    template <class T>
    void operator()(T* object) const noexcept {
        std::destroy_at(object);
        memory.release(memory.user, object, sizeof(T), alignof(T));
    }
};
template <class T>
using heap_ptr = std::unique_ptr<T, heap_deleter>;

/// Empty when there is no memory.
template <class T, class... Arguments>
[[nodiscard]] heap_ptr<T> make_on_heap(const allocator& memory, Arguments&&... arguments) noexcept {
    static_assert(std::is_nothrow_constructible_v<T, Arguments...>);
    void* const raw = memory.allocate(memory.user, sizeof(T), alignof(T));
    if (raw == nullptr) return heap_ptr<T>{nullptr, heap_deleter{memory}};
    return heap_ptr<T>{::new (raw) T(std::forward<Arguments>(arguments)...), heap_deleter{memory}};
}

/// malloc and its relatives over an allocator: each block begins with its size.
class sized_heap {
public:
    [[nodiscard]] static void* allocate(const allocator& memory, std::size_t size) noexcept {
        if (size > static_cast<std::size_t>(-1) - prefix) return nullptr;
        void* const raw = memory.allocate(memory.user, size + prefix, prefix);
        if (raw == nullptr) return nullptr;
        std::memcpy(raw, &size, sizeof size);
        return static_cast<std::uint8_t*>(raw) + prefix;
    }
    [[nodiscard]] static void* allocate_zeroed(const allocator& memory, std::size_t count, std::size_t size) noexcept {
        if (size != 0 && count > static_cast<std::size_t>(-1) / size) return nullptr;
        void* const block = allocate(memory, count * size);
        if (block != nullptr) std::memset(block, 0, count * size);
        return block;
    }
    [[nodiscard]] static void* reallocate(const allocator& memory, void* block, std::size_t size) noexcept {
        if (block == nullptr) return allocate(memory, size);
        const std::size_t before = size_of(block);
        if (size <= before && size >= before / 2) return block;
        void* const moved = allocate(memory, size);
        if (moved == nullptr) return nullptr;
        std::memcpy(moved, block, before < size ? before : size);
        release(memory, block);
        return moved;
    }
    static void release(const allocator& memory, void* block) noexcept {
        if (block == nullptr) return;
        memory.release(memory.user, static_cast<std::uint8_t*>(block) - prefix, size_of(block) + prefix, prefix);
    }

private:
    static constexpr std::size_t prefix = alignof(std::max_align_t);
    static_assert(prefix >= sizeof(std::size_t));

    [[nodiscard]] static std::size_t size_of(const void* block) noexcept {
        std::size_t size = 0;
        std::memcpy(&size, static_cast<const std::uint8_t*>(block) - prefix, sizeof size);
        return size;
    }
};

}  // namespace masque
}  // namespace v0
}  // namespace duality
