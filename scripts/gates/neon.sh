#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
#   neon.sh FOLDER    cross-compiles the GF(2^8) kernels for arm64 into FOLDER and compares NEON with scalar, and runs
#                     the sliding-window code on NEON, under user-mode emulation
#
# Exit code 77 (skipped): no cross compiler or no emulator.
set -euo pipefail
source=$(cd "$(dirname "$0")/../.." && pwd)
work=${1:?usage: neon.sh FOLDER}

compiler=aarch64-linux-gnu-g++
emulator=qemu-aarch64
for tool in "$compiler" "$emulator"; do
    if ! command -v "$tool" >/dev/null; then
        echo "$tool is missing; scripts/install-deps installs it"
        exit 77
    fi
done

mkdir -p "$work"
build() {
    "$compiler" -std=c++20 -O2 -static -Wall -Wextra -Wconversion -Wshadow -Werror -fno-exceptions -fno-rtti \
        -I "$source/include" -I "$source/src" "$@" "$source"/src/parity/*.cpp
}
cat >"$work/kernels.cpp" <<'PROGRAM'
#include <cstdio>

#include "duality/parity.hpp"

int main() {
    for (const auto name : duality::parity_kernels()) std::printf("%.*s\n", static_cast<int>(name.size()), name.data());
}
PROGRAM
build "$work/kernels.cpp" -o "$work/kernels"
"$emulator" "$work/kernels" | grep -x neon
build "$source/tests/fuzz/fuzz_parity_kernel.cpp" "$source/tests/fuzz/driver.cpp" -o "$work/fuzz_parity_kernel"
"$emulator" "$work/fuzz_parity_kernel" --runs 2000 --seed 1
build "$source/tests/fuzz/fuzz_parity_rlc.cpp" "$source/tests/fuzz/driver.cpp" -o "$work/fuzz_parity_rlc"
exec "$emulator" "$work/fuzz_parity_rlc" --runs 500 --seed 1
