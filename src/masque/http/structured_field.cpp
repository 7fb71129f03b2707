// SPDX-License-Identifier: MIT
#include "duality/masque/structured_field.hpp"

#include <algorithm>
#include <charconv>

#include "masque/http/text.hpp"

namespace duality {
inline namespace v0 {
namespace masque {
namespace {

constexpr std::string_view base64_digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::int64_t integer_max = 999'999'999'999'999;

constexpr bool is_lower(char c) noexcept {
    return c >= 'a' && c <= 'z';
}
constexpr bool is_key_start(char c) noexcept {
    return is_lower(c) || c == '*';
}
constexpr bool is_key_char(char c) noexcept {
    return is_key_start(c) || is_digit(c) || c == '_' || c == '-' || c == '.';
}
constexpr bool is_token_start(char c) noexcept {
    return is_alpha(c) || c == '*';
}
constexpr bool is_token_char(char c) noexcept {
    return is_alpha(c) || is_digit(c) || std::string_view{"!#$%&'*+-.^_`|~:/"}.find(c) != std::string_view::npos;
}
constexpr bool is_base64(char c) noexcept {
    return base64_digits.find(c) != std::string_view::npos || c == '=';
}

/// Cuts pieces off the front; each call takes its piece or returns false.
class cursor {
public:
    explicit cursor(std::string_view rest) noexcept : rest_{rest} {}

    [[nodiscard]] bool at_end() const noexcept { return rest_.empty(); }
    [[nodiscard]] std::string_view rest() const noexcept { return rest_; }
    [[nodiscard]] bool peek(char c) const noexcept { return rest_.starts_with(c); }

    bool eat(char c) noexcept {
        if (!peek(c)) return false;
        rest_.remove_prefix(1);
        return true;
    }
    template <class Predicate>
    std::string_view take_while(Predicate holds) noexcept {
        const auto end = std::find_if_not(rest_.begin(), rest_.end(), holds);
        const auto size = static_cast<std::size_t>(end - rest_.begin());
        const std::string_view taken = head(rest_, size);
        rest_.remove_prefix(size);
        return taken;
    }
    void spaces() noexcept {
        (void)take_while([](char c) { return c == ' '; });
    }
    void optional_whitespace() noexcept {
        (void)take_while([](char c) { return c == ' ' || c == '\t'; });
    }
    /// From `begin`, an earlier `rest()`, up to here.
    [[nodiscard]] std::string_view since(std::string_view begin) const noexcept {
        return head(begin, begin.size() - rest_.size());
    }

private:
    std::string_view rest_;
};

[[nodiscard]] bool read_number(cursor& in, sf_value& out) noexcept {
    const bool negative = in.eat('-');
    const std::string_view whole = in.take_while(is_digit);
    if (whole.empty() || whole.size() > 15) return false;
    std::int64_t value = 0;
    for (const char c : whole) value = value * 10 + (c - '0');
    out.type = sf_type::integer;
    if (in.eat('.')) {
        const std::string_view fraction = in.take_while(is_digit);
        if (whole.size() > 12 || fraction.empty() || fraction.size() > 3) return false;
        for (std::size_t i = 0; i < 3; ++i) value = value * 10 + (i < fraction.size() ? fraction[i] - '0' : 0);
        out.type = sf_type::decimal;
    }
    out.number = negative ? -value : value;
    return true;
}

[[nodiscard]] bool read_string(cursor& in, sf_value& out) noexcept {
    if (!in.eat('"')) return false;
    const std::string_view begin = in.rest();
    for (;;) {
        (void)in.take_while([](char c) { return c >= ' ' && c <= '~' && c != '"' && c != '\\'; });
        if (in.peek('"')) break;
        if (!in.eat('\\') || !(in.eat('"') || in.eat('\\'))) return false;
    }
    out.type = sf_type::string;
    out.text = in.since(begin);
    return in.eat('"');
}

[[nodiscard]] bool read_bare(cursor& in, sf_value& out) noexcept {
    out = {};
    if (in.peek('"')) return read_string(in, out);
    if (in.eat(':')) {
        out.type = sf_type::bytes;
        out.text = in.take_while(is_base64);
        return in.eat(':');
    }
    if (in.eat('?')) {
        out.type = sf_type::boolean;
        out.number = in.peek('1') ? 1 : 0;
        return in.eat('1') || in.eat('0');
    }
    if (!in.at_end() && is_token_start(in.rest().front())) {
        out.type = sf_type::token;
        out.text = in.take_while(is_token_char);
        return true;
    }
    return read_number(in, out);
}

[[nodiscard]] bool read_key(cursor& in, std::string_view& out) noexcept {
    if (in.at_end() || !is_key_start(in.rest().front())) return false;
    out = in.take_while(is_key_char);
    return true;
}

/// One ";key=value"; the cursor is behind the ";".
[[nodiscard]] bool read_parameter(cursor& in, sf_member& out) noexcept {
    in.spaces();
    if (!read_key(in, out.key)) return false;
    if (in.eat('=')) return read_bare(in, out.value);
    out.value = {sf_type::boolean, 1, {}};
    return true;
}

[[nodiscard]] bool read_parameters(cursor& in, std::string_view& out) noexcept {
    const std::string_view begin = in.rest();
    sf_member ignored;
    while (in.eat(';'))
        if (!read_parameter(in, ignored)) return false;
    out = in.since(begin);
    return true;
}

[[nodiscard]] bool read_item(cursor& in, sf_member& out) noexcept {
    return read_bare(in, out.value) && read_parameters(in, out.parameters);
}

[[nodiscard]] bool read_member(cursor& in, sf_member& out) noexcept {
    if (!in.eat('(')) return read_item(in, out);
    const std::string_view begin = in.rest();
    sf_member item;
    for (;;) {
        in.spaces();
        if (in.peek(')')) break;
        if (!read_item(in, item) || !(in.peek(' ') || in.peek(')'))) return false;
    }
    out.value = {sf_type::inner_list, 0, in.since(begin)};
    return in.eat(')') && read_parameters(in, out.parameters);
}

[[nodiscard]] bool read_dictionary_member(cursor& in, sf_member& out) noexcept {
    if (!read_key(in, out.key)) return false;
    if (in.eat('=')) return read_member(in, out);
    out.value = {sf_type::boolean, 1, {}};
    return read_parameters(in, out.parameters);
}

/// After a member: false at the end or when something else than another member follows; then `in` is not at its end.
[[nodiscard]] bool another(cursor& in) noexcept {
    cursor ahead = in;
    ahead.optional_whitespace();
    if (ahead.at_end()) {
        in = ahead;
        return false;
    }
    if (!ahead.eat(',')) return false;
    ahead.optional_whitespace();
    if (ahead.at_end()) return false;  // a comma at the end
    in = ahead;
    return true;
}

[[nodiscard]] std::string_view trimmed(std::string_view field) noexcept {
    while (field.starts_with(' ')) field.remove_prefix(1);
    while (field.ends_with(' ')) field.remove_suffix(1);
    return field;
}

/// Reads all members with `read`, giving each to `see`; false when the field is malformed.
template <class Read, class See>
[[nodiscard]] bool walk(std::string_view field, Read read, See see) noexcept {
    cursor in{trimmed(field)};
    if (in.at_end()) return true;
    do {
        sf_member member;
        if (!read(in, member)) return false;
        see(member);
    } while (another(in));
    return in.at_end();
}

}  // namespace

status sf_parse_item(std::string_view field, sf_member& out) noexcept {
    cursor in{trimmed(field)};
    sf_member item;
    if (!read_item(in, item) || !in.at_end()) return status::malformed;
    out = item;
    return status::ok;
}

sf_list::sf_list(std::string_view field) noexcept
    : rest_{trimmed(field)}, ok_{walk(field, read_member, [](const sf_member&) {})} {}

sf_list sf_list::inside(const sf_value& inner_list) noexcept {
    sf_list list;
    list.inner_ = true;
    list.ok_ = inner_list.type == sf_type::inner_list;
    list.rest_ = list.ok_ ? inner_list.text : std::string_view{};
    return list;
}

status sf_list::next(sf_member& out) noexcept {
    if (!ok_) return status::malformed;
    cursor in{rest_};
    if (inner_) in.spaces();
    if (in.at_end()) return status::need_more;
    out = {};
    // Everything was read once before, so this succeeds.
    if (!(inner_ ? read_item(in, out) : read_member(in, out))) return status::malformed;
    if (!inner_) (void)another(in);
    rest_ = in.rest();
    return status::ok;
}

bool sf_is_dictionary(std::string_view field) noexcept {
    return walk(field, read_dictionary_member, [](const sf_member&) {});
}

std::optional<sf_member> sf_find(std::string_view dictionary, std::string_view key) noexcept {
    std::optional<sf_member> found;
    const bool ok = walk(dictionary, read_dictionary_member, [&](const sf_member& member) {
        if (member.key == key) found = member;
    });
    return ok ? found : std::nullopt;
}

std::optional<sf_value> sf_find_parameter(const sf_member& of, std::string_view key) noexcept {
    std::optional<sf_value> found;
    cursor in{of.parameters};
    sf_member parameter;
    while (in.eat(';') && read_parameter(in, parameter))
        if (parameter.key == key) found = parameter.value;
    return found;
}

status sf_decode_string(const sf_value& value, std::span<char> out, std::size_t& size) noexcept {
    if (value.type != sf_type::string) return status::invalid_argument;
    std::size_t written = 0;
    for (std::size_t i = 0; i < value.text.size(); ++i) {
        if (value.text[i] == '\\') ++i;
        if (written == out.size() || i == value.text.size()) return status::buffer_too_small;
        out[written++] = value.text[i];
    }
    size = written;
    return status::ok;
}

status sf_decode_bytes(const sf_value& value, byte_span out, std::size_t& size) noexcept {
    if (value.type != sf_type::bytes) return status::invalid_argument;
    std::string_view text = value.text;
    for (int padding = 0; padding < 2 && text.ends_with('='); ++padding) text.remove_suffix(1);
    if (text.size() % 4 == 1) return status::malformed;
    std::size_t written = 0;
    std::uint32_t bits = 0;
    unsigned held = 0;
    for (const char c : text) {
        const std::size_t digit = base64_digits.find(c);
        if (digit == std::string_view::npos) return status::malformed;
        bits = bits << 6 | static_cast<std::uint32_t>(digit);
        held += 6;
        if (held < 8) continue;
        held -= 8;
        if (written == out.size()) return status::buffer_too_small;
        out[written++] = static_cast<std::uint8_t>(bits >> held);
    }
    size = written;
    return status::ok;
}

void sf_writer::raw(std::string_view text) noexcept {
    if (ok_ && out_.size() - size_ < text.size()) ok_ = false;
    if (!ok_) return;
    std::copy(text.begin(), text.end(), out_.begin() + static_cast<std::ptrdiff_t>(size_));
    size_ += text.size();
}

void sf_writer::integer(std::int64_t value) noexcept {
    char digits[24];
    ok_ = ok_ && value >= -integer_max && value <= integer_max;
    raw({digits, std::to_chars(digits, digits + sizeof digits, value).ptr});
}

void sf_writer::decimal(std::int64_t thousandths) noexcept {
    ok_ = ok_ && thousandths >= -integer_max && thousandths <= integer_max;
    if (!ok_) return;
    if (thousandths < 0) raw("-");
    const std::int64_t magnitude = thousandths < 0 ? -thousandths : thousandths;
    integer(magnitude / 1000);
    const auto rest = static_cast<int>(magnitude % 1000);
    const char fraction[] = {'.', static_cast<char>('0' + rest / 100), static_cast<char>('0' + rest / 10 % 10),
                             static_cast<char>('0' + rest % 10)};
    raw({fraction, rest % 10 != 0 ? 4u : rest % 100 != 0 ? 3u : 2u});
}

void sf_writer::string(std::string_view value) noexcept {
    raw("\"");
    for (const char& c : value) {
        if (c < ' ' || c > '~') ok_ = false;
        if (c == '"' || c == '\\') raw("\\");
        raw({&c, 1});
    }
    raw("\"");
}

void sf_writer::token(std::string_view value) noexcept {
    ok_ = ok_ && !value.empty() && is_token_start(value.front()) &&
          std::all_of(value.begin(), value.end(), is_token_char);
    raw(value);
}

void sf_writer::bytes(byte_view value) noexcept {
    raw(":");
    for (std::size_t i = 0; i < value.size(); i += 3) {
        const std::size_t count = std::min<std::size_t>(3, value.size() - i);
        std::uint32_t bits = 0;
        for (std::size_t k = 0; k < 3; ++k) bits = bits << 8 | (k < count ? value[i + k] : 0u);
        char four[4] = {'=', '=', '=', '='};
        for (std::size_t k = 0; k <= count; ++k) four[k] = base64_digits[bits >> (18 - 6 * k) & 63];
        raw({four, 4});
    }
    raw(":");
}

void sf_writer::key(std::string_view name) noexcept {
    ok_ = ok_ && !name.empty() && is_key_start(name.front()) && std::all_of(name.begin(), name.end(), is_key_char);
    raw(name);
    raw("=");
}

void sf_writer::parameter(std::string_view name) noexcept {
    raw(";");
    key(name);
}

}  // namespace masque
}  // namespace v0
}  // namespace duality
