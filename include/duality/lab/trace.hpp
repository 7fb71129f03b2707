// SPDX-License-Identifier: MIT
//
// Recorded traces: reading them from CSV text, and what the idle path's delay was while one was recorded.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "duality/status.hpp"
#include "duality/time.hpp"

namespace duality {
inline namespace v0 {
namespace lab {

struct trace_row {
    std::int64_t send_ns = 0;   ///< since the first row
    std::int64_t delay_ns = 0;  ///< `trace_row::lost` when the packet did not arrive

    static constexpr std::int64_t lost = -1;
    [[nodiscard]] constexpr bool is_lost() const noexcept { return delay_ns == lost; }
    constexpr bool operator==(const trace_row&) const noexcept = default;
};

/// Packets in the order they were sent.
struct trace {
    std::vector<trace_row> rows;
    /// Delays are round trips: each direction of a path gets half of them.
    bool round_trip = false;

    /// From the first row to the last.
    [[nodiscard]] duration length() const noexcept {
        return rows.empty() ? duration::zero() : duration::from_ns(rows.back().send_ns);
    }
};

/// Which part of a file with several carriers and sessions to read, and how to understand its delays.
struct trace_options {
    bool round_trip = false;
    /// Carrier to read from a file with the header `carrier,session_start_unix_ms,seq,rtt_ms`; must be set for one.
    std::string_view carrier{};
    /// Sessions of that carrier to read, in the order of the file: one of them, or all joined together.
    std::size_t session = all_sessions;

    static constexpr std::size_t all_sessions = static_cast<std::size_t>(-1);
};

/// Why a trace was refused.
struct trace_error {
    std::size_t line = 0;  ///< counted from 1; 0 when the reason concerns the text as a whole
    std::string reason;

    /// "line 17: delay is negative"
    [[nodiscard]] std::string to_string() const;
};

/// Reads a trace from CSV text.
///
/// The first line is the header and says which of two formats follows:
/// - `send_ms,delay_ms`: one row per packet, in the order of sending (equal times are allowed, a time before the one
///   above it is an error: sorting would invent a packet order nobody recorded). An empty delay is a loss.
/// - `carrier,session_start_unix_ms,seq,rtt_ms`: pings 200 ms apart in sessions, `seq` counted from 1; a missing reply
///   is empty, a `seq` left out is a loss. Sessions are joined in the order of the file, one ping interval between
///   them. Delays are round trips whatever the options say.
///
/// Times are decimal milliseconds, finite; delays are not negative and below an hour, a trace lasts at most a day.
/// Lines end in LF or CR LF; blank lines at the end are ignored. Send times are moved so that the first row is at 0.
/// Returns `malformed` with `why` set, or `invalid_argument` when the options do not fit the file. `out` is changed
/// only on success.
[[nodiscard]] status parse_trace(std::string_view text, const trace_options& options, trace& out, trace_error& why);

/// The idle path's delay along a trace: one value for every `trace_baseline_step` of its length, valid until the next.
///
/// A trace does not say what its path would have done when idle, so it is estimated: the 5 % quantile of the delays of
/// packets sent within 2.5 s on either side, but never more than 40 ms above the 1 % quantile of the whole trace. The
/// window follows a path whose route changes (a satellite's hand-over moves it by some 5–25 ms). The limit is there
/// because a queue can stand for longer than the window, seconds in mobile networks: its delay is exactly what
/// packets are late by, and calling it the idle path would forgive it. Where every packet in the window was lost the
/// last known value goes on. Quantiles are nearest-rank.
[[nodiscard]] std::vector<std::int64_t> trace_baseline(std::span<const trace_row> rows);

inline constexpr duration trace_baseline_step = duration::from_ms(100);
inline constexpr duration trace_baseline_window = duration::from_seconds(5);
inline constexpr duration trace_baseline_rise_max = duration::from_ms(40);

}  // namespace lab
}  // namespace v0
}  // namespace duality
