// SPDX-License-Identifier: MIT
//
// Two sessions, one lossy path between them, no thread and no socket. The README shows this file.
#include <cstdio>

#include "duality/session.hpp"

using namespace duality;
using namespace duality::literals;

// Carries everything one end wants to transmit to the other; one datagram in 30 is lost on the way.
static void carry(session& from, session& to, instant now, int& count, int& delivered) {
    session_output out;
    while (from.poll_output(now, out)) {
        if (out.kind == output_kind::transmit && ++count % 30 != 0)
            (void)to.handle_datagram(now, out.transmit.path, out.transmit.bytes);
        if (out.kind == output_kind::deliver) ++delivered;  // out.deliver.bytes, .lateness, .recovered_by
    }
}

int main() {
    auto client = session::create({}, allocator::system());  // all memory the session will ever use
    auto server = session::create({}, allocator::system());
    if (!client || !server) return 1;
    instant now;  // your clock: the library never reads one
    if (client->add_path(now, 0, {}) != status::ok || server->add_path(now, 0, {}) != status::ok) return 1;
    int count = 0, delivered = 0;
    for (int frame = 0; frame < 1000; ++frame, now += 5_ms) {
        const std::uint8_t state[400] = {static_cast<std::uint8_t>(frame)};
        if (frame < 900 && failed(client->send(now, 0, state))) return 1;
        carry(*client, *server, now, count, delivered);
        carry(*server, *client, now, count, delivered);
    }
    std::printf("900 packets sent, %d of %d datagrams lost, %d packets delivered\n", count / 30, count, delivered);
    return delivered == 900 ? 0 : 1;
}
