#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# What compiled objects ask of the world around them must be on a short list. Everything that could read a clock, open
# a socket, start a thread, read the environment, print, abort, throw or (in core) allocate is not on it.
#
#   symbols.sh core|lab <archive or object>…
#
# core has no heap at all: it calls the allocator the user gave it. lab may use the standard containers.
set -euo pipefail

layer=$1
shift
[ $# -gt 0 ] || { echo "symbols: no objects given" >&2; exit 2; }
for file in "$@"; do
    [ -s "$file" ] || { echo "symbols: no such object: $file" >&2; exit 2; }
done

# Mangled names: memory and strings, exactly rounded mathematics, 128-bit arithmetic, initialising a local static once,
# and the choice of SIMD kernels.
common='memcpy|memmove|memset|memcmp|bcmp|memchr|strlen'
common+='|sqrt|floor|ceil|trunc'
common+='|__u?(div|mod|divmod|mul)ti[34]|__popcount[sdt]i2'
common+='|__cxa_guard_(acquire|release)'
common+='|__cpu_model|__cpu_indicator_init|_GLOBAL_OFFSET_TABLE_'
# The heap, and the containers, strings, shared pointers and number formatting of the standard library, as far as they
# need no locale.
containers='_Zn[wa]m(St11align_val_t)?(RKSt9nothrow_t)?|_Zd[la]Pv(m|St11align_val_t|mSt11align_val_t)?|_ZSt7nothrow'
containers+='|_ZSt[0-9]+__throw_[a-z_]+(PKcz?|v|i)'
containers+='|_ZNK?St7__cxx1112basic_stringI.*|_ZNK?St8__detail20_Prime_rehash_policy.*|_ZSt11_Hash_bytesPKvmm'
containers+='|_ZSt[0-9]+_Rb_tree_.*|_ZNSt8__detail15_List_node_base.*|_ZSt(8to_chars|10from_chars).*'
containers+='|__libc_single_threaded|_ZNSt19_Sp_make_shared_tag5_S_eqERKSt9type_info'

case $layer in
    core) allowed=$common ;;
    lab) allowed="$common|$containers" ;;
    *) echo "symbols: unknown layer $layer" >&2; exit 2 ;;
esac

# What the objects need, less what they define themselves and what other parts of this library define.
needed=$(comm -23 <(nm --undefined-only --format=posix "$@" | awk 'NF > 1 { print $1 }' | sort -u) \
    <(nm --defined-only --format=posix "$@" | awk 'NF > 1 { print $1 }' | sort -u) | grep -v '^_ZN\?K\?7duality2v0' || true)

bad=$(grep -Evx "$allowed" <<<"$needed" || true)
if [ -n "$bad" ]; then
    echo "symbols: $layer may not need these:"
    c++filt <<<"$bad" | sed 's/^/  /'
    exit 1
fi
echo "symbols: $layer needs only: $(c++filt <<<"$needed" | paste -sd' ')"
