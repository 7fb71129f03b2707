// SPDX-License-Identifier: MIT
#include "duality/lab/outages.hpp"

#include <algorithm>

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

}  // namespace lab
}  // namespace v0
}  // namespace duality
