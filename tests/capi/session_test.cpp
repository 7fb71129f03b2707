// SPDX-License-Identifier: MIT
#include <algorithm>
#include <array>
#include <catch2/catch_test_macros.hpp>
#include <limits>
#include <string>
#include <vector>

#include "duality/session.hpp"
#include "support.hpp"

using capi_test::counting_host;
using capi_test::made;

namespace {

constexpr std::int64_t ms = 1'000'000;

duality_session* open_session(const duality_session_config* config = nullptr, const duality_host* host = nullptr) {
    duality_session* session = nullptr;
    REQUIRE(duality_session_create(config, host, nullptr, &session) == DUALITY_OK);
    REQUIRE(duality_session_add_path(session, 0, 0, nullptr) == DUALITY_OK);
    return session;
}

/// What a datagram or a packet looked like, to compare two implementations with.
struct seen {
    std::int32_t kind;
    std::vector<std::uint8_t> bytes;
    bool operator==(const seen&) const = default;
};

}  // namespace

TEST_CASE("C session: byte for byte what the C++ session does, over a lossy path") {
    duality_session* c[2] = {open_session(), open_session()};
    std::array<duality::session, 2> cpp{duality::session::create({}, duality::allocator::system()).value(),
                                        duality::session::create({}, duality::allocator::system()).value()};
    for (duality::session& s : cpp) REQUIRE(s.add_path({}, 0, {}) == duality::status::ok);

    std::int64_t now = 0;
    std::size_t datagrams = 0;
    std::size_t delivered = 0;
    std::size_t events = 0;
    for (int frame = 0; frame < 800; ++frame, now += 5 * ms) {
        const std::vector<std::uint8_t> state(300, static_cast<std::uint8_t>(frame));
        if (frame < 700) {
            REQUIRE(duality_session_send(c[0], now, 0, state.data(), state.size()) == DUALITY_OK);
            REQUIRE(cpp[0].send(duality::instant::from_ns(now), 0, state) == duality::status::ok);
        }
        for (std::size_t from : {std::size_t{0}, std::size_t{1}}) {
            std::int64_t at = 0;
            REQUIRE(duality_session_next_timeout(c[from], &at) == DUALITY_OK);
            REQUIRE(at == cpp[from].next_timeout().ns());
            REQUIRE(duality_session_handle_timeout(c[from], now) == DUALITY_OK);
            cpp[from].handle_timeout(duality::instant::from_ns(now));
            auto out = made<duality_session_output>();
            duality::session_output same;
            while (duality_session_poll_output(c[from], now, &out) == DUALITY_OK) {
                REQUIRE(cpp[from].poll_output(duality::instant::from_ns(now), same));
                REQUIRE(out.kind == static_cast<std::int32_t>(same.kind));
                if (out.kind == DUALITY_OUTPUT_TRANSMIT) {
                    const std::vector<std::uint8_t> datagram{out.bytes, out.bytes + out.size};
                    REQUIRE(std::equal(datagram.begin(), datagram.end(), same.transmit.bytes.begin(),
                                       same.transmit.bytes.end()));
                    if (++datagrams % 25 == 0) continue;
                    const duality_status said =
                        duality_session_handle_datagram(c[1 - from], now, 0, datagram.data(), datagram.size());
                    REQUIRE(said == static_cast<duality_status>(
                                        cpp[1 - from].handle_datagram(duality::instant::from_ns(now), 0, datagram)));
                } else if (out.kind == DUALITY_OUTPUT_DELIVER) {
                    REQUIRE(out.number == same.deliver.number);
                    REQUIRE(out.due_ns == same.deliver.due.ns());
                    REQUIRE(out.held_ns == same.deliver.held.ns());
                    REQUIRE(out.recovered_by == static_cast<std::int32_t>(same.deliver.recovered_by));
                    REQUIRE(out.size == 300);
                    REQUIRE(out.bytes[0] == same.deliver.bytes[0]);
                    ++delivered;
                } else {
                    REQUIRE(out.event->kind == static_cast<std::int32_t>(same.event.kind));
                    REQUIRE(out.event->at_ns == same.event.at.ns());
                    REQUIRE((out.event->decision != nullptr) == (out.event->kind == DUALITY_EVENT_DECISION));
                    if (out.event->decision != nullptr)
                        REQUIRE(out.event->decision->inputs->features->packets ==
                                same.event.decision.inputs.features.packets);
                    ++events;
                }
            }
            REQUIRE_FALSE(cpp[from].poll_output(duality::instant::from_ns(now), same));
        }
    }
    CHECK(delivered >= 699);
    CHECK(events > 3);
    auto statistics = made<duality_session_statistics>();
    REQUIRE(duality_session_get_statistics(c[1], &statistics) == DUALITY_OK);
    CHECK(statistics.delivered == cpp[1].statistics().receiver.delivered);
    CHECK(statistics.rebuilt == cpp[1].statistics().receiver.rebuilt);
    CHECK(statistics.rebuilt > 10);
    CHECK(statistics.closed == 0);
    auto path = made<duality_path_statistics>();
    REQUIRE(duality_session_get_path(c[0], now, 0, &path) == DUALITY_OK);
    CHECK(path.state == DUALITY_PATH_ACTIVE);
    CHECK(path.packets_sent > 700);
    CHECK(duality_session_get_path(c[0], now, 1, &path) == DUALITY_UNKNOWN_PATH);
    auto hold = made<duality_jitter_hold_statistics>();
    REQUIRE(duality_session_get_hold(c[1], 0, &hold) == DUALITY_OK);
    CHECK(hold.released == cpp[1].hold(0).statistics().released);
    CHECK(duality_session_get_hold(c[1], 4, &hold) == DUALITY_UNKNOWN_STREAM);
    auto features = made<duality_regime_features>();
    REQUIRE(duality_session_get_features(c[1], now, &features) == DUALITY_OK);
    CHECK(features.packets == cpp[1].detector().features(duality::instant::from_ns(now)).packets);
    for (duality_session* s : c) CHECK(duality_session_destroy(s) == DUALITY_OK);
}

