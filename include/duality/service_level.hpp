// SPDX-License-Identifier: MIT
//
// A service-level monitor: raises an alarm when more packets miss their deadline than was agreed, and keeps its promise
// about false alarms however often it is asked, since its evidence is valid at any time.
//
// Time is cut into blocks. X is the share of a block's packets that missed the deadline, m the agreed most. Against the
// hypothesis that the service is kept (whatever happened before, the next X is expected to be at most m), money is bet
// on X > m: a bet with the stake c multiplies by L = 1 + c (X / m - 1), which is never negative and whose expectation
// is at most 1. Eight stakes, 1/2 … 1/256, are played side by side, for one does not know how much worse it is.
//
//   mean_time    Every block a new game starts with one coin and all go on: R <- (1 + R) L. R grows by at most one a
//                block on average while the service is kept, so an alarm at R >= A comes after A blocks or more in the
//                mean (Shiryaev–Roberts form of an e-detector: Shin, Ramdas, Rinaldo 2024). Finds a service that was
//                good for long and becomes bad. After an alarm it starts anew.
//   probability  One game from the start: W <- W L. The chance that it ever reaches 1/p is at most p (Ville 1939). For
//                acceptance tests: it finds what is bad from the start, and slowly or never what becomes bad later.
//
// What the hypothesis leaves open is how X is distributed: losses may come in bursts, and outages count with all
// their packets. What it does not allow is that a bad block announces the next one. Blocks must therefore be long
// against bursts: measured (`bench_lab`), the promise holds where a burst lasts up to a sixth of a block in the mean,
// and with bursts of 0.4 of a block at 1 % there are 1.4 times the alarms promised.
//
// One thread at a time, no allocation, additions and multiplications only: same inputs, same alarms everywhere.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "duality/status.hpp"
#include "duality/time.hpp"

namespace duality {
inline namespace v0 {

enum class alarm_promise : std::uint8_t {
    mean_time,    ///< false alarms are `between_false_alarms` apart in the mean, or further
    probability,  ///< the chance that there is ever one is at most `false_alarm_ppm`
};

struct service_level_config {
    std::uint32_t miss_max_ppm = 2'000;          ///< agreed share of packets that miss the deadline. 1 … 500,000
    duration block = duration::from_seconds(1);  ///< 10 ms … 1 h; an alarm comes at the end of one
    alarm_promise promise = alarm_promise::mean_time;                ///< what is promised of false alarms
    duration between_false_alarms = duration::from_seconds(86'400);  ///< mean_time. 1 min … 10 years
    std::uint32_t false_alarm_ppm = 10'000;                          ///< probability. 1 … 500,000
};

inline constexpr field_bounds service_level_bounds[] = {
    {"miss_max_ppm", 1, 500'000, "1/1,000,000"},
    {"block", 10, 3'600'000, "ms"},
    {"between_false_alarms", 60, 315'360'000, "s"},
    {"false_alarm_ppm", 1, 500'000, "1/1,000,000"},
};

struct service_level_statistics {
    std::uint64_t packets = 0;
    std::uint64_t missed = 0;  ///< of them, their deadline
    std::uint64_t blocks = 0;  ///< ended, with packets in them
    std::uint64_t alarms = 0;
    instant last_alarm = instant::never();  ///< never: none yet
    std::uint64_t clock_backwards = 0;      ///< calls with a time before the last one; it was clamped
};

class service_level {
public:
    [[nodiscard]] static constexpr const field_bounds* bounds(std::string_view field) noexcept {
        return find_bounds(service_level_bounds, field);
    }
    /// `invalid_config` naming the field.
    [[nodiscard]] static result<service_level> create(const service_level_config& config) noexcept {
        config_check check{service_level_bounds};
        check.in_range("miss_max_ppm", config.miss_max_ppm)
            .in_range("block", config.block.ns() / 1'000'000)
            .in_range("between_false_alarms", config.between_false_alarms.ns() / 1'000'000'000)
            .in_range("false_alarm_ppm", config.false_alarm_ppm);
        if (!check.ok()) return check.error();
        return service_level{config};
    }

    /// A packet's fate became known: it was there by its deadline or not. True: an alarm was raised, for the blocks that
    /// ended before `at`.
    bool observe(instant at, bool in_time) noexcept {
        const bool alarm = advance(at);
        ++in_block_;
        missed_in_block_ += in_time ? 0 : 1;
        ++statistics_.packets;
        statistics_.missed += in_time ? 0 : 1;
        return alarm;
    }
    /// Lets time pass: ends the block when its time is over. True: an alarm was raised. A block without a packet says
    /// nothing.
    bool advance(instant at) noexcept {
        if (block_end_.is_never()) block_end_ = at + config_.block;
        if (at < now_) ++statistics_.clock_backwards;
        now_ = at < now_ ? now_ : at;
        if (now_ < block_end_) return false;
        const bool alarm = in_block_ > 0 && end_block();
        const std::int64_t over = (now_ - block_end_).ns() / config_.block.ns();
        block_end_ = block_end_ + config_.block * (over + 1);
        return alarm;
    }

    /// What the bets have come to; an alarm is raised when it reaches `threshold()`.
    [[nodiscard]] double evidence() const noexcept {
        double sum = 0;
        for (const double w : wealth_) sum += w;
        return sum / static_cast<double>(stakes);
    }
    [[nodiscard]] double threshold() const noexcept { return threshold_; }
    [[nodiscard]] const service_level_statistics& statistics() const noexcept { return statistics_; }

private:
    static constexpr std::size_t stakes = 8;
    static constexpr double wealth_max = 1e15;  ///< keeps every sum finite, and is above every threshold

    explicit service_level(const service_level_config& config) noexcept
        : config_{config},
          threshold_{config.promise == alarm_promise::mean_time
                         ? static_cast<double>(config.between_false_alarms.ns()) /
                               static_cast<double>(config.block.ns())
                         : 1e6 / static_cast<double>(config.false_alarm_ppm)} {
        begin();
    }

    void begin() noexcept { wealth_.fill(config_.promise == alarm_promise::mean_time ? 0.0 : 1.0); }

    [[nodiscard]] bool end_block() noexcept {
        const double share = static_cast<double>(missed_in_block_) / static_cast<double>(in_block_);
        const double gain = share * 1e6 / static_cast<double>(config_.miss_max_ppm) - 1;
        double stake = 1;
        for (double& w : wealth_) {
            stake /= 2;
            if (config_.promise == alarm_promise::mean_time) w += 1;
            w *= 1 + stake * gain;
            w = w < wealth_max ? w : wealth_max;
        }
        in_block_ = missed_in_block_ = 0;
        ++statistics_.blocks;
        if (evidence() < threshold_) return false;
        ++statistics_.alarms;
        statistics_.last_alarm = now_;
        begin();
        return true;
    }

    service_level_config config_;
    double threshold_;
    std::array<double, stakes> wealth_{};
    std::uint64_t in_block_ = 0;
    std::uint64_t missed_in_block_ = 0;
    instant block_end_ = instant::never();
    instant now_ = instant::before_all();
    service_level_statistics statistics_;
};

}  // namespace v0
}  // namespace duality
