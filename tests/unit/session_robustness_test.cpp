// SPDX-License-Identifier: MIT
#include "duality/session.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <string>
#include <vector>

#include "support/counting_allocator.hpp"
#include "support/session_checks.hpp"
#include "support/session_pair.hpp"

using namespace duality;
using namespace duality::literals;
using test::bytes;
using test::delivered_numbers;
using test::far;
using test::lose_every;
using test::near;
using test::open_session;
using test::payload_of;
using test::session_pair;

TEST_CASE("session: send says what is wrong") {
    session_config config;
    config.queue = 16;
    session s = open_session(config);
    instant now{};
    CHECK(s.send(now, 0, payload_of(0, 10)) == status::over_budget);  // no path yet
    REQUIRE(s.add_path(now, 0, {.max_datagram = 600}) == status::ok);
    CHECK(s.add_path(now, 0, {}) == status::invalid_argument);
    CHECK(s.send(now, 4, payload_of(0, 10)) == status::unknown_stream);
    CHECK(s.send(now, 0, payload_of(0, 1201)) == status::too_large);
    CHECK(s.send(now, 0, payload_of(0, 600 - wire::data_packet_overhead + 1)) == status::too_large);
    CHECK(s.send(now, 0, payload_of(0, 600 - wire::data_packet_overhead)) == status::ok);

    std::size_t accepted = 1;
    while (s.send(now, 0, payload_of(accepted, 10)) == status::ok) REQUIRE(++accepted <= 16);
    CHECK(s.send(now, 0, payload_of(accepted, 10)) == status::queue_full);
    // Nothing accepted before is lost.
    session_output out;
    std::size_t sources = 0;
    while (s.poll_output(now, out))
        sources += out.kind == output_kind::transmit && out.transmit.kind == transmit_kind::source ? 1u : 0u;
    CHECK(sources == accepted);
    CHECK(s.send(now, 0, payload_of(99, 10)) == status::ok);

    CHECK(s.close(now, wire::close_reason::normal) == status::ok);
    CHECK(s.send(now, 0, payload_of(100, 10)) == status::closed);
}

