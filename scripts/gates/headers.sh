#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Every header compiles alone, twice in one file, without exceptions and RTTI; and all of them together, with both.
# By every given compiler, without a warning.
#
#   headers.sh <include folder> <compiler>…
set -euo pipefail

export include=$1
shift

export warnings="-Wall -Wextra -Wconversion -Wshadow -pedantic -Werror"

# check <compiler> "<flags>" <header>…: quiet when they compile; says what did not.
check() {
    local compiler=$1 flags=$2
    shift 2
    printf '#include "%s"\n' "$@" "$@" |
        "$compiler" -std=c++20 $warnings $flags -I "$include" -fsyntax-only -x c++ - ||
        { echo "headers: does not compile with $compiler $flags: $*"; return 1; }
}
export -f check

mapfile -t headers < <(cd "$include" && find . -name '*.hpp' -printf '%P\n' | sort)
[ ${#headers[@]} -gt 0 ] || { echo "headers: no header under $include" >&2; exit 2; }
for compiler in "$@"; do
    echo "check $compiler '-fexceptions -frtti' ${headers[*]}"
    printf "check $compiler '-fno-exceptions -fno-rtti' %s\n" "${headers[@]}"
done | xargs -P "$(nproc)" -d '\n' -n 1 bash -c || exit 1
echo "headers: ${#headers[@]} headers, by: $*"
