// SPDX-License-Identifier: MIT
//
// Tells a restarted end from the one before it: each life of an end has a number, which its datagrams carry until the
// peer knows it. No promise of stability.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "duality/time.hpp"
#include "duality/wire.hpp"

namespace duality {
inline namespace v0 {
namespace detail {

class session_epoch {
public:
    enum class verdict : std::uint8_t {
        current,
        restarted,  ///< the peer begins anew
        stale,      ///< from an earlier life of the peer
    };

    /// `own` 0: this end tells no epoch; it still answers one.
    explicit session_epoch(std::uint32_t own = 0) noexcept : own_{own} {}

    /// Before anything else of a datagram is read.
    [[nodiscard]] verdict on_frame(instant now, const wire::epoch_frame& frame) noexcept {
        if (frame.own != 0 && frame.own != peer_) {
            for (const std::uint32_t left : left_)
                if (left == frame.own) return verdict::stale;
        }
        if (frame.known == own_ && own_ != 0 && !confirmed_) {
            confirmed_ = true;
            tell_until_ = now + goes_on;
        }
        answers_ = answers_ || frame.asks;
        if (frame.own == 0 || frame.own == peer_) return verdict::current;
        const bool first = peer_ == 0;
        if (!first) {
            left_[next_left_++ % left_.size()] = peer_;
            deaf_until_ = now + deaf;
        }
        peer_ = frame.own;
        return first ? verdict::current : verdict::restarted;
    }
    /// A datagram without an epoch. Just after a restart it is from the life before.
    [[nodiscard]] bool is_stale(instant now) const noexcept { return now < deaf_until_; }
    /// Is what the peer says of our packets about this life?
    [[nodiscard]] bool is_known(instant now) const noexcept {
        return own_ == 0 || confirmed_ || (began_ != instant::before_all() && now - began_ > gives_up);
    }

    /// Does the next datagram carry it?
    [[nodiscard]] bool rides(instant now) const noexcept {
        return answers_ || (own_ != 0 && (!confirmed_ || now < tell_until_));
    }
    [[nodiscard]] wire::epoch_frame frame() const noexcept { return {own_ != 0 && !confirmed_, own_, peer_}; }
    void on_sent(instant now) noexcept {
        if (began_ == instant::before_all()) began_ = now;
        answers_ = false;
    }
    /// Does this end tell one of its own?
    [[nodiscard]] bool has_own() const noexcept { return own_ != 0; }

private:
    /// Datagrams of the life before are under way for no longer.
    static constexpr duration deaf = duration::from_ms(200);
    /// Longer than that, from when the peer has said that it knows.
    static constexpr duration goes_on = duration::from_ms(250);
    /// A peer that does not answer speaks no epochs.
    static constexpr duration gives_up = duration::from_seconds(1);

    std::uint32_t own_;
    std::uint32_t peer_ = 0;
    bool confirmed_ = false;
    bool answers_ = false;
    instant began_ = instant::before_all();
    instant tell_until_ = instant::before_all();
    instant deaf_until_ = instant::before_all();
    std::array<std::uint32_t, 4> left_{};  ///< the peer's last ones
    std::size_t next_left_ = 0;
};

}  // namespace detail
}  // namespace v0
}  // namespace duality
