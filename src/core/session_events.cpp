// SPDX-License-Identifier: MIT
//
// The event lane of a session.
#include <algorithm>
#include <array>

#include "duality/session.hpp"

namespace duality {
inline namespace v0 {

namespace {

constexpr std::size_t around_message = wire::packet_header_size + 1;

}  // namespace

status session::send_event(instant now, byte_view event, instant repeat_until) noexcept {
    now = clamp(now);
    if (state_ != life::open) return status::closed;
    if (lane() == nullptr) return status::wrong_state;
    return lane()->sender.push(now, event, repeat_until);
}

instant session::events_at() const noexcept {
    if (lane_.size() == 0) return instant::never();
    if (!lane_[0]->receiver.empty()) return now_;
    return lane_[0]->send_at(state_ == life::open);
}

void session::handle_events(path_id path, byte_view message) noexcept {
    if (lane() == nullptr) return;
    event_gain gain;
    (void)lane()->receiver.read(message, gain);
    receiver_.on_events(paths_, path, gain);
}

bool session::transmit_events(instant now, transmission& out) noexcept {
    detail::session_events* const events = lane();
    if (events == nullptr || events->send_at(state_ == life::open) > now) return false;
    const std::optional<path_id> path = paths_.best(now);
    const path_config* on = path ? paths_.config(*path) : nullptr;
    if (on == nullptr) {
        events->put_off(now);
        return false;
    }
    event_lane_sender& sender = events->sender;
    wire::writer w{{scratch_.data(), scratch_.size()}};
    const std::size_t epoch_size = begin_packet(now, w);
    const std::size_t around = around_message + epoch_size;
    const std::uint64_t source = sender.has_new() ? sender.new_bytes() + on->datagram_overhead : 0;
    const std::size_t new_size = sender.has_new() ? sender.new_message_size() : 0;

    // New events are the application's; what is said again beside them, or alone, has to be paid for.
    const std::uint64_t alone = sender.has_new() ? 0 : on_the_wire(*path, around);
    const std::uint64_t credit = sender_.for_events();
    std::size_t room = std::min(event_message_max, scratch_.size() - around);
    room = std::min<std::size_t>(room, on->max_datagram > around ? on->max_datagram - around : 0);
    room = std::min<std::uint64_t>(room, new_size + (credit > alone ? credit - alone : 0));
    std::array<std::uint8_t, event_message_max> message;
    std::size_t size = 0;
    if (sender.compose(now, {message.data(), room}, size) != status::ok) {
        // Nobody can pay for a repetition now; new events that do not fit the path are given up.
        ++(sender.has_new() ? sender_.statistics().source_refused : sender_.statistics().refused_by_cap);
        sender.on_written(now);
        return false;
    }
    wire::write(w, wire::events_frame{{message.data(), size}});
    if (paths_.reserve(now, wall(now), *path, w.size()) != status::ok) {
        events->put_off(now);
        return false;
    }
    const std::uint64_t again = alone + (size - new_size);
    (void)sender_.spend(again);
    traffic_counter& repeats = sender_.statistics().event_repeats;
    repeats.bytes += again;
    if (sender.has_new())
        sender_.on_events_sent(source, on_the_wire(*path, around + new_size) - source);
    else
        ++repeats.packets;
    sender.on_written(now);
    if (epoch_size != 0) epoch_.on_sent(now);
    out.kind = transmit_kind::event;
    finish(now, *path, w.size(), 0, out);
    return true;
}

}  // namespace v0
}  // namespace duality
