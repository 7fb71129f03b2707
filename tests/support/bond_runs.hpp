// SPDX-License-Identifier: MIT
//
// One bonded flow over two paths in virtual time, something that happens to the first of them, and what the receiving
// application sees of it. For tests, which assert it, and for the benchmark, which prints it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <functional>
#include <set>
#include <vector>

#include "support/masque_world.hpp"

namespace duality::test {

enum class flow_direction : std::uint8_t { up, down };

struct bond_flow {
    duration primary_rtt = duration::from_ms(20);
    duration secondary_rtt = duration::from_ms(20);
    int packets_per_second = 200;
    std::size_t payload = 200;
    flow_direction direction = flow_direction::up;
};

/// A world with a bond and a flow over it, either way.
class bond_run {
public:
    explicit bond_run(const bond_flow& flow) : flow_{flow} {
        world.echo = false;
        world.relay_config.max_unanswered = 1 << 30;
        world.relay_config.secret.fill(7);
        world.network = [this](wire_packet& p, instant now) {
            const udp_address& client = p.to_relay ? p.path.local : p.path.remote;
            const std::size_t path = client == world.bond_paths[0].path.local ? 0 : 1;
            if (now >= counted_from) wire_bytes[path] += p.content.size() + 28;
            const bool lost = path == 0 && dead && (p.to_relay ? dead_up : dead_down);
            if (lost) return std::vector<duration>{};
            return std::vector<duration>{(path == 0 ? flow_.primary_rtt : flow_.secondary_rtt) / 2};
        };
        world.start_bond();
        world.run_for(duration::from_ms(500));
        send_one();  // the target is known from now on
        world.run_for(duration::from_ms(500));
    }

    /// Lets the flow run for `length`; numbers go on from run to run.
    void run(duration length) {
        const duration spacing = duration::from_ns(1'000'000'000 / flow_.packets_per_second);
        const instant until = world.now + length;
        if (next_at_ < world.now) next_at_ = world.now;
        for (; next_at_ < until; next_at_ += spacing) {
            world.run_until(next_at_);
            send_one();
        }
        world.run_until(until);
    }

    /// The longest time between two new packets at the receiving application since `from`.
    [[nodiscard]] duration longest_gap(instant from) const {
        duration longest{};
        instant last = instant::never();
        std::set<std::uint32_t> seen;
        for (const seen_payload& p : arrived()) {
            std::uint32_t number = 0;
            std::memcpy(&number, p.content.data(), sizeof number);
            if (!seen.insert(number).second) continue;
            if (!last.is_never() && p.at >= from) longest = std::max(longest, p.at - last);
            last = p.at;
        }
        return longest;
    }
    [[nodiscard]] std::size_t lost() const {
        std::set<std::uint32_t> seen;
        for (const seen_payload& p : arrived()) {
            std::uint32_t number = 0;
            std::memcpy(&number, p.content.data(), sizeof number);
            seen.insert(number);
        }
        return sent_ - seen.size();
    }
    [[nodiscard]] std::size_t repeated() const { return arrived().size() - (sent_ - lost()); }
    [[nodiscard]] const std::vector<seen_payload>& arrived() const {
        return flow_.direction == flow_direction::up ? world.at_target : world.bonds[0]->delivered;
    }
    [[nodiscard]] std::uint32_t sent() const { return sent_; }
    /// The path that carries the flow, by the bytes of the last `length`, which pass.
    [[nodiscard]] std::size_t busy_path(duration length) {
        wire_bytes = {};
        counted_from = world.now;
        run(length);
        return wire_bytes[0] >= wire_bytes[1] ? 0 : 1;
    }

    masque_world world;
    bool dead = false;  ///< the first path loses everything
    bool dead_up = true;
    bool dead_down = true;
    std::array<std::uint64_t, 2> wire_bytes{};  ///< IP packets of each path, both ways
    instant counted_from = instant::never();

private:
    void send_one() {
        bytes payload(flow_.payload, 0x5A);
        std::memcpy(payload.data(), &sent_, sizeof sent_);
        ++sent_;
        if (flow_.direction == flow_direction::up)
            (void)world.bond().send(world.now, payload);
        else if (!world.targets.empty())
            (void)world.relay->handle_target_datagram(world.now, world.targets.begin()->first, payload);
        world.drain();
    }

    bond_flow flow_;
    std::uint32_t sent_ = 0;
    instant next_at_ = instant::before_all();
};

struct bond_figures {
    duration gap{};
    std::size_t lost = 0;
    std::size_t repeated = 0;
    duration back{};  ///< from the end of the outage until the path carries the flow again; infinite: never
    bool stuck = false;
};

/// The first path loses everything for `outage`, from a moment `phase` after a packet of the flow.
[[nodiscard]] inline bond_figures run_blackhole(const bond_flow& flow, duration outage, duration phase, bool up = true,
                                                bool down = true) {
    bond_run run{flow};
    run.run(duration::from_seconds(5) + phase);
    const instant begin = run.world.now;
    run.dead = true;
    run.dead_up = up;
    run.dead_down = down;
    run.run(outage);
    run.dead = false;
    bond_figures out;
    out.back = duration::infinite();
    for (int tenth = 1; tenth <= 40; ++tenth) {
        if (run.busy_path(duration::from_ms(100)) != 0) continue;
        out.back = duration::from_ms(100 * tenth);
        break;
    }
    run.run(duration::from_ms(500));
    out.gap = run.longest_gap(begin - duration::from_ms(200));
    run.world.run_for(duration::from_ms(500));
    out.lost = run.lost();
    out.repeated = run.repeated();
    out.stuck = run.world.stuck;
    return out;
}

}  // namespace duality::test
