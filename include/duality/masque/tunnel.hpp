// SPDX-License-Identifier: MIT
//
// A tunnel: the client's end of CONNECT-UDP (RFC 9298) over HTTP/3. One QUIC connection to a relay or to any other
// proxy of that standard, and any number of flows on it, each toward its own target.
//
//     tunnel.open(now, target);                       // a flow; payloads may be sent at once
//     tunnel.send(now, flow, payload, deadline);      // one UDP payload
//     tunnel.handle_datagram(now, path, mark, bytes); // a QUIC packet came
//     tunnel.handle_timeout(now);                     // next_timeout() has come
//     while (tunnel.poll_output(now, out)) …          // send a QUIC packet, deliver a payload, or take note
//
// Payloads travel in QUIC DATAGRAM frames, unreliable and unordered as UDP itself; where the proxy does not offer those,
// in capsules on the request's stream. A payload waits for nothing but the congestion controller, and no longer than
// its deadline. Sans-I/O, see endpoint.hpp. One tunnel belongs to one thread at a time. Every call except the const
// ones can change `next_timeout()`. A `now` before that of an earlier call counts as the earlier one.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "duality/masque/certificate.hpp"
#include "duality/masque/endpoint.hpp"
#include "duality/masque/proxy_status.hpp"
#include "duality/masque/uri_template.hpp"
#include "duality/memory.hpp"
#include "duality/status.hpp"
#include "duality/time.hpp"

