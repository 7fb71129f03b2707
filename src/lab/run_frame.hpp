// SPDX-License-Identifier: MIT
//
// What is the same in every run of two ends over two paths, whoever the contender is.
#pragma once

#include <cstdint>

#include "duality/scheduler.hpp"
#include "duality/time.hpp"

namespace duality {
inline namespace v0 {
namespace lab {

inline constexpr path_id primary_path = 0;
inline constexpr path_id second_path = 1;
inline constexpr std::uint32_t ip_udp_bytes = 28;
/// What is under way at the end of the flow may still arrive, be repaired and released.
inline constexpr duration settle_time = duration::from_seconds(2);

}  // namespace lab
}  // namespace v0
}  // namespace duality
