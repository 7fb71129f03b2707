// SPDX-License-Identifier: MIT
//
// The session in C.
#include "duality/session.hpp"

#include "configs.hpp"
#include "objects.hpp"
#include "session_log.hpp"

using namespace duality;
using namespace duality::capi;

namespace {

constexpr auto scheduler_fields = [](auto&& visit, auto& c, auto& cpp) {
    visit(c.max_paths, cpp.max_paths);
    visit(c.report_worth, cpp.report_worth);
    visit(c.leave_suspects, cpp.leave_suspects);
    visit(c.report_interval_ns, cpp.report_interval);
    visit(c.suspicion_margin_ns, cpp.suspicion_margin);
    visit(c.dead_after_ns, cpp.dead_after);
    visit(c.late_after_ns, cpp.late_after);
    visit(c.probe_interval_ns, cpp.probe_interval);
    visit(c.keep_alive_ns, cpp.keep_alive);
    visit(c.recovery_time_ns, cpp.recovery_time);
};

constexpr auto session_fields = [](auto&& visit, auto& c, auto& cpp) {
    visit(c.max_payload, cpp.max_payload);
    visit(c.max_streams, cpp.max_streams);
    visit(c.protected_packets, cpp.protected_packets);
    visit(c.receive_packets, cpp.receive_packets);
    visit(c.queue, cpp.queue);
    visit(c.overhead_cap_bp, cpp.overhead_cap_bp);
    visit(c.control_share_bp, cpp.control_share_bp);
    visit(c.reorder_delay_ns, cpp.reorder_delay);
    visit(c.path_skew_ns, cpp.path_skew);
    visit(c.parity, cpp.parity);
    visit(c.reactive, cpp.reactive);
    visit(c.second_path, cpp.second_path);
    visit(c.stream_mode, cpp.stream.mode, stream_mode::spread, "stream.mode");
    visit(c.stream_deadline_ns, cpp.stream.deadline);
    visit(c.stream_late, cpp.stream.late, late_policy::deliver, "stream.late");
    visit(c.sync_clock, cpp.sync_clock);
    visit(c.close_timeout_ns, cpp.close_timeout);
    visit(c.epoch, cpp.epoch);
    visit(c.stream_weight, cpp.stream.weight);
    visit(c.events, cpp.events);
    visit(c.lane_carry, cpp.lane.carry);
    visit(c.lane_queue, cpp.lane.queue);
    visit(c.lane_window, cpp.lane.window);
    visit(c.lane_repeat_interval_ns, cpp.lane.repeat_interval);
};

constexpr auto path_fields = [](auto&& visit, auto& c, auto& cpp) {
    visit(c.cost, cpp.cost, cost_class::metered, "cost");
    visit(c.day_bytes, cpp.budget.day_bytes);
    visit(c.month_bytes, cpp.budget.month_bytes);
    visit(c.initial_rtt_ns, cpp.initial_rtt);
    visit(c.datagram_overhead, cpp.datagram_overhead);
    visit(c.max_datagram, cpp.max_datagram);
    visit(c.ahead_bp, cpp.budget.ahead_bp);
    visit(c.seal_overhead, cpp.seal_overhead);
    visit(c.carry_bp, cpp.budget.carry_bp);
};

constexpr auto stream_fields = [](auto&& visit, auto& c, auto& cpp) {
    visit(c.mode, cpp.mode, stream_mode::spread, "mode");
    visit(c.deadline_ns, cpp.deadline);
    visit(c.late, cpp.late, late_policy::deliver, "late");
    visit(c.weight, cpp.weight);
};

constexpr auto session_statistics_fields = [](auto&& visit, auto& c, auto& cpp) {
    visit(c.source_packets, cpp.sender.source.packets);
    visit(c.source_bytes, cpp.sender.source.bytes);
    visit(c.framing_bytes, cpp.sender.framing_bytes);
    visit(c.parity_packets, cpp.sender.parity.packets);
    visit(c.parity_bytes, cpp.sender.parity.bytes);
    visit(c.reactive_packets, cpp.sender.reactive.packets);
    visit(c.reactive_bytes, cpp.sender.reactive.bytes);
    visit(c.copies_packets, cpp.sender.copies.packets);
    visit(c.copies_bytes, cpp.sender.copies.bytes);
    visit(c.hot_copies_packets, cpp.sender.hot_copies.packets);
    visit(c.hot_copies_bytes, cpp.sender.hot_copies.bytes);
    visit(c.control_packets, cpp.sender.control.packets);
    visit(c.control_bytes, cpp.sender.control.bytes);
    visit(c.refused_by_cap, cpp.sender.refused_by_cap);
    visit(c.refused_by_budget, cpp.sender.refused_by_budget);
    visit(c.source_refused, cpp.sender.source_refused);
    visit(c.deficits, cpp.sender.deficits);
    visit(c.expired_deficits, cpp.sender.expired_deficits);
    visit(c.implausible_feedback, cpp.sender.implausible_feedback);
    visit(c.accepted, cpp.receiver.accepted);
    visit(c.duplicates, cpp.receiver.duplicates);
    visit(c.outdated, cpp.receiver.outdated);
    visit(c.refused, cpp.receiver.refused);
    visit(c.rebuilt, cpp.receiver.rebuilt);
    visit(c.repairs, cpp.receiver.repairs);
    visit(c.repairs_refused, cpp.receiver.repairs_refused);
    visit(c.delivered, cpp.receiver.delivered);
    visit(c.datagrams_received, cpp.datagrams_received);
    visit(c.malformed, cpp.malformed);
    visit(c.unsupported_version, cpp.unsupported_version);
    visit(c.unknown_frames, cpp.unknown_frames);
    visit(c.repeated_datagrams, cpp.repeated_datagrams);
    visit(c.clock_backwards, cpp.clock_backwards);
    visit(c.last_error_offset, cpp.last_error_offset);
    visit(c.events_lost, cpp.events_lost);
    visit(c.peer_restarts, cpp.peer_restarts);
    visit(c.stale_datagrams, cpp.stale_datagrams);
    visit(c.event_repeats_packets, cpp.sender.event_repeats.packets);
    visit(c.event_repeats_bytes, cpp.sender.event_repeats.bytes);
};

constexpr auto path_statistics_fields = [](auto&& visit, auto& c, auto& cpp) {
    visit(c.state, cpp.state);
    visit(c.cost, cpp.cost);
    visit(c.budget_exhausted, cpp.budget_exhausted);
    visit(c.rtt_min_ns, cpp.rtt_min);
    visit(c.rtt_smoothed_ns, cpp.rtt_smoothed);
    visit(c.rtt_deviation_ns, cpp.rtt_deviation);
    visit(c.silence_ns, cpp.silence);
    visit(c.packets_sent, cpp.packets_sent);
    visit(c.bytes_sent, cpp.bytes_sent);
    visit(c.packets_received, cpp.packets_received);
    visit(c.bytes_received, cpp.bytes_received);
    visit(c.packets_lost, cpp.packets_lost);
    visit(c.packets_duplicated, cpp.packets_duplicated);
    visit(c.suspicions, cpp.suspicions);
    visit(c.deaths, cpp.deaths);
};

constexpr auto session_event_fields = [](auto&& visit, auto& c, auto& cpp) {
    visit(c.kind, cpp.kind);
    visit(c.at_ns, cpp.at);
    visit(c.error, cpp.error);
    visit(c.path_event, cpp.path.kind);
    visit(c.path_from, cpp.path.from);
    visit(c.path_to, cpp.path.to);
    visit(c.silence_ns, cpp.path.silence);
    visit(c.threshold_ns, cpp.path.threshold);
};

/// Path and stream numbers have eight bits.
constexpr std::uint32_t numbers = 256;

/// A session and what it lends.
struct lending_session {
    session object;
    std::uint32_t max_streams;
    std::array<bool, numbers> has_path{};
    session_output output{};
    duality_session_event event{};
    duality_decision decision{};
    duality_regime_event regime{};
    lent_decision lent{};