namespace duality {
inline namespace v0 {
namespace masque {

/// Texts and lists are copied by `create`.
struct tunnel_config {
    std::string_view relay;              ///< URI template, or host and port; see `uri_template::create`
    std::string_view token;              ///< shown to the relay as a bearer token; at most 512 characters; empty: none
    std::string_view certificate_chain;  ///< PEM, shown to a relay that asks for one; empty: none
    std::string_view private_key;        ///< PEM, of its first certificate
    udp_path path;                       ///< this end's address and the relay's
    std::span<const key_pin> pins;       ///< accept the relay by one of these keys, and by nothing else
    std::string_view roots;              ///< PEM certificates to trust; without pins
    bool system_roots = true;            ///< trust those of the system too; without pins
    wall_time wall{};                   ///< calendar time of `create`, for the certificate's dates; needed without pins
    byte_view ticket;                   ///< `ticket()` of an earlier tunnel to the same relay, or empty; see there
    std::uint32_t max_flows = 64;       ///< 1…65535
    std::uint32_t max_payload = 1'500;  ///< largest UDP payload that is accepted either way, bytes
    std::uint32_t buffered_datagrams = 1'024;  ///< of all flows and both directions; about `max_payload` bytes each
    duration payload_lifetime = duration::from_ms(100);  ///< how long a payload without a deadline may wait
    connection_config connection{};
    /// Connections with the same number other than zero begin at the same worker of a relay that has several. It shows on
    /// the wire, in the first packets, so choose one at random for each set of connections that belong together.
    std::uint32_t rendezvous = 0;
};

inline constexpr field_bounds tunnel_bounds[] = {
    {"max_flows", 1, 65'535, "flows"},
    {"max_payload", 64, 65'527, "bytes"},
    {"buffered_datagrams", 4, 1 << 20, "datagrams"},
    {"payload_lifetime", 1, 60'000, "ms"},
};

/// Names a flow; never that of another one, until 65,536 flows have had its place.
using flow_id = std::uint32_t;

enum class tunnel_event_kind : std::uint8_t {
    connected,     ///< the relay is there and may be used
    flow_open,     ///< the relay has accepted the flow
    flow_refused,  ///< it has not; the flow is gone
    flow_closed,   ///< the relay, or this end, has closed the flow; it is gone
    closed,        ///< the connection is over, and every flow with it
};

struct tunnel_event {
    tunnel_event_kind kind = tunnel_event_kind::connected;
    flow_id flow = 0;
    int http_status = 0;                    ///< of the relay's answer, for `flow_open` and `flow_refused`
    proxy_error error = proxy_error::none;  ///< what it said about the reason
    close_cause cause = close_cause::none;  ///< for `closed`
};

enum class tunnel_output_kind : std::uint8_t { none, transmit, deliver, event };

/// One thing for the caller to do; only the member that belongs to `kind` is meaningful. Views stay valid until the
/// next call on the tunnel.
struct tunnel_output {
    tunnel_output_kind kind = tunnel_output_kind::none;
    quic_packet packet;
    flow_id flow = 0;  ///< whose payload is delivered
    byte_view payload;
    tunnel_event event;
};

struct tunnel_statistics {
    connection_statistics connection;
    duration smoothed_rtt{};
    std::uint64_t undelivered = 0;      ///< payloads lost because the outputs were not taken
    std::uint64_t clock_backwards = 0;  ///< calls with a `now` before the one of an earlier call
    std::uint64_t events_lost = 0;
    bool resumed = false;  ///< the relay was recognised by a ticket, without its certificate
};

class tunnel {
public:
    /// Legal range of a configuration field, in the unit of the table; nullptr for an unknown name.
    [[nodiscard]] static constexpr const field_bounds* bounds(std::string_view field) noexcept {
        const field_bounds* const own = find_bounds(tunnel_bounds, field);
        return own != nullptr ? own : find_bounds(connection_bounds, field);
    }
    /// Starts to connect. `invalid_config` names the field; `out_of_memory`; `malformed`: `roots` is no PEM text of
    /// certificates; `unsupported`: the TLS library refused.
    [[nodiscard]] static result<tunnel> create(instant now, const tunnel_config& config,
                                               const allocator& memory) noexcept;
    tunnel(tunnel&&) noexcept;
    tunnel& operator=(tunnel&&) noexcept;
    ~tunnel();

    // Flows.

    /// Asks the relay for a flow to `target`. Payloads may be sent right away: they follow the request. `queue_full`:
    /// `max_flows` are open; `closed`.
    [[nodiscard]] result<flow_id> open(instant now, const udp_target& target) noexcept;
    /// Sends one UDP payload, which is worthless at `expires` (`never()`: after `payload_lifetime`). `too_large`: more
    /// than `max_payload(flow)`; `queue_full`: the congestion controller holds back too much, try again later;
    /// `unknown_stream`: no such flow; `closed`. Only `ok` means accepted.
    [[nodiscard]] status send(instant now, flow_id flow, byte_view payload, instant expires) noexcept;
    /// Largest payload that a QUIC packet carries on this flow now; it grows as the path's limit is found out. 0: no
    /// such flow.
    [[nodiscard]] std::size_t max_payload(flow_id flow) const noexcept;
    /// Closes a flow; a `flow_closed` event tells when it is gone. What is still queued may be lost. `unknown_stream`.
    [[nodiscard]] status close_flow(instant now, flow_id flow) noexcept;

    // The four verbs.

    /// Takes a QUIC packet that came from `path.remote` to `path.local`, with the mark of its IP header. Packets that
    /// make no sense are dropped.
    void handle_datagram(instant now, const udp_path& path, ecn mark, byte_view packet) noexcept;
    /// Lets time pass. Call it when `next_timeout()` has come; more often does no harm.
    void handle_timeout(instant now) noexcept;
    /// The next thing to do; false when there is nothing until `next_timeout()`.
    [[nodiscard]] bool poll_output(instant now, tunnel_output& out) noexcept;
    /// When to call `handle_timeout` and `poll_output` again if nothing else happens; `never()` when all is over.
    [[nodiscard]] instant next_timeout() const noexcept;

    // The connection.

    /// Goes on from another local address, without a new handshake. `wrong_state`: not connected.
    [[nodiscard]] status migrate(instant now, const udp_address& local) noexcept;
    /// Ends the connection and tells the relay.
    void close(instant now) noexcept;
    [[nodiscard]] bool is_connected() const noexcept;
    /// Does the relay take QUIC DATAGRAM frames? Known once connected.
    [[nodiscard]] bool uses_quic_datagrams() const noexcept;
    [[nodiscard]] close_cause cause() const noexcept;
    /// For the `ticket` of a later tunnel, whose handshake then is shorter by certificate and signature, in bytes and in
    /// work; requests wait for the end of the handshake all the same. It counts only where the same relay is expected,
    /// by the same pins or authorities, and until a day after the certificate was seen; else a certificate is wanted
    /// again. Empty until the relay has given one, soon after `connected`. It holds secrets of this connection: keep it
    /// as one keeps a key. Valid until the next call.
    [[nodiscard]] byte_view ticket() const noexcept;
    [[nodiscard]] tunnel_statistics statistics() const noexcept;

private:
    class state;
    struct deleter {
        void operator()(state* s) const noexcept;
    };
    explicit tunnel(state* made) noexcept;

    std::unique_ptr<state, deleter> state_;
};

}  // namespace masque
}  // namespace v0
}  // namespace duality
