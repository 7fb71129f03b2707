// SPDX-License-Identifier: MIT
#include "live/capture.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <fstream>
#include <sstream>

namespace duality {
inline namespace v0 {
namespace live {
namespace {

constexpr std::string_view heading = "time_ms,direction,ip_bytes,fate,delay_ms";

[[nodiscard]] bool number(const std::string& text, double& value) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc{} && end == text.data() + text.size() && std::isfinite(value);
}

[[nodiscard]] instant at_ms(double ms) {
    return instant::from_ns(std::llround(ms * 1e6));
}

[[nodiscard]] bool parse(const std::string& line, capture_row& row) {
    std::istringstream in{line};
    std::string time;
    std::string way;
    std::string bytes;
    std::string fate;
    std::string delay;
    for (std::string* cell : {&time, &way, &bytes, &fate}) std::getline(in, *cell, ',');
    std::getline(in, delay);
    double at = 0;
    double size = 0;
    double held = 0;
    if (!number(time, at) || !number(bytes, size) || (way != "forward" && way != "reverse")) return false;
    row.delivered = fate == "delivered";
    if (row.delivered && !number(delay, held)) return false;
    row.at = at_ms(at);
    row.due = at_ms(at + held);
    row.is_reverse = way == "reverse";
    row.ip_bytes = static_cast<std::uint64_t>(size);
    return true;
}

/// Datagrams keep their order, so the n-th one here is the n-th one there.
void check_hop(const std::vector<instant>& before, const std::vector<instant>& after, instant until, hop_check& out) {
    const bool all_there = before.size() <= after.size() || before[after.size()] > until;
    out.agree = out.agree && all_there && after.size() <= before.size();
    for (std::size_t i = 0; i < std::min(before.size(), after.size()); ++i)
        out.lateness = std::max(out.lateness, after[i] - before[i]);
}

}  // namespace

bool read_capture(const std::string& file, std::vector<capture_row>& rows, std::string& error) {
    std::ifstream in{file};
    std::string line;
    if (!std::getline(in, line) || line != heading) {
        error = file + " is no log of a network";
        return false;
    }
    while (std::getline(in, line)) {
        if (parse(line, rows.emplace_back())) continue;
        error = file + ": line " + std::to_string(rows.size() + 1) + " makes no sense";
        return false;
    }
    return true;
}

hop_check check_hops(const std::vector<capture_row>& rows, const hop_end& near, const hop_end& far, instant until) {
    hop_check out{.agree = true, .lateness = {}};
    for (const bool is_reverse : {false, true}) {
        std::vector<instant> got;
        std::vector<instant> due;
        for (const capture_row& row : rows) {
            if (row.is_reverse != is_reverse) continue;
            got.push_back(row.at);
            if (row.delivered) due.push_back(row.due);
        }
        check_hop(is_reverse ? far.sent : near.sent, got, until, out);
        check_hop(due, is_reverse ? near.read : far.read, until, out);
    }
    return out;
}

}  // namespace live
}  // namespace v0
}  // namespace duality
