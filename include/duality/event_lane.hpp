// SPDX-License-Identifier: MIT
//
// Event lane: small messages (a shot, a key, a cue) that must come soon and once. Every message of the lane carries the
// last few events again, so that a loss is made good by the next event without a round trip; an event may be repeated
// until a deadline besides. The receiver hands out each event once, in the order of the numbers it finds.
//
//     lane.push(now, bytes, now + 300_ms);                // repeated for 300 ms; without a time only carried along
//     while (lane.next_timeout() <= now) lane.write(now, out, size) …   // send `out` in any datagram
//     receiver.read(datagram); while (receiver.poll(event)) …
//
// A message is the payload of any datagram. A session has a lane of its own (`session::send_event`), with a frame for its
// messages; what a message says again is paid there from the overhead cap. Layout, integers as in docs/wire-format.md:
//
//     u32     number of the newest event, modulo 2^32; the first one is 0
//     then, 1 to 16 times, newest first:
//     varint  so many numbers below the one before (0 for the first, which is the newest; at least 1 for the others)
//     u24     when it was pushed, on the sender's clock, as the origin of a packet
//     varint  length, at most 100
//             so many bytes
//
// Sans-I/O; memory (a few KB) is taken in `create`. One object belongs to one thread.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

#include "duality/detail/replay_window.hpp"
#include "duality/memory.hpp"
#include "duality/ring.hpp"
#include "duality/sequence.hpp"
#include "duality/status.hpp"
#include "duality/time.hpp"
#include "duality/wire.hpp"

