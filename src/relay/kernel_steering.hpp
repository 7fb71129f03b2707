// SPDX-License-Identifier: MIT
#pragma once

#include "duality/masque/worker_steering.hpp"

namespace duality {
inline namespace v0 {
namespace io {

/// Has the kernel hand each packet that comes to the sockets sharing the port of `fd` to the one of the packet's worker;
/// sockets count in the order in which they were bound. False when it cannot: then packets go to any of them.
[[nodiscard]] bool steer_in_kernel(int fd, const masque::worker_steering& steering) noexcept;

}  // namespace io
}  // namespace v0
}  // namespace duality
