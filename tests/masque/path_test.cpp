// SPDX-License-Identifier: MIT
//
// What both ends find out about the path: how large a packet it carries, and whether it is congested.
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <set>

#include "support/masque_world.hpp"

using namespace duality;
using namespace duality::literals;
using namespace duality::masque;
using test::bytes;
using test::masque_world;

namespace {

const std::vector<duration> one_way{10_ms};

/// Payloads of 1000 bytes that come through in a second, when up to 20 are given every millisecond.
std::size_t through(masque_world& w, flow_id flow, bool up) {
    w.echo = false;
    w.at_target.clear();
    w.delivered().clear();
    const target_id target = w.targets.begin()->first;
    for (int ms = 0; ms < 1'000; ++ms) {
        for (int i = 0; i < 20; ++i) {
            if (up)
                (void)w.tunnel().send(w.now, flow, bytes(1'000), instant::never());
            else
                (void)w.relay->handle_target_datagram(w.now, target, bytes(1'000));
        }
        w.drain();
        w.run_for(1_ms);
    }
    return up ? w.at_target.size() : w.delivered().size();
}

}  // namespace

TEST_CASE("both ends find out how large a packet the path carries, and say so") {
    for (const std::size_t mtu : {std::size_t{1'280 - 28}, std::size_t{1'400 - 28}, std::size_t{1'500 - 28}}) {
        INFO("UDP payloads of " << mtu << " bytes");
        masque_world w;
        std::size_t largest_up = 0;
        std::size_t largest_down = 0;
        w.network = [&](test::wire_packet& p, instant) {
            if (p.content.size() > mtu) return std::vector<duration>{};
            std::size_t& largest = p.to_relay ? largest_up : largest_down;
            largest = std::max(largest, p.content.size());
            return one_way;
        };
        w.start_tunnel();
        const flow_id flow = w.open();
        // Payloads that always fit are not disturbed by the search.
        for (int i = 0; i < 1'000; ++i) {
            CHECK(w.send(flow, bytes(1'000)) == status::ok);
            w.run_for(5_ms);
        }
        w.run_for(5_s);
        CHECK(w.delivered().size() == 1'000);
        // Sizes are tried in steps; what is found is at most 120 bytes below what would fit.
        const std::size_t most = w.tunnel().max_payload(flow);
        CHECK(most < mtu);
        CHECK(most + 30 + 120 > mtu);
        CHECK(largest_up <= mtu);
        CHECK(largest_up + 120 > mtu);
        CHECK(largest_down + 120 > mtu);

        w.delivered().clear();
        const target_id target = w.targets.begin()->first;
        std::size_t accepted = 0;
        for (std::size_t size = 1'000; size <= 1'500; ++size) {
            if (w.relay->handle_target_datagram(w.now, target, bytes(size)) == status::ok) accepted = size;
            w.drain();
            w.run_for(2_ms);
        }
        w.run_for(200_ms);
        CHECK(accepted + 30 + 120 > mtu);
        REQUIRE_FALSE(w.delivered().empty());
        CHECK(w.delivered().back().content.size() == accepted);
    }
}

TEST_CASE("packets are marked as ECN-capable both ways, and marks of congestion slow their sender down") {
    for (const bool up : {true, false}) {
        INFO((up ? "up" : "down"));
        std::size_t counts[2]{};
        for (const bool congested : {false, true}) {
            masque_world w;
            w.tunnel_config.connection.congestion = congestion_control::cubic;
            w.relay_config.connection.congestion = congestion_control::cubic;
            bool marking = false;
            std::set<ecn> seen[2];
            w.network = [&](test::wire_packet& p, instant) {
                seen[p.to_relay ? 0 : 1].insert(p.mark);
                if (marking && p.to_relay == up && p.mark != ecn::not_ect) p.mark = ecn::ce;
                return one_way;
            };
            w.start_tunnel();
            const flow_id flow = w.open();
            for (int i = 0; i < 50; ++i) {
                (void)w.send(flow, bytes(200));
                w.run_for(5_ms);
            }
            for (const std::set<ecn>& marks : seen) {
                CHECK(marks.count(ecn::ect0) == 1);
                CHECK(marks.count(ecn::ce) == 0);
            }
            marking = congested;
            counts[congested ? 1 : 0] = through(w, flow, up);
        }
        INFO(counts[0] << " payloads without marks, " << counts[1] << " with");
        CHECK(counts[1] > 50);
        CHECK(counts[1] * 2 < counts[0]);
    }
}
