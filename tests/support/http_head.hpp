// SPDX-License-Identifier: MIT
//
// HTTP/3 requests made by hand.
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "support/raw_client.hpp"

namespace duality::test {

using header_field = std::pair<std::string_view, std::string_view>;

inline constexpr std::uint64_t headers_frame = 1;  // RFC 9114, section 7.2

inline void put_text(bytes& out, std::string_view text, std::uint8_t flags, std::size_t most_in_first) {
    std::size_t size = text.size();
    if (size < most_in_first) {
        out.push_back(static_cast<std::uint8_t>(flags | size));
    } else {
        out.push_back(static_cast<std::uint8_t>(flags | most_in_first));
        for (size -= most_in_first; size >= 128; size /= 128)
            out.push_back(static_cast<std::uint8_t>(size % 128 | 128));
        out.push_back(static_cast<std::uint8_t>(size));
    }
    out.insert(out.end(), text.begin(), text.end());
}

/// A HEADERS frame with literal fields only (RFC 9204, section 4.5.6).
[[nodiscard]] inline bytes head(const std::vector<header_field>& fields) {
    bytes section{0, 0};
    for (const auto& [name, value] : fields) {
        put_text(section, name, 0x20, 7);
        put_text(section, value, 0x00, 127);
    }
    return byte_writer{}.frame(headers_frame, section);
}

[[nodiscard]] inline bytes connect_head(std::string_view path = "/.well-known/masque/udp/198.51.100.9/7/",
                                        const std::vector<header_field>& more = {}) {
    std::vector<header_field> fields{{":method", "CONNECT"}, {":protocol", "connect-udp"},
                                     {":scheme", "https"},   {":authority", "relay.test"},
                                     {":path", path},        {"capsule-protocol", "?1"}};
    fields.insert(fields.end(), more.begin(), more.end());
    return head(fields);
}

}  // namespace duality::test
