// SPDX-License-Identifier: MIT
//
// Notices that a flow has stopped: the next packet is overdue by more than the path's jitter explains. How much that is
// is learned from being wrong: every alarm makes the watch more patient, time makes it less so, and the two balance at
// about one alarm a second. No promise of stability.
#pragma once

#include <algorithm>

#include "duality/time.hpp"

namespace duality {
inline namespace v0 {
namespace detail {

class stall_watch {
public:
    /// A packet came, sent `spacing` after the one before it; zero when that is unknown.
    void on_packet(instant now, duration spacing) noexcept {
        if (last_ != instant::before_all()) {
            expected_ = std::max(spacing, expected_ - expected_ / 32);
            patience_ = std::max(patience_ - (now - last_) / calm_divisor, patience_min);
        }
        last_ = now;
        alarmed_ = false;
    }

    /// When silence is a stall. `never()` when it already was one, or when the flow is too sparse for silence to mean
    /// anything.
    [[nodiscard]] instant due() const noexcept {
        const bool watching = !alarmed_ && expected_ > duration::zero() && expected_ <= spacing_max;
        return watching ? last_ + expected_ + patience_ : instant::never();
    }

    /// True once for each stall.
    [[nodiscard]] bool poll(instant now) noexcept {
        if (now < due()) return false;
        alarmed_ = true;
        patience_ = std::min(patience_ + alarm_step, patience_max);
        return true;
    }

    /// Of the packets at the sender, the longest recent one; zero when unknown or too long to expect anything.
    [[nodiscard]] duration spacing() const noexcept { return expected_ <= spacing_max ? expected_ : duration::zero(); }
    [[nodiscard]] bool stalled() const noexcept { return alarmed_; }

private:
    static constexpr duration patience_min = duration::from_ms(6);
    static constexpr duration patience_max = duration::from_ms(40);
    static constexpr duration alarm_step = duration::from_ms(2);
    static constexpr std::int64_t calm_divisor = 512;  ///< 2 ms of patience lost per second
    static constexpr duration spacing_max = duration::from_ms(60);

    instant last_ = instant::before_all();
    duration expected_{};  ///< longest recent spacing at the sender
    duration patience_ = patience_min * 2;
    bool alarmed_ = false;
};

}  // namespace detail
}  // namespace v0
}  // namespace duality
