// SPDX-License-Identifier: MIT
#pragma once

#include <string_view>

namespace duality {
inline namespace v0 {
namespace cli {

/// Chart.js, minified, with its own copyright and license notice: a script that defines `Chart`.
[[nodiscard]] std::string_view chart_library() noexcept;

}  // namespace cli
}  // namespace v0
}  // namespace duality
