// SPDX-License-Identifier: MIT
//
// Clock sync.
#include "duality/clock_sync.hpp"

#include "support.hpp"

namespace duality::python {

void bind_clock(py::module_& m) {
    config<clock_sync_config>{m, "ClockSyncConfig", "Configuration of a ClockSync."}
        .field("fast_interval_ns", &clock_sync_config::fast_interval, "between the first requests; 10 ms to 10 s")
        .field("fast_requests", &clock_sync_config::fast_requests, "so many of them; 4 to 1000")
        .field("octave_requests", &clock_sync_config::octave_requests,
               "then the interval doubles after every so many; 1 to 1000")
        .field("slow_interval_ns", &clock_sync_config::slow_interval, "up to this; fast_interval_ns to 1 h")
        .field("lock_samples", &clock_sync_config::lock_samples, "exchanges that make it locked; 2 to 64")
        .field("restart_samples", &clock_sync_config::restart_samples,
               "contradictions in a row that prove another clock; 2 to 8")
        .field("round_trip_max_ns", &clock_sync_config::round_trip_max, "an exchange that took longer is refused")
        .field("holdover_after_ns", &clock_sync_config::holdover_after, "silence that ends LOCKED; 100 ms to 1 h")
        .field("skew_max_ppm", &clock_sync_config::skew_max_ppm, "most the clocks can drift apart; 1 to 1000")
        .field("holdover_ppm", &clock_sync_config::holdover_ppm, "the bound never grows more slowly; 1 to 1000")
        .field("slew_max_ppm", &clock_sync_config::slew_max_ppm, "10 to 100000");

    record<clock_estimate>{m, "ClockEstimate", "What is known of the peer's clock."}
        .field("state", &clock_estimate::state)
        .field("offset_ns", &clock_estimate::offset, "the peer's clock - ours")
        .field("error_bound_ns", &clock_estimate::error_bound, "the true offset is within offset_ns +- this")
        .field("skew_ppb", &clock_estimate::skew_ppb, "how fast the offset grows, in ns per second")
        .field("skew_error_ppb", &clock_estimate::skew_error_ppb, "how fast the bound grows")
        .field("round_trip_min_ns", &clock_estimate::round_trip_min)
        .field("samples", &clock_estimate::samples, "exchanges in use")
        .field("epoch", &clock_estimate::epoch, "counts the peer's clocks");

    using counters = clock_sync_statistics;
    record<counters>{m, "ClockSyncStatistics", "Exchanges since creation."}
        .field("requests", &counters::requests)
        .field("accepted", &counters::accepted)
        .field("duplicates", &counters::duplicates)
        .field("unknown", &counters::unknown)
        .field("absurd", &counters::absurd)
        .field("too_slow", &counters::too_slow)
        .field("contradictions", &counters::contradictions)
        .field("restarts", &counters::restarts)
        .field("clock_backwards", &counters::clock_backwards);

    using object = owned<clock_sync>;
    py::class_<object>{m, "ClockSync",
                       "What the peer's monotonic clock shows now, with a bound on the error, from four timestamps."}
        .def(py::init(&create<clock_sync, clock_sync_config>), py::arg_v("config", clock_sync_config{}, "..."))
        .def("next_request", method(&clock_sync::next_request), "When to send the next request, ns.")
        .def("on_request", method(&clock_sync::on_request), py::arg("now_ns"),
             "A request leaves now; returns t1, which the peer sends back.")
        .def("on_request_refused", method(&clock_sync::on_request_refused), py::arg("now_ns"),
             "It was due and could not leave.")
        .def("on_response", method(&clock_sync::on_response), py::arg("now_ns"), py::arg("t1_ns"), py::arg("t2_ns"),
             py::arg("t3_ns"),
             "The answer to the request of t1: it arrived at the peer at t2 and the answer left at t3, on the peer's "
             "clock.\n"
             "The status says what became of it; nothing a peer can send raises.")
        .def("reset", method(&clock_sync::reset), py::arg("now_ns"), "The peer is another one: asks anew.")
        .def("estimate", method(&clock_sync::estimate), py::arg("now_ns"))
        .def("to_peer", method(&clock_sync::to_peer), py::arg("now_ns"), "What the peer's clock shows.")
        .def("from_peer", method(&clock_sync::from_peer), py::arg("peer_ns"), "When the peer's clock shows that.")
        .def_property_readonly("known", method(&clock_sync::known))
        .def_property_readonly("statistics", method(&clock_sync::statistics));
}

}  // namespace duality::python
