// SPDX-License-Identifier: MIT
//
// The jitter hold.
#include <vector>

#include "duality/jitter_hold.hpp"
#include "support.hpp"

namespace duality::python {

namespace {

using hold_object = owned<jitter_hold>;

/// One packet as `play` tells of it.
struct played_packet {
    std::uint64_t index;
    std::int64_t released_ns;
    std::int64_t due_ns;
    std::int64_t lateness_ns;
    std::int64_t held_ns;
    bool past_deadline;
};

/// Plays a whole flow in virtual time: each packet is pushed when it arrives, and each is released the moment it is due.
[[nodiscard]] py::array_t<played_packet> play(hold_object& self, const py::object& now, const py::object& sequence,
                                              const py::object& origin) {
    const array_view<const std::int64_t> arrivals{now, "now_ns", 1};
    const array_view<const std::uint64_t> sequences{sequence, "sequence", 1};
    const array_view<const std::int64_t> origins{origin, "origin_ns", 1};
    const std::size_t count = arrivals.extent(0);
    require_length(sequences.extent(0), count, "sequence");
    require_length(origins.extent(0), count, "origin_ns");
    hold_object::batch batch{self};
    std::vector<played_packet> played;
    {
        const py::gil_scoped_release free;
        played.reserve(count + batch.object.size());
        const auto release_until = [&](instant until) {
            released_packet out;
            for (;;) {
                const instant at = batch.object.next_timeout();
                if (at.is_never() || at > until) return;
                while (batch.object.poll(at, out))
                    played.push_back({out.packet.token, std::max(at, out.due).ns(), out.due.ns(), out.lateness.ns(),
                                      out.held.ns(), out.past_deadline});
            }
        };
        for (std::size_t i = 0; i < count; ++i) {
            const instant at = instant::from_ns(arrivals[i]);
            release_until(at - duration::from_ns(1));
            (void)batch.object.push(at, {sequences[i], media_time::from_ns(origins[i]), i, recovery::none});
        }
        release_until(instant::from_ns(instant::never().ns() - 1));
    }
    py::array_t<played_packet> out{static_cast<py::ssize_t>(played.size())};
    std::copy(played.begin(), played.end(), out.mutable_data());
    return out;
}

}  // namespace

void bind_playout(py::module_& m) {
    PYBIND11_NUMPY_DTYPE(played_packet, index, released_ns, due_ns, lateness_ns, held_ns, past_deadline);

    config<baseline_config>{m, "BaselineConfig", "How the baseline of relative delay is tracked."}
        .field("window_ns", &baseline_config::window, "samples considered; 500 ms to 30 s")
        .field("low_permille", &baseline_config::low_permille, "which quantile is the baseline; 0 to 500")
        .field("capacity", &baseline_config::capacity, "samples kept, 24 bytes each; 64 to 32768")
        .field("step_min_ns", &baseline_config::step_min, "smallest rise taken for a new level; 0.5 to 1000 ms")
        .field("step_time_ns", &baseline_config::step_time, "how long a rise must last; 10 to 2000 ms")
        .field("step_packets", &baseline_config::step_packets, "and for how many packets in a row; 2 to 1000");

    config<jitter_hold_config>{m, "JitterHoldConfig", "Configuration of a JitterHold."}
        .field("hold_min_ns", &jitter_hold_config::hold_min, "0 to 1 s; 0 allows pass-through")
        .field("hold_max_ns", &jitter_hold_config::hold_max, "hold_min_ns to 1 s; the most delay the hold may add")
        .field("hold_initial_ns", &jitter_hold_config::hold_initial, "hold_min_ns to hold_max_ns")
        .field("deadline_ns", &jitter_hold_config::deadline, "after origin + baseline; 1 ms to 10 s")
        .field("early_slack_ns", &jitter_hold_config::early_slack,
               "how much longer than the hold an early packet may be kept for an even pace; 0 to 100 ms")
        .field("late", &jitter_hold_config::late, "what happens to a packet past its deadline")
        .field("mode", &jitter_hold_config::mode, "live, or deadline on a shared clock")
        .field("lead_ns", &jitter_hold_config::lead, "deadline mode: 0 to 10 s")
        .field("media_offset_ns", &jitter_hold_config::media_offset, "deadline mode: own clock - sender's clock")
        .field("capacity", &jitter_hold_config::capacity, "packets held at once; 8 to 16384")
        .field("origin_ahead_max_ns", &jitter_hold_config::origin_ahead_max,
               "an origin further ahead of the baseline is refused; 10 ms to 60 s")
        .field("origin_behind_max_ns", &jitter_hold_config::origin_behind_max,
               "and one further behind it; 100 ms to 1 h")
        .field("sequence_jump_max", &jitter_hold_config::sequence_jump_max,
               "a number further ahead is refused; 64 to 2**31")
        .field("restart_packets", &jitter_hold_config::restart_packets,
               "refused packets in a row that prove that the sender restarted; 2 to 64")
        .field("baseline", &jitter_hold_config::baseline);

    using counters = jitter_hold_statistics;
    record<counters>{m, "JitterHoldStatistics", "Packets since creation."}
        .field("accepted", &counters::accepted)
        .field("duplicates", &counters::duplicates)
        .field("dropped_late", &counters::dropped_late, "past the deadline, dropped by policy")
        .field("dropped_stale", &counters::dropped_stale, "too old for the duplicate window to know")
        .field("refused_origin", &counters::refused_origin, "origin absurdly far from the baseline")
        .field("refused_sequence", &counters::refused_sequence, "sequence number absurdly far ahead")
        .field("queue_full", &counters::queue_full)
        .field("released", &counters::released)
        .field("released_late", &counters::released_late, "after their slot")
        .field("released_past_deadline", &counters::released_past_deadline)
        .field("released_by", &counters::released_by, "indexed by Recovery")
        .field("reordered", &counters::reordered)
        .field("level_steps_up", &counters::level_steps_up)
        .field("level_steps_down", &counters::level_steps_down)
        .field("restarts", &counters::restarts, "sender restarts recognised")
        .field("clock_backwards", &counters::clock_backwards);

    record<released_packet>{m, "ReleasedPacket", "A packet whose slot has come."}
        .value("sequence", [](const released_packet& p) { return p.packet.sequence; })
        .value("origin_ns", [](const released_packet& p) { return p.packet.origin; })
        .value(
            "token", [](const released_packet& p) { return p.packet.token; }, "the caller's")
        .value("recovered_by", [](const released_packet& p) { return p.packet.recovered_by; })
        .field("due_ns", &released_packet::due, "its slot")
        .field("lateness_ns", &released_packet::lateness, "how long after its slot it came; 0 in time")
        .field("held_ns", &released_packet::held, "time between push and release")
        .field("past_deadline", &released_packet::past_deadline);

    py::class_<hold_object>{
        m, "JitterHold",
        "Keeps the packets of one stream until their playout slot, in order, without duplicates.\n\n"
        "A packet is a number (token) of the caller, who keeps the bytes."}
        .def(py::init(&create<jitter_hold, jitter_hold_config>), py::arg_v("config", jitter_hold_config{}, "..."))
        .def(
            "push",
            [](hold_object& self, instant now, std::uint64_t sequence, media_time origin, std::uint64_t token,
               recovery recovered_by) {
                return self.use().push(now, {sequence, origin, token, recovered_by});
            },
            py::arg("now_ns"), py::arg("sequence"), py::arg("origin_ns"), py::arg("token"),
            py::arg("recovered_by") = recovery::none,
            "Offers a packet; the token comes out of poll() only when the answer is OK. DUPLICATE, LATE, "
            "OUT_OF_WINDOW\n"
            "and QUEUE_FULL say why not.")
        .def(
            "poll",
            [](hold_object& self, instant now) {
                released_packet out;
                return self.use().poll(now, out) ? std::optional{out} : std::nullopt;
            },
            py::arg("now_ns"), "The next packet whose slot has come, or None.")
        .def(
            "next_timeout", [](hold_object& self) { return ns_or_none(self.use().next_timeout()); },
            "When poll() will have something if nothing else is pushed; None when empty.")
        .def(
            "play", &play, py::arg("now_ns"), py::arg("sequence"), py::arg("origin_ns"),
            "Plays a whole flow in one call, without the GIL: arrival times, sequence numbers (uint64) and origins of\n"
            "its packets. Returns a structured array, one row per released packet in order of release: index (into "
            "the\n"
            "arguments), released_ns, due_ns, lateness_ns, held_ns, past_deadline.")
        .def("set_hold", method(&jitter_hold::set_hold), py::arg("now_ns"), py::arg("hold_ns"),
             "The hold of packets from now on, clamped to the configured range.")
        .def("set_deadline", method(&jitter_hold::set_deadline), py::arg("deadline_ns"))
        .def("set_lead", method(&jitter_hold::set_lead), py::arg("lead_ns"))
        .def("set_media_offset", method(&jitter_hold::set_media_offset), py::arg("offset_ns"),
             "Deadline mode: own clock - sender's clock, as clock synchronisation has it now.")
        .def("reset", method(&jitter_hold::reset), py::arg("now_ns"),
             "Starts a new stream; what is held becomes due now.")
        .def("__len__", method(&jitter_hold::size))
        .def_property_readonly("hold_ns", method(&jitter_hold::hold))
        .def_property_readonly("deadline_ns", method(&jitter_hold::deadline))
        .def_property_readonly("baseline_ns", method(&jitter_hold::baseline),
                               "Relative delay (arrival - origin) of the idle path as now estimated.")
        .def_property_readonly("capacity", method(&jitter_hold::capacity))
        .def_property_readonly("statistics", method(&jitter_hold::statistics));
}

}  // namespace duality::python
