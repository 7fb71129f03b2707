// SPDX-License-Identifier: MIT
#include "duality/masque/proxy_status.hpp"

#include <optional>

#include "duality/masque/structured_field.hpp"

namespace duality {
inline namespace v0 {
namespace masque {
namespace {

struct row {
    proxy_error error;
    std::string_view name;
    int status;
};

constexpr row rows[] = {
    {proxy_error::dns_timeout, "dns_timeout", 504},
    {proxy_error::dns_error, "dns_error", 502},
    {proxy_error::destination_not_found, "destination_not_found", 500},
    {proxy_error::destination_unavailable, "destination_unavailable", 503},
    {proxy_error::destination_ip_prohibited, "destination_ip_prohibited", 502},
    {proxy_error::destination_ip_unroutable, "destination_ip_unroutable", 502},
    {proxy_error::connection_refused, "connection_refused", 502},
    {proxy_error::connection_limit_reached, "connection_limit_reached", 503},
    {proxy_error::http_request_error, "http_request_error", 400},
    {proxy_error::http_request_denied, "http_request_denied", 403},
    {proxy_error::proxy_configuration_error, "proxy_configuration_error", 500},
    {proxy_error::proxy_internal_error, "proxy_internal_error", 500},
};

[[nodiscard]] const row* find(proxy_error error) noexcept {
    for (const row& r : rows)
        if (r.error == error) return &r;
    return nullptr;
}

}  // namespace

std::string_view to_string(proxy_error error) noexcept {
    const row* const r = find(error);
    return r != nullptr ? r->name : std::string_view{};
}

int http_status(proxy_error error) noexcept {
    const row* const r = find(error);
    return r != nullptr ? r->status : 500;
}

proxy_error parse_proxy_status(std::string_view field) noexcept {
    proxy_error found = proxy_error::none;
    sf_list list{field};
    sf_member proxy;
    while (list.next(proxy) == status::ok) {
        const std::optional<sf_value> error = sf_find_parameter(proxy, "error");
        if (!error || error->type != sf_type::token) continue;
        found = proxy_error::other;
        for (const row& r : rows)
            if (r.name == error->text) found = r.error;
    }
    return found;
}

std::string_view format_proxy_status(proxy_error error, std::span<char> out) noexcept {
    sf_writer writer{out};
    writer.token("duality");
    if (const row* const r = find(error)) {
        writer.parameter("error");
        writer.token(r->name);
    }
    return writer.text();
}

}  // namespace masque
}  // namespace v0
}  // namespace duality
