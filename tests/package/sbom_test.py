# SPDX-License-Identifier: MIT
"""The bill of materials says what is true of the build, twice the same, and every reference in it leads somewhere.

    sbom_test.py SBOM_SCRIPT BUILD_FOLDER
"""
import hashlib
import json
import pathlib
import subprocess
import sys

script, build = sys.argv[1], pathlib.Path(sys.argv[2])
first, again = (subprocess.run([sys.executable, script, str(build)], capture_output=True, text=True, check=True).stdout
                for _ in range(2))
assert first == again, "two runs differ"
assert str(build) not in first, "the bill names the build folder"
bill = json.loads(first)
assert bill["spdxVersion"] == "SPDX-2.3" and bill["dataLicense"] == "CC0-1.0"
known = {"SPDXRef-DOCUMENT"} | {element["SPDXID"] for element in bill["packages"] + bill["files"]}
assert len(known) == 1 + len(bill["packages"]) + len(bill["files"]), "an identifier comes twice"
for relation in bill["relationships"]:
    assert relation["spdxElementId"] in known and relation["relatedSpdxElement"] in known, relation
for file in bill["files"]:
    found = [path for path in (build / file["fileName"], build / "bin" / file["fileName"]) if path.is_file()]
    sums = {entry["algorithm"]: entry["checksumValue"] for entry in file["checksums"]}
    assert hashlib.sha256(found[0].read_bytes()).hexdigest() == sums["SHA256"], file["fileName"]
assert any(file["fileName"].startswith("./libduality.so") for file in bill["files"])
assert any(package["name"].startswith("libc.") for package in bill["packages"]), "the C library is not in it"
print(f"sbom: {len(bill['files'])} files, {len(bill['packages']) - 1} libraries of others")
