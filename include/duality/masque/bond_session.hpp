// SPDX-License-Identifier: MIT
//
// The session that both ends of a bond run over its legs.
#pragma once

#include "duality/session_config.hpp"

namespace duality {
inline namespace v0 {
namespace masque {

/// Delivers at once, keeps the last 64 packets for repairs and copies, one stream. QUIC says what arrived, so that
/// silence needs no reports.
[[nodiscard]] constexpr session_config bond_session_config() noexcept {
    session_config c;
    c.max_streams = 1;
    c.receive_packets = 64;
    c.hold.hold_min = c.hold.hold_initial = c.hold.hold_max = duration::zero();
    c.paths.keep_alive = duration::from_seconds(25);  // QUIC keeps its connections alive itself
    return c;
}

/// What a QUIC packet of a leg has around a frame: flags, packet number, AEAD tag, frame type and length, the
/// connection id, the request's number and the context.
inline constexpr std::uint32_t leg_seal_overhead = 1 + 4 + 16 + 1 + 2 + 8 + 2;
/// IP and UDP.
[[nodiscard]] constexpr std::uint32_t leg_datagram_overhead(bool v6) noexcept {
    return v6 ? 48 : 28;
}

}  // namespace masque
}  // namespace v0
}  // namespace duality