TEST_CASE("C session: closing, streams, paths and the wall clock") {
    counting_host host;
    duality_session* session = open_session(nullptr, host.get());
    const std::uint8_t data[10] = {};
    CHECK(duality_session_add_path(session, 0, 0, nullptr) == DUALITY_INVALID_ARGUMENT);
    CHECK(duality_session_add_path(session, 0, 256, nullptr) == DUALITY_INVALID_ARGUMENT);
    CHECK(duality_session_remove_path(session, 0, 256) == DUALITY_UNKNOWN_PATH);
    CHECK(duality_session_remove_path(session, 0, 9) == DUALITY_UNKNOWN_PATH);
    CHECK(duality_session_send(session, 0, 256, data, sizeof data) == DUALITY_UNKNOWN_STREAM);
    CHECK(duality_session_send(session, 0, 9, data, sizeof data) == DUALITY_UNKNOWN_STREAM);
    CHECK(duality_session_send(session, 0, 0, nullptr, 10) == DUALITY_INVALID_ARGUMENT);
    auto path = made<duality_path_config>();
    REQUIRE(duality_path_config_default(&path) == DUALITY_OK);
    CHECK(path.day_bytes == DUALITY_UNLIMITED);
    path.cost = DUALITY_COST_METERED;
    path.day_bytes = 100;
    CHECK(duality_session_add_path(session, 0, 1, &path) == DUALITY_OK);
    path.cost = 7;
    CHECK(duality_session_add_path(session, 0, 2, &path) == DUALITY_INVALID_CONFIG);
    auto stream = made<duality_stream_config>();
    REQUIRE(duality_stream_config_default(&stream) == DUALITY_OK);
    stream.deadline_ns = 60 * ms;
    CHECK(duality_session_set_stream(session, 0, 0, &stream) == DUALITY_OK);
    CHECK(duality_session_set_stream(session, 0, 77, &stream) == DUALITY_UNKNOWN_STREAM);
    stream.deadline_ns = 0;
    CHECK(duality_session_set_stream(session, 0, 0, &stream) == DUALITY_INVALID_CONFIG);
    CHECK(duality_session_set_wall_clock(session, 0, 1'700'000'000'000'000'000) == DUALITY_OK);
    CHECK(duality_session_close(session, 0, 5) == DUALITY_INVALID_ARGUMENT);
    CHECK(duality_session_close(session, 0, DUALITY_CLOSE_GOING_AWAY) == DUALITY_OK);
    CHECK(duality_session_send(session, 0, 0, data, sizeof data) == DUALITY_CLOSED);
    bool closed = false;
    auto out = made<duality_session_output>();
    for (int i = 0; i < 100 && !closed; ++i)
        while (duality_session_poll_output(session, i * 10 * ms, &out) == DUALITY_OK)
            closed |= out.kind == DUALITY_OUTPUT_EVENT && out.event->kind == DUALITY_EVENT_CLOSED;
    CHECK(closed);
    CHECK(std::find(host.lines.begin(), host.lines.end(), "session: closed, going_away") != host.lines.end());
    CHECK(duality_session_destroy(session) == DUALITY_OK);
    CHECK(host.live == 0);
}

