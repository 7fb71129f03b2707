// SPDX-License-Identifier: MIT
//
// What sealing costs is counted where it belongs: framing on source packets, extra on extra ones, bytes in budgets.
#include <catch2/catch_test_macros.hpp>

#include "support/session_pair.hpp"

using namespace duality;
using namespace duality::literals;
using test::session_pair;

TEST_CASE("session: the seal is framing on source packets and counts in budgets") {
    constexpr std::size_t near = session_pair::near;
    constexpr std::uint64_t around = 28;
    constexpr std::uint64_t seal = 20;
    session_pair pair{session_config{}};
    path_config path{.seal_overhead = static_cast<std::uint32_t>(seal)};
    path.budget.day_bytes = 100'000;
    REQUIRE(pair.add_path(0, path) == status::ok);
    pair.send_flow(near, 0, 100, 5_ms, 200);

    const sender_statistics s = pair.end(near).statistics().sender;
    CHECK(s.source.packets == 100);
    CHECK(s.source.bytes == 100 * (200 + around));
    CHECK(s.framing_bytes == 100 * (wire::data_packet_overhead + seal));
    std::uint64_t on_the_wire = 0;
    for (const test::seen_transmission& t : pair.sent[near]) on_the_wire += t.datagram.size() + around + seal;
    CHECK(pair.end(near).path(pair.now(), 0).bytes_sent == on_the_wire);
    const std::uint64_t extra = s.parity.bytes + s.reactive.bytes + s.copies.bytes + s.control.bytes;
    CHECK(s.source.bytes + s.framing_bytes + extra == on_the_wire);

    // The day's budget includes what came back; it holds to the byte.
    pair.send_flow(near, 0, 500, 5_ms, 200);
    on_the_wire = 0;
    for (const test::seen_transmission& t : pair.sent[near]) on_the_wire += t.datagram.size() + around + seal;
    CHECK(on_the_wire <= 100'000);
    CHECK(on_the_wire >= 90'000);
    CHECK(pair.end(near).path(pair.now(), 0).budget_exhausted);
}
