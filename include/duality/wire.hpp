// SPDX-License-Identifier: MIT
//
// Wire format, version 1: how sessions write and read datagrams. `docs/wire-format.md` is the specification; this is
// one implementation of it.
//
// Reading never trusts its input: every length is checked, an error names the byte where it was found, and an unknown
// frame is skipped. Nothing here keeps state or allocates.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "duality/memory.hpp"
#include "duality/regime.hpp"
#include "duality/status.hpp"
#include "duality/time.hpp"

namespace duality {
inline namespace v0 {
namespace wire {

inline constexpr std::uint8_t version = 1;
/// Version byte and path sequence number.
inline constexpr std::size_t packet_header_size = 3;
/// Everything a DATA packet carries around the application's bytes: packet header, frame type, ESI, stream, origin.
inline constexpr std::size_t data_packet_overhead = packet_header_size + 1 + 4 + 1 + 3;
/// The same for a COPY packet, which also says why it was sent.
inline constexpr std::size_t copy_packet_overhead = data_packet_overhead + 1;
/// The same for a REPAIR packet: packet header, frame type, repair payload ID (RFC 8681, section 4.1.3).
inline constexpr std::size_t repair_packet_overhead = packet_header_size + 1 + 8;

inline constexpr std::size_t max_ack_ranges = 16;
inline constexpr std::size_t max_path_reports = 8;
inline constexpr std::uint32_t max_called = 31;  ///< packets in a last call, and between them and the newest one

/// Even: the frame runs to the end of the packet. The same value plus one: a length follows the type.
enum class frame_type : std::uint64_t {
    data = 0x00,
    repair = 0x02,
    feedback = 0x04,
    clock = 0x06,
    probe = 0x08,
    close = 0x0A,
    copy = 0x0C,
    reactive_repair = 0x0E,
    closed = 0x10,
    epoch = 0x12,
    events = 0x14,
};

/// Time on the wire: one tick is 2^14 ns (16.384 µs).
inline constexpr unsigned tick_bits = 14;
/// An origin time is the sender's clock in ticks modulo 2^24 (275 s).
inline constexpr unsigned origin_bits = 24;
inline constexpr std::size_t origin_size = origin_bits / 8;  ///< bytes

/// Why a source packet was sent again.
enum class copy_reason : std::uint8_t {
    hot = 0,        ///< the stream is kept on two paths all the time
    suspicion = 1,  ///< the path of the original may be failing
    failover = 2,   ///< the path of the original failed; unacknowledged packets are sent again on another
    requested = 3,  ///< the peer asked for it in a last call
};

struct data_frame {
    std::uint32_t esi = 0;  ///< number of the source packet and its encoding symbol id
    std::uint8_t stream = 0;
    std::uint32_t origin = 0;  ///< ticks modulo 2^24
    byte_view payload;
};

struct copy_frame {
    copy_reason reason = copy_reason::hot;
    data_frame data;
};

/// RLC repair symbol with its FECFRAME repair payload ID, read as in RFC 8681 section 4.1.3.
struct repair_frame {
    bool reactive = false;  ///< answers a deficit
    byte_view payload_id;   ///< 8 bytes
    byte_view symbol;       ///< at least 1 byte
};

/// `missing` packets below the range before, then `known` packets below those; both at least 1.
struct ack_range {
    std::uint32_t missing = 0;
    std::uint32_t known = 0;
};

/// What a receiver still lacks and could still use.
struct deficit_report {
    std::uint32_t symbols_needed = 0;  ///< 0: nothing is wanted
    std::uint32_t first_missing = 0;   ///< ESI
    std::uint32_t last_missing = 0;    ///< ESI, not before `first_missing`
    duration by_when{};                ///< time left, at the moment of writing, until the last of them is worthless
};

/// Packets that have not come and are asked for now because later would be too late; those among them that are known do
/// not count. They may be beyond the newest one.
struct last_call {
    std::uint32_t count = 0;  ///< 0: none
    std::uint32_t last = 0;   ///< ESI, at most `max_called` from the newest one
    std::uint8_t odds = 0;    ///< in 1/256, that one of them does not come in time by itself
};

struct path_report {
    std::uint8_t path = 0;
    std::uint16_t newest_sequence = 0;  ///< highest path sequence number received
    duration age{};                     ///< time since it arrived
    std::uint16_t received = 0;         ///< packets received on this path so far, modulo 2^16
};

struct feedback_frame {
    std::uint32_t newest_esi = 0;
    std::uint32_t known_run = 0;  ///< source packets known without a hole up to and including `newest_esi`
    std::size_t range_count = 0;
    std::array<ack_range, max_ack_ranges> ranges{};  ///< going down from there
    deficit_report deficit{};
    last_call call{};
    bool has_regime = false;
    regime current = regime::calm;
    regime_features features{};  ///< the fields that travel: j_fast, j_slow, loss20, loss_ppm, mean_burst_x16
    bool stalled = false;        ///< the flow has stopped: the path of the first path report brings nothing any more
    bool in_funds = false;       ///< what the writer has put by pays for many reports: one that is missing is a sign
    std::optional<std::uint16_t> missed{};  ///< packets so far that were not known by their deadline, modulo 2^16
    std::size_t path_count = 0;
    std::array<path_report, max_path_reports> paths{};
};

/// Four-timestamp clock exchange; nanoseconds of the respective monotonic clock.
struct clock_frame {
    bool response = false;
    std::uint64_t t1 = 0;  ///< request sent, requester's clock
    std::uint64_t t2 = 0;  ///< request received, responder's clock (responses only)
    std::uint64_t t3 = 0;  ///< response sent, responder's clock (responses only)
};

struct probe_frame {
    bool response = false;
    std::uint32_t token = 0;
};

enum class close_reason : std::uint64_t { normal = 0, going_away = 1, protocol_error = 2, budget = 3, idle = 4 };

struct close_frame {
    close_reason reason = close_reason::normal;
    bool answer = false;  ///< the peer's own word, back: it need not be said again
};

/// Which life of its end a packet is from. First in its packet, with its length.
struct epoch_frame {
    bool asks = false;        ///< the sender does not know yet whether the peer knows it
    std::uint32_t own = 0;    ///< of the sender; 0: it tells none
    std::uint32_t known = 0;  ///< the newest one of the peer that the sender has heard of; 0: none
};
inline constexpr std::size_t epoch_frame_size = 12;

/// A message of the event lane (`duality/event_lane.hpp`), which reads and writes what is in it.
struct events_frame {
    byte_view message;  ///< at least one byte
};

struct packet_header {
    std::uint16_t path_sequence = 0;
};

/// One frame; only the member that belongs to `type` is meaningful.
struct frame {
    frame_type type = frame_type::data;
    data_frame data;
    copy_frame copy;
    repair_frame repair;
    feedback_frame feedback;
    clock_frame clock;
    probe_frame probe;
    close_frame close;
    epoch_frame epoch;
    events_frame events;
};

/// Cuts checked fields off a byte view. After the first failure every read gives zero and `ok()` is false.
class reader {
public:
    explicit reader(byte_view bytes) noexcept : bytes_{bytes} {}

    [[nodiscard]] bool ok() const noexcept { return ok_; }
    [[nodiscard]] std::size_t offset() const noexcept { return offset_; }
    [[nodiscard]] std::size_t remaining() const noexcept { return bytes_.size() - offset_; }

    std::uint8_t u8() noexcept { return static_cast<std::uint8_t>(big_endian(1)); }
    std::uint16_t u16() noexcept { return static_cast<std::uint16_t>(big_endian(2)); }
    std::uint32_t u24() noexcept { return static_cast<std::uint32_t>(big_endian(3)); }
    std::uint32_t u32() noexcept { return static_cast<std::uint32_t>(big_endian(4)); }
    std::uint64_t u64() noexcept { return big_endian(8); }
    /// Variable-length integer of RFC 9000, section 16. Longer than necessary is allowed, as there.
    std::uint64_t varint() noexcept {
        if (!need(1)) return 0;
        const std::size_t length = std::size_t{1} << (bytes_[offset_] >> 6);
        const std::uint64_t value = big_endian(length);
        return length == 8 ? value & 0x3FFFFFFFFFFFFFFFu : value & ((std::uint64_t{1} << (8 * length - 2)) - 1);
    }
    /// A varint that must not exceed `limit`.
    std::uint32_t varint_up_to(std::uint32_t limit) noexcept {
        const std::size_t start = offset_;
        const std::uint64_t value = varint();
        if (value <= limit) return static_cast<std::uint32_t>(value);
        fail_at(start);
        return 0;
    }
    byte_view bytes(std::size_t count) noexcept {
        if (!need(count)) return {};
        const byte_view out = bytes_.subspan(offset_, count);
        offset_ += count;
        return out;
    }
    byte_view rest() noexcept { return bytes(remaining()); }

    void fail_at(std::size_t where) noexcept {
        if (ok_) offset_ = where;
        ok_ = false;
    }

private:
    bool need(std::size_t count) noexcept {
        if (ok_ && remaining() < count) ok_ = false;
        return ok_;
    }
    std::uint64_t big_endian(std::size_t count) noexcept {
        if (!need(count)) return 0;
        std::uint64_t value = 0;
        for (std::size_t i = 0; i < count; ++i) value = value << 8 | bytes_[offset_ + i];
        offset_ += count;
        return value;
    }

    byte_view bytes_;
    std::size_t offset_ = 0;
    bool ok_ = true;
};

/// Appends fields to a fixed span. After the first overflow nothing more is written and `ok()` is false.
class writer {
public:
    explicit writer(byte_span out) noexcept : out_{out} {}

    [[nodiscard]] bool ok() const noexcept { return ok_; }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }

    void u8(std::uint8_t value) noexcept { big_endian(value, 1); }
    void u16(std::uint16_t value) noexcept { big_endian(value, 2); }
    void u24(std::uint32_t value) noexcept { big_endian(value, 3); }
    void u32(std::uint32_t value) noexcept { big_endian(value, 4); }
    void u64(std::uint64_t value) noexcept { big_endian(value, 8); }
    /// Shortest form; precondition: `value < 2^62`.
    void varint(std::uint64_t value) noexcept {
        if (value < 0x40) return big_endian(value, 1);
        if (value < 0x4000) return big_endian(value | 0x4000, 2);
        if (value < 0x40000000) return big_endian(value | 0x80000000u, 4);
        big_endian(value | 0xC000000000000000u, 8);
    }
    void bytes(byte_view value) noexcept {
        if (!room(value.size())) return;
        if (!value.empty()) std::memcpy(out_.data() + size_, value.data(), value.size());
        size_ += value.size();
    }
    /// The next `count` bytes, for somebody else to fill.
    byte_span reserve(std::size_t count) noexcept {
        if (!room(count)) return {};
        const byte_span place = out_.subspan(size_, count);
        size_ += count;
        return place;
    }

    /// What is left, for somebody who then tells with `reserve` how much of it was used.
    [[nodiscard]] byte_span unused() noexcept { return ok_ ? out_.subspan(size_) : byte_span{}; }

private:
    bool room(std::size_t count) noexcept {
        if (ok_ && out_.size() - size_ < count) ok_ = false;
        return ok_;
    }
    void big_endian(std::uint64_t value, std::size_t count) noexcept {
        if (!room(count)) return;
        for (std::size_t i = 0; i < count; ++i)
            out_[size_ + i] = static_cast<std::uint8_t>(value >> (8 * (count - 1 - i)));
        size_ += count;
    }

    byte_span out_;
    std::size_t size_ = 0;
    bool ok_ = true;
};

namespace detail {

inline constexpr std::uint32_t any_u32 = 0xFFFFFFFFu;

[[nodiscard]] constexpr duration from_ticks(std::uint64_t ticks) noexcept {
    return duration::from_ns(static_cast<std::int64_t>(ticks << tick_bits));
}
/// Rounded down; a negative or overlong duration is clamped to what 32 bits hold.
[[nodiscard]] constexpr std::uint64_t to_ticks(duration d) noexcept {
    const std::int64_t ticks = d.ns() >> tick_bits;
    return ticks < 0 ? 0 : ticks > any_u32 ? any_u32 : static_cast<std::uint64_t>(ticks);
}

inline void read_data(reader& in, data_frame& out) noexcept {
    out.esi = in.u32();
    out.stream = in.u8();
    out.origin = in.u24();
    out.payload = in.rest();
}

inline void read_copy(reader& in, copy_frame& out) noexcept {
    const std::size_t start = in.offset();
    const std::uint8_t reason = in.u8();
    if (reason > static_cast<std::uint8_t>(copy_reason::requested)) in.fail_at(start);
    out.reason = static_cast<copy_reason>(reason);
    read_data(in, out.data);
}

inline void read_repair(reader& in, repair_frame& out) noexcept {
    out.payload_id = in.bytes(8);
    if (in.remaining() == 0) in.fail_at(in.offset());
    out.symbol = in.rest();
}

inline constexpr std::uint8_t flag_deficit = 0x01;
inline constexpr std::uint8_t flag_regime = 0x02;
inline constexpr std::uint8_t flag_stalled = 0x04;
inline constexpr std::uint8_t flag_last_call = 0x08;
inline constexpr std::uint8_t flag_in_funds = 0x10;
inline constexpr std::uint8_t flag_missed = 0x20;

inline void read_feedback(reader& in, feedback_frame& out) noexcept {
    const std::size_t start = in.offset();
    const std::uint8_t flags = in.u8();
    constexpr int known = flag_deficit | flag_regime | flag_stalled | flag_last_call | flag_in_funds | flag_missed;
    if ((flags & ~known) != 0) in.fail_at(start);
    out.stalled = (flags & flag_stalled) != 0;
    out.in_funds = (flags & flag_in_funds) != 0;
    out.newest_esi = in.u32();
    out.known_run = in.varint_up_to(any_u32);
    out.range_count = in.varint_up_to(max_ack_ranges);
    for (std::size_t i = 0; i < out.range_count; ++i) {
        const std::size_t here = in.offset();
        out.ranges[i].missing = in.varint_up_to(any_u32);
        out.ranges[i].known = in.varint_up_to(any_u32);
        if (out.ranges[i].missing == 0 || out.ranges[i].known == 0) in.fail_at(here);
    }
    out.deficit = {};
    if ((flags & flag_deficit) != 0) {
        const std::size_t here = in.offset();
        out.deficit.symbols_needed = in.varint_up_to(any_u32);
        const std::uint32_t first_below = in.varint_up_to(any_u32);
        const std::uint32_t last_below = in.varint_up_to(any_u32);
        if (out.deficit.symbols_needed == 0 || last_below > first_below) in.fail_at(here);
        out.deficit.first_missing = out.newest_esi - first_below;
        out.deficit.last_missing = out.newest_esi - last_below;
        out.deficit.by_when = from_ticks(in.varint_up_to(any_u32));
    }
    out.call = {};
    if ((flags & flag_last_call) != 0) {
        const std::size_t here = in.offset();
        out.call.count = in.varint_up_to(max_called);
        out.call.last = out.newest_esi + in.varint_up_to(2 * max_called) - max_called;
        out.call.odds = in.u8();
        if (out.call.count == 0) in.fail_at(here);
    }
    out.has_regime = (flags & flag_regime) != 0;
    if (out.has_regime) {
        const std::size_t here = in.offset();
        const std::uint8_t current = in.u8();
        if (current > static_cast<std::uint8_t>(regime::outage)) in.fail_at(here);
        out.current = static_cast<regime>(current);
        out.features = {};
        out.features.loss20 = in.varint_up_to(20);
        out.features.j_fast = from_ticks(in.varint_up_to(any_u32));
        out.features.j_slow = from_ticks(in.varint_up_to(any_u32));
        out.features.loss_ppm = in.varint_up_to(1'000'000);
        out.features.mean_burst_x16 = in.varint_up_to(any_u32);
    }
    out.missed.reset();
    if ((flags & flag_missed) != 0) out.missed = in.u16();
    const std::size_t count_at = in.offset();
    out.path_count = in.varint_up_to(max_path_reports);
    if (out.stalled && out.path_count == 0) in.fail_at(count_at);
    for (std::size_t i = 0; i < out.path_count; ++i) {
        path_report& p = out.paths[i];
        p.path = in.u8();
        p.newest_sequence = in.u16();
        p.age = from_ticks(in.varint_up_to(any_u32));
        p.received = in.u16();
    }
}

/// 0 or 1: request or response, no or yes.
inline bool read_direction(reader& in) noexcept {
    const std::size_t start = in.offset();
    const std::uint8_t value = in.u8();
    if (value > 1) in.fail_at(start);
    return value == 1;
}

inline void read_clock(reader& in, clock_frame& out) noexcept {
    out.response = read_direction(in);
    out.t1 = in.u64();
    out.t2 = out.response ? in.u64() : 0;
    out.t3 = out.response ? in.u64() : 0;
}

inline void read_events(reader& in, events_frame& out) noexcept {
    if (in.remaining() == 0) in.fail_at(in.offset());
    out.message = in.rest();
}

inline void read_epoch(reader& in, epoch_frame& out) noexcept {
    out.asks = read_direction(in);
    out.own = in.u32();
    out.known = in.u32();
}

inline void read_probe(reader& in, probe_frame& out) noexcept {
    out.response = read_direction(in);
    out.token = in.u32();
}

inline frame_type type_of(const data_frame&) noexcept {
    return frame_type::data;
}
inline frame_type type_of(const copy_frame&) noexcept {
    return frame_type::copy;
}
inline frame_type type_of(const repair_frame& f) noexcept {
    return f.reactive ? frame_type::reactive_repair : frame_type::repair;
}
inline frame_type type_of(const feedback_frame&) noexcept {
    return frame_type::feedback;
}
inline frame_type type_of(const clock_frame&) noexcept {
    return frame_type::clock;
}
inline frame_type type_of(const probe_frame&) noexcept {
    return frame_type::probe;
}
inline frame_type type_of(const close_frame& f) noexcept {
    return f.answer ? frame_type::closed : frame_type::close;
}

inline frame_type type_of(const events_frame&) noexcept {
    return frame_type::events;
}
inline frame_type type_of(const epoch_frame&) noexcept {
    return frame_type::epoch;
}

inline void write_body(writer& out, const data_frame& f) noexcept {
    out.u32(f.esi);
    out.u8(f.stream);
    out.u24(f.origin);
    out.bytes(f.payload);
}

inline void write_body(writer& out, const copy_frame& f) noexcept {
    out.u8(static_cast<std::uint8_t>(f.reason));
    write_body(out, f.data);
}

inline void write_body(writer& out, const repair_frame& f) noexcept {
    out.bytes(f.payload_id);
    out.bytes(f.symbol);
}

inline void write_body(writer& out, const feedback_frame& f) noexcept {
    const bool has_deficit = f.deficit.symbols_needed != 0;
    out.u8(static_cast<std::uint8_t>((has_deficit ? flag_deficit : 0) | (f.has_regime ? flag_regime : 0) |
                                     (f.stalled ? flag_stalled : 0) | (f.call.count != 0 ? flag_last_call : 0) |
                                     (f.in_funds ? flag_in_funds : 0) | (f.missed ? flag_missed : 0)));
    out.u32(f.newest_esi);
    out.varint(f.known_run);
    out.varint(f.range_count);
    for (std::size_t i = 0; i < f.range_count; ++i) {
        out.varint(f.ranges[i].missing);
        out.varint(f.ranges[i].known);
    }
    if (has_deficit) {
        out.varint(f.deficit.symbols_needed);
        out.varint(f.newest_esi - f.deficit.first_missing);
        out.varint(f.newest_esi - f.deficit.last_missing);
        out.varint(to_ticks(f.deficit.by_when));
    }
    if (f.call.count != 0) {
        out.varint(f.call.count);
        out.varint(f.call.last - f.newest_esi + max_called);
        out.u8(f.call.odds);
    }
    if (f.has_regime) {
        out.u8(static_cast<std::uint8_t>(f.current));
        out.varint(f.features.loss20);
        out.varint(to_ticks(f.features.j_fast));
        out.varint(to_ticks(f.features.j_slow));
        out.varint(f.features.loss_ppm);
        out.varint(f.features.mean_burst_x16);
    }
    if (f.missed) out.u16(*f.missed);
    out.varint(f.path_count);
    for (std::size_t i = 0; i < f.path_count; ++i) {
        out.u8(f.paths[i].path);
        out.u16(f.paths[i].newest_sequence);
        out.varint(to_ticks(f.paths[i].age));
        out.u16(f.paths[i].received);
    }
}

inline void write_body(writer& out, const clock_frame& f) noexcept {
    out.u8(f.response ? 1 : 0);
    out.u64(f.t1);
    if (!f.response) return;
    out.u64(f.t2);
    out.u64(f.t3);
}

inline void write_body(writer& out, const probe_frame& f) noexcept {
    out.u8(f.response ? 1 : 0);
    out.u32(f.token);
}

inline void write_body(writer& out, const close_frame& f) noexcept {
    out.varint(static_cast<std::uint64_t>(f.reason));
}

inline void write_body(writer& out, const events_frame& f) noexcept {
    out.bytes(f.message);
}

inline void write_body(writer& out, const epoch_frame& f) noexcept {
    out.u8(f.asks ? 1 : 0);
    out.u32(f.own);
    out.u32(f.known);
}

}  // namespace detail

/// Reads a packet frame by frame.
///
///     wire::packet_reader in{bytes};
///     if (in.start(header) == status::ok)
///         while (in.next(frame) == status::ok) …
class packet_reader {
public:
    explicit packet_reader(byte_view packet) noexcept : in_{packet} {}

    /// `ok`, `unsupported_version` or `malformed`.
    [[nodiscard]] status start(packet_header& out) noexcept {
        const std::uint8_t spoken = in_.u8();
        if (in_.ok() && spoken != version) return status::unsupported_version;
        out.path_sequence = in_.u16();
        if (in_.remaining() == 0) in_.fail_at(in_.offset());
        return in_.ok() ? status::ok : status::malformed;
    }

    /// `ok` with the next known frame, `need_more` at the end of the packet, `malformed` when the rest of the packet
    /// cannot be read: `error_offset()` then names the byte. Views in `out` point into the packet.
    [[nodiscard]] status next(frame& out) noexcept {
        for (;;) {
            if (!in_.ok()) return status::malformed;
            if (in_.remaining() == 0) return status::need_more;
            const std::uint64_t type = in_.varint();
            const bool has_length = (type & 1) != 0;
            const std::uint64_t length = has_length ? in_.varint() : in_.remaining();
            if (length > in_.remaining()) in_.fail_at(in_.offset());
            if (!in_.ok()) return status::malformed;
            const std::size_t start = in_.offset();
            reader body{in_.bytes(static_cast<std::size_t>(length))};
            if (!read_body(type & ~std::uint64_t{1}, body, out)) {
                ++unknown_frames_;
                continue;
            }
            // A known frame with bytes left over is as wrong as one that is too short.
            if (body.ok() && body.remaining() != 0) body.fail_at(body.offset());
            if (body.ok()) return status::ok;
            in_.fail_at(start + body.offset());
            return status::malformed;
        }
    }

    /// Frames of a type this version does not know, skipped so far.
    [[nodiscard]] std::uint32_t unknown_frames() const noexcept { return unknown_frames_; }
    /// After `malformed`: where in the packet.
    [[nodiscard]] std::size_t error_offset() const noexcept { return in_.offset(); }

private:
    [[nodiscard]] static bool read_body(std::uint64_t type, reader& body, frame& out) noexcept {
        out.type = static_cast<frame_type>(type);
        switch (out.type) {
            case frame_type::data: detail::read_data(body, out.data); return true;
            case frame_type::copy: detail::read_copy(body, out.copy); return true;
            case frame_type::repair:
            case frame_type::reactive_repair:
                out.repair.reactive = out.type == frame_type::reactive_repair;
                detail::read_repair(body, out.repair);
                return true;
            case frame_type::feedback: detail::read_feedback(body, out.feedback); return true;
            case frame_type::clock: detail::read_clock(body, out.clock); return true;
            case frame_type::probe: detail::read_probe(body, out.probe); return true;
            case frame_type::close:
            case frame_type::closed:
                out.close.answer = out.type == frame_type::closed;
                out.close.reason = static_cast<close_reason>(body.varint());
                return true;
            case frame_type::epoch: detail::read_epoch(body, out.epoch); return true;
            case frame_type::events: detail::read_events(body, out.events); return true;
        }
        return false;
    }

    reader in_;
    std::uint32_t unknown_frames_ = 0;
};

/// Starts a packet; frames follow through the functions below.
inline void write_header(writer& out, const packet_header& header) noexcept {
    out.u8(version);
    out.u16(header.path_sequence);
}

/// Starts a frame that runs to the end of the packet, for a body that is written in place.
inline void write_type(writer& out, frame_type type) noexcept {
    out.varint(static_cast<std::uint64_t>(type));
}

/// Appends a frame that runs to the end of the packet: it must be the last one.
template <class Frame>
void write(writer& out, const Frame& f) noexcept {
    write_type(out, detail::type_of(f));
    detail::write_body(out, f);
}

/// Appends a frame with its length, so that others may follow. The body must stay below 2^14 bytes.
template <class Frame>
void write_delimited(writer& out, const Frame& f) noexcept {
    out.varint(static_cast<std::uint64_t>(detail::type_of(f)) | 1);
    const byte_span place = out.reserve(2);
    const std::size_t start = out.size();
    detail::write_body(out, f);
    if (!out.ok()) return;
    writer length{place};
    length.u16(static_cast<std::uint16_t>(0x4000 | (out.size() - start)));
}

/// The sender's clock as an origin time.
[[nodiscard]] constexpr std::uint32_t to_origin(instant sent) noexcept {
    return static_cast<std::uint32_t>(static_cast<std::uint64_t>(sent.ns()) >> tick_bits) &
           ((std::uint32_t{1} << origin_bits) - 1);
}

}  // namespace wire
}  // namespace v0
}  // namespace duality
