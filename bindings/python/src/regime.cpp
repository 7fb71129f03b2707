// SPDX-License-Identifier: MIT
//
// The regime detector.
#include "duality/regime.hpp"

#include <vector>

#include "support.hpp"

namespace duality::python {

namespace {

using detector_object = owned<regime_detector>;

/// Arrival times, sequence numbers and origins in; status and regime after each arrival, and the events, out.
[[nodiscard]] py::tuple on_arrivals(detector_object& self, const py::object& now, const py::object& sequence,
                                    const py::object& origin) {
    const array_view<const std::int64_t> arrivals{now, "now_ns", 1};
    const array_view<const std::uint64_t> sequences{sequence, "sequence", 1};
    const array_view<const std::int64_t> origins{origin, "origin_ns", 1};
    const std::size_t count = arrivals.extent(0);
    require_length(sequences.extent(0), count, "sequence");
    require_length(origins.extent(0), count, "origin_ns");
    py::array_t<std::int8_t> statuses{static_cast<py::ssize_t>(count)};
    py::array_t<std::uint8_t> regimes{static_cast<py::ssize_t>(count)};
    std::int8_t* const status_of = statuses.mutable_data();
    std::uint8_t* const regime_of = regimes.mutable_data();
    std::vector<regime_event> events;
    detector_object::batch batch{self};
    {
        const py::gil_scoped_release free;
        regime_event event;
        for (std::size_t i = 0; i < count; ++i) {
            const status answer =
                batch.object.on_arrival(instant::from_ns(arrivals[i]), sequences[i], media_time::from_ns(origins[i]));
            status_of[i] = static_cast<std::int8_t>(answer);
            regime_of[i] = static_cast<std::uint8_t>(batch.object.current());
            while (batch.object.poll_event(event)) events.push_back(event);
        }
    }
    return py::make_tuple(statuses, regimes, events);
}

}  // namespace

void bind_regime(py::module_& m) {
    config<change_config>{m, "ChangeConfig", "Configuration of the change detector inside a RegimeDetector."}
        .field("enabled", &change_config::enabled)
        .field("false_alarms_per_1000_hours", &change_config::false_alarms_per_1000_hours,
               "wanted false alarms, delay and loss together; 1 to 1000000")
        .field("margin_ns", &change_config::margin, "a delay must exceed a quantile by this much; 0 to 100 ms");

    config<regime_config>{m, "RegimeConfig", "Configuration of a RegimeDetector."}
        .field("gap_floor_ns", &regime_config::gap_floor, "least gap limit; 1 ms to 1 s")
        .field("gap_ceiling_ns", &regime_config::gap_ceiling, "greatest gap limit; up to 10 s")
        .field("gap_margin_ns", &regime_config::gap_margin, "above the inter-arrival quantile; 0 to 1 s")
        .field("gap_permyriad", &regime_config::gap_permyriad, "which inter-arrival quantile; 5000 to 9999")
        .field("burst_max_ns", &regime_config::burst_max, "a longer run of missing packets is an outage; 1 ms to 10 s")
        .field("jittery_above_ns", &regime_config::jittery_above, "j_fast that makes a path jittery; 0.1 ms to 1 s")
        .field("jittery_below_ns", &regime_config::jittery_below, "and under which it stops")
        .field("lossy_from", &regime_config::lossy_from, "loss20 that makes a path lossy; 1 to 20")
        .field("congested_above_ns", &regime_config::congested_above,
               "queue delay that makes a path congested; 1 ms to 1 s")
        .field("congested_below_ns", &regime_config::congested_below, "and under which it stops")
        .field("congested_time_ns", &regime_config::congested_time, "how long it must last; 0 to 10 s")
        .field("linger_ns", &regime_config::linger,
               "a calmer regime begins only this long after the last sign; 0 to 60 s")
        .field("sequence_jump_max", &regime_config::sequence_jump_max, "a number further ahead is refused; 64 to 2**31")
        .field("delay_jump_max_ns", &regime_config::delay_jump_max,
               "a relative delay further off the baseline is refused; 100 ms to 1 h")
        .field("restart_packets", &regime_config::restart_packets,
               "consistent refusals in a row that prove a restart of the sender; 2 to 64")
        .field("baseline", &regime_config::baseline)
        .field("change", &regime_config::change);

    config<regime_features>{m, "RegimeFeatures", "What a RegimeDetector knows of a path."}
        .field("j_fast_ns", &regime_features::j_fast, "EWMA 0.2 of the inter-arrival deviation")
        .field("j_slow_ns", &regime_features::j_slow, "EWMA 0.05 of the same")
        .field("loss20", &regime_features::loss20, "packets missing among the last 20 expected")
        .field("loss_ppm", &regime_features::loss_ppm, "loss share over about 128 packets, outages left out")
        .field("loss_slow_ppm", &regime_features::loss_slow_ppm, "the same over about 1024 packets")
        .field("mean_burst_x16", &regime_features::mean_burst_x16, "mean length of a loss burst in 1/16 packets")
        .field("gap_ns", &regime_features::gap, "length of the present silence")
        .field("gap_limit_ns", &regime_features::gap_limit, "silence from which on this flow is in an outage")
        .field("interval_ns", &regime_features::interval, "mean spacing of packets at the sender")
        .field("delay_above_baseline_ns", &regime_features::delay_above_baseline, "of the latest packet")
        .field("queue_delay_ns", &regime_features::queue_delay, "least delay above the baseline of the last 8 packets")
        .field("delay_p50_ns", &regime_features::delay_p50, "quantiles of the delay above the baseline")
        .field("delay_p95_ns", &regime_features::delay_p95)
        .field("delay_p99_ns", &regime_features::delay_p99)
        .field("miss_ppm", &regime_features::miss_ppm, "share of packets later than 0, 5, 10, 15, 20, 25, 30 and 40 ms")
        .field("packets", &regime_features::packets, "arrivals behind all this");

    record<regime_event>{m, "RegimeEvent", "Something a RegimeDetector noticed."}
        .field("kind", &regime_event::what)
        .field("at_ns", &regime_event::at)
        .value(
            "before", [](const regime_event& e) { return e.from; }, "regime before, of CHANGED")
        .value(
            "after", [](const regime_event& e) { return e.to; }, "regime after, of CHANGED")
        .field("baseline_before_ns", &regime_event::baseline_before, "of LEVEL_STEP")
        .field("baseline_after_ns", &regime_event::baseline_after, "of LEVEL_STEP");

    using counters = regime_statistics;
    record<counters>{m, "RegimeStatistics", "Packets and events since creation."}
        .field("arrivals", &counters::arrivals)
        .field("duplicates", &counters::duplicates)
        .field("reordered", &counters::reordered)
        .field("refused", &counters::refused, "sequence number or delay absurdly far off")
        .field("restarts", &counters::restarts)
        .field("expected", &counters::expected, "packets whose fate is settled")
        .field("lost", &counters::lost, "of those, missing")
        .field("loss_bursts", &counters::loss_bursts, "runs of missing packets, outages included")
        .field("outages", &counters::outages, "silences that reached the gap limit")
        .field("level_steps", &counters::level_steps)
        .field("delay_alarms", &counters::delay_alarms)
        .field("loss_alarms", &counters::loss_alarms)
        .field("events_dropped", &counters::events_dropped, "poll_event() was not called")
        .field("clock_backwards", &counters::clock_backwards);

    py::class_<detector_object>{
        m, "RegimeDetector",
        "Says whether a path is calm, jittery, lossy, congested or out, from the arrivals of one\n"
        "flow. Feed it packets that arrived on their own, never rebuilt ones."}
        .def(py::init(&create<regime_detector, regime_config>), py::arg_v("config", regime_config{}, "..."))
        .def("on_arrival", method(&regime_detector::on_arrival), py::arg("now_ns"), py::arg("sequence"),
             py::arg("origin_ns"),
             "A packet that arrived. DUPLICATE, LATE and OUT_OF_WINDOW say that it taught nothing; never raises for "
             "them.")
        .def("on_arrivals", &on_arrivals, py::arg("now_ns"), py::arg("sequence"), py::arg("origin_ns"),
             "Many packets in one call, without the GIL: arrays of int64, uint64 and int64, read where they lie.\n"
             "Returns (status of each, regime after each, list of all events).")
        .def("handle_timeout", method(&regime_detector::handle_timeout), py::arg("now_ns"),
             "Lets time pass: silence becomes an outage.")
        .def(
            "next_timeout", [](detector_object& self) { return ns_or_none(self.use().next_timeout()); },
            "When the present silence becomes an outage; None during one and before the first packet.")
        .def("features", method(&regime_detector::features), py::arg("now_ns"), "Everything as of now.")
        .def(
            "poll_event",
            [](detector_object& self) {
                regime_event out;
                return self.use().poll_event(out) ? std::optional{out} : std::nullopt;
            },
            "The next event, or None.")
        .def_property_readonly("current", method(&regime_detector::current))
        .def_property_readonly("baseline_ns", method(&regime_detector::baseline))
        .def_property_readonly("statistics", method(&regime_detector::statistics));
}

}  // namespace duality::python
