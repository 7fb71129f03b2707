// SPDX-License-Identifier: MIT
#include "duality/lab/judge.hpp"

#include <algorithm>

#include "lab/quantile.hpp"

namespace duality {
inline namespace v0 {
namespace lab {
namespace {

double percent(std::uint64_t part, std::uint64_t whole) noexcept {
    return whole == 0 ? 0 : 100 * static_cast<double>(part) / static_cast<double>(whole);
}

double quantile_ms(std::vector<std::int64_t>& values_ns, std::size_t percent) noexcept {
    return values_ns.empty() ? 0 : duration::from_ns(detail::nearest_rank(values_ns, percent)).ms();
}

/// Longest time between neighbours of `releases`, `from` and `to` being the outermost ones.
duration longest_gap(std::vector<instant>& releases, instant from, instant to) noexcept {
    std::sort(releases.begin(), releases.end());
    duration longest = duration::zero();
    instant last = from;
    for (const instant release : releases) {
        longest = std::max(longest, release - last);
        last = std::max(last, release);
    }
    return std::max(longest, to - last);
}

template <auto Member>
constexpr double value_of(const figures& f) noexcept {
    return static_cast<double>(f.*Member);
}

template <auto Member>
constexpr double fate_of(const figures& f) noexcept {
    return static_cast<double>(f.fates.*Member);
}

constexpr figure_info figure_rows[] = {
    {"packets", value_of<&figures::packets>, true},
    {"jitter_p50_ms", value_of<&figures::jitter_p50_ms>, false},
    {"jitter_p95_ms", value_of<&figures::jitter_p95_ms>, false},
    {"playout_miss_pct", value_of<&figures::playout_miss_pct>, false},
    {"apparent_loss_pct", value_of<&figures::apparent_loss_pct>, false},
    {"eventual_loss_pct", value_of<&figures::eventual_loss_pct>, false},
    {"longest_gap_ms", value_of<&figures::longest_gap_ms>, false},
    {"overhead_pct", value_of<&figures::overhead_pct>, false},
    {"metered_bytes", value_of<&figures::metered_bytes>, true},
    {"added_delay_p50_ms", value_of<&figures::added_delay_p50_ms>, false},
    {"added_delay_p95_ms", value_of<&figures::added_delay_p95_ms>, false},
    {"added_delay_p99_ms", value_of<&figures::added_delay_p99_ms>, false},
    {"repaired_parity", value_of<&figures::repaired_parity>, true},
    {"repaired_reactive", value_of<&figures::repaired_reactive>, true},
    {"repaired_duplicate", value_of<&figures::repaired_duplicate>, true},
    {"repaired_second_path", value_of<&figures::repaired_second_path>, true},
    {"late", value_of<&figures::late>, true},
    {"delivered", fate_of<&packet_fates::delivered>, true},
    {"unrecoverable", fate_of<&packet_fates::unrecoverable>, true},
    {"rejected", fate_of<&packet_fates::rejected>, true},
    {"cancelled", fate_of<&packet_fates::cancelled>, true},
};

}  // namespace

figures judge(std::span<const packet_record> packets, const byte_totals& bytes, const judge_config& config) noexcept {
    figures out;
    out.packets = packets.size();
    out.metered_bytes = bytes.metered;
    out.overhead_pct = percent(bytes.extra, bytes.useful);

    std::vector<std::int64_t> variation;
    std::vector<std::int64_t> added;
    std::vector<instant> on_time;
    variation.reserve(packets.size());
    added.reserve(packets.size());
    on_time.reserve(packets.size());
    std::uint64_t judged = 0;
    std::uint64_t missed_slot = 0;
    std::uint64_t never_released = 0;
    std::uint64_t repaired[recovery_count]{};
    instant first_due = instant::never();
    instant last_due = instant::never();

    for (const packet_record& p : packets) {
        const instant due = p.sent + p.baseline;
        const instant deadline = due + config.deadline;
        const bool released = !p.released.is_never();
        if (p.cancelled && !released) {
            ++out.fates.cancelled;
            continue;
        }
        ++judged;
        if (first_due.is_never()) first_due = due;
        last_due = due;
        // An instant that never came is later than every slot and deadline.
        if (p.available > due + config.hold) ++missed_slot;

        if (!released) {
            ++never_released;
            if (p.rejected)
                ++out.fates.rejected;
            else if (!p.available.is_never() && p.available > deadline)
                ++out.fates.late;
            else
                ++out.fates.unrecoverable;
            continue;
        }
        variation.push_back((p.released - due).ns());
        if (!p.arrived.is_never()) added.push_back((p.released - p.arrived).ns());
        if (p.released > deadline) {
            ++out.fates.late;
            continue;
        }
        ++out.fates.delivered;
        ++repaired[static_cast<std::size_t>(p.recovered_by)];
        on_time.push_back(p.released);
    }

    if (!variation.empty()) {
        std::ranges::sort(variation);
        const std::int64_t reference = variation[(variation.size() * 5 - 1) / 100];
        for (std::int64_t& x : variation) x = x < reference ? reference - x : x - reference;
    }
    out.jitter_p50_ms = quantile_ms(variation, 50);
    out.jitter_p95_ms = quantile_ms(variation, 95);
    out.added_delay_p50_ms = quantile_ms(added, 50);
    out.added_delay_p95_ms = quantile_ms(added, 95);
    out.added_delay_p99_ms = quantile_ms(added, 99);
    out.playout_miss_pct = percent(missed_slot, judged);
    out.apparent_loss_pct = percent(judged - out.fates.delivered, judged);
    out.eventual_loss_pct = percent(never_released, judged);
    if (judged > 0) out.longest_gap_ms = longest_gap(on_time, first_due, last_due).ms();
    out.repaired_parity = repaired[static_cast<std::size_t>(recovery::parity)];
    out.repaired_reactive = repaired[static_cast<std::size_t>(recovery::reactive)];
    out.repaired_duplicate = repaired[static_cast<std::size_t>(recovery::duplicate)];
    out.repaired_second_path = repaired[static_cast<std::size_t>(recovery::second_path)];
    out.late = out.fates.late;
    return out;
}

std::span<const figure_info> figure_table() noexcept {
    return figure_rows;
}

std::vector<figure_summary> summarise(std::span<const figures> runs) noexcept {
    std::vector<figure_summary> rows;
    if (runs.empty()) return rows;
    std::vector<double> values(runs.size());
    for (const figure_info& info : figure_table()) {
        double sum = 0;
        for (std::size_t i = 0; i < runs.size(); ++i) sum += values[i] = info.get(runs[i]);
        const auto [min, max] = std::minmax_element(values.begin(), values.end());
        figure_summary row{info.name, sum / static_cast<double>(runs.size()), *min, *max, 0};
        row.median = detail::nearest_rank(values, 50);
        rows.push_back(row);
    }
    return rows;
}

}  // namespace lab
}  // namespace v0
}  // namespace duality
