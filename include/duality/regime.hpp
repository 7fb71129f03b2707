// SPDX-License-Identifier: MIT
//
// Regime detector: what kind of weather a path has, from the arrivals of one flow.
//
// Feed it every packet that arrived on its own (never a rebuilt one, so that recovery cannot hide trouble). It keeps
//   - the reference deviations j_fast and j_slow: EWMA (weights 0.2 and 0.05) of |Δ inter-arrival − median of the last
//     32 inter-arrivals|, and the losses among the last 20 expected packets;
//   - the present silence and a limit for it that adapts to the flow's own inter-arrival quantile;
//   - the baseline of relative delay (arrival − origin), level steps of it, and quantiles of the delay above it;
//   - loss share and mean burst (Gilbert–Elliott), outages left out, for whoever sizes parity.
// All of them are readable as `regime_features`; `current()` is a summary with hysteresis. Besides these thresholds a
// `change_detector` raises alarms within a few packets, at a wanted rate of false ones.
//
// Decisions are integer arithmetic. One object belongs to one thread at a time; memory (24 bytes per baseline sample,
// about 27 KB besides, most of it in the object) is taken in `create`. `on_arrival` is O(1) amortised. `on_arrival` and
// `handle_timeout` change `next_timeout`.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "duality/change.hpp"
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
    baseline_config baseline{.capacity = 300, .step_packets = 16};
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
    /// The evidence behind the alarms.
    [[nodiscard]] const change_detector& change() const noexcept { return change_; }
    [[nodiscard]] const regime_statistics& statistics() const noexcept { return statistics_; }

private:
    static constexpr std::uint32_t reorder_horizon = 16;  ///< numbers behind the newest after which a fate is settled
    /// The same for the change detector: with a packet out of order among the last `reorder_memory`, and without.
    static constexpr std::uint32_t change_horizon_reordered = 3;
    static constexpr std::uint32_t change_horizon = 1;
    static constexpr std::uint32_t reorder_memory = 4'096;
    static constexpr std::uint64_t seen_bits = 64;
    static constexpr std::uint64_t burst_packets_max = 1'024;
    static constexpr std::uint32_t recent_count = 8;
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
    void count_burst() noexcept;
    void count_fate(bool lost, bool begins_burst) noexcept;
    void learn_interval(std::uint64_t sequence, media_time origin) noexcept;
    void learn_spacing(duration spacing) noexcept;
    void learn_delay(instant now, duration relative, bool bunched) noexcept;
    void test_delay(duration relative, bool bounded) noexcept;
    void test_fates(std::uint64_t newest) noexcept;
    void alarm(regime_event::kind what) noexcept;
    void classify(instant now) noexcept;
    void enter(instant now, regime next) noexcept;
    void emit(const regime_event& event) noexcept;
    [[nodiscard]] std::uint32_t loss20() const noexcept {
        const std::uint64_t missing = ~seen_ & 0xFFFFF;
        return missing == 0 ? 0 : static_cast<std::uint32_t>(std::popcount(missing));
    }
    [[nodiscard]] duration queue_delay() const noexcept;

    regime_config config_{};
    instant now_ = instant::before_all();

    std::uint64_t highest_ = 0;
    std::uint64_t judged_ = 0;                ///< the newest number whose fate the change detector knows
    std::uint32_t reorder_watch_ = 0;         ///< packets for which one out of order is remembered
    std::uint64_t seen_ = ~std::uint64_t{0};  ///< bit i: packet `highest_ - i` came
    std::uint64_t arrivals_ = 0;              ///< since the stream began
    instant last_arrival_;

    media_time newest_origin_;
    ewma<1, 64> interval_;
    running_median<32> spacing_;
    ewma<1, 5> j_fast_;
    ewma<1, 20> j_slow_;
    delay_histogram spacings_{12};
    duration gap_limit_{};

    baseline_tracker baseline_;
    delay_histogram delays_{9};
    change_detector change_;
    ewma<1, 256> reference_;                       ///< the baseline without its noise: what alarms are measured against
    regime alarmed_ = regime::calm;                ///< what the change detector says of the packet being taken
    std::array<duration, recent_count> recent_{};  ///< delays above the baseline
    /// Packets in a row that were delayed by `congested_above` or more, and by `congested_below`.
    std::uint32_t queued_above_ = 0;
    std::uint32_t queued_below_ = 0;
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
        if (const status verdict = judge(relative, sequence); verdict != status::ok) [[unlikely]]
            return verdict;

    // From here on the packet counts; a restart has set `arrivals_` to zero.
    const bool ends_outage = current_ == regime::outage || (arrivals_ != 0 && now - last_arrival_ >= gap_limit_);
    if (ends_outage && current_ != regime::outage) enter(now, regime::outage);
    const bool in_line = arrivals_ != 0 && sequence > highest_;
    const duration spacing = now - last_arrival_;
    const duration bunch = interval_.value() / 64;
    const bool bunched = arrivals_ != 0 && spacing <= bunch;
    if (arrivals_ == 0) {
        highest_ = judged_ = sequence;
        newest_origin_ = origin;
        seen_ = ~std::uint64_t{0};
        before_first_ = reorder_horizon - 1;
    } else {
        learn_spacing(spacing);
        if (sequence > highest_) {
            learn_interval(sequence, origin);
            advance(sequence);
        } else {
            ++statistics_.reordered;
            reorder_watch_ = reorder_memory;
        }
        seen_ |= std::uint64_t{1} << (highest_ - sequence);
    }
    last_arrival_ = now;
    learn_delay(now, relative, bunched);
    // A packet right behind the one before it was held up by it: alone it would have come then or earlier.
    if (in_line) test_delay(relative + (bunched ? bunch - spacing : duration::zero()), bunched);
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
    queued_above_ = queued_below_ = 0;
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
        test_fates(highest_ + i);
        settle((seen_ >> (reorder_horizon - 1) & 1) != 0);
        seen_ <<= 1;
    }
    if (steps > settled) {  // all of them missing, and the burst goes on
        const std::uint64_t missing = steps - settled;
        run_ += missing;
        statistics_.expected += missing;
        statistics_.lost += missing;
        judged_ += missing;
    }
    highest_ = sequence;
}

