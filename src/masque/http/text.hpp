// SPDX-License-Identifier: MIT
//
// Classes of ASCII characters, without a locale, and parts of a text, without exceptions.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string_view>

namespace duality {
inline namespace v0 {
namespace masque {

/// The first `count` characters, or all of them.
[[nodiscard]] constexpr std::string_view head(std::string_view text, std::size_t count) noexcept {
    return {text.data(), std::min(count, text.size())};
}
/// All but the first `count` characters, if there are so many.
[[nodiscard]] constexpr std::string_view tail(std::string_view text, std::size_t count) noexcept {
    text.remove_prefix(std::min(count, text.size()));
    return text;
}

[[nodiscard]] constexpr bool is_digit(char c) noexcept {
    return c >= '0' && c <= '9';
}
[[nodiscard]] constexpr bool is_alpha(char c) noexcept {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
/// The value of a hexadecimal digit; -1 for anything else.
[[nodiscard]] constexpr int hex_value(char c) noexcept {
    if (is_digit(c)) return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

}  // namespace masque
}  // namespace v0
}  // namespace duality
