// SPDX-License-Identifier: MIT
//
// What one live run leaves in a folder, and the evidence that can be read back from there. The judge is given only what
// the folder holds: who changes, removes or cuts a file gets another verdict.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "io/live_run.hpp"
#include "live/scenarios.hpp"
#include "live/verdict.hpp"

namespace duality {
inline namespace v0 {
namespace live {

inline constexpr const char* report_file = "live.json";
inline constexpr const char* manifest_file = "manifest.json";

/// The report of a live run: what was declared, how the sessions were set up, and what was measured.
[[nodiscard]] nlohmann::ordered_json report_of(const declaration& declared, const scenario& s,
                                               const io::live_result& result, const std::vector<std::string>& leaks);

/// Lists the files of the folder with size and hash. Empty, or why it could not be written.
[[nodiscard]] std::string write_manifest(const std::filesystem::path& folder, const std::vector<std::string>& names);

struct examined_bundle {
    declaration declared;
    evidence found;
    judgement judged;
    std::string error;  ///< why the folder is no bundle at all; then nothing else is set
};

/// Reads a bundle and judges it.
[[nodiscard]] examined_bundle examine(const std::filesystem::path& folder);

[[nodiscard]] nlohmann::ordered_json to_json(const declaration& declared);
[[nodiscard]] nlohmann::ordered_json to_json(const examined_bundle& bundle);

}  // namespace live
}  // namespace v0
}  // namespace duality
