// SPDX-License-Identifier: MIT
//
// One protected flow over real sockets for as long as wanted, through networks that change, and what that costs in the
// long run: memory, file descriptors, delay. The networks come round again with the same seeds, so that a round can be
// compared with another one.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "duality/session_config.hpp"
#include "duality/time.hpp"

namespace duality {
inline namespace v0 {
namespace live {

struct soak_options {
    duration length = duration::from_seconds(3'600);
    duration regime = duration::from_seconds(10);  ///< how long a network lasts; a round is all of them once
    std::uint64_t seed = 1;
    duration interval = duration::from_ms(5);  ///< between packets
    std::uint32_t packet_bytes = 160;          ///< 16 … 1200
};

/// What may grow, between the first round and the last one. A soak of fewer than three rounds is compared as far as it
/// goes.
struct soak_limits {
    std::int64_t heap_bytes = 1 << 20;
    std::int64_t resident_bytes = 8 << 20;
    std::int64_t descriptors = 0;
    duration delay_p50 = duration::from_ms(2);
    duration delay_p95 = duration::from_ms(10);
    double overhead_pct = 10;
};

/// One round: the same networks as in every other one.
struct soak_round {
    double hours = 0;  ///< at its end, since the start
    std::int64_t heap_bytes = 0;
    std::int64_t resident_bytes = 0;
    std::int64_t descriptors = 0;
    std::uint64_t sent = 0;
    std::uint64_t released = 0;
    duration delay_p50{};  ///< from sending to release
    duration delay_p95{};
    duration lateness_p99{};  ///< of the sessions' timers and the network, since the start
    double overhead_pct = 0;  ///< since the start
};

struct soak_result {
    std::vector<soak_round> rounds;
    std::uint64_t sent = 0;
    std::uint64_t released = 0;
    std::uint64_t repeated = 0;  ///< packets that were released twice
    std::uint64_t damaged = 0;   ///< released with bytes that nobody had sent
    std::uint64_t refused = 0;   ///< not accepted by the session
    std::uint64_t socket_errors = 0;
    duration length{};
    std::vector<std::string> violations;  ///< empty when nothing grew beyond the limits
};

/// Runs in this thread until the end, or until `stop` becomes true. Empty, with the reason in `error`, when a part
/// cannot be opened. `on_round` may be empty.
[[nodiscard]] std::optional<soak_result> soak(const soak_options& options, const soak_limits& limits,
                                              const std::atomic<bool>& stop,
                                              const std::function<void(const soak_round&)>& on_round,
                                              std::string& error);

/// What grew beyond `limits` from the first comparable round to the last; the first round warms up and is left out as
/// soon as there are three.
[[nodiscard]] std::vector<std::string> find_growth(const std::vector<soak_round>& rounds, const soak_limits& limits);

}  // namespace live
}  // namespace v0
}  // namespace duality
