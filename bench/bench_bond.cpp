// SPDX-License-Identifier: MIT
//
// What a bond of two paths does when the first one fails, in virtual time: the longest silence at the receiving
// application, what is lost, when the path carries the flow again, what the second path costs, and memory.
//
//   bench_bond [--quick] [--json FILE|-]
#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "bond_rig.hpp"
#include "duality/session.hpp"
#include "parity_report.hpp"
#include "support/bond_runs.hpp"
#include "support/counting_allocator.hpp"

namespace {

using namespace duality;
using namespace duality::literals;
using parity_bench::row;
using test::bond_flow;
using test::bond_run;
using test::flow_direction;

double ms(duration d) {
    return static_cast<double>(d.ns()) / 1e6;
}

row figure(const std::string& name, double value, const char* unit, double floor, double target) {
    row r{.name = name, .value = value, .unit = unit, .reference = {}, .floor = floor, .target = target};
    r.lower_is_better = true;
    return r;
}

struct worst_case {
    duration gap{};
    duration back{};
    std::size_t lost = 0;
};

/// The worst of some moments between two packets of the flow.
worst_case blackhole(const bond_flow& flow, bool up, bool down, bool quick) {
    worst_case worst;
    const std::vector<std::int64_t> phases =
        quick ? std::vector<std::int64_t>{3} : std::vector<std::int64_t>{0, 3, 7, 13, 29};
    for (const std::int64_t phase : phases) {
        const auto one = test::run_blackhole(flow, 2_s, duration::from_ms(phase), up, down);
        worst.gap = std::max(worst.gap, one.gap);
        worst.back = std::max(worst.back, one.back);
        worst.lost = std::max(worst.lost, one.lost);
    }
    return worst;
}

void add_blackholes(std::vector<row>& rows, bool quick) {
    for (const flow_direction direction : {flow_direction::up, flow_direction::down})
        for (const std::int64_t rtt : {20, 60})
            for (const int rate : {20, 50, 100, 500}) {
                bond_flow flow;
                flow.primary_rtt = flow.secondary_rtt = duration::from_ms(rtt);
                flow.packets_per_second = rate;
                flow.direction = direction;
                const std::string name = std::string{direction == flow_direction::up ? "up" : "down"} + ", RTT " +
                                         std::to_string(rtt) + " ms, " + std::to_string(rate) + "/s: ";
                const worst_case both = blackhole(flow, true, true, quick);
                const bool goes_up = direction == flow_direction::up;
                const worst_case forward = blackhole(flow, goes_up, !goes_up, quick);
                const worst_case backward = blackhole(flow, !goes_up, goes_up, quick);
                const double target = static_cast<double>(rtt) + 40;
                rows.push_back(figure(name + "gap, silent both ways", ms(both.gap), "ms", 150, target));
                rows.push_back(figure(name + "gap, silent forward", ms(forward.gap), "ms", 150, target));
                rows.push_back(figure(name + "gap, silent backward", ms(backward.gap), "ms", 150, target));
                const auto lost = std::max({both.lost, forward.lost, backward.lost});
                rows.push_back(figure(name + "lost at worst", static_cast<double>(lost), "", 0, 0));
                const duration back = std::max({both.back, forward.back, backward.back});
                rows.push_back(figure(name + "used again after", ms(back), "ms", 1'000, 1'000));
            }
}

void add_links_down(std::vector<row>& rows) {
    for (const flow_direction direction : {flow_direction::up, flow_direction::down})
        for (const int rate : {20, 200}) {
            bond_flow flow;
            flow.packets_per_second = rate;
            flow.direction = direction;
            bond_run run{flow};
            run.run(5_s);
            const instant begin = run.world.now;
            run.dead = true;
            (void)run.world.bond().path_down(run.world.now, 0);
            run.world.drain();
            run.run(2_s);
            const duration gap = run.longest_gap(begin - 100_ms);
            run.world.run_for(500_ms);
            const std::string name = std::string{"link down, "} +
                                     (direction == flow_direction::up ? "up, " : "down, ") + std::to_string(rate) +
                                     "/s: ";
            rows.push_back(figure(name + "gap", ms(gap), "ms", 60, 60));
            rows.push_back(figure(name + "lost", static_cast<double>(run.lost()), "", 1, 0));
        }
}

void add_standby(std::vector<row>& rows) {
    for (const int rate : {20, 50, 200, 500}) {
        bond_flow flow;
        flow.packets_per_second = rate;
        bond_run run{flow};
        run.run(5_s);
        (void)run.busy_path(20_s);
        const double share = 100.0 * static_cast<double>(run.wire_bytes[1]) / static_cast<double>(run.wire_bytes[0]);
        rows.push_back(figure("standby, " + std::to_string(rate) + "/s: bytes of the flow's", share, "%", 2, 2));
    }
}

/// The relay's memory for a bond, with the two connections and without.
void add_memory(std::vector<row>& rows) {
    test::counting_allocator counted;
    test::masque_world world;
    world.relay_config.rest_after = {};  // so that all of its memory is counted
    world.start_relay();
    world.relay.reset();
    world.memory = counted.get();
    world.start_relay();
    world.memory = allocator::system();
    const std::size_t empty = counted.live_bytes();
    world.start_bond();
    world.run_for(3_s);
    const std::size_t with = counted.live_bytes() - empty;
    rows.push_back(figure("relay: a bond with its two connections", static_cast<double>(with) / 1'024, "KiB", 0, 0));
    const auto session_of = [](std::uint32_t payload) {
        test::counting_allocator counting;
        session_config config = masque::bond_session_config();
        config.max_payload = payload;
        const auto alone = session::create(config, counting.get());
        return static_cast<double>(counting.live_bytes() + sizeof(session)) / 1'024;
    };
    rows.push_back(figure("relay: of that, the session of the bond", session_of(1'200), "KiB", 0, 0));
    rows.push_back(figure("relay: the same, of a client with payloads up to 256", session_of(256), "KiB", 0, 0));
}

/// What of it the machine has to hold, of hundreds of bonds of two legs: while they carry 20 packets/s each way, and later.
std::vector<row> resident(bool quick) {
    std::vector<row> rows;
    masque_bench::raise_file_limit(8'192);
    (void)masque_bench::relay_certificate();
    const masque_bench::relay_and_echo for_tunnels;
    const masque_bench::relay_and_echo for_bonds;
    const std::size_t count = quick ? 16 : 300;
    const duration time = quick ? 1_s : 2_s;
    const auto plain = masque_bench::resident_kib_each<masque_bench::two_tunnels>(for_tunnels, count, 200, time);
    const auto whole = masque_bench::resident_kib_each<masque_bench::bonded_client>(for_bonds, count, 200, time);
    const std::string name = "relay, resident: ";
    rows.push_back(figure(name + "two connections with a tunnel each, idle", plain.idle, "KiB", 0, 0));
    rows.push_back(figure(name + "a bond with its two connections, idle", whole.idle, "KiB", 0, 0));
    rows.push_back(figure(name + "a bond beyond its connections, idle", whole.idle - plain.idle, "KiB", 80, 60));
    rows.push_back(figure(name + "the connections with one echo, 20/s", plain.busy, "KiB", 0, 0));
    rows.push_back(figure(name + "a bond with the same", whole.busy, "KiB", 0, 0));
    rows.push_back(figure(name + "a bond beyond its connections, 20/s", whole.busy - plain.busy, "KiB", 0, 0));
    return rows;
}

}  // namespace

int main(int argc, char** argv) {
    const parity_bench::options options = parity_bench::parse(argc, argv);
    if (!options.ok) return 2;
    const std::vector<row> memory = resident(options.quick);  // before this process has any itself
    std::vector<row> rows;
    add_blackholes(rows, options.quick);
    add_links_down(rows);
    add_standby(rows);
    add_memory(rows);
    rows.insert(rows.end(), memory.begin(), memory.end());
    std::FILE* out = parity_bench::table_output(options);
    parity_bench::print(out, "A bond of two paths, virtual time, payloads of 200 bytes", rows);
    parity_bench::print_summary(out, rows);
    return parity_bench::finish(options, "bench_bond", rows);
}
