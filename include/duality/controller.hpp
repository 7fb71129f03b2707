// SPDX-License-Identifier: MIT
//
// Controller: turns what is known about a path into hold depth, parity rate, reactive repair and second-path use.
//
// Two laws. `reference` is the plain threshold law that every other one is compared with. `adaptive` (the default)
// chooses the tool by what the round trip allows: reactive repair while a repair can make the deadline, proactive
// parity of twice the measured loss otherwise, nothing on a clean path or under congestion, the second path for
// silences and for bursts that parity cannot cover, and a deeper hold only while it saves playout misses.
//
// Both run under the same guardrails: bounds, rate limits and deadbands per output; the overhead headroom caps parity;
// no metered bytes left turns the second path off; CPU over its cap sheds parity first and hold second. Every change of
// an output is a `decision_event` with the inputs, the threshold and the timers behind it.
//
// Integers only: nanoseconds, basis points (1/100 %) and parts per million. One object belongs to one thread at a time;
// `create` takes memory for the events, `update` is O(1) and allocates nothing.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "duality/memory.hpp"
#include "duality/regime.hpp"
#include "duality/ring.hpp"
#include "duality/status.hpp"
#include "duality/time.hpp"

namespace duality {
inline namespace v0 {

enum class control_law : std::uint8_t { reference, adaptive };

struct controller_config {
    control_law law = control_law::adaptive;
    duration hold_min = duration::from_ms(15);  ///< 0 … 1 s; also the hold at start
    duration hold_max = duration::from_ms(30);  ///< hold_min … 1 s
    std::uint32_t parity_max_bp = 1'000;        ///< 0 … 10000 basis points
    bool hold_enabled = true;                   ///< false: the hold stays at hold_min
    bool reactive_enabled = true;               ///< false: reactive repair stays off
    bool second_path_enabled = true;            ///< false: the second path stays off

    // adaptive law only
    /// Added delay to keep at p95: a deeper hold is allowed for `hold_over_permille` of the time only; 0 … 1 s.
    duration hold_budget = duration::from_ms(15);
    std::uint32_t hold_over_permille = 40;                 ///< 0 … 1000
    std::uint32_t hold_gain_ppm = 1'500;                   ///< misses that 1 ms more of hold must save; 1 … 1000000
    duration hold_up_per_second = duration::from_ms(50);   ///< 4 … 1000 ms
    duration hold_down_per_second = duration::from_ms(6);  ///< 4 … 1000 ms; 15 ms are gone within 2.5 s
    std::uint32_t clean_ppm = 500;                  ///< loss up to this is a clean path: no parity; 0 … 1000000
    std::uint32_t parity_per_loss_x16 = 32;         ///< proactive parity = loss × this / 16; 0 … 256
    std::uint32_t parity_up_bp_per_second = 2'000;  ///< 200 … 100000
    std::uint32_t parity_down_bp_per_second = 500;  ///< 200 … 100000
    /// Reactive repair while the round trip is at most this share of the deadline; 0 … 1000. The rest is for the loss to
    /// show.
    std::uint32_t reactive_permille = 850;
    duration second_path_linger = duration::from_ms(500);  ///< stays on this long after its reason; 0 … 60 s
};

inline constexpr field_bounds controller_bounds[] = {
    {"law", 0, 1, "control_law"},
    {"hold_min", 0, 1'000'000'000, "ns"},
    {"hold_max", 0, 1'000'000'000, "ns"},
    {"parity_max_bp", 0, 10'000, "bp"},
    {"hold_budget", 0, 1'000'000'000, "ns"},
    {"hold_over_permille", 0, 1'000, "permille"},
    {"hold_gain_ppm", 1, 1'000'000, "ppm/ms"},
    {"hold_up_per_second", 4'000'000, 1'000'000'000, "ns/s"},
    {"hold_down_per_second", 4'000'000, 1'000'000'000, "ns/s"},
    {"clean_ppm", 0, 1'000'000, "ppm"},
    {"parity_per_loss_x16", 0, 256, "1/16"},
    {"parity_up_bp_per_second", 200, 100'000, "bp/s"},
    {"parity_down_bp_per_second", 200, 100'000, "bp/s"},
    {"reactive_permille", 0, 1'000, "permille"},
    {"second_path_linger", 0, 60'000'000'000, "ns"},
};

struct control_inputs {
    regime_features features{};
    regime current = regime::calm;
    duration rtt{};  ///< zero: unknown
    duration deadline = duration::from_ms(100);
    bool second_path_available = false;
    bool congestion = false;                      ///< somebody above knows that the losses are congestion
    std::uint32_t overhead_headroom_bp = 10'000;  ///< parity that the overhead budget still allows
    std::uint32_t cpu_share_permille = 0;
    std::uint32_t cpu_cap_permille = 1'000;
    bool metered_budget_left = true;
};

struct control_outputs {
    duration hold{};
    std::uint32_t parity_bp = 0;
    bool reactive = false;
    bool second_path = false;
};

enum class control_output : std::uint8_t { hold, parity, reactive, second_path };

/// The rule that moved an output. The unit of `decision_event::threshold` follows from it.
enum class control_reason : std::uint8_t {
    jitter_high,   ///< j_fast above the threshold (ns)
    jitter_low,    ///< j_fast below the threshold (ns)
    loss_high,     ///< loss20 at or above the threshold (packets), reference law; loss_ppm above it (ppm), adaptive law
    quiet,         ///< no loss and j_slow low (ns) for 2 s, reference law; loss_ppm at or below it (ppm), adaptive law
    rtt_fits,      ///< RTT at most the threshold (ns): a repair on request makes the deadline
    rtt_too_long,  ///< RTT above the threshold (ns), or unknown
    congestion,    ///< reported from above, or by the regime; threshold 0
    headroom,      ///< overhead headroom (bp) is the cap
    gap_open,      ///< silence reached the threshold (ns)
    gap_closed,    ///< the silence is over and the linger (ns) has passed
    long_bursts,   ///< mean burst above what parity can cover (1/16 packets)
    misses_saved,  ///< a deeper hold saves enough misses; threshold ppm per ms
    misses_gone,   ///< it no longer does; threshold ppm per ms
    delay_budget,  ///< the share of time above hold_budget is used up; threshold: the credit that was needed (ns)
    cpu,           ///< CPU share above the threshold (permille)
    budget,        ///< no metered bytes left, or no second path; threshold 0
};

/// One change of one output, with everything that entered the decision. Values are ns (hold), basis points (parity) or
/// 0 and 1.
struct decision_event {
    control_output output = control_output::hold;
    control_reason reason = control_reason::jitter_high;
    instant at;
    std::int64_t threshold = 0;
    std::int64_t old_value = 0;
    std::int64_t new_value = 0;
    control_inputs inputs{};
    duration since_change{};  ///< time since this output changed last; infinite() when it never did
    duration quiet_for{};     ///< reference law: how long there was no loss and j_slow below 6 ms
    duration hold_credit{};   ///< adaptive law: time that the hold may still spend above hold_budget
};

struct controller_statistics {
    std::uint64_t updates = 0;
    std::uint64_t hold_changes = 0;
    std::uint64_t parity_changes = 0;
    std::uint64_t reactive_changes = 0;
    std::uint64_t second_path_changes = 0;
    std::uint64_t events_dropped = 0;  ///< `poll_event` was not called
    std::uint64_t clock_backwards = 0;
};

class controller {
public:
    static result<controller> create(const controller_config& config, const allocator& memory) noexcept;

    /// Takes the state of things at `now` and gives the outputs to use until the next call. Call it once per received
    /// packet or every 10–20 ms; the law is rate-limited by time and does not depend on how often.
    const control_outputs& update(instant now, const control_inputs& inputs) noexcept;

    [[nodiscard]] const control_outputs& outputs() const noexcept { return outputs_; }
    [[nodiscard]] bool poll_event(decision_event& out) noexcept {
        if (events_.empty()) return false;
        out = events_.pop();
        return true;
    }
    [[nodiscard]] const controller_statistics& statistics() const noexcept { return statistics_; }

private:
    static constexpr duration second = duration::from_ms(1'000);

    /// Rate limit of one output: when it changed last.
    struct timer {
        instant last;
        bool ever = false;

        [[nodiscard]] duration since(instant now) const noexcept { return ever ? now - last : duration::infinite(); }
        [[nodiscard]] bool ready(instant now, duration interval) const noexcept { return since(now) >= interval; }
    };

    controller() noexcept = default;

    void reference(instant now, const control_inputs& in) noexcept;
    void adaptive(instant now, const control_inputs& in, duration elapsed) noexcept;
    void adaptive_hold(instant now, const control_inputs& in, duration elapsed) noexcept;
    void adaptive_parity(instant now, const control_inputs& in, duration elapsed) noexcept;
    void adaptive_second_path(instant now, const control_inputs& in) noexcept;
    [[nodiscard]] bool may_use_second_path(const control_inputs& in) const noexcept {
        return config_.second_path_enabled && in.second_path_available && in.metered_budget_left;
    }
    [[nodiscard]] std::uint32_t parity_cap(const control_inputs& in) const noexcept {
        return std::min(config_.parity_max_bp, in.overhead_headroom_bp);
    }
    [[nodiscard]] bool shed_for_cpu(instant now, const control_inputs& in) noexcept;
    [[nodiscard]] duration wanted_hold(const control_inputs& in) const noexcept;
    /// Does one repair in twenty at most rebuild a packet? It does when a burst began among the packets of one deadline
    /// (their number × loss / mean burst) and was one packet long (1 / mean burst).
    [[nodiscard]] static bool rebuilds_little(const control_inputs& in) noexcept {
        const std::int64_t packets = in.deadline.ns() / std::max<std::int64_t>(in.features.interval.ns(), 1);
        const std::int64_t lost_ppm = std::min<std::int64_t>(packets, 10'000) * in.features.loss_ppm;
        const std::int64_t burst_x16 = std::clamp<std::int64_t>(in.features.mean_burst_x16, 16, 1'600'000);
        return lost_ppm * 256 <= burst_x16 * burst_x16 * 50'000;
    }
    [[nodiscard]] static bool bursts_beyond_parity(const controller_config& config, const control_inputs& in,
                                                   std::int64_t& cover_x16) noexcept;

    void set_hold(instant now, const control_inputs& in, duration value, control_reason why,
                  std::int64_t threshold) noexcept;
    void set_parity(instant now, const control_inputs& in, std::uint32_t bp, control_reason why,
                    std::int64_t threshold) noexcept;
    void set_reactive(instant now, const control_inputs& in, bool on, control_reason why,
                      std::int64_t threshold) noexcept;
    void set_second_path(instant now, const control_inputs& in, bool on, control_reason why,
                         std::int64_t threshold) noexcept;
    void emit(instant now, const control_inputs& in, control_output output, control_reason why, std::int64_t threshold,
              std::int64_t old_value, std::int64_t new_value, timer& changed) noexcept;

    controller_config config_{};
    control_outputs outputs_{};
    instant now_ = instant::before_all();
    bool started_ = false;
    timer hold_changed_;
    timer parity_changed_;
    timer reactive_changed_;
    timer second_path_changed_;
    timer shed_;
    instant quiet_since_ = instant::never();  ///< reference law
    duration hold_credit_{};                  ///< adaptive law
    duration hold_room_{};                    ///< rate limit: time saved up for the next move
    std::int64_t parity_room_ = 0;            ///< time saved up for the next move of parity, ns
    bool hold_moves_ = false;                 ///< on the way to a target further off than the deadband
    bool parity_moves_ = false;
    instant second_path_until_ = instant::before_all();
    ring<decision_event> events_;
    controller_statistics statistics_{};
};

inline result<controller> controller::create(const controller_config& config, const allocator& memory) noexcept {
    config_check check{controller_bounds};
    check.in_range("law", static_cast<std::int64_t>(config.law))
        .in_range("hold_min", config.hold_min.ns())
        .in_range("hold_max", config.hold_max.ns())
        .require("hold_max", config.hold_max >= config.hold_min)
        .in_range("parity_max_bp", config.parity_max_bp)
        .in_range("hold_budget", config.hold_budget.ns())
        .in_range("hold_over_permille", config.hold_over_permille)
        .in_range("hold_gain_ppm", config.hold_gain_ppm)
        .in_range("hold_up_per_second", config.hold_up_per_second.ns())
        .in_range("hold_down_per_second", config.hold_down_per_second.ns())
        .in_range("clean_ppm", config.clean_ppm)
        .in_range("parity_per_loss_x16", config.parity_per_loss_x16)
        .in_range("parity_up_bp_per_second", config.parity_up_bp_per_second)
        .in_range("parity_down_bp_per_second", config.parity_down_bp_per_second)
        .in_range("reactive_permille", config.reactive_permille)
        .in_range("second_path_linger", config.second_path_linger.ns());
    if (!check.ok()) return check.error();
    controller made;
    made.config_ = config;
    made.outputs_.hold = config.hold_min;
    if (!made.events_.create(32, memory)) return status::out_of_memory;
    return made;
}

inline const control_outputs& controller::update(instant now, const control_inputs& inputs) noexcept {
    ++statistics_.updates;
    if (started_ && now < now_) {
        ++statistics_.clock_backwards;
        now = now_;
    }
    const duration elapsed = started_ ? now - now_ : duration::zero();
    now_ = now;
    started_ = true;
    // Budgets bind at once, whatever the rate limits say.
    if (outputs_.parity_bp > inputs.overhead_headroom_bp)
        set_parity(now, inputs, inputs.overhead_headroom_bp, control_reason::headroom, inputs.overhead_headroom_bp);
    if (outputs_.second_path && !may_use_second_path(inputs))
        set_second_path(now, inputs, false, control_reason::budget, 0);
    if (config_.law == control_law::reference)
        reference(now, inputs);
    else
        adaptive(now, inputs, elapsed);
    return outputs_;
}

/// CPU over its cap: 2 % of parity less, and when there is none left 2 ms of hold, once a second. True while over.
inline bool controller::shed_for_cpu(instant now, const control_inputs& in) noexcept {
    if (in.cpu_share_permille <= in.cpu_cap_permille) return false;
    if (!shed_.ready(now, second)) return true;
    if (outputs_.parity_bp > 0) {
        set_parity(now, in, outputs_.parity_bp - std::min<std::uint32_t>(outputs_.parity_bp, 200), control_reason::cpu,
                   in.cpu_cap_permille);
    } else if (outputs_.hold > config_.hold_min) {
        set_hold(now, in, std::max(outputs_.hold - duration::from_ms(2), config_.hold_min), control_reason::cpu,
                 in.cpu_cap_permille);
    } else {
        return true;
    }
    shed_ = {now, true};
    return true;
}

/// One step per output and second, in units of the deadband or more; smaller remainders at a bound are not taken.
inline void controller::reference(instant now, const control_inputs& in) noexcept {
    constexpr duration hold_up_above = duration::from_ms(12);
    constexpr duration hold_down_below = duration::from_ms(6);
    constexpr duration hold_deadband = duration::from_ms(1);
    constexpr std::uint32_t loss_limit = 2;
    constexpr duration parity_jitter = duration::from_ms(10);
    constexpr duration quiet_jitter = duration::from_ms(6);
    constexpr duration quiet_needed = duration::from_ms(2'000);
    constexpr std::uint32_t parity_step = 100;
    constexpr std::uint32_t parity_deadband = 50;
    constexpr duration gap_limit = duration::from_ms(120);

    const regime_features& f = in.features;
    const bool quiet = f.loss20 == 0 && f.j_slow < quiet_jitter;
    if (!quiet)
        quiet_since_ = instant::never();
    else if (quiet_since_.is_never())
        quiet_since_ = now;

    if (!shed_for_cpu(now, in)) {
        if (config_.hold_enabled && hold_changed_.ready(now, second)) {
            duration next = outputs_.hold;
            const bool up = f.j_fast > hold_up_above;
            if (up) next = std::min(next + duration::from_ms(2), config_.hold_max);
            if (f.j_fast < hold_down_below) next = std::max(next - duration::from_ms(1), config_.hold_min);
            const duration change = next - outputs_.hold;
            if (std::max(change, -change) >= hold_deadband)
                set_hold(now, in, next, up ? control_reason::jitter_high : control_reason::jitter_low,
                         (up ? hold_up_above : hold_down_below).ns());
        }
        if (parity_changed_.ready(now, second)) {
            const std::uint32_t p = outputs_.parity_bp;
            if (f.loss20 >= loss_limit || f.j_fast > parity_jitter) {
                const std::uint32_t next = std::min(p + parity_step, parity_cap(in));
                const bool by_loss = f.loss20 >= loss_limit;
                if (next >= p + parity_deadband)
                    set_parity(now, in, next, by_loss ? control_reason::loss_high : control_reason::jitter_high,
                               by_loss ? loss_limit : parity_jitter.ns());
            } else if (!quiet_since_.is_never() && now - quiet_since_ >= quiet_needed) {
                const std::uint32_t next = p - std::min(p, parity_step);
                if (p >= next + parity_deadband) set_parity(now, in, next, control_reason::quiet, quiet_jitter.ns());
            }
        }
    }
    if (f.gap >= gap_limit && may_use_second_path(in))
        set_second_path(now, in, true, control_reason::gap_open, gap_limit.ns());
    else if (f.gap < gap_limit)
        set_second_path(now, in, false, control_reason::gap_closed, 0);
}

inline void controller::adaptive(instant now, const control_inputs& in, duration elapsed) noexcept {
    // Reactive repair. A fifth of hysteresis on the way out; an unknown round trip does not fit.
    const duration fits = in.deadline * config_.reactive_permille / 1'000;
    const duration limit = outputs_.reactive ? fits + fits / 5 : fits;
    const bool reactive = config_.reactive_enabled && in.rtt > duration::zero() && in.rtt <= limit;
    set_reactive(now, in, reactive, reactive ? control_reason::rtt_fits : control_reason::rtt_too_long, limit.ns());

    adaptive_second_path(now, in);
    if (shed_for_cpu(now, in)) return;
    adaptive_parity(now, in, elapsed);
    adaptive_hold(now, in, elapsed);
}

/// Can the repairs that fit into one deadline at the highest rate not rebuild a mean burst?
inline bool controller::bursts_beyond_parity(const controller_config& config, const control_inputs& in,
                                             std::int64_t& cover_x16) noexcept {
    const std::int64_t interval = std::max<std::int64_t>(in.features.interval.ns(), 1);
    const std::int64_t packets_x16 = in.deadline.ns() / (interval / 16 + 1);
    cover_x16 = std::max<std::int64_t>(packets_x16 * config.parity_max_bp / 10'000, 16);
    return in.features.mean_burst_x16 > cover_x16;
}

inline void controller::adaptive_second_path(instant now, const control_inputs& in) noexcept {
    if (!may_use_second_path(in)) return;
    std::int64_t cover_x16 = 0;
    const bool silent = in.features.gap_limit > duration::zero() && in.features.gap >= in.features.gap_limit;
    const bool bursty =
        in.features.loss_ppm > config_.clean_ppm && !outputs_.reactive && bursts_beyond_parity(config_, in, cover_x16);
    if (silent || bursty) {
        second_path_until_ = now + config_.second_path_linger;
        set_second_path(now, in, true, silent ? control_reason::gap_open : control_reason::long_bursts,
                        silent ? in.features.gap_limit.ns() : cover_x16);
    } else if (now >= second_path_until_) {
        set_second_path(now, in, false, control_reason::gap_closed, config_.second_path_linger.ns());
    }
}

inline void controller::adaptive_parity(instant now, const control_inputs& in, duration elapsed) noexcept {
    const regime_features& f = in.features;
    std::int64_t target = 0;
    std::int64_t threshold = config_.clean_ppm;
    control_reason why = control_reason::quiet;
    if (f.loss_ppm > config_.clean_ppm) {
        std::int64_t cover_x16 = 0;
        if (in.congestion || in.current == regime::congested) {
            why = control_reason::congestion;
            threshold = 0;
        } else if (outputs_.reactive) {
            // A repair on request rebuilds nearly one packet each. Parity at the rate of the loss comes once in many
            // deadlines and rebuilds a packet only when that one was among the last few: bytes better kept for repairs.
            why = control_reason::rtt_fits;
        } else if (bursts_beyond_parity(config_, in, cover_x16) && (outputs_.second_path || rebuilds_little(in))) {
            why = control_reason::long_bursts;
            threshold = cover_x16;
        } else {
            target = std::int64_t{f.loss_ppm} * config_.parity_per_loss_x16 / 16 / 100;
            why = control_reason::loss_high;
        }
    }
    constexpr std::int64_t deadband = 50;
    target = std::min<std::int64_t>(target, parity_cap(in));
    if (target < deadband) target = 0;

    // What the rate limit lets it move: it fills with time, to at most a quarter of a second's worth.
    const std::int64_t current = outputs_.parity_bp;
    const bool up = target > current;
    const std::int64_t rate = up ? config_.parity_up_bp_per_second : config_.parity_down_bp_per_second;
    constexpr std::int64_t quarter = 250'000'000;
    parity_room_ = std::min(parity_room_ + std::min<std::int64_t>(elapsed.ns(), quarter), quarter);
    const std::int64_t room = std::max<std::int64_t>(rate * parity_room_ / 1'000'000'000, 0);
    const std::int64_t wanted = target - current;
    const std::int64_t change = up ? std::min(wanted, room) : std::max(wanted, -room);
    // A difference inside the deadband starts no move, but a move that has begun is carried through.
    const bool arrives = change == wanted;
    if (std::max(wanted, -wanted) >= deadband || target == 0) parity_moves_ = wanted != 0;
    if (!parity_moves_ || (!arrives && std::max(change, -change) < deadband)) return;
    parity_moves_ = !arrives;
    parity_room_ = 0;
    set_parity(now, in, static_cast<std::uint32_t>(current + change), why, threshold);
}

/// The deepest hold whose last millisecond still saves `hold_gain_ppm` of misses, by the measured delay distribution.
inline duration controller::wanted_hold(const control_inputs& in) const noexcept {
    duration best = config_.hold_min;
    std::uint32_t best_miss = 0;
    bool have = false;
    for (std::size_t i = 0; i < miss_holds.size(); ++i) {
        const duration hold = miss_holds[i];
        if (hold < config_.hold_min || hold > config_.hold_max) continue;
        const std::uint32_t miss = in.features.miss_ppm[i];
        if (!have) {
            have = true;
            best = hold;
            best_miss = miss;
            continue;
        }
        const std::int64_t needed = (hold - best).ns() / 1'000 * config_.hold_gain_ppm / 1'000;
        if (std::int64_t{best_miss} - miss >= needed) {
            best = hold;
            best_miss = miss;
        }
    }
    return best;
}

inline void controller::adaptive_hold(instant now, const control_inputs& in, duration elapsed) noexcept {
    // Credit for time above the budget: earned at the allowed share of all time, kept up to 30 s, spent one to one.
    const duration credit_max = duration::from_ms(30'000);
    const duration slice = std::min(elapsed, credit_max);
    if (outputs_.hold > config_.hold_budget)
        hold_credit_ -= slice;
    else
        hold_credit_ += slice * config_.hold_over_permille / 1'000;
    hold_credit_ = std::clamp(hold_credit_, -credit_max, credit_max);
    if (!config_.hold_enabled) return;

    duration wanted = wanted_hold(in);
    const auto way_down = [this](duration from) noexcept {
        const std::int64_t over = std::max<std::int64_t>((from - config_.hold_budget).ns(), 0);
        return duration::from_us(over * 1'000 / (config_.hold_down_per_second.ns() / 1'000));
    };
    control_reason why = wanted > outputs_.hold ? control_reason::misses_saved : control_reason::misses_gone;
    std::int64_t threshold = config_.hold_gain_ppm;
    if (wanted > config_.hold_budget && config_.hold_over_permille < 1'000) {
        // Deeper only when the credit also pays for the way back.
        const duration needed = way_down(std::max(wanted, outputs_.hold));
        if (hold_credit_ <= needed) {
            wanted = std::max(config_.hold_min, std::min(outputs_.hold, config_.hold_budget));
            why = control_reason::delay_budget;
            threshold = needed.ns();
        }
    }
    const bool up = wanted > outputs_.hold;
    const duration rate = up ? config_.hold_up_per_second : config_.hold_down_per_second;
    constexpr duration quarter = duration::from_ms(250);
    hold_room_ = std::min(hold_room_ + std::min(elapsed, quarter), quarter);
    const duration room = duration::from_ns(rate.ns() / 1'000 * (hold_room_.ns() / 1'000) / 1'000);
    const duration difference = wanted - outputs_.hold;
    const duration change = up ? std::min(difference, room) : std::max(difference, -room);
    constexpr duration deadband = duration::from_ms(1);
    const bool arrives = change == difference;
    if (std::max(difference, -difference) >= deadband || wanted == config_.hold_min)
        hold_moves_ = difference != duration::zero();
    if (!hold_moves_ || (!arrives && std::max(change, -change) < deadband)) return;
    hold_moves_ = !arrives;
    hold_room_ = duration::zero();
    set_hold(now, in, outputs_.hold + change, why, threshold);
}

inline void controller::set_hold(instant now, const control_inputs& in, duration value, control_reason why,
                                 std::int64_t threshold) noexcept {
    if (value == outputs_.hold) return;
    const std::int64_t old_value = outputs_.hold.ns();
    outputs_.hold = value;
    ++statistics_.hold_changes;
    emit(now, in, control_output::hold, why, threshold, old_value, value.ns(), hold_changed_);
}

inline void controller::set_parity(instant now, const control_inputs& in, std::uint32_t bp, control_reason why,
                                   std::int64_t threshold) noexcept {
    if (bp == outputs_.parity_bp) return;
    const std::int64_t old_value = outputs_.parity_bp;
    outputs_.parity_bp = bp;
    ++statistics_.parity_changes;
    emit(now, in, control_output::parity, why, threshold, old_value, bp, parity_changed_);
}

inline void controller::set_reactive(instant now, const control_inputs& in, bool on, control_reason why,
                                     std::int64_t threshold) noexcept {
    if (on == outputs_.reactive) return;
    outputs_.reactive = on;
    ++statistics_.reactive_changes;
    emit(now, in, control_output::reactive, why, threshold, !on, on, reactive_changed_);
}

inline void controller::set_second_path(instant now, const control_inputs& in, bool on, control_reason why,
                                        std::int64_t threshold) noexcept {
    if (on == outputs_.second_path) return;
    outputs_.second_path = on;
    ++statistics_.second_path_changes;
    emit(now, in, control_output::second_path, why, threshold, !on, on, second_path_changed_);
}

inline void controller::emit(instant now, const control_inputs& in, control_output output, control_reason why,
                             std::int64_t threshold, std::int64_t old_value, std::int64_t new_value,
                             timer& changed) noexcept {
    decision_event event;
    event.output = output;
    event.reason = why;
    event.at = now;
    event.threshold = threshold;
    event.old_value = old_value;
    event.new_value = new_value;
    event.inputs = in;
    event.since_change = changed.since(now);
    event.quiet_for = quiet_since_.is_never() ? duration::zero() : now - quiet_since_;
    event.hold_credit = hold_credit_;
    changed = {now, true};
    if (!events_.push(event)) ++statistics_.events_dropped;
}

}  // namespace v0
}  // namespace duality
