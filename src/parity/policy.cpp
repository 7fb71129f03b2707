// SPDX-License-Identifier: MIT

#include "duality/parity_policy.hpp"

#include <algorithm>

#include "duality/sequence.hpp"

namespace duality {
inline namespace v0 {
namespace {

/// The largest integer whose square is not above `x`.
std::uint64_t square_root(std::uint64_t x) noexcept {
    std::uint64_t root = 0;
    for (std::uint64_t bit = std::uint64_t{1} << 31; bit != 0; bit >>= 1)
        if ((root + bit) * (root + bit) <= x) root += bit;
    return root;
}

/// from^(1 - t) * to^t with t in 1/1024, by halving the interval on a logarithmic scale; from, to >= 1.
std::uint32_t between(std::uint32_t from, std::uint32_t to, std::uint32_t t) noexcept {
    constexpr unsigned fraction = 8;
    std::uint64_t low = std::uint64_t{from} << fraction;
    std::uint64_t high = std::uint64_t{to} << fraction;
    std::uint64_t middle = low;
    for (std::uint32_t bit = 512; bit != 0; bit >>= 1) {
        middle = square_root(low * high);
        if (t & bit)
            low = middle;
        else
            high = middle;
    }
    return static_cast<std::uint32_t>((low + (std::uint64_t{1} << (fraction - 1))) >> fraction);
}

}  // namespace

std::uint32_t plan_window(std::uint32_t rate_bp, const parity_conditions& now, std::uint32_t max_window) noexcept {
    if (rate_bp == 0 || max_window == 0 || now.interval <= duration::zero() || now.deadline <= duration::zero())
        return 0;
    // The newest packet is covered with its whole deadline ahead, the oldest one on the last moment.
    const std::int64_t packets = std::min<std::int64_t>(now.deadline.ns() / now.interval.ns(), 0xFFFF) + 1;
    const auto longest = static_cast<std::uint32_t>(std::clamp<std::int64_t>(packets, 1, max_window));
    const std::uint32_t shortest = std::min(longest, (10'000 + rate_bp / 2) / rate_bp);

    // Losses per repair in 1/1024.
    const std::uint64_t load = std::uint64_t{now.loss_ppm} * 1024 / 100 / rate_bp;
    const std::uint64_t burst = std::clamp<std::uint32_t>(now.burst_x100, 100, 400);
    const std::uint64_t begin = (35 + burst * 15 / 100) * 1024 / 100;  // 0.5 for independent losses
    const std::uint64_t end = (85 + burst * 35 / 100) * 1024 / 100;    // 1.2
    if (load <= begin) return longest;
    if (load >= end) return shortest;
    return between(longest, shortest, static_cast<std::uint32_t>((load - begin) * 1024 / (end - begin)));
}

parity_plan plan_parity(const parity_policy_config& config, const parity_conditions& now) noexcept {
    if (now.congestion || now.loss_ppm <= config.clean_loss_ppm || now.burst_x100 > config.max_burst_x100) return {};
    const std::uint64_t wanted = (std::uint64_t{now.loss_ppm} * config.per_loss_x16 / 16 + 99) / 100;
    parity_plan plan;
    plan.rate_bp = static_cast<std::uint32_t>(std::min<std::uint64_t>(wanted, config.max_rate_bp));
    plan.window = plan_window(plan.rate_bp, now, config.max_window);
    return plan.window == 0 ? parity_plan{} : plan;
}

result<repair_generator> repair_generator::create(const repair_generator_config& config) noexcept {
    config_check check{repair_generator_bounds};
    check.in_range("max_repairs", config.max_repairs)
        .in_range("margin_loss_x16", config.margin_loss_x16)
        .in_range("last_round_extra", config.last_round_extra);
    if (!check.ok()) return check.error();
    repair_generator g;
    g.config_ = config;
    return g;
}

repair_order repair_generator::answer(instant now, const deficit_report& report, duration round_trip,
                                      std::uint32_t loss_ppm, std::uint32_t first_esi,
                                      std::uint32_t next_esi) noexcept {
    if (report.symbols_needed == 0) return {};
    if (now < latest_) now = latest_;
    latest_ = now;
    ++stats_.reports;
    if (report.time_left < round_trip) {
        ++stats_.hopeless;
        return {};
    }
    const std::uint32_t begin = serial_less(report.first_missing, first_esi) ? first_esi : report.first_missing;
    const std::uint32_t end = serial_less(report.last_missing + 1, next_esi) ? report.last_missing + 1 : next_esi;
    if (serial_distance(begin, end) <= 0) {
        ++stats_.outside;
        return {};
    }
    std::uint64_t needed = std::min(report.symbols_needed, end - begin);
    const bool last_round = report.time_left < round_trip * 2;
    if (last_round) {
        const std::uint64_t scale = std::uint64_t{16} * 1'000'000;
        needed += (needed * loss_ppm * config_.margin_loss_x16 + scale - 1) / scale;
        needed += config_.last_round_extra;
    }
    std::uint64_t under_way = 0;
    for (const order& o : orders_)
        if (o.count != 0 && now - o.at < round_trip) under_way += o.count;
    if (under_way >= needed) {
        ++stats_.in_flight;
        return {};
    }
    const auto count = static_cast<std::uint32_t>(std::min<std::uint64_t>(needed - under_way, config_.max_repairs));
    orders_[next_order_] = {now, count};
    next_order_ = (next_order_ + 1) % orders_kept;
    stats_.repairs += count;
    return {begin, end - begin, count};
}

}  // namespace v0
}  // namespace duality
