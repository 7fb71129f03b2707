// SPDX-License-Identifier: MIT
//
// Any text is either refused with a reason or gives a trace that a link can repeat.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iterator>
#include <string>
#include <string_view>

#include "duality/lab/link.hpp"
#include "duality/lab/trace.hpp"

using namespace duality;

namespace {

void require(bool holds) {
    if (!holds) std::abort();
}

/// Random bytes hardly ever begin with a header: the first one chooses what is put before the rest.
constexpr std::string_view beginnings[] = {"", "send_ms,delay_ms\n", "carrier,session_start_unix_ms,seq,rtt_ms\n",
                                           "send_ms,delay_ms\n0,20\n5,",
                                           "carrier,session_start_unix_ms,seq,rtt_ms\na,1,"};

void replay(const lab::trace& trace) {
    result<lab::path> path = lab::path::create(trace);
    require(path.has_value());
    instant last = instant::before_all();
    std::int64_t previous = 0;
    for (const lab::trace_row& row : trace.rows) {
        require(row.send_ns >= previous);
        previous = row.send_ns;
        const instant now = instant::from_ns(row.send_ns);
        const lab::link_outcome outcome = path->forward.transmit(now, 100);
        if (outcome.fate != lab::packet_fate::delivered) continue;
        require(outcome.arrival >= now && outcome.arrival >= last);
        require(path->forward.baseline(now) >= duration::zero());
        last = outcome.arrival;
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    std::string text{beginnings[data[0] % std::size(beginnings)]};
    text.append(reinterpret_cast<const char*>(data) + 1, size - 1);
    for (const lab::trace_options& options :
         {lab::trace_options{}, lab::trace_options{.round_trip = true}, lab::trace_options{.carrier = "a"}}) {
        lab::trace trace;
        lab::trace_error why;
        const status answer = lab::parse_trace(text, options, trace, why);
        if (answer != status::ok) {
            require(failed(answer) && !why.reason.empty() && trace.rows.empty());
            continue;
        }
        require(!trace.rows.empty());
        // A few rows can span a day, and the baseline has a value for every tenth of a second of them.
        if (trace.length() < duration::from_seconds(3600)) replay(trace);
    }
    return 0;
}