TEST_CASE("session: a now before an earlier one is clamped and counted") {
    session_pair pair{session_config{}};
    REQUIRE(pair.add_path(0) == status::ok);
    pair.send_flow(near, 0, 20, 5_ms, 100);
    session& s = pair.end(near);
    REQUIRE(s.statistics().clock_backwards == 0);
    const instant before = instant::from_ns(1'000);
    CHECK(s.send(before, 0, payload_of(20, 100)) == status::ok);
    CHECK(s.statistics().clock_backwards == 1);
    s.handle_timeout(before);
    CHECK(s.statistics().clock_backwards == 2);
    CHECK(s.next_timeout() >= pair.now());  // the packet waits: at once, on the later clock
    pair.drain(near);
    pair.run_for(200_ms);
    CHECK(delivered_numbers(pair, far, 100, 21).size() == 21);
}

TEST_CASE("session: a clock that jumps to its end does not make it turn in circles") {
    session s = open_session();
    REQUIRE(s.add_path({}, 0, {}) == status::ok);
    REQUIRE(s.add_path({}, 1, {.cost = cost_class::metered}) == status::ok);
    session_output out;
    for (const instant now : {instant{}, instant::from_ns(std::int64_t{1} << 62), instant::never()}) {
        (void)s.send(now, 0, payload_of(1, 100));
        s.handle_timeout(now);
        int count = 0;
        while (s.poll_output(now, out)) REQUIRE(++count < 1'000);
    }
    CHECK(s.statistics().clock_backwards == 0);
}

TEST_CASE("session: a deadline out of range and an unknown stream are refused") {
    session s = open_session();
    CHECK(s.set_stream({}, 4, {}) == status::unknown_stream);
    CHECK(s.set_stream({}, 0, {.deadline = duration::zero()}) == status::invalid_config);
    CHECK(s.set_stream({}, 0, {.deadline = 10'001_ms}) == status::invalid_config);
    CHECK(s.set_stream({}, 0, {.deadline = 10'000_ms}) == status::ok);
}

TEST_CASE("session: views in an output survive the const calls") {
    session s = open_session();
    REQUIRE(s.add_path({}, 0, {}) == status::ok);
    REQUIRE(s.send({}, 0, payload_of(3, 500)) == status::ok);
    session_output out;
    REQUIRE(s.poll_output({}, out));
    REQUIRE(out.kind == output_kind::transmit);
    const bytes datagram{out.transmit.bytes.begin(), out.transmit.bytes.end()};
    (void)s.statistics();
    (void)s.next_timeout();
    (void)s.path({}, 0);
    CHECK(std::equal(datagram.begin(), datagram.end(), out.transmit.bytes.begin(), out.transmit.bytes.end()));

    session peer = open_session();
    REQUIRE(peer.add_path({}, 0, {}) == status::ok);
    REQUIRE(peer.handle_datagram({}, 0, datagram) == status::ok);
    instant now{};
    while (peer.next_timeout() <= instant{} + 100_ms) {
        now = std::max(now, peer.next_timeout());
        peer.handle_timeout(now);
        bool delivered = false;
        while (peer.poll_output(now, out)) {
            if (out.kind != output_kind::deliver) continue;
            delivered = true;
            (void)peer.statistics();
            (void)peer.hold(0).size();
            CHECK(bytes(out.deliver.bytes.begin(), out.deliver.bytes.end()) == payload_of(3, 500));
        }
        if (delivered) return;
    }
    FAIL("nothing was delivered");
}

TEST_CASE("session: a loop that follows next_timeout is woken a bounded number of times") {
    SECTION("idle, never used") {
        session_pair pair{session_config{}};
        REQUIRE(pair.add_path(0) == status::ok);
        REQUIRE(pair.add_path(1, {.cost = cost_class::metered}) == status::ok);
        pair.run_for(60_s);
        CHECK(pair.wake_ups <= 60 * 40);
        CHECK_FALSE(pair.stuck);
    }
    SECTION("after a flow has ended") {
        session_pair pair{session_config{}};
        REQUIRE(pair.add_path(0) == status::ok);
        pair.send_flow(near, 0, 200, 5_ms, 100);
        pair.run_for(5_s);
        const std::uint64_t before = pair.wake_ups;
        pair.run_for(60_s);
        CHECK(pair.wake_ups - before <= 60 * 40);
        CHECK_FALSE(pair.stuck);
    }
    SECTION("a peer that never answers") {
        session_pair pair{session_config{}};
        REQUIRE(pair.add_path(0) == status::ok);
        REQUIRE(pair.add_path(1) == status::ok);
        pair.links[near] = [](const test::seen_transmission&) { return std::vector<duration>{}; };
        pair.send_flow(near, 0, 2'000, 5_ms, 100);
        CHECK(pair.wake_ups <= 10 * 1'000);
        CHECK_FALSE(pair.stuck);
    }
    SECTION("while packets are sent and lost") {
        session_pair pair{session_config{}};
        REQUIRE(pair.add_path(0) == status::ok);
        pair.links[near] = pair.links[far] = lose_every(5);
        pair.send_flow(near, 0, 2'000, 5_ms, 100);
        CHECK(pair.wake_ups <= 10 * 2'000);
        CHECK_FALSE(pair.stuck);
    }
}

TEST_CASE("session: bytes that are not ours are named and counted") {
    session s = open_session();
    REQUIRE(s.add_path({}, 0, {}) == status::ok);
    CHECK(s.handle_datagram({}, 7, payload_of(0, 40)) == status::unknown_path);
    CHECK(s.handle_datagram({}, 0, {}) == status::malformed);
    const bytes other_version{2, 0, 1, 0x08, 0, 0, 0, 0, 0};
    CHECK(s.handle_datagram({}, 0, other_version) == status::unsupported_version);
    const bytes header_only{1, 0, 1};
    CHECK(s.handle_datagram({}, 0, header_only) == status::malformed);
    CHECK(s.statistics().last_error_offset == 3);
    const bytes short_data{1, 0, 2, 0x00, 0, 0, 0, 1, 0, 0xAA};
    CHECK(s.handle_datagram({}, 0, short_data) == status::malformed);
    CHECK(s.statistics().last_error_offset == 9);
    // A frame of a kind to come, then a probe.
    const bytes future{1, 0, 3, 0x41, 0x01, 0x02, 0xDE, 0xAD, 0x08, 0, 0, 0, 0, 5};
    CHECK(s.handle_datagram({}, 0, future) == status::ok);
    const session_statistics seen = s.statistics();
    CHECK(seen.datagrams_received == 5);
    CHECK(seen.malformed == 3);
    CHECK(seen.unsupported_version == 1);
    CHECK(seen.unknown_frames == 1);
    CHECK(seen.receiver.accepted == 0);
}

TEST_CASE("session: frames before a broken byte are kept") {
    session s = open_session();
    REQUIRE(s.add_path({}, 0, {}) == status::ok);
    bytes packet(64);
    wire::writer out{packet};
    wire::write_header(out, {0});
    wire::write_delimited(out, wire::data_frame{5, 0, 0, payload_of(1, 8)});
    out.u8(0x08);  // a probe without its body
    packet.resize(out.size());
    CHECK(s.handle_datagram({}, 0, packet) == status::malformed);
    CHECK(s.statistics().receiver.accepted == 1);
}

TEST_CASE("session: lies in feedback are counted and change nothing") {
    session s = open_session();
    REQUIRE(s.add_path({}, 0, {}) == status::ok);
    session_output out;
    for (int i = 0; i < 5; ++i) {
        REQUIRE(s.send({}, 0, payload_of(static_cast<std::uint64_t>(i), 50)) == status::ok);
        while (s.poll_output({}, out)) {
        }
    }
    wire::feedback_frame lie;
    lie.newest_esi = 5;  // one more than was ever sent
    lie.known_run = 6;
    lie.deficit = {.symbols_needed = 3, .first_missing = 3, .last_missing = 5, .by_when = 50_ms};
    lie.path_count = 2;
    lie.paths[0] = {.path = 0, .newest_sequence = 999, .age = {}, .received = 1};
    lie.paths[1] = {.path = 42, .newest_sequence = 0, .age = {}, .received = 1};
    bytes packet(128);
    wire::writer w{packet};
    wire::write_header(w, {0});
    wire::write(w, lie);
    packet.resize(w.size());
    CHECK(s.handle_datagram(instant{} + 10_ms, 0, packet) == status::ok);
    CHECK(s.statistics().sender.implausible_feedback == 2);
    CHECK(s.statistics().sender.deficits == 0);
    CHECK(s.path(instant{} + 10_ms, 0).rtt_min == duration::zero());
    while (s.poll_output(instant{} + 10_ms, out))
        CHECK((out.kind != output_kind::transmit || out.transmit.kind != transmit_kind::reactive_repair));
}

TEST_CASE("session: probes and clock requests are answered on the path they came on") {
    session_pair pair{session_config{}};
    REQUIRE(pair.add_path(0) == status::ok);
    REQUIRE(pair.add_path(3) == status::ok);
    pair.send_flow(near, 0, 200, 5_ms, 1'000);  // so that both may afford an answer
    session& s = pair.end(near);
    bytes packet(64);
    wire::writer w{packet};
    wire::write_header(w, {20'000});
    wire::write_delimited(w, wire::clock_frame{false, 0x0123456789ABCDEF, 0, 0});
    wire::write(w, wire::probe_frame{false, 0xCAFE0001});
    packet.resize(w.size());
    const std::size_t before = pair.sent[near].size();
    const instant asked = pair.now();
    REQUIRE(s.handle_datagram(asked, 3, packet) == status::ok);
    pair.drain(near);
    pair.run_for(170_ms);  // the clock's answer waits a little for something to ride on
    bool clock = false;
    bool probe = false;
    for (std::size_t i = before; i < pair.sent[near].size(); ++i) {
        const auto& t = pair.sent[near][i];
        const wire::frame frame = test::frames_of(t).at(0);
        if (frame.type == wire::frame_type::clock && frame.clock.response) {
            clock = true;
            CHECK(t.path == 3);
            CHECK(frame.clock.t1 == 0x0123456789ABCDEF);
            CHECK(frame.clock.t2 == static_cast<std::uint64_t>(asked.ns()));
            CHECK(frame.clock.t3 >= frame.clock.t2);
        }
        // Others come from the far end's own probes.
        if (frame.type == wire::frame_type::probe && frame.probe.response && frame.probe.token == 0xCAFE0001) {
            probe = true;
            CHECK(t.path == 3);
        }
    }
    CHECK(clock);
    CHECK(probe);
}

TEST_CASE("session: outputs that nobody takes cost nothing but the outputs") {
    session_config config;
    config.receive_packets = 32;
    session_pair pair{config};
    REQUIRE(pair.add_path(0) == status::ok);
    std::vector<bytes> datagrams;
    session& s = pair.end(near);
    session_output out;
    instant now{};
    for (std::size_t i = 0; i < 100; ++i) {
        REQUIRE(s.send(now, 0, payload_of(i, 20)) == status::ok);
        while (s.poll_output(now, out))
            if (out.kind == output_kind::transmit)
                datagrams.emplace_back(out.transmit.bytes.begin(), out.transmit.bytes.end());
        now += 1_ms;
    }
    session& peer = pair.end(far);
    for (const bytes& d : datagrams) (void)peer.handle_datagram(now, 0, d);
    CHECK(peer.statistics().receiver.accepted <= 32);
    CHECK(peer.statistics().receiver.refused + peer.statistics().receiver.accepted == 100);
    std::size_t delivered = 0;
    now += 1_s;
    peer.handle_timeout(now);
    while (peer.poll_output(now, out)) delivered += out.kind == output_kind::deliver ? 1u : 0u;
    CHECK(delivered + peer.statistics().receiver.outdated == peer.statistics().receiver.accepted);
}

TEST_CASE("session: a configuration out of range names its field and the legal range") {
    const auto refused = [](auto change) {
        session_config config;
        change(config);
        const auto made = session::create(config, allocator::system());
        CHECK(made.code() == status::invalid_config);
        return std::string{made.error().where.field};
    };
    CHECK(refused([](session_config& c) { c.max_payload = 1; }) == "max_payload");
    CHECK(refused([](session_config& c) { c.max_payload = 16'385; }) == "max_payload");
    CHECK(refused([](session_config& c) { c.max_streams = 65; }) == "max_streams");
    CHECK(refused([](session_config& c) { c.protected_packets = 15; }) == "protected_packets");
    CHECK(refused([](session_config& c) { c.receive_packets = 31; }) == "receive_packets");
    CHECK(refused([](session_config& c) { c.queue = 15; }) == "queue");
    CHECK(refused([](session_config& c) { c.overhead_cap_bp = 100'001; }) == "overhead_cap_bp");
    CHECK(refused([](session_config& c) { c.control_share_bp = c.overhead_cap_bp + 1; }) == "control_share_bp");
    CHECK(refused([](session_config& c) { c.reorder_delay = -1_ms; }) == "reorder_delay");
    CHECK(refused([](session_config& c) { c.reorder_delay = duration::from_ns(-1); }) == "reorder_delay");
    CHECK(refused([](session_config& c) { c.path_skew = duration::from_ns(-1); }) == "path_skew");
    CHECK(refused([](session_config& c) { c.path_skew = 1'001_ms; }) == "path_skew");
    CHECK(refused([](session_config& c) { c.stream.deadline = 0_ms; }) == "stream.deadline");
    CHECK(refused([](session_config& c) { c.hold.hold_min = -1_ms; }) == "hold_min");
    CHECK(refused([](session_config& c) { c.paths.max_paths = 17; }) == "max_paths");

    for (const field_bounds& row : session_bounds) {
        const field_bounds* found = session::bounds(row.field);
        REQUIRE(found != nullptr);
        CHECK(found->low <= found->high);
    }
    CHECK(session::bounds("no_such_field") == nullptr);
}

TEST_CASE("session: the least and the most of every size works") {
    session_config least;
    least.max_payload = 2;
    least.max_streams = 1;
    least.protected_packets = 16;
    least.receive_packets = 32;
    least.queue = 16;
    session_config most;
    most.max_payload = 16'384;
    most.max_streams = 64;
    most.protected_packets = 1'024;
    most.receive_packets = 4'096;
    most.queue = 4'096;
    for (const session_config& config : {least, most}) {
        session_pair pair{config};
        REQUIRE(pair.add_path(0, {.max_datagram = 20'000}) == status::ok);
        const auto stream = static_cast<stream_id>(config.max_streams - 1);
        pair.send_flow(near, stream, 20, 5_ms, config.max_payload);
        pair.run_for(200_ms);
        CHECK(pair.deliveries[far].size() == 20);
        for (std::size_t i = 0; i < pair.deliveries[far].size(); ++i)
            CHECK(pair.deliveries[far][i].payload == payload_of(i, config.max_payload));
    }
}

TEST_CASE("session: what is held for longer than it can help to repair is delivered as it was") {
    session_config config;
    config.protected_packets = 16;
    config.receive_packets = 200;
    config.stream.deadline = 2'000_ms;
    config.hold.hold_min = config.hold.hold_initial = config.hold.hold_max = 800_ms;
    config.control.hold_max = 800_ms;
    session_pair pair{config};
    REQUIRE(pair.add_path(0) == status::ok);
    // Ever longer ones, so that what is held is moved as well.
    for (std::uint64_t i = 0; i < 500; ++i) {
        (void)pair.send(near, 0, payload_of(i, 10 + 2 * i));
        pair.run_for(5_ms);
    }
    pair.run_for(2_s);
    REQUIRE(pair.deliveries[far].size() == 500);
    for (std::size_t i = 0; i < 500; ++i) REQUIRE(pair.deliveries[far][i].payload == payload_of(i, 10 + 2 * i));
    CHECK(pair.deliveries[far][400].held > 700_ms);
    CHECK(pair.end(far).statistics().receiver.refused == 0);
}

TEST_CASE("session: creation takes all memory through the allocator, gives it back, and survives a refusal") {
    session_config config;
    config.max_payload = 100;
    config.receive_packets = 32;
    test::counting_allocator all;
    {
        const auto made = session::create(config, all.get());
        REQUIRE(made.has_value());
        CHECK(all.calls() > 0);
        CHECK(all.live_bytes() > 32 * 100);
    }
    CHECK(all.live_blocks() == 0);
    for (std::size_t allowed = 0; allowed < all.calls(); ++allowed) {
        test::counting_allocator some{allowed};
        const auto made = session::create(config, some.get());
        CHECK(made.code() == status::out_of_memory);
        CHECK(some.live_blocks() == 0);
        CHECK(some.live_bytes() == 0);
    }
}
