// SPDX-License-Identifier: MIT
//
// Replay bundles: a run that did not do what it should, as a file that runs it again anywhere. A bundle is JSON;
// `duality lab replay-bundle FILE` runs it and compares the event hash, `duality lab shrink FILE` makes it simpler.
//
// Times are whole nanoseconds and hashes hexadecimal text, so that no reader rounds them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "duality/lab/chaos.hpp"
#include "duality/lab/recipe.hpp"

namespace duality {
inline namespace v0 {
namespace lab {

/// What a run was expected to do: keep its promises (`broken_promise`), and have one figure at most at a limit.
struct expectation {
    std::string figure;  ///< a name of `figure_table`; empty: the promises alone
    double at_most = 0;  ///< the limit, in the figure's unit
};

/// How a run broke its expectation: the promise, or "figure"; empty when it did not.
[[nodiscard]] std::string_view broken_expectation(const run_result& run, const simulation_config& config,
                                                  const expectation& expected) noexcept;

/// A run of a recipe.
struct run_bundle {
    recipe what;           ///< all that it is made from
    expectation expected;  ///< what it was to keep
    std::string broken;    ///< what was broken, in a word; may be anything a test calls it
    std::uint64_t event_hash = 0;
};

/// A run of chaos.
struct chaos_bundle {
    chaos_recipe what;   ///< all that it is made from
    std::string broken;  ///< the promise that was broken
    std::uint64_t event_hash = 0;
};

[[nodiscard]] std::string to_json(const run_bundle& bundle);
[[nodiscard]] std::string to_json(const chaos_bundle& bundle);

/// A file name for a bundle: the same for the same failure. No folder in it.
[[nodiscard]] std::string file_name(const run_bundle& bundle);
[[nodiscard]] std::string file_name(const chaos_bundle& bundle);

/// "0123456789abcdef"
[[nodiscard]] std::string hash_text(std::uint64_t hash);

}  // namespace lab
}  // namespace v0
}  // namespace duality
