// SPDX-License-Identifier: MIT
//
// What the session's tests ask of a session pair.
#pragma once

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "support/session_pair.hpp"

namespace duality::test {

inline constexpr std::size_t near = session_pair::near;
inline constexpr std::size_t far = session_pair::far;

[[nodiscard]] inline session open_session(const session_config& config = {}) {
    auto made = session::create(config, allocator::system());
    REQUIRE(made.has_value());
    return std::move(made).value();
}

/// What a session has put into a datagram, in order.
[[nodiscard]] inline std::vector<wire::frame> frames_of(const seen_transmission& t) {
    std::vector<wire::frame> out;
    wire::packet_reader in{t.datagram};
    wire::packet_header header;
    REQUIRE(in.start(header) == status::ok);
    for (wire::frame frame; in.next(frame) == status::ok;) out.push_back(frame);
    return out;
}

/// The numbers of the packets delivered at `end`, which must be byte-exact copies of a flow that began with payload
/// `first`; a packet that comes twice fails the test.
[[nodiscard]] inline std::vector<std::uint64_t> delivered_numbers(const session_pair& pair, std::size_t end,
                                                                  std::size_t size, std::size_t flow_length,
                                                                  std::uint64_t first = 0) {
    std::map<bytes, std::uint64_t> known;
    for (std::uint64_t i = 0; i < flow_length; ++i) known[payload_of(first + i, size)] = i;
    std::vector<std::uint64_t> out;
    std::set<std::uint64_t> seen;
    for (const seen_delivery& d : pair.deliveries[end]) {
        const auto found = known.find(d.payload);
        REQUIRE(found != known.end());
        CHECK(seen.insert(found->second).second);
        out.push_back(found->second);
    }
    return out;
}

/// The longest time between two deliveries of packets that were in time.
[[nodiscard]] inline duration longest_gap(const session_pair& pair, std::size_t end) {
    duration longest{};
    const auto& list = pair.deliveries[end];
    for (std::size_t i = 1; i < list.size(); ++i) longest = std::max(longest, list[i].at - list[i - 1].at);
    return longest;
}

[[nodiscard]] inline std::uint64_t bytes_on(const session_pair& pair, std::size_t from, path_id path,
                                            std::uint32_t overhead) {
    std::uint64_t total = 0;
    for (const auto& t : pair.sent[from])
        if (t.path == path) total += t.datagram.size() + overhead;
    return total;
}

/// Everything but source packets and hot copies, both ends, in bytes on the wire.
[[nodiscard]] inline std::uint64_t extra_bytes(const session_statistics& s) {
    return s.sender.extra_bytes();
}

[[nodiscard]] inline link_rule lose_every(std::size_t period) {
    return [period, n = std::size_t{0}](const seen_transmission&) mutable {
        return ++n % period == 0 ? std::vector<duration>{} : std::vector<duration>{duration::from_ms(10)};
    };
}

}  // namespace duality::test
