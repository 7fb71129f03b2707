// SPDX-License-Identifier: MIT
//
// Bonds of two paths on real sockets, for what a relay's memory of hundreds of them is.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "duality/masque/bonded_tunnel.hpp"
#include "masque_rig.hpp"

namespace masque_bench {

/// `target` through the relay at `relay` over two paths of the loopback, driven by hand.
class bonded_client {
public:
    bonded_client(const io::socket_address& relay, const io::socket_address& target, std::uint32_t payload) {
        const masque::key_pin pins[] = {relay_certificate().pin};
        std::array<masque::bond_path, 2> paths;
        for (std::size_t i = 0; i < paths.size(); ++i) {
            sockets_[i] = new_socket();
            paths[i].path = {io::to_udp_address(sockets_[i]->local()), io::to_udp_address(relay)};
        }
        masque::bonded_tunnel_config config;
        config.relay = "relay.bench";
        config.pins = pins;
        config.paths = paths;
        config.target = masque::udp_target::create("127.0.0.1", target.port()).value();
        config.buffered_datagrams = 64;
        config.protected_payload = payload;
        auto made = masque::bonded_tunnel::create(io::monotonic_now(), config, allocator::system());
        if (!made) fail("no bond");
        bond_ = std::make_unique<masque::bonded_tunnel>(std::move(made).value());
    }

    void send(byte_view payload) { (void)bond_->send(io::monotonic_now(), payload); }
    /// Takes what has come and sends what is due.
    void turn() {
        flush();
        for (std::size_t i = 0; i < sockets_.size(); ++i) {
            const masque::udp_address local = io::to_udp_address(sockets_[i]->local());
            (void)sockets_[i]->read([&](const io::batch_socket::datagram& d) {
                bond_->handle_datagram(io::monotonic_now(), {local, d.from}, d.mark, d.bytes);
            });
        }
        const instant now = io::monotonic_now();
        if (bond_->next_timeout() <= now) bond_->handle_timeout(now);
        flush();
    }
    [[nodiscard]] bool is_whole() const {
        const instant now = io::monotonic_now();
        return bond_->leg(now, 0).joined && bond_->leg(now, 1).joined;
    }
    [[nodiscard]] std::uint64_t delivered() const { return delivered_; }

private:
    void flush() {
        masque::bond_output out;
        const instant now = io::monotonic_now();
        while (bond_->poll_output(now, out)) {
            if (out.kind == masque::bond_output_kind::transmit)
                sockets_[out.path]->queue(out.packet.path.remote, out.packet.mark, out.packet.bytes);
            if (out.kind == masque::bond_output_kind::deliver) ++delivered_;
        }
        for (const auto& socket : sockets_) socket->flush();
    }

    std::array<std::unique_ptr<io::batch_socket>, 2> sockets_;
    std::unique_ptr<masque::bonded_tunnel> bond_;
    std::uint64_t delivered_ = 0;
};

/// Two connections with a tunnel each, of which the first one is used: what a bond has without being one.
class two_tunnels {
public:
    two_tunnels(const io::socket_address& relay, const io::socket_address& target, std::uint32_t /*payload*/)
        : first_{relay, 64}, second_{relay, 64}, flow_{first_.open(target)} {
        (void)second_.open(target);
    }
    void send(byte_view payload) { (void)first_.send(flow_, payload); }
    void turn() {
        first_.turn(0);
        second_.turn(0);
    }
    [[nodiscard]] bool is_whole() const { return first_.opened + second_.opened == 2; }
    [[nodiscard]] std::uint64_t delivered() const { return first_.delivered; }

private:
    client first_;
    client second_;
    masque::flow_id flow_;
};

/// A relay and an echo. To be made before there are clients: what those give back a process made later would have as
/// memory of its own, already resident. After `relay_certificate()`, which is to be the same for all.
struct relay_and_echo {
    process relay{[](shared_figures& f) { run_relay(f); }};
    process echo{[](shared_figures& f) { run_echo(f); }};
};

/// KiB.
struct resident_memory {
    double busy = 0;
    double idle = 0;

    friend resident_memory operator-(const resident_memory& a, const resident_memory& b) {
        return {a.busy - b.busy, a.idle - b.idle};
    }
    friend resident_memory operator/(const resident_memory& a, double by) { return {a.busy / by, a.idle / by}; }
};

/// How much the relay grows by each of `count` clients with an echo of `size` bytes 20 times a second for `time`: at the end
/// of it, and at least in the 10 s after it. They are not all idle at any one time, as each has its keep-alives.
template <class Client>
resident_memory resident_kib_each(const relay_and_echo& there, std::size_t count, std::size_t size, duration time,
                                  std::uint32_t payload = 0) {
    const auto& [relay, echo] = there;
    std::vector<std::unique_ptr<Client>> all;
    const auto turn = [&] {
        for (const auto& c : all) c->turn();
    };
    const auto all_whole = [&] {
        return std::all_of(all.begin(), all.end(), [](const auto& c) { return c->is_whole(); });
    };
    const auto add = [&](std::size_t more) {
        while (more > 0) {  // not so many at a time that the relay's memory for handshakes is all that is seen
            for (std::size_t k = std::min<std::size_t>(more, 8); k > 0; --k, --more)
                all.push_back(std::make_unique<Client>(relay.address(), echo.address(), payload));
            for (int i = 0; i < 5'000 && !all_whole(); ++i) {
                turn();
                (void)::poll(nullptr, 0, 1);
            }
            if (!all_whole()) fail("a client does not get its paths");
            turn();
        }
        const bytes payload_bytes(size, 0x5A);
        std::vector<std::uint64_t> before;
        for (const auto& c : all) before.push_back(c->delivered());
        const auto packets = static_cast<int>(time.ns() / 50'000'000);
        for (int i = 0; i < packets; ++i) {
            const instant next = io::monotonic_now() + 50_ms;
            for (const auto& c : all) c->send(payload_bytes);
            while (io::monotonic_now() < next) {
                turn();
                (void)::poll(nullptr, 0, 2);
            }
        }
        for (int i = 0; i < 20; ++i) {
            turn();
            (void)::poll(nullptr, 0, 10);
        }
        for (std::size_t i = 0; i < all.size(); ++i)
            if (all[i]->delivered() - before[i] < static_cast<std::uint64_t>(packets) / 2)
                fail("the flow is not carried");
    };
    const auto measure = [&] {
        resident_memory out;
        out.idle = out.busy = relay.resident_kib();
        for (int i = 1; i <= 1'000; ++i) {
            turn();
            (void)::poll(nullptr, 0, 10);
            if (i % 20 == 0) out.idle = std::min<double>(out.idle, relay.resident_kib());
        }
        return out;
    };
    add(32);  // what is only taken once
    const resident_memory before = measure();
    add(count);
    const resident_memory after = measure();
    const masque::relay_statistics open = relay.stats().protocol;
    if (open.open_connections != 2 * all.size()) fail("not all connections are still there");
    return (after - before) / static_cast<double>(count);
}

}  // namespace masque_bench
