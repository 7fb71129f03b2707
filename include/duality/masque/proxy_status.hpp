// SPDX-License-Identifier: MIT
//
// Why a relay could not do what was asked, as the `Proxy-Status` field says it (RFC 9209).
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace duality {
inline namespace v0 {
namespace masque {

/// Proxy error types of RFC 9209, section 2.3, that CONNECT-UDP has a use for.
enum class proxy_error : std::uint8_t {
    none,
    dns_timeout,
    dns_error,
    destination_not_found,
    destination_unavailable,
    destination_ip_prohibited,
    destination_ip_unroutable,
    connection_refused,
    connection_limit_reached,
    http_request_error,
    http_request_denied,
    proxy_configuration_error,
    proxy_internal_error,
    other,  ///< one that is not in this list
};

/// The name on the wire; empty for `none` and `other`.
[[nodiscard]] std::string_view to_string(proxy_error error) noexcept;
/// The HTTP status that RFC 9209 recommends with it.
[[nodiscard]] int http_status(proxy_error error) noexcept;

/// The error of the last proxy that tells one; `none` when the field is malformed or names no error.
[[nodiscard]] proxy_error parse_proxy_status(std::string_view field) noexcept;
/// `duality;error=…` into `out` of at least 64 characters.
[[nodiscard]] std::string_view format_proxy_status(proxy_error error, std::span<char> out) noexcept;

}  // namespace masque
}  // namespace v0
}  // namespace duality
