#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Another platform, the same library: core, lab and C interface cross-built, and the golden vectors (repair bytes, hold
# decisions, event hashes of whole runs) checked there through C++ and C.
#
#   cross.sh arm64 FOLDER      Debian's cross GCC, qemu-user
#   cross.sh windows FOLDER    mingw-w64 (POSIX threads), wine
#
# Exit code 77 (skipped): no cross compiler or nothing to run its programs with.
set -euo pipefail
source=$(cd "$(dirname "$0")/../.." && pwd)
platform=${1:?usage: cross.sh arm64|windows FOLDER}
work=${2:?usage: cross.sh arm64|windows FOLDER}

case $platform in
    arm64) prefix=aarch64-linux-gnu suffix='' runner=qemu-aarch64 ;;
    windows) prefix=x86_64-w64-mingw32 suffix=-posix runner=wine ;;
    *) echo "cross: no such platform: $platform" >&2; exit 2 ;;
esac
for tool in "$prefix-g++$suffix" "$prefix-gcc$suffix" "$runner"; do
    command -v "$tool" >/dev/null || { echo "cross: skipped, $tool is missing"; exit 77; }
done
launcher=$(command -v ccache || true)

mkdir -p "$work/include/duality"
cp "$source/capi/duality.h" "$work/include/duality/"
objects=()
# compile <compiler> <source> <flag>…
compile() {
    local object=$work/${2//\//_}.o
    # shellcheck disable=SC2086
    $launcher "$prefix-$1$suffix" -O1 -DNDEBUG -Wall -Wextra -Werror -ffp-contract=off -DDUALITY_STATIC \
        -I "$source" -I "$source/include" -I "$source/src" -I "$work/include" "${@:3}" -c "$2" -o "$object"
}
export -f compile
export source work prefix suffix launcher
library=(-std=c++20 -fno-exceptions -fno-rtti -Wno-restrict '-DDUALITY_VERSION_STRING="cross"' "-I$source/capi")
cd "$source"
# One unit for each folder, and one for each kernel.
mapfile -t units < <(printf '%s\n' src/parity/gf256_*.cpp)
for folder in src/core src/parity src/lab capi; do
    mkdir -p "$work/units"
    printf '#include "%s"\n' "$folder"/*.cpp | grep -v /gf256_ >"$work/units/${folder//\//_}.cpp"
    units+=("$work/units/${folder//\//_}.cpp")
done
printf '%s\0' "${units[@]}" | xargs -0 -P "$(nproc)" -I{} bash -c 'compile g++ "$@"' _ {} "${library[@]}"
for unit in "${units[@]}"; do objects+=("$work/${unit//\//_}.o"); done
compile g++ tests/golden/golden.cpp -std=c++20
compile gcc tests/golden/golden.c -std=c99 -pedantic-errors

for program in tests_golden_golden.cpp tests_golden_golden.c; do
    "$prefix-g++$suffix" -static -o "$work/$program.run" "$work/$program.o" "${objects[@]}"
    WINEDEBUG=-all WINEPREFIX=$work/wine "$runner" "$work/$program.run" tests/golden/vectors.txt
done
echo "cross: $platform computes what the table says"
