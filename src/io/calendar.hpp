// SPDX-License-Identifier: MIT
//
// The calendar's time, for certificates and daily budgets.
#pragma once

#include <chrono>

#include "duality/time.hpp"

namespace duality {
inline namespace v0 {
namespace io {

[[nodiscard]] inline wall_time calendar_now() noexcept {
    const auto since_1970 = std::chrono::system_clock::now().time_since_epoch();
    return wall_time::from_ns(std::chrono::duration_cast<std::chrono::nanoseconds>(since_1970).count());
}

}  // namespace io
}  // namespace v0
}  // namespace duality
