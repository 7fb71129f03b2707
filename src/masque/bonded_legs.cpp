// SPDX-License-Identifier: MIT
//
// The legs of a bonded tunnel: connecting, opening a bond, joining it, and losing all of that.
#include <algorithm>
#include <utility>

#include "masque/bonded_state.hpp"

namespace duality {
inline namespace v0 {
namespace masque {

constexpr std::uint64_t frame_context = 2;

// Looking for legs

client_leg* bonded_tunnel::impl::leg_of(const connection& c) noexcept {
    for (client_leg& leg : legs)
        if (leg.link.get() == &c) return &leg;
    return nullptr;
}

client_leg* bonded_tunnel::impl::find(std::uint8_t number) noexcept {
    for (client_leg& leg : legs)
        if (leg.carries() && leg.number == number) return &leg;
    return nullptr;
}

client_leg* bonded_tunnel::impl::find(phase at) noexcept {
    for (client_leg& leg : legs)
        if (leg.at == at) return &leg;
    return nullptr;
}

client_leg* bonded_tunnel::impl::best_leg() noexcept {
    client_leg* best = nullptr;
    path_state best_state = path_state::dead;
    for (client_leg& leg : legs) {
        if (!leg.carries()) continue;
        const path_state now = ends->path(latest, leg.number).state;
        const bool better = now == path_state::active || (now == path_state::warm && best_state != path_state::active);
        if (best != nullptr && !better) continue;
        best = &leg;
        best_state = now;
    }
    return best;
}

std::optional<std::uint8_t> bonded_tunnel::impl::free_number() noexcept {
    for (int tries = 0; tries < 256; ++tries) {
        const std::uint8_t number = next_number++;
        if (find(number) == nullptr) return number;
    }
    return std::nullopt;
}

// Connecting

status bonded_tunnel::impl::connect(client_leg& leg) noexcept {
    leg.retry_at = instant::never();
    leg.on = nullptr;
    // The relay may recognise this end by what it gave the leg's last connection, or that of another leg.
    const heap_ptr<connection> last = std::move(leg.link);
    byte_view ticket = last ? last->ticket() : byte_view{};
    for (const client_leg& other : legs)
        if (ticket.empty() && other.link) ticket = other.link->ticket();
    leg.link = make_on_heap<connection>(shared.memory, shared, *this, latest);
    if (!leg.link) return status::out_of_memory;
    const wall_time wall = wall_time::from_ns(detail::saturating_add(latest.ns(), wall_offset.ns()));
    leg.at = phase::connecting;
    return leg.link->start_client(latest, leg.config.path, {relay.host(), {pins.data(), pins.size()}, wall, ticket});
}

void bonded_tunnel::impl::retry_later(client_leg& leg) noexcept {
    leg.retry_at = latest + leg.back_off;
    leg.back_off = std::min(leg.back_off * 2, config.retry_max);
}

void bonded_tunnel::impl::settle() noexcept {
    if (state == bond_state::closed) return;
    for (client_leg& leg : legs) settle(leg);
    ask_ready_legs();
    watch_reachability();
}

void bonded_tunnel::impl::settle(client_leg& leg) noexcept {
    if (leg.at == phase::none) return;
    const bool ended = leg.link && leg.link->cause() != close_cause::none;
    if (ended && leg.at != phase::down) drop(leg, leg.link->cause());
    if (leg.at == phase::down && leg.retry_at <= latest && state != bond_state::plain && failed(connect(leg)))
        drop(leg, close_cause::out_of_memory);
}

void bonded_tunnel::impl::ask_ready_legs() noexcept {
    if (state == bond_state::plain) return;
    bool may_open = true;
    for (const client_leg& leg : legs)
        if (leg.at == phase::opening && latest < leg.asked_at + config.opening_patience) may_open = false;
    for (client_leg& leg : legs) {
        if (leg.at != phase::ready || (!leg.retry_at.is_never() && leg.retry_at > latest)) continue;
        if (state == bond_state::bonded) {
            join(leg);
        } else if (may_open) {
            open(leg);
            may_open = false;
        }
    }
}

void bonded_tunnel::impl::watch_reachability() noexcept {
    bool heard = false;
    bool trying = false;
    for (const client_leg& leg : legs) {
        if (leg.at == phase::none) continue;
        if (leg.carries()) heard = heard || ends->path(latest, leg.number).state != path_state::dead;
        if (leg.at == phase::plain) heard = true;
        trying = trying || leg.at == phase::ready || leg.at == phase::opening || leg.at == phase::joining;
    }
    if (heard || trying) {
        silent_since = instant::never();
        if (heard && unreachable) push({.kind = bond_event_kind::reachable});
        if (heard) unreachable = false;
        return;
    }
    if (silent_since.is_never()) silent_since = latest;
    if (unreachable || latest < silent_since + config.unreachable_after) return;
    unreachable = true;
    push({.kind = bond_event_kind::unreachable});
}

// Asking

void bonded_tunnel::impl::open(client_leg& leg) noexcept {
    std::array<char, uri_template::path_max> room{};
    std::array<char, bond_field_max> field{};
    bond_parameters wanted;
    if (config.protected_payload != 0) wanted.max_payload = config.protected_payload;
    status why = status::ok;
    leg.on = leg.link->connect_udp(relay.authority(), relay.expand(config.target, room), token.view(),
                                   write_bond_field(wanted, field), why);
    if (leg.on == nullptr) return retry_later(leg);
    leg.at = phase::opening;
    leg.asked_at = latest;
    leg.retry_at = instant::never();
    send_kept();
}

void bonded_tunnel::impl::join(client_leg& leg) noexcept {
    const std::optional<std::uint8_t> number = free_number();
    bond_exporter exporter{};
    if (!number || !leg.link->get_exporter(exporter)) return retry_later(leg);
    bond_parameters shown;
    shown.id = id;
    shown.leg = leg.number = *number;
    shown.proof = tls::hmac_sha256(secret, bond_proof_input(exporter, id, *number));
    std::array<char, uri_template::path_max> room{};
    std::array<char, bond_field_max> field{};
    status why = status::ok;
    leg.on = leg.link->connect_udp(relay.authority(), relay.expand(config.target, room), token.view(),
                                   write_bond_field(shown, field), why);
    if (leg.on == nullptr) return retry_later(leg);
    leg.at = phase::joining;
    leg.retry_at = instant::never();
}

void bonded_tunnel::impl::on_ready(connection& from) noexcept {
    client_leg* const leg = leg_of(from);
    if (leg == nullptr || leg->at != phase::connecting) return;
    leg->at = phase::ready;
    leg->retry_at = instant::never();
    ++leg->connections;
}

void bonded_tunnel::impl::on_head(connection& from, request& asked, const message& head) noexcept {
    client_leg* const leg = leg_of(from);
    if (leg == nullptr || leg->on != &asked) return;
    const bool accepted = asked.state == request::phase::tunnel;
    bond_parameters told;
    const bool knows_bonds = read_bond_field(head.bond.view(), told) == status::ok;
    if (leg->at == phase::opening && accepted && state == bond_state::connecting) {
        if (knows_bonds && told.answers_opening()) return become_bonded(*leg, told);
        return become_plain(*leg);
    }
    if (leg->at == phase::joining && accepted && knows_bonds && told.id == id) return register_leg(*leg);

    // Not what was hoped for: another leg was faster to open a bond, or the relay said no.
    const bool alone = std::none_of(legs.begin(), legs.end(), [](const client_leg& l) { return l.carries(); });
    const bool forgotten = leg->at == phase::joining && !accepted && head.status == 403 && alone;
    const bool refused = leg->at == phase::opening && !accepted && state == bond_state::connecting;
    leg->on = nullptr;
    leg->at = phase::ready;
    from.end(asked);
    if (forgotten) return lose_bond();
    if (refused)
        push({.kind = bond_event_kind::refused,
              .path = index_of(*leg),
              .http_status = head.status,
              .error = parse_proxy_status(head.proxy_status.view())});
    if (!accepted || state != bond_state::bonded) retry_later(*leg);
}

void bonded_tunnel::impl::become_bonded(client_leg& leg, const bond_parameters& told) noexcept {
    session_config wanted = config.session;
    wanted.max_payload = *told.max_payload;
    result<session> made = session::create(wanted, shared.memory);
    if (!made) return become_plain(leg);  // the payloads still get through
    ends.emplace(std::move(made).value());
    ends->set_wall_clock(latest, wall_time::from_ns(detail::saturating_add(latest.ns(), wall_offset.ns())));
    id = *told.id;
    secret = *told.secret;
    next_number = bond_first_leg + 1;
    leg.number = bond_first_leg;
    state = bond_state::bonded;
    ++stats.bonds;
    push({.kind = bond_event_kind::bonded, .path = index_of(leg)});
    register_leg(leg);
}

void bonded_tunnel::impl::become_plain(client_leg& leg) noexcept {
    state = bond_state::plain;
    leg.at = phase::plain;
    if (!told_plain) push({.kind = bond_event_kind::plain, .path = index_of(leg)});
    told_plain = true;
    push({.kind = bond_event_kind::leg_up, .path = index_of(leg)});
    for (client_leg& other : legs) {
        if (&other == &leg || other.at == phase::none) continue;
        if (other.link) other.link->close(latest);
        other.on = nullptr;
        other.at = phase::down;
        other.retry_at = latest;  // for when this tunnel is lost
    }
}

void bonded_tunnel::impl::register_leg(client_leg& leg) noexcept {
    connection& link = *leg.link;
    std::array<std::uint8_t, bond_capsule_max> room{};
    const bool metered = leg.config.cost == cost_class::metered;
    const capsule wanted{bond_register_capsule, write_bond_registration({frame_context, metered}, room)};
    path_config path;
    path.cost = leg.config.cost;
    path.budget = leg.config.budget;
    path.initial_rtt = link.smoothed_rtt();
    path.datagram_overhead = leg_datagram_overhead(leg.config.path.remote.ip.is_v6());
    path.seal_overhead = leg_seal_overhead;
    path.max_datagram = leg.max_datagram = static_cast<std::uint32_t>(link.max_payload(*leg.on, frame_context));
    path.acknowledged = link.uses_quic_datagrams();
    if (link.send_capsule(*leg.on, wanted) != status::ok || ends->add_path(latest, leg.number, path) != status::ok) {
        link.abort(*leg.on, NGHTTP3_H3_REQUEST_CANCELLED);
        leg.on = nullptr;
        leg.at = phase::ready;
        return retry_later(leg);
    }
    leg.at = phase::joined;
    leg.back_off = config.retry_first;
    link.register_context(*leg.on, frame_context);
    push({.kind = bond_event_kind::leg_up, .path = index_of(leg)});
    send_kept();
}

// Losing

void bonded_tunnel::impl::leave(client_leg& leg, close_cause cause) noexcept {
    const bool carried = leg.carries();
    const bool was_plain = leg.at == phase::plain;
    leg.on = nullptr;
    leg.at = phase::ready;
    if (carried || was_plain) push({.kind = bond_event_kind::leg_down, .path = index_of(leg), .cause = cause});
    if (was_plain && state == bond_state::plain) state = bond_state::connecting;
    if (!carried) return;
    (void)ends->remove_path(latest, leg.number);
    if (client_leg* const other = best_leg())
        (void)other->link->send_capsule(*other->on, {bond_leg_gone_capsule, {&leg.number, 1}});
}

void bonded_tunnel::impl::drop(client_leg& leg, close_cause cause) noexcept {
    leave(leg, cause);
    leg.at = phase::down;
    // A relay that has lost its memory is there: no need to wait.
    if (cause == close_cause::reset && leg.back_off == config.retry_first)
        leg.retry_at = latest;
    else
        retry_later(leg);
}

void bonded_tunnel::impl::lose_bond() noexcept {
    push({.kind = bond_event_kind::lost});
    ends.reset();
    state = bond_state::connecting;
    secret = {};
    for (client_leg& leg : legs) {
        if (leg.at != phase::joining) continue;  // it would be refused as well
        leg.link->end(*leg.on);
        leg.on = nullptr;
        leg.at = phase::ready;
    }
}

void bonded_tunnel::impl::on_over(connection& from, request& over) noexcept {
    client_leg* const leg = leg_of(from);
    if (leg == nullptr || leg->on != &over) return;
    leave(*leg, close_cause::peer);
    retry_later(*leg);
}

}  // namespace masque
}  // namespace v0
}  // namespace duality
