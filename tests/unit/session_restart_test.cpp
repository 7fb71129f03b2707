// SPDX-License-Identifier: MIT
//
// One end of a session is another program all of a sudden.
#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <set>
#include <vector>

#include "duality/random.hpp"
#include "support/session_checks.hpp"

using namespace duality;
using namespace duality::literals;
using test::far;
using test::near;
using test::session_pair;

namespace {

constexpr std::size_t size = 120;
constexpr std::uint64_t second_life = 1'000'000;  ///< payloads from here on

[[nodiscard]] session_config with_epoch(std::uint32_t epoch) {
    session_config config;
    config.epoch = epoch;
    return config;
}

struct world : session_pair {
    world() : session_pair{with_epoch(11), with_epoch(21)} {
        REQUIRE(add_path(0) == status::ok);
        REQUIRE(add_path(1, {.cost = cost_class::metered}) == status::ok);
        links[near] = links[far] = [](const test::seen_transmission& t) {
            return std::vector<duration>{t.path == 0 ? 10_ms : 25_ms};
        };
    }
    /// Both ends send `count` packets each, 5 ms apart.
    void flow(std::size_t count, std::uint64_t first = 0) {
        for (std::size_t i = 0; i < count; ++i) {
            (void)send(near, 0, test::payload_of(first + i, size));
            (void)send(far, 0, test::payload_of(first + i, size));
            run_for(5_ms);
        }
    }
    void start_again(std::size_t end_, std::uint32_t epoch) {
        restart(end_, with_epoch(epoch));
        // A program that begins anew has a clock that does.
        ahead[end_] = ahead[end_] + 1'234'567_ms;
        REQUIRE(end(end_).add_path(local(end_), 0, {}) == status::ok);
        REQUIRE(end(end_).add_path(local(end_), 1, {.cost = cost_class::metered}) == status::ok);
    }
    [[nodiscard]] std::size_t delivered(std::size_t at, std::uint64_t first, std::size_t count) const {
        std::set<test::bytes> wanted;
        for (std::uint64_t i = 0; i < count; ++i) wanted.insert(test::payload_of(first + i, size));
        std::set<test::bytes> found;
        for (const test::seen_delivery& d : deliveries[at]) {
            if (!wanted.contains(d.payload)) continue;
            CHECK(found.insert(d.payload).second);
        }
        return found.size();
    }
};

}  // namespace

