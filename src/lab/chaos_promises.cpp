// SPDX-License-Identifier: MIT
//
// What comes out of the ends in chaos, and what must hold of it.
#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include "lab/chaos_world.hpp"

namespace duality {
inline namespace v0 {
namespace lab {
namespace detail {

namespace {

constexpr std::uint32_t outputs_max = 5'000;  ///< of one drain
constexpr duration quiet_time = duration::from_seconds(5);

}  // namespace

void chaos_world::drain(std::size_t from) {
    chaos_end& e = ends_[from];
    std::uint32_t count = 0;
    while (ok() && e.session_.poll_output(local(e), out_)) {
        require(++count < outputs_max, "bounded_output");
        switch (out_.kind) {
            case output_kind::transmit: transmit(from, out_.transmit); break;
            case output_kind::deliver: deliver(from, out_.deliver); break;
            case output_kind::event:
                if (out_.event.kind == session_event_kind::peer_closed) closing_ = true;
                break;
            case output_kind::lane:
            case output_kind::none: break;
        }
    }
    e.disturbed = false;
    require(!ok() || e.session_.next_timeout() > e.seen, "progress");
}

void chaos_world::deliver(std::size_t to, const delivery& d) {
    chaos_end& e = ends_[to];
    ++e.deliveries;
    log_.append({now_, event_kind::released, static_cast<std::uint32_t>(to), d.number, d.bytes.size()});
    require(e.numbers.insert(d.number).second, "exactly_once");
    require(d.stream < chaos_streams && d.held >= duration{} && d.lateness >= duration{}, "intact");
    std::vector<chaos_packet>& sent = ends_[other(to)].packets;
    const chaos_packet* const known = find(other(to), d.bytes);
    // Whoever can change bytes on the way can make packets of their own.
    if (known == nullptr || d.stream != known->stream) {
        require(is_hostile(), "intact");
        return;
    }
    chaos_packet& p = sent[static_cast<std::size_t>(known - sent.data())];
    require(p.state == packet_state::accepted || is_hostile(), "exactly_once");
    if (p.state != packet_state::accepted) return;
    p.state = d.past_deadline ? packet_state::late : packet_state::delivered;
    check_deadline(e, ends_[other(to)], p, d);
}

const chaos_packet* chaos_world::find(std::size_t from, byte_view bytes) const noexcept {
    if (bytes.size() < id_bytes) return nullptr;
    std::uint64_t id = 0;
    for (std::size_t i = 0; i < id_bytes; ++i) id |= std::uint64_t{bytes[i]} << (8 * i);
    if ((id & 1) != from || id >> 1 >= ends_[from].packets.size()) return nullptr;
    const chaos_packet& p = ends_[from].packets[id >> 1];
    std::array<std::uint8_t, chaos_payload> expected{};
    fill(id, byte_span{expected}.first(p.size));
    const bool same = bytes.size() == p.size && std::memcmp(bytes.data(), expected.data(), p.size) == 0;
    return same ? &p : nullptr;
}

void chaos_world::check_deadline(const chaos_end& here, const chaos_end& there, const chaos_packet& p,
                                 const delivery& d) {
    if (config_.stream.late == late_policy::deliver || here.disturbed) return;
    require(!d.past_deadline, "deadline");
    if (jumped_ || is_hostile()) return;
    constexpr duration deadline_max = duration::from_ms(320);
    const duration slack = config_.hold.hold_max + config_.hold.lead + duration::from_ms(5);
    // A packet that waits for its own end to move looks like a slow path.
    const duration slowest = there.longest_delay + there.longest_stall;
    require(now_ - p.sent <= deadline_max + slowest + slack, "deadline");
}

void chaos_world::check() {
    ++checks_;
    const session_statistics a = session_of(0).statistics();
    const session_statistics b = session_of(1).statistics();
    const std::uint64_t source = a.sender.source.bytes + b.sender.source.bytes;
    // Forged source packets earn too.
    const bool within = (extra(a.sender) + extra(b.sender)) * 10'000 <= source * config_.overhead_cap_bp;
    require(within || is_hostile(), "overhead_cap");
    require(memory_.calls() == calls_at_start_, "memory");
    const session_statistics* const all[] = {&a, &b};
    for (std::size_t e = 0; e < 2; ++e) {
        const session_statistics& s = *all[e];
        require(s.receiver.delivered == ends_[e].deliveries, "counters");
        require(s.receiver.delivered <= s.receiver.accepted, "counters");
        require(s.datagrams_received == ends_[e].handed, "counters");
        require(s.malformed == ends_[e].malformed, "counters");
        require(ends_[other(e)].datagrams.duplicate == s.repeated_datagrams, "counters");
        for (stream_id i = 0; i < chaos_streams; ++i)
            require(session_of(e).hold(i).size() <= config_.receive_packets, "memory");
    }
}

void chaos_world::come_to_rest() {
    step_ = what_.steps;
    for (std::size_t e = 0; e < 2; ++e) {
        ends_[e].disturbed |= ends_[e].stalled_until > now_;
        ends_[e].stalled_until = instant::before_all();
        drain(e);
    }
    pass_until(now_ + quiet_time);
    check();
    for (std::size_t e = 0; e < 2 && ok(); ++e) {
        for (stream_id i = 0; i < chaos_streams; ++i) require(session_of(e).hold(i).size() == 0, "rest");
        const sender_statistics s = session_of(e).statistics().sender;
        const auto accepted = static_cast<std::uint64_t>(std::ranges::count_if(
            ends_[e].packets, [](const chaos_packet& p) { return p.state != packet_state::rejected; }));
        // Every accepted packet has been put on a path, or was refused one and counted.
        if (!closing_) require(s.source.packets + s.source_refused == accepted, "fates");
    }
    while (!air_.empty()) {
        const in_flight d = air_.take();
        ++ends_[d.to_far ? 0 : 1].datagrams.cancelled;
        air_.release(d);
    }
    for (std::size_t e = 0; e < 2; ++e) {
        const chaos_fates fates = fates_of(e);
        require(fates.sum() == fates.sent && fates.duplicate == 0, "fates");
        require(ends_[e].datagrams.sum() == ends_[e].datagrams.sent, "fates");
    }
}

chaos_fates chaos_world::fates_of(std::size_t from) const noexcept {
    chaos_fates out;
    out.sent = ends_[from].packets.size();
    for (const chaos_packet& p : ends_[from].packets) {
        switch (p.state) {
            case packet_state::delivered: ++out.delivered; break;
            case packet_state::late: ++out.late; break;
            case packet_state::rejected: ++out.rejected; break;
            case packet_state::accepted: ++(closing_ ? out.cancelled : out.unrecoverable); break;
        }
    }
    return out;
}

}  // namespace detail
}  // namespace lab
}  // namespace v0
}  // namespace duality
