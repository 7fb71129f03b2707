// SPDX-License-Identifier: MIT
#include "duality/detail/path_steadiness.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <vector>

#include "duality/random.hpp"

using namespace duality;
using namespace duality::literals;
using detail::path_steadiness;

namespace {

constexpr duration limit = 35_ms;

/// Round trips of which every fifth takes `spike` longer.
void feed(path_steadiness& s, int count, duration spike) {
    for (int i = 0; i < count; ++i) s.on_round_trip(i % 5 == 0 ? spike : duration{});
}

}  // namespace

TEST_CASE("steadiness: the spread is what nearly all round trips stay below") {
    path_steadiness even;
    CHECK(even.spread() == 0_ms);
    feed(even, 500, 0_ms);
    CHECK(even.spread() == 0_ms);

    path_steadiness jittery;
    xoshiro256 random{1};
    std::vector<duration> trips;
    for (int i = 0; i < 2'000; ++i) {
        trips.push_back(duration::from_us(static_cast<std::int64_t>(random.below(20'000))));
        jittery.on_round_trip(trips.back());
    }
    std::sort(trips.begin(), trips.end());
    CHECK(jittery.spread() > trips[trips.size() * 95 / 100]);
    CHECK(jittery.spread() < 40_ms);
}

TEST_CASE("steadiness: a round trip that waited for an outage to end counts for little") {
    path_steadiness s;
    feed(s, 200, 10_ms);
    const duration before = s.spread();
    s.on_round_trip(3_s);
    CHECK(s.spread() - before < limit);
    s.on_round_trip(-5_ms);  // shorter than the shortest: counts as that
    feed(s, 400, 10_ms);
    CHECK(s.spread() < before + 3_ms);
}

TEST_CASE("steadiness: a path is left when it stalls and its round trips spread, not for one of the two") {
    path_steadiness steady;
    feed(steady, 200, 10_ms);
    CHECK_FALSE(steady.on_stall(instant{} + 1_s, limit));
    CHECK_FALSE(steady.is_left(instant{} + 1_s));

    path_steadiness s;
    feed(s, 200, 60_ms);
    REQUIRE(s.spread() > limit);
    CHECK_FALSE(s.is_left(instant{} + 1_s));
    CHECK(s.on_stall(instant{} + 1_s, limit));
    CHECK(s.is_left(instant{} + 1_s));
    CHECK_FALSE(s.on_stall(instant{} + 1'500_ms, limit));  // it is left already
    CHECK(s.is_left(instant{} + 2_s - 1_ms));
    CHECK_FALSE(s.is_left(instant{} + 2_s));
}

TEST_CASE("steadiness: a path that brings all but one packet in a thousand in time keeps the flow") {
    path_steadiness s;
    feed(s, 200, 60_ms);
    CHECK(s.is_costly());  // until it has shown that it is not
    for (int i = 0; i < 2'000; ++i) s.on_packet();
    CHECK_FALSE(s.is_costly());
    CHECK_FALSE(s.on_stall(instant{} + 1_s, limit));
    CHECK_FALSE(s.is_left(instant{} + 1_s));
    s.on_missed(1);
    CHECK(s.is_costly());
    CHECK(s.on_stall(instant{} + 1_s, limit));
    // Half of what was counted is forgotten again and again, and in the long run the share is what counts.
    for (int i = 0; i < 100'000; ++i) {
        s.on_packet();
        if (i % 2'000 == 0) s.on_missed(1);
    }
    CHECK_FALSE(s.is_costly());
    for (int i = 0; i < 100'000; ++i) {
        s.on_packet();
        if (i % 500 == 0) s.on_missed(1);
    }
    CHECK(s.is_costly());
}

TEST_CASE("steadiness: more than all of its packets a path cannot lose, whatever is claimed") {
    path_steadiness s;
    for (int i = 0; i < 10'000; ++i) s.on_packet();
    for (int i = 0; i < 100; ++i) s.on_missed(32'767);
    REQUIRE(s.is_costly());
    int packets = 0;
    for (; s.is_costly(); ++packets) s.on_packet();
    CHECK(packets < 100'000);
}

TEST_CASE("steadiness: one that stalls again soon is left for twice as long, up to a limit") {
    path_steadiness s;
    feed(s, 200, 60_ms);
    instant now = instant{} + 1_s;
    for (const duration stay : {1_s, 2_s, 4_s, 8_s, 16_s, 16_s}) {
        CAPTURE(stay.ms());
        CHECK(s.on_stall(now, limit));
        CHECK(s.is_left(now + stay - 1_ms));
        CHECK_FALSE(s.is_left(now + stay));
        now += stay + 1_s;
    }
    // After a while without a stall it begins anew.
    now += 10_s;
    CHECK(s.on_stall(now, limit));
    CHECK_FALSE(s.is_left(now + 1_s));
}
