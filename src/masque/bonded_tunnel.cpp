// SPDX-License-Identifier: MIT
//
// Payloads and packets of a bonded tunnel; its legs are in bonded_legs.cpp.
#include "duality/masque/bonded_tunnel.hpp"

#include <algorithm>
#include <utility>

#include "masque/bonded_state.hpp"
#include "masque/configuration.hpp"

namespace duality {
inline namespace v0 {
namespace masque {

bonded_tunnel::impl::~impl() {
    kept.clear(shared.pool);
    delivered.clear(shared.pool);
    if (in_hand != datagram_pool::none) shared.pool.give(in_hand);
}

status bonded_tunnel::impl::set_up(instant now, const bonded_tunnel_config& wanted) noexcept {
    latest = now;
    config = wanted;
    shared.config = wanted.connection;
    token.assign(wanted.token);
    wall_offset = duration::from_ns(detail::saturating_sub(wanted.wall.ns(), now.ns()));
    if (!packet.create(packet_max, shared.memory) || !events.create(64, shared.memory) ||
        !pins.create(wanted.pins.size(), shared.memory) ||
        !shared.pool.create(wanted.buffered_datagrams, wanted.max_payload, shared.memory))
        return status::out_of_memory;
    std::copy(wanted.pins.begin(), wanted.pins.end(), pins.begin());
    if (!tls::random_bytes(shared.secret)) return status::unsupported;
    // A relay of several workers steers by the beginning of the first id: all legs must come to the same one.
    std::memcpy(&shared.first_id_prefix, shared.secret.data(), sizeof shared.first_id_prefix);
    shared.first_id_prefix |= 1;  // 0 is none
    result<tls::context> credentials =
        tls::context::create_client(wanted.roots, wanted.system_roots, {wanted.certificate_chain, wanted.private_key});
    if (!credentials) return credentials.code();
    shared.credentials = std::move(credentials).value();
    for (std::size_t i = 0; i < wanted.paths.size(); ++i) {
        legs[i].config = wanted.paths[i];
        legs[i].back_off = wanted.retry_first;
        if (const status s = connect(legs[i]); failed(s)) return s;
    }
    config.relay = config.token = config.roots = {};
    config.paths = {};
    config.pins = {};
    return status::ok;
}

instant bonded_tunnel::impl::clamp(instant now) noexcept {
    if (now < latest) ++stats.clock_backwards;
    return latest = std::max(latest, now);
}

// Payloads

status bonded_tunnel::impl::send(instant now, byte_view payload) noexcept {
    if (state == bond_state::closed) return status::closed;
    if (payload.size() > shared.pool.payload_max()) return status::too_large;
    const instant expires = now + config.payload_lifetime;
    if (state == bond_state::bonded) {
        if (best_leg() == nullptr) return keep(payload, expires);
        const status sent = ends->send(now, 0, payload);
        if (sent != status::too_large) return sent;
        ++stats.unprotected;
        return send_as_it_is(*best_leg(), payload);
    }
    client_leg* const leg = find(state == bond_state::plain ? phase::plain : phase::opening);
    return leg != nullptr ? send_as_it_is(*leg, payload) : keep(payload, expires);
}

status bonded_tunnel::impl::send_as_it_is(client_leg& leg, byte_view payload) noexcept {
    return leg.link->send(latest, *leg.on, payload, latest + config.payload_lifetime);
}

status bonded_tunnel::impl::keep(byte_view payload, instant expires) noexcept {
    const bool room = kept.count() < shared.config.queued_datagrams;
    const std::uint32_t slot = room ? shared.pool.take(payload) : datagram_pool::none;
    if (slot == datagram_pool::none) {
        ++shared.stats.refused;
        return status::queue_full;
    }
    shared.pool[slot].at = expires;
    kept.push(shared.pool, slot);
    return status::ok;
}

void bonded_tunnel::impl::send_kept() noexcept {
    datagram_list waiting = std::exchange(kept, {});
    while (!waiting.empty()) {
        const std::uint32_t slot = waiting.pop(shared.pool);
        if (shared.pool[slot].at > latest)
            (void)send(latest, shared.pool.payload(slot));
        else
            ++shared.stats.expired;
        shared.pool.give(slot);
    }
}

void bonded_tunnel::impl::on_payload(connection&, request&, byte_view payload) noexcept {
    const bool fits = payload.size() <= shared.pool.payload_max();
    const std::uint32_t slot = fits ? shared.pool.take(payload) : datagram_pool::none;
    if (slot == datagram_pool::none)
        ++(!fits ? shared.stats.too_large : stats.undelivered);
    else
        delivered.push(shared.pool, slot);
}

void bonded_tunnel::impl::on_bond_frame(connection& from, request& on, byte_view frame) noexcept {
    const client_leg* const leg = leg_of(from);
    if (leg == nullptr || leg->on != &on || !leg->carries()) return;
    if (config.observer != nullptr) config.observer->on_frame(latest, leg->config.path, frame);
    (void)ends->handle_datagram(latest, leg->number, frame);
}

void bonded_tunnel::impl::on_acknowledged(connection& from, std::int64_t stream, std::uint16_t mark) noexcept {
    const client_leg* const leg = leg_of(from);
    if (leg == nullptr || !leg->carries() || leg->on->id != stream) return;
    if (acknowledged_count == acknowledged.size()) flush_acknowledged();
    acknowledged[acknowledged_count++] = {leg->number, mark};
}

/// ngtcp2 tells the newest first, a session wants to know the oldest first.
void bonded_tunnel::impl::flush_acknowledged() noexcept {
    while (acknowledged_count > 0) {
        const acknowledgement a = acknowledged[--acknowledged_count];
        if (ends) (void)ends->handle_acknowledgement(latest, a.leg, a.mark);
    }
}

// Outputs

/// The path's limit is found out while the connection lives.
void bonded_tunnel::impl::adapt_sizes() noexcept {
    for (client_leg& leg : legs) {
        if (!leg.carries()) continue;
        const auto most = static_cast<std::uint32_t>(leg.link->max_payload(*leg.on, leg.on->bond_context));
        if (most == leg.max_datagram) continue;
        leg.max_datagram = most;
        (void)ends->set_max_datagram(leg.number, most);
    }
}

bool bonded_tunnel::impl::poll_session(bond_output& out) noexcept {
    adapt_sizes();
    session_output from;
    while (ends->poll_output(latest, from)) {
        if (from.kind == output_kind::transmit) transmit(from.transmit);
        if (from.kind == output_kind::event && config.observer != nullptr) tell(from.event);
        if (from.kind != output_kind::deliver) continue;
        if (config.observer != nullptr) config.observer->on_delivery(latest, from.deliver);
        out.kind = bond_output_kind::deliver;
        out.payload = from.deliver.bytes;
        out.recovered_by = from.deliver.recovered_by;
        return true;
    }
    return false;
}

/// The session knows its paths by the numbers of their legs.
void bonded_tunnel::impl::tell(session_event event) noexcept {
    for (const client_leg& leg : legs) {
        if (leg.at == phase::none || leg.number != event.path.path) continue;
        event.path.path = static_cast<path_id>(index_of(leg));
        break;
    }
    config.observer->on_event(latest, event);
}

void bonded_tunnel::impl::transmit(const transmission& t) noexcept {
    client_leg* const leg = find(t.path);
    if (leg == nullptr) return;
    const auto sequence = static_cast<std::uint16_t>(t.bytes[1] << 8 | t.bytes[2]);
    (void)leg->link->send_bond_frame(latest, *leg->on, t.bytes, latest + config.payload_lifetime, sequence);
}

instant bonded_tunnel::impl::next_timeout() const noexcept {
    if (!delivered.empty() || !events.empty()) return latest;
    instant at = ends ? ends->next_timeout() : instant::never();
    if (!silent_since.is_never() && !unreachable) at = std::min(at, silent_since + config.unreachable_after);
    for (const client_leg& leg : legs) {
        if (leg.link && (leg.link->wants_write() || must_close(leg))) return latest;
        if (leg.link) at = std::min(at, leg.link->next_timeout());
        if (state == bond_state::closed || state == bond_state::plain) continue;
        if (leg.at == phase::down || leg.at == phase::ready) at = std::min(at, leg.retry_at);
        if (leg.at == phase::opening) {
            const instant patience = leg.asked_at + config.opening_patience;
            if (patience > latest) at = std::min(at, patience);
        }
    }
    return at;
}

// The class

void bonded_tunnel::deleter::operator()(impl* s) const noexcept {
    heap_deleter{s->shared.memory}(s);
}

bonded_tunnel::bonded_tunnel(impl* made) noexcept : state_{made} {}
bonded_tunnel::bonded_tunnel(bonded_tunnel&&) noexcept = default;
bonded_tunnel& bonded_tunnel::operator=(bonded_tunnel&&) noexcept = default;
bonded_tunnel::~bonded_tunnel() = default;

result<bonded_tunnel> bonded_tunnel::create(instant now, const bonded_tunnel_config& config,
                                            const allocator& memory) noexcept {
    constexpr std::int64_t ms = 1'000'000;
    const result<uri_template> relay = uri_template::create(config.relay);
    const auto is_usable = [&](const bond_path& p) {
        const auto same = [&](const bond_path& other) { return other.path.local == p.path.local; };
        return p.path.remote.port != 0 && p.path.remote.ip.is_v6() == p.path.local.ip.is_v6() &&
               std::count_if(config.paths.begin(), config.paths.end(), same) == 1;
    };
    config_check check{bonded_tunnel_bounds};
    check.in_range("paths", static_cast<std::int64_t>(config.paths.size()))
        .in_range("max_payload", config.max_payload)
        .in_range("buffered_datagrams", config.buffered_datagrams)
        .in_range("payload_lifetime", config.payload_lifetime.ns() / ms)
        .in_range("protected_payload", config.protected_payload)
        .require("protected_payload", config.protected_payload == 0 || config.protected_payload >= 64)
        .in_range("opening_patience", config.opening_patience.ns() / ms)
        .in_range("retry_first", config.retry_first.ns() / ms)
        .in_range("retry_max", config.retry_max.ns() / ms)
        .in_range("unreachable_after", config.unreachable_after.ns() / ms)
        .require("relay", relay.has_value())
        .require("token", config.token.size() <= impl::token_max)
        .require("paths", std::all_of(config.paths.begin(), config.paths.end(), is_usable))
        .require("wall", !config.pins.empty() || config.wall > wall_time{});
    if (!check.ok()) return check.error();
    if (const config_check common = check_connection(config.connection); !common.ok()) return common.error();
    // What is wrong with the session is better known now than when the relay has answered.
    if (const result<session> trial = session::create(config.session, memory); !trial) return trial.error();

    heap_ptr<impl> made = make_on_heap<impl>(memory, memory);
    if (!made) return status::out_of_memory;
    made->relay = relay.value();
    if (const status s = made->set_up(now, config); failed(s)) return s;
    return bonded_tunnel{made.release()};
}

status bonded_tunnel::send(instant now, byte_view payload) noexcept {
    impl& s = *state_;
    now = s.clamp(now);
    return s.send(now, payload);
}

std::size_t bonded_tunnel::max_payload() const noexcept {
    impl& s = *state_;
    if (s.state == bond_state::plain) {
        const client_leg* const leg = s.find(client_leg::phase::plain);
        return leg != nullptr ? leg->link->max_payload(*leg->on) : 0;
    }
    std::size_t most = 0;
    for (const client_leg& leg : s.legs)
        if (leg.carries() && leg.max_datagram > wire::data_packet_overhead)
            most = std::max(most, std::size_t{leg.max_datagram} - wire::data_packet_overhead);
    return most;
}

void bonded_tunnel::handle_datagram(instant now, const udp_path& path, ecn mark, byte_view packet) noexcept {
    impl& s = *state_;
    now = s.clamp(now);
    for (client_leg& leg : s.legs) {
        if (leg.at == client_leg::phase::none || !leg.link || leg.config.path.local != path.local) continue;
        ++leg.packets_received;
        leg.bytes_received += packet.size();
        leg.link->read(now, path, mark, packet);
        s.flush_acknowledged();
        break;
    }
    s.settle();
}

void bonded_tunnel::handle_timeout(instant now) noexcept {
    impl& s = *state_;
    now = s.clamp(now);
    for (client_leg& leg : s.legs)
        if (leg.link) leg.link->handle_timeout(now);
    if (s.ends) s.ends->handle_timeout(now);
    s.settle();
}

bool bonded_tunnel::poll_output(instant now, bond_output& out) noexcept {
    impl& s = *state_;
    now = s.clamp(now);
    out.recovered_by = recovery::none;
    if (s.in_hand != datagram_pool::none) {
        s.shared.pool.give(s.in_hand);
        s.in_hand = datagram_pool::none;
    }
    if (!s.events.empty()) {
        out.kind = bond_output_kind::event;
        out.event = s.events.pop();
        return true;
    }
    if (!s.delivered.empty()) {
        s.in_hand = s.delivered.pop(s.shared.pool);
        out.kind = bond_output_kind::deliver;
        out.payload = s.shared.pool.payload(s.in_hand);
        return true;
    }
    if (s.ends && s.poll_session(out)) return true;
    for (client_leg& leg : s.legs) {
        if (!leg.link || (!leg.link->wants_write() && !s.must_close(leg))) continue;
        const byte_span room{s.packet.data(), s.packet.size()};
        bool written = leg.link->write(now, room, out.packet);
        if (!written && s.must_close(leg)) {
            leg.link->close(now);
            written = leg.link->write(now, room, out.packet);
        }
        if (!written) continue;
        ++leg.packets_sent;
        leg.bytes_sent += out.packet.bytes.size();
        out.kind = bond_output_kind::transmit;
        out.path = s.index_of(leg);
        return true;
    }
    s.settle();
    if (s.events.empty()) return false;
    out.kind = bond_output_kind::event;
    out.event = s.events.pop();
    return true;
}

instant bonded_tunnel::next_timeout() const noexcept {
    return state_->next_timeout();
}

result<std::size_t> bonded_tunnel::add_path(instant now, const bond_path& path) noexcept {
    impl& s = *state_;
    (void)s.clamp(now);
    if (s.state == bond_state::closed) return status::closed;
    client_leg* place = nullptr;
    for (client_leg& leg : s.legs) {
        if (leg.at == client_leg::phase::none && place == nullptr) place = &leg;
        if (leg.at != client_leg::phase::none && leg.config.path.local == path.path.local)
            return status::invalid_argument;
    }
    if (place == nullptr) return status::queue_full;
    if (path.path.remote.port == 0 || path.path.remote.ip.is_v6() != path.path.local.ip.is_v6())
        return status::invalid_argument;
    *place = {};
    place->config = path;
    place->back_off = s.config.retry_first;
    place->at = client_leg::phase::down;
    place->retry_at = s.latest;
    s.settle();
    return s.index_of(*place);
}

status bonded_tunnel::remove_path(instant now, std::size_t path) noexcept {
    impl& s = *state_;
    now = s.clamp(now);
    if (path >= s.legs.size() || s.legs[path].at == client_leg::phase::none) return status::unknown_path;
    client_leg& leg = s.legs[path];
    s.leave(leg, close_cause::local);
    leg.at = client_leg::phase::none;
    if (leg.link) leg.link->close(now);
    s.settle();
    return status::ok;
}

status bonded_tunnel::path_down(instant now, std::size_t path) noexcept {
    impl& s = *state_;
    (void)s.clamp(now);
    if (path >= s.legs.size() || s.legs[path].at == client_leg::phase::none) return status::unknown_path;
    client_leg& leg = s.legs[path];
    s.leave(leg, close_cause::local);
    leg.at = client_leg::phase::down;
    leg.link.reset();  // nobody could hear its goodbye
    leg.retry_at = instant::never();
    s.settle();
    return status::ok;
}

status bonded_tunnel::path_up(instant now, std::size_t path, const udp_address& local) noexcept {
    impl& s = *state_;
    (void)s.clamp(now);
    if (path >= s.legs.size() || s.legs[path].at == client_leg::phase::none) return status::unknown_path;
    client_leg& leg = s.legs[path];
    if (local.ip.is_v6() != leg.config.path.remote.ip.is_v6()) return status::invalid_argument;
    if (leg.config.path.local != local && leg.at != client_leg::phase::down) (void)path_down(now, path);
    leg.config.path.local = local;
    leg.back_off = s.config.retry_first;
    if (leg.at == client_leg::phase::connecting) leg.at = client_leg::phase::down;  // it would wait for its own timers
    if (leg.at == client_leg::phase::down) leg.retry_at = s.latest;
    s.settle();
    return status::ok;
}

void bonded_tunnel::close(instant now) noexcept {
    impl& s = *state_;
    now = s.clamp(now);
    if (s.state == bond_state::closed) return;
    if (s.ends) {
        session_output last;
        (void)s.ends->close(now, wire::close_reason::normal);
        while (s.ends->poll_output(now, last))
            if (last.kind == output_kind::transmit) s.transmit(last.transmit);
        s.ends.reset();
    }
    s.state = bond_state::closed;
    for (client_leg& leg : s.legs) {
        if (leg.at == client_leg::phase::plain) leg.link->end(*leg.on);  // those of a bond would overtake its goodbye
        if (leg.at != client_leg::phase::none) leg.at = client_leg::phase::down;
        leg.on = nullptr;
    }
    s.push({.kind = bond_event_kind::closed, .cause = close_cause::local});
}

bond_state bonded_tunnel::state() const noexcept {
    return state_->state;
}

std::size_t bonded_tunnel::path_count() const noexcept {
    std::size_t count = 0;
    for (std::size_t i = 0; i < state_->legs.size(); ++i)
        if (state_->legs[i].at != client_leg::phase::none) count = i + 1;
    return count;
}

leg_statistics bonded_tunnel::leg(instant now, std::size_t path) const noexcept {
    leg_statistics out;
    if (path >= state_->legs.size()) return out;
    const client_leg& leg = state_->legs[path];
    out.connected = leg.at >= client_leg::phase::ready;
    out.joined = leg.carries();
    out.metered = leg.config.cost == cost_class::metered;
    if (out.joined) out.path = state_->ends->path(now, leg.number);
    out.packets_sent = leg.packets_sent;
    out.bytes_sent = leg.bytes_sent;
    out.packets_received = leg.packets_received;
    out.bytes_received = leg.bytes_received;
    out.connections = leg.connections;
    return out;
}

bonded_tunnel_statistics bonded_tunnel::statistics() const noexcept {
    bonded_tunnel_statistics out = state_->stats;
    out.connections = state_->shared.stats;
    if (state_->ends) out.session = state_->ends->statistics();
    return out;
}

}  // namespace masque
}  // namespace v0
}  // namespace duality
