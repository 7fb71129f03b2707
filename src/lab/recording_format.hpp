// SPDX-License-Identifier: MIT
//
// The bytes of a recording, for its writer and its reader; `docs/live.md` says the same in words.
#pragma once

#include <array>
#include <cstdint>

namespace duality {
inline namespace v0 {
namespace lab {
namespace detail {

/// "DUALREC" and the version.
inline constexpr std::array<std::uint8_t, 8> recording_magic = {'D', 'U', 'A', 'L', 'R', 'E', 'C', 1};

/// Values are part of the format and never change.
enum class recorded_call : std::uint8_t {
    end = 0,
    add_path = 1,
    remove_path = 2,
    send = 3,
    datagram = 4,
    timeout = 5,
    poll = 6,
    set_stream = 7,
    set_wall_clock = 8,
    close = 9,
    send_event = 10,
};

[[nodiscard]] constexpr std::uint64_t zigzag(std::int64_t value) noexcept {
    return static_cast<std::uint64_t>(value) << 1 ^ static_cast<std::uint64_t>(value >> 63);
}
[[nodiscard]] constexpr std::int64_t unzigzag(std::uint64_t value) noexcept {
    return static_cast<std::int64_t>(value >> 1 ^ (0 - (value & 1)));
}

}  // namespace detail
}  // namespace lab
}  // namespace v0
}  // namespace duality
