// SPDX-License-Identifier: MIT
//
// One end of a run of chaos: its session, its clock, and what its application knows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <set>
#include <utility>
#include <vector>

#include "duality/lab/chaos.hpp"
#include "duality/memory.hpp"
#include "duality/session.hpp"

namespace duality {
inline namespace v0 {
namespace lab {
namespace detail {

/// The system's heap, counted: nothing may be taken after creation, and everything must come back.
class counted_memory {
public:
    [[nodiscard]] allocator get() noexcept {
        return {this,
                [](void* user, std::size_t bytes, std::size_t alignment) noexcept -> void* {
                    auto& self = *static_cast<counted_memory*>(user);
                    ++self.calls_;
                    self.live_ += bytes;
                    const allocator heap = allocator::system();
                    return heap.allocate(heap.user, bytes, alignment);
                },
                [](void* user, void* memory, std::size_t bytes, std::size_t alignment) noexcept {
                    static_cast<counted_memory*>(user)->live_ -= bytes;
                    const allocator heap = allocator::system();
                    heap.release(heap.user, memory, bytes, alignment);
                }};
    }
    [[nodiscard]] std::uint64_t calls() const noexcept { return calls_; }
    [[nodiscard]] std::uint64_t live() const noexcept { return live_; }

private:
    std::uint64_t calls_ = 0;
    std::uint64_t live_ = 0;
};

enum class packet_state : std::uint8_t { accepted, rejected, delivered, late };

struct chaos_packet {
    instant sent;
    std::uint32_t size = 0;
    stream_id stream = 0;
    packet_state state = packet_state::accepted;
};

/// One end: the session, its clock, and what its application knows.
struct chaos_end {
    explicit chaos_end(session made) noexcept : session_{std::move(made)} {}

    session session_;
    duration ahead{};                      ///< its clock, against the world's
    instant seen = instant::before_all();  ///< the latest time it was told
    instant stalled_since = instant::before_all();
    instant stalled_until = instant::before_all();
    duration longest_stall{};
    bool disturbed = false;  ///< stalled or jumped since it was last drained
    bool has_free_path = true;
    std::vector<chaos_packet> packets;  ///< sent from here
    std::set<std::uint64_t> numbers;    ///< delivered here
    std::uint64_t metered_sent = 0;
    std::uint64_t deliveries = 0;
    std::uint64_t handed = 0;  ///< datagrams that its session must have counted
    std::uint64_t malformed = 0;
    datagram_fates datagrams;  ///< sent from here
    duration longest_delay{};  ///< of what was sent from here and not held back on purpose
};

}  // namespace detail
}  // namespace lab
}  // namespace v0
}  // namespace duality
