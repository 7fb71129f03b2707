// SPDX-License-Identifier: MIT
//
// The proactive parity of a session: when there is any, how much, and over which window.
#include <catch2/catch_test_macros.hpp>

#include <cstdint>
#include <vector>

#include "support/session_checks.hpp"
#include "support/session_pair.hpp"

using namespace duality;
using namespace duality::literals;
using test::session_pair;

namespace {

constexpr std::size_t near = session_pair::near;

/// The windows of all repairs that were sent after `from`.
std::vector<std::uint32_t> windows_since(const session_pair& pair, instant from) {
    std::vector<std::uint32_t> out;
    for (const test::seen_transmission& t : pair.sent[near]) {
        if (t.kind != transmit_kind::parity || t.at < from) continue;
        for (const wire::frame& frame : test::frames_of(t)) {
            repair_payload_id id;
            if (frame.type != wire::frame_type::repair) continue;
            REQUIRE(parse(frame.repair.payload_id, id) == status::ok);
            out.push_back(id.window_size);
        }
    }
    return out;
}

/// 30 s of a packet every 5 ms, of the second of two streams, over a path that loses `loss_percent` of everything at random,
/// repaired by parity only. The overhead cap is above what parity would ever take.
std::vector<std::uint32_t> windows_at(unsigned loss_percent, const stream_config& stream) {
    session_config config;
    config.reactive = false;
    config.protected_packets = 128;
    config.overhead_cap_bp = 3'000;
    config.max_streams = 2;
    session_pair pair{config};
    REQUIRE(pair.add_path(0) == status::ok);
    REQUIRE(pair.end(near).set_stream(pair.now(), 1, stream) == status::ok);
    pair.links[near] = [random = xoshiro256{7}, loss_percent](const test::seen_transmission&) mutable {
        return random.below(100) < loss_percent ? std::vector<duration>{} : std::vector<duration>{80_ms};
    };
    pair.links[session_pair::far] = test::constant_delay(80_ms);
    pair.send_flow(near, 1, 6'000, 5_ms, 200);
    return windows_since(pair, instant{} + 10_s);
}

std::uint32_t mean(const std::vector<std::uint32_t>& v) {
    std::uint64_t sum = 0;
    for (const std::uint32_t x : v) sum += x;
    return v.empty() ? 0 : static_cast<std::uint32_t>(sum / v.size());
}

}  // namespace

TEST_CASE("session parity: the window is the deadline") {
    const auto short_windows = windows_at(3, {.deadline = 100_ms});
    const auto long_windows = windows_at(3, {.deadline = 300_ms});
    REQUIRE(short_windows.size() > 100);
    REQUIRE(long_windows.size() > 100);
    CHECK(mean(short_windows) >= 18);
    CHECK(mean(short_windows) <= 22);
    CHECK(mean(long_windows) >= 55);
    CHECK(mean(long_windows) <= 62);
}

TEST_CASE("session parity: the window shrinks when losses come near to the repairs") {
    const std::uint32_t plenty = mean(windows_at(3, {.deadline = 300_ms}));
    const std::uint32_t scarce = mean(windows_at(9, {.deadline = 300_ms}));
    const std::uint32_t hopeless = mean(windows_at(16, {.deadline = 300_ms}));
    CHECK(scarce < plenty * 2 / 3);
    CHECK(hopeless < scarce);
    CHECK(hopeless >= 9);  // the distance of two repairs at 10 %
    CHECK(hopeless <= 12);
}

TEST_CASE("session parity: a clean path carries none") {
    CHECK(windows_at(0, {.deadline = 100_ms}).empty());
}

TEST_CASE("session parity: a stream of less weight brings so much less, one without weight none") {
    const std::size_t usual = windows_at(3, {}).size();
    const std::size_t half = windows_at(3, {.weight = 50}).size();
    CHECK(half * 2 >= usual * 9 / 10);
    CHECK(half * 2 <= usual * 11 / 10);
    CHECK(windows_at(3, {.weight = 0}).empty());
    CHECK(windows_at(3, {.weight = 1'000}).size() == usual);
}
