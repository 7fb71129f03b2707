// SPDX-License-Identifier: MIT
//
// A local UDP port whose datagrams go to one target, through a relay, over several paths at once. Every local sender gets
// a bond of its own. While no path leads to the relay the datagrams go to the target directly.
#pragma once

#include <uv.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "duality/masque/bonded_tunnel.hpp"
#include "io/address.hpp"
#include "io/uv_handle.hpp"
#include "io/wake_timer.hpp"
#include "relay/batch_socket.hpp"
#include "relay/tunnel_client.hpp"

namespace duality {
inline namespace v0 {
namespace io {

/// One way to the relay.
struct client_path {
    std::string name;      ///< of a network interface, which is then watched; or empty
    socket_address local;  ///< this end's address; its port is chosen by the kernel when 0
    socket_address relay;  ///< where the relay is to be reached over this path
    cost_class cost = cost_class::free;
    byte_budget_config budget{};
};

struct bond_client_config {
    masque::bonded_tunnel_config
        protocol{};  ///< without `paths`, `target` and `wall`; its texts must outlive the client
    std::vector<client_path> paths;
    socket_address listen;  ///< local programs send here
    masque::udp_target target;
    std::optional<socket_address> direct;  ///< the target's address, for when there is no relay; empty: never
    std::uint32_t max_senders = 16;        ///< local programs at a time
    duration flow_idle = duration::from_seconds(120);  ///< a local sender that is quiet so long loses its bond
    /// Told of every change, with the reason for it. May be empty; must not destroy the client.
    std::function<void(tunnel_client_state, const std::string& why)> on_state{};
    /// Told of everything else that a user may want to know. May be empty.
    std::function<void(const std::string&)> on_note{};
};

struct bond_client_stats {
    tunnel_client_state state = tunnel_client_state::connecting;
    std::uint64_t up = 0;                       ///< datagrams of local senders that were accepted
    std::uint64_t down = 0;                     ///< datagrams handed to them
    std::uint64_t direct = 0;                   ///< of both, how many went without the relay
    std::uint64_t refused = 0;                  ///< datagrams of local senders that nobody took
    std::uint64_t senders = 0;                  ///< now
    std::vector<masque::leg_statistics> legs;   ///< of the first sender's bond
    masque::bonded_tunnel_statistics protocol;  ///< of the same
};

class bond_client {
public:
    /// Runs in `loop`, which must outlive it. nullptr, with the reason in `error`.
    [[nodiscard]] static std::unique_ptr<bond_client> create(uv_loop_t& loop, bond_client_config config,
                                                             std::string& error);
    ~bond_client();
    bond_client(const bond_client&) = delete;
    bond_client& operator=(const bond_client&) = delete;

    /// Where local programs send to.
    [[nodiscard]] const socket_address& local() const noexcept { return programs_->local(); }
    [[nodiscard]] bond_client_stats stats() const;
    /// Of the first sender's bond; nullptr while there is none.
    [[nodiscard]] wake_timer* timer() noexcept;
    /// Ends all bonds and tells the relay.
    void close();

private:
    class flow;

    bond_client(uv_loop_t& loop, bond_client_config config);
    [[nodiscard]] bool open(std::string& error);
    void on_programs();
    void on_sweep();
    [[nodiscard]] bool any_usable() const noexcept;
    void look_for_paths(instant now);
    void change(tunnel_client_state to, const std::string& why);
    void note(const std::string& what) const {
        if (config_.on_note) config_.on_note(what);
    }

    uv_loop_t& loop_;
    bond_client_config config_;
    std::unique_ptr<batch_socket> programs_;
    handle_ptr<uv_poll_t> programs_poll_;
    std::unique_ptr<wake_timer> sweep_;
    std::vector<bool> usable_;  ///< which paths carry QUIC packets
    instant recheck_at_{};
    std::map<masque::udp_address, std::unique_ptr<flow>> flows_;
    bond_client_stats stats_;
};

}  // namespace io
}  // namespace v0
}  // namespace duality
