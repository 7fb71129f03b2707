// SPDX-License-Identifier: MIT
//
// Any bytes as the content of a QUIC DATAGRAM frame: stream and context are in range, and the payload is the end of it.
#include <cstddef>
#include <cstdint>

#include "duality/masque/capsule.hpp"

using namespace duality;

namespace {

void require(bool holds) {
    if (!holds) __builtin_trap();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const byte_view frame{data, size};
    masque::http_datagram outer;
    const status read = masque::read_http_datagram(frame, outer);
    require(read == status::ok || read == status::malformed);
    if (read != status::ok) return 0;
    require(outer.stream % 4 == 0 && outer.stream / 4 <= masque::quarter_stream_max);
    require(outer.content.size() < size && outer.content.data() + outer.content.size() == data + size);

    masque::udp_datagram inner;
    const status context = masque::read_udp_datagram(outer.content, inner);
    require(context == status::ok || context == status::malformed);
    if (context != status::ok) return 0;
    require(inner.context < std::uint64_t{1} << 62);
    require(inner.payload.size() < outer.content.size());
    require(inner.payload.data() + inner.payload.size() == data + size);
    return 0;
}
