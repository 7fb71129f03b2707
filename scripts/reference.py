#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The reference of the public headers, by Doxygen; complains about every public symbol that nothing documents.

    reference.py FOLDER [--html]     --html: also writes FOLDER/html/index.html

A symbol is documented in its header or, where its name says it all there, in docs/reference/words.txt. A configuration
and a struct of counters are documented by their name; a type with the name of its header by the head of the header.
Exit code 77 (skipped): Doxygen is missing.
"""
import collections
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
WARNING = re.compile(r"^(?P<file>[^:]+):(?P<line>\d+): warning: (?P<rest>.*)$")
SYMBOL = re.compile(r"(?:Compound (?P<compound>\S+)|Member (?P<member>operator\s*\S+?(?=\(| \()|\w+).*? of "
                    r"(?:class|struct|union|namespace|file) (?P<scope>\S+)) is not documented")
SETTINGS = """
PROJECT_NAME = DUALITY
INPUT = {inputs}
RECURSIVE = YES
FILE_PATTERNS = *.hpp *.h *.md
EXCLUDE_PATTERNS = */detail/*
EXCLUDE_SYMBOLS = duality::v0::detail duality::v0::*::detail
STRIP_FROM_PATH = {strip}
USE_MDFILE_AS_MAINPAGE = {main}
OUTPUT_DIRECTORY = {out}
GENERATE_LATEX = NO
GENERATE_HTML = {html}
EXTRACT_ALL = NO
EXTRACT_STATIC = YES
JAVADOC_AUTOBRIEF = YES
MACRO_EXPANSION = YES
PREDEFINED = DUALITY_API= DUALITY_MASQUE_API=
QUIET = YES
WARN_IF_UNDOCUMENTED = YES
WARN_IF_DOC_ERROR = YES
HAVE_DOT = NO
"""


class Words(dict):
    """Remembers which of its entries were of use."""

    def __init__(self):
        super().__init__()
        self.used = set()

    def get(self, name):
        if name in self:
            self.used.add(name)
        return super().get(name)


def words():
    table = Words()
    for line in (ROOT / "docs/reference/words.txt").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            name, _, meaning = line.partition("  ")
            table[name] = meaning
    return table


def head_of(header):
    """The comment at the head of a header, as one paragraph."""
    found = re.match(r"// SPDX.*\n//\n((?://.*\n)+)", header.read_text(encoding="utf-8"))
    return " ".join(line.lstrip("/ ") for line in found[1].splitlines()).split("  ")[0] if found else ""


def meaning_of(symbol, header, table):
    """What documents a symbol that its header does not, or None."""
    if name := symbol["compound"]:
        short = name.removeprefix("duality::v0::").removeprefix("duality_").split("::")[-1]
        if short == header.stem:
            return head_of(header)
        for ending, text in (("_config", "How a `{}` is made."), ("_statistics", "What a `{}` has counted.")):
            if short.endswith(ending):
                return text.format(short.removesuffix(ending))
        return table.get(short)
    member = re.sub(r"(?<!operator)\[.*", "", symbol["member"].replace(" ", ""))
    if member == "operatorbool":
        member = "operator bool"
    scope = symbol["scope"].split("/")[-1].split("::")[-1].removeprefix("duality_")
    plain = member.removeprefix("duality_")
    for name in (plain, plain.removesuffix("_ns")):
        if text := table.get(f"{scope}::{name}") or table.get(name):
            return text
    if symbol["scope"].split("::")[-1] == member:
        return "Makes one."
    return None


def begin_of(lines, at):
    """Where the declaration that line `at` is part of begins."""
    while at > 0 and (before := lines[at - 1].split("//")[0].rstrip()) and not before.endswith((";", "{", "}", ":", "*/")) \
            and not before.lstrip().startswith("#") and not before.endswith(","):
        at -= 1
    return at


class Reference:
    def __init__(self, out):
        self.out = out
        self.sources = out / "sources"
        shutil.rmtree(out, ignore_errors=True)
        shutil.copytree(ROOT / "include", self.sources / "include")
        for header in (ROOT / "capi").glob("*.h"):
            shutil.copy(header, self.sources / "include/duality")
        (self.sources / "README.md").write_text("Reference of the public headers; the guides are in docs/.\n")

    def doxygen(self, html):
        settings = SETTINGS.format(inputs=f"{self.sources / 'include'} {self.sources / 'README.md'}", out=self.out,
                                   strip=self.sources / "include", html="YES" if html else "NO",
                                   main=self.sources / "README.md")
        if not html:
            settings += "GENERATE_XML = YES\n"
        (self.out / "Doxyfile").write_text(settings)
        done = subprocess.run(["doxygen", self.out / "Doxyfile"], capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"reference: doxygen failed\n{done.stderr}")
        return [m for line in done.stderr.splitlines() if (m := WARNING.match(line))]

    def complete(self, table):
        """Puts the words of the table where a header has none; the number of symbols that got them."""
        missing = collections.defaultdict(set)
        for warning in self.doxygen(html=False):
            symbol = SYMBOL.match(warning["rest"])
            header = pathlib.Path(warning["file"])
            if symbol and (text := meaning_of(symbol, header, table)):
                missing[header].add((int(warning["line"]), text))
        for header, found in missing.items():
            lines = header.read_text(encoding="utf-8").splitlines()
            for number, text in sorted(found, reverse=True):
                at = begin_of(lines, number - 1)
                lines[at] = f"/** {text} */ {lines[at]}"
            header.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return sum(map(len, missing.values()))


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    if shutil.which("doxygen") is None:
        print("reference: skipped, doxygen is missing; scripts/install-deps installs it")
        sys.exit(77)
    out = pathlib.Path(sys.argv[1]).resolve()
    reference = Reference(out)
    table = words()
    named = reference.complete(table)
    wrong = reference.doxygen(html="--html" in sys.argv)
    for warning in wrong:
        where = pathlib.Path(warning["file"])
        print(f"reference: {where.relative_to(reference.sources) if where.is_relative_to(reference.sources) else where}:"
              f"{warning['line']}: {warning['rest']}")
    idle = sorted(set(table) - table.used)
    for name in idle:
        print(f"reference: words.txt: nothing needs {name}")
    print(f"reference: {named} symbols documented by their names, {len(wrong)} by nothing or wrongly")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
