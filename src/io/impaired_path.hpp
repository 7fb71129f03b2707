// SPDX-License-Identifier: MIT
//
// A bad network on real sockets: a UDP forwarder that treats every datagram as a lab path would.
//
// It listens on one address and forwards to another through the two links of a `lab::path`, each datagram leaving
// when the link says it arrives. Datagrams wait in user space; a timerfd wakes the loop, because the timers of libuv
// only count milliseconds. How late the loop really was is measured. Linux only. Single-threaded: everything happens
// in the caller's loop.
#pragma once

#include <uv.h>

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "duality/lab/link.hpp"
#include "duality/statistics.hpp"
#include "io/address.hpp"

namespace duality {
inline namespace v0 {
namespace io {

enum class direction : std::uint8_t { forward, reverse };

/// "forward" or "reverse".
[[nodiscard]] std::string_view to_string(direction way) noexcept;

/// What was decided about one datagram when it came in.
struct impaired_packet {
    instant at;  ///< since the origin
    direction way = direction::forward;
    std::size_t ip_bytes = 0;
    lab::packet_fate fate = lab::packet_fate::delivered;
    duration delay{};  ///< how long it will be held; zero unless delivered
};

struct impaired_path_config {
    socket_address listen;   ///< where the client sends to; port 0 lets the kernel choose
    socket_address forward;  ///< where its datagrams go
    lab::path network;
    /// Time zero of the network, on the clock of `uv_hrtime`. 0: when the first datagram comes in.
    std::uint64_t origin_ns = 0;
    /// Datagrams held per direction; more are dropped as `lost_queue`.
    std::size_t queue_max = 8192;
    /// Called for every datagram, inside the loop; may be empty. Must not destroy the path.
    std::function<void(const impaired_packet&)> on_packet{};
};

struct impaired_direction_stats {
    std::array<std::uint64_t, lab::packet_fate_count> packets{};  ///< by fate; they sum to the datagrams received
    std::uint64_t bytes = 0;                                      ///< received, with IP and UDP headers
    std::uint64_t sent = 0;                                       ///< delivered ones that have left
    std::uint64_t send_failed = 0;                                ///< delivered ones the kernel would not take

    [[nodiscard]] std::uint64_t received() const noexcept;
    [[nodiscard]] std::uint64_t lost() const noexcept;
};

struct impaired_path_stats {
    impaired_direction_stats forward;
    impaired_direction_stats reverse;
    /// Datagrams from someone else while a client is served, and replies while there is none; not forwarded.
    std::uint64_t strangers = 0;
    /// Times the network reported that a datagram could not be delivered: usually nobody listens at the destination.
    std::uint64_t refusals = 0;
    /// Departure later than decided: what the loop and the kernel add.
    delay_histogram lateness;
    duration lateness_max{};
};

/// The forwarder. The first sender becomes the client, and replies go to it; another may take over once it has been
/// silent for 5 s.
class impaired_path {
public:
    /// Starts forwarding in `loop`, which must outlive the path and run once more after its destruction to close what
    /// it opened. On failure returns nullptr and says why in `error`; the loop must then run once more too.
    [[nodiscard]] static std::unique_ptr<impaired_path> create(uv_loop_t& loop, impaired_path_config config,
                                                               std::string& error);
    ~impaired_path();
    impaired_path(const impaired_path&) = delete;
    impaired_path& operator=(const impaired_path&) = delete;

    /// From now on another network, whose time zero is now or, if it is not 0, `origin_ns`. What is held leaves as
    /// decided, and nothing overtakes it. Inside the loop, or while it does not run.
    void change_network(lab::path network, std::uint64_t origin_ns = 0);

    /// Counts how late it is anew, and only what is to leave after its time zero; the loop must not run.
    void count_lateness_from_origin() noexcept;

    /// The address really bound.
    [[nodiscard]] socket_address local() const noexcept;
    /// Where the client's datagrams come from, as their destination sees it.
    [[nodiscard]] socket_address exit() const noexcept;
    /// 0 until it is known.
    [[nodiscard]] std::uint64_t origin_ns() const noexcept;
    [[nodiscard]] const impaired_path_stats& stats() const noexcept;
    /// The network as configured, for baselines and outages.
    [[nodiscard]] const lab::path& network() const noexcept;

private:
    class impl;
    explicit impaired_path(impl* state) noexcept : impl_{state} {}

    impl* impl_;  // deletes itself when the loop has closed its handles
};

}  // namespace io
}  // namespace v0
}  // namespace duality
