// SPDX-License-Identifier: MIT
//
// A relay: the server's end of CONNECT-UDP (RFC 9298) over HTTP/3, for many clients, without a socket.
//
//     relay.handle_datagram(now, path, mark, bytes);       // a client's QUIC packet came
//     relay.handle_target_datagram(now, target, payload);  // a target's UDP packet came
//     relay.handle_timeout(now);                           // next_timeout() has come
//     while (relay.poll_output(now, out)) …                // send, look a name up, open or close a socket
//
// Whoever may use it decides what it may reach: see target_policy.hpp. A name is looked up by the caller, its addresses
// are judged here, and the first one is what the caller is told to open. Nothing of a payload, no target and no token
// is kept longer than needed or shows up in statistics.
//
// Sans-I/O, see endpoint.hpp. One relay belongs to one thread at a time; several of them may share one secret and one
// certificate. Every call except the const ones can change `next_timeout()`. A `now` before that of an earlier call
// counts as the earlier one.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "duality/masque/bond_session.hpp"
#include "duality/masque/client_ledger.hpp"
#include "duality/masque/endpoint.hpp"
#include "duality/masque/proxy_status.hpp"
#include "duality/masque/target_policy.hpp"
#include "duality/masque/uri_template.hpp"
#include "duality/masque/worker_steering.hpp"
#include "duality/memory.hpp"
#include "duality/status.hpp"
#include "duality/time.hpp"

