// SPDX-License-Identifier: MIT
//
// Jitter hold: keeps the packets of one stream until their playout slot, puts them in order of origin, removes
// duplicates, and says of each how late it came and what recovered it.
//
// A packet is an opaque 64-bit token; the caller keeps the bytes. The slot of a packet is fixed when it is pushed:
//   live mode      origin + baseline + hold, but never later than arrival + hold + early_slack
//   deadline mode  origin + media_offset + lead, but never later than arrival + lead + early_slack
// where `baseline` is the flow's relative delay (arrival − origin) on an idle path, see `baseline_tracker`. So no
// packet is ever kept longer than that cap, whatever its origin claims. One that comes after its slot is released at
// once and says how late it is. One that comes after origin + baseline + deadline is past its deadline: dropped or
// delivered with a flag, as configured. A live hold of zero passes packets through in order of arrival.
//
// One object belongs to one thread at a time. Memory (72 bytes per packet of capacity, 24 per baseline sample, about
// 5 KB besides) is taken in `create`; nothing is allocated afterwards. Work per packet is O(1) amortised when packets
// come in order; one that was overtaken by k packets still held costs k moves. `push`, `poll`, `set_hold` to zero and
// `reset` can change `next_timeout`. Every accepted token comes out of `poll` exactly once.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

#include "duality/memory.hpp"
#include "duality/statistics.hpp"
#include "duality/status.hpp"
#include "duality/time.hpp"

