// SPDX-License-Identifier: MIT
//
// Streams that share two free paths, and streams that are worth more than others.
#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <vector>

#include "duality/random.hpp"
#include "support/session_checks.hpp"

using namespace duality;
using namespace duality::literals;
using test::delivered_numbers;
using test::far;
using test::near;
using test::payload_of;
using test::session_pair;

namespace {

constexpr std::size_t size = 300;

struct shared_pair : session_pair {
    explicit shared_pair(const path_config& second = {}, duration other_delay = duration::from_ms(15))
        : session_pair{[] {
              session_config config;
              config.stream.mode = stream_mode::spread;
              return config;
          }()} {
        REQUIRE(add_path(0) == status::ok);
        REQUIRE(add_path(1, second) == status::ok);
        links[near] = links[far] = [this, other_delay](const test::seen_transmission& t) {
            if (t.path == out) return std::vector<duration>{};
            return std::vector<duration>{t.path == 0 ? 10_ms : other_delay};
        };
    }
    [[nodiscard]] std::size_t sources_on(path_id path, instant from = instant::before_all()) const {
        return static_cast<std::size_t>(std::count_if(sent[near].begin(), sent[near].end(), [&](const auto& t) {
            return t.kind == transmit_kind::source && t.path == path && t.at >= from;
        }));
    }
    path_id out = 9;  ///< path that loses everything
};

}  // namespace

