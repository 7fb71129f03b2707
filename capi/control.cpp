// SPDX-License-Identifier: MIT
//
// The regime detector and the controller in C.
#include "configs.hpp"
#include "objects.hpp"

using namespace duality;
using namespace duality::capi;

namespace {

/// A controller and the decision it lends.
struct lending_controller {
    controller object;
    lent_decision lent{};
};

constexpr auto regime_statistics_fields = [](auto&& visit, auto& c, auto& cpp) {
    visit(c.arrivals, cpp.arrivals);
    visit(c.duplicates, cpp.duplicates);
    visit(c.reordered, cpp.reordered);
    visit(c.refused, cpp.refused);
    visit(c.restarts, cpp.restarts);
    visit(c.expected, cpp.expected);
    visit(c.lost, cpp.lost);
    visit(c.loss_bursts, cpp.loss_bursts);
    visit(c.outages, cpp.outages);
    visit(c.level_steps, cpp.level_steps);
    visit(c.delay_alarms, cpp.delay_alarms);
    visit(c.loss_alarms, cpp.loss_alarms);
    visit(c.events_dropped, cpp.events_dropped);
    visit(c.clock_backwards, cpp.clock_backwards);
};

constexpr auto outputs_fields = [](auto&& visit, auto& c, auto& cpp) {
    visit(c.hold_ns, cpp.hold);
    visit(c.parity_bp, cpp.parity_bp);
    visit(c.reactive, cpp.reactive);
    visit(c.second_path, cpp.second_path);
};

constexpr auto controller_statistics_fields = [](auto&& visit, auto& c, auto& cpp) {
    visit(c.updates, cpp.updates);
    visit(c.hold_changes, cpp.hold_changes);
    visit(c.parity_changes, cpp.parity_changes);
    visit(c.reactive_changes, cpp.reactive_changes);
    visit(c.second_path_changes, cpp.second_path_changes);
    visit(c.events_dropped, cpp.events_dropped);
    visit(c.clock_backwards, cpp.clock_backwards);
};

/// The inputs a caller gives, features included.
[[nodiscard]] bool take_inputs(const duality_control_inputs* given, control_inputs& inputs) noexcept {
    duality_control_inputs known{};
    inputs_fields(give{}, known, inputs);
    if (!read_struct(given, known)) return false;
    take visitor;
    inputs_fields(visitor, known, inputs);
    if (visitor.wrong.code != status::ok) return false;
    if (known.features == nullptr) return true;
    duality_regime_features features{};
    if (!read_struct(known.features, features)) return false;
    features_fields(visitor, features, inputs.features);
    return true;
}

}  // namespace

template <>
struct duality::capi::handle_traits<duality_regime_detector> {
    using object = regime_detector;
    static constexpr handle_kind kind = handle_kind::regime_detector;
};

template <>
struct duality::capi::handle_traits<duality_controller> {
    using object = lending_controller;
    static constexpr handle_kind kind = handle_kind::controller;
};

duality_status duality_regime_config_default(duality_regime_config* config) {
    return give_struct(config, regime_config{}, regime_fields);
}

duality_status duality_regime_detector_create(const duality_regime_config* config, const duality_host* host,
                                              duality_failure* failure, duality_regime_detector** detector) {
    regime_config wanted;
    const auto early = take_struct(config, wanted, regime_fields);
    return create("regime detector", host, early, failure, detector,
                  [&](const allocator& memory) { return regime_detector::create(wanted, memory); });
}

duality_status duality_regime_detector_destroy(duality_regime_detector* detector) {
    return destroy(detector);
}

duality_status duality_regime_detector_on_arrival(duality_regime_detector* detector, std::int64_t now_ns,
                                                  std::uint64_t sequence, std::int64_t origin_ns) {
    return with(detector, [&](regime_detector& object) {
        return object.on_arrival(instant::from_ns(now_ns), sequence, media_time::from_ns(origin_ns));
    });
}

duality_status duality_regime_detector_handle_timeout(duality_regime_detector* detector, std::int64_t now_ns) {
    return with(detector, [&](regime_detector& object) {
        object.handle_timeout(instant::from_ns(now_ns));
        return status::ok;
    });
}

