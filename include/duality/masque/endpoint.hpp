// SPDX-License-Identifier: MIT
//
// What both ends of a MASQUE connection have in common: packets, limits and counters.
//
// The endpoints are sans-I/O like everything else here: no clock, socket or thread of their own; datagrams, timers and
// time go in and come out. Two things differ, because QUIC, HTTP/3 and TLS come from libraries. Memory is taken during a
// connection's life too: QUIC and HTTP/3 take it from the `allocator` of the endpoint, or of a relay from the system (see
// `relay_config::rest_after`), the TLS library from the heap; all of it is bounded by the limits below. And keys,
// connection ids and tokens come from the system's random generator, so that two runs with the same inputs differ in their
// bytes; what is decided and when does not depend on them.
#pragma once

#include <cstddef>
#include <cstdint>

#include "duality/masque/address.hpp"
#include "duality/memory.hpp"
#include "duality/status.hpp"
#include "duality/time.hpp"

namespace duality {
inline namespace v0 {
namespace masque {

/// No packet handed to or coming from an endpoint is longer.
inline constexpr std::size_t packet_max = 2048;

/// Explicit congestion notification of an IP packet, as its two bits.
enum class ecn : std::uint8_t { not_ect = 0, ect1 = 1, ect0 = 2, ce = 3 };

/// Between which addresses a QUIC packet travels. The local one may be anything that tells this end's sockets apart.
struct udp_path {
    udp_address local;
    udp_address remote;
    constexpr auto operator<=>(const udp_path&) const noexcept = default;
};

/// A QUIC packet to send. `bytes` stays valid until the next call on the endpoint.
struct quic_packet {
    udp_path path;
    ecn mark = ecn::not_ect;
    byte_view bytes;
};

enum class congestion_control : std::uint8_t { cubic, bbr };

/// Limits of one connection, the same fields at both ends.
struct connection_config {
    congestion_control congestion = congestion_control::bbr;
    duration handshake_timeout = duration::from_seconds(10);  ///< from the first packet to a finished handshake
    duration request_timeout = duration::from_seconds(10);    ///< from a request's first byte to the end of its head
    duration idle_timeout = duration::from_seconds(30);       ///< without a packet from the peer the connection ends
    duration keep_alive = duration::from_seconds(10);  ///< a quiet connection is kept alive this often; 0: it is not
    duration max_lifetime = duration::from_seconds(86'400);  ///< the connection ends after it, whatever happens
    std::uint32_t max_udp_payload = 1452;                    ///< largest QUIC packet that path discovery tries, bytes
    std::uint32_t queued_datagrams = 256;                    ///< payloads waiting for the congestion controller
    std::uint32_t queued_bytes = 256 * 1024;                 ///< the same in bytes
    /// Datagrams that came before their request, or before the relay knew the target.
    std::uint32_t early_datagrams = 64;
    std::uint32_t early_bytes = 64 * 1024;          ///< the same in bytes
    duration early_age = duration::from_ms(1'000);  ///< and for so long
    bool quic_datagrams = true;                     ///< offer QUIC DATAGRAM frames; else only capsules are used
};

inline constexpr field_bounds connection_bounds[] = {
    {"handshake_timeout", 1, 600, "s"},
    {"request_timeout", 1, 600, "s"},
    {"idle_timeout", 1, 3'600, "s"},
    {"keep_alive", 0, 3'600, "s"},
    {"max_lifetime", 1, 31'536'000, "s"},
    {"max_udp_payload", 1'200, 2'048, "bytes"},
    {"queued_datagrams", 1, 65'536, "datagrams"},
    {"queued_bytes", 1'500, 1 << 30, "bytes"},
    {"early_datagrams", 0, 4'096, "datagrams"},
    {"early_bytes", 0, 1 << 24, "bytes"},
    {"early_age", 1, 60'000, "ms"},
};

/// Counters of one connection, or of all connections an endpoint has had.
struct connection_statistics {
    std::uint64_t packets_received = 0;  ///< QUIC packets, coalesced ones counted once
    std::uint64_t packets_sent = 0;
    std::uint64_t bytes_received = 0;  ///< UDP payload
    std::uint64_t bytes_sent = 0;
    std::uint64_t datagrams_received = 0;  ///< UDP payloads out of the tunnel
    std::uint64_t datagrams_sent = 0;      ///< UDP payloads into the tunnel
    std::uint64_t capsules_received = 0;   ///< how many of them came as capsules
    std::uint64_t capsules_sent = 0;
    std::uint64_t expired = 0;           ///< payloads worthless before the congestion controller let them go
    std::uint64_t too_large = 0;         ///< payloads larger than the path carries
    std::uint64_t refused = 0;           ///< payloads for which there was no room
    std::uint64_t early = 0;             ///< datagrams that had to wait for their request or target
    std::uint64_t early_dropped = 0;     ///< of those, for lack of room or because nothing came
    std::uint64_t stray = 0;             ///< datagrams for a request that is over, or of an unknown context
    std::uint64_t unknown_capsules = 0;  ///< skipped, as they should be
    std::uint64_t protocol_errors = 0;   ///< connections and requests ended because the peer broke a rule

    constexpr connection_statistics& operator+=(const connection_statistics& other) noexcept {
        packets_received += other.packets_received;
        packets_sent += other.packets_sent;
        bytes_received += other.bytes_received;
        bytes_sent += other.bytes_sent;
        datagrams_received += other.datagrams_received;
        datagrams_sent += other.datagrams_sent;
        capsules_received += other.capsules_received;
        capsules_sent += other.capsules_sent;
        expired += other.expired;
        too_large += other.too_large;
        refused += other.refused;
        early += other.early;
        early_dropped += other.early_dropped;
        stray += other.stray;
        unknown_capsules += other.unknown_capsules;
        protocol_errors += other.protocol_errors;
        return *this;
    }
};

/// Why a connection is over.
enum class close_cause : std::uint8_t {
    none,               ///< it is not
    local,              ///< this end closed it
    peer,               ///< the peer closed it
    idle,               ///< nothing came for `idle_timeout`
    handshake_timeout,  ///< no answer, or none in time
    lifetime,           ///< `max_lifetime`
    reset,              ///< the peer does not know the connection any more, as after its restart
    untrusted,          ///< the relay's certificate was refused
    no_masque,          ///< the peer speaks HTTP/3 but not extended CONNECT
    protocol_error,     ///< somebody broke a rule of QUIC, TLS or HTTP/3
    out_of_memory,
    not_admitted,  ///< the relay wants a certificate, or another one than it was shown
};

/// The enumerator's name.
[[nodiscard]] constexpr std::string_view to_string(close_cause cause) noexcept {
    switch (cause) {
        case close_cause::none: return "none";
        case close_cause::local: return "local";
        case close_cause::peer: return "peer";
        case close_cause::idle: return "idle";
        case close_cause::handshake_timeout: return "handshake_timeout";
        case close_cause::lifetime: return "lifetime";
        case close_cause::reset: return "reset";
        case close_cause::untrusted: return "untrusted";
        case close_cause::no_masque: return "no_masque";
        case close_cause::protocol_error: return "protocol_error";
        case close_cause::out_of_memory: return "out_of_memory";
        case close_cause::not_admitted: return "not_admitted";
    }
    return "unknown";
}

}  // namespace masque
}  // namespace v0
}  // namespace duality
