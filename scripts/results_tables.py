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
    ("the same of `dual_sparing`", "dual_sparing: metered outside outages"),
    ("the least that loses no more than 0.2 %", "least metered outside outages: loss"),
    ("the least that keeps every silence within the first floor", "least metered outside outages: gap"),
    ("the least that also moves all packets in time, at every outage", "least metered outside outages: gap, moved"),
    ("the same, told what has arrived every 20 ms", "least metered outside outages: both, by reports"),
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


# Networks on whose first path the flow stays most of the time.
EVEN = ["reference", "cable_ftth", "leo_satellite", "vpn_on_path"]


def patience_table(by_margin):
    """What a longer silence before suspicion saves and costs, from results of `duality lab compare` by margin in ms."""
    def within(compare, figure):
        found = [v for v in compare["verdicts"] if v["figure"] == figure and "samples" in v]
        return sum(v["within_floor_pct"] * v["samples"] for v in found) / sum(v["samples"] for v in found)

    lines = ["| margin | silence within RTT + 40 ms | moved in time | apparent loss, worst network | metered outside outages: "
             + " | ".join(f"`{n}`" for n in EVEN) + " |", "|" + "---|" * (4 + len(EVEN))]
    for margin, compare in sorted(by_margin.items()):
        by = {(v["network"], v["figure"]): v["value"] for v in compare["verdicts"]}
        loss = max(value for (_, figure), value in by.items() if figure == "dual: apparent loss, mean")
        metered = [f"{by[n, 'dual: metered outside outages']:.1f} %" for n in EVEN]
        lines.append(f"| {margin} ms | {within(compare, 'dual: gap - RTT of primary'):.0f} % | "
                     f"{within(compare, 'dual: moved - RTT/2 of primary'):.0f} % | {loss:.3f} % | " + " | ".join(metered) + " |")
    return {"compare-patience": "\n".join(lines)}


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


class Rows:
    """The rows of a ledger's programs by name; of those with the same name by their order."""

    def __init__(self, ledger):
        self.by = {}
        for program in ledger["programs"]:
            for r in (program["results"] or {}).get("rows", []):
                self.by.setdefault((program["name"], r["name"].strip()), []).append(r)

    def __call__(self, program, name, nth=0):
        found = self.by.get((program, name), [])
        if nth >= len(found):
            sys.exit(f"results: {program} has no row {name!r}")
        return found[nth]


def digits(value, most=3):
    """With so many digits, no more than are needed, and thousands apart."""
    if abs(value) >= 10 ** most:
        return f"{float(f'{value:.{most}g}'):,.0f}"
    return f"{value:.{most}g}" if "e" not in f"{value:.{most}g}" else f"{value:.6f}".rstrip("0")


PARITY_ROWS = [
    ("sliding window, one repair per 20 packets over 40", "RLC encode W=40/20", "ISA-L the same way"),
    ("", "against a bare dot product", "a bare dot product of the same kernel"),
    ("", "against ISA-L with coefficients kept", "ISA-L, the numbers of each key kept"),
    ("", "against ISA-L with tables kept", "ISA-L, its tables kept in 32 times the room"),
    ("the pace not announced", "the pace not announced", "ISA-L the same way"),
    ("its decoder, every loss repaired", "RLC decode W=40/20, every loss repaired", ""),
    ("block 20 + 2, encode", "block 20+2 encode", "ISA-L"),
    ("block 20 + 2, decode two losses", "block 20+2 decode, 2 lost", "ISA-L"),
    ("block 20 + 10, encode", "block 20+10 encode", "ISA-L"),
    ("block 20 + 10, decode ten losses", "block 20+10 decode, 10 lost", "ISA-L"),
]
KERNELS = {"avx2": "sliding window, AVX2 only", "scalar": "sliding window, no vectors"}


def parity_table(rows):
    lines = ["| `bench_parity` | GB/s | beside it, in the same run | ratio |", "|---|---|---|---|"]
    for words, name, beside in PARITY_ROWS:
        r = rows("bench_parity", name)
        reference = f"{beside}: {digits(r['reference_value'], 2)}" if beside else ""
        ratio = digits(r["ratio"], 2 if r["ratio"] < 100 else 3) if beside else ""
        lines.append(f"| {words} | {digits(r['value'], 2 if r['value'] < 100 else 3) if words else ''} | {reference} | {ratio} |")
    for kernel, words in KERNELS.items():
        if ("bench_parity", f"RLC encode W=40/20, {kernel}") in rows.by:
            lines.append(f"| {words} | {digits(rows('bench_parity', f'RLC encode W=40/20, {kernel}')['value'], 2)} | | |")
    return "\n".join(line.replace("|  |", "| |").replace("|  |", "| |") for line in lines)