    [[nodiscard]] const duality_session_event* lend_event(const session_event& happened) noexcept {
        event.struct_size = sizeof event;
        session_event_fields(give{}, event, happened);
        event.close_reason = static_cast<std::int32_t>(happened.reason);
        event.path = happened.path.path;
        event.decision = nullptr;
        event.regime = nullptr;
        if (happened.kind == session_event_kind::decision) {
            decision.struct_size = sizeof decision;
            lent.give_to(decision, happened.decision);
            event.decision = &decision;
        }
        if (happened.kind == session_event_kind::regime) {
            regime.struct_size = sizeof regime;
            regime_event_fields(give{}, regime, happened.regime);
            event.regime = &regime;
        }
        return &event;
    }
};

void give_transmission(duality_session_output& c, const transmission& t) noexcept {
    c.bytes = t.bytes.data();
    c.size = t.bytes.size();
    c.path = t.path;
    c.transmit = static_cast<std::int32_t>(t.kind);
}

void give_delivery(duality_session_output& c, const delivery& d) noexcept {
    c.bytes = d.bytes.data();
    c.size = d.bytes.size();
    c.stream = d.stream;
    c.recovered_by = static_cast<std::int32_t>(d.recovered_by);
    c.number = d.number;
    c.origin_ns = d.origin.ns();
    c.due_ns = d.due.ns();
    c.lateness_ns = d.lateness.ns();
    c.held_ns = d.held.ns();
    c.past_deadline = d.past_deadline ? 1 : 0;
}

[[gnu::noinline]] duality_status give_lane_event(duality_session_output& c, const lane_event& e) noexcept {
    c.kind = DUALITY_OUTPUT_LANE;
    c.bytes = e.bytes.data();
    c.size = e.bytes.size();
    c.number = e.number;
    c.origin_ns = e.origin.ns();
    return DUALITY_OK;
}

/// An event, to the caller and to the host's log. Apart from the outputs that every packet has.
[[gnu::noinline]] duality_status give_event(const duality_session* session, box<lending_session>& found,
                                            duality_session_output& output) noexcept {
    const session_event& happened = found.object->output.event;
    output.kind = DUALITY_OUTPUT_EVENT;
    output.event = found.object->lend_event(happened);
    if (found.owner.functions.log != nullptr && slots::lend(number_of(session))) {
        log_event(found.owner, happened);
        slots::take_back(number_of(session));
    }
    return DUALITY_OK;
}

/// The configuration of a session with those of its parts.
[[nodiscard]] failure take_config(const duality_session_config* given, session_config& config) noexcept {
    if (given == nullptr) return {status::ok, {}};
    duality_session_config known{};
    session_fields(give{}, known, config);
    if (!read_struct(given, known)) return {status::invalid_argument, {}};
    take visitor;
    session_fields(visitor, known, config);
    for (const failure& wrong : {visitor.wrong, take_struct(known.hold, config.hold, jitter_hold_fields),
                                 take_struct(known.regime, config.regime, regime_fields),
                                 take_struct(known.control, config.control, controller_fields),
                                 take_struct(known.paths, config.paths, scheduler_fields),
                                 take_struct(known.clock, config.clock, clock_sync_fields)})
        if (failed(wrong.code)) return wrong;
    return {status::ok, {}};
}

}  // namespace

