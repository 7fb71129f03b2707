#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Type stubs of the compiled half of the package, from what the module says of itself.

    stubs.py --write    rewrite duality/_duality.pyi
    stubs.py --check    complain when it is not what the module says

The package must be importable (PYTHONPATH=<build>/python).
"""
import argparse
import inspect
import pathlib
import re
import sys

import duality
from duality import _duality

STUB = pathlib.Path(__file__).resolve().parent.parent / "duality/_duality.pyi"
HEAD = '''# SPDX-License-Identifier: MIT
#
# Written by bindings/python/tools/stubs.py --write.
from typing import Any, Optional, Union

import numpy as np
import numpy.typing as npt

from . import enums

__version__: str
Buffer = Union[bytes, bytearray, memoryview, npt.NDArray[np.uint8]]
'''

# What pybind11 cannot know: elements of arrays, keys of dictionaries, and arguments that are read as buffers.
ARRAYS = {"now_ns": "int64", "origin_ns": "int64", "delay_ns": "int64", "send_ns": "int64", "sequence": "uint64",
          "indices": "uint32", "present": "bool_", "lost": "bool_", "at_ns": "int64", "in_time": "bool_",
          "sources": "uint8", "repairs": "uint8"}
RETURNS = {
    "RegimeDetector.on_arrivals": "tuple[npt.NDArray[np.int8], npt.NDArray[np.uint8], list[RegimeEvent]]",
    "RlcEncoder.encode": "tuple[npt.NDArray[np.void], npt.NDArray[np.uint8]]",
    "JitterHold.play": "npt.NDArray[np.void]",
    "RunResult.figures": "dict[str, float]",
    "RunResult.fates": "dict[str, int]",
    "RunResult.packets": "npt.NDArray[np.void]",
    "RunResult.events": "npt.NDArray[np.void]",
    "Trace.rows": "npt.NDArray[np.int64]",
}
ARGUMENTS = {"Trace.parse.text": "Union[str, bytes]", "replay.second": "Optional[Trace]"}


def annotation(text):
    """A type as pybind11 writes it, as a stub has it."""
    text = text.replace("duality._duality.", "").replace("duality::python::", "")
    text = re.sub(r"numpy\.ndarray\[numpy\.(\w+)\]", r"npt.NDArray[np.\1]", text)
    text = re.sub(r"\b(List|Tuple|Dict)\[", lambda m: m[1].lower() + "[", text)
    text = re.sub(r"Annotated\[(.*), FixedSize\(\d+\)\]", r"\1", text)
    text = re.sub(r"list\[(.*)\[\d+\]\]", r"list[\1]", text)
    text = re.sub(r"(list\[\w+)\[\d+\]\]", r"\1]", text)
    return {"object": "Any", "tuple": "tuple[Any, ...]", "dict": "dict[str, Any]"}.get(text, text)


def documentation(text, indent):
    text = text.strip()
    if not text:
        return ""
    if "\n" not in text:
        return f'{indent}"""{text}"""\n'
    return f'{indent}"""' + text.replace("\n", "\n" + indent).replace("\n" + indent + "\n", "\n\n") + f'\n{indent}"""\n'


def argument(text, owner):
    """One argument of a signature: `name: type = default`."""
    name, _, rest = text.partition(": ")
    kind, _, default = rest.partition(" = ")
    kind = annotation(kind)
    kind = ARGUMENTS.get(f"{owner}.{name}", kind)
    if kind == "Any" and name in ARRAYS:
        kind = f"npt.NDArray[np.{ARRAYS[name]}]"
    return f"{name}: {kind}" + (f" = {default_text(default)}" if default else "")


def default_text(default):
    """Numbers, strings and None are shown; everything else is what the module has."""
    member = re.fullmatch(r"<(\w+)\.(\w+): -?\d+>", default)
    if member:
        return f"enums.{member[1]}.{member[2]}"
    return default if re.fullmatch(r"-?\d+|''|None|True|False", default) else "..."


def split_arguments(text):
    """At the commas outside of brackets."""
    out, depth, part = [], 0, ""
    for letter in text:
        depth += (letter in "[(<") - (letter in "])>")
        if letter == "," and depth == 0:
            out.append(part.strip())
            part = ""
        else:
            part += letter
    return [*out, part.strip()] if part.strip() else out


def function(name, owner, doc, indent, static=False):
    match = re.match(r"\w+\((.*)\) -> (.+)", doc)
    assert match, f"{owner}{name} has no signature: {doc!r}"
    full = f"{owner}.{name}" if owner else name
    arguments = [argument(a, full) for a in split_arguments(match[1])]
    if owner and not static:
        arguments[0] = "self"
    returned = RETURNS.get(full, annotation(match[2]))
    head = f"{indent}def {name}({', '.join(arguments)}) -> {returned}:"
    if static:
        head = f"{indent}@staticmethod\n{head}"
    body = documentation(doc[match.end():], indent + "    ")
    return f"{head}\n{body}" if body else f"{head} ...\n"


def describe_class(name, kind):
    out = [f"\nclass {name}:\n", documentation(kind.__doc__ or "", "    ")]
    properties = [(k, v) for k, v in vars(kind).items() if isinstance(v, property)]
    settable = {k for k, v in properties if v.fset is not None}
    types = {k: RETURNS.get(f"{name}.{k}", annotation(v.fget.__doc__.strip().rpartition(" -> ")[2].split("\n")[0]))
             for k, v in properties}
    if hasattr(kind, "_fields"):
        out.append("    _fields: tuple[str, ...]\n")
        out.append("    __hash__: None  # type: ignore[assignment]\n")
    for field, value in properties:
        if field in settable:
            out.append(f"    {field}: {types[field]}\n{documentation(value.__doc__, '    ')}")
        else:
            out.append(f"    @property\n    def {field}(self) -> {types[field]}:")
            body = documentation(value.__doc__, "        ")
            out.append("\n" + body if body else " ...\n")
    if settable:
        arguments = ", ".join(f"{field}: {types[field]} = ..." for field in kind._fields)
        out.append(f"    def __init__(self, *, {arguments}) -> None: ...\n")
    for method, value in vars(kind).items():
        if inspect.isroutine(value) and (not method.startswith("_") or method in ("__init__", "__len__")):
            if method == "__init__" and settable:
                continue
            static = isinstance(value, staticmethod)
            doc = value.__func__.__doc__ if static else value.__doc__
            if not doc.startswith(method + "("):
                continue  # Python's own: the class cannot be made by hand
            out.append(function(method, name, doc, "    ", static))
    return "".join(out)


def describe():
    classes = [(k, v) for k, v in vars(_duality).items() if inspect.isclass(v)]
    functions = [(k, v) for k, v in vars(_duality).items() if inspect.isbuiltin(v)]
    return (HEAD + "".join(describe_class(*c) for c in sorted(classes)) +
            "".join("\n" + function(k, "", v.__doc__, "") for k, v in sorted(functions)))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    action = parser.add_mutually_exclusive_group(required=True)
    action.add_argument("--write", action="store_true")
    action.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    wanted = describe()
    if arguments.write:
        STUB.write_text(wanted, encoding="utf-8")
    elif not STUB.exists() or STUB.read_text(encoding="utf-8") != wanted:
        sys.exit(f"stubs: {STUB.name} is not what the module (version {duality.__version__}) says; "
                 "run bindings/python/tools/stubs.py --write")


if __name__ == "__main__":
    main()
