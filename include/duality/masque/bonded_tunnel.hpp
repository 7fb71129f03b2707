// SPDX-License-Identifier: MIT
//
// A bonded tunnel: one UDP flow to one target, through one relay, over several paths at once. Each path has a QUIC
// connection of its own; a session runs over all of them and moves the flow away from a path that falls silent. Against
// a proxy that knows nothing of bonds it is one plain tunnel (RFC 9298). The protocol is docs/bonding.md.
//
//     bond.send(now, payload);                         // one UDP payload
//     bond.handle_datagram(now, path, mark, bytes);    // a QUIC packet came
//     bond.handle_timeout(now);                        // next_timeout() has come
//     while (bond.poll_output(now, out)) …             // send a QUIC packet, deliver a payload, or take note
//
// All paths connect at once; the first that is there opens the bond, so a dead one holds up nobody. Payloads may be sent
// from the beginning. A path that was lost is tried again and again; while any lives the flow goes on, and when none
// does the relay keeps its end for a while. Sans-I/O, see endpoint.hpp. One bond belongs to one thread at a time. Every
// call except the const ones can change `next_timeout()`. A `now` before that of an earlier call counts as the earlier.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "duality/masque/bond_session.hpp"
#include "duality/masque/certificate.hpp"
#include "duality/masque/endpoint.hpp"
#include "duality/masque/proxy_status.hpp"
#include "duality/masque/uri_template.hpp"
#include "duality/memory.hpp"
#include "duality/path.hpp"
#include "duality/session_config.hpp"
#include "duality/status.hpp"
#include "duality/time.hpp"

