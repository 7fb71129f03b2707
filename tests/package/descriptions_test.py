# SPDX-License-Identifier: MIT
"""What describes the project to package managers says what is true of it: one version, one licence, options and
components that exist.

    descriptions_test.py VERSION BUILD_FOLDER
"""
import ast
import json
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
version, build = sys.argv[1], pathlib.Path(sys.argv[2])


def text(name):
    return (ROOT / name).read_text(encoding="utf-8")


vcpkg = json.loads(text("vcpkg.json"))
versions = {"vcpkg.json": vcpkg["version"]}
for name, pattern in {
    "pyproject.toml": r'^version = "([^"]+)"',
    "conanfile.py": r'^    version = "([^"]+)"',
    "examples/rust/Cargo.toml": r'^version = "([^"]+)"',
}.items():
    versions[name] = re.search(pattern, text(name), re.M)[1]
assert set(versions.values()) == {version}, (version, versions)
assert vcpkg["license"] == "MIT" and 'license = "MIT"' in text("conanfile.py") and "MIT" in text("LICENSE")

# The recipe sets only what there is to set, installs only what there is to install, and takes along what that needs.
cache = (build / "CMakeCache.txt").read_text()
recipe = text("conanfile.py")
options, components = [ast.literal_eval(n.iter) for n in ast.walk(ast.parse(recipe)) if isinstance(n, ast.For)]
for option in options:
    assert re.search(rf"^DUALITY_{option}:", cache, re.M), f"there is no DUALITY_{option}"
script = (build / "cmake_install.cmake").read_text()
for component in components:
    assert f'"{component}"' in script, f"there is no component {component}"
taken = re.search(r"exports_sources = (.*)", recipe)[1]
for needed in ("CMakeLists.txt", "cmake/*", "include/*", "src/*", "capi/*", "LICENSE"):
    assert f'"{needed}"' in taken, f"{needed} stays behind"
print(f"descriptions: version {version} in {len(versions) + 1} places")
