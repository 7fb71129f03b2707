// SPDX-License-Identifier: MIT
#include "duality/lab/link.hpp"

#include <algorithm>
#include <cmath>
#include <string_view>
#include <utility>
#include <vector>

#include "duality/random.hpp"
#include "lab/timeline.hpp"

namespace duality {
inline namespace v0 {
namespace lab {
namespace detail {
namespace {

// Labels of the random streams. A number, once given, stays: it is part of what a seed means.
enum path_stream : std::uint64_t { regime_stream = 1, step_stream = 2, outage_stream = 16, lane_stream = 32 };
enum lane_stream_label : std::uint64_t {
    jitter_stream = 1,
    spike_stream = 2,
    spike_size_stream = 3,
    loss_stream = 4,
    rate_stream = 5,
    cross_stream = 6,
    aggregate_stream = 7,
};

/// Limits that keep every sum far from overflow.
constexpr double ms_max = 3'600'000;
constexpr double rate_max_bps = 1e12;
constexpr std::int64_t slots_max = 10'000'000;
/// A process rarer than this is as good as none, and its waiting times would not fit.
constexpr double per_minute_min = 0.001;

std::int64_t ms_to_ns(double ms) noexcept {
    return static_cast<std::int64_t>(ms * 1e6 + (ms < 0 ? -0.5 : 0.5));
}
std::int64_t s_to_ns(double s) noexcept {
    return ms_to_ns(s * 1e3);
}

// ---- validation ---------------------------------------------------------------------------------------------------

bool within(double value, double low, double high) noexcept {
    return value >= low && value <= high;  // false for NaN
}
bool is_range(double low, double high, double limit) noexcept {
    return within(low, 0, limit) && within(high, low, limit);
}
bool is_loss(const loss_model& loss) noexcept {
    return within(loss.rate, 0, 0.5) && within(loss.mean_burst, 1, 1e6);
}
bool is_regime(const regime_model& regime) noexcept {
    const spike_model& spikes = regime.spikes;
    return within(regime.jitter_sigma_ms, 0, 1000) && within(spikes.share, 0, 1) && within(spikes.sigma_ms, 0, 1000) &&
           within(spikes.scale_ms, 0, 1000) && within(spikes.exponent, 0.1, 100) && within(spikes.cap_ms, 0, 1000) &&
           is_loss(regime.loss) && is_range(regime.dwell_low_s, regime.dwell_high_s, 86'400);
}
bool is_steps(const step_model& steps) noexcept {
    return steps.every_s == 0 ||
           (within(steps.every_s, 0.01, 86'400) && is_range(steps.low_ms, steps.high_ms, ms_max) &&
            within(steps.offset_low_ms, -ms_max, 0) && within(steps.offset_high_ms, 0, ms_max) &&
            steps.offset_high_ms - steps.offset_low_ms >= 2 * steps.high_ms && within(steps.outage_share, 0, 1) &&
            is_range(steps.outage_low_ms, steps.outage_high_ms, ms_max) && within(steps.lossy_before_s, 0, 3600) &&
            within(steps.lossy_after_s, 0, 3600) && is_loss(steps.loss));
}
bool is_bottleneck(const bottleneck_model& b) noexcept {
    const cross_traffic_model& cross = b.cross;
    const bool rate =
        b.rate_low_bps == 0 || (within(b.rate_low_bps, 1000, rate_max_bps) &&
                                (b.rate_every_s == 0 || (within(b.rate_every_s, 0.001, 86'400) &&
                                                         within(b.rate_high_bps, b.rate_low_bps, rate_max_bps))));
    const bool cross_traffic =
        cross.per_minute == 0 || (b.rate_low_bps > 0 && within(cross.per_minute, per_minute_min, 60'000) &&
                                  is_range(cross.peak_low_ms, cross.peak_high_ms, ms_max) &&
                                  is_range(cross.rise_low_ms, cross.rise_high_ms, ms_max) && cross.rise_low_ms > 0);
    const bool aggregates =
        b.aggregate_high_ms == 0 || (is_range(b.aggregate_low_ms, b.aggregate_high_ms, 1000) && b.aggregate_low_ms > 0);
    return rate && within(b.queue_limit_ms, 0, ms_max) && cross_traffic && aggregates;
}
bool is_outage(const outage_model& o) noexcept {
    return (o.per_minute == 0 || within(o.per_minute, per_minute_min, 60'000)) && is_range(o.low_ms, o.high_ms, ms_max);
}

/// The first field of the model out of range; empty when there is none.
std::string_view bad_field(const path_model& model) noexcept {
    if (!within(model.rtt_ms, 0, ms_max)) return "rtt_ms";
    if (!is_regime(model.calm)) return "calm";
    if (!is_regime(model.busy) || (model.busy.dwell_high_s > 0 && model.calm.dwell_high_s == 0)) return "busy";
    for (const outage_model& o : model.outages)
        if (!is_outage(o)) return "outages";
    if (!is_steps(model.steps) || model.steps.offset_low_ms < -model.rtt_ms / 2) return "steps";
    if (!is_bottleneck(model.forward)) return "forward";
    if (!is_bottleneck(model.reverse)) return "reverse";
    if (model.mtu < 68) return "mtu";
    return {};
}

// ---- what both directions share -----------------------------------------------------------------------------------

void draw_regimes(const path_model& model, std::uint64_t seed, path_timeline& path) {
    if (model.busy.dwell_high_s == 0) {
        path.regimes.push_back({0, false});
        return;
    }
    xoshiro256 random{derive_seed(seed, regime_stream)};
    const double calm_mean = model.calm.dwell_low_s + model.calm.dwell_high_s;
    const double busy_mean = model.busy.dwell_low_s + model.busy.dwell_high_s;
    bool busy = random.chance(busy_mean / (calm_mean + busy_mean));
    // The run starts somewhere inside a regime, not at its beginning.
    double share_left = random.uniform();
    for (std::int64_t at = 0; at < path.length_ns;) {
        path.regimes.push_back({at, busy});
        const regime_model& regime = busy ? model.busy : model.calm;
        const double dwell = random.uniform(regime.dwell_low_s, regime.dwell_high_s) * share_left;
        at += std::max(s_to_ns(dwell), path.slot_ns);
        share_left = 1;
        busy = !busy;
    }
}

/// Inserts [begin, begin + length) cut to the realisation; `merge_outages` puts the list in order afterwards.
void add_outage(path_timeline& path, std::int64_t begin, std::int64_t length) {
    const std::int64_t end = std::min(begin + length, path.length_ns);
    if (begin < end) path.outages.push_back({instant::from_ns(begin), instant::from_ns(end)});
}

void draw_steps(const step_model& model, std::uint64_t seed, path_timeline& path) {
    if (model.every_s == 0) return;
    xoshiro256 random{derive_seed(seed, step_stream)};
    const std::int64_t every = s_to_ns(model.every_s);
    const std::int64_t lowest = ms_to_ns(model.offset_low_ms);
    const std::int64_t highest = ms_to_ns(model.offset_high_ms);
    std::int64_t offset = 0;
    for (auto at = static_cast<std::int64_t>(random.uniform() * static_cast<double>(every)); at < path.length_ns;
         at += every) {
        // Every draw is made for every step, so that no choice shifts those after it.
        std::int64_t size = ms_to_ns(random.uniform(model.low_ms, model.high_ms));
        if (random.chance(0.5)) size = -size;
        if (offset + size < lowest || offset + size > highest) size = -size;
        offset += size;
        path.steps.push_back({at, offset});
        const bool out = random.chance(model.outage_share);
        const std::int64_t length = ms_to_ns(random.uniform(model.outage_low_ms, model.outage_high_ms));
        if (out) add_outage(path, at, length);
    }
}

void draw_outages(const outage_model& model, std::uint64_t seed, path_timeline& path) {
    if (model.per_minute == 0) return;
    xoshiro256 random{seed};
    const double mean_ms = 60'000 / model.per_minute;
    for (std::int64_t at = ms_to_ns(random.exponential(mean_ms)); at < path.length_ns;
         at += ms_to_ns(random.exponential(mean_ms)))
        add_outage(path, at, ms_to_ns(random.uniform(model.low_ms, model.high_ms)));
}

void merge_outages(std::vector<outage>& outages) {
    std::sort(outages.begin(), outages.end(), [](const outage& a, const outage& b) { return a.begin < b.begin; });
    std::size_t kept = 0;
    for (const outage& o : outages) {
        if (kept > 0 && o.begin <= outages[kept - 1].end)
            outages[kept - 1].end = std::max(outages[kept - 1].end, o.end);
        else
            outages[kept++] = o;
    }
    outages.resize(kept);
}

// ---- what each direction has for itself ---------------------------------------------------------------------------

/// Chances per slot to enter and to leave the bad state.
struct loss_chances {
    explicit loss_chances(const loss_model& loss) noexcept
        : enter{loss.rate / (loss.mean_burst * (1 - loss.rate))}, leave{1 / loss.mean_burst} {}
    double enter;
    double leave;
};

/// Standard normal values like `xoshiro256::gaussian`, but using both results of the polar method: drawing jitter is
/// most of the work of making a realisation.
class gaussian_source {
public:
    explicit gaussian_source(std::uint64_t seed) noexcept : random_{seed} {}

    double next() noexcept {
        if (has_second_) {
            has_second_ = false;
            return second_;
        }
        for (;;) {
            const double u = 2 * random_.uniform() - 1;
            const double v = 2 * random_.uniform() - 1;
            const double s = u * u + v * v;
            if (s >= 1 || s <= 0) continue;
            const double scale = std::sqrt(-2 * duality::detail::portable_log(s) / s);
            second_ = v * scale;
            has_second_ = true;
            return u * scale;
        }
    }

private:
    xoshiro256 random_;
    double second_ = 0;
    bool has_second_ = false;
};

void draw_slots(const path_model& model, std::uint64_t seed, const path_timeline& path, lane_timeline& lane) {
    gaussian_source jitter{derive_seed(seed, jitter_stream)};
    xoshiro256 spike{derive_seed(seed, spike_stream)};
    xoshiro256 spike_size{derive_seed(seed, spike_size_stream)};
    xoshiro256 loss{derive_seed(seed, loss_stream)};
    const loss_chances calm_loss{model.calm.loss};
    const loss_chances busy_loss{model.busy.loss};
    const loss_chances step_loss{model.steps.loss};
    const std::int64_t lossy_before = s_to_ns(model.steps.lossy_before_s);
    const std::int64_t lossy_after = s_to_ns(model.steps.lossy_after_s);

    std::size_t next_regime = 0;
    std::size_t next_step = 0;  // the first step whose lossy time is not over
    bool busy = false;
    bool bad = loss.chance((path.regimes.front().busy ? model.busy : model.calm).loss.rate);

    lane.slots.resize(static_cast<std::size_t>(path.length_ns / path.slot_ns));
    std::int64_t at = 0;
    for (slot_record& slot : lane.slots) {
        while (next_regime < path.regimes.size() && path.regimes[next_regime].at_ns <= at)
            busy = path.regimes[next_regime++].busy;
        while (next_step < path.steps.size() && path.steps[next_step].at_ns + lossy_after <= at) ++next_step;
        const bool near_step = next_step < path.steps.size() && path.steps[next_step].at_ns - lossy_before <= at;
        const regime_model& regime = busy ? model.busy : model.calm;

        double extra_ms = jitter.next() * regime.jitter_sigma_ms;
        if (extra_ms < 0) extra_ms = -extra_ms;
        const bool spiked = spike.chance(regime.spikes.share);
        if (spiked) {
            const spike_model& s = regime.spikes;
            double size = s.form == spike_model::shape::pareto ? spike_size.pareto(s.scale_ms, s.exponent)
                                                               : spike_size.gaussian() * s.sigma_ms;
            if (size < 0) size = -size;
            extra_ms += size < s.cap_ms ? size : s.cap_ms;
        }

        slot.extra_ns = static_cast<std::uint32_t>(std::min<std::int64_t>(ms_to_ns(extra_ms), 0xFFFFFFFF));
        slot.spike = spiked;
        slot.busy = busy;
        slot.lost = bad;
        const loss_chances& chances = near_step ? step_loss : busy ? busy_loss : calm_loss;
        const double u = loss.uniform();
        bad = bad ? u >= chances.leave : u < chances.enter;
        at += path.slot_ns;
    }
}

void draw_bottleneck(const bottleneck_model& model, std::uint64_t seed, const path_timeline& path,
                     lane_timeline& lane) {
    if (model.rate_low_bps > 0) {
        lane.queue_limit_ns = ms_to_ns(model.queue_limit_ms);
        if (model.rate_every_s == 0) {
            lane.rates_bps.push_back(static_cast<std::int64_t>(model.rate_low_bps));
            lane.rate_every_ns = path.length_ns;
        } else {
            xoshiro256 random{derive_seed(seed, rate_stream)};
            lane.rate_every_ns = s_to_ns(model.rate_every_s);
            for (std::int64_t at = 0; at < path.length_ns; at += lane.rate_every_ns)
                lane.rates_bps.push_back(
                    static_cast<std::int64_t>(random.uniform(model.rate_low_bps, model.rate_high_bps)));
        }
    }
    if (model.cross.per_minute > 0) {
        xoshiro256 random{derive_seed(seed, cross_stream)};
        const double mean_ms = 60'000 / model.cross.per_minute;
        for (std::int64_t at = ms_to_ns(random.exponential(mean_ms)); at < path.length_ns;) {
            const std::int64_t peak = ms_to_ns(random.uniform(model.cross.peak_low_ms, model.cross.peak_high_ms));
            const std::int64_t rise = ms_to_ns(random.uniform(model.cross.rise_low_ms, model.cross.rise_high_ms));
            lane.bursts.push_back({at, at + rise, peak});
            at = std::max(at + ms_to_ns(random.exponential(mean_ms)), at + rise + peak);
        }
    }
    if (model.aggregate_high_ms > 0) {
        // Aggregate k ends at k * mean + U[0, spread): neighbours are mean - spread … mean + spread apart, which is
        // low … high, and finding the one for a time needs no search.
        xoshiro256 random{derive_seed(seed, aggregate_stream)};
        lane.aggregate_ns = ms_to_ns((model.aggregate_low_ms + model.aggregate_high_ms) / 2);
        const double spread_ns = (model.aggregate_high_ms - model.aggregate_low_ms) / 2 * 1e6;
        lane.aggregate_offset_ns.resize(static_cast<std::size_t>(path.length_ns / lane.aggregate_ns) + 1);
        for (std::uint32_t& offset : lane.aggregate_offset_ns)
            offset = static_cast<std::uint32_t>(random.uniform() * spread_ns);
    }
}

/// Gives lost rows the delay interpolated between their delivered neighbours, so that packets sent between a lost row
/// and a delivered one have a delay.
std::vector<trace_sample> fill_lost(std::span<const trace_row> rows) {
    std::vector<trace_sample> samples;
    samples.reserve(rows.size());
    for (const trace_row& row : rows) samples.push_back({row.send_ns, row.is_lost() ? 0 : row.delay_ns, row.is_lost()});
    const std::size_t none = samples.size();
    std::size_t before = none;
    for (std::size_t i = 0; i < samples.size(); ++i) {
        if (!samples[i].lost) {
            before = i;
            continue;
        }
        std::size_t after = i;
        while (after < samples.size() && samples[after].lost) ++after;
        for (; i < after; ++i) {
            if (before == none && after == none) break;
            samples[i].delay_ns = before == none  ? samples[after].delay_ns
                                  : after == none ? samples[before].delay_ns
                                                  : between(samples[before], samples[after], samples[i].send_ns);
        }
        i = after - 1;
    }
    return samples;
}

}  // namespace

std::int64_t between(const trace_sample& a, const trace_sample& b, std::int64_t ns) noexcept {
    if (b.send_ns == a.send_ns) return b.delay_ns;
    const double share = static_cast<double>(ns - a.send_ns) / static_cast<double>(b.send_ns - a.send_ns);
    return a.delay_ns + static_cast<std::int64_t>(share * static_cast<double>(b.delay_ns - a.delay_ns));
}

bool path_timeline::out_at(std::int64_t ns) const noexcept {
    const auto after = std::upper_bound(outages.begin(), outages.end(), instant::from_ns(ns),
                                        [](instant t, const outage& o) { return t < o.begin; });
    return after != outages.begin() && instant::from_ns(ns) < std::prev(after)->end;
}

std::int64_t path_timeline::offset_at(std::int64_t ns) const noexcept {
    const auto after = std::upper_bound(steps.begin(), steps.end(), ns,
                                        [](std::int64_t t, const baseline_step& s) { return t < s.at_ns; });
    return after == steps.begin() ? 0 : std::prev(after)->offset_ns;
}

std::int64_t lane_timeline::cross_queue_at(std::int64_t ns) const noexcept {
    const auto after = std::upper_bound(bursts.begin(), bursts.end(), ns,
                                        [](std::int64_t t, const cross_burst& b) { return t < b.begin_ns; });
    if (after == bursts.begin()) return 0;
    const cross_burst& burst = *std::prev(after);
    if (ns < burst.peak_at_ns) {
        const double risen =
            static_cast<double>(ns - burst.begin_ns) / static_cast<double>(burst.peak_at_ns - burst.begin_ns);
        return static_cast<std::int64_t>(risen * static_cast<double>(burst.peak_ns));
    }
    return std::max<std::int64_t>(burst.peak_ns - (ns - burst.peak_at_ns), 0);
}

std::int64_t lane_timeline::aggregate_end(std::int64_t ns) const noexcept {
    std::int64_t k = ns / aggregate_ns;
    for (;; ++k) {
        const std::int64_t end =
            k * aggregate_ns + aggregate_offset_ns[static_cast<std::size_t>(k) % aggregate_offset_ns.size()];
        if (end >= ns) return end;
    }
}

}  // namespace detail

std::string_view to_string(packet_fate fate) noexcept {
    switch (fate) {
        case packet_fate::delivered: return "delivered";
        case packet_fate::lost_random: return "lost_random";
        case packet_fate::lost_outage: return "lost_outage";
        case packet_fate::lost_queue: return "lost_queue";
        case packet_fate::lost_mtu: return "lost_mtu";
        case packet_fate::lost_trace: return "lost_trace";
    }
    return "unknown";
}

result<path> path::create(const path_model& model, std::uint64_t seed, duration length, duration slot) noexcept {
    if (const std::string_view field = detail::bad_field(model); !field.empty())
        return failure{status::invalid_config, {field, 0, 0, {}}};
    if (slot < duration::from_us(10) || slot > duration::from_seconds(1))
        return failure{status::invalid_config, {"slot", 10, 1'000'000, "us"}};
    const std::int64_t slots = length.ns() / slot.ns() + (length.ns() % slot.ns() != 0 ? 1 : 0);
    if (length <= duration::zero() || slots > detail::slots_max)
        return failure{status::invalid_config, {"length", 1, detail::slots_max, "slots"}};

    auto shared = std::make_shared<detail::path_timeline>();
    shared->slot_ns = slot.ns();
    shared->length_ns = slots * slot.ns();
    shared->propagation_ns = detail::ms_to_ns(model.rtt_ms / 2);
    shared->mtu = model.mtu;
    detail::draw_regimes(model, seed, *shared);
    detail::draw_steps(model.steps, seed, *shared);
    for (std::size_t i = 0; i < model.outages.size(); ++i)
        detail::draw_outages(model.outages[i], derive_seed(seed, detail::outage_stream + i), *shared);
    detail::merge_outages(shared->outages);

    path made;
    link* links[] = {&made.forward, &made.reverse};
    const bottleneck_model* bottlenecks[] = {&model.forward, &model.reverse};
    for (std::size_t i = 0; i < 2; ++i) {
        auto lane = std::make_shared<detail::lane_timeline>();
        const std::uint64_t lane_seed = derive_seed(seed, detail::lane_stream + i);
        detail::draw_slots(model, lane_seed, *shared, *lane);
        detail::draw_bottleneck(*bottlenecks[i], lane_seed, *shared, *lane);
        links[i]->path_ = shared;
        links[i]->lane_ = std::move(lane);
    }
    return made;
}

result<path> path::create(const trace& recorded) noexcept {
    if (recorded.rows.empty()) return status::invalid_argument;
    auto timeline = std::make_shared<detail::trace_timeline>();
    std::vector<trace_row> rows = recorded.rows;
    if (recorded.round_trip) {
        for (trace_row& row : rows)
            if (!row.is_lost()) row.delay_ns /= 2;
    }
    timeline->baseline_ns = trace_baseline(rows);
    timeline->samples = detail::fill_lost(rows);
    path made;
    made.forward.trace_ = timeline;
    made.reverse.trace_ = std::move(timeline);
    return made;
}

link::condition link::at(instant now) noexcept {
    if (path_) {
        const std::int64_t ns = now.ns() % path_->length_ns;
        if (path_->out_at(ns)) return {packet_fate::lost_outage, {}};
        const detail::slot_record& slot = lane_->slots[static_cast<std::size_t>(ns / path_->slot_ns)];
        if (slot.lost) return {packet_fate::lost_random, {}};
        return {packet_fate::delivered,
                duration::from_ns(path_->propagation_ns + path_->offset_at(ns) + slot.extra_ns)};
    }
    if (!trace_) return {packet_fate::delivered, duration::zero()};

    const std::vector<detail::trace_sample>& samples = trace_->samples;
    while (next_sample_ < samples.size() && samples[next_sample_].send_ns < now.ns()) ++next_sample_;
    if (next_sample_ == samples.size()) return {packet_fate::lost_trace, {}};
    const detail::trace_sample& next = samples[next_sample_];
    if (next.send_ns == now.ns() || next_sample_ == 0)
        return {next.lost ? packet_fate::lost_trace : packet_fate::delivered, duration::from_ns(next.delay_ns)};

    const detail::trace_sample& before = samples[next_sample_ - 1];
    const std::int64_t since = now.ns() - before.send_ns;
    const std::int64_t until = next.send_ns - now.ns();
    if (since < until ? before.lost : next.lost) return {packet_fate::lost_trace, {}};
    return {packet_fate::delivered, duration::from_ns(detail::between(before, next, now.ns()))};
}

link_outcome link::transmit(instant now, std::size_t ip_bytes) noexcept {
    if (now < last_now_) {
        ++stats_.clock_backwards;
        now = last_now_;
    }
    last_now_ = now;
    stats_.bytes_sent += ip_bytes;
    const auto lost = [this](packet_fate fate) noexcept {
        ++stats_.packets[static_cast<std::size_t>(fate)];
        return link_outcome{fate, instant::never()};
    };

    if (path_ && ip_bytes > path_->mtu) return lost(packet_fate::lost_mtu);
    const condition c = at(now);
    if (c.fate != packet_fate::delivered) return lost(c.fate);

    instant sent = now;
    if (lane_ && !lane_->rates_bps.empty()) {
        const std::int64_t ns = now.ns() % path_->length_ns;
        const std::int64_t rate = lane_->rates_bps[static_cast<std::size_t>(ns / lane_->rate_every_ns)];
        const instant start = std::max(now + duration::from_ns(lane_->cross_queue_at(ns)), free_at_);
        if ((start - now).ns() > lane_->queue_limit_ns) return lost(packet_fate::lost_queue);
        sent = start + duration::from_ns(static_cast<std::int64_t>(ip_bytes) * 8 * 1'000'000'000 / rate);
        free_at_ = sent;
    }
    instant arrival = std::max(sent + c.delay, last_arrival_);
    if (lane_ && lane_->aggregate_ns > 0) arrival = instant::from_ns(lane_->aggregate_end(arrival.ns()));
    last_arrival_ = arrival;
    ++stats_.packets[static_cast<std::size_t>(packet_fate::delivered)];
    return {packet_fate::delivered, arrival};
}

duration link::baseline(instant at) const noexcept {
    const std::int64_t ns = std::max<std::int64_t>(at.ns(), 0);
    if (path_) return duration::from_ns(path_->propagation_ns + path_->offset_at(ns % path_->length_ns));
    if (!trace_) return duration::zero();
    const auto cell = static_cast<std::size_t>(ns / trace_baseline_step.ns());
    return duration::from_ns(trace_->baseline_ns[std::min(cell, trace_->baseline_ns.size() - 1)]);
}

bool link::in_outage(instant at) const noexcept {
    return path_ && path_->out_at(std::max<std::int64_t>(at.ns(), 0) % path_->length_ns);
}

duration link::length() const noexcept {
    if (path_) return duration::from_ns(path_->length_ns);
    return trace_ ? duration::from_ns(trace_->samples.back().send_ns) : duration::infinite();
}

std::span<const outage> link::outages() const noexcept {
    return path_ ? std::span<const outage>{path_->outages} : std::span<const outage>{};
}

std::size_t link::slot_count() const noexcept {
    return lane_ ? lane_->slots.size() : 0;
}

slot_view link::slot(std::size_t index) const noexcept {
    const detail::slot_record& slot = lane_->slots[index];
    return {duration::from_ns(slot.extra_ns), slot.spike, slot.lost, slot.busy};
}

}  // namespace lab
}  // namespace v0
}  // namespace duality