TEST_CASE("session spread: both paths carry half of the flow, and nothing else changes") {
    shared_pair pair;
    pair.send_flow(near, 0, 1'000, 5_ms, size);
    pair.run_for(500_ms);
    CHECK(delivered_numbers(pair, far, size, 1'000).size() == 1'000);
    // Until there is credit for a probe, nothing is known of the second path.
    const std::size_t first = pair.sources_on(0, instant{} + 1_s);
    const std::size_t second = pair.sources_on(1, instant{} + 1_s);
    CHECK(first + second == 800);
    CHECK(second >= 399);
    CHECK(second <= 401);
    // Both stay in use: each became active once.
    CHECK(pair.count_event(near, session_event_kind::path) <= 4);
    for (const path_id path : {path_id{0}, path_id{1}}) {
        CHECK(pair.end(near).path(pair.now(), path).state == path_state::active);
        CHECK(pair.end(near).path(pair.now(), path).suspicions == 0);
    }
    const session_statistics a = pair.end(near).statistics();
    const session_statistics b = pair.end(far).statistics();
    CHECK(a.sender.copies.packets + a.sender.reactive.packets == 0);
    CHECK((a.sender.extra_bytes() + b.sender.extra_bytes()) * 20 <= a.sender.source.bytes);
    for (const test::seen_delivery& d : pair.deliveries[far]) CHECK(d.lateness == duration{});
}

TEST_CASE("session spread: packets of all sizes share by bytes") {
    shared_pair pair;
    xoshiro256 random{3};
    for (std::uint64_t i = 0; i < 600; ++i) {
        (void)pair.send(near, 0, payload_of(i, random.chance(0.2) ? 1'200 : 60));
        pair.run_for(5_ms);
    }
    std::array<double, 2> bytes{};
    for (const test::seen_transmission& t : pair.sent[near])
        if (t.kind == transmit_kind::source && t.at >= instant{} + 1_s)
            bytes[t.path] += static_cast<double>(t.datagram.size());
    CHECK(bytes[1] / (bytes[0] + bytes[1]) > 0.45);
    CHECK(bytes[1] / (bytes[0] + bytes[1]) < 0.55);
}

TEST_CASE("session spread: when one path fails the other carries all, and they share again afterwards") {
    shared_pair pair;
    pair.send_flow(near, 0, 400, 5_ms, size);
    for (const path_id failing : {path_id{0}, path_id{1}}) {
        CAPTURE(int{failing});
        const instant failed_at = pair.now();
        pair.out = failing;
        pair.send_flow(near, 0, 100, 5_ms, size, 1'000 + 1'000 * failing);
        CHECK(pair.sources_on(failing, failed_at + 250_ms) == 0);
        pair.out = 9;
        pair.send_flow(near, 0, 200, 5_ms, size, 1'100 + 1'000 * failing);
        const instant later = pair.now();
        pair.send_flow(near, 0, 100, 5_ms, size, 1'300 + 1'000 * failing);
        CHECK(pair.sources_on(0, later) >= 45);
        CHECK(pair.sources_on(1, later) >= 45);
    }
    pair.run_for(500_ms);
    CHECK(pair.deliveries[far].size() >= 1'200 - 12);
}

TEST_CASE("session spread: not over a metered path, nor over one that is much longer") {
    shared_pair metered{{.cost = cost_class::metered}};
    metered.send_flow(near, 0, 400, 5_ms, size);
    CHECK(metered.sources_on(1) == 0);
    shared_pair longer{{}, 60_ms};
    longer.send_flow(near, 0, 400, 5_ms, size);
    CHECK(longer.sources_on(1) <= 60);  // until its length is known
    const instant later = longer.now();
    longer.send_flow(near, 0, 100, 5_ms, size, 400);
    CHECK(longer.sources_on(1, later) == 0);
}

TEST_CASE("session spread: other streams keep to the best path, and the mode can be changed at any time") {
    shared_pair pair;
    REQUIRE(pair.end(near).set_stream(pair.now(), 1, {}) == status::ok);
    for (std::uint64_t i = 0; i < 400; ++i) {
        (void)pair.send(near, static_cast<stream_id>(i % 2), payload_of(i, size));
        pair.run_for(5_ms);
    }
    CHECK(pair.sources_on(1) >= 60);
    CHECK(pair.sources_on(1) <= 110);
    CHECK(pair.count_event(near, session_event_kind::path) <= 4);
    REQUIRE(pair.end(near).set_stream(pair.now(), 0, {}) == status::ok);
    const instant changed = pair.now();
    for (std::uint64_t i = 400; i < 600; ++i) {
        (void)pair.send(near, static_cast<stream_id>(i % 2), payload_of(i, size));
        pair.run_for(5_ms);
    }
    CHECK(pair.sources_on(1, changed) == 0);
    CHECK(pair.end(near).path(pair.now(), 1).state == path_state::warm);
}

namespace {

/// Packets of each of two streams that did not come, over a path that loses much and a second one, with little to spend.
[[nodiscard]] std::array<std::size_t, 2> lost_of_two(std::uint32_t first_weight, std::uint32_t second_weight,
                                                     std::uint64_t seed, std::size_t* copies = nullptr) {
    session_config config;
    config.overhead_cap_bp = 700;
    session_pair pair{config};
    REQUIRE(pair.add_path(0) == status::ok);
    REQUIRE(pair.add_path(1, {.cost = cost_class::metered}) == status::ok);
    REQUIRE(pair.end(near).set_stream(pair.now(), 0, {.weight = first_weight}) == status::ok);
    REQUIRE(pair.end(near).set_stream(pair.now(), 1, {.weight = second_weight}) == status::ok);
    xoshiro256 random{seed};
    pair.links[near] = [&](const test::seen_transmission& t) {
        const std::int64_t ms = t.at.ns() / 1'000'000 % 1'500;
        if (t.path == 0 && (ms < 150 || random.chance(0.02))) return std::vector<duration>{};
        return std::vector<duration>{t.path == 0 ? 10_ms : 20_ms};
    };
    constexpr std::size_t count = 6'000;
    for (std::uint64_t i = 0; i < count; ++i) {
        (void)pair.send(near, static_cast<stream_id>(i % 2), payload_of(i, size));
        pair.run_for(5_ms);
    }
    pair.run_for(500_ms);
    std::array<std::size_t, 2> lost{count / 2, count / 2};
    for (const test::seen_delivery& d : pair.deliveries[far]) --lost[d.stream];
    if (copies != nullptr)
        *copies =
            pair.end(near).statistics().sender.copies.packets + pair.end(near).statistics().sender.reactive.packets;
    return lost;
}

}  // namespace

TEST_CASE("session weight: where not all can be protected, the stream that is worth more loses less") {
    std::array<std::size_t, 2> unequal{};
    for (std::uint64_t seed = 1; seed <= 4; ++seed) {
        const auto lost = lost_of_two(400, 25, seed);
        unequal[0] += lost[0];
        unequal[1] += lost[1];
    }
    CAPTURE(unequal[0], unequal[1]);
    CHECK(unequal[0] * 2 < unequal[1]);
}

TEST_CASE("session weight: nothing is spent on a stream without weight") {
    std::size_t copies = 0;
    const auto lost = lost_of_two(0, 0, 1, &copies);
    CHECK(copies == 0);
    CHECK(lost[0] + lost[1] > 100);
    const auto other = lost_of_two(100, 0, 1, &copies);
    CHECK(copies > 0);
    CHECK(other[0] * 4 < other[1]);
}

TEST_CASE("session weight: out of range") {
    session s = test::open_session();
    CHECK(s.set_stream({}, 0, {.weight = 1'001}) == status::invalid_config);
    CHECK(s.set_stream({}, 0, {.weight = 1'000}) == status::ok);
    const auto made = session::create({.stream = {.weight = 1'001}}, allocator::system());
    REQUIRE_FALSE(made.has_value());
    CHECK(made.error().where.field == "stream.weight");
}
