// SPDX-License-Identifier: MIT
//
// A relay in virtual time for the fuzz targets that attack one: a client without manners, a target that answers, and what
// must hold afterwards whatever was done.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "support/counting_allocator.hpp"
#include "support/fuzz_input.hpp"
#include "support/http_head.hpp"

namespace duality::test {

class relay_under_fire {
public:
    /// With the sizes of a small relay, so that its bounds are near.
    relay_under_fire() {
        world_.relay_config.secret.fill(7);
        world_.relay_config.max_tunnels = 8;
        world_.relay_config.max_tunnels_per_client = 8;
        world_.relay_config.max_lookups_per_client = 2;
        world_.relay_config.buffered_datagrams = 64;
        world_.relay_config.max_bonds = 2;
        world_.memory = memory_.get();
        world_.relay_config.rest_after = {};  // so that all of its memory is counted
        world_.start_relay();
        world_.memory = allocator::system();
        client_.emplace(world_, address_of("203.0.113.66", 50'000)).get_ready();
    }

    [[nodiscard]] raw_client& client() { return *client_; }
    [[nodiscard]] masque_world& world() { return world_; }

    /// The relay's memory stays within its bounds, and nothing is left of the client once it is silent.
    void check() {
        constexpr std::size_t memory_max = std::size_t{4} << 20;
        require(memory_.live_bytes() < memory_max);
        require(!world_.stuck);
        client_.reset();
        // A keep-alive, the time-out of a silent connection after it, and the grace of a bond.
        world_.run_for(duration::from_seconds(60));
        require(world_.relay->is_idle());
        const masque::relay_statistics left = world_.relay->statistics();
        require(left.open_tunnels == 0 && left.open_bonds == 0 && left.handshakes == 0);
        require(world_.targets.empty());
    }
    /// Somebody else is served.
    void check_service() {
        world_.start_tunnel();
        const masque::flow_id flow = world_.open();
        world_.run_for(duration::from_ms(200));
        require(world_.send(flow, {1, 2, 3}) == status::ok);
        world_.run_for(duration::from_ms(200));
        require(!world_.delivered().empty());
    }

private:
    counting_allocator memory_;
    masque_world world_;
    std::optional<raw_client> client_;
};

/// Up to `most` of the bytes of a run.
[[nodiscard]] inline bytes take_bytes(reader& in, std::size_t most) {
    bytes out(in.take<std::uint8_t>() % (most + 1));
    for (std::uint8_t& byte : out) byte = in.take<std::uint8_t>();
    return out;
}

}  // namespace duality::test
