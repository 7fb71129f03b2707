// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

namespace duality {
inline namespace v0 {
namespace lab {
namespace detail {

/// The value at rank ceil(n * percent / 100) counted from 1 (at least 1). Reorders `values`.
/// Preconditions: not empty, `percent <= 100`.
template <class T>
[[nodiscard]] T nearest_rank(std::vector<T>& values, std::size_t percent) noexcept {
    const std::size_t rank = (values.size() * percent + 99) / 100;
    const auto at = values.begin() + static_cast<std::ptrdiff_t>(rank == 0 ? 0 : rank - 1);
    std::nth_element(values.begin(), at, values.end());
    return *at;
}

}  // namespace detail
}  // namespace lab
}  // namespace v0
}  // namespace duality
