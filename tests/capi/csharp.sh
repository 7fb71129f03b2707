#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
#   csharp.sh <source> <folder of libduality> <work folder>    compiles with Mono, warnings being errors, and runs
set -euo pipefail

mkdir -p "$3"
program=$3/$(basename "$1" .cs).exe
mcs -warnaserror -out:"$program" "$1"
LD_LIBRARY_PATH=$2 exec mono "$program"
