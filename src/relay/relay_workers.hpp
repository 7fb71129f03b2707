// SPDX-License-Identifier: MIT
//
// A relay of several workers behind one port: each a relay with a thread, a loop and sockets of its own, which share the
// secret and what is counted of their clients. Linux only.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "duality/masque/client_ledger.hpp"
#include "relay/relay_server.hpp"

namespace duality {
inline namespace v0 {
namespace io {

class relay_workers {
public:
    /// Starts `workers` (1…256) threads. `max_connections`, `max_tunnels` and `handshakes_before_retry` of the
    /// configuration are for all together, each worker has its share; limits for a client hold for all together too.
    /// nullptr, with the reason in `error`.
    [[nodiscard]] static std::unique_ptr<relay_workers> create(const relay_server_config& config, std::uint32_t workers,
                                                               std::string& error);
    /// Ends the threads at once; `close` first, so that the clients are told.
    ~relay_workers();
    relay_workers(const relay_workers&) = delete;
    relay_workers& operator=(const relay_workers&) = delete;

    [[nodiscard]] std::size_t count() const noexcept { return workers_.size(); }
    [[nodiscard]] const socket_address& local() const noexcept { return local_; }
    // The following wait for every worker, each for as long as what it is doing takes.
    [[nodiscard]] relay_server_stats stats();
    /// Of one worker, below `count()`.
    [[nodiscard]] relay_server_stats stats(std::size_t index);
    /// Takes nothing new; what is open goes on.
    void drain();
    /// Ends every connection and tells the clients.
    void close();
    /// No client is left.
    [[nodiscard]] bool is_idle();

private:
    class worker;

    explicit relay_workers(masque::client_ledger ledger) noexcept;
    [[nodiscard]] bool start(const relay_server_config& config, std::uint32_t workers, std::string& error);
    void on_each(const std::function<void(relay_server&)>& work);

    masque::client_ledger ledger_;
    socket_address local_;
    std::vector<std::unique_ptr<worker>> workers_;
};

}  // namespace io
}  // namespace v0
}  // namespace duality
