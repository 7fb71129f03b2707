// SPDX-License-Identifier: MIT
#include "io/address.hpp"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>

#include <charconv>
#include <cstring>

namespace duality {
inline namespace v0 {
namespace io {
namespace {

const sockaddr_in& as_ipv4(const sockaddr_storage& storage) noexcept {
    return reinterpret_cast<const sockaddr_in&>(storage);
}
const sockaddr_in6& as_ipv6(const sockaddr_storage& storage) noexcept {
    return reinterpret_cast<const sockaddr_in6&>(storage);
}

}  // namespace

socket_address::socket_address() noexcept {
    storage_.ss_family = AF_INET;
}

socket_address::socket_address(const sockaddr& native) noexcept : socket_address{} {
    if (native.sa_family == AF_INET) std::memcpy(&storage_, &native, sizeof(sockaddr_in));
    if (native.sa_family == AF_INET6) std::memcpy(&storage_, &native, sizeof(sockaddr_in6));
}

result<socket_address> socket_address::parse(std::string_view text) noexcept {
    const std::size_t colon = text.rfind(':');
    if (colon == std::string_view::npos) return status::invalid_argument;
    const std::string_view port = text.substr(colon + 1);
    std::uint16_t number = 0;
    const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
    if (error != std::errc{} || end != port.data() + port.size()) return status::invalid_argument;

    std::string_view host = text.substr(0, colon);
    if (host.starts_with('[') && host.ends_with(']'))
        host = host.substr(1, host.size() - 2);
    else if (host.find(':') != std::string_view::npos)
        return status::invalid_argument;  // an IPv6 address needs brackets, or its end cannot be told from the port
    if (host.empty()) return status::invalid_argument;

    addrinfo hints{};
    hints.ai_socktype = SOCK_DGRAM;
    hints.ai_family = AF_UNSPEC;
    addrinfo* found = nullptr;
    if (getaddrinfo(std::string{host}.c_str(), std::to_string(number).c_str(), &hints, &found) != 0)
        return status::invalid_argument;
    const socket_address address{*found->ai_addr};
    freeaddrinfo(found);
    return address;
}

std::uint16_t socket_address::port() const noexcept {
    return ntohs(is_ipv6() ? as_ipv6(storage_).sin6_port : as_ipv4(storage_).sin_port);
}

socket_address socket_address::any() const noexcept {
    socket_address address;
    address.storage_.ss_family = storage_.ss_family;  // everything else is zero: the unspecified address, port 0
    return address;
}

std::string socket_address::to_string() const {
    char host[INET6_ADDRSTRLEN] = "";
    if (is_ipv6())
        (void)inet_ntop(AF_INET6, &as_ipv6(storage_).sin6_addr, host, sizeof host);
    else
        (void)inet_ntop(AF_INET, &as_ipv4(storage_).sin_addr, host, sizeof host);
    std::string text{is_ipv6() ? "[" : ""};
    text += host;
    text += is_ipv6() ? "]:" : ":";
    return text += std::to_string(port());
}

bool socket_address::operator==(const socket_address& other) const noexcept {
    if (storage_.ss_family != other.storage_.ss_family || port() != other.port()) return false;
    if (!is_ipv6()) return as_ipv4(storage_).sin_addr.s_addr == as_ipv4(other.storage_).sin_addr.s_addr;
    return std::memcmp(&as_ipv6(storage_).sin6_addr, &as_ipv6(other.storage_).sin6_addr, sizeof(in6_addr)) == 0 &&
           as_ipv6(storage_).sin6_scope_id == as_ipv6(other.storage_).sin6_scope_id;
}

}  // namespace io
}  // namespace v0
}  // namespace duality
