// SPDX-License-Identifier: MIT
#include <utility>

#include "duality/lab/session_recording.hpp"
#include "recording_fields.hpp"
#include "recording_format.hpp"

namespace duality {
inline namespace v0 {
namespace lab {
namespace {

using detail::recorded_call;
using detail::zigzag;
using byte_list = std::vector<std::uint8_t>;

template <class T>
[[nodiscard]] constexpr std::uint64_t word(T value) noexcept {
    return static_cast<std::uint64_t>(value);
}

/// Seven bits a byte, the lowest first; the top bit says that more follow.
void put(byte_list& to, std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) to.push_back(static_cast<std::uint8_t>(value | 0x80));
    to.push_back(static_cast<std::uint8_t>(value));
}

void put(byte_list& to, byte_view bytes) {
    put(to, bytes.size());
    to.insert(to.end(), bytes.begin(), bytes.end());
}

void put(byte_list& to, std::string_view text) {
    put(to, byte_view{reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
}

template <class Config>
void put_fields(byte_list& to, const Config& config) {
    std::uint64_t count = 0;
    detail::visit_fields(config, [&](const char*, const auto&, std::int64_t = 0) { ++count; });
    put(to, count);
    detail::visit_fields(config, [&](const char* name, const auto& field, std::int64_t = 0) {
        put(to, std::string_view{name});
        put(to, zigzag(detail::value_of(field)));
    });
}

}  // namespace

void session_hash::add(instant now, status answer) noexcept {
    chain_.mix(word(now.ns()));
    chain_.mix(word(std::int64_t{static_cast<std::int32_t>(answer)}));
}

void session_hash::add(instant now, const session_output& out) noexcept {
    chain_.mix(word(now.ns()));
    chain_.mix(word(out.kind));
    switch (out.kind) {
        case output_kind::transmit: add(out.transmit); break;
        case output_kind::deliver: add(out.deliver); break;
        case output_kind::event: add(out.event); break;
        case output_kind::lane: add(out.lane); break;
        case output_kind::none: break;
    }
}

void session_hash::add(byte_view bytes) noexcept {
    chain_.mix(bytes.size());
    for (std::size_t i = 0; i < bytes.size(); i += 8) {
        std::uint64_t next = 0;
        for (std::size_t j = i; j < bytes.size() && j < i + 8; ++j) next |= word(bytes[j]) << (8 * (j - i));
        chain_.mix(next);
    }
}

void session_hash::add(const transmission& out) noexcept {
    chain_.mix(word(out.path) << 8 | word(out.kind));
    add(out.bytes);
}

void session_hash::add(const delivery& out) noexcept {
    chain_.mix(word(out.stream) << 16 | word(out.recovered_by) << 8 | word(out.past_deadline));
    for (const std::uint64_t w :
         {out.number, word(out.origin.ns()), word(out.due.ns()), word(out.lateness.ns()), word(out.held.ns())})
        chain_.mix(w);
    add(out.bytes);
}

void session_hash::add(const lane_event& e) noexcept {
    chain_.mix(e.number);
    chain_.mix(word(e.origin.ns()));
    add(e.bytes);
}

void session_hash::add(const session_event& e) noexcept {
    chain_.mix(word(e.kind));
    chain_.mix(word(e.at.ns()));
    switch (e.kind) {
        case session_event_kind::path:
            chain_.mix(word(e.path.kind) << 24 | word(e.path.path) << 16 | word(e.path.from) << 8 | word(e.path.to));
            chain_.mix(word(e.path.silence.ns()));
            chain_.mix(word(e.path.threshold.ns()));
            break;
        case session_event_kind::decision:
            chain_.mix(word(e.decision.output) << 8 | word(e.decision.reason));
            for (const std::int64_t w : {e.decision.threshold, e.decision.old_value, e.decision.new_value,
                                         e.decision.since_change.ns(), e.decision.hold_credit.ns()})
                chain_.mix(word(w));
            break;
        case session_event_kind::error: chain_.mix(word(e.error)); break;
        case session_event_kind::peer_closed:
        case session_event_kind::closed: chain_.mix(word(e.reason)); break;
        case session_event_kind::peer_restarted: break;
        case session_event_kind::regime:
            chain_.mix(word(e.regime.what) << 16 | word(e.regime.from) << 8 | word(e.regime.to));
            chain_.mix(word(e.regime.baseline_before.ns()));
            chain_.mix(word(e.regime.baseline_after.ns()));
            break;
    }
}

session_recorder::session_recorder(const session_config& config, std::span<const recording_note> notes)
    : bytes_{detail::recording_magic.begin(), detail::recording_magic.end()} {
    put(bytes_, notes.size());
    for (const recording_note& note : notes) {
        put(bytes_, std::string_view{note.key});
        put(bytes_, std::string_view{note.value});
    }
    put_fields(bytes_, config);
    end();
}

void session_recorder::begin(std::uint8_t call, instant now) {
    if (polled_ > 0) end_poll(false);
    write_call(call, now);
}

void session_recorder::write_call(std::uint8_t call, instant now) {
    call_at_ = bytes_.size();
    bytes_.push_back(call);
    // Differences wrap around, so that any two times have one.
    put(bytes_, zigzag(static_cast<std::int64_t>(word(now.ns()) - word(last_now_.ns()))));
    last_now_ = now;
    ++calls_;
}

void session_recorder::end() {
    hash_.add(byte_view{bytes_}.subspan(call_at_));
}

void session_recorder::end(instant now, status answer) {
    hash_.add(now, answer);
    end();
}

void session_recorder::end_poll(bool emptied) {
    const std::uint64_t outputs = std::exchange(polled_, 0);
    write_call(static_cast<std::uint8_t>(recorded_call::poll), polled_at_);
    put(bytes_, outputs << 1 | (emptied ? 1 : 0));
    end();
    bytes_.push_back(static_cast<std::uint8_t>(hash_.value()));
}

void session_recorder::add_path(instant now, path_id id, const path_config& config, status answer) {
    begin(static_cast<std::uint8_t>(recorded_call::add_path), now);
    bytes_.push_back(id);
    put_fields(bytes_, config);
    end(now, answer);
}

void session_recorder::remove_path(instant now, path_id id, status answer) {
    begin(static_cast<std::uint8_t>(recorded_call::remove_path), now);
    bytes_.push_back(id);
    end(now, answer);
}

void session_recorder::send(instant now, stream_id stream, byte_view payload, status answer) {
    begin(static_cast<std::uint8_t>(recorded_call::send), now);
    bytes_.push_back(stream);
    put(bytes_, payload);
    end(now, answer);
}

void session_recorder::send_event(instant now, byte_view event, instant repeat_until, status answer) {
    begin(static_cast<std::uint8_t>(recorded_call::send_event), now);
    put(bytes_, zigzag(repeat_until.ns()));
    put(bytes_, event);
    end(now, answer);
}

void session_recorder::handle_datagram(instant now, path_id path, byte_view datagram, status answer) {
    begin(static_cast<std::uint8_t>(recorded_call::datagram), now);
    bytes_.push_back(path);
    put(bytes_, datagram);
    end(now, answer);
}

void session_recorder::handle_timeout(instant now) {
    begin(static_cast<std::uint8_t>(recorded_call::timeout), now);
    end();
}

void session_recorder::polled(instant now, const session_output& out) {
    if (polled_ > 0 && now != polled_at_) end_poll(false);
    polled_at_ = now;
    ++polled_;
    ++outputs_;
    hash_.add(now, out);
}

void session_recorder::polled_nothing(instant now) {
    if (polled_ > 0 && now != polled_at_) end_poll(false);
    polled_at_ = now;
    end_poll(true);
}

void session_recorder::set_stream(instant now, stream_id stream, const stream_config& config, status answer) {
    begin(static_cast<std::uint8_t>(recorded_call::set_stream), now);
    bytes_.push_back(stream);
    put_fields(bytes_, config);
    end(now, answer);
}

void session_recorder::set_wall_clock(instant now, wall_time wall) {
    begin(static_cast<std::uint8_t>(recorded_call::set_wall_clock), now);
    put(bytes_, zigzag(wall.ns()));
    end();
}

void session_recorder::close(instant now, wire::close_reason reason, status answer) {
    begin(static_cast<std::uint8_t>(recorded_call::close), now);
    put(bytes_, word(reason));
    end(now, answer);
}

void session_recorder::finish() {
    if (polled_ > 0) end_poll(false);
    bytes_.push_back(static_cast<std::uint8_t>(recorded_call::end));
    put(bytes_, calls_);
    put(bytes_, outputs_);
    for (int byte = 0; byte < 8; ++byte) bytes_.push_back(static_cast<std::uint8_t>(hash_.value() >> (8 * byte)));
}

std::vector<std::uint8_t> session_recorder::take() noexcept {
    return std::exchange(bytes_, {});
}

}  // namespace lab
}  // namespace v0
}  // namespace duality
