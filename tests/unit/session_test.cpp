// SPDX-License-Identifier: MIT
#include "duality/session.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "support/counting_allocator.hpp"
#include "support/session_pair.hpp"

using namespace duality;
using namespace duality::literals;
using test::bytes;
using test::payload_of;
using test::session_pair;

namespace {

constexpr std::size_t near = session_pair::near;
constexpr std::size_t far = session_pair::far;

session open_session(const session_config& config = {}) {
    auto made = session::create(config, allocator::system());
    REQUIRE(made.has_value());
    return std::move(made).value();
}

/// The numbers of the packets delivered at `end`, which must be byte-exact copies of a flow that began with payload
/// `first`; a packet that comes twice fails the test.
std::vector<std::uint64_t> delivered_numbers(const session_pair& pair, std::size_t end, std::size_t size,
                                             std::size_t flow_length, std::uint64_t first = 0) {
    std::map<bytes, std::uint64_t> known;
    for (std::uint64_t i = 0; i < flow_length; ++i) known[payload_of(first + i, size)] = i;
    std::vector<std::uint64_t> out;
    std::set<std::uint64_t> seen;
    for (const test::seen_delivery& d : pair.deliveries[end]) {
        const auto found = known.find(d.payload);
        REQUIRE(found != known.end());
        CHECK(seen.insert(found->second).second);
        out.push_back(found->second);
    }
    return out;
}

/// The longest time between two deliveries of packets that were in time.
duration longest_gap(const session_pair& pair, std::size_t end) {
    duration longest{};
    const auto& list = pair.deliveries[end];
    for (std::size_t i = 1; i < list.size(); ++i) longest = std::max(longest, list[i].at - list[i - 1].at);
    return longest;
}

std::uint64_t bytes_on(const session_pair& pair, std::size_t from, path_id path, std::uint32_t overhead) {
    std::uint64_t total = 0;
    for (const auto& t : pair.sent[from])
        if (t.path == path) total += t.datagram.size() + overhead;
    return total;
}

/// Everything but source packets and hot copies, both ends, in bytes on the wire.
std::uint64_t extra_bytes(const session_statistics& s) {
    return s.sender.parity.bytes + s.sender.reactive.bytes + s.sender.copies.bytes + s.sender.control.bytes;
}

test::link_rule lose_every(std::size_t period) {
    return [period, n = std::size_t{0}](const test::seen_transmission&) mutable {
        return ++n % period == 0 ? std::vector<duration>{} : std::vector<duration>{10_ms};
    };
}

}  // namespace

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

TEST_CASE("session: a path that forbids every byte carries nothing") {
    session s = open_session();
    instant now{};
    REQUIRE(s.add_path(now, 0, {.cost = cost_class::metered, .budget = {.day_bytes = 0}}) == status::ok);
    (void)s.send(now, 0, payload_of(0, 10));
    session_output out;
    bool exceeded = false;
    while (s.poll_output(now, out)) {
        CHECK(out.kind != output_kind::transmit);
        exceeded = exceeded || (out.kind == output_kind::event && out.event.kind == session_event_kind::error &&
                                out.event.error == error_code::lte_budget_exceeded);
    }
    CHECK(s.path(now, 0).budget_exhausted);
    // The error follows in the next round at the latest.
    s.handle_timeout(now);
    while (s.poll_output(now, out))
        exceeded = exceeded || (out.kind == output_kind::event && out.event.kind == session_event_kind::error &&
                                out.event.error == error_code::lte_budget_exceeded);
    CHECK(exceeded);
    CHECK(s.send(now, 0, payload_of(1, 10)) == status::over_budget);
}

