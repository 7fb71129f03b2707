// SPDX-License-Identifier: MIT
//
// An allocator that counts, and that says no when told to.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>

#include "duality/memory.hpp"

namespace duality::test {

class counting_allocator {
public:
    /// Calls that succeed before one fails; everything after that one fails too.
    explicit counting_allocator(std::size_t allowed = std::numeric_limits<std::size_t>::max()) : allowed_{allowed} {}
    counting_allocator(const counting_allocator&) = delete;
    counting_allocator& operator=(const counting_allocator&) = delete;

    [[nodiscard]] allocator get() noexcept { return {this, &allocate, &release}; }

    [[nodiscard]] std::size_t calls() const noexcept { return calls_; }
    [[nodiscard]] std::size_t live_blocks() const noexcept { return live_blocks_; }
    [[nodiscard]] std::size_t live_bytes() const noexcept { return live_bytes_; }

private:
    static void* allocate(void* user, std::size_t size, std::size_t alignment) noexcept {
        auto& self = *static_cast<counting_allocator*>(user);
        if (self.calls_++ >= self.allowed_) return nullptr;
        const allocator heap = allocator::system();
        void* memory = heap.allocate(heap.user, size, alignment);
        if (memory == nullptr) return nullptr;
        ++self.live_blocks_;
        self.live_bytes_ += size;
        return memory;
    }
    static void release(void* user, void* memory, std::size_t size, std::size_t alignment) noexcept {
        auto& self = *static_cast<counting_allocator*>(user);
        --self.live_blocks_;
        self.live_bytes_ -= size;
        const allocator heap = allocator::system();
        heap.release(heap.user, memory, size, alignment);
    }

    std::size_t allowed_;
    std::size_t calls_ = 0;
    std::size_t live_blocks_ = 0;
    std::size_t live_bytes_ = 0;
};

}  // namespace duality::test
