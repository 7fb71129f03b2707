// SPDX-License-Identifier: MIT
//
// What stands in for sockets in the examples: the lab's paths between a client and a server, and the datagrams under way.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <vector>

#include "duality/lab/families.hpp"
#include "duality/session.hpp"

enum class toward { server, client };

class virtual_network {
public:
    /// Path 0 is the scenario's primary one, path 1 the second.
    explicit virtual_network(const duality::lab::scenario& s) : paths_{s.primary, s.second} {}

    void send(duality::instant now, toward end, const duality::transmission& t) {
        auto& direction = end == toward::server ? paths_[t.path].forward : paths_[t.path].reverse;
        const duality::instant arrival = direction.transmit(now, t.bytes.size() + ip_and_udp).arrival;
        if (!arrival.is_never()) under_way_.emplace(arrival, datagram{end, t.path, {t.bytes.begin(), t.bytes.end()}});
    }
    /// Calls `take(end, path, bytes)` for what has arrived by `now`.
    template <class Take>
    void arrive(duality::instant now, Take take) {
        while (!under_way_.empty() && under_way_.begin()->first <= now) {
            const datagram d = std::move(under_way_.extract(under_way_.begin()).mapped());
            take(d.end, d.path, duality::byte_view{d.bytes});
        }
    }

private:
    static constexpr std::size_t ip_and_udp = 28;
    struct datagram {
        toward end;
        duality::path_id path;
        std::vector<std::uint8_t> bytes;
    };
    std::array<duality::lab::path, 2> paths_;
    std::multimap<duality::instant, datagram> under_way_;
};
