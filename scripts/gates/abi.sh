#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# The binary interfaces that capi/duality.h and capi/masque.h describe are those checked in as capi/duality.abi and
# capi/masque/masque.abi. What is compared is a library of the header alone, every function with an empty body: its types are all there is to the interface, and the
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

# check <header> <macro before its functions> <list of functions> <linker script> <soname> <dump> [--write]
check() {
    local header=$1 macro=$2 list=$3 script=$4 name=$5 dump=$6 bodies
    {
        echo "#include \"$(basename "$header")\""
        tr '\n' ' ' <"$header" | grep -oE "$macro (const char\*|uint32_t|duality_status) [a-z0-9_]+\([^;]*\);" |
            sed "s/^$macro //; s/;$/ { return 0; }/"
    } >"$work/interface.c"
    bodies=$(grep -c 'return 0' "$work/interface.c")
    [ "$bodies" -eq "$(wc -l <"$list")" ] || { echo "abi: $bodies declarations of $header were understood, not all"; exit 1; }
    gcc -std=c99 -w -g -shared -fPIC "-ffile-prefix-map=$work=." "-ffile-prefix-map=$PWD/=" -I capi -I "$work/include" \
        "-Wl,--version-script=$script" "-Wl,-soname,$name" -o "$work/interface.so" "$work/interface.c"
    # Nothing of the machine it is made on: no paths, no places in the sources.
    abidw --no-corpus-path --no-comp-dir-path --no-show-locs --no-elf-needed --out-file "$work/fresh.abi" "$work/interface.so"
    if [ "${7:-}" = --write ]; then
        cp "$work/fresh.abi" "$dump"
    fi
    if ! abidiff "$dump" "$work/fresh.abi"; then
        echo "abi: not what $dump says; read above what programs would meet, then: abi.sh --write"
        exit 1
    fi
    echo "abi: $bodies functions of $header, as they were"
}

mkdir -p "$work/include/duality"
cp capi/duality.h "$work/include/duality/"
check capi/duality.h DUALITY_API capi/exports.txt capi/duality.map libduality.so.0.1 capi/duality.abi "${1:-}"
check capi/masque.h DUALITY_MASQUE_API capi/masque/exports.txt capi/masque/masque.map libduality-masque.so.0.1 \
    capi/masque/masque.abi "${1:-}"