def players_table(players):
    """NetEQ with its defaults, and the others at its mean delay, over recorded paths; nothing where there are none."""
    paths = {}
    for p in players:
        if p["kind"] == "trace" and p["peer"] == "default":
            paths.setdefault(p["path"], {})[p["player"]] = p
    lines = ["| path | mean delay | NetEQ | voice_playout | ratio | fixed | bound |", "|---|---|---|---|---|---|---|"]
    for path, by in paths.items():
        share = {player: 100 * float(p["concealed_share"]) for player, p in by.items()}
        percent = {player: f"{s:.3f} %" if s > 0 else "0" for player, s in share.items()}
        ratio = share["voice_playout"] / share["neteq"] if share["neteq"] > 0 else 1
        lines.append(f"| `{path}` | {float(by['neteq']['mean_delay_ms']):.1f} ms | {percent['neteq']} | {percent['voice_playout']} | "
                     f"{ratio:.2f} | {percent['fixed']} | {percent['clairvoyant']} |")
    return "\n".join(lines) if paths else ""


def players_summary(rows):
    def value(name, nth=0):
        return rows("bench_playout", name, nth)["value"]

    gaps = [f"{value('gap to the bound closed', i):.0f} %" for i in range(4)]
    return "\n".join([
        "| summary | figure |", "|---|---|",
        f"| made up, against NetEQ: recorded paths, families (geometric mean) | {value('made up / NetEQ, traces'):.2f} ×, "
        f"{value('made up / NetEQ, families'):.2f} ×; worst path {value('worst trace'):.2f} × |",
        f"| against NetEQ with a maximum delay of 30 ms | {value('made up / NetEQ max 30 ms, traces'):.2f} ×, "
        f"{value('made up / NetEQ max 30 ms, families'):.2f} × |",
        f"| gap between NetEQ and the bound closed | {gaps[0]}, {gaps[1]}; at 30 ms {gaps[2]}, {gaps[3]} |",
        f"| jitter p95 after the jitter hold, against none, recorded paths | "
        f"−{-value('jitter p95 after the hold, against none'):.0f} % |",
        f"| back within 10 ms of the steady delay after a stall of 50 … 1600 ms on a path with σ 3 ms, worst | "
        f"{value('back within 10 ms after a stall, worst'):.2f} s |"])


def playout_costs(rows):
    def ns(name, program="bench_playout"):
        return f"{digits(rows(program, name)['value'])} ns"

    hold = rows("bench_playout", "jitter hold: push + release, per packet")
    return "\n".join([
        "| what | cost |", "|---|---|",
        f"| `jitter_hold`: push and release | {digits(hold['value'])} ns |",
        *([f"| speexdsp `JitterBuffer`: put and get, same arrivals, same run | {digits(hold['reference_value'])} ns |"]
          if hold["reference"] else []),
        f"| `voice_playout`: push and two ticks, per frame | {ns('voice playout: push + 2 ticks, per frame')} |",
        f"| `regime_detector::on_arrival`, alarms included | {ns('detector, per packet', 'bench_detect')} |",
        f"| the same and the metrics of a report | {ns('detector + statistics, per packet', 'bench_detect')} |",
        f"| `controller::update`, reference and adaptive law | {digits(rows('bench_playout', 'controller: update, reference law')['value'])} "
        f"and {ns('controller: update, adaptive law')} |"])


def bond_outages(rows):
    lines = ["| RTT | packets/s | silent both ways | only forward | only backward | lost | used again after |",
             "|---|---|---|---|---|---|---|"]
    for rtt in (20, 60):
        for rate in (20, 50, 100, 500):
            def worst(figure):
                return max(rows("bench_bond", f"{way}, RTT {rtt} ms, {rate}/s: {figure}")["value"] for way in ("up", "down"))
            gaps = [f"{worst(f'gap, silent {which}'):.0f} ms" for which in ("both ways", "forward", "backward")]
            lines.append(f"| {rtt} ms | {rate} | " + " | ".join(gaps) +
                         f" | {worst('lost at worst'):.0f} | {worst('used again after') / 1000:.1f} s |")
    return "\n".join(lines)


