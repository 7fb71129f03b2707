// SPDX-License-Identifier: MIT
//
// How a session takes its memory: what is small lies side by side, apart from what is large and mostly not used, so that
// the pages which a quiet flow touches are few. No promise of stability.
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>
#include <utility>

#include "duality/memory.hpp"

namespace duality {
inline namespace v0 {
namespace detail {

/// Gives out pieces of larger blocks of another allocator; a piece is not used again. Must outlive what it gave out.
class session_memory {
public:
    session_memory() noexcept = default;
    session_memory(session_memory&& other) noexcept : state_{std::exchange(other.state_, nullptr)} {}
    /// What this one has given out may still be released until the other one goes.
    session_memory& operator=(session_memory&& other) noexcept {
        std::swap(state_, other.state_);
        return *this;
    }
    session_memory(const session_memory&) = delete;
    session_memory& operator=(const session_memory&) = delete;
    ~session_memory() {
        if (state_ == nullptr) return;
        const allocator from = state_->from;
        for (block* b = state_->blocks; b != nullptr;) {
            block* const next = b->next;
            from.release(from.user, b, b->bytes, alignment);
            b = next;
        }
        from.release(from.user, state_, sizeof(state), alignment);
    }

    [[nodiscard]] bool create(const allocator& from) noexcept {
        void* const raw = from.allocate(from.user, sizeof(state), alignment);
        if (raw == nullptr) return false;
        state_ = new (raw) state{.from = from};
        return true;
    }
    /// Precondition: created.
    [[nodiscard]] allocator get() noexcept { return {state_, &allocate, &release}; }

private:
    static constexpr std::size_t alignment = 64;
    static constexpr std::size_t small_piece = 2'048;
    static constexpr std::size_t small_block = 8'192;
    static constexpr std::size_t large_piece = 16'384;
    static constexpr std::size_t large_block = 32'768;

    struct block {
        block* next = nullptr;
        std::size_t bytes = 0;
    };
    /// What is left of a block.
    struct rest {
        std::uint8_t* at = nullptr;
        std::size_t bytes = 0;
    };
    struct state {
        allocator from;
        block* blocks = nullptr;
        rest small{};
        rest large{};
    };

    [[nodiscard]] static bool is_piece(std::size_t bytes, std::size_t aligned) noexcept {
        return bytes <= large_piece && aligned <= alignment;
    }
    static void* allocate(void* user, std::size_t bytes, std::size_t aligned) noexcept {
        state& s = *static_cast<state*>(user);
        if (!is_piece(bytes, aligned)) return s.from.allocate(s.from.user, bytes, aligned);
        const std::size_t size = (bytes + alignment - 1) / alignment * alignment;
        rest& r = size <= small_piece ? s.small : s.large;
        if (r.bytes < size) {
            const bool alone = size > large_block / 4;  // rather than to leave the rest unused
            const std::size_t whole = alone ? size + alignment : size <= small_piece ? small_block : large_block;
            void* const raw = s.from.allocate(s.from.user, whole, alignment);
            if (raw == nullptr) return nullptr;
            s.blocks = new (raw) block{.next = s.blocks, .bytes = whole};
            std::uint8_t* const first = static_cast<std::uint8_t*>(raw) + alignment;
            if (alone) return first;
            r = {first, whole - alignment};
        }
        r.bytes -= size;
        return std::exchange(r.at, r.at + size);
    }
    static void release(void* user, void* memory, std::size_t bytes, std::size_t aligned) noexcept {
        const state& s = *static_cast<state*>(user);
        if (!is_piece(bytes, aligned)) s.from.release(s.from.user, memory, bytes, aligned);
    }

    state* state_ = nullptr;
};

}  // namespace detail
}  // namespace v0
}  // namespace duality
