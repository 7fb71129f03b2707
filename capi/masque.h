// SPDX-License-Identifier: MIT
//
// MASQUE in C: UDP through an HTTP/3 relay (RFC 9298), the client's end, in a library of its own (libduality-masque), as it
// needs QUIC, HTTP/3 and TLS. The rules are those of duality/duality.h: handles, `struct_size`, statuses, time.
//
// A tunnel is one QUIC connection to a relay, and as many UDP flows through it as wanted. It reads no clock and opens no
// socket: QUIC packets come out of `poll_output`, those of the relay go into `handle_datagram`.
//
//     duality_tunnel_create(now, &config, …, &tunnel);  duality_tunnel_open(tunnel, now, "198.51.100.9", 7, &flow);
//     duality_tunnel_send(tunnel, now, flow, bytes, size, DUALITY_NEVER);          // right away
//     while (duality_tunnel_poll_output(tunnel, now, &out) == DUALITY_OK) …        // a packet, a payload, or an event
//
// Two things differ from the rest of the interface: memory is taken during a connection's life too (QUIC and HTTP/3 take it
// from the host's allocator, TLS from the heap), and keys come from the system's random generator.
#ifndef DUALITY_MASQUE_H
#define DUALITY_MASQUE_H

#include <duality/duality.h>

#if defined(DUALITY_STATIC) || defined(DUALITY_MASQUE_STATIC)
#define DUALITY_MASQUE_API
#elif defined(_WIN32) && defined(DUALITY_MASQUE_BUILD)
#define DUALITY_MASQUE_API __declspec(dllexport)
#elif defined(_WIN32)
#define DUALITY_MASQUE_API __declspec(dllimport)
#else
#define DUALITY_MASQUE_API __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C" {
#endif

typedef struct duality_tunnel duality_tunnel;

/// Between which addresses a QUIC packet travels, in network order. The local one may be anything that tells this end's
/// sockets apart.
typedef struct duality_udp_path {
    uint32_t struct_size;
    uint32_t local_ip_size;   ///< 4 or 16
    uint32_t remote_ip_size;  ///< 4 or 16
    uint32_t local_port;
    uint32_t remote_port;
    uint32_t reserved;
    uint8_t local_ip[16];
    uint8_t remote_ip[16];
} duality_udp_path;

/// Texts are copied by `duality_tunnel_create`; NULL is no text.
typedef struct duality_tunnel_config {
    uint32_t struct_size;
    uint32_t max_flows;             ///< 1 … 65535
    const char* relay;              ///< URI template, or host and port
    const char* token;              ///< shown to the relay as a bearer token; at most 512 characters
    const duality_udp_path* path;   ///< this end's address and the relay's
    const char* pins;               ///< accept the relay by one of these keys ("sha256//…", up to 8, by spaces)
    const char* roots;              ///< PEM certificates to trust; without pins
    int64_t wall_ns;                ///< calendar time of creation, ns since 1970; needed without pins
    uint32_t system_roots;          ///< trust those of the system too; without pins
    uint32_t max_payload;           ///< largest UDP payload either way, 64 … 65527 bytes
    uint32_t buffered_datagrams;    ///< of all flows and both directions, 4 … 2^20
    int32_t congestion;             ///< DUALITY_CONGESTION_…
    int64_t payload_lifetime_ns;    ///< how long a payload without a deadline may wait, 1 ms … 1 min
    int64_t handshake_timeout_ns;   ///< 1 s … 10 min
    int64_t idle_timeout_ns;        ///< without a packet from the relay the connection ends, 1 s … 1 h
    int64_t keep_alive_ns;          ///< a quiet connection is kept alive this often, 0 (it is not) … 1 h
    int64_t max_lifetime_ns;        ///< 1 s … 1 year
    uint32_t max_udp_payload;       ///< largest QUIC packet that path discovery tries, 1200 … 2048 bytes
    uint32_t queued_datagrams;      ///< payloads waiting for the congestion controller, 1 … 65536
    uint32_t queued_bytes;          ///< the same in bytes, 1500 … 2^30
    uint32_t quic_datagrams;        ///< offer QUIC DATAGRAM frames; 0: only capsules are used
    const char* certificate_chain;  ///< PEM, shown to a relay that asks for one
    const char* private_key;        ///< PEM, of its first certificate
} duality_tunnel_config;

/// One thing to do; only the members that belong to `kind` are meaningful. `bytes` stays valid until the next call on
/// the tunnel.
typedef struct duality_tunnel_output {
    uint32_t struct_size;
    int32_t kind;  ///< DUALITY_TUNNEL_…
    const uint8_t* bytes;
    size_t size;
    duality_udp_path path;  ///< TRANSMIT: from where to where; its `struct_size` is the library's
    uint32_t ecn;           ///< TRANSMIT: DUALITY_ECN_… for the IP header
    uint32_t flow;          ///< DELIVER and events of a flow
    int32_t event;          ///< EVENT: DUALITY_TUNNEL_EVENT_…
    int32_t http_status;    ///< FLOW_OPEN and FLOW_REFUSED: of the relay's answer
    int32_t proxy_error;    ///< the same: DUALITY_PROXY_…
    int32_t close_cause;    ///< CLOSED: DUALITY_CLOSED_…
} duality_tunnel_output;