namespace duality {
inline namespace v0 {
namespace masque {

/// One way to the relay. Local addresses tell the paths apart.
struct bond_path {
    udp_path path;
    cost_class cost = cost_class::free;
    byte_budget_config
        budget{};  ///< of the frames and what is around them; acknowledgements and handshakes come on top
};

/// Texts and lists are copied by `create`.
struct bonded_tunnel_config {
    std::string_view relay;              ///< URI template, or host and port; see `uri_template::create`
    std::string_view token;              ///< shown to the relay as a bearer token; at most 512 characters; empty: none
    std::string_view certificate_chain;  ///< PEM, shown to a relay that asks for one; empty: none
    std::string_view private_key;        ///< PEM, of its first certificate
    std::span<const bond_path> paths;    ///< 1…16, no local address twice
    udp_target target;
    std::span<const key_pin> pins;           ///< accept the relay by one of these keys, and by nothing else
    std::string_view roots;                  ///< PEM certificates to trust; without pins
    bool system_roots = true;                ///< trust those of the system too; without pins
    wall_time wall{};                        ///< calendar time of `create`, for certificates and budgets
    std::uint32_t max_payload = 1'500;       ///< largest UDP payload that is accepted either way, bytes
    std::uint32_t buffered_datagrams = 512;  ///< of all paths and both directions; about `max_payload` bytes each
    duration payload_lifetime = duration::from_ms(100);  ///< how long a payload may wait to be sent
    duration opening_patience = duration::from_ms(500);  ///< a relay silent so long is asked over another path too
    duration retry_first = duration::from_ms(500);   ///< a lost path is tried again after this, then twice as long …
    duration retry_max = duration::from_seconds(8);  ///< … up to this
    duration unreachable_after = duration::from_seconds(3);  ///< without an answer on any path
    /// Largest payload to be protected; longer ones go as they are. Less takes less memory at both ends; the relay may
    /// choose less too. 0: as much as the relay wants.
    std::uint32_t protected_payload = 0;
    session_config session = bond_session_config();  ///< but for `max_payload`
    connection_config connection{};
    bond_observer* observer = nullptr;  ///< must outlive the bond
};

inline constexpr field_bounds bonded_tunnel_bounds[] = {
    {"paths", 1, 16, "paths"},
    {"max_payload", 64, 65'527, "bytes"},
    {"buffered_datagrams", 4, 1 << 20, "datagrams"},
    {"payload_lifetime", 1, 60'000, "ms"},
    {"protected_payload", 0, 16'384, "bytes"},
    {"opening_patience", 1, 60'000, "ms"},
    {"retry_first", 1, 600'000, "ms"},
    {"retry_max", 1, 600'000, "ms"},
    {"unreachable_after", 1, 600'000, "ms"},
};

enum class bond_state : std::uint8_t {
    connecting,  ///< no answer of the relay yet
    bonded,      ///< one or more legs carry the flow
    plain,       ///< the proxy knows no bonds: a plain tunnel over one path
    closed,
};

enum class bond_event_kind : std::uint8_t {
    bonded,       ///< the relay has made a bond
    plain,        ///< the proxy knows no bonds; told once
    leg_up,       ///< `path` carries the flow, or can
    leg_down,     ///< `path` does not any more; `cause` says why
    refused,      ///< the relay does not take the flow; asked again later
    unreachable,  ///< no path leads to the relay
    reachable,    ///< one does again
    lost,         ///< the relay has forgotten the bond; a new one is made, from another address toward the target
    closed,
};

struct bond_event {
    bond_event_kind kind = bond_event_kind::bonded;
    std::size_t path = 0;  ///< index
    int http_status = 0;
    proxy_error error = proxy_error::none;
    close_cause cause = close_cause::none;
};

enum class bond_output_kind : std::uint8_t { none, transmit, deliver, event };

/// One thing for the caller to do; only the members that belong to `kind` are meaningful. Views stay valid until the
/// next call on the bond.
struct bond_output {
    bond_output_kind kind = bond_output_kind::none;
    quic_packet packet;
    std::size_t path = 0;  ///< index of the one that `packet` leaves on
    byte_view payload;
    recovery recovered_by = recovery::none;  ///< what brought the payload
    bond_event event;
};

/// Of one path.
struct leg_statistics {
    bool connected = false;  ///< QUIC and HTTP/3 are there
    bool joined = false;     ///< it is a leg of the bond
    bool metered = false;
    path_statistics path;            ///< as the session sees it
    std::uint64_t packets_sent = 0;  ///< QUIC packets of all its connections
    std::uint64_t bytes_sent = 0;    ///< their UDP payload
    std::uint64_t packets_received = 0;
    std::uint64_t bytes_received = 0;
    std::uint64_t connections = 0;  ///< that came about
};

struct bonded_tunnel_statistics {
    connection_statistics connections;  ///< of all paths
    session_statistics session;         ///< of the present bond
    std::uint64_t bonds = 0;            ///< made so far
    std::uint64_t unprotected = 0;      ///< payloads too long for the session, sent as they are
    std::uint64_t undelivered = 0;      ///< payloads lost because the outputs were not taken
    std::uint64_t clock_backwards = 0;
    std::uint64_t events_lost = 0;
};

class bonded_tunnel {
public:
    /// Legal range of a configuration field, in the unit of the table; nullptr for an unknown name.
    [[nodiscard]] static constexpr const field_bounds* bounds(std::string_view field) noexcept {
        const field_bounds* const own = find_bounds(bonded_tunnel_bounds, field);
        return own != nullptr ? own : find_bounds(connection_bounds, field);
    }
    /// Starts to connect over all paths. Errors as of `tunnel::create`, and those of `session::create`.
    [[nodiscard]] static result<bonded_tunnel> create(instant now, const bonded_tunnel_config& config,
                                                      const allocator& memory) noexcept;
    bonded_tunnel(bonded_tunnel&&) noexcept;
    bonded_tunnel& operator=(bonded_tunnel&&) noexcept;
    ~bonded_tunnel();

    /// Sends one UDP payload. `too_large`: more than any path carries; `queue_full`: too much is waiting;
    /// `over_budget`: no path may carry it; `closed`. Only `ok` means accepted.
    [[nodiscard]] status send(instant now, byte_view payload) noexcept;
    /// Largest payload that gets the protection of the bond now; in a plain tunnel, that fits. 0 before either.
    [[nodiscard]] std::size_t max_payload() const noexcept;

    // The four verbs.

    /// Takes a QUIC packet that came from `path.remote` to `path.local`, with the mark of its IP header.
    void handle_datagram(instant now, const udp_path& path, ecn mark, byte_view packet) noexcept;
    /// Lets time pass. Call it when `next_timeout()` has come; more often does no harm.
    void handle_timeout(instant now) noexcept;
    /// The next thing to do; false when there is nothing until `next_timeout()`.
    [[nodiscard]] bool poll_output(instant now, bond_output& out) noexcept;
    /// When to call `handle_timeout` and `poll_output` again if nothing else happens; `never()` when all is over.
    [[nodiscard]] instant next_timeout() const noexcept;

    // Paths, by index. `unknown_path`: there is none of that index, or it was removed.

    /// One more path. `invalid_argument`: its local address is in use or of another family than the relay's;
    /// `queue_full`: there are 16; `closed`.
    [[nodiscard]] result<std::size_t> add_path(instant now, const bond_path& path) noexcept;
    /// Leaves a path for good, and tells the relay.
    [[nodiscard]] status remove_path(instant now, std::size_t path) noexcept;
    /// The path's interface is down: nothing more is sent on it until `path_up`, the flow moves at once, the relay is told
    /// over another path.
    [[nodiscard]] status path_down(instant now, std::size_t path) noexcept;
    /// The path can carry again, perhaps from another local address: it is connected anew at once.
    [[nodiscard]] status path_up(instant now, std::size_t path, const udp_address& local) noexcept;

    /// Ends the flow and tells the relay.
    void close(instant now) noexcept;
    [[nodiscard]] bond_state state() const noexcept;
    [[nodiscard]] std::size_t path_count() const noexcept;
    [[nodiscard]] leg_statistics leg(instant now, std::size_t path) const noexcept;
    [[nodiscard]] bonded_tunnel_statistics statistics() const noexcept;

private:
    class impl;
    struct deleter {
        void operator()(impl* s) const noexcept;
    };
    explicit bonded_tunnel(impl* made) noexcept;

    std::unique_ptr<impl, deleter> state_;
};

}  // namespace masque
}  // namespace v0
}  // namespace duality
