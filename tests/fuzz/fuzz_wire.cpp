// SPDX-License-Identifier: MIT
//
// Any bytes as a packet: reading never crashes, an error names a byte of the packet, and every frame that can be read
// comes back the same after it was written again, with its length and to the end of a packet.
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "duality/wire.hpp"
#include "support/wire_text.hpp"

using namespace duality;

namespace {

void require(bool holds) {
    if (!holds) __builtin_trap();
}

void round_trip(const wire::frame& frame, bool delimited, std::size_t room) {
    std::vector<std::uint8_t> packet(room);
    wire::writer out{packet};
    wire::write_header(out, {0xABCD});
    test::write_again(out, frame, delimited);
    if (delimited) wire::write(out, wire::probe_frame{false, 7});  // something may follow
    require(out.ok());
    packet.resize(out.size());

    wire::packet_reader in{packet};
    wire::packet_header header;
    wire::frame again;
    require(in.start(header) == status::ok && header.path_sequence == 0xABCD);
    require(in.next(again) == status::ok);
    require(test::to_text(again) == test::to_text(frame));
    if (delimited) require(in.next(again) == status::ok && again.type == wire::frame_type::probe);
    require(in.next(again) == status::need_more);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    // A body of 2^14 bytes has no delimited form.
    if (size > 16'000) return 0;
    const byte_view packet{data, size};
    wire::packet_reader in{packet};
    wire::packet_header header;
    const status started = in.start(header);
    require(started == status::ok || started == status::malformed || started == status::unsupported_version);
    require(in.error_offset() <= size);
    if (started != status::ok) return 0;

    wire::frame frame;
    std::size_t frames = 0;
    status read = in.next(frame);
    for (; read == status::ok; read = in.next(frame)) {
        round_trip(frame, false, size + 512);
        round_trip(frame, true, size + 512);
        ++frames;
    }
    require(read == status::need_more || read == status::malformed);
    require(frames + in.unknown_frames() <= size);
    require(read == status::malformed ? in.error_offset() <= size : in.error_offset() == size);
    require(in.next(frame) == read);  // the answer stays
    return 0;
}
