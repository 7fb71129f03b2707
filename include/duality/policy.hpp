// SPDX-License-Identifier: MIT
//
// Budgets that nothing can exceed: bytes per calendar day and month on a metered path, and extra bytes as a share of
// the source bytes they protect. Both answer before a packet is built, so a refused packet costs nothing.
//
// No allocation, no clock. A budget belongs to one thread.
#pragma once

#include <cstdint>
#include <limits>

#include "duality/time.hpp"

namespace duality {
inline namespace v0 {

struct byte_budget_config {
    static constexpr std::uint64_t unlimited = std::numeric_limits<std::uint64_t>::max();

    std::uint64_t day_bytes = unlimited;    ///< per UTC day; 0 forbids the path
    std::uint64_t month_bytes = unlimited;  ///< per UTC month
    /// What may be spent ahead of an even pace through the day, in basis points of its bytes: 1,000 is a tenth at once and
    /// the rest as the hours pass, so that the day's budget is not gone by noon. 10,000 or more: no pace.
    std::uint32_t ahead_bp = 10'000;
    /// Of the day's and the month's bytes, in basis points, what may be spent on carrying the flow of another path that
    /// is not out but unsteady; the rest is kept for outages. 0: nothing.
    std::uint32_t carry_bp = 5'000;
};

namespace detail {

inline constexpr std::int64_t ns_per_day = 86'400'000'000'000;

/// Days since 1970-01-01, rounded toward the past.
[[nodiscard]] constexpr std::int64_t day_of(wall_time t) noexcept {
    const std::int64_t day = t.ns() / ns_per_day;
    return t.ns() % ns_per_day < 0 ? day - 1 : day;
}

/// Months since 1970-01, proleptic Gregorian calendar.
[[nodiscard]] constexpr std::int64_t month_of(wall_time t) noexcept {
    // Count from 0000-03-01, so that the leap day is the last of its year; 146,097 days are 400 years.
    const std::int64_t days = day_of(t) + 719'468;
    const std::int64_t era = (days >= 0 ? days : days - 146'096) / 146'097;
    const std::int64_t day_of_era = days - era * 146'097;
    const std::int64_t year_of_era =
        (day_of_era - day_of_era / 1'460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
    const std::int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    const std::int64_t month_from_march = (5 * day_of_year + 2) / 153;
    return (era * 400 + year_of_era - 1970) * 12 + month_from_march + 2;
}

}  // namespace detail

/// Bytes on one metered path. A day or month that has begun never ends early: calendar time that goes backwards gives
/// nothing back.
class byte_budget {
public:
    constexpr explicit byte_budget(const byte_budget_config& config = {}) noexcept : config_{config} {}

    /// Takes `bytes` from both caps, or nothing at all when one of them would be exceeded.
    [[nodiscard]] constexpr bool spend(wall_time now, std::uint64_t bytes) noexcept {
        if (bytes > remaining(now)) return false;
        note(now, bytes);
        return true;
    }

    /// Counts bytes that could not be refused, such as received ones; may use the caps up.
    constexpr void note(wall_time now, std::uint64_t bytes) noexcept {
        renew(now);
        used_today_ = saturating_sum(used_today_, bytes);
        used_month_ = saturating_sum(used_month_, bytes);
    }

    [[nodiscard]] constexpr std::uint64_t remaining(wall_time now) noexcept {
        renew(now);
        const std::uint64_t day = left(allowed_by_now(now), used_today_);
        const std::uint64_t month = left(config_.month_bytes, used_month_);
        return day < month ? day : month;
    }

    /// Is less used up than what may be spent on carrying the flow of an unsteady path?
    [[nodiscard]] constexpr bool may_carry(wall_time now) noexcept {
        renew(now);
        return used_today_ < share(allowed_by_now(now), config_.carry_bp) &&
               used_month_ < share(config_.month_bytes, config_.carry_bp);
    }

    [[nodiscard]] constexpr std::uint64_t used_today() const noexcept { return used_today_; }
    [[nodiscard]] constexpr std::uint64_t used_month() const noexcept { return used_month_; }

private:
    static constexpr std::uint64_t left(std::uint64_t of, std::uint64_t used) noexcept {
        return used < of ? of - used : 0;
    }
    static constexpr std::uint64_t share(std::uint64_t of, std::uint32_t bp) noexcept {
        return bp >= 10'000 ? of : of / 10'000 * bp + of % 10'000 * bp / 10'000;
    }
    /// Of the day's bytes, at the pace.
    [[nodiscard]] constexpr std::uint64_t allowed_by_now(wall_time now) const noexcept {
        const std::uint64_t all = config_.day_bytes;
        if (config_.ahead_bp >= 10'000 || all == byte_budget_config::unlimited) return all;
        // Calendar time that went backwards, to a day before the one that has begun, gives nothing.
        const std::int64_t into_day = now.ns() - day_ * detail::ns_per_day;
        const auto millionths = static_cast<std::uint64_t>((into_day < 0 ? 0 : into_day) / 86'400'000);
        constexpr std::uint64_t million = 1'000'000;
        const std::uint64_t passed = all / million * millionths + all % million * millionths / million;
        const std::uint64_t ahead = share(all, config_.ahead_bp);
        return ahead < all - passed ? passed + ahead : all;
    }
    static constexpr std::uint64_t saturating_sum(std::uint64_t a, std::uint64_t b) noexcept {
        return a + b < a ? byte_budget_config::unlimited : a + b;
    }

    constexpr void renew(wall_time now) noexcept {
        const std::int64_t day = detail::day_of(now);
        const std::int64_t month = detail::month_of(now);
        if (day > day_) {
            day_ = day;
            used_today_ = 0;
        }
        if (month > month_) {
            month_ = month;
            used_month_ = 0;
        }
    }

    byte_budget_config config_;
    std::int64_t day_ = std::numeric_limits<std::int64_t>::min();
    std::int64_t month_ = std::numeric_limits<std::int64_t>::min();
    std::uint64_t used_today_ = 0;
    std::uint64_t used_month_ = 0;
};

/// Extra bytes as a share of the bytes they are earned by. At every moment, not only on average:
/// `spent <= earned * cap / 10,000`.
class share_budget {
public:
    /// `cap_bp` in basis points: 1,000 is 10 %.
    constexpr explicit share_budget(std::uint32_t cap_bp = 0) noexcept : cap_bp_{cap_bp} {}

    constexpr void earn(std::uint64_t bytes) noexcept {
        const std::uint64_t room = std::numeric_limits<std::uint64_t>::max() - credit_;
        const std::uint64_t most = cap_bp_ == 0 ? 0 : room / cap_bp_;
        credit_ += (bytes < most ? bytes : most) * cap_bp_;
    }

    [[nodiscard]] constexpr bool covers(std::uint64_t bytes) const noexcept { return bytes <= available(); }
    /// All or nothing.
    [[nodiscard]] constexpr bool spend(std::uint64_t bytes) noexcept {
        if (!covers(bytes)) return false;
        credit_ -= bytes * unit;
        spent_ += bytes;
        return true;
    }

    /// Whole bytes that may be spent now.
    [[nodiscard]] constexpr std::uint64_t available() const noexcept { return credit_ / unit; }
    [[nodiscard]] constexpr std::uint64_t spent() const noexcept { return spent_; }
    /// Whole bytes earned so far.
    [[nodiscard]] constexpr std::uint64_t earned() const noexcept { return spent_ + available(); }

private:
    static constexpr std::uint64_t unit = 10'000;

    std::uint32_t cap_bp_;
    std::uint64_t credit_ = 0;  ///< earned and not yet spent, in 1/10,000 byte
    std::uint64_t spent_ = 0;
};

}  // namespace v0
}  // namespace duality
