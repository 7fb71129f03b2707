// SPDX-License-Identifier: MIT
//
// The lab's scenarios: the plain reference model and six families of glitchy home and mobile networks, each with an
// independent metered second path beside it. The tables in families.cpp are the definition; where a family's
// description leaves a number open, the number chosen is in the table with the reason beside it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "duality/lab/link.hpp"
#include "duality/status.hpp"
#include "duality/time.hpp"

namespace duality {
inline namespace v0 {
namespace lab {

enum class family : std::uint8_t {
    reference,
    cable_ftth,
    rural_dsl,
    wifi_contention,
    leo_satellite,
    mobile_hotspot,
    vpn_on_path,
};

struct family_info {
    family id;
    std::string_view name;
    std::string_view summary;  ///< one line for `--help`
    path_model model;          ///< of the primary path
};

/// All families, in the order of the enumeration.
[[nodiscard]] std::span<const family_info> families() noexcept;
[[nodiscard]] const family_info& describe(family id) noexcept;
/// Empty when no family has that name.
[[nodiscard]] std::optional<family> find_family(std::string_view name) noexcept;

/// The metered second path, the same beside every family.
[[nodiscard]] const path_model& second_path_model() noexcept;

/// Everything a simulation needs to know about the network. A copy meets the same network from the start.
struct scenario {
    std::string name;
    path primary;
    path second;
    duration length;           ///< packets are sent during [0, length)
    duration interval;         ///< between two packets of the application
    std::uint32_t mtu = 1500;  ///< of the primary path
};

/// Extra time every realisation covers beyond the scenario's length, so that the last packets can be repaired.
inline constexpr duration scenario_tail = duration::from_seconds(5);

/// The network of `id` for `seed`. Slots are one packet interval long. `length` is clamped to 1 s … 1 hour and
/// `packets_per_second` to 1 … 1000. The two paths draw from independent seeds.
[[nodiscard]] scenario make_scenario(family id, std::uint64_t seed, duration length = duration::from_seconds(60),
                                     std::uint32_t packets_per_second = 200) noexcept;
/// The same with models changed from the family's own. `invalid_config` naming a field of a model out of range.
[[nodiscard]] result<scenario> make_scenario(family id, const path_model& primary, const path_model& second,
                                             std::uint64_t seed, duration length,
                                             std::uint32_t packets_per_second) noexcept;

}  // namespace lab
}  // namespace v0
}  // namespace duality
