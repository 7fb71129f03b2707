// SPDX-License-Identifier: MIT
//
// How a session ends: who says that it does, how often, until when, and when both ends know. No promise of stability.
//
// The end that closes says so on its paths, and again with growing pauses, until the peer has answered or the time for
// it is up. The other end answers each time it hears it, and stays for a while after the last time: its answer may have
// been lost.
#pragma once

#include <algorithm>

#include "duality/time.hpp"
#include "duality/wire.hpp"

namespace duality {
inline namespace v0 {
namespace detail {

class farewell {
public:
    /// This end closes; `round_trip` is that of its longest path, the peer has `timeout` to answer.
    void begin(instant now, wire::close_reason reason, duration round_trip, duration timeout) noexcept {
        reason_ = reason;
        saying_ = true;
        next_ = now;
        pause_ = std::clamp(round_trip + round_trip / 2, pause_min, pause_max);
        over_at_ = latest_ = now + timeout;
    }
    /// The peer closes, or says so again. True when it is the first word of an end.
    bool on_close(instant now, wire::close_reason reason, duration round_trip, duration timeout) noexcept {
        const bool first = !saying_ && !heard_;
        if (first) {
            reason_ = reason;
            latest_ = now + timeout;
        }
        heard_ = true;
        next_ = instant::never();
        // Whoever says it for ever is not waited for.
        over_at_ = std::min(latest_, now + std::max(round_trip * 2, stay_min));
        return first;
    }
    /// The peer has answered: there is nothing to wait for, unless it closes too.
    void on_answer(instant now) noexcept {
        if (!saying_ || heard_) return;
        next_ = instant::never();
        over_at_ = std::min(over_at_, now);
    }

    /// Is it time to say it (again)?
    [[nodiscard]] bool poll(instant now) noexcept {
        if (now < next_) return false;
        next_ = now + pause_ < over_at_ ? now + pause_ : instant::never();
        pause_ = std::min(pause_ * 2, pause_max);
        return true;
    }
    [[nodiscard]] bool is_over(instant now) const noexcept { return now >= over_at_ && now < next_; }
    /// When `poll` or `is_over` becomes true.
    [[nodiscard]] instant next_timeout() const noexcept { return std::min(next_, over_at_); }
    [[nodiscard]] wire::close_reason reason() const noexcept { return reason_; }

private:
    static constexpr duration pause_min = duration::from_ms(20);
    static constexpr duration pause_max = duration::from_ms(250);
    static constexpr duration stay_min = duration::from_ms(100);

    wire::close_reason reason_ = wire::close_reason::normal;
    bool saying_ = false;  ///< this end closed
    bool heard_ = false;   ///< the peer did
    instant next_ = instant::never();
    duration pause_{};
    instant over_at_ = instant::never();
    instant latest_ = instant::never();
};

}  // namespace detail
}  // namespace v0
}  // namespace duality
