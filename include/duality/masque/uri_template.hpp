// SPDX-License-Identifier: MIT
//
// URI templates as RFC 9298 wants them: a subset of level 3 of RFC 6570 with the variables `target_host` and
// `target_port`. A client expands one into the path of its request; a relay reads the variables back out of a path.
//
//     https://relay.example/.well-known/masque/udp/{target_host}/{target_port}/
//     https://relay.example:4443/masque{?target_host,target_port}
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "duality/masque/address.hpp"
#include "duality/status.hpp"

namespace duality {
inline namespace v0 {
namespace masque {

/// The path every CONNECT-UDP proxy should offer (RFC 9298, section 2).
inline constexpr std::string_view default_path_template = "/.well-known/masque/udp/{target_host}/{target_port}/";

/// A host and port to reach: an address in its own notation, or a name of letters, digits, '-', '_' and '.'.
class udp_target {
public:
    static constexpr std::size_t host_max = 253;

    udp_target() noexcept = default;
    /// `invalid_argument`: `host` is neither an address (without brackets) nor a name, or `port` is 0.
    [[nodiscard]] static result<udp_target> create(std::string_view host, std::uint16_t port) noexcept;

    [[nodiscard]] std::string_view host() const noexcept { return {host_.data(), size_}; }
    [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
    /// The address, when the host is one.
    [[nodiscard]] std::optional<ip_address> literal() const noexcept { return ip_address::parse(host()); }

    bool operator==(const udp_target& other) const noexcept { return host() == other.host() && port_ == other.port_; }

private:
    std::array<char, host_max> host_{};
    std::uint8_t size_ = 0;
    std::uint16_t port_ = 0;
};

class uri_template {
public:
    static constexpr std::size_t text_max = 512;
    /// Longest path that `expand` writes: every character of a host may become three.
    static constexpr std::size_t path_max = text_max + 3 * udp_target::host_max + 5;

    uri_template() noexcept = default;
    /// A whole template, `https` only, or just host and port ("relay.example:4443"), which stand for
    /// `default_path_template` there. `too_large`; `invalid_argument` when a rule of RFC 9298, section 2 is broken.
    [[nodiscard]] static result<uri_template> create(std::string_view text) noexcept;
    /// Only the path and query, for a relay that answers under any name.
    [[nodiscard]] static result<uri_template> create_path(std::string_view text) noexcept;

    /// "relay.example:4443" as written; empty after `create_path`.
    [[nodiscard]] std::string_view authority() const noexcept { return {text_.data(), authority_size_}; }
    /// Without port and without the brackets of an IPv6 address.
    [[nodiscard]] std::string_view host() const noexcept;
    /// 443 unless the authority says otherwise.
    [[nodiscard]] std::uint16_t port() const noexcept { return port_; }

    /// Path and query for a target, into `out` of at least `path_max` characters.
    [[nodiscard]] std::string_view expand(const udp_target& target, std::span<char> out) const noexcept;
    /// Reads the target from a path and query. `no_change`: the path is not of this template. `malformed`: it is, but
    /// host or port are not valid.
    [[nodiscard]] status match(std::string_view path, udp_target& out) const noexcept;

private:
    enum class variable : std::uint8_t { none, host, port };
    /// Literal text and the variable after it.
    struct piece {
        std::uint16_t begin = 0;
        std::uint16_t size = 0;
        variable then = variable::none;
    };

    [[nodiscard]] status read_authority(std::string_view text) noexcept;
    [[nodiscard]] status read_path(std::string_view text) noexcept;
    [[nodiscard]] status read_expression(std::string_view expression) noexcept;
    [[nodiscard]] bool append(std::string_view literal) noexcept;
    [[nodiscard]] bool append(variable v) noexcept;
    [[nodiscard]] std::string_view literal_of(const piece& p) const noexcept {
        return {text_.data() + p.begin, p.size};
    }

    std::array<char, text_max> text_{};  ///< authority, then the literal text of all pieces
    std::size_t text_size_ = 0;
    std::size_t authority_size_ = 0;
    std::uint16_t port_ = 443;
    std::array<piece, 3> pieces_{};  ///< the two variables, and what follows them
    std::size_t piece_count_ = 0;    ///< complete ones; the next one is being written
};

}  // namespace masque
}  // namespace v0
}  // namespace duality
