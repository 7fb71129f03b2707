// SPDX-License-Identifier: MIT
#include "duality/event_lane.hpp"

#include <catch2/catch_test_macros.hpp>

#include <map>
#include <vector>

#include "duality/random.hpp"
#include "support/counting_allocator.hpp"
#include "support/session_pair.hpp"

using namespace duality;
using namespace duality::literals;
using test::bytes;

namespace {

event_lane_sender sender(const event_lane_config& c = {}) {
    return std::move(event_lane_sender::create(c, allocator::system())).value();
}
event_lane_receiver receiver(const event_lane_config& c = {}) {
    return std::move(event_lane_receiver::create(c, allocator::system())).value();
}

bytes written(event_lane_sender& lane, instant now, std::size_t room = event_message_max) {
    bytes out(room);
    std::size_t size = 0;
    if (lane.write(now, out, size) != status::ok) return {};
    out.resize(size);
    return out;
}

std::vector<std::uint64_t> numbers(event_lane_receiver& lane) {
    std::vector<std::uint64_t> out;
    lane_event e;
    while (lane.poll(e)) out.push_back(e.number);
    return out;
}

}  // namespace

TEST_CASE("event lane: configuration is checked, by name; memory is taken in create") {
    CHECK(event_lane_sender::create({.carry = 17}, allocator::system()).error().where.field == "carry");
    CHECK(event_lane_sender::create({.repeat_interval = 0_ms}, allocator::system()).error().where.field ==
          "repeat_interval");
    CHECK(event_lane_receiver::create({.queue = 1}, allocator::system()).error().where.field == "queue");
    CHECK(event_lane_receiver::create({.window = 1}, allocator::system()).error().where.field == "window");
    for (std::size_t allowed = 0; allowed < 3; ++allowed) {
        test::counting_allocator memory{allowed};
        CHECK(event_lane_receiver::create({}, memory.get()).has_value() == (allowed >= 2));
        CHECK(memory.live_blocks() == 0);
    }
}

TEST_CASE("event lane: the bytes of a message") {
    event_lane_sender lane = sender({.carry = 2});
    REQUIRE(lane.push(instant{} + 1_s, bytes{1, 2, 3}) == status::ok);
    CHECK(written(lane, instant{} + 1_s) == bytes{0, 0, 0, 0, 0, 0, 0xEE, 0x6B, 3, 1, 2, 3});
    REQUIRE(lane.push(instant{} + 2_s, {}) == status::ok);
    CHECK(written(lane, instant{} + 2_s) == bytes{0, 0, 0, 1, 0, 1, 0xDC, 0xD6, 0, 1, 0, 0xEE, 0x6B, 3, 1, 2, 3});
}

TEST_CASE("event lane: the next event brings the ones that were lost, each once") {
    event_lane_sender lane = sender();
    event_lane_receiver peer = receiver();
    for (int i = 0; i < 20; ++i) {
        REQUIRE(lane.push(instant{}, bytes(10, static_cast<std::uint8_t>(i))) == status::ok);
        const bytes message = written(lane, instant{});
        if (i % 4 != 3) continue;  // three in four are lost
        CHECK(peer.read(message) == status::ok);
        CHECK(peer.read(message) == status::duplicate);
    }
    std::vector<std::uint64_t> all;
    for (std::uint64_t i = 0; i < 20; ++i) all.push_back(i);
    CHECK(numbers(peer) == all);
    CHECK(peer.statistics().repeated == 20);
}

TEST_CASE("event lane: repeats until the deadline, then rests") {
    event_lane_sender lane = sender({.repeat_interval = 50_ms});
    REQUIRE(lane.push(instant{}, bytes{7}, instant{} + 220_ms) == status::ok);
    std::vector<std::int64_t> at;
    instant now{};
    while (!lane.next_timeout().is_never()) {
        now = std::max(now, lane.next_timeout());
        REQUIRE_FALSE(written(lane, now).empty());
        at.push_back(now.ns() / 1'000'000);
        REQUIRE(at.size() < 20);
    }
    CHECK(at == std::vector<std::int64_t>{0, 50, 100, 150, 200});
    CHECK(written(lane, now + 1_s).empty());
}

TEST_CASE("event lane: limits have a status") {
    event_lane_sender lane = sender({.carry = 2});
    CHECK(lane.push(instant{}, bytes(101)) == status::too_large);
    CHECK(lane.push(instant{}, bytes(100)) == status::ok);
    CHECK(lane.push(instant{}, bytes(100)) == status::ok);
    CHECK(lane.push(instant{}, bytes(1)) == status::queue_full);
    bytes small(150);
    std::size_t size = 0;
    CHECK(lane.write(instant{}, small, size) == status::buffer_too_small);
    CHECK(written(lane, instant{}).size() > 200);
    CHECK(lane.push(instant{}, bytes(1)) == status::ok);
    CHECK(written(lane, instant{}, 20).size() == 4 + 5 + 1);  // older ones only where there is room

    event_lane_receiver peer = receiver({.queue = 16});
    event_lane_sender other = sender({.carry = 16});
    for (int i = 0; i < 20; ++i) {
        REQUIRE(other.push(instant{}, bytes{1}) == status::ok);
        const status answer = peer.read(written(other, instant{}));
        CHECK(answer == (i < 16 ? status::ok : status::queue_full));
    }
    CHECK(numbers(peer).size() == 16);
    REQUIRE(other.push(instant{}, bytes{1}) == status::ok);
    CHECK(peer.read(written(other, instant{})) == status::ok);
    CHECK(numbers(peer) == std::vector<std::uint64_t>{16, 17, 18, 19, 20});  // what found no room came again
}

