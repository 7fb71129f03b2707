# SPDX-License-Identifier: MIT
"""The examples in Python run to the end and print what they promise."""
import importlib.util
import pathlib
import re
import subprocess
import sys

import pytest

EXAMPLES = pathlib.Path(__file__).resolve().parents[3] / "examples/python"


def run(name, *arguments, cwd=None):
    done = subprocess.run([sys.executable, EXAMPLES / name, *map(str, arguments)], capture_output=True, text=True, cwd=cwd)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_session_on_udp_sockets():
    said = re.search(r"(\d+) packets sent, (\d+) came back", run("udp_asyncio.py", "--packets", 200))
    assert said and int(said[1]) == 200 and int(said[2]) >= 180


def test_the_figure_of_the_comparison(tmp_path):
    if importlib.util.find_spec("matplotlib") is None:
        pytest.skip("python3-matplotlib is not installed")
    said = run("compare_figure.py", "--seeds", 1, tmp_path / "figure.svg", cwd=tmp_path)
    assert len(re.findall(r"^\| `(?:baseline|single|dual|hot)`(?: \| \d+\.\d{3} · \d+){7} \|$", said, re.M)) == 4
    assert "</svg>" in (tmp_path / "figure.svg").read_text(encoding="utf-8")
