#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# The amalgamation compiles as one file, and a C program gets from it what the golden vectors say.
#
#   amalgamation_test.sh <work folder> <C++ compiler> <C compiler>
set -euo pipefail
source=$(cd "$(dirname "$0")/../.." && pwd)
work=$1

"$source/scripts/amalgamate.py" "$work/amalgamation"
mkdir -p "$work/include/duality"
cp "$work/amalgamation/duality.h" "$work/include/duality/"
cd "$work"
"$2" -std=c++20 -O1 -DNDEBUG -DDUALITY_STATIC -fno-exceptions -fno-rtti -c -o duality.o amalgamation/duality.cpp
for program in tests/golden/golden.c examples/session_pair.c; do
    name=$(basename "$program" .c)
    "$3" -std=c99 -DDUALITY_STATIC -DGOLDEN_WITHOUT_LAB -I include -c -o "$name.o" "$source/$program"
    "$2" -o "$name" "$name.o" duality.o
done
./golden "$source/tests/golden/vectors.txt"
./session_pair
echo "amalgamation: $(wc -c <amalgamation/duality.cpp) bytes, and it works"
