// SPDX-License-Identifier: MIT
//
// A relay's packets and connections; its requests are in relay_requests.cpp.
#include "duality/masque/relay.hpp"

#include <algorithm>
#include <utility>

#include "masque/configuration.hpp"
#include "masque/relay_state.hpp"

namespace duality {
inline namespace v0 {
namespace masque {
namespace {

constexpr std::size_t lone_packets_max = 256;
constexpr duration time_to_prove = duration::from_seconds(10);
constexpr ngtcp2_duration retry_lifetime = 10 * NGTCP2_SECONDS;
/// A stateless reset is shorter than what it answers, or two ends that know nothing would answer each other for ever.
constexpr std::size_t reset_size = NGTCP2_MIN_STATELESS_RESET_RANDLEN + NGTCP2_STATELESS_RESET_TOKENLEN + 17;

[[nodiscard]] ngtcp2_cid to_cid(const std::uint8_t* bytes, std::size_t size) noexcept {
    ngtcp2_cid id{};
    ngtcp2_cid_init(&id, bytes, std::min<std::size_t>(size, NGTCP2_MAX_CIDLEN));
    return id;
}

/// Bytes of the session of a bond, for a home; 0 when it cannot be made.
[[nodiscard]] std::size_t home_size_for(const session_config& config, const allocator& memory) noexcept {
    struct counter {
        allocator from;
        std::size_t bytes = 0;
    } counted{memory};
    const auto allocate = [](void* user, std::size_t size, std::size_t alignment) noexcept -> void* {
        auto& c = *static_cast<counter*>(user);
        c.bytes += size + alignment;
        return c.from.allocate(c.from.user, size, alignment);
    };
    const auto release = [](void* user, void* block, std::size_t size, std::size_t alignment) noexcept {
        const allocator& from = static_cast<counter*>(user)->from;
        from.release(from.user, block, size, alignment);
    };
    const result<session> made = session::create(config, {&counted, allocate, release});
    return made ? counted.bytes + sizeof(session) + alignof(session) : 0;
}

}  // namespace

relay::state::~state() {
    for_targets.clear(shared.pool);
    if (in_hand != datagram_pool::none) shared.pool.give(in_hand);
}

status relay::state::set_up(instant now, const relay_config& config) noexcept {
    latest = now;
    shared.config = config.connection;
    shared.secret = config.secret;
    shared.rest_after = config.rest_after;
    shared.max_requests = config.max_tunnels_per_connection;
    policy = config.policy;
    retry = config.retry;
    handshakes_before_retry = config.handshakes_before_retry;
    max_connections_per_address = config.max_connections_per_address;
    max_tunnels_per_client = config.max_tunnels_per_client;
    max_lookups_per_client = config.max_lookups_per_client;
    rate_per_client_bps = config.rate_per_client_bps;
    bytes_per_client = config.bytes_per_client;
    max_unanswered = config.max_unanswered;
    payload_lifetime = config.payload_lifetime;
    bonding = config.bonding;
    max_bonds_per_client = config.max_bonds_per_client;
    bond_grace = config.bond_grace;
    bond_session = config.bond_session;
    if (bonding && config.max_bonds != 0 && config.rest_after > duration::zero())
        bond_homes.set_home_size(home_size_for(bond_session, shared.memory));
    observer = config.observer;
    if (!bonds.create(config.max_bonds)) return status::out_of_memory;
    const bool no_secret = shared.secret == std::array<std::uint8_t, 32>{};
    if (no_secret && !tls::random_bytes(shared.secret)) return status::unsupported;
    if (config.ledger != nullptr) accounts = config.ledger->accounts_.get();
    shared.steering = worker_steering{shared.secret, config.workers};
    shared.worker = config.worker;
    if (!own_accounts.create(config.tokens) || !targets.create(config.max_tunnels, shared.memory) ||
        !lone_packets.create(lone_packets_max, shared.memory) || !packet.create(packet_max, shared.memory) ||
        !shared.pool.create(config.buffered_datagrams, config.max_payload, shared.memory) ||
        !connections.create(config.max_connections))
        return status::out_of_memory;
    certificates = !config.client_roots.empty();
    shared.certificate_needed = certificates && !accounts->needs_token();
    shared.wall = config.wall;
    shared.wall_at = now;
    result<tls::context> credentials =
        tls::context::create_server({config.certificate_chain, config.private_key}, shared.secret,
                                    {config.client_roots, shared.certificate_needed});
    if (!credentials) return credentials.code();
    shared.credentials = std::move(credentials).value();
    return status::ok;
}

instant relay::state::clamp(instant now) noexcept {
    if (now < latest) ++stats.clock_backwards;
    return latest = std::max(latest, now);
}

void relay::state::take_packet(instant now, const udp_path& from, ecn mark, byte_view bytes) noexcept {
    ngtcp2_version_cid ids{};
    const int decoded = bytes.empty() ? int{NGTCP2_ERR_INVALID_ARGUMENT}
                                      : ngtcp2_pkt_decode_version_cid(&ids, bytes.data(), bytes.size(), own_cid_size);
    if (decoded == NGTCP2_ERR_VERSION_NEGOTIATION) return negotiate_version(from, ids);
    if (decoded != 0) {
        ++stats.refused_packets;
        return;
    }
    if (connection* const c = connections.find({ids.dcid, ids.dcidlen})) {
        c->read(now, from, mark, bytes);
        flush_acknowledged();
        return settle(*c);
    }
    if (ids.version == 0) return reset_stranger(from, ids, bytes.size());
    begin_connection(now, from, mark, bytes);
}

void relay::state::begin_connection(instant now, const udp_path& from, ecn mark, byte_view bytes) noexcept {
    ngtcp2_pkt_hd head{};
    if (ngtcp2_accept(&head, bytes.data(), bytes.size()) != 0) {
        ++stats.refused_packets;
        return;
    }
    first_packet first;
    first.client_id = head.scid;
    first.destination_id = first.original_id = head.dcid;
    first.version = head.version;
    if (head.tokenlen > 0 && head.token[0] == NGTCP2_CRYPTO_TOKEN_MAGIC_RETRY2) {
        const native_path native{from};
        const int verdict = ngtcp2_crypto_verify_retry_token2(
            &first.original_id, head.token, head.tokenlen, shared.secret.data(), shared.secret.size(), head.version,
            native.get().remote.addr, native.get().remote.addrlen, &head.dcid, retry_lifetime, to_timestamp(now));
        if (verdict != 0) return refuse_token(from, head);
        first.token = {head.token, head.tokenlen};
    }
    const bool busy =
        retry == retry_mode::always || (retry == retry_mode::under_load && stats.handshakes >= handshakes_before_retry);
    if (busy && first.token.empty()) return send_retry(now, from, head);

    if (connections.full()) make_room(now);
    client_account* const account = admit_address(from.remote.ip);
    if (account == nullptr) {
        ++stats.refused_connections;
        return;
    }
    heap_ptr<connection> made = make_on_heap<connection>(shared.memory, shared, *this, now);
    if (!made || failed(made->start_server(now, from, first))) {
        if (made) made->forget_ids();
        let_go(*account);
        ++stats.refused_connections;
        return;
    }
    connection& c = *made;
    connections.add(std::move(made));
    c.account = account;
    connections.add_unproven(c);
    c.buffers = &account->buffers();
    c.counted_as_handshake = true;
    ++stats.handshakes;
    c.read(now, from, mark, bytes);
    settle(c);
}

/// Who has had the time to open a tunnel and has opened none gives way to who comes now.
void relay::state::make_room(instant now) noexcept {
    connection* const c = connections.oldest_unproven();
    if (c == nullptr || now - c->born() < time_to_prove) return;
    ++stats.evicted;
    connections.remove_unproven(*c);
    c->drop();
    settle(*c);
}

client_account* relay::state::admit_address(const ip_address& ip) noexcept {
    client_account* const account = draining || connections.full() ? nullptr : accounts->open_address(ip);
    if (account == nullptr || account->take_connection(max_connections_per_address)) return account;
    accounts->close(*account);
    return nullptr;
}

void relay::state::let_go(client_account& account) noexcept {
    account.give_connection();
    accounts->close(account);
}

lone_packet* relay::state::next_lone_packet(const udp_path& to) noexcept {
    if (!lone_packets.push({})) return nullptr;  // more than anybody takes out: they go unanswered
    lone_packets.back().path = to;
    return &lone_packets.back();
}

void relay::state::negotiate_version(const udp_path& path, const ngtcp2_version_cid& ids) noexcept {
    static constexpr std::uint32_t versions[] = {NGTCP2_PROTO_VER_V1};
    lone_packet* const out = next_lone_packet(path);
    if (out == nullptr) return;
    std::array<std::uint8_t, 1> unused{};
    (void)tls::random_bytes(unused);
    const ngtcp2_ssize size =
        ngtcp2_pkt_write_version_negotiation(out->bytes.data(), out->bytes.size(), unused[0], ids.scid, ids.scidlen,
                                             ids.dcid, ids.dcidlen, versions, std::size(versions));
    out->size = static_cast<std::uint16_t>(std::max<ngtcp2_ssize>(size, 0));
}

void relay::state::send_retry(instant now, const udp_path& path, const ngtcp2_pkt_hd& head) noexcept {
    lone_packet* const out = next_lone_packet(path);
    if (out == nullptr) return;
    const native_path native{path};
    std::array<std::uint8_t, NGTCP2_CRYPTO_MAX_RETRY_TOKENLEN2> token{};
    ngtcp2_cid id{};
    if (!make_own_cid(id, shared)) return;  // the client's next packet comes here again
    const ngtcp2_ssize token_size = ngtcp2_crypto_generate_retry_token2(
        token.data(), shared.secret.data(), shared.secret.size(), head.version, native.get().remote.addr,
        native.get().remote.addrlen, &id, &head.dcid, to_timestamp(now));
    if (token_size < 0) return;
    const ngtcp2_ssize size =
        ngtcp2_crypto_write_retry(out->bytes.data(), out->bytes.size(), head.version, &head.scid, &id, &head.dcid,
                                  token.data(), static_cast<std::size_t>(token_size));
    out->size = static_cast<std::uint16_t>(std::max<ngtcp2_ssize>(size, 0));
    ++stats.retries;
}

void relay::state::refuse_token(const udp_path& path, const ngtcp2_pkt_hd& head) noexcept {
    ++stats.refused_packets;
    lone_packet* const out = next_lone_packet(path);
    if (out == nullptr) return;
    const ngtcp2_ssize size = ngtcp2_crypto_write_connection_close(
        out->bytes.data(), out->bytes.size(), head.version, &head.scid, &head.dcid, NGTCP2_INVALID_TOKEN, nullptr, 0);
    out->size = static_cast<std::uint16_t>(std::max<ngtcp2_ssize>(size, 0));
}

void relay::state::reset_stranger(const udp_path& path, const ngtcp2_version_cid& ids, std::size_t size) noexcept {
    ++stats.refused_packets;
    if (size <= reset_size) return;
    lone_packet* const out = next_lone_packet(path);
    if (out == nullptr) return;
    const ngtcp2_cid id = to_cid(ids.dcid, ids.dcidlen);
    std::array<std::uint8_t, NGTCP2_STATELESS_RESET_TOKENLEN> token{};
    std::array<std::uint8_t, reset_size - NGTCP2_STATELESS_RESET_TOKENLEN> noise{};
    if (!tls::random_bytes(noise) || ngtcp2_crypto_generate_stateless_reset_token(token.data(), shared.secret.data(),
                                                                                  shared.secret.size(), &id) != 0)
        return;
    const ngtcp2_ssize written = ngtcp2_pkt_write_stateless_reset(out->bytes.data(), out->bytes.size(), token.data(),
                                                                  noise.data(), noise.size());
    out->size = static_cast<std::uint16_t>(std::max<ngtcp2_ssize>(written, 0));
    ++stats.resets;
}

void relay::state::settle(connection& c) noexcept {
    if (c.counted_as_handshake && (!c.is_open() || c.handshake_done())) {
        c.counted_as_handshake = false;
        --stats.handshakes;
        if (c.is_open()) ++stats.accepted_connections;
        if (c.is_open() && c.is_resumed()) ++stats.resumed_connections;
        if (draining) c.go_away();
        if (c.cause() == close_cause::untrusted) ++stats.refused_certificates;
    }
    if (c.wants_write()) connections.list(c);
    connections.retime(c);
    if (c.is_over() && !c.listed_to_write) remove(c);
}

void relay::state::remove(connection& c) noexcept {
    c.forget_ids();
    connections.remove_unproven(c);
    client_account& account = *c.account;
    client_account* const certified = c.certified;
    // Its requests were told that they are over when it ended.
    connections.remove(c).reset();  // gives its buffers back to the account
    let_go(account);
    if (certified != nullptr) accounts->close(*certified);
}

bool relay::state::poll(instant now, relay_output& out) noexcept {
    if (in_hand != datagram_pool::none) {
        shared.pool.give(in_hand);
        in_hand = datagram_pool::none;
    }
    if (!for_targets.empty()) {
        in_hand = for_targets.pop(shared.pool);
        out.kind = relay_output_kind::to_target;
        out.target = shared.pool[in_hand].owner;
        out.payload = shared.pool.payload(in_hand);
        return true;
    }
    if (poll_target(out)) return true;
    while (!lone_packets.empty()) {
        lone_in_hand = lone_packets.pop();
        if (lone_in_hand.size == 0) continue;
        out.kind = relay_output_kind::transmit;
        out.packet = {lone_in_hand.path, ecn::not_ect, byte_view{lone_in_hand.bytes}.first(lone_in_hand.size)};
        return true;
    }
    while (connection* const c = connections.first_listed()) {
        const bool written = c->write(now, {packet.data(), packet.size()}, out.packet);
        if (written) {
            out.kind = relay_output_kind::transmit;
            return true;
        }
        connections.unlist_first();
        settle(*c);
    }
    return false;
}

void client_ledger::deleter::operator()(client_accounts* accounts) const noexcept {
    heap_deleter{accounts->memory()}(accounts);
}

client_ledger::client_ledger(client_accounts* made) noexcept : accounts_{made} {}
client_ledger::client_ledger(client_ledger&&) noexcept = default;
client_ledger& client_ledger::operator=(client_ledger&&) noexcept = default;
client_ledger::~client_ledger() = default;

result<client_ledger> client_ledger::create(std::span<const std::string_view> tokens,
                                            const allocator& memory) noexcept {
    keyed_hash hash;
    if (!hash.randomize()) return status::unsupported;
    if (std::any_of(tokens.begin(), tokens.end(), [](std::string_view token) { return token.empty(); }))
        return status::invalid_argument;
    heap_ptr<client_accounts> made = make_on_heap<client_accounts>(memory, memory, hash);
    if (!made || !made->create(tokens)) return status::out_of_memory;
    return client_ledger{made.release()};
}

void relay::deleter::operator()(state* s) const noexcept {
    heap_deleter{s->shared.memory}(s);
}

relay::relay(state* made) noexcept : state_{made} {}
relay::relay(relay&&) noexcept = default;
relay& relay::operator=(relay&&) noexcept = default;
relay::~relay() = default;

result<relay> relay::create(instant now, const relay_config& config, const allocator& memory) noexcept {
    const result<uri_template> path = uri_template::create_path(config.path);
    config_check check{relay_bounds};
    check.in_range("handshakes_before_retry", config.handshakes_before_retry)
        .in_range("max_connections", config.max_connections)
        .in_range("max_connections_per_address", config.max_connections_per_address)
        .in_range("max_tunnels", config.max_tunnels)
        .in_range("max_tunnels_per_client", config.max_tunnels_per_client)
        .in_range("max_lookups_per_client", config.max_lookups_per_client)
        .in_range("max_tunnels_per_connection", config.max_tunnels_per_connection)
        .in_range("max_bonds", config.max_bonds)
        .in_range("max_bonds_per_client", config.max_bonds_per_client)
        .in_range("bond_grace", config.bond_grace.ns() / 1'000'000'000)
        .in_range("max_unanswered", config.max_unanswered)
        .in_range("max_payload", config.max_payload)
        .in_range("buffered_datagrams", config.buffered_datagrams)
        .in_range("rest_after", config.rest_after.ns() / 1'000'000)
        .in_range("payload_lifetime", config.payload_lifetime.ns() / 1'000'000)
        .require("path", path.has_value())
        .require("tokens", std::none_of(config.tokens.begin(), config.tokens.end(),
                                        [](std::string_view token) { return token.empty(); }))
        .require("bytes_per_client", config.bytes_per_client == 0 || config.ledger != nullptr ||
                                         !config.tokens.empty() || !config.client_roots.empty())
        .require("wall", config.client_roots.empty() || config.wall != wall_time{})
        .in_range("workers", config.workers)
        .require("worker", config.worker < config.workers)
        .require("secret", config.workers == 1 || config.secret != std::array<std::uint8_t, 32>{});
    if (!check.ok()) return check.error();
    if (const config_check common = check_connection(config.connection); !common.ok()) return common.error();

    keyed_hash hash;
    if (!hash.randomize()) return status::unsupported;
    heap_ptr<state> made = make_on_heap<state>(memory, memory, hash);
    if (!made) return status::out_of_memory;
    made->served = path.value();
    if (const status s = made->set_up(now, config); failed(s)) return s;
    return relay{made.release()};
}

void relay::handle_datagram(instant now, const udp_path& path, ecn mark, byte_view packet) noexcept {
    state_->take_packet(state_->clamp(now), path, mark, packet);
}

void relay::handle_timeout(instant now) noexcept {
    state& s = *state_;
    now = s.clamp(now);
    // A connection whose time has come and does not move on would hold up all others.
    for (std::size_t budget = s.connections.count(); budget > 0; --budget) {
        connection* const c = s.connections.first();
        if (c == nullptr || c->timer_at > now) break;
        c->handle_timeout(now);
        s.settle(*c);
    }
    for (std::size_t budget = s.bonds.count(); budget > 0; --budget) {
        relay_bond* const b = s.bonds.first();
        if (b == nullptr || b->timer_at > now) break;
        if (b->rest(now)) {
            s.bonds.retime(*b);
            continue;
        }
        b->end.awake().handle_timeout(now);
        s.pump(*b);
    }
}

bool relay::poll_output(instant now, relay_output& out) noexcept {
    return state_->poll(state_->clamp(now), out);
}

instant relay::next_timeout() const noexcept {
    const state& s = *state_;
    if (!s.for_targets.empty() || s.targets.any_listed() || !s.lone_packets.empty() || s.connections.any_listed())
        return s.latest;
    const connection* const first = s.connections.first();
    return std::min(first == nullptr ? instant::never() : first->timer_at, s.bonds.next_timeout());
}

void relay::drain(instant now) noexcept {
    state& s = *state_;
    (void)s.clamp(now);
    s.draining = true;
    s.connections.for_each([&](connection& c) {
        c.go_away();
        if (c.wants_write()) s.connections.list(c);
    });
}

void relay::close(instant now) noexcept {
    state& s = *state_;
    now = s.clamp(now);
    s.draining = true;
    s.connections.for_each([&](connection& c) {
        c.close(now);
        if (c.wants_write()) s.connections.list(c);
    });
}

bool relay::is_idle() const noexcept {
    return state_->connections.count() == 0;
}

relay_statistics relay::statistics() const noexcept {
    relay_statistics out = state_->stats;
    out.connections = state_->shared.stats;
    out.open_connections = state_->connections.count();
    out.resting_connections = state_->shared.homes.resting();
    out.open_tunnels = state_->targets.count();
    out.open_bonds = state_->bonds.count();
    out.resting_bonds = state_->bond_homes.resting();
    out.bonds += state_->bonds.statistics();
    return out;
}

}  // namespace masque
}  // namespace v0
}  // namespace duality
