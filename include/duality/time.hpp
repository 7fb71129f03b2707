// SPDX-License-Identifier: MIT
//
// Time as a value. Nothing in this library can ask what time it is: the caller passes it in.
//
// Three clocks that must never be mixed are three types: `instant` (the caller's monotonic clock), `media_time` (the
// sender's clock, as carried by a packet) and `wall_time` (calendar time, used only by byte budgets per day and month).
// All are 64-bit nanosecond counts with an arbitrary origin. Arithmetic saturates instead of overflowing, so
// `instant::never()` stays never whatever is added to it.
#pragma once

#include <compare>
#include <cstdint>
#include <limits>

namespace duality {
inline namespace v0 {

namespace detail {

inline constexpr std::int64_t time_max = std::numeric_limits<std::int64_t>::max();
inline constexpr std::int64_t time_min = std::numeric_limits<std::int64_t>::min();

#if defined(__GNUC__)
[[nodiscard]] constexpr std::int64_t saturating_add(std::int64_t a, std::int64_t b) noexcept {
    std::int64_t sum = 0;
    if (__builtin_add_overflow(a, b, &sum)) [[unlikely]]
        return b < 0 ? time_min : time_max;
    return sum;
}

[[nodiscard]] constexpr std::int64_t saturating_sub(std::int64_t a, std::int64_t b) noexcept {
    std::int64_t difference = 0;
    if (__builtin_sub_overflow(a, b, &difference)) [[unlikely]]
        return b < 0 ? time_max : time_min;
    return difference;
}
#else
[[nodiscard]] constexpr std::int64_t saturating_add(std::int64_t a, std::int64_t b) noexcept {
    if (b > 0 && a > time_max - b) return time_max;
    if (b < 0 && a < time_min - b) return time_min;
    return a + b;
}

[[nodiscard]] constexpr std::int64_t saturating_sub(std::int64_t a, std::int64_t b) noexcept {
    if (b < 0 && a > time_max + b) return time_max;
    if (b > 0 && a < time_min + b) return time_min;
    return a - b;
}
#endif

[[nodiscard]] constexpr std::int64_t saturating_mul(std::int64_t a, std::int64_t b) noexcept {
    if (a == 0 || b == 0) return 0;
    const bool negative = (a < 0) != (b < 0);
    const auto magnitude = [](std::int64_t x) noexcept {
        return x < 0 ? ~static_cast<std::uint64_t>(x) + 1 : static_cast<std::uint64_t>(x);
    };
    const std::uint64_t limit = static_cast<std::uint64_t>(time_max) + (negative ? 1 : 0);
    if (magnitude(a) > limit / magnitude(b)) return negative ? time_min : time_max;
    return a * b;
}

}  // namespace detail

/// A span of time in nanoseconds; may be negative. `duration::infinite()` is the largest value.
class duration {
public:
    constexpr duration() noexcept = default;

    [[nodiscard]] static constexpr duration from_ns(std::int64_t ns) noexcept { return duration{ns}; }
    [[nodiscard]] static constexpr duration from_us(std::int64_t us) noexcept {
        return duration{detail::saturating_mul(us, 1'000)};
    }
    [[nodiscard]] static constexpr duration from_ms(std::int64_t ms) noexcept {
        return duration{detail::saturating_mul(ms, 1'000'000)};
    }
    [[nodiscard]] static constexpr duration from_seconds(std::int64_t s) noexcept {
        return duration{detail::saturating_mul(s, 1'000'000'000)};
    }
    [[nodiscard]] static constexpr duration zero() noexcept { return duration{}; }
    [[nodiscard]] static constexpr duration infinite() noexcept { return duration{detail::time_max}; }

    [[nodiscard]] constexpr std::int64_t ns() const noexcept { return ns_; }
    /// Whole microseconds, rounded toward zero.
    [[nodiscard]] constexpr std::int64_t us() const noexcept { return ns_ / 1'000; }
    /// Milliseconds with fraction, for display and statistics; decisions stay in integers.
    [[nodiscard]] constexpr double ms() const noexcept { return static_cast<double>(ns_) / 1e6; }

    constexpr auto operator<=>(const duration&) const noexcept = default;

    [[nodiscard]] constexpr duration operator+(duration other) const noexcept {
        return duration{detail::saturating_add(ns_, other.ns_)};
    }
    [[nodiscard]] constexpr duration operator-(duration other) const noexcept {
        return duration{detail::saturating_sub(ns_, other.ns_)};
    }
    [[nodiscard]] constexpr duration operator-() const noexcept { return duration{} - *this; }
    [[nodiscard]] constexpr duration operator*(std::int64_t k) const noexcept {
        return duration{detail::saturating_mul(ns_, k)};
    }
    /// Precondition: `k != 0`.
    [[nodiscard]] constexpr duration operator/(std::int64_t k) const noexcept {
        return k == -1 ? -*this : duration{ns_ / k};
    }
    constexpr duration& operator+=(duration other) noexcept { return *this = *this + other; }
    constexpr duration& operator-=(duration other) noexcept { return *this = *this - other; }

private:
    constexpr explicit duration(std::int64_t ns) noexcept : ns_{ns} {}

    std::int64_t ns_ = 0;
};

/// A point on one clock; `Clock` only keeps clocks apart and is never instantiated.
template <class Clock>
class time_point {
public:
    constexpr time_point() noexcept = default;

    [[nodiscard]] static constexpr time_point from_ns(std::int64_t ns) noexcept { return time_point{ns}; }
    /// Later than every other value: the timeout of an idle object.
    [[nodiscard]] static constexpr time_point never() noexcept { return time_point{detail::time_max}; }
    /// Earlier than every other value.
    [[nodiscard]] static constexpr time_point before_all() noexcept { return time_point{detail::time_min}; }

    [[nodiscard]] constexpr std::int64_t ns() const noexcept { return ns_; }
    [[nodiscard]] constexpr bool is_never() const noexcept { return ns_ == detail::time_max; }

    constexpr auto operator<=>(const time_point&) const noexcept = default;

    [[nodiscard]] constexpr time_point operator+(duration d) const noexcept {
        return is_never() ? *this : time_point{detail::saturating_add(ns_, d.ns())};
    }
    [[nodiscard]] constexpr time_point operator-(duration d) const noexcept {
        return is_never() ? *this : time_point{detail::saturating_sub(ns_, d.ns())};
    }
    [[nodiscard]] constexpr duration operator-(time_point other) const noexcept {
        return duration::from_ns(detail::saturating_sub(ns_, other.ns_));
    }
    constexpr time_point& operator+=(duration d) noexcept { return *this = *this + d; }

private:
    constexpr explicit time_point(std::int64_t ns) noexcept : ns_{ns} {}

    std::int64_t ns_ = 0;
};

/// The caller's monotonic clock.
using instant = time_point<struct monotonic_clock>;
/// The sender's clock, as a packet carries it. Differences are meaningful; the offset to `instant` is unknown.
using media_time = time_point<struct media_clock>;
/// Calendar time in UTC since 1970-01-01, for budgets that renew by day and month.
using wall_time = time_point<struct calendar_clock>;

namespace literals {
[[nodiscard]] consteval duration operator""_ns(unsigned long long n) {
    return duration::from_ns(static_cast<std::int64_t>(n));
}
[[nodiscard]] consteval duration operator""_us(unsigned long long n) {
    return duration::from_us(static_cast<std::int64_t>(n));
}
[[nodiscard]] consteval duration operator""_ms(unsigned long long n) {
    return duration::from_ms(static_cast<std::int64_t>(n));
}
[[nodiscard]] consteval duration operator""_s(unsigned long long n) {
    return duration::from_seconds(static_cast<std::int64_t>(n));
}
}  // namespace literals

}  // namespace v0
}  // namespace duality