duality_status duality_regime_detector_next_timeout(const duality_regime_detector* detector, std::int64_t* at_ns) {
    if (at_ns == nullptr) return DUALITY_INVALID_ARGUMENT;
    return with(detector, [&](const regime_detector& object) {
        *at_ns = object.next_timeout().ns();
        return status::ok;
    });
}

duality_status duality_regime_detector_get_features(const duality_regime_detector* detector, std::int64_t now_ns,
                                                    duality_regime_features* features) {
    if (!sized(features)) return DUALITY_INVALID_ARGUMENT;
    return with(detector, [&](const regime_detector& object) {
        write_struct(features, [&](duality_regime_features& c) {
            give_features(c, object.features(instant::from_ns(now_ns)), object.current());
        });
        return status::ok;
    });
}

duality_status duality_regime_detector_poll_event(duality_regime_detector* detector, duality_regime_event* event) {
    if (!sized(event)) return DUALITY_INVALID_ARGUMENT;
    return with(detector, [&](regime_detector& object) {
        regime_event happened;
        if (!object.poll_event(happened)) return status::need_more;
        write_struct(event, [&](duality_regime_event& c) { regime_event_fields(give{}, c, happened); });
        return status::ok;
    });
}

duality_status duality_regime_detector_get_statistics(const duality_regime_detector* detector,
                                                      duality_regime_statistics* statistics) {
    return with(detector, [&](const regime_detector& object) {
        return static_cast<status>(give_struct(statistics, object.statistics(), regime_statistics_fields));
    });
}

duality_status duality_controller_config_default(duality_controller_config* config) {
    return give_struct(config, controller_config{}, controller_fields);
}

duality_status duality_control_inputs_default(duality_control_inputs* inputs) {
    return give_struct(inputs, control_inputs{}, [](auto&& visit, auto& c, auto& cpp) {
        inputs_fields(visit, c, cpp);
        c.features = nullptr;
    });
}

duality_status duality_controller_create(const duality_controller_config* config, const duality_host* host,
                                         duality_failure* failure, duality_controller** controller) {
    controller_config wanted;
    const auto early = take_struct(config, wanted, controller_fields);
    return create("controller", host, early, failure, controller,
                  [&](const allocator& memory) -> result<lending_controller> {
                      result<duality::controller> made = duality::controller::create(wanted, memory);
                      if (!made) return made.error();
                      return lending_controller{std::move(made).value()};
                  });
}

duality_status duality_controller_destroy(duality_controller* controller) {
    return destroy(controller);
}

duality_status duality_controller_update(duality_controller* controller, std::int64_t now_ns,
                                         const duality_control_inputs* inputs, duality_control_outputs* outputs) {
    if (outputs != nullptr && !sized(outputs)) return DUALITY_INVALID_ARGUMENT;
    return with(controller, [&](lending_controller& lending) {
        control_inputs taken;
        if (!take_inputs(inputs, taken)) return status::invalid_argument;
        const control_outputs& now = lending.object.update(instant::from_ns(now_ns), taken);
        if (outputs != nullptr) (void)give_struct(outputs, now, outputs_fields);
        return status::ok;
    });
}

duality_status duality_controller_get_outputs(const duality_controller* controller, duality_control_outputs* outputs) {
    return with(controller, [&](const lending_controller& lending) {
        return static_cast<status>(give_struct(outputs, lending.object.outputs(), outputs_fields));
    });
}

duality_status duality_controller_poll_event(duality_controller* controller, duality_decision* decision) {
    if (!sized(decision)) return DUALITY_INVALID_ARGUMENT;
    return with(controller, [&](lending_controller& lending) {
        decision_event event;
        if (!lending.object.poll_event(event)) return status::need_more;
        write_struct(decision, [&](duality_decision& c) { lending.lent.give_to(c, event); });
        return status::ok;
    });
}

duality_status duality_controller_get_statistics(const duality_controller* controller,
                                                 duality_controller_statistics* statistics) {
    return with(controller, [&](const lending_controller& lending) {
        return static_cast<status>(give_struct(statistics, lending.object.statistics(), controller_statistics_fields));
    });
}
