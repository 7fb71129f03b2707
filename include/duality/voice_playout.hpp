// SPDX-License-Identifier: MIT
//
// Voice playout: what a player of speech does in each tick of its sound device. Every tick it is told which frames to
// decode, how much of the decoded audio to play in that tick (a tenth more or less than the tick is long: the player
// stretches it), and how much it has to make up because nothing is there.
//
// Frames come in any order and are kept by number; duplicates, restarts and absurd origins are dealt with by a
// `jitter_hold` with a hold of zero, which also tracks the baseline. The playout delay is steered towards baseline +
// `delay_target::depth`, by warping at most `warp_permille`, or not at all where the application does not allow it.
// While audio has to be made up, the delay can be chosen anew for nothing:
//   - nothing came (a stall): playout waits, and when packets come it goes on at the wanted delay, leaving out at most
//     as much speech as was made up in its place; but not at less than the delay of the latest packet, and after a
//     stall of two frames or less it leaves out nothing.
//   - a frame is missing and later ones are there (a loss): it is passed over as far as the delay stays above two
//     fifths of its depth; the stretch that wins the delay back covers for it. The rest is made up.
//   - the sender paused (numbers go on, origins leap: DTX): the silence becomes as long as suits the wanted delay.
//
// One object belongs to one thread at a time. Memory (48 bytes per frame of capacity, and a `jitter_hold`) is taken in
// `create`; nothing is allocated afterwards. `push` is O(1) amortised, `tick` O(frames passed over + 176). There is no
// timeout: the sound device calls. All decisions are in integers.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "duality/delay_target.hpp"
#include "duality/jitter_hold.hpp"
#include "duality/memory.hpp"
#include "duality/status.hpp"
#include "duality/time.hpp"
#include "duality/voice_quality.hpp"

