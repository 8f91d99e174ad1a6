#!/bin/sh
# aix-objects.sh - compile the AIX build to XCOFF objects and look at them.
#
# It proves code, spelling, exports and imports; nothing about AIX's kernel,
# libc or loader.  The headers are tests/aix/include, not AIX's.
#
# SPDX-License-Identifier: MIT

: "${top_srcdir:?}"
cc=${AIX_CC:-clang-19}
nm=${AIX_NM:-llvm-nm-19}
dump=${AIX_OBJDUMP:-llvm-objdump-19}
for tool in "$cc" "$nm" "$dump"; do
	command -v "$tool" >/dev/null && continue
	echo "SKIP: no $tool"
	exit 77
done
tmp=$(mktemp -d "${TMPDIR:-/tmp}/aix.XXXXXX") || exit 99
trap 'rm -rf "$tmp"' EXIT
failed=0

fail()
{
	echo "FAIL $*"
	failed=$((failed + 1))
}

# The core's sources, from the one list there is, and the AIX files.
sources=$(sed -n '/^libcore_la_SOURCES/,/[^\\]$/p' "$top_srcdir/src/local.mk" |
    tr ' \\\t' '\n\n\n' | sed -n 's|^%D%/\(.*\.c\)$|\1|p')
sources="$sources extras.c sys_aix.c usage_aix.c signal_aix.c override_aix.c"
[ "$(echo "$sources" | wc -w)" -gt 15 ] || fail "list of sources"

for cpu in pwr7 pwr8; do
	mkdir -p "$tmp/$cpu"
	for f in $sources; do
		# No TOC data, no zero-initialized thread-local in .bss: GNU ld
		# loses those.
		"$cc" --target=powerpc64-ibm-aix7.2.0.0 -mcpu=$cpu \
		    -nostdlibinc -I"$top_srcdir/tests/aix/include" \
		    -I"$top_srcdir/include" -I"$top_srcdir/src" \
		    -ffreestanding -fno-zero-initialized-in-bss -std=gnu11 \
		    -O2 -Wall -Wextra -Wno-redundant-decls -Werror -D_ALL_SOURCE \
		    -c "$top_srcdir/src/$f" -o "$tmp/$cpu/${f%.c}.o" \
		    >"$tmp/log" 2>&1 && continue
		fail "$cpu $f"
		head -n 8 "$tmp/log"
	done
	echo "compiled for $cpu"
done
[ "$failed" -eq 0 ] || exit 1

for f in "$tmp"/pwr7/*.o; do
	"$nm" -X64 "$f"
done >"$tmp/symbols" 2>"$tmp/log" || fail "nm: $(head -n 1 "$tmp/log")"

# Exports: every name of the list is defined.
awk '$2 ~ /^[TDB]$/ { print $3 }' "$tmp/symbols" | sed 's/^\.//' |
    sort -u >"$tmp/defined"
while read -r name; do
	grep -qx "$name" "$tmp/defined" || fail "not defined: $name"
done <"$top_srcdir/src/libmemaix_aix.sym"

# Imports: what no object defines is on the list.
awk '$1 == "U" { print $2 }' "$tmp/symbols" | sed 's/^\.//' |
    sort -u | comm -23 - "$tmp/defined" >"$tmp/undefined"
sed '/^#/d;s/^\.//' "$top_srcdir/tests/aix/imports.allow" |
    sort -u >"$tmp/allowed"
comm -23 "$tmp/undefined" "$tmp/allowed" >"$tmp/extra"
[ -s "$tmp/extra" ] && fail "imports: $(tr '\n' ' ' <"$tmp/extra")"

# No constructors (only IBM ld's -bcdtors would run them), no 16-byte atomics.
grep -q '__sinit' "$tmp/symbols" && fail "a constructor"
for f in "$tmp"/pwr8/*.o; do
	"$dump" -d "$f"
done >"$tmp/code" 2>/dev/null
[ -s "$tmp/code" ] || fail "no code"
grep -Eq 'lqarx|stqcx' "$tmp/code" && fail "16-byte atomics"
echo "exports, imports, constructors, atomics looked at"
[ "$failed" -eq 0 ] && echo "1 passed, 0 failed"
[ "$failed" -eq 0 ]
