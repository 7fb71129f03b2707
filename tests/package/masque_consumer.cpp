// SPDX-License-Identifier: MIT
//
// A tunnel from the installed library begins its handshake: QUIC, HTTP/3 and TLS are all there. Exits with 0 when the
// first packet goes to the relay and is as large as RFC 9000 wants it.
#include <cstdio>

#include "duality/masque.hpp"

using namespace duality;

int main() {
    const auto here = masque::ip_address::parse("192.0.2.1");
    const auto relay = masque::ip_address::parse("192.0.2.2");
    if (!here || !relay) return 1;
    const masque::key_pin pin{};
    masque::tunnel_config config;
    config.relay = "relay.example:4433";
    config.path = {{*here, 1'000}, {*relay, 4'433}};
    config.pins = {&pin, 1};
    auto tunnel = masque::tunnel::create({}, config, allocator::system());
    if (!tunnel) {
        std::fprintf(stderr, "masque_consumer: no tunnel\n");
        return 1;
    }
    masque::tunnel_output out;
    while (tunnel->poll_output({}, out))
        if (out.kind == masque::tunnel_output_kind::transmit && out.packet.path.remote == config.path.remote &&
            out.packet.bytes.size() >= 1'200) {
            std::puts("masque_consumer: the handshake has begun");
            return 0;
        }
    return 1;
}
