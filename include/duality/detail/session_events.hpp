// SPDX-License-Identifier: MIT
//
// A session's event lane: both directions, and when a message is to leave. No promise of stability.
#pragma once

#include <utility>

#include "duality/event_lane.hpp"
#include "duality/memory.hpp"
#include "duality/status.hpp"
#include "duality/time.hpp"

namespace duality {
inline namespace v0 {
namespace detail {

struct session_events {
    event_lane_sender sender;
    event_lane_receiver receiver;
    event_lane_config config;
    instant retry_at = instant::before_all();  ///< what could not leave is tried again then

    [[nodiscard]] static result<session_events> create(const event_lane_config& config,
                                                       const allocator& memory) noexcept {
        result<event_lane_sender> out = event_lane_sender::create(config, memory);
        if (!out) return out.error();
        result<event_lane_receiver> in = event_lane_receiver::create(config, memory);
        if (!in) return in.error();
        return session_events{std::move(out).value(), std::move(in).value(), config};
    }

    /// `repeats`: are old events said again?
    [[nodiscard]] instant send_at(bool repeats) const noexcept {
        if (!sender.has_new() && !repeats) return instant::never();
        const instant due = sender.next_timeout();
        return due.is_never() ? due : std::max(due, retry_at);
    }
    /// No path takes it now.
    void put_off(instant now) noexcept { retry_at = now + config.repeat_interval; }
};

}  // namespace detail
}  // namespace v0
}  // namespace duality
