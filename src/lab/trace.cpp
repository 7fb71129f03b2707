// SPDX-License-Identifier: MIT
#include "duality/lab/trace.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <utility>

#include "lab/quantile.hpp"

namespace duality {
inline namespace v0 {
namespace lab {
namespace {

constexpr std::string_view packet_header = "send_ms,delay_ms";
constexpr std::string_view ping_header = "carrier,session_start_unix_ms,seq,rtt_ms";

constexpr std::int64_t ping_interval_ns = 200'000'000;
/// Of a session's last pings, so many may lack a reply only because the recording stopped before it came.
constexpr std::size_t ping_unfinished_max = 2;
constexpr std::uint64_t ping_seq_max = 1'000'000;

constexpr double time_max_ms = 4e12;  // in ns this fits 63 bits; calendar time in ms reaches it in the year 2096
constexpr double delay_max_ms = 3'600'000;
constexpr std::int64_t length_max_ns = std::int64_t{86'400} * 1'000'000'000;
constexpr std::size_t rows_max = 20'000'000;

std::string quoted(std::string_view field) {
    constexpr std::size_t shown_max = 40;
    std::string text = "'";
    for (const char c : field.substr(0, shown_max)) text += c >= ' ' && c <= '~' ? c : '?';
    return text + (field.size() > shown_max ? "…'" : "'");
}

/// Walks over the lines of a text and remembers where it is and what went wrong.
class reader {
public:
    reader(std::string_view text, trace_error& why) noexcept : rest_{text}, why_{why} {
        // Blank lines at the end mean nothing, and the last line needs no end.
        while (!rest_.empty() && (rest_.back() == '\n' || rest_.back() == '\r')) rest_.remove_suffix(1);
    }

    [[nodiscard]] bool at_end() const noexcept { return rest_.empty(); }

    /// Precondition: not at the end.
    std::string_view next() noexcept {
        ++line_;
        const std::size_t end = rest_.find('\n');
        std::string_view line = rest_.substr(0, end);
        rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end + 1);
        if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
        return line;
    }

    /// Splits a line into exactly `N` fields.
    template <std::size_t N>
    [[nodiscard]] std::optional<std::array<std::string_view, N>> fields(std::string_view line) {
        std::array<std::string_view, N> out;
        std::size_t count = 0;
        for (;;) {
            const std::size_t comma = line.find(',');
            if (count < N) out[count] = line.substr(0, comma);
            ++count;
            if (comma == std::string_view::npos) break;
            line.remove_prefix(comma + 1);
        }
        if (count == N) return out;
        (void)fail("expected " + std::to_string(N) + " fields, found " + std::to_string(count));
        return std::nullopt;
    }

    /// Decimal milliseconds in [low, high], in ns.
    [[nodiscard]] std::optional<std::int64_t> milliseconds(std::string_view name, std::string_view field, double low,
                                                           double high) {
        double ms = 0;
        const auto [end, error] = std::from_chars(field.data(), field.data() + field.size(), ms);
        if (error == std::errc::invalid_argument || end != field.data() + field.size()) {
            (void)fail(std::string{name} + " is not a number: " + quoted(field));
            return std::nullopt;
        }
        if (error != std::errc{} || !(ms >= low && ms <= high)) {  // also NaN
            (void)fail(std::string{name} + (low == 0 && ms < 0 ? " is negative: " : " is out of range: ") +
                       quoted(field));
            return std::nullopt;
        }
        return static_cast<std::int64_t>(ms * 1e6 + (ms < 0 ? -0.5 : 0.5));
    }

    [[nodiscard]] std::optional<std::uint64_t> whole(std::string_view name, std::string_view field, std::uint64_t low,
                                                     std::uint64_t high) {
        std::uint64_t value = 0;
        const auto [end, error] = std::from_chars(field.data(), field.data() + field.size(), value);
        if (error == std::errc{} && end == field.data() + field.size() && value >= low && value <= high) return value;
        (void)fail(std::string{name} + " is not a whole number from " + std::to_string(low) + " to " +
                   std::to_string(high) + ": " + quoted(field));
        return std::nullopt;
    }

    status fail(std::string reason, status code = status::malformed) {
        why_ = {line_, std::move(reason)};
        return code;
    }
    /// The same about the text as a whole.
    status fail_whole(std::string reason, status code = status::malformed) {
        why_ = {0, std::move(reason)};
        return code;
    }

private:
    std::string_view rest_;
    std::size_t line_ = 0;
    trace_error& why_;
};

status parse_packets(reader& in, std::vector<trace_row>& rows) {
    std::int64_t origin = 0;
    while (!in.at_end()) {
        const auto fields = in.fields<2>(in.next());
        if (!fields) return status::malformed;
        const auto send = in.milliseconds("send_ms", (*fields)[0], -time_max_ms, time_max_ms);
        if (!send) return status::malformed;
        std::int64_t delay = trace_row::lost;
        if (!(*fields)[1].empty()) {
            const auto given = in.milliseconds("delay_ms", (*fields)[1], 0, delay_max_ms);
            if (!given) return status::malformed;
            delay = *given;
        }
        if (rows.empty()) origin = *send;
        const std::int64_t at = *send - origin;
        if (!rows.empty() && at < rows.back().send_ns)
            return in.fail("send_ms goes backwards: " + quoted((*fields)[0]));
        if (at > length_max_ns) return in.fail("more than a day after the first row: " + quoted((*fields)[0]));
        if (rows.size() == rows_max) return in.fail("more than " + std::to_string(rows_max) + " rows");
        rows.push_back({at, delay});
    }
    return status::ok;
}

/// Removes pings at the end of a session that were still waiting for their reply when it was stopped.
void drop_unfinished(std::vector<trace_row>& rows, std::size_t session_begin) {
    for (std::size_t n = 0; n < ping_unfinished_max && rows.size() > session_begin && rows.back().is_lost(); ++n)
        rows.pop_back();
}

status parse_pings(reader& in, const trace_options& options, std::vector<trace_row>& rows) {
    constexpr std::size_t carriers_shown_max = 10;
    std::vector<std::string_view> carriers;
    std::string_view session_start;
    std::size_t sessions = 0;
    std::size_t session_begin = 0;  // index of the session's first row
    std::uint64_t last_seq = 0;
    while (!in.at_end()) {
        const auto fields = in.fields<4>(in.next());
        if (!fields) return status::malformed;
        const auto [carrier, start, seq_field, rtt_field] = *fields;
        const auto seq = in.whole("seq", seq_field, 1, ping_seq_max);
        if (!seq) return status::malformed;
        if (!in.whole("session_start_unix_ms", start, 0, static_cast<std::uint64_t>(time_max_ms)))
            return status::malformed;
        std::int64_t delay = trace_row::lost;
        if (!rtt_field.empty()) {
            const auto given = in.milliseconds("rtt_ms", rtt_field, 0, delay_max_ms);
            if (!given) return status::malformed;
            delay = *given;
        }
        if (carriers.size() < carriers_shown_max &&
            std::find(carriers.begin(), carriers.end(), carrier) == carriers.end())
            carriers.push_back(carrier);
        if (carrier != options.carrier) continue;

        if (sessions == 0 || start != session_start) {
            drop_unfinished(rows, session_begin);
            session_begin = rows.size();
            session_start = start;
            last_seq = 0;
            ++sessions;
        }
        if (*seq <= last_seq) return in.fail("seq goes backwards: " + quoted(seq_field));
        if (options.session != trace_options::all_sessions && options.session != sessions - 1) {
            last_seq = *seq;
            continue;
        }
        for (; last_seq < *seq; ++last_seq) {
            const auto at = static_cast<std::int64_t>(rows.size()) * ping_interval_ns;
            if (at > length_max_ns) return in.fail("more than a day of pings");
            rows.push_back({at, last_seq + 1 == *seq ? delay : trace_row::lost});
        }
    }
    drop_unfinished(rows, session_begin);

    if (options.carrier.empty() || sessions == 0) {
        std::string known;
        for (const std::string_view carrier : carriers) known += (known.empty() ? "" : ", ") + quoted(carrier);
        return in.fail_whole((options.carrier.empty() ? std::string{"holds several carriers, name one"}
                                                      : "no carrier " + quoted(options.carrier)) +
                                 " (found: " + known + ")",
                             status::invalid_argument);
    }
    if (options.session != trace_options::all_sessions && options.session >= sessions)
        return in.fail_whole(
            "carrier " + quoted(options.carrier) + " has only " + std::to_string(sessions) + " sessions",
            status::invalid_argument);
    return status::ok;
}

}  // namespace

std::string trace_error::to_string() const {
    return line == 0 ? reason : "line " + std::to_string(line) + ": " + reason;
}

status parse_trace(std::string_view text, const trace_options& options, trace& out, trace_error& why) {
    reader in{text, why};
    if (in.at_end()) return in.fail_whole("is empty");
    const std::string_view header = in.next();
    trace parsed;
    status parsing = status::ok;
    if (header == packet_header) {
        if (!options.carrier.empty() || options.session != trace_options::all_sessions)
            return in.fail_whole("has no carriers and sessions to choose from", status::invalid_argument);
        parsed.round_trip = options.round_trip;
        parsing = parse_packets(in, parsed.rows);
    } else if (header == ping_header) {
        parsed.round_trip = true;
        parsing = parse_pings(in, options, parsed.rows);
    } else {
        return in.fail("expected the header '" + std::string{packet_header} + "' or '" + std::string{ping_header} +
                       "', found " + quoted(header));
    }
    if (failed(parsing)) return parsing;
    if (parsed.rows.empty()) return in.fail_whole("holds no packets");
    out = std::move(parsed);
    return status::ok;
}

std::vector<std::int64_t> trace_baseline(std::span<const trace_row> rows) {
    std::vector<std::int64_t> delays;
    delays.reserve(rows.size());
    for (const trace_row& row : rows)
        if (!row.is_lost()) delays.push_back(row.delay_ns);
    if (delays.empty()) return {0};
    const std::int64_t floor = detail::nearest_rank(delays, 1);
    const std::int64_t ceiling = floor + trace_baseline_rise_max.ns();

    const std::int64_t step = trace_baseline_step.ns();
    const std::int64_t half = trace_baseline_window.ns() / 2;
    const auto cells = static_cast<std::size_t>(rows.back().send_ns / step) + 1;
    std::vector<std::int64_t> baseline(cells);
    std::int64_t last = floor;
    std::size_t begin = 0;
    std::size_t end = 0;
    for (std::size_t cell = 0; cell < cells; ++cell) {
        const std::int64_t middle = static_cast<std::int64_t>(cell) * step + step / 2;
        while (begin < rows.size() && rows[begin].send_ns < middle - half) ++begin;
        while (end < rows.size() && rows[end].send_ns <= middle + half) ++end;
        delays.clear();
        for (std::size_t i = begin; i < end; ++i)
            if (!rows[i].is_lost()) delays.push_back(rows[i].delay_ns);
        if (!delays.empty()) last = std::min(detail::nearest_rank(delays, 5), ceiling);
        baseline[cell] = last;
    }
    return baseline;
}

}  // namespace lab
}  // namespace v0
}  // namespace duality
