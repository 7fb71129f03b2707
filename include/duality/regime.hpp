// SPDX-License-Identifier: MIT
//
// Regime detector: what kind of weather a path has, from the arrivals of one flow.
//
// Feed it every packet that arrived on its own (never a rebuilt one, so that recovery cannot hide trouble). It keeps
//   - the reference deviations j_fast and j_slow: EWMA (weights 0.2 and 0.05) of |Δ inter-arrival − median of the last
//     64 inter-arrivals|, and the losses among the last 20 expected packets;
//   - the present silence and a limit for it that adapts to the flow's own inter-arrival quantile;
//   - the baseline of relative delay (arrival − origin), level steps of it, and quantiles of the delay above it;
//   - loss share and mean burst (Gilbert–Elliott), outages left out, for whoever sizes parity.
// All of them are readable as `regime_features`; `current()` is a summary with hysteresis. Besides these thresholds a
// `change_detector` raises alarms within a few packets, at a wanted rate of false ones.
//
// Decisions are integer arithmetic. One object belongs to one thread at a time; memory (24 bytes per baseline sample,
// about 22 KB besides, most of it in the object) is taken in `create`. `on_arrival` is O(1) amortised. `on_arrival` and
// `handle_timeout` change `next_timeout`.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "duality/memory.hpp"
#include "duality/ring.hpp"
#include "duality/statistics.hpp"
#include "duality/status.hpp"
#include "duality/time.hpp"

