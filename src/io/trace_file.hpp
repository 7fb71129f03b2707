// SPDX-License-Identifier: MIT
//
// Traces from files, plain or gzip.
#pragma once

#include <string>
#include <string_view>

#include "duality/lab/trace.hpp"

namespace duality {
inline namespace v0 {
namespace io {

/// What a trace is called on the command line: `FILE`, or `FILE:CARRIER` or `FILE:CARRIER@N` for a file with several
/// carriers, `N` being one of the carrier's sessions counted from 1. A colon that belongs to the name of an existing
/// file is left alone.
struct trace_source {
    std::string file;
    std::string carrier;
    std::size_t session = lab::trace_options::all_sessions;

    /// `invalid_argument` when what follows `@` is not a number from 1 up.
    [[nodiscard]] static result<trace_source> parse(std::string_view text) noexcept;
};

/// A trace, or why there is none in words for the user: "trace.csv.gz: line 17: delay_ms is negative: '-3'".
struct loaded_trace {
    lab::trace trace;
    std::string error;  ///< empty on success

    [[nodiscard]] bool ok() const noexcept { return error.empty(); }
};

/// Reads a file of at most 256 MiB (unpacked). A gzip file that ends too early or does not match its checksum is
/// refused as a whole. `round_trip`: the delays of a `send_ms,delay_ms` file are round trips.
[[nodiscard]] loaded_trace load_trace(std::string_view source, bool round_trip);

}  // namespace io
}  // namespace v0
}  // namespace duality
