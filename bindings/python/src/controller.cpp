// SPDX-License-Identifier: MIT
//
// The controller.
#include "duality/controller.hpp"

#include "support.hpp"

namespace duality::python {

void bind_controller(py::module_& m) {
    config<controller_config>{m, "ControllerConfig", "Configuration of a Controller."}
        .field("law", &controller_config::law)
        .field("hold_min_ns", &controller_config::hold_min, "0 to 1 s; also the hold at start")
        .field("hold_max_ns", &controller_config::hold_max, "hold_min_ns to 1 s")
        .field("parity_max_bp", &controller_config::parity_max_bp, "0 to 10000 basis points")
        .field("hold_enabled", &controller_config::hold_enabled)
        .field("reactive_enabled", &controller_config::reactive_enabled)
        .field("second_path_enabled", &controller_config::second_path_enabled)
        .field("hold_budget_ns", &controller_config::hold_budget, "added delay to keep at p95; 0 to 1 s")
        .field("hold_over_permille", &controller_config::hold_over_permille,
               "share of time that the hold may be deeper; 0 to 1000")
        .field("hold_gain_ppm", &controller_config::hold_gain_ppm, "misses that 1 ms more of hold must save")
        .field("hold_up_per_second_ns", &controller_config::hold_up_per_second, "4 to 1000 ms")
        .field("hold_down_per_second_ns", &controller_config::hold_down_per_second, "4 to 1000 ms")
        .field("clean_ppm", &controller_config::clean_ppm, "loss up to this is a clean path: no parity")
        .field("parity_per_loss_x16", &controller_config::parity_per_loss_x16, "parity = loss * this / 16; 0 to 256")
        .field("parity_up_bp_per_second", &controller_config::parity_up_bp_per_second, "200 to 100000")
        .field("parity_down_bp_per_second", &controller_config::parity_down_bp_per_second, "200 to 100000")
        .field("reactive_permille", &controller_config::reactive_permille,
               "repair on request while the round trip is at most this share of the deadline")
        .field("second_path_linger_ns", &controller_config::second_path_linger, "0 to 60 s");

    config<control_inputs>{m, "ControlInputs", "What a Controller decides by."}
        .field("features", &control_inputs::features)
        .field("current", &control_inputs::current)
        .field("rtt_ns", &control_inputs::rtt, "0: unknown")
        .field("deadline_ns", &control_inputs::deadline)
        .field("second_path_available", &control_inputs::second_path_available)
        .field("congestion", &control_inputs::congestion, "somebody above knows that the losses are congestion")
        .field("overhead_headroom_bp", &control_inputs::overhead_headroom_bp, "parity the overhead budget still allows")
        .field("cpu_share_permille", &control_inputs::cpu_share_permille)
        .field("cpu_cap_permille", &control_inputs::cpu_cap_permille)
        .field("metered_budget_left", &control_inputs::metered_budget_left);

    record<control_outputs>{m, "ControlOutputs", "What a Controller decided."}
        .field("hold_ns", &control_outputs::hold)
        .field("parity_bp", &control_outputs::parity_bp)
        .field("reactive", &control_outputs::reactive)
        .field("second_path", &control_outputs::second_path);

    record<decision_event>{m, "DecisionEvent", "One change of one output, with everything that entered the decision."}
        .field("output", &decision_event::output)
        .field("reason", &decision_event::reason)
        .field("at_ns", &decision_event::at)
        .field("threshold", &decision_event::threshold, "its unit follows from the reason")
        .field("old_value", &decision_event::old_value, "ns (hold), basis points (parity) or 0 and 1")
        .field("new_value", &decision_event::new_value)
        .field("inputs", &decision_event::inputs)
        .field("since_change_ns", &decision_event::since_change, "2**63 - 1 when it never changed")
        .field("quiet_for_ns", &decision_event::quiet_for)
        .field("hold_credit_ns", &decision_event::hold_credit);

    using counters = controller_statistics;
    record<counters>{m, "ControllerStatistics", "Updates and changes since creation."}
        .field("updates", &counters::updates)
        .field("hold_changes", &counters::hold_changes)
        .field("parity_changes", &counters::parity_changes)
        .field("reactive_changes", &counters::reactive_changes)
        .field("second_path_changes", &counters::second_path_changes)
        .field("events_dropped", &counters::events_dropped, "poll_event() was not called")
        .field("clock_backwards", &counters::clock_backwards);

    using object = owned<controller>;
    py::class_<object>{
        m, "Controller",
        "Turns what is known of a path into hold depth, parity rate, repair on request and second-path use."}
        .def(py::init(&create<controller, controller_config>), py::arg_v("config", controller_config{}, "..."))
        .def("update", method(&controller::update), py::arg("now_ns"), py::arg("inputs"),
             "The outputs to use until the next call; call it every 10 to 20 ms or once per packet.")
        .def(
            "poll_event",
            [](object& self) {
                decision_event out;
                return self.use().poll_event(out) ? std::optional{out} : std::nullopt;
            },
            "The next decision, or None.")
        .def_property_readonly("outputs", method(&controller::outputs))
        .def_property_readonly("statistics", method(&controller::statistics));
}

}  // namespace duality::python
