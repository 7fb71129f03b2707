// SPDX-License-Identifier: MIT
#include "duality/session.hpp"

#include <algorithm>
#include <utility>

namespace duality {
inline namespace v0 {

using detail::planned_datagram;

namespace {

/// Room for a feedback frame, clock frames and the largest frame header beside the payload.
constexpr std::size_t scratch_extra = 640;
constexpr std::size_t event_capacity = 32;

[[nodiscard]] failure check(const session_config& c) noexcept {
    // Rounded down, so that a nanosecond below zero is out of range too.
    const auto whole_ms = [](duration d) { return d.ns() / 1'000'000 - (d.ns() % 1'000'000 < 0 ? 1 : 0); };
    config_check fields{session_bounds};
    fields.in_range("max_payload", c.max_payload)
        .in_range("max_streams", c.max_streams)
        .in_range("protected_packets", c.protected_packets)
        .in_range("receive_packets", c.receive_packets)
        .in_range("queue", c.queue)
        .in_range("overhead_cap_bp", c.overhead_cap_bp)
        .in_range("control_share_bp", c.control_share_bp)
        .require("control_share_bp", c.control_share_bp <= c.overhead_cap_bp)
        .in_range("reorder_delay", whole_ms(c.reorder_delay))
        .in_range("path_skew", whole_ms(c.path_skew))
        .in_range("close_timeout", whole_ms(c.close_timeout))
        .in_range("stream.deadline", whole_ms(c.stream.deadline))
        .in_range("stream.weight", c.stream.weight);
    return fields.ok() ? failure{status::ok, {}} : fields.error();
}

[[nodiscard]] bool is_control(transmit_kind kind) noexcept {
    return kind == transmit_kind::probe || kind == transmit_kind::clock || kind == transmit_kind::close;
}

/// Does the peer answer this kind with a report or a response on the same path?
[[nodiscard]] bool is_answered(const planned_datagram& d) noexcept {
    switch (d.kind) {
        case transmit_kind::source:
        case transmit_kind::copy:
        case transmit_kind::parity:
        case transmit_kind::reactive_repair: return true;
        default: return false;
    }
}

}  // namespace

session::session(detail::session_memory memory, const session_config& config, scheduler paths,
                 detail::session_sender sender, detail::session_receiver receiver, detail::session_clock clock) noexcept
    : memory_{std::move(memory)},
      config_{config},
      paths_{std::move(paths)},
      sender_{std::move(sender)},
      receiver_{std::move(receiver)},
      clock_{std::move(clock)},
      epoch_{config.epoch} {}

result<session> session::create(const session_config& config, const allocator& from) noexcept {
    if (const failure wrong = check(config); failed(wrong.code)) return wrong;

    // The reference law has its own idea of when a silence counts.
    session_config effective = config;
    if (config.control.law == control_law::reference) {
        constexpr duration reference_gap = duration::from_ms(120);
        effective.paths.suspicion_margin = reference_gap - config.paths.report_interval;
    }
    // Without a share for them there are no reports, and silence means nothing.
    // A report that the peer can afford only now comes later: on slow flows a silence would be told where there is none.
    constexpr std::uint32_t report_bytes = 150;  // with acknowledgements, the regime's features and two paths
    effective.paths.report_worth =
        config.control_share_bp != 0 ? report_bytes * 10'000 / config.control_share_bp : 1'000'000'000;
    effective.paths.leave_suspects = config.second_path;
    effective.paths.late_after = std::max(config.stream.deadline * 7 / 10, duration::from_ms(1));
    effective.control.hold_min = config.hold.hold_min;
    effective.control.hold_max = config.hold.hold_max;

    detail::session_memory pieces;
    if (!pieces.create(from)) return status::out_of_memory;
    const allocator memory = pieces.get();
    result<scheduler> paths = scheduler::create(effective.paths, memory);
    if (!paths) return paths.error();
    result<detail::session_sender> sender = detail::session_sender::create(effective, memory);
    if (!sender) return sender.error();
    result<detail::session_receiver> receiver = detail::session_receiver::create(effective, memory);
    if (!receiver) return receiver.error();
    result<detail::session_clock> clock = detail::session_clock::create(effective, memory);
    if (!clock) return clock.error();
    session s{std::move(pieces),           effective,
              std::move(paths).value(),    std::move(sender).value(),
              std::move(receiver).value(), std::move(clock).value()};
    if (!s.streams_.create(config.max_streams, memory) ||
        !s.scratch_.create_untouched(config.max_payload + scratch_extra, memory) ||
        !s.events_.create(event_capacity, memory))
        return status::out_of_memory;
    for (stream_config& stream : s.streams_) stream = config.stream;
    if (config.events) {
        result<detail::session_events> lane = detail::session_events::create(config.lane, memory);
        if (!lane) return lane.error();
        if (!s.lane_.create(1, memory)) return status::out_of_memory;
        s.lane_[0].emplace(std::move(lane).value());
    }
    return s;
}

// Paths

status session::add_path(instant now, path_id id, const path_config& config) noexcept {
    now = clamp(now);
    if (state_ != life::open) return status::closed;
    const status added = paths_.add_path(now, id, config);
    advance(now);
    return added;
}

status session::remove_path(instant now, path_id id) noexcept {
    now = clamp(now);
    if (state_ == life::open && paths_.has_path(id)) sender_.resend_all(context(now), id);
    return paths_.remove_path(id);
}

// Verbs

status session::send(instant now, stream_id stream, byte_view payload) noexcept {
    now = clamp(now);
    if (state_ != life::open) return status::closed;
    if (stream >= config_.max_streams) return status::unknown_stream;
    advance(now);
    return sender_.send(context(now), stream, payload);
}

status session::handle_datagram(instant now, path_id path, byte_view datagram) noexcept {
    now = clamp(now);
    if (state_ == life::closed) return status::closed;
    if (!paths_.has_path(path)) return status::unknown_path;
    ++stats_.datagrams_received;

    wire::packet_reader in{datagram};
    wire::packet_header header;
    if (const status started = in.start(header); started != status::ok) {
        if (started == status::unsupported_version) {
            ++stats_.unsupported_version;
        } else {
            ++stats_.malformed;
            stats_.last_error_offset = in.error_offset();
        }
        return started;
    }
    if (!handle_epoch(now, datagram)) return status::late;
    const path_arrival arrival = paths_.on_arrival(now, wall(now), path, header.path_sequence, datagram.size());
    if (arrival.duplicate) {
        ++stats_.repeated_datagrams;
        return status::duplicate;
    }
    receiver_.on_datagram(now, arrival);
    wire::frame frame;
    status read = in.next(frame);
    for (; read == status::ok; read = in.next(frame)) handle_frame(now, path, frame);
    stats_.unknown_frames += in.unknown_frames();
    advance(now);
    if (read != status::malformed) return status::ok;
    ++stats_.malformed;
    stats_.last_error_offset = in.error_offset();
    return status::malformed;
}

status session::handle_acknowledgement(instant now, path_id path, std::uint16_t path_sequence) noexcept {
    now = clamp(now);
    if (state_ == life::closed) return status::closed;
    if (!paths_.has_path(path)) return status::unknown_path;
    paths_.on_report(now, path, {path, path_sequence, {}, {}});
    sender_.on_acknowledgement(path, path_sequence);
    advance(now);
    return status::ok;
}

void session::handle_frame(instant now, path_id path, const wire::frame& frame) noexcept {
    const detail::session_context c = context(now);
    switch (frame.type) {
        case wire::frame_type::data: receiver_.on_data(c, path, frame.data); break;
        case wire::frame_type::copy: receiver_.on_copy(c, path, frame.copy); break;
        case wire::frame_type::repair:
        case wire::frame_type::reactive_repair: receiver_.on_repair(c, path, frame.repair); break;
        case wire::frame_type::feedback:
            if (epoch_.is_known(now)) sender_.on_feedback(c, path, frame.feedback);
            break;
        case wire::frame_type::probe:
            if (!frame.probe.response)
                (void)sender_.plan({.kind = transmit_kind::probe,
                                    .path = path,
                                    .probe = {.response = true, .token = frame.probe.token}});
            else if (epoch_.is_known(now))
                paths_.on_report(now, path, {path, static_cast<std::uint16_t>(frame.probe.token), {}, {}});
            break;
        case wire::frame_type::clock: clock_.on_frame(now, path, frame.clock); break;
        case wire::frame_type::close:
        case wire::frame_type::closed: handle_close(now, path, frame.close); break;
        case wire::frame_type::epoch: break;  // was read before all others
        case wire::frame_type::events: handle_events(path, frame.events.message); break;
    }
}

void session::handle_timeout(instant now) noexcept {
    now = clamp(now);
    if (next_timeout() <= now) advance(now);
}

bool session::poll_output(instant now, session_output& out) noexcept {
    now = clamp(now);
    // Whatever changes the state does so itself. What nobody has announced does not happen: to be asked more often must
    // change nothing.
    if (advanced_ != now && next_timeout() <= now) advance(now);
    if (take_output(now, out)) return true;
    if (next_timeout() > now || state_ == life::closed) return false;
    advance(now);  // what was sent or given up meanwhile has set a timer that is due
    return take_output(now, out);
}

bool session::take_output(instant now, session_output& out) noexcept {
    if (state_ != life::closed && poll_transmission(now, out.transmit)) {
        out.kind = output_kind::transmit;
        return true;
    }
    if (state_ != life::closed && lane() != nullptr && lane()->receiver.poll(out.lane)) {
        out.kind = output_kind::lane;
        return true;
    }
    if (state_ != life::closed && receiver_.poll_delivery(context(now), out.deliver)) {
        out.kind = output_kind::deliver;
        return true;
    }
    if (state_ == life::closing && receiver_.held() == 0 && farewell_.is_over(now)) {
        state_ = life::closed;
        push_event({.kind = session_event_kind::closed, .at = now, .reason = farewell_.reason()});
    }
    if (!events_.empty()) {
        out.kind = output_kind::event;
        out.event = events_.pop();
        return true;
    }
    out.kind = output_kind::none;
    return false;
}

instant session::next_timeout() const noexcept {
    if (!events_.empty()) return now_;
    if (state_ == life::closed) return instant::never();
    if (sender_.front() != nullptr || paths_.has_event()) return now_;
    if (state_ == life::closing) {
        // Nothing is probed or sent for the first time any more. What is held comes out before the end.
        const bool waits = receiver_.held() != 0 && farewell_.is_over(now_);
        return std::min({waits ? instant::never() : farewell_.next_timeout(), receiver_.next_timeout(),
                         paths_.next_timeout(false), events_at()});
    }
    return std::min({sender_.next_timeout(paths_), receiver_.next_timeout(), paths_.next_timeout(),
                     clock_.next_timeout(), events_at()});
}

status session::set_stream(instant now, stream_id stream, const stream_config& config) noexcept {
    (void)clamp(now);
    if (stream >= config_.max_streams) return status::unknown_stream;
    config_check fields{session_bounds};
    fields.in_range("stream.deadline", config.deadline.ns() / 1'000'000).in_range("stream.weight", config.weight);
    if (!fields.ok()) return status::invalid_config;
    streams_[stream] = config;
    receiver_.set_deadline(stream, config.deadline);
    return status::ok;
}

void session::set_wall_clock(instant now, wall_time wall) noexcept {
    now = clamp(now);
    wall_offset_ = duration::from_ns(detail::saturating_sub(wall.ns(), now.ns()));
}

session_statistics session::statistics() const noexcept {
    session_statistics out = stats_;
    out.sender = sender_.statistics();
    out.receiver = receiver_.statistics();
    return out;
}

// Time

instant session::clamp(instant now) noexcept {
    // At "never" every timer that means "not at all" would have come, again and again.
    constexpr instant last = instant::from_ns(detail::time_max - 1);
    if (now > last) now = last;
    if (now < now_) {
        ++stats_.clock_backwards;
        return now_;
    }
    return now_ = now;
}

wall_time session::wall(instant now) const noexcept {
    return wall_time::from_ns(detail::saturating_add(now.ns(), wall_offset_.ns()));
}

void session::advance(instant now) noexcept {
    advanced_ = now;
    if (state_ == life::closed) return;
    paths_.renew_budgets(now, wall(now));
    paths_.handle_timeout(now);
    const detail::session_context c = context(now);
    path_event moved;
    while (paths_.poll_event(moved)) {
        sender_.on_path_event(c, moved);
        push_event({.kind = session_event_kind::path, .at = moved.at, .path = moved});
        if (moved.kind == path_event_kind::budget_exhausted) push_error(now, error_code::lte_budget_exceeded);
    }
    if (state_ == life::open) {
        constexpr std::uint64_t probe_bytes = 48;
        while (const std::optional<path_id> id = paths_.poll_probe(now, spares(probe_bytes)))
            (void)sender_.plan({.kind = transmit_kind::probe, .path = *id});
        advance_clock(now);
        sender_.control(c);
        sender_.copy_last_chances(c);
    }
    if (state_ == life::closing) say_goodbye(now);
    receiver_.handle_timeout(c);
    decision_event decision;
    while (sender_.poll_decision(decision) || receiver_.poll_decision(decision))
        push_event({.kind = session_event_kind::decision, .at = decision.at, .decision = decision});
    regime_event weather;
    while (receiver_.poll_regime(weather))
        push_event({.kind = session_event_kind::regime, .at = weather.at, .regime = weather});
}

void session::push_event(const session_event& event) noexcept {
    if (events_.full()) {
        (void)events_.pop();
        ++stats_.events_lost;
    }
    (void)events_.push(event);
}

void session::push_error(instant now, error_code error) noexcept {
    push_event({.kind = session_event_kind::error, .at = now, .error = error});
}

// Transmissions

std::uint64_t session::on_the_wire(path_id path, std::size_t bytes) const noexcept {
    const path_config* p = paths_.config(path);
    return bytes + (p != nullptr ? p->datagram_overhead + p->seal_overhead : 0);
}

bool session::poll_transmission(instant now, transmission& out) noexcept {
    if (transmit_events(now, out)) return true;
    while (const planned_datagram* front = sender_.front()) {
        planned_datagram planned = *front;
        sender_.pop();
        if (transmit_planned(now, planned, out)) return true;
    }
    return receiver_.report_at() <= now && transmit_report(now, out);
}

bool session::afford(const planned_datagram& d, std::uint64_t bytes) const noexcept {
    if (!detail::session_sender::capped(d) || sender_.covers(d, bytes)) return true;
    // An end that only receives has earned nothing by sending: its control frames are paid like its reports.
    if (d.kind == transmit_kind::close) return receiver_.covers_close(bytes);
    return is_control(d.kind) && receiver_.covers(bytes);
}

bool session::transmit_planned(instant now, planned_datagram& d, transmission& out) noexcept {
    const bool source = d.kind == transmit_kind::source;
    if (source && (!paths_.has_path(d.path) || paths_.path_exhausted(d.path)))
        d.path = paths_.best(now).value_or(d.path);
    if (d.kind == transmit_kind::probe && !d.probe.response)
        d.probe.token = static_cast<std::uint16_t>(paths_.next_sequence(d.path));
    if (d.kind == transmit_kind::clock) d.clock.t3 = static_cast<std::uint64_t>(now.ns());

    wire::writer w{{scratch_.data(), scratch_.size()}};
    std::size_t epoch_size = begin_packet(now, w);
    const path_config* path = paths_.config(d.path);
    std::size_t clock_size = source && path != nullptr ? clock_rides(now, d.path) : 0;
    if (clock_size != 0) clock_.write(now, d.path, w);
    // A report that is nearly due rides along for a few bytes instead of a datagram of its own.
    std::size_t report_size = 0;
    const bool takes_reports =
        source && path != nullptr && receiver_.may_ride() && receiver_.report_path(now) == d.path;
    if (takes_reports && receiver_.report_at() <= now + config_.paths.report_interval / 2) {
        receiver_.write_report(context(now), w, true);
        report_size = w.size() - wire::packet_header_size - epoch_size - clock_size;
    }
    if (takes_reports) receiver_.on_ride(now);
    if (!sender_.write(d, w)) {
        sender_.on_dropped(d, false);
        return false;
    }
    const bool too_large = path != nullptr && w.size() > path->max_datagram;
    const bool rides = report_size + clock_size + (epoch_.has_own() ? 0 : epoch_size) != 0;
    if ((report_size != 0 && !receiver_.covers(report_size)) || (rides && too_large)) {
        if (report_size != 0) receiver_.on_report_refused(now, too_large);
        report_size = clock_size = 0;
        w = wire::writer{{scratch_.data(), scratch_.size()}};
        // The peer's question can be answered on another datagram; its own epoch an end tells on all of them.
        if (too_large && !epoch_.has_own()) {
            wire::write_header(w, {});
            epoch_size = 0;
        } else {
            (void)begin_packet(now, w);
        }
        (void)sender_.write(d, w);
    }

    const std::size_t size = w.size();
    const std::uint64_t bytes = on_the_wire(d.path, size);
    if (!afford(d, bytes)) {
        sender_.on_dropped(d, false);
        if (sender_.on_refused_by_cap(now, d)) push_error(now, error_code::parity_over_budget);
        return false;
    }
    if (paths_.reserve(now, wall(now), d.path, size) != status::ok) {
        sender_.on_dropped(d, true);
        return false;
    }
    if (detail::session_sender::capped(d) && (!sender_.covers(d, bytes) || !sender_.spend(bytes)))
        receiver_.spend(bytes);
    if (report_size != 0) {
        receiver_.on_report_sent(context(now), report_size);
        sender_.statistics().control.bytes += report_size;
    }
    if (clock_size != 0) {
        clock_.on_sent(now, d.path);
        pay_for_rider(clock_size);
    }
    const std::size_t riders = report_size + clock_size;
    const std::size_t payload_size = size - epoch_size - riders - (source ? wire::data_packet_overhead : 0);
    const std::uint64_t unprotected = on_the_wire(d.path, payload_size) - (path != nullptr ? path->seal_overhead : 0);
    sender_.on_sent(context(now), d, bytes - riders, unprotected);
    if (epoch_size != 0) epoch_.on_sent(now);
    out.kind = d.kind;
    const bool owes = is_answered(d) || (d.kind == transmit_kind::probe && !d.probe.response);
    // The peer earns by what the application sent, not by what is around it.
    finish(now, d.path, size, !owes ? 0 : source ? unprotected : bytes, out);
    return true;
}

bool session::transmit_report(instant now, transmission& out) noexcept {
    const path_id path = receiver_.report_path(now);
    wire::writer w{{scratch_.data(), scratch_.size()}};
    const std::size_t epoch_size = begin_packet(now, w);
    const std::size_t clock_size = clock_rides(now, path);
    if (clock_size != 0) clock_.write(now, path, w);
    receiver_.write_report(context(now), w, false);
    const std::uint64_t bytes = on_the_wire(path, w.size()) - clock_size;
    if (!w.ok() || !receiver_.covers(bytes) || paths_.reserve(now, wall(now), path, w.size()) != status::ok) {
        receiver_.on_report_unaffordable(now);
        return false;
    }
    receiver_.on_report_sent(context(now), bytes);
    sender_.statistics().control.add(bytes);
    if (epoch_size != 0) epoch_.on_sent(now);
    if (clock_size != 0) {
        clock_.on_sent(now, path);
        pay_for_rider(clock_size);
    }
    out.kind = transmit_kind::feedback;
    finish(now, path, w.size(), 0, out);
    return true;
}

void session::finish(instant now, path_id path, std::size_t size, std::uint64_t owed, transmission& out) noexcept {
    const std::uint16_t sequence = paths_.on_transmit(now, path, size, owed);
    wire::writer header{{scratch_.data(), wire::packet_header_size}};
    wire::write_header(header, {sequence});
    out.path = path;
    out.bytes = {scratch_.data(), size};
}

}  // namespace v0
}  // namespace duality
