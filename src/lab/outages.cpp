// SPDX-License-Identifier: MIT
#include "duality/lab/outages.hpp"

#include <algorithm>
#include <cstddef>
#include <utility>

namespace duality {
inline namespace v0 {
namespace lab {

namespace {

[[nodiscard]] duration rtt(const path& p, instant at) noexcept {
    return p.forward.baseline(at) + p.reverse.baseline(at);
}

/// Does the second path live from well before `o` until well after it?
[[nodiscard]] bool second_lives(const scenario& network, const outage& o, duration apart) noexcept {
    return std::ranges::none_of(network.second.forward.outages(), [&](const outage& other) {
        return other.begin < o.end + apart && o.begin < other.end + apart;
    });
}

/// Releases by the deadline, ascending.
[[nodiscard]] std::vector<instant> releases_in_time(std::span<const packet_record> packets, duration deadline) {
    std::vector<instant> out;
    out.reserve(packets.size());
    for (const packet_record& p : packets)
        if (p.released <= p.sent + p.baseline + deadline) out.push_back(p.released);
    std::ranges::sort(out);
    return out;
}

/// The longest time between neighbours of `releases` that touches [from, to].
[[nodiscard]] duration longest_gap(std::span<const instant> releases, instant from, instant to) noexcept {
    auto after = std::ranges::upper_bound(releases, from);
    duration longest{};
    instant before = after == releases.begin() ? from : *(after - 1);
    for (; after != releases.end() && before < to; before = *after++) longest = std::max(longest, *after - before);
    return before < to ? std::max(longest, to - before) : longest;
}

/// Is `at` in an outage of the primary path, or so soon after one that it belongs to it?
[[nodiscard]] bool is_near_outage(const scenario& network, instant at, duration aftermath) noexcept {
    return std::ranges::any_of(network.primary.forward.outages(),
                               [&](const outage& o) { return o.begin <= at && at < o.end + aftermath; });
}

/// See `outage_effect::exposed`.
[[nodiscard]] std::optional<duration> exposure(std::span<const datagram_record> datagrams, const outage& o) noexcept {
    std::optional<instant> first_lost;
    auto d = std::ranges::lower_bound(datagrams, o.begin, {}, &datagram_record::sent);
    for (; d != datagrams.end() && d->sent < o.end; ++d) {
        if (d->from_far || d->kind != transmit_kind::source) continue;
        if (d->path == 0 && !first_lost) first_lost = d->sent;
        if (d->path != 0 && first_lost) return d->sent - *first_lost;
    }
    if (!first_lost) return std::nullopt;
    return o.end - *first_lost;
}

/// When a packet has to go over the second path at the latest, to keep to `floor` in an outage that began with `first`.
/// `last`: when the last one went there.
[[nodiscard]] instant latest_move(const scenario& network, const packet_record& first, instant last,
                                  const outage_floor& floor, duration hold) noexcept {
    const duration round_trip = rtt(network.primary, first.sent);
    if (!floor.moving && last >= first.sent) return last + round_trip + floor.allowance;
    // What moves is released when it comes, or in its slot; the last packet before the outage was, in its own.
    const duration slot = first.baseline + hold;
    const duration over_second = std::max(slot, network.second.forward.baseline(first.sent));
    const instant last_before = first.sent - network.interval + slot;
    const instant silence = last_before + round_trip + floor.allowance - over_second;
    return floor.moving ? std::min(silence, first.sent + round_trip / 2 + floor.allowance) : silence;
}

/// What the sender of a run over the primary alone knows of it.
class told_arrivals {
public:
    told_arrivals(const scenario& network, std::span<const packet_record> packets, duration interval)
        : network_{network}, interval_{interval} {
        for (std::size_t i = 0; i < packets.size(); ++i)
            if (!packets[i].released.is_never()) arrivals_.emplace_back(packets[i].released, i);
        std::ranges::sort(arrivals_);
    }

    /// The first packet of which it is not known at `at` that it or one behind it has arrived. `at` does not decrease.
    [[nodiscard]] std::size_t first_unknown(instant at) noexcept {
        instant told = at - std::min(network_.primary.reverse.baseline(at), network_.second.reverse.baseline(at));
        if (interval_ != duration{}) told = instant{} + interval_ * (told.ns() / interval_.ns());
        for (; next_ < arrivals_.size() && arrivals_[next_].first <= told; ++next_)
            first_unknown_ = std::max(first_unknown_, arrivals_[next_].second + 1);
        return first_unknown_;
    }

private:
    const scenario& network_;
    duration interval_;
    std::vector<std::pair<instant, std::size_t>> arrivals_;
    std::size_t next_ = 0;
    std::size_t first_unknown_ = 0;
};

}  // namespace

std::vector<outage_effect> outage_effects(const scenario& network, const run_result& run, const outage_rules& rules) {
    std::vector<outage_effect> out;
    if (run.packets.empty()) return out;
    const std::vector<instant> releases = releases_in_time(run.packets, rules.deadline);
    const link& forward = network.primary.forward;
    for (const outage& o : forward.outages()) {
        if (o.begin < run.packets.front().sent || o.end > run.packets.back().sent) continue;
        if (o.end - o.begin > rules.longest || !second_lives(network, o, rules.apart)) continue;
        const duration primary = rtt(network.primary, o.begin);
        const instant seen_from = o.begin + forward.baseline(o.begin);
        const instant seen_to = o.end + forward.baseline(o.end) + rules.hold;
        out.push_back({.when = o,
                       .rtt_primary = primary,
                       .rtt_longer = std::max(primary, rtt(network.second, o.begin)),
                       .gap = longest_gap(releases, seen_from, seen_to),
                       .exposed = exposure(run.datagrams, o)});
    }
    return out;
}

std::uint64_t metered_outside_outages(const scenario& network, const run_result& run, const outage_rules& rules) {
    std::uint64_t bytes = 0;
    for (const datagram_record& d : run.datagrams)
        if (d.path != 0 && !is_near_outage(network, d.sent, rules.aftermath)) bytes += d.ip_bytes;
    return bytes;
}

std::uint64_t late_outside_outages(const scenario& network, const run_result& run, const outage_rules& rules) {
    std::uint64_t late = 0;
    for (const packet_record& p : run.packets) {
        if (p.released.is_never() || p.released <= p.sent + p.baseline + rules.deadline) continue;
        if (!is_near_outage(network, p.sent, rules.aftermath)) ++late;
    }
    return late;
}

std::uint64_t moved_outside_outages(const scenario& network, const run_result& run, const outage_floor& floor,
                                    const outage_rules& rules) {
    std::uint64_t moved = 0;
    instant last = instant::before_all();
    told_arrivals told{network, run.packets, floor.report_interval};
    for (std::size_t i = 0; i < run.packets.size(); ++i) {
        const instant at = run.packets[i].sent;
        const std::size_t first = told.first_unknown(at);
        if (first > i) continue;
        const instant latest = latest_move(network, run.packets[first], last, floor, rules.hold);
        if (at + network.interval <= latest) continue;
        last = at;
        if (!is_near_outage(network, at, rules.aftermath)) ++moved;
    }
    return moved;
}

}  // namespace lab
}  // namespace v0
}  // namespace duality
