// SPDX-License-Identifier: MIT
//
// A local UDP port whose datagrams go to one target, through a relay. Every local sender gets a flow of its own. While
// the relay cannot be reached the datagrams go to the target directly, and the relay is tried again and again.
#pragma once

#include <uv.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "duality/masque/tunnel.hpp"
#include "io/address.hpp"
#include "io/uv_handle.hpp"
#include "io/wake_timer.hpp"
#include "relay/batch_socket.hpp"

namespace duality {
inline namespace v0 {
namespace io {

enum class tunnel_client_state : std::uint8_t {
    connecting,  ///< for the first time; datagrams wait, as long as they are worth it
    connected,   ///< through the relay
    direct,      ///< the relay cannot be reached; datagrams go straight to the target
    refused,     ///< the relay does not take the flow; datagrams go nowhere until it is asked again
};

struct tunnel_client_config {
    masque::tunnel_config protocol{};  ///< without `path` and `wall`; its texts must outlive the client
    socket_address listen;             ///< local programs send here
    socket_address relay;              ///< the relay's address
    masque::udp_target target;
    std::optional<socket_address> direct;  ///< the target's address, for when there is no relay; empty: never
    duration flow_idle = duration::from_seconds(120);  ///< a local sender that is quiet so long loses its flow
    /// Told of every change, with the reason for it. May be empty; must not destroy the client.
    std::function<void(tunnel_client_state, const std::string& why)> on_state{};
};

struct tunnel_client_stats {
    masque::tunnel_statistics protocol;  ///< of the present connection
    tunnel_client_state state = tunnel_client_state::connecting;
    std::uint64_t connections = 0;  ///< to the relay, that came about
    std::uint64_t up = 0;           ///< datagrams of local senders that were accepted
    std::uint64_t down = 0;         ///< datagrams handed to them
    std::uint64_t direct = 0;       ///< of both, how many went without the relay
    std::uint64_t refused = 0;      ///< datagrams of local senders that nobody took
    std::uint64_t senders = 0;      ///< now
};

class tunnel_client {
public:
    /// Runs in `loop`, which must outlive it. nullptr, with the reason in `error`.
    [[nodiscard]] static std::unique_ptr<tunnel_client> create(uv_loop_t& loop, tunnel_client_config config,
                                                               std::string& error);
    tunnel_client(const tunnel_client&) = delete;
    tunnel_client& operator=(const tunnel_client&) = delete;

    /// Where local programs send to.
    [[nodiscard]] const socket_address& local() const noexcept { return programs_->local(); }
    [[nodiscard]] tunnel_client_stats stats() const noexcept;
    /// Tells the relay that this is the end.
    void close();

private:
    struct sender {
        masque::udp_address address;
        std::optional<masque::flow_id> flow;
        std::unique_ptr<batch_socket> direct;
        handle_ptr<uv_poll_t> direct_poll;
        tunnel_client* client = nullptr;
        instant used{};
        instant ask_at = instant::before_all();  ///< a refused flow is not asked for before
    };

    tunnel_client(uv_loop_t& loop, tunnel_client_config config) : loop_{loop}, config_{std::move(config)} {}
    [[nodiscard]] bool open(std::string& error);
    [[nodiscard]] handle_ptr<uv_poll_t> watch(const batch_socket& socket, void* data, uv_poll_cb then,
                                              std::string& error);
    [[nodiscard]] bool connect(std::string& error);
    void keep_ticket();
    void on_programs();
    void on_relay();
    void on_direct(sender& from);
    void on_time();
    void take(const masque::udp_address& from, byte_view payload, instant now);
    void take_direct(sender& from, byte_view payload);
    void take_event(const masque::tunnel_event& event);
    void lose_relay(const std::string& why);
    void change(tunnel_client_state to, const std::string& why);
    void forget_quiet_senders(instant now);
    void pump();

    uv_loop_t& loop_;
    tunnel_client_config config_;
    std::unique_ptr<batch_socket> programs_;
    handle_ptr<uv_poll_t> programs_poll_;
    std::unique_ptr<batch_socket> quic_;
    handle_ptr<uv_poll_t> quic_poll_;
    masque::udp_path path_;
    std::unique_ptr<wake_timer> timer_;
    std::optional<masque::tunnel> tunnel_;
    std::vector<std::uint8_t> ticket_;  ///< of the last connection, for the next
    std::map<masque::udp_address, std::unique_ptr<sender>> senders_;
    std::map<masque::flow_id, sender*> flows_;
    instant retry_at_ = instant::never();
    instant sweep_at_ = instant::never();
    duration back_off_ = duration::from_seconds(1);
    tunnel_client_stats stats_;
};

}  // namespace io
}  // namespace v0
}  // namespace duality
