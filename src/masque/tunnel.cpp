// SPDX-License-Identifier: MIT
#include "duality/masque/tunnel.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "duality/ring.hpp"
#include "masque/configuration.hpp"
#include "masque/connection.hpp"

namespace duality {
inline namespace v0 {
namespace masque {
namespace {

constexpr std::size_t token_max = 512;

/// The place of a flow and how often it was used before.
[[nodiscard]] constexpr flow_id make_flow_id(std::size_t place, std::uint16_t generation) noexcept {
    return static_cast<flow_id>(place) | static_cast<flow_id>(generation) << 16;
}

}  // namespace

class tunnel::state final : public connection_owner {
public:
    explicit state(const allocator& memory) noexcept { shared.memory = memory; }
    ~state() {
        for (flow& f : flows) f.waiting.clear(shared.pool);
        delivered.clear(shared.pool);
        if (in_hand != datagram_pool::none) shared.pool.give(in_hand);
    }
    state(const state&) = delete;
    state& operator=(const state&) = delete;

    enum class phase : std::uint8_t { free, waiting, requested, open, closing };
    struct flow {
        phase at = phase::free;
        std::uint16_t generation = 0;
        request* on = nullptr;
        udp_target target;
        datagram_list waiting;  ///< payloads for a request that cannot be made yet
    };

    [[nodiscard]] status set_up(instant now, const tunnel_config& config) noexcept;

    [[nodiscard]] instant clamp(instant now) noexcept {
        if (now < latest) ++stats.clock_backwards;
        return latest = std::max(latest, now);
    }
    [[nodiscard]] flow* find(flow_id id) noexcept {
        const std::size_t place = id & 0xFFFF;
        if (place >= flows.size() || flows[place].at == phase::free || flows[place].generation != id >> 16)
            return nullptr;
        return &flows[place];
    }
    [[nodiscard]] flow_id id_of(const flow& f) const noexcept {
        return make_flow_id(static_cast<std::size_t>(&f - flows.data()), f.generation);
    }
    void push(const tunnel_event& event) noexcept {
        if (!events.push(event)) ++stats.events_lost;
    }
    void free_flow(flow& f) noexcept {
        f.waiting.clear(shared.pool);
        const auto next = static_cast<std::uint16_t>(f.generation + 1);
        f = {};
        f.generation = next;
    }
    void try_open(flow& f) noexcept;
    [[nodiscard]] status send(instant now, flow& f, byte_view payload, instant expires) noexcept;
    void settle() noexcept;

    void on_ready(connection&) noexcept override {
        if (!connected) push({.kind = tunnel_event_kind::connected});
        connected = true;
        for (flow& f : flows)
            if (f.at == phase::waiting) try_open(f);
    }
    void on_head(connection&, request& asked, const message& head) noexcept override;
    void on_payload(connection&, request& on, byte_view payload) noexcept override;
    void on_bond_frame(connection&, request&, byte_view) noexcept override {}
    void on_acknowledged(connection&, std::int64_t, std::uint16_t) noexcept override {}
    bool on_capsule(connection&, request&, const capsule&) noexcept override { return false; }
    void on_over(connection&, request& over) noexcept override;
    bool on_new_id(connection&, const ngtcp2_cid&) noexcept override { return true; }
    void on_retired_id(connection&, const ngtcp2_cid&) noexcept override {}

    connection_environment shared;
    uri_template relay;
    kept_text<token_max> token;
    buffer<key_pin> pins;
    duration lifetime{};
    buffer<flow> flows;
    datagram_list delivered;
    std::uint32_t in_hand = datagram_pool::none;  ///< the payload that the caller looks at
    ring<tunnel_event> events;
    buffer<std::uint8_t> packet;
    udp_path path;
    instant latest = instant::before_all();
    tunnel_statistics stats;
    bool connected = false;
    bool told_closed = false;
    std::optional<connection> link;  ///< goes first, as it may still speak to its owner
};

status tunnel::state::set_up(instant now, const tunnel_config& config) noexcept {
    latest = now;
    shared.config = config.connection;
    shared.first_id_prefix = config.rendezvous;
    lifetime = config.payload_lifetime;
    path = config.path;
    token.assign(config.token);
    if (!flows.create(config.max_flows, shared.memory) || !packet.create(packet_max, shared.memory) ||
        !events.create(2 * std::size_t{config.max_flows} + 4, shared.memory) ||
        !pins.create(config.pins.size(), shared.memory) ||
        !shared.pool.create(config.buffered_datagrams, config.max_payload, shared.memory))
        return status::out_of_memory;
    std::copy(config.pins.begin(), config.pins.end(), pins.begin());
    if (!tls::random_bytes(shared.secret)) return status::unsupported;
    result<tls::context> credentials =
        tls::context::create_client(config.roots, config.system_roots, {config.certificate_chain, config.private_key});
    if (!credentials) return credentials.code();
    shared.credentials = std::move(credentials).value();
    link.emplace(shared, *this, now);
    return link->start_client(now, path, {relay.host(), {pins.data(), pins.size()}, config.wall, config.ticket});
}

void tunnel::state::try_open(flow& f) noexcept {
    std::array<char, uri_template::path_max> room{};
    status why = status::ok;
    request* const made = link->connect_udp(relay.authority(), relay.expand(f.target, room), token.view(), {}, why);
    if (made == nullptr) return;  // it waits for the relay to allow more requests, or for the end
    made->user = static_cast<std::uint64_t>(&f - flows.data());
    f.on = made;
    f.at = phase::requested;
    while (!f.waiting.empty()) {
        const std::uint32_t slot = f.waiting.pop(shared.pool);
        if (shared.pool[slot].at > latest)
            (void)link->send(latest, *made, shared.pool.payload(slot), shared.pool[slot].at);
        else
            ++shared.stats.expired;
        shared.pool.give(slot);
    }
}

status tunnel::state::send(instant now, flow& f, byte_view payload, instant expires) noexcept {
    if (f.on != nullptr) return link->send(now, *f.on, payload, expires);
    if (f.at != phase::waiting) return status::closed;
    const bool fits = payload.size() <= shared.pool.payload_max();
    const bool room = fits && f.waiting.count() < shared.config.queued_datagrams;
    const std::uint32_t slot = room ? shared.pool.take(payload) : datagram_pool::none;
    if (slot == datagram_pool::none) {
        ++shared.stats.refused;
        return fits ? status::queue_full : status::too_large;
    }
    shared.pool[slot].at = expires;
    f.waiting.push(shared.pool, slot);
    return status::ok;
}

void tunnel::state::on_head(connection&, request& asked, const message& head) noexcept {
    if (asked.user == request::nobody) return;
    flow& f = flows[static_cast<std::size_t>(asked.user)];
    const bool accepted = asked.state == request::phase::tunnel;
    push({accepted ? tunnel_event_kind::flow_open : tunnel_event_kind::flow_refused, id_of(f), head.status,
          parse_proxy_status(head.proxy_status.view()), close_cause::none});
    if (accepted) {
        if (f.at == phase::requested) f.at = phase::open;
        return;
    }
    asked.user = request::nobody;
    free_flow(f);
    link->end(asked);
}

void tunnel::state::on_payload(connection&, request& on, byte_view payload) noexcept {
    if (on.user == request::nobody) return;
    const bool fits = payload.size() <= shared.pool.payload_max();
    const std::uint32_t slot = fits ? shared.pool.take(payload) : datagram_pool::none;
    if (slot == datagram_pool::none) {
        ++(!fits ? shared.stats.too_large : stats.undelivered);
        return;
    }
    shared.pool[slot].owner = id_of(flows[static_cast<std::size_t>(on.user)]);
    delivered.push(shared.pool, slot);
}

void tunnel::state::on_over(connection&, request& over) noexcept {
    if (over.user == request::nobody) return;
    flow& f = flows[static_cast<std::size_t>(over.user)];
    over.user = request::nobody;
    push({.kind = tunnel_event_kind::flow_closed, .flow = id_of(f)});
    free_flow(f);
}

void tunnel::state::settle() noexcept {
    if (told_closed || link->cause() == close_cause::none) return;
    told_closed = true;
    for (flow& f : flows) {
        if (f.at == phase::free) continue;
        push({.kind = tunnel_event_kind::flow_closed, .flow = id_of(f)});
        free_flow(f);
    }
    push({.kind = tunnel_event_kind::closed, .cause = link->cause()});
}

void tunnel::deleter::operator()(state* s) const noexcept {
    heap_deleter{s->shared.memory}(s);
}

tunnel::tunnel(state* made) noexcept : state_{made} {}
tunnel::tunnel(tunnel&&) noexcept = default;
tunnel& tunnel::operator=(tunnel&&) noexcept = default;
tunnel::~tunnel() = default;

result<tunnel> tunnel::create(instant now, const tunnel_config& config, const allocator& memory) noexcept {
    const result<uri_template> relay = uri_template::create(config.relay);
    config_check check{tunnel_bounds};
    check.in_range("max_flows", config.max_flows)
        .in_range("max_payload", config.max_payload)
        .in_range("buffered_datagrams", config.buffered_datagrams)
        .in_range("payload_lifetime", config.payload_lifetime.ns() / 1'000'000)
        .require("relay", relay.has_value())
        .require("token", config.token.size() <= token_max)
        .require("path", config.path.remote.port != 0 && config.path.remote.ip.is_v6() == config.path.local.ip.is_v6())
        .require("wall", !config.pins.empty() || config.wall > wall_time{});
    if (!check.ok()) return check.error();
    if (const config_check common = check_connection(config.connection); !common.ok()) return common.error();

    heap_ptr<state> made = make_on_heap<state>(memory, memory);
    if (!made) return status::out_of_memory;
    made->relay = relay.value();
    if (const status s = made->set_up(now, config); failed(s)) return s;
    return tunnel{made.release()};
}

result<flow_id> tunnel::open(instant now, const udp_target& target) noexcept {
    state& s = *state_;
    (void)s.clamp(now);
    if (!s.link->is_open()) return status::closed;
    const auto place =
        std::find_if(s.flows.begin(), s.flows.end(), [](const state::flow& f) { return f.at == state::phase::free; });
    if (place == s.flows.end()) return status::queue_full;
    place->at = state::phase::waiting;
    place->target = target;
    s.try_open(*place);
    return s.id_of(*place);
}

status tunnel::send(instant now, flow_id id, byte_view payload, instant expires) noexcept {
    state& s = *state_;
    now = s.clamp(now);
    state::flow* const f = s.find(id);
    if (f == nullptr) return s.told_closed ? status::closed : status::unknown_stream;
    return s.send(now, *f, payload, expires.is_never() ? now + s.lifetime : expires);
}

std::size_t tunnel::max_payload(flow_id id) const noexcept {
    const state::flow* const f = state_->find(id);
    if (f == nullptr) return 0;
    if (f->on != nullptr) return state_->link->max_payload(*f->on);
    const request first{0, 0, state_->latest};
    return state_->link->max_payload(first);
}

status tunnel::close_flow(instant now, flow_id id) noexcept {
    state& s = *state_;
    (void)s.clamp(now);
    state::flow* const f = s.find(id);
    if (f == nullptr) return status::unknown_stream;
    if (f->on == nullptr) {
        s.push({.kind = tunnel_event_kind::flow_closed, .flow = id});
        s.free_flow(*f);
        return status::ok;
    }
    f->at = state::phase::closing;
    s.link->end(*f->on);
    return status::ok;
}

void tunnel::handle_datagram(instant now, const udp_path& path, ecn mark, byte_view packet) noexcept {
    state_->link->read(state_->clamp(now), path, mark, packet);
    state_->settle();
}

void tunnel::handle_timeout(instant now) noexcept {
    state_->link->handle_timeout(state_->clamp(now));
    state_->settle();
}

bool tunnel::poll_output(instant now, tunnel_output& out) noexcept {
    state& s = *state_;
    now = s.clamp(now);
    if (s.in_hand != datagram_pool::none) {
        s.shared.pool.give(s.in_hand);
        s.in_hand = datagram_pool::none;
    }
    if (!s.delivered.empty()) {
        s.in_hand = s.delivered.pop(s.shared.pool);
        out.kind = tunnel_output_kind::deliver;
        out.flow = static_cast<flow_id>(s.shared.pool[s.in_hand].owner);
        out.payload = s.shared.pool.payload(s.in_hand);
        return true;
    }
    if (!s.events.empty()) {
        out.kind = tunnel_output_kind::event;
        out.event = s.events.pop();
        return true;
    }
    if (s.link->wants_write() && s.link->write(now, {s.packet.data(), s.packet.size()}, out.packet)) {
        out.kind = tunnel_output_kind::transmit;
        s.settle();
        return true;
    }
    s.settle();
    if (s.events.empty()) return false;
    out.kind = tunnel_output_kind::event;
    out.event = s.events.pop();
    return true;
}

instant tunnel::next_timeout() const noexcept {
    const state& s = *state_;
    if (!s.delivered.empty() || !s.events.empty() || s.link->wants_write()) return s.latest;
    return s.link->next_timeout();
}

status tunnel::migrate(instant now, const udp_address& local) noexcept {
    state& s = *state_;
    now = s.clamp(now);
    if (local.ip.is_v6() != s.path.remote.ip.is_v6()) return status::invalid_argument;
    const status moved = s.link->migrate(now, {local, s.path.remote});
    if (moved == status::ok) s.path.local = local;
    return moved;
}

void tunnel::close(instant now) noexcept {
    state_->link->close(state_->clamp(now));
    state_->settle();
}

bool tunnel::is_connected() const noexcept {
    return state_->connected && state_->link->is_open();
}

bool tunnel::uses_quic_datagrams() const noexcept {
    return state_->link->uses_quic_datagrams();
}

close_cause tunnel::cause() const noexcept {
    return state_->link->cause();
}

byte_view tunnel::ticket() const noexcept {
    return state_->link->ticket();
}

tunnel_statistics tunnel::statistics() const noexcept {
    tunnel_statistics out = state_->stats;
    out.connection = state_->shared.stats;
    out.smoothed_rtt = state_->link->smoothed_rtt();
    out.resumed = state_->link->handshake_done() && state_->link->is_resumed();
    return out;
}

}  // namespace masque
}  // namespace v0
}  // namespace duality
