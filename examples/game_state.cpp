// SPDX-License-Identifier: MIT
//
// A server with a fixed tick and two players. Every tick the server sends each of them the state of the world and they
// send their input; a session protects both directions of each connection. Beside it the same snapshots go over the same
// network as plain UDP, so that one sees what a player's screen would have frozen for.
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>

#include "virtual_network.hpp"

using namespace duality;
using namespace duality::literals;

constexpr duration tick = duration::from_ns(1'000'000'000 / 60);
constexpr duration frozen = 50_ms;  // three ticks without news

/// How long a screen shows the same state.
struct screen {
    std::uint64_t newest = 0;
    instant since;
    duration longest{};
    int snapshots = 0, freezes = 0;

    void show(instant now, std::uint64_t number) {
        if (number <= newest) return;  // older than what is shown
        if (newest != 0) {
            longest = std::max(longest, now - since);
            freezes += now - since > frozen;
        }
        newest = number;
        since = now;
        ++snapshots;
    }
};

/// The world; sent as it is, since both ends are this program.
struct snapshot {
    std::uint64_t number = 0;
    std::array<std::int32_t, 2> position{};
    std::array<std::uint8_t, 280> rest{};
};

struct player {
    const char* name;
    session server, client;
    virtual_network network;
    lab::link plain;  ///< the same network, for plain UDP
    screen protected_screen{}, plain_screen{};
    std::multimap<instant, std::uint64_t> plain_under_way{};
    snapshot seen{};
};

static session open() {
    session_config config;
    config.stream.mode = stream_mode::hot;  // small and critical: every packet over both paths
    auto made = session::create(config, allocator::system());
    if (!made) std::abort();
    path_config metered;  // in a day no byte more than this goes over it; then the flow has one path
    metered.cost = cost_class::metered;
    metered.budget.day_bytes = 50'000'000;
    if (made->add_path({}, 0, {}) != status::ok || made->add_path({}, 1, metered) != status::ok) std::abort();
    return std::move(made).value();
}

static player join(const char* name, lab::family family, std::uint64_t seed) {
    const lab::scenario s = lab::make_scenario(family, seed, 60_s, 60);
    return {name, open(), open(), virtual_network{s}, s.primary.reverse};
}

template <class T>
static void send(session& from, instant now, const T& message) {
    (void)from.send(now, 0, {reinterpret_cast<const std::uint8_t*>(&message), sizeof message});
}

/// What every user of a session does in every turn of the loop; `take(bytes)` gets the packets of the other end.
template <class Take>
static void turn(session& s, virtual_network& network, toward other_end, instant now, Take take) {
    s.handle_timeout(now);
    session_output out;
    while (s.poll_output(now, out)) {
        if (out.kind == output_kind::transmit) network.send(now, other_end, out.transmit);
        if (out.kind == output_kind::deliver) take(out.deliver.bytes);
    }
}

int main() {
    std::array<player, 2> players{join("Ada, crowded Wi-Fi", lab::family::wifi_contention, 3),
                                  join("Bob, phone's hotspot", lab::family::mobile_hotspot, 4)};
    snapshot world;
    std::array<std::int8_t, 2> input{};  ///< what the server knows of each player's stick

    instant next_tick;
    // A game does this once a frame; every millisecond the figures are not rounded to frames.
    for (instant now; now < instant{} + 60_s; now += 1_ms) {
        const bool ticks = now >= next_tick;
        if (ticks) {
            next_tick += tick;
            ++world.number;
        }
        for (std::size_t i = 0; i < players.size(); ++i) {
            player& p = players[i];
            if (ticks) {
                world.position[i] += input[i];
                send(p.server, now, world);
                send(p.client, now, static_cast<std::int8_t>(world.number / 300 % 2 == 0 ? 1 : -1));
                const instant arrival = p.plain.transmit(now, sizeof world + 28).arrival;
                if (!arrival.is_never()) p.plain_under_way.emplace(arrival, world.number);
            }
            p.network.arrive(now, [&](toward end, path_id path, byte_view bytes) {
                (void)(end == toward::server ? p.server : p.client).handle_datagram(now, path, bytes);
            });
            turn(p.server, p.network, toward::client, now, [&](byte_view bytes) {
                if (bytes.size() == 1) input[i] = static_cast<std::int8_t>(bytes[0]);
            });
            turn(p.client, p.network, toward::server, now, [&](byte_view bytes) {
                if (bytes.size() != sizeof p.seen) return;
                std::memcpy(&p.seen, bytes.data(), sizeof p.seen);
                p.protected_screen.show(now, p.seen.number);
            });
            while (!p.plain_under_way.empty() && p.plain_under_way.begin()->first <= now)
                p.plain_screen.show(now, p.plain_under_way.extract(p.plain_under_way.begin()).mapped());
        }
    }

    std::printf("%-22s %-10s %10s %17s %12s\n", "player", "carried by", "snapshots", "freezes > 50 ms", "longest gap");
    bool better = true;
    for (const player& p : players) {
        std::printf("%-22s %-10s %10d %17d %9.0f ms\n", p.name, "plain UDP", p.plain_screen.snapshots,
                    p.plain_screen.freezes, p.plain_screen.longest.ms());
        const session_statistics s = p.server.statistics();
        const std::uint64_t extra = s.sender.extra_bytes();
        std::printf("%-22s %-10s %10d %17d %9.0f ms   (%.1f %% more bytes, and %.1f MB of copies)\n", "", "DUALITY",
                    p.protected_screen.snapshots, p.protected_screen.freezes, p.protected_screen.longest.ms(),
                    100.0 * static_cast<double>(extra) / static_cast<double>(s.sender.source.bytes),
                    static_cast<double>(s.sender.hot_copies.bytes) / 1e6);
        better =
            better && p.protected_screen.freezes < p.plain_screen.freezes && p.seen.position != snapshot{}.position;
    }
    return better ? 0 : 1;
}
