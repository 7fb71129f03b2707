#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# The shared C library shows exactly the functions of capi/exports.txt, every one of them declared in the header.
#
#   exports.sh <libduality.so>            complain
#   exports.sh <libduality.so> --write    rewrite the list
set -euo pipefail

library=$1
cd "$(dirname "$0")/../.."
list=capi/exports.txt

[ -s "$library" ] || { echo "exports: no such library: $library" >&2; exit 2; }
shown=$(nm --dynamic --defined-only --format=posix "$library" | awk '$2 != "A" { print $1 }' | sed 's/@.*//' | LC_ALL=C sort)
if [ "${2:-}" = --write ]; then
    echo "$shown" >"$list"
fi
diff "$list" <(echo "$shown") || { echo "exports: the library does not show what $list says"; exit 1; }
declared=$(grep -oE '\bduality_[a-z0-9_]+\(' capi/duality.h | tr -d '(' | LC_ALL=C sort -u)
diff "$list" <(echo "$declared") || { echo "exports: $list is not what capi/duality.h declares"; exit 1; }
echo "exports: $(wc -l <"$list") functions"
