#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# The Debian packages: made, installed into a root of their own (this system is left alone), used from there by a C
# program, by Python and from the command line, and removed without a trace.
#
#   deb_test.sh <build folder> <work folder> <C example> [<Python that the module was built for>]
#
# Exit code 77 (skipped): this is no Debian.
set -euo pipefail

build=$1
work=$2
example=$3
python=${4:-}
packages=(libduality0 libduality-dev)
for tool in cpack dpkg dpkg-deb dpkg-shlibdeps; do
    command -v "$tool" >/dev/null || { echo "deb: skipped, $tool is missing"; exit 77; }
done

rm -rf "$work"
mkdir -p "$work/root/var/lib/dpkg"/{info,updates,triggers}
touch "$work/root/var/lib/dpkg/status"
(cd "$build" && cpack -G DEB -B "$work" >"$work/cpack.log") ||
    { cat "$work/cpack.log"; exit 1; }

# Their dependencies are on the real system, of which this root knows nothing; and the cache of the dynamic linker, which
# installation renews, is none of our business: an ldconfig of our own only notes that it was asked.
mkdir -p "$work/bin"
printf '#!/bin/sh\necho asked >>"%s"\n' "$work/ldconfig.log" >"$work/bin/ldconfig"
printf '#!/bin/sh\necho "${0##*/} $*" >>"%s"\n' "$work/python.log" >"$work/bin/py3compile"
cp "$work/bin/py3compile" "$work/bin/py3clean"
chmod +x "$work/bin/"*
in_root() {
    PATH="$work/bin:$PATH" dpkg --root="$work/root" --force-not-root --force-depends --force-script-chrootless \
        --log="$work/dpkg.log" "$@" >>"$work/dpkg.out" 2>&1
}
compgen -G "$work/libduality-masque0_*.deb" >/dev/null && packages+=(libduality-masque0)
[ -z "$python" ] || packages+=(python3-duality)
[ ! -x "$build/bin/duality" ] || packages+=(duality-tools)
files=()
for package in "${packages[@]}"; do files+=("$work/$package"_*.deb); done
in_root --install "${files[@]}" || { cat "$work/dpkg.out"; exit 1; }
for package in "${packages[@]}"; do
    grep -q "^Package: $package\$" "$work/root/var/lib/dpkg/status" || { echo "deb: $package is not installed"; exit 1; }
done

[ -s "$work/ldconfig.log" ] || { echo "deb: the linker's cache is not renewed"; exit 1; }

usr=$work/root/usr
export PKG_CONFIG_PATH
PKG_CONFIG_PATH=$(dirname "$(find "$usr" -name duality.pc)")
lib=$(pkg-config --variable=libdir duality)
# shellcheck disable=SC2046
gcc -std=c99 -o "$work/example" "$example" $(pkg-config --cflags --libs duality)
LD_LIBRARY_PATH=$lib "$work/example"
nm "$lib"/libduality.so.0.1.0 2>&1 | grep -q 'no symbols' || { echo "deb: the library is not stripped"; exit 1; }

if [ -n "$python" ]; then
    for dependency in python3-numpy 'python3 (<< '; do
        dpkg-deb -f "$work"/python3-duality_*.deb Depends | grep -qF "$dependency" || { echo "deb: no $dependency"; exit 1; }
    done
    PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$usr/lib/python3/dist-packages "$python" -c "
import duality, duality.lab
assert duality.__file__.startswith('$usr'), duality.__file__
assert duality.lab.run('cable_ftth', seconds=2).event_count > 0"
    grep -q 'py3compile -p python3-duality' "$work/python.log" || { echo "deb: nothing compiles the module"; exit 1; }
fi
[ ! -x "$build/bin/duality" ] || "$usr/bin/duality" lab run --help >/dev/null

in_root --purge "${packages[@]}" || { cat "$work/dpkg.out"; exit 1; }
left=$(find "$usr" -type f -o -type l 2>/dev/null || true)  # the folder itself should be gone
[ -z "$left" ] || { echo "deb: left behind: $left"; exit 1; }
echo "deb: installed, used and removed"
