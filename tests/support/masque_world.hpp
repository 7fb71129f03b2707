// SPDX-License-Identifier: MIT
//
// Tunnels, a relay and targets in virtual time, joined by links that a test describes. Time jumps from one wake-up to the
// next.
#pragma once

#include <algorithm>
#include <array>
#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "duality/masque.hpp"
#include "duality/time.hpp"

namespace duality::test {

using bytes = std::vector<std::uint8_t>;
using masque::ecn;
using masque::ip_address;
using masque::udp_address;
using masque::udp_path;

inline constexpr wall_time test_day = wall_time::from_ns(1'700'000'000'000'000'000);  // 2023-11-14
inline constexpr duration one_day = duration::from_seconds(86'400);

[[nodiscard]] inline udp_address address_of(const char* ip, std::uint16_t port) {
    const auto parsed = ip_address::parse(ip);
    if (!parsed) std::abort();  // a test's own mistake
    return {*parsed, port};
}

/// An authority and a certificate it issued, made once for all tests.
struct test_authority {
    masque::certificate root;
    masque::certificate relay;

    static const test_authority& get() {
        static const test_authority made = [] {
            const std::string_view root_name[] = {"Test authority"};
            const std::string_view relay_names[] = {"relay.test", "192.0.2.1"};
            test_authority a;
            const auto made_root = masque::make_certificate({.names = root_name,
                                                             .valid_from = test_day - one_day,
                                                             .valid_until = test_day + one_day * 365,
                                                             .authority = true});
            if (!made_root) std::abort();
            a.root = made_root.value();
            const auto made_relay = masque::make_certificate({.names = relay_names,
                                                              .valid_from = test_day - one_day,
                                                              .valid_until = test_day + one_day * 30,
                                                              .issuer = &a.root});
            if (!made_relay) std::abort();
            a.relay = made_relay.value();
            return a;
        }();
        return made;
    }
};

/// A QUIC packet on its way.
struct wire_packet {
    udp_path path;  ///< as the sender sees it
    ecn mark = ecn::not_ect;
    bytes content;
    bool to_relay = false;
};

struct seen_payload {
    instant at;
    std::uint64_t id = 0;  ///< of the flow or the target
    bytes content;
};

/// What the network does with a packet: the delay of each copy that arrives. May change the packet.
using network_rule = std::function<std::vector<duration>(wire_packet&, instant now)>;

class masque_world {
public:
    masque_world() {
        relay_config.certificate_chain = test_authority::get().relay.chain();
        relay_config.private_key = test_authority::get().relay.key();
        (void)relay_config.policy.allow(masque::address_prefix::parse("198.51.100.0/24").value());
        tunnel_config.relay = "relay.test";
        tunnel_config.roots = test_authority::get().root.chain();
        tunnel_config.system_roots = false;
        tunnel_config.wall = test_day;
        tunnel_config.path = {address_of("203.0.113.7", 40'000), relay_address};
        bond_config.relay = "relay.test";
        bond_config.roots = tunnel_config.roots;
        bond_config.system_roots = false;
        bond_config.wall = test_day;
        bond_config.paths = bond_paths;
        bond_config.target = masque::udp_target::create("198.51.100.9", 7).value();
        names["echo.test"] = {*ip_address::parse("198.51.100.9")};
    }

    void start_relay() {
        auto made = masque::relay::create(now, relay_config, memory);
        if (!made) std::abort();
        relay.emplace(std::move(made).value());
    }
    /// Starts the relay too, if it does not run.
    masque::tunnel& start_tunnel() {
        if (!relay) start_relay();
        auto made = masque::tunnel::create(now, tunnel_config, memory);
        if (!made) std::abort();
        tunnels.push_back(std::make_unique<end>(end{std::move(made).value(), tunnel_config.path, {}, {}}));
        drain();
        return tunnels.back()->tunnel;
    }
    [[nodiscard]] masque::tunnel& tunnel(std::size_t i = 0) { return tunnels[i]->tunnel; }

    /// A bond over `bond_config.paths`. Starts the relay too, if it does not run.
    masque::bonded_tunnel& start_bond() {
        if (!relay) start_relay();
        auto made = masque::bonded_tunnel::create(now, bond_config, memory);
        if (!made) std::abort();
        bonds.push_back(std::make_unique<bond_end>(bond_end{std::move(made).value(), {}, {}}));
        drain();
        return bonds.back()->bond;
    }
    [[nodiscard]] masque::bonded_tunnel& bond(std::size_t i = 0) { return bonds[i]->bond; }
    [[nodiscard]] std::size_t count(masque::bond_event_kind kind, std::size_t at = 0) const {
        const auto& all = bonds[at]->events;
        return static_cast<std::size_t>(
            std::count_if(all.begin(), all.end(), [&](const auto& e) { return e.kind == kind; }));
    }

    masque::flow_id open(const char* host = "198.51.100.9", std::uint16_t port = 7, std::size_t from = 0) {
        const auto id = tunnel(from).open(now, masque::udp_target::create(host, port).value());
        if (!id) std::abort();
        drain();
        return id.value();
    }
    status send(masque::flow_id flow, const bytes& payload, std::size_t from = 0) {
        const status s = tunnel(from).send(now, flow, payload, instant::never());
        drain();
        return s;
    }

    void run_for(duration d) { run_until(now + d); }
    void run_until(instant until) {
        std::size_t at_once = 0;
        for (;;) {
            instant next = relay ? relay->next_timeout() : instant::never();
            for (const auto& t : tunnels) next = std::min(next, t->tunnel.next_timeout());
            for (const auto& b : bonds) next = std::min(next, b->bond.next_timeout());
            if (!wire_.empty()) next = std::min(next, wire_.begin()->first.first);
            if (next > until) break;
            at_once = next > now ? 0 : at_once + 1;
            if (at_once > 1000) {
                stuck = true;
                break;
            }
            now = std::max(now, next);
            ++wake_ups;
            while (!wire_.empty() && wire_.begin()->first.first <= now) arrive();
            if (relay && relay->next_timeout() <= now) relay->handle_timeout(now);
            for (const auto& t : tunnels)
                if (t->tunnel.next_timeout() <= now) t->tunnel.handle_timeout(now);
            for (const auto& b : bonds)
                if (b->bond.next_timeout() <= now) b->bond.handle_timeout(now);
            drain();
        }
        now = std::max(now, until);
    }

    /// Takes every output of everybody.
    void drain() {
        for (bool more = true; more;) {
            more = false;
            for (const auto& t : tunnels) more = drain_tunnel(*t) || more;
            for (const auto& b : bonds) more = drain_bond(*b) || more;
            if (relay) more = drain_relay() || more;
        }
    }

    [[nodiscard]] std::size_t count(masque::tunnel_event_kind kind, std::size_t at = 0) const {
        const auto& all = tunnels[at]->events;
        return static_cast<std::size_t>(
            std::count_if(all.begin(), all.end(), [&](const auto& e) { return e.kind == kind; }));
    }
    [[nodiscard]] const masque::tunnel_event* find(masque::tunnel_event_kind kind, std::size_t at = 0) const {
        for (const auto& e : tunnels[at]->events)
            if (e.kind == kind) return &e;
        return nullptr;
    }
    [[nodiscard]] std::vector<seen_payload>& delivered(std::size_t at = 0) { return tunnels[at]->delivered; }

    struct end {
        masque::tunnel tunnel;
        udp_path path;
        std::vector<masque::tunnel_event> events;
        std::vector<seen_payload> delivered;
    };

    struct bond_end {
        masque::bonded_tunnel bond;
        std::vector<masque::bond_event> events;
        std::vector<seen_payload> delivered;
    };

    instant now = instant::from_ns(1'000'000'000);
    udp_address relay_address = address_of("192.0.2.1", 443);
    allocator memory = allocator::system();
    masque::relay_config relay_config;
    masque::tunnel_config tunnel_config;
    std::optional<masque::relay> relay;
    std::vector<std::unique_ptr<end>> tunnels;
    std::array<masque::bond_path, 2> bond_paths{
        {{{address_of("203.0.113.7", 40'001), relay_address}, cost_class::free, {}},
         {{address_of("203.0.113.8", 40'002), relay_address}, cost_class::metered, {}}}};
    masque::bonded_tunnel_config bond_config;
    std::vector<std::unique_ptr<bond_end>> bonds;
    network_rule network = [](wire_packet&, instant) { return std::vector<duration>{duration::from_ms(10)}; };
    std::map<std::string, std::vector<ip_address>> names;  ///< what the relay's resolver knows
    bool answer_lookups = true;
    bool echo = true;                              ///< targets send back what they get
    std::map<std::uint64_t, udp_address> targets;  ///< open now
    std::vector<udp_address> opened;               ///< ever
    std::vector<std::string> looked_up;
    std::vector<std::uint64_t> closed_targets;
    std::vector<seen_payload> at_target;
    std::vector<wire_packet> sent;
    std::uint64_t wake_ups = 0;
    bool keep_sent = false;
    bool stuck = false;

    /// Puts a packet on the wire as it is.
    void inject(wire_packet p, duration delay = duration::zero()) {
        wire_.emplace(std::pair{now + delay, order_++}, std::move(p));
    }
    /// Everything under way vanishes.
    void cut() { wire_.clear(); }

private:
    void transmit(const masque::quic_packet& packet, bool to_relay) {
        wire_packet p{packet.path, packet.mark, {packet.bytes.begin(), packet.bytes.end()}, to_relay};
        if (keep_sent) sent.push_back(p);
        for (const duration delay : network(p, now)) wire_.emplace(std::pair{now + delay, order_++}, p);
    }

    bool drain_tunnel(end& t) {
        masque::tunnel_output out;
        bool any = false;
        while (t.tunnel.poll_output(now, out)) {
            any = true;
            if (out.kind == masque::tunnel_output_kind::transmit) transmit(out.packet, true);
            if (out.kind == masque::tunnel_output_kind::deliver)
                t.delivered.push_back({now, out.flow, {out.payload.begin(), out.payload.end()}});
            if (out.kind == masque::tunnel_output_kind::event) t.events.push_back(out.event);
        }
        return any;
    }

    bool drain_bond(bond_end& b) {
        masque::bond_output out;
        bool any = false;
        while (b.bond.poll_output(now, out)) {
            any = true;
            if (out.kind == masque::bond_output_kind::transmit) transmit(out.packet, true);
            if (out.kind == masque::bond_output_kind::deliver)
                b.delivered.push_back({now, 0, {out.payload.begin(), out.payload.end()}});
            if (out.kind == masque::bond_output_kind::event) b.events.push_back(out.event);
        }
        return any;
    }

    bool drain_relay() {
        masque::relay_output out;
        bool any = false;
        while (relay->poll_output(now, out)) {
            any = true;
            switch (out.kind) {
                case masque::relay_output_kind::transmit: transmit(out.packet, false); break;
                case masque::relay_output_kind::resolve: {
                    const std::string host{out.host};
                    looked_up.push_back(host);
                    if (answer_lookups) (void)relay->target_resolved(now, out.target, names[host]);
                    break;
                }
                case masque::relay_output_kind::open_target:
                    opened.push_back(out.address);
                    targets[out.target] = out.address;
                    (void)relay->target_opened(now, out.target);
                    break;
                case masque::relay_output_kind::to_target: {
                    at_target.push_back({now, out.target, {out.payload.begin(), out.payload.end()}});
                    const bytes back = at_target.back().content;
                    if (echo) (void)relay->handle_target_datagram(now, out.target, back);
                    break;
                }
                case masque::relay_output_kind::close_target:
                    closed_targets.push_back(out.target);
                    targets.erase(out.target);
                    break;
                case masque::relay_output_kind::none: break;
            }
        }
        return any;
    }

    void arrive() {
        const wire_packet p = std::move(wire_.begin()->second);
        wire_.erase(wire_.begin());
        const udp_path seen{p.path.remote, p.path.local};
        if (p.to_relay) {
            if (relay) relay->handle_datagram(now, seen, p.mark, p.content);
            return;
        }
        for (const auto& t : tunnels)
            if (t->path.local == seen.local) t->tunnel.handle_datagram(now, seen, p.mark, p.content);
        for (const auto& b : bonds) b->bond.handle_datagram(now, seen, p.mark, p.content);
    }

    std::map<std::pair<instant, std::uint64_t>, wire_packet> wire_;  ///< by arrival, then by departure
    std::uint64_t order_ = 0;
};

}  // namespace duality::test
