// SPDX-License-Identifier: MIT
//
// The inside of a bonded tunnel: bonded_tunnel.cpp carries payloads and packets, bonded_legs.cpp makes and loses legs.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "duality/masque/bond.hpp"
#include "duality/masque/bonded_tunnel.hpp"
#include "duality/ring.hpp"
#include "duality/session.hpp"
#include "masque/connection.hpp"

namespace duality {
inline namespace v0 {
namespace masque {

struct client_leg {
    enum class phase : std::uint8_t {
        none,        ///< no path
        down,        ///< no connection; perhaps one at `retry_at`
        connecting,  ///< the relay has not answered
        ready,       ///< requests can be made
        opening,     ///< has asked for a bond
        joining,     ///< has asked to be let into the bond
        joined,      ///< a leg of the bond
        plain,       ///< the one plain tunnel
    };

    phase at = phase::none;
    bond_path config;
    heap_ptr<connection> link;
    request* on = nullptr;  ///< its tunnel, from the request on
    std::uint8_t number = 0;
    std::uint32_t max_datagram = 0;
    instant asked_at{};
    instant retry_at = instant::never();  ///< to connect, or to ask again
    duration back_off{};
    std::uint64_t packets_sent = 0;
    std::uint64_t bytes_sent = 0;
    std::uint64_t packets_received = 0;
    std::uint64_t bytes_received = 0;
    std::uint64_t connections = 0;

    [[nodiscard]] bool carries() const noexcept { return at == phase::joined; }
};

class bonded_tunnel::impl final : public connection_owner {
public:
    static constexpr std::size_t paths_max = 16;
    static constexpr std::size_t token_max = 512;
    static constexpr std::size_t acknowledged_max = 128;
    using phase = client_leg::phase;

    explicit impl(const allocator& memory) noexcept { shared.memory = memory; }
    ~impl();
    impl(const impl&) = delete;
    impl& operator=(const impl&) = delete;

    [[nodiscard]] status set_up(instant now, const bonded_tunnel_config& config) noexcept;
    [[nodiscard]] instant clamp(instant now) noexcept;
    void push(const bond_event& event) noexcept {
        if (!events.push(event)) ++stats.events_lost;
    }

    // bonded_tunnel.cpp
    [[nodiscard]] status send(instant now, byte_view payload) noexcept;
    [[nodiscard]] status send_as_it_is(client_leg& leg, byte_view payload) noexcept;
    [[nodiscard]] status keep(byte_view payload, instant expires) noexcept;
    void send_kept() noexcept;
    [[nodiscard]] bool poll_session(bond_output& out) noexcept;
    void tell(session_event event) noexcept;
    void transmit(const transmission& t) noexcept;
    void adapt_sizes() noexcept;
    void flush_acknowledged() noexcept;
    [[nodiscard]] instant next_timeout() const noexcept;
    /// The bond is closed, and once all that was to be said is out its connections are too.
    [[nodiscard]] bool must_close(const client_leg& leg) const noexcept {
        return state == bond_state::closed && leg.link->is_open();
    }

    // bonded_legs.cpp
    [[nodiscard]] status connect(client_leg& leg) noexcept;
    /// Goes on wherever something can be asked, connected or given up.
    void settle() noexcept;
    void settle(client_leg& leg) noexcept;
    void ask_ready_legs() noexcept;
    void open(client_leg& leg) noexcept;
    void join(client_leg& leg) noexcept;
    void become_bonded(client_leg& leg, const bond_parameters& told) noexcept;
    void become_plain(client_leg& leg) noexcept;
    void register_leg(client_leg& leg) noexcept;
    /// It is no leg any more; its connection may live on.
    void leave(client_leg& leg, close_cause cause) noexcept;
    void drop(client_leg& leg, close_cause cause) noexcept;
    void lose_bond() noexcept;
    void retry_later(client_leg& leg) noexcept;
    void watch_reachability() noexcept;
    [[nodiscard]] std::optional<std::uint8_t> free_number() noexcept;

    [[nodiscard]] std::size_t index_of(const client_leg& leg) const noexcept {
        return static_cast<std::size_t>(&leg - legs.data());
    }
    [[nodiscard]] client_leg* leg_of(const connection& c) noexcept;
    [[nodiscard]] client_leg* find(std::uint8_t number) noexcept;
    [[nodiscard]] client_leg* find(phase at) noexcept;
    /// The leg that carries the flow, or could.
    [[nodiscard]] client_leg* best_leg() noexcept;

    void on_ready(connection& from) noexcept override;
    void on_head(connection& from, request& asked, const message& head) noexcept override;
    void on_payload(connection& from, request& on, byte_view payload) noexcept override;
    void on_bond_frame(connection& from, request& on, byte_view frame) noexcept override;
    void on_acknowledged(connection& from, std::int64_t id, std::uint16_t mark) noexcept override;
    bool on_capsule(connection&, request&, const capsule&) noexcept override { return false; }
    void on_over(connection& from, request& over) noexcept override;
    bool on_new_id(connection&, const ngtcp2_cid&) noexcept override { return true; }
    void on_retired_id(connection&, const ngtcp2_cid&) noexcept override {}

    connection_environment shared;
    uri_template relay;
    kept_text<token_max> token;
    buffer<key_pin> pins;
    bonded_tunnel_config config;  ///< its texts and lists are not to be looked at
    datagram_list kept;           ///< for a leg that is not there yet
    datagram_list delivered;
    std::uint32_t in_hand = datagram_pool::none;  ///< the payload that the caller looks at
    ring<bond_event> events;
    buffer<std::uint8_t> packet;
    instant latest = instant::before_all();
    duration wall_offset{};
    bond_state state = bond_state::connecting;
    std::optional<session> ends;  ///< of the bond
    bond_id id{};
    bond_secret secret{};
    std::uint8_t next_number = bond_first_leg;
    bool told_plain = false;
    bool unreachable = false;
    bool any_was_heard = false;
    instant silent_since = instant::never();
    struct acknowledgement {
        std::uint8_t leg = 0;
        std::uint16_t mark = 0;
    };
    std::array<acknowledgement, acknowledged_max> acknowledged{};  ///< of the packet at hand
    std::size_t acknowledged_count = 0;
    bonded_tunnel_statistics stats;
    std::array<client_leg, paths_max> legs;  ///< go first, as they may still speak to their owner
};

}  // namespace masque
}  // namespace v0
}  // namespace duality
