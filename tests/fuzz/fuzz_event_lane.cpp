// SPDX-License-Identifier: MIT
//
// Any bytes as messages of an event lane, one after the other: nothing crashes, no event comes twice or too long.
#include <cstddef>
#include <cstdint>
#include <set>
#include <utility>

#include "duality/event_lane.hpp"

using namespace duality;

namespace {

void require(bool holds) {
    if (!holds) __builtin_trap();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    event_lane_receiver lane = std::move(event_lane_receiver::create({.window = 64}, allocator::system())).value();
    wire::reader in{{data, size}};
    std::set<std::uint64_t> seen;
    while (in.ok() && in.remaining() != 0) {
        const std::size_t length = in.u8();
        const status answer = lane.read(in.bytes(length < in.remaining() ? length : in.remaining()));
        require(!failed(answer) || answer == status::malformed || answer == status::out_of_window);
        lane_event e;
        while (lane.poll(e)) {
            require(e.bytes.size() <= event_size_max);
            require(seen.insert(e.number).second);
        }
    }
    return 0;
}
