#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the table of frozen values, capi/values.txt, is turned into.

    values.py --write          the constants in capi/duality.h, docs/values.md and the enumerations of the Python package
    values.py --check          complain when these are not what the table says
    values.py --cpp FILE       a C++ file that compiles only when the enumerations are those of the table
    values.py --json           the table, for bindings
"""
import argparse
import json
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
TABLE = ROOT / "capi/values.txt"
HEADER = ROOT / "capi/duality.h"
DOCUMENT = ROOT / "docs/values.md"
PYTHON = ROOT / "bindings/python/duality/enums.py"
BEGIN = "// Values, from capi/values.txt."
COLUMNS = 120
# Where the name of a set alone says too little, or another thing has it.
PYTHON_NAMES = {"error": "ErrorCode", "cost": "CostClass", "transmit": "TransmitKind", "output": "OutputKind",
                "regime_event": "RegimeEventKind", "path_event": "PathEventKind", "session_event": "SessionEventKind",
                "retry": "RetryAdvice", "log": "LogLevel", "config": "ConfigKind"}
END = "// End of the values."


def fail(why):
    sys.exit(f"values: {why}")


def read_table():
    """Sets in order, each {name, cpp, prefix, meaning, rows}."""
    sets = []
    for number, line in enumerate(TABLE.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        head = re.fullmatch(r"\[(\w+)\] ([\w:]+) (\w+): (.+)", line)
        if head:
            sets.append(dict(zip(("name", "cpp", "prefix", "meaning"), head.groups()), rows=[]))
            continue
        if not sets:
            fail(f"line {number} is before the first set")
        if sets[-1]["name"] == "error":
            row = re.fullmatch(r"(\w+)\s+(\d+)\s+(\d{3})\s+(no|with_back_off)\s+(.+)", line)
            keys = ("name", "value", "http", "retry", "meaning")
        else:
            row = re.fullmatch(r"(\w+)\s+(-?\d+)\s+(.+)", line)
            keys = ("name", "value", "meaning")
        if not row:
            fail(f"line {number} cannot be read: {line}")
        entry = dict(zip(keys, row.groups()))
        entry["value"] = int(entry["value"])
        sets[-1]["rows"].append(entry)
    for group in sets:
        for key in ("name", "value"):
            seen = [row[key] for row in group["rows"]]
            if len(seen) != len(set(seen)):
                fail(f"a {key} comes twice in [{group['name']}]")
    return sets


def constant(group, row):
    return group["prefix"] + row["name"].upper()


def meaning(row):
    return row["meaning"] if "http" not in row else f"E{row['value']:03}, HTTP {row['http']}: {row['meaning']}"


def header_text(sets):
    out = [BEGIN, ""]
    for group in sets:
        out += [f"/// {group['meaning'][0].upper()}{group['meaning'][1:]}.", "enum {"]
        items = [f"{constant(group, row)} = {row['value']}," for row in group["rows"]]
        items[-1] = items[-1][:-1]
        width = max(map(len, items))
        meanings = [meaning(row) for row in group["rows"]]
        beside = [f"    {item:{width}}  ///< {text}" for item, text in zip(items, meanings)]
        if max(map(len, beside)) <= COLUMNS:
            out += beside
        else:
            for item, text in zip(items, meanings):
                out += [f"    /// {text}", f"    {item}"]
        out += ["};", ""]
    return "\n".join(out + [END])


def document_text(sets):
    out = ["# Frozen values", "",
           "Written by `scripts/values.py --write` from `capi/values.txt`: the same numbers in C++, C, Python and the REST",
           "API. A value that was released never changes.", ""]
    for group in sets:
        out += [f"## {group['name']}", "", f"{group['meaning'][0].upper()}{group['meaning'][1:]}.", ""]
        if group["name"] == "error":
            out += ["| C | code | value | HTTP | retry | the user should |", "|---|---|---|---|---|---|"]
            out += [f"| `{constant(group, r)}` | E{r['value']:03} | {r['value']} | {r['http']} | "
                    f"{r['retry'].replace('_', ' ')} | {r['meaning']} |" for r in group["rows"]]
        else:
            out += ["| C | value | meaning |", "|---|---|---|"]
            out += [f"| `{constant(group, r)}` | {r['value']} | {r['meaning']} |" for r in group["rows"]]
        out.append("")
    return "\n".join(out)


def python_text(sets):
    out = ["# SPDX-License-Identifier: MIT", "#", "# Written by `scripts/values.py --write` from capi/values.txt.",
           '"""Enumerations; the same numbers in C++, C and the REST API, which never change once released."""', "",
           "import enum"]
    for group in sets:
        name = PYTHON_NAMES.get(group["name"], "".join(word.title() for word in group["name"].split("_")))
        out += ["", "", f"class {name}(enum.IntEnum):",
                f'    """{group["meaning"][0].upper()}{group["meaning"][1:]}."""', ""]
        for row in group["rows"]:
            out += [f"    {row['name'].upper()} = {row['value']}", f'    """{meaning(row)}"""']
    return "\n".join(out) + "\n"


def cpp_text(sets):
    """Fails to compile when a value differs, or (-Wswitch) when an enumerator is not in the table."""
    out = ["// Written by scripts/values.py.", '#include "duality.h"', '#include "duality/masque/tunnel.hpp"',
           '#include "enumerations.hpp"', "", "namespace {", ""]
    for group in sets:
        kind = group["cpp"]
        out.append(f"[[maybe_unused]] constexpr bool in_table({kind} value) {{")
        out.append("    switch (value) {")
        for row in group["rows"]:
            out.append(f"        case {kind}::{row['name']}: return true;")
        out += ["    }", "    return false;", "}"]
        for row in group["rows"]:
            out.append(f"static_assert(static_cast<long long>({kind}::{row['name']}) == {row['value']});")
            out.append(f"static_assert({constant(group, row)} == {row['value']});")
        if group["name"] == "status":
            for row in group["rows"]:
                out.append(f'static_assert(duality::to_string({kind}::{row["name"]}) == "{row["name"]}");')
        if group["name"] == "error":
            out.append(f"static_assert(std::size(duality::error_catalogue) == {len(group['rows'])});")
            for row in group["rows"]:
                found = f"duality::find_error({kind}::{row['name']})"
                out.append(f'static_assert({found}->id == "E{row["value"]:03}");')
                out.append(f'static_assert({found}->name == "{row["name"].upper()}");')
                out.append(f"static_assert({found}->http == {row['http']});")
                out.append(f"static_assert({found}->retry == duality::retry_advice::{row['retry']});")
                out.append(f'static_assert({found}->advice == "{row["meaning"]}");')
        out.append("")
    return "\n".join(out + ["}  // namespace", ""])


def with_values(header, values):
    begin, end = header.find(BEGIN), header.find(END)
    if begin < 0 or end < 0:
        fail(f"{HEADER.name} has no place for the values")
    return header[:begin] + values + header[end + len(END):]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    action = parser.add_mutually_exclusive_group(required=True)
    action.add_argument("--write", action="store_true")
    action.add_argument("--check", action="store_true")
    action.add_argument("--json", action="store_true")
    action.add_argument("--cpp", metavar="FILE")
    arguments = parser.parse_args()

    sets = read_table()
    if arguments.json:
        print(json.dumps(sets, indent=1, ensure_ascii=False))
        return
    if arguments.cpp:
        pathlib.Path(arguments.cpp).write_text(cpp_text(sets), encoding="utf-8")
        return
    header = HEADER.read_text(encoding="utf-8")
    wanted = {HEADER: with_values(header, header_text(sets)), DOCUMENT: document_text(sets), PYTHON: python_text(sets)}
    for path, text in wanted.items():
        if arguments.write:
            path.write_text(text, encoding="utf-8")
        elif not path.exists() or path.read_text(encoding="utf-8") != text:
            fail(f"{path.relative_to(ROOT)} is not what the table says; run scripts/values.py --write")
    print(f"values: {sum(len(s['rows']) for s in sets)} values in {len(sets)} sets")


if __name__ == "__main__":
    main()
