// SPDX-License-Identifier: MIT
//
// Tunnel and relay as what carries the protected flows of a live run: for each flow a `bond_client` in the near loop, with a
// QUIC connection over each path, and in the far loop a `relay_server` with certificate and token of its own, as the
// programs have them.
#pragma once

#include "io/live_run.hpp"

namespace duality {
inline namespace v0 {
namespace io {

[[nodiscard]] live_carrier_factory live_tunnels();

}  // namespace io
}  // namespace v0
}  // namespace duality
