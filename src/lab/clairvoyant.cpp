// SPDX-License-Identifier: MIT
#include "duality/lab/clairvoyant.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace duality {
inline namespace v0 {
namespace lab {

namespace {

/// The best way to one playout delay, and what it adds up to.
struct way {
    double value = std::numeric_limits<double>::infinity();
    double lost = 0;
    double delay = 0;
    double played = 0;  ///< a whole number

    void take_better(double candidate, const way& from, double more_lost, double more_delay, double more_played) {
        if (candidate >= value) return;
        *this = {candidate, from.lost + more_lost, from.delay + more_delay, from.played + more_played};
    }
};

}  // namespace

clairvoyant_plan cheapest_plan(std::span<const std::int64_t> delays_ns, const clairvoyant_config& config, double price,
                               double reference_ms) {
    if (delays_ns.empty()) return {};
    const std::int64_t step = config.step.ns();
    const double step_ms = config.step.ms();
    const double frame_ms = config.frame.ms();
    const std::int64_t frame_steps = config.frame.ns() / step;
    const std::int64_t warp_steps = config.frame.ns() * config.warp_permille / 1'000 / step;
    const std::int64_t greatest = *std::max_element(delays_ns.begin(), delays_ns.end());
    const std::int64_t states = std::max<std::int64_t>(greatest, 0) / step + 2;
    std::vector<way> now(static_cast<std::size_t>(states));
    std::vector<way> next(static_cast<std::size_t>(states));
    for (way& w : now) w.value = 0;
    const auto at = [](std::vector<way>& ways, std::int64_t s) -> way& { return ways[static_cast<std::size_t>(s)]; };

    for (const std::int64_t delay : delays_ns) {
        for (std::int64_t s = 1; s < states; ++s)  // wait, making audio up
            at(now, s).take_better(at(now, s - 1).value + step_ms, at(now, s - 1), step_ms, 0, 0);
        std::fill(next.begin(), next.end(), way{});
        const std::int64_t needed = delay < 0 ? states : (delay + step - 1) / step;
        for (std::int64_t s = 0; s < states; ++s) {
            const way& from = at(now, s);
            if (delay < 0) {
                for (std::int64_t fall = 0; fall <= std::min(frame_steps, s); ++fall) {
                    const double made_up = static_cast<double>(frame_steps - fall) * step_ms;
                    at(next, s - fall).take_better(from.value + made_up, from, made_up, 0, 0);
                }
                continue;
            }
            at(next, s).take_better(from.value + frame_ms, from, frame_ms, 0, 0);
            if (s >= frame_steps) at(next, s - frame_steps).take_better(from.value + frame_ms, from, frame_ms, 0, 0);
            if (s < needed) continue;
            const double delay_ms = static_cast<double>(s) * step_ms;
            const double value = from.value + price * (delay_ms - reference_ms);
            const std::int64_t top = std::min(s + warp_steps, states - 1);
            for (std::int64_t to = std::max<std::int64_t>(s - warp_steps, 0); to <= top; ++to)
                at(next, to).take_better(value, from, 0, delay_ms, 1);
        }
        now.swap(next);
    }
    const way best =
        *std::min_element(now.begin(), now.end(), [](const way& a, const way& b) { return a.value < b.value; });
    return {best.lost, best.delay, static_cast<std::size_t>(best.played), best.value};
}

double clairvoyant_loss(std::span<const std::int64_t> delays_ns, const clairvoyant_config& config,
                        double mean_delay_ms) {
    if (delays_ns.empty()) return 0;
    // The value at any price is a bound; the best of them is where the plan's mean delay is the wanted one.
    double low = 1e-6;
    double high = 10;
    double bound = 0;
    for (int i = 0; i < 14; ++i) {
        const double price = std::sqrt(low * high);
        const clairvoyant_plan plan = cheapest_plan(delays_ns, config, price, mean_delay_ms);
        bound = std::max(bound, plan.value_ms);
        const bool too_deep = plan.delay_ms > mean_delay_ms * static_cast<double>(plan.played);
        (too_deep ? low : high) = price;
    }
    return bound / (config.frame.ms() * static_cast<double>(delays_ns.size()));
}

}  // namespace lab
}  // namespace v0
}  // namespace duality
