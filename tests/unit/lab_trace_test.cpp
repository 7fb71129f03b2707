// SPDX-License-Identifier: MIT
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <string>
#include <string_view>

#include "duality/lab/trace.hpp"

using namespace duality;
using namespace duality::literals;
using lab::trace;
using lab::trace_error;
using lab::trace_options;
using lab::trace_row;

namespace {

trace parsed(std::string_view text, const trace_options& options = {}) {
    trace out;
    trace_error why;
    const status answer = lab::parse_trace(text, options, out, why);
    INFO(why.to_string());
    REQUIRE(answer == status::ok);
    return out;
}

/// The message for a text that must be refused; a refused text must leave the trace alone.
std::string refusal(std::string_view text, const trace_options& options = {}, status expected = status::malformed) {
    trace out;
    out.rows = {{7, 7}};
    trace_error why;
    CHECK(lab::parse_trace(text, options, out, why) == expected);
    CHECK(out.rows == std::vector<trace_row>{{7, 7}});
    return why.to_string();
}

constexpr std::string_view pings =
    "carrier,session_start_unix_ms,seq,rtt_ms\n"
    "red,1000,1,30\n"
    "red,1000,2,31.5\n"
    "blue,1001,1,50\n"
    "blue,1001,2,\n"
    "blue,1001,3,52\n"
    "red,9000,1,40\n"
    "red,9000,4,41\n"
    "red,9000,5,\n"
    "red,9000,6,\n";

}  // namespace

TEST_CASE("packets: delays, losses, line ends and blank lines at the end") {
    const std::vector<trace_row> expected{{0, 20'500'000}, {5'000'000, trace_row::lost}, {10'000'000, 1'234'568}};
    CHECK(parsed("send_ms,delay_ms\n0,20.5\n5,\n10,1.2345678").rows == expected);
    CHECK(parsed("send_ms,delay_ms\r\n0,20.5\r\n5,\r\n10,1.2345678\r\n\r\n").rows == expected);
    CHECK(parsed("send_ms,delay_ms\n1000,2.05e1\n1005,\n1010,1.2345678\n\n\n").rows == expected);
    CHECK(parsed("send_ms,delay_ms\n-5,20.5\n0,\n5,1.2345678\n").rows == expected);
    CHECK(parsed("send_ms,delay_ms\n0,1\n0,2\n").rows.size() == 2);  // two packets at one time
    CHECK(parsed("send_ms,delay_ms\n0,1\n250,2\n").length() == 250_ms);
}

TEST_CASE("the round-trip option is carried along") {
    CHECK_FALSE(parsed("send_ms,delay_ms\n0,1\n").round_trip);
    CHECK(parsed("send_ms,delay_ms\n0,1\n", {.round_trip = true}).round_trip);
}

TEST_CASE("a bad trace is refused with the line and the reason") {
    CHECK(refusal("") == "is empty");
    CHECK(refusal("\r\n\n") == "is empty");
    CHECK(refusal("send_ms,delay_ms\n") == "holds no packets");
    CHECK(refusal("0,20\n5,20\n") ==
          "line 1: expected the header 'send_ms,delay_ms' or 'carrier,session_start_unix_ms,seq,rtt_ms', found '0,20'");
    CHECK(refusal("send_ms,delay_ms\n0,20\n5,abc\n") == "line 3: delay_ms is not a number: 'abc'");
    CHECK(refusal("send_ms,delay_ms\n0,20\n5,3x\n") == "line 3: delay_ms is not a number: '3x'");
    CHECK(refusal("send_ms,delay_ms\n0,20\n5, 3\n") == "line 3: delay_ms is not a number: ' 3'");
    CHECK(refusal("send_ms,delay_ms\n,20\n") == "line 2: send_ms is not a number: ''");
    CHECK(refusal("send_ms,delay_ms\n0,20\n5,-3\n") == "line 3: delay_ms is negative: '-3'");
    CHECK(refusal("send_ms,delay_ms\n0,nan\n") == "line 2: delay_ms is out of range: 'nan'");
    CHECK(refusal("send_ms,delay_ms\n0,inf\n") == "line 2: delay_ms is out of range: 'inf'");
    CHECK(refusal("send_ms,delay_ms\n0,1e400\n") == "line 2: delay_ms is out of range: '1e400'");
    CHECK(refusal("send_ms,delay_ms\n0,3600001\n") == "line 2: delay_ms is out of range: '3600001'");
    CHECK(refusal("send_ms,delay_ms\n1e300,5\n") == "line 2: send_ms is out of range: '1e300'");
    CHECK(refusal("send_ms,delay_ms\n0,20\n10,20\n5,20\n") == "line 4: send_ms goes backwards: '5'");
    CHECK(refusal("send_ms,delay_ms\n0,20\n3e9,20\n") == "line 3: more than a day after the first row: '3e9'");
    CHECK(refusal("send_ms,delay_ms\n0,20\n\n5,20\n") == "line 3: expected 2 fields, found 1");
    CHECK(refusal("send_ms,delay_ms\n0,20,7\n") == "line 2: expected 2 fields, found 3");
    // What a message quotes is short and printable.
    const std::string message = refusal("send_ms,delay_ms\n0," + std::string(500, '\x07') + "\n");
    CHECK(message.size() < 100);
    CHECK(std::all_of(message.begin(), message.end(), [](char c) { return c != '\x07'; }));
}

