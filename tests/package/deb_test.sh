#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# The Debian packages of the library: made, installed into a root of their own (this system is left alone), used from
# there by a C program, and removed without a trace.
#
#   deb_test.sh <build folder> <work folder> <C example>
#
# Exit code 77 (skipped): this is no Debian.
set -euo pipefail

build=$1
work=$2
example=$3
for tool in cpack dpkg dpkg-deb dpkg-shlibdeps; do
    command -v "$tool" >/dev/null || { echo "deb: skipped, $tool is missing"; exit 77; }
done

rm -rf "$work"
mkdir -p "$work/root/var/lib/dpkg"/{info,updates,triggers}
touch "$work/root/var/lib/dpkg/status"
(cd "$build" && cpack -G DEB -B "$work" -D 'CPACK_COMPONENTS_ALL=runtime;core;c' >"$work/cpack.log") ||
    { cat "$work/cpack.log"; exit 1; }

# Their dependencies are on the real system, of which this root knows nothing; and the cache of the dynamic linker, which
# installation renews, is none of our business: an ldconfig of our own only notes that it was asked.
mkdir -p "$work/bin"
printf '#!/bin/sh\necho asked >>"%s"\n' "$work/ldconfig.log" >"$work/bin/ldconfig"
chmod +x "$work/bin/ldconfig"
in_root() {
    PATH="$work/bin:$PATH" dpkg --root="$work/root" --force-not-root --force-depends --force-script-chrootless \
        --log="$work/dpkg.log" "$@" >>"$work/dpkg.out" 2>&1
}
in_root --install "$work"/libduality0_*.deb "$work"/libduality-dev_*.deb || { cat "$work/dpkg.out"; exit 1; }
for package in libduality0 libduality-dev; do
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

in_root --purge libduality-dev libduality0 || { cat "$work/dpkg.out"; exit 1; }
left=$(find "$usr" -type f -o -type l 2>/dev/null || true)  # the folder itself should be gone
[ -z "$left" ] || { echo "deb: left behind: $left"; exit 1; }
echo "deb: installed, used and removed"
