// SPDX-License-Identifier: MIT
//
// Datagrams between two ends of a simulation.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <queue>
#include <vector>

#include "duality/memory.hpp"
#include "duality/path.hpp"
#include "duality/time.hpp"

namespace duality {
inline namespace v0 {
namespace lab {
namespace detail {

/// A datagram under way. Ordered by arrival, then by departure, so that the order never depends on the heap.
struct in_flight {
    instant arrival;
    std::uint64_t order = 0;
    std::uint32_t block = 0;  ///< of the pool
    std::uint32_t size = 0;
    path_id path = 0;
    bool to_far = false;

    bool operator>(const in_flight& other) const noexcept {
        return arrival != other.arrival ? arrival > other.arrival : order > other.order;
    }
};

/// Everything under way, the next arrival on top. The bytes are in blocks that are used again.
class air {
public:
    static constexpr std::size_t block_size = 2048;

    [[nodiscard]] bool empty() const noexcept { return queue_.empty(); }
    [[nodiscard]] std::size_t size() const noexcept { return queue_.size(); }
    [[nodiscard]] instant next_arrival() const noexcept {
        return queue_.empty() ? instant::never() : queue_.top().arrival;
    }

    /// `bytes` are at most `block_size`.
    void put(instant arrival, path_id path, bool to_far, byte_view bytes) {
        if (free_.empty()) {
            free_.push_back(static_cast<std::uint32_t>(blocks_.size()));
            blocks_.emplace_back();
        }
        const std::uint32_t block = free_.back();
        free_.pop_back();
        std::copy(bytes.begin(), bytes.end(), blocks_[block].begin());
        queue_.push({arrival, order_++, block, static_cast<std::uint32_t>(bytes.size()), path, to_far});
    }
    /// The next one to arrive. Its bytes stay valid until `release`.
    [[nodiscard]] in_flight take() {
        const in_flight next = queue_.top();
        queue_.pop();
        return next;
    }
    [[nodiscard]] byte_span bytes(const in_flight& d) { return byte_span{blocks_[d.block]}.first(d.size); }
    void release(const in_flight& d) { free_.push_back(d.block); }

private:
    std::priority_queue<in_flight, std::vector<in_flight>, std::greater<>> queue_;
    std::vector<std::array<std::uint8_t, block_size>> blocks_;
    std::vector<std::uint32_t> free_;
    std::uint64_t order_ = 0;
};

}  // namespace detail
}  // namespace lab
}  // namespace v0
}  // namespace duality