TEST_CASE("session restart: wherever the first life ended, the second one is heard from its first packet on") {
    for (std::size_t before : {1u, 2u, 5u, 20u, 63u, 64u, 65u, 100u, 333u, 1'500u}) {
        for (const std::size_t who : {near, far}) {
            CAPTURE(before, who);
            world w;
            w.flow(before);
            const std::size_t until = w.deliveries[1 - who].size();
            w.start_again(who, 12);
            w.flow(200, second_life);
            w.run_for(1_s);
            REQUIRE_FALSE(w.stuck);
            CHECK(w.delivered(1 - who, second_life, 200) == 200);
            // The other one has not restarted: its packets go on.
            CHECK(w.delivered(who, second_life, 200) == 200);
            CHECK(w.count_event(1 - who, session_event_kind::peer_restarted) == 1);
            CHECK(w.count_event(who, session_event_kind::peer_restarted) == 0);
            CHECK(w.end(1 - who).statistics().peer_restarts == 1);
            // In time, by the new clock: nothing waits for a slot of the old one.
            const auto& list = w.deliveries[1 - who];
            for (std::size_t i = until; i < list.size(); ++i) CHECK(list[i].held <= 80_ms);
            // Reports are about this life, but for one that was under way.
            CHECK(w.end(who).statistics().sender.implausible_feedback <= 1);
            CHECK(w.end(who).path(w.local(who), 0).rtt_min == 20_ms);
        }
    }
}

TEST_CASE("session restart: repairs and outages work as before") {
    const auto lost_of = [](bool restarts, std::uint64_t seed) {
        world w;
        w.flow(300);
        if (restarts) w.start_again(near, 12);
        w.flow(1'000, second_life + 4'000);  // what repairs cost has to be earned again
        xoshiro256 random{seed};
        w.links[near] = [&](const test::seen_transmission& t) {
            const bool out = t.path == 0 && (t.at - instant{}).ns() % 1'003'000'000 < 60'000'000;
            if (out || random.chance(0.01)) return std::vector<duration>{};
            return std::vector<duration>{t.path == 0 ? 10_ms : 25_ms};
        };
        w.flow(4'000, second_life);
        w.run_for(1_s);
        CHECK(w.end(near).statistics().sender.deficits > 0);
        CHECK(w.end(near).path(w.local(near), 0).deaths > 0);
        return 4'000 - w.delivered(far, second_life, 4'000);
    };
    const auto lost = [&](bool restarts) {
        std::size_t sum = 0;
        for (std::uint64_t seed = 1; seed <= 4; ++seed) sum += lost_of(restarts, seed);
        return sum;
    };
    const std::size_t before = lost(false);
    CHECK(before > 0);
    CHECK(before < 4 * 60);
    CHECK(lost(true) <= 2 * before);
}

TEST_CASE("session restart: what is still under way from the first life is not taken for the second") {
    world w;
    w.flow(200);
    // The last packets of the first life take 150 ms.
    w.links[near] = test::constant_delay(150_ms);
    for (std::uint64_t i = 0; i < 10; ++i) (void)w.send(near, 0, test::payload_of(500 + i, size));
    w.links[near] = test::constant_delay(10_ms);
    w.start_again(near, 12);
    w.flow(200, second_life);
    w.run_for(1_s);
    CHECK(w.delivered(far, second_life, 200) == 200);
    CHECK(w.delivered(far, 500, 10) == 0);
    CHECK(w.end(far).statistics().stale_datagrams >= 10);
    CHECK(w.end(far).statistics().peer_restarts == 1);
}

TEST_CASE("session restart: an epoch that was left does not come back") {
    world w;
    w.flow(3);
    const test::bytes first_packet = w.sent[near].front().datagram;
    w.flow(100);
    w.start_again(near, 12);
    w.flow(100, second_life);
    CHECK(w.end(far).handle_datagram(w.local(far), 0, first_packet) == status::late);
    w.flow(100, second_life + 100);
    w.run_for(500_ms);
    CHECK(w.end(far).statistics().peer_restarts == 1);
    CHECK(w.delivered(far, second_life, 200) == 200);
}

TEST_CASE("session restart: again and again, at either end, through losses") {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        CAPTURE(seed);
        world w;
        xoshiro256 random{seed};
        w.links[near] = w.links[far] = [&](const test::seen_transmission& t) {
            if (random.chance(0.03)) return std::vector<duration>{};
            const duration jitter = duration::from_us(static_cast<std::int64_t>(random.below(8'000)));
            return std::vector<duration>{(t.path == 0 ? 10_ms : 25_ms) + jitter};
        };
        std::size_t restarts = 0;
        for (std::uint32_t life = 0; life < 6; ++life) {
            w.flow(20 + random.below(200), life * 1'000);
            w.start_again(random.below(2), 100 + life);
            ++restarts;
        }
        w.flow(300, second_life);
        w.run_for(1_s);
        REQUIRE_FALSE(w.stuck);
        CHECK(w.delivered(far, second_life, 300) >= 285);
        CHECK(w.delivered(near, second_life, 300) >= 285);
        CHECK(w.count_event(near, session_event_kind::peer_restarted) +
                  w.count_event(far, session_event_kind::peer_restarted) <=
              restarts);
    }
}

TEST_CASE("session restart: the epoch is told until it is known, and no longer") {
    world w;
    w.flow(400);
    const auto tells = [](const test::seen_transmission& t) { return t.datagram.size() > 3 && t.datagram[3] == 0x13; };
    for (const std::size_t end : {near, far}) {
        const auto& sent = w.sent[end];
        const auto last = std::find_if(sent.rbegin(), sent.rend(), tells);
        REQUIRE(last != sent.rend());
        CHECK(last->at <= instant{} + 350_ms);
        CHECK(tells(sent.front()));
    }
    // An end without an epoch of its own answers too, and the reports of one that never answers count after a second.
    session_pair one{with_epoch(5), session_config{}};
    REQUIRE(one.add_path(0) == status::ok);
    one.send_flow(near, 0, 400, 5_ms, size);
    CHECK(one.end(near).path(one.now(), 0).rtt_smoothed == 20_ms);
    const auto& sent = one.sent[near];
    CHECK((std::find_if(sent.rbegin(), sent.rend(), tells)->at - instant{}).ns() <= 500'000'000);
    session_pair mute{with_epoch(5), session_config{}};
    REQUIRE(mute.add_path(0) == status::ok);
    mute.links[far] = [&](const test::seen_transmission& t) {
        return tells(t) ? std::vector<duration>{} : std::vector<duration>{10_ms};
    };
    mute.send_flow(near, 0, 100, 5_ms, size);
    CHECK(mute.end(near).path(mute.now(), 0).rtt_smoothed == duration{});
}

TEST_CASE("session restart: without an epoch the wire is what it was") {
    session_pair pair{session_config{}};
    REQUIRE(pair.add_path(0) == status::ok);
    pair.send_flow(near, 0, 100, 5_ms, size);
    for (const auto& sent : pair.sent)
        for (const test::seen_transmission& t : sent) CHECK((t.datagram[3] & ~1) != 0x12);
}

TEST_CASE(
    "session restart: packets that leave no room for the epoch are refused while it is told, those of others are not") {
    session_config config = with_epoch(5);
    config.max_payload = 1'400;
    session_pair pair{config, session_config{.max_payload = 1'400}};
    REQUIRE(pair.add_path(0, {.max_datagram = 1'000}) == status::ok);
    const std::size_t whole = 1'000 - wire::data_packet_overhead;
    CHECK(pair.send(near, 0, test::payload_of(1, whole)) == status::too_large);
    CHECK(pair.send(near, 0, test::payload_of(1, whole - wire::epoch_frame_size)) == status::ok);
    pair.run_for(50_ms);
    CHECK(pair.send(far, 0, test::payload_of(2, whole)) == status::ok);
    pair.run_for(100_ms);
    CHECK(pair.deliveries[near].size() == 1);
    CHECK(pair.deliveries[far].size() == 1);
}
