// SPDX-License-Identifier: MIT
#include "duality/lab/trace.hpp"

#include <algorithm>

#include "lab/quantile.hpp"

namespace duality {
inline namespace v0 {
namespace lab {
std::vector<std::int64_t> trace_baseline(std::span<const trace_row> rows) {
    std::vector<std::int64_t> delays;
    delays.reserve(rows.size());
    for (const trace_row& row : rows)
        if (!row.is_lost()) delays.push_back(row.delay_ns);
    if (delays.empty()) return {0};
    const std::int64_t floor = detail::nearest_rank(delays, 1);
    const std::int64_t ceiling = floor + trace_baseline_rise_max.ns();

    const std::int64_t step = trace_baseline_step.ns();
    const std::int64_t half = trace_baseline_window.ns() / 2;
    const auto cells = static_cast<std::size_t>(rows.back().send_ns / step) + 1;
    std::vector<std::int64_t> baseline(cells);
    std::int64_t last = floor;
    std::size_t begin = 0;
    std::size_t end = 0;
    for (std::size_t cell = 0; cell < cells; ++cell) {
        const std::int64_t middle = static_cast<std::int64_t>(cell) * step + step / 2;
        while (begin < rows.size() && rows[begin].send_ns < middle - half) ++begin;
        while (end < rows.size() && rows[end].send_ns <= middle + half) ++end;
        delays.clear();
        for (std::size_t i = begin; i < end; ++i)
            if (!rows[i].is_lost()) delays.push_back(rows[i].delay_ns);
        if (!delays.empty()) last = std::min(detail::nearest_rank(delays, 5), ceiling);
        baseline[cell] = last;
    }
    return baseline;
}

}  // namespace lab
}  // namespace v0
}  // namespace duality
