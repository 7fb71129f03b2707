// SPDX-License-Identifier: MIT
//
// A conductor and three musicians, each on a network of their own and with a clock that shows something else and runs
// a little faster or slower. The conductor sends the beat; every session learns the conductor's clock, and plays a packet
// 150 ms after it was sent by that clock. So all play together, whatever their network does.
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "virtual_network.hpp"

using namespace duality;
using namespace duality::literals;

constexpr duration lead = 150_ms;   // more than the slowest network takes with its repairs
constexpr duration beat = 500_ms;   // 120 a minute
constexpr duration settle = 5_s;    // what clock synchronisation gets before anybody counts
constexpr std::int64_t parts = 25;  // packets to a beat: where the score is, every 20 ms
constexpr std::int64_t beats = 120;

struct musician {
    const char* name;
    session conductor, own;
    virtual_network network;
    duration ahead;         ///< of the true time, at the start
    std::int64_t fast_ppm;  ///< and this much more in every second
    duration worst{}, sum{};
    int played = 0;

    /// What this musician's clock shows.
    [[nodiscard]] instant clock(instant now) const {
        return now + ahead + duration::from_ns(now.ns() / 1'000'000 * fast_ppm);
    }
};

static session open(instant now) {
    session_config config;
    config.hold.mode = playout_mode::deadline;  // which makes a session learn the other end's clock, too
    config.hold.lead = lead;
    config.stream.deadline = lead + 10_ms;  // a beat that late is better left out
    auto made = session::create(config, allocator::system());
    if (!made || made->add_path(now, 0, {}) != status::ok || made->add_path(now, 1, {}) != status::ok) std::abort();
    return std::move(made).value();
}

static musician join(const char* name, lab::family family, std::uint64_t seed, duration ahead, std::int64_t fast_ppm) {
    return {name,  open({}), open(instant{} + ahead), virtual_network{lab::make_scenario(family, seed, 70_s, 50)},
            ahead, fast_ppm};
}

int main() {
    std::array<musician, 3> orchestra{
        join("strings, cable", lab::family::cable_ftth, 1, 7'000_s, 20),
        join("brass, long copper line", lab::family::rural_dsl, 2, -300_s, -35),
        join("drums, satellite", lab::family::leo_satellite, 3, 86'400_s, 50),
    };
    std::array<std::array<instant, 3>, beats> heard{};  ///< when each played each beat; true time

    instant next_part;
    std::int64_t part = 0;
    for (instant now; now < instant{} + settle + beat * beats + 1_s; now += 100_us) {
        const bool send = now >= next_part && part < parts * (beats + settle.ns() / beat.ns());
        if (send) next_part += beat / parts;
        for (std::size_t i = 0; i < orchestra.size(); ++i) {
            musician& m = orchestra[i];
            const instant local = m.clock(now);
            if (send) {  // where the score is; and what the musician plays, which also pays for asking for the clock
                std::array<std::uint8_t, 160> packet{static_cast<std::uint8_t>(part),
                                                     static_cast<std::uint8_t>(part >> 8)};
                (void)m.conductor.send(now, 0, packet);
                (void)m.own.send(local, 0, packet);
            }
            m.network.arrive(now, [&](toward end, path_id path, byte_view bytes) {
                if (end == toward::server)
                    (void)m.conductor.handle_datagram(now, path, bytes);
                else
                    (void)m.own.handle_datagram(local, path, bytes);
            });
            session_output out;
            m.conductor.handle_timeout(now);
            while (m.conductor.poll_output(now, out))
                if (out.kind == output_kind::transmit) m.network.send(now, toward::client, out.transmit);
            m.own.handle_timeout(local);
            while (m.own.poll_output(local, out)) {
                if (out.kind == output_kind::transmit) m.network.send(now, toward::server, out.transmit);
                if (out.kind != output_kind::deliver) continue;
                const std::int64_t came =
                    out.deliver.bytes[0] + 256 * out.deliver.bytes[1] - parts * settle.ns() / beat.ns();
                if (came >= 0 && came % parts == 0) heard[static_cast<std::size_t>(came / parts)][i] = now;
            }
        }
        part += send;
    }

    duration worst_spread{}, sum_spread{};
    std::int64_t together = 0;
    for (std::int64_t n = 0; n < beats; ++n) {
        instant first = instant::never(), last;
        const instant meant = instant{} + settle + beat * n + lead;
        for (std::size_t i = 0; i < orchestra.size(); ++i) {
            const instant at = heard[static_cast<std::size_t>(n)][i];
            if (at == instant{}) continue;  // lost for good, or past its deadline
            const duration error = std::max(at - meant, meant - at);
            orchestra[i].worst = std::max(orchestra[i].worst, error);
            orchestra[i].sum += error;
            ++orchestra[i].played;
            first = std::min(first, at);
            last = std::max(last, at);
        }
        worst_spread = std::max(worst_spread, last - first);
        sum_spread += last - first;
        together += last - first <= 10_ms;  // what an ear takes for one beat
    }
    std::printf("%-26s %12s %14s %14s\n", "musician", "beats played", "mean error", "worst error");
    for (const musician& m : orchestra)
        std::printf("%-26s %8d/%lld %11.2f ms %11.2f ms\n", m.name, m.played, static_cast<long long>(beats),
                    (m.sum / std::max(m.played, 1)).ms(), m.worst.ms());
    std::printf("alignment: first to last %.2f ms on average, %.2f ms at worst; %lld of %lld beats within 10 ms\n",
                (sum_spread / beats).ms(), worst_spread.ms(), static_cast<long long>(together),
                static_cast<long long>(beats));
    return together * 10 >= beats * 9 ? 0 : 1;
}
