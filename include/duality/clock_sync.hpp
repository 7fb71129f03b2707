// SPDX-License-Identifier: MIT
//
// Clock sync: what the peer's monotonic clock shows now, how wrong that may be, and how fast the two drift apart.
//
// An exchange has four timestamps (RFC 5905, section 8): a request left at t1, arrived at the peer at t2, its answer left
// at t3 and arrived here at t4; t1 and t4 are ours, t2 and t3 the peer's. No datagram arrives before it leaves, so the
// offset (peer − own) lies between t3 − t4 and t2 − t1, whatever the route: every exchange cuts an interval, all of them
// together, each widened by what the clocks may have drifted since, a narrower one. That interval is the error bound. It
// holds for asymmetric routes too: half of the shortest round trip stays in it however many exchanges there are.
//
// Inside the interval the offset is estimated as if both directions had the same distribution of delays. The shortest
// delay of each direction, taken apart, says most when delay has a sharp lower edge, as on an idle path with bursts of
// queueing; the mean says most when it scatters around a centre. Both are used, by the inverse of their variances; the
// mean only while the two directions scatter alike. The skew comes from the edges of the early and of the late
// exchanges, pulled towards zero while they cannot tell.
//
// What `offset` shows slews: it moves by the skew and at most `slew_max_ppm` besides, never in a step, and the bound
// covers what is still to be corrected. Only a peer that has started another clock (its exchanges contradict ours
// several times in a row) begins a new `epoch`, from `acquiring`.
//
// Sans-I/O, integer arithmetic; about 6 KB taken in `create`. One object belongs to one thread. A `now` before that of
// an earlier call counts as the earlier one. `on_request`, `on_request_refused`, `on_response` and `reset` change
// `next_request()`.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "duality/memory.hpp"
#include "duality/ring.hpp"
#include "duality/status.hpp"
#include "duality/time.hpp"

