#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# The binary interface that capi/duality.h describes is the one checked in as capi/duality.abi. What is compared is a
# library of the header alone, every function with an empty body: its types are all there is to the interface, and the
# exports gate sees to it that the real library has just these functions. Needs abidw and abidiff (Debian: abigail-tools).
#
#   abi.sh            complain
#   abi.sh --write    rewrite the dump: an interface that no released program has met, or a compatible extension
#
# Exit code 77 (skipped): a tool is missing, or another processor than the dump was made for.
set -euo pipefail
cd "$(dirname "$0")/../.."

for tool in gcc abidw abidiff; do
    command -v "$tool" >/dev/null || { echo "abi: $tool is missing; scripts/install-deps installs it"; exit 77; }
done
[ "$(uname -m)" = x86_64 ] || { echo "abi: the dump is for x86_64"; exit 77; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
{
    echo '#include "duality.h"'
    tr '\n' ' ' <capi/duality.h | grep -oE 'DUALITY_API (const char\*|uint32_t|duality_status) [a-z0-9_]+\([^;]*\);' |
        sed 's/^DUALITY_API //; s/;$/ { return 0; }/'
} >"$work/interface.c"
bodies=$(grep -c 'return 0' "$work/interface.c")
[ "$bodies" -eq "$(wc -l <capi/exports.txt)" ] || { echo "abi: $bodies declarations were understood, not all"; exit 1; }
gcc -std=c99 -w -g -shared -fPIC "-ffile-prefix-map=$work=." "-ffile-prefix-map=$PWD/=" -I capi \
    -Wl,--version-script=capi/duality.map -Wl,-soname,libduality.so.0.1 -o "$work/interface.so" "$work/interface.c"
# Nothing of the machine it is made on: no paths, no places in the sources.
abidw --no-corpus-path --no-comp-dir-path --no-show-locs --no-elf-needed --out-file "$work/fresh.abi" "$work/interface.so"

if [ "${1:-}" = --write ]; then
    cp "$work/fresh.abi" capi/duality.abi
fi
if ! abidiff capi/duality.abi "$work/fresh.abi"; then
    echo "abi: not what capi/duality.abi says; read above what programs would meet, then: abi.sh --write"
    exit 1
fi
echo "abi: $bodies functions, as they were"
