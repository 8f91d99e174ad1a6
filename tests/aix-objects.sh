#!/bin/sh
# aix-objects.sh - compile the AIX build to XCOFF objects and look at them.
#
# It proves code, spelling, exports and imports; nothing about AIX's kernel,
# libc or loader.  The headers are tests/aix/include, not AIX's.
#
# SPDX-License-Identifier: MIT

: "${top_srcdir:?}"
. "$top_srcdir/tests/aix/build.sh"
for tool in "$aix_cc" "$aix_nm" "$aix_objdump"; do
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

[ "$(echo "$aix_sources" | wc -w)" -gt 15 ] || fail "list of sources"

for cpu in pwr7 pwr8; do
	aix_compile_library "$tmp/$cpu" -mcpu=$cpu >"$tmp/log" 2>&1 ||
		{ fail "compile for $cpu"; head -n 20 "$tmp/log"; }
	echo "compiled for $cpu"
done
[ "$failed" -eq 0 ] || exit 1

for f in "$tmp"/pwr7/*.o; do
	"$aix_nm" -X64 "$f"
done >"$tmp/symbols" 2>"$tmp/log" || fail "nm: $(head -n 1 "$tmp/log")"

# Exports: every name of the list is defined.
awk '$2 ~ /^[TDBC]$/ { print $3 }' "$tmp/symbols" | sed 's/^\.//' |
    sort -u >"$tmp/defined"
while read -r name; do
	grep -qx "$name" "$tmp/defined" || fail "not defined: $name"
done <"$top_srcdir/src/libmemaix_aix.sym"

# Imports: what no object defines is on the list.
awk '$1 == "U" { print $2 }' "$tmp/symbols" | sed 's/^\.//' |
    sort -u | comm -23 - "$tmp/defined" >"$tmp/undefined"
sed '/^#/d;/^command/d;s/^[a-z]* //;s/^\.//' "$top_srcdir/tests/aix/imports.allow" |
    sort -u >"$tmp/allowed"
comm -23 "$tmp/undefined" "$tmp/allowed" >"$tmp/extra"
[ -s "$tmp/extra" ] && fail "imports: $(tr '\n' ' ' <"$tmp/extra")"

# No constructors (only IBM ld's -bcdtors would run them), no 16-byte atomics.
grep -q '__sinit' "$tmp/symbols" && fail "a constructor"
for f in "$tmp"/pwr8/*.o; do
	"$aix_objdump" -d "$f"
done >"$tmp/code" 2>/dev/null
[ -s "$tmp/code" ] || fail "no code"
grep -Eq 'lqarx|stqcx' "$tmp/code" && fail "16-byte atomics"
echo "exports, imports, constructors, atomics looked at"
[ "$failed" -eq 0 ] && echo "1 passed, 0 failed"
[ "$failed" -eq 0 ]
