#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# A failing test of the lab and a campaign that is not as expected leave bundles that the program replays and shrinks.
#
#   bundle_test.sh <duality program> <lab tests program> <folder to work in>
set -euo pipefail

program=$1
lab_tests=$2
work=$3
rm -rf "$work"
mkdir -p "$work"
cd "$work"

fail() { echo "bundle_test: $*" >&2; exit 1; }

# A test that fails writes one and prints the command.
if DUALITY_BUNDLES=$work/of_tests "$lab_tests" "simulation: a test that fails" >test.log 2>&1; then
    fail "the test that fails did not"
fi
command=$(sed -n 's/^run it again: duality lab replay-bundle //p' test.log)
[ -s "$command" ] || fail "no bundle at '$command'"
"$program" lab replay-bundle "$command" | grep -q '^pass: ' || fail "the test's bundle does not replay"

# Another seed is another run.
sed 's/"seed":3/"seed":4/' "$command" >other.json
if "$program" lab replay-bundle other.json >mismatch.log; then fail "a changed bundle passed"; fi
grep -q '^mismatch: ' mismatch.log || fail "a changed bundle was not called a mismatch"
echo '{' >broken.json
if "$program" lab replay-bundle broken.json 2>/dev/null; then fail "a broken bundle passed"; fi

# So does a campaign, and its bundle gets smaller.
if "$program" lab campaign --family reference --variant hold --seeds 1 --seconds 20 --bundles of_campaign \
    --expect 'longest_gap_ms<=100' >campaign.log; then
    fail "a campaign that is not as expected succeeded"
fi
bundle=$(sed -n 's/^not as expected: duality lab replay-bundle //p' campaign.log)
"$program" lab replay-bundle "$bundle" | grep -q '^pass: ' || fail "the campaign's bundle does not replay"
smaller=$("$program" lab shrink "$bundle" --out smaller --tries 60 | sed -n 's/.*duality lab replay-bundle //p')
"$program" lab replay-bundle "$smaller" | grep -q 'broken now: figure' || fail "the smaller bundle does not fail"
length() { grep -o '"length_ns":[0-9]*' "$1" | tr -dc 0-9; }
[ "$(length "$smaller")" -lt "$(length "$bundle")" ] || fail "the smaller bundle is not shorter"

"$program" lab chaos --seeds 20 --bundles of_chaos | grep -q ' 0 seeds broke a promise' || fail "chaos"
echo "bundle_test: bundles replay and shrink"
