#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# clang-tidy 14 with the checks of .clang-tidy finds nothing in src/ and capi/ nor in the headers they include. Another
# version knows other checks: without version 14 the gate says so and is skipped.
#
#   tidy.sh <folder>                                             src/ without src/cli/, and capi/
#   tidy.sh <build folder with compile_commands.json> <file>…    these
#
# All files are read some at a time, as one unit: the time goes into the headers of others, which every unit reads anew.
# The command line of the program, whose headers take as long as all the rest, is left out unless asked for.
set -euo pipefail

folder=${1:?usage: tidy.sh FOLDER [FILE]…}
shift
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
cd "$(dirname "$0")/../.."

tool=$(command -v clang-tidy-14 || command -v clang-tidy || true)
if [ -z "$tool" ] || ! "$tool" --version | grep -q 'version 14\.'; then
    echo "tidy: skipped, no clang-tidy 14 here"
    exit 77
fi

files=("$@")
if [ ${#files[@]} -eq 0 ]; then
    cmake -S . -B "$folder" -G Ninja -DCMAKE_CXX_COMPILER=clang++ -DCMAKE_BUILD_TYPE=Release -DCMAKE_UNITY_BUILD=ON \
        -DDUALITY_TESTS=OFF >"$folder/configure.log" || { cat "$folder/configure.log" >&2; exit 1; }
    # Units of several files, and the files that stand alone.
    mapfile -t files < <(sed -n 's|.*"file": "\(.*\)".*|\1|p' "$folder/compile_commands.json" |
        grep -E '/duality_[a-z_]+\.dir/Unity/|/(src|capi)/[^"]*\.cpp$' | grep -v '/src/cli/' | sort -u)
fi
[ ${#files[@]} -gt 0 ] || { echo "tidy: no files found" >&2; exit 2; }

# The count of suppressed warnings of system headers goes to stderr; only what it finds in ours matters.
printf '%s\0' "${files[@]}" |
    xargs -0 -P "$(nproc)" -n 1 "$tool" -p "$folder" --quiet --extra-arg=-Wno-unknown-warning-option \
        --checks=-bugprone-suspicious-include 2> >(grep -E 'rror' >&2 || true)
echo "tidy: ${#files[@]} units"
