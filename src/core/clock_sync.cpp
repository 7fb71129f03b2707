// SPDX-License-Identifier: MIT
#include "duality/clock_sync.hpp"

#include <algorithm>
#include <limits>

namespace duality {
inline namespace v0 {

namespace {

constexpr std::int64_t billion = 1'000'000'000;
constexpr std::int64_t ppb_per_ppm = 1'000;
/// Times further from zero than this (146 years) are no times of a monotonic clock.
constexpr std::int64_t time_limit = std::int64_t{1} << 62;
/// Standard deviation of the skew between two common crystals, before anything was measured.
constexpr std::int64_t usual_skew_ppb = 60'000;
constexpr std::size_t least_for_centre = 12;
constexpr std::int64_t sharp_permille = 450;
constexpr std::int64_t round_permille = 750;
constexpr std::size_t least_for_skew = 12;
constexpr std::int64_t least_span = billion;
constexpr std::int64_t skew_step_ppb = 100;  ///< to which the ends of a range of skews are found
constexpr std::size_t edge_count = 3;

/// What a rate amounts to over a time; |ppb| up to 10^9, any time.
[[nodiscard]] constexpr std::int64_t drift(std::int64_t ns, std::int64_t ppb) noexcept {
    return ns / billion * ppb + ns % billion * ppb / billion;
}

[[nodiscard]] constexpr std::int64_t square(std::int64_t x) noexcept {
    return x * x;
}

[[nodiscard]] bool is_plausible(std::int64_t t) noexcept {
    return t > -time_limit && t < time_limit;
}

}  // namespace

result<clock_sync> clock_sync::create(const clock_sync_config& config, const allocator& memory) noexcept {
    constexpr std::int64_t ms = 1'000'000;
    config_check check{clock_sync_bounds};
    check.in_range("fast_interval", config.fast_interval.ns() / ms)
        .in_range("fast_requests", config.fast_requests)
        .in_range("octave_requests", config.octave_requests)
        .in_range("slow_interval", config.slow_interval.ns() / ms)
        .require("slow_interval", config.slow_interval >= config.fast_interval)
        .in_range("lock_samples", config.lock_samples)
        .in_range("restart_samples", config.restart_samples)
        .in_range("round_trip_max", config.round_trip_max.ns() / ms)
        .in_range("holdover_after", config.holdover_after.ns() / ms)
        .in_range("skew_max_ppm", config.skew_max_ppm)
        .in_range("holdover_ppm", config.holdover_ppm)
        .in_range("slew_max_ppm", config.slew_max_ppm);
    if (!check.ok()) return check.error();
    clock_sync made{config};
    if (!made.samples_.create_untouched(sample_max, memory) || !made.scratch_.create(2, memory))
        return status::out_of_memory;
    made.clear();
    return made;
}

instant clock_sync::clamp(instant now) noexcept {
    if (now < now_) {
        ++stats_.clock_backwards;
        return now_;
    }
    return now_ = now;
}

// Requests

instant clock_sync::on_request(instant now) noexcept {
    now = clamp(now);
    newest_request_ = (newest_request_ + 1) % request_max;
    requests_[newest_request_] = {now, false};
    ++stats_.requests;
    if (--until_slower_ == 0) {
        interval_ = std::min(interval_ * 2, config_.slow_interval);
        until_slower_ = config_.octave_requests;
    }
    next_request_ = now + interval_;
    return now;
}

void clock_sync::on_request_refused(instant now) noexcept {
    next_request_ = clamp(now) + interval_;
}

// Responses

status clock_sync::on_response(instant now, instant t1, media_time t2, media_time t3) noexcept {
    now = clamp(now);
    const auto asked = std::find_if(requests_.begin(), requests_.end(), [&](const request& r) { return r.t1 == t1; });
    if (asked == requests_.end() || t1 == instant::before_all()) {
        ++stats_.unknown;
        return status::out_of_window;
    }
    if (asked->answered) {
        ++stats_.duplicates;
        return status::duplicate;
    }
    asked->answered = true;
    if (!is_plausible(t1.ns()) || !is_plausible(now.ns()) || !is_plausible(t2.ns()) || !is_plausible(t3.ns())) {
        ++stats_.absurd;
        return status::malformed;
    }
    const duration away = now - t1;
    const duration there = t3 - t2;
    if (there < duration::zero() || there > away) {
        ++stats_.absurd;
        return status::malformed;
    }
    if (away > config_.round_trip_max) {
        ++stats_.too_slow;
        return status::late;
    }
    const sample s{t1.ns(), now.ns(), t2.ns() - t1.ns(), t3.ns() - now.ns()};
    if (count_ != 0 && !widened(s, at_, skew_error_ppb_).meets(bounds_)) {
        ++stats_.contradictions;
        return contradict(s);
    }
    suspect_count_ = 0;
    insert(s);
    ++stats_.accepted;
    return status::ok;
}

/// Where a sample allows the offset to be at another time.
clock_sync::interval clock_sync::widened(const sample& s, std::int64_t at, std::int64_t error_ppb) const noexcept {
    const std::int64_t since_low = at - s.t4;
    const std::int64_t since_high = at - s.t1;
    const auto away = [](std::int64_t t) { return t < 0 ? -t : t; };
    return {s.lower + drift(since_low, skew_ppb_) - drift(away(since_low), error_ppb),
            s.upper + drift(since_high, skew_ppb_) + drift(away(since_high), error_ppb)};
}

/// One that contradicts is wrong; several that agree with each other are a clock of their own.
status clock_sync::contradict(const sample& s) noexcept {
    const interval here = widened(s, s.t4, skew_error_ppb_);
    for (std::size_t i = 0; i < suspect_count_; ++i)
        if (!widened(suspects_[i], s.t4, skew_error_ppb_).meets(here)) suspect_count_ = 0;
    suspects_[suspect_count_++] = s;
    if (suspect_count_ < config_.restart_samples) return status::inconsistent;
    ++stats_.restarts;
    ++epoch_;
    const std::array<sample, 8> found = suspects_;
    const std::size_t found_count = suspect_count_;
    clear();
    for (std::size_t i = 0; i < found_count; ++i) insert(found[i]);
    ++stats_.accepted;
    return status::ok;
}

void clock_sync::insert(const sample& s) noexcept {
    if (count_ == sample_max) {
        first_ = (first_ + 1) % sample_max;
        --count_;
    }
    samples_[(first_ + count_++) % sample_max] = s;
    last_accepted_ = instant::from_ns(s.t4);
    recompute();
}

void clock_sync::clear() noexcept {
    first_ = count_ = suspect_count_ = 0;
    skew_ppb_ = to_slew_ = 0;
    skew_error_ppb_ = config_.skew_max_ppm * ppb_per_ppm;
    skew_deviation_ppb_ = std::min(usual_skew_ppb, skew_error_ppb_);
    locked_ = false;
    interval_ = config_.fast_interval;
    until_slower_ = config_.fast_requests;
    next_request_ = now_;
}

void clock_sync::reset(instant now) noexcept {
    (void)clamp(now);
    if (count_ != 0) ++epoch_;
    clear();
    for (request& r : requests_) r.answered = true;
}

// Estimation

void clock_sync::direction::summarise(std::size_t count) noexcept {
    std::sort(delays.begin(), delays.begin() + static_cast<std::ptrdiff_t>(count));
    const std::size_t last = std::min(edge_count, count - 1);
    edge_step = last == 0 ? 0 : (delays[last] - delays[0]) / static_cast<std::int64_t>(last);
    const std::size_t used = count - count / 4;
    std::int64_t sum = 0;  // of what is above the smallest: cannot overflow
    for (std::size_t i = 0; i < used; ++i) sum += std::min(delays[i] - delays[0], 10 * billion);
    centre = delays[0] + sum / static_cast<std::int64_t>(used);
    edge = delays[count / 4] - delays[0];
    spread = delays[used - 1] - delays[count / 4];
}

void clock_sync::recompute() noexcept {
    // What is shown now is where the slew starts from, whatever the new estimate.
    const std::int64_t at = samples_[(first_ + count_ - 1) % sample_max].t4;
    const std::int64_t showing = count_ > 1 ? shown(at) : 0;

    // Later arrivals never make an earlier exchange less true, only older.
    at_ = at;
    direction& forward = scratch_[0];
    direction& backward = scratch_[1];
    round_trip_min_ = std::numeric_limits<std::int64_t>::max();
    for (std::size_t i = 0; i < count_; ++i) {
        const sample& s = samples_[(first_ + i) % sample_max];
        const interval possible = widened(s, at_, skew_error_ppb_);
        bounds_ =
            i == 0 ? possible : interval{std::max(bounds_.low, possible.low), std::min(bounds_.high, possible.high)};
        const interval likely = widened(s, at_, skew_deviation_ppb_);
        forward.delays[i] = likely.high;
        backward.delays[i] = -likely.low;
        round_trip_min_ = std::min(round_trip_min_, s.upper - s.lower);
    }
    forward.summarise(count_);
    backward.summarise(count_);
    // Drift beyond what the configuration allows empties the interval; its middle is still the best there is.
    if (bounds_.low > bounds_.high) std::swap(bounds_.low, bounds_.high);
    best_ = (forward.delays[0] - backward.delays[0]) / 2;

    // How round is the lower edge? The distance from the shortest delay to the lower quartile is 0.26 to 0.35 of the
    // interquartile range when delay is exponential or folded normal, and above 1 when it is normal.
    const std::int64_t spread = forward.spread + backward.spread;
    const std::int64_t permille = (forward.edge + backward.edge) / std::max<std::int64_t>(spread / 1'000, 1);
    const bool alike = forward.spread <= 2 * backward.spread && backward.spread <= 2 * forward.spread;
    if (count_ >= least_for_centre && alike && permille > sharp_permille && spread < billion) {
        const std::int64_t centre = (forward.centre - backward.centre) / 2;
        const std::int64_t weight = std::min(permille, round_permille) - sharp_permille;
        best_ += (centre - best_) / (round_permille - sharp_permille) * weight;
    }
    best_ = std::clamp(best_, bounds_.low, bounds_.high);

    if (locked_)
        to_slew_ = showing - best_;
    else
        to_slew_ = 0;
    locked_ = locked_ || count_ >= config_.lock_samples;
    estimate_skew();
}

clock_sync::corridor clock_sync::corridor_at(std::int64_t skew_ppb) const noexcept {
    std::int64_t high = std::numeric_limits<std::int64_t>::max();
    std::int64_t low = std::numeric_limits<std::int64_t>::min();
    corridor out{0, 0, 0};
    for (std::size_t i = 0; i < count_; ++i) {
        const sample& s = samples_[(first_ + i) % sample_max];
        const std::int64_t above = s.upper + drift(at_ - s.t1, skew_ppb);
        const std::int64_t below = s.lower + drift(at_ - s.t4, skew_ppb);
        if (above < high) high = above, out.high_at = s.t1;
        if (below > low) low = below, out.low_at = s.t4;
    }
    out.width = high - low;
    return out;
}

/// The skew that leaves the widest corridor: the most likely one when delays above the shortest are exponential, and
/// what linear programming makes of one-way delays otherwise; a little less for what crystals usually do. A skew that
/// leaves no corridor at all is impossible: that is its error.
void clock_sync::estimate_skew() noexcept {
    const std::int64_t limit = config_.skew_max_ppm * ppb_per_ppm;
    if (count_ < least_for_skew || at_ - samples_[first_].t4 < least_span) return;
    // Loss of width that is as likely as not: how far apart the shortest delays lie, at the skew known so far.
    direction& forward = scratch_[0];
    direction& backward = scratch_[1];
    for (std::size_t i = 0; i < count_; ++i) {
        const sample& s = samples_[(first_ + i) % sample_max];
        forward.delays[i] = s.upper + drift(at_ - s.t1, skew_ppb_);
        backward.delays[i] = -s.lower - drift(at_ - s.t4, skew_ppb_);
    }
    forward.summarise(count_);
    backward.summarise(count_);
    const std::int64_t step =
        std::clamp<std::int64_t>((forward.edge_step + backward.edge_step) / 2, 1'000, 100'000'000);

    // The width is concave in the skew: maxima and the ends of what is wide enough are found by bisection.
    const auto widest = [&](std::int64_t scale) {
        std::int64_t low = -limit;
        std::int64_t high = limit;
        while (high - low > 1) {
            const std::int64_t skew = low + (high - low) / 2;
            const corridor c = corridor_at(skew);
            const std::int64_t gain = (c.low_at - c.high_at) / 1'000'000 * square(usual_skew_ppb);
            (gain > scale * skew * 1'000 ? low : high) = skew;
        }
        return low;
    };
    const auto end_of = [&](std::int64_t inside, std::int64_t outside, std::int64_t width) {
        if (corridor_at(outside).width >= width) return outside;
        while (inside - outside > skew_step_ppb || outside - inside > skew_step_ppb) {
            const std::int64_t middle = inside + (outside - inside) / 2;
            (corridor_at(middle).width >= width ? inside : outside) = middle;
        }
        return outside;
    };
    const std::int64_t possible = widest(0);
    if (corridor_at(possible).width < 0) {  // no constant skew explains them all: the oldest one is too old
        skew_ppb_ = possible;
        skew_deviation_ppb_ = skew_error_ppb_ = limit;
        first_ = (first_ + 1) % sample_max;
        --count_;
        return;
    }
    const std::int64_t least = end_of(possible, -limit, 0);
    const std::int64_t most = end_of(possible, limit, 0);
    skew_ppb_ = std::clamp(widest(step), least, most);
    const std::int64_t width = corridor_at(skew_ppb_).width - step;
    const std::int64_t deviation = (end_of(skew_ppb_, limit, width) - end_of(skew_ppb_, -limit, width)) / 2;
    skew_deviation_ppb_ = std::min(deviation, usual_skew_ppb);
    skew_error_ppb_ = std::clamp(std::max(most - skew_ppb_, skew_ppb_ - least),
                                 std::min(config_.holdover_ppm * ppb_per_ppm, limit), limit);
}

// Looking at it

/// Of `to_slew_`, what is left to correct at a time.
std::int64_t clock_sync::remaining(std::int64_t at) const noexcept {
    const std::int64_t corrected = drift(std::max<std::int64_t>(at - at_, 0), config_.slew_max_ppm * ppb_per_ppm);
    return to_slew_ > 0 ? std::max<std::int64_t>(to_slew_ - corrected, 0)
                        : std::min<std::int64_t>(to_slew_ + corrected, 0);
}

std::int64_t clock_sync::shown(std::int64_t at) const noexcept {
    return best_ + drift(at - at_, skew_ppb_) + remaining(at);
}

clock_estimate clock_sync::estimate(instant now) const noexcept {
    clock_estimate out;
    out.epoch = epoch_;
    out.skew_error_ppb = skew_error_ppb_;
    if (count_ == 0) return out;
    now = std::max(now, instant::from_ns(at_));
    if (locked_) {
        const bool silent = now - last_accepted_ > config_.holdover_after;
        out.state = silent ? clock_state::holdover : clock_state::locked;
    }
    const std::int64_t left = remaining(now.ns());
    const std::int64_t half = std::max(bounds_.high - best_ - left, best_ + left - bounds_.low);
    out.offset = duration::from_ns(shown(now.ns()));
    out.error_bound =
        duration::from_ns(half) + duration::from_ns(drift((now - instant::from_ns(at_)).ns(), skew_error_ppb_));
    out.skew_ppb = skew_ppb_;
    out.round_trip_min = duration::from_ns(round_trip_min_);
    out.samples = static_cast<std::uint32_t>(count_);
    return out;
}

media_time clock_sync::to_peer(instant now) const noexcept {
    return media_time::from_ns(detail::saturating_add(now.ns(), shown(now.ns())));
}

instant clock_sync::from_peer(media_time at) const noexcept {
    // The offset changes by less than a thousandth of a correction: three rounds leave nanoseconds.
    std::int64_t local = detail::saturating_sub(at.ns(), shown(at_));
    for (int round = 0; round < 4; ++round) local = detail::saturating_sub(at.ns(), shown(local));
    return instant::from_ns(local);
}

}  // namespace v0
}  // namespace duality
