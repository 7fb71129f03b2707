// SPDX-License-Identifier: MIT
//
// How a command ends when it cannot do its work.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdio>
#include <string>

namespace duality {
inline namespace v0 {
namespace cli {

/// Says on standard error why `duality <command>` cannot go on, and ends it with exit status 1.
[[noreturn]] inline void fail(const char* command, const std::string& why) {
    std::fprintf(stderr, "duality %s: %s\n", command, why.c_str());
    throw CLI::RuntimeError{1};
}

}  // namespace cli
}  // namespace v0
}  // namespace duality
