// SPDX-License-Identifier: MIT
//
// The estimators that reports are made of, fed by whole arrays.
#include "duality/statistics.hpp"

#include <vector>

#include "duality/service_level.hpp"
#include "support.hpp"

namespace duality::python {

namespace {

[[nodiscard]] std::unique_ptr<owned<delay_variation>> make_delay_variation() {
    delay_variation made;
    if (!made.create(allocator::system())) raise({status::out_of_memory, {}});
    return std::make_unique<owned<delay_variation>>(std::move(made));
}

/// `add` for every element of an int64 array, without the GIL.
template <class T>
void add_all(owned<T>& self, const py::object& values, const char* name) {
    const array_view<const std::int64_t> view{values, name, 1};
    typename owned<T>::batch batch{self};
    const py::gil_scoped_release free;
    for (std::size_t i = 0; i < view.extent(0); ++i) batch.object.add(duration::from_ns(view[i]));
}

/// The verbs that all of them have.
template <class T>
void add_verbs(py::class_<owned<T>>& c) {
    c.def("add", method(&T::add), py::arg("delay_ns"))
        .def(
            "add_all", [](owned<T>& self, const py::object& delays) { add_all(self, delays, "delay_ns"); },
            py::arg("delay_ns"), "Every element of an int64 array, in one call without the GIL.")
        .def("clear", method(&T::clear));
}

using service_level_object = owned<service_level>;

/// Times and fates in, times of the alarms out.
[[nodiscard]] py::array_t<std::int64_t> observe_all(service_level_object& self, const py::object& at,
                                                    const py::object& in_time) {
    const array_view<const std::int64_t> times{at, "at_ns", 1};
    const array_view<const bool> fates{in_time, "in_time", 1};
    require_length(fates.extent(0), times.extent(0), "in_time");
    std::vector<std::int64_t> alarms;
    service_level_object::batch batch{self};
    {
        const py::gil_scoped_release free;
        for (std::size_t i = 0; i < times.extent(0); ++i)
            if (batch.object.observe(instant::from_ns(times[i]), fates[i])) alarms.push_back(times[i]);
    }
    return py::array_t<std::int64_t>{static_cast<py::ssize_t>(alarms.size()), alarms.data()};
}

void bind_service_level(py::module_& m) {
    config<service_level_config>{m, "ServiceLevelConfig", "Configuration of a ServiceLevel."}
        .field("miss_max_ppm", &service_level_config::miss_max_ppm,
               "agreed share of packets that miss the deadline; 1 to 500000")
        .field("block_ns", &service_level_config::block, "an alarm comes at the end of one; 10 ms to 1 h")
        .field("promise", &service_level_config::promise, "what is promised of false alarms")
        .field("between_false_alarms_ns", &service_level_config::between_false_alarms,
               "with MEAN_TIME; 1 min to 10 years")
        .field("false_alarm_ppm", &service_level_config::false_alarm_ppm, "with PROBABILITY; 1 to 500000");

    using counters = service_level_statistics;
    record<counters>{m, "ServiceLevelStatistics", "Packets, blocks and alarms since creation."}
        .field("packets", &counters::packets)
        .field("missed", &counters::missed, "of them, their deadline")
        .field("blocks", &counters::blocks, "ended, with packets in them")
        .field("alarms", &counters::alarms)
        .field("last_alarm_ns", &counters::last_alarm, "2**63 - 1: none yet")
        .field("clock_backwards", &counters::clock_backwards);

    py::class_<service_level_object>{
        m, "ServiceLevel",
        "Raises an alarm when more packets miss their deadline than was agreed. It may be asked after every packet;\n"
        "false alarms come no more often than promised all the same."}
        .def(py::init([](const service_level_config& wanted) {
                 result<service_level> made = service_level::create(wanted);
                 if (!made) raise(made.error(), py::cast(wanted));
                 return std::make_unique<service_level_object>(std::move(made).value());
             }),
             py::arg_v("config", service_level_config{}, "..."))
        .def("observe", method(&service_level::observe), py::arg("at_ns"), py::arg("in_time"),
             "A packet's fate became known. True: an alarm was raised, for the blocks that ended before.")
        .def("observe_all", &observe_all, py::arg("at_ns"), py::arg("in_time"),
             "Many packets in one call, without the GIL: arrays of int64 and bool. The times of the alarms.")
        .def("advance", method(&service_level::advance), py::arg("at_ns"), "Lets time pass without a packet.")
        .def_property_readonly("evidence", method(&service_level::evidence), "what the bets have come to")
        .def_property_readonly("threshold", method(&service_level::threshold), "evidence that raises an alarm")
        .def_property_readonly("statistics", method(&service_level::statistics));
}

}  // namespace

void bind_statistics(py::module_& m) {
    py::class_<owned<delay_variation>> variation{
        m, "DelayVariation", "Packet delay variation (RFC 5481, section 4.2): each delay less the least one."};
    variation.def(py::init(&make_delay_variation));
    add_verbs(variation);
    variation
        .def("quantile_ns", method(&delay_variation::quantile), py::arg("permyriad"),
             "The variation that a share of permyriad / 10000 of the packets does not exceed.")
        .def("__len__", method(&delay_variation::samples));

    py::class_<owned<delay_histogram>> histogram{
        m, "DelayHistogram", "Histogram of delays; about the last 2**forget_shift samples count, all with shift 0."};
    histogram.def(py::init([](unsigned forget_shift) {
                      if (forget_shift > 14) raise(status::invalid_argument, "forget_shift must be between 0 and 14");
                      return std::make_unique<owned<delay_histogram>>(delay_histogram{forget_shift});
                  }),
                  py::arg("forget_shift") = 0);
    add_verbs(histogram);
    histogram.def("quantile_ns", method(&delay_histogram::quantile), py::arg("permyriad"))
        .def("above_ppm", method(&delay_histogram::above_ppm), py::arg("limit_ns"), "Share above a limit.")
        .def("__len__", method(&delay_histogram::samples));

    py::class_<owned<interarrival_jitter>> jitter{
        m, "InterarrivalJitter", "Interarrival jitter of RFC 3550, section 6.4.1, of relative delays."};
    jitter.def(py::init([] { return std::make_unique<owned<interarrival_jitter>>(interarrival_jitter{}); }));
    add_verbs(jitter);
    jitter.def_property_readonly("value_ns", method(&interarrival_jitter::value));

    py::class_<owned<outage_ledger>> ledger{m, "OutageLedger", "Silences by length: at least 40, 80, 120 and 300 ms."};
    ledger.def(py::init([] { return std::make_unique<owned<outage_ledger>>(outage_ledger{}); }));
    add_verbs(ledger);
    ledger.def_property_readonly("counts", method(&outage_ledger::counts))
        .def_property_readonly("longest_ns", method(&outage_ledger::longest))
        .def_property_readonly("total_ns", method(&outage_ledger::total), "sum of those from 40 ms on");

    using object = owned<burst_gap>;
    py::class_<object>{m, "BurstGap", "Burst and gap metrics of RFC 3611, section 4.7.2."}
        .def(py::init([](unsigned gmin) {
                 if (gmin < 1 || gmin > 255) raise(status::invalid_argument, "gmin must be between 1 and 255");
                 return std::make_unique<object>(burst_gap{static_cast<std::uint8_t>(gmin)});
             }),
             py::arg("gmin") = 16)
        .def("add", method(&burst_gap::add), py::arg("lost"), "The fate of the next packet in order of sequence.")
        .def(
            "add_all",
            [](object& self, const py::object& lost) {
                const array_view<const bool> view{lost, "lost", 1};
                object::batch batch{self};
                const py::gil_scoped_release free;
                for (std::size_t i = 0; i < view.extent(0); ++i) batch.object.add(view[i]);
            },
            py::arg("lost"), "Every element of a bool array, in one call without the GIL.")
        .def("clear", method(&burst_gap::clear))
        .def_property_readonly("packets", method(&burst_gap::packets))
        .def_property_readonly("lost", method(&burst_gap::lost))
        .def_property_readonly("bursts", method(&burst_gap::bursts))
        .def_property_readonly("burst_density_ppm", method(&burst_gap::burst_density_ppm))
        .def_property_readonly("gap_density_ppm", method(&burst_gap::gap_density_ppm))
        .def_property_readonly("mean_burst_packets", method(&burst_gap::mean_burst_packets))
        .def_property_readonly("mean_gap_packets", method(&burst_gap::mean_gap_packets));

    bind_service_level(m);
}

}  // namespace duality::python
