// SPDX-License-Identifier: MIT
//
// Change detector: tells within a few packets that delays or losses have become worse than they were, at a wanted rate
// of false alarms. `regime_detector` feeds one; it can be used alone.
//
// All three parts are bets. Under the null hypothesis "as it was" no strategy of betting wins in the long run; what is
// won is the evidence against it. Betting on what an alternative expects multiplies the stake by the likelihood ratio
// of alternative and null of each observation, and a stake never falls below what a new bet starts with (CUSUM). Since
// a bet starting at each observation wins nothing on average, the expected number of observations to a false alarm at
// wealth W is at least W (Shin, Ramdas and Rinaldo, "E-detectors", 2024); what the bound gives away is measured and
// given back. Wealth is a logarithm to base 2 in units of 1/65536.
//
// Integers only; no clock, no memory besides the object's own 4 KB. One object belongs to one thread at a time.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <utility>

#include "duality/statistics.hpp"
#include "duality/time.hpp"

namespace duality {
inline namespace v0 {

/// A test that a share has risen above what it was: each observation is a yes with probability `p` at most under the
/// null hypothesis, whatever came before, and `q` is what is betted on.
class share_bet {
public:
    constexpr share_bet() noexcept = default;
    /// `p` and `q` in parts per million, `0 < p < q < 1000000`.
    constexpr share_bet(std::uint32_t p, std::uint32_t q) noexcept { set(p, q); }

    /// Another null hypothesis from now on; what was won stays.
    constexpr void set(std::uint32_t p, std::uint32_t q) noexcept {
        yes_ = log2_q16(q) - log2_q16(p);
        no_ = log2_q16(1'000'000 - q) - log2_q16(1'000'000 - p);
    }
    constexpr void add(bool yes) noexcept { wealth_ = std::max(wealth_ + (yes ? yes_ : no_), 0); }
    [[nodiscard]] constexpr std::int32_t wealth() const noexcept { return wealth_; }
    constexpr void clear() noexcept { wealth_ = 0; }

private:
    std::int32_t wealth_ = 0;
    std::int32_t yes_ = 0;
    std::int32_t no_ = 0;
};

/// Quantiles of a variable of which sometimes only an upper bound is seen, learned online.
///
/// A packet that leaves a first-in-first-out path together with the one before it shows no delay of its own, only that
/// it would have come no later. Taking such bounds for values, or leaving them out, shifts every quantile. The
/// product-limit estimate (Kaplan and Meier, 1958, from above) does neither: the share at or below a value is the
/// product, over all larger values seen, of 1 − seen there / known to be there or below.
///
/// Buckets are 8.2 µs wide to 0.13 ms on both sides of zero and 1/16 of a power of two beyond, to 2.1 s. What is older
/// than the last 16384 samples weighs half, and half again. `add` is O(1); `quantiles` walks all buckets: 1 µs.
class bounded_quantiles {
public:
    /// `exact`: the value; otherwise it is at most `value_ns`.
    void add(std::int32_t value_ns, bool exact) noexcept {
        counts_[bucket(value_ns)][exact ? 1 : 0] += unit;
        if (++samples_ % halving == 0) [[unlikely]]
            for (auto& pair : counts_) pair = {pair[0] / 2, pair[1] / 2};
    }
    /// Values that shares of `levels` (1/2^32, ascending) lie at or below; the least value representable where all that
    /// is known is a bound. Precondition: as many `out` as `levels`.
    void quantiles(std::span<const std::uint64_t> levels, std::span<std::int32_t> out) const noexcept {
        std::uint64_t known = 0;
        for (const auto& pair : counts_) known += pair[0] + pair[1];
        std::uint64_t share = std::uint64_t{1} << 32;
        std::size_t left = levels.size();
        for (std::size_t b = bucket_count; b-- > 0 && left > 0;) {
            const std::uint64_t seen = counts_[b][1];
            const std::uint64_t at_most = std::exchange(known, known - seen - counts_[b][0]);
            if (seen == 0) continue;
            const std::uint64_t below = share - share * seen / at_most;
            if (below <= levels[left - 1]) {
                const std::uint64_t whole = std::max<std::uint64_t>(share - below, 1);
                do {
                    --left;
                    out[left] = inside(b, levels[left] - below, whole);
                } while (left > 0 && below <= levels[left - 1]);
            }
            share = below;
        }
        while (left > 0) out[--left] = std::numeric_limits<std::int32_t>::min();
    }
    [[nodiscard]] std::uint32_t samples() const noexcept { return samples_; }
    void clear() noexcept { *this = {}; }

private:
    static constexpr unsigned unit_bits = 13;
    static constexpr unsigned sub_bits = 4;
    static constexpr unsigned value_bits = 18;
    static constexpr std::size_t sub_count = std::size_t{1} << sub_bits;
    static constexpr std::size_t side = sub_count * (value_bits - sub_bits + 1);
    static constexpr std::size_t bucket_count = 2 * side;
    static constexpr std::uint32_t unit = 256;  ///< of weight: what is halved eight times is gone
    static constexpr std::uint32_t halving = 16'384;

    /// From the value that is furthest below zero.
    [[nodiscard]] static constexpr std::size_t bucket(std::int32_t ns) noexcept {
        const std::int32_t sign = ns >> 31;
        const std::uint32_t magnitude = static_cast<std::uint32_t>(ns ^ sign) >> unit_bits;
        const auto shift = static_cast<unsigned>(std::bit_width(magnitude >> sub_bits | 1)) - 1;
        const auto b = static_cast<std::int32_t>((shift << sub_bits) + (magnitude >> shift));
        return side + static_cast<std::size_t>(std::ptrdiff_t{b ^ sign});
    }
    /// A value inside bucket `b`, `part` of `whole` above its lower edge.
    [[nodiscard]] static constexpr std::int32_t inside(std::size_t b, std::uint64_t part,
                                                       std::uint64_t whole) noexcept {
        const auto width = static_cast<std::uint64_t>(lower_edge(b + 1) - lower_edge(b));
        return static_cast<std::int32_t>(lower_edge(b) + static_cast<std::int64_t>(part * width / whole));
    }
    [[nodiscard]] static constexpr std::int64_t lower_edge(std::size_t b) noexcept {
        return b >= side ? magnitude(b - side) : -magnitude(side - b);
    }
    [[nodiscard]] static constexpr std::int64_t magnitude(std::size_t b) noexcept {
        if (b < sub_count) return static_cast<std::int64_t>(b) << unit_bits;
        const std::size_t shift = b / sub_count - 1;
        return static_cast<std::int64_t>((b % sub_count + sub_count) << shift) << unit_bits;
    }

    std::array<std::array<std::uint32_t, 2>, bucket_count> counts_{};  ///< bounds and values
    std::uint32_t samples_ = 0;
};

namespace detail {

/// What the change detector expects of delays, as long as nothing changes and when it does.
struct delay_shapes {
    static constexpr std::size_t classes = 10;
    static constexpr std::size_t shapes = 3;
    using log_ratios = std::array<std::array<std::int32_t, 4>, classes>;  ///< by class and shape

    /// The quantiles between the classes, and with them the shares of the classes as long as nothing changes.
    static constexpr std::array<std::uint32_t, classes - 1> levels_ppm = {5'000,   20'000,  100'000, 350'000, 750'000,
                                                                          900'000, 970'000, 990'000, 995'000};
    /// Shares under the alternatives, in ppm: a normal distribution with its scale times four, times two, and times 1.5
    /// about a mean two scales higher; and two parts in a hundred of what was, so that no class is impossible.
    static constexpr std::array<std::array<std::uint32_t, classes>, shapes> alternative_ppm = {{
        {254'706, 43'441, 70'704, 90'546, 111'218, 60'535, 55'526, 38'310, 20'308, 254'706},
        {97'010, 52'585, 108'023, 164'522, 212'253, 107'989, 86'981, 50'505, 23'122, 97'010},
        {1'219, 2'553, 12'287, 45'717, 137'892, 127'994, 150'701, 115'831, 62'185, 343'621},
    }};

    /// Wealth won by a packet of each class, log2 in 1/65536.
    log_ratios exact{};
    /// The same when the delay is an upper bound: all classes up to that one taken together.
    log_ratios bound{};
    std::array<std::uint64_t, classes - 1> levels{};  ///< `levels_ppm` in units of 2^-32

    constexpr delay_shapes() noexcept {
        for (std::size_t s = 0; s < shapes; ++s) {
            std::uint32_t alternative = 0;
            for (std::size_t c = 0; c < classes; ++c) {
                const std::uint32_t level = c + 1 < classes ? levels_ppm[c] : 1'000'000;
                const std::uint32_t under = c == 0 ? 0 : levels_ppm[c - 1];
                alternative += alternative_ppm[s][c];
                exact[c][s] = log2_q16(alternative_ppm[s][c]) - log2_q16(level - under);
                bound[c][s] = log2_q16(alternative) - log2_q16(level);
            }
        }
        for (std::size_t i = 0; i < levels.size(); ++i) levels[i] = (std::uint64_t{levels_ppm[i]} << 32) / 1'000'000;
    }
};

}  // namespace detail

struct change_config {
    bool enabled = true;
    /// Wanted false alarms per 1000 hours of the flow, delay and loss together; 1 … 1000000 (one in 3.6 s).
    std::uint32_t false_alarms_per_1000_hours = 1'000;
    duration margin = duration::from_us(100);  ///< a delay must exceed a quantile by this much; 0 … 100 ms
};

/// Delays fall into ten classes between nine of their own quantiles, so that their shares are known whatever the
/// distribution: thin or heavy tails make no difference. Three alternatives are betted on: jitter four times and twice
/// as strong, and a queue. Each packet counts, those that came in a bunch as the upper bound that they are. Losses: bets
/// on beginnings of loss bursts against the share learned so far, 0.1 % at least. After an alarm on delays their
/// quantiles are learned anew.
///
/// The bound on false alarms is for delays that are independent but for first-in-first-out order. Where each delay
/// resembles the one before it, runs of bad luck are longer. How often and how far the evidence rises by itself is
/// therefore learned: beyond a height, the peaks of such a process fall off exponentially, independent or not, only more
/// slowly. From their number and mean follows the height that is reached as seldom as wanted, and when that is more than
/// the bound asks for, it takes that much for an alarm, and longer to learn the quantiles anew.
class change_detector {
public:
    change_detector() noexcept { set_loss_bets(); }
    void configure(const change_config& config) noexcept { config_ = config; }

    /// The spacing of the flow, from which the number of observations per hour follows.
    void set_interval(duration interval) noexcept {
        constexpr std::int64_t thousand_hours_ns = 3'600'000'000'000'000;
        const std::int64_t observations = thousand_hours_ns / std::max<std::int64_t>(interval.ns(), 1'000);
        const auto per_alarm = static_cast<std::uint64_t>(observations) / config_.false_alarms_per_1000_hours;
        per_alarm_ = std::max<std::uint64_t>(per_alarm, 1) * 2;  // half of the alarms for each kind
        threshold_ = log2_q16(per_alarm_);
        set_delay_threshold();
    }

    /// A packet's delay above the baseline, in order of arrival; `bounded`: it came in a bunch with the one before, and
    /// would have come no later alone. True: alarm.
    [[nodiscard]] bool on_delay(duration delay, bool bounded) noexcept {
        if (!config_.enabled) return false;
        constexpr std::int64_t limit = std::numeric_limits<std::int32_t>::max();
        const auto value = static_cast<std::int32_t>(std::clamp(delay.ns(), -limit, limit));
        const std::uint32_t learned = delays_.samples();
        bool alarm = false;
        if (learned >= learn_) {
            std::int32_t above = 0;
            for (const std::int32_t l : limits_) above += value > l ? 1 : 0;
            const auto c = static_cast<std::size_t>(above);
            // A route that became shorter would go on and on about it: one packet in a row says so.
            const bool low = c < low_classes && !bounded;
            if (!low || !was_low_) {
                const auto& won = (bounded ? shapes.bound : shapes.exact)[c];
                std::int32_t most = 0;
                for (std::size_t i = 0; i < wealth_.size(); ++i) {
                    wealth_[i] = std::max(wealth_[i] + won[i], 0);
                    most = std::max(most, wealth_[i]);
                }
                alarm = most >= delay_threshold_;
                ++observed_;
                if (peak_ != 0 || most >= peak_from) [[unlikely]]
                    note_peak(most, alarm);
            }
            if (!bounded) was_low_ = low;
        }
        if (alarm) [[unlikely]] {
            forget_delays();
        } else {
            delays_.add(value, !bounded);
            if ((learned + 1) % refresh == 0) [[unlikely]]
                set_limits();
        }
        return alarm;
    }
    /// One packet's fate. True: alarm.
    [[nodiscard]] bool on_fate(bool begins_burst) noexcept {
        if (!config_.enabled) return false;
        bool alarm = false;
        if (begins_burst || loss_evidence() > 0) {  // otherwise there is nothing to lose
            for (share_bet& bet : loss_bets_) {
                bet.add(begins_burst);
                alarm |= bet.wealth() >= threshold_ - loss_credit_;
            }
            bursts_ += begins_burst ? burst_unit : 0;
        }
        if (alarm) [[unlikely]] {
            // What was learned holds no more. Somewhat above the least share that gives an alarm, until learned again.
            const std::uint32_t jump = std::min<std::uint32_t>(loss_ppm() * 4 + 10'000, loss_ppm_max);
            for (share_bet& bet : loss_bets_) bet.clear();
            fates_ = fates_start / 4;
            bursts_ = jump * std::uint64_t{fates_} * burst_unit / 1'000'000;
        }
        if (++fates_ == 2 * fates_memory) {
            fates_ /= 2;
            bursts_ /= 2;
        }
        if (alarm || fates_ % fates_refresh == 0) [[unlikely]]
            set_loss_bets();
        return alarm;
    }
    /// What the best bet has won, and what it must win for an alarm: log2 in 1/65536.
    [[nodiscard]] std::int32_t delay_evidence() const noexcept {
        return *std::max_element(wealth_.begin(), wealth_.end());
    }
    [[nodiscard]] std::int32_t delay_threshold() const noexcept { return delay_threshold_; }
    [[nodiscard]] std::int32_t loss_evidence() const noexcept {
        return std::max(loss_bets_[0].wealth(), loss_bets_[1].wealth());
    }
    [[nodiscard]] std::int32_t loss_threshold() const noexcept { return threshold_ - loss_credit_; }
    void clear() noexcept {
        forget_delays();
        observed_ = peaks_ = ended_ = excess_ = 0;
        set_delay_threshold();
        for (share_bet& bet : loss_bets_) bet.clear();
        bursts_ = 0;
        fates_ = fates_start;
        set_loss_bets();
    }

private:
    static constexpr std::int32_t one = 65'536;
    static constexpr std::uint32_t learn = 512;          ///< packets before the first bet on independent delays
    static constexpr std::uint32_t refresh = 512;        ///< packets between two looks at the quantiles
    static constexpr std::uint32_t fates_refresh = 64;   ///< packets between two looks at the share
    static constexpr std::uint32_t fates_start = 4'096;  ///< packets without loss that a flow begins with
    static constexpr std::uint32_t fates_memory = 16'384;
    static constexpr std::uint64_t burst_unit = 256;  ///< of weight: what is halved eight times is gone
    static constexpr std::uint32_t loss_ppm_min = 1'000;
    static constexpr std::uint32_t loss_ppm_max = 300'000;
    static constexpr std::size_t shape_count = detail::delay_shapes::shapes;
    static constexpr std::size_t class_count = detail::delay_shapes::classes;
    static constexpr std::size_t low_classes = 2;
    static constexpr detail::delay_shapes shapes{};

    static constexpr std::array<std::uint32_t, 2> loss_factor = {16, 60};
    /// What the bound gives away. Measured on independent delays of five distributions on a first-in-first-out path, at 50
    /// and 200 packets/s (bench_detect).
    static constexpr std::int32_t delay_credit = one * 15 / 8;
    /// Peaks of the evidence are counted from here on, and end when it is nearly gone.
    static constexpr std::int32_t peak_from = 10 * one;
    static constexpr std::int32_t peak_end = one;
    static constexpr std::uint64_t peaks_memory = 256;
    /// What independent delays do, worth so many peaks, before anything was seen: mean height above `peak_from`, and
    /// packets from one to the next. Measured as `delay_credit`.
    static constexpr std::uint64_t prior_peaks = 32;
    static constexpr std::int64_t prior_excess = one * 8 / 5;
    static constexpr std::uint64_t prior_spacing = 5'000;
    /// The exponential law begins higher up: so much too high is what follows from it for independent delays.
    static constexpr std::int64_t peaks_credit = std::int64_t{2} * one;
    static constexpr std::int64_t delay_threshold_max = 2'000 * std::int64_t{one};
    static constexpr std::int64_t learn_longer_max = 32;
    /// Wealth jumps over the threshold, the further the rarer losses are. Measured on losses of 0.03 … 10 %, one by one
    /// and in bursts.
    [[nodiscard]] static constexpr std::int32_t loss_credit(std::uint32_t p_ppm) noexcept {
        return std::max((log2_q16(1'000'000) - log2_q16(p_ppm)) * 8 / 5 - one * 46 / 5, -2 * one);
    }

    [[nodiscard]] static constexpr std::array<std::int32_t, 12> no_limits() noexcept {
        std::array<std::int32_t, 12> limits{};
        limits.fill(std::numeric_limits<std::int32_t>::max());
        return limits;
    }
    void set_limits() noexcept {
        std::array<std::int32_t, class_count - 1> found{};
        delays_.quantiles(shapes.levels, found);
        const std::int64_t margin = config_.margin.ns();
        for (std::size_t i = 0; i < found.size(); ++i) {
            const std::int64_t outwards = found[i] + (shapes.levels_ppm[i] > 500'000 ? margin : -margin);
            limits_[i] = static_cast<std::int32_t>(std::clamp<std::int64_t>(
                outwards, std::numeric_limits<std::int32_t>::min(), std::numeric_limits<std::int32_t>::max()));
        }
    }
    /// The evidence is high. An alarm ends a peak whose true height nobody knows: it counts as what it had beyond
    /// `peak_from`, and not as one that ended (the estimate of a mean from samples cut off).
    void note_peak(std::int32_t evidence, bool alarm) noexcept {
        if (peak_ == 0) ++peaks_;
        peak_ = std::max(peak_, evidence);
        if (!alarm && evidence >= peak_end) return;
        excess_ += static_cast<std::uint64_t>((alarm ? delay_threshold_ : peak_) - peak_from);
        ended_ += alarm ? 0 : 1;
        peak_ = 0;
        if (peaks_ >= 2 * peaks_memory)
            for (std::uint64_t* sum : {&observed_, &peaks_, &ended_, &excess_}) *sum /= 2;
        set_delay_threshold();
    }
    void set_delay_threshold() noexcept {
        const auto mean =
            static_cast<std::int64_t>((excess_ + prior_peaks * std::uint64_t{prior_excess}) / (ended_ + prior_peaks));
        // Peaks to be expected between two wanted alarms: log2, and with ln 2 the natural logarithm.
        const std::int64_t often = std::int64_t{log2_q16((peaks_ + prior_peaks) * per_alarm_)} -
                                   log2_q16(observed_ + prior_peaks * prior_spacing);
        const std::int64_t higher = mean * std::max<std::int64_t>(often, 0) / one * 45'426 / one;
        const std::int64_t learned = std::min(peak_from + higher - peaks_credit, delay_threshold_max);
        delay_threshold_ = std::max(threshold_ - delay_credit, static_cast<std::int32_t>(learned));
        // Quantiles of delays that resemble each other take longer to learn.
        learn_ = learn *
                 static_cast<std::uint32_t>(std::clamp(mean * 2 / prior_excess - 3, std::int64_t{1}, learn_longer_max));
    }
    void forget_delays() noexcept {
        delays_.clear();
        wealth_.fill(0);
        peak_ = 0;
        was_low_ = false;
    }
    [[nodiscard]] std::uint32_t loss_ppm() const noexcept {
        return static_cast<std::uint32_t>(
            std::min<std::uint64_t>(bursts_ * (1'000'000 / burst_unit) / fates_, loss_ppm_max));
    }
    void set_loss_bets() noexcept {
        const std::uint32_t p = std::max(loss_ppm(), loss_ppm_min);
        if (std::exchange(loss_null_ppm_, p) == p) return;
        loss_credit_ = loss_credit(p);
        for (std::size_t i = 0; i < loss_bets_.size(); ++i)
            loss_bets_[i].set(p, std::min<std::uint32_t>(p * loss_factor[i], 600'000));
    }

    change_config config_{};
    bounded_quantiles delays_;
    /// Twelve and four, although nine and three would do: whole vectors. The rest is never reached and never wins.
    std::array<std::int32_t, 12> limits_ = no_limits();
    std::array<std::int32_t, 4> wealth_{};
    bool was_low_ = false;
    std::uint32_t learn_ = learn;  ///< packets before the first bet on delays
    std::int32_t peak_ = 0;        ///< highest evidence since it was nearly nothing; 0 below `peak_from`
    std::uint64_t per_alarm_ = 1;  ///< packets
    std::uint64_t observed_ = 0;   ///< packets betted on, and what was seen in them
    std::uint64_t peaks_ = 0;
    std::uint64_t ended_ = 0;   ///< other than by an alarm
    std::uint64_t excess_ = 0;  ///< sum of the peaks' heights above `peak_from`
    std::array<share_bet, loss_factor.size()> loss_bets_{};
    std::uint64_t bursts_ = 0;  ///< beginnings of loss bursts among `fates_` packets, in 1/256
    std::uint32_t fates_ = fates_start;
    std::uint32_t loss_null_ppm_ = 0;  ///< what the bets are set for
    std::int32_t loss_credit_ = 0;
    std::int32_t threshold_ = 40 * one;
    std::int32_t delay_threshold_ = 40 * one;
};

}  // namespace v0
}  // namespace duality
