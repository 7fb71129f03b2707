// SPDX-License-Identifier: MIT
#pragma once

#include <string>

namespace CLI {
class App;
}

namespace duality {
inline namespace v0 {
namespace cli {

/// Gives `command` an option --config FILE of NAME = VALUE lines, `#` and all that is after it being a comment. A name is
/// that of a long option; a list is [A, B]. What was said on the command line stays as it was said.
void add_option_file(CLI::App& command);
/// Reads that file, if one was named. To be called once the command line has been read. Throws what CLI11 throws.
void apply_option_file(CLI::App& command);

}  // namespace cli
}  // namespace v0
}  // namespace duality
