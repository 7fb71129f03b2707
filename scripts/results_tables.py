# SPDX-License-Identifier: MIT
"""The tables of docs/ that scripts/results writes anew, each between `<!-- results: NAME -->` and `<!-- end -->`."""
import re
import sys


def compare_tables(compare):
    cells = {(a["network"], a["who"]): a for a in compare["aggregates"]}
    networks = list(dict.fromkeys(n for n, _ in cells))
    people = list(dict.fromkeys(w for _, w in cells))
    loss = ["| | " + " | ".join(f"`{n}`" for n in networks) + " |", "|" + "---|" * (len(networks) + 1)]
    for who in people:
        row = [f"{cells[n, who]['apparent_loss_pct']:.3f} · {cells[n, who]['longest_gap_ms']:.0f}" for n in networks]
        loss.append(f"| `{who}` | " + " | ".join(row) + " |")

    def span(who, name, unit, digits):
        values = [cells[n, who][name] for n in networks]
        ends = [re.sub(r"^-?0\.?0*$", "0", f"{x:.{digits}f}") for x in (min(values), max(values))]
        return f"{ends[0]} {unit}" if ends[0] == ends[1] else f"{ends[0]} … {ends[1]} {unit}"

    cost = ["| | playout misses | jitter p95 | added delay p95 | overhead | with headers and hot copies | metered |",
            "|---|---|---|---|---|---|---|"]
    for who in people:
        parts = [span(who, "playout_miss_pct", "%", 1), span(who, "jitter_p95_ms", "ms", 1),
                 span(who, "added_delay_p95_ms", "ms", 1), span(who, "overhead_pct", "%", 1),
                 span(who, "all_extra_pct", "%", 1), span(who, "metered_kb", "kB", 0)]
        cost.append(f"| `{who}` | " + " | ".join(parts) + " |")
    return {"compare-loss": "\n".join(loss), "compare-cost": "\n".join(cost),
            "compare-outages": outage_table(compare["verdicts"], networks)}


OUTAGE_ROWS = [
    ("silence beyond the RTT of the primary", "dual: gap - RTT of primary"),
    ("silence beyond the RTT of the longer path", "dual: gap - RTT of longer path"),
    ("traffic moved, beyond half the RTT of the primary", "dual: moved - RTT/2 of primary"),
    ("the same, of the longer path", "dual: moved - RTT/2 of longer path"),
    ("metered bytes outside outages, of the flow", "dual: metered outside outages"),
]


def outage_table(verdicts, networks):
    by = {(v["network"], v["figure"]): v for v in verdicts}
    lines = ["| `dual` | floor | " + " | ".join(f"`{n}`" for n in networks) + " |", "|" + "---|" * (len(networks) + 2)]
    for words, figure in OUTAGE_ROWS:
        found = [by[n, figure] for n in networks]
        cells = [f"{v['median']:.0f} / {v['p95']:.0f} / {v['value']:.0f} ms, {v['within_floor_pct']:.0f} %"
                 if "median" in v else f"{v['value']:.1f} %" for v in found]
        lines.append(f"| {words} | {found[0]['floor']:g} {found[0]['unit']} | " + " | ".join(cells) + " |")
    return "\n".join(lines)

# The rows of docs/regimes.md and what bench_detect calls them.
CHANGES = [("jitter ×4", "jitter x4"), ("queue growing 0.2 ms/ms", "queue ramp 0.2 ms/ms"), ("loss 0.1 → 5 %", "loss 0.1 to 5 %"),
           ("+50 ms, same jitter (told as a level step; 50 ms pass before the first packet shows it)", "latency step +50 ms")]
NOISES = ["Gaussian, 0.5 % spikes", "log-normal", "exponential", "Laplace", "Gaussian, 2 % Pareto"]
RATES = ["200", "50"]


