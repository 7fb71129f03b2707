#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The core and its C interface as two files to drop into any project: duality.h and duality.cpp (C++20, no dependency).

    amalgamate.py FOLDER

The C++ file is every source in one, each header once. Names that two sources keep to themselves in unnamed namespaces get
the name of the source behind them, so that nothing collides. The lab is left out: `duality_lab_…` are not there.
"""
import collections
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
PLACES = (ROOT / "include", ROOT / "src", ROOT / "capi")
# Text that each source that includes it completes in its own way.
TEMPLATES = {ROOT / "src/parity/vector_kernel.hpp"}
INCLUDE = re.compile(r'^#include "([^"]+)"', re.M)


class Amalgamation:
    def __init__(self):
        self.seen = set()
        self.shared = set()

    def find(self, name, beside):
        for folder in (beside, *PLACES):
            if (folder / name).is_file():
                return (folder / name).resolve()
        sys.exit(f"amalgamate: no such header: {name}")

    def add(self, path):
        """The file with what it includes before it, each header once."""
        if path in self.seen:
            return ""
        if path not in TEMPLATES:
            self.seen.add(path)
        text = path.read_text(encoding="utf-8")
        out = [f"\n// {path.relative_to(ROOT)}\n"]
        for line in text.splitlines():
            wanted = INCLUDE.match(line)
            if wanted and wanted.group(1) != "duality.h":
                out.append(self.add(self.find(wanted.group(1), path.parent)))
            elif wanted or line.startswith(("#pragma once", "// SPDX-License-Identifier")):
                continue
            else:
                out.append(line + "\n")
        return "".join(out)

    def source(self, path):
        """A source file; names it keeps to itself and shares with another one get its name behind them."""
        text = self.add(path)
        for name in sorted(private_names(path) & self.shared):
            text = text[:text.index(f"// {path.relative_to(ROOT)}\n")] + re.sub(
                rf"(?<![\w.>:\"])\b{name}\b(?![\w\"])", f"{name}_{re.sub(chr(92) + 'W', '_', path.stem)}",
                text[text.index(f"// {path.relative_to(ROOT)}\n"):])
        # What a source defines for the preprocessor ends with it.
        macros = re.findall(r"^#\s*define (\w+)", path.read_text(encoding="utf-8"), re.M)
        for template in TEMPLATES:
            if f"// {template.relative_to(ROOT)}\n" in text:
                macros += re.findall(r"^#\s*define (\w+)", template.read_text(encoding="utf-8"), re.M)
        return text + "".join(f"#undef {name}\n" for name in sorted(set(macros)))


def private_names(path):
    """What a source declares at the top level of its unnamed namespaces."""
    names = set()
    text = path.read_text(encoding="utf-8")
    for template in TEMPLATES:
        if template.name in text and path != template:
            names |= private_names(template)
    for block in re.findall(r"^namespace \{\n(.*?)^\}  // namespace$", text, re.M | re.S):
        for line in block.splitlines():
            line = re.sub(r"^DUALITY_\w+(\([^)]*\))? |\[\[.*?\]\] ?", "", line)
            if not line or line[0] in " }/#":
                continue
            found = re.match(r"(?:struct|class|enum class) (\w+)", line) or re.search(r"(\w+)\s*(?:\(|=|\{|\[(?!\[))", line)
            if found:
                names.add(found.group(1))
    return names


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    version = re.search(r"VERSION (\d+\.\d+\.\d+)", (ROOT / "CMakeLists.txt").read_text(encoding="utf-8").split(
        "project(", 1)[1]).group(1)
    sources = [path for folder_ in ("src/core", "src/parity", "capi") for path in sorted((ROOT / folder_).glob("*.cpp"))
               if path.name != "lab.cpp"]
    counts = collections.Counter(name for path in sources for name in private_names(path))
    made = Amalgamation()
    made.shared = {name for name, count in counts.items() if count > 1}
    body = "".join(made.source(path) for path in sources)
    (folder / "duality.cpp").write_text(
        "// SPDX-License-Identifier: MIT\n//\n// DUALITY, core and C interface, in one file: made by scripts/amalgamate.py. "
        "Compile as C++20.\n"
        f'#define DUALITY_VERSION_STRING "{version}"\n#include "duality.h"\n' + body, encoding="utf-8")
    (folder / "duality.h").write_text((ROOT / "capi/duality.h").read_text(encoding="utf-8"), encoding="utf-8")


if __name__ == "__main__":
    main()
