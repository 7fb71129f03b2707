// SPDX-License-Identifier: MIT
#include "duality/detail/session_receiver.hpp"

#include <algorithm>
#include <utility>

namespace duality {
inline namespace v0 {
namespace detail {

namespace {

/// How much rarer reports are where they need not tell what has come.
constexpr std::int64_t acknowledged_report_factor = 5;

/// Does such a copy replace one on a path that its sender thinks has failed?
[[nodiscard]] constexpr bool tells_failure(wire::copy_reason reason) noexcept {
    return reason == wire::copy_reason::failover || reason == wire::copy_reason::suspicion;
}

[[nodiscard]] recovery recovery_of(wire::copy_reason reason, bool helps) noexcept {
    if (reason == wire::copy_reason::requested) return helps ? recovery::second_path : recovery::reactive;
    return reason == wire::copy_reason::failover ? recovery::second_path : recovery::duplicate;
}

}  // namespace

session_receiver::session_receiver(const session_config& config, controller law, regime_detector detector,
                                   aggregator flow, rlc_decoder decoder) noexcept
    : config_{config},
      controller_{std::move(law)},
      detector_{std::move(detector)},
      flow_{std::move(flow)},
      decoder_{std::move(decoder)},
      reports_{config.control_share_bp},
      report_interval_{config.paths.report_interval} {}

result<session_receiver> session_receiver::create(const session_config& config, const allocator& memory) noexcept {
    result<controller> law = controller::create(config.control, memory);
    if (!law) return law.error();
    result<regime_detector> detector = regime_detector::create(config.regime, memory);
    if (!detector) return detector.error();
    // What is older than the peer keeps for repairs needs no record but that it was seen; memory does not grow beyond this.
    constexpr std::uint32_t remembered = 1'024;
    result<aggregator> flow = aggregator::create({std::clamp(8 * config.protected_packets, 256u, remembered)}, memory);
    if (!flow) return flow.error();
    rlc_config code;
    code.max_window = config.protected_packets;
    code.max_symbol = config.max_payload + static_cast<std::uint32_t>(wire::origin_size + source_unit_header);
    // Repairs come at most half a window late, and the overhead cap pays for no more of them than half of what they cover.
    code.decoder_window = config.protected_packets + config.protected_packets / 2;
    code.max_equations = config.overhead_cap_bp <= 2'500 ? config.protected_packets / 2 : 0;
    // What waits for its slot are the newest packets, which are in the window too. One more is at hand, one solved into.
    code.max_units = std::max(code.decoder_window, config.receive_packets) + 2;
    code.cached_rows = config.protected_packets <= common_width ? 16 : code.cached_rows;
    result<rlc_decoder> decoder = rlc_decoder::create(code, memory);
    if (!decoder) return decoder.error();
    session_receiver r{config, std::move(law).value(), std::move(detector).value(), std::move(flow).value(),
                       std::move(decoder).value()};

    // Lateness is judged at delivery, by the stream's own policy.
    jitter_hold_config hold = config.hold;
    hold.late = late_policy::deliver;
    hold.deadline = config.stream.deadline;
    hold.capacity = config.receive_packets;
    if (!r.holds_.create(config.max_streams, memory)) return status::out_of_memory;
    for (std::optional<jitter_hold>& h : r.holds_) {
        result<jitter_hold> made = jitter_hold::create(hold, memory);
        if (!made) return made.error();
        h.emplace(std::move(made).value());
    }
    return r;
}

// Arrivals

void session_receiver::on_data(const session_context& c, path_id path, const wire::data_frame& frame) noexcept {
    note_path(c.now, path, false);
    if (frame.stream >= config_.max_streams || frame.payload.size() > config_.max_payload) {
        ++stats_.refused;
        return;
    }
    // A metered path beside a free one only helps out. Its delay is another: baseline and regime are those of the path
    // that the flow comes back to.
    const bool helps = c.paths.is_helper(path);
    const std::uint64_t believed = stats_.accepted + stats_.duplicates;
    if (flow_.started()) note_source(c.now, frame, helps);
    admit(c, path, frame.esi, frame.origin, frame.stream, frame.payload,
          helps ? recovery::second_path : recovery::none);
    if (stats_.accepted + stats_.duplicates == believed) return;
    // Also when a copy was faster: the path has brought it.
    watch_flow(c, path, frame);
    if (!helps) (void)detector_.on_arrival(c.now, flow_.unwrap(frame.esi), unwrap_origin(frame.origin));
}

void session_receiver::on_copy(const session_context& c, path_id path, const wire::copy_frame& frame) noexcept {
    note_path(c.now, path, tells_failure(frame.reason));
    if (frame.data.stream >= config_.max_streams || frame.data.payload.size() > config_.max_payload) {
        ++stats_.refused;
        return;
    }
    admit(c, path, frame.data.esi, frame.data.origin, frame.data.stream, frame.data.payload,
          recovery_of(frame.reason, c.paths.is_helper(path)));
}

void session_receiver::on_repair(const session_context& c, path_id path, const wire::repair_frame& frame) noexcept {
    note_path(c.now, path, false);
    ++stats_.repairs;
    repair_payload_id id;
    if (parse(frame.payload_id, id) != status::ok) {
        ++stats_.repairs_refused;
        return;
    }
    last_repair_reactive_ = frame.reactive;
    if (failed(decoder_.push_repair(id, frame.symbol))) ++stats_.repairs_refused;
    collect_rebuilt(c);
}

std::optional<session_receiver::accepted_packet> session_receiver::accept(const session_context& c, std::uint32_t esi,
                                                                          std::uint32_t origin,
                                                                          stream_id stream) noexcept {
    const media_time sent = unwrap_origin(origin);
    const std::uint64_t number = flow_.unwrap(esi);
    if (held_ == config_.receive_packets) {
        ++stats_.refused;
        return std::nullopt;
    }
    const aggregator::acceptance accepted = flow_.accept(c.now, number, sent, hole_patience(c.now));
    switch (accepted.code) {
        case status::ok: break;
        case status::duplicate: ++stats_.duplicates; return std::nullopt;
        case status::late: ++stats_.outdated; return std::nullopt;
        default: ++stats_.refused; return std::nullopt;
    }
    ++stats_.accepted;
    const std::optional<instant> in_time = holds_[stream]->deadline_of(sent);
    // What comes after it was given up has been counted.
    if (in_time && c.now > *in_time && number >= wanted_from_) ++missed_;
    for (std::uint64_t n = number - std::min<std::uint64_t>(accepted.newly_missing, last_calls::memory_length);
         n < number; ++n)
        calls_.on_hole(n, instant::from_ns(flow_.find(n)->origin.ns()));
    if (!unreported_) news_since_ = c.now;
    unreported_ = true;
    if (number == flow_.newest()) {
        newest_stream_ = stream;
        origin_ticks_ = std::max(origin_ticks_, sent.ns() >> wire::tick_bits);
    }
    if (accepted.newly_missing > 0) request_at_ = std::min(request_at_, c.now + hole_patience(c.now));
    return accepted_packet{number, sent};
}

void session_receiver::hold(instant now, const accepted_packet& accepted, stream_id stream, std::uint32_t packet,
                            recovery how) noexcept {
    ++held_;
    if (holds_[stream]->push(now, {accepted.number, accepted.sent, packet, how}) == status::ok) return;
    drop(packet);
    ++stats_.outdated;
}

void session_receiver::admit(const session_context& c, path_id path, std::uint32_t esi, std::uint32_t origin,
                             stream_id stream, byte_view payload, recovery how) noexcept {
    const std::optional<accepted_packet> accepted = accept(c, esi, origin, stream);
    if (!accepted) return;
    const std::array<std::uint8_t, wire::origin_size> prefix{static_cast<std::uint8_t>(origin >> 16),
                                                             static_cast<std::uint8_t>(origin >> 8),
                                                             static_cast<std::uint8_t>(origin)};
    const std::uint32_t packet =
        decoder_.keep(stream, prefix, payload);  // there is room, as not all that may be are held
    decoder_.share(packet);
    hold(c.now, *accepted, stream, packet, how);
    earn(c, path, payload.size());
    (void)decoder_.push_kept(esi, packet);
    decoder_.drop(packet);
    collect_rebuilt(c);
}

void session_receiver::collect_rebuilt(const session_context& c) noexcept {
    recovered_unit unit;
    while (decoder_.poll(unit)) {
        if (unit.data.size() < wire::origin_size || unit.flow >= config_.max_streams ||
            unit.data.size() - wire::origin_size > config_.max_payload) {
            ++stats_.repairs_refused;
            continue;
        }
        ++stats_.rebuilt;
        const auto origin = static_cast<std::uint32_t>(unit.data[0] << 16 | unit.data[1] << 8 | unit.data[2]);
        if (const std::optional<accepted_packet> accepted = accept(c, unit.esi, origin, unit.flow))
            hold(c.now, *accepted, unit.flow, decoder_.keep(unit),
                 last_repair_reactive_ ? recovery::reactive : recovery::parity);
    }
}

media_time session_receiver::unwrap_origin(std::uint32_t origin) noexcept {
    if (!flow_.started()) origin_ticks_ = origin;
    return media_time::from_ns(unwrap_nearest(origin_ticks_, origin, wire::origin_bits) << wire::tick_bits);
}

void session_receiver::note_path(instant now, path_id path, bool help) noexcept {
    unaffordable_ = unaffordable::nothing;
    path_note* place = nullptr;
    for (path_note& n : notes_) {
        if (n.used && n.id == path) place = &n;
        if (place == nullptr && !n.used) place = &n;
        if (place != nullptr && place->used) break;
    }
    if (place == nullptr) return;
    if (!place->used) *place = {.used = true, .id = path};
    if (place->last_source == instant::before_all() || now - place->last_source > path_memory) urgent_ = true;
    place->last_source = now;
    if (help) place->last_help = now;
}

void session_receiver::note_source(instant now, const wire::data_frame& frame, bool helps) noexcept {
    const std::uint64_t number = flow_.unwrap(frame.esi);
    const duration delay = now - instant::from_ns(unwrap_origin(frame.origin).ns());
    const bool was_missed = calls_.on_source(now, number, delay);
    if (was_missed && !helps) late_news_since_ = std::min(late_news_since_, now);
    if (!helps) calls_.note_delay(now, delay);
}

void session_receiver::watch_flow(const session_context& c, path_id path, const wire::data_frame& frame) noexcept {
    const media_time origin = unwrap_origin(frame.origin);
    const bool next = frame.esi == watched_esi_ + 1;
    watch_.on_packet(c.now, next ? origin - watched_origin_ : duration::zero());
    watched_esi_ = frame.esi;
    watched_origin_ = origin;
    if (path != flow_path_) flow_moved_ = c.now;
    flow_path_ = path;
    last_source_ = c.now;
    c.paths.note_flow(c.now);
    if (notices_left_ != stall_notices && notices_left_ != 0) urgent_ = true;
    notices_left_ = 0;
}

void session_receiver::earn(const session_context& c, path_id path, std::size_t payload_bytes) noexcept {
    const path_config* p = c.paths.config(path);
    reports_.earn(payload_bytes + (p != nullptr ? p->datagram_overhead : 0));
}

void session_receiver::on_events(const scheduler& paths, path_id path, const event_gain& gain) noexcept {
    const path_config* p = paths.config(path);
    reports_.earn(gain.bytes + (gain.newest && p != nullptr ? p->datagram_overhead : 0));
}

// Delivery

bool session_receiver::poll_delivery(const session_context& c, delivery& out) noexcept {
    if (in_hand_ != rlc_decoder::no_packet) drop(std::exchange(in_hand_, rlc_decoder::no_packet));
    for (std::uint32_t stream = 0; stream < config_.max_streams; ++stream) {
        released_packet released;
        while (holds_[stream]->poll(c.now, released)) {
            const auto packet = static_cast<std::uint32_t>(released.packet.token);
            if (released.past_deadline && c.streams[stream].late == late_policy::drop) {
                drop(packet);
                ++stats_.outdated;
                continue;
            }
            ++stats_.delivered;
            in_hand_ = packet;
            out.stream = static_cast<stream_id>(stream);
            out.number = released.packet.sequence;
            out.origin = released.packet.origin;
            out.bytes = decoder_.kept(packet).subspan(wire::origin_size);
            out.due = released.due;
            out.lateness = released.lateness;
            out.held = released.held;
            out.recovered_by = released.packet.recovered_by;
            out.past_deadline = released.past_deadline;
            return true;
        }
    }
    return false;
}

// Reports

instant session_receiver::report_at() const noexcept {
    if (!flow_.started()) return instant::never();
    if (call_) return std::max(last_report_, retry_at_);
    if (notices_left_ != 0) {
        // Where they take turns, the second one is as urgent as the first.
        const bool first = notices_left_ + (notice_path_ != notice_turn_ ? 1 : 0) >= stall_notices;
        return std::max(first ? last_report_ : last_report_ + report_interval_, retry_at_);
    }
    if (unaffordable_ == unaffordable::all) return instant::never();
    if (unaffordable_ == unaffordable::news)
        return request_at_.is_never() ? request_at_
                                      : std::max({request_at_, last_report_ + request_spacing, retry_at_});
    if (echo_path_) return std::max(last_report_, retry_at_);
    // What had its last call and came after all is told soon, together with what was stuck behind it.
    instant at = instant::never();
    if (!late_news_since_.is_never())
        at = std::max(late_news_since_ + burst_length, last_report_ + report_interval() / late_news_factor);
    // A hole that is about to be a loss goes into the urgent report too.
    if (urgent_)
        at =
            std::min(at, request_at_.is_never() ? last_report_ : std::min(request_at_, last_report_ + request_spacing));
    if (holes_open_)
        at = std::min(at, last_report_ + report_interval());
    else if (unreported_)
        at = std::min(at, news_due());
    // After a silence it was due long ago, but there was nothing to say.
    if (unreported_ && !at.is_never()) at = std::max(at, news_since_);
    if (!request_at_.is_never()) {
        // A hole that is about to be a loss goes into this report rather than into one of its own.
        const instant request = std::max(request_at_, last_report_ + request_spacing);
        at = at < request && request - at < request_spacing ? request : std::min(at, request);
    }
    return std::max(at, retry_at_);
}

instant session_receiver::news_due() const noexcept {
    instant at = last_report_ + report_interval();
    if (is_saving()) {
        if (!in_funds_) return instant::never();
        // The end of a flow earns nothing any more, and should be told as regularly as the rest.
        at = std::max(at, last_report_ + report_gap_ * 5 / 4);
    }
    // A source packet that is about to leave takes it along for less.
    return goes_alone_ ? at : std::max(at, last_ride_ + ride_gap_ * 5 / 4);
}

void session_receiver::on_ride(instant now) noexcept {
    const bool first = last_ride_ == instant::before_all();
    ride_gap_ = first || now - last_ride_ > report_interval_ ? duration{} : now - last_ride_;
    last_ride_ = now;
}

duration session_receiver::report_interval() const noexcept {
    // Whether the repairs have helped shows in the next report; a second request must not wait longer than that.
    const bool asking = holes_open_ && config_.control.law == control_law::adaptive;
    return asking ? config_.paths.report_interval : report_interval_;
}

path_id session_receiver::report_path(instant now) const noexcept {
    if (call_) return call_->path;
    if (notices_left_ != 0) return notice_path_;
    if (echo_path_) return *echo_path_;
    // Copies say that the peer hears nothing on the path they replace, until source packets come over another one again.
    // Otherwise reports go where those come.
    const path_note* help = nullptr;
    const path_note* newest = nullptr;
    for (const path_note& n : notes_) {
        if (!n.used) continue;
        if (n.last_help != instant::before_all() && now - n.last_help < path_memory &&
            (help == nullptr || n.last_help > help->last_help))
            help = &n;
        if (newest == nullptr || n.last_source > newest->last_source) newest = &n;
    }
    if (help != nullptr && help->last_help >= newest->last_source) return help->id;
    return newest != nullptr ? newest->id : path_id{0};
}

void session_receiver::write_report(const session_context& c, wire::writer& out, bool delimited) noexcept {
    update_wanted(c.now);
    wire::feedback_frame report;
    fill_acknowledgements(report);
    if (config_.reactive) report.deficit = deficit(c.now);
    regime_in_report_ = reports_since_regime_ + 1 >= regime_every;
    report.has_regime = regime_in_report_;
    if (regime_in_report_) {
        report.current = detector_.current();
        report.features = detector_.features(c.now);
    }
    // Again with the features: the report that told of it may be lost.
    if (missed_ != missed_told_ || (regime_in_report_ && missed_ != 0)) report.missed = missed_;
    report.stalled = notices_left_ != 0;
    report.in_funds = in_funds_ && report_gap_ <= config_.paths.report_interval * regular_gaps;
    for (path_note& n : notes_) {
        std::uint16_t received = 0;
        n.written = n.reported;
        if (!n.used || report.path_count == wire::max_path_reports) continue;
        const bool stalled = report.stalled && n.id == flow_path_;
        wire::path_report& p = report.paths[report.path_count];
        if (!c.paths.received(c.now, n.id, p.newest_sequence, p.age, received)) continue;
        if (received == n.reported && !stalled) continue;
        p.path = n.id;
        p.received = received;
        n.written = received;
        if (stalled) std::swap(report.paths[0], p);
        ++report.path_count;
    }
    report.call = call_now();
    holes_open_ = report.deficit.symbols_needed != 0;
    asked_for_ = holes_open_ ? flow_.unwrap(report.deficit.last_missing) : 0;
    if (delimited)
        wire::write_delimited(out, report);
    else
        wire::write(out, report);
}

void session_receiver::on_report_sent(const session_context& c, std::uint64_t bytes) noexcept {
    missed_told_ = missed_;
    news_at_ = reports_.earned() + (in_funds_ ? bytes : saving_factor * bytes);
    spend(bytes);
    goes_alone_ = false;
    report_gap_ += (std::min(c.now - last_report_, report_gap_max) - report_gap_) / 8;
    last_report_ = c.now;
    late_news_since_ = instant::never();
    unreported_ = urgent_ = false;
    const bool echoed = echo_path_.has_value();
    echo_path_.reset();
    if (asked_for_ > newest_requested_) {
        newest_requested_ = asked_for_;
        if (!echoed && reports_.covers(echo_credit)) echo_path_ = c.paths.alternative(report_path(c.now));
    }
    // The echo says it again: that something behind a packet has come is what makes that one lost.
    if (!echo_path_)
        for (path_note& n : notes_) n.reported = n.written;
    // A report over the other path tells of the stall, whatever it was for.
    if (notices_left_ != 0 && (!call_ || call_->path == notice_path_)) {
        --notices_left_;
        std::swap(notice_path_, notice_turn_);
    }
    call_.reset();
    if (request_at_ <= c.now) request_at_ = instant::never();
    reports_since_regime_ = regime_in_report_ ? 0 : reports_since_regime_ + 1;
}

void session_receiver::fill_acknowledgements(wire::feedback_frame& out) const noexcept {
    // Far enough down for everything the peer could still send again.
    const std::uint64_t newest = flow_.newest();
    const std::uint64_t span = std::min<std::uint64_t>(newest - flow_.oldest() + 1, config_.protected_packets);
    out.newest_esi = static_cast<std::uint32_t>(newest);
    std::uint64_t back = 0;
    const auto run_of = [&](bool known) {
        std::uint32_t run = 0;
        while (back < span && flow_.known(newest - back) == known) ++back, ++run;
        return run;
    };
    out.known_run = run_of(true);
    while (back < span && out.range_count < wire::max_ack_ranges) {
        const std::uint32_t missing = run_of(false);
        const std::uint32_t known = run_of(true);
        if (known == 0) break;
        out.ranges[out.range_count++] = {missing, known};
    }
}

duration session_receiver::longest_deadline() const noexcept {
    duration longest{};
    for (const auto& h : holds_) longest = std::max(longest, h->deadline());
    return longest;
}

duration session_receiver::expiry() const noexcept {
    return holds_[newest_stream_]->baseline() + longest_deadline();
}

void session_receiver::update_wanted(instant now) noexcept {
    wanted_from_ = std::max(wanted_from_, flow_.oldest());
    const duration worth = expiry();
    for (; wanted_from_ <= flow_.newest(); ++wanted_from_) {
        const aggregator::packet_record* r = flow_.find(wanted_from_);
        if (r == nullptr || r->known) continue;
        if (instant::from_ns(r->origin.ns()) + worth > now) break;
        ++missed_;
    }
    decoder_.forget(static_cast<std::uint32_t>(wanted_from_));
}

std::optional<media_time> session_receiver::origin_of(std::uint64_t number) const noexcept {
    if (number <= flow_.newest()) {
        const aggregator::packet_record* r = flow_.find(number);
        return r == nullptr ? std::nullopt : std::optional{r->origin};
    }
    const std::uint64_t ahead = number - flow_.newest();
    if (ahead > wire::max_called || watch_.spacing() == duration::zero()) return std::nullopt;
    return flow_.find(flow_.newest())->origin + watch_.spacing() * static_cast<std::int64_t>(ahead);
}

void session_receiver::call_overdue(const session_context& c) noexcept {
    // What is lost on the path of the flow is sent again over another one; what was lost on a path that the flow has left,
    // over the one that it takes now.
    const std::optional<path_id> other = c.paths.alternative(flow_path_);
    const duration deadline = longest_deadline();
    const bool moved = c.now - flow_moved_ <= deadline;
    path_id answered_over = other.value_or(flow_path_);
    if (moved && c.paths.rtt(flow_path_) > c.paths.rtt(answered_over)) answered_over = flow_path_;
    const bool possible = config_.reactive && (other || moved);
    calls_.set_round_trip(possible ? c.paths.rtt(answered_over) : duration{}, c.paths.rtt_deviation(answered_over));
    calls_.begin_at(std::max(wanted_from_, flow_.oldest()));
    if (calls_.next() > flow_.newest() + wire::max_called + 1) calls_.restart(flow_.newest() + 1);
    next_call_ = instant::never();
    if (calls_.lead() == duration{}) return;
    const duration silence = c.now - last_source_;
    // Of two paths in use the one that has just brought something lives; the other one may be what is missing.
    const path_id over = silence < quiet && paths_in_use(c.now) > 1 ? flow_path_ : other.value_or(flow_path_);
    const duration useful = std::min(calls_.idle_delay(), holds_[newest_stream_]->baseline()) + deadline;
    for (duration together{};;) {
        const std::uint64_t number = calls_.next();
        const std::optional<media_time> sent = origin_of(number);
        if (!sent) break;
        const instant origin = instant::from_ns(sent->ns());
        next_call_ = origin + useful - calls_.lead();
        if (next_call_ > c.now + together) return;
        if (!calls_.judge(c.now, {.origin = origin,
                                  .expiry = origin + useful,
                                  .sent = number < flow_.newest(),
                                  .silence = silence,
                                  .known = flow_.known(number)}))
            continue;
        if (!call_) call_ = {number, number, calls_.odds(), over};
        call_->last = number;
        together = calls_together;
    }
    next_call_ = instant::never();
}

wire::last_call session_receiver::call_now() const noexcept {
    if (!call_) return {};
    const auto ahead = static_cast<std::int64_t>(call_->last - flow_.newest());
    if (ahead > wire::max_called || -ahead > static_cast<std::int64_t>(wire::max_called)) return {};
    const std::uint64_t count = std::min<std::uint64_t>(call_->last - call_->first + 1, wire::max_called);
    return {static_cast<std::uint32_t>(count), static_cast<std::uint32_t>(call_->last), call_->odds};
}

duration session_receiver::hole_patience(instant now) const noexcept {
    // A path that skipped its own numbers has lost what it skipped, or lets one overtake another, which it would have
    // shown before. Otherwise another path may still bring it.
    const duration overtaking = now < reorders_until_ ? config_.reorder_delay : duration::zero();
    if (skipped_) return overtaking;
    return paths_in_use(now) > 1 ? config_.path_skew : overtaking;
}

int session_receiver::paths_in_use(instant now) const noexcept {
    int in_use = 0;
    for (const path_note& n : notes_)
        if (n.used && n.last_source != instant::before_all() && now - n.last_source <= path_memory) ++in_use;
    return in_use;
}

wire::deficit_report session_receiver::deficit(instant now) const noexcept {
    wire::deficit_report out;
    const duration worth = expiry();
    for (std::uint64_t n = wanted_from_; n < flow_.newest(); ++n) {
        const aggregator::packet_record* r = flow_.find(n);
        if (r == nullptr || r->known || now < r->noticed) continue;
        const duration left = instant::from_ns(r->origin.ns()) + worth - now;
        if (left <= duration{}) continue;
        if (out.symbols_needed++ == 0) out.first_missing = static_cast<std::uint32_t>(n);
        out.last_missing = static_cast<std::uint32_t>(n);
        out.by_when = left;
    }
    const rlc_deficit code = decoder_.deficit();
    if (code.missing != 0 && code.symbols_needed != 0)
        out.symbols_needed = std::min(out.symbols_needed, code.symbols_needed);
    return out;
}

void session_receiver::on_peer_restart(instant now) noexcept {
    for (auto& h : holds_) h->reset(now);
    flow_.reset();
    decoder_.reset();
    watch_ = {};
    calls_ = {};
    call_.reset();
    echo_path_.reset();
    notes_ = {};
    notices_left_ = 0;
    missed_ = missed_told_ = 0;
    late_news_since_ = instant::never();
    unreported_ = urgent_ = holes_open_ = false;
    request_at_ = next_call_ = instant::never();
}

// Time

void session_receiver::control(const session_context& c) noexcept {
    if (!step_due(c.now, control_interval, last_control_)) return;
    control_inputs in;
    in.features = detector_.features(c.now);
    in.current = detector_.current();
    in.deadline = c.streams[newest_stream_].deadline;
    const duration hold = controller_.update(c.now, in).hold;
    for (auto& h : holds_) h->set_hold(c.now, hold);
}

void session_receiver::handle_timeout(const session_context& c) noexcept {
    detector_.handle_timeout(c.now);
    if (!flow_.started()) return;
    // With one path there is no other to move to: reports need not tell about silence. Where every packet is acknowledged
    // by what carries it they need not tell what has come either; what they would cost is kept for requests.
    int paths = 0;
    bool acknowledged = true;
    c.paths.for_each_path([&](path_id id) {
        const path_config* const path = c.paths.config(id);
        acknowledged = acknowledged && path != nullptr && path->acknowledged;
        ++paths;
    });
    report_interval_ = config_.paths.report_interval * (acknowledged ? acknowledged_report_factor
                                                        : paths <= 1 ? alone_report_factor
                                                                     : 1);
    if (watch_.poll(c.now)) {
        if (const std::optional<path_id> other = c.paths.alternative(flow_path_)) {
            // A path that only helps may have been left a moment ago, for one that has failed: then it is the one that lives.
            notice_path_ = c.paths.is_helper(flow_path_) ? flow_path_ : *other;
            notice_turn_ = *other;
            notices_left_ = stall_notices;
        }
    }
    call_overdue(c);
    control(c);
}

instant session_receiver::next_timeout() const noexcept {
    instant at = std::min({report_at(), detector_.next_timeout(), watch_.due(), next_call_});
    for (const auto& h : holds_) at = std::min(at, h->next_timeout());
    return at;
}

}  // namespace detail
}  // namespace v0
}  // namespace duality
