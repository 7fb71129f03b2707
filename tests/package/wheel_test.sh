#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# The wheel, made as `pip install .` makes it but without optimisation, to save time: what is in it, and that a fresh
# virtual environment can install and use it.
#
#   wheel_test.sh <Python> <work folder>
#
# Exit code 77 (skipped): pip, venv or scikit-build-core is missing.
set -euo pipefail
source=$(cd "$(dirname "$0")/../.." && pwd)
python=$1
work=$2
"$python" -c 'import pip, venv, ensurepip, scikit_build_core, pybind11, numpy' 2>/dev/null ||
    { echo "wheel: skipped, scripts/install-deps installs what is missing"; exit 77; }

rm -rf "$work/wheels" "$work/venv"
mkdir -p "$work"
"$python" -m pip wheel --quiet --disable-pip-version-check --no-build-isolation --no-deps --no-index \
    --config-settings=cmake.args=-DCMAKE_CXX_FLAGS_RELEASE=-O0 "--config-settings=build-dir=$work/build" -w "$work/wheels" "$source"
wheel=$(echo "$work"/wheels/duality-*.whl)

"$python" - "$wheel" "$source" <<'EOF'
import pathlib
import sys
import zipfile

wheel, source = sys.argv[1], pathlib.Path(sys.argv[2])
with zipfile.ZipFile(wheel) as archive:
    assert archive.testzip() is None
    names = set(archive.namelist())
    about = next(name.split("/")[0] for name in names if ".dist-info/" in name)
    wanted = {f"duality/{path.name}" for path in (source / "bindings/python/duality").iterdir()
              if path.suffix in (".py", ".pyi") or path.name == "py.typed"}
    module = [name for name in names if name.startswith("duality/_duality.") and name.endswith(".so")]
    assert len(module) == 1, module
    extra = {name for name in names if not name.startswith(about)} - wanted - set(module)
    assert wanted <= names and not extra, (wanted - names, extra)
    text = archive.read(f"{about}/METADATA").decode()
    assert "Name: duality\n" in text and "Requires-Dist: numpy" in text, text
    assert any("LICENSE" in name for name in names), names
EOF

"$python" -m venv --system-site-packages "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps --no-index "$wheel"
cd "$work"
env -u PYTHONPATH "$work/venv/bin/python" - <<'EOF'
import duality
import duality.lab

assert "/venv/" in duality.__file__, duality.__file__
near, far = duality.Session(), duality.Session()
for end in (near, far):
    end.add_path(0, 0)
near.send(0, b"hello")
sent = near.poll(0)
far.handle_datagram(0, sent.path, sent.data)
deliveries = [out for out in iter(lambda: far.poll(50_000_000), None) if isinstance(out, duality.Deliver)]
assert [d.data for d in deliveries] == [b"hello"], deliveries
assert duality.lab.run("cable_ftth", "dual", seconds=2).event_count > 0
EOF
"$work/venv/bin/pip" uninstall --quiet --disable-pip-version-check --yes duality
! env -u PYTHONPATH "$work/venv/bin/python" -c 'import duality' 2>/dev/null || { echo "wheel: left behind"; exit 1; }
echo "wheel: $(basename "$wheel"), $(stat -c %s "$wheel") bytes; installed, used, removed"