template <>
struct duality::capi::handle_traits<duality_session> {
    using object = lending_session;
    static constexpr handle_kind kind = handle_kind::session;
};

duality_status duality_scheduler_config_default(duality_scheduler_config* config) {
    return give_struct(config, scheduler_config{}, scheduler_fields);
}

duality_status duality_session_config_default(duality_session_config* config) {
    return give_struct(config, session_config{}, [](auto&& visit, auto& c, auto& cpp) {
        session_fields(visit, c, cpp);
        c.hold = nullptr;
        c.regime = nullptr;
        c.control = nullptr;
        c.paths = nullptr;
        c.clock = nullptr;
    });
}

duality_status duality_session_hold_config_default(duality_jitter_hold_config* config) {
    return give_struct(config, session_config{}.hold, jitter_hold_fields);
}

duality_status duality_path_config_default(duality_path_config* config) {
    return give_struct(config, path_config{}, path_fields);
}

duality_status duality_stream_config_default(duality_stream_config* config) {
    return give_struct(config, stream_config{}, stream_fields);
}

duality_status duality_session_create(const duality_session_config* config, const duality_host* host,
                                      duality_failure* failure, duality_session** session) {
    session_config wanted;
    const auto early = take_config(config, wanted);
    return create("session", host, early, failure, session, [&](const allocator& memory) -> result<lending_session> {
        result<duality::session> made = duality::session::create(wanted, memory);
        if (!made) return made.error();
        return lending_session{std::move(made).value(), wanted.max_streams};
    });
}

duality_status duality_session_destroy(duality_session* session) {
    return destroy(session);
}

