// SPDX-License-Identifier: MIT
//
// Packets as canonical text, one JSON object without spaces: what two decoders must agree on. Times are in
// nanoseconds, bytes in lower-case hexadecimal digits, keys always in the same order.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "duality/parity_rlc.hpp"
#include "duality/wire.hpp"

namespace duality::test {

[[nodiscard]] inline std::string to_hex(byte_view data) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string out;
    out.reserve(2 * data.size());
    for (const std::uint8_t b : data) {
        out += digits[b >> 4];
        out += digits[b & 15];
    }
    return out;
}

namespace detail {

class object {
public:
    explicit object(std::string_view type) { text("type", type); }

    object& number(std::string_view key, std::uint64_t value) { return raw(key, std::to_string(value)); }
    object& time(std::string_view key, duration value) { return raw(key, std::to_string(value.ns())); }
    object& boolean(std::string_view key, bool value) { return raw(key, value ? "true" : "false"); }
    object& text(std::string_view key, std::string_view value) { return raw(key, "\"" + std::string{value} + "\""); }
    object& hex(std::string_view key, byte_view value) { return text(key, to_hex(value)); }
    object& raw(std::string_view key, const std::string& json) {
        out_ += out_.empty() ? "{\"" : ",\"";
        out_ += key;
        out_ += "\":" + json;
        return *this;
    }
    [[nodiscard]] std::string done() const { return out_ + "}"; }

private:
    std::string out_;
};

inline void add_data(object& out, const wire::data_frame& f) {
    out.number("esi", f.esi).number("stream", f.stream).number("origin", f.origin).hex("payload", f.payload);
}

[[nodiscard]] inline std::string list(const std::string& items) {
    return "[" + (items.empty() ? items : items.substr(1)) + "]";
}

[[nodiscard]] inline std::string feedback_text(const wire::feedback_frame& f) {
    std::string ranges;
    for (std::size_t i = 0; i < f.range_count; ++i)
        ranges += ",[" + std::to_string(f.ranges[i].missing) + "," + std::to_string(f.ranges[i].known) + "]";
    std::string paths;
    for (std::size_t i = 0; i < f.path_count; ++i) {
        const wire::path_report& p = f.paths[i];
        paths += ",[" + std::to_string(p.path) + "," + std::to_string(p.newest_sequence) + "," +
                 std::to_string(p.age.ns()) + "," + std::to_string(p.received) + "]";
    }
    object out{"feedback"};
    out.number("newest_esi", f.newest_esi).number("known_run", f.known_run).raw("ranges", list(ranges));
    if (f.deficit.symbols_needed != 0)
        out.number("symbols_needed", f.deficit.symbols_needed)
            .number("first_missing", f.deficit.first_missing)
            .number("last_missing", f.deficit.last_missing)
            .time("by_when", f.deficit.by_when);
    if (f.call.count != 0)
        out.number("called", f.call.count).number("last_called", f.call.last).number("odds", f.call.odds);
    if (f.has_regime)
        out.number("regime", static_cast<std::uint64_t>(f.current))
            .number("loss20", f.features.loss20)
            .time("j_fast", f.features.j_fast)
            .time("j_slow", f.features.j_slow)
            .number("loss_ppm", f.features.loss_ppm)
            .number("mean_burst_x16", f.features.mean_burst_x16);
    if (f.missed) out.number("missed", *f.missed);
    out.raw("paths", list(paths));
    if (f.stalled) out.boolean("stalled", true);
    if (f.in_funds) out.boolean("in_funds", true);
    return out.done();
}

}  // namespace detail

[[nodiscard]] inline std::string to_text(const wire::frame& f) {
    using detail::object;
    switch (f.type) {
        case wire::frame_type::data: {
            object out{"data"};
            detail::add_data(out, f.data);
            return out.done();
        }
        case wire::frame_type::copy: {
            object out{"copy"};
            out.number("reason", static_cast<std::uint64_t>(f.copy.reason));
            detail::add_data(out, f.copy.data);
            return out.done();
        }
        case wire::frame_type::repair:
        case wire::frame_type::reactive_repair: {
            object out{f.repair.reactive ? "reactive_repair" : "repair"};
            // NSS 0 is for the erasure decoder to refuse; the frame itself is well formed.
            const byte_view id = f.repair.payload_id;
            out.number("repair_key", static_cast<std::uint64_t>(id[0] << 8 | id[1]))
                .number("dt", static_cast<std::uint64_t>(id[2] >> 4))
                .number("nss", static_cast<std::uint64_t>((id[2] & 15) << 8 | id[3]))
                .number("fss_esi", std::uint64_t{id[4]} << 24 | std::uint64_t{id[5]} << 16 | std::uint64_t{id[6]} << 8 |
                                       std::uint64_t{id[7]})
                .hex("symbol", f.repair.symbol);
            return out.done();
        }
        case wire::frame_type::feedback: return detail::feedback_text(f.feedback);
        case wire::frame_type::clock: {
            object out{"clock"};
            out.boolean("response", f.clock.response).number("t1", f.clock.t1);
            if (f.clock.response) out.number("t2", f.clock.t2).number("t3", f.clock.t3);
            return out.done();
        }
        case wire::frame_type::probe:
            return object{"probe"}.boolean("response", f.probe.response).number("token", f.probe.token).done();
        case wire::frame_type::events: return object{"events"}.hex("message", f.events.message).done();
        case wire::frame_type::epoch:
            return object{"epoch"}
                .boolean("asks", f.epoch.asks)
                .number("own", f.epoch.own)
                .number("known", f.epoch.known)
                .done();
        case wire::frame_type::close:
        case wire::frame_type::closed:
            return object{f.close.answer ? "closed" : "close"}
                .number("reason", static_cast<std::uint64_t>(f.close.reason))
                .done();
    }
    return {};
}

/// A whole packet: its status, its path sequence number, the frames before the first malformed one, and how many
/// unknown ones were skipped.
[[nodiscard]] inline std::string packet_text(byte_view packet) {
    wire::packet_reader in{packet};
    wire::packet_header header;
    if (const status started = in.start(header); started != status::ok)
        return "{\"status\":\"" + std::string{to_string(started)} + "\"}";
    std::string frames;
    wire::frame frame;
    status read = in.next(frame);
    for (; read == status::ok; read = in.next(frame)) frames += "," + to_text(frame);
    return "{\"status\":\"" + std::string{read == status::malformed ? "malformed" : "ok"} +
           "\",\"path_sequence\":" + std::to_string(header.path_sequence) + ",\"frames\":" + detail::list(frames) +
           ",\"unknown_frames\":" + std::to_string(in.unknown_frames()) + "}";
}

/// Appends a frame that was read, in the form that `delimited` says.
inline void write_again(wire::writer& out, const wire::frame& f, bool delimited) {
    const auto put = [&](const auto& body) { delimited ? wire::write_delimited(out, body) : wire::write(out, body); };
    switch (f.type) {
        case wire::frame_type::data: put(f.data); break;
        case wire::frame_type::copy: put(f.copy); break;
        case wire::frame_type::repair:
        case wire::frame_type::reactive_repair: put(f.repair); break;
        case wire::frame_type::feedback: put(f.feedback); break;
        case wire::frame_type::clock: put(f.clock); break;
        case wire::frame_type::probe: put(f.probe); break;
        case wire::frame_type::close:
        case wire::frame_type::closed: put(f.close); break;
        case wire::frame_type::epoch: put(f.epoch); break;
        case wire::frame_type::events: put(f.events); break;
    }
}

}  // namespace duality::test