namespace duality {
inline namespace v0 {

enum class clock_state : std::uint8_t {
    acquiring,  ///< too few exchanges: `offset` is the best guess and may still jump
    locked,
    holdover,  ///< locked before, but nothing was heard for `holdover_after`: the bound grows
};

struct clock_sync_config {
    duration fast_interval = duration::from_ms(100);     ///< between the first requests. 10 ms … 10 s
    std::uint32_t fast_requests = 50;                    ///< so many of them; 4 … 1000
    std::uint32_t octave_requests = 16;                  ///< then the interval doubles after every so many, 1 … 1000,
    duration slow_interval = duration::from_seconds(8);  ///< up to this; `fast_interval` … 1 h
    std::uint32_t lock_samples = 20;                     ///< exchanges that make it locked. 2 … 64
    std::uint32_t restart_samples = 4;                   ///< contradictions in a row that prove another clock. 2 … 8
    duration round_trip_max = duration::from_seconds(2);   ///< an exchange that took longer is refused. 1 ms … 1 min
    duration holdover_after = duration::from_seconds(30);  ///< silence that ends `locked`. 100 ms … 1 h
    std::uint32_t skew_max_ppm = 200;  ///< most the clocks can drift apart: two crystals. 1 … 1000
    std::uint32_t holdover_ppm = 10;  ///< the bound never grows more slowly than this, in holdover and before. 1 … 1000
    std::uint32_t slew_max_ppm = 1'000;  ///< 10 … 100,000
};

inline constexpr field_bounds clock_sync_bounds[] = {
    {"fast_interval", 10, 10'000, "ms"},       {"fast_requests", 4, 1'000, "requests"},
    {"octave_requests", 1, 1'000, "requests"}, {"slow_interval", 10, 3'600'000, "ms"},
    {"lock_samples", 2, 64, "exchanges"},      {"restart_samples", 2, 8, "exchanges"},
    {"round_trip_max", 1, 60'000, "ms"},       {"holdover_after", 100, 3'600'000, "ms"},
    {"skew_max_ppm", 1, 1'000, "ppm"},         {"holdover_ppm", 1, 1'000, "ppm"},
    {"slew_max_ppm", 10, 100'000, "ppm"},
};

struct clock_estimate {
    clock_state state = clock_state::acquiring;
    duration offset{};                            ///< the peer's clock − ours
    duration error_bound = duration::infinite();  ///< the true offset is within offset ± this
    std::int64_t skew_ppb = 0;                    ///< how fast the offset grows, in ns per second
    std::int64_t skew_error_ppb = 0;              ///< how fast the bound grows
    duration round_trip_min{};                    ///< of the exchanges in use; zero without one
    std::uint32_t samples = 0;                    ///< exchanges in use
    std::uint32_t epoch = 0;  ///< counts the peer's clocks: the offset of another epoch means nothing now
};

struct clock_sync_statistics {
    std::uint64_t requests = 0;
    std::uint64_t accepted = 0;
    std::uint64_t duplicates = 0;       ///< answered before
    std::uint64_t unknown = 0;          ///< answers to nothing that was asked lately
    std::uint64_t absurd = 0;           ///< timestamps that no two clocks can have
    std::uint64_t too_slow = 0;         ///< beyond `round_trip_max`
    std::uint64_t contradictions = 0;   ///< outside of what the others allow
    std::uint64_t restarts = 0;         ///< of the peer's clock
    std::uint64_t clock_backwards = 0;  ///< calls whose `now` was before an earlier one
};

class clock_sync {
public:
    [[nodiscard]] static constexpr const field_bounds* bounds(std::string_view field) noexcept {
        return find_bounds(clock_sync_bounds, field);
    }
    /// `invalid_config` (naming the field) or `out_of_memory`.
    [[nodiscard]] static result<clock_sync> create(const clock_sync_config& config, const allocator& memory) noexcept;

    /// When to send the next request.
    [[nodiscard]] instant next_request() const noexcept { return next_request_; }
    /// A request leaves now; the answer is t1, which the peer sends back.
    [[nodiscard]] instant on_request(instant now) noexcept;
    /// It was due and could not leave; it becomes due again later.
    void on_request_refused(instant now) noexcept;
    /// The answer to the request of `t1` has arrived. In any order; each counts once.
    ///   ok             used
    ///   duplicate      this request was answered before
    ///   out_of_window  no such request, or one from long ago
    ///   malformed      the times cannot be true
    ///   late           a round trip beyond `round_trip_max`
    ///   inconsistent   contradicts the others, see `restart_samples`
    status on_response(instant now, instant t1, media_time t2, media_time t3) noexcept;
    /// The peer is known to be another one: forgets everything and asks anew.
    void reset(instant now) noexcept;

    [[nodiscard]] clock_estimate estimate(instant now) const noexcept;
    /// What the peer's clock shows at `now`; increases with `now` as long as the epoch lasts.
    [[nodiscard]] media_time to_peer(instant now) const noexcept;
    /// When the peer's clock shows or showed `at`, to a nanosecond of rounding.
    [[nodiscard]] instant from_peer(media_time at) const noexcept;
    [[nodiscard]] bool known() const noexcept { return count_ != 0; }
    [[nodiscard]] const clock_sync_statistics& statistics() const noexcept { return stats_; }

private:
    static constexpr std::size_t sample_max = 64;
    static constexpr std::size_t request_max = 8;

    /// Bounds of the offset: at most `upper` at our `t1`, at least `lower` at our `t4`. Nanoseconds.
    struct sample {
        std::int64_t t1 = 0;
        std::int64_t t4 = 0;
        std::int64_t upper = 0;
        std::int64_t lower = 0;
    };
    struct request {
        instant t1 = instant::before_all();
        bool answered = true;
    };
    /// Where the true offset can be at one instant.
    struct interval {
        std::int64_t low;
        std::int64_t high;
        [[nodiscard]] bool meets(const interval& other) const noexcept {
            return low <= other.high && other.low <= high;
        }
    };
    /// The room that a skew leaves for the offset at `at_`, and the exchanges that it touches on either side.
    struct corridor {
        std::int64_t width;
        std::int64_t high_at;
        std::int64_t low_at;
    };
    /// One direction's delays (plus or minus the offset), smallest first.
    struct direction {
        std::array<std::int64_t, sample_max> delays;
        std::int64_t edge_step = 0;  ///< mean distance of the smallest ones
        std::int64_t edge = 0;       ///< from the smallest to the lower quartile
        std::int64_t centre = 0;     ///< mean without the largest quarter
        std::int64_t spread = 0;     ///< interquartile range
        void summarise(std::size_t count) noexcept;
    };

    explicit clock_sync(const clock_sync_config& config) noexcept : config_{config}, interval_{config.fast_interval} {}

    [[nodiscard]] instant clamp(instant now) noexcept;
    [[nodiscard]] interval widened(const sample& s, std::int64_t at, std::int64_t error_ppb) const noexcept;
    [[nodiscard]] status contradict(const sample& s) noexcept;
    void insert(const sample& s) noexcept;
    void clear() noexcept;
    void recompute() noexcept;
    void estimate_skew() noexcept;
    [[nodiscard]] corridor corridor_at(std::int64_t skew_ppb) const noexcept;
    [[nodiscard]] std::int64_t shown(std::int64_t at) const noexcept;
    [[nodiscard]] std::int64_t remaining(std::int64_t at) const noexcept;

    clock_sync_config config_;
    buffer<sample> samples_;  ///< ring; `count_` of them, the oldest at `first_`
    buffer<direction> scratch_;
    std::size_t first_ = 0;
    std::size_t count_ = 0;
    std::array<request, request_max> requests_{};
    std::size_t newest_request_ = 0;
    std::array<sample, 8> suspects_{};  ///< agree with each other and contradict the samples
    std::size_t suspect_count_ = 0;

    // The estimate as of `at_`, own clock.
    std::int64_t at_ = 0;
    interval bounds_{0, 0};
    std::int64_t best_ = 0;
    std::int64_t skew_ppb_ = 0;
    std::int64_t skew_deviation_ppb_ = 0;  ///< how wrong the skew usually is,
    std::int64_t skew_error_ppb_ = 0;      ///< and can be
    std::int64_t to_slew_ = 0;             ///< what `offset` shows − `best_` at `at_`
    std::int64_t round_trip_min_ = 0;

    bool locked_ = false;
    std::uint32_t epoch_ = 0;
    instant last_accepted_ = instant::before_all();
    instant next_request_ = instant::before_all();
    duration interval_;
    std::uint32_t until_slower_ = 0;  ///< requests before the interval doubles
    instant now_ = instant::before_all();
    clock_sync_statistics stats_;
};

}  // namespace v0
}  // namespace duality
