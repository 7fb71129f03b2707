# SPDX-License-Identifier: MIT
"""The package as others see it: stubs, types, documentation, values."""
import importlib.util
import inspect
import json
import pathlib
import subprocess
import sys

import pytest

import duality
from duality import enums

ROOT = pathlib.Path(__file__).resolve().parents[3]
PACKAGE = ROOT / "bindings/python"


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True, cwd=PACKAGE / "tools")
    assert done.returncode == 0, done.stdout + done.stderr


def test_enumerations_are_those_of_the_table():
    text = subprocess.run([sys.executable, str(ROOT / "scripts/values.py"), "--json"], check=True, capture_output=True)
    table = {group["prefix"]: {row["name"].upper(): row["value"] for row in group["rows"]}
             for group in json.loads(text.stdout)}
    classes = [c for c in vars(enums).values() if inspect.isclass(c) and c.__module__ == enums.__name__]
    assert sorted(map(str, table.values())) == sorted(str({m.name: m.value for m in c}) for c in classes)


def test_stubs_are_what_the_module_says():
    run(sys.executable, str(PACKAGE / "tools/stubs.py"), "--check")


def test_types_are_right():
    if importlib.util.find_spec("mypy") is None:
        pytest.skip("python3-mypy is not installed")
    run(sys.executable, "-m", "mypy", "--strict", "--cache-dir=/dev/null", f"--config-file={PACKAGE}/mypy.ini",
        str(PACKAGE / "duality"))


def test_everything_public_is_documented_and_nothing_imports_matplotlib():
    for name, value in vars(duality._duality).items():
        if inspect.isclass(value):
            assert value.__doc__, name
    run(sys.executable, "-c", "import sys, duality, duality.lab, duality.plot; assert 'matplotlib' not in sys.modules")
    assert (pathlib.Path(duality.__file__).parent / "py.typed").exists()
