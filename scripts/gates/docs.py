#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every block of code in README.md and docs/ is compiled, run, or part of a file that is.

    docs.py INCLUDE_FOLDER BUILD_FOLDER WORK_FOLDER

What a fenced block is held to follows from its language and from a comment on the line before it:

    <!-- PATH -->               the block is in that file of the repository, to the letter but for indentation
    <!-- run by PATH -->        a test runs these commands: it is there, and names every program they begin with
    <!-- in                     C++: the block stands in these surroundings, in the place of @; the whole compiles
    ...                         without a warning
    -->

Without a comment: C++ and C compile as they are; Python is run by bindings/python/tests/test_docs.py. Commands, in
fenced and in indented blocks, name what there is: targets of the Makefile, scripts and their words, and subcommands and
options of duality. Links within the repository lead somewhere.
"""
import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
FENCE = re.compile(r"^(?:<!-- (?P<mark>[^\n]*?)(?: -->|\n(?P<around>.*?)\n-->)\n)?```(?P<language>[a-z]+)\n"
                   r"(?P<code>.*?)^```$", re.M | re.S)
COMMAND = re.compile(r"^ {4}(?P<command>(?:duality|make|cmake|pip|cargo) .*(?:\\\n.*)*)", re.M)
STATEMENT = re.compile(r"^ {4}.*[;{]\s*(?://.*)?$", re.M)
COMPILER = {"cpp": ["g++", "-std=c++20", "-x", "c++"], "c": ["gcc", "-std=c99", "-pedantic-errors", "-x", "c"]}
FLAGS = ["-Wall", "-Wextra", "-Werror", "-Wno-unused-variable", "-Wno-unused-but-set-variable", "-fsyntax-only"]


def dedented(text):
    return "\n".join(line.strip() for line in text.strip().splitlines())


class Gate:
    def __init__(self, include, build, work):
        self.include, self.build, self.work = (pathlib.Path(p).resolve() for p in (include, build, work))
        self.work.mkdir(parents=True, exist_ok=True)
        self.targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.M))
        self.helps, self.wrong, self.blocks = {}, [], 0
        self.jobs = concurrent.futures.ThreadPoolExecutor(os.cpu_count())

    def complain(self, where, what):
        self.wrong.append(f"{where}: {what}")

    def check(self, path):
        text = path.read_text(encoding="utf-8")
        name = path.relative_to(ROOT)
        for found in FENCE.finditer(text):
            self.blocks += 1
            line = text.count("\n", 0, found.start("code")) + 1
            self.check_block(f"{name}:{line}", **found.groupdict())
        fences = len(re.findall(r"^```[a-z]+$", text, re.M))
        if fences != len(FENCE.findall(text)):
            self.complain(name, "a block that this gate cannot read")
        for found in re.finditer(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", text):
            if not (path.parent / found[1]).exists():
                self.complain(name, f"leads to {found[1]}, which is not there")
        if found := STATEMENT.search(FENCE.sub("", text)):
            self.complain(name, f"code that is not in a fenced block: {found[0].strip()}")
        for found in COMMAND.finditer(FENCE.sub("", text)):
            self.check_command(f"{name}:{text.count(chr(10), 0, text.find(found['command'])) + 1}", found["command"])

    def check_block(self, where, mark, around, language, code):
        if mark and mark.startswith("run by "):
            test = ROOT / mark.removeprefix("run by ")
            programs = {line.split()[0] for line in code.splitlines() if line.strip() and not line.startswith(("#", " "))}
            said = test.read_text() if test.is_file() else ""
            for program in sorted(programs - {"cd", "export"}):
                known = "compiler" if program in ("cc", "c++", "gcc", "g++") else pathlib.Path(program).name
                if not re.search(rf"\b{re.escape(known)}\b", said, re.I):
                    self.complain(where, f"{mark.removeprefix('run by ')} does not run {program}")
        elif mark and mark != "in" and mark != "compiled":
            source = ROOT / mark
            if not source.is_file() or dedented(code) not in dedented(source.read_text(encoding="utf-8")):
                self.complain(where, f"is not in {mark}")
        elif language in COMPILER:
            self.jobs.submit(self.compile, where, language, around.replace("@", code, 1) if around else code)
        elif language == "sh":
            for command in code.replace("\\\n", " ").splitlines():
                self.check_command(where, command, fenced=True)
        elif language == "python":
            if not where.startswith("docs/python.md:"):
                self.complain(where, "Python that nothing runs")
        elif language != "text":
            self.complain(where, f"{language} that nothing checks")

    def compile(self, where, language, code):
        done = subprocess.run([*COMPILER[language], *FLAGS, "-I", self.include, "-I", self.build / "capi/include", "-"],
                              input=code, text=True, capture_output=True, cwd=self.work)
        if done.returncode != 0:
            self.complain(where, "does not compile\n" + done.stderr)

    def check_command(self, where, command, fenced=False):
        words = command.split("#")[0].replace("\\", " ").split()
        if words[:1] == ["make"]:
            for target in words[1:]:
                if target not in self.targets:
                    self.complain(where, f"the Makefile has no {target}")
        elif words[:1] == ["duality"]:
            self.check_duality(where, words[1:])
        elif words and words[0].startswith("scripts/"):
            said = (ROOT / words[0]).read_text() if (ROOT / words[0]).is_file() else ""
            for word in [words[0]] + [w for w in words[1:] if "/" not in w]:
                if pathlib.Path(word).name not in said:
                    self.complain(where, f"{words[0]} knows no {word}")
        elif words and fenced:
            self.complain(where, f"nothing runs {words[0]}")

    def check_duality(self, where, words):
        program = self.build / "bin/duality"
        if not program.is_file():
            return  # a build without programs
        named = []
        while words and re.fullmatch(r"[a-z]+", words[0]):
            named.append(words.pop(0))
        key = tuple(named)
        if key not in self.helps:
            done = subprocess.run([program, *named, "--help"], text=True, capture_output=True)
            self.helps[key] = done.stdout if done.returncode == 0 else ""
        for word in [w for w in words if w.startswith("--")]:
            if not re.search(rf"(^|[ ,]){re.escape(word.split('=')[0])}\b", self.helps[key], re.M):
                self.complain(where, f"duality {' '.join(named)} has no {word}")
        if not self.helps[key]:
            self.complain(where, f"there is no duality {' '.join(named)}")


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    gate = Gate(*sys.argv[1:])
    for path in [ROOT / "README.md", ROOT / "SECURITY.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        gate.check(path)
    gate.jobs.shutdown()
    for wrong in sorted(gate.wrong):
        print("docs:", wrong)
    if not gate.blocks:
        sys.exit("docs: no block of code found")
    print(f"docs: {gate.blocks} blocks")
    sys.exit(1 if gate.wrong else 0)


if __name__ == "__main__":
    main()
