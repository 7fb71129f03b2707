// SPDX-License-Identifier: MIT
//
// A tunnel on a real socket, driven by hand: for tests and benchmarks that want to say when it does what.
#pragma once

#include <poll.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>

#include "duality/masque/tunnel.hpp"
#include "io/uv_handle.hpp"
#include "relay/batch_socket.hpp"

namespace duality::test {

/// A socket on the loopback; there is no test without one.
[[nodiscard]] inline std::unique_ptr<io::batch_socket> loopback_socket() {
    std::string error;
    auto made = io::batch_socket::create(io::socket_address::parse("127.0.0.1:0").value(), error);
    if (!made) std::abort();
    return made;
}

class masque_client {
public:
    /// `config` without a path; trusts its pins.
    masque_client(const io::socket_address& relay, masque::tunnel_config config) : quic_{loopback_socket()} {
        path_ = {io::to_udp_address(quic_->local()), io::to_udp_address(relay)};
        config.path = path_;
        config.system_roots = false;
        auto made = masque::tunnel::create(io::monotonic_now(), config, allocator::system());
        if (!made) std::abort();
        tunnel = std::make_unique<masque::tunnel>(std::move(made).value());
    }

    [[nodiscard]] result<masque::flow_id> try_open(const io::socket_address& target) {
        return tunnel->open(io::monotonic_now(), masque::udp_target::create("127.0.0.1", target.port()).value());
    }
    [[nodiscard]] status send(masque::flow_id flow, byte_view payload) {
        return tunnel->send(io::monotonic_now(), flow, payload, instant::never());
    }
    /// Goes on from another port without saying so, as behind an address translator that has forgotten.
    void rebind() { quic_ = loopback_socket(); }

    /// Sends what is there, waits for at most `wait_ms`, takes what has come.
    void turn(int wait_ms) {
        flush();
        if (wait_ms > 0) {
            pollfd wanted{quic_->fd(), POLLIN, 0};
            (void)::poll(&wanted, 1, wait_ms);
        }
        const instant now = io::monotonic_now();
        (void)quic_->read([&](const io::batch_socket::datagram& d) {
            tunnel->handle_datagram(now, {path_.local, d.from}, d.mark, d.bytes);
        });
        if (tunnel->next_timeout() <= now) tunnel->handle_timeout(now);
        flush();
    }
    void flush() {
        masque::tunnel_output out;
        const instant now = io::monotonic_now();
        while (tunnel->poll_output(now, out)) {
            if (out.kind == masque::tunnel_output_kind::transmit)
                quic_->queue(out.packet.path.remote, out.packet.mark, out.packet.bytes);
            if (out.kind == masque::tunnel_output_kind::deliver) ++delivered;
            if (out.kind == masque::tunnel_output_kind::event) {
                opened += out.event.kind == masque::tunnel_event_kind::flow_open ? 1 : 0;
                refused += out.event.kind == masque::tunnel_event_kind::flow_refused ? 1 : 0;
            }
        }
        quic_->flush();
    }

    std::unique_ptr<masque::tunnel> tunnel;
    std::uint64_t delivered = 0;  ///< payloads
    std::uint64_t opened = 0;     ///< flows
    std::uint64_t refused = 0;

private:
    std::unique_ptr<io::batch_socket> quic_;
    masque::udp_path path_;
};

}  // namespace duality::test
