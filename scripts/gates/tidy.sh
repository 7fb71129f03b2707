#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# clang-tidy 14 with the checks of .clang-tidy finds nothing in src/ and capi/ nor in the headers they include. Another
# version knows other checks: without version 14 the gate says so and is skipped. The command line of the program is left
# out unless asked for: it takes as long as all the rest, in the headers of other libraries.
#
#   tidy.sh <build folder with compile_commands.json>            src/ without src/cli/, and capi/
#   tidy.sh <build folder with compile_commands.json> <file>…    these
set -euo pipefail

build=$(cd "$1" && pwd)
shift
cd "$(dirname "$0")/../.."

tool=$(command -v clang-tidy-14 || command -v clang-tidy || true)
if [ -z "$tool" ] || ! "$tool" --version | grep -q 'version 14\.'; then
    echo "tidy: skipped, no clang-tidy 14 here"
    exit 77
fi

files=("$@")
[ ${#files[@]} -gt 0 ] || mapfile -t files < <(find src capi -name '*.cpp' -not -path 'src/cli/*' | sort)
[ ${#files[@]} -gt 0 ] || { echo "tidy: no files found" >&2; exit 2; }
# What this build leaves out, like the other TLS library, cannot be read with its flags.
mapfile -t files < <(printf '%s\n' "${files[@]}" | while read -r f; do ! grep -qF "/$f\"" "$build/compile_commands.json" || echo "$f"; done)

# The count of suppressed warnings of system headers goes to stderr; only what it finds in ours matters.
printf '%s\0' "${files[@]}" |
    xargs -0 -P "$(nproc)" -n 1 \
        "$tool" -p "$build" --quiet --extra-arg=-Wno-unknown-warning-option 2> >(grep -E 'rror' >&2 || true)
echo "tidy: ${#files[@]} files"
