// SPDX-License-Identifier: MIT
//
// The lab's comparison on real sockets: one application flow, protected in several ways, over the same bad network,
// all at the same time.
//
//     application ─► near end ─► impaired path 0 ─► far end ─► application
//       (sender)    (session)  └► impaired path 1 ─┘ (session)   (receiver)
//
// Every arrow is a UDP datagram through the kernel, on the loopback interface. Sender, near ends, network, far ends and
// receivers are five threads; they share nothing but the clock and what they write down. Each variant has sockets,
// sessions and impaired paths of its own, made from one realisation of the network. `baseline` has no session: the
// sender's datagrams go straight through impaired path 0. What counts as released is what the receiver reads from its
// socket, byte for byte as it was sent, when it reads it.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "duality/lab/judge.hpp"
#include "duality/lab/session_recording.hpp"
#include "duality/lab/simulation.hpp"
#include "duality/multipath.hpp"
#include "duality/session_config.hpp"
#include "duality/time.hpp"
#include "io/impaired_path.hpp"
#include "io/voice.hpp"

namespace duality {
inline namespace v0 {
namespace io {

inline constexpr std::size_t live_paths = 2;  ///< primary and metered

/// Where one part of the run has its sockets.
struct live_place {
    int network_namespace = -1;  ///< an open file of /proc/…/ns/net; -1: the caller's own
    socket_address bind = socket_address::parse("127.0.0.1:0").value();
};

struct live_run_config {
    lab::scenario network;  ///< its interval is the sender's; `length` is not used
    std::vector<lab::variant> variants;
    lab::simulation_config rules{};          ///< `protection` and `payload` follow from the other fields
    std::vector<voice_packet> packets;       ///< what the sender sends; at most 65,536
    std::vector<std::uint8_t> psk{};         ///< that seals every path's datagrams; empty: they are not sealed
    std::optional<wall_time> calendar{};     ///< what the calendar shows at the first packet; empty: the system's
    duration lead = duration::from_ms(300);  ///< from `start` to the first packet
    /// Time zero of the run instead of `lead` after `start`; must be in the future.
    std::optional<instant> origin{};
    duration settle = duration::from_ms(1'000);  ///< after the last packet, for its repairs
    bool record = false;                         ///< the calls on every session, in memory
    std::vector<lab::recording_note> notes{};    ///< that go into the recordings
    live_place client{};                         ///< sender and near ends
    live_place peer{};                           ///< far ends
    live_place receiver{};
    /// Puts a network of its own between the two ends instead of an impaired path inside this program: told which path,
    /// where its datagrams go and time zero, it says where they come in, or why there is none in `error`.
    std::function<std::optional<socket_address>(path_id, const socket_address& to, instant origin, std::string& error)>
        outside_path{};
};

/// Where things stand, for somebody who watches.
struct live_progress {
    struct flow {
        lab::variant variant{};
        std::uint64_t received = 0;  ///< by their deadline
        std::uint64_t lost = 0;      ///< their deadline has passed
        /// What the near end thinks of its paths; without a session, `active`.
        std::array<path_state, live_paths> paths{};
    };
    duration elapsed{};                        ///< since the first packet; negative before
    std::array<bool, live_paths> in_outage{};  ///< of the network, in truth
    std::vector<flow> flows;
};

/// The near end changed its mind about a path.
struct live_path_change {
    instant at;
    path_id path = 0;
    path_state to = path_state::standby;
};

/// A path or control event of either end.
struct live_trigger {
    bool is_far = false;
    session_event event{};  ///< its `at` counts from the first packet
};

/// A datagram that an end put on a path or read from it.
struct live_datagram {
    instant at;
    path_id path = 0;
    bool is_far = false;  ///< the end
    bool sent = false;    ///< or read
    std::uint32_t bytes = 0;
};

/// What became of one variant. Instants count from the first packet.
struct live_flow {
    static constexpr std::uint8_t no_path = 0xFF;

    lab::variant variant{};
    lab::figures outcome;
    lab::framing_figures framing;
    lab::byte_totals bytes;
    std::vector<lab::packet_record> packets;
    std::vector<std::uint8_t> arrived_over;  ///< per packet: the path that brought it on its own, or `no_path`
    session_statistics near;                 ///< all zero for `baseline`
    session_statistics far;
    std::vector<live_path_change> path_changes;
    std::vector<live_trigger> triggers;        ///< in the order of time
    std::vector<live_datagram> datagrams;      ///< of both ends, each in the order of time; only when recording
    std::vector<std::uint8_t> near_recording;  ///< empty unless asked for
    std::vector<std::uint8_t> far_recording;
    std::vector<impaired_path_stats> paths;  ///< empty with `outside_path`
    std::uint64_t on_the_wire = 0;           ///< bytes the impaired paths were given, both ways, IP headers included
    std::uint64_t hello_bytes = 0;           ///< of that, to agree on keys
    std::uint64_t never_sent = 0;            ///< bytes counted by a session that its socket did not take
    std::uint64_t damaged = 0;               ///< datagrams at the receiver that nobody had sent
    std::uint64_t repeated = 0;              ///< packets at the receiver that it had already
    std::uint64_t socket_errors = 0;         ///< datagrams a socket did not take, anywhere
};

/// How late something happened; where several were measured, the worst of each figure.
struct live_lateness {
    duration p50{};
    duration p99{};
    duration most{};
};

/// How late the threads were. The figures of the run cannot be better than this.
struct live_timers {
    live_lateness sender;     ///< a packet's time had come
    live_lateness endpoints;  ///< a session's timeout had come
    live_lateness network;    ///< a datagram was to leave its impaired path

    /// Could late threads have moved the figures? So when more than 1 % of anybody's wake-ups came later than `guard`,
    /// or one of them later than `guard_most`.
    [[nodiscard]] bool excessive() const noexcept;
    static constexpr duration guard = duration::from_ms(5);
    static constexpr duration guard_most = duration::from_ms(25);
};

struct live_result {
    std::vector<live_flow> flows;
    live_timers timers;
    duration length{};  ///< from the first packet to the last
};

class live_run {
public:
    /// Opens everything and starts the clock: the first packet leaves `lead` later. nullptr, with the reason in
    /// `error`, when something is refused.
    [[nodiscard]] static std::unique_ptr<live_run> start(live_run_config config, std::string& error);
    ~live_run();
    live_run(const live_run&) = delete;
    live_run& operator=(const live_run&) = delete;

    /// From the caller's thread, as often as wanted.
    [[nodiscard]] live_progress progress();
    [[nodiscard]] bool finished() const noexcept;
    /// Waits until `finished()`, then ends all threads and judges. Call it once.
    [[nodiscard]] live_result finish();

private:
    class impl;
    explicit live_run(std::unique_ptr<impl> state) noexcept;

    std::unique_ptr<impl> impl_;
};

}  // namespace io
}  // namespace v0
}  // namespace duality
