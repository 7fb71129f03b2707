// SPDX-License-Identifier: MIT
//
// When the receiving end should ask for a packet that has not come: at the last moment at which the answer would still
// be in time, because until then it may come by itself. And how likely it is not to: learned from what became of packets
// that were missing after a silence as long as this one. No promise of stability.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "duality/time.hpp"

namespace duality {
inline namespace v0 {
namespace detail {

/// Every number comes to its last call once, in order. Asking is limited: each accepted packet earns a part of a call, and
/// the less is left the likelier a loss has to be.
class last_calls {
public:
    /// What is known of the packet `next()` at its last call.
    struct prospect {
        instant origin{};    ///< when it was sent, by the clock that delays are measured with; a guess
        instant expiry{};    ///< after it the packet is worthless
        bool sent = false;   ///< later ones have come
        duration silence{};  ///< since a source packet came
        bool known = false;  ///< it is there: nothing to ask for
    };

    /// The packet whose last call is next.
    [[nodiscard]] std::uint64_t next() const noexcept { return next_; }
    /// Nothing before `number` is of interest.
    void begin_at(std::uint64_t number) noexcept { next_ = std::max(next_, number); }
    /// The numbers went on from another place.
    void restart(std::uint64_t number) noexcept { next_ = number; }

    /// How long before its deadline a packet has its last call; zero until a round trip is known.
    [[nodiscard]] duration lead() const noexcept { return lead_; }
    /// Of the path over which calls and answers go, smoothed; zero when there is none or it is not known.
    void set_round_trip(duration round_trip, duration deviation) noexcept {
        lead_ = round_trip;
        if (round_trip != duration{})
            lead_ += std::clamp(deviation, lead_margin, std::max(lead_margin, round_trip / 10));
    }

    /// The packet `next()` has its last call. True when it is worth asking for.
    [[nodiscard]] bool judge(instant now, const prospect& p) noexcept {
        entry& e = entries_[next_ % size];
        // Of one that was only guessed, and after which nothing came, there is nothing to learn.
        if (e.open && now > e.expiry && e.sent) learn(e, true);
        e.open = false;
        const std::uint64_t number = next_++;
        if (p.known) return false;
        e = {.number = number,
             .origin = p.origin,
             .expiry = p.expiry,
             .silence = silence_class(p.silence),
             .lateness = lateness_class(last_late_),
             .sent = p.sent,
             .open = true,
             .overdue = p.origin + idle_delay() < now};
        odds_ = odds_of(e);
        const std::uint32_t discount = std::min(credit_, credit_rich) * price_broke / credit_rich;
        if (credit_ < per_call || odds_ < std::max(price_broke - discount, price_rich)) return false;
        credit_ -= per_call;
        return true;
    }
    /// Of the packet judged last: that it does not come in time by itself, in 1/256.
    [[nodiscard]] std::uint8_t odds() const noexcept { return odds_; }

    /// A source packet came by itself, so long after it was sent as `delay` says (plus the unknown between the clocks).
    /// True when it had been missing at its last call: its sender may be about to send it again.
    [[nodiscard]] bool on_source(instant now, std::uint64_t number, duration delay) noexcept {
        credit_ = std::min(credit_ + 1, credit_max);
        entry& e = entries_[number % size];
        if (!e.open || e.number != number) return false;
        if (now - delay > e.origin + guess_error) {
            e.open = false;  // the application had paused
            return false;
        }
        learn(e, now > e.expiry);
        return e.overdue;
    }
    /// Later packets show that this one was sent, and when.
    void on_hole(std::uint64_t number, instant origin) noexcept {
        entry& e = entries_[number % size];
        if (!e.open || e.number != number || e.sent) return;
        e.sent = true;
        if (origin > e.origin + guess_error) e.open = false;
    }
    /// How many holes at most are of interest.
    static constexpr std::uint64_t memory_length = 64;

    /// A packet came over the path that the flow belongs to.
    void note_delay(instant now, duration delay) noexcept {
        if (now - idle_since_ > idle_period) {
            idle_before_ = idle_;
            idle_ = duration::infinite();
            idle_since_ = now;
        }
        idle_ = std::min(idle_, delay);
        last_late_ = delay - idle_delay();
    }
    /// Shortest delay of the last 3 to 6 s; infinite before the first packet.
    [[nodiscard]] duration idle_delay() const noexcept { return std::min(idle_, idle_before_); }

private:
    static constexpr std::size_t size = memory_length;  ///< packets under observation
    static constexpr std::uint8_t silences = 16;
    static constexpr duration silence_width = duration::from_ms(5);
    static constexpr std::uint8_t latenesses = 4;
    static constexpr std::array<duration, latenesses - 1> lateness_limits{duration::from_ms(6), duration::from_ms(14),
                                                                          duration::from_ms(28)};
    static constexpr duration lead_margin = duration::from_ms(4);
    static constexpr duration guess_error = duration::from_ms(20);
    static constexpr duration idle_period = duration::from_seconds(3);
    static constexpr std::uint32_t per_call = 5;  ///< packets that earn one call
    static constexpr std::uint32_t credit_rich = 48 * per_call;
    static constexpr std::uint32_t credit_max = 64 * per_call;
    static constexpr std::uint32_t price_broke = 80;  ///< in 1/256, without credit: 31 %
    static constexpr std::uint32_t price_rich = 25;   ///< with more than enough: 10 %
    static constexpr std::uint32_t unit = 256;
    static constexpr std::uint32_t memory = 128 * unit;  ///< judgements, with forgetting
    static constexpr std::uint32_t prior = 4 * unit;     ///< what is assumed before anything was seen is worth
    static constexpr std::uint32_t shared = 8 * unit;    ///< what other latenesses say is worth

    struct entry {
        std::uint64_t number = ~std::uint64_t{0};
        instant origin{};
        instant expiry{};
        std::uint8_t silence = 0;
        std::uint8_t lateness = 0;  ///< of the last packet before the silence
        bool sent = false;
        bool open = false;     ///< it is not known yet whether the packet comes by itself
        bool overdue = false;  ///< over the idle path it would have come before its last call
    };
    struct record {
        std::uint32_t judged = 0;
        std::uint32_t missed = 0;
    };

    static constexpr std::uint8_t silence_class(duration silence) noexcept {
        return static_cast<std::uint8_t>(std::clamp<std::int64_t>(silence.ns() / silence_width.ns(), 0, silences - 1));
    }
    static constexpr std::uint8_t lateness_class(duration late) noexcept {
        std::uint8_t c = 0;
        while (c < lateness_limits.size() && late >= lateness_limits[c]) ++c;
        return c;
    }
    void learn(entry& e, bool missed) noexcept {
        e.open = false;
        record& r = records_[e.silence][e.lateness];
        if (r.judged >= memory) {
            r.judged -= r.judged / 4;
            r.missed -= r.missed / 4;
        }
        r.judged += unit;
        if (missed) r.missed += unit;
    }
    /// In 1/256. What is known of a silence so long after any packet is worth `shared` of what is known after one as late.
    [[nodiscard]] std::uint8_t odds_of(const entry& e) const noexcept {
        // Before anything was seen: the longer the silence, the likelier.
        record all{prior, prior * (e.silence + 1u) / silences};
        for (const record& r : records_[e.silence]) {
            all.judged += r.judged;
            all.missed += r.missed;
        }
        const record& own = records_[e.silence][e.lateness];
        const std::uint32_t missed =
            own.missed + static_cast<std::uint32_t>(std::uint64_t{shared} * all.missed / all.judged);
        return static_cast<std::uint8_t>(missed * 255 / (own.judged + shared));
    }

    std::uint64_t next_ = 0;
    std::uint8_t odds_ = 0;
    std::uint32_t credit_ = 0;
    duration idle_ = duration::infinite();
    duration idle_before_ = duration::infinite();
    instant idle_since_ = instant::before_all();
    duration last_late_{};  ///< of the last packet over the path that the flow belongs to, beyond the idle delay
    duration lead_{};
    std::array<entry, size> entries_{};
    std::array<std::array<record, latenesses>, silences> records_{};
};

}  // namespace detail
}  // namespace v0
}  // namespace duality
