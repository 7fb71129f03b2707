// SPDX-License-Identifier: MIT
#include "duality/time.hpp"

#include <catch2/catch_test_macros.hpp>
#include <type_traits>

using namespace duality;
using namespace duality::literals;

namespace {

constexpr std::int64_t highest = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t lowest = std::numeric_limits<std::int64_t>::min();

constexpr duration ns(std::int64_t n) {
    return duration::from_ns(n);
}

}  // namespace

TEST_CASE("duration: units agree and a fresh one is zero") {
    CHECK(duration{}.ns() == 0);
    CHECK(duration::from_us(7).ns() == 7'000);
    CHECK(duration::from_ms(-7).ns() == -7'000'000);
    CHECK(duration::from_seconds(7).ns() == 7'000'000'000);
    CHECK(3_ns + 2_us + 5_ms + 1_s == ns(1'005'002'003));
    CHECK((1'999_ns).us() == 1);
    CHECK((-1'999_ns).us() == -1);
    CHECK((1'500_us).ms() == 1.5);
}

TEST_CASE("duration: making one from a larger unit saturates") {
    CHECK(duration::from_us(highest / 1'000).ns() == highest / 1'000 * 1'000);
    CHECK(duration::from_us(highest / 1'000 + 1) == duration::infinite());
    CHECK(duration::from_ms(highest) == duration::infinite());
    CHECK(duration::from_seconds(lowest).ns() == lowest);
    CHECK(duration::from_seconds(-9'223'372'036).ns() == -9'223'372'036'000'000'000);
    CHECK(duration::from_seconds(-9'223'372'037).ns() == lowest);
}

TEST_CASE("duration: sums and differences saturate at both ends, and only there") {
    CHECK(ns(highest - 1) + 1_ns == duration::infinite());
    CHECK(ns(highest) + 1_ns == duration::infinite());
    CHECK(ns(lowest + 1) - 1_ns == ns(lowest));
    CHECK(ns(lowest) - 1_ns == ns(lowest));
    CHECK(ns(lowest) + ns(highest) == -1_ns);
    CHECK(0_ns - ns(lowest) == duration::infinite());
    CHECK(-1_ns - ns(lowest) == ns(highest));
    CHECK(-ns(lowest) == duration::infinite());
    CHECK(-ns(highest) == ns(lowest + 1));
    duration d = 1_ms;
    d += 1_us;
    d -= 2_ms;
    CHECK(d == ns(-999'000));
}

TEST_CASE("duration: products and quotients saturate, with the right sign") {
    CHECK(3_ms * 4 == 12_ms);
    CHECK(ns(highest) * 1 == ns(highest));
    CHECK(ns(lowest) * 1 == ns(lowest));
    CHECK(ns(highest) * -1 == ns(lowest + 1));
    CHECK(ns(lowest) * -1 == duration::infinite());
    CHECK(ns(-1) * lowest == duration::infinite());
    CHECK(ns(std::int64_t{1} << 62) * 2 == duration::infinite());
    CHECK(ns(std::int64_t{1} << 62) * -2 == ns(lowest));
    CHECK(ns((std::int64_t{1} << 62) + 1) * -2 == ns(lowest));
    CHECK(ns(lowest) * 0 == 0_ns);
    CHECK(7_ns / 2 == 3_ns);
    CHECK(-7_ns / 2 == -3_ns);
    CHECK(ns(lowest) / -1 == duration::infinite());
}

TEST_CASE("instant: never and before_all are the ends, and never stays never") {
    const instant never = instant::never();
    CHECK(never.is_never());
    CHECK_FALSE(instant{}.is_never());
    CHECK(instant::from_ns(highest - 1) < never);
    CHECK(instant::before_all() < instant::from_ns(lowest + 1));
    CHECK(never + 1_s == never);
    CHECK(never - 1_s == never);
    CHECK(never - duration::infinite() == never);
    CHECK(instant::from_ns(highest - 1) + 1_s == never);
    CHECK(instant::from_ns(lowest + 1) - 1_s == instant::before_all());
    CHECK(instant::before_all() + 5_ns == instant::from_ns(lowest + 5));
}

TEST_CASE("instant: the distance of two is a duration, saturated when they are too far apart") {
    CHECK(instant::from_ns(250) - instant::from_ns(1'000) == -750_ns);
    CHECK(instant::never() - instant::from_ns(-1) == duration::infinite());
    CHECK(instant::before_all() - instant::from_ns(1) == ns(lowest));
    CHECK(instant::never() - instant::never() == 0_ns);
    instant t = instant::from_ns(10);
    t += 32_ns;
    CHECK(t.ns() == 42);
}

TEST_CASE("the three clocks cannot be mixed") {
    CHECK_FALSE(std::is_convertible_v<instant, media_time>);
    CHECK_FALSE(std::is_convertible_v<media_time, wall_time>);
    CHECK_FALSE(std::is_constructible_v<instant, wall_time>);
    CHECK_FALSE(std::is_convertible_v<std::int64_t, instant>);
    CHECK_FALSE(std::is_convertible_v<std::int64_t, duration>);
}

TEST_CASE("time works at compile time") {
    static_assert((instant::from_ns(5) + 10_ms) - instant::from_ns(5) == 10_ms);
    static_assert(duration::infinite() * 2 == duration::infinite());
    static_assert(sizeof(instant) == 8 && sizeof(duration) == 8);
    SUCCEED();
}
