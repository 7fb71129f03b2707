#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Batch calls of the Python module against the same work in C++.

Rounds of both alternate; a time is the least of its rounds. How fast a process goes through 12 MB depends on which pages
it was given, up to a factor of two: what is told is the median of several pairs of processes. Parity: 10,000 packets of
1200 bytes, a repair over 40 after every 20. Detector: 1,000,000 arrivals with Gaussian jitter, status, regime and events
of each kept.
"""
import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np

import duality


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reference", required=True, metavar="PROGRAM", help="python_reference, the C++ side")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--pairs", type=int, default=11, help="of processes")
    parser.add_argument("--quick", action="store_true", help="one pair and two rounds, to see whether it runs")
    parser.add_argument("--one-pair", action="store_true", help="print the times of one pair in ns, as JSON, and nothing else")
    parser.add_argument("--json", metavar="FILE|-")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.rounds, arguments.pairs = 2, 1
    if arguments.one_pair:
        print(json.dumps(one_pair(arguments)))
        return 0
    command = [sys.executable, __file__, "--one-pair", "--reference", arguments.reference, "--rounds", str(arguments.rounds)]
    pairs = [json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
             for _ in range(arguments.pairs)]
    rows = [
        row("parity encode, 10,000 x 1200 B, throughput against C++", [p["parity"] for p in pairs], 0.8, 0.95, "higher"),
        row("detector, 1 M arrivals, time against C++", [p["detector"] for p in pairs], 2.0, 1.2, "lower"),
    ]
    if arguments.json != "-":
        for r in rows:
            print(f"{r['name']:54} {r['value']:.3f} x   (floor {r['floor']}, target {r['target']}: {r['verdict']};  "
                  f"Python {r['python_ms']:.2f} ms, C++ {r['reference_value']:.2f} ms)")
    if arguments.json:
        text = json.dumps({"program": "bench_python", "rows": rows}, indent=1)
        if arguments.json == "-":
            print(text)
        else:
            with open(arguments.json, "w", encoding="utf-8") as file:
                file.write(text + "\n")
    return 0


def one_pair(arguments):
    random = np.random.default_rng(1)
    packets = random.integers(0, 256, (10_000, 1200), dtype=np.uint8)
    sequence = np.arange(1_000_000, dtype=np.uint64)
    origin = sequence.astype(np.int64) * 5_000_000
    jitter = np.maximum(random.normal(0, 3e6, len(origin)).astype(np.int64), -20_000_000)
    now = np.maximum.accumulate(origin + 30_000_000 + jitter)
    cases = {
        "parity": lambda: duality.RlcEncoder().encode(packets, 0, 40, 20),
        "detector": lambda: duality.RegimeDetector().on_arrivals(now, sequence, origin),
    }
    with tempfile.NamedTemporaryFile() as file:
        np.concatenate([now, origin]).tofile(file.name)
        return measure(cases, [arguments.reference, file.name], arguments.rounds)


def measure(cases, command, rounds):
    """Of each case the least time here and there, in ns."""
    reference = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    least = {}
    for name, call in cases.items():
        for _ in range(rounds):
            begin = time.perf_counter_ns()
            call()
            took = time.perf_counter_ns() - begin
            reference.stdin.write(name + "\n")
            reference.stdin.flush()
            cpp = int(reference.stdout.readline())
            known = least.get(name, (took, cpp))
            least[name] = min(known[0], took), min(known[1], cpp)
    reference.stdin.close()
    reference.wait()
    return least


def row(name, times, floor, target, better):
    """In the form of the other benchmark programs; `times` in ns, of Python and of C++, for each pair."""
    value = statistics.median(c / p if better == "higher" else p / c for p, c in times)
    python_ms, cpp_ms = (statistics.median(t[i] for t in times) / 1e6 for i in (0, 1))

    def reaches(bound):
        return value >= bound if better == "higher" else value <= bound
    verdict = "target met" if reaches(target) else "floor met" if reaches(floor) else "BELOW FLOOR"
    return {"name": name, "value": value, "unit": "x", "reference": "C++, ms", "reference_value": cpp_ms, "ratio": 0,
            "floor": floor, "target": target, "bound_on": "value", "better": better, "verdict": verdict, "python_ms": python_ms}


if __name__ == "__main__":
    sys.exit(main())