namespace duality {
inline namespace v0 {

inline constexpr std::size_t event_size_max = 100;
inline constexpr std::size_t events_per_message = 16;
/// The longest message there is.
inline constexpr std::size_t event_message_max = 4 + events_per_message * (2 + 3 + 2 + event_size_max);

struct event_lane_config {
    std::uint32_t carry = 4;                           ///< events in a message, the newest among them. 1 … 16
    duration repeat_interval = duration::from_ms(40);  ///< between repetitions. 1 ms … 10 s
    std::uint32_t queue = 64;      ///< receiver: events that wait for `poll`; 100 bytes each. 16 … 4096
    std::uint32_t window = 1'024;  ///< receiver: an event further back is too old. 64 … 65,536
};

inline constexpr field_bounds event_lane_bounds[] = {
    {"carry", 1, 16, "events"},
    {"repeat_interval", 1, 10'000, "ms"},
    {"queue", 16, 4'096, "events"},
    {"window", 64, 65'536, "events"},
};

namespace detail {

[[nodiscard]] constexpr config_check check_event_lane(const event_lane_config& c) noexcept {
    config_check fields{event_lane_bounds};
    fields.in_range("carry", c.carry)
        .in_range("repeat_interval", c.repeat_interval.ns() / 1'000'000)
        .in_range("queue", c.queue)
        .in_range("window", c.window);
    return fields;
}

struct stored_event {
    std::uint64_t number = 0;
    std::int64_t origin_ticks = 0;
    instant repeat_until = instant::before_all();
    std::uint32_t size = 0;
    std::array<std::uint8_t, event_size_max> bytes{};
};

}  // namespace detail

class event_lane_sender {
public:
    /// `invalid_config` (naming the field) or `out_of_memory`.
    [[nodiscard]] static result<event_lane_sender> create(const event_lane_config& config,
                                                          const allocator& memory) noexcept {
        const config_check fields = detail::check_event_lane(config);
        if (!fields.ok()) return fields.error();
        event_lane_sender made{config};
        if (!made.events_.create(events_per_message, memory)) return status::out_of_memory;
        return made;
    }

    /// Takes an event; it wants to be sent at once. `too_large`: more than 100 bytes; `queue_full`: `carry` events wait
    /// to be written.
    [[nodiscard]] status push(instant now, byte_view bytes, instant repeat_until = instant::before_all()) noexcept {
        if (bytes.size() > event_size_max) return status::too_large;
        if (unsent_ == config_.carry) return status::queue_full;
        if (events_.full()) (void)events_.pop();
        detail::stored_event e;
        e.number = next_++;
        e.origin_ticks = static_cast<std::int64_t>(wire::to_origin(now));
        e.repeat_until = repeat_until;
        e.size = static_cast<std::uint32_t>(bytes.size());
        if (!bytes.empty()) std::memcpy(e.bytes.data(), bytes.data(), bytes.size());
        (void)events_.push(e);
        ++unsent_;
        if (repeat_until > repeat_until_) repeat_until_ = repeat_until;
        return status::ok;
    }

    /// When there is something to write: at once after `push`, later for repetitions; `never()` when nothing is left.
    [[nodiscard]] instant next_timeout() const noexcept {
        if (unsent_ != 0) return instant::before_all();
        const instant at = written_ + config_.repeat_interval;
        return at < repeat_until_ ? at : instant::never();
    }

    /// Are there new events, which no message has carried yet?
    [[nodiscard]] bool has_new() const noexcept { return unsent_ != 0; }
    /// Of those, what the application pushed.
    [[nodiscard]] std::size_t new_bytes() const noexcept {
        std::size_t sum = 0;
        for (std::size_t back = 0; back < unsent_; ++back) sum += events_[events_.size() - 1 - back].size;
        return sum;
    }
    /// Bytes of a message with nothing else in it.
    [[nodiscard]] std::size_t new_message_size() const noexcept {
        constexpr std::size_t step_and_origin = 1 + 3;
        std::size_t sum = 4;
        for (std::size_t back = 0; back < unsent_; ++back) {
            const std::uint32_t size = events_[events_.size() - 1 - back].size;
            sum += step_and_origin + (size < 0x40 ? 1u : 2u) + size;
        }
        return sum;
    }

    /// Writes the message that is due and takes it as sent. All new events are in it, then as many older ones as `carry` and
    /// `out` allow, and those that are still to be repeated. `no_change`: nothing is due; `buffer_too_small`: the new
    /// events alone need more room.
    [[nodiscard]] status write(instant now, byte_span out, std::size_t& size) noexcept {
        const status written = compose(now, out, size);
        if (written == status::ok) on_written(now);
        return written;
    }
    /// The two halves of `write`: the message, which may still not be sent,
    [[nodiscard]] status compose(instant now, byte_span out, std::size_t& size) const noexcept {
        size = 0;
        if (next_timeout() > now) return status::no_change;
        std::array<std::uint8_t, event_message_max> message{};
        wire::writer w{message};
        w.u32(static_cast<std::uint32_t>(events_.back().number));
        std::uint64_t previous = events_.back().number;
        std::size_t fits = 0;
        for (std::size_t back = 0; back < events_.size(); ++back) {
            const detail::stored_event& e = events_[events_.size() - 1 - back];
            const bool is_new = back < unsent_;
            if (!is_new && back >= config_.carry && e.repeat_until <= now && back != 0) continue;
            w.varint(previous - e.number);
            w.u24(static_cast<std::uint32_t>(e.origin_ticks));
            w.varint(e.size);
            w.bytes({e.bytes.data(), e.size});
            previous = e.number;
            if (w.size() <= out.size())
                fits = w.size();
            else if (is_new || back == 0)
                return status::buffer_too_small;
            else
                break;
        }
        std::memcpy(out.data(), message.data(), fits);
        size = fits;
        return status::ok;
    }
    /// and that it was, or that a repetition is left out.
    void on_written(instant now) noexcept {
        unsent_ = 0;
        written_ = now;
    }

    /// Events pushed so far.
    [[nodiscard]] std::uint64_t count() const noexcept { return next_; }

private:
    explicit event_lane_sender(const event_lane_config& config) noexcept : config_{config} {}

    event_lane_config config_;
    ring<detail::stored_event> events_;
    std::uint64_t next_ = 0;
    std::uint32_t unsent_ = 0;
    instant written_ = instant::before_all();
    instant repeat_until_ = instant::before_all();
};

/// An event, once. `bytes` stays valid until the next call.
struct lane_event {
    std::uint64_t number = 0;
    media_time origin{};  ///< when it was pushed, on the sender's clock modulo 2^24 ticks, unwrapped
    byte_view bytes;
};

/// What a message brought.
struct event_gain {
    std::size_t bytes = 0;  ///< of new events
    bool newest = false;    ///< the newest event of the message was new
};

struct event_lane_statistics {
    std::uint64_t accepted = 0;
    std::uint64_t repeated = 0;     ///< carried again, and known already
    std::uint64_t too_old = 0;      ///< behind the window
    std::uint64_t implausible = 0;  ///< so far ahead that the number cannot be true
    std::uint64_t malformed = 0;    ///< messages
    std::uint64_t refused = 0;      ///< events that nobody polled for in time; carried again they may still come
};

class event_lane_receiver {
public:
    /// `invalid_config` (naming the field) or `out_of_memory`.
    [[nodiscard]] static result<event_lane_receiver> create(const event_lane_config& config,
                                                            const allocator& memory) noexcept {
        const config_check fields = detail::check_event_lane(config);
        if (!fields.ok()) return fields.error();
        event_lane_receiver made;
        if (!made.seen_.create(config.window, memory) || !made.events_.create(config.queue, memory))
            return status::out_of_memory;
        return made;
    }

    /// Takes a message. `malformed`: all of it is refused; `queue_full`: some events found no room, call `poll`;
    /// `out_of_window`: its number is more than 65,536 ahead; `duplicate`: nothing new in it.
    [[nodiscard]] status read(byte_view message) noexcept {
        event_gain gain;
        return read(message, gain);
    }
    /// The same, and what it brought.
    [[nodiscard]] status read(byte_view message, event_gain& gain) noexcept {
        gain = {};
        std::array<entry, events_per_message> entries;
        const std::size_t count = parse(message, entries);
        if (count == 0) {
            ++stats_.malformed;
            return status::malformed;
        }
        if (seen_.next() != 0 && entries[0].number >= seen_.next() + ahead_max) {
            ++stats_.implausible;
            return status::out_of_window;
        }
        status answer = status::duplicate;
        for (std::size_t i = count; i-- > 0;) {  // the oldest first
            const entry& e = entries[i];
            const status seen = seen_.judge(e.number);
            if (seen == status::duplicate) ++stats_.repeated;
            if (seen == status::late) ++stats_.too_old;
            if (seen != status::ok) continue;
            if (events_.full()) {
                ++stats_.refused;
                answer = status::queue_full;
                continue;
            }
            keep(e);
            gain.bytes += e.bytes.size();
            gain.newest = gain.newest || i == 0;
            if (answer != status::queue_full) answer = status::ok;
        }
        return answer;
    }

    /// Does none wait for `poll`?
    [[nodiscard]] bool empty() const noexcept { return events_.empty(); }
    /// The next new event.
    [[nodiscard]] bool poll(lane_event& out) noexcept {
        if (events_.empty()) return false;
        polled_ = events_.pop();
        out.number = polled_.number;
        out.origin = media_time::from_ns(polled_.origin_ticks << wire::tick_bits);
        out.bytes = {polled_.bytes.data(), polled_.size};
        return true;
    }

    /// The sender is another one: its numbers begin anew.
    void reset() noexcept {
        seen_.clear();
        events_.clear();
        origin_ticks_ = -1;
    }
    [[nodiscard]] const event_lane_statistics& statistics() const noexcept { return stats_; }

private:
    static constexpr std::uint64_t ahead_max = 65'536;

    struct entry {
        std::uint64_t number = 0;
        std::uint32_t origin = 0;
        byte_view bytes;
    };

    event_lane_receiver() noexcept = default;

    /// Events in the message; 0 when it is malformed.
    [[nodiscard]] std::size_t parse(byte_view message, std::array<entry, events_per_message>& out) const noexcept {
        wire::reader in{message};
        const std::uint32_t newest = in.u32();
        const std::int64_t unwrapped =
            seen_.next() == 0 ? newest : unwrap_nearest(static_cast<std::int64_t>(seen_.next()), newest, 32);
        if (unwrapped < 0) return 0;
        auto number = static_cast<std::uint64_t>(unwrapped);
        std::size_t count = 0;
        while (in.ok() && in.remaining() != 0) {
            const std::uint64_t step = in.varint();
            if (count == out.size() || (step == 0) != (count == 0) || step > number) return 0;
            number -= step;
            entry& e = out[count++];
            e.number = number;
            e.origin = in.u24();
            const std::uint64_t size = in.varint();
            if (size > event_size_max) return 0;
            e.bytes = in.bytes(static_cast<std::size_t>(size));
        }
        return in.ok() ? count : 0;
    }

    void keep(const entry& e) noexcept {
        seen_.mark(e.number);
        detail::stored_event kept;
        kept.number = e.number;
        kept.origin_ticks = origin_ticks_ < 0 ? e.origin : unwrap_nearest(origin_ticks_, e.origin, wire::origin_bits);
        origin_ticks_ = std::max(origin_ticks_, kept.origin_ticks);
        kept.size = static_cast<std::uint32_t>(e.bytes.size());
        if (!e.bytes.empty()) std::memcpy(kept.bytes.data(), e.bytes.data(), e.bytes.size());
        (void)events_.push(kept);
        ++stats_.accepted;
    }

    detail::replay_window seen_;
    ring<detail::stored_event> events_;
    detail::stored_event polled_;
    std::int64_t origin_ticks_ = -1;  ///< newest origin, unwrapped
    event_lane_statistics stats_;
};

}  // namespace v0
}  // namespace duality
