// SPDX-License-Identifier: MIT
#include "duality/jitter_hold.hpp"

#include <catch2/catch_test_macros.hpp>
#include <cstdint>
#include <set>
#include <vector>

#include "duality/random.hpp"

using namespace duality;
using namespace duality::literals;

namespace {

instant at_us(std::int64_t us) {
    return instant::from_ns(us * 1'000);
}
instant at_ms(std::int64_t ms) {
    return at_us(ms * 1'000);
}
media_time media_ms(std::int64_t ms) {
    return media_time::from_ns(ms * 1'000'000);
}
held_packet packet(std::uint64_t sequence, std::int64_t origin_ms, recovery by = recovery::none) {
    return {sequence, media_ms(origin_ms), sequence + 1'000'000, by};
}

jitter_hold make(const jitter_hold_config& config = {}) {
    auto made = jitter_hold::create(config, allocator::system());
    REQUIRE(made.has_value());
    return std::move(made).value();
}

/// Packets `first … last`, sent every `spacing_ms` with a constant delay; everything released meanwhile is returned.
std::vector<released_packet> run(jitter_hold& hold, std::uint64_t first, std::uint64_t last, std::int64_t spacing_ms,
                                 std::int64_t delay_ms) {
    std::vector<released_packet> released;
    released_packet out;
    for (std::uint64_t s = first; s <= last; ++s) {
        const std::int64_t origin = static_cast<std::int64_t>(s) * spacing_ms;
        const instant arrival = at_ms(origin + delay_ms);
        while (hold.next_timeout() <= arrival) {
            REQUIRE(hold.poll(hold.next_timeout(), out));
            released.push_back(out);
        }
        REQUIRE(hold.push(arrival, packet(s, origin)) == status::ok);
    }
    return released;
}

std::vector<released_packet> drain(jitter_hold& hold, instant now) {
    std::vector<released_packet> released;
    released_packet out;
    while (hold.poll(now, out)) released.push_back(out);
    return released;
}

}  // namespace

TEST_CASE("a packet is in time until its deadline after the idle path, which the first one tells", "[jitter_hold]") {
    jitter_hold hold = make();
    CHECK(!hold.deadline_of(media_ms(1'000)).has_value());
    REQUIRE(hold.push(at_ms(1'020), packet(7, 1'000)) == status::ok);
    CHECK(hold.deadline_of(media_ms(1'000)) == at_ms(1'020) + hold.deadline());
    hold.set_deadline(40_ms);
    CHECK(hold.deadline_of(media_ms(1'005)) == at_ms(1'065));
    hold.reset(at_ms(1'100));
    CHECK(!hold.deadline_of(media_ms(1'200)).has_value());
}

TEST_CASE("a packet is released at origin + baseline + hold, exactly", "[jitter_hold]") {
    jitter_hold hold = make();
    CHECK(hold.next_timeout().is_never());
    REQUIRE(hold.push(at_ms(1'020), packet(7, 1'000)) == status::ok);
    CHECK(hold.baseline() == 20_ms);
    CHECK(hold.next_timeout() == at_ms(1'035));
    released_packet out;
    CHECK(!hold.poll(at_us(1'034'999), out));
    REQUIRE(hold.poll(at_ms(1'035), out));
    CHECK(out.packet.sequence == 7);
    CHECK(out.packet.token == 1'000'007);
    CHECK(out.packet.origin == media_ms(1'000));
    CHECK(out.due == at_ms(1'035));
    CHECK(out.held == 15_ms);
    CHECK(out.lateness == 0_ms);
    CHECK(!out.past_deadline);
    CHECK(hold.next_timeout().is_never());
    CHECK(!hold.poll(at_ms(2'000), out));
}

TEST_CASE("the pace is even whatever the arrival", "[jitter_hold]") {
    jitter_hold hold = make();
    run(hold, 0, 400, 5, 20);
    drain(hold, at_ms(2'100));
    // Delays 20, 30, 34 ms: all within baseline + hold.
    REQUIRE(hold.push(at_ms(3'020), packet(600, 3'000)) == status::ok);
    REQUIRE(hold.push(at_ms(3'035), packet(601, 3'005)) == status::ok);
    released_packet out;
    REQUIRE(hold.poll(at_ms(3'035), out));
    CHECK(hold.next_timeout() == at_ms(3'040));
    REQUIRE(hold.push(at_ms(3'044), packet(602, 3'010)) == status::ok);
    REQUIRE(hold.poll(at_ms(3'044), out));
    CHECK(out.due == at_ms(3'040));
    CHECK(out.lateness == 0_ms);
    CHECK(hold.next_timeout() == at_ms(3'045));
    CHECK(hold.statistics().released_late == 0);
}

TEST_CASE("reordered packets come out in order of origin, duplicates do not", "[jitter_hold]") {
    jitter_hold hold = make();
    run(hold, 0, 100, 5, 20);
    drain(hold, at_ms(600));
    for (const std::uint64_t s : {203u, 201u, 204u, 202u, 200u})
        REQUIRE(hold.push(at_ms(1'040), packet(s, static_cast<std::int64_t>(s) * 5)) == status::ok);
    CHECK(hold.push(at_ms(1'040), packet(202, 1'010)) == status::duplicate);
    CHECK(hold.push(at_ms(1'040), packet(100, 500)) == status::duplicate);
    const auto released = drain(hold, at_ms(1'100));
    REQUIRE(released.size() == 5);
    for (std::size_t i = 0; i < 5; ++i) CHECK(released[i].packet.sequence == 200 + i);
    CHECK(hold.statistics().duplicates == 2);
    CHECK(hold.statistics().reordered == 3);  // 201, 202, 200
}

TEST_CASE("packets of one origin keep the order of their numbers", "[jitter_hold]") {
    jitter_hold hold = make();
    for (const std::uint64_t s : {12u, 10u, 11u}) REQUIRE(hold.push(at_ms(20), packet(s, 0)) == status::ok);
    const auto released = drain(hold, at_ms(100));
    REQUIRE(released.size() == 3);
    for (std::size_t i = 0; i < 3; ++i) CHECK(released[i].packet.sequence == 10 + i);
}

TEST_CASE("a packet after its slot is released at once and says how late", "[jitter_hold]") {
    jitter_hold hold = make();
    run(hold, 0, 400, 5, 20);
    drain(hold, at_ms(2'100));
    REQUIRE(hold.push(at_ms(3'060), packet(600, 3'000, recovery::parity)) == status::ok);
    CHECK(hold.next_timeout() == at_ms(3'035));
    released_packet out;
    REQUIRE(hold.poll(at_ms(3'060), out));
    CHECK(out.lateness == 25_ms);
    CHECK(out.held == 0_ms);
    CHECK(out.due == at_ms(3'035));
    CHECK(out.packet.recovered_by == recovery::parity);
    CHECK(!out.past_deadline);
    CHECK(hold.statistics().released_late == 1);
    CHECK(hold.statistics().released_by[static_cast<std::size_t>(recovery::parity)] == 1);
}

TEST_CASE("past the deadline: dropped or flagged, as the stream asks", "[jitter_hold]") {
    for (const late_policy policy : {late_policy::drop, late_policy::deliver}) {
        jitter_hold_config config;
        config.late = policy;
        jitter_hold hold = make(config);
        run(hold, 0, 400, 5, 20);
        drain(hold, at_ms(2'100));
        released_packet out;
        // Exactly at origin + baseline + deadline it is still worth something.
        REQUIRE(hold.push(at_ms(3'120), packet(600, 3'000)) == status::ok);
        REQUIRE(hold.poll(at_ms(3'120), out));
        CHECK(!out.past_deadline);
        const status answer = hold.push(at_us(3'125'001), packet(601, 3'005));
        if (policy == late_policy::drop) {
            CHECK(answer == status::late);
            CHECK(hold.next_timeout().is_never());
            CHECK(hold.statistics().dropped_late == 1);
        } else {
            CHECK(answer == status::ok);
            REQUIRE(hold.poll(at_us(3'125'001), out));
            CHECK(out.past_deadline);
            CHECK(out.lateness == 85_ms + 1_us);
        }
        CHECK(hold.push(at_us(3'126'000), packet(601, 3'005)) == status::duplicate);
        hold.set_deadline(200_ms);
        REQUIRE(hold.push(at_ms(3'210), packet(602, 3'010)) == status::ok);
        REQUIRE(hold.poll(at_ms(3'210), out));
        CHECK(!out.past_deadline);
        CHECK(out.lateness == 165_ms);
    }
}

TEST_CASE("a packet polled after its deadline is still handed back, flagged", "[jitter_hold]") {
    jitter_hold hold = make();
    REQUIRE(hold.push(at_ms(20), packet(0, 0)) == status::ok);
    released_packet out;
    REQUIRE(hold.poll(at_ms(500), out));
    CHECK(out.past_deadline);
    CHECK(out.lateness == 0_ms);  // it was there in time; the caller was not
    CHECK(out.held == 480_ms);
}

TEST_CASE("a hold of zero passes through at once in order of arrival", "[jitter_hold]") {
    jitter_hold_config config;
    config.hold_min = config.hold_initial = 0_ms;
    jitter_hold hold = make(config);
    run(hold, 0, 50, 5, 20);
    drain(hold, at_ms(400));
    released_packet out;
    for (const std::uint64_t s : {103u, 101u, 102u}) {
        const instant now = at_ms(540);
        REQUIRE(hold.push(now, packet(s, static_cast<std::int64_t>(s) * 5)) == status::ok);
        CHECK(hold.next_timeout() <= now);
    }
    // One that beat the baseline by 10 ms does not wait either.
    REQUIRE(hold.push(at_ms(540), packet(106, 530)) == status::ok);
    for (const std::uint64_t s : {103u, 101u, 102u, 106u}) {
        REQUIRE(hold.poll(at_ms(540), out));
        CHECK(out.packet.sequence == s);
        CHECK(out.held == 0_ms);
    }
}

TEST_CASE("setting the hold: clamped, for what comes next; zero releases what is held", "[jitter_hold]") {
    jitter_hold_config config;
    config.hold_min = 0_ms;
    jitter_hold hold = make(config);
    CHECK(hold.hold() == 15_ms);
    hold.set_hold(at_ms(0), 50_ms);
    CHECK(hold.hold() == 30_ms);
    REQUIRE(hold.push(at_ms(20), packet(0, 0)) == status::ok);
    CHECK(hold.next_timeout() == at_ms(50));
    hold.set_hold(at_ms(25), 20_ms);
    CHECK(hold.next_timeout() == at_ms(50));
    REQUIRE(hold.push(at_ms(26), packet(1, 5)) == status::ok);
    CHECK(hold.next_timeout() == at_ms(45));  // whoever comes first in order may not be later than the next
    hold.set_hold(at_ms(30), 0_ms);
    CHECK(hold.next_timeout() == at_ms(30));
    // Back from pass-through with packets waiting: they keep their order and their turn.
    REQUIRE(hold.push(at_ms(31), packet(3, 15)) == status::ok);
    REQUIRE(hold.push(at_ms(31), packet(2, 10)) == status::ok);
    hold.set_hold(at_ms(31), 15_ms);
    REQUIRE(hold.push(at_ms(40), packet(4, 20)) == status::ok);
    std::vector<std::uint64_t> order;
    for (const released_packet& r : drain(hold, at_ms(100))) order.push_back(r.packet.sequence);
    CHECK(order == std::vector<std::uint64_t>{0, 1, 3, 2, 4});

    jitter_hold bounded = make();
    bounded.set_hold(at_ms(0), 0_ms);
    CHECK(bounded.hold() == 15_ms);
}

TEST_CASE("deadline mode releases at origin + lead on the shared clock", "[jitter_hold]") {
    jitter_hold_config config;
    config.mode = playout_mode::deadline;
    config.lead = 80_ms;
    config.media_offset = 1_s;  // the sender's clock is a second behind ours
    jitter_hold hold = make(config);
    REQUIRE(hold.push(at_ms(1'020), packet(0, 0)) == status::ok);
    CHECK(hold.next_timeout() == at_ms(1'080));
    REQUIRE(hold.push(at_ms(1'090), packet(1, 5)) == status::ok);
    released_packet out;
    REQUIRE(hold.poll(at_ms(1'090), out));
    REQUIRE(hold.poll(at_ms(1'090), out));
    CHECK(out.packet.sequence == 1);
    CHECK(out.lateness == 5_ms);
    hold.set_media_offset(990_ms);
    hold.set_lead(100_ms);
    REQUIRE(hold.push(at_ms(1'100), packet(2, 85)) == status::ok);
    CHECK(hold.next_timeout() == at_ms(1'175));
    // A wrong offset cannot keep a packet longer than lead + slack.
    hold.set_media_offset(20_s);
    REQUIRE(hold.push(at_ms(1'110), packet(3, 90)) == status::ok);
    CHECK(hold.next_timeout() == at_ms(1'175));
    drain(hold, at_ms(1'175));
    CHECK(hold.next_timeout() == at_ms(1'212));
}

TEST_CASE("a level step makes neither every packet late nor the hold too deep", "[jitter_hold]") {
    jitter_hold hold = make();
    run(hold, 0, 1'000, 5, 40);
    std::uint64_t late_before = hold.statistics().released_late;
    auto released = run(hold, 1'001, 1'400, 5, 65);
    CHECK(hold.statistics().level_steps_up == 1);
    CHECK(hold.statistics().released_late - late_before < 30);  // 25 ms up with a hold of 15: about 100 ms of late ones
    CHECK(hold.baseline() <= 65_ms);
    CHECK(hold.baseline() > 65_ms - 33_us);
    late_before = hold.statistics().released_late;
    // Down by 25 ms: packets overtake none, all are in time, and none is held longer than hold + slack.
    std::uint64_t s = 1'401;
    released_packet out;
    for (; s < 1'800; ++s) {
        const std::int64_t origin = static_cast<std::int64_t>(s) * 5;
        const instant arrival = at_ms(origin + 40);
        while (hold.next_timeout() <= arrival) {
            REQUIRE(hold.poll(arrival, out));
            CHECK(out.held <= 15_ms + 2_ms + 5_ms);  // polled every 5 ms here
        }
        if (hold.push(arrival, packet(s, origin)) != status::ok) FAIL("refused");
    }
    CHECK(hold.statistics().released_late == late_before);
    CHECK(hold.baseline() <= 40_ms);
    CHECK(hold.baseline() > 40_ms - 33_us);
}

TEST_CASE("only packets that came on their own move the baseline", "[jitter_hold]") {
    jitter_hold hold = make();
    run(hold, 0, 400, 5, 40);
    drain(hold, at_ms(2'200));
    for (std::uint64_t s = 500; s < 700; ++s) {
        const auto origin = static_cast<std::int64_t>(s) * 5;
        REQUIRE(hold.push(at_ms(origin + 20), packet(s, origin, recovery::second_path)) == status::ok);
        drain(hold, at_ms(origin + 20));
    }
    CHECK(hold.baseline() == 40_ms);
    // The original that lost the race is a duplicate, but tells about its own path.
    for (std::uint64_t s = 700; s < 800; ++s) {
        const auto origin = static_cast<std::int64_t>(s) * 5;
        REQUIRE(hold.push(at_ms(origin + 20), packet(s, origin, recovery::second_path)) == status::ok);
        REQUIRE(hold.push(at_ms(origin + 30), packet(s, origin)) == status::duplicate);
        drain(hold, at_ms(origin + 30));
    }
    CHECK(hold.baseline() < 31_ms);
}

TEST_CASE("a stream that begins with rebuilt packets has a baseline", "[jitter_hold]") {
    jitter_hold hold = make();
    REQUIRE(hold.push(at_ms(90), packet(0, 0, recovery::second_path)) == status::ok);
    CHECK(hold.baseline() == 90_ms);
    REQUIRE(hold.push(at_ms(91), packet(1, 20, recovery::second_path)) == status::ok);
    CHECK(hold.baseline() == 71_ms);
    REQUIRE(hold.push(at_ms(92), packet(2, 40)) == status::ok);
    CHECK(hold.baseline() == 52_ms);
}

TEST_CASE("absurd origins and sequence numbers are refused and counted", "[jitter_hold]") {
    jitter_hold hold = make();
    run(hold, 10'000, 10'400, 5, 20);
    drain(hold, at_ms(60'000));
    const std::int64_t origin = 60'000;
    CHECK(hold.push(at_ms(60'020), packet(12'000, origin + 3'600'000)) == status::out_of_window);
    CHECK(hold.push(at_ms(60'020), packet(12'000, origin - 3'600'000)) == status::out_of_window);
    CHECK(hold.statistics().refused_origin == 2);
    CHECK(hold.push(at_ms(60'020), packet(10'000'000'000, origin)) == status::out_of_window);
    CHECK(hold.statistics().refused_sequence == 1);
    CHECK(hold.push(at_ms(60'020), packet(20, origin - 500)) == status::late);
    CHECK(hold.statistics().dropped_stale == 1);
    CHECK(hold.push(at_ms(60'020), packet(12'000, origin)) == status::ok);
    CHECK(hold.size() == 1);
    held_packet extreme{~std::uint64_t{0}, media_time::from_ns(INT64_MIN), 0, recovery::none};
    CHECK(hold.push(at_ms(60'021), extreme) == status::out_of_window);
    extreme.origin = media_time::from_ns(INT64_MAX);
    CHECK(hold.push(at_ms(60'022), extreme) == status::out_of_window);
    CHECK(hold.push(at_ms(60'022), {12'001, media_ms(origin), 0, static_cast<recovery>(9)}) ==
          status::invalid_argument);
}

TEST_CASE("origins that repeat, go backwards or jump hold nothing up", "[jitter_hold]") {
    const jitter_hold_config config;
    const std::int64_t offsets_ms[] = {0, -5, -200, -9'000, 40, 900, -1'200};
    for (const std::int64_t offset : offsets_ms) {
        CAPTURE(offset);
        jitter_hold hold = make(config);
        run(hold, 0, 400, 5, 20);
        drain(hold, at_ms(60'000));
        std::set<std::uint64_t> accepted;
        std::set<std::uint64_t> released;
        instant now;
        for (std::uint64_t s = 12'000; s < 12'400; ++s) {
            now = at_ms(60'020 + 5 * static_cast<std::int64_t>(s - 12'000));
            // Every other packet claims the origin of the one before, moved.
            const std::int64_t origin = 60'000 + 5 * static_cast<std::int64_t>(s - 12'000);
            if (hold.push(now, packet(s, s % 2 == 0 ? origin : origin - 5 + offset)) == status::ok) accepted.insert(s);
            for (const released_packet& out : drain(hold, now)) {
                CHECK(out.held <= config.hold_max + config.early_slack);
                released.insert(out.packet.sequence);
            }
            REQUIRE(hold.size() <= 8);
        }
        for (const released_packet& out : drain(hold, now + config.hold_max + config.early_slack))
            released.insert(out.packet.sequence);
        CHECK(hold.size() == 0);
        CHECK(released == accepted);
        CHECK(accepted.size() >= 200);
        const jitter_hold_statistics& counted = hold.statistics();
        CHECK(counted.accepted + counted.dropped_late + counted.dropped_stale + counted.refused_origin == 401 + 400);
    }
}

TEST_CASE("a sender that restarts is heard again after a few packets", "[jitter_hold]") {
    jitter_hold hold = make();
    SECTION("numbers and clock begin anew") {
        run(hold, 50'000, 50'400, 5, 20);
        int refused = 0;
        for (std::uint64_t s = 0; s < 50; ++s) {
            const auto origin = static_cast<std::int64_t>(s) * 5;
            refused += hold.push(at_ms(400'000 + origin), packet(s, origin)) != status::ok;
        }
        CHECK(refused == 3);
        CHECK(hold.statistics().restarts == 1);
        CHECK(hold.baseline() == duration::from_ms(400'000));
    }
    SECTION("numbers begin anew soon after the start, on the same clock") {
        run(hold, 0, 40, 5, 20);
        int refused = 0;
        for (std::uint64_t s = 0; s < 50; ++s) {
            const auto origin = static_cast<std::int64_t>(s) * 5 + 1'000;
            refused += hold.push(at_ms(origin + 20), packet(s, origin)) != status::ok;
        }
        CHECK(refused == 3);
        CHECK(hold.statistics().restarts == 1);
    }
    SECTION("the clock leaps forward, the numbers go on") {
        run(hold, 0, 400, 5, 20);
        int refused = 0;
        for (std::uint64_t s = 401; s < 450; ++s) {
            const auto origin = static_cast<std::int64_t>(s) * 5;
            refused += hold.push(at_ms(origin + 20), packet(s, origin + 3'000)) != status::ok;
        }
        CHECK(refused == 3);
        CHECK(hold.statistics().restarts == 1);
    }
    // Whatever was held comes out, the old stream first, and nothing waits longer than its hold.
    const std::size_t held = hold.size();
    CHECK(drain(hold, at_ms(500'000)).size() == held);
    CHECK(hold.next_timeout().is_never());
}

TEST_CASE("what the old stream left comes out before the new stream", "[jitter_hold]") {
    jitter_hold hold = make();
    REQUIRE(hold.push(at_ms(20), packet(100, 0)) == status::ok);
    REQUIRE(hold.push(at_ms(25), packet(101, 5)) == status::ok);
    hold.reset(at_ms(26));
    CHECK(hold.next_timeout() == at_ms(26));
    REQUIRE(hold.push(at_ms(27), packet(100, -5'000)) == status::ok);  // the number counts as new
    const auto released = drain(hold, at_ms(100));
    REQUIRE(released.size() == 3);
    CHECK(released[0].packet.sequence == 100);
    CHECK(released[1].packet.sequence == 101);
    CHECK(released[2].packet.origin == media_ms(-5'000));
}

TEST_CASE("an origin ahead of its time delays nobody", "[jitter_hold]") {
    jitter_hold hold = make();
    run(hold, 0, 400, 5, 20);
    // Claims to be from 500 ms in the future, inside what is tolerated.
    REQUIRE(hold.push(at_ms(2'025), packet(500, 2'505)) == status::ok);
    released_packet out;
    bool seen = false;
    for (std::uint64_t s = 401; s < 450; ++s) {
        const std::int64_t origin = static_cast<std::int64_t>(s) * 5;
        const instant arrival = at_ms(origin + 20);
        while (hold.poll(arrival, out)) {
            CHECK(out.held <= 15_ms + 2_ms + 5_ms);
            seen |= out.packet.sequence == 500;
        }
        REQUIRE(hold.push(arrival, packet(s, origin)) == status::ok);
    }
    CHECK(seen);
}

TEST_CASE("a full hold refuses, keeps what it has, and takes the packet later", "[jitter_hold]") {
    jitter_hold_config config;
    config.capacity = 8;
    jitter_hold hold = make(config);
    for (std::uint64_t s = 0; s < 8; ++s) REQUIRE(hold.push(at_ms(20), packet(s, 0)) == status::ok);
    CHECK(hold.push(at_ms(20), packet(8, 0)) == status::queue_full);
    CHECK(hold.statistics().queue_full == 1);
    released_packet out;
    REQUIRE(hold.poll(at_ms(40), out));
    CHECK(hold.push(at_ms(40), packet(8, 0)) == status::ok);
    CHECK(drain(hold, at_ms(40)).size() == 8);
}

TEST_CASE("a clock that goes backwards is clamped and counted", "[jitter_hold]") {
    jitter_hold hold = make();
    REQUIRE(hold.push(at_ms(100), packet(0, 0)) == status::ok);
    REQUIRE(hold.push(at_ms(50), packet(1, 5)) == status::ok);
    CHECK(hold.statistics().clock_backwards == 1);
    released_packet out;
    CHECK(!hold.poll(at_ms(99), out));
    CHECK(hold.statistics().clock_backwards == 2);
    CHECK(drain(hold, at_ms(200)).size() == 2);
}

TEST_CASE("a configuration out of range is refused by name", "[jitter_hold]") {
    const auto field = [](const jitter_hold_config& config) {
        const auto made = jitter_hold::create(config, allocator::system());
        CHECK(made.code() == status::invalid_config);
        return made.error().where.field;
    };
    jitter_hold_config config;
    config.hold_max = 10_ms;
    CHECK(field(config) == "hold_max");
    config = {};
    config.hold_initial = 40_ms;
    CHECK(field(config) == "hold_initial");
    config = {};
    config.capacity = 0;
    CHECK(field(config) == "capacity");
    config = {};
    config.deadline = 0_ms;
    CHECK(field(config) == "deadline");
    config = {};
    config.baseline.window = 0_ms;
    CHECK(field(config) == "baseline.window");
    config = {};
    config.late = static_cast<late_policy>(7);
    CHECK(field(config) == "late");
}

TEST_CASE("sequence numbers near the top of their range", "[jitter_hold]") {
    jitter_hold hold = make();
    const std::uint64_t top = ~std::uint64_t{0};
    for (std::uint64_t i = 5; i > 0; --i)
        REQUIRE(hold.push(at_ms(100 - static_cast<std::int64_t>(i)),
                          packet(top - i, 80 - static_cast<std::int64_t>(i))) == status::ok);
    REQUIRE(hold.push(at_ms(100), packet(top, 80)) == status::ok);
    CHECK(hold.push(at_ms(100), packet(top - 3, 77)) == status::duplicate);
    CHECK(drain(hold, at_ms(200)).size() == 6);
}

TEST_CASE("200 ppm between the clocks make no packet late and keep none longer", "[jitter_hold]") {
    for (const std::int64_t ppm : {-200, 200}) {
        jitter_hold hold = make();
        released_packet out;
        for (std::uint64_t s = 0; s < 60'000; ++s) {  // ten minutes: 120 ms of drift
            const std::int64_t origin_us = static_cast<std::int64_t>(s) * 10'000;
            const instant now = at_us(origin_us + origin_us * ppm / 1'000'000 + 200'000);
            while (hold.poll(now, out)) REQUIRE(out.held <= 15_ms + 2_ms + 10_ms);  // polled every 10 ms only
            REQUIRE(hold.push(now, {s, media_time::from_ns(origin_us * 1'000), s, recovery::none}) == status::ok);
        }
        CHECK(hold.statistics().released_late == 0);
        CHECK(hold.statistics().restarts == 0);
    }
}

TEST_CASE("after a pause of the sender the first packets are in time, with the baseline they had", "[jitter_hold]") {
    for (const std::int64_t pause_ms : {500, 5'000, 60'000}) {
        jitter_hold hold = make();
        (void)run(hold, 0, 500, 20, 40);
        const duration before = hold.baseline();
        released_packet out;
        while (hold.poll(at_ms(500 * 20 + 100), out)) {
        }
        for (std::uint64_t s = 501; s < 520; ++s) {  // the numbers go on, the origins leap
            const std::int64_t origin_ms = 500 * 20 + pause_ms + static_cast<std::int64_t>(s - 500) * 20;
            REQUIRE(hold.push(at_ms(origin_ms + 40), packet(s, origin_ms)) == status::ok);
            while (hold.size() != 0 && hold.poll(hold.next_timeout(), out)) CHECK(out.held <= 17_ms);
        }
        CHECK(hold.statistics().released_late == 0);
        CHECK(hold.baseline() == before);
    }
}
