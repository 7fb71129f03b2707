// SPDX-License-Identifier: MIT
//
// What a session does when its peer has restarted.
#include "duality/session.hpp"

namespace duality {
inline namespace v0 {

bool session::handle_epoch(instant now, byte_view datagram) noexcept {
    using verdict = detail::session_epoch::verdict;
    constexpr auto type = static_cast<std::uint8_t>(wire::frame_type::epoch);
    verdict found = epoch_.is_stale(now) ? verdict::stale : verdict::current;
    if (datagram.size() > wire::packet_header_size && (datagram[wire::packet_header_size] & ~1) == type) {
        wire::packet_reader in{datagram};
        wire::packet_header header;
        wire::frame first;
        if (in.start(header) == status::ok && in.next(first) == status::ok) found = epoch_.on_frame(now, first.epoch);
    }
    if (found == verdict::stale) ++stats_.stale_datagrams;
    if (found != verdict::restarted) return found == verdict::current;
    ++stats_.peer_restarts;
    paths_.on_peer_restart();
    sender_.on_peer_restart();
    receiver_.on_peer_restart(now);
    clock_.on_peer_restart(now);
    if (lane() != nullptr) lane()->receiver.reset();
    push_event({.kind = session_event_kind::peer_restarted, .at = now});
    return true;
}

std::size_t session::begin_packet(instant now, wire::writer& out) noexcept {
    wire::write_header(out, {});
    if (!epoch_.rides(now)) return 0;
    wire::write_delimited(out, epoch_.frame());
    return wire::epoch_frame_size;
}

}  // namespace v0
}  // namespace duality
