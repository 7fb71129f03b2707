// SPDX-License-Identifier: MIT
#include "duality/session.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <vector>

#include "support/session_checks.hpp"
#include "support/session_pair.hpp"

using namespace duality;
using namespace duality::literals;
using test::delivered_numbers;
using test::extra_bytes;
using test::far;
using test::lose_every;
using test::near;
using test::open_session;
using test::payload_of;
using test::session_pair;

TEST_CASE("session: a clean link brings every packet once, in order, at its slot, without any parity") {
    session_pair pair{session_config{}};
    REQUIRE(pair.add_path(0) == status::ok);
    pair.send_flow(near, 0, 400, 5_ms, 200);
    pair.run_for(500_ms);

    const auto numbers = delivered_numbers(pair, far, 200, 400);
    REQUIRE(numbers.size() == 400);
    CHECK(std::is_sorted(numbers.begin(), numbers.end()));
    for (const auto& d : pair.deliveries[far]) {
        CHECK_FALSE(d.past_deadline);
        CHECK(d.recovered_by == recovery::none);
        CHECK(d.held <= 30_ms);
        CHECK(d.at >= d.due);
    }
    CHECK(pair.count(near, transmit_kind::source) == 400);
    CHECK(pair.count(near, transmit_kind::parity) == 0);
    CHECK(pair.count(near, transmit_kind::reactive_repair) == 0);
    CHECK(pair.count(near, transmit_kind::copy) == 0);
    CHECK(pair.end(near).path(pair.now(), 0).rtt_min >= 20_ms);
    CHECK(pair.end(near).path(pair.now(), 0).rtt_min < 21_ms);
    CHECK_FALSE(pair.stuck);
}

TEST_CASE("session: the receiving end tells of silence, of its end and of a path that got longer") {
    session_pair pair{session_config{}};
    REQUIRE(pair.add_path(0) == status::ok);
    pair.send_flow(near, 0, 300, 5_ms, 200);
    CHECK(pair.count_event(far, session_event_kind::regime) == 0);
    pair.links[near] = [](const test::seen_transmission&) { return std::vector<duration>{}; };
    pair.send_flow(near, 0, 40, 5_ms, 200);
    pair.links[near] = test::constant_delay(60_ms);
    pair.send_flow(near, 0, 300, 5_ms, 200);

    std::vector<regime_event> told;
    for (const session_event& e : pair.events[far])
        if (e.kind == session_event_kind::regime) told.push_back(e.regime);
    REQUIRE(told.size() >= 3);
    CHECK(told[0].to == regime::outage);
    CHECK(told[1].from == regime::outage);
    CHECK(std::count_if(told.begin(), told.end(), [](const regime_event& e) {
              return e.what == regime_event::kind::level_step && e.baseline_after - e.baseline_before > 45_ms;
          }) == 1);
    CHECK(pair.count_event(near, session_event_kind::regime) == 0);
}