TEST_CASE("event lane: malformed and implausible messages change nothing") {
    event_lane_sender lane = sender();
    for (int i = 0; i < 3; ++i) REQUIRE(lane.push(instant{}, bytes(5, 9)) == status::ok);
    const bytes good = written(lane, instant{});
    event_lane_receiver peer = receiver();
    for (std::size_t size = 0; size < good.size(); ++size) {
        const byte_view part = byte_view{good}.first(size);
        // Cut between two events it is a shorter message.
        if ((size - 4) % 10 == 0 && size > 4) continue;
        CHECK(peer.read(part) == status::malformed);
    }
    CHECK(peer.read(bytes{0, 0, 0, 5, 1, 0, 0, 0, 0}) == status::malformed);    // the first is not the newest
    CHECK(peer.read(bytes{0, 0, 0, 5, 0, 0, 0, 0, 101}) == status::malformed);  // too long
    CHECK(peer.read(bytes{0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0}) == status::malformed);  // below the first one
    CHECK(peer.read(good) == status::ok);
    CHECK(peer.read(bytes{0, 2, 0, 0, 0, 0, 0, 0, 0}) == status::out_of_window);
    CHECK(peer.statistics().implausible == 1);
    CHECK(numbers(peer).size() == 3);
    peer.reset();
    CHECK(peer.read(good) == status::ok);
}

TEST_CASE("event lane: exactly once under loss, repetition and reordering") {
    for (std::uint64_t seed = 1; seed <= 100; ++seed) {
        CAPTURE(seed);
        xoshiro256 random{seed};
        const event_lane_config config{.carry = 1 + static_cast<std::uint32_t>(random.below(16)), .window = 64};
        event_lane_sender lane = sender(config);
        event_lane_receiver peer = receiver(config);
        std::multimap<std::uint64_t, bytes> wire;
        std::map<std::uint64_t, bytes> pushed;
        std::map<std::uint64_t, int> got;
        const double loss = random.uniform(0, 0.5);
        for (std::uint64_t step = 0; step < 2'000; ++step) {
            const instant now = instant{} + duration::from_ms(static_cast<std::int64_t>(step) * 10);
            if (random.chance(0.3)) {
                bytes event(random.below(101));
                for (std::uint8_t& b : event) b = static_cast<std::uint8_t>(random.next());
                const std::uint64_t number = lane.count();
                if (lane.push(now, event, now + (random.chance(0.5) ? 300_ms : 0_ms)) == status::ok)
                    pushed[number] = event;
            }
            if (lane.next_timeout() <= now)
                if (const bytes message = written(lane, now); !message.empty() && !random.chance(loss))
                    for (int copies = random.chance(0.2) ? 2 : 1; copies > 0; --copies)
                        wire.emplace(step + random.below(random.chance(0.1) ? 100 : 8), message);
            while (!wire.empty() && wire.begin()->first <= step) {
                const status answer = peer.read(wire.begin()->second);
                REQUIRE((answer == status::ok || answer == status::duplicate));
                wire.erase(wire.begin());
            }
            lane_event e;
            while (peer.poll(e)) {
                REQUIRE(++got[e.number] == 1);
                REQUIRE(pushed.contains(e.number));
                REQUIRE(bytes(e.bytes.begin(), e.bytes.end()) == pushed[e.number]);
                REQUIRE(e.origin <= media_time::from_ns(now.ns()));
            }
        }
        if (loss < 0.2 && config.carry >= 8) REQUIRE(got.size() * 100 >= pushed.size() * 97);
    }
}

TEST_CASE("event lane: in a session, as packets of a stream of its own") {
    test::session_pair pair{session_config{}};
    REQUIRE(pair.add_path(0) == status::ok);
    xoshiro256 random{5};
    pair.links[0] = [&](const test::seen_transmission&) {
        return random.chance(0.3) ? std::vector<duration>{} : std::vector<duration>{10_ms};
    };
    event_lane_sender lane = sender();
    event_lane_receiver peer = receiver();
    constexpr stream_id lane_stream = 3;
    std::size_t read = 0;
    for (std::uint64_t i = 0; i < 500; ++i) {
        if (i % 10 == 0 && i < 450)
            REQUIRE(lane.push(pair.now(), test::payload_of(i, 40), pair.now() + 150_ms) == status::ok);
        if (lane.next_timeout() <= pair.now())
            REQUIRE(pair.send(0, lane_stream, written(lane, pair.now())) == status::ok);
        (void)pair.send(0, 0, test::payload_of(i, 200));
        pair.run_for(5_ms);
        for (; read < pair.deliveries[1].size(); ++read)
            if (pair.deliveries[1][read].stream == lane_stream)
                REQUIRE_FALSE(failed(peer.read(pair.deliveries[1][read].payload)));
    }
    CHECK(numbers(peer).size() == 45);
}
