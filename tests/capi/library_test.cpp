// SPDX-License-Identifier: MIT
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <limits>
#include <string_view>

#include "support.hpp"

using capi_test::made;

TEST_CASE("C library: what it speaks, and names for every status") {
    CHECK(duality_abi_version() == DUALITY_ABI_VERSION);
    CHECK(std::string_view{duality_version()}.find('.') != std::string_view::npos);
    CHECK(std::string_view{duality_status_name(DUALITY_OK)} == "ok");
    CHECK(std::string_view{duality_status_name(DUALITY_INVALID_HANDLE)} == "invalid_handle");
    for (const duality_status none : {5, -18, std::numeric_limits<std::int32_t>::min()})
        CHECK(std::string_view{duality_status_name(none)} == "unknown");
}

TEST_CASE("C library: the catalogue of errors, each with its code, HTTP status and advice") {
    auto info = made<duality_error_info>();
    for (std::int32_t code = DUALITY_ERROR_INVALID_CONFIG; code <= DUALITY_ERROR_POLICY_VIOLATION; ++code) {
        REQUIRE(duality_error_find(code, &info) == DUALITY_OK);
        CHECK(info.code == code);
        CHECK(std::string{info.id} == "E00" + std::to_string(code));
        CHECK(info.http >= 400);
        CHECK(std::string_view{info.advice}.size() > 5);
    }
    REQUIRE(duality_error_find(DUALITY_ERROR_LTE_BUDGET_EXCEEDED, &info) == DUALITY_OK);
    CHECK(std::string_view{info.name} == "LTE_BUDGET_EXCEEDED");
    CHECK(info.http == 429);
    CHECK(info.retry == DUALITY_RETRY_NO);
    for (const std::int32_t none : {0, 8, -1, 65'537})
        CHECK(duality_error_find(none, &info) == DUALITY_INVALID_ARGUMENT);
}

TEST_CASE("C library: every configuration tells the range of each field, by number and by name") {
    std::size_t fields = 0;
    for (std::int32_t config = DUALITY_CONFIG_SESSION; config <= DUALITY_CONFIG_CLOCK_SYNC; ++config) {
        auto row = made<duality_bounds>();
        std::uint32_t index = 0;
        while (duality_bounds_at(config, index, &row) == DUALITY_OK) {
            auto found = made<duality_bounds>();
            CAPTURE(config, row.field);
            REQUIRE(duality_bounds_find(config, row.field, &found) == DUALITY_OK);
            CHECK(found.low == row.low);
            CHECK(found.high >= found.low);
            CHECK(std::string_view{found.unit} == row.unit);
            ++index;
        }
        CHECK(index > 0);
        CHECK(duality_bounds_at(config, index, &row) == DUALITY_NEED_MORE);
        CHECK(duality_bounds_find(config, "no such field", &row) == DUALITY_INVALID_ARGUMENT);
        fields += index;
    }
    CHECK(fields > 60);
    auto row = made<duality_bounds>();
    REQUIRE(duality_bounds_find(DUALITY_CONFIG_JITTER_HOLD, "baseline.window", &row) == DUALITY_OK);
    CHECK(row.low == 500'000'000);
    CHECK(duality_bounds_at(-1, 0, &row) == DUALITY_INVALID_ARGUMENT);
    CHECK(duality_bounds_at(99, 0, &row) == DUALITY_INVALID_ARGUMENT);
}

TEST_CASE("C library: numbers that wrap come back to 64 bits") {
    std::int64_t number = 0;
    REQUIRE(duality_unwrap_nearest(65'530, 3, 16, &number) == DUALITY_OK);
    CHECK(number == 65'539);
    REQUIRE(duality_unwrap_nearest(65'539, 65'530, 16, &number) == DUALITY_OK);
    CHECK(number == 65'530);
    CHECK(duality_unwrap_nearest(0, 0, 0, &number) == DUALITY_INVALID_ARGUMENT);
    CHECK(duality_unwrap_nearest(0, 0, 64, &number) == DUALITY_INVALID_ARGUMENT);
    CHECK(duality_unwrap_nearest(0, 0, 16, nullptr) == DUALITY_INVALID_ARGUMENT);
}
