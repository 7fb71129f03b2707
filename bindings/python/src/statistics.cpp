// SPDX-License-Identifier: MIT
//
// The estimators that reports are made of, fed by whole arrays.
#include "duality/statistics.hpp"

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
}

}  // namespace duality::python
