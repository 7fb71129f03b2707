// SPDX-License-Identifier: MIT
//
// Where a relay may send: everything that is not plainly a public unicast address is refused unless it was allowed.
//
// A relay sends with its own address, so whoever may use it could reach what trusts that address: the relay itself, its
// neighbours, the cloud's metadata service. Addresses that carry an IPv4 address inside (mapped, NAT64, 6to4, Teredo)
// are other ways to write such targets and are judged by what is inside. A name may have many addresses: all are
// checked, and one bad one condemns the name, or a resolver could lend the relay to anybody by mixing answers.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "duality/masque/address.hpp"
#include "duality/status.hpp"

namespace duality {
inline namespace v0 {
namespace masque {

/// What an address is for, after the IANA special-purpose registries.
enum class address_kind : std::uint8_t {
    global,         ///< public unicast; the only kind that is allowed by default
    unspecified,    ///< 0.0.0.0/8 and ::
    loopback,       ///< 127.0.0.0/8 and ::1
    private_use,    ///< RFC 1918, and unique-local fc00::/7 and old site-local fec0::/10
    shared,         ///< carrier-grade NAT, 100.64.0.0/10
    link_local,     ///< 169.254.0.0/16 and fe80::/10
    metadata,       ///< a cloud's instance metadata service
    multicast,      ///< 224.0.0.0/4 and ff00::/8
    broadcast,      ///< 255.255.255.255
    documentation,  ///< for examples only
    reserved,       ///< benchmarking, protocol assignments, future use, everything not yet unicast
    embedded,       ///< IPv4 inside IPv6 in a form no honest resolver answers with
};

/// The enumerator's name.
[[nodiscard]] std::string_view to_string(address_kind kind) noexcept;

/// A NAT64 (64:ff9b::/96) or 6to4 address is what the IPv4 address in it is.
[[nodiscard]] address_kind classify(const ip_address& address) noexcept;

struct address_prefix {
    ip_address address;
    unsigned bits = 0;

    /// "192.0.2.0/24", or one address. `invalid_argument` for anything else.
    [[nodiscard]] static result<address_prefix> parse(std::string_view text) noexcept;
    [[nodiscard]] bool contains(const ip_address& a) const noexcept { return a.in_prefix(address, bits); }
};

enum class target_verdict : std::uint8_t { allowed, prohibited, nothing_to_check };

/// Copyable; holds its lists itself.
class target_policy {
public:
    static constexpr std::size_t max_prefixes = 64;  ///< of each list

    /// Targets inside are refused whatever else is said; a relay puts its own addresses here. `queue_full`.
    [[nodiscard]] status deny(const address_prefix& prefix) noexcept { return denied_.add(prefix); }
    /// Targets inside are allowed, of any kind, unless denied. `queue_full`.
    [[nodiscard]] status allow(const address_prefix& prefix) noexcept { return allowed_.add(prefix); }
    /// With this, nothing but what `allow` names is allowed.
    void allow_listed_only() noexcept { listed_only_ = true; }

    [[nodiscard]] target_verdict check(const ip_address& address) const noexcept;
    /// Of a name's answers: allowed only when there is one and every one is.
    [[nodiscard]] target_verdict check(std::span<const ip_address> answers) const noexcept;

private:
    struct list {
        std::array<address_prefix, max_prefixes> rows{};
        std::size_t count = 0;

        [[nodiscard]] status add(const address_prefix& prefix) noexcept;
        [[nodiscard]] bool contains(const ip_address& a) const noexcept;
    };

    list denied_;
    list allowed_;
    bool listed_only_ = false;
};

}  // namespace masque
}  // namespace v0
}  // namespace duality
