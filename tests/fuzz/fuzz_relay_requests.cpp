// SPDX-License-Identifier: MIT
//
// A relay and the requests, capsules and datagrams of a client that follows the input: whatever comes in whatever order,
// the relay keeps its bounds, forgets the client when it is silent, and serves others.
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "duality/masque/bond.hpp"
#include "support/relay_under_fire.hpp"

using namespace duality;
using namespace duality::test;

namespace {

constexpr int steps_max = 40;

std::string text_of(const bytes& content) {
    return {content.begin(), content.end()};
}

/// CONNECT-UDP, right but for what the input changes.
bytes request_of(reader& in) {
    const std::uint8_t choice = in.take<std::uint8_t>();
    std::string path = "/.well-known/masque/udp/198.51.100.9/7/";
    if ((choice & 1) != 0) path = "/.well-known/masque/udp/echo.test/7/";
    if ((choice & 2) != 0) path = "/.well-known/masque/udp/" + text_of(take_bytes(in, 40)) + "/7/";
    std::string bond = "v=1";
    std::string authorization;
    if ((choice & 4) != 0) bond = text_of(take_bytes(in, 120));
    std::vector<header_field> more;
    if ((choice & 8) != 0) more.emplace_back(masque::bond_field, bond);
    if ((choice & 16) != 0) {
        authorization = "Bearer " + text_of(take_bytes(in, 40));
        more.emplace_back("authorization", authorization);
    }
    bytes out = connect_head(path, more);
    if ((choice & 32) != 0 && out.size() > 4) out[in.take<std::uint8_t>() % out.size()] ^= in.take<std::uint8_t>();
    return out;
}

bytes capsule_of(reader& in) {
    constexpr std::uint64_t types[] = {0, masque::bond_register_capsule, masque::bond_leg_gone_capsule, 0x1234};
    const std::uint64_t type = types[in.take<std::uint8_t>() % std::size(types)];
    bytes value =
        type == masque::bond_register_capsule && in.take<std::uint8_t>() % 2 == 0 ? bytes{2, 0} : take_bytes(in, 60);
    return byte_writer{}.frame(0, byte_writer{}.frame(type, value));  // in a DATA frame
}

void step(reader& in, relay_under_fire& fire, std::vector<std::int64_t>& requests) {
    raw_client& client = fire.client();
    masque_world& world = fire.world();
    const auto some_request = [&] { return requests[in.take<std::uint8_t>() % requests.size()]; };
    const std::uint8_t what = in.take<std::uint8_t>() % 14;
    if (requests.empty() && (what == 3 || what == 4 || what == 5 || what == 6)) return;
    switch (what) {
        case 0: client.begin_http(take_bytes(in, 40)); break;
        case 1: client.begin_http(); break;
        case 2: requests.push_back(client.request(request_of(in))); break;
        case 3: client.write(some_request(), capsule_of(in)); break;
        case 4: client.write(some_request(), take_bytes(in, 100)); break;
        case 5: client.write(some_request(), {}, true); break;
        case 6: client.reset(some_request()); break;
        case 7:
            if (const bytes any = take_bytes(in, 100); !any.empty()) client.datagram(any);  // ngtcp2 sends no empty one
            break;
        case 8: {  // a frame, or a payload, of the first request
            bytes frame{0, static_cast<std::uint8_t>(in.take<std::uint8_t>() % 4)};
            const bytes content = take_bytes(in, 100);
            frame.insert(frame.end(), content.begin(), content.end());
            client.datagram(frame);
            break;
        }
        case 9: client.stream(take_bytes(in, 40)); break;
        case 10: requests.push_back(client.request(take_bytes(in, 200))); break;
        case 11: client.run_for(duration::from_ms(in.take<std::uint8_t>())); break;
        case 12: world.answer_lookups = in.take<std::uint8_t>() % 2 != 0; break;
        case 13:
            if (!world.targets.empty()) {
                const std::uint64_t target = world.targets.begin()->first;
                if (in.take<std::uint8_t>() % 4 == 0)
                    (void)world.relay->target_lost(world.now, target);
                else
                    (void)world.relay->handle_target_datagram(world.now, target, take_bytes(in, 255));
                world.drain();
            }
            break;
    }
    if (requests.size() > 16) requests.erase(requests.begin());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    reader in{data, size};
    relay_under_fire fire;
    std::vector<std::int64_t> requests;
    const bool begins_well = in.take<std::uint8_t>() % 4 != 0;
    if (begins_well) fire.client().begin_http();
    for (int i = 0; i < steps_max && !in.empty(); ++i) step(in, fire, requests);
    fire.client().run_for(duration::from_ms(100));
    fire.world().answer_lookups = true;
    fire.check();
    if (size % 8 == 0) fire.check_service();
    return 0;
}