namespace duality {
inline namespace v0 {
namespace masque {

/// When a client must prove that it can receive at its address before a connection is made for it.
enum class retry_mode : std::uint8_t { never, under_load, always };

/// Texts and lists are copied by `create`. A client is the key of a certificate, a token, or an address (of IPv6: a /64)
/// where there are neither.
struct relay_config {
    std::string_view certificate_chain;  ///< PEM
    std::string_view private_key;        ///< PEM
    std::span<const std::string_view>
        tokens;  ///< who shows one of them may use the relay; none, and no `client_roots`: everybody may
    /// PEM. Who shows a certificate that one of these has issued, for TLS clients, may use the relay without a token. Where
    /// there are no tokens every client must, else the handshake ends with `certificate_required`. A certificate of
    /// somebody else ends it with `unknown_ca`. There are no tickets then.
    std::string_view client_roots;
    wall_time
        wall{};  ///< calendar time of `create`, for the dates of clients' certificates; needed with `client_roots`
    std::string_view path = default_path_template;
    target_policy policy{};
    /// For Retry and stateless reset; the same after a restart, so that clients learn of it at once. Zero: random.
    std::array<std::uint8_t, 32> secret{};
    retry_mode retry = retry_mode::under_load;
    std::uint32_t handshakes_before_retry = 64;  ///< unfinished handshakes that count as load
    std::uint32_t max_connections = 10'000;
    std::uint32_t max_connections_per_address = 64;  ///< an IPv6 /64 is one address
    std::uint32_t max_tunnels = 50'000;
    std::uint32_t max_tunnels_per_client = 256;
    std::uint32_t max_lookups_per_client = 16;  ///< names under way at a time
    std::uint32_t max_tunnels_per_connection = 128;
    std::uint64_t rate_per_client_bps = 0;     ///< payload, both directions together; 0: as fast as it goes
    std::uint64_t bytes_per_client = 0;        ///< payload, for good; needs tokens or `client_roots`; 0: no limit
    std::uint32_t max_unanswered = 2'000;      ///< payloads in a row that a target leaves unanswered
    std::uint32_t max_payload = 1'500;         ///< largest UDP payload either way, bytes
    std::uint32_t buffered_datagrams = 8'192;  ///< of all tunnels and both directions; about `max_payload` bytes each
    duration payload_lifetime = duration::from_ms(200);  ///< how long a target's payload may wait for its client
    /// A connection or bond with nothing to do for so long rests: what its libraries or its session keep is packed, and its
    /// memory given back until something comes or goes. Where it can be done, on Linux, that memory is taken from the
    /// system page by page and not from the allocator. 0: never, everything is the allocator's.
    duration rest_after = duration::from_ms(500);
    bool bonding = true;              ///< let clients join tunnels of several connections: docs/bonding.md
    std::uint32_t max_bonds = 1'000;  ///< each takes the memory of a session
    std::uint32_t max_bonds_per_client = 16;
    duration bond_grace = duration::from_seconds(10);     ///< a bond waits so long for a leg when its last one is gone
    session_config bond_session = bond_session_config();  ///< at most `paths.max_paths` legs
    bond_observer* observer = nullptr;                    ///< of all bonds; must outlive the relay
    connection_config connection{};
    // Several relays behind one port: see worker_steering.hpp, and client_ledger.hpp for limits that hold for all of them.
    std::uint32_t workers = 1;        ///< how many; more than one need a `secret`, the same for all
    std::uint32_t worker = 0;         ///< which of them this is
    client_ledger* ledger = nullptr;  ///< must outlive the relay; its tokens count instead of `tokens`
};

inline constexpr field_bounds relay_bounds[] = {
    {"handshakes_before_retry", 0, 1 << 20, "connections"},
    {"max_connections", 1, 1 << 20, "connections"},
    {"max_connections_per_address", 1, 1 << 20, "connections"},
    {"max_tunnels", 1, 1 << 22, "tunnels"},
    {"max_tunnels_per_client", 1, 1 << 22, "tunnels"},
    {"max_lookups_per_client", 1, 1 << 16, "names"},
    {"max_tunnels_per_connection", 1, 65'535, "tunnels"},
    {"max_bonds", 0, 1 << 20, "bonds"},
    {"max_bonds_per_client", 0, 1 << 20, "bonds"},
    {"bond_grace", 0, 600, "s"},
    {"max_unanswered", 1, 0x7FFFFFFF, "payloads"},
    {"max_payload", 64, 65'527, "bytes"},
    {"buffered_datagrams", 4, 1 << 20, "datagrams"},
    {"payload_lifetime", 1, 60'000, "ms"},
    {"rest_after", 0, 3'600'000, "ms"},
    {"workers", 1, worker_steering::workers_max, "relays"},
};

/// Names a tunnel's target; never that of another one.
using target_id = std::uint64_t;

enum class relay_output_kind : std::uint8_t {
    none,
    transmit,      ///< send `packet` to a client
    resolve,       ///< look `host` up, then call `target_resolved`
    open_target,   ///< open a socket toward `address`, then call `target_opened` or `target_failed`
    to_target,     ///< send `payload`, unfragmented and without an ECN mark
    close_target,  ///< close the socket or forget the question; the id is void
};

/// One thing for the caller to do; only the members that belong to `kind` are meaningful. Views stay valid until the
/// next call on the relay.
struct relay_output {
    relay_output_kind kind = relay_output_kind::none;
    quic_packet packet;
    target_id target = 0;
    std::string_view host;
    udp_address address;
    byte_view payload;
};

struct relay_statistics {
    connection_statistics connections;  ///< of all connections so far
    std::uint64_t open_connections = 0;
    std::uint64_t resting_connections = 0;  ///< of the open ones, those with nothing to do: `relay_config::rest_after`
    std::uint64_t open_tunnels = 0;
    std::uint64_t accepted_connections = 0;
    std::uint64_t resumed_connections = 0;  ///< of the accepted ones, those with a ticket of an earlier one
    std::uint64_t accepted_tunnels = 0;
    std::uint64_t handshakes = 0;            ///< unfinished now
    std::uint64_t retries = 0;               ///< clients that were asked to prove their address
    std::uint64_t resets = 0;                ///< packets of connections nobody knows, answered with a reset
    std::uint64_t refused_connections = 0;   ///< over a limit, or while draining
    std::uint64_t evicted = 0;               ///< connections without a tunnel that gave way to others, all being taken
    std::uint64_t refused_packets = 0;       ///< no QUIC, or none that begins a connection
    std::uint64_t refused_tokens = 0;        ///< requests without a good token
    std::uint64_t refused_certificates = 0;  ///< handshakes without a certificate that was needed, or with a wrong one
    std::uint64_t refused_targets = 0;       ///< by the policy
    std::uint64_t refused_tunnels = 0;       ///< over a limit, or while draining
    std::uint64_t failed_targets = 0;        ///< not found, or no socket for it
    std::uint64_t bytes_up = 0;              ///< payload handed over for targets
    std::uint64_t bytes_down = 0;            ///< payload accepted from targets
    std::uint64_t over_rate = 0;             ///< payloads dropped by the rate or byte limit of a client
    std::uint64_t unanswered = 0;            ///< payloads dropped because the target did not answer
    std::uint64_t no_buffer = 0;             ///< payloads for targets dropped because the outputs were not taken
    std::uint64_t clock_backwards = 0;
    std::uint64_t open_bonds = 0;
    std::uint64_t resting_bonds = 0;  ///< of these
    std::uint64_t accepted_bonds = 0;
    std::uint64_t joined_legs = 0;   ///< requests to join a bond that were accepted
    std::uint64_t refused_legs = 0;  ///< and those that were not
    std::uint64_t lost_bonds = 0;    ///< of the accepted ones, those whose client did not come back
    bond_statistics bonds;           ///< of all bonds so far

    constexpr relay_statistics& operator+=(const relay_statistics& other) noexcept {
        connections += other.connections;
        open_connections += other.open_connections;
        resting_connections += other.resting_connections;
        open_tunnels += other.open_tunnels;
        accepted_connections += other.accepted_connections;
        resumed_connections += other.resumed_connections;
        accepted_tunnels += other.accepted_tunnels;
        handshakes += other.handshakes;
        retries += other.retries;
        resets += other.resets;
        refused_connections += other.refused_connections;
        evicted += other.evicted;
        refused_packets += other.refused_packets;
        refused_tokens += other.refused_tokens;
        refused_certificates += other.refused_certificates;
        refused_targets += other.refused_targets;
        refused_tunnels += other.refused_tunnels;
        failed_targets += other.failed_targets;
        bytes_up += other.bytes_up;
        bytes_down += other.bytes_down;
        over_rate += other.over_rate;
        unanswered += other.unanswered;
        no_buffer += other.no_buffer;
        clock_backwards += other.clock_backwards;
        open_bonds += other.open_bonds;
        resting_bonds += other.resting_bonds;
        accepted_bonds += other.accepted_bonds;
        joined_legs += other.joined_legs;
        refused_legs += other.refused_legs;
        lost_bonds += other.lost_bonds;
        bonds += other.bonds;
        return *this;
    }
};

class relay {
public:
    /// Legal range of a configuration field, in the unit of the table; nullptr for an unknown name.
    [[nodiscard]] static constexpr const field_bounds* bounds(std::string_view field) noexcept {
        const field_bounds* const own = find_bounds(relay_bounds, field);
        return own != nullptr ? own : find_bounds(connection_bounds, field);
    }
    /// `invalid_config` names the field; `malformed`: certificate and key are not what they should be;
    /// `out_of_memory`; `unsupported`: no random numbers.
    [[nodiscard]] static result<relay> create(instant now, const relay_config& config,
                                              const allocator& memory) noexcept;
    relay(relay&&) noexcept;
    relay& operator=(relay&&) noexcept;
    ~relay();

    // The four verbs.

    /// Takes a QUIC packet that came from `path.remote` to `path.local`, with the mark of its IP header. What makes no
    /// sense is dropped and counted.
    void handle_datagram(instant now, const udp_path& path, ecn mark, byte_view packet) noexcept;
    /// Lets time pass. Call it when `next_timeout()` has come; more often does no harm.
    void handle_timeout(instant now) noexcept;
    /// The next thing to do; false when there is nothing until `next_timeout()`.
    [[nodiscard]] bool poll_output(instant now, relay_output& out) noexcept;
    /// When to call `handle_timeout` and `poll_output` again if nothing else happens; `never()` without connections.
    [[nodiscard]] instant next_timeout() const noexcept;

    // Targets. `unknown_stream`: the tunnel is gone; a `close_target` was or will be told. `wrong_state`: not what was
    // asked for.

    /// The addresses of a name; none when it has none.
    status target_resolved(instant now, target_id id, std::span<const ip_address> answers) noexcept;
    status target_opened(instant now, target_id id) noexcept;
    /// Could not be resolved or opened, and why. The id is void after this.
    status target_failed(instant now, target_id id, proxy_error why) noexcept;
    /// Takes a payload from a target. `too_large`: the client's path carries less; `queue_full`, `over_budget`: dropped.
    /// All of it is counted.
    status handle_target_datagram(instant now, target_id id, byte_view payload) noexcept;
    /// The socket is of no more use: the client is told, then `close_target` comes.
    status target_lost(instant now, target_id id) noexcept;

    // The end.

    /// Takes no new connections and tunnels; clients are told. What is open goes on.
    void drain(instant now) noexcept;
    /// Ends all connections.
    void close(instant now) noexcept;
    /// No connection is left.
    [[nodiscard]] bool is_idle() const noexcept;

    [[nodiscard]] relay_statistics statistics() const noexcept;

private:
    class state;
    struct deleter {
        void operator()(state* s) const noexcept;
    };
    explicit relay(state* made) noexcept;

    std::unique_ptr<state, deleter> state_;
};

}  // namespace masque
}  // namespace v0
}  // namespace duality
