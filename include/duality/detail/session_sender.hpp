// SPDX-License-Identifier: MIT
//
// The sending half of a session: numbers and protects the application's packets, answers the peer's feedback with
// repairs, moves to another path when one falls silent, and never exceeds the overhead cap. No promise of stability.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>

#include "duality/controller.hpp"
#include "duality/memory.hpp"
#include "duality/multipath.hpp"
#include "duality/parity_rlc.hpp"
#include "duality/policy.hpp"
#include "duality/ring.hpp"
#include "duality/session_config.hpp"
#include "duality/wire.hpp"

namespace duality {
inline namespace v0 {
namespace detail {

/// What both halves of a session need to know about the rest of it, for the length of one call.
struct session_context {
    instant now;
    scheduler& paths;
    std::span<const stream_config> streams;
};

/// Is the next of a row of steps due, `interval` after the `last` one? That one moves on by as much, so that wake-ups which
/// are a little late do not add up, or to `now` when more than one was missed.
[[nodiscard]] constexpr bool step_due(instant now, duration interval, instant& last) noexcept {
    const bool first = last == instant::before_all();
    if (!first && now - last < interval) return false;
    last = first || now - last >= interval * 2 ? now : last + interval;
    return true;
}

/// A datagram that was decided on and is built when the caller polls for it, so that it leaves with fresh contents.
struct planned_datagram {
    transmit_kind kind = transmit_kind::source;
    path_id path = 0;
    std::uint64_t number = 0;  ///< source packet, or first one covered by a repair
    std::uint32_t count = 0;   ///< of packets covered by a repair
    wire::copy_reason reason = wire::copy_reason::hot;
    wire::probe_frame probe{};
    wire::clock_frame clock{};
    wire::close_frame close{};
};

class session_sender {
public:
    [[nodiscard]] static result<session_sender> create(const session_config& config, const allocator& memory) noexcept;

    /// `queue_full`, `too_large`, `over_budget` (no path may carry it) or ok.
    [[nodiscard]] status send(const session_context& c, stream_id stream, byte_view payload) noexcept;
    void on_feedback(const session_context& c, path_id via, const wire::feedback_frame& feedback) noexcept;
    /// The peer has the datagram that left on `path` with this path sequence number.
    void on_acknowledgement(path_id path, std::uint16_t path_sequence) noexcept;
    /// `from` is dead or gone: whatever may have been under way on it is copied to another path.
    void resend_all(const session_context& c, path_id from) noexcept;
    /// What the peer said of the flow so far no longer holds.
    void on_peer_restart() noexcept {
        peer_regime_ = regime::calm;
        peer_features_ = {};
        missed_ = 0;
    }
    /// A path became suspect, died or came back.
    void on_path_event(const session_context& c, const path_event& event) noexcept;
    /// Updates the controller; at most every `control_interval`.
    void control(const session_context& c) noexcept;
    /// Plans something other than source packets and their protection.
    [[nodiscard]] bool plan(const planned_datagram& datagram) noexcept { return queue_.push(datagram); }

    [[nodiscard]] const planned_datagram* front() const noexcept { return queue_.empty() ? nullptr : &queue_.front(); }
    void pop() noexcept { (void)queue_.pop(); }
    /// Appends the frame of a planned datagram. False: what it refers to is gone.
    [[nodiscard]] bool write(const planned_datagram& datagram, wire::writer& out) noexcept;

    /// Is this kind of datagram subject to the overhead cap? Source packets and hot copies are not; feedback has a share
    /// of its own, at the receiving half.
    [[nodiscard]] static bool capped(const planned_datagram& d) noexcept {
        return d.kind != transmit_kind::source && d.kind != transmit_kind::feedback &&
               !(d.kind == transmit_kind::copy && d.reason == wire::copy_reason::hot);
    }
    /// Does the overhead cap allow it now? Copies on suspicion leave a reserve for what is known to be needed.
    [[nodiscard]] bool covers(const planned_datagram& d, std::uint64_t bytes) const noexcept {
        const bool guess = d.kind == transmit_kind::copy && d.reason == wire::copy_reason::suspicion;
        const std::uint64_t reserve = guess ? bytes * suspicion_reserve : 0;
        return extra_.covers(bytes + (d.kind == transmit_kind::close ? 0 : std::max(reserve, close_reserve)));
    }
    /// Could `bytes` be spent on something nobody waits for, and enough for repairs be left?
    [[nodiscard]] bool spares(std::uint64_t bytes) const noexcept { return extra_.covers(bytes + spare_bytes); }
    [[nodiscard]] bool spend(std::uint64_t bytes) noexcept { return extra_.spend(bytes); }
    /// Counts a datagram that leaves, `bytes` including the path's overhead; `source_bytes` of a source packet are those
    /// that would have left without us.
    void on_sent(const session_context& c, const planned_datagram& datagram, std::uint64_t bytes,
                 std::uint64_t source_bytes) noexcept;
    /// The application's bytes in a message of the event lane, and what is around them.
    void on_events_sent(std::uint64_t source_bytes, std::uint64_t framing_bytes) noexcept {
        extra_.earn(source_bytes);
        stats_.source.add(source_bytes);
        stats_.framing_bytes += framing_bytes;
    }
    /// What of the credit may be spent on saying an event again.
    [[nodiscard]] std::uint64_t for_events() const noexcept {
        return extra_.available() > close_reserve ? extra_.available() - close_reserve : 0;
    }
    /// A planned datagram is not sent after all.
    void on_dropped(const planned_datagram& datagram, bool by_budget) noexcept;
    /// The overhead cap refused one. True when that should be told to the user (at most once a second).
    [[nodiscard]] bool on_refused_by_cap(instant now, const planned_datagram& datagram) noexcept;

    /// Copies to another path what is still unacknowledged at the last moment that this can help.
    void copy_last_chances(const session_context& c) noexcept;

    [[nodiscard]] instant next_timeout(const scheduler& paths) const noexcept;
    [[nodiscard]] bool poll_decision(decision_event& out) noexcept { return controller_.poll_event(out); }
    [[nodiscard]] const sender_statistics& statistics() const noexcept { return stats_; }
    [[nodiscard]] sender_statistics& statistics() noexcept { return stats_; }

private:
    static constexpr duration control_interval = duration::from_ms(20);
    static constexpr duration idle_after = duration::from_seconds(2);
    /// A path that was shared stays in use so long after the last packet that took its turn.
    static constexpr duration share_memory = duration::from_ms(200);
    /// Least slack when judging whether something can still arrive before its deadline.
    static constexpr duration feasibility_margin = duration::from_ms(4);
    /// Packets' worth of credit that copies on suspicion do not touch.
    static constexpr std::uint64_t suspicion_reserve = 16;
    static constexpr std::uint64_t spare_bytes = 2'048;
    /// Packets' worth of credit from which on a repair more than asked for may be sent.
    static constexpr std::uint64_t spare_reserve = 64;
    /// Credit that only the goodbyes may use: four of them, on UDP.
    static constexpr std::uint64_t close_reserve = 160;
    /// The odds of a loss, in basis points, from which on a copy is worth its bytes: with nothing left to spend, and
    /// with `credit_rich` packets' worth or more. In between they fall evenly.
    static constexpr std::int64_t price_broke_bp = 6'000;
    static constexpr std::int64_t price_rich_bp = 200;
    static constexpr std::int64_t credit_rich = 32;
    static constexpr std::int64_t lost_bp = 10'000;
    static constexpr std::uint32_t full_weight = 100;         ///< of a usual stream
    static constexpr std::int64_t repair_failure_bp = 1'500;  ///< odds that a repair under way does not help
    /// A copy is made this long before its last chance, so that a late timer does not waste it.
    static constexpr duration last_chance_lead = duration::from_ms(2);

    struct sent_source {
        instant at{};
        path_id path = 0;
        stream_id stream = 0;
        bool acknowledged = false;
        bool copied = false;
        std::uint8_t repair_rounds = 0;
        std::uint64_t path_sequence = 0;  ///< that it left with
        instant repair_pending_until = instant::before_all();
        duration deadline{};  ///< after it would have arrived on the idle path
    };

    /// Of packets that the peer misses: those that a repair is to bring.
    struct open_losses {
        std::uint32_t count = 0;
        std::uint64_t first = 0;
        std::uint64_t last = 0;
        duration left{};          ///< of the one that is needed first
        std::uint8_t rounds = 0;  ///< most repairs that one of them was in
        bool mixed = false;       ///< between them there is one that is missing too, and not worth a repair
        bool hot = false;         ///< some were lost on two paths
    };

    session_sender(const session_config& config, controller law, rlc_encoder encoder) noexcept;

    /// Where a packet of so many bytes goes: `main`, or the path that the stream shares with it, or has not left. Both are
    /// in use then.
    [[nodiscard]] path_id take_turn(const session_context& c, stream_id stream, path_id main,
                                    std::size_t bytes) noexcept;
    /// Where things go that should fail independently of `main`.
    [[nodiscard]] std::optional<path_id> other_path(const session_context& c, path_id main) const noexcept;
    /// Does the control law want every packet on two paths?
    [[nodiscard]] bool copies_ordered() const noexcept;
    void acknowledge(const wire::feedback_frame& feedback) noexcept;
    /// The peer has missed `missed` packets in all, says a report that came over `via`.
    void note_missed(const session_context& c, path_id via, std::uint16_t missed) noexcept;
    void mark_known(std::uint64_t newest, std::uint64_t count) noexcept;
    /// The peer has given packets a last call. What it cannot know of was not sent yet.
    void answer_call(const session_context& c, const wire::last_call& call) noexcept;
    void answer_deficit(const session_context& c, path_id via, const wire::deficit_report& deficit) noexcept;
    /// Those from `first` to `last` that are not being repaired, are not perhaps only late, by a report that came over
    /// `via`, are worth a repair, and could still get one in `shortest`.
    [[nodiscard]] open_losses open_among(const session_context& c, path_id via, std::uint64_t first, std::uint64_t last,
                                         duration shortest) const noexcept;
    [[nodiscard]] bool is_open(const session_context& c, path_id via, const sent_source* s) const noexcept;
    /// Is a packet that the peer misses, by a report that came over `via`, perhaps only late?
    [[nodiscard]] bool may_still_come(const session_context& c, path_id via, const sent_source& s) const noexcept;
    /// Of a flow with one path: is there no time for another request, should a repair over `main` be lost too, of what
    /// is needed within `left`? Then one more is worth its bytes.
    [[nodiscard]] bool is_last_round(const session_context& c, path_id main, duration left) const noexcept;
    /// A packet of `stream` has been sent over `main`: is it time for parity?
    void plan_parity(const session_context& c, stream_id stream, path_id main) noexcept;
    /// The odds of a loss from which on a copy is worth its bytes: the less is left to spend, the higher.
    [[nodiscard]] std::int64_t price_of_copy_bp() const noexcept;
    /// Are these odds of a loss worth the bytes of a copy, for a packet of this stream?
    [[nodiscard]] bool is_worth(const session_context& c, stream_id stream, std::int64_t odds_bp) const noexcept;
    /// At its last chance, should a packet be copied? That depends on how likely it is to be lost.
    [[nodiscard]] bool is_worth_a_copy(const session_context& c, std::uint64_t number,
                                       const sent_source& s) const noexcept;
    void ask_for_report(const session_context& c, path_id from) noexcept;
    void resend_tail(const session_context& c, path_id from) noexcept;
    /// How long something over `path` takes to the peer, but for rare exceptions.
    [[nodiscard]] static duration one_way(const scheduler& paths, path_id path) noexcept;
    /// Until its deadline at the peer; negative after it.
    [[nodiscard]] duration time_left(const session_context& c, const sent_source& s) const noexcept;
    /// Until when a copy over `path` reaches the peer before the packet's deadline.
    [[nodiscard]] instant last_chance(const scheduler& paths, const sent_source& s, path_id path) const noexcept;
    void plan_copy(const session_context& c, std::uint64_t number, path_id path, wire::copy_reason reason) noexcept;
    [[nodiscard]] std::uint64_t oldest_protected() const noexcept { return next_ - encoder_.size(); }

    session_config config_;
    controller controller_;
    rlc_encoder encoder_;
    sequence_window<sent_source> history_;
    ring<planned_datagram> queue_;
    share_budget extra_;
    std::uint64_t next_ = 0;  ///< number of the next source packet
    std::uint64_t newest_acknowledged_ = 0;
    std::uint64_t unresolved_ = 0;     ///< everything before is acknowledged, copied or hopeless
    std::uint64_t unsent_ = 0;         ///< source packets planned and not yet polled
    std::uint64_t parity_credit_ = 0;  ///< in 1/10,000 byte
    std::uint64_t repair_bytes_ = 0;   ///< of the last repair, the estimate for the next
    std::uint64_t packet_bytes_ = 1;   ///< of the last source packet, without our header
    stream_id newest_stream_ = 0;      ///< of the last source packet
    bool helping_ = false;             ///< the second path is in use
    std::optional<path_id> partner_;   ///< that streams share the flow with, until `shared_until_`
    instant shared_until_ = instant::before_all();
    std::int64_t turns_ = 0;  ///< bytes more on the one with the lower number
    instant last_send_ = instant::before_all();
    instant last_control_ = instant::before_all();
    instant last_cap_error_ = instant::before_all();
    std::uint16_t missed_ = 0;  ///< by the peer, as of its last word
    regime peer_regime_ = regime::calm;
    regime_features peer_features_{};
    sender_statistics stats_;
};

}  // namespace detail
}  // namespace v0
}  // namespace duality
