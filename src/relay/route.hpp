// SPDX-License-Identifier: MIT
//
// What the kernel knows of interfaces and routes.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "io/address.hpp"

namespace duality {
inline namespace v0 {
namespace io {

/// Largest IP packet of the route from `local` to `remote`, in bytes; 0 when the kernel does not say.
[[nodiscard]] std::size_t route_mtu(const socket_address& local, const socket_address& remote) noexcept;
/// The smallest that QUIC works with (RFC 9000, section 14): 1,200 bytes and the headers around them.
[[nodiscard]] std::size_t least_mtu(const socket_address& remote) noexcept;
/// Does the route carry less than that? False when the kernel does not say.
[[nodiscard]] bool is_too_narrow(const socket_address& local, const socket_address& remote) noexcept;
/// For a user: what is too narrow, and by how much.
[[nodiscard]] std::string describe_narrow(const std::string& what, const socket_address& local,
                                          const socket_address& remote);
/// The address of an interface, of the family wanted; nothing when it has none or is down.
[[nodiscard]] std::optional<socket_address> interface_address(const std::string& name, bool ipv6);

}  // namespace io
}  // namespace v0
}  // namespace duality
