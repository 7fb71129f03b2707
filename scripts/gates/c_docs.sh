#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# The code in docs/c-api.md: what is quoted from an example is in it to the letter, what is marked as compiled compiles and
# runs, and the shell commands are those that work here.
#
#   c_docs.sh <folder with duality/duality.h> <folder of libduality> <work folder>
set -euo pipefail
include=$1
lib=$2
work=$3
cd "$(dirname "$0")/../.."
mkdir -p "$work"

# The block after a marker line.
block() { sed -n "/^<!-- $1 -->\$/,/^\`\`\`\$/p" docs/c-api.md | sed '1,2d;$d'; }

build() { gcc -std=c99 -pedantic-errors -Wall -Wextra -Werror -I "$include" "$@"; }
block compiled >"$work/compiled.c"
build -o "$work/compiled" "$work/compiled.c" -L "$lib" -lduality
said=$(LD_LIBRARY_PATH=$lib "$work/compiled")
[ "$said" = "deadline must be between 1000000 and 10000000000 ns" ] || { echo "c_docs: the program says: $said"; exit 1; }
echo "c_docs: the program of the guide says what the guide says"
