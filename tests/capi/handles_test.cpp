// SPDX-License-Identifier: MIT
#include <algorithm>
#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <string>
#include <thread>
#include <vector>

#include "support.hpp"

using capi_test::counting_host;
using capi_test::made;

namespace {

duality_jitter_hold* open_hold(const duality_host* host = nullptr) {
    duality_jitter_hold* hold = nullptr;
    REQUIRE(duality_jitter_hold_create(nullptr, host, nullptr, &hold) == DUALITY_OK);
    REQUIRE(hold != nullptr);
    return hold;
}

}  // namespace

TEST_CASE("C handles: destroyed twice, stale, of another type, nonsense and NULL") {
    duality_jitter_hold* hold = open_hold();
    std::int64_t at = 0;
    CHECK(duality_jitter_hold_next_timeout(hold, &at) == DUALITY_OK);
    CHECK(duality_controller_destroy(reinterpret_cast<duality_controller*>(hold)) == DUALITY_INVALID_HANDLE);
    CHECK(duality_jitter_hold_next_timeout(hold, &at) == DUALITY_OK);
    CHECK(duality_jitter_hold_destroy(hold) == DUALITY_OK);
    CHECK(duality_jitter_hold_destroy(hold) == DUALITY_INVALID_HANDLE);
    CHECK(duality_jitter_hold_next_timeout(hold, &at) == DUALITY_INVALID_HANDLE);
    CHECK(duality_jitter_hold_destroy(nullptr) == DUALITY_OK);
    CHECK(duality_jitter_hold_next_timeout(nullptr, &at) == DUALITY_INVALID_HANDLE);
    for (const std::uintptr_t nonsense : {std::uintptr_t{1}, std::uintptr_t{0xDEADBEEF}, ~std::uintptr_t{0}}) {
        auto* wild = reinterpret_cast<duality_jitter_hold*>(nonsense);
        CHECK(duality_jitter_hold_next_timeout(wild, &at) == DUALITY_INVALID_HANDLE);
        CHECK(duality_jitter_hold_destroy(wild) == DUALITY_INVALID_HANDLE);
    }
}

TEST_CASE("C handles: a handle stays stale although its slot is used again and again") {
    duality_jitter_hold* old = open_hold();
    REQUIRE(duality_jitter_hold_destroy(old) == DUALITY_OK);
    auto config = made<duality_block_config>();
    config.max_sources = config.max_repairs = 1;
    std::int64_t at = 0;
    for (int i = 0; i < 150'000; ++i) {  // more than twice round the table
        duality_block_code* code = nullptr;
        REQUIRE(duality_block_code_create(&config, nullptr, nullptr, &code) == DUALITY_OK);
        REQUIRE(reinterpret_cast<void*>(code) != reinterpret_cast<void*>(old));
        REQUIRE(duality_block_code_destroy(code) == DUALITY_OK);
    }
    CHECK(duality_jitter_hold_next_timeout(old, &at) == DUALITY_INVALID_HANDLE);
}

TEST_CASE("C handles: when no slot is left creation says so and gives its memory back") {
    counting_host host;
    auto config = made<duality_block_config>();
    config.max_sources = config.max_repairs = 1;
    std::vector<duality_block_code*> all;
    duality_status said = DUALITY_OK;
    for (;;) {
        duality_block_code* code = nullptr;
        said = duality_block_code_create(&config, host.get(), nullptr, &code);
        if (said != DUALITY_OK) break;
        all.push_back(code);
        REQUIRE(all.size() <= 65'536);
    }
    CHECK(said == DUALITY_OUT_OF_MEMORY);
    CHECK(all.size() >= 4'000);
    for (duality_block_code* code : all) REQUIRE(duality_block_code_destroy(code) == DUALITY_OK);
    CHECK(host.live == 0);
}

TEST_CASE("C handles: two threads ending the same object, one of them does") {
    for (int round = 0; round < 200; ++round) {
        duality_jitter_hold* hold = open_hold();
        std::atomic<int> ended{0};
        const auto end = [&] {
            if (duality_jitter_hold_destroy(hold) == DUALITY_OK) ++ended;
        };
        std::thread other{end};
        end();
        other.join();
        REQUIRE(ended == 1);
    }
}

TEST_CASE("C host: all memory comes from it and goes back, wherever creation fails") {
    counting_host plenty;
    duality_jitter_hold* hold = open_hold(plenty.get());
    const std::size_t needed = plenty.calls;
    CHECK(needed >= 3);
    CHECK(duality_jitter_hold_push(hold, 0, 1, 0, 0, 0) == DUALITY_OK);
    CHECK(plenty.calls == needed);
    CHECK(duality_jitter_hold_destroy(hold) == DUALITY_OK);
    CHECK(plenty.live == 0);
    for (std::size_t allowed = 0; allowed < needed; ++allowed) {
        counting_host poor{allowed};
        auto why = made<duality_failure>();
        hold = reinterpret_cast<duality_jitter_hold*>(1);
        CHECK(duality_jitter_hold_create(nullptr, poor.get(), &why, &hold) == DUALITY_OUT_OF_MEMORY);
        CHECK(hold == nullptr);
        CHECK(why.code == DUALITY_OUT_OF_MEMORY);
        CHECK(why.field == nullptr);
        CHECK(poor.live == 0);
    }
    counting_host half;
    half.functions().release = nullptr;
    CHECK(duality_jitter_hold_create(nullptr, half.get(), nullptr, &hold) == DUALITY_INVALID_ARGUMENT);
    CHECK(half.calls == 0);
}

TEST_CASE("C host: a field out of range is named to the caller and to the log, with its range") {
    counting_host host;
    auto config = made<duality_jitter_hold_config>();
    REQUIRE(duality_jitter_hold_config_default(&config) == DUALITY_OK);
    config.deadline_ns = 1;
    auto why = made<duality_failure>();
    duality_jitter_hold* hold = nullptr;
    CHECK(duality_jitter_hold_create(&config, host.get(), &why, &hold) == DUALITY_INVALID_CONFIG);
    CHECK(std::string{why.field} == "deadline");
    CHECK(std::string{why.unit} == "ns");
    CHECK(why.low == 1'000'000);
    CHECK(why.high == 10'000'000'000);
    REQUIRE(host.lines.size() == 1);
    CHECK(host.lines[0] == "jitter hold: invalid_config: deadline must be between 1000000 and 10000000000 ns");

    REQUIRE(duality_jitter_hold_config_default(&config) == DUALITY_OK);
    config.late = 256;  // the lower eight bits of which are legal
    CHECK(duality_jitter_hold_create(&config, host.get(), &why, &hold) == DUALITY_INVALID_CONFIG);
    CHECK(std::string{why.field} == "late");
    host.functions().log_level = DUALITY_LOG_NONE;
    CHECK(duality_jitter_hold_create(&config, host.get(), nullptr, &hold) == DUALITY_INVALID_CONFIG);
    CHECK(host.lines.size() == 2);
    CHECK(host.live == 0);
}
