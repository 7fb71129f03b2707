// SPDX-License-Identifier: MIT
//
// The part of a configuration that both ends check alike.
#pragma once

#include "duality/masque/endpoint.hpp"

namespace duality {
inline namespace v0 {
namespace masque {

[[nodiscard]] inline config_check check_connection(const connection_config& config) noexcept {
    constexpr std::int64_t ms = 1'000'000;
    constexpr std::int64_t second = 1'000 * ms;
    config_check check{connection_bounds};
    check.in_range("handshake_timeout", config.handshake_timeout.ns() / second)
        .in_range("request_timeout", config.request_timeout.ns() / second)
        .in_range("idle_timeout", config.idle_timeout.ns() / second)
        .in_range("keep_alive", config.keep_alive.ns() / second)
        .in_range("max_lifetime", config.max_lifetime.ns() / second)
        .in_range("max_udp_payload", config.max_udp_payload)
        .in_range("queued_datagrams", config.queued_datagrams)
        .in_range("queued_bytes", config.queued_bytes)
        .in_range("early_datagrams", config.early_datagrams)
        .in_range("early_bytes", config.early_bytes)
        .in_range("early_age", config.early_age.ns() / ms)
        .require("keep_alive", config.keep_alive < config.idle_timeout);
    return check;
}

}  // namespace masque
}  // namespace v0
}  // namespace duality
