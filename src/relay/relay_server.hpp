// SPDX-License-Identifier: MIT
//
// A relay on real sockets, in a libuv loop: one socket toward the clients, one connected socket for each target.
#pragma once

#include <uv.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "duality/masque/relay.hpp"
#include "io/address.hpp"
#include "io/uv_handle.hpp"
#include "io/wake_timer.hpp"
#include "relay/batch_socket.hpp"

namespace duality {
inline namespace v0 {
namespace io {

struct relay_server_config {
    masque::relay_config protocol{};  ///< its texts and lists must live during `create`
    socket_address listen;            ///< where clients come to; with several workers they share it
    /// Has the kernel choose the worker; else the workers hand packets to each other.
    bool kernel_steering = true;
    /// Takes a packet of another worker; false when it is dropped. Needed with several workers.
    std::function<bool(std::uint32_t worker, const masque::udp_path&, masque::ecn, byte_view)> hand_over{};
};

struct relay_server_stats {
    masque::relay_statistics protocol;
    batch_socket_stats clients;          ///< of the socket toward the clients
    std::uint64_t target_truncated = 0;  ///< payloads of targets longer than any buffer; dropped
    std::uint64_t target_unsent = 0;     ///< payloads for targets that the kernel did not take
    std::uint64_t lookups = 0;           ///< names under way
    std::uint64_t handed_over = 0;       ///< packets that came to the socket of another worker than theirs
    std::uint64_t hand_over_drops = 0;   ///< of those, the ones it had no room for

    relay_server_stats& operator+=(const relay_server_stats& other) noexcept {
        protocol += other.protocol;
        clients += other.clients;
        target_truncated += other.target_truncated;
        target_unsent += other.target_unsent;
        lookups += other.lookups;
        handed_over += other.handed_over;
        hand_over_drops += other.hand_over_drops;
        return *this;
    }
};

class relay_server {
public:
    /// Runs in `loop`, which must outlive it. nullptr, with the reason in `error`, when a socket or the configuration is
    /// refused.
    [[nodiscard]] static std::unique_ptr<relay_server> create(uv_loop_t& loop, const relay_server_config& config,
                                                              std::string& error);
    ~relay_server();
    relay_server(const relay_server&) = delete;
    relay_server& operator=(const relay_server&) = delete;

    [[nodiscard]] const socket_address& local() const noexcept { return clients_->local(); }
    [[nodiscard]] relay_server_stats stats() const noexcept;
    /// Takes a packet that another worker got; `flush` when there are no more.
    void take(const masque::udp_path& path, masque::ecn mark, byte_view packet);
    void flush() { pump(); }
    /// Takes nothing new; what is open goes on.
    void drain();
    /// Ends every connection and tells the clients.
    void close();
    /// No client is left.
    [[nodiscard]] bool is_idle() const noexcept { return relay_.is_idle(); }
    [[nodiscard]] wake_timer& timer() noexcept { return *timer_; }

private:
    struct target {
        std::unique_ptr<batch_socket> socket;
        handle_ptr<uv_poll_t> poll;
        relay_server* server = nullptr;
        masque::target_id id = 0;
        bool dirty = false;  ///< has datagrams to flush
    };
    struct lookup;

    relay_server(uv_loop_t& loop, masque::relay relay) noexcept : loop_{loop}, relay_{std::move(relay)} {}
    [[nodiscard]] bool open(const relay_server_config& config, std::string& error);
    [[nodiscard]] bool handed_over(const batch_socket::datagram& d);
    void on_clients();
    void on_target(target& t);
    void pump();
    void take_outputs(instant now);
    /// True when the kernel knows of a target that it is not there.
    [[nodiscard]] bool flush_targets(instant now);
    void resolve(masque::target_id id, std::string_view host);
    void give_up_lookups(instant now);
    void open_target(masque::target_id id, const masque::udp_address& address);
    void send_to_target(masque::target_id id, byte_view payload);

    uv_loop_t& loop_;
    masque::relay relay_;
    std::unique_ptr<batch_socket> clients_;
    masque::udp_address local_;
    handle_ptr<uv_poll_t> poll_;
    std::unique_ptr<wake_timer> timer_;
    instant wake_at_ = instant::before_all();  ///< what it is set to, or was
    std::unordered_map<masque::target_id, std::unique_ptr<target>> targets_;
    std::vector<target*> dirty_;
    std::unordered_map<masque::target_id, lookup*> lookups_;  ///< also those whose answer nobody wants any more
    std::deque<masque::target_id> lookup_order_;              ///< the oldest first; some are over
    relay_server_stats counted_;  ///< by the server itself, and by the sockets of targets that are gone
    masque::worker_steering steering_;
    std::uint32_t worker_ = 0;
    std::function<bool(std::uint32_t, const masque::udp_path&, masque::ecn, byte_view)> hand_over_;
};

}  // namespace io
}  // namespace v0
}  // namespace duality
