// SPDX-License-Identifier: MIT
//
// A relay's bonds: who may join, and what passes between their legs, their session endpoint and their target.
#include <algorithm>

#include "duality/masque/bond_session.hpp"
#include "masque/relay_state.hpp"

namespace duality {
inline namespace v0 {
namespace masque {
namespace {

/// Looks at every byte, so that time tells nothing.
[[nodiscard]] bool equal_in_constant_time(byte_view a, byte_view b) noexcept {
    unsigned differences = 0;
    for (std::size_t i = 0; i < a.size(); ++i) differences |= static_cast<unsigned>(a[i] ^ b[i]);
    return differences == 0;
}

}  // namespace

/// Gives an opened target a bond. False: it stays a plain tunnel, for want of room or of random numbers.
bool relay::state::open_bond(relay_target& t) noexcept {
    client_account& client = *t.client;
    if (bonds.full() || !client.take_bond(max_bonds_per_client)) return false;
    relay_bond* const b = make_bond(t);
    if (b == nullptr) {
        client.give_bond();
        return false;
    }
    accounts->keep(client);
    ++stats.accepted_bonds;
    t.bond = b;
    bond_parameters told;
    told.id = b->id;
    told.secret = b->secret;
    told.max_payload = b->max_payload;
    connection& via = *t.via;
    request& on = *t.on;
    t.via = nullptr;
    t.on = nullptr;
    add_leg(*b, via, on, bond_first_leg, told);
    return true;
}

relay_bond* relay::state::make_bond(relay_target& t) noexcept {
    session_config wanted = bond_session;
    if (t.bond_payload != 0) wanted.max_payload = std::min(wanted.max_payload, t.bond_payload);
    heap_ptr<relay_bond> made = make_on_heap<relay_bond>(shared.memory, *t.asked, *t.client, targets.id_of(t));
    home_pool* const homes = shared.rest_after > duration::zero() ? &bond_homes : nullptr;
    if (!made || failed(made->end.begin(wanted, shared.memory, homes, shared.rest_after)) ||
        !tls::random_bytes(made->id) || !tls::random_bytes(made->secret))
        return nullptr;
    made->max_payload = wanted.max_payload;
    return bonds.add(std::move(made));
}

void relay::state::add_leg(relay_bond& b, connection& via, request& on, std::uint8_t number,
                           const bond_parameters& told) noexcept {
    const auto place = std::find_if(b.legs.begin(), b.legs.end(), [](const bond_leg& l) { return l.via == nullptr; });
    *place = {.via = &via, .on = &on, .number = number};
    ++b.leg_count;
    b.over_at = instant::never();
    on.user = b.target_number;
    on.leg = number;
    on.awaits_context = true;
    std::array<char, bond_field_max> room{};
    via.accept(on, write_bond_field(told, room));
    if (via.wants_write()) connections.list(via);
}

/// Answers a request to join; whatever is wrong with it, the answer is the same.
void relay::state::join_bond(connection& from, request& asked, client_account& client, const udp_target& wanted,
                             const bond_parameters& shown) noexcept {
    client.give_tunnel();  // a leg is none of its own
    relay_bond* const b = bonds.find(*shown.id);
    static constexpr bond_secret nobody{};
    bond_exporter exporter{};
    const bool exported = from.get_exporter(exporter);
    const bond_proof expected =
        tls::hmac_sha256(b != nullptr ? b->secret : nobody, bond_proof_input(exporter, *shown.id, *shown.leg));
    const bool proved = equal_in_constant_time(expected, *shown.proof);
    bond_leg* const replaced = b != nullptr ? b->find(*shown.leg) : nullptr;
    const bool same = b != nullptr && b->target == wanted && (admits_everybody() || b->client == &client);
    if (!exported || !proved || !same || b->over || (b->leg_count >= bond_session.paths.max_paths && !replaced)) {
        ++stats.refused_legs;
        return from.answer(asked, 403, {}, {}, {});
    }
    ++stats.joined_legs;
    connections.remove_unproven(from);
    if (replaced != nullptr) drop_leg(*b, *replaced);
    bond_parameters told;
    told.id = b->id;
    add_leg(*b, from, asked, *shown.leg, told);
    pump(*b);
}

/// The leg is of no more use; its request ends.
void relay::state::drop_leg(relay_bond& b, bond_leg& leg) noexcept {
    connection& via = *leg.via;
    request& on = *leg.on;
    on.user = request::nobody;
    forget_leg(b, leg);
    via.abort(on, NGHTTP3_H3_REQUEST_CANCELLED);
    if (via.wants_write()) connections.list(via);
}

void relay::state::forget_leg(relay_bond& b, bond_leg& leg) noexcept {
    const std::uint8_t number = leg.number;
    leg = {};
    --b.leg_count;
    (void)b.end.awake().remove_path(latest, number);
    if (b.leg_count == 0) b.over_at = draining ? latest : latest + bond_grace;
}

void relay::state::end_bond(relay_bond& b) noexcept {
    stats.bonds += b.end.statistics();
    b.over = true;
    for (bond_leg& leg : b.legs) {
        if (leg.via == nullptr) continue;
        connection& via = *leg.via;
        leg.on->user = request::nobody;
        via.end(*leg.on);
        if (via.wants_write()) connections.list(via);
    }
    client_account& client = *b.client;
    client.give_bond();
    relay_target* const t = targets.find(b.target_number);
    bonds.remove(b);
    t->bond = nullptr;
    forget(*t);
    accounts->give_back(client);
}

/// Carries what the endpoint has to say; ends the bond when it is over. `b` may be gone afterwards.
void relay::state::pump(relay_bond& b) noexcept {
    b.end.touch(latest);
    session& ends = b.end.awake();
    for (bond_leg& leg : b.legs) {
        if (!leg.registered) continue;
        const auto most = static_cast<std::uint32_t>(leg.via->max_payload(*leg.on, leg.on->bond_context));
        if (most == leg.max_datagram) continue;
        leg.max_datagram = most;
        (void)ends.set_max_datagram(leg.number, most);
    }
    relay_target& t = *targets.find(b.target_number);
    session_output out;
    while (ends.poll_output(latest, out)) {
        if (out.kind == output_kind::deliver) {
            if (observer != nullptr) observer->on_delivery(latest, out.deliver);
            forward(t, out.deliver.bytes);
        }
        if (out.kind == output_kind::event && observer != nullptr) observer->on_event(latest, out.event);
        if (out.kind == output_kind::event && out.event.kind == session_event_kind::closed) b.over = true;
        if (out.kind != output_kind::transmit) continue;
        bond_leg* const leg = b.find(out.transmit.path);
        if (leg == nullptr) continue;
        const byte_view frame = out.transmit.bytes;
        const auto sequence = static_cast<std::uint16_t>(frame[1] << 8 | frame[2]);
        (void)leg->via->send_bond_frame(latest, *leg->on, frame, latest + payload_lifetime, sequence);
        if (leg->via->wants_write()) connections.list(*leg->via);
    }
    const bool abandoned = !b.over && b.leg_count == 0 && b.over_at <= latest;
    if (abandoned && !draining) ++stats.lost_bonds;
    if (b.over || abandoned) return end_bond(b);
    bonds.retime(b);
}

status relay::state::send_down(relay_bond& b, byte_view payload) noexcept {
    session& ends = b.end.awake();
    status sent = ends.send(latest, 0, payload);
    if (sent == status::too_large || sent == status::over_budget) {
        // Too long for a frame, or no leg is registered yet: it goes as it is, over the leg that carries the flow.
        bond_leg* best = nullptr;
        for (bond_leg& leg : b.legs) {
            if (leg.via == nullptr) continue;
            if (best == nullptr || ends.path(latest, leg.number).state == path_state::active) best = &leg;
        }
        if (best != nullptr) {
            sent = best->via->send(latest, *best->on, payload, latest + payload_lifetime);
            if (best->via->wants_write()) connections.list(*best->via);
        }
    }
    if (sent == status::ok) stats.bytes_down += payload.size();
    pump(b);
    return sent;
}

void relay::state::on_bond_frame(connection& from, request& on, byte_view frame) noexcept {
    relay_bond* const b = bond_of(on);
    if (b == nullptr || b->find(on) == nullptr) return;
    if (observer != nullptr) observer->on_frame(latest, from.current_path(), frame);
    (void)b->end.awake().handle_datagram(latest, on.leg, frame);
    pump(*b);
}

bool relay::state::on_capsule(connection&, request& on, const capsule& c) noexcept {
    relay_bond* const b = bond_of(on);
    bond_leg* const leg = b != nullptr ? b->find(on) : nullptr;
    if (leg == nullptr || (c.type != bond_register_capsule && c.type != bond_leg_gone_capsule)) return false;
    bond_registration wanted;
    bool ok = false;
    if (c.type == bond_leg_gone_capsule) {
        ok = !c.value.empty();
        bond_leg* const gone = ok ? b->find(c.value.front()) : nullptr;
        if (gone != nullptr && gone != leg) drop_leg(*b, *gone);
    } else {
        ok = !leg->registered && read_bond_registration(c.value, wanted) == status::ok;
        if (ok) register_leg(*b, *leg, wanted);
    }
    if (!ok) {
        ++shared.stats.protocol_errors;
        drop_leg(*b, *leg);
    }
    pump(*b);
    return true;
}

void relay::state::register_leg(relay_bond& b, bond_leg& leg, const bond_registration& wanted) noexcept {
    connection& via = *leg.via;
    path_config path;
    path.cost = wanted.metered ? cost_class::metered : cost_class::free;
    path.initial_rtt = via.smoothed_rtt();
    path.datagram_overhead = leg_datagram_overhead(via.current_path().remote.ip.is_v6());
    path.seal_overhead = leg_seal_overhead;
    path.max_datagram = leg.max_datagram = static_cast<std::uint32_t>(via.max_payload(*leg.on, wanted.context));
    path.acknowledged = via.uses_quic_datagrams();
    if (b.end.awake().add_path(latest, leg.number, path) != status::ok) return;
    leg.registered = true;
    via.register_context(*leg.on, wanted.context);
}

void relay::state::on_acknowledged(connection& from, std::int64_t id, std::uint16_t mark) noexcept {
    const request* const on = from.find_request(id);
    if (on == nullptr || bond_of(*on) == nullptr) return;
    if (acknowledged_count == acknowledged.size()) flush_acknowledged();
    acknowledged[acknowledged_count++] = {on->user, on->leg, mark};
}

/// ngtcp2 tells the newest first, an endpoint wants to know the oldest first.
void relay::state::flush_acknowledged() noexcept {
    while (acknowledged_count > 0) {
        const acknowledgement a = acknowledged[--acknowledged_count];
        relay_target* const t = targets.find(a.target);
        if (t == nullptr || t->bond == nullptr) continue;
        (void)t->bond->end.awake().handle_acknowledgement(latest, a.leg, a.mark);
        const bool last = acknowledged_count == 0 || acknowledged[acknowledged_count - 1].target != a.target;
        if (last) pump(*t->bond);
    }
}

}  // namespace masque
}  // namespace v0
}  // namespace duality
