// SPDX-License-Identifier: MIT
#include "duality/masque/uri_template.hpp"

#include <algorithm>
#include <charconv>

#include "masque/http/text.hpp"

namespace duality {
inline namespace v0 {
namespace masque {
namespace {

constexpr std::string_view host_variable = "target_host";
constexpr std::string_view port_variable = "target_port";
constexpr std::string_view https = "https://";

constexpr bool is_unreserved(char c) noexcept {
    return is_alpha(c) || is_digit(c) || c == '-' || c == '.' || c == '_' || c == '~';
}

/// May stand in a template outside braces (RFC 6570, section 2.1), percent signs aside.
constexpr bool is_literal(char c) noexcept {
    return c > ' ' && c <= '~' && std::string_view{"\"'%<>\\^`{|}"}.find(c) == std::string_view::npos;
}

/// What the value of a variable looks like in a path. A colon must be escaped (RFC 9298, section 3), but can mean
/// nothing else when it is not.
constexpr bool is_value(char c) noexcept {
    return is_unreserved(c) || c == '%' || c == ':';
}

[[nodiscard]] bool is_variable_name(std::string_view name) noexcept {
    return !name.empty() && !name.starts_with('.') && !name.ends_with('.') &&
           name.find("..") == std::string_view::npos && std::all_of(name.begin(), name.end(), [](char c) {
               return is_alpha(c) || is_digit(c) || c == '_' || c == '.';
           });
}

/// Labels of letters, digits, '-' and '_', 63 at most each; a final dot is allowed.
[[nodiscard]] bool is_name(std::string_view text) noexcept {
    if (text.ends_with('.')) text.remove_suffix(1);
    if (text.empty()) return false;
    std::size_t label = 0;
    for (const char c : text) {
        if (c == '.' ? label == 0 : !(is_alpha(c) || is_digit(c) || c == '-' || c == '_')) return false;
        label = c == '.' ? 0 : label + 1;
        if (label > 63) return false;
    }
    // A name of digits and dots alone is an address that failed to be one.
    const std::size_t last = text.rfind('.');
    const std::string_view end = tail(text, last == std::string_view::npos ? 0 : last + 1);
    return label > 0 && !std::all_of(end.begin(), end.end(), is_digit);
}

[[nodiscard]] std::optional<std::uint16_t> parse_port(std::string_view text) noexcept {
    std::uint16_t port = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
    if (error != std::errc{} || end != text.data() + text.size() || port == 0) return std::nullopt;
    return port;
}

/// Undoes percent-encoding; nothing when a '%' is not followed by two digits or `out` is too short.
[[nodiscard]] std::optional<std::string_view> decode(std::string_view text, std::span<char> out) noexcept {
    std::size_t size = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        char c = text[i];
        if (c == '%') {
            if (text.size() - i < 3 || hex_value(text[i + 1]) < 0 || hex_value(text[i + 2]) < 0) return std::nullopt;
            c = static_cast<char>(hex_value(text[i + 1]) * 16 + hex_value(text[i + 2]));
            i += 2;
        }
        if (size == out.size()) return std::nullopt;
        out[size++] = c;
    }
    return std::string_view{out.data(), size};
}

}  // namespace

result<udp_target> udp_target::create(std::string_view host, std::uint16_t port) noexcept {
    if (host.size() > host_max || port == 0 || !(ip_address::parse(host) || is_name(host)))
        return status::invalid_argument;
    udp_target target;
    std::copy(host.begin(), host.end(), target.host_.begin());
    target.size_ = static_cast<std::uint8_t>(host.size());
    target.port_ = port;
    return target;
}

result<uri_template> uri_template::create(std::string_view text) noexcept {
    uri_template made;
    std::string_view path = default_path_template;
    std::string_view authority = text;
    if (text.find("://") != std::string_view::npos) {
        if (!text.starts_with(https)) return status::invalid_argument;
        authority.remove_prefix(https.size());
        const std::size_t end = std::min(authority.find('/'), authority.size());
        path = tail(authority, end);
        authority = head(authority, end);
    }
    if (const status s = made.read_authority(authority); failed(s)) return s;
    if (const status s = made.read_path(path); failed(s)) return s;
    return made;
}

result<uri_template> uri_template::create_path(std::string_view text) noexcept {
    uri_template made;
    if (const status s = made.read_path(text); failed(s)) return s;
    return made;
}

std::string_view uri_template::host() const noexcept {
    std::string_view text = authority();
    if (text.starts_with('[')) return tail(head(text, text.find(']')), 1);
    return head(text, text.find(':'));
}

status uri_template::read_authority(std::string_view text) noexcept {
    if (text.size() > text_.size()) return status::too_large;
    std::string_view rest;  // after the host
    if (text.starts_with('[')) {
        const std::size_t end = text.find(']');
        if (end == std::string_view::npos) return status::invalid_argument;
        const std::optional<ip_address> ip = ip_address::parse(tail(head(text, end), 1));
        if (!ip || !ip->is_v6()) return status::invalid_argument;
        rest = tail(text, end + 1);
    } else {
        const std::string_view name = head(text, text.find(':'));
        const std::optional<ip_address> ip = ip_address::parse(name);
        if (!ip && !is_name(name)) return status::invalid_argument;
        rest = tail(text, name.size());
    }
    if (!rest.empty()) {
        const std::optional<std::uint16_t> port = parse_port(tail(rest, 1));
        if (rest.front() != ':' || !port) return status::invalid_argument;
        port_ = *port;
    }
    std::copy(text.begin(), text.end(), text_.begin());
    authority_size_ = text_size_ = text.size();
    return status::ok;
}

status uri_template::read_path(std::string_view text) noexcept {
    if (!text.starts_with('/')) return status::invalid_argument;
    pieces_[0].begin = static_cast<std::uint16_t>(text_size_);
    while (!text.empty()) {
        const std::size_t brace = std::min(text.find('{'), text.size());
        const std::string_view literal = head(text, brace);
        for (std::size_t i = 0; i < literal.size(); ++i) {
            const bool escape = literal[i] == '%' && literal.size() - i > 2 && hex_value(literal[i + 1]) >= 0 &&
                                hex_value(literal[i + 2]) >= 0;
            // A fragment never reaches the relay, so a variable after '#' would be lost.
            if ((!is_literal(literal[i]) && !escape) || literal[i] == '#') return status::invalid_argument;
        }
        if (!append(literal)) return status::too_large;
        text.remove_prefix(brace);
        if (text.empty()) break;
        const std::size_t end = text.find('}');
        if (end == std::string_view::npos) return status::invalid_argument;
        if (const status s = read_expression(tail(head(text, end), 1)); failed(s)) return s;
        text.remove_prefix(end + 1);
    }
    // Both variables, once each, and something between them that no value can contain.
    if (piece_count_ != 2 || pieces_[0].then == pieces_[1].then) return status::invalid_argument;
    for (std::size_t i = 1; i < 3; ++i) {
        const std::string_view after = literal_of(pieces_[i]);
        if (after.empty() ? i == 1 : is_value(after.front())) return status::invalid_argument;
    }
    return status::ok;
}

status uri_template::read_expression(std::string_view expression) noexcept {
    if (expression.empty()) return status::invalid_argument;
    const char op = expression.front();
    const bool form = op == '?' || op == '&';
    if (form) expression.remove_prefix(1);
    bool first = true;
    for (bool more = true; more;) {
        const std::size_t comma = expression.find(',');
        const std::string_view name = head(expression, comma);
        more = comma != std::string_view::npos;
        expression.remove_prefix(more ? comma + 1 : expression.size());
        // Other operators and the modifiers of level 4 are no part of a name, so they end here.
        if (!is_variable_name(name)) return status::invalid_argument;
        const variable v = name == host_variable   ? variable::host
                           : name == port_variable ? variable::port
                                                   : variable::none;
        if (v == variable::none) continue;  // undefined: expands to nothing
        const char separator = first ? op : form ? '&' : ',';
        if ((form || !first) && !append({&separator, 1})) return status::too_large;
        if (form && (!append(name) || !append("="))) return status::too_large;
        if (!append(v)) return status::invalid_argument;
        first = false;
    }
    return status::ok;
}

bool uri_template::append(std::string_view literal) noexcept {
    if (text_.size() - text_size_ < literal.size()) return false;
    std::copy(literal.begin(), literal.end(), text_.begin() + static_cast<std::ptrdiff_t>(text_size_));
    text_size_ += literal.size();
    pieces_[piece_count_].size = static_cast<std::uint16_t>(pieces_[piece_count_].size + literal.size());
    return true;
}

bool uri_template::append(variable v) noexcept {
    if (piece_count_ == 2) return false;
    pieces_[piece_count_++].then = v;
    pieces_[piece_count_] = {static_cast<std::uint16_t>(text_size_), 0, variable::none};
    return true;
}

std::string_view uri_template::expand(const udp_target& target, std::span<char> out) const noexcept {
    constexpr std::string_view digits = "0123456789ABCDEF";
    char* at = out.data();
    for (const piece& p : pieces_) {
        const std::string_view literal = literal_of(p);
        at = std::copy(literal.begin(), literal.end(), at);
        if (p.then == variable::port) at = std::to_chars(at, out.data() + out.size(), target.port()).ptr;
        if (p.then != variable::host) continue;
        for (const char c : target.host()) {
            if (is_unreserved(c)) {
                *at++ = c;
                continue;
            }
            *at++ = '%';
            *at++ = digits[static_cast<unsigned char>(c) >> 4];
            *at++ = digits[static_cast<unsigned char>(c) & 15];
        }
    }
    return {out.data(), at};
}

status uri_template::match(std::string_view path, udp_target& out) const noexcept {
    std::string_view host;
    std::string_view port;
    for (const piece& p : pieces_) {
        const std::string_view literal = literal_of(p);
        if (!path.starts_with(literal)) return status::no_change;
        path.remove_prefix(literal.size());
        if (p.then == variable::none) continue;
        const auto end = std::find_if_not(path.begin(), path.end(), is_value);
        const std::string_view value = head(path, static_cast<std::size_t>(end - path.begin()));
        (p.then == variable::host ? host : port) = value;
        path.remove_prefix(value.size());
    }
    if (!path.empty()) return status::no_change;

    std::array<char, udp_target::host_max> host_text{};
    std::array<char, 8> port_text{};
    const std::optional<std::string_view> plain_host = decode(host, host_text);
    const std::optional<std::string_view> plain_port = decode(port, port_text);
    if (!plain_host || !plain_port) return status::malformed;
    const std::optional<std::uint16_t> number = parse_port(*plain_port);
    if (!number) return status::malformed;
    const result<udp_target> target = udp_target::create(*plain_host, *number);
    if (!target) return status::malformed;
    out = target.value();
    return status::ok;
}

}  // namespace masque
}  // namespace v0
}  // namespace duality