namespace duality {
inline namespace v0 {

/// In order of precedence, the last one that applies wins.
enum class regime : std::uint8_t {
    calm,
    jittery,    ///< inter-arrival deviation is high
    lossy,      ///< packets are missing among the last 20
    congested,  ///< every recent packet is delayed well above the baseline: a queue has built up
    outage,     ///< silence longer than this flow's own inter-arrival times explain
};

/// Holds at which `regime_features::miss_ppm` is given.
inline constexpr std::array<duration, 8> miss_holds = {
    duration::from_ms(0),  duration::from_ms(5),  duration::from_ms(10), duration::from_ms(15),
    duration::from_ms(20), duration::from_ms(25), duration::from_ms(30), duration::from_ms(40),
};

struct regime_features {
    duration j_fast{};                ///< EWMA 0.2 of the inter-arrival deviation
    duration j_slow{};                ///< EWMA 0.05 of the same
    std::uint32_t loss20 = 0;         ///< packets missing among the last 20 expected, 0 … 20
    std::uint32_t loss_ppm = 0;       ///< loss share over about 128 packets, outages left out
    std::uint32_t loss_slow_ppm = 0;  ///< the same over about 1024 packets
    std::uint32_t mean_burst_x16 =
        0;                            ///< mean length of a loss burst in 1/16 packets, over about 1024; 0: no loss seen
    duration gap{};                   ///< length of the present silence
    duration gap_limit{};             ///< silence from which on this flow is in an outage
    duration interval{};              ///< mean spacing of packets at the sender over about 64, from their origins
    duration delay_above_baseline{};  ///< of the latest packet; negative when it beat the baseline
    duration queue_delay{};           ///< least delay above the baseline of the last 8 packets
    duration delay_p50{};             ///< quantiles of the delay above the baseline over about 512 packets
    duration delay_p95{};
    duration delay_p99{};
    std::array<std::uint32_t, miss_holds.size()>
        miss_ppm{};             ///< share of those packets later than each of `miss_holds`
    std::uint64_t packets = 0;  ///< arrivals behind all this
};

/// A test that a share has risen above what it was: bets on a run of yes/no observations under the null hypothesis that
/// each is a yes with probability `p` at most, whatever came before. Betting on the alternative `q` multiplies the
/// wealth by q / p on a yes and by (1 − q) / (1 − p) on a no; wealth never falls below what a new bet starts with
/// (CUSUM). Starting a bet at each observation, the expected wealth grows by at most one each time, so the expected
/// number of observations to a false alarm at wealth W is at least W (Shin, Ramdas and Rinaldo, "E-detectors", 2024).
/// Wealth is kept as a logarithm to base 2 in units of 1/65536.
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

struct change_config {
    bool enabled = true;
    /// Wanted false alarms per 1000 hours of the flow, delay and loss together; 1 … 1000000 (one in 3.6 s).
    std::uint32_t false_alarms_per_1000_hours = 1'000;
    duration margin = duration::from_us(250);  ///< a delay must exceed a quantile by this much; 0 … 100 ms
};

/// Tells within a few packets that delays or losses have become worse than they were, at a wanted rate of false alarms.
///
/// Delays: bets that the 75, 90, 97 and 99 % quantiles, learned online over about 8192 packets, are exceeded more often
/// than they should be. Only fresh packets may count, those that come 0.3 packet intervals or more after the one before:
/// behind a spike in a first-in-first-out path a dozen packets come in a bunch and would each count the same spike.
/// Loss: bets on beginnings of loss bursts against the share learned so far. After an alarm on delays their quantiles
/// are learned anew.
class change_detector {
public:
    void configure(const change_config& config) noexcept { config_ = config; }

    /// The spacing of the flow, from which the number of observations per hour follows.
    void set_interval(duration interval) noexcept {
        constexpr std::int64_t thousand_hours_ns = 3'600'000'000'000'000;
        const std::int64_t observations = thousand_hours_ns / std::max<std::int64_t>(interval.ns(), 1'000);
        const auto per_alarm = static_cast<std::uint64_t>(observations) / config_.false_alarms_per_1000_hours;
        threshold_ = log2_q16(std::max<std::uint64_t>(per_alarm, 1)) + one;  // half of the alarms for each kind
    }

    /// A fresh packet's delay above the baseline. True: alarm.
    [[nodiscard]] bool on_delay(duration delay) noexcept {
        if (!config_.enabled) return false;
        bool alarm = false;
        const std::uint64_t learned = delays_.samples();
        for (std::size_t i = 0; i < delay_bets.size(); ++i) {
            if (learned < delay_bets[i].learn) continue;
            bets_[i].add(delay > limits_[i]);
            alarm |= bets_[i].wealth() >= threshold_ + delay_dependence;
        }
        delays_.add(delay);
        if (alarm)
            forget_delays();
        else if (learned % refresh == 0)
            for (std::size_t i = 0; i < limits_.size(); ++i)
                limits_[i] = delays_.quantile(delay_bets[i].level_permyriad) + config_.margin;
        return alarm;
    }
    /// One packet's fate. True: alarm.
    [[nodiscard]] bool on_fate(bool begins_burst) noexcept {
        if (!config_.enabled) return false;
        bool alarm = false;
        for (share_bet& bet : loss_bets_) {
            bet.add(begins_burst);
            alarm |= bet.wealth() >= threshold_ - loss_credit_;
        }
        loss_ppm_q12_ += (begins_burst ? std::int64_t{1'000'000} : 0) - (loss_ppm_q12_ >> 12);
        if (alarm) {
            for (share_bet& bet : loss_bets_) bet.clear();
            loss_ppm_q12_ = std::min<std::int64_t>(loss_ppm_q12_ * 4 + (std::int64_t{10'000} << 12), 1'000'000ll << 12);
            fates_ = 0;
        }
        if (fates_++ % refresh == 0) set_loss_bets();
        return alarm;
    }
    void clear() noexcept {
        forget_delays();
        for (share_bet& bet : loss_bets_) bet.clear();
        loss_ppm_q12_ = 0;
        fates_ = 0;
    }

private:
    static constexpr std::int32_t one = 65'536;
    static constexpr std::uint64_t refresh = 64;
    struct delay_bet {
        std::uint32_t level_permyriad;  ///< the quantile
        std::uint32_t q_ppm;            ///< the share of exceedances betted on
        std::uint32_t learn;            ///< packets to learn the quantile from before betting
    };
    static constexpr std::array<delay_bet, 4> delay_bets = {
        {{7'500, 650'000, 256}, {9'000, 550'000, 512}, {9'700, 500'000, 1'024}, {9'900, 400'000, 2'048}}};
    static constexpr std::array<std::uint32_t, 2> loss_factor = {8, 30};
    /// Even a fresh packet exceeds a high quantile somewhat more often after another one did (what is not, hides in the
    /// bunch), which the bound knows nothing of. Measured on a first-in-first-out path with heavy-tailed jitter.
    static constexpr std::int32_t delay_dependence = one * 7 / 4;
    /// Wealth jumps over the threshold, the further the rarer losses are, so false alarms are rarer than the bound
    /// says. Measured on independent losses of 0.1 … 20 %.
    [[nodiscard]] static constexpr std::int32_t loss_credit(std::uint32_t p_ppm) noexcept {
        return std::max(log2_q16(1'000'000) - log2_q16(p_ppm) - 4 * one, 0);
    }

    [[nodiscard]] static std::array<share_bet, delay_bets.size()> fresh_bets() noexcept {
        std::array<share_bet, delay_bets.size()> bets;
        for (std::size_t i = 0; i < bets.size(); ++i)
            bets[i].set((10'000 - delay_bets[i].level_permyriad) * 100, delay_bets[i].q_ppm);
        return bets;
    }
    void forget_delays() noexcept {
        delays_.clear();
        for (share_bet& bet : bets_) bet.clear();
    }
    void set_loss_bets() noexcept {
        const auto p = static_cast<std::uint32_t>(std::clamp<std::int64_t>(loss_ppm_q12_ >> 12, 1'000, 300'000));
        loss_credit_ = loss_credit(p);
        for (std::size_t i = 0; i < loss_bets_.size(); ++i)
            loss_bets_[i].set(p, std::min<std::uint32_t>(p * loss_factor[i], 600'000));
    }

    change_config config_{};
    delay_histogram delays_{13};
    std::array<duration, delay_bets.size()> limits_{};
    std::array<share_bet, delay_bets.size()> bets_ = fresh_bets();
    std::array<share_bet, loss_factor.size()> loss_bets_{};
    std::int64_t loss_ppm_q12_ = 0;  ///< learned share of packets that begin a loss burst, in 1/4096 ppm
    std::uint64_t fates_ = 0;
    std::int32_t loss_credit_ = 0;
    std::int32_t threshold_ = 30 * one;
};

struct regime_config {
    duration gap_floor = duration::from_ms(25);        ///< least gap limit; 1 ms … 1 s
    duration gap_ceiling = duration::from_ms(120);     ///< greatest, unless two packet intervals are longer; … 10 s
    duration gap_margin = duration::from_ms(5);        ///< above the inter-arrival quantile; 0 … 1 s
    std::uint32_t gap_permyriad = 9'990;               ///< which inter-arrival quantile; 5000 … 9999
    duration burst_max = duration::from_ms(60);        ///< a longer run of missing packets is an outage; 1 ms … 10 s
    duration jittery_above = duration::from_ms(10);    ///< j_fast that makes a path jittery; 0.1 … 1000 ms
    duration jittery_below = duration::from_ms(6);     ///< and under which it stops; 0.1 ms … jittery_above
    std::uint32_t lossy_from = 2;                      ///< loss20 that makes a path lossy; 1 … 20
    duration congested_above = duration::from_ms(20);  ///< queue delay that makes a path congested; 1 … 1000 ms
    duration congested_below = duration::from_ms(10);  ///< and under which it stops; 1 ms … congested_above
    duration congested_time = duration::from_ms(60);   ///< how long it must last; 0 … 10 s
    /// A calmer regime begins only this long after the last sign of the present one; 0 … 60 s. An outage ends at once.
    duration linger = duration::from_ms(1'000);
    std::uint32_t sequence_jump_max = 100'000;  ///< a number further ahead is refused; 64 … 2^31
    /// A relative delay further off the baseline than this is refused; 100 ms … 1 h.
    duration delay_jump_max = duration::from_ms(10'000);
    std::uint32_t restart_packets = 4;  ///< consistent refusals in a row that prove a restart of the sender; 2 … 64
    baseline_config baseline{};
    change_config change{};
};

inline constexpr field_bounds regime_bounds[] = {
    {"gap_floor", 1'000'000, 1'000'000'000, "ns"},
    {"gap_ceiling", 1'000'000, 10'000'000'000, "ns"},
    {"gap_margin", 0, 1'000'000'000, "ns"},
    {"gap_permyriad", 5'000, 9'999, "permyriad"},
    {"burst_max", 1'000'000, 10'000'000'000, "ns"},
    {"jittery_above", 100'000, 1'000'000'000, "ns"},
    {"jittery_below", 100'000, 1'000'000'000, "ns"},
    {"lossy_from", 1, 20, "packets"},
    {"congested_above", 1'000'000, 1'000'000'000, "ns"},
    {"congested_below", 1'000'000, 1'000'000'000, "ns"},
    {"congested_time", 0, 10'000'000'000, "ns"},
    {"linger", 0, 60'000'000'000, "ns"},
    {"sequence_jump_max", 64, 2'147'483'648, "packets"},
    {"delay_jump_max", 100'000'000, 3'600'000'000'000, "ns"},
    {"restart_packets", 2, 64, "packets"},
    {"change.false_alarms_per_1000_hours", 1, 1'000'000, "alarms"},
    {"change.margin", 0, 100'000'000, "ns"},
};

struct regime_event {
    enum class kind : std::uint8_t {
        changed,      ///< `from` → `to`
        level_step,   ///< the baseline moved: `baseline_before` → `baseline_after`
        delay_worse,  ///< alarm: delays are worse than what was learned
        loss_worse,   ///< alarm: losses are more frequent than what was learned
        restarted,    ///< the sender restarted; everything was learned afresh
    };
    kind what = kind::changed;
    instant at;
    regime from = regime::calm;
    regime to = regime::calm;
    duration baseline_before{};
    duration baseline_after{};
};

struct regime_statistics {
    std::uint64_t arrivals = 0;
    std::uint64_t duplicates = 0;
    std::uint64_t reordered = 0;
    std::uint64_t refused = 0;  ///< sequence number or delay absurdly far off
    std::uint64_t restarts = 0;
    std::uint64_t expected = 0;     ///< packets whose fate is settled (16 numbers behind the newest)
    std::uint64_t lost = 0;         ///< of those, missing
    std::uint64_t loss_bursts = 0;  ///< runs of missing packets, outages included
    std::uint64_t outages = 0;      ///< silences that reached the gap limit
    std::uint64_t level_steps = 0;
    std::uint64_t delay_alarms = 0;
    std::uint64_t loss_alarms = 0;
    std::uint64_t events_dropped = 0;  ///< `poll_event` was not called
    std::uint64_t clock_backwards = 0;
};

class regime_detector {
public:
    static result<regime_detector> create(const regime_config& config, const allocator& memory) noexcept;

    /// A packet that arrived on its own. `duplicate`: seen before, nothing changed. `late`: too far behind to be told
    /// from a duplicate. `out_of_window`: sequence number or delay absurdly far off.
    status on_arrival(instant now, std::uint64_t sequence, media_time origin) noexcept;
    /// Lets time pass: silence becomes an outage.
    void handle_timeout(instant now) noexcept;
    /// When the present silence becomes an outage; `never()` before the first packet and during an outage.
    [[nodiscard]] instant next_timeout() const noexcept {
        return arrivals_ == 0 || current_ == regime::outage ? instant::never() : last_arrival_ + gap_limit_;
    }

    /// Everything as of `now`. Walks parts of two histograms: a fraction of a microsecond.
    [[nodiscard]] regime_features features(instant now) const noexcept;
    [[nodiscard]] regime current() const noexcept { return current_; }
    [[nodiscard]] duration baseline() const noexcept { return baseline_.baseline(); }
    [[nodiscard]] bool poll_event(regime_event& out) noexcept {
        if (events_.empty()) return false;
        out = events_.pop();
        return true;
    }
    [[nodiscard]] const regime_statistics& statistics() const noexcept { return statistics_; }

private:
    static constexpr std::uint32_t reorder_horizon = 16;  ///< numbers behind the newest after which a fate is settled
    static constexpr std::uint32_t change_horizon = 3;    ///< the same, for the change detector
    static constexpr std::uint64_t seen_bits = 64;
    static constexpr std::uint64_t burst_packets_max = 1'024;
    static constexpr std::size_t recent_count = 8;
    static constexpr std::uint32_t gap_refresh = 32;  ///< arrivals between two looks at the inter-arrival quantile
    static constexpr std::uint64_t share_one = std::uint64_t{1} << 32;

    regime_detector() noexcept = default;

    [[nodiscard]] instant clamp_clock(instant now) noexcept {
        if (now < now_) {
            ++statistics_.clock_backwards;
            return now_;
        }
        return now_ = now;
    }
    [[nodiscard]] status judge(duration relative, std::uint64_t sequence) noexcept;
    void forget_stream() noexcept;
    void advance(std::uint64_t sequence) noexcept;
    void settle(bool received) noexcept;
    void learn_interval(std::uint64_t sequence, media_time origin) noexcept;
    void learn_spacing(instant now) noexcept;
    void learn_delay(instant now, duration relative) noexcept;
    void alarm(regime_event::kind what) noexcept;
    void classify(instant now) noexcept;
    void enter(instant now, regime next) noexcept;
    void emit(const regime_event& event) noexcept;
    [[nodiscard]] std::uint32_t loss20() const noexcept {
        return 20 - static_cast<std::uint32_t>(std::popcount(seen_ & 0xFFFFF));
    }
    [[nodiscard]] duration queue_delay() const noexcept;

    regime_config config_{};
    instant now_ = instant::before_all();

    std::uint64_t highest_ = 0;
    std::uint64_t seen_ = ~std::uint64_t{0};  ///< bit i: packet `highest_ - i` came
    std::uint64_t arrivals_ = 0;              ///< since the stream began
    instant last_arrival_;

    media_time newest_origin_;
    ewma<1, 64> interval_;
    running_median<64> spacing_;
    ewma<1, 5> j_fast_;
    ewma<1, 20> j_slow_;
    delay_histogram spacings_{12};
    duration gap_limit_{};
    bool fresh_ = true;  ///< the latest packet did not come in a bunch with the one before it

    baseline_tracker baseline_;
    delay_histogram delays_{9};
    change_detector change_;
    regime alarmed_ = regime::calm;                ///< what the change detector says of the packet being taken
    std::array<duration, recent_count> recent_{};  ///< delays above the baseline
    duration delay_{};

    std::uint64_t loss_fast_ = 0;  ///< shares in units of 2^-32
    std::uint64_t loss_slow_ = 0;
    std::uint64_t burst_slow_ = 0;    ///< share of packets that begin a burst
    std::uint64_t run_ = 0;           ///< length of the loss burst being settled
    std::uint32_t before_first_ = 0;  ///< numbers yet to be settled that are from before the stream began

    std::uint32_t suspects_ = 0;
    std::uint64_t suspect_sequence_ = 0;
    duration suspect_delay_{};

    regime current_ = regime::calm;
    instant last_sign_;  ///< when the present regime last had its reason
    instant queue_since_ = instant::never();
    ring<regime_event> events_;
    regime_statistics statistics_{};
};

inline result<regime_detector> regime_detector::create(const regime_config& config, const allocator& memory) noexcept {
    config_check check{regime_bounds};
    check.in_range("gap_floor", config.gap_floor.ns())
        .in_range("gap_ceiling", config.gap_ceiling.ns())
        .require("gap_ceiling", config.gap_ceiling >= config.gap_floor)
        .in_range("gap_margin", config.gap_margin.ns())
        .in_range("gap_permyriad", config.gap_permyriad)
        .in_range("burst_max", config.burst_max.ns())
        .in_range("jittery_above", config.jittery_above.ns())
        .in_range("jittery_below", config.jittery_below.ns())
        .require("jittery_below", config.jittery_below <= config.jittery_above)
        .in_range("lossy_from", config.lossy_from)
        .in_range("congested_above", config.congested_above.ns())
        .in_range("congested_below", config.congested_below.ns())
        .require("congested_below", config.congested_below <= config.congested_above)
        .in_range("congested_time", config.congested_time.ns())
        .in_range("linger", config.linger.ns())
        .in_range("sequence_jump_max", config.sequence_jump_max)
        .in_range("delay_jump_max", config.delay_jump_max.ns())
        .in_range("restart_packets", config.restart_packets)
        .in_range("change.false_alarms_per_1000_hours", config.change.false_alarms_per_1000_hours)
        .in_range("change.margin", config.change.margin.ns());
    if (!check.ok()) return check.error();
    const config_check baseline = baseline_tracker::check(config.baseline);
    if (!baseline.ok()) return baseline.error();

    regime_detector made;
    made.config_ = config;
    made.change_.configure(config.change);
    made.gap_limit_ = config.gap_ceiling;
    if (!made.baseline_.create(config.baseline, memory) || !made.events_.create(16, memory))
        return status::out_of_memory;
    return made;
}

inline status regime_detector::on_arrival(instant now, std::uint64_t sequence, media_time origin) noexcept {
    now = clamp_clock(now);
    const duration relative = duration::from_ns(detail::saturating_sub(now.ns(), origin.ns()));
    if (arrivals_ != 0)
        if (const status verdict = judge(relative, sequence); verdict != status::ok) return verdict;

    // From here on the packet counts; a restart has set `arrivals_` to zero.
    const bool ends_outage = current_ == regime::outage || (arrivals_ != 0 && now - last_arrival_ >= gap_limit_);
    if (ends_outage && current_ != regime::outage) enter(now, regime::outage);
    if (arrivals_ == 0) {
        highest_ = sequence;
        newest_origin_ = origin;
        seen_ = ~std::uint64_t{0};
        before_first_ = reorder_horizon - 1;
    } else {
        learn_spacing(now);
        if (sequence > highest_) {
            learn_interval(sequence, origin);
            advance(sequence);
        } else {
            ++statistics_.reordered;
        }
        seen_ |= std::uint64_t{1} << (highest_ - sequence);
    }
    last_arrival_ = now;
    learn_delay(now, relative);
    ++arrivals_;
    ++statistics_.arrivals;
    classify(now);
    return status::ok;
}

inline status regime_detector::judge(duration relative, std::uint64_t sequence) noexcept {
    const duration above = relative - baseline_.baseline();
    const bool absurd = above > config_.delay_jump_max || -above > config_.delay_jump_max;
    const bool stale = sequence <= highest_ && highest_ - sequence >= seen_bits;
    const bool jumps = sequence > highest_ && sequence - highest_ > config_.sequence_jump_max;
    if (!absurd && !stale && !jumps) {
        suspects_ = 0;
        if (sequence <= highest_ && (seen_ >> (highest_ - sequence) & 1) != 0) {
            ++statistics_.duplicates;
            return status::duplicate;
        }
        return status::ok;
    }
    const duration moved = relative - suspect_delay_;
    const bool follows = suspects_ != 0 && sequence > suspect_sequence_ && sequence - suspect_sequence_ <= seen_bits &&
                         moved <= config_.delay_jump_max && -moved <= config_.delay_jump_max;
    suspects_ = follows ? suspects_ + 1 : 1;
    suspect_sequence_ = sequence;
    suspect_delay_ = relative;
    if (suspects_ >= config_.restart_packets) {
        forget_stream();
        return status::ok;
    }
    ++statistics_.refused;
    return stale && !absurd ? status::late : status::out_of_window;
}

inline void regime_detector::forget_stream() noexcept {
    ++statistics_.restarts;
    if (current_ != regime::calm) enter(now_, regime::calm);
    regime_event event;
    event.what = regime_event::kind::restarted;
    event.at = now_;
    emit(event);
    suspects_ = 0;
    arrivals_ = run_ = 0;
    interval_.reset();
    spacing_.clear();
    spacings_.clear();
    j_fast_.reset();
    j_slow_.reset();
    baseline_.clear();
    delays_.clear();
    change_.clear();
    recent_.fill(duration::zero());
    delay_ = duration::zero();
    loss_fast_ = loss_slow_ = burst_slow_ = 0;
    gap_limit_ = config_.gap_ceiling;
    queue_since_ = instant::never();
}

/// Moves the newest sequence number up; each number that falls behind the reorder horizon is settled.
inline void regime_detector::advance(std::uint64_t sequence) noexcept {
    const std::uint64_t steps = sequence - highest_;
    const std::uint64_t settled = std::min<std::uint64_t>(steps, seen_bits);
    for (std::uint64_t i = 0; i < settled; ++i) {
        const std::uint64_t recent = seen_ >> (change_horizon - 1);
        const bool begins_burst = (recent & 3) == 2;  // this one is missing, the one before it came
        if (change_.on_fate(begins_burst)) alarm(regime_event::kind::loss_worse);
        settle((seen_ >> (reorder_horizon - 1) & 1) != 0);
        seen_ <<= 1;
    }
    if (steps > settled) {  // all of them missing, and the burst goes on
        const std::uint64_t missing = steps - settled;
        run_ += missing;
        statistics_.expected += missing;
        statistics_.lost += missing;
    }
    highest_ = sequence;
}

inline void regime_detector::settle(bool received) noexcept {
    if (before_first_ > 0) {
        --before_first_;
        return;
    }
    ++statistics_.expected;
    if (!received) {
        ++statistics_.lost;
        statistics_.loss_bursts += run_++ == 0;
        return;
    }
    const auto count = [this](bool lost, bool begins) noexcept {
        const auto towards = [](std::uint64_t& share, bool hit, unsigned shift) noexcept {
            share -= share >> shift;
            if (hit) share += share_one >> shift;
        };
        towards(loss_fast_, lost, 7);
        towards(loss_slow_, lost, 10);
        towards(burst_slow_, begins, 10);
    };
    // What is as long as an outage belongs to the outage ledger; parity cannot be sized for it.
    const auto length = static_cast<std::int64_t>(std::min<std::uint64_t>(run_, 1'000'000));
    if (interval_.value() * length <= config_.burst_max && run_ <= burst_packets_max)
        for (std::uint64_t i = 0; i < run_; ++i) count(true, i == 0);
    run_ = 0;
    count(false, false);
}

/// The sender's own spacing, which no bunching on the way can change. A pause counts as a few packets' worth.
inline void regime_detector::learn_interval(std::uint64_t sequence, media_time origin) noexcept {
    const auto steps = static_cast<std::int64_t>(sequence - highest_);
    duration spacing = std::max(origin - newest_origin_, duration::zero());
    if (steps != 1) spacing = spacing / steps;
    newest_origin_ = std::max(newest_origin_, origin);
    if (interval_.value() == duration::zero())
        interval_.reset(std::min(spacing, config_.gap_ceiling));
    else
        interval_.add(std::min(spacing, interval_.value() * 4 + duration::from_ms(1)));
}

inline void regime_detector::learn_spacing(instant now) noexcept {
    const duration spacing = now - last_arrival_;
    spacing_.add(spacing.ns());
    fresh_ = spacing * 10 >= interval_.value() * 3;
    const duration off = spacing - duration::from_ns(spacing_.median());
    const duration deviation = std::max(off, -off);
    j_fast_.add(deviation);
    j_slow_.add(deviation);
    spacings_.add(spacing);
    if (arrivals_ % gap_refresh != 0) return;
    const duration quantile = spacings_.quantile(config_.gap_permyriad) + config_.gap_margin;
    gap_limit_ = std::max(std::clamp(quantile, config_.gap_floor, config_.gap_ceiling),
                          interval_.value() * 2 + config_.gap_margin);
    change_.set_interval(interval_.value());
}

inline void regime_detector::learn_delay(instant now, duration relative) noexcept {
    const duration before = baseline_.baseline();
    if (baseline_.add(now, relative) != baseline_tracker::step::none) {
        ++statistics_.level_steps;
        regime_event event;
        event.what = regime_event::kind::level_step;
        event.at = now;
        event.from = event.to = current_;
        event.baseline_before = before;
        event.baseline_after = baseline_.baseline();
        emit(event);
        recent_.fill(duration::zero());  // they were measured against the old level
    }
    delay_ = relative - baseline_.baseline();
    recent_[arrivals_ % recent_count] = delay_;
    delays_.add(delay_);
    if (fresh_ && change_.on_delay(delay_)) alarm(regime_event::kind::delay_worse);
}

inline void regime_detector::alarm(regime_event::kind what) noexcept {
    const bool by_loss = what == regime_event::kind::loss_worse;
    ++(by_loss ? statistics_.loss_alarms : statistics_.delay_alarms);
    alarmed_ = std::max(alarmed_, by_loss ? regime::lossy : regime::jittery);
    regime_event event;
    event.what = what;
    event.at = now_;
    event.from = event.to = current_;
    emit(event);
}

inline duration regime_detector::queue_delay() const noexcept {
    return arrivals_ == 0 ? duration::zero() : *std::min_element(recent_.begin(), recent_.end());
}

inline void regime_detector::classify(instant now) noexcept {
    const duration queue = queue_delay();
    if (queue < (current_ == regime::congested ? config_.congested_below : config_.congested_above)) {
        queue_since_ = instant::never();
    } else if (queue_since_.is_never()) {
        queue_since_ = now;
    }
    const duration jitter = j_fast_.value();
    regime sign = alarmed_;
    alarmed_ = regime::calm;
    if (jitter > (current_ == regime::jittery ? config_.jittery_below : config_.jittery_above))
        sign = std::max(sign, regime::jittery);
    if (loss20() >= config_.lossy_from) sign = regime::lossy;
    if (!queue_since_.is_never() && now - queue_since_ >= config_.congested_time) sign = regime::congested;
    if (sign >= current_ || current_ == regime::outage) {
        last_sign_ = now;
        if (sign != current_) enter(now, sign);
    } else if (now - last_sign_ >= config_.linger) {
        last_sign_ = now;
        enter(now, sign);
    }
}

inline void regime_detector::handle_timeout(instant now) noexcept {
    now = clamp_clock(now);
    if (now >= next_timeout()) enter(now, regime::outage);
}

inline void regime_detector::enter(instant now, regime next) noexcept {
    regime_event event;
    event.at = now;
    event.from = current_;
    event.to = current_ = next;
    statistics_.outages += next == regime::outage;
    emit(event);
}

inline void regime_detector::emit(const regime_event& event) noexcept {
    if (!events_.push(event)) ++statistics_.events_dropped;
}

inline regime_features regime_detector::features(instant now) const noexcept {
    const auto ppm = [](std::uint64_t share) noexcept { return static_cast<std::uint32_t>(share * 1'000'000 >> 32); };
    regime_features f;
    f.j_fast = j_fast_.value();
    f.j_slow = j_slow_.value();
    f.loss20 = loss20();
    f.loss_ppm = ppm(loss_fast_);
    f.loss_slow_ppm = ppm(loss_slow_);
    if (burst_slow_ >= share_one >> 20) f.mean_burst_x16 = static_cast<std::uint32_t>(loss_slow_ * 16 / burst_slow_);
    f.gap = arrivals_ == 0 ? duration::zero() : std::max(now - last_arrival_, duration::zero());
    f.gap_limit = gap_limit_;
    f.interval = interval_.value();
    f.delay_above_baseline = delay_;
    f.queue_delay = queue_delay();
    f.delay_p50 = delays_.quantile(5'000);
    f.delay_p95 = delays_.quantile(9'500);
    f.delay_p99 = delays_.quantile(9'900);
    for (std::size_t i = 0; i < miss_holds.size(); ++i) f.miss_ppm[i] = delays_.above_ppm(miss_holds[i]);
    f.packets = arrivals_;
    return f;
}

}  // namespace v0
}  // namespace duality
