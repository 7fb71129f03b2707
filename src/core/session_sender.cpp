// SPDX-License-Identifier: MIT
#include "duality/detail/session_sender.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "duality/parity_policy.hpp"

namespace duality {
inline namespace v0 {
namespace detail {

namespace {

[[nodiscard]] duration half(duration d) noexcept {
    return d / 2;
}

}  // namespace

session_sender::session_sender(const session_config& config, controller law, rlc_encoder encoder) noexcept
    : config_{config},
      controller_{std::move(law)},
      encoder_{std::move(encoder)},
      extra_{config.overhead_cap_bp - config.control_share_bp} {}

result<session_sender> session_sender::create(const session_config& config, const allocator& memory) noexcept {
    // Repairs on request that are switched off must not take the place of parity.
    controller_config control = config.control;
    control.reactive_enabled = control.reactive_enabled && config.reactive;
    result<controller> law = controller::create(control, memory);
    if (!law) return law.error();
    rlc_config code;
    code.max_window = config.protected_packets;
    code.max_symbol = config.max_payload + static_cast<std::uint32_t>(wire::origin_size + source_unit_header);
    code.repairs_ahead = 1;  // parity has no pace that could be announced
    result<rlc_encoder> encoder = rlc_encoder::create(code, memory);
    if (!encoder) return encoder.error();
    session_sender s{config, std::move(law).value(), std::move(encoder).value()};
    if (!s.history_.create(config.protected_packets, memory) || !s.queue_.create(config.queue, memory))
        return status::out_of_memory;
    return s;
}

status session_sender::send(const session_context& c, stream_id stream, byte_view payload) noexcept {
    if (payload.size() > config_.max_payload) return status::too_large;
    // An unsent packet must not fall out of the encoder's window, which keeps its bytes.
    if (unsent_ >= config_.protected_packets || queue_.full()) return status::queue_full;
    const std::optional<path_id> best = c.paths.best(c.now);
    if (!best) return status::over_budget;
    const path_id main = take_turn(c, stream, *best, payload.size());
    const path_config& path = *c.paths.config(main);
    const std::size_t around = wire::data_packet_overhead + (config_.epoch != 0 ? wire::epoch_frame_size : 0);
    if (payload.size() + around > path.max_datagram) return status::too_large;

    const std::uint32_t origin = wire::to_origin(c.now);
    const std::array<std::uint8_t, wire::origin_size> prefix{static_cast<std::uint8_t>(origin >> 16),
                                                             static_cast<std::uint8_t>(origin >> 8),
                                                             static_cast<std::uint8_t>(origin)};
    if (const status kept = encoder_.push(static_cast<std::uint32_t>(next_), stream, prefix, payload); failed(kept))
        return kept;
    const std::uint64_t number = next_++;
    sent_source& s = history_.insert(number);
    s.at = c.now;
    s.path = main;
    s.stream = stream;
    s.deadline = c.streams[stream].deadline;
    c.paths.activate(c.now, main, partner_ == main ? best : partner_);
    (void)queue_.push({.kind = transmit_kind::source, .path = main, .number = number});
    ++unsent_;

    packet_bytes_ = payload.size() + path.datagram_overhead;
    last_send_ = c.now;
    newest_stream_ = stream;

    // Copies of hot streams stay so while a path is suspect: the overhead cap must not end them when they are needed.
    const bool hot = c.streams[stream].mode == stream_mode::hot;
    if (hot || copies_ordered())
        if (const std::optional<path_id> other = hot ? c.paths.companion(main) : c.paths.alternative(main))
            plan_copy(c, number, *other, hot ? wire::copy_reason::hot : wire::copy_reason::suspicion);
    plan_parity(c, stream, main);
    return status::ok;
}

path_id session_sender::take_turn(const session_context& c, stream_id stream, path_id main,
                                  std::size_t bytes) noexcept {
    const stream_mode mode = c.streams[stream].mode;
    if (mode == stream_mode::hot) {
        // What goes over two paths anyway need not leave an unsteady one.
        const std::optional<path_id> usual = c.paths.best(c.now, false);
        if (usual && *usual != main) {
            partner_ = usual;
            shared_until_ = c.now + share_memory;
            return *usual;
        }
    }
    if (mode != stream_mode::spread || !config_.second_path) {
        if (c.now >= shared_until_) partner_.reset();
        return main;
    }
    partner_ = c.paths.partner(main, config_.path_skew);
    if (!partner_) return main;
    shared_until_ = c.now + share_memory;
    const path_id lower = std::min(main, *partner_);
    const bool takes_lower = turns_ <= 0;
    const auto size = static_cast<std::int64_t>(bytes) + 1;
    turns_ += takes_lower ? size : -size;
    return takes_lower == (main == lower) ? main : *partner_;
}

bool session_sender::copies_ordered() const noexcept {
    // The reference law copies as long as its output is on; the adaptive one only moves repairs then.
    return config_.second_path && config_.control.law == control_law::reference && controller_.outputs().second_path;
}

std::optional<path_id> session_sender::other_path(const session_context& c, path_id main) const noexcept {
    if (!config_.second_path) return std::nullopt;
    return c.paths.alternative(main);
}

void session_sender::plan_copy(const session_context& c, std::uint64_t number, path_id path,
                               wire::copy_reason reason) noexcept {
    if (sent_source* s = history_.find(number)) {
        s->copied = true;
        // Of one that was sent twice at once the peer asks for nothing before it has waited for both; what it asks for when
        // this one should be there is missing.
        s->repair_pending_until =
            c.now + (reason == wire::copy_reason::hot ? one_way(c.paths, path)
                                                      : c.paths.rtt(path) + config_.paths.report_interval / 2);
    }
    (void)queue_.push({.kind = transmit_kind::copy, .path = path, .number = number, .reason = reason});
}

void session_sender::plan_parity(const session_context& c, stream_id stream, path_id main) noexcept {
    // What another path can bring when it is needed is not worth sending ahead of time.
    const bool insured = config_.control.law == control_law::adaptive && other_path(c, main).has_value();
    const std::uint32_t rate_bp = config_.parity && !insured ? controller_.outputs().parity_bp : 0;
    if (rate_bp == 0) {
        parity_credit_ = 0;
        return;
    }
    const std::uint64_t repair_cost = (repair_bytes_ != 0 ? repair_bytes_ : packet_bytes_) * 10'000;
    parity_credit_ += packet_bytes_ * rate_bp * std::min(c.streams[stream].weight, full_weight) / full_weight;
    if (parity_credit_ < repair_cost) return;
    parity_credit_ = parity_credit_ - repair_cost < repair_cost ? parity_credit_ - repair_cost : repair_cost;
    const std::uint32_t window = plan_window(rate_bp,
                                             {.deadline = c.streams[stream].deadline,
                                              .interval = c.paths.spacing(),
                                              .loss_ppm = peer_features_.loss_ppm,
                                              .burst_x100 = std::min(peer_features_.mean_burst_x16, 1'600u) * 25 / 4},
                                             encoder_.size());
    if (window == 0) return;  // one packet so far, and no pace
    const std::optional<path_id> other = other_path(c, main);
    const bool elsewhere = other && c.paths.config(*other)->cost == cost_class::free;
    (void)queue_.push(
        {.kind = transmit_kind::parity, .path = elsewhere ? *other : main, .number = next_ - window, .count = window});
}

// Feedback

void session_sender::on_feedback(const session_context& c, path_id via, const wire::feedback_frame& feedback) noexcept {
    c.paths.on_funds(feedback.in_funds);
    for (std::size_t i = 0; i < feedback.path_count; ++i) {
        const wire::path_report& p = feedback.paths[i];
        c.paths.on_report(c.now, p.path, {via, p.newest_sequence, p.age, p.received});
    }
    if (feedback.has_regime) {
        peer_regime_ = feedback.current;
        peer_features_ = feedback.features;
    }
    if (feedback.stalled) c.paths.on_stall(c.now, feedback.paths[0].path, via, feedback.paths[0].newest_sequence);
    acknowledge(feedback);
    if (feedback.missed) note_missed(c, via, *feedback.missed);
    if (config_.reactive && feedback.call.count != 0) answer_call(c, feedback.call);
    if (config_.reactive && feedback.deficit.symbols_needed != 0) answer_deficit(c, via, feedback.deficit);
}

void session_sender::acknowledge(const wire::feedback_frame& feedback) noexcept {
    const std::int64_t newest = unwrap_nearest(static_cast<std::int64_t>(next_), feedback.newest_esi, 32);
    if (newest < 0 || static_cast<std::uint64_t>(newest) >= next_) {
        ++stats_.implausible_feedback;
        return;
    }
    auto top = static_cast<std::uint64_t>(newest);
    newest_acknowledged_ = std::max(newest_acknowledged_, top);
    std::uint64_t run = feedback.known_run;
    for (std::size_t i = 0;; ++i) {
        mark_known(top, run);
        if (i == feedback.range_count) return;
        const std::uint64_t step = run + feedback.ranges[i].missing;
        if (step > top) return;
        top -= step;
        run = feedback.ranges[i].known;
    }
}

void session_sender::mark_known(std::uint64_t newest, std::uint64_t count) noexcept {
    for (std::uint64_t n = newest, left = count; left > 0; --n, --left) {
        sent_source* s = history_.find(n);
        if (s == nullptr) return;
        s->acknowledged = true;
        if (n == 0) return;
    }
}

void session_sender::note_missed(const session_context& c, path_id via, std::uint16_t missed) noexcept {
    const auto more = static_cast<std::int16_t>(missed - missed_);
    if (more <= 0) return;  // told already, or by a report that was overtaken
    missed_ = missed;
    // Where the flow was when the newest packet was sent that the peer could have given up.
    const sent_source* newest = nullptr;
    for (std::uint64_t n = oldest_protected(); n < next_; ++n) {
        const sent_source* s = history_.find(n);
        if (s == nullptr) continue;
        if (newest != nullptr && time_left(c, *s) + half(c.paths.rtt(via)) > duration{}) break;
        newest = s;
    }
    if (newest != nullptr) c.paths.on_missed(newest->path, static_cast<std::uint32_t>(more));
}

void session_sender::answer_call(const session_context& c, const wire::last_call& call) noexcept {
    const std::int64_t last = unwrap_nearest(static_cast<std::int64_t>(next_), call.last, 32);
    const std::int64_t odds_bp = std::int64_t{call.odds} * 10'000 / 256;
    for (std::int64_t n = std::max<std::int64_t>(last - call.count + 1, 0); n <= last; ++n) {
        const auto number = static_cast<std::uint64_t>(n);
        const sent_source* s = number < next_ ? history_.find(number) : nullptr;
        if (s == nullptr || s->acknowledged || s->repair_pending_until > c.now) continue;
        const bool hot = c.streams[s->stream].mode == stream_mode::hot;  // both may be lost
        const std::optional<path_id> other = other_path(c, s->path);
        if ((s->copied && !hot) || !other || time_left(c, *s) < half(c.paths.rtt(*other))) continue;
        if (is_worth(c, s->stream, odds_bp)) plan_copy(c, number, *other, wire::copy_reason::requested);
    }
}

void session_sender::on_acknowledgement(path_id path, std::uint16_t path_sequence) noexcept {
    for (std::uint64_t n = next_; n > oldest_protected(); --n) {
        sent_source* s = history_.find(n - 1);
        if (s == nullptr) return;
        if (s->path != path || static_cast<std::uint16_t>(s->path_sequence) != path_sequence) continue;
        s->acknowledged = true;
        return;
    }
}

bool session_sender::may_still_come(const session_context& c, path_id via, const sent_source& s) const noexcept {
    // What is stuck in a stalled path has its last chance. What went over a slower path was under way when the peer
    // wrote that it misses it, unless something behind it was there.
    if (c.paths.passed(s.path, s.path_sequence)) return false;
    if (c.paths.state(s.path) == path_state::suspect) return true;
    return s.at + one_way(c.paths, s.path) + half(c.paths.rtt(via)) > c.now && s.path != via;
}

bool session_sender::is_open(const session_context& c, path_id via, const sent_source* s) const noexcept {
    return s != nullptr && !s->acknowledged && s->repair_pending_until <= c.now && !may_still_come(c, via, *s);
}

session_sender::open_losses session_sender::open_among(const session_context& c, path_id via, std::uint64_t first,
                                                       std::uint64_t last, duration shortest) const noexcept {
    open_losses out;
    bool unpaid = false;
    for (std::uint64_t n = std::max(first, oldest_protected()); n <= last; ++n) {
        const sent_source* s = history_.find(n);
        if (!is_open(c, via, s)) continue;
        if (!is_worth(c, s->stream, lost_bp)) {
            unpaid = out.count != 0;
            continue;
        }
        const duration time = time_left(c, *s);
        if (time < shortest) continue;
        if (out.count++ == 0) {
            out.first = n;
            out.left = time;
        }
        out.last = n;
        out.mixed = out.mixed || unpaid;
        out.hot = out.hot || c.streams[s->stream].mode == stream_mode::hot;
        out.rounds = std::max(out.rounds, s->repair_rounds);
    }
    return out;
}

void session_sender::answer_deficit(const session_context& c, path_id via,
                                    const wire::deficit_report& deficit) noexcept {
    const std::int64_t first = unwrap_nearest(static_cast<std::int64_t>(next_), deficit.first_missing, 32);
    const std::int64_t last = unwrap_nearest(static_cast<std::int64_t>(next_), deficit.last_missing, 32);
    if (first < 0 || last < first || static_cast<std::uint64_t>(last) >= next_) {
        ++stats_.implausible_feedback;
        return;
    }
    const std::optional<path_id> main = c.paths.best(c.now);
    if (!main) return;
    const std::optional<path_id> other = other_path(c, *main);
    const duration shortest = half(other ? std::min(c.paths.rtt(*main), c.paths.rtt(*other)) : c.paths.rtt(*main));
    const open_losses losses =
        open_among(c, via, static_cast<std::uint64_t>(first), static_cast<std::uint64_t>(last), shortest);
    if (losses.count == 0) {
        ++stats_.expired_deficits;
        return;
    }
    ++stats_.deficits;

    // The first answer goes over the cheap path. When it failed, or there is no time for another, the answer goes where
    // it fails independently; when neither path is likely to be fast enough, or that one is unsteady, over both. So does
    // what was lost on both.
    const bool again = losses.left >= one_way(c.paths, *main) + c.paths.rtt(*main);
    const bool elsewhere = other && (losses.rounds > 0 || !again || controller_.outputs().second_path);
    const path_id path = elsewhere ? *other : *main;
    const bool hurried = elsewhere && (losses.left < one_way(c.paths, *other) || c.paths.is_left(c.now, *other));
    std::optional<path_id> as_well;
    if (other && (hurried || losses.hot)) as_well = elsewhere ? *main : *other;
    if (losses.mixed) {
        // A repair covers all of them, and could be solved for none.
        for (std::uint64_t n = losses.first; n <= losses.last; ++n) {
            const sent_source* s = history_.find(n);
            if (is_open(c, via, s) && is_worth(c, s->stream, lost_bp) && time_left(c, *s) >= shortest)
                plan_copy(c, n, path, wire::copy_reason::requested);
        }
        return;
    }
    const bool spare = other ? !again && !elsewhere : is_last_round(c, *main, losses.left);
    const std::uint32_t needed = std::min(losses.count, deficit.symbols_needed) + (spare ? 1 : 0);
    for (std::uint32_t i = 0; i < needed; ++i) {
        planned_datagram repair{.kind = transmit_kind::reactive_repair,
                                .path = path,
                                .number = losses.first,
                                .count = static_cast<std::uint32_t>(losses.last - losses.first + 1)};
        (void)queue_.push(repair);
        if (!as_well) continue;
        repair.path = *as_well;
        (void)queue_.push(repair);
    }

    const instant until = c.now + c.paths.rtt(path) + config_.paths.report_interval / 2;
    for (std::uint64_t n = losses.first; n <= losses.last; ++n) {
        sent_source* s = history_.find(n);
        if (s == nullptr || s->acknowledged || s->repair_pending_until > c.now) continue;
        s->repair_pending_until = until;
        if (s->repair_rounds < 0xFF) ++s->repair_rounds;
    }
}

bool session_sender::is_last_round(const session_context& c, path_id main, duration left) const noexcept {
    const duration round = one_way(c.paths, main) + c.paths.rtt(main);
    if (config_.control.law == control_law::reference) return left < round;
    // The peer asks again in a report, not at once; and while there is little left to spend, another loss needs it more.
    return left < round + config_.paths.report_interval && extra_.covers(packet_bytes_ * spare_reserve);
}

// Outages

void session_sender::on_path_event(const session_context& c, const path_event& event) noexcept {
    if (event.kind != path_event_kind::state_changed) return;
    // Most suspicions are false: new packets take another path, what is under way has its last chance.
    // Where each packet is acknowledged by itself there is little doubt about which ones are overdue.
    const path_config* path = c.paths.config(event.path);
    const bool known = path != nullptr && path->acknowledged;
    if (event.to == path_state::suspect && known) return resend_tail(c, event.path);
    if (event.to == path_state::suspect) ask_for_report(c, event.path);
    if (event.to == path_state::dead && known) return resend_all(c, event.path);
    if (event.to == path_state::dead && config_.control.law == control_law::reference) resend_tail(c, event.path);
}

duration session_sender::one_way(const scheduler& paths, path_id path) noexcept {
    return half(paths.rtt(path)) +
           std::clamp(paths.rtt_deviation(path) * 2, feasibility_margin, feasibility_margin * 5);
}

duration session_sender::time_left(const session_context& c, const sent_source& s) const noexcept {
    return s.at + half(c.paths.statistics(c.now, s.path).rtt_min) + s.deadline - c.now;
}

instant session_sender::last_chance(const scheduler& paths, const sent_source& s, path_id path) const noexcept {
    const duration idle_round_trip = paths.statistics(s.at, s.path).rtt_min;
    return s.at + half(idle_round_trip) + s.deadline - one_way(paths, path);
}

void session_sender::copy_last_chances(const session_context& c) noexcept {
    if (unresolved_ < oldest_protected()) unresolved_ = oldest_protected();
    for (; unresolved_ < next_; ++unresolved_) {
        const sent_source* s = history_.find(unresolved_);
        if (s == nullptr || s->acknowledged || s->copied) continue;
        const std::optional<path_id> other = other_path(c, s->path);
        if (!other) return;
        const instant until = last_chance(c.paths, *s, *other);
        if (c.now < until - last_chance_lead) return;
        if (c.now <= until && is_worth_a_copy(c, unresolved_, *s))
            plan_copy(c, unresolved_, *other, wire::copy_reason::failover);
    }
}

std::int64_t session_sender::price_of_copy_bp() const noexcept {
    // The less is left to spend, the likelier the loss has to be.
    const auto credit = static_cast<std::int64_t>(extra_.available() / packet_bytes_);
    return std::max(price_broke_bp - credit * price_broke_bp / credit_rich, price_rich_bp);
}

bool session_sender::is_worth(const session_context& c, stream_id stream, std::int64_t odds_bp) const noexcept {
    return odds_bp * std::int64_t{c.streams[stream].weight} / full_weight >= price_of_copy_bp();
}

bool session_sender::is_worth_a_copy(const session_context& c, std::uint64_t number,
                                     const sent_source& s) const noexcept {
    if (s.repair_pending_until > c.now) return is_worth(c, s.stream, repair_failure_bp);
    // Overtaken by a later packet on its own path: lost.
    if (number < newest_acknowledged_ && c.paths.passed(s.path, s.path_sequence)) return is_worth(c, s.stream, lost_bp);
    // One lost report delays many acknowledgements; what it leaves open is no sign that the packets were lost too.
    const path_state state = c.paths.state(s.path);
    if (state != path_state::suspect && state != path_state::dead) return false;
    return is_worth(c, s.stream, c.paths.chance_of_missing(c.now, s.path, s.at, s.deadline));
}

instant session_sender::next_timeout(const scheduler& paths) const noexcept {
    if (last_send_ == instant::before_all() || last_control_ - last_send_ > idle_after) return instant::never();
    const instant at = last_control_ + control_interval;
    const sent_source* s = history_.find(unresolved_);
    if (s == nullptr || s->acknowledged || !config_.second_path) return at;
    const std::optional<path_id> other = paths.alternative(s->path);
    return other ? std::min(at, last_chance(paths, *s, *other) - last_chance_lead) : at;
}

void session_sender::ask_for_report(const session_context& c, path_id from) noexcept {
    // The newest packet may have been the last of a burst: nothing behind it tells the peer that it is missing.
    if (!config_.reactive || next_ == 0 || c.now - last_send_ < c.paths.spacing() * 2) return;
    const sent_source* s = history_.find(next_ - 1);
    if (s != nullptr && !s->acknowledged && !s->copied && is_worth(c, s->stream, lost_bp))
        plan_copy(c, next_ - 1, from, wire::copy_reason::suspicion);
}

void session_sender::resend_tail(const session_context& c, path_id from) noexcept {
    const std::optional<path_id> other = other_path(c, from);
    if (!other) return;
    // Only what a living path would have reported by now; the rest still has its last chance, unless a report that was
    // merely late makes it unnecessary.
    const instant reported_by_now = c.now - c.paths.rtt(from) - config_.paths.report_interval / 2;
    for (std::uint64_t n = oldest_protected(); n < next_; ++n) {
        const sent_source* s = history_.find(n);
        if (s == nullptr || s->acknowledged || s->copied || s->path != from) continue;
        if (!is_worth(c, s->stream, lost_bp)) continue;
        if (s->at > reported_by_now) return;
        if (c.now <= last_chance(c.paths, *s, *other)) plan_copy(c, n, *other, wire::copy_reason::failover);
    }
}

void session_sender::resend_all(const session_context& c, path_id from) noexcept {
    const std::optional<path_id> other = other_path(c, from);
    if (!other) return;
    for (std::uint64_t n = oldest_protected(); n < next_; ++n) {
        const sent_source* s = history_.find(n);
        if (s == nullptr || s->acknowledged || s->copied || s->path != from) continue;
        if (!is_worth(c, s->stream, lost_bp)) continue;
        if (c.now <= last_chance(c.paths, *s, *other)) plan_copy(c, n, *other, wire::copy_reason::failover);
    }
}

void session_sender::control(const session_context& c) noexcept {
    if (!step_due(c.now, control_interval, last_control_)) return;
    const std::optional<path_id> main = c.paths.best(c.now);
    if (!main) return;
    control_inputs in;
    in.features = peer_features_;
    in.features.gap = c.paths.silence(c.now, *main);
    in.features.interval = c.paths.spacing();
    // The peer does not tell how late packets are; what the round trips take beyond the shortest one does.
    const path_statistics trips = c.paths.statistics(c.now, *main);
    in.features.delay_p95 = half(c.paths.rtt(*main) - trips.rtt_min) + trips.rtt_deviation * 2;
    in.current = peer_regime_;
    in.rtt = c.paths.rtt(*main);
    in.deadline = c.streams[newest_stream_].deadline;
    in.congestion = peer_regime_ == regime::congested;
    in.second_path_available = config_.second_path && c.paths.alternative(*main).has_value();
    in.metered_budget_left = in.second_path_available;
    in.overhead_headroom_bp = extra_.available() > config_.max_payload ? config_.overhead_cap_bp : 0;
    const bool helped = helping_;
    helping_ = controller_.update(c.now, in).second_path;
    if (copies_ordered() && !helped) resend_tail(c, *main);
}

// Building datagrams

bool session_sender::write(const planned_datagram& d, wire::writer& out) noexcept {
    switch (d.kind) {
        case transmit_kind::source:
        case transmit_kind::copy: {
            const sent_source* s = history_.find(d.number);
            const byte_view data = encoder_.source(static_cast<std::uint32_t>(d.number));
            if (s == nullptr || data.size() < wire::origin_size) return false;
            const auto origin = static_cast<std::uint32_t>(data[0] << 16 | data[1] << 8 | data[2]);
            const wire::data_frame frame{static_cast<std::uint32_t>(d.number), s->stream, origin,
                                         data.subspan(wire::origin_size)};
            if (d.kind == transmit_kind::source)
                wire::write(out, frame);
            else
                wire::write(out, wire::copy_frame{d.reason, frame});
            return out.ok();
        }
        case transmit_kind::parity:
        case transmit_kind::reactive_repair: {
            // The window may have moved on since the repair was planned.
            const std::uint64_t first = d.number < oldest_protected() ? oldest_protected() : d.number;
            if (first >= d.number + d.count) return false;
            wire::write_type(
                out, d.kind == transmit_kind::parity ? wire::frame_type::repair : wire::frame_type::reactive_repair);
            const byte_span id_place = out.reserve(repair_payload_id::wire_size);
            repair_payload_id id;
            std::size_t size = 0;
            const byte_span room = out.unused();
            if (encoder_.make_repair(static_cast<std::uint32_t>(first),
                                     static_cast<std::uint32_t>(d.number + d.count - first), id, room,
                                     size) != status::ok)
                return false;
            (void)out.reserve(size);
            return duality::write(id, id_place) == status::ok && out.ok();
        }
        case transmit_kind::probe: wire::write(out, d.probe); return out.ok();
        case transmit_kind::clock: wire::write(out, d.clock); return out.ok();
        case transmit_kind::close: wire::write(out, d.close); return out.ok();
        case transmit_kind::feedback:
        case transmit_kind::event: return false;
    }
    return false;
}

void session_sender::on_sent(const session_context& c, const planned_datagram& d, std::uint64_t bytes,
                             std::uint64_t source_bytes) noexcept {
    switch (d.kind) {
        case transmit_kind::source:
            if (sent_source* s = history_.find(d.number)) {
                s->path = d.path;
                s->path_sequence = c.paths.next_sequence(d.path);
            }
            --unsent_;
            extra_.earn(source_bytes);
            stats_.source.add(source_bytes);
            stats_.framing_bytes += bytes - source_bytes;
            break;
        case transmit_kind::copy:
            (d.reason == wire::copy_reason::hot ? stats_.hot_copies : stats_.copies).add(bytes);
            break;
        case transmit_kind::parity:
            repair_bytes_ = bytes;
            stats_.parity.add(bytes);
            break;
        case transmit_kind::reactive_repair:
            repair_bytes_ = bytes;
            stats_.reactive.add(bytes);
            break;
        default: stats_.control.add(bytes); break;
    }
}

void session_sender::on_dropped(const planned_datagram& d, bool by_budget) noexcept {
    if (by_budget) ++stats_.refused_by_budget;
    if (d.kind != transmit_kind::source) return;
    --unsent_;
    ++stats_.source_refused;
}

bool session_sender::on_refused_by_cap(instant now, const planned_datagram& d) noexcept {
    ++stats_.refused_by_cap;
    const bool protection = d.kind == transmit_kind::parity || d.kind == transmit_kind::reactive_repair;
    if (!protection || now - last_cap_error_ < duration::from_seconds(1)) return false;
    last_cap_error_ = now;
    return true;
}

}  // namespace detail
}  // namespace v0
}  // namespace duality
