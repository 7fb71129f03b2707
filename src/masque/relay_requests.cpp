// SPDX-License-Identifier: MIT
//
// What a relay answers, and its tunnels between clients and targets.
#include <algorithm>
#include <array>

#include "masque/relay_state.hpp"

namespace duality {
inline namespace v0 {
namespace masque {
namespace {

constexpr std::string_view status_page = "This is a DUALITY relay: UDP over HTTP/3, RFC 9298.\n";
constexpr std::string_view plain_text = "text/plain";

void answer(connection& c, request& asked, int status, proxy_error why = proxy_error::none) noexcept {
    std::array<char, 64> room{};
    const std::string_view field = why == proxy_error::none ? std::string_view{} : format_proxy_status(why, room);
    c.answer(asked, status, field, {}, {});
}

}  // namespace

void relay::state::on_head(connection& from, request& asked, const message& head) noexcept {
    const std::string_view method = head.method.view();
    if (method != "CONNECT") {
        const bool reads = method == "GET" || method == "HEAD";
        if (!reads) return masque::answer(from, asked, 405);
        if (head.path.view() != "/") return masque::answer(from, asked, 404);
        return from.answer(asked, 200, {}, plain_text, method == "GET" ? status_page : std::string_view{});
    }
    if (head.protocol.view() != "connect-udp") return masque::answer(from, asked, 501);  // RFC 9220, section 3

    client_account* const client = admit(from, asked, head);
    if (client == nullptr) return;
    udp_target wanted;
    const status matched = head.path.too_long() ? status::malformed : served.match(head.path.view(), wanted);
    if (matched != status::ok) {
        client->give_tunnel();
        return masque::answer(from, asked, matched == status::malformed ? 400 : 404, proxy_error::http_request_error);
    }

    bond_parameters bond;
    const bool bonded = bonding && read_bond_field(head.bond.view(), bond) == status::ok;
    if (bonded && bond.joins()) return join_bond(from, asked, *client, wanted, bond);

    relay_target* const t = targets.take();
    if (t == nullptr) {
        client->give_tunnel();
        ++stats.refused_tunnels;
        return masque::answer(from, asked, 503, proxy_error::connection_limit_reached);
    }
    t->via = &from;
    t->on = &asked;
    t->client = client;
    t->address.port = wanted.port();
    t->at = target_state::opening;
    asked.user = targets.id_of(*t);
    t->wants_bond = bonded && bond.opens();
    t->bond_payload = bond.max_payload.value_or(0);
    t->asked = make_on_heap<udp_target>(shared.memory, wanted);
    if (!t->asked) return refuse(*t, proxy_error::proxy_internal_error);
    if (const std::optional<ip_address> literal = wanted.literal()) return open(*t, *literal);
    t->looked_up = client->take_lookup(max_lookups_per_client);
    if (!t->looked_up) {
        ++stats.refused_tunnels;
        return refuse(*t, proxy_error::connection_limit_reached);
    }
    t->at = target_state::resolve_due;
    targets.list(*t);
}

void relay::state::on_client_key(connection& from, const key_pin& key) noexcept {
    from.certified = accounts->open_key(key, bytes_per_client > 0);
}

client_account* relay::state::admit(connection& from, request& asked, const message& head) noexcept {
    client_account* client = from.certified;
    if (client == nullptr && admits_everybody()) client = from.account;
    if (client == nullptr) {
        client = head.has_token ? accounts->find_token(head.token_digest) : nullptr;
        if (client == nullptr) {
            ++stats.refused_tokens;
            masque::answer(from, asked, 401, proxy_error::http_request_denied);
            return nullptr;
        }
    }
    if (draining || client->quota_used_up(bytes_per_client) || !client->take_tunnel(max_tunnels_per_client)) {
        ++stats.refused_tunnels;
        masque::answer(from, asked, draining ? 503 : 429, proxy_error::connection_limit_reached);
        return nullptr;
    }
    return client;
}

void relay::state::open(relay_target& t, const ip_address& ip) noexcept {
    if (policy.check(ip) != target_verdict::allowed) {
        ++stats.refused_targets;
        return refuse(t, proxy_error::destination_ip_prohibited);
    }
    t.address.ip = ip;
    end_lookup(t);
    t.at = target_state::open_due;
    targets.list(t);
}

void relay::state::refuse(relay_target& t, proxy_error why) noexcept {
    connection* const via = t.via;
    request* const on = t.on;
    on->user = request::nobody;
    t.on = nullptr;
    forget(t);
    masque::answer(*via, *on, http_status(why), why);
    if (via->wants_write()) connections.list(*via);
}

/// The request is over or refused: what the caller knows of it decides what is left to do.
void relay::state::forget(relay_target& t) noexcept {
    end_lookup(t);
    t.client->give_tunnel();
    t.client = nullptr;
    t.via = nullptr;
    t.on = nullptr;
    if (t.known) {
        t.at = target_state::close_due;
        targets.list(t);
    } else if (t.listed) {
        t.at = target_state::forgotten;
    } else {
        targets.give(t);
    }
}

void relay::state::end_lookup(relay_target& t) noexcept {
    if (t.looked_up) t.client->give_lookup();
    t.looked_up = false;
}

bool relay::state::poll_target(relay_output& out) noexcept {
    while (targets.any_listed()) {
        relay_target& t = targets.pop_listed();
        out.target = targets.id_of(t);
        t.known = true;
        switch (t.at) {
            case target_state::resolve_due:
                out.kind = relay_output_kind::resolve;
                out.host = t.asked->host();
                t.at = target_state::resolving;
                return true;
            case target_state::open_due:
                out.kind = relay_output_kind::open_target;
                out.address = t.address;
                t.at = target_state::opening;
                return true;
            case target_state::close_due:
                out.kind = relay_output_kind::close_target;
                targets.give(t);
                return true;
            default: targets.give(t); break;
        }
    }
    return false;
}

bool relay::state::let_pass(client_account& client, std::size_t bytes) noexcept {
    if (client.within_rate(latest, bytes, rate_per_client_bps) && client.within_quota(bytes, bytes_per_client))
        return true;
    ++stats.over_rate;
    return false;
}

void relay::state::on_payload(connection&, request& on, byte_view payload) noexcept {
    relay_target* const t = targets.find(on.user);
    if (t != nullptr && t->at == target_state::open) forward(*t, payload);
}

void relay::state::forward(relay_target& t, byte_view payload) noexcept {
    if (t.unanswered >= max_unanswered) {
        ++stats.unanswered;
        return;
    }
    if (!let_pass(*t.client, payload.size())) return;
    const bool fits = payload.size() <= shared.pool.payload_max();
    const std::uint32_t slot = fits ? shared.pool.take(payload) : datagram_pool::none;
    if (slot == datagram_pool::none) {
        ++(!fits ? shared.stats.too_large : stats.no_buffer);
        return;
    }
    ++t.unanswered;
    stats.bytes_up += payload.size();
    shared.pool[slot].owner = targets.id_of(t);
    for_targets.push(shared.pool, slot);
}

void relay::state::on_over(connection&, request& over) noexcept {
    relay_target* const t = over.user == request::nobody ? nullptr : targets.find(over.user);
    over.user = request::nobody;
    if (t == nullptr) return;
    if (t->on == &over) return forget(*t);
    bond_leg* const leg = t->bond != nullptr ? t->bond->find(over) : nullptr;
    if (leg == nullptr) return;
    forget_leg(*t->bond, *leg);
    pump(*t->bond);
}

status relay::target_resolved(instant now, target_id id, std::span<const ip_address> answers) noexcept {
    state& s = *state_;
    (void)s.clamp(now);
    relay_target* const t = s.targets.find(id);
    if (t == nullptr || t->on == nullptr) return status::unknown_stream;
    if (t->at != target_state::resolving) return status::wrong_state;
    const target_verdict verdict = s.policy.check(answers);
    if (verdict == target_verdict::allowed) {
        s.open(*t, answers.front());
        return status::ok;
    }
    if (verdict == target_verdict::nothing_to_check) return target_failed(now, id, proxy_error::dns_error);
    ++s.stats.refused_targets;
    s.refuse(*t, proxy_error::destination_ip_prohibited);
    return status::ok;
}

status relay::target_opened(instant now, target_id id) noexcept {
    state& s = *state_;
    (void)s.clamp(now);
    relay_target* const t = s.targets.find(id);
    if (t == nullptr || t->on == nullptr) return status::unknown_stream;
    if (t->at != target_state::opening) return status::wrong_state;
    t->at = target_state::open;
    ++s.stats.accepted_tunnels;
    connection& via = *t->via;
    s.connections.remove_unproven(via);
    if (!t->wants_bond || !s.open_bond(*t)) via.accept(*t->on, {});
    t->asked.reset();
    s.settle(via);
    return status::ok;
}

status relay::target_failed(instant now, target_id id, proxy_error why) noexcept {
    state& s = *state_;
    (void)s.clamp(now);
    relay_target* const t = s.targets.find(id);
    if (t == nullptr || t->on == nullptr) return status::unknown_stream;
    if (t->at != target_state::opening && t->at != target_state::resolving) return status::wrong_state;
    ++s.stats.failed_targets;
    t->known = false;  // by saying so the caller has let go of it
    s.refuse(*t, why);
    return status::ok;
}

status relay::handle_target_datagram(instant now, target_id id, byte_view payload) noexcept {
    state& s = *state_;
    now = s.clamp(now);
    relay_target* const t = s.targets.find(id);
    if (t == nullptr || (t->on == nullptr && t->bond == nullptr)) return status::unknown_stream;
    if (t->at != target_state::open) return status::wrong_state;
    t->unanswered = 0;
    if (!s.let_pass(*t->client, payload.size())) return status::over_budget;
    if (t->bond != nullptr) return s.send_down(*t->bond, payload);
    connection& via = *t->via;
    const status sent = via.send(now, *t->on, payload, now + s.payload_lifetime);
    if (sent == status::ok) s.stats.bytes_down += payload.size();
    if (via.wants_write()) s.connections.list(via);
    return sent;
}

status relay::target_lost(instant now, target_id id) noexcept {
    state& s = *state_;
    (void)s.clamp(now);
    relay_target* const t = s.targets.find(id);
    if (t == nullptr || (t->on == nullptr && t->bond == nullptr)) return status::unknown_stream;
    if (t->at != target_state::open) return status::wrong_state;
    if (t->bond != nullptr) {
        s.end_bond(*t->bond);
        return status::ok;
    }
    connection& via = *t->via;
    request& on = *t->on;
    on.user = request::nobody;
    s.forget(*t);
    via.end(on);
    s.settle(via);
    return status::ok;
}

}  // namespace masque
}  // namespace v0
}  // namespace duality