TEST_CASE("session: at most max_paths paths, and ids come free again") {
    session s = open_session();
    for (path_id id = 0; id < 4; ++id) CHECK(s.add_path({}, id, {}) == status::ok);
    CHECK(s.add_path({}, 4, {}) == status::queue_full);
    CHECK(s.remove_path({}, 9) == status::unknown_path);
    CHECK(s.remove_path({}, 2) == status::ok);
    CHECK(s.add_path({}, 4, {}) == status::ok);
    CHECK(s.handle_datagram({}, 2, payload_of(0, 8)) == status::unknown_path);
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

TEST_CASE("session: a deadline out of range and an unknown stream are refused") {
    session s = open_session();
    CHECK(s.set_stream({}, 4, {}) == status::unknown_stream);
    CHECK(s.set_stream({}, 0, {.deadline = duration::zero()}) == status::invalid_config);
    CHECK(s.set_stream({}, 0, {.deadline = 10'001_ms}) == status::invalid_config);
    CHECK(s.set_stream({}, 0, {.deadline = 10'000_ms}) == status::ok);
}

TEST_CASE("session: a metered path never sends a byte over its cap, and says once that it stopped") {
    constexpr std::uint64_t cap = 30'000;
    session_config config;
    config.stream.mode = stream_mode::hot;
    session_pair pair{config};
    REQUIRE(pair.add_path(0) == status::ok);
    REQUIRE(pair.add_path(1, {.cost = cost_class::metered, .budget = {.day_bytes = cap}}) == status::ok);
    for (std::size_t i = 0; i < 400; ++i) {
        (void)pair.send(near, 0, payload_of(i, 300));
        pair.run_for(5_ms);
        for (const std::size_t end : {near, far}) REQUIRE(bytes_on(pair, end, 1, 28) <= cap);
    }
    pair.run_for(500_ms);
    CHECK(bytes_on(pair, near, 1, 28) + 28 + wire::copy_packet_overhead + 300 > cap - 10'000);  // it was used
    CHECK(pair.end(near).path(pair.now(), 1).budget_exhausted);
    CHECK(pair.count_error(near, error_code::lte_budget_exceeded) == 1);
    CHECK(std::count_if(pair.events[near].begin(), pair.events[near].end(), [](const session_event& e) {
              return e.kind == session_event_kind::path && e.path.kind == path_event_kind::budget_exhausted &&
                     e.path.path == 1;
          }) == 1);
    CHECK(delivered_numbers(pair, far, 300, 400).size() == 400);  // the primary goes on
}

TEST_CASE("session: a path whose budget is used up goes on when the next day begins") {
    session_config config;
    config.stream.mode = stream_mode::hot;
    session_pair pair{config};
    REQUIRE(pair.add_path(0) == status::ok);
    REQUIRE(pair.add_path(1, {.cost = cost_class::metered, .budget = {.day_bytes = 30'000}}) == status::ok);
    const wall_time evening = wall_time::from_ns(20'000 * 86'400'000'000'000) - 1_s;
    for (const std::size_t end : {near, far}) pair.end(end).set_wall_clock(pair.now(), evening);
    const instant midnight = pair.now() + 1_s;
    pair.send_flow(near, 0, 180, 5_ms, 300);
    CHECK(pair.end(near).path(pair.now(), 1).budget_exhausted);
    pair.send_flow(near, 0, 60, 5_ms, 300, 180);
    CHECK_FALSE(pair.end(near).path(pair.now(), 1).budget_exhausted);
    const auto& events = pair.events[near];
    const auto renewed = std::find_if(events.begin(), events.end(), [](const session_event& e) {
        return e.kind == session_event_kind::path && e.path.kind == path_event_kind::budget_renewed;
    });
    REQUIRE(renewed != events.end());
    CHECK(renewed->path.path == 1);
    CHECK(renewed->path.at >= midnight);
    CHECK(renewed->path.at < midnight + 10_ms);
    CHECK(std::any_of(pair.sent[near].begin(), pair.sent[near].end(), [&](const test::seen_transmission& t) {
        return t.at > midnight && t.path == 1 && t.kind == transmit_kind::copy;
    }));
}

TEST_CASE("session: budgets renew with the calendar that set_wall_clock tells") {
    session_config config;
    config.stream.mode = stream_mode::hot;
    session_pair pair{config};
    constexpr std::uint64_t cap = 30'000;
    REQUIRE(pair.add_path(0) == status::ok);
    REQUIRE(pair.add_path(1, {.cost = cost_class::metered, .budget = {.day_bytes = cap}}) == status::ok);
    // Shortly before midnight; the flow spends two thirds of the cap on each day.
    const wall_time evening = wall_time::from_ns(20'000 * 86'400'000'000'000) - 300_ms;
    for (const std::size_t end : {near, far}) pair.end(end).set_wall_clock(pair.now(), evening);
    pair.send_flow(near, 0, 120, 5_ms, 300);
    CHECK_FALSE(pair.end(near).path(pair.now(), 1).budget_exhausted);
    CHECK(bytes_on(pair, near, 1, 28) > cap);
    CHECK(pair.count_error(near, error_code::lte_budget_exceeded) == 0);
}

TEST_CASE("session: the overhead cap refuses repairs, never exceeds itself, and tells so at most once a second") {
    session_config config;
    config.overhead_cap_bp = 300;
    config.control_share_bp = 250;
    session_pair pair{config};
    REQUIRE(pair.add_path(0) == status::ok);
    pair.links[near] = lose_every(7);
    constexpr std::size_t count = 1'000;
    for (std::size_t i = 0; i < count; ++i) {
        (void)pair.send(near, 0, payload_of(i, 100));
        pair.run_for(5_ms);
        const std::uint64_t source = pair.end(near).statistics().sender.source.bytes;
        const std::uint64_t extra = extra_bytes(pair.end(near).statistics()) + extra_bytes(pair.end(far).statistics());
        REQUIRE(extra * 10'000 <= source * config.overhead_cap_bp);
    }
    CHECK(pair.end(near).statistics().sender.refused_by_cap > 0);
    const std::size_t told = pair.count_error(near, error_code::parity_over_budget);
    CHECK(told >= 1);
    CHECK(told <= 6);
}

TEST_CASE("session: a cap of zero costs nothing at all") {
    session_config config;
    config.overhead_cap_bp = config.control_share_bp = 0;
    session_pair pair{config};
    REQUIRE(pair.add_path(0) == status::ok);
    REQUIRE(pair.add_path(1) == status::ok);
    pair.links[near] = lose_every(10);
    pair.send_flow(near, 0, 500, 5_ms, 100);
    pair.run_for(200_ms);
    CHECK(pair.sent[near].size() == 500);
    CHECK(pair.sent[far].empty());
    CHECK(pair.deliveries[far].size() == 450);
}

TEST_CASE("session: hot streams are on two paths, so an outage of the first one is not noticed") {
    session_config config;
    config.stream.mode = stream_mode::hot;
    session_pair pair{config};
    REQUIRE(pair.add_path(0) == status::ok);
    REQUIRE(pair.add_path(1, {.cost = cost_class::metered}) == status::ok);
    const instant from = instant::from_ns(0) + 1_s;
    const auto rule = [&](const test::seen_transmission& t) {
        const bool out = t.path == 0 && t.at >= from && t.at < from + 400_ms;
        return out ? std::vector<duration>{} : std::vector<duration>{t.path == 0 ? 10_ms : 14_ms};
    };
    pair.links[near] = pair.links[far] = rule;
    pair.send_flow(near, 0, 600, 5_ms, 100);
    pair.run_for(300_ms);
    CHECK(delivered_numbers(pair, far, 100, 600).size() == 600);
    CHECK(longest_gap(pair, far) <= 20_ms);
    CHECK(pair.end(near).statistics().sender.hot_copies.packets >= 400);
    // They are paid from the path's budget, not from the overhead cap.
    CHECK(extra_bytes(pair.end(near).statistics()) * 10'000 <=
          pair.end(near).statistics().sender.source.bytes * config.overhead_cap_bp);
}

TEST_CASE("session: when the first path falls silent, the flow goes on over the second one") {
    session_pair pair{session_config{}};
    REQUIRE(pair.add_path(0) == status::ok);
    REQUIRE(pair.add_path(1, {.cost = cost_class::metered}) == status::ok);
    const instant from = instant::from_ns(0) + 2_s;
    const instant to = from + 500_ms;
    pair.links[near] = pair.links[far] = [&](const test::seen_transmission& t) {
        const bool out = t.path == 0 && t.at >= from && t.at < to;
        return out ? std::vector<duration>{} : std::vector<duration>{10_ms};
    };
    pair.send_flow(near, 0, 1'000, 5_ms, 200);

    // RTT 20 ms; a promise of RTT + 40 ms, plus the hold's slots.
    CHECK(longest_gap(pair, far) <= 20_ms + 40_ms + 15_ms);
    CHECK(pair.end(near).path(pair.now(), 0).suspicions >= 1);
    bool died = false;
    bool back = false;
    for (const session_event& e : pair.events[near]) {
        if (e.kind != session_event_kind::path || e.path.path != 0) continue;
        CHECK(e.path.at >= instant::from_ns(0));
        if (e.path.to == path_state::dead && !died) {
            died = true;
            CHECK(e.path.silence >= e.path.threshold);  // the event carries its reason
            CHECK(e.path.at >= from);
            CHECK(e.path.at < to);
        }
        if (died && (e.path.to == path_state::warm || e.path.to == path_state::active)) back = true;
    }
    CHECK(died);
    CHECK(back);
    CHECK(bytes_on(pair, near, 1, 28) > 0);
    // After the outage the flow is on the free path again, but for what a false suspicion may send elsewhere.
    const instant later = pair.now();
    pair.send_flow(near, 0, 100, 5_ms, 200, 1'000);
    CHECK(std::count_if(pair.sent[near].begin(), pair.sent[near].end(), [&](const test::seen_transmission& t) {
              return t.at >= later && t.kind == transmit_kind::source && t.path != 0;
          }) <= 5);
    pair.run_for(1_s);
    CHECK(delivered_numbers(pair, far, 200, 1'100).size() >= 1'090);
}

TEST_CASE("session: without permission the second path stays unused") {
    session_config config;
    config.second_path = false;
    session_pair pair{config};
    REQUIRE(pair.add_path(0) == status::ok);
    REQUIRE(pair.add_path(1, {.cost = cost_class::metered}) == status::ok);
    pair.links[near] = lose_every(10);
    pair.send_flow(near, 0, 500, 5_ms, 200);
    for (const auto& t : pair.sent[near])
        if (t.path == 1) CHECK(t.kind == transmit_kind::probe);
}

TEST_CASE("session: a path removed in mid-flow takes nothing with it that another one can carry") {
    session_pair pair{session_config{}};
    REQUIRE(pair.add_path(0) == status::ok);
    REQUIRE(pair.add_path(1) == status::ok);
    pair.send_flow(near, 0, 100, 5_ms, 100);
    // Accepted, planned for path 0, and not yet polled.
    REQUIRE(pair.end(near).send(pair.now(), 0, payload_of(100, 100)) == status::ok);
    for (const std::size_t end : {near, far}) REQUIRE(pair.end(end).remove_path(pair.now(), 0) == status::ok);
    pair.drain(near);
    pair.send_flow(near, 0, 100, 5_ms, 100, 101);
    pair.run_for(300_ms);
    const auto numbers = delivered_numbers(pair, far, 100, 201);
    CHECK(numbers.size() >= 199);  // what was in the air over path 0 may be gone
    CHECK(numbers.back() == 200);
    CHECK(std::find(numbers.begin(), numbers.end(), 100u) != numbers.end());
    CHECK(pair.end(near).path(pair.now(), 0).packets_sent == 0);
    CHECK(pair.end(near).statistics().sender.source_refused == 0);
}

TEST_CASE("session: a path taken away and given back starts anew") {
    session_pair pair{session_config{}};
    REQUIRE(pair.add_path(0) == status::ok);
    pair.send_flow(near, 0, 100, 5_ms, 100);
    pair.run_for(100_ms);
    pair.cut();
    for (const std::size_t end : {near, far}) REQUIRE(pair.end(end).remove_path(pair.now(), 0) == status::ok);
    CHECK(pair.end(near).send(pair.now(), 0, payload_of(100, 100)) == status::over_budget);
    pair.run_for(1_s);
    REQUIRE(pair.add_path(0) == status::ok);
    pair.send_flow(near, 0, 100, 5_ms, 100, 100);
    pair.run_for(300_ms);
    CHECK(delivered_numbers(pair, far, 100, 200).size() == 200);
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
    pair.run_for(80_ms);  // the clock's answer waits a little for something to ride on
    bool clock = false;
    bool probe = false;
    for (std::size_t i = before; i < pair.sent[near].size(); ++i) {
        const auto& t = pair.sent[near][i];
        wire::packet_reader in{t.datagram};
        wire::packet_header header;
        wire::frame frame;
        REQUIRE(in.start(header) == status::ok);
        REQUIRE(in.next(frame) == status::ok);
        if (frame.type == wire::frame_type::clock && frame.clock.response) {
            clock = true;
            CHECK(t.path == 3);
            CHECK(frame.clock.t1 == 0x0123456789ABCDEF);
            CHECK(frame.clock.t2 == static_cast<std::uint64_t>(asked.ns()));
            CHECK(frame.clock.t3 >= frame.clock.t2);
        }
        if (frame.type == wire::frame_type::probe && frame.probe.response) {
            probe = true;
            CHECK(t.path == 3);
            CHECK(frame.probe.token == 0xCAFE0001);
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