def detection_tables(rows):
    """How soon the detector finds a change, and its false alarms, from the rows of bench_detect by name."""
    changes = ["| change | packets/s | duality, median / p95 | CUSUM at one false alarm an hour | reference law at 560 an hour |",
               "|---|---|---|---|---|"]
    for words, name in CHANGES:
        for rate in RATES:
            median, p95 = (rows[f"{name}, {rate}/s: {which}"] for which in ("median", "p95"))
            beside = {"CUSUM": "", "reference law": ""}
            if name != "latency step +50 ms":
                beside[median["reference"]] = f"{median['reference_value']:.0f} / {p95['reference_value']:.0f} ms"
            law = rows.get(f"reference law: {name}, {rate}/s: median (5000: never)")
            if law:
                beside["reference law"] = f"{law['value']:.0f} ms median"
            words_of = words if rate == RATES[0] else "the same" if name.startswith("latency") else words
            changes.append(f"| {words_of} | {rate} | {median['value']:.0f} / {p95['value']:.0f} ms | {beside['CUSUM']} | "
                           f"{beside['reference law']} |".replace("|  |", "| |").replace("|  |", "| |"))
    alarms = ["| jitter | 200 packets/s | 50 packets/s |", "|---|---|---|"]
    for noise in NOISES:
        cells = [f"{rows[f'{noise}, {rate}/s: false alarms, configured 1/h']['value']:.2f} "
                 f"({rows[f'{noise}, {rate}/s:   of them by loss']['value']:.2f})" for rate in RATES]
        alarms.append(f"| {noise} | " + " | ".join(cells) + " |")
    return {"detect-changes": "\n".join(changes), "detect-alarms": "\n".join(alarms)}


def laws_table(rows):
    """The control laws side by side, from the rows of `duality lab laws --json`."""
    lines = ["| network | variant | loss % | added delay p95 ms | overhead % | playout miss % | adaptive is |",
             "|---|---|---|---|---|---|---|"]
    figures = ["apparent_loss_pct", "added_delay_p95_ms", "overhead_pct", "playout_miss_pct"]
    for r in rows:
        name = r["network"].removesuffix(".csv.gz").removeprefix("derived_200pps_")
        pairs = [f"{r['reference'][f]:.3f} / {r['adaptive'][f]:.3f}" for f in figures]
        lines.append(f"| `{name}` | {r['variant']} | " + " | ".join(pairs) + f" | {r['verdict']} |")
    return {"laws": "\n".join(lines)}


def every_figure(ledger):
    """A page of all rows of all benchmarks in a ledger of scripts/bench, those below their floor named first."""
    machine = ledger["machine"]
    lines = ["# Benchmarks", "",
             "Written by `make bench`; do not edit. Every figure of every benchmark program, on the machine below and whatever "
             "else", "it was doing: a row's ratio, where it has one, is that to its reference in the same run.", "",
             f"Revision {ledger['revision']}, {ledger['date'][:10]}. "
             f"{machine['processors']} × {machine['model']}, {', '.join(machine.get('vectors', []))}; load at the beginning "
             f"{machine['load'][0]:.1f}; {ledger['compiler']['version']}; "
             + "; ".join(f"{p} {v}" for p, v in ledger["versions"].items()) + ".", ""]
    below = [(p["name"], r["name"]) for p in ledger["programs"] for r in (p["results"] or {}).get("rows", [])
             if r.get("verdict") == "BELOW FLOOR"]
    lines.append(f"Below their floor: {len(below)}." + "".join(f"\n- `{p}`: {n}" for p, n in below))
    for program in ledger["programs"]:
        results = program["results"] or {}
        lines += ["", f"## {program['name']}", ""]
        if program["exit_code"] != 0:
            lines.append(f"Failed with exit code {program['exit_code']}.")
        if rows := results.get("rows"):
            lines += ["| | measured | reference | ratio | floor | target | |", "|---|---|---|---|---|---|---|"]
            for r in rows:
                by = "×" if r.get("bound_on") == "ratio" else ""
                floor, target = (f"{r[b]:g}{by}" if r.get(b) else "" for b in ("floor", "target"))
                reference = f"{r['reference']} {r['reference_value']:.4g}" if r.get("reference") else ""
                ratio = f"{r['ratio']:.3g}" if r.get("ratio") else ""
                lines.append(f"| {r['name'].strip()} | {r['value']:.4g} {r['unit']} | {reference} | {ratio} | {floor} | {target} | "
                             f"{r.get('verdict', '').lower()} |")
        elif marks := results.get("benchmarks"):
            lines += ["| | time |", "|---|---|"]
            lines += [f"| {m['name']} | {m['cpu_time']:.4g} {m['time_unit']} |" for m in marks if "cpu_time" in m]
    return "\n".join(lines) + "\n"


def put_tables(document, tables):
    text = document.read_text()
    for name, table in tables.items():
        mark = re.compile(rf"(<!-- results: {re.escape(name)} -->\n).*?(\n<!-- end -->)", re.S)
        text, found = mark.subn(lambda m: m.group(1) + "\n" + table + "\n" + m.group(2), text)
        if found != 1:
            sys.exit(f"results: {document.name} has no place for {name}")
    document.write_text(text)
