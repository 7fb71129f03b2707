// SPDX-License-Identifier: MIT
//
// The network of `duality demo`: a short film of what a bad day on a home connection looks like.
#pragma once

#include <cstdint>
#include <string_view>

#include "duality/lab/families.hpp"
#include "duality/time.hpp"

namespace duality {
inline namespace v0 {
namespace io {

inline constexpr std::string_view demo_network_name = "demo";
inline constexpr std::string_view demo_network_summary =
    "RTT 30 ms, jitter 3 ms with 2 % spikes of 15 ms, 1 % loss, 10 outages/min of 150-400 ms";

/// RTT 30 ms, jitter and spikes as of a home connection in the evening, 1 % loss in bursts, and outages of 150 to 400 ms.
/// Ten outages a minute are more than any family of the lab has: 20 s are to show three or four, not one. The second
/// path is the families' metered one. Slots are one `interval` long.
[[nodiscard]] lab::scenario demo_network(std::uint64_t seed, duration length, duration interval) noexcept;

}  // namespace io
}  // namespace v0
}  // namespace duality
