// SPDX-License-Identifier: MIT
//
// A session on real sockets: one end of a protected flow. What an application sends to one socket leaves over the
// paths, each with a socket of its own; what the other end sent is delivered to the application by that same socket.
#pragma once

#include <uv.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "duality/lab/recorded_session.hpp"
#include "duality/secure_datagram.hpp"
#include "duality/session.hpp"
#include "io/address.hpp"
#include "io/udp_socket.hpp"
#include "io/wake_timer.hpp"

namespace duality {
inline namespace v0 {
namespace io {

struct udp_endpoint_path {
    path_config limits{};
    std::optional<socket_address> peer;  ///< where its datagrams go; empty: to whoever sent the last one
};

/// What both ends share to seal their datagrams.
struct udp_endpoint_security {
    std::vector<std::uint8_t> psk;  ///< 16 to 64 random bytes
    secure_config rules{};          ///< `initiate` at the end that knows where its paths lead
};

struct udp_endpoint_config {
    session_config protocol{};
    std::optional<udp_endpoint_security> security;  ///< empty: whoever can send to a path can forge
    socket_address bind;                            ///< address of every socket; port 0, so that the kernel chooses
    std::vector<udp_endpoint_path> paths;           ///< their ids count from 0
    std::optional<socket_address> application;      ///< where deliveries go; empty: to whoever sent the last packet
    instant start{};                                ///< the session begins to act
    std::optional<wall_time> calendar{};            ///< what the calendar shows at `start`; empty: the system's
    /// Record every call on the session, in memory, with these notes.
    std::optional<std::vector<lab::recording_note>> record{};
    // Observers, called inside the loop; may be empty. They must not destroy the endpoint.
    std::function<void(instant, path_id, byte_view)> on_datagram{};  ///< every authentic datagram, before the session
    std::function<void(instant, path_id, byte_view)> on_transmit{};  ///< every datagram that was put on a path
    std::function<void(instant, const delivery&)> on_delivery{};
    std::function<void(instant, const session_event&)> on_event{};
};

struct udp_endpoint_stats {
    std::uint64_t refused = 0;  ///< packets of the application that the session did not accept
    std::uint64_t undelivered =
        0;                       ///< packets for the application that the kernel did not take, or no one to take them
    std::uint64_t unsent = 0;    ///< the same for datagrams on paths
    std::uint64_t unsealed = 0;  ///< datagrams on paths before both ends had agreed on a key
    std::uint64_t unsent_bytes = 0;  ///< bytes of unsent and unsealed ones as the network would have carried them
    std::uint64_t hello_bytes = 0;   ///< sent to agree on keys, as the network carries them
};

class udp_endpoint {
public:
    /// Runs in `loop`, which must outlive it. nullptr, with the reason in `error`, when a socket or the session's
    /// configuration is refused.
    [[nodiscard]] static std::unique_ptr<udp_endpoint> create(uv_loop_t& loop, udp_endpoint_config config,
                                                              std::string& error);
    udp_endpoint(const udp_endpoint&) = delete;
    udp_endpoint& operator=(const udp_endpoint&) = delete;

    /// Where the application sends to.
    [[nodiscard]] const socket_address& application_side() const noexcept { return application_->local(); }
    /// Precondition: `id` is one of the configured paths.
    [[nodiscard]] const socket_address& path_side(path_id id) const noexcept { return paths_[id].socket->local(); }
    [[nodiscard]] const session& protocol() const noexcept { return session_.get(); }
    /// Ends the recording and gives it away; empty when there is none. The loop must not run any more.
    [[nodiscard]] std::vector<std::uint8_t> finish_recording();
    /// Precondition: there is security.
    [[nodiscard]] const secure_channel& channel() const noexcept { return *channel_; }
    [[nodiscard]] const udp_endpoint_stats& stats() const noexcept { return stats_; }
    [[nodiscard]] const lateness_record& timer_lateness() const noexcept { return timer_->lateness(); }

private:
    struct path_socket {
        std::unique_ptr<udp_socket> socket;
        std::optional<socket_address> fixed_peer;
        std::optional<socket_address> last_sender;
        path_config limits{};
    };

    udp_endpoint(udp_endpoint_config config, lab::recorded_session protocol);
    [[nodiscard]] bool open(uv_loop_t& loop, std::string& error);
    [[nodiscard]] bool open_channel(std::string& error);
    void from_path(instant now, path_id id, const socket_address& from, byte_view bytes);
    void from_application(instant now, const socket_address& from, byte_view bytes);
    void drain(instant now);
    void transmit(instant now, const transmission& out);
    [[nodiscard]] bool send(path_id id, byte_view datagram);
    void send_hellos(instant now);
    void deliver(instant now, const delivery& out);

    udp_endpoint_config config_;
    lab::recorded_session session_;
    std::optional<secure_channel> channel_;
    std::vector<std::uint8_t> sealed_;
    std::vector<std::uint8_t> opened_;
    udp_endpoint_stats stats_;
    std::unique_ptr<udp_socket> application_;
    std::optional<socket_address> application_sender_;
    std::vector<path_socket> paths_;
    std::unique_ptr<wake_timer> timer_;
};

}  // namespace io
}  // namespace v0
}  // namespace duality
