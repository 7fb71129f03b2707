// SPDX-License-Identifier: MIT
#include "duality/session.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <vector>

#include "support/session_checks.hpp"
#include "support/session_pair.hpp"

using namespace duality;
using namespace duality::literals;
using test::bytes_on;
using test::delivered_numbers;
using test::extra_bytes;
using test::far;
using test::longest_gap;
using test::lose_every;
using test::near;
using test::open_session;
using test::payload_of;
using test::session_pair;

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

TEST_CASE("session: a path that one end removes and adds again goes on as if nothing had been") {
    for (const std::size_t before : {10u, 40u, 300u}) {
        CAPTURE(before);
        session_pair pair{session_config{}};
        REQUIRE(pair.add_path(0) == status::ok);
        pair.send_flow(near, 0, before, 5_ms, 100);
        pair.run_for(100_ms);
        REQUIRE(pair.end(near).remove_path(pair.local(near), 0) == status::ok);
        REQUIRE(pair.end(near).add_path(pair.local(near), 0, {}) == status::ok);
        pair.send_flow(near, 0, 200, 5_ms, 100, before);
        pair.run_for(500_ms);
        CHECK(pair.deliveries[far].size() == before + 200);
        CHECK(pair.end(far).statistics().repeated_datagrams == 0);
        CHECK(pair.end(near).path(pair.local(near), 0).state == path_state::active);
        CHECK(pair.end(near).path(pair.local(near), 0).rtt_smoothed > 0_ms);
        CHECK(pair.count(near, transmit_kind::probe) < 5);
    }
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

TEST_CASE("session: reports return to the first path together with the flow") {
    session_pair pair{session_config{}};
    REQUIRE(pair.add_path(0) == status::ok);
    REQUIRE(pair.add_path(1, {.cost = cost_class::metered}) == status::ok);
    bool out = false;
    pair.links[near] = pair.links[far] = [&out](const test::seen_transmission& t) {
        if (t.path == 0 && out) return std::vector<duration>{};
        return std::vector<duration>{t.path == 0 ? 10_ms : 25_ms};
    };
    const auto last_on = [&pair](std::size_t end, path_id path, transmit_kind kind) {
        instant last = instant::before_all();
        for (const test::seen_transmission& t : pair.sent[end])
            if (t.path == path && t.kind == kind) last = t.at;
        return last;
    };
    pair.send_flow(near, 0, 400, 5_ms, 400);
    out = true;
    pair.send_flow(near, 0, 40, 5_ms, 400);
    REQUIRE(last_on(near, 1, transmit_kind::source) >= pair.now() - 10_ms);
    REQUIRE(last_on(near, 1, transmit_kind::copy) > instant::before_all());
    REQUIRE(last_on(far, 1, transmit_kind::feedback) >= pair.now() - 50_ms);
    out = false;
    pair.send_flow(near, 0, 200, 5_ms, 400);
    const instant returned = last_on(near, 1, transmit_kind::source);
    CHECK(returned < pair.now() - 800_ms);
    CHECK(last_on(far, 1, transmit_kind::feedback) <= returned + 50_ms);
    CHECK(last_on(far, 0, transmit_kind::feedback) >= pair.now() - 30_ms);
}

namespace {

/// Source packets are lost while `lossy`.
test::link_rule losing_sources(const bool& lossy, test::link_rule otherwise) {
    return [&lossy, otherwise = std::move(otherwise)](const test::seen_transmission& t) {
        return lossy && t.kind == transmit_kind::source ? std::vector<duration>{} : otherwise(t);
    };
}

test::link_rule by_path(duration first, duration second) {
    return [=](const test::seen_transmission& t) { return std::vector<duration>{t.path == 0 ? first : second}; };
}

}  // namespace

TEST_CASE("session: what is only news waits until there is a reserve, and the peer is told that it is there") {
    session_pair pair{session_config{}};
    REQUIRE(pair.add_path(0) == status::ok);
    REQUIRE(pair.add_path(1, {.cost = cost_class::metered}) == status::ok);
    bool lossy = false;
    pair.links[near] = losing_sources(lossy, test::constant_delay(10_ms));
    struct told {
        instant at;
        bool in_funds = false;
        bool asks = false;
    };
    const auto reports = [&pair] {
        std::vector<told> out;
        for (const test::seen_transmission& t : pair.sent[far]) {
            if (t.kind != transmit_kind::feedback) continue;
            for (const wire::frame& f : test::frames_of(t))
                if (f.type == wire::frame_type::feedback)
                    out.push_back({t.at, f.feedback.in_funds, f.feedback.deficit.symbols_needed != 0});
        }
        return out;
    };
    // A call: 9,400 bytes a second, of which reports get 348.
    pair.send_flow(near, 0, 800, 20_ms, 160);
    const std::vector<told> calm = reports();
    const auto rich = std::find_if(calm.begin(), calm.end(), [](const told& r) { return r.in_funds; });
    REQUIRE(rich != calm.end());
    CHECK(rich->at > instant{} + 4_s);
    CHECK(rich->at < instant{} + 12_s);
    const auto saving = rich - calm.begin();
    CHECK(saving >= 20);
    CHECK(saving <= 60);
    // What asks for something does not wait.
    lossy = true;
    pair.send_flow(near, 0, 4, 20_ms, 160);
    lossy = false;
    const instant over = pair.now();
    pair.send_flow(near, 0, 10, 20_ms, 160);
    const std::vector<told> all = reports();
    CHECK(std::any_of(all.begin(), all.end(),
                      [&](const told& r) { return r.asks && r.at > over && r.at < over + 30_ms; }));
}

TEST_CASE("session: what something behind it has overtaken is repaired by the faster of two requests") {
    session_pair pair{session_config{}};
    REQUIRE(pair.add_path(0) == status::ok);
    REQUIRE(pair.add_path(1, {.cost = cost_class::metered}) == status::ok);
    bool lossy = false;
    pair.links[near] = losing_sources(lossy, by_path(10_ms, 20_ms));
    // What the first path says of itself takes long.
    pair.links[far] = by_path(90_ms, 20_ms);
    pair.send_flow(near, 0, 600, 5_ms, 400);
    const instant lost_at = pair.now();
    lossy = true;
    pair.send_flow(near, 0, 1, 5_ms, 400);
    lossy = false;
    const std::size_t before = pair.sent[near].size();
    pair.send_flow(near, 0, 40, 5_ms, 400);
    const auto first =
        std::find_if(pair.sent[near].begin() + static_cast<std::ptrdiff_t>(before), pair.sent[near].end(),
                     [](const test::seen_transmission& t) { return t.kind == transmit_kind::reactive_repair; });
    REQUIRE(first != pair.sent[near].end());
    // The next packet comes 15 ms after it was sent, and the word of that over the second path 20 ms later.
    CHECK(first->at - lost_at <= 40_ms);
}

TEST_CASE("session: the peer is told how many packets were not there by their deadline") {
    session_pair pair{session_config{.reactive = false}};
    REQUIRE(pair.add_path(0) == status::ok);
    duration delay = 10_ms;
    bool lossy = false;
    bool reports_arrive = true;
    pair.links[near] = losing_sources(lossy, [&delay](const auto&) { return std::vector<duration>{delay}; });
    pair.links[far] = [&](const test::seen_transmission&) {
        return reports_arrive ? std::vector<duration>{10_ms} : std::vector<duration>{};
    };
    const auto last_told = [&pair] {
        std::optional<std::uint16_t> out;
        for (const test::seen_transmission& t : pair.sent[far])
            if (t.kind == transmit_kind::feedback)
                for (const wire::frame& f : test::frames_of(t))
                    if (f.type == wire::frame_type::feedback && f.feedback.missed) out = f.feedback.missed;
        return out;
    };
    pair.send_flow(near, 0, 400, 5_ms, 400);
    CHECK_FALSE(last_told());
    // Three that never come.
    lossy = true;
    pair.send_flow(near, 0, 3, 5_ms, 400);
    lossy = false;
    pair.send_flow(near, 0, 100, 5_ms, 400);
    CHECK(last_told() == 3);
    // Five that come, but too late; others in between are in time.
    delay = 150_ms;
    pair.send_flow(near, 0, 5, 5_ms, 400);
    delay = 10_ms;
    pair.send_flow(near, 0, 100, 5_ms, 400);
    CHECK(last_told() == 8);
    // Of two more nothing is heard at first: it is said again.
    lossy = true;
    pair.send_flow(near, 0, 2, 5_ms, 400);
    lossy = false;
    reports_arrive = false;
    pair.send_flow(near, 0, 100, 5_ms, 400);
    const std::size_t before = pair.sent[far].size();
    reports_arrive = true;
    pair.send_flow(near, 0, 200, 5_ms, 400);
    pair.sent[far].erase(pair.sent[far].begin(), pair.sent[far].begin() + static_cast<std::ptrdiff_t>(before));
    CHECK(last_told() == 10);
}

TEST_CASE("session: news rides on source packets, and goes alone where those leave no room") {
    constexpr std::size_t size = 400;
    const auto run = [&](std::uint32_t max_datagram) {
        session_pair pair{session_config{}};
        REQUIRE(pair.add_path(0, {.max_datagram = max_datagram}) == status::ok);
        REQUIRE(pair.add_path(1, {.cost = cost_class::metered}) == status::ok);
        for (std::uint64_t i = 0; i < 1'000; ++i) {
            for (const std::size_t end : {near, far})
                REQUIRE(pair.send(end, 0, test::payload_of(i, size)) == status::ok);
            pair.run_for(5_ms);
        }
        CHECK(pair.end(near).path(pair.now(), 0).suspicions == 0);
        CHECK(pair.deliveries[far].size() > 980);
        return pair.count(far, transmit_kind::feedback);
    };
    CHECK(run(1'452) < 20);
    const std::size_t alone = run(size + 14);
    CHECK(alone > 100);
    CHECK(alone < 300);
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

TEST_CASE("session: when both paths fail before reports are earned, the first one back is found") {
    // The peer cannot pay for answers to probes: it must receive something that pays for them.
    session_pair pair{session_config{}};
    REQUIRE(pair.add_path(0) == status::ok);
    REQUIRE(pair.add_path(1, {.cost = cost_class::metered}) == status::ok);
    const instant fails = instant{} + 170_ms;
    const instant second_is_back = instant{} + 600_ms;
    for (auto& link : pair.links)
        link = [=](const test::seen_transmission& t) {
            const bool lost = t.at >= fails && (t.path == 0 || t.at < second_is_back);
            return lost ? std::vector<duration>{} : std::vector<duration>{20_ms};
        };
    pair.send_flow(near, 0, 300, 5_ms, 400);  // 1.5 s
    const auto& came = pair.deliveries[far];
    const auto first_after =
        std::find_if(came.begin(), came.end(), [&](const test::seen_delivery& d) { return d.at >= second_is_back; });
    REQUIRE(first_after != came.end());
    CHECK(first_after->at < second_is_back + 60_ms);
    CHECK(pair.end(near).path(pair.local(near), 1).state == path_state::active);
    const auto in_time = static_cast<std::size_t>(std::count_if(
        came.begin(), came.end(), [&](const test::seen_delivery& d) { return d.at >= second_is_back + 200_ms; }));
    CHECK(in_time > 130);  // of 140
}

TEST_CASE("session: an unsteady path loses the flow, but for streams that take both paths anyway") {
    const auto packets_elsewhere = [](stream_mode mode, std::uint32_t carry_bp) {
        session_config config;
        config.stream.mode = mode;
        session_pair pair{config};
        REQUIRE(pair.add_path(0) == status::ok);
        REQUIRE(pair.add_path(1, {.cost = cost_class::metered, .budget = {.carry_bp = carry_bp}}) == status::ok);
        // Every tenth of a second what is on the first path waits for up to 35 ms.
        for (auto& link : pair.links)
            link = [](const test::seen_transmission& t) {
                const duration into = duration::from_ns(t.at.ns() % (100_ms).ns());
                return std::vector<duration>{t.path == 0 ? 10_ms + std::max(35_ms - into, 0_ms) : 25_ms};
            };
        pair.send_flow(near, 0, 6'000, 5_ms, 200);  // 30 s
        CHECK(std::any_of(pair.events[near].begin(), pair.events[near].end(), [](const session_event& e) {
            return e.kind == session_event_kind::path && e.path.kind == path_event_kind::unsteady && e.path.path == 0;
        }));
        return std::count_if(pair.sent[near].begin(), pair.sent[near].end(), [](const test::seen_transmission& t) {
            return t.kind == transmit_kind::source && t.path == 1;
        });
    };
    const auto stalled = packets_elsewhere(stream_mode::on_demand, 0);
    const auto left = packets_elsewhere(stream_mode::on_demand, 5'000);
    CAPTURE(stalled, left);
    CHECK(left > 4'000);
    CHECK(stalled < 500);
    const auto hot_stalled = packets_elsewhere(stream_mode::hot, 0);
    const auto hot_left = packets_elsewhere(stream_mode::hot, 5'000);
    CAPTURE(hot_stalled, hot_left);
    CHECK(hot_left < hot_stalled * 5 / 4);
}