namespace duality {
inline namespace v0 {

/// What brought a packet here.
enum class recovery : std::uint8_t {
    none,         ///< arrived on its own
    parity,       ///< rebuilt from proactive parity
    reactive,     ///< rebuilt from repairs the receiver asked for
    duplicate,    ///< an early duplicate on the same path came first
    second_path,  ///< came over another path first
};
inline constexpr std::size_t recovery_count = 5;

enum class playout_mode : std::uint8_t {
    live,      ///< release at baseline + hold
    deadline,  ///< release at origin + lead on a clock shared with the sender
};

/// What happens to a packet past its deadline.
enum class late_policy : std::uint8_t { drop, deliver };

struct jitter_hold_config {
    duration hold_min = duration::from_ms(15);      ///< 0 … 1 s; 0 allows pass-through
    duration hold_max = duration::from_ms(30);      ///< hold_min … 1 s; the most delay the hold may add
    duration hold_initial = duration::from_ms(15);  ///< hold_min … hold_max
    duration deadline = duration::from_ms(100);     ///< after origin + baseline; 1 ms … 10 s
    /// How much longer than `hold` a packet that beat the baseline may be kept for an even pace; 0 … 100 ms.
    duration early_slack = duration::from_ms(2);
    late_policy late = late_policy::drop;
    playout_mode mode = playout_mode::live;
    duration lead = duration::from_ms(100);  ///< deadline mode: 0 … 10 s
    duration media_offset{};                 ///< deadline mode: instant − media time; any
    std::uint32_t capacity = 512;            ///< packets held at once, rounded up to a power of two; 8 … 16384
    /// An origin further ahead of the baseline than this is refused; 10 ms … 60 s.
    duration origin_ahead_max = duration::from_ms(1'000);
    /// And one further behind it than this; 100 ms … 1 h.
    duration origin_behind_max = duration::from_ms(10'000);
    std::uint32_t sequence_jump_max = 100'000;  ///< a number further ahead is refused; 64 … 2^31
    /// Refused packets in a row, consistent with each other, that prove that the sender restarted; 2 … 64.
    std::uint32_t restart_packets = 4;
    baseline_config baseline{};
};

inline constexpr field_bounds jitter_hold_bounds[] = {
    {"hold_min", 0, 1'000'000'000, "ns"},
    {"hold_max", 0, 1'000'000'000, "ns"},
    {"hold_initial", 0, 1'000'000'000, "ns"},
    {"deadline", 1'000'000, 10'000'000'000, "ns"},
    {"early_slack", 0, 100'000'000, "ns"},
    {"late", 0, 1, "late_policy"},
    {"mode", 0, 1, "playout_mode"},
    {"lead", 0, 10'000'000'000, "ns"},
    {"capacity", 8, 16'384, "packets"},
    {"origin_ahead_max", 10'000'000, 60'000'000'000, "ns"},
    {"origin_behind_max", 100'000'000, 3'600'000'000'000, "ns"},
    {"sequence_jump_max", 64, 2'147'483'648, "packets"},
    {"restart_packets", 2, 64, "packets"},
};

struct held_packet {
    std::uint64_t sequence = 0;  ///< already unwrapped to 64 bits, see `unwrap_nearest`
    media_time origin;           ///< when the sender's application produced it, on the sender's clock
    std::uint64_t token = 0;     ///< the caller's
    recovery recovered_by = recovery::none;
};

struct released_packet {
    held_packet packet;
    instant due;                 ///< its slot as this end saw it; in the past for a packet that came late
    duration lateness{};         ///< how long after its slot it came; 0 when it was there in time
    duration held{};             ///< time between push and this release
    bool past_deadline = false;  ///< released later than origin + baseline + deadline (and than its slot)
};

/// Everything counts packets since creation.
struct jitter_hold_statistics {
    std::uint64_t accepted = 0;          ///< pushes answered ok
    std::uint64_t duplicates = 0;        ///< the sequence number was seen before
    std::uint64_t dropped_late = 0;      ///< past the deadline, dropped by policy
    std::uint64_t dropped_stale = 0;     ///< too old for the duplicate window to know
    std::uint64_t refused_origin = 0;    ///< origin absurdly far from the baseline
    std::uint64_t refused_sequence = 0;  ///< sequence number absurdly far ahead
    std::uint64_t queue_full = 0;
    std::uint64_t released = 0;
    std::uint64_t released_late = 0;  ///< after their slot: playout misses that still came
    std::uint64_t released_past_deadline = 0;
    std::array<std::uint64_t, recovery_count> released_by{};  ///< indexed by `recovery`
    std::uint64_t reordered = 0;                              ///< accepted behind a higher sequence number
    std::uint64_t level_steps_up = 0;
    std::uint64_t level_steps_down = 0;
    std::uint64_t restarts = 0;         ///< sender restarts recognised
    std::uint64_t clock_backwards = 0;  ///< calls whose `now` was before an earlier one
};

class jitter_hold {
public:
    /// `invalid_config` (the failure names the field) or `out_of_memory`.
    static result<jitter_hold> create(const jitter_hold_config& config, const allocator& memory) noexcept;

    /// Offers a packet. The token is kept, and will come out of `poll`, only when the answer is `ok`:
    ///   ok             accepted
    ///   duplicate      this sequence number was accepted or dropped before
    ///   late           past its deadline (policy `drop`), or too old to know whether it was seen
    ///   out_of_window  origin or sequence number absurdly far off; see `restart_packets`
    ///   queue_full     `poll` was not called; the packet may be pushed again
    [[nodiscard]] status push(instant now, const held_packet& packet) noexcept;

    /// The next packet whose slot has come. False: nothing is due before `next_timeout()`.
    [[nodiscard]] bool poll(instant now, released_packet& out) noexcept;

    /// When `poll` will have something, if nothing else is pushed: exact; `never()` when empty. May lie in the past.
    [[nodiscard]] instant next_timeout() const noexcept { return size_ == 0 ? instant::never() : at(0).due; }

    /// The hold of packets pushed from now on, clamped to [hold_min, hold_max]. Zero also releases what is held now.
    void set_hold(instant now, duration hold) noexcept;
    /// The deadline of packets pushed from now on, clamped to its configuration range.
    void set_deadline(duration deadline) noexcept;
    /// Deadline mode: instant − media time, as clock synchronisation has it now; for packets pushed from now on.
    void set_media_offset(duration offset) noexcept { config_.media_offset = offset; }
    /// Deadline mode: the lead of packets pushed from now on, clamped to its configuration range.
    void set_lead(duration lead) noexcept;
    /// Starts a new stream: forgets baseline and sequence numbers; what is held becomes due now. Counters stay.
    void reset(instant now) noexcept;

    [[nodiscard]] duration hold() const noexcept { return hold_; }
    [[nodiscard]] duration deadline() const noexcept { return config_.deadline; }
    /// Relative delay (arrival − origin) of the idle path as now estimated; zero before the first packet.
    [[nodiscard]] duration baseline() const noexcept { return fallback_known_ ? fallback_ : baseline_.baseline(); }
    /// Until when a packet with this origin is in time, by the idle path as now estimated; nothing before the first packet.
    [[nodiscard]] std::optional<instant> deadline_of(media_time origin) const noexcept {
        if (!started_) return std::nullopt;
        return place(origin, baseline() + config_.deadline);
    }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] std::size_t capacity() const noexcept { return entries_.size(); }
    [[nodiscard]] const jitter_hold_statistics& statistics() const noexcept { return statistics_; }

private:
    struct entry {
        held_packet packet;
        instant due;  ///< never later than that of the entry behind it
        instant arrival;
        instant deadline;
        bool previous_stream = false;  ///< from before a restart: keeps its place
        bool late = false;
        duration lateness{};
    };

    jitter_hold() noexcept = default;

    [[nodiscard]] entry& at(std::size_t i) noexcept { return entries_[(head_ + i) & (entries_.size() - 1)]; }
    [[nodiscard]] const entry& at(std::size_t i) const noexcept {
        return entries_[(head_ + i) & (entries_.size() - 1)];
    }
    [[nodiscard]] instant clamp_clock(instant now) noexcept {
        if (now < now_) {
            ++statistics_.clock_backwards;
            return now_;
        }
        return now_ = now;
    }
    [[nodiscard]] bool passes_through() const noexcept {
        return config_.mode == playout_mode::live && hold_ == duration::zero();
    }
    [[nodiscard]] static duration relative_delay(instant now, media_time origin) noexcept {
        return duration::from_ns(detail::saturating_sub(now.ns(), origin.ns()));
    }
    [[nodiscard]] static instant place(media_time origin, duration after) noexcept {
        return instant::from_ns(detail::saturating_add(origin.ns(), after.ns()));
    }

    [[nodiscard]] status judge(duration relative, const held_packet& packet) noexcept;
    [[nodiscard]] bool proves_restart(duration relative, const held_packet& packet) noexcept;
    void forget_stream(instant now) noexcept;
    void observe(instant now, duration relative, recovery recovered_by) noexcept;
    [[nodiscard]] bool mark_seen(std::uint64_t sequence) noexcept;
    void insert(const entry& e) noexcept;

    jitter_hold_config config_{};
    buffer<entry> entries_;  ///< ring in order of release
    std::size_t head_ = 0;
    std::size_t size_ = 0;
    buffer<std::uint64_t> seen_;  ///< bitmap of the last `seen_.size() * 64` sequence numbers
    baseline_tracker baseline_;
    duration fallback_{};  ///< stands in for the baseline until a packet comes on its own
    duration hold_{};
    instant now_ = instant::before_all();
    std::uint64_t highest_ = 0;  ///< highest sequence number accepted as plausible
    media_time newest_;          ///< latest origin accepted as plausible
    bool started_ = false;
    bool fallback_known_ = false;
    std::uint32_t suspects_ = 0;  ///< packets in a row that only a restart explains
    std::uint64_t suspect_sequence_ = 0;
    duration suspect_delay_{};
    jitter_hold_statistics statistics_{};
};

inline result<jitter_hold> jitter_hold::create(const jitter_hold_config& config, const allocator& memory) noexcept {
    config_check check{jitter_hold_bounds};
    check.in_range("hold_min", config.hold_min.ns())
        .in_range("hold_max", config.hold_max.ns())
        .require("hold_max", config.hold_max >= config.hold_min)
        .in_range("hold_initial", config.hold_initial.ns())
        .require("hold_initial", config.hold_initial >= config.hold_min && config.hold_initial <= config.hold_max)
        .in_range("deadline", config.deadline.ns())
        .in_range("early_slack", config.early_slack.ns())
        .in_range("late", static_cast<std::int64_t>(config.late))
        .in_range("mode", static_cast<std::int64_t>(config.mode))
        .in_range("lead", config.lead.ns())
        .in_range("capacity", config.capacity)
        .in_range("origin_ahead_max", config.origin_ahead_max.ns())
        .in_range("origin_behind_max", config.origin_behind_max.ns())
        .in_range("sequence_jump_max", config.sequence_jump_max)
        .in_range("restart_packets", config.restart_packets);
    if (!check.ok()) return check.error();
    const config_check baseline = baseline_tracker::check(config.baseline);
    if (!baseline.ok()) return baseline.error();

    jitter_hold made;
    made.config_ = config;
    made.hold_ = config.hold_initial;
    const std::size_t window = std::max<std::size_t>(4'096, std::bit_ceil(std::size_t{config.capacity}) * 4);
    if (!made.entries_.create_untouched(std::bit_ceil(std::size_t{config.capacity}), memory) ||
        !made.seen_.create(window / 64, memory) || !made.baseline_.create(config.baseline, memory))
        return status::out_of_memory;
    return made;
}

inline status jitter_hold::push(instant now, const held_packet& packet) noexcept {
    now = clamp_clock(now);
    if (static_cast<std::size_t>(packet.recovered_by) >= recovery_count) return status::invalid_argument;
    const duration relative = relative_delay(now, packet.origin);
    if (!started_) {
        started_ = true;
        highest_ = packet.sequence;
        newest_ = packet.origin;
    } else if (const status verdict = judge(relative, packet); verdict != status::ok) {
        return verdict;
    } else if (!started_) {  // the sender restarted and this packet is the first of the new stream
        started_ = true;
        highest_ = packet.sequence;
        newest_ = packet.origin;
    }
    observe(now, relative, packet.recovered_by);

    entry e;
    e.packet = packet;
    e.arrival = now;
    e.deadline = place(packet.origin, baseline() + config_.deadline);
    instant slot;
    duration stay_max;
    if (config_.mode == playout_mode::live) {
        slot = place(packet.origin, baseline() + hold_);
        stay_max = hold_;
    } else {
        slot = place(packet.origin, config_.media_offset + config_.lead);
        stay_max = config_.lead;
        e.deadline = std::max(e.deadline, slot);
    }
    e.late = now > slot;
    e.lateness = e.late ? now - slot : duration::zero();
    const bool worthless = now > e.deadline && config_.late == late_policy::drop;
    if (!worthless && size_ == entries_.size()) {
        ++statistics_.queue_full;
        return status::queue_full;
    }
    const bool overtaken = packet.sequence < highest_;
    if (!mark_seen(packet.sequence)) {
        ++statistics_.duplicates;
        return status::duplicate;
    }
    newest_ = std::max(newest_, packet.origin);
    if (worthless) {
        ++statistics_.dropped_late;
        return status::late;
    }
    e.due = passes_through() ? now : std::min(slot, now + stay_max + config_.early_slack);
    insert(e);
    ++statistics_.accepted;
    statistics_.reordered += overtaken;
    return status::ok;
}

/// Is the packet plausible as part of the present stream? Everything else is refused and counted; when it proves a
/// restart of the sender, the present stream is forgotten (`started_` becomes false) and the packet is welcome.
inline status jitter_hold::judge(duration relative, const held_packet& packet) noexcept {
    const std::uint64_t window = seen_.size() * 64;
    const bool behind = packet.sequence <= highest_;
    const bool stale = behind && highest_ - packet.sequence >= window;
    const bool jumps = !behind && packet.sequence - highest_ > config_.sequence_jump_max;
    const duration above = relative - baseline();
    const bool absurd = above < -config_.origin_ahead_max || above > config_.origin_behind_max;
    // An old sequence number with the newest origin so far: counted from anew, or a sender that reorders its frames.
    const bool contradicts = behind && packet.origin > newest_;
    if (!stale && !jumps && !absurd && !contradicts) {
        if (packet.recovered_by == recovery::none) suspects_ = 0;
        return status::ok;
    }
    if (packet.recovered_by == recovery::none && proves_restart(relative, packet)) {
        ++statistics_.restarts;
        forget_stream(now_);
        return status::ok;
    }
    if (absurd) {
        ++statistics_.refused_origin;
        return status::out_of_window;
    }
    if (stale) {
        ++statistics_.dropped_stale;
        return status::late;
    }
    if (jumps) {
        ++statistics_.refused_sequence;
        return status::out_of_window;
    }
    return status::ok;
}

inline bool jitter_hold::proves_restart(duration relative, const held_packet& packet) noexcept {
    const duration moved = relative - suspect_delay_;
    const bool follows = suspects_ != 0 && packet.sequence > suspect_sequence_ &&
                         packet.sequence - suspect_sequence_ <= 64 && moved <= config_.origin_ahead_max &&
                         -moved <= config_.origin_ahead_max;
    suspects_ = follows ? suspects_ + 1 : 1;
    suspect_sequence_ = packet.sequence;
    suspect_delay_ = relative;
    return suspects_ >= config_.restart_packets;
}

inline void jitter_hold::forget_stream(instant now) noexcept {
    baseline_.clear();
    fallback_known_ = started_ = false;
    suspects_ = 0;
    for (std::uint64_t& word : seen_) word = 0;
    for (std::size_t i = 0; i < size_; ++i) {
        at(i).previous_stream = true;
        at(i).due = std::min(at(i).due, now);
    }
}

inline void jitter_hold::observe(instant now, duration relative, recovery recovered_by) noexcept {
    if (recovered_by == recovery::none) {
        const baseline_tracker::step step = baseline_.add(now, relative);
        statistics_.level_steps_up += step == baseline_tracker::step::up;
        statistics_.level_steps_down += step == baseline_tracker::step::down;
        fallback_known_ = false;
    } else if (!baseline_.known()) {
        fallback_ = fallback_known_ ? std::min(fallback_, relative) : relative;
        fallback_known_ = true;
    }
}

/// Moves the window up to `sequence` where needed; false when it was marked already. Not for stale numbers.
inline bool jitter_hold::mark_seen(std::uint64_t sequence) noexcept {
    const std::uint64_t words = seen_.size();
    if (sequence > highest_) {
        const std::uint64_t first = highest_ / 64 + 1;
        const std::uint64_t last = sequence / 64;
        if (last - first + 1 >= words && last >= first) {
            for (std::uint64_t& word : seen_) word = 0;
        } else {
            for (std::uint64_t w = first; w <= last; ++w) seen_[w & (words - 1)] = 0;
        }
        highest_ = sequence;
    }
    std::uint64_t& word = seen_[sequence / 64 & (words - 1)];
    const std::uint64_t bit = std::uint64_t{1} << (sequence % 64);
    if ((word & bit) != 0) return false;
    word |= bit;
    return true;
}

/// Places `e` in order of (origin, sequence number) and keeps the release times in that same order: whoever must go
/// first may not wait longer than the one behind it.
inline void jitter_hold::insert(const entry& e) noexcept {
    std::size_t i = size_++;
    const bool in_order = !passes_through();
    while (in_order && i > 0) {
        const entry& before = at(i - 1);
        if (before.previous_stream || before.packet.origin < e.packet.origin ||
            (before.packet.origin == e.packet.origin && before.packet.sequence < e.packet.sequence))
            break;
        at(i) = before;
        --i;
    }
    at(i) = e;
    if (i + 1 < size_) at(i).due = std::min(at(i).due, at(i + 1).due);
    const instant due = at(i).due;
    for (; i > 0 && at(i - 1).due > due; --i) at(i - 1).due = due;
}

inline bool jitter_hold::poll(instant now, released_packet& out) noexcept {
    now = clamp_clock(now);
    if (size_ == 0 || at(0).due > now) return false;
    const entry& e = at(0);
    out.packet = e.packet;
    out.due = e.due;
    out.lateness = e.lateness;
    out.held = now - e.arrival;
    out.past_deadline = now > e.deadline;
    head_ = --size_ == 0 ? 0 : (head_ + 1) & (entries_.size() - 1);  // in the same few places while few wait
    ++statistics_.released;
    ++statistics_.released_by[static_cast<std::size_t>(out.packet.recovered_by)];
    statistics_.released_late += e.late;
    statistics_.released_past_deadline += out.past_deadline;
    return true;
}

inline void jitter_hold::set_hold(instant now, duration hold) noexcept {
    now = clamp_clock(now);
    const bool passed = passes_through();
    hold_ = std::clamp(hold, config_.hold_min, config_.hold_max);
    if (passes_through() && !passed) {
        for (std::size_t i = 0; i < size_; ++i) at(i).due = std::min(at(i).due, now);
    } else if (passed && !passes_through()) {
        // What waits in order of arrival keeps its place in front of the ordered ones.
        for (std::size_t i = 0; i < size_; ++i) at(i).previous_stream = true;
    }
}

inline void jitter_hold::set_deadline(duration deadline) noexcept {
    const field_bounds* row = find_bounds(jitter_hold_bounds, "deadline");
    config_.deadline = std::clamp(deadline, duration::from_ns(row->low), duration::from_ns(row->high));
}

inline void jitter_hold::set_lead(duration lead) noexcept {
    const field_bounds* row = find_bounds(jitter_hold_bounds, "lead");
    config_.lead = std::clamp(lead, duration::from_ns(row->low), duration::from_ns(row->high));
}

inline void jitter_hold::reset(instant now) noexcept {
    forget_stream(clamp_clock(now));
}

}  // namespace v0
}  // namespace duality
