// SPDX-License-Identifier: MIT
//
// The inside of a relay: relay.cpp takes and gives packets, relay_requests.cpp answers requests.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "duality/masque/relay.hpp"
#include "duality/ring.hpp"
#include "masque/client_accounts.hpp"
#include "masque/connection.hpp"
#include "masque/connection_table.hpp"
#include "masque/relay_bond.hpp"
#include "masque/target_table.hpp"

namespace duality {
inline namespace v0 {
namespace masque {

/// A packet that belongs to no connection: version negotiation, Retry, stateless reset.
struct lone_packet {
    std::array<std::uint8_t, 320> bytes{};
    std::uint16_t size = 0;
    udp_path path;
};

class relay::state final : public connection_owner {
public:
    state(const allocator& memory, keyed_hash hash) noexcept
        : own_accounts{memory, hash}, bonds{memory, hash}, connections{memory, hash} {
        shared.memory = memory;
    }
    ~state();
    state(const state&) = delete;
    state& operator=(const state&) = delete;

    [[nodiscard]] status set_up(instant now, const relay_config& config) noexcept;
    [[nodiscard]] instant clamp(instant now) noexcept;

    // relay.cpp
    void take_packet(instant now, const udp_path& path, ecn mark, byte_view packet) noexcept;
    /// After anything that may have changed a connection.
    void settle(connection& c) noexcept;
    [[nodiscard]] bool poll(instant now, relay_output& out) noexcept;

    // relay_requests.cpp
    [[nodiscard]] bool poll_target(relay_output& out) noexcept;
    void open(relay_target& t, const ip_address& ip) noexcept;
    void refuse(relay_target& t, proxy_error why) noexcept;
    void forget(relay_target& t) noexcept;
    void end_lookup(relay_target& t) noexcept;
    /// Counts and limits a payload; false when it may not pass.
    [[nodiscard]] bool let_pass(client_account& client, std::size_t bytes) noexcept;

    /// A payload for a target; counted, or dropped by a limit.
    void forward(relay_target& t, byte_view payload) noexcept;

    // relay_bonds.cpp
    [[nodiscard]] bool open_bond(relay_target& t) noexcept;
    [[nodiscard]] relay_bond* make_bond(relay_target& t) noexcept;
    void join_bond(connection& from, request& asked, client_account& client, const udp_target& wanted,
                   const bond_parameters& shown) noexcept;
    void add_leg(relay_bond& b, connection& via, request& on, std::uint8_t number,
                 const bond_parameters& told) noexcept;
    void register_leg(relay_bond& b, bond_leg& leg, const bond_registration& wanted) noexcept;
    void drop_leg(relay_bond& b, bond_leg& leg) noexcept;
    void forget_leg(relay_bond& b, bond_leg& leg) noexcept;
    void end_bond(relay_bond& b) noexcept;
    void pump(relay_bond& b) noexcept;
    /// A target's payload, over the legs of its bond.
    [[nodiscard]] status send_down(relay_bond& b, byte_view payload) noexcept;
    void flush_acknowledged() noexcept;
    [[nodiscard]] relay_bond* bond_of(const request& on) noexcept {
        relay_target* const t = on.user == request::nobody ? nullptr : targets.find(on.user);
        return t != nullptr ? t->bond : nullptr;
    }

    void on_ready(connection&) noexcept override {}
    void on_client_key(connection& from, const key_pin& key) noexcept override;
    void on_bond_frame(connection& from, request& on, byte_view frame) noexcept override;
    void on_acknowledged(connection& from, std::int64_t id, std::uint16_t mark) noexcept override;
    bool on_capsule(connection& from, request& on, const capsule& c) noexcept override;
    void on_head(connection& from, request& asked, const message& head) noexcept override;
    void on_payload(connection& from, request& on, byte_view payload) noexcept override;
    void on_over(connection& from, request& over) noexcept override;
    bool on_new_id(connection& from, const ngtcp2_cid& id) noexcept override { return connections.add_id(id, from); }
    void on_retired_id(connection& from, const ngtcp2_cid& id) noexcept override { connections.remove_id(id, from); }

    connection_environment shared;
    uri_template served;
    target_policy policy;
    client_accounts own_accounts;
    client_accounts* accounts = &own_accounts;  ///< or those shared with other relays
    bool certificates = false;                  ///< admit a client too
    [[nodiscard]] bool admits_everybody() const noexcept { return !certificates && !accounts->needs_token(); }
    target_table targets;
    datagram_list for_targets;
    std::uint32_t in_hand = datagram_pool::none;  ///< the payload that the caller looks at
    ring<lone_packet> lone_packets;
    lone_packet lone_in_hand;
    buffer<std::uint8_t> packet;
    instant latest = instant::before_all();
    relay_statistics stats;
    retry_mode retry = retry_mode::under_load;
    std::uint32_t handshakes_before_retry = 0;
    std::uint32_t max_connections_per_address = 0;
    std::uint32_t max_tunnels_per_client = 0;
    std::uint32_t max_lookups_per_client = 0;
    std::uint64_t rate_per_client_bps = 0;
    std::uint64_t bytes_per_client = 0;
    std::uint32_t max_unanswered = 0;
    duration payload_lifetime{};
    bool draining = false;
    bool bonding = true;
    std::uint32_t max_bonds_per_client = 0;
    duration bond_grace{};
    session_config bond_session;
    bond_observer* observer = nullptr;
    home_pool bond_homes{0};  ///< each with room for a session
    bond_table bonds;
    struct acknowledgement {
        target_id target = 0;
        std::uint8_t leg = 0;
        std::uint16_t mark = 0;
    };
    std::array<acknowledgement, 128> acknowledged{};  ///< of the packet at hand
    std::size_t acknowledged_count = 0;
    connection_table connections;  ///< goes first, as connections may still speak to their owner

private:
    void begin_connection(instant now, const udp_path& path, ecn mark, byte_view packet) noexcept;
    void negotiate_version(const udp_path& path, const ngtcp2_version_cid& ids) noexcept;
    void send_retry(instant now, const udp_path& path, const ngtcp2_pkt_hd& head) noexcept;
    void refuse_token(const udp_path& path, const ngtcp2_pkt_hd& head) noexcept;
    void reset_stranger(const udp_path& path, const ngtcp2_version_cid& ids, std::size_t size) noexcept;
    [[nodiscard]] lone_packet* next_lone_packet(const udp_path& path) noexcept;
    void remove(connection& c) noexcept;
    /// The account of a client that may have one connection more, which is counted; else nullptr.
    [[nodiscard]] client_account* admit_address(const ip_address& ip) noexcept;
    void let_go(client_account& account) noexcept;
    void make_room(instant now) noexcept;
    [[nodiscard]] client_account* admit(connection& from, request& asked, const message& head) noexcept;
};

}  // namespace masque
}  // namespace v0
}  // namespace duality
