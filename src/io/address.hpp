// SPDX-License-Identifier: MIT
//
// A UDP address as users write it and as the kernel wants it.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "duality/status.hpp"

namespace duality {
inline namespace v0 {
namespace io {

/// An IPv4 or IPv6 address and a port.
class socket_address {
public:
    /// 0.0.0.0:0
    socket_address() noexcept;
    /// Copies an address the kernel gave; anything but IPv4 and IPv6 becomes 0.0.0.0:0.
    explicit socket_address(const sockaddr& native) noexcept;

    /// "192.0.2.1:9000", "[2001:db8::1]:9000" or "name:9000"; a name is looked up and its first address taken.
    /// Errors: `invalid_argument` when the text is not of that form or the name has no address.
    [[nodiscard]] static result<socket_address> parse(std::string_view text) noexcept;

    [[nodiscard]] const sockaddr* native() const noexcept { return reinterpret_cast<const sockaddr*>(&storage_); }
    [[nodiscard]] bool is_ipv6() const noexcept { return storage_.ss_family == AF_INET6; }
    [[nodiscard]] std::uint16_t port() const noexcept;
    /// The unspecified address of the same family with port 0, to bind a socket that talks to this one.
    [[nodiscard]] socket_address any() const noexcept;
    [[nodiscard]] std::string to_string() const;

    bool operator==(const socket_address& other) const noexcept;

private:
    sockaddr_storage storage_{};
};

}  // namespace io
}  // namespace v0
}  // namespace duality
