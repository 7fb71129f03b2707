// SPDX-License-Identifier: MIT
//
// Bytes and where they live: byte views, the caller's allocator, and arrays whose size is fixed at creation.
//
// Every object takes all its memory in `create` and gives it back in its destructor; between the two it never
// allocates.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <span>
#include <type_traits>
#include <utility>

namespace duality {
inline namespace v0 {

using byte_view = std::span<const std::uint8_t>;
using byte_span = std::span<std::uint8_t>;

/// Where memory comes from. `allocate` returns nullptr when it has none; it must not throw. Copied by value; `user`
/// must outlive every object made with it.
struct allocator {
    void* user = nullptr;
    void* (*allocate)(void* user, std::size_t bytes, std::size_t alignment) noexcept = nullptr;
    void (*release)(void* user, void* memory, std::size_t bytes, std::size_t alignment) noexcept = nullptr;

    /// The global heap.
    [[nodiscard]] static allocator system() noexcept {
        return {nullptr,
                [](void*, std::size_t bytes, std::size_t alignment) noexcept -> void* {
                    return ::operator new (bytes, std::align_val_t{alignment}, std::nothrow);
                },
                [](void*, void* memory, std::size_t, std::size_t alignment) noexcept {
                    ::operator delete (memory, std::align_val_t{alignment});
                }};
    }
};

/// A fixed-size array that owns its memory through an `allocator`. Move-only; empty after a failed `create`.
template <class T>
class buffer {
public:
    buffer() noexcept = default;
    buffer(buffer&& other) noexcept
        : memory_{other.memory_}, data_{std::exchange(other.data_, nullptr)}, size_{std::exchange(other.size_, 0)} {}
    buffer& operator=(buffer&& other) noexcept {
        if (this != &other) {
            reset();
            memory_ = other.memory_;
            data_ = std::exchange(other.data_, nullptr);
            size_ = std::exchange(other.size_, 0);
        }
        return *this;
    }
    buffer(const buffer&) = delete;
    buffer& operator=(const buffer&) = delete;
    ~buffer() { reset(); }

    /// `count` value-initialised elements, or false when there is no memory (the buffer is then empty). Zero elements
    /// need no memory and succeed.
    [[nodiscard]] bool create(std::size_t count, const allocator& memory) noexcept {
        static_assert(std::is_nothrow_default_constructible_v<T> && std::is_nothrow_destructible_v<T>);
        if (!take(count, memory)) return false;
        std::uninitialized_value_construct_n(data_, count);
        return true;
    }
    /// The same, but for plain data nothing is written: an element has no value until it is assigned one, and a page that
    /// no element was assigned on takes no memory of the machine. Other types are made as by `create`.
    [[nodiscard]] bool create_untouched(std::size_t count, const allocator& memory) noexcept {
        if constexpr (std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T>)
            return take(count, memory);
        else
            return create(count, memory);
    }

    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
    [[nodiscard]] T* data() noexcept { return data_; }
    [[nodiscard]] const T* data() const noexcept { return data_; }
    [[nodiscard]] T& operator[](std::size_t i) noexcept { return data_[i]; }
    [[nodiscard]] const T& operator[](std::size_t i) const noexcept { return data_[i]; }
    [[nodiscard]] T* begin() noexcept { return data_; }
    [[nodiscard]] T* end() noexcept { return data_ + size_; }
    [[nodiscard]] const T* begin() const noexcept { return data_; }
    [[nodiscard]] const T* end() const noexcept { return data_ + size_; }

private:
    /// Whole cache lines, so that vector kernels may load aligned.
    static constexpr std::size_t alignment = alignof(T) > 64 ? alignof(T) : 64;

    [[nodiscard]] bool take(std::size_t count, const allocator& memory) noexcept {
        reset();
        if (count == 0) return true;
        if (count > static_cast<std::size_t>(-1) / sizeof(T)) return false;
        void* raw = memory.allocate(memory.user, count * sizeof(T), alignment);
        if (raw == nullptr) return false;
        memory_ = memory;
        data_ = static_cast<T*>(raw);
        size_ = count;
        return true;
    }
    void reset() noexcept {
        if (data_ == nullptr) return;
        std::destroy_n(data_, size_);
        memory_.release(memory_.user, data_, size_ * sizeof(T), alignment);
        data_ = nullptr;
        size_ = 0;
    }

    allocator memory_{};
    T* data_ = nullptr;
    std::size_t size_ = 0;
};

}  // namespace v0
}  // namespace duality
