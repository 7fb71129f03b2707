#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Same seeds, same inputs: every build of the program must write the same event log, whatever compiler and sanitizer
# made it. Compares the event hashes of one scenario.
#
#   event-hash.sh <duality program> <duality program>…
set -euo pipefail

[ $# -ge 2 ] || { echo "event-hash: needs at least two programs to compare" >&2; exit 2; }

hashes() { "$1" lab run --family reference --variant dual --seeds 2 --json - | grep -o '"event_hash": *"[^"]*"'; }

reference=
for program in "$@"; do
    [ -x "$program" ] || { echo "event-hash: $program was not built" >&2; exit 1; }
    found=$(hashes "$program") || { echo "event-hash: $program reports no event hash" >&2; exit 1; }
    echo "$program: $(sed 's/.*: *//' <<<"$found" | paste -sd' ')"
    : "${reference:=$found}"
    if [ "$found" != "$reference" ]; then
        echo "event-hash: $program disagrees with $1" >&2
        exit 1
    fi
done
echo "event-hash: $# builds agree"
