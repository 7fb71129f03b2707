// SPDX-License-Identifier: MIT
//
// Small bounded estimators of delay and loss: exponentially weighted mean, running median, histogram with forgetting,
// windowed low quantile, the baseline of a path's relative delay; and the metrics that reports are made of: packet
// delay variation (RFC 5481), interarrival jitter (RFC 3550), burst and gap metrics (RFC 3611), an outage ledger.
//
// Everything here that feeds a decision is integer arithmetic on nanoseconds, so that the same inputs give the same
// outputs under any compiler flags. No object reads a clock; the ones that need memory take it in `create`.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <utility>

#include "duality/memory.hpp"
#include "duality/ring.hpp"
#include "duality/status.hpp"
#include "duality/time.hpp"

namespace duality {
inline namespace v0 {

/// Binary logarithm of `x >= 1` in units of 1/65536, rounded down; integer arithmetic. `log2_q16(0)` is 0.
[[nodiscard]] constexpr std::int32_t log2_q16(std::uint64_t x) noexcept {
    if (x == 0) return 0;
    const int whole = static_cast<int>(std::bit_width(x)) - 1;
    // The mantissa in [1, 2) with 31 bits of fraction; squaring it yields one bit of the logarithm at a time.
    std::uint64_t mantissa = whole >= 31 ? x >> (whole - 31) : x << (31 - whole);
    std::int32_t fraction = 0;
    for (int bit = 15; bit >= 0; --bit) {
        mantissa = mantissa * mantissa >> 31;
        if (mantissa >> 32 != 0) {
            mantissa >>= 1;
            fraction |= std::int32_t{1} << bit;
        }
    }
    return (static_cast<std::int32_t>(whole) << 16) + fraction;
}

/// Exponentially weighted mean of durations, weight `Numerator / Denominator` for the newest sample, starting from
/// zero. State has 8 fractional bits of a nanosecond; samples are clamped to ±2^43 ns (2.4 hours).
template <std::int64_t Numerator, std::int64_t Denominator>
class ewma {
    static_assert(1 <= Numerator && Numerator <= Denominator && Denominator <= 1'000);

public:
    constexpr void add(duration sample) noexcept {
        value_ += (std::clamp(sample.ns(), -limit_ns, limit_ns) * one - value_) * Numerator / Denominator;
    }
    [[nodiscard]] constexpr duration value() const noexcept { return duration::from_ns(value_ / one); }
    constexpr void reset(duration value = duration::zero()) noexcept {
        value_ = std::clamp(value.ns(), -limit_ns, limit_ns) * one;
    }

private:
    static constexpr std::int64_t one = 256;
    static constexpr std::int64_t limit_ns = std::int64_t{1} << 43;

    std::int64_t value_ = 0;
};

/// Exact median of the last `N` values (the lower one of an even count), values clamped to ±(2^31 − 2): up to 2.1 s
/// when they are nanoseconds. Each value's rank among all is kept: one that comes and one that goes move the ranks of
/// those above them by one. One pass over both arrays without a branch, in vectors wherever there are some.
template <std::size_t N>
class running_median {
    static_assert(N >= 1);

public:
    running_median() noexcept {
        values_.fill(unused);
        for (std::size_t i = 0; i < N; ++i) ranks_[i] = static_cast<std::int32_t>(i);
    }
    void add(std::int64_t value) noexcept {
        constexpr std::int64_t limit = unused - 1;
        const auto coming = static_cast<std::int32_t>(std::clamp(value, -limit, limit));
        const std::size_t place = next_;
        const std::int32_t going = values_[place];
        const std::int32_t going_rank = ranks_[place];
        next_ = next_ + 1 == N ? 0 : next_ + 1;
        size_ += going == unused;
        const auto wanted = static_cast<std::int32_t>((size_ - 1) / 2);

        std::int32_t rank_coming = static_cast<std::int32_t>(N) - 1 + (going > coming ? 1 : 0);
        std::uint32_t found = 0;
        for (std::size_t i = 0; i < N; ++i) {
            const std::int32_t up = values_[i] > coming ? -1 : 0;
            const std::int32_t down = ranks_[i] > going_rank ? -1 : 0;
            const std::int32_t rank = ranks_[i] - up + down;
            ranks_[i] = rank;
            rank_coming += up;
            found += rank == wanted ? static_cast<std::uint32_t>(values_[i]) : 0;
        }
        // The value that goes was counted like the others.
        if (ranks_[place] == wanted) found -= static_cast<std::uint32_t>(going);
        values_[place] = coming;
        ranks_[place] = rank_coming;
        median_ = rank_coming == wanted ? coming : static_cast<std::int32_t>(found);
    }
    /// 0 while empty.
    [[nodiscard]] std::int64_t median() const noexcept { return median_; }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    void clear() noexcept { *this = {}; }

private:
    /// Stands in places not used yet, above all values.
    static constexpr std::int32_t unused = std::numeric_limits<std::int32_t>::max();

    std::array<std::int32_t, N> values_{};
    std::array<std::int32_t, N> ranks_{};
    std::uint32_t size_ = 0;
    std::uint32_t next_ = 0;
    std::int32_t median_ = 0;
};

/// Histogram of durations from 0 to 137 s with exponential forgetting: each new sample weighs `1 + 2^-forget_shift`
/// times the one before it, so about the last `2^forget_shift` samples count; shift 0 never forgets. Buckets are
/// 8.2 µs wide up to 0.26 ms and 1/32 of a power of two above; negative samples count as zero, longer ones as 137 s.
/// `add` is O(1); a query walks at most 20 blocks and the 32 buckets of one.
class delay_histogram {
public:
    /// Precondition: `forget_shift <= 14`.
    explicit delay_histogram(unsigned forget_shift = 0) noexcept : shift_{forget_shift} {}

    void add(duration sample) noexcept {
        if (shift_ != 0) weight_ += weight_ >> shift_;
        if (weight_ >= weight_limit || total_ >= total_limit) [[unlikely]]
            renormalise();
        const std::size_t b = bucket(sample.ns());
        counts_[b] += weight_;
        blocks_[b / sub_count] += weight_;
        total_ += weight_;
        ++samples_;
    }
    /// The value that a share of `permyriad` / 10000 of the weight lies below, linear within a bucket; zero if empty.
    [[nodiscard]] duration quantile(std::uint32_t permyriad) const noexcept {
        if (total_ == 0) return duration::zero();
        const std::uint64_t rank = total_ / 10'000 * std::min<std::uint32_t>(permyriad, 10'000);
        std::uint64_t below = 0;
        std::size_t block = 0;
        while (block + 1 < block_count && below + blocks_[block] <= rank) below += blocks_[block++];
        std::size_t b = block * sub_count;
        while (b + 1 < bucket_count && below + counts_[b] <= rank) below += counts_[b++];
        // A width has at most 32 bits; 31 bits of the count keep the product inside 64.
        const int excess = std::max(0, static_cast<int>(std::bit_width(counts_[b])) - 31);
        const auto width = static_cast<std::uint64_t>(lower_edge(b + 1) - lower_edge(b));
        const std::uint64_t inside = std::min(rank - below, counts_[b]) >> excess;
        const std::uint64_t count = counts_[b] >> excess;
        return duration::from_ns(lower_edge(b) + static_cast<std::int64_t>(count == 0 ? 0 : inside * width / count));
    }
    /// The share of the weight above `limit`, in parts per million, to the resolution of a bucket (a sample in the
    /// bucket of `limit` does not count as above).
    [[nodiscard]] std::uint32_t above_ppm(duration limit) const noexcept {
        if (total_ == 0) return 0;
        const std::size_t first = bucket(limit.ns()) + 1;
        const std::size_t next_block = (first + sub_count - 1) / sub_count;
        std::uint64_t above = 0;
        for (std::size_t b = first; b < next_block * sub_count; ++b) above += counts_[b];
        for (std::size_t block = next_block; block < block_count; ++block) above += blocks_[block];
        const std::uint64_t unit = total_ / 1'000'000;
        return static_cast<std::uint32_t>(std::min<std::uint64_t>(above / (unit == 0 ? 1 : unit), 1'000'000));
    }
    [[nodiscard]] std::uint64_t samples() const noexcept { return samples_; }
    void clear() noexcept {
        counts_.fill(0);
        blocks_.fill(0);
        total_ = samples_ = 0;
        weight_ = weight_start;
    }

private:
    static constexpr unsigned unit_bits = 13;  ///< 8.192 µs
    static constexpr unsigned sub_bits = 5;
    static constexpr unsigned value_bits = 24;
    static constexpr std::size_t sub_count = std::size_t{1} << sub_bits;
    static constexpr std::size_t block_count = value_bits - sub_bits + 1;
    static constexpr std::size_t bucket_count = sub_count * block_count;
    static constexpr std::uint64_t weight_start = std::uint64_t{1} << 32;
    static constexpr std::uint64_t weight_limit = std::uint64_t{1} << 44;
    static constexpr std::uint64_t total_limit = std::uint64_t{1} << 61;

    [[nodiscard]] static constexpr std::size_t bucket(std::int64_t ns) noexcept {
        constexpr std::int64_t most = (std::int64_t{1} << value_bits) - 1;
        const auto units = static_cast<std::uint32_t>(std::clamp<std::int64_t>(ns >> unit_bits, 0, most));
        const auto octave = static_cast<unsigned>(std::bit_width(units >> sub_bits | 1)) - 1;
        return std::size_t{octave} * sub_count + (units >> octave);
    }
    [[nodiscard]] static constexpr std::int64_t lower_edge(std::size_t b) noexcept {
        if (b < sub_count) return static_cast<std::int64_t>(b) << unit_bits;
        const std::size_t octave = b / sub_count - 1;
        return static_cast<std::int64_t>((b % sub_count + sub_count) << octave) << unit_bits;
    }
    void renormalise() noexcept {
        total_ = 0;
        for (std::size_t block = 0; block < block_count; ++block) {
            blocks_[block] = 0;
            for (std::size_t i = 0; i < sub_count; ++i) blocks_[block] += counts_[block * sub_count + i] >>= 12;
            total_ += blocks_[block];
        }
        weight_ >>= 12;
    }

    std::array<std::uint64_t, bucket_count> counts_{};
    std::array<std::uint64_t, block_count> blocks_{};  ///< sums of 32 buckets each
    std::uint64_t total_ = 0;
    std::uint64_t samples_ = 0;
    std::uint64_t weight_ = weight_start;
    unsigned shift_;
};

/// Low quantile and median of the samples of the last `window`, to 33 µs (rounded down). `add` is O(1) amortised.
///
/// Samples sit in a ring and are counted in linear buckets around the present level; two rank pointers follow the
/// quantiles as samples enter and leave. More samples than `capacity` in a window are thinned evenly in time. The last
/// `keep` samples survive any silence, so that a pause does not leave the first packet after it as the only witness.
class windowed_quantile {
public:
    /// `low_permille` is the quantile (50: p5). Preconditions: `window > 0`, `1 <= keep <= capacity <= 65535`.
    [[nodiscard]] bool create(duration window, std::uint32_t low_permille, std::uint32_t capacity, std::uint32_t keep,
                              const allocator& memory) noexcept {
        window_ = window;
        low_.permille = low_permille;
        middle_.permille = 500;
        keep_ = keep;
        spacing_ = window / static_cast<std::int64_t>(capacity);
        return samples_.create(capacity, memory) && counts_.create_untouched(bucket_count, memory) &&
               scratch_.create_untouched(samples_.capacity(), memory);
    }

    /// `now` must not go backwards.
    void add(instant now, duration sample) noexcept {
        while (samples_.size() > keep_ && now - samples_.front().at > window_) drop_oldest();
        if (samples_.size() > keep_ && now - samples_.back().at < spacing_) return;
        if (samples_.full()) drop_oldest();
        const bool first = samples_.empty();
        (void)samples_.push({now, sample.ns()});
        if (first)
            rebuild();
        else
            insert(bucket_of(sample.ns()));
        settle();
    }
    /// Forgets every sample older than `oldest`, but never the newest one.
    void forget_before(instant oldest) noexcept {
        while (samples_.size() > 1 && samples_.front().at < oldest) drop_oldest();
        if (!samples_.empty()) settle();
    }
    void clear() noexcept {
        samples_.clear();
        first_ = end_ = 0;
        low_.bucket = low_.below = middle_.bucket = middle_.below = 0;
    }

    [[nodiscard]] bool empty() const noexcept { return samples_.empty(); }
    [[nodiscard]] std::size_t size() const noexcept { return samples_.size(); }
    /// Precondition: not empty.
    [[nodiscard]] duration low() const noexcept { return edge(low_.bucket); }
    /// Precondition: not empty. Never more than 50 ms above the level of the low quantile.
    [[nodiscard]] duration median() noexcept {
        settle(middle_);  // not before it is asked for: it moves with nearly every sample
        return edge(middle_.bucket);
    }

private:
    struct entry {
        instant at;
        std::int64_t value = 0;
    };
    /// The bucket of the sample of rank `permille` (size - 1) / 1000, and how many samples lie in buckets under it.
    struct rank_pointer {
        std::uint32_t permille = 0;
        std::uint32_t bucket = 0;
        std::uint32_t below = 0;
    };

    static constexpr unsigned bucket_bits = 15;  ///< 32.768 µs
    static constexpr std::uint32_t bucket_count = 2048;
    static constexpr std::int64_t margin = std::int64_t{512} << bucket_bits;

    [[nodiscard]] duration edge(std::uint32_t bucket) const noexcept {
        return duration::from_ns(detail::saturating_add(origin_, static_cast<std::int64_t>(bucket) << bucket_bits));
    }
    [[nodiscard]] std::uint32_t bucket_of(std::int64_t value) const noexcept {
        const std::int64_t b = detail::saturating_sub(value, origin_) >> bucket_bits;
        return static_cast<std::uint32_t>(std::clamp<std::int64_t>(b, 0, bucket_count - 1));
    }
    void count(std::uint32_t bucket) noexcept {
        if (first_ == end_) first_ = end_ = bucket;
        while (end_ <= bucket) counts_[end_++] = 0;
        while (first_ > bucket) counts_[--first_] = 0;
        ++counts_[bucket];
    }
    void insert(std::uint32_t bucket) noexcept {
        count(bucket);
        low_.below += bucket < low_.bucket;
        middle_.below += bucket < middle_.bucket;
    }
    void drop_oldest() noexcept {
        const std::uint32_t bucket = bucket_of(samples_.pop().value);
        --counts_[bucket];
        low_.below -= bucket < low_.bucket;
        middle_.below -= bucket < middle_.bucket;
    }
    /// The rank pointers after samples have entered or left. The lowest and the highest bucket take whatever lies beyond
    /// them, so the low quantile may not be found there.
    void settle() noexcept {
        settle(low_);
        if (low_.bucket == 0 || low_.bucket == bucket_count - 1) [[unlikely]]
            rebuild();
    }
    void settle(rank_pointer& p) noexcept {
        const std::uint32_t rank = static_cast<std::uint32_t>(samples_.size() - 1) * p.permille / 1'000;
        while (p.below > rank) p.below -= counts_[--p.bucket];
        while (p.below + counts_[p.bucket] <= rank) p.below += counts_[p.bucket++];
    }
    /// Buckets afresh, with the exact low quantile a quarter above the lowest one. O(size), once per change of level.
    void rebuild() noexcept {
        const std::size_t n = samples_.size();
        std::array<std::int64_t, 64> few{};
        std::int64_t* const values = n <= few.size() ? few.data() : scratch_.data();
        for (std::size_t i = 0; i < n; ++i) values[i] = samples_[i].value;
        std::int64_t* const level = values + (n - 1) * low_.permille / 1'000;
        std::nth_element(values, level, values + n);
        origin_ = detail::saturating_sub(*level, margin);
        first_ = end_ = 0;
        for (std::size_t i = 0; i < n; ++i) count(bucket_of(samples_[i].value));
        low_.bucket = middle_.bucket = first_;
        low_.below = middle_.below = 0;
        settle(low_);
    }

    ring<entry> samples_;
    buffer<std::uint16_t> counts_;
    std::uint32_t first_ =
        0;  ///< the buckets from here to `end_` have a count, which may be zero; the others have none
    std::uint32_t end_ = 0;
    buffer<std::int64_t> scratch_;
    duration window_{};
    duration spacing_{};
    std::int64_t origin_ = 0;
    rank_pointer low_;
    rank_pointer middle_;
    std::uint32_t keep_ = 1;
};

/// How the baseline of relative delay is tracked. See `baseline_tracker`.
struct baseline_config {
    duration window = duration::from_ms(3'000);  ///< samples considered; 500 ms … 30 s. Longer: steadier, slower
    std::uint32_t low_permille = 50;             ///< which quantile is the baseline; 0 (least) … 500 (median)
    std::uint32_t capacity = 1'024;              ///< samples kept, 24 bytes each; 64 … 32768
    duration step_min = duration::from_ms(3);    ///< smallest rise taken for a new level; 0.5 … 1000 ms
    duration step_time = duration::from_ms(80);  ///< how long a rise must last; 10 … 2000 ms
    std::uint32_t step_packets = 8;              ///< and for how many packets in a row; 2 … 1000
};

inline constexpr field_bounds baseline_bounds[] = {
    {"baseline.window", 500'000'000, 30'000'000'000, "ns"},
    {"baseline.low_permille", 0, 500, "permille"},
    {"baseline.capacity", 64, 32'768, "samples"},
    {"baseline.step_min", 500'000, 1'000'000'000, "ns"},
    {"baseline.step_time", 10'000'000, 2'000'000'000, "ns"},
    {"baseline.step_packets", 2, 1'000, "packets"},
};

/// The idle-path delay of a flow as this end sees it: a low quantile of relative delay (arrival − origin, two clocks
/// with an unknown constant between them) over the last few seconds.
///
/// A change of level (route change, satellite reconfiguration) is recognised in both directions and makes the tracker
/// forget what came before it. Up: every packet for `step_time` lies above the baseline by `step_min` and one and a half
/// times its distance from the window's median (or for half that time by twice as much), and the least delay of the
/// first and second half of that time agree; a FIFO spike that drains and a queue that grows do not. Down: five packets
/// over 40 ms all lie 1 ms or more under the baseline. Drift of the two clocks against each other is followed by the
/// window.
class baseline_tracker {
public:
    enum class step : std::uint8_t { none, up, down };

    [[nodiscard]] bool create(const baseline_config& config, const allocator& memory) noexcept {
        config_ = config;
        return quantile_.create(config.window, config.low_permille, config.capacity, kept_through_silence, memory);
    }
    [[nodiscard]] static config_check check(const baseline_config& config) noexcept {
        config_check check{baseline_bounds};
        check.in_range("baseline.window", config.window.ns())
            .in_range("baseline.low_permille", config.low_permille)
            .in_range("baseline.capacity", config.capacity)
            .in_range("baseline.step_min", config.step_min.ns())
            .in_range("baseline.step_time", config.step_time.ns())
            .in_range("baseline.step_packets", config.step_packets);
        return check;
    }

    /// One packet that was not rebuilt; `now` must not go backwards. Tells whether it completed a level step. Packets
    /// that come in a bunch with the one before (`bunched`) were held up together and are no witnesses of a rise.
    step add(instant now, duration relative_delay, bool bunched = false) noexcept {
        quantile_.add(now, relative_delay);
        const duration low = quantile_.low();
        const step found = relative_delay < low ? follow_fall(now, relative_delay, low)
                                                : follow_rises(now, relative_delay, low, bunched);
        baseline_ = quantile_.low();
        return found;
    }

    /// Has there been a sample at all?
    [[nodiscard]] bool known() const noexcept { return !quantile_.empty(); }
    /// Zero until the first sample.
    [[nodiscard]] duration baseline() const noexcept { return baseline_; }
    [[nodiscard]] std::size_t samples() const noexcept { return quantile_.size(); }
    void clear() noexcept {
        quantile_.clear();
        baseline_ = duration::zero();
        fall_packets_ = low_rise_.packets = high_rise_.packets = 0;
    }

private:
    static constexpr std::uint32_t kept_through_silence = 20;
    static constexpr std::uint32_t fall_packets_needed = 5;
    static constexpr std::uint32_t high_packets_max = 8;

    /// A row of packets that all lie above a floor.
    struct rise {
        instant start;  ///< of the first half
        duration floor{};
        duration tolerance{};
        duration first_half{};
        duration second_half{};
        std::uint32_t packets = 0;
    };

    step follow_fall(instant now, duration sample, duration low) noexcept {
        low_rise_.packets = high_rise_.packets = 0;
        if (low - sample < duration::from_ms(1)) {
            fall_packets_ = 0;
            return step::none;
        }
        if (fall_packets_++ == 0) fall_start_ = now;
        if (fall_packets_ < fall_packets_needed || now - fall_start_ < duration::from_ms(40)) return step::none;
        fall_packets_ = 0;
        quantile_.forget_before(fall_start_);
        return step::down;
    }

    /// The further above, the sooner it is no coincidence.
    step follow_rises(instant now, duration sample, duration low, bool bunched) noexcept {
        fall_packets_ = 0;
        const bool rising = low_rise_.packets != 0;
        if (sample < (rising ? low_rise_.floor : low + config_.step_min)) {
            low_rise_.packets = high_rise_.packets = 0;
            return step::none;
        }
        const duration spread = quantile_.median() - low;
        const duration floor = low + std::max(config_.step_min, spread * 3 / 2);
        if (!rising && sample < floor) {
            high_rise_.packets = 0;
            return step::none;
        }
        bool risen =
            follow_rise(low_rise_, now, sample, floor, spread, bunched, config_.step_time, config_.step_packets);
        risen |= follow_rise(high_rise_, now, sample, floor + (floor - low), spread, bunched, config_.step_time / 2,
                             std::min(config_.step_packets, high_packets_max));
        if (!risen) return step::none;
        low_rise_.packets = high_rise_.packets = 0;
        return step::up;
    }

    bool follow_rise(rise& r, instant now, duration sample, duration floor, duration spread, bool bunched,
                     duration time, std::uint32_t packets) noexcept {
        if (r.packets == 0) r.floor = floor;
        if (sample < r.floor) {
            r.packets = 0;
            return false;
        }
        if (bunched) return false;
        const duration half = time / 2;
        if (r.packets++ == 0) {
            r.start = now;
            r.first_half = r.second_half = duration::infinite();
            r.tolerance = std::clamp(spread * 2, duration::from_ms(2), duration::from_ms(6));
        }
        if (now - r.start < half) {
            r.first_half = std::min(r.first_half, sample);
            return false;
        }
        r.second_half = std::min(r.second_half, sample);
        if (now - r.start < time || r.packets < packets) return false;
        const duration moved = r.second_half - r.first_half;
        if (moved <= r.tolerance && -moved <= r.tolerance) {
            quantile_.forget_before(r.start);
            return true;
        }
        // Still moving: the second half becomes the first.
        r.start = now - half;
        r.first_half = r.second_half;
        r.second_half = duration::infinite();
        return false;
    }

    windowed_quantile quantile_;
    baseline_config config_;
    duration baseline_{};
    instant fall_start_;
    rise low_rise_;
    rise high_rise_;
    std::uint32_t fall_packets_ = 0;
};

/// Packet delay variation as RFC 5481 defines it (section 4.2): each packet's delay less the least delay since creation
/// or `clear`. Quantiles to 66 µs for variations up to about 200 ms; larger ones are all taken for the same. `add` is
/// O(1) but for a new least delay, a query walks 4096 buckets: microseconds.
class delay_variation {
public:
    [[nodiscard]] bool create(const allocator& memory) noexcept { return counts_.create(bucket_count, memory); }

    void add(duration delay) noexcept {
        const std::int64_t value = delay.ns();
        if (samples_ == 0) {
            least_ = value;
            origin_ = detail::saturating_sub(value, std::int64_t{bucket_count / 4} << bucket_bits);
        } else if (value < origin_) {
            lower_origin(value);
        }
        least_ = std::min(least_, value);
        ++counts_[bucket_of(value)];
        ++samples_;
    }
    /// The variation that a share of `permyriad` / 10000 of the packets does not exceed; zero while empty.
    [[nodiscard]] duration quantile(std::uint32_t permyriad) const noexcept {
        if (samples_ == 0) return duration::zero();
        const std::uint64_t share = std::min<std::uint32_t>(permyriad, 10'000);
        const std::uint64_t rank = (samples_ - 1) / 10'000 * share + (samples_ - 1) % 10'000 * share / 10'000;
        std::uint64_t below = 0;
        std::size_t b = 0;
        while (b + 1 < bucket_count && below + counts_[b] <= rank) below += counts_[b++];
        const std::int64_t middle =
            (static_cast<std::int64_t>(b) << bucket_bits) + (std::int64_t{1} << bucket_bits) / 2;
        const std::int64_t value = detail::saturating_add(origin_, middle);
        return duration::from_ns(std::max<std::int64_t>(detail::saturating_sub(value, least_), 0));
    }
    [[nodiscard]] std::uint64_t samples() const noexcept { return samples_; }
    void clear() noexcept {
        for (std::uint64_t& c : counts_) c = 0;
        samples_ = 0;
    }

private:
    static constexpr unsigned bucket_bits = 16;
    static constexpr std::size_t bucket_count = 4'096;

    [[nodiscard]] std::size_t bucket_of(std::int64_t value) const noexcept {
        const std::int64_t b = detail::saturating_sub(value, origin_) >> bucket_bits;
        return static_cast<std::size_t>(std::clamp<std::int64_t>(b, 0, bucket_count - 1));
    }
    /// Moves the buckets so that `value` falls into a low one, a quarter of them left for still smaller delays.
    void lower_origin(std::int64_t value) noexcept {
        const std::int64_t wanted = detail::saturating_sub(value, std::int64_t{bucket_count / 4} << bucket_bits);
        const std::int64_t shift =
            std::min<std::int64_t>(detail::saturating_sub(origin_, wanted) >> bucket_bits, bucket_count);
        for (std::size_t b = bucket_count; b-- > 0;) {
            const std::uint64_t moved = std::exchange(counts_[b], 0);
            counts_[std::min(b + static_cast<std::size_t>(shift), bucket_count - 1)] += moved;
        }
        origin_ = shift == bucket_count ? wanted : origin_ - (shift << bucket_bits);
    }

    buffer<std::uint64_t> counts_;
    std::uint64_t samples_ = 0;
    std::int64_t origin_ = 0;
    std::int64_t least_ = 0;
};

/// Interarrival jitter of RFC 3550, section 6.4.1: J += (|D| − J) / 16, D being the difference of two packets' relative
/// delays in order of arrival.
class interarrival_jitter {
public:
    void add(duration relative_delay) noexcept {
        if (known_) {
            const duration d = relative_delay - previous_;
            jitter_.add(std::max(d, -d));
        }
        previous_ = relative_delay;
        known_ = true;
    }
    [[nodiscard]] duration value() const noexcept { return jitter_.value(); }
    void clear() noexcept { *this = {}; }

private:
    ewma<1, 16> jitter_;
    duration previous_{};
    bool known_ = false;
};

/// Burst and gap metrics of RFC 3611, section 4.7.2. A burst begins and ends with a lost packet and never has `gmin` or
/// more received ones in a row inside; a lost packet alone belongs to the gap around it. Feed every packet's fate in
/// order of sequence; one that came too late to be played counts as lost.
class burst_gap {
public:
    /// `gmin` 1 … 255; RFC 3611 recommends 16.
    explicit burst_gap(std::uint32_t gmin = 16) noexcept : gmin_{gmin} {}

    void add(bool lost) noexcept {
        ++packets_;
        if (!lost) {
            if (cluster_lost_ != 0 && ++received_since_ >= gmin_) close_cluster();
            return;
        }
        ++lost_;
        if (cluster_lost_ == 0) {
            cluster_packets_ = 0;
            received_since_ = 0;
        }
        cluster_packets_ += received_since_ + 1;
        ++cluster_lost_;
        received_since_ = 0;
    }

    [[nodiscard]] std::uint64_t packets() const noexcept { return packets_; }
    [[nodiscard]] std::uint64_t lost() const noexcept { return lost_; }
    [[nodiscard]] std::uint64_t bursts() const noexcept { return totals().bursts; }
    /// Share of lost packets inside bursts, and inside gaps; parts per million, 0 when there were none.
    [[nodiscard]] std::uint32_t burst_density_ppm() const noexcept {
        return share(totals().burst_lost, totals().burst_packets);
    }
    [[nodiscard]] std::uint32_t gap_density_ppm() const noexcept {
        return share(lost_ - totals().burst_lost, packets_ - totals().burst_packets);
    }
    /// Mean length of a burst, and of a gap, in packets; multiply by the packet spacing for a duration.
    [[nodiscard]] std::uint64_t mean_burst_packets() const noexcept {
        return totals().bursts == 0 ? 0 : totals().burst_packets / totals().bursts;
    }
    [[nodiscard]] std::uint64_t mean_gap_packets() const noexcept {
        return (packets_ - totals().burst_packets) / (totals().bursts + 1);
    }
    void clear() noexcept { *this = burst_gap{gmin_}; }

private:
    struct counts {
        std::uint64_t bursts = 0;
        std::uint64_t burst_packets = 0;
        std::uint64_t burst_lost = 0;
    };

    /// With the open cluster counted as it stands.
    [[nodiscard]] counts totals() const noexcept {
        counts c = closed_;
        if (cluster_lost_ >= 2) {
            ++c.bursts;
            c.burst_packets += cluster_packets_;
            c.burst_lost += cluster_lost_;
        }
        return c;
    }
    void close_cluster() noexcept {
        closed_ = totals();
        cluster_lost_ = 0;
    }
    [[nodiscard]] static std::uint32_t share(std::uint64_t part, std::uint64_t whole) noexcept {
        return whole == 0 ? 0 : static_cast<std::uint32_t>(part * 1'000'000 / whole);
    }

    std::uint32_t gmin_;
    std::uint64_t packets_ = 0;
    std::uint64_t lost_ = 0;
    std::uint64_t cluster_lost_ = 0;  ///< losses since the last `gmin` received packets in a row
    std::uint64_t cluster_packets_ = 0;
    std::uint64_t received_since_ = 0;
    counts closed_{};
};

/// Silences by length: how many lasted at least 40, 80, 120 and 300 ms, the longest, the sum of those from 40 ms on.
class outage_ledger {
public:
    static constexpr std::array<duration, 4> limits = {duration::from_ms(40), duration::from_ms(80),
                                                       duration::from_ms(120), duration::from_ms(300)};

    /// The time between one arrival and the next.
    void add(duration silence) noexcept {
        for (std::size_t i = 0; i < limits.size(); ++i) counts_[i] += silence >= limits[i];
        if (silence >= limits[0]) total_ += silence;
        longest_ = std::max(longest_, silence);
    }
    /// Silences of at least `limits[i]`.
    [[nodiscard]] const std::array<std::uint64_t, limits.size()>& counts() const noexcept { return counts_; }
    [[nodiscard]] duration longest() const noexcept { return longest_; }
    [[nodiscard]] duration total() const noexcept { return total_; }
    void clear() noexcept { *this = {}; }

private:
    std::array<std::uint64_t, limits.size()> counts_{};
    duration longest_{};
    duration total_{};
};

}  // namespace v0
}  // namespace duality
