#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
#   bindgen.sh <header> <work folder>    bindgen makes Rust of the header; the layouts it found hold when compiled
set -euo pipefail

mkdir -p "$2"
bindgen --allowlist-function 'duality_.*' --allowlist-type 'duality_.*' --allowlist-var 'DUALITY_.*' \
    --output "$2/duality.rs" "$1"
rustc --test --crate-name duality -A warnings -o "$2/layouts" "$2/duality.rs"
exec "$2/layouts" --quiet
