// SPDX-License-Identifier: MIT
//
// The tunnel in C.
#include "duality/masque/tunnel.hpp"

#include <array>

#include "duality.h"
#include "masque.h"
#include "objects.hpp"

using namespace duality;
using namespace duality::capi;

namespace {

constexpr std::size_t pins_max = 8;

/// Everything but texts, path and pins.
constexpr auto tunnel_fields = [](auto&& visit, auto& c, auto& cpp) {
    visit(c.max_flows, cpp.max_flows);
    visit(c.wall_ns, cpp.wall);
    visit(c.system_roots, cpp.system_roots);
    visit(c.max_payload, cpp.max_payload);
    visit(c.buffered_datagrams, cpp.buffered_datagrams);
    visit(c.congestion, cpp.connection.congestion, masque::congestion_control::bbr, "congestion");
    visit(c.payload_lifetime_ns, cpp.payload_lifetime);
    visit(c.handshake_timeout_ns, cpp.connection.handshake_timeout);
    visit(c.idle_timeout_ns, cpp.connection.idle_timeout);
    visit(c.keep_alive_ns, cpp.connection.keep_alive);
    visit(c.max_lifetime_ns, cpp.connection.max_lifetime);
    visit(c.max_udp_payload, cpp.connection.max_udp_payload);
    visit(c.queued_datagrams, cpp.connection.queued_datagrams);
    visit(c.queued_bytes, cpp.connection.queued_bytes);
    visit(c.quic_datagrams, cpp.connection.quic_datagrams);
};

constexpr auto statistics_fields = [](auto&& visit, auto& c, auto& cpp) {
    visit(c.smoothed_rtt_ns, cpp.smoothed_rtt);
    visit(c.packets_sent, cpp.connection.packets_sent);
    visit(c.packets_received, cpp.connection.packets_received);
    visit(c.bytes_sent, cpp.connection.bytes_sent);
    visit(c.bytes_received, cpp.connection.bytes_received);
    visit(c.datagrams_sent, cpp.connection.datagrams_sent);
    visit(c.datagrams_received, cpp.connection.datagrams_received);
    visit(c.capsules_sent, cpp.connection.capsules_sent);
    visit(c.capsules_received, cpp.connection.capsules_received);
    visit(c.expired, cpp.connection.expired);
    visit(c.too_large, cpp.connection.too_large);
    visit(c.refused, cpp.connection.refused);
    visit(c.stray, cpp.connection.stray);
    visit(c.unknown_capsules, cpp.connection.unknown_capsules);
    visit(c.protocol_errors, cpp.connection.protocol_errors);
    visit(c.undelivered, cpp.undelivered);
    visit(c.clock_backwards, cpp.clock_backwards);
    visit(c.events_lost, cpp.events_lost);
};

/// A tunnel and what it lends.
struct lending_tunnel {
    masque::tunnel object;
    masque::tunnel_output output{};
};

[[nodiscard]] std::string_view text_of(const char* text) noexcept {
    return text == nullptr ? std::string_view{} : std::string_view{text};
}

[[nodiscard]] bool take_address(const std::uint8_t (&ip)[16], std::uint32_t size, std::uint32_t port,
                                masque::udp_address& out) noexcept {
    if ((size != 4 && size != 16) || port > 0xFFFF) return false;
    if (size == 16) {
        std::array<std::uint8_t, 16> bytes{};
        std::copy_n(ip, 16, bytes.begin());
        out.ip = masque::ip_address::v6(bytes);
    } else {
        out.ip = masque::ip_address::v4(std::uint32_t{ip[0]} << 24 | std::uint32_t{ip[1]} << 16 |
                                        std::uint32_t{ip[2]} << 8 | std::uint32_t{ip[3]});
    }
    out.port = static_cast<std::uint16_t>(port);
    return true;
}

[[nodiscard]] bool take_path(const duality_udp_path* given, masque::udp_path& out) noexcept {
    duality_udp_path known{};
    return read_struct(given, known) &&
           take_address(known.local_ip, known.local_ip_size, known.local_port, out.local) &&
           take_address(known.remote_ip, known.remote_ip_size, known.remote_port, out.remote);
}

void give_address(const masque::udp_address& from, std::uint8_t (&ip)[16], std::uint32_t& size,
                  std::uint32_t& port) noexcept {
    const byte_view bytes = from.ip.bytes();
    std::fill(std::begin(ip), std::end(ip), std::uint8_t{0});
    std::copy(bytes.begin(), bytes.end(), ip);
    size = static_cast<std::uint32_t>(bytes.size());
    port = from.port;
}

void give_path(const masque::udp_path& from, duality_udp_path& c) noexcept {
    give_address(from.local, c.local_ip, c.local_ip_size, c.local_port);
    give_address(from.remote, c.remote_ip, c.remote_ip_size, c.remote_port);
    c.reserved = 0;
}

[[nodiscard]] bool parse_address(const char* ip, std::uint32_t port, masque::udp_address& out) noexcept {
    if (ip == nullptr || port > 0xFFFF) return false;
    const auto parsed = masque::ip_address::parse(ip);
    if (!parsed) return false;
    out = {*parsed, static_cast<std::uint16_t>(port)};
    return true;
}

/// Pins between spaces; false when one is none, or there are too many.
[[nodiscard]] bool take_pins(std::string_view text, std::array<masque::key_pin, pins_max>& pins,
                             std::size_t& count) noexcept {
    for (count = 0;;) {
        const std::size_t begin = text.find_first_not_of(" \n\t");
        if (begin == std::string_view::npos) return true;
        text.remove_prefix(begin);
        const std::size_t end = std::min(text.find_first_of(" \n\t"), text.size());
        auto pin = masque::key_pin::parse(text.substr(0, end));
        if (!pin || count == pins_max) return false;
        pins[count++] = *pin;
        text.remove_prefix(end);
    }
}

/// What a configuration points to.
struct borrowed {
    std::array<masque::key_pin, pins_max> pins{};
    std::size_t count = 0;
};

[[nodiscard]] failure take_config(const duality_tunnel_config* given, masque::tunnel_config& config,
                                  borrowed& keep) noexcept {
    duality_tunnel_config known{};
    tunnel_fields(give{}, known, config);
    if (!read_struct(given, known)) return {status::invalid_argument, {}};
    take visitor;
    tunnel_fields(visitor, known, config);
    config.relay = text_of(known.relay);
    config.token = text_of(known.token);
    config.roots = text_of(known.roots);
    config.certificate_chain = text_of(known.certificate_chain);
    config.private_key = text_of(known.private_key);
    if (!take_path(known.path, config.path)) return {status::invalid_config, {"path", 0, 65'535, "an address each"}};
    if (!take_pins(text_of(known.pins), keep.pins, keep.count))
        return {status::invalid_config, {"pins", 0, pins_max, "sha256//…"}};
    config.pins = {keep.pins.data(), keep.count};
    return visitor.wrong;
}

}  // namespace

template <>
struct duality::capi::handle_traits<duality_tunnel> {
    using object = lending_tunnel;
    static constexpr handle_kind kind = handle_kind::tunnel;
};

std::uint32_t duality_masque_abi_version(void) {
    return DUALITY_ABI_VERSION;
}

duality_status duality_udp_path_parse(const char* local_ip, std::uint32_t local_port, const char* remote_ip,
                                      std::uint32_t remote_port, duality_udp_path* path) {
    masque::udp_path parsed;
    if (!sized(path) || !parse_address(local_ip, local_port, parsed.local) ||
        !parse_address(remote_ip, remote_port, parsed.remote))
        return DUALITY_INVALID_ARGUMENT;
    write_struct(path, [&](duality_udp_path& c) { give_path(parsed, c); });
    return DUALITY_OK;
}

duality_status duality_tunnel_config_default(duality_tunnel_config* config) {
    return give_struct(config, masque::tunnel_config{}, [](auto&& visit, auto& c, auto& cpp) {
        tunnel_fields(visit, c, cpp);
        c.relay = c.token = c.pins = c.roots = nullptr;
        c.certificate_chain = c.private_key = nullptr;
        c.path = nullptr;
    });
}

duality_status duality_tunnel_create(std::int64_t now_ns, const duality_tunnel_config* config, const duality_host* host,
                                     duality_failure* failure, duality_tunnel** tunnel) {
    masque::tunnel_config wanted;
    borrowed keep;
    const auto early = take_config(config, wanted, keep);
    return create("tunnel", host, early, failure, tunnel, [&](const allocator& memory) -> result<lending_tunnel> {
        result<masque::tunnel> made = masque::tunnel::create(instant::from_ns(now_ns), wanted, memory);
        if (!made) return made.error();
        return lending_tunnel{std::move(made).value()};
    });
}

duality_status duality_tunnel_destroy(duality_tunnel* tunnel) {
    return destroy(tunnel);
}

duality_status duality_tunnel_open(duality_tunnel* tunnel, std::int64_t now_ns, const char* target, std::uint32_t port,
                                   std::uint32_t* flow) {
    if (target == nullptr || flow == nullptr || port > 0xFFFF) return DUALITY_INVALID_ARGUMENT;
    return with(tunnel, [&](lending_tunnel& lending) {
        auto to = masque::udp_target::create(target, static_cast<std::uint16_t>(port));
        if (!to) return to.code();
        auto opened = lending.object.open(instant::from_ns(now_ns), *to);
        if (opened) *flow = *opened;
        return opened ? status::ok : opened.code();
    });
}

duality_status duality_tunnel_send(duality_tunnel* tunnel, std::int64_t now_ns, std::uint32_t flow,
                                   const std::uint8_t* bytes, std::size_t size, std::int64_t expires_ns) {
    if (!readable(bytes, size)) return DUALITY_INVALID_ARGUMENT;
    return with(tunnel, [&](lending_tunnel& lending) {
        return lending.object.send(instant::from_ns(now_ns), flow, {bytes, size}, instant::from_ns(expires_ns));
    });
}

duality_status duality_tunnel_max_payload(const duality_tunnel* tunnel, std::uint32_t flow, std::size_t* size) {
    if (size == nullptr) return DUALITY_INVALID_ARGUMENT;
    return with(tunnel, [&](const lending_tunnel& lending) {
        *size = lending.object.max_payload(flow);
        return status::ok;
    });
}

duality_status duality_tunnel_close_flow(duality_tunnel* tunnel, std::int64_t now_ns, std::uint32_t flow) {
    return with(tunnel,
                [&](lending_tunnel& lending) { return lending.object.close_flow(instant::from_ns(now_ns), flow); });
}

duality_status duality_tunnel_handle_datagram(duality_tunnel* tunnel, std::int64_t now_ns, const duality_udp_path* path,
                                              std::uint32_t ecn, const std::uint8_t* bytes, std::size_t size) {
    masque::udp_path from;
    if (!readable(bytes, size) || ecn > 3 || !take_path(path, from)) return DUALITY_INVALID_ARGUMENT;
    return with(tunnel, [&](lending_tunnel& lending) {
        lending.object.handle_datagram(instant::from_ns(now_ns), from, static_cast<masque::ecn>(ecn), {bytes, size});
        return status::ok;
    });
}

duality_status duality_tunnel_handle_timeout(duality_tunnel* tunnel, std::int64_t now_ns) {
    return with(tunnel, [&](lending_tunnel& lending) {
        lending.object.handle_timeout(instant::from_ns(now_ns));
        return status::ok;
    });
}

duality_status duality_tunnel_poll_output(duality_tunnel* tunnel, std::int64_t now_ns, duality_tunnel_output* output) {
    if (!sized(output)) return DUALITY_INVALID_ARGUMENT;
    return with(tunnel, [&](lending_tunnel& lending) {
        const masque::tunnel_output& out = lending.output;
        if (!lending.object.poll_output(instant::from_ns(now_ns), lending.output)) return status::need_more;
        write_struct(output, [&](duality_tunnel_output& c) {
            c.kind = static_cast<std::int32_t>(out.kind);
            const bool packet = out.kind == masque::tunnel_output_kind::transmit;
            const byte_view bytes = packet ? out.packet.bytes : out.payload;
            c.bytes = bytes.data();
            c.size = bytes.size();
            if (packet) {
                c.path.struct_size = sizeof c.path;
                give_path(out.packet.path, c.path);
                c.ecn = static_cast<std::uint32_t>(out.packet.mark);
            } else if (out.kind == masque::tunnel_output_kind::deliver) {
                c.flow = out.flow;
            } else {
                c.bytes = nullptr;
                c.size = 0;
                c.flow = out.event.flow;
                c.event = static_cast<std::int32_t>(out.event.kind);
                c.http_status = out.event.http_status;
                c.proxy_error = static_cast<std::int32_t>(out.event.error);
                c.close_cause = static_cast<std::int32_t>(out.event.cause);
            }
        });
        return status::ok;
    });
}

duality_status duality_tunnel_next_timeout(const duality_tunnel* tunnel, std::int64_t* at_ns) {
    if (at_ns == nullptr) return DUALITY_INVALID_ARGUMENT;
    return with(tunnel, [&](const lending_tunnel& lending) {
        *at_ns = lending.object.next_timeout().ns();
        return status::ok;
    });
}

duality_status duality_tunnel_migrate(duality_tunnel* tunnel, std::int64_t now_ns, const char* local_ip,
                                      std::uint32_t local_port) {
    masque::udp_address local;
    if (!parse_address(local_ip, local_port, local)) return DUALITY_INVALID_ARGUMENT;
    return with(tunnel,
                [&](lending_tunnel& lending) { return lending.object.migrate(instant::from_ns(now_ns), local); });
}

duality_status duality_tunnel_close(duality_tunnel* tunnel, std::int64_t now_ns) {
    return with(tunnel, [&](lending_tunnel& lending) {
        lending.object.close(instant::from_ns(now_ns));
        return status::ok;
    });
}

duality_status duality_tunnel_get_statistics(const duality_tunnel* tunnel, duality_tunnel_statistics* statistics) {
    if (!sized(statistics)) return DUALITY_INVALID_ARGUMENT;
    return with(tunnel, [&](const lending_tunnel& lending) {
        const masque::tunnel_statistics counted = lending.object.statistics();
        write_struct(statistics, [&](duality_tunnel_statistics& c) {
            c.connected = lending.object.is_connected() ? 1 : 0;
            c.uses_quic_datagrams = lending.object.uses_quic_datagrams() ? 1 : 0;
            c.close_cause = static_cast<std::int32_t>(lending.object.cause());
            statistics_fields(give{}, c, counted);
        });
        return status::ok;
    });
}
