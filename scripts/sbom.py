#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A bill of materials (SPDX 2.3, JSON) of what a build made: its libraries and programs, and what they load.

    sbom.py BUILD_FOLDER [--output FILE]

Names, versions, compiler and files are those of the build; what a program loads is read from the program. The same build
gives the same bytes: SOURCE_DATE_EPOCH is the time of creation, else that of the newest file.
"""
import argparse
import datetime
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys


def cache_of(build):
    entries = re.findall(r"^(\w+):\w+=(.*)$", (build / "CMakeCache.txt").read_text(encoding="utf-8"), re.M)
    return dict(entries)


def needed(file):
    """Shared libraries that an ELF file names; none for anything else."""
    said = subprocess.run(["readelf", "--dynamic", str(file)], capture_output=True, text=True, check=False).stdout
    return re.findall(r"\(NEEDED\).*\[(.+)\]", said)


def identifier(text):
    return "SPDXRef-" + re.sub(r"[^A-Za-z0-9.-]", "-", text)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--output", default="-")
    arguments = parser.parse_args()

    cache = cache_of(arguments.build)
    version = cache["CMAKE_PROJECT_VERSION"]
    made = [arguments.build / name for name in
            ("libduality_core.a", "libduality.a", f"libduality.so.{version}", "bin/duality")]
    made = [file for file in made if file.is_file()]
    if not made:
        sys.exit(f"sbom: nothing was built in {arguments.build}")
    newest = int(os.environ.get("SOURCE_DATE_EPOCH", max(int(file.stat().st_mtime) for file in made)))
    created = datetime.datetime.fromtimestamp(newest, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")

    files, packages, relations = [], {}, []
    main_package = {
        "SPDXID": "SPDXRef-Package-duality", "name": "duality", "versionInfo": version, "licenseConcluded": "MIT",
        "licenseDeclared": "MIT", "copyrightText": "NOASSERTION", "downloadLocation": "NOASSERTION",
        "filesAnalyzed": False, "primaryPackagePurpose": "LIBRARY",
        "comment": f"{cache.get('CMAKE_BUILD_TYPE', '')} build by {pathlib.Path(cache['CMAKE_CXX_COMPILER']).name}",
    }
    digest = hashlib.sha256()
    for file in made:
        content = file.read_bytes()
        digest.update(content)
        spdx = identifier("File-" + file.name)
        files.append({"SPDXID": spdx, "fileName": "./" + file.name, "licenseConcluded": "MIT",
                      "copyrightText": "NOASSERTION", "fileTypes": ["BINARY"],
                      "checksums": [{"algorithm": "SHA256", "checksumValue": hashlib.sha256(content).hexdigest()},
                                    {"algorithm": "SHA1", "checksumValue": hashlib.sha1(content).hexdigest()}]})
        relations.append(("SPDXRef-Package-duality", "GENERATES", spdx))
        for library in needed(file):
            if library.startswith("libduality"):
                continue
            package = identifier("Package-" + library)
            packages[package] = {
                "SPDXID": package, "name": library, "downloadLocation": "NOASSERTION", "filesAnalyzed": False,
                "licenseConcluded": "NOASSERTION", "licenseDeclared": "NOASSERTION", "copyrightText": "NOASSERTION"}
            relations.append((spdx, "DYNAMIC_LINK", package))
    relations.insert(0, ("SPDXRef-DOCUMENT", "DESCRIBES", "SPDXRef-Package-duality"))
    document = {
        "spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT", "name": f"duality-{version}",
        "documentNamespace": f"urn:duality:sbom:{version}:{digest.hexdigest()[:32]}",
        "creationInfo": {"created": created, "creators": ["Tool: scripts/sbom.py"]},
        "packages": [main_package, *(packages[key] for key in sorted(packages))],
        "files": files,
        "relationships": [{"spdxElementId": a, "relationshipType": kind, "relatedSpdxElement": b}
                          for a, kind, b in relations],
    }
    text = json.dumps(document, indent=1) + "\n"
    if arguments.output == "-":
        sys.stdout.write(text)
    else:
        pathlib.Path(arguments.output).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
