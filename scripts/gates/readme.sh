#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# The quickstart in the README is examples/quickstart.cpp to the letter, which the tests compile and run.
set -euo pipefail
cd "$(dirname "$0")/../.."
shown=$(sed -n '/^<!-- examples\/quickstart.cpp -->$/,/^```$/p' README.md | sed '1,2d;$d')
real=$(sed -n '/^#include <cstdio>/,$p' examples/quickstart.cpp)
if [ -z "$shown" ]; then
    echo "README.md shows no quickstart" >&2
    exit 1
fi
diff <(printf '%s\n' "$shown") <(printf '%s\n' "$real") || {
    echo "README.md and examples/quickstart.cpp differ" >&2
    exit 1
}
