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
    [[nodiscard]] duration lead() const noexcept {
        if (round_trip_ == duration{}) return {};
        return std::max(turn_, round_trip_) + std::max(turn_deviation_ * 2, lead_margin);
    }
    /// Of the path over which calls and answers go; zero when there is none.
    void set_round_trip(duration round_trip) noexcept {
        round_trip_ = round_trip;
        if (turn_ != duration{} || round_trip == duration{}) return;
        turn_ = round_trip;
        turn_deviation_ = round_trip / 8;
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
             .judged = now,
             .bin = bin_of(p.silence),
             .sent = p.sent,
             .open = true};
        odds_ = odds_of(e.bin);
        const std::uint32_t discount = std::min(credit_, credit_rich) * price_broke / credit_rich;
        if (credit_ < per_call || odds_ < std::max(price_broke - discount, price_rich)) return false;
        credit_ -= per_call;
        e.asked = true;
        return true;
    }
    /// Of the packet judged last: that it does not come in time by itself, in 1/256.
    [[nodiscard]] std::uint8_t odds() const noexcept { return odds_; }

    /// A source packet came by itself, so long after it was sent as `delay` says (plus the unknown between the clocks).
    void on_source(instant now, std::uint64_t number, duration delay) noexcept {
        credit_ = std::min(credit_ + 1, credit_max);
        entry& e = entries_[number % size];
        if (!e.open || e.number != number) return;
        if (now - delay > e.origin + guess_error) {
            e.open = false;  // the application had paused
        } else {
            learn(e, now > e.expiry);
        }
    }
    /// The same of a packet that came over the path that the flow belongs to.
    void note_delay(instant now, duration delay) noexcept {
        if (now - idle_since_ > idle_period) {
            idle_before_ = idle_;
            idle_ = duration::infinite();
            idle_since_ = now;
        }
        idle_ = std::min(idle_, delay);
    }
    /// Shortest delay of the last 3 to 6 s; infinite before the first packet.
    [[nodiscard]] duration idle_delay() const noexcept { return std::min(idle_, idle_before_); }

    /// The answer to a call came: learns how long that takes.
    void on_answer(instant now, std::uint64_t number) noexcept {
        entry& e = entries_[number % size];
        if (e.number != number || !e.asked) return;
        e.asked = false;
        const duration sample = now - e.judged;
        if (sample > turn_max) return;
        const duration error = sample - turn_;
        turn_deviation_ += ((error < duration{} ? -error : error) - turn_deviation_) / 8;
        turn_ += error / 8;
    }

private:
    static constexpr std::size_t size = 64;  ///< packets under observation
    static constexpr std::uint8_t bins = 16;
    static constexpr duration bin_width = duration::from_ms(5);
    static constexpr duration lead_margin = duration::from_ms(6);
    static constexpr duration guess_error = duration::from_ms(20);
    static constexpr duration turn_max = duration::from_ms(500);
    static constexpr duration idle_period = duration::from_seconds(3);
    static constexpr std::uint32_t per_call = 16;  ///< packets that earn one call
    static constexpr std::uint32_t credit_rich = 48 * per_call;
    static constexpr std::uint32_t credit_max = 64 * per_call;
    static constexpr std::uint32_t price_broke = 154;  ///< in 1/256, without credit: 60 %
    static constexpr std::uint32_t price_rich = 90;    ///< with more than enough: 35 %
    static constexpr std::uint32_t unit = 256;
    static constexpr std::uint32_t memory = 128 * unit;  ///< judgements, with forgetting
    static constexpr std::uint32_t prior = 4 * unit;     ///< what is assumed before anything was seen is worth

    struct entry {
        std::uint64_t number = ~std::uint64_t{0};
        instant origin{};
        instant expiry{};
        instant judged{};
        std::uint8_t bin = 0;  ///< of the silence
        bool sent = false;
        bool open = false;  ///< it is not known yet whether the packet comes by itself
        bool asked = false;
    };
    struct record {
        std::uint32_t judged = 0;
        std::uint32_t missed = 0;
    };

    static constexpr std::uint8_t bin_of(duration silence) noexcept {
        return static_cast<std::uint8_t>(std::clamp<std::int64_t>(silence.ns() / bin_width.ns(), 0, bins - 1));
    }
    void learn(entry& e, bool missed) noexcept {
        e.open = false;
        record& r = records_[e.bin];
        if (r.judged >= memory) {
            r.judged -= r.judged / 4;
            r.missed -= r.missed / 4;
        }
        r.judged += unit;
        if (missed) r.missed += unit;
    }
    [[nodiscard]] std::uint8_t odds_of(std::uint8_t bin) const noexcept {
        // Before anything was seen: the longer the silence, the likelier.
        const record& r = records_[bin];
        const std::uint32_t missed = r.missed + prior * (bin + 1) / bins;
        return static_cast<std::uint8_t>(missed * 255 / (r.judged + prior));
    }

    std::uint64_t next_ = 0;
    std::uint8_t odds_ = 0;
    std::uint32_t credit_ = 0;
    duration idle_ = duration::infinite();
    duration idle_before_ = duration::infinite();
    instant idle_since_ = instant::before_all();
    duration round_trip_{};
    duration turn_{};  ///< from a call to its answer, smoothed
    duration turn_deviation_{};
    std::array<entry, size> entries_{};
    std::array<record, bins> records_{};
};

}  // namespace detail
}  // namespace v0
}  // namespace duality
