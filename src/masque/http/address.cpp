// SPDX-License-Identifier: MIT
#include "duality/masque/address.hpp"

#include <charconv>

namespace duality {
inline namespace v0 {
namespace masque {
namespace {

/// Up to four decimal numbers of one to three digits, 0…255, without leading zeros.
[[nodiscard]] std::optional<std::uint32_t> parse_dotted(std::string_view text) noexcept {
    std::uint32_t address = 0;
    for (unsigned part = 0; part < 4; ++part) {
        if (part > 0) {
            if (!text.starts_with('.')) return std::nullopt;
            text.remove_prefix(1);
        }
        std::size_t digits = 0;
        std::uint32_t value = 0;
        while (digits < 3 && digits < text.size() && text[digits] >= '0' && text[digits] <= '9')
            value = value * 10 + static_cast<std::uint32_t>(text[digits++] - '0');
        if (digits == 0 || value > 255 || (digits > 1 && text[0] == '0')) return std::nullopt;
        text.remove_prefix(digits);
        address = address << 8 | value;
    }
    if (!text.empty()) return std::nullopt;
    return address;
}

/// One to four hexadecimal digits at the front of `text`, which are then cut off.
[[nodiscard]] std::optional<std::uint16_t> parse_group(std::string_view& text) noexcept {
    const char* const begin = text.data();
    std::uint16_t value = 0;
    const auto [end, error] = std::from_chars(begin, begin + std::min<std::size_t>(text.size(), 4), value, 16);
    if (error != std::errc{}) return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(end - begin));
    return value;
}

[[nodiscard]] std::optional<ip_address> parse_v6(std::string_view text) noexcept {
    std::array<std::uint16_t, 8> groups{};
    std::size_t count = 0;
    std::optional<std::size_t> gap;  // groups before "::"
    if (text.starts_with("::")) {
        gap = 0;
        text.remove_prefix(2);
    }
    bool after_colon = false;
    while (!text.empty()) {
        if (count == 8) return std::nullopt;
        // The last 32 bits may be dotted decimal.
        if (text.find(':') == std::string_view::npos && text.find('.') != std::string_view::npos) {
            const std::optional<std::uint32_t> tail = parse_dotted(text);
            if (!tail || count > 6) return std::nullopt;
            groups[count++] = static_cast<std::uint16_t>(*tail >> 16);
            groups[count++] = static_cast<std::uint16_t>(*tail);
            after_colon = false;
            break;
        }
        const std::optional<std::uint16_t> group = parse_group(text);
        if (!group) return std::nullopt;
        groups[count++] = *group;
        after_colon = false;
        if (text.empty()) break;
        if (text.starts_with("::")) {
            if (gap) return std::nullopt;
            gap = count;
            text.remove_prefix(2);
        } else if (text.starts_with(':')) {
            text.remove_prefix(1);
            after_colon = true;
        } else {
            return std::nullopt;
        }
    }
    if (after_colon || (gap ? count > 7 : count != 8)) return std::nullopt;
    if (gap) {
        std::move_backward(groups.begin() + static_cast<std::ptrdiff_t>(*gap),
                           groups.begin() + static_cast<std::ptrdiff_t>(count), groups.end());
        std::fill_n(groups.begin() + static_cast<std::ptrdiff_t>(*gap), 8 - count, std::uint16_t{0});
    }
    std::array<std::uint8_t, 16> bytes{};
    for (std::size_t i = 0; i < 8; ++i) {
        bytes[2 * i] = static_cast<std::uint8_t>(groups[i] >> 8);
        bytes[2 * i + 1] = static_cast<std::uint8_t>(groups[i]);
    }
    return ip_address::v6(bytes);
}

/// The longest run of at least two zero groups, the first of equals; an empty one at 8 when there is none.
struct zero_run {
    std::size_t begin = 8;
    std::size_t length = 0;
};

[[nodiscard]] zero_run longest_zeros(const std::array<std::uint16_t, 8>& groups) noexcept {
    zero_run best;
    std::size_t length = 0;
    for (std::size_t i = 0; i < groups.size(); ++i) {
        length = groups[i] == 0 ? length + 1 : 0;
        if (length >= 2 && length > best.length) best = {i + 1 - length, length};
    }
    return best;
}

}  // namespace

std::optional<ip_address> ip_address::parse(std::string_view text) noexcept {
    if (text.find(':') != std::string_view::npos) return parse_v6(text);
    const std::optional<std::uint32_t> number = parse_dotted(text);
    if (!number) return std::nullopt;
    return v4(*number);
}

std::string_view ip_address::format(std::span<char> out) const noexcept {
    char* at = out.data();
    char* const end = at + out.size();
    const auto dotted = [&](byte_view four) {
        for (std::size_t i = 0; i < 4; ++i) {
            if (i > 0) *at++ = '.';
            at = std::to_chars(at, end, four[i]).ptr;
        }
    };
    if (!is_v6_) {
        dotted(bytes());
        return {out.data(), at};
    }
    std::array<std::uint16_t, 8> groups{};
    for (std::size_t i = 0; i < 8; ++i) groups[i] = static_cast<std::uint16_t>(bytes_[2 * i] << 8 | bytes_[2 * i + 1]);
    const zero_run zeros = longest_zeros(groups);
    // ::ffff:192.0.2.1 shows the IPv4 address in it.
    const bool mapped = zeros.begin == 0 && zeros.length == 5 && groups[5] == 0xFFFF;
    for (std::size_t i = 0; i < (mapped ? std::size_t{6} : groups.size());) {
        if (i == zeros.begin) {
            *at++ = ':';
            *at++ = ':';
            i += zeros.length;
            continue;
        }
        if (i > 0 && i != zeros.begin + zeros.length) *at++ = ':';
        at = std::to_chars(at, end, groups[i++], 16).ptr;
    }
    if (mapped) {
        *at++ = ':';
        dotted(byte_view{bytes_}.last(4));
    }
    return {out.data(), at};
}

}  // namespace masque
}  // namespace v0
}  // namespace duality