TEST_CASE("pings: one carrier, its sessions joined, numbers left out are losses") {
    const trace red = parsed(pings, {.carrier = "red"});
    CHECK(red.round_trip);
    const std::int64_t step = 200'000'000;
    CHECK(red.rows == std::vector<trace_row>{{0, 30'000'000},
                                             {step, 31'500'000},
                                             {2 * step, 40'000'000},
                                             {3 * step, trace_row::lost},
                                             {4 * step, trace_row::lost},
                                             {5 * step, 41'000'000}});  // the last two were still unanswered
    CHECK(parsed(pings, {.carrier = "blue"}).rows.size() == 3);
    CHECK(parsed(pings, {.carrier = "red", .session = 0}).rows.size() == 2);
    const trace second = parsed(pings, {.carrier = "red", .session = 1});
    CHECK(second.rows.front() == trace_row{0, 40'000'000});
    CHECK(second.rows.size() == 4);
}

TEST_CASE("pings: options and rows that do not fit are refused") {
    CHECK(refusal(pings, {}, status::invalid_argument) == "holds several carriers, name one (found: 'red', 'blue')");
    CHECK(refusal(pings, {.carrier = "green"}, status::invalid_argument) ==
          "no carrier 'green' (found: 'red', 'blue')");
    CHECK(refusal(pings, {.carrier = "red", .session = 2}, status::invalid_argument) ==
          "carrier 'red' has only 2 sessions");
    CHECK(refusal("send_ms,delay_ms\n0,1\n", {.carrier = "red"}, status::invalid_argument) ==
          "has no carriers and sessions to choose from");
    const std::string header = "carrier,session_start_unix_ms,seq,rtt_ms\n";
    CHECK(refusal(header + "red,1,2,3\nred,1,2,3\n", {.carrier = "red"}) == "line 3: seq goes backwards: '2'");
    CHECK(refusal(header + "red,1,0,3\n", {.carrier = "red"}) ==
          "line 2: seq is not a whole number from 1 to 1000000: '0'");
    CHECK(refusal(header + "red,x,1,3\n", {.carrier = "red"}) ==
          "line 2: session_start_unix_ms is not a whole number from 0 to 4000000000000: 'x'");
    CHECK(refusal(header + "red,1,1,-3\n", {.carrier = "red"}) == "line 2: rtt_ms is negative: '-3'");
    CHECK(refusal(header + "red,1,1\n", {.carrier = "red"}) == "line 2: expected 4 fields, found 3");
}

TEST_CASE("the baseline follows a route that changes, but not a queue that stands") {
    // 20 ms for 10 s, 45 ms for 10 s (another route), then 400 ms (a queue), with jitter of 0…9 ms.
    std::vector<trace_row> rows;
    for (std::int64_t i = 0; i < 3000; ++i) {
        const std::int64_t base = i < 1000 ? 20 : i < 2000 ? 45 : 400;
        rows.push_back({i * 10'000'000, (base + i * 7 % 10) * 1'000'000});
    }
    const std::vector<std::int64_t> baseline = lab::trace_baseline(rows);
    REQUIRE(baseline.size() == 300);
    CHECK(baseline[10] == 20'000'000);
    CHECK(baseline[150] == 45'000'000);
    CHECK(baseline[290] == 60'000'000);  // 1 % of the trace are at 20 ms, so never above 20 + 40
    // A window that still holds 5 % of the old level shows the old level.
    CHECK(baseline[100] < 30'000'000);
}

TEST_CASE("the baseline goes on where every packet was lost") {
    std::vector<trace_row> rows;
    for (std::int64_t i = 0; i < 300; ++i)
        rows.push_back({i * 100'000'000, i >= 100 && i < 200 ? trace_row::lost : 30'000'000});
    for (const std::int64_t ns : lab::trace_baseline(rows)) REQUIRE(ns == 30'000'000);
    const std::vector<trace_row> nothing{{0, trace_row::lost}, {5, trace_row::lost}};
    CHECK(lab::trace_baseline(nothing) == std::vector<std::int64_t>{0});
    CHECK(lab::trace_baseline({}) == std::vector<std::int64_t>{0});
}
