// SPDX-License-Identifier: MIT
//
// Memory for datagrams under way: a fixed number of slots, shared by all queues of an endpoint.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "duality/memory.hpp"
#include "duality/time.hpp"

namespace duality {
inline namespace v0 {
namespace masque {

/// A slot keeps room before the payload, so that framing is written in front of it without a copy.
class datagram_pool {
public:
    static constexpr std::uint32_t none = 0xFFFFFFFF;
    /// Capsule type, length, quarter stream id or context id in front of a payload.
    static constexpr std::size_t headroom = 32;
    /// What came from a capsule or waits for its request has its context id before it, as a part of the payload.
    static constexpr std::size_t context_max = 8;

    /// How many slots somebody holds, of this pool or of those of other threads too.
    using share = std::atomic<std::uint32_t>;

    struct slot {
        std::uint32_t next = none;
        std::uint32_t size = 0;     ///< of the payload
        std::uint32_t framing = 0;  ///< bytes of the headroom in use, right before the payload
        std::uint64_t owner = 0;    ///< a stream's or a target's number
        std::uint64_t mark = 0;     ///< told when it is acknowledged
        instant at{};               ///< when it came, or when it is worthless
        share* holder = nullptr;    ///< whose it is
    };

    [[nodiscard]] bool create(std::size_t count, std::size_t payload_max, const allocator& memory) noexcept {
        payload_max_ = payload_max;
        stride_ = (headroom + context_max + payload_max + 63) / 64 * 64;
        if (!slots_.create(count, memory) || !bytes_.create(count * stride_, memory)) return false;
        for (std::size_t i = count; i-- > 0;) give(static_cast<std::uint32_t>(i));
        return true;
    }

    /// A slot with a copy of `payload`; `none` when all are in use or it does not fit. Who has a `holder` to be counted
    /// by has no more slots than half of those that are free, so that nobody has the last ones. It must outlive the slot.
    [[nodiscard]] std::uint32_t take(byte_view payload, share* holder = nullptr) noexcept {
        const std::uint32_t i = take_empty(payload.size(), holder);
        if (i != none && !payload.empty()) std::memcpy(memory(i) + headroom, payload.data(), payload.size());
        return i;
    }
    /// The same without filling it.
    [[nodiscard]] std::uint32_t take_empty(std::size_t size, share* holder = nullptr) noexcept {
        if (free_ == none || size > payload_max_ + context_max) return none;
        if (holder != nullptr && holder->load(std::memory_order_relaxed) >= free_count_ / 2) return none;
        const std::uint32_t i = free_;
        free_ = slots_[i].next;
        slots_[i] = {};
        slots_[i].size = static_cast<std::uint32_t>(size);
        slots_[i].holder = holder;
        if (holder != nullptr) holder->fetch_add(1, std::memory_order_relaxed);
        --free_count_;
        return i;
    }
    void give(std::uint32_t i) noexcept {
        if (share* const holder = std::exchange(slots_[i].holder, nullptr))
            holder->fetch_sub(1, std::memory_order_relaxed);
        slots_[i].next = free_;
        free_ = i;
        ++free_count_;
    }

    [[nodiscard]] slot& operator[](std::uint32_t i) noexcept { return slots_[i]; }
    [[nodiscard]] byte_span payload(std::uint32_t i) noexcept { return {memory(i) + headroom, slots_[i].size}; }
    /// Payload with the framing in front of it.
    [[nodiscard]] byte_span framed(std::uint32_t i) noexcept {
        const slot& s = slots_[i];
        return {memory(i) + headroom - s.framing, s.framing + s.size};
    }
    /// Puts bytes in front of what is framed already. Precondition: they fit into the headroom.
    void frame(std::uint32_t i, byte_view front) noexcept {
        slot& s = slots_[i];
        s.framing += static_cast<std::uint32_t>(front.size());
        std::memcpy(memory(i) + headroom - s.framing, front.data(), front.size());
    }

    [[nodiscard]] std::size_t payload_max() const noexcept { return payload_max_; }
    [[nodiscard]] std::size_t free_count() const noexcept { return free_count_; }

private:
    [[nodiscard]] std::uint8_t* memory(std::uint32_t i) noexcept { return bytes_.data() + i * stride_; }

    buffer<slot> slots_;
    buffer<std::uint8_t> bytes_;
    std::size_t stride_ = 0;
    std::size_t payload_max_ = 0;
    std::size_t free_count_ = 0;
    std::uint32_t free_ = none;
};

/// First-in-first-out over slots of one pool; takes no memory of its own. Not destroyed with datagrams in it: `clear`.
class datagram_list {
public:
    [[nodiscard]] bool empty() const noexcept { return first_ == datagram_pool::none; }
    [[nodiscard]] std::size_t count() const noexcept { return count_; }
    [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }
    /// Precondition: not empty.
    [[nodiscard]] std::uint32_t front() const noexcept { return first_; }

    void push(datagram_pool& pool, std::uint32_t i) noexcept {
        pool[i].next = datagram_pool::none;
        if (empty())
            first_ = i;
        else
            pool[last_].next = i;
        last_ = i;
        ++count_;
        bytes_ += pool[i].size;
    }
    /// Precondition: not empty.
    std::uint32_t pop(datagram_pool& pool) noexcept {
        const std::uint32_t i = first_;
        first_ = pool[i].next;
        --count_;
        bytes_ -= pool[i].size;
        return i;
    }
    void clear(datagram_pool& pool) noexcept {
        while (!empty()) pool.give(pop(pool));
    }
    /// Takes out what `chosen(index)` says, and hands it to `then(index)`.
    template <class Chosen, class Then>
    void extract(datagram_pool& pool, Chosen chosen, Then then) noexcept {
        datagram_list rest;
        datagram_list taken;
        while (!empty()) {
            const std::uint32_t i = pop(pool);
            (chosen(i) ? taken : rest).push(pool, i);
        }
        *this = rest;
        while (!taken.empty()) then(taken.pop(pool));
    }

private:
    std::uint32_t first_ = datagram_pool::none;
    std::uint32_t last_ = datagram_pool::none;
    std::size_t count_ = 0;
    std::size_t bytes_ = 0;
};

}  // namespace masque
}  // namespace v0
}  // namespace duality
