// SPDX-License-Identifier: MIT
//
// Payloads are carried, not looked at: whatever they contain, a session does the same at the same times.
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <functional>
#include <memory>
#include <tuple>
#include <vector>

#include "duality/random.hpp"
#include "support/session_pair.hpp"

using namespace duality;
using namespace duality::literals;
using namespace duality::test;

namespace {

constexpr std::size_t packets = 600;

/// What can be seen of a run without reading a payload.
struct outline {
    std::vector<std::tuple<std::int64_t, path_id, transmit_kind, std::size_t>> sent;
    std::vector<std::tuple<std::int64_t, std::uint64_t, std::int64_t, recovery, std::size_t>> delivered;
    std::vector<std::pair<session_event_kind, std::int64_t>> events;
    bool operator==(const outline&) const = default;
};

/// Losses and jitter depend on the order of the datagrams alone, so that two runs meet the same network for as long as
/// they send alike.
link_rule rough(std::uint64_t seed, duration delay) {
    auto random = std::make_shared<xoshiro256>(seed);
    return [random, delay](const seen_transmission& t) -> std::vector<duration> {
        const bool is_lost = random->chance(0.04);
        const auto jitter = duration::from_ns(static_cast<std::int64_t>(random->below(6'000'000)));
        const bool is_out = t.path == 0 && t.at >= instant{} + 1_s && t.at < instant{} + 1'300_ms;
        if (is_lost || is_out) return {};
        return {delay + jitter};
    };
}

outline run(const std::function<bytes(std::size_t)>& payload, stream_mode mode) {
    session_config config;
    config.stream.mode = mode;
    session_pair pair{config};
    REQUIRE(pair.add_path(0) == status::ok);
    REQUIRE(pair.add_path(1, {.cost = cost_class::metered}) == status::ok);
    pair.links = {rough(1, 20_ms), rough(2, 25_ms)};
    for (std::size_t i = 0; i < packets; ++i) {
        REQUIRE(pair.send(session_pair::near, 0, payload(i)) == status::ok);
        pair.run_for(5_ms);
    }
    pair.run_for(500_ms);
    outline out;
    for (const std::size_t end : {session_pair::near, session_pair::far}) {
        for (const seen_transmission& t : pair.sent[end])
            out.sent.emplace_back(t.at.ns(), t.path, t.kind, t.datagram.size());
        for (const seen_delivery& d : pair.deliveries[end]) {
            out.delivered.emplace_back(d.at.ns(), d.number, d.held.ns(), d.recovered_by, d.payload.size());
            REQUIRE(d.payload == payload(static_cast<std::uint32_t>(d.number)));
        }
        for (const session_event& e : pair.events[end]) out.events.emplace_back(e.kind, e.at.ns());
    }
    return out;
}

}  // namespace

TEST_CASE("session privacy: what is in a payload changes nothing but the payload") {
    for (const stream_mode mode : {stream_mode::on_demand, stream_mode::hot}) {
        const auto size = [](std::size_t i) { return 100 + i * 7 % 300; };
        const outline usual = run([&](std::size_t i) { return payload_of(i, size(i)); }, mode);
        REQUIRE(usual.delivered.size() > packets * 9 / 10);
        // Something was rebuilt or came as a copy: the codes have seen the bytes.
        REQUIRE(std::ranges::any_of(usual.delivered, [](const auto& d) { return std::get<3>(d) != recovery::none; }));
        const auto filled = [&](std::uint8_t with) {
            return [&size, with](std::size_t i) { return bytes(size(i), with); };
        };
        CHECK(run(filled(0x00), mode) == usual);
        CHECK(run(filled(0xFF), mode) == usual);
        // What somebody might look for: a call's header, a name.
        const bytes voice{0x80, 0x60, 0x12, 0x34};
        const bytes name{'H', 'o', 's', 't', ':', ' ', 'e', 'x', 'a', 'm', 'p', 'l', 'e'};
        for (const bytes& begin : {voice, name}) {
            CHECK(run(
                      [&](std::size_t i) {
                          bytes out = payload_of(i + 7, size(i));
                          std::ranges::copy(begin, out.begin());
                          return out;
                      },
                      mode) == usual);
        }
    }
}