TEST_CASE("session: both directions and several streams at once do not disturb each other") {
    session_pair pair{session_config{}};
    REQUIRE(pair.add_path(0) == status::ok);
    constexpr std::size_t count = 150;
    for (std::size_t i = 0; i < count; ++i) {
        for (stream_id stream = 0; stream < 4; ++stream) {
            CHECK(pair.send(near, stream, payload_of(1'000u * stream + i, 40u + stream)) == status::ok);
            CHECK(pair.send(far, stream, payload_of(1'000'000u + 1'000u * stream + i, 60u + stream)) == status::ok);
        }
        pair.run_for(10_ms);
    }
    pair.run_for(500_ms);
    for (const std::size_t end : {near, far}) {
        std::array<std::size_t, 4> next{};
        for (const auto& d : pair.deliveries[end]) {
            REQUIRE(d.stream < 4);
            const std::uint64_t first = (end == near ? 1'000'000u : 0u) + 1'000u * d.stream;
            const std::size_t size = (end == near ? 60u : 40u) + d.stream;
            CHECK(d.payload == payload_of(first + next[d.stream]++, size));
        }
        for (const std::size_t n : next) CHECK(n == count);
    }
    // Numbers count all streams together, so every one comes once and without a hole.
    std::set<std::uint64_t> numbers;
    for (const auto& d : pair.deliveries[far]) numbers.insert(d.number);
    CHECK(numbers.size() == 4 * count);
    CHECK(*numbers.rbegin() - *numbers.begin() == 4 * count - 1);
}

TEST_CASE("session: empty and largest payloads pass") {
    session_pair pair{session_config{}};
    REQUIRE(pair.add_path(0) == status::ok);
    REQUIRE(pair.send(near, 0, {}) == status::ok);
    pair.run_for(5_ms);
    REQUIRE(pair.send(near, 0, payload_of(1, 1200)) == status::ok);
    pair.run_for(200_ms);
    REQUIRE(pair.deliveries[far].size() == 2);
    CHECK(pair.deliveries[far][0].payload.empty());
    CHECK(pair.deliveries[far][1].payload == payload_of(1, 1200));
}

TEST_CASE("session: lost packets come back before their deadline") {
    session_pair pair{session_config{}};
    REQUIRE(pair.add_path(0) == status::ok);
    pair.links[near] = lose_every(23);
    pair.send_flow(near, 0, 2'000, 5_ms, 300);
    pair.run_for(1_s);
    const auto numbers = delivered_numbers(pair, far, 300, 2'000);
    const std::size_t lost_by_link = 2'000 / 23;
    CHECK(2'000 - numbers.size() <= lost_by_link / 10);
    CHECK(std::any_of(pair.deliveries[far].begin(), pair.deliveries[far].end(), [](const auto& d) {
        return d.recovered_by == recovery::reactive || d.recovered_by == recovery::parity;
    }));
    CHECK(pair.end(far).statistics().receiver.rebuilt > 0);
}

TEST_CASE("session: without reactive repair and parity nothing is rebuilt") {
    session_config config;
    config.parity = config.reactive = false;
    session_pair pair{config};
    REQUIRE(pair.add_path(0) == status::ok);
    pair.links[near] = lose_every(20);
    pair.send_flow(near, 0, 1'000, 5_ms, 300);
    pair.run_for(500_ms);
    CHECK(pair.end(far).statistics().receiver.rebuilt == 0);
    CHECK(pair.count(near, transmit_kind::parity) + pair.count(near, transmit_kind::reactive_repair) == 0);
    CHECK(pair.deliveries[far].size() < 1'000);
    CHECK(pair.deliveries[far].size() >= 940);
}

TEST_CASE("session: reordered packets are delivered in order") {
    session_pair pair{session_config{}};
    REQUIRE(pair.add_path(0) == status::ok);
    pair.links[near] = [n = 0](const test::seen_transmission&) mutable {
        return std::vector<duration>{++n % 3 == 0 ? 19_ms : 10_ms};
    };
    pair.send_flow(near, 0, 600, 5_ms, 100);
    pair.run_for(500_ms);
    const auto numbers = delivered_numbers(pair, far, 100, 600);
    CHECK(numbers.size() == 600);
    CHECK(std::is_sorted(numbers.begin(), numbers.end()));
}

TEST_CASE("session: a loss is asked for at once, after `reorder_delay` where packets overtook each other lately") {
    session_config config;
    session_pair pair{config};
    REQUIRE(pair.add_path(0) == status::ok);
    const auto sent_at = [](int ms) { return instant{} + duration::from_ms(ms); };
    const auto first_repair_after = [&](instant from) {
        for (const auto& t : pair.sent[near])
            if (t.kind == transmit_kind::reactive_repair && t.at >= from) return t.at;
        return instant::never();
    };
    // Every fifth millisecond one packet, 10 ms each way. Late ones come 1 ms behind the next one.
    pair.links[near] = [&](const test::seen_transmission& t) -> std::vector<duration> {
        if (t.at >= sent_at(3'000) && t.at < sent_at(3'100)) return {};
        if (t.kind != transmit_kind::source) return {10_ms};
        if (t.at == sent_at(500) || t.at == sent_at(2'000)) return {};
        return {t.at == sent_at(1'000) || t.at == sent_at(1'500) ? 16_ms : 10_ms};
    };
    pair.send_flow(near, 0, 800, 5_ms, 400);
    pair.run_for(300_ms);
    // Seen with the packet behind it, a request one way, the answer.
    CHECK(first_repair_after(sent_at(500)) == sent_at(500) + 25_ms);
    // The first one to be overtaken passes for lost; from then on there is patience.
    CHECK(first_repair_after(sent_at(1'000)) == sent_at(1'000) + 25_ms);
    CHECK(first_repair_after(sent_at(1'100)) == sent_at(2'000) + 25_ms + config.reorder_delay);
    // Also after a silence the request goes into the first report.
    CHECK(first_repair_after(sent_at(3'000)) == sent_at(3'100) + 20_ms + config.reorder_delay);
    CHECK(delivered_numbers(pair, far, 400, 800).size() >= 800 - 20);
}

TEST_CASE("session: a flow goes on when the origins on the wire begin anew") {
    session_pair pair{session_config{}};
    REQUIRE(pair.add_path(0) == status::ok);
    const duration circle = duration::from_ns(std::int64_t{1} << (wire::origin_bits + wire::tick_bits));
    pair.run_until(instant{} + circle - 1_s);
    pair.links[near] = lose_every(50);
    pair.send_flow(near, 0, 400, 5_ms, 200);
    pair.run_for(500_ms);
    CHECK(delivered_numbers(pair, far, 200, 400).size() == 400);
    for (const auto& d : pair.deliveries[far])
        if (d.recovered_by == recovery::none) CHECK(d.lateness == 0_ms);
    CHECK(pair.end(far).statistics().receiver.refused == 0);
    CHECK(pair.end(far).statistics().receiver.outdated == 0);
}

TEST_CASE("session: a link that repeats everything changes nothing for the application") {
    session_pair pair{session_config{}};
    REQUIRE(pair.add_path(0) == status::ok);
    for (const std::size_t end : {near, far})
        pair.links[end] = [](const test::seen_transmission&) { return std::vector<duration>{10_ms, 11_ms}; };
    pair.send_flow(near, 0, 300, 5_ms, 100);
    pair.run_for(500_ms);
    CHECK(delivered_numbers(pair, far, 100, 300).size() == 300);
    CHECK(pair.end(far).statistics().repeated_datagrams >= 300);
    CHECK(pair.end(far).path(pair.now(), 0).packets_duplicated >= 300);
}

TEST_CASE("session: copies that come long after the original earn nothing for reports") {
    // Repeated outside the window of path sequence numbers, so that only the source number tells.
    session_config config;
    config.paths.report_interval = 2_ms;
    session_pair pair{config};
    REQUIRE(pair.add_path(0) == status::ok);
    pair.links[near] = [](const test::seen_transmission&) {
        return std::vector<duration>{10_ms, 1_s, 2_s, 3_s, 4_s, 5_s, 6_s, 7_s, 8_s, 9_s};
    };
    for (std::size_t i = 0; i < 2'000; ++i) {
        (void)pair.send(near, 0, payload_of(i, 100));
        pair.run_for(5_ms);
        const std::uint64_t source = pair.end(near).statistics().sender.source.bytes;
        const std::uint64_t extra = extra_bytes(pair.end(near).statistics()) + extra_bytes(pair.end(far).statistics());
        REQUIRE(extra * 10'000 <= source * config.overhead_cap_bp);
    }
}

TEST_CASE("session: closing tells the peer, delivers what is held, and ends with one event at each end") {
    session_pair pair{session_config{}};
    REQUIRE(pair.add_path(0) == status::ok);
    pair.send_flow(near, 0, 50, 5_ms, 100);
    REQUIRE(pair.end(near).close(pair.now(), wire::close_reason::going_away) == status::ok);
    CHECK(pair.end(near).close(pair.now(), wire::close_reason::normal) == status::closed);
    pair.run_for(500_ms);

    CHECK(delivered_numbers(pair, far, 100, 50).size() == 50);
    CHECK(pair.count_event(near, session_event_kind::closed) == 1);
    CHECK(pair.count_event(near, session_event_kind::peer_closed) == 0);
    CHECK(pair.count_event(far, session_event_kind::peer_closed) == 1);
    CHECK(pair.count_event(far, session_event_kind::closed) == 1);
    const auto reason = std::find_if(pair.events[far].begin(), pair.events[far].end(),
                                     [](const session_event& e) { return e.kind == session_event_kind::peer_closed; });
    CHECK(reason->reason == wire::close_reason::going_away);
    for (const std::size_t end : {near, far}) {
        CHECK(pair.end(end).is_closed());
        CHECK(pair.end(end).send(pair.now(), 0, payload_of(0, 1)) == status::closed);
        CHECK(pair.end(end).handle_datagram(pair.now(), 0, payload_of(0, 1)) == status::closed);
        CHECK(pair.end(end).add_path(pair.now(), 3, {}) == status::closed);
        CHECK(pair.end(end).close(pair.now(), wire::close_reason::normal) == status::closed);
    }

    // Nothing comes after the end.
    for (const std::size_t end : {near, far}) {
        CHECK(pair.end(end).next_timeout().is_never());
        const std::size_t events = pair.events[end].size();
        const std::size_t sent = pair.sent[end].size();
        for (int i = 0; i < 100; ++i) {
            pair.run_for(50_ms);
            pair.end(end).handle_timeout(pair.now());
            pair.drain(end);
        }
        CHECK(pair.events[end].size() == events);
        CHECK(pair.sent[end].size() == sent);
    }
}

TEST_CASE("session: a session that never had a path can be closed, and next_timeout says when to hear of it") {
    session s = open_session();
    REQUIRE(s.close({}, wire::close_reason::normal) == status::ok);
    CHECK_FALSE(s.next_timeout().is_never());
    session_output out;
    REQUIRE(s.poll_output({}, out));
    CHECK(out.kind == output_kind::event);
    CHECK(out.event.kind == session_event_kind::closed);
    CHECK_FALSE(s.poll_output({}, out));
    CHECK(s.next_timeout().is_never());
}

TEST_CASE("session: a stream's deadline can change at run time") {
    for (const late_policy policy : {late_policy::drop, late_policy::deliver}) {
        session_config config;
        config.reactive = config.parity = false;
        session_pair pair{config};
        REQUIRE(pair.add_path(0) == status::ok);
        // Every tenth packet is 70 ms late, in time for 100 ms and not for 40 ms.
        const auto rule = [n = 0](const test::seen_transmission& t) mutable {
            return std::vector<duration>{t.kind == transmit_kind::source && ++n % 10 == 0 ? 80_ms : 10_ms};
        };
        pair.links[near] = rule;
        const stream_config tolerant{.deadline = 100_ms, .late = policy};
        const stream_config strict{.deadline = 40_ms, .late = policy};
        REQUIRE(pair.end(far).set_stream(pair.now(), 0, tolerant) == status::ok);
        pair.send_flow(near, 0, 200, 5_ms, 100);
        pair.run_for(300_ms);
        REQUIRE(pair.deliveries[far].size() == 200);
        CHECK(std::none_of(pair.deliveries[far].begin(), pair.deliveries[far].end(),
                           [](const auto& d) { return d.past_deadline; }));

        REQUIRE(pair.end(far).set_stream(pair.now(), 0, strict) == status::ok);
        pair.send_flow(near, 0, 200, 5_ms, 100, 200);
        pair.run_for(300_ms);
        const auto late = static_cast<std::size_t>(std::count_if(
            pair.deliveries[far].begin(), pair.deliveries[far].end(), [](const auto& d) { return d.past_deadline; }));
        CHECK(late == (policy == late_policy::deliver ? 20u : 0u));
        CHECK(pair.deliveries[far].size() == (policy == late_policy::deliver ? 400u : 380u));
    }
}
