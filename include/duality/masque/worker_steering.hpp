// SPDX-License-Identifier: MIT
//
// Which of several relays behind one UDP port a packet is for, told by its connection id alone. So a connection stays with
// its relay when the client's address changes, and the choice can be made before anybody has looked at the packet: by the
// kernel, or by whoever got it.
//
// It depends on the first four bytes of the destination connection id, mixed with a secret: nobody else can tell which
// relay an id leads to, or that two ids lead to the same. What a client chooses for its first packets is steered like
// everything else; connections whose first ids begin alike begin at the same relay.
#pragma once

#include <array>
#include <cstdint>

#include "duality/memory.hpp"
#include "duality/status.hpp"

namespace duality {
inline namespace v0 {
namespace masque {

class worker_steering {
public:
    static constexpr std::uint32_t workers_max = 256;  ///< no more behind one port
    static constexpr std::size_t long_offset = 6;      ///< of the id in a packet whose first bit is one
    static constexpr std::size_t short_offset = 1;     ///< of the id in another packet
    static constexpr std::size_t id_bytes = 4;         ///< that the choice depends on

    /// Everything is for the only one there is.
    worker_steering() noexcept = default;
    /// The same secret and number give the same choices. `workers`: 1…`workers_max`; others count as the nearest.
    worker_steering(const std::array<std::uint8_t, 32>& secret, std::uint32_t workers) noexcept;

    /// How many there are to choose from.
    [[nodiscard]] std::uint32_t workers() const noexcept { return workers_; }
    /// For a packet as it came; 0 for what is too short to say.
    [[nodiscard]] std::uint32_t worker_of(byte_view packet) const noexcept {
        if (workers_ == 1 || packet.empty()) return 0;
        const std::size_t offset = (packet[0] & 0x80) != 0 ? long_offset : short_offset;
        return packet.size() < offset + id_bytes ? 0 : worker_of_id(packet.subspan(offset));
    }
    /// For a connection id of at least `id_bytes`.
    [[nodiscard]] std::uint32_t worker_of_id(byte_view id) const noexcept {
        std::uint32_t x = std::uint32_t{id[0]} << 24 | std::uint32_t{id[1]} << 16 | std::uint32_t{id[2]} << 8 | id[3];
        x = (x ^ mixing_.mask) * mixing_.first_factor;
        x = (x ^ x >> 16) * mixing_.second_factor;
        x ^= x >> 16;
        return x % workers_;
    }
    /// Changes the first bytes of a connection id until it leads to `worker`, which must be one of `workers()`.
    void lead_to(std::uint32_t worker, byte_span id) const noexcept;

    /// What `worker_of_id` mixes with, made of the secret.
    struct mixing {
        std::uint32_t mask = 0;           ///< to begin with
        std::uint32_t first_factor = 1;   ///< odd, so that nothing is lost
        std::uint32_t second_factor = 1;  ///< odd too
    };
    /// For who makes the choice elsewhere in the same way.
    [[nodiscard]] const mixing& numbers() const noexcept { return mixing_; }

private:
    mixing mixing_;
    std::uint32_t workers_ = 1;
};

}  // namespace masque
}  // namespace v0
}  // namespace duality
