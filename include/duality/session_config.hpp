// SPDX-License-Identifier: MIT
//
// What a session is made from, what it says, and what it counts.
#pragma once

#include <cstdint>

#include "duality/clock_sync.hpp"
#include "duality/controller.hpp"
#include "duality/event_lane.hpp"
#include "duality/jitter_hold.hpp"
#include "duality/memory.hpp"
#include "duality/multipath.hpp"
#include "duality/regime.hpp"
#include "duality/status.hpp"
#include "duality/time.hpp"
#include "duality/wire.hpp"

namespace duality {
inline namespace v0 {

using stream_id = std::uint8_t;

enum class stream_mode : std::uint8_t {
    on_demand,  ///< the second path helps when the first one fails
    hot,        ///< every packet goes over two paths, within the budget of the metered one
    spread,     ///< packets take turns on two free paths of about the same length, while there are two
};

struct stream_config {
    stream_mode mode = stream_mode::on_demand;
    duration deadline = duration::from_ms(100);  ///< after it would have arrived on an idle path a packet is worthless
    late_policy late = late_policy::drop;        ///< what happens to a packet past it
    /// What a packet is worth, in percent of one of another stream: how much likelier than those its loss has to be before
    /// copies and repairs are spent on it, where the overhead cap does not pay for all, and how much less than they it adds
    /// to parity ahead of time. 0: nothing is spent. 0..1000
    std::uint32_t weight = 100;
};

/// Both ends use the same `max_payload` and `max_streams`; everything else is each end's own.
struct session_config {
    std::uint32_t max_payload = 1200;       ///< largest application datagram in bytes; memory grows with it. 2..16384
    std::uint32_t max_streams = 4;          ///< 1..64; each has a jitter hold of its own
    std::uint32_t protected_packets = 64;   ///< newest source packets that can be repaired or sent again. 16..1024
    std::uint32_t receive_packets = 256;    ///< packets waiting for their slot, all streams together. 32..4096
    std::uint32_t queue = 128;              ///< transmissions waiting for `poll_output`. 16..4096
    std::uint32_t overhead_cap_bp = 1'000;  ///< extra bytes per source bytes, both ends together, in basis points
    std::uint32_t control_share_bp = 370;   ///< of the cap, kept for the receiving end's feedback
    /// A hole is a loss when it is this old, where one packet has overtaken another lately; elsewhere at once.
    duration reorder_delay = duration::from_ms(2);
    duration path_skew = duration::from_ms(15);  ///< the same while packets come over several paths
    bool parity = true;                          ///< proactive repair packets
    bool reactive = true;                        ///< repair packets on request
    bool sync_clock = false;                     ///< ask for the peer's clock; deadline playout always does
    bool second_path = true;                     ///< may the flow use another path than the best one?
    /// Any number but 0 that no earlier life of this end had, such as the time at which the program began or a random one:
    /// the peer tells by it that this end has restarted, and begins anew too. For sessions on bare UDP, at both ends;
    /// sealed datagrams and tunnels know by themselves. 0: none.
    std::uint32_t epoch = 0;
    duration close_timeout = duration::from_seconds(1);  ///< how long an end that closes says so until it is answered
    stream_config stream{};                              ///< of every stream until `set_stream`
    /// Of every stream; `hold_max` 0 delivers at once. No slack: nothing is ever held longer than the hold says. In
    /// deadline mode every packet is played `lead` after it was sent, by the clocks of both ends as synced here.
    jitter_hold_config hold{.early_slack = duration::zero()};
    regime_config regime{};
    controller_config control{};
    scheduler_config paths{};
    clock_sync_config clock{};
    /// An event lane in both directions, for 11 KiB; what comes for one that is not there is lost.
    bool events = false;
    event_lane_config lane{};  ///< of it
};

inline constexpr field_bounds session_bounds[] = {
    {"max_payload", 2, 16'384, "bytes"},
    {"max_streams", 1, 64, "streams"},
    {"protected_packets", 16, 1'024, "packets"},
    {"receive_packets", 32, 4'096, "packets"},
    {"queue", 16, 4'096, "packets"},
    {"overhead_cap_bp", 0, 100'000, "1/10,000"},
    {"control_share_bp", 0, 100'000, "1/10,000"},
    {"reorder_delay", 0, 1'000, "ms"},
    {"path_skew", 0, 1'000, "ms"},
    {"close_timeout", 0, 60'000, "ms"},
    {"stream.deadline", 1, 10'000, "ms"},
    {"stream.weight", 0, 1'000, "%"},
};

/// What a datagram was sent for; extra bytes are everything but `source` and the new events in an `event`.
enum class transmit_kind : std::uint8_t { source, copy, parity, reactive_repair, feedback, probe, clock, close, event };

/// A datagram to put on a path. `bytes` stays valid until the next call on the session.
struct transmission {
    path_id path = 0;
    transmit_kind kind = transmit_kind::source;
    byte_view bytes;
};

/// A packet for the application, at its slot or as soon as possible after it. `bytes` stays valid until the next call
/// on the session.
struct delivery {
    stream_id stream = 0;
    std::uint64_t number = 0;  ///< counts the peer's packets over all its streams; a jump is a loss
    media_time origin{};       ///< when the peer sent it, on the peer's clock
    byte_view bytes;
    instant due{};        ///< its slot
    duration lateness{};  ///< after its slot; zero when in time
    duration held{};      ///< time in the jitter hold
    recovery recovered_by = recovery::none;
    bool past_deadline = false;
};

enum class session_event_kind : std::uint8_t {
    path,            ///< a path changed its state or used up its budget
    decision,        ///< the controller changed an output
    error,           ///< something the user should know, from the catalogue
    peer_closed,     ///< the peer ends the session; nothing more will come
    closed,          ///< this end is done: every accepted packet was delivered or dropped
    regime,          ///< what comes in became better or worse, moved to another level, or raised an alarm
    peer_restarted,  ///< another epoch of the peer: what comes now has other numbers, by another clock
};

struct session_event {
    session_event_kind kind = session_event_kind::path;
    instant at{};
    path_event path{};
    decision_event decision{};
    regime_event regime{};
    error_code error = error_code::invalid_config;
    /// Of `peer_closed` and `closed`: that of the end which closed first.
    wire::close_reason reason = wire::close_reason::normal;
};

enum class output_kind : std::uint8_t { none, transmit, deliver, event, lane };

/// One thing for the caller to do; only the member that belongs to `kind` is meaningful.
struct session_output {
    output_kind kind = output_kind::none;
    transmission transmit;
    delivery deliver;
    session_event event;
    lane_event lane;  ///< of the peer's event lane; its bytes stay valid until the next call
};

/// Bytes include the path's `datagram_overhead` and, but for `source`, its `seal_overhead`.
struct traffic_counter {
    std::uint64_t packets = 0;
    std::uint64_t bytes = 0;

    void add(std::uint64_t size) noexcept {
        ++packets;
        bytes += size;
    }
};

struct sender_statistics {
    /// What the application would have sent without us: payload + `datagram_overhead`; events too.
    traffic_counter source;
    std::uint64_t framing_bytes = 0;  ///< our header, and the seal, on those packets
    traffic_counter parity;
    traffic_counter reactive;
    traffic_counter copies;               ///< on suspicion and failover
    traffic_counter hot_copies;           ///< of `hot` streams; paid from the path's budget, not from the overhead cap
    traffic_counter control;              ///< feedback, probes, clock, close; also feedback riding on other packets
    traffic_counter event_repeats;        ///< of events said again: messages with nothing new, and bytes of all
    std::uint64_t refused_by_cap = 0;     ///< extra packets not sent because of the overhead cap
    std::uint64_t refused_by_budget = 0;  ///< packets not sent because of a path's budget
    std::uint64_t source_refused = 0;     ///< source packets among them: no path was left
    std::uint64_t deficits = 0;           ///< reports of missing packets that were answered
    std::uint64_t expired_deficits = 0;   ///< that no answer could have reached in time
    std::uint64_t implausible_feedback = 0;  ///< acknowledges what was never sent

    /// All that counts as overhead.
    [[nodiscard]] std::uint64_t extra_bytes() const noexcept {
        return parity.bytes + reactive.bytes + copies.bytes + control.bytes + event_repeats.bytes;
    }
};

struct receiver_statistics {
    std::uint64_t accepted = 0;    ///< source packets new to us, received or rebuilt
    std::uint64_t duplicates = 0;  ///< source packets already known
    std::uint64_t outdated = 0;    ///< below the window or past the deadline when they came
    std::uint64_t refused = 0;  ///< implausible number, origin or stream; or no room because outputs were not drained
    std::uint64_t rebuilt = 0;  ///< by the erasure code
    std::uint64_t repairs = 0;  ///< repair packets received
    std::uint64_t repairs_refused = 0;  ///< repair packets that made no sense
    std::uint64_t delivered = 0;
};

struct session_statistics {
    sender_statistics sender;
    receiver_statistics receiver;
    std::uint64_t datagrams_received = 0;
    std::uint64_t malformed = 0;  ///< datagrams that broke off at a byte nobody can read
    std::uint64_t unsupported_version = 0;
    std::uint64_t unknown_frames = 0;
    std::uint64_t repeated_datagrams = 0;  ///< the same datagram twice on one path
    std::uint64_t peer_restarts = 0;       ///< epochs of the peer after the first one
    std::uint64_t stale_datagrams = 0;     ///< of a life that the peer has left
    std::uint64_t clock_backwards = 0;     ///< calls with a `now` before the one of an earlier call
    std::size_t last_error_offset = 0;     ///< byte of the last malformed datagram that could not be read
    std::uint64_t events_lost = 0;         ///< events overwritten because `poll_output` was not called
};

}  // namespace v0
}  // namespace duality