/// Tells the change detector of numbers that are not expected any more, `newest` being bit 0 of `seen_`.
inline void regime_detector::test_fates(std::uint64_t newest) noexcept {
    const std::uint32_t horizon = reorder_watch_ > 0 ? change_horizon_reordered : change_horizon;
    reorder_watch_ -= reorder_watch_ > 0;
    while (judged_ + horizon <= newest) {
        ++judged_;
        const bool begins_burst = (seen_ >> (newest - judged_) & 3) == 2;  // it is missing, the one before it came
        if (change_.on_fate(begins_burst)) alarm(regime_event::kind::loss_worse);
    }
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
    if (run_ != 0) [[unlikely]]
        count_burst();
    count_fate(false, false);
}

/// What is as long as an outage belongs to the outage ledger; parity cannot be sized for it.
inline void regime_detector::count_burst() noexcept {
    const auto length = static_cast<std::int64_t>(std::min<std::uint64_t>(run_, 1'000'000));
    if (interval_.value() * length <= config_.burst_max && run_ <= burst_packets_max)
        for (std::uint64_t i = 0; i < run_; ++i) count_fate(true, i == 0);
    run_ = 0;
}

inline void regime_detector::count_fate(bool lost, bool begins_burst) noexcept {
    const auto towards = [](std::uint64_t& share, bool hit, unsigned shift) noexcept {
        share -= share >> shift;
        if (hit) share += share_one >> shift;
    };
    towards(loss_fast_, lost, 7);
    towards(loss_slow_, lost, 10);
    towards(burst_slow_, begins_burst, 10);
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

inline void regime_detector::learn_spacing(duration spacing) noexcept {
    spacing_.add(spacing.ns());
    const std::int64_t off = spacing.ns() - spacing_.median();  // both are positive
    const duration deviation = duration::from_ns(off < 0 ? -off : off);
    j_fast_.add(deviation);
    j_slow_.add(deviation);
    spacings_.add(spacing);
    if (arrivals_ % gap_refresh != 0) return;
    const duration quantile = spacings_.quantile(config_.gap_permyriad) + config_.gap_margin;
    gap_limit_ = std::max(std::clamp(quantile, config_.gap_floor, config_.gap_ceiling),
                          interval_.value() * 2 + config_.gap_margin);
    change_.set_interval(interval_.value());
}

inline void regime_detector::learn_delay(instant now, duration relative, bool bunched) noexcept {
    const duration before = baseline_.baseline();
    const bool stepped = baseline_.add(now, relative, bunched) != baseline_tracker::step::none;
    if (stepped) [[unlikely]] {
        ++statistics_.level_steps;
        regime_event event;
        event.what = regime_event::kind::level_step;
        event.at = now;
        event.from = event.to = current_;
        event.baseline_before = before;
        event.baseline_after = baseline_.baseline();
        emit(event);
        recent_.fill(duration::zero());  // they were measured against the old level
        queued_above_ = queued_below_ = 0;
    }
    const duration baseline = baseline_.baseline();
    if (arrivals_ == 0)
        reference_.reset(baseline);
    else if (stepped)
        reference_.reset(reference_.value() + (baseline - before));
    else
        reference_.add(baseline);
    delay_ = relative - baseline;
    recent_[arrivals_ % recent_count] = delay_;
    queued_above_ = delay_ < config_.congested_above ? 0 : std::min(queued_above_ + 1, recent_count);
    queued_below_ = delay_ < config_.congested_below ? 0 : std::min(queued_below_ + 1, recent_count);
    delays_.add(delay_);
}

inline void regime_detector::test_delay(duration relative, bool bounded) noexcept {
    if (change_.on_delay(relative - reference_.value(), bounded)) alarm(regime_event::kind::delay_worse);
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
    if ((current_ == regime::congested ? queued_below_ : queued_above_) < recent_count) {
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
