#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# A shared C library shows exactly the functions of its list, every one of them declared in its header.
#
#   exports.sh <libduality.so or libduality-masque.so>            complain
#   exports.sh <libduality.so or libduality-masque.so> --write    rewrite the list
set -euo pipefail

library=$1
cd "$(dirname "$0")/../.."
case $library in
    *masque*) list=capi/masque/exports.txt header=capi/masque.h ;;
    *) list=capi/exports.txt header=capi/duality.h ;;
esac

[ -s "$library" ] || { echo "exports: no such library: $library" >&2; exit 2; }
shown=$(nm --dynamic --defined-only --format=posix "$library" | awk '$2 != "A" { print $1 }' | sed 's/@.*//' | LC_ALL=C sort)
if [ "${2:-}" = --write ]; then
    echo "$shown" >"$list"
fi
diff "$list" <(echo "$shown") || { echo "exports: the library does not show what $list says"; exit 1; }
declared=$(grep -oE '\bduality_[a-z0-9_]+\(' "$header" | tr -d '(' | LC_ALL=C sort -u)
diff "$list" <(echo "$declared") || { echo "exports: $list is not what $header declares"; exit 1; }
echo "exports: $(wc -l <"$list") functions"