duality_status duality_session_add_path(duality_session* session, std::int64_t now_ns, std::uint32_t path,
                                        const duality_path_config* config) {
    if (path >= numbers) return DUALITY_INVALID_ARGUMENT;
    path_config wanted;
    if (const auto early = take_struct(config, wanted, path_fields); failed(early.code)) return to_c(early.code);
    return with(session, [&](lending_session& lending) {
        const status added = lending.object.add_path(instant::from_ns(now_ns), static_cast<path_id>(path), wanted);
        if (added == status::ok) lending.has_path[path] = true;
        return added;
    });
}

duality_status duality_session_remove_path(duality_session* session, std::int64_t now_ns, std::uint32_t path) {
    return with(session, [&](lending_session& lending) {
        if (path >= numbers) return status::unknown_path;
        lending.has_path[path] = false;
        return lending.object.remove_path(instant::from_ns(now_ns), static_cast<path_id>(path));
    });
}

duality_status duality_session_send(duality_session* session, std::int64_t now_ns, std::uint32_t stream,
                                    const std::uint8_t* bytes, std::size_t size) {
    if (!readable(bytes, size)) return DUALITY_INVALID_ARGUMENT;
    return with(session, [&](lending_session& lending) {
        if (stream >= numbers) return status::unknown_stream;
        return lending.object.send(instant::from_ns(now_ns), static_cast<stream_id>(stream), {bytes, size});
    });
}

duality_status duality_session_send_event(duality_session* session, std::int64_t now_ns, const std::uint8_t* bytes,
                                          std::size_t size, std::int64_t repeat_until_ns) {
    if (!readable(bytes, size)) return DUALITY_INVALID_ARGUMENT;
    return with(session, [&](lending_session& lending) {
        return lending.object.send_event(instant::from_ns(now_ns), {bytes, size}, instant::from_ns(repeat_until_ns));
    });
}

duality_status duality_session_handle_datagram(duality_session* session, std::int64_t now_ns, std::uint32_t path,
                                               const std::uint8_t* bytes, std::size_t size) {
    if (!readable(bytes, size)) return DUALITY_INVALID_ARGUMENT;
    return with(session, [&](lending_session& lending) {
        if (path >= numbers) return status::unknown_path;
        return lending.object.handle_datagram(instant::from_ns(now_ns), static_cast<path_id>(path), {bytes, size});
    });
}

duality_status duality_session_handle_timeout(duality_session* session, std::int64_t now_ns) {
    return with(session, [&](lending_session& lending) {
        lending.object.handle_timeout(instant::from_ns(now_ns));
        return status::ok;
    });
}

namespace {

/// The next output into a struct of our size. Several calls for every packet: nothing here that is not needed for the usual
/// one.
[[gnu::always_inline]] inline duality_status poll_whole(duality_session* session, std::int64_t now_ns,
                                                        duality_session_output* output) noexcept {
    auto* const found = find_box(session);
    if (found == nullptr) [[unlikely]]
        return to_c(slots::refusal(number_of(session)));
    lending_session& lending = *found->object;
    const session_output& out = lending.output;
    if (!lending.object.poll_output(instant::from_ns(now_ns), lending.output)) return DUALITY_NEED_MORE;
    if (out.kind == output_kind::event) [[unlikely]]
        return give_event(session, *found, *output);
    if (out.kind == output_kind::lane) [[unlikely]]
        return give_lane_event(*output, out.lane);
    output->kind = static_cast<std::int32_t>(out.kind);
    if (out.kind == output_kind::transmit)
        give_transmission(*output, out.transmit);
    else
        give_delivery(*output, out.deliver);
    return DUALITY_OK;
}

/// The same for a caller whose struct has another size.
[[gnu::noinline, gnu::cold]] duality_status poll_part(duality_session* session, std::int64_t now_ns,
                                                      duality_session_output* output) noexcept {
    duality_session_output whole{};
    if (!read_struct(output, whole)) return DUALITY_INVALID_ARGUMENT;
    const duality_status said = poll_whole(session, now_ns, &whole);
    if (said != DUALITY_OK) return said;
    whole.struct_size = output->struct_size;
    std::memcpy(output, &whole, std::min<std::size_t>(output->struct_size, sizeof whole));
    return said;
}

}  // namespace

duality_status duality_session_poll_output(duality_session* session, std::int64_t now_ns,
                                           duality_session_output* output) {
    if (output == nullptr || output->struct_size != sizeof *output) [[unlikely]]
        return poll_part(session, now_ns, output);
    return poll_whole(session, now_ns, output);
}

