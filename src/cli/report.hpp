// SPDX-License-Identifier: MIT
//
// A live run as one web page: plots, table and sound in a single file that asks nobody for anything.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "io/live_run.hpp"

namespace duality {
inline namespace v0 {
namespace cli {

/// What a listener heard of one flow.
struct report_sound {
    std::string file;               ///< WAV file beside the report
    std::vector<std::uint8_t> ogg;  ///< the same, to put into the page; may be empty
};

struct report_content {
    std::string network;  ///< its name
    std::uint64_t seed = 0;
    const io::live_run_config& config;
    const io::live_result& result;
    std::vector<report_sound> sounds;  ///< one per flow, or none
};

/// The page, as HTML in UTF-8.
[[nodiscard]] std::string render_report(const report_content& content);

}  // namespace cli
}  // namespace v0
}  // namespace duality
