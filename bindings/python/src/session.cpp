// SPDX-License-Identifier: MIT
//
// The session: its verbs, and what it gives out as small objects.
#include "duality/session.hpp"

#include <variant>

#include "support.hpp"

namespace duality::python {

namespace {

using session_object = owned<session>;

// What `poll` returns. The bytes are copies: the session's own are gone with the next call.

struct transmit_output {
    path_id path = 0;
    transmit_kind kind = transmit_kind::source;
    py::bytes data;
};

struct deliver_output {
    delivery about;
    py::bytes data;
};

struct lane_output {
    std::uint64_t number = 0;
    media_time origin{};
    py::bytes data;
};

using any_output = std::variant<std::monostate, transmit_output, deliver_output, session_event, lane_output>;

[[nodiscard]] any_output poll(session_object& self, instant now) {
    session_output out;
    if (!self.use().poll_output(now, out)) return {};
    switch (out.kind) {
        case output_kind::transmit:
            return transmit_output{out.transmit.path, out.transmit.kind, bytes_of(out.transmit.bytes)};
        case output_kind::deliver: return deliver_output{out.deliver, bytes_of(out.deliver.bytes)};
        case output_kind::event: return out.event;
        case output_kind::lane: return lane_output{out.lane.number, out.lane.origin, bytes_of(out.lane.bytes)};
        case output_kind::none: break;
    }
    return {};
}

/// The member of an event that belongs to its kind; None for the others.
template <session_event_kind Kind, class M>
[[nodiscard]] auto part(M session_event::*member) {
    return [member](const session_event& e) { return e.kind == Kind ? std::optional{e.*member} : std::nullopt; };
}

void bind_configs(py::module_& m) {
    config<stream_config>{m, "StreamConfig", "How one stream is treated."}
        .field("mode", &stream_config::mode)
        .field("deadline_ns", &stream_config::deadline, "after it would have arrived on an idle path; 1 ms to 10 s")
        .field("late", &stream_config::late, "what happens to a packet past it")
        .field("weight", &stream_config::weight,
               "what a packet is worth where not all can be protected, in percent; 0 to 1000");

    config<byte_budget_config>{m, "ByteBudget",
                               "Byte caps of a metered path; 2**64 - 1 is unlimited, 0 forbids the path."}
        .field("day_bytes", &byte_budget_config::day_bytes, "per UTC day")
        .field("month_bytes", &byte_budget_config::month_bytes, "per UTC month")
        .field("ahead_bp", &byte_budget_config::ahead_bp,
               "of day_bytes, in 1/10,000, what may be spent ahead of an even pace; 10,000: no pace")
        .field("carry_bp", &byte_budget_config::carry_bp,
               "of both, in 1/10,000, what carrying the flow of an unsteady path may use up; 0: nothing");

    config<path_config>{m, "PathConfig", "What a path is like."}
        .field("cost", &path_config::cost)
        .field("budget", &path_config::budget)
        .field("initial_rtt_ns", &path_config::initial_rtt, "assumed until measured")
        .field("datagram_overhead", &path_config::datagram_overhead, "bytes around each datagram: 28 for IPv4 + UDP")
        .field("max_datagram", &path_config::max_datagram, "largest datagram, bytes of UDP payload");

    config<scheduler_config>{m, "SchedulerConfig", "How paths are watched."}
        .field("max_paths", &scheduler_config::max_paths, "1 to 16")
        .field("report_interval_ns", &scheduler_config::report_interval, "how often a receiving peer reports")
        .field("report_worth", &scheduler_config::report_worth, "bytes received that make a peer not in funds report")
        .field("suspicion_margin_ns", &scheduler_config::suspicion_margin, "silence beyond the habit that is normal")
        .field("dead_after_ns", &scheduler_config::dead_after, "suspicion this long means dead")
        .field("late_after_ns", &scheduler_config::late_after,
               "a round trip this much too long also means dead, and a spread of half of it unsteady")
        .field("leave_suspects", &scheduler_config::leave_suspects, "do new packets take another path at once?")
        .field("probe_interval_ns", &scheduler_config::probe_interval, "of a path just found dead")
        .field("keep_alive_ns", &scheduler_config::keep_alive, "of an idle path")
        .field("recovery_time_ns", &scheduler_config::recovery_time,
               "a path that failed again must answer for half this, then twice as long");

    config<event_lane_config>{m, "EventLaneConfig", "Configuration of an event lane."}
        .field("carry", &event_lane_config::carry, "events in a message, the newest among them; 1 to 16")
        .field("repeat_interval_ns", &event_lane_config::repeat_interval, "between repetitions")
        .field("queue", &event_lane_config::queue, "events that wait for poll(); 16 to 4096")
        .field("window", &event_lane_config::window, "an event further back is too old; 64 to 65536");

    config<session_config>{m, "SessionConfig",
                           "Configuration of a Session. Both ends use the same max_payload and max_streams."}
        .field("max_payload", &session_config::max_payload, "largest application datagram in bytes; 2 to 16384")
        .field("max_streams", &session_config::max_streams, "1 to 64")
        .field("protected_packets", &session_config::protected_packets,
               "newest packets that can be repaired; 16 to 1024")
        .field("receive_packets", &session_config::receive_packets, "packets waiting for their slot; 32 to 4096")
        .field("queue", &session_config::queue, "transmissions waiting for poll(); 16 to 4096")
        .field("overhead_cap_bp", &session_config::overhead_cap_bp, "extra bytes per source bytes, in basis points")
        .field("control_share_bp", &session_config::control_share_bp, "of the cap, kept for the receiver's feedback")
        .field("reorder_delay_ns", &session_config::reorder_delay, "a hole is a loss when it is this old")
        .field("path_skew_ns", &session_config::path_skew, "the same while packets come over several paths")
        .field("parity", &session_config::parity, "proactive repair packets")
        .field("reactive", &session_config::reactive, "repair packets on request")
        .field("sync_clock", &session_config::sync_clock, "ask for the peer's clock")
        .field("second_path", &session_config::second_path, "may the flow use another path than the best one?")
        .field("epoch", &session_config::epoch,
               "a number that no earlier life of this end had: the peer tells a restart by it; 0: none")
        .field("close_timeout_ns", &session_config::close_timeout,
               "how long an end that closes says so until it is answered")
        .field("stream", &session_config::stream, "of every stream until set_stream()")
        .field("hold", &session_config::hold, "of every stream; hold_max_ns 0 delivers at once")
        .field("regime", &session_config::regime)
        .field("control", &session_config::control)
        .field("paths", &session_config::paths)
        .field("clock", &session_config::clock)
        .field("events", &session_config::events, "an event lane in both directions")
        .field("lane", &session_config::lane);
}

void bind_statistics_of_session(py::module_& m) {
    record<traffic_counter>{m, "Traffic", "Packets and bytes; bytes include the path's datagram_overhead."}
        .field("packets", &traffic_counter::packets)
        .field("bytes", &traffic_counter::bytes);
    using sent = sender_statistics;
    record<sent>{m, "SenderStatistics", "What a session sent, and what it did not."}
        .field("source", &sent::source, "what the application would have sent by itself")
        .field("framing_bytes", &sent::framing_bytes, "our header on those packets")
        .field("parity", &sent::parity)
        .field("reactive", &sent::reactive)
        .field("copies", &sent::copies, "on suspicion and failover")
        .field("hot_copies", &sent::hot_copies, "of hot streams, paid from the path's budget")
        .field("control", &sent::control, "feedback, probes, clock, close")
        .field("event_repeats", &sent::event_repeats, "events said again, from the overhead cap")
        .field("refused_by_cap", &sent::refused_by_cap)
        .field("refused_by_budget", &sent::refused_by_budget)
        .field("source_refused", &sent::source_refused, "source packets that no path was left for")
        .field("deficits", &sent::deficits, "reports of missing packets that were answered")
        .field("expired_deficits", &sent::expired_deficits, "that no answer could have reached in time")
        .field("implausible_feedback", &sent::implausible_feedback);
    using came = receiver_statistics;
    record<came>{m, "ReceiverStatistics", "What a session received."}
        .field("accepted", &came::accepted)
        .field("duplicates", &came::duplicates)
        .field("outdated", &came::outdated)
        .field("refused", &came::refused)
        .field("rebuilt", &came::rebuilt)
        .field("repairs", &came::repairs)
        .field("repairs_refused", &came::repairs_refused)
        .field("delivered", &came::delivered);
    using all = session_statistics;
    record<all>{m, "SessionStatistics", "Counts of a session since creation."}
        .field("sender", &all::sender)
        .field("receiver", &all::receiver)
        .field("datagrams_received", &all::datagrams_received)
        .field("malformed", &all::malformed)
        .field("unsupported_version", &all::unsupported_version)
        .field("unknown_frames", &all::unknown_frames)
        .field("repeated_datagrams", &all::repeated_datagrams)
        .field("peer_restarts", &all::peer_restarts)
        .field("stale_datagrams", &all::stale_datagrams, "of a life that the peer has left")
        .field("clock_backwards", &all::clock_backwards)
        .field("last_error_offset", &all::last_error_offset)
        .field("events_lost", &all::events_lost);
    using path = path_statistics;
    record<path>{m, "PathStatistics", "What is known of a path."}
        .field("state", &path::state)
        .field("cost", &path::cost)
        .field("rtt_min_ns", &path::rtt_min, "over the last seconds; 0 until measured")
        .field("rtt_smoothed_ns", &path::rtt_smoothed, "0 until measured")
        .field("rtt_deviation_ns", &path::rtt_deviation)
        .field("silence_ns", &path::silence, "since the last report, while one is owed")
        .field("packets_sent", &path::packets_sent)
        .field("bytes_sent", &path::bytes_sent)
        .field("packets_received", &path::packets_received)
        .field("bytes_received", &path::bytes_received)
        .field("packets_lost", &path::packets_lost)
        .field("packets_duplicated", &path::packets_duplicated)
        .field("suspicions", &path::suspicions)
        .field("deaths", &path::deaths)
        .field("budget_exhausted", &path::budget_exhausted);
}

void bind_outputs(py::module_& m) {
    record<transmit_output>{m, "Transmit", "Put a datagram on a path."}
        .field("path", &transmit_output::path)
        .field("kind", &transmit_output::kind, "what it is sent for")
        .field("data", &transmit_output::data);
    const auto of = [](auto member) { return [member](const deliver_output& d) { return d.about.*member; }; };
    record<deliver_output>{m, "Deliver", "Give a packet to the application."}
        .value("stream", of(&delivery::stream))
        .value("number", of(&delivery::number), "counts the peer's packets; a jump is a loss")
        .value("origin_ns", of(&delivery::origin), "when the peer sent it, on the peer's clock")
        .field("data", &deliver_output::data)
        .value("due_ns", of(&delivery::due), "its slot")
        .value("lateness_ns", of(&delivery::lateness), "after its slot; 0 in time")
        .value("held_ns", of(&delivery::held), "time in the jitter hold")
        .value("recovered_by", of(&delivery::recovered_by))
        .value("past_deadline", of(&delivery::past_deadline));
    record<lane_output>{m, "LaneEvent", "Give an event of the peer's event lane to the application."}
        .field("number", &lane_output::number, "counts the peer's events")
        .field("origin_ns", &lane_output::origin, "when the peer sent it, on the peer's clock")
        .field("data", &lane_output::data);
    record<path_event>{m, "PathEvent", "What happened to a path."}
        .field("kind", &path_event::kind)
        .field("at_ns", &path_event::at)
        .field("path", &path_event::path)
        .field("before", &path_event::from)
        .field("after", &path_event::to)
        .field("silence_ns", &path_event::silence)
        .field("threshold_ns", &path_event::threshold);
    record<session_event>{m, "Event", "Take note."}
        .field("kind", &session_event::kind)
        .field("at_ns", &session_event::at)
        .value("path", part<session_event_kind::path>(&session_event::path), "of PATH")
        .value("decision", part<session_event_kind::decision>(&session_event::decision), "of DECISION")
        .value("regime", part<session_event_kind::regime>(&session_event::regime), "of REGIME")
        .value("error", part<session_event_kind::error>(&session_event::error), "of ERROR")
        .value(
            "reason",
            [](const session_event& e) {
                const bool ends = e.kind == session_event_kind::peer_closed || e.kind == session_event_kind::closed;
                return ends ? std::optional{e.reason} : std::nullopt;
            },
            "of PEER_CLOSED and CLOSED");
}

}  // namespace

void bind_session(py::module_& m) {
    bind_configs(m);
    bind_statistics_of_session(m);
    bind_outputs(m);

    py::class_<session_object>{
        m, "Session",
        "Everything DUALITY does, as one object; the same at both ends. It never reads a clock and\n"
        "has no socket: times (ns, your monotonic clock) and datagrams go in, outputs come out."}
        .def(py::init(&create<session, session_config>), py::arg_v("config", session_config{}, "..."))
        .def("add_path", checked(&session::add_path), py::arg("now_ns"), py::arg("path"),
             py::arg_v("config", path_config{}, "..."),
             "A path can now carry datagrams. An id means the same at both ends.")
        .def("remove_path", checked(&session::remove_path), py::arg("now_ns"), py::arg("path"))
        .def(
            "send",
            [](session_object& self, instant now, byte_view data, stream_id stream) {
                check(self.use().send(now, stream, data));
            },
            py::arg("now_ns"), py::arg("data"), py::arg("stream") = 0,
            "Sends one packet. Raises QUEUE_FULL, TOO_LARGE, OVER_BUDGET, UNKNOWN_STREAM or CLOSED when it was not "
            "accepted.")
        .def(
            "send_event",
            [](session_object& self, instant now, byte_view data, std::optional<instant> repeat_until) {
                check(self.use().send_event(now, data, repeat_until.value_or(instant::before_all())));
            },
            py::arg("now_ns"), py::arg("data"), py::arg("repeat_until_ns") = std::nullopt,
            "Sends one event of at most 100 bytes over the event lane, again with each of the next ones, and by itself "
            "until repeat_until_ns. Raises TOO_LARGE, QUEUE_FULL, WRONG_STATE (no lane) or CLOSED.")
        .def(
            "handle_datagram",
            [](session_object& self, instant now, path_id path, byte_view data) {
                return self.use().handle_datagram(now, path, data);
            },
            py::arg("now_ns"), py::arg("path"), py::arg("data"),
            "Takes a datagram that arrived on a path. The status says what became of it; nothing a peer can send "
            "raises.")
        .def("handle_timeout", method(&session::handle_timeout), py::arg("now_ns"),
             "Lets time pass; call it when next_timeout() has come.")
        .def("poll", &poll, py::arg("now_ns"),
             "The next thing to do: a Transmit, a Deliver, a LaneEvent, an Event, or None when there is nothing until "
             "next_timeout().")
        .def(
            "next_timeout", [](session_object& self) { return ns_or_none(self.use().next_timeout()); },
            "When to call handle_timeout() and poll() again; None when idle.")
        .def("set_stream", checked(&session::set_stream), py::arg("now_ns"), py::arg("stream"), py::arg("config"))
        .def("set_wall_clock", method(&session::set_wall_clock), py::arg("now_ns"), py::arg("wall_ns"),
             "The calendar time (ns since 1970, UTC) of an instant, so that budgets renew.")
        .def("close", checked(&session::close), py::arg("now_ns"), py::arg("reason") = wire::close_reason::normal)
        .def("path", method(&session::path), py::arg("now_ns"), py::arg("path"), "Statistics of a path.")
        .def("clock", method(&session::clock), py::arg("now_ns"), "What is known of the peer's clock.")
        .def("peer_clock", method(&session::peer_clock), py::arg("now_ns"), "What the peer's clock shows now.")
        .def(
            "features", [](session_object& self, instant now) { return self.use().detector().features(now); },
            py::arg("now_ns"), "What the detector knows of the incoming flow.")
        .def_property_readonly("regime", [](session_object& self) { return self.use().detector().current(); })
        .def_property_readonly("statistics", method(&session::statistics))
        .def_property_readonly("is_closed", method(&session::is_closed));
}

}  // namespace duality::python