BOND_MEMORY = [
    ("room of the session, payloads of up to 1,200 bytes", "relay: of that, the session of the bond"),
    ("the same, payloads of up to 256 bytes", "relay: the same, of a client with payloads up to 256"),
    ("resident, two connections with an echo 20 times a second", "relay, resident: the connections with one echo, 20/s"),
    ("resident, a bond over them beyond that", "relay, resident: a bond beyond its connections, 20/s"),
    ("resident, the two connections, idle", "relay, resident: two connections with a tunnel each, idle"),
    ("resident, an idle bond over them beyond that", "relay, resident: a bond beyond its connections, idle"),
]


def bond_memory(rows):
    lines = ["| of a relay | |", "|---|---|"]
    return "\n".join(lines + [f"| {words} | {digits(rows('bench_bond', name)['value'])} KiB |" for words, name in BOND_MEMORY])


def relay_table(rows):
    def value(name, nth=0):
        return rows("bench_masque", name, nth)["value"]

    def lost(nth):
        share = value("lost", nth)
        return "none lost" if share == 0 else f"{digits(share, 2)} % lost"

    plain = rows("bench_masque", "more than through a plain UDP forwarder")
    two = rows("bench_masque", "more than through two plain UDP forwarders in a row")
    idle = value("resident memory, idle tunnel with its own connection")
    return "\n".join([
        "| what | of one worker |", "|---|---|",
        f"| payloads up, 200 bytes | {digits(value('up, 200 B, per second of the relay' + chr(39) + 's processor'))} per second of its "
        f"processor time, {lost(0)} |",
        f"| payloads up, 1,200 bytes | {digits(value('up, 1200 B, per second of the relay' + chr(39) + 's processor'))} per second of its "
        f"processor time, {lost(1)} |",
        f"| payloads down, 1,200 bytes | {digits(value('down, 1200 B, per second of the relay' + chr(39) + 's processor'))} per second of "
        f"its processor time |",
        f"| tunnels opened, each with its connection | "
        f"{digits(value('tunnels opened with their connections, per processor s'))} per second of its processor time |",
        f"| echo at 1,000/s, p50 | {value('echo at 1,000/s through client and relay, p50'):.0f} µs; through two plain forwarders in a "
        f"row {two['reference_value']:.0f}, through one {plain['reference_value']:.0f} |",
        f"| memory of an idle tunnel and its connection | {digits(idle)} KiB: {idle * 10.24:.0f} MB for 10,000 clients |",
        f"| memory of a further tunnel on a connection | {digits(value('resident memory, further tunnel on a connection'), 2)} KiB |",
        f"| memory of an idle bond, besides its two connections | "
        f"{digits(rows('bench_bond', 'relay, resident: a bond beyond its connections, idle')['value'])} KiB |",
        f"| memory of a bond with 20 payloads of 200 bytes a second, besides its two connections | "
        f"{digits(rows('bench_bond', 'relay, resident: a bond beyond its connections, 20/s')['value'])} KiB |",
        f"| tunnels open at once, each with an echo | {value('concurrent tunnels on one worker, each with an echo'):,.0f}, with 20,000 "
        f"files allowed |"])


def guide_tables(ledger, players):
    """The tables of the guides that come from a ledger of all benchmarks, by document and name."""
    rows = Rows(ledger)
    playout = {"playout-summary": players_summary(rows), "playout-cost": playout_costs(rows)}
    if table := players_table(players):
        playout["playout-players"] = table
    return {"parity.md": {"parity-speed": parity_table(rows)}, "playout.md": playout,
            "bonding.md": {"bond-outages": bond_outages(rows), "bond-memory": bond_memory(rows)},
            "relay.md": {"relay-worker": relay_table(rows)}}


def put_tables(document, tables):
    text = document.read_text()
    for name, table in tables.items():
        mark = re.compile(rf"(<!-- results: {re.escape(name)} -->\n).*?(\n<!-- end -->)", re.S)
        text, found = mark.subn(lambda m: m.group(1) + "\n" + table + "\n" + m.group(2), text)
        if found != 1:
            sys.exit(f"results: {document.name} has no place for {name}")
    document.write_text(text)
