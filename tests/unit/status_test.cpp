// SPDX-License-Identifier: MIT
#include "duality/status.hpp"

#include <algorithm>
#include <array>
#include <catch2/catch_test_macros.hpp>
#include <limits>
#include <memory>
#include <set>
#include <string_view>

using namespace duality;

namespace {

struct numbered {
    status value;
    std::int32_t number;
    std::string_view name;
};

// Released once, these never change.
constexpr numbered frozen[] = {
    {status::ok, 0, "ok"},
    {status::need_more, 1, "need_more"},
    {status::duplicate, 2, "duplicate"},
    {status::late, 3, "late"},
    {status::no_change, 4, "no_change"},
    {status::invalid_argument, -1, "invalid_argument"},
    {status::invalid_config, -2, "invalid_config"},
    {status::out_of_memory, -3, "out_of_memory"},
    {status::queue_full, -4, "queue_full"},
    {status::buffer_too_small, -5, "buffer_too_small"},
    {status::malformed, -6, "malformed"},
    {status::unsupported_version, -7, "unsupported_version"},
    {status::closed, -8, "closed"},
    {status::unknown_path, -9, "unknown_path"},
    {status::unknown_stream, -10, "unknown_stream"},
    {status::too_large, -11, "too_large"},
    {status::over_budget, -12, "over_budget"},
    {status::out_of_window, -13, "out_of_window"},
    {status::inconsistent, -14, "inconsistent"},
    {status::wrong_state, -15, "wrong_state"},
    {status::unsupported, -16, "unsupported"},
    {status::invalid_handle, -17, "invalid_handle"},
};

constexpr field_bounds table[] = {
    {"hold_ms", 0, 500, "ms"},
    {"gain", -3, 3, "dB"},
    {"anything", std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max(), ""},
};

}  // namespace

TEST_CASE("status: numbers and names are frozen; only negative ones are failures") {
    for (const numbered& row : frozen) {
        CAPTURE(row.name);
        CHECK(static_cast<std::int32_t>(row.value) == row.number);
        CHECK(to_string(row.value) == row.name);
        CHECK(failed(row.value) == (row.number < 0));
    }
}

TEST_CASE("status: a number this build does not know is named unknown") {
    for (const std::int32_t number : {5, 1'000, -18, -1'000'000})
        CHECK(to_string(static_cast<status>(number)) == "unknown");
    CHECK(failed(static_cast<status>(-18)));
    CHECK_FALSE(failed(static_cast<status>(5)));
}

TEST_CASE("bounds: a field is found by its exact name") {
    REQUIRE(find_bounds(table, "gain") != nullptr);
    CHECK(find_bounds(table, "gain")->low == -3);
    CHECK(find_bounds(table, "gai") == nullptr);
    CHECK(find_bounds(table, "gains") == nullptr);
    CHECK(find_bounds({}, "gain") == nullptr);
}

TEST_CASE("config_check: both ends of a range are inside") {
    CHECK(config_check{table}.ok());
    CHECK(config_check{table}.in_range("gain", -3).in_range("gain", 3).in_range("hold_ms", 0).ok());
    CHECK_FALSE(config_check{table}.in_range("gain", -4).ok());
    CHECK_FALSE(config_check{table}.in_range("gain", 4).ok());
    CHECK(config_check{table}.in_range("anything", std::numeric_limits<std::int64_t>::min()).ok());
    CHECK(config_check{table}.in_range("anything", std::numeric_limits<std::int64_t>::max()).ok());
}

TEST_CASE("config_check: names the first field that is wrong, with its range and unit") {
    config_check check{table};
    check.in_range("gain", 0).in_range("hold_ms", 501).in_range("gain", 99).require("gain", false);
    REQUIRE_FALSE(check.ok());
    const failure why = check.error();
    CHECK(why.code == status::invalid_config);
    CHECK(why.where.field == "hold_ms");
    CHECK(why.where.low == 0);
    CHECK(why.where.high == 500);
    CHECK(why.where.unit == "ms");
}

TEST_CASE("config_check: a field without a row is refused and named") {
    config_check unknown{table};
    unknown.in_range("colour", 0);
    CHECK_FALSE(unknown.ok());
    CHECK(unknown.error().where.field == "colour");

    config_check relation{table};
    relation.require("colour", true);
    CHECK(relation.ok());
    relation.require("colour", false);
    CHECK(relation.error().where.field == "colour");
}

TEST_CASE("config_check: a broken relation names the field with its range") {
    config_check check{table};
    check.require("gain", true).require("gain", false);
    REQUIRE_FALSE(check.ok());
    CHECK(check.error().where.field == "gain");
    CHECK(check.error().where.high == 3);
}

TEST_CASE("result: holds a value, movable only, or the reason there is none") {
    result<std::unique_ptr<int>> good{std::make_unique<int>(7)};
    REQUIRE(good);
    CHECK(good.code() == status::ok);
    CHECK(**good == 7);
    const std::unique_ptr<int> taken = std::move(good).value();
    CHECK(*taken == 7);

    const result<int> plain{status::out_of_memory};
    CHECK_FALSE(plain);
    CHECK(plain.code() == status::out_of_memory);
    CHECK(plain.error().where.field.empty());

    const result<int> named{failure{status::invalid_config, table[0]}};
    CHECK_FALSE(named.has_value());
    CHECK(named.error().where.field == "hold_ms");
}

TEST_CASE("error catalogue: E001 to E007, as documented, each code once") {
    std::set<std::string_view> names;
    std::uint16_t number = 0;
    for (const error_info& row : error_catalogue) {
        CAPTURE(row.name);
        CHECK(static_cast<std::uint16_t>(row.code) == ++number);
        const std::array<char, 4> id{'E', '0', '0', static_cast<char>('0' + number)};
        CHECK(row.id == std::string_view{id.data(), id.size()});
        CHECK(names.insert(row.name).second);
        CHECK(find_error(row.code) == &row);
        CHECK_FALSE(row.advice.empty());
    }
    CHECK(number == 7);
    CHECK(find_error(error_code::lte_budget_exceeded)->http == 429);
    CHECK(find_error(error_code::lte_budget_exceeded)->retry == retry_advice::no);
    CHECK(find_error(error_code::relay_unreachable)->http == 503);
    CHECK(find_error(error_code::relay_unreachable)->retry == retry_advice::with_back_off);
    CHECK(find_error(error_code::vpn_conflict)->http == 412);
    CHECK(find_error(static_cast<error_code>(0)) == nullptr);
    CHECK(find_error(static_cast<error_code>(8)) == nullptr);
}