namespace duality {
inline namespace v0 {

struct voice_playout_config {
    duration frame = duration::from_ms(20);  ///< speech in a packet; 2.5 … 120 ms
    duration tick = duration::from_ms(10);   ///< what the sound device asks for at once; 1 ms … `frame`
    std::uint32_t warp_permille = 100;       ///< how much longer or shorter playing may take; 0 … 100
    /// How many times an hour the delay may be expected to rise above the playout delay; fewer: deeper. 1 … 100000.
    std::uint32_t rises_per_hour = 900;
    duration depth_min{};                           ///< least delay above the baseline wanted; 0 … 1 s
    duration depth_max = duration::from_ms(4'000);  ///< most; `depth_min` … 8 s
    std::uint32_t capacity = 512;                   ///< frames kept at once, rounded up to a power of two; 64 … 16384
};

inline constexpr field_bounds voice_playout_bounds[] = {
    {"frame", 2'500'000, 120'000'000, "ns"}, {"tick", 1'000'000, 120'000'000, "ns"},
    {"warp_permille", 0, 100, "permille"},   {"rises_per_hour", 1, 100'000, "1/h"},
    {"depth_min", 0, 1'000'000'000, "ns"},   {"depth_max", 0, 8'000'000'000, "ns"},
    {"capacity", 64, 16'384, "frames"},
};

/// What to do in one tick, in this order: decode the frames, play `media` of decoded audio stretched to the tick's
/// length less what follows, be silent for `silent`, make up `concealed`.
struct voice_tick {
    std::array<held_packet, 4> frames{};
    std::uint32_t frame_count = 0;
    duration trim{};       ///< of the first frame decoded, its beginning to be thrown away
    duration passed{};     ///< speech left out before the first frame decoded, trim included
    duration media{};      ///< decoded audio to play
    duration silent{};     ///< the sender's pause, or before the first frame
    duration concealed{};  ///< missing
};

/// Everything counts since creation.
struct voice_playout_statistics {
    std::uint64_t ticks = 0;
    std::uint64_t played = 0;       ///< frames handed out for decoding
    std::uint64_t late = 0;         ///< frames that came after their place was passed over
    std::uint64_t passed_over = 0;  ///< frames that were here and left out for the sake of the delay
    std::uint64_t flushed = 0;      ///< frames dropped: their numbers outran the capacity, or a new stream began
    duration delay_sum{};           ///< of (decoding − origin − baseline) over the frames played
    duration stretched{};           ///< time won by playing slower
    duration shrunk{};              ///< time saved by playing faster
    duration silent{};
    concealment_counters concealment{};
    std::uint64_t clock_backwards = 0;  ///< ticks whose `now` was before an earlier one
};

class voice_playout {
public:
    /// `invalid_config` (the failure names the field) or `out_of_memory`.
    [[nodiscard]] static result<voice_playout> create(const voice_playout_config& config,
                                                      const allocator& memory) noexcept;

    /// Offers a frame: `packet.origin` is the time of its first sample on the sender's clock. Answers as
    /// `jitter_hold::push` does, `late` for a frame whose place is played already, and `invalid_argument` for an origin
    /// further than 73 years from zero.
    [[nodiscard]] status push(instant now, const held_packet& packet) noexcept;

    /// The next tick of the sound device. Never fails; before the first frame there is silence.
    void tick(instant now, voice_tick& out) noexcept;

    /// From the next tick on; clamped to its configuration range.
    void set_rises_per_hour(std::uint32_t rises) noexcept;
    /// Starts a new stream: what is held is dropped. What was learnt of the path and the counters stay.
    void reset(instant now) noexcept;

    /// The wanted delay above the baseline.
    [[nodiscard]] duration depth() const noexcept { return depth_; }
    [[nodiscard]] duration baseline() const noexcept { return hold_.baseline(); }
    /// Decoded audio not yet played.
    [[nodiscard]] duration decoded() const noexcept { return duration::from_ns(decoded_); }
    [[nodiscard]] const voice_playout_statistics& statistics() const noexcept { return statistics_; }
    [[nodiscard]] const jitter_hold_statistics& arrivals() const noexcept { return hold_.statistics(); }

private:
    struct slot {
        held_packet packet;
        bool present = false;
    };

    enum class resumed : std::uint8_t {
        nothing,  ///< nothing is here, or nothing was needed
        frame,    ///< a frame was decoded
        pause,    ///< the sender's pause goes on
        loss,     ///< a frame is missing and its place not yet over
    };

    /// Audio made up in a stall may be left out later, too, when playout lags so much behind the wanted delay.
    static constexpr duration catch_up = duration::from_ms(200);
    /// A stall of at most so many frames leaves no speech out: what it added to the delay is warped away.
    static constexpr std::int64_t short_stall_frames = 2;

    voice_playout(const voice_playout_config& config, jitter_hold&& hold) noexcept
        : config_{config}, hold_{std::move(hold)} {}

    [[nodiscard]] slot& at(std::uint64_t sequence) noexcept { return slots_[sequence & (slots_.size() - 1)]; }
    [[nodiscard]] bool present(std::uint64_t sequence) noexcept {
        return sequence <= highest_ && sequence >= next_ && at(sequence).present;
    }
    [[nodiscard]] status place(const held_packet& packet) noexcept;
    void drop_all() noexcept;
    [[nodiscard]] std::uint64_t first_present() noexcept;
    [[nodiscard]] resumed resume(std::int64_t now, std::int64_t wanted, std::int64_t least, voice_tick& out) noexcept;
    void decode(std::int64_t now, std::int64_t from, voice_tick& out) noexcept;
    void end_stall(std::int64_t paused) noexcept;

    voice_playout_config config_;
    jitter_hold hold_;
    buffer<slot> slots_;
    delay_target target_;
    duration depth_{};
    instant now_ = instant::before_all();
    std::uint64_t next_ = 0;      ///< number of the frame to decode next
    std::uint64_t highest_ = 0;   ///< highest number kept; meaningful while `kept_` is not zero
    std::uint32_t kept_ = 0;      ///< frames kept
    bool learnt_ = true;          ///< `depth_` is to be worked out anew
    bool started_ = false;        ///< a frame has come
    bool playing_ = false;        ///< a frame has been decoded
    std::int64_t position_ = 0;   ///< where on the sender's clock decoding goes on
    std::int64_t decoded_ = 0;    ///< audio decoded and not yet played
    std::int64_t stalled_ = 0;    ///< made up while waiting at `position_`
    std::int64_t owed_ = 0;       ///< made up in earlier waits, the speech in its place still played or to be played
    std::int64_t newest_ = 0;     ///< relative delay of the packet that came last
    std::uint64_t restarts_ = 0;  ///< of `hold_`, as last seen
    voice_playout_statistics statistics_{};
};

inline result<voice_playout> voice_playout::create(const voice_playout_config& config,
                                                   const allocator& memory) noexcept {
    config_check check{voice_playout_bounds};
    check.in_range("frame", config.frame.ns())
        .in_range("tick", config.tick.ns())
        .require("tick", config.tick <= config.frame)
        .in_range("warp_permille", config.warp_permille)
        .in_range("rises_per_hour", config.rises_per_hour)
        .in_range("depth_min", config.depth_min.ns())
        .in_range("depth_max", config.depth_max.ns())
        .require("depth_max", config.depth_max >= config.depth_min)
        .in_range("capacity", config.capacity);
    if (!check.ok()) return check.error();

    jitter_hold_config arrivals;
    arrivals.hold_min = arrivals.hold_max = arrivals.hold_initial = duration::zero();
    arrivals.late = late_policy::deliver;
    arrivals.capacity = 8;
    result<jitter_hold> hold = jitter_hold::create(arrivals, memory);
    if (!hold) return hold.error();
    voice_playout made{config, std::move(hold).value()};
    if (!made.slots_.create(std::bit_ceil(std::size_t{config.capacity}), memory)) return status::out_of_memory;
    return made;
}

inline status voice_playout::push(instant now, const held_packet& packet) noexcept {
    constexpr std::int64_t origin_max = std::int64_t{1} << 61;  // 73 years: sums of such values stay in range
    if (packet.origin.ns() > origin_max || packet.origin.ns() < -origin_max) return status::invalid_argument;
    const status answer = hold_.push(now, packet);
    if (hold_.statistics().restarts != restarts_) {
        restarts_ = hold_.statistics().restarts;
        drop_all();
        target_.new_stream();
    }
    if (answer != status::ok) return answer;
    released_packet released;
    while (hold_.poll(now, released)) {
    }  // with a hold of zero, exactly this packet
    if (packet.recovered_by == recovery::none) {
        const duration relative = duration::from_ns(detail::saturating_sub(now.ns(), packet.origin.ns()));
        newest_ = relative.ns();
        target_.add(now, relative - hold_.baseline());
        learnt_ = true;
    }
    return place(packet);
}

inline status voice_playout::place(const held_packet& packet) noexcept {
    if (!started_ || (!playing_ && packet.sequence < next_ && highest_ - packet.sequence < slots_.size())) {
        started_ = true;
        next_ = packet.sequence;
        position_ = packet.origin.ns();
    }
    if (packet.sequence < next_ || (playing_ && packet.origin.ns() + config_.frame.ns() <= position_)) {
        ++statistics_.late;
        return status::late;
    }
    if (packet.sequence - next_ >= slots_.size()) {
        drop_all();
        started_ = true;
        next_ = packet.sequence;
        position_ = packet.origin.ns();
    }
    highest_ = kept_ == 0 ? packet.sequence : std::max(highest_, packet.sequence);
    at(packet.sequence) = {packet, true};
    ++kept_;
    return status::ok;
}

inline void voice_playout::drop_all() noexcept {
    for (slot& s : slots_) s.present = false;
    statistics_.flushed += std::exchange(kept_, 0);
    started_ = playing_ = false;
    stalled_ = owed_ = 0;
    statistics_.concealment.end_run();
}

/// Precondition: `kept_` is not zero.
inline std::uint64_t voice_playout::first_present() noexcept {
    std::uint64_t sequence = next_;
    while (!at(sequence).present) ++sequence;
    return sequence;
}

inline void voice_playout::tick(instant now, voice_tick& out) noexcept {
    if (now < now_) ++statistics_.clock_backwards;
    now_ = now = std::max(now, now_);
    out = {};
    ++statistics_.ticks;
    const std::int64_t tick = config_.tick.ns();
    const std::int64_t warp = tick * config_.warp_permille / 1'000;
    if (std::exchange(learnt_, false))
        depth_ = std::clamp(target_.depth(config_.rises_per_hour), config_.depth_min, config_.depth_max);

    // When the next frame will be decoded, as a delay on this end's clock, if playing goes on at an even pace. Decoding
    // happens at ticks only, so this moves in whole ticks.
    const std::int64_t wanted = (hold_.baseline() + depth_).ns();
    const std::int64_t ahead = now.ns() + decoded_ / tick * tick - position_;
    std::int64_t media = tick;
    if (ahead < wanted)
        media = tick - warp;
    else if (ahead - tick >= wanted)
        media = tick + warp;

    const bool enough = decoded_ >= media || (decoded_ >= tick - warp && !present(next_));
    const resumed found = enough || kept_ == 0 ? resumed::nothing : resume(now.ns(), wanted, tick - warp, out);
    while (found == resumed::frame && decoded_ < media && out.frame_count < out.frames.size() && present(next_) &&
           at(next_).packet.origin.ns() <= position_)
        decode(now.ns(), position_, out);

    if (decoded_ >= tick - warp) {
        media = std::min(media, decoded_);
        statistics_.stretched += duration::from_ns(std::max<std::int64_t>(tick - media, 0));
        statistics_.shrunk += duration::from_ns(std::max<std::int64_t>(media - tick, 0));
        owed_ = std::max<std::int64_t>(owed_ - std::max<std::int64_t>(media - tick, 0), 0);
        statistics_.concealment.end_run();
    } else {
        media = decoded_;
        if (!playing_ || found == resumed::pause) {
            out.silent = duration::from_ns(tick - media);
            statistics_.silent += out.silent;
            statistics_.concealment.end_run();
        } else {
            out.concealed = duration::from_ns(tick - media);
            statistics_.concealment.add(out.concealed);
            if (found != resumed::loss) stalled_ += tick - media;
        }
    }
    decoded_ -= media;
    out.media = duration::from_ns(media);
    statistics_.concealment.add_output(config_.tick);
}

/// Audio has run out and frames are here: where in the stream to go on. Decodes the first frame, or says why not and
/// moves on within the gap by as much as this tick lacks.
inline voice_playout::resumed voice_playout::resume(std::int64_t now, std::int64_t wanted, std::int64_t least,
                                                    voice_tick& out) noexcept {
    const std::uint64_t first = first_present();
    const std::int64_t origin = at(first).packet.origin.ns();
    const std::int64_t gap = std::max<std::int64_t>(origin - position_, 0);
    const bool paused = gap > 0 && first == next_;
    const std::int64_t tick = config_.tick.ns();
    // While later packets are as late as the first one it would be no use to go on at less than their delay.
    const std::int64_t at_wanted = now - std::max(wanted, newest_);
    std::int64_t allowed = stalled_ > short_stall_frames * config_.frame.ns() ? stalled_ : 0;
    if (at_wanted - position_ >= catch_up.ns()) allowed = std::max(stalled_, owed_);
    std::int64_t to = std::clamp(at_wanted, position_, position_ + allowed);
    if (paused) {
        to = std::max(to, std::clamp(at_wanted, position_, origin));
    } else if (to < origin) {
        const std::int64_t at_least = now - (hold_.baseline() + depth_ * 2 / 5).ns();
        to = std::max({to, std::clamp(at_least, position_, origin), std::min(origin, position_ + stalled_)});
    }
    to = std::min(to, std::max(origin, at(highest_).packet.origin.ns()));
    if (to < origin && to < origin - tick) {
        if (decoded_ >= least) return resumed::nothing;
        end_stall(paused ? gap : 0);
        position_ = to + tick - decoded_;
        return paused ? resumed::pause : resumed::loss;
    }
    to = std::max(to, origin);
    next_ = first;
    while (next_ != highest_ && at(next_).packet.origin.ns() + config_.frame.ns() <= to) {
        at(next_).present = false;
        --kept_;
        ++statistics_.passed_over;
        ++next_;
        next_ = first_present();
    }
    to = std::max(to, at(next_).packet.origin.ns());
    const std::int64_t passed = std::max<std::int64_t>(to - position_ - (paused ? gap : 0), 0);
    end_stall(paused ? gap : 0);
    owed_ = std::max<std::int64_t>(owed_ - passed, 0);
    out.passed = duration::from_ns(passed);
    decode(now, to, out);
    return resumed::frame;
}

/// Precondition: the frame `next_` is here.
inline void voice_playout::decode(std::int64_t now, std::int64_t from, voice_tick& out) noexcept {
    slot& s = at(next_);
    const std::int64_t origin = s.packet.origin.ns();
    const std::int64_t trim = std::clamp<std::int64_t>(from - origin, 0, config_.frame.ns());
    if (out.frame_count == 0) out.trim = duration::from_ns(trim);
    out.frames[out.frame_count++] = s.packet;
    ++statistics_.played;
    statistics_.delay_sum += duration::from_ns(now - origin) - hold_.baseline();
    decoded_ += config_.frame.ns() - trim;
    position_ = origin + config_.frame.ns();
    s.present = false;
    --kept_;
    ++next_;
    playing_ = true;
}

/// What was made up during a pause of the sender was silence and no concealment.
inline void voice_playout::end_stall(std::int64_t paused) noexcept {
    const duration silent = duration::from_ns(std::min(stalled_, paused));
    statistics_.concealment.excuse(silent);
    statistics_.silent += silent;
    owed_ += stalled_ - silent.ns();
    stalled_ = 0;
}

inline void voice_playout::set_rises_per_hour(std::uint32_t rises) noexcept {
    const field_bounds* row = find_bounds(voice_playout_bounds, "rises_per_hour");
    config_.rises_per_hour =
        std::clamp(rises, static_cast<std::uint32_t>(row->low), static_cast<std::uint32_t>(row->high));
    learnt_ = true;
}

inline void voice_playout::reset(instant now) noexcept {
    hold_.reset(now);
    target_.new_stream();
    drop_all();
}

}  // namespace v0
}  // namespace duality
