// SPDX-License-Identifier: MIT
//
// How values of several seeds are spread, and how sure their mean is.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "duality/random.hpp"

namespace duality {
inline namespace v0 {
namespace campaign {

struct spread {
    double mean = 0;
    double low = 0;  ///< 95 % confidence interval of the mean
    double high = 0;
    double min = 0;
    double median = 0;
    double max = 0;
};

/// The confidence interval is the percentile bootstrap's (Efron 1979) with a fixed seed: the figures are anything but
/// normal. With fewer than some ten values it is narrower than it says. Precondition: there is a value.
[[nodiscard]] inline spread spread_of(std::span<const double> values) {
    constexpr std::size_t resamples = 1'000;
    const auto count = static_cast<double>(values.size());
    spread out;
    for (const double v : values) out.mean += v / count;
    std::vector<double> sorted(values.begin(), values.end());
    std::ranges::sort(sorted);
    out.min = sorted.front();
    out.max = sorted.back();
    out.median = sorted[(sorted.size() - 1) / 2];
    if (out.min == out.max) {
        out.mean = out.low = out.high = out.min;
        return out;
    }
    xoshiro256 random{values.size()};
    std::array<double, resamples> means{};
    for (double& mean : means) {
        for (std::size_t i = 0; i < values.size(); ++i) mean += values[random.below(values.size())];
        mean /= count;
    }
    std::ranges::sort(means);
    out.low = means[resamples * 25 / 1'000];
    out.high = means[resamples * 975 / 1'000 - 1];
    return out;
}

}  // namespace campaign
}  // namespace v0
}  // namespace duality
