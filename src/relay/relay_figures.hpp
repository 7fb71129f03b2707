// SPDX-License-Identifier: MIT
//
// A relay's counters as text: JSON and the exposition format of Prometheus, from one table. Nothing in them names a
// client, a target or a token.
#pragma once

#include <string>

#include "relay/relay_server.hpp"

namespace duality {
inline namespace v0 {
namespace io {

[[nodiscard]] std::string to_json(const relay_server_stats& stats);
[[nodiscard]] std::string to_prometheus(const relay_server_stats& stats);

}  // namespace io
}  // namespace v0
}  // namespace duality
