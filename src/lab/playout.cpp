// SPDX-License-Identifier: MIT
#include "duality/lab/playout.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "duality/jitter_hold.hpp"
#include "duality/regime.hpp"

namespace duality {
inline namespace v0 {
namespace lab {

namespace {

struct arrival {
    std::int64_t at_ns = 0;
    std::uint64_t frame = 0;
};

[[nodiscard]] std::vector<arrival> in_order_of_arrival(const voice_stream& stream) {
    std::vector<arrival> out;
    for (std::size_t n = 0; n < stream.arrivals_ns.size(); ++n)
        if (stream.arrivals_ns[n] != voice_stream::lost) out.push_back({stream.arrivals_ns[n], n});
    std::stable_sort(out.begin(), out.end(), [](const arrival& a, const arrival& b) { return a.at_ns < b.at_ns; });
    return out;
}

[[nodiscard]] held_packet packet_of(const voice_stream& stream, std::uint64_t frame) noexcept {
    return {frame, media_time::from_ns(static_cast<std::int64_t>(frame) * stream.frame.ns()), frame, recovery::none};
}

/// Sums up what a player does.
class scorer {
public:
    explicit scorer(const voice_stream& stream)
        : stream_{stream}, least_ns_{stream.least_delay_ns()}, heard_(stream.arrivals_ns.size()) {}

    [[nodiscard]] std::int64_t delay_ns(std::int64_t at_ns, std::uint64_t frame) const noexcept {
        return at_ns - static_cast<std::int64_t>(frame) * stream_.frame.ns() - least_ns_;
    }
    void played(std::int64_t at_ns, std::uint64_t frame) {
        delay_sum_ms_ += static_cast<double>(delay_ns(at_ns, frame)) / 1e6;
        ++played_;
        heard_[frame] = true;
    }
    [[nodiscard]] playout_figures figures(const concealment_counters& concealment) const {
        playout_figures f;
        const double output_ms = concealment.output().ms();
        f.concealed_share = output_ms > 0 ? concealment.concealed().ms() / output_ms : 0;
        f.mean_delay_ms = played_ > 0 ? delay_sum_ms_ / static_cast<double>(played_) : 0;
        const auto unheard = std::count(heard_.begin(), heard_.end(), false);
        f.unheard_share = heard_.empty() ? 0 : static_cast<double>(unheard) / static_cast<double>(heard_.size());
        f.concealments = concealment.events();
        f.interruptions = concealment.interruptions();
        return f;
    }

private:
    const voice_stream& stream_;
    std::int64_t least_ns_;
    std::vector<bool> heard_;
    double delay_sum_ms_ = 0;
    std::size_t played_ = 0;
};

/// A player that conceals whole frames: each frame's slot is told in turn, `heard` or not.
class slot_player {
public:
    slot_player(const voice_stream& stream, std::vector<playout_sample>* samples)
        : stream_{stream}, score_{stream}, samples_{samples} {}

    void slot(std::uint64_t frame, std::int64_t slot_ns, std::int64_t baseline_ns, bool heard) {
        concealment_.add_output(stream_.frame);
        if (heard) {
            concealment_.end_run();
            score_.played(slot_ns, frame);
        } else {
            concealment_.add(stream_.frame);
        }
        const std::int64_t delay = score_.delay_ns(slot_ns, frame);
        if (samples_ != nullptr)
            samples_->push_back({slot_ns, baseline_ns, delay, heard ? delay : -1, heard ? 0 : stream_.frame.ns()});
    }
    [[nodiscard]] playout_figures figures() const { return score_.figures(concealment_); }

private:
    const voice_stream& stream_;
    scorer score_;
    concealment_counters concealment_;
    std::vector<playout_sample>* samples_;
};

}  // namespace

std::int64_t voice_stream::least_delay_ns() const noexcept {
    std::int64_t least = std::numeric_limits<std::int64_t>::max();
    for (std::size_t n = 0; n < arrivals_ns.size(); ++n)
        if (arrivals_ns[n] != lost) least = std::min(least, arrivals_ns[n] - static_cast<std::int64_t>(n) * frame.ns());
    return least == std::numeric_limits<std::int64_t>::max() ? 0 : least;
}

std::vector<std::int64_t> voice_stream::delays_ns() const {
    const std::int64_t least = least_delay_ns();
    std::vector<std::int64_t> out;
    out.reserve(arrivals_ns.size());
    for (std::size_t n = 0; n < arrivals_ns.size(); ++n)
        out.push_back(arrivals_ns[n] == lost ? lost
                                             : arrivals_ns[n] - static_cast<std::int64_t>(n) * frame.ns() - least);
    return out;
}

voice_stream send_voice(link over, duration length, duration frame) {
    constexpr std::size_t voice_bytes = 200;  // with its IP and UDP headers
    voice_stream out;
    out.frame = frame;
    for (std::int64_t at = 0; at <= length.ns(); at += frame.ns()) {
        const link_outcome outcome = over.transmit(instant::from_ns(at), voice_bytes);
        out.arrivals_ns.push_back(outcome.fate == packet_fate::delivered ? outcome.arrival.ns() : voice_stream::lost);
    }
    return out;
}

playout_figures play_adaptive(const voice_stream& stream, const voice_playout_config& config,
                              std::vector<playout_sample>* samples) {
    const std::vector<arrival> arrivals = in_order_of_arrival(stream);
    result<voice_playout> playout = voice_playout::create(config, allocator::system());
    if (!playout || arrivals.empty()) return {};
    scorer score{stream};
    const std::int64_t least = stream.least_delay_ns();
    std::size_t next = 0;
    voice_tick tick;
    for (std::int64_t now = arrivals.front().at_ns; now <= arrivals.back().at_ns; now += config.tick.ns()) {
        for (; next < arrivals.size() && arrivals[next].at_ns <= now; ++next)
            (void)playout->push(instant::from_ns(arrivals[next].at_ns), packet_of(stream, arrivals[next].frame));
        playout->tick(instant::from_ns(now), tick);
        const std::int64_t baseline = playout->baseline().ns() - least;
        const std::int64_t wanted = baseline + playout->depth().ns();
        for (std::uint32_t i = 0; i < tick.frame_count; ++i) score.played(now, tick.frames[i].token);
        if (samples != nullptr) {
            const std::int64_t delay = tick.frame_count == 0 ? -1 : score.delay_ns(now, tick.frames[0].token);
            samples->push_back({now, baseline, wanted, delay, tick.concealed.ns()});
        }
    }
    return score.figures(playout->statistics().concealment);
}

playout_figures play_slots(const voice_stream& stream, control_law law, std::vector<playout_sample>* samples) {
    jitter_hold_config config;
    config.hold_min = duration::zero();
    config.late = late_policy::deliver;
    config.capacity = 16'384;
    controller_config laws;
    laws.law = law;
    result<jitter_hold> hold = jitter_hold::create(config, allocator::system());
    result<regime_detector> detector = regime_detector::create({}, allocator::system());
    result<controller> control = controller::create(laws, allocator::system());
    if (!hold || !detector || !control) return {};
    const std::int64_t least = stream.least_delay_ns();
    std::vector<std::optional<std::int64_t>> heard(stream.arrivals_ns.size());
    std::vector<std::int64_t> baseline(stream.arrivals_ns.size(), 0);
    std::vector<std::int64_t> depth(stream.arrivals_ns.size(), 0);
    released_packet out;
    const auto release_until = [&](instant now) {
        while (hold->next_timeout() <= now && hold->poll(hold->next_timeout(), out))
            if (out.lateness == duration::zero()) heard[out.packet.token] = out.due.ns();
    };
    for (const arrival& a : in_order_of_arrival(stream)) {
        const instant now = instant::from_ns(a.at_ns);
        release_until(now);
        const held_packet packet = packet_of(stream, a.frame);
        (void)detector->on_arrival(now, a.frame, packet.origin);
        control_inputs inputs;
        inputs.features = detector->features(now);
        inputs.current = detector->current();
        hold->set_hold(now, control->update(now, inputs).hold);
        (void)hold->push(now, packet);
        baseline[a.frame] = hold->baseline().ns() - least;
        depth[a.frame] = hold->hold().ns();
    }
    release_until(instant::never());
    slot_player player{stream, samples};
    for (std::size_t n = 0; n < heard.size(); ++n) {
        if (n > 0 && stream.arrivals_ns[n] == voice_stream::lost) {
            baseline[n] = baseline[n - 1];
            depth[n] = depth[n - 1];
        }
        const std::int64_t slot = static_cast<std::int64_t>(n) * stream.frame.ns() + least + baseline[n] + depth[n];
        player.slot(n, heard[n].value_or(slot), baseline[n], heard[n].has_value());
    }
    return player.figures();
}

playout_figures play_fixed(const voice_stream& stream, duration depth, std::vector<playout_sample>* samples) {
    const std::int64_t least = stream.least_delay_ns();
    slot_player player{stream, samples};
    for (std::size_t n = 0; n < stream.arrivals_ns.size(); ++n) {
        const std::int64_t slot = static_cast<std::int64_t>(n) * stream.frame.ns() + least + depth.ns();
        const std::int64_t came = stream.arrivals_ns[n];
        player.slot(n, slot, 0, came != voice_stream::lost && came <= slot);
    }
    return player.figures();
}

std::uint32_t rises_for_delay(const voice_stream& stream, voice_playout_config config, double mean_delay_ms) {
    const field_bounds& range = *find_bounds(voice_playout_bounds, "rises_per_hour");
    auto low = static_cast<std::uint32_t>(range.low);
    auto high = static_cast<std::uint32_t>(range.high);
    while (low < high) {  // by ratio: the range has five decades
        const auto middle = std::clamp(static_cast<std::uint32_t>(std::sqrt(double{1} * low * high)), low, high - 1);
        config.rises_per_hour = middle;
        if (play_adaptive(stream, config).mean_delay_ms <= mean_delay_ms)
            high = middle;
        else
            low = middle + 1;
    }
    return high;
}

}  // namespace lab
}  // namespace v0
}  // namespace duality
