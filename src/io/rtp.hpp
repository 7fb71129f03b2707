// SPDX-License-Identifier: MIT
//
// The fixed RTP header (RFC 3550 section 5.1): enough to number and time the packets of one voice.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "duality/memory.hpp"
#include "duality/random.hpp"

namespace duality {
inline namespace v0 {
namespace io {

struct rtp_header {
    static constexpr std::size_t size = 12;

    std::uint8_t payload_type = 0;  ///< 0..127
    std::uint16_t sequence = 0;
    std::uint32_t timestamp = 0;  ///< in samples
    std::uint32_t source = 0;     ///< SSRC
};

/// Precondition: `out` has room for `rtp_header::size` bytes.
inline void write_rtp(const rtp_header& header, byte_span out) noexcept {
    out[0] = 0x80;  // version 2, no padding, no extension, no contributing sources
    out[1] = header.payload_type & 0x7F;
    const std::uint64_t fields[] = {header.sequence, header.timestamp, header.source};
    constexpr std::size_t widths[] = {2, 4, 4};
    std::size_t at = 2;
    for (std::size_t i = 0; i < 3; ++i)
        for (std::size_t byte = widths[i]; byte-- > 0;) out[at++] = static_cast<std::uint8_t>(fields[i] >> (8 * byte));
}

/// The sequence number of an RTP packet; empty when it is none.
[[nodiscard]] inline std::optional<std::uint16_t> rtp_sequence(byte_view packet) noexcept {
    if (packet.size() < rtp_header::size || packet[0] >> 6 != 2) return std::nullopt;
    return static_cast<std::uint16_t>(packet[2] << 8 | packet[3]);
}

/// Packets numbered from 0, of `size` bytes each, no two alike: a flow for measurements. At most 65,536.
[[nodiscard]] inline std::vector<std::vector<std::uint8_t>> numbered_packets(std::size_t count, std::size_t size) {
    std::vector<std::vector<std::uint8_t>> out;
    for (std::size_t i = 0; i < count; ++i) {
        std::vector<std::uint8_t>& packet = out.emplace_back(std::max(size, rtp_header::size));
        xoshiro256 random{i};
        for (std::uint8_t& byte : packet) byte = static_cast<std::uint8_t>(random.next());
        write_rtp({.sequence = static_cast<std::uint16_t>(i)}, packet);
    }
    return out;
}

}  // namespace io
}  // namespace v0
}  // namespace duality
