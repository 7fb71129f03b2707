// SPDX-License-Identifier: MIT
//
// Where failing tests of the lab leave their replay bundles: the folder that DUALITY_BUNDLES names, or `bundles`.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>

#include "duality/lab/bundle.hpp"

namespace duality::test {

/// Writes a bundle and tells the command that runs it again.
template <class Bundle>
[[nodiscard]] std::string keep_bundle(const Bundle& bundle) {
    const char* const named = std::getenv("DUALITY_BUNDLES");
    const std::filesystem::path folder{named != nullptr ? named : "bundles"};
    std::error_code ignored;
    std::filesystem::create_directories(folder, ignored);
    const std::filesystem::path file = std::filesystem::absolute(folder / lab::file_name(bundle), ignored);
    std::ofstream out{file};
    out << lab::to_json(bundle);
    return out.flush() ? "duality lab replay-bundle " + file.string() : "no bundle: cannot write " + file.string();
}

}  // namespace duality::test