TEST_CASE("C session: nested configurations are taken, and the wrong field is named") {
    auto hold = made<duality_jitter_hold_config>();
    REQUIRE(duality_session_hold_config_default(&hold) == DUALITY_OK);
    CHECK(hold.early_slack_ns == 0);
    hold.hold_min_ns = hold.hold_initial_ns = 20 * ms;
    auto config = made<duality_session_config>();
    REQUIRE(duality_session_config_default(&config) == DUALITY_OK);
    CHECK(config.hold == nullptr);
    config.hold = &hold;
    duality_session* session = open_session(&config);
    auto statistics = made<duality_jitter_hold_statistics>();
    REQUIRE(duality_session_get_hold(session, 0, &statistics) == DUALITY_OK);
    CHECK(statistics.hold_ns == 20 * ms);
    CHECK(duality_session_destroy(session) == DUALITY_OK);

    auto why = made<duality_failure>();
    hold.hold_max_ns = -1;
    CHECK(duality_session_create(&config, nullptr, &why, &session) == DUALITY_INVALID_CONFIG);
    CHECK(std::string{why.field} == "hold_max");
    hold.struct_size = 0;
    CHECK(duality_session_create(&config, nullptr, &why, &session) == DUALITY_INVALID_ARGUMENT);
}

TEST_CASE("C session: a log callback cannot enter the session that calls it") {
    struct nosy {
        duality_session* session = nullptr;
        std::vector<duality_status> answers;
    } user;
    auto host = made<duality_host>();
    host.log_level = DUALITY_LOG_DEBUG;
    host.log_user = &user;
    host.log = [](void* context, std::int32_t, const char*) {
        auto& self = *static_cast<nosy*>(context);
        self.answers.push_back(duality_session_handle_timeout(self.session, 0));
        self.answers.push_back(duality_session_destroy(self.session));
    };
    user.session = open_session(nullptr, &host);
    REQUIRE(duality_session_close(user.session, 0, DUALITY_CLOSE_NORMAL) == DUALITY_OK);
    auto out = made<duality_session_output>();
    for (int i = 0; i < 50; ++i)
        while (duality_session_poll_output(user.session, i * 10 * ms, &out) == DUALITY_OK) {
        }
    REQUIRE(user.answers.size() >= 2);
    CHECK(std::all_of(user.answers.begin(), user.answers.end(),
                      [](duality_status s) { return s == DUALITY_WRONG_STATE; }));
    CHECK(duality_session_destroy(user.session) == DUALITY_OK);
}

TEST_CASE("C lab: names, bounds, and one hash for one run") {
    CHECK(std::string{duality_lab_family_name(DUALITY_LAB_CABLE_FTTH)} == "cable_ftth");
    CHECK(std::string{duality_lab_variant_name(DUALITY_VARIANT_DUAL)} == "dual");
    CHECK(duality_lab_family_name(7) == nullptr);
    CHECK(duality_lab_variant_name(-1) == nullptr);
    auto config = made<duality_lab_config>();
    REQUIRE(duality_lab_config_default(&config) == DUALITY_OK);
    config.length_ns = 5'000 * ms;
    auto first = made<duality_lab_result>();
    auto again = made<duality_lab_result>();
    REQUIRE(duality_lab_run(&config, nullptr, &first) == DUALITY_OK);
    REQUIRE(duality_lab_run(&config, nullptr, &again) == DUALITY_OK);
    CHECK(first.event_hash == again.event_hash);
    CHECK(first.packets == 1'000);
    CHECK(first.delivered + first.late + first.unrecoverable + first.rejected + first.cancelled == first.packets);
    config.seed = 2;
    REQUIRE(duality_lab_run(&config, nullptr, &again) == DUALITY_OK);
    CHECK(first.event_hash != again.event_hash);
    auto why = made<duality_failure>();
    config.packets_per_second = 0;
    CHECK(duality_lab_run(&config, &why, &again) == DUALITY_INVALID_CONFIG);
    CHECK(std::string{why.field} == "packets_per_second");
}

TEST_CASE("C lab: a recorded trace is replayed, a broken one names its line") {
    std::string csv = "send_ms,delay_ms\n";
    for (int i = 0; i < 400; ++i)
        csv += std::to_string(i * 5) + (i % 40 == 7 ? "," : "," + std::to_string(20 + i % 3)) + "\n";
    auto config = made<duality_lab_config>();
    REQUIRE(duality_lab_config_default(&config) == DUALITY_OK);
    config.variant = DUALITY_VARIANT_SINGLE;
    auto result = made<duality_lab_result>();
    std::size_t line = 0;
    REQUIRE(duality_lab_replay(&config, csv.data(), csv.size(), 0, &line, nullptr, &result) == DUALITY_OK);
    CHECK(result.packets == 400);
    CHECK(result.repaired_reactive + result.repaired_parity > 0);
    csv += "oops,1\n";
    CHECK(duality_lab_replay(&config, csv.data(), csv.size(), 0, &line, nullptr, &result) == DUALITY_MALFORMED);
    CHECK(line == 402);
}
