// SPDX-License-Identifier: MIT
//
// The lab: runs in virtual time, recorded traces.
#include <string>
#include <vector>

#include "duality/lab/simulation.hpp"
#include "duality/lab/trace.hpp"
#include "support.hpp"

namespace duality::python {

namespace {

static_assert(sizeof(lab::trace_row) == 2 * sizeof(std::int64_t), "a trace is an array of pairs of int64");

/// One packet of a run, as NumPy has it.
struct packet_row {
    std::int64_t sent_ns;
    std::int64_t baseline_ns;
    std::int64_t arrived_ns;
    std::int64_t available_ns;
    std::int64_t released_ns;
    std::uint8_t recovered_by;
    bool rejected;
    bool cancelled;
};

struct event_row {
    std::int64_t at_ns;
    std::uint8_t kind;
    std::uint32_t subject;
    std::uint64_t a;
    std::uint64_t b;
};

/// The figures under the names that the command line has for them.
[[nodiscard]] py::dict figures_of(const lab::run_result& run) {
    py::dict out;
    for (const lab::figure_info& figure : lab::figure_table()) {
        const double value = figure.get(run.outcome);
        const py::str name{figure.name.data(), figure.name.size()};
        if (figure.count)
            out[name] = static_cast<std::uint64_t>(value);
        else
            out[name] = value;
    }
    out["framing_pct"] = run.framing.framing_pct;
    out["hot_duplicate_pct"] = run.framing.hot_pct;
    out["suspicions"] = run.alarms.suspicions;
    out["failovers"] = run.alarms.failovers;
    out["false_alarms"] = run.alarms.false_alarms;
    return out;
}

[[nodiscard]] py::dict fates_of(const lab::run_result& run) {
    const lab::packet_fates& f = run.outcome.fates;
    py::dict out;
    out["delivered"] = f.delivered;
    out["late"] = f.late;
    out["unrecoverable"] = f.unrecoverable;
    out["rejected"] = f.rejected;
    out["cancelled"] = f.cancelled;
    return out;
}

[[nodiscard]] py::array_t<packet_row> packets_of(const lab::run_result& run) {
    py::array_t<packet_row> out{static_cast<py::ssize_t>(run.packets.size())};
    packet_row* row = out.mutable_data();
    for (const lab::packet_record& p : run.packets)
        *row++ = {p.sent.ns(),      p.baseline.ns(), p.arrived.ns(),
                  p.available.ns(), p.released.ns(), static_cast<std::uint8_t>(p.recovered_by),
                  p.rejected,       p.cancelled};
    return out;
}

[[nodiscard]] py::array_t<event_row> events_of(const lab::run_result& run) {
    py::array_t<event_row> out{static_cast<py::ssize_t>(run.log.size())};
    event_row* row = out.mutable_data();
    for (const lab::event& e : run.log) *row++ = {e.at.ns(), static_cast<std::uint8_t>(e.kind), e.subject, e.a, e.b};
    return out;
}

[[nodiscard]] lab::run_result run_over(const lab::scenario& network, const lab::simulation_config& settings,
                                       const std::vector<instant>& sends) {
    result<lab::run_result> done = [&] {
        const py::gil_scoped_release free;
        return lab::simulate(network, settings, sends);
    }();
    if (!done) raise(done.error(), py::cast(settings));
    return std::move(done).value();
}

[[nodiscard]] lab::run_result run(lab::family family, std::uint64_t seed, const lab::simulation_config& settings,
                                  duration length, std::uint32_t packets_per_second) {
    static constexpr field_bounds bounds[] = {{"length_ns", 1'000'000'000, 3'600'000'000'000, "ns"},
                                              {"packets_per_second", 1, 1'000, "packets"}};
    config_check limits{bounds};
    limits.in_range("length_ns", length.ns()).in_range("packets_per_second", packets_per_second);
    if (!limits.ok()) raise(limits.error());
    const lab::scenario network = [&] {
        const py::gil_scoped_release free;
        return lab::make_scenario(family, seed, length, packets_per_second);
    }();
    return run_over(network, settings, {});
}

[[nodiscard]] lab::run_result replay(const lab::trace& primary, const lab::trace* second, std::uint64_t seed,
                                     const lab::simulation_config& settings, std::uint32_t packets_per_second) {
    result<lab::scenario> network = lab::replay_scenario(primary, second, seed);
    if (!network) raise(network.error());
    std::vector<instant> sends;
    if (packets_per_second == 0) {
        for (const lab::trace_row& row : primary.rows) sends.push_back(instant::from_ns(row.send_ns));
    } else {
        const duration interval = duration::from_ns(1'000'000'000 / packets_per_second);
        for (instant at{}; at <= instant{} + primary.length(); at += interval) sends.push_back(at);
    }
    return run_over(network.value(), settings, sends);
}

[[nodiscard]] lab::trace parse(const std::string& text, bool round_trip, const std::string& carrier,
                               std::optional<std::size_t> session) {
    lab::trace out;
    lab::trace_error why;
    const lab::trace_options options{
        .round_trip = round_trip, .carrier = carrier, .session = session.value_or(lab::trace_options::all_sessions)};
    const status answer = [&] {
        const py::gil_scoped_release free;
        return lab::parse_trace(text, options, out, why);
    }();
    if (failed(answer)) raise(answer, why.to_string());
    return out;
}

[[nodiscard]] lab::trace from_arrays(const py::object& send, const py::object& delay, bool round_trip) {
    const array_view<const std::int64_t> sends{send, "send_ns", 1};
    const array_view<const std::int64_t> delays{delay, "delay_ns", 1};
    require_length(delays.extent(0), sends.extent(0), "delay_ns");
    lab::trace out;
    out.round_trip = round_trip;
    out.rows.reserve(sends.extent(0));
    for (std::size_t i = 0; i < sends.extent(0); ++i) {
        if (delays[i] < lab::trace_row::lost || sends[i] < (i == 0 ? 0 : sends[i - 1]))
            raise(status::invalid_argument, "row " + std::to_string(i) +
                                                ": send times begin at 0 or later and never go back, delays are not "
                                                "negative except for -1, a loss");
        out.rows.push_back({sends[i] - sends[0], delays[i]});
    }
    return out;
}

/// The rows where they lie, as an (n, 2) array that keeps the trace alive.
[[nodiscard]] py::array rows_of(const py::object& self) {
    const auto& trace = self.cast<const lab::trace&>();
    const auto count = static_cast<py::ssize_t>(trace.rows.size());
    py::array_t<std::int64_t> out{
        {count, py::ssize_t{2}}, reinterpret_cast<const std::int64_t*>(trace.rows.data()), self};
    out.attr("flags").attr("writeable") = false;
    return out;
}

}  // namespace

void bind_lab(py::module_& m) {
    PYBIND11_NUMPY_DTYPE(packet_row, sent_ns, baseline_ns, arrived_ns, available_ns, released_ns, recovered_by,
                         rejected, cancelled);
    PYBIND11_NUMPY_DTYPE(event_row, at_ns, kind, subject, a, b);

    using settings = lab::simulation_config;
    config<settings>{m, "SimulationConfig", "What a run of the lab does to its flow."}
        .field("protection", &settings::protection)
        .field("law", &settings::law)
        .field("hold_ns", &settings::hold, "slot after the idle path's arrival, and the least hold of the buffer")
        .field("deadline_ns", &settings::deadline, "after the idle path's arrival")
        .field("payload", &settings::payload, "bytes of each application packet; 16 to 1200")
        .field("overhead_cap_bp", &settings::overhead_cap_bp, "hard cap of extra bytes, basis points")
        .field("metered_budget", &settings::metered_budget, "of the second path")
        .field("suspicion_margin_ns", &settings::suspicion_margin, "silence beyond the habit of a path that is normal");

    record<lab::run_result>{m, "RunResult", "What became of every packet of a run."}
        .value("figures", &figures_of, "by name, as in `duality lab run --json`")
        .value("fates", &fates_of, "packets by fate")
        .field("event_hash", &lab::run_result::event_hash, "the same on every machine")
        .field("event_count", &lab::run_result::events)
        .field("near", &lab::run_result::near, "the sending end; all zero for BASELINE")
        .field("far", &lab::run_result::far, "the receiving end")
        .value("packets", &packets_of,
               "one row per packet, with keep_packets: sent_ns, baseline_ns, arrived_ns, available_ns, released_ns "
               "(NEVER\n"
               "when it never happened), recovered_by, rejected, cancelled")
        .value("events", &events_of, "one row per event, with keep_events: at_ns, kind, subject, a, b");

    py::class_<lab::trace>{m, "Trace", "A recorded path: when packets were sent, and how long they took."}
        .def(py::init(&from_arrays), py::arg("send_ns"), py::arg("delay_ns"), py::arg("round_trip") = false,
             "From int64 arrays; a delay of -1 is a loss. Send times are moved so that the first one is 0.")
        .def_static("parse", &parse, py::arg("text"), py::arg("round_trip") = false, py::arg("carrier") = "",
                    py::arg("session") = py::none(), "From CSV text; raises MALFORMED naming the line.")
        .def("__len__", [](const lab::trace& t) { return t.rows.size(); })
        .def_property_readonly("rows", &rows_of, "(n, 2) int64, read-only, not a copy: send_ns and delay_ns (-1: lost)")
        .def_readonly("round_trip", &lab::trace::round_trip)
        .def_property_readonly("length_ns", &lab::trace::length)
        .def(
            "baseline",
            [](const lab::trace& t) {
                const std::vector<std::int64_t> values = lab::trace_baseline(t.rows);
                return py::array_t<std::int64_t>{static_cast<py::ssize_t>(values.size()), values.data()};
            },
            "The idle path's delay along the trace, ns, one value every 100 ms.");

    m.def(
        "simulate",
        [](lab::family family, std::uint64_t seed, settings s, duration length, std::uint32_t packets_per_second,
           bool keep_packets, bool keep_events) {
            s.keep_packets = keep_packets;
            if (keep_events) s.keep_events = lab::event_log::retention::all;
            return run(family, seed, s, length, packets_per_second);
        },
        py::arg("family"), py::arg("seed"), py::arg("config"), py::arg("length_ns"), py::arg("packets_per_second"),
        py::arg("keep_packets"), py::arg("keep_events"), "One run; see duality.lab.run.");
    m.def(
        "replay",
        [](const lab::trace& primary, const lab::trace* second, std::uint64_t seed, settings s,
           std::uint32_t packets_per_second, bool keep_packets, bool keep_events) {
            s.keep_packets = keep_packets;
            if (keep_events) s.keep_events = lab::event_log::retention::all;
            return replay(primary, second, seed, s, packets_per_second);
        },
        py::arg("primary"), py::arg("second"), py::arg("seed"), py::arg("config"), py::arg("packets_per_second"),
        py::arg("keep_packets"), py::arg("keep_events"), "One run over recorded paths; see duality.lab.replay.");
}

}  // namespace duality::python
