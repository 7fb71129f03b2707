// SPDX-License-Identifier: MIT
#include "duality/clock_sync.hpp"

#include <catch2/catch_test_macros.hpp>

#include "support/clock_world.hpp"
#include "support/counting_allocator.hpp"

using namespace duality;
using namespace duality::literals;
using test::clock_world;

namespace {

clock_sync made(const clock_sync_config& config = {}) {
    return std::move(clock_sync::create(config, allocator::system())).value();
}

/// An exchange over a route that takes `forward` and `reverse`, with a peer whose clock is `offset` ahead.
status exchange(clock_sync& sync, instant at, duration forward, duration reverse, duration offset) {
    const instant t1 = sync.on_request(at);
    const media_time t2 = media_time::from_ns((at + forward + offset).ns());
    return sync.on_response(at + forward + reverse, t1, t2, t2);
}

instant ms(std::int64_t n) {
    return instant::from_ns(n * 1'000'000);
}

}  // namespace

TEST_CASE("clock sync: configuration is checked, by name") {
    struct wrong {
        const char* field;
        clock_sync_config config;
    };
    const wrong all[] = {
        {"fast_interval", {.fast_interval = 1_ms}},   {"fast_requests", {.fast_requests = 0}},
        {"octave_requests", {.octave_requests = 0}},  {"slow_interval", {.slow_interval = 50_ms}},
        {"lock_samples", {.lock_samples = 65}},       {"restart_samples", {.restart_samples = 9}},
        {"round_trip_max", {.round_trip_max = 0_ms}}, {"holdover_after", {.holdover_after = 1_ms}},
        {"skew_max_ppm", {.skew_max_ppm = 0}},        {"holdover_ppm", {.holdover_ppm = 0}},
        {"slew_max_ppm", {.slew_max_ppm = 1}},
    };
    for (const wrong& w : all) {
        CAPTURE(w.field);
        const auto made = clock_sync::create(w.config, allocator::system());
        REQUIRE(!made.has_value());
        CHECK(made.error().where.field == w.field);
    }
    CHECK(clock_sync::bounds("skew_max_ppm")->high == 1'000);
}

TEST_CASE("clock sync: all memory is taken in create, or none is there") {
    for (std::size_t allowed = 0; allowed < 3; ++allowed) {
        test::counting_allocator memory{allowed};
        const auto sync = clock_sync::create({}, memory.get());
        CHECK(sync.has_value() == (allowed >= 2));
        CHECK(memory.live_bytes() < 8'000);
    }
}

TEST_CASE("clock sync: nothing is known before the first exchange") {
    const clock_sync sync = made();
    const clock_estimate e = sync.estimate(ms(5));
    CHECK(e.state == clock_state::acquiring);
    CHECK(e.samples == 0);
    CHECK(e.error_bound == duration::infinite());
    CHECK(!sync.known());
}

TEST_CASE("clock sync: one exchange gives the middle, and half of its round trip as bound") {
    clock_sync sync = made();
    REQUIRE(exchange(sync, ms(0), 10_ms, 10_ms, 7_s) == status::ok);
    const clock_estimate e = sync.estimate(ms(20));
    CHECK(e.offset - 7_s <= 10_us);
    CHECK(7_s - e.offset <= 10_us);
    CHECK(e.error_bound >= 10_ms);
    CHECK(e.error_bound <= 10_ms + 10_us);
    CHECK(e.round_trip_min == 20_ms);
}

TEST_CASE("clock sync: an asymmetric route shifts the offset, and the bound covers it") {
    clock_sync sync = made();
    for (int i = 0; i < 100; ++i) REQUIRE(exchange(sync, ms(100 * i), 2_ms, 60_ms, -3_s) == status::ok);
    const clock_estimate e = sync.estimate(ms(10'000));
    CHECK(e.offset - -3_s < -28_ms);
    CHECK(e.offset - -3_s > -30_ms);
    CHECK(e.error_bound >= 29_ms);
    CHECK(e.error_bound <= 32_ms);
}

TEST_CASE("clock sync: replies out of order count, the second of two does not") {
    clock_sync sync = made();
    const instant first = sync.on_request(ms(0));
    const instant second = sync.on_request(ms(10));
    const auto at_peer = [](std::int64_t t) { return media_time::from_ns(ms(t).ns() + 1'000'000'000); };
    CHECK(sync.on_response(ms(30), second, at_peer(20), at_peer(20)) == status::ok);
    CHECK(sync.on_response(ms(50), first, at_peer(10), at_peer(40)) == status::ok);
    CHECK(sync.on_response(ms(51), first, at_peer(10), at_peer(41)) == status::duplicate);
    CHECK(sync.on_response(ms(52), ms(1), at_peer(10), at_peer(41)) == status::out_of_window);
    CHECK(sync.on_response(ms(52), instant::before_all(), at_peer(10), at_peer(41)) == status::out_of_window);
    CHECK(sync.statistics().accepted == 2);
    CHECK(sync.statistics().duplicates == 1);
    CHECK(sync.statistics().unknown == 2);
    CHECK(sync.estimate(ms(52)).samples == 2);
}

TEST_CASE("clock sync: impossible timestamps are refused and change nothing") {
    clock_sync sync = made();
    REQUIRE(exchange(sync, ms(0), 10_ms, 10_ms, 1_s) == status::ok);
    const clock_estimate before = sync.estimate(ms(200));
    constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();
    constexpr std::int64_t least = std::numeric_limits<std::int64_t>::min();
    const std::pair<std::int64_t, std::int64_t> absurd[] = {
        {most, most}, {least, least}, {least, most}, {most, least}, {0, most / 2}, {1'000, 999}, {0, 60'000'000}};
    std::int64_t at = 100;
    for (const auto& [t2, t3] : absurd) {
        const instant t1 = sync.on_request(ms(at));
        CHECK(sync.on_response(ms(at + 10), t1, media_time::from_ns(t2), media_time::from_ns(t3)) == status::malformed);
        at += 10;
    }
    CHECK(sync.statistics().absurd == std::size(absurd));
    const instant slow = sync.on_request(ms(300));
    CHECK(sync.on_response(ms(300) + 3_s, slow, media_time::from_ns(0), media_time::from_ns(0)) == status::late);
    CHECK(sync.statistics().too_slow == 1);
    CHECK(sync.estimate(ms(200)).offset == before.offset);
    CHECK(sync.estimate(ms(200)).samples == 1);
}

TEST_CASE("clock sync: a local clock that goes backwards is counted and does no harm") {
    clock_sync sync = made();
    REQUIRE(exchange(sync, ms(1'000), 10_ms, 10_ms, 1_s) == status::ok);
    CHECK(sync.on_request(ms(500)) == ms(1'020));
    CHECK(sync.statistics().clock_backwards == 1);
    CHECK(sync.estimate(ms(0)).offset == sync.estimate(ms(1'020)).offset);
}

TEST_CASE("clock sync: one exchange that contradicts the others is thrown away") {
    clock_sync sync = made();
    for (int i = 0; i < 30; ++i) REQUIRE(exchange(sync, ms(100 * i), 10_ms, 10_ms, 1_s) == status::ok);
    CHECK(exchange(sync, ms(3'000), 10_ms, 10_ms, 2_s) == status::inconsistent);
    CHECK(exchange(sync, ms(3'100), 10_ms, 10_ms, 900_ms) == status::inconsistent);
    CHECK(exchange(sync, ms(3'200), 10_ms, 10_ms, 1_s) == status::ok);
    const clock_estimate e = sync.estimate(ms(3'300));
    CHECK(e.epoch == 0);
    CHECK(e.offset - 1_s <= 1_ms);
    CHECK(sync.statistics().contradictions == 2);
}

TEST_CASE("clock sync: a peer that started another clock is a new epoch") {
    clock_sync sync = made();
    for (int i = 0; i < 30; ++i) REQUIRE(exchange(sync, ms(100 * i), 10_ms, 10_ms, 1_s) == status::ok);
    CHECK(sync.estimate(ms(3'000)).state == clock_state::locked);
    int contradictions = 0;
    while (exchange(sync, ms(3'000 + 100 * contradictions), 10_ms, 10_ms, -50_s) == status::inconsistent)
        ++contradictions;
    CHECK(contradictions == 3);
    clock_estimate e = sync.estimate(ms(4'000));
    CHECK(e.state == clock_state::acquiring);
    CHECK(e.epoch == 1);
    CHECK(e.samples == 4);
    CHECK(e.offset + 50_s <= 1_ms);
    CHECK(sync.statistics().restarts == 1);
    CHECK(sync.next_request() <= ms(4'000));  // asks often again

    sync.reset(ms(5'000));
    CHECK(!sync.known());
    CHECK(sync.estimate(ms(5'000)).epoch == 2);
}

TEST_CASE("clock sync: requests come fast at first, then ever more slowly") {
    clock_sync sync = made();
    instant at = ms(0);
    int in_five_seconds = 0;
    int in_ten_minutes = 0;
    duration longest{};
    while (at < ms(600'000)) {
        (void)sync.on_request(at);
        in_five_seconds += at < ms(5'000);
        ++in_ten_minutes;
        longest = std::max(longest, sync.next_request() - at);
        at = sync.next_request();
    }
    CHECK(in_five_seconds == 50);
    CHECK(in_ten_minutes < 220);
    CHECK(longest == 8_s);
    sync.on_request_refused(at);
    CHECK(sync.next_request() == at + 8_s);
}

TEST_CASE("clock sync: holdover after silence, with a bound that grows as stated") {
    clock_world world{{}, {}, 1};
    world.run_until(ms(60'000));
    world.asking = false;
    world.run_until(ms(61'000));
    const clock_estimate locked = world.sync.estimate(ms(61'000));
    CHECK(locked.state == clock_state::locked);
    const clock_estimate held = world.sync.estimate(ms(661'000));
    CHECK(held.state == clock_state::holdover);
    const duration grown = duration::from_ns(held.skew_error_ppb * 600);
    CHECK(held.error_bound - locked.error_bound <= grown + 1_us);
    CHECK(held.error_bound - locked.error_bound >= grown - 1'100_us);  // less what was still to be slewed
    world.run_until(ms(661'000));
    CHECK(world.inside_bound());
    world.asking = true;
    world.run_until(ms(670'000));
    CHECK(world.sync.estimate(world.now()).state == clock_state::locked);
    CHECK(world.sync.estimate(world.now()).epoch == 0);
    CHECK(world.inside_bound());
}

TEST_CASE("clock sync: the peer's time and ours are each other's inverse") {
    clock_world world{{.skew_ppm = -150}, {}, 4};
    world.run_until(ms(20'000));
    for (std::int64_t at = 15'000; at < 40'000; at += 37) {
        const duration there_and_back = world.sync.from_peer(world.sync.to_peer(ms(at))) - ms(at);
        CHECK(there_and_back <= 1_us);
        CHECK(there_and_back >= -1_us);
    }
}