/// How the connection is doing, and counters since it began.
typedef struct duality_tunnel_statistics {
    uint32_t struct_size;
    uint32_t connected;            ///< 1: flows may be opened
    uint32_t uses_quic_datagrams;  ///< 1: the relay takes QUIC DATAGRAM frames; known once connected
    int32_t close_cause;           ///< DUALITY_CLOSED_…
    int64_t smoothed_rtt_ns;
    uint64_t packets_sent;  ///< QUIC packets
    uint64_t packets_received;
    uint64_t bytes_sent;  ///< UDP payload
    uint64_t bytes_received;
    uint64_t datagrams_sent;      ///< UDP payloads into the tunnel
    uint64_t datagrams_received;  ///< UDP payloads out of it
    uint64_t capsules_sent;       ///< how many of them went as capsules
    uint64_t capsules_received;
    uint64_t expired;           ///< payloads worthless before the congestion controller let them go
    uint64_t too_large;         ///< payloads larger than the path carries
    uint64_t refused;           ///< payloads for which there was no room
    uint64_t stray;             ///< datagrams for a flow that is over, or of an unknown context
    uint64_t unknown_capsules;  ///< skipped, as they should be
    uint64_t protocol_errors;   ///< rules that the relay broke
    uint64_t undelivered;       ///< payloads lost because the outputs were not taken
    uint64_t clock_backwards;
    uint64_t events_lost;
} duality_tunnel_statistics;

/// What this library speaks, as `duality_abi_version`.
DUALITY_MASQUE_API uint32_t duality_masque_abi_version(void);

/// From texts: IPv4 or IPv6 addresses without brackets, ports 0 … 65535. DUALITY_INVALID_ARGUMENT.
DUALITY_MASQUE_API duality_status duality_udp_path_parse(const char* local_ip, uint32_t local_port,
                                                         const char* remote_ip, uint32_t remote_port,
                                                         duality_udp_path* path);

DUALITY_MASQUE_API duality_status duality_tunnel_config_default(duality_tunnel_config* config);
/// Starts to connect. `host` and `failure` may be NULL. DUALITY_INVALID_CONFIG names the field; DUALITY_OUT_OF_MEMORY;
/// DUALITY_MALFORMED: a text is no PEM text of what it should be; DUALITY_UNSUPPORTED: the TLS library refused.
DUALITY_MASQUE_API duality_status duality_tunnel_create(int64_t now_ns, const duality_tunnel_config* config,
                                                        const duality_host* host, duality_failure* failure,
                                                        duality_tunnel** tunnel);
DUALITY_MASQUE_API duality_status duality_tunnel_destroy(duality_tunnel* tunnel);

/// Asks the relay for a flow to a target, an address without brackets or a name. Payloads may be sent right away.
/// DUALITY_QUEUE_FULL: `max_flows` are open; DUALITY_CLOSED.
DUALITY_MASQUE_API duality_status duality_tunnel_open(duality_tunnel* tunnel, int64_t now_ns, const char* target,
                                                      uint32_t port, uint32_t* flow);
/// Sends one UDP payload, worthless at `expires_ns` (DUALITY_NEVER: after `payload_lifetime_ns`). Only DUALITY_OK means
/// accepted. DUALITY_TOO_LARGE; DUALITY_QUEUE_FULL: try again later; DUALITY_UNKNOWN_STREAM: no such flow; DUALITY_CLOSED.
DUALITY_MASQUE_API duality_status duality_tunnel_send(duality_tunnel* tunnel, int64_t now_ns, uint32_t flow,
                                                      const uint8_t* bytes, size_t size, int64_t expires_ns);
/// Largest payload that a QUIC packet carries on this flow now; 0: no such flow.
DUALITY_MASQUE_API duality_status duality_tunnel_max_payload(const duality_tunnel* tunnel, uint32_t flow, size_t* size);
/// Closes a flow; an event tells when it is gone. DUALITY_UNKNOWN_STREAM.
DUALITY_MASQUE_API duality_status duality_tunnel_close_flow(duality_tunnel* tunnel, int64_t now_ns, uint32_t flow);

/// A QUIC packet that came, with the DUALITY_ECN_… of its IP header. One that makes no sense is dropped.
DUALITY_MASQUE_API duality_status duality_tunnel_handle_datagram(duality_tunnel* tunnel, int64_t now_ns,
                                                                 const duality_udp_path* path, uint32_t ecn,
                                                                 const uint8_t* bytes, size_t size);
/// Lets time pass. When the next timeout has come; more often does no harm.
DUALITY_MASQUE_API duality_status duality_tunnel_handle_timeout(duality_tunnel* tunnel, int64_t now_ns);
/// The next thing to do; DUALITY_NEED_MORE: nothing until the next timeout.
DUALITY_MASQUE_API duality_status duality_tunnel_poll_output(duality_tunnel* tunnel, int64_t now_ns,
                                                             duality_tunnel_output* output);
/// When to call `handle_timeout` and `poll_output` again if nothing else happens; DUALITY_NEVER when all is over.
DUALITY_MASQUE_API duality_status duality_tunnel_next_timeout(const duality_tunnel* tunnel, int64_t* at_ns);

/// Goes on from another local address, without a new handshake. DUALITY_WRONG_STATE: not connected.
DUALITY_MASQUE_API duality_status duality_tunnel_migrate(duality_tunnel* tunnel, int64_t now_ns, const char* local_ip,
                                                         uint32_t local_port);
/// Ends the connection and tells the relay.
DUALITY_MASQUE_API duality_status duality_tunnel_close(duality_tunnel* tunnel, int64_t now_ns);
DUALITY_MASQUE_API duality_status duality_tunnel_get_statistics(const duality_tunnel* tunnel,
                                                                duality_tunnel_statistics* statistics);

#ifdef __cplusplus
}
#endif

#endif
