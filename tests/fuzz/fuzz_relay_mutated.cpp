// SPDX-License-Identifier: MIT
//
// A whole relay and a client whose packets are changed after everything was decided and before they are encrypted: they are
// authentic and wrong at every layer, from QUIC's frames to those of a bond. The relay keeps its bounds, forgets the client
// when it is silent, and serves others.
#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "duality/masque/bond.hpp"
#include "support/relay_under_fire.hpp"

using namespace duality;
using namespace duality::test;

namespace {

constexpr int rounds_max = 30;

/// What the input does to one packet.
void mutate(reader& in, byte_span packet) {
    if (packet.empty() || in.empty()) return;
    const auto place = [&] { return in.take<std::uint16_t>() % packet.size(); };
    switch (in.take<std::uint8_t>() % 6) {
        case 0: break;  // as it is
        case 1: packet[place()] ^= static_cast<std::uint8_t>(1u << in.take<std::uint8_t>() % 8); break;
        case 2: packet[place()] = in.take<std::uint8_t>(); break;
        case 3: {  // near the beginning, where the frames' heads are
            const std::size_t near = in.take<std::uint8_t>() % std::min<std::size_t>(packet.size(), 24);
            packet[near] = in.take<std::uint8_t>();
            break;
        }
        case 4: {  // frames of the input's own, PADDING after them
            const bytes frames = take_bytes(in, 120);
            const std::size_t count = std::min(frames.size(), packet.size());
            std::fill(packet.begin(), packet.end(), std::uint8_t{0});
            std::copy_n(frames.begin(), count, packet.begin());
            break;
        }
        case 5: {  // a part of it comes again elsewhere
            const std::size_t from = place();
            const std::size_t to = place();
            const std::size_t count =
                std::min<std::size_t>(in.take<std::uint8_t>(), packet.size() - std::max(from, to));
            std::copy_n(bytes{packet.begin(), packet.end()}.begin() + static_cast<std::ptrdiff_t>(from), count,
                        packet.begin() + static_cast<std::ptrdiff_t>(to));
            break;
        }
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    reader in{data, size};
    relay_under_fire fire;
    raw_client& client = fire.client();
    const std::uint8_t choice = in.take<std::uint8_t>();
    const bool bonds = (choice & 1) != 0;
    const auto hook = [&in](byte_span packet) { mutate(in, packet); };
    if ((choice & 2) != 0) client.before_encryption = hook;
    client.begin_http();
    std::vector<header_field> more;
    if (bonds) more.emplace_back(masque::bond_field, "v=1");
    const std::int64_t request = client.request(connect_head("/.well-known/masque/udp/198.51.100.9/7/", more));
    client.run_for(duration::from_ms(30));
    if (bonds && request >= 0)
        client.write(request,
                     byte_writer{}.frame(0, byte_writer{}.frame(masque::bond_register_capsule, bytes{2, choice})));
    client.before_encryption = hook;
    for (int i = 0; i < rounds_max && !in.empty(); ++i) {
        // A payload, or the head of a frame of the bond and some of its content.
        bytes datagram{0, static_cast<std::uint8_t>(bonds ? 2 : 0), 1, 0, static_cast<std::uint8_t>(i)};
        datagram.resize(40, static_cast<std::uint8_t>(i));
        client.datagram(datagram);
        if (i % 4 == 3 && request >= 0)
            client.write(request, byte_writer{}.frame(0, byte_writer{}.frame(0, bytes(20, std::uint8_t{0}))));
        client.run_for(duration::from_ms(5));
    }
    client.before_encryption = nullptr;
    client.run_for(duration::from_ms(50));
    fire.check();
    if (size % 8 == 0) fire.check_service();
    return 0;
}
