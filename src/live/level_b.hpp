// SPDX-License-Identifier: MIT
//
// Level B: scenarios run live in namespaces, judged from what they left behind.
#pragma once

#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "live/bundle.hpp"
#include "live/scenarios.hpp"

namespace duality {
inline namespace v0 {
namespace live {

struct level_b_options {
    std::filesystem::path output;   ///< a folder per scenario
    std::filesystem::path program;  ///< the `duality` program, for the network between the ends
    unsigned attempts = 3;          ///< of a scenario that was not observed well enough; any other verdict stands
    std::size_t at_once = 4;        ///< scenarios side by side
    /// Told of every verdict as it comes; may be empty.
    std::function<void(const examined_bundle&, unsigned attempt)> on_verdict{};
    /// Called while the runs of a batch go on, with the client's namespace: for experiments on the experiment.
    std::function<void(int client_namespace)> meanwhile{};
};

struct level_b_result {
    examined_bundle bundle;
    unsigned attempts = 0;
};

/// Runs and judges them, in their order. Empty, with the reason in `error`, when a folder cannot be written or a part
/// of the experiment does not start.
[[nodiscard]] std::vector<level_b_result> run_level_b(std::span<const scenario* const> wanted,
                                                      const level_b_options& options, std::string& error);

}  // namespace live
}  // namespace v0
}  // namespace duality
