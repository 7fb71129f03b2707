// SPDX-License-Identifier: MIT
//
// The lab's comparison on real sockets: one application flow, protected in several ways, over the same bad network,
// all at the same time.
//
//     application ─► near end ─► impaired path 0 ─► far end ─► application
//       (sender)    (session)  └► impaired path 1 ─┘ (session)   (receiver)
//
// Every arrow is a UDP datagram through the kernel, on the loopback interface. In place of the two sessions there may be a
// `live_carrier`, such as tunnel and relay. Sender, near ends, network, far ends and receivers are five threads; they share nothing but the clock and what they write down. Each variant has sockets,
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
#include "io/wake_timer.hpp"

namespace duality {
inline namespace v0 {
namespace io {

inline constexpr std::size_t live_paths = 2;  ///< primary and metered

/// Where one part of the run has its sockets.
struct live_place {
    int network_namespace = -1;  ///< an open file of /proc/…/ns/net; -1: the caller's own
    socket_address bind = socket_address::parse("127.0.0.1:0").value();
};

/// One of the paths a carrier is given.
struct live_way {
    socket_address in;   ///< where its datagrams go
    socket_address out;  ///< where they come from, as the far end sees it
};

/// What a carrier is asked for. The functions are called in the loop of the end that knows.
struct live_carrier_order {
    lab::variant variant{};
    uv_loop_t& near;  ///< both loops outlive the carrier; they do not run during its creation and its end
    uv_loop_t& far;
    socket_address bind;      ///< of every socket; port 0, so that the kernel chooses
    socket_address receiver;  ///< where the payloads go
    std::vector<path_config> paths;
    duration hold{};  ///< of the far end, to even out the pace
    /// Lays the path of this number toward the far end's address; empty, with the reason in `error`.
    std::function<std::optional<live_way>(path_id, const socket_address& to, std::string& error)> open_way;
    std::function<void(instant, path_id, byte_view frame)> on_arrived;  ///< at the far end, a packet of the wire format
    std::function<void(instant, const delivery&)> on_delivered;         ///< at the far end
    std::function<void(instant, const session_event&)> on_near_event;
};

/// What a carrier did, once its loops have ended.
struct live_carried {
    session_statistics near;
    session_statistics far;
    std::uint64_t near_sent = 0;  ///< bytes put on the paths, with IP and UDP headers
    std::uint64_t far_sent = 0;
    std::uint64_t refused = 0;  ///< payloads that it did not take
    std::uint64_t unsent = 0;   ///< datagrams that the kernel did not take
    lateness_record near_timer;
    lateness_record far_timer;
};

/// Takes datagrams of the sender at one socket and sends them to the receiver from another, and back; between the two it
/// protects them as it can, over the paths it was given.
class live_carrier {
public:
    live_carrier() = default;
    virtual ~live_carrier() = default;
    live_carrier(const live_carrier&) = delete;
    live_carrier& operator=(const live_carrier&) = delete;

    [[nodiscard]] virtual socket_address application_side() const = 0;
    /// From any thread: are all its paths in use?
    [[nodiscard]] virtual bool is_ready() const = 0;
    /// From any thread: what it has to say of its state.
    [[nodiscard]] virtual std::string state() const = 0;
    /// The flow begins at `origin`; the loops stand still. What the timers are late before it is not to count.
    virtual void begin(instant origin) = 0;
    /// The loops have ended.
    [[nodiscard]] virtual live_carried finish() const = 0;
};

using live_carrier_factory = std::function<std::unique_ptr<live_carrier>(live_carrier_order order, std::string& error)>;

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
    /// What protected flows travel by; empty: two sessions on bare UDP. With it `psk`, `record`, `outside_path` and `origin`
    /// are not used. Before the first packet sender and receiver exchange a datagram over it, which opens it, on the same
    /// network; time zero is `lead` after all of them are ready. Later on the receiver answers now and then.
    live_carrier_factory carrier{};
    duration patience = duration::from_seconds(10);  ///< how long that may take
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
    instant told;  ///< when the session gave it away, as the lab's event log has it
    bool is_far = false;
    session_event event{};  ///< its own times are those of the session's clock
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
    /// Of a carrier: bytes on the wire that are neither the call's own, nor overhead, nor framing: handshakes,
    /// acknowledgements and probes of its transport. Negative when framing was counted too high.
    std::int64_t transport_bytes = 0;
    [[nodiscard]] double transport_pct() const noexcept {
        return 100 * static_cast<double>(transport_bytes) / static_cast<double>(bytes.useful);
    }
    std::uint64_t carrier_sent = 0;   ///< bytes that a carrier says its two ends have sent
    std::uint64_t never_sent = 0;     ///< bytes counted by a session that its socket did not take
    std::uint64_t damaged = 0;        ///< datagrams at the receiver that nobody had sent
    std::uint64_t repeated = 0;       ///< packets at the receiver that it had already
    std::uint64_t socket_errors = 0;  ///< datagrams a socket did not take, anywhere
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
    /// `error`, when something is refused, or when a carrier is not ready in time.
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
