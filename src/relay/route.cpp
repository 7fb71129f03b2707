// SPDX-License-Identifier: MIT
#include "relay/route.hpp"

#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace duality {
inline namespace v0 {
namespace io {
namespace {

[[nodiscard]] socklen_t size_of(const socket_address& address) noexcept {
    return address.is_ipv6() ? sizeof(sockaddr_in6) : sizeof(sockaddr_in);
}

}  // namespace

std::size_t route_mtu(const socket_address& local, const socket_address& remote) noexcept {
    const bool v6 = remote.is_ipv6();
    const int fd = ::socket(v6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return 0;
    int mtu = 0;
    socklen_t size = sizeof mtu;
    const socket_address any_port = [&] {
        socket_address a = remote.any();
        if (local.is_ipv6() == v6) a = local;
        return a;
    }();
    (void)::bind(fd, any_port.native(), size_of(any_port));  // in use: any other port will do
    const bool known = ::connect(fd, remote.native(), size_of(remote)) == 0 &&
                       getsockopt(fd, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_MTU : IP_MTU, &mtu, &size) == 0 &&
                       mtu > 0;
    (void)::close(fd);
    return known ? static_cast<std::size_t>(mtu) : 0;
}

std::size_t least_mtu(const socket_address& remote) noexcept {
    return 1'200 + (remote.is_ipv6() ? 48u : 28u);
}

bool is_too_narrow(const socket_address& local, const socket_address& remote) noexcept {
    const std::size_t mtu = route_mtu(local, remote);
    return mtu != 0 && mtu < least_mtu(remote);
}

std::string describe_narrow(const std::string& what, const socket_address& local, const socket_address& remote) {
    return what + " carries packets of " + std::to_string(route_mtu(local, remote)) + " bytes, a relay needs " +
           std::to_string(least_mtu(remote));
}

std::optional<socket_address> interface_address(const std::string& name, bool ipv6) {
    ifaddrs* all = nullptr;
    if (getifaddrs(&all) != 0) return std::nullopt;
    std::optional<socket_address> found;
    for (const ifaddrs* a = all; a != nullptr && !found; a = a->ifa_next) {
        if (name != a->ifa_name || a->ifa_addr == nullptr) continue;
        const unsigned wanted = IFF_UP | IFF_RUNNING;
        if ((a->ifa_flags & wanted) != wanted) continue;
        if (a->ifa_addr->sa_family == (ipv6 ? AF_INET6 : AF_INET)) found = socket_address{*a->ifa_addr};
    }
    freeifaddrs(all);
    return found;
}

}  // namespace io
}  // namespace v0
}  // namespace duality