duality_status duality_session_next_timeout(const duality_session* session, std::int64_t* at_ns) {
    if (at_ns == nullptr) return DUALITY_INVALID_ARGUMENT;
    return with(session, [&](const lending_session& lending) {
        *at_ns = lending.object.next_timeout().ns();
        return status::ok;
    });
}

duality_status duality_session_set_stream(duality_session* session, std::int64_t now_ns, std::uint32_t stream,
                                          const duality_stream_config* config) {
    stream_config wanted;
    if (const auto early = take_struct(config, wanted, stream_fields); failed(early.code)) return to_c(early.code);
    return with(session, [&](lending_session& lending) {
        if (stream >= numbers) return status::unknown_stream;
        return lending.object.set_stream(instant::from_ns(now_ns), static_cast<stream_id>(stream), wanted);
    });
}

duality_status duality_session_set_wall_clock(duality_session* session, std::int64_t now_ns, std::int64_t wall_ns) {
    return with(session, [&](lending_session& lending) {
        lending.object.set_wall_clock(instant::from_ns(now_ns), wall_time::from_ns(wall_ns));
        return status::ok;
    });
}

duality_status duality_session_close(duality_session* session, std::int64_t now_ns, std::int32_t reason) {
    if (reason < 0 || reason > static_cast<std::int32_t>(wire::close_reason::idle)) return DUALITY_INVALID_ARGUMENT;
    return with(session, [&](lending_session& lending) {
        return lending.object.close(instant::from_ns(now_ns), static_cast<wire::close_reason>(reason));
    });
}

duality_status duality_session_get_statistics(const duality_session* session, duality_session_statistics* statistics) {
    if (!sized(statistics)) return DUALITY_INVALID_ARGUMENT;
    return with(session, [&](const lending_session& lending) {
        const session_statistics counted = lending.object.statistics();
        write_struct(statistics, [&](duality_session_statistics& c) {
            c.closed = lending.object.is_closed() ? 1 : 0;
            session_statistics_fields(give{}, c, counted);
        });
        return status::ok;
    });
}

duality_status duality_session_get_path(const duality_session* session, std::int64_t now_ns, std::uint32_t path,
                                        duality_path_statistics* statistics) {
    if (!sized(statistics)) return DUALITY_INVALID_ARGUMENT;
    return with(session, [&](const lending_session& lending) {
        if (path >= numbers || !lending.has_path[path]) return status::unknown_path;
        const path_statistics known = lending.object.path(instant::from_ns(now_ns), static_cast<path_id>(path));
        return static_cast<status>(give_struct(statistics, known, path_statistics_fields));
    });
}

duality_status duality_session_get_hold(const duality_session* session, std::uint32_t stream,
                                        duality_jitter_hold_statistics* statistics) {
    if (!sized(statistics)) return DUALITY_INVALID_ARGUMENT;
    return with(session, [&](const lending_session& lending) {
        if (stream >= lending.max_streams) return status::unknown_stream;
        const jitter_hold& hold = lending.object.hold(static_cast<stream_id>(stream));
        write_struct(statistics, [&](duality_jitter_hold_statistics& c) { give_hold(c, hold); });
        return status::ok;
    });
}

duality_status duality_session_get_features(const duality_session* session, std::int64_t now_ns,
                                            duality_regime_features* features) {
    if (!sized(features)) return DUALITY_INVALID_ARGUMENT;
    return with(session, [&](const lending_session& lending) {
        const regime_detector& detector = lending.object.detector();
        write_struct(features, [&](duality_regime_features& c) {
            give_features(c, detector.features(instant::from_ns(now_ns)), detector.current());
        });
        return status::ok;
    });
}

duality_status duality_session_get_clock(const duality_session* session, std::int64_t now_ns,
                                         duality_clock_estimate* estimate, std::int64_t* peer_ns) {
    if (!sized(estimate)) return DUALITY_INVALID_ARGUMENT;
    return with(session, [&](const lending_session& lending) {
        const instant now = instant::from_ns(now_ns);
        const clock_estimate known = lending.object.clock(now);
        if (known.samples == 0) return status::need_more;
        if (peer_ns != nullptr) *peer_ns = lending.object.peer_clock(now).ns();
        return static_cast<status>(give_struct(estimate, known, clock_estimate_fields));
    });
}
