// SPDX-License-Identifier: MIT
//
// The session that both ends of a bond run over its legs, what it counts, and who may look on.
#pragma once

#include <algorithm>

#include "duality/masque/endpoint.hpp"
#include "duality/memory.hpp"
#include "duality/session_config.hpp"
#include "duality/time.hpp"

namespace duality {
inline namespace v0 {
namespace masque {

/// Keeps the last 64 packets for repairs and copies, one stream. Delivers at once, or evens out the pace by holding every
/// packet for `hold`, at most 1 s; a packet is worth something for 100 ms, and for 50 ms longer than the hold. QUIC says
/// what arrived, so that silence needs no reports.
[[nodiscard]] constexpr session_config bond_session_config(duration hold = duration::zero()) noexcept {
    session_config c;
    c.max_streams = 1;
    c.receive_packets = 64;
    c.hold.hold_min = c.hold.hold_initial = hold;
    c.hold.hold_max = hold == duration::zero() ? hold : std::max(hold, c.hold.hold_max);
    c.stream.deadline = std::max(c.stream.deadline, hold + duration::from_ms(50));
    if (hold == duration::zero())
        c.hold.baseline.capacity = 64;  // nothing has a slot that would hang on it
    else
        c.receive_packets += static_cast<std::uint32_t>(c.hold.hold_max.ns() / 2'000'000);  // of 500 packets/s
    c.paths.keep_alive = duration::from_seconds(25);  // QUIC keeps its connections alive itself
    // It acknowledges every packet, but in lumps: silence shows a little later, and is certain a little sooner.
    c.paths.suspicion_margin = duration::from_ms(12);
    c.paths.dead_after = duration::from_ms(20);
    return c;
}

/// What the sessions of several bonds did, together.
struct bond_statistics {
    sender_statistics sender;
    receiver_statistics receiver;

    constexpr bond_statistics& operator+=(const bond_statistics& other) noexcept {
        const auto add = [](traffic_counter& to, const traffic_counter& more) {
            to.packets += more.packets;
            to.bytes += more.bytes;
        };
        const sender_statistics& s = other.sender;
        add(sender.source, s.source);
        sender.framing_bytes += s.framing_bytes;
        add(sender.parity, s.parity);
        add(sender.reactive, s.reactive);
        add(sender.copies, s.copies);
        add(sender.hot_copies, s.hot_copies);
        add(sender.control, s.control);
        sender.refused_by_cap += s.refused_by_cap;
        sender.refused_by_budget += s.refused_by_budget;
        sender.source_refused += s.source_refused;
        sender.deficits += s.deficits;
        sender.expired_deficits += s.expired_deficits;
        sender.implausible_feedback += s.implausible_feedback;
        const receiver_statistics& r = other.receiver;
        receiver.accepted += r.accepted;
        receiver.duplicates += r.duplicates;
        receiver.outdated += r.outdated;
        receiver.refused += r.refused;
        receiver.rebuilt += r.rebuilt;
        receiver.repairs += r.repairs;
        receiver.repairs_refused += r.repairs_refused;
        receiver.delivered += r.delivered;
        return *this;
    }
};

/// Looks on at one end of its bonds, for measurements. It is called from within the calls on that end, which it must not
/// call itself.
class bond_observer {
public:
    bond_observer() noexcept = default;
    bond_observer(const bond_observer&) = delete;
    bond_observer& operator=(const bond_observer&) = delete;

    /// A frame came over the QUIC connection between these addresses; the session has not seen it yet.
    virtual void on_frame(instant now, const udp_path& over, byte_view frame) noexcept = 0;
    /// The session delivers a payload.
    virtual void on_delivery(instant now, const delivery& what) noexcept = 0;
    /// The session says something. A client's paths have their index there, a relay's their leg's number.
    virtual void on_event(instant now, const session_event& what) noexcept = 0;

protected:
    ~bond_observer() = default;
};

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
