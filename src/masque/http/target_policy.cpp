// SPDX-License-Identifier: MIT
#include "duality/masque/target_policy.hpp"

#include <charconv>
#include <optional>

#include "masque/http/text.hpp"

namespace duality {
inline namespace v0 {
namespace masque {
namespace {

struct v4_row {
    std::uint32_t prefix;
    unsigned bits;
    address_kind kind;
};

/// The first row that fits decides.
constexpr v4_row v4_rows[] = {
    {0x00000000, 8, address_kind::unspecified},
    {0x0A000000, 8, address_kind::private_use},
    {0x646464C8, 32, address_kind::metadata},  // 100.100.100.200, a part of the next
    {0x64400000, 10, address_kind::shared},
    {0x7F000000, 8, address_kind::loopback},
    {0xA9FEA9FE, 32, address_kind::metadata},  // 169.254.169.254
    {0xA9FE0000, 16, address_kind::link_local},
    {0xAC100000, 12, address_kind::private_use},
    {0xA83F8110, 32, address_kind::metadata},  // 168.63.129.16: public by number, served by the hypervisor
    {0xC0000000, 24, address_kind::reserved},  // protocol assignments
    {0xC0000200, 24, address_kind::documentation},
    {0xC0586300, 24, address_kind::reserved},  // 6to4 relay anycast, withdrawn
    {0xC0A80000, 16, address_kind::private_use},
    {0xC6120000, 15, address_kind::reserved},  // benchmarking
    {0xC6336400, 24, address_kind::documentation},
    {0xCB007100, 24, address_kind::documentation},
    {0xE0000000, 4, address_kind::multicast},
    {0xFFFFFFFF, 32, address_kind::broadcast},
    {0xF0000000, 4, address_kind::reserved},
};

struct v6_row {
    std::array<std::uint16_t, 8> groups;
    unsigned bits;
    address_kind kind;
};

constexpr v6_row v6_rows[] = {
    {{}, 128, address_kind::unspecified},
    {{0, 0, 0, 0, 0, 0, 0, 1}, 128, address_kind::loopback},
    {{0, 0, 0, 0, 0, 0xFFFF}, 96, address_kind::embedded},  // IPv4-mapped
    {{0, 0, 0, 0, 0xFFFF, 0}, 96, address_kind::embedded},  // IPv4-translated
    {{}, 96, address_kind::embedded},                       // IPv4-compatible
    {{0x64, 0xFF9B, 1}, 48, address_kind::embedded},        // NAT64 of local use: no telling where IPv4 sits
    {{0x100}, 64, address_kind::reserved},                  // discard-only
    {{0x2001, 0}, 32, address_kind::embedded},              // Teredo
    {{0x2001, 0xDB8}, 32, address_kind::documentation},
    {{0x2001, 0}, 23, address_kind::reserved},  // protocol assignments
    {{0x3FFF, 0}, 20, address_kind::documentation},
    {{0x5F00}, 16, address_kind::reserved},  // segment routing
    {{0xFD00, 0xEC2, 0, 0, 0, 0, 0, 0x254}, 128, address_kind::metadata},
    {{0xFD20, 0xCE, 0, 0, 0, 0, 0, 0x254}, 128, address_kind::metadata},
    {{0xFC00}, 7, address_kind::private_use},
    {{0xFE80}, 10, address_kind::link_local},
    {{0xFEC0}, 10, address_kind::private_use},
    {{0xFF00}, 8, address_kind::multicast},
    {{0x2000}, 3, address_kind::global},
};

constexpr ip_address from_groups(const std::array<std::uint16_t, 8>& groups) noexcept {
    std::array<std::uint8_t, 16> bytes{};
    for (std::size_t i = 0; i < 8; ++i) {
        bytes[2 * i] = static_cast<std::uint8_t>(groups[i] >> 8);
        bytes[2 * i + 1] = static_cast<std::uint8_t>(groups[i]);
    }
    return ip_address::v6(bytes);
}

/// The IPv4 address in the four bytes from `at` on.
ip_address inner_v4(const ip_address& a, std::size_t at) noexcept {
    std::uint32_t number = 0;
    for (const std::uint8_t byte : a.bytes().subspan(at, 4)) number = number << 8 | byte;
    return ip_address::v4(number);
}

constexpr ip_address nat64 = from_groups({0x64, 0xFF9B});
constexpr ip_address six_to_four = from_groups({0x2002});

/// What a NAT64 or 6to4 address stands for; any other address stands for itself.
ip_address meant_by(const ip_address& a) noexcept {
    if (a.in_prefix(nat64, 96)) return inner_v4(a, 12);
    if (a.in_prefix(six_to_four, 16)) return inner_v4(a, 2);
    return a;
}

}  // namespace

std::string_view to_string(address_kind kind) noexcept {
    switch (kind) {
        case address_kind::global: return "global";
        case address_kind::unspecified: return "unspecified";
        case address_kind::loopback: return "loopback";
        case address_kind::private_use: return "private_use";
        case address_kind::shared: return "shared";
        case address_kind::link_local: return "link_local";
        case address_kind::metadata: return "metadata";
        case address_kind::multicast: return "multicast";
        case address_kind::broadcast: return "broadcast";
        case address_kind::documentation: return "documentation";
        case address_kind::reserved: return "reserved";
        case address_kind::embedded: return "embedded";
    }
    return "unknown";
}

address_kind classify(const ip_address& written) noexcept {
    const ip_address address = meant_by(written);
    if (!address.is_v6()) {
        for (const v4_row& row : v4_rows)
            if (address.in_prefix(ip_address::v4(row.prefix), row.bits)) return row.kind;
        return address_kind::global;
    }
    for (const v6_row& row : v6_rows)
        if (address.in_prefix(from_groups(row.groups), row.bits)) return row.kind;
    return address_kind::reserved;
}

result<address_prefix> address_prefix::parse(std::string_view text) noexcept {
    const std::size_t slash = text.find('/');
    const std::optional<ip_address> address = ip_address::parse(head(text, slash));
    if (!address) return status::invalid_argument;
    const unsigned most = address->is_v6() ? 128 : 32;
    if (slash == std::string_view::npos) return address_prefix{*address, most};
    const std::string_view digits = tail(text, slash + 1);
    unsigned bits = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), bits);
    if (error != std::errc{} || end != digits.data() + digits.size() || bits > most) return status::invalid_argument;
    return address_prefix{*address, bits};
}

status target_policy::list::add(const address_prefix& prefix) noexcept {
    if (count == rows.size()) return status::queue_full;
    rows[count++] = prefix;
    return status::ok;
}

bool target_policy::list::contains(const ip_address& a) const noexcept {
    for (std::size_t i = 0; i < count; ++i)
        if (rows[i].contains(a)) return true;
    return false;
}

target_verdict target_policy::check(const ip_address& address) const noexcept {
    if (denied_.contains(address) || denied_.contains(meant_by(address))) return target_verdict::prohibited;
    if (allowed_.contains(address)) return target_verdict::allowed;
    const bool global = !listed_only_ && classify(address) == address_kind::global;
    return global ? target_verdict::allowed : target_verdict::prohibited;
}

target_verdict target_policy::check(std::span<const ip_address> answers) const noexcept {
    if (answers.empty()) return target_verdict::nothing_to_check;
    for (const ip_address& answer : answers)
        if (check(answer) != target_verdict::allowed) return target_verdict::prohibited;
    return target_verdict::allowed;
}

}  // namespace masque
}  // namespace v0
}  // namespace duality
