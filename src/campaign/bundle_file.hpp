// SPDX-License-Identifier: MIT
//
// Replay bundles as files: reading and checking them, running them again, writing new ones.
#pragma once

#include <string>
#include <string_view>
#include <variant>

#include "duality/lab/bundle.hpp"

namespace duality {
inline namespace v0 {
namespace campaign {

using any_bundle = std::variant<lab::run_bundle, lab::chaos_bundle>;

struct loaded_bundle {
    any_bundle bundle;
    std::string error;  ///< why there is none; empty when there is

    [[nodiscard]] bool ok() const noexcept { return error.empty(); }
};

/// Every field is checked; the error names the one that is missing, of another type or out of range.
[[nodiscard]] loaded_bundle parse_bundle(std::string_view text);
[[nodiscard]] loaded_bundle load_bundle(const std::string& file);

/// What running a bundle again showed.
struct replay_verdict {
    std::string error;  ///< the recipe cannot be run; empty when it was
    std::uint64_t event_hash = 0;
    std::string broken;  ///< what this run broke; a test's own word is not known here

    [[nodiscard]] bool same(std::uint64_t recorded) const noexcept { return error.empty() && event_hash == recorded; }
};
[[nodiscard]] replay_verdict replay(const lab::run_bundle& bundle);
[[nodiscard]] replay_verdict replay(const lab::chaos_bundle& bundle);

struct shrunk_bundle {
    any_bundle bundle;
    std::size_t tried = 0;
    std::size_t taken = 0;
    std::string error;  ///< it does not fail to begin with
};
/// The simplest recipe found with at most `tries` runs that breaks what the bundle's recipe breaks.
[[nodiscard]] shrunk_bundle shrink_bundle(const any_bundle& bundle, std::size_t tries);

/// Writes a bundle into a folder, which is made when there is none. The file's name, or nothing when it cannot.
[[nodiscard]] std::string save_bundle(const any_bundle& bundle, const std::string& folder);

}  // namespace campaign
}  // namespace v0
}  // namespace duality
