// SPDX-License-Identifier: MIT
//
// Structured Field Values for HTTP (RFC 8941): reading and writing without allocation.
//
// A field is read whole before anything of it is believed: one wrong character anywhere makes all of it invalid, as the
// standard wants. Views point into the field. A field that came in several lines is joined by ", " before.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "duality/memory.hpp"
#include "duality/status.hpp"

namespace duality {
inline namespace v0 {
namespace masque {

enum class sf_type : std::uint8_t { integer, decimal, string, token, bytes, boolean, inner_list };

struct sf_value {
    sf_type type = sf_type::boolean;
    /// The integer, the decimal in thousandths, or the boolean.
    std::int64_t number = 0;
    /// token: itself. string: between the quotes, escapes as they came. bytes: the base64 text. inner_list: between the
    /// parentheses.
    std::string_view text;

    [[nodiscard]] bool is_true() const noexcept { return type == sf_type::boolean && number != 0; }
};

struct sf_member {
    std::string_view key;  ///< of a dictionary's member or a parameter; empty in a list
    sf_value value;
    std::string_view parameters;  ///< from the first ";" on
};

/// An Item. `malformed` when the field is none.
[[nodiscard]] status sf_parse_item(std::string_view field, sf_member& out) noexcept;

/// Walks over a List or, one level further down, the values of an inner list.
class sf_list {
public:
    /// `ok()` tells whether the whole field is a List.
    explicit sf_list(std::string_view field) noexcept;
    /// Over the items of an inner list that was read before.
    [[nodiscard]] static sf_list inside(const sf_value& inner_list) noexcept;

    [[nodiscard]] bool ok() const noexcept { return ok_; }
    /// `need_more` at the end; `malformed` when not `ok()`.
    [[nodiscard]] status next(sf_member& out) noexcept;

private:
    sf_list() noexcept = default;

    std::string_view rest_;
    bool ok_ = true;
    bool inner_ = false;
};

/// The member of that name of a Dictionary; the last one if there are several. Nothing when the field is no Dictionary
/// or has no such member.
[[nodiscard]] std::optional<sf_member> sf_find(std::string_view dictionary, std::string_view key) noexcept;
/// Is the whole field a Dictionary?
[[nodiscard]] bool sf_is_dictionary(std::string_view field) noexcept;
/// The same for a parameter of a member.
[[nodiscard]] std::optional<sf_value> sf_find_parameter(const sf_member& of, std::string_view key) noexcept;

/// The text of a string without its escapes. `invalid_argument`: not a string; `buffer_too_small`.
[[nodiscard]] status sf_decode_string(const sf_value& value, std::span<char> out, std::size_t& size) noexcept;
/// The bytes of a byte sequence. `invalid_argument`: not one; `buffer_too_small`; `malformed`: no base64 (bits after
/// the last byte are not looked at).
[[nodiscard]] status sf_decode_bytes(const sf_value& value, byte_span out, std::size_t& size) noexcept;

/// Appends to a fixed span. After the first overflow, or something the standard has no text for, nothing more is
/// written and `ok()` is false.
class sf_writer {
public:
    explicit sf_writer(std::span<char> out) noexcept : out_{out} {}

    [[nodiscard]] bool ok() const noexcept { return ok_; }
    [[nodiscard]] std::string_view text() const noexcept { return {out_.data(), size_}; }

    void integer(std::int64_t value) noexcept;  ///< of at most 15 digits
    void decimal(std::int64_t thousandths) noexcept;
    void boolean(bool value) noexcept { raw(value ? "?1" : "?0"); }
    void string(std::string_view value) noexcept;  ///< printable ASCII
    void token(std::string_view value) noexcept;
    void bytes(byte_view value) noexcept;
    /// Starts the next list member, dictionary member or parameter.
    void comma() noexcept { raw(", "); }
    void key(std::string_view name) noexcept;        ///< `name=`
    void parameter(std::string_view name) noexcept;  ///< `;name=`

private:
    void raw(std::string_view text) noexcept;

    std::span<char> out_;
    std::size_t size_ = 0;
    bool ok_ = true;
};

}  // namespace masque
}  // namespace v0
}  // namespace duality
