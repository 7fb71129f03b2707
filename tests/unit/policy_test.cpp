// SPDX-License-Identifier: MIT
#include "duality/policy.hpp"

#include <catch2/catch_test_macros.hpp>

#include <limits>

#include "duality/random.hpp"

using namespace duality;
using namespace duality::literals;

namespace {

constexpr std::int64_t day_ns = 86'400'000'000'000;

/// Midnight UTC that begins day `n` since 1970-01-01.
wall_time day(std::int64_t n) {
    return wall_time::from_ns(n * day_ns);
}

std::int64_t month_number(int year, int month) {
    return (std::int64_t{year} - 1970) * 12 + month - 1;
}

}  // namespace

TEST_CASE("policy: days and months of the calendar") {
    CHECK(detail::day_of(day(0)) == 0);
    CHECK(detail::day_of(day(1) - 1_ns) == 0);
    CHECK(detail::day_of(day(0) - 1_ns) == -1);
    CHECK(detail::month_of(day(0)) == month_number(1970, 1));
    CHECK(detail::month_of(day(31)) == month_number(1970, 2));
    CHECK(detail::month_of(day(-1)) == month_number(1969, 12));
    // Known dates: 2000-02-29 is day 11016, 2024-02-29 day 19782, 2100-02-28 day 47540 (2100 is no leap year).
    CHECK(detail::month_of(day(11'016)) == month_number(2000, 2));
    CHECK(detail::month_of(day(11'017)) == month_number(2000, 3));
    CHECK(detail::month_of(day(19'782)) == month_number(2024, 2));
    CHECK(detail::month_of(day(19'783)) == month_number(2024, 3));
    CHECK(detail::month_of(day(47'540)) == month_number(2100, 2));
    CHECK(detail::month_of(day(47'541)) == month_number(2100, 3));
}

TEST_CASE("policy: every month of five centuries has its length") {
    std::int64_t at = 0;
    for (int year = 1970; year < 2230; ++year) {
        const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
        const int lengths[] = {31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
        for (int month = 1; month <= 12; ++month) {
            CHECK(detail::month_of(day(at)) == month_number(year, month));
            at += lengths[month - 1];
            CHECK(detail::month_of(day(at) - 1_ns) == month_number(year, month));
        }
    }
    at = 0;
    for (int year = 1969; year > 1700; --year) {
        const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
        const int lengths[] = {31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
        for (int month = 12; month >= 1; --month) {
            CHECK(detail::month_of(day(at) - 1_ns) == month_number(year, month));
            at -= lengths[month - 1];
            CHECK(detail::month_of(day(at)) == month_number(year, month));
        }
    }
}

TEST_CASE("policy: a byte budget is spent to the last byte and not beyond") {
    byte_budget budget{{.day_bytes = 100, .month_bytes = 250}};
    CHECK(budget.remaining(day(0)) == 100);
    CHECK(budget.spend(day(0), 99));
    CHECK_FALSE(budget.spend(day(0), 2));
    CHECK(budget.used_today() == 99);  // a refusal costs nothing
    CHECK(budget.spend(day(0), 1));
    CHECK_FALSE(budget.spend(day(0), 1));
    CHECK(budget.spend(day(0), 0));

    CHECK(budget.spend(day(1), 100));
    CHECK(budget.remaining(day(2)) == 50);  // the month's cap
    CHECK_FALSE(budget.spend(day(2), 51));
    CHECK(budget.spend(day(2), 50));
    CHECK(budget.remaining(day(3)) == 0);
    CHECK(budget.spend(day(31), 100));  // February
    CHECK(budget.used_month() == 100);
}

TEST_CASE("policy: a calendar that goes backwards gives nothing back") {
    byte_budget budget{{.day_bytes = 100, .month_bytes = 1'000}};
    CHECK(budget.spend(day(59), 100));  // 1970-03-01
    CHECK_FALSE(budget.spend(day(58), 1));
    CHECK_FALSE(budget.spend(day(0), 1));
    CHECK_FALSE(budget.spend(day(59), 1));
    CHECK(budget.spend(day(60), 1));
    CHECK(budget.used_month() == 101);
}

TEST_CASE("policy: bytes that could not be refused use the caps up") {
    byte_budget budget{{.day_bytes = 100}};
    budget.note(day(0), 150);
    CHECK(budget.remaining(day(0)) == 0);
    CHECK_FALSE(budget.spend(day(0), 1));
    CHECK(budget.remaining(day(1)) == 100);
    budget.note(day(1), std::numeric_limits<std::uint64_t>::max());
    budget.note(day(1), std::numeric_limits<std::uint64_t>::max());
    CHECK(budget.remaining(day(1)) == 0);
}

TEST_CASE("policy: a cap of zero forbids, no cap allows") {
    byte_budget none{{.day_bytes = 0}};
    CHECK_FALSE(none.spend(day(0), 1));
    byte_budget open;
    CHECK(open.spend(day(0), std::uint64_t{1} << 62));
    CHECK(open.spend(day(0), std::uint64_t{1} << 62));
}

TEST_CASE("policy: a share is never exceeded at any moment") {
    for (std::uint64_t seed = 1; seed <= 50; ++seed) {
        xoshiro256 random{seed};
        const auto cap = static_cast<std::uint32_t>(random.below(12'000));
        share_budget budget{cap};
        std::uint64_t earned = 0;
        std::uint64_t spent = 0;
        for (int i = 0; i < 2'000; ++i) {
            if (random.chance(0.5)) {
                const std::uint64_t bytes = random.below(1'500);
                budget.earn(bytes);
                earned += bytes;
            } else {
                const std::uint64_t bytes = random.below(300);
                const bool covered = budget.covers(bytes);
                const bool taken = budget.spend(bytes);
                REQUIRE(taken == covered);
                // Exact: taken if and only if it stays within the share.
                REQUIRE(taken == ((spent + bytes) * 10'000 <= earned * cap));
                if (taken) spent += bytes;
            }
            REQUIRE(spent * 10'000 <= earned * cap);
            REQUIRE(budget.spent() == spent);
            REQUIRE(budget.available() == (earned * cap - spent * 10'000) / 10'000);
        }
    }
}

TEST_CASE("policy: earning saturates instead of wrapping around") {
    share_budget budget{100'000};
    for (int i = 0; i < 4; ++i) budget.earn(std::numeric_limits<std::uint64_t>::max() / 2);
    CHECK(budget.available() > std::uint64_t{1} << 40);
    share_budget zero{0};
    zero.earn(std::numeric_limits<std::uint64_t>::max());
    CHECK(zero.available() == 0);
    CHECK(zero.spend(0));
    CHECK_FALSE(zero.spend(1));
}

TEST_CASE("policy: a share of the day and of the month may carry the flow of an unsteady path") {
    const auto at = [](std::int64_t day) { return wall_time::from_ns(day * day_ns); };
    byte_budget budget{{.day_bytes = 1'000, .month_bytes = 1'500, .carry_bp = 4'000}};
    CHECK(budget.may_carry(at(0)));
    budget.note(at(0), 399);
    CHECK(budget.may_carry(at(0)));
    CHECK(budget.spend(at(0), 1));
    CHECK_FALSE(budget.may_carry(at(0)));
    CHECK(budget.spend(at(0), 600));       // the rest is there for outages
    CHECK_FALSE(budget.may_carry(at(1)));  // a new day, but 40 % of the month are gone
    CHECK(budget.may_carry(at(31)));

    byte_budget never{{.carry_bp = 0}};
    CHECK_FALSE(never.may_carry(at(0)));
    byte_budget always{{.day_bytes = 1'000, .carry_bp = 10'000}};
    CHECK(always.spend(at(0), 999));
    CHECK(always.may_carry(at(0)));
    byte_budget paced{{.day_bytes = 1'000, .ahead_bp = 1'000}};
    CHECK(paced.spend(at(0), 50));
    CHECK_FALSE(paced.may_carry(at(0)));  // half of what the pace allows by now
    byte_budget unlimited{{}};
    unlimited.note(at(0), byte_budget_config::unlimited / 4);
    CHECK(unlimited.may_carry(at(0)));
}

TEST_CASE("policy: a pace lets a share be spent ahead, the rest as the day passes, never more than the day's") {
    byte_budget budget{{.day_bytes = 1'000'000, .ahead_bp = 1'000}};
    const auto at = [](std::int64_t hours) { return wall_time::from_ns(10 * day_ns + hours * (day_ns / 24)); };
    CHECK(budget.remaining(at(0)) == 100'000);
    CHECK(budget.spend(at(0), 100'000));
    CHECK_FALSE(budget.spend(at(0), 1));
    CHECK(budget.remaining(at(6)) == 250'000);
    CHECK(budget.spend(at(12), 500'000));
    CHECK_FALSE(budget.spend(at(12), 1));
    CHECK(budget.remaining(at(23)) == 1'000'000 - 600'000);  // capped by the day
    CHECK(budget.spend(at(23), 400'000));
    CHECK(budget.remaining(at(24)) == 100'000);
    CHECK(budget.remaining(at(-48)) == 100'000);  // calendar time that goes backwards gives nothing back
    byte_budget unlimited{{.ahead_bp = 0}};
    CHECK(unlimited.remaining(at(0)) == byte_budget_config::unlimited);
    byte_budget huge{{.day_bytes = byte_budget_config::unlimited - 1, .ahead_bp = 9'999}};
    CHECK(huge.remaining(at(23)) == byte_budget_config::unlimited - 1);
}
