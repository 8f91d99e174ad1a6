#!/bin/sh
# ppc64.sh - the library built for big-endian 64-bit POWER Linux, and run under
# qemu with pages of 4 KiB and of 64 KiB: static, and preloaded.
#
# SPDX-License-Identifier: MIT

: "${top_srcdir:?}"
cc=${PPC64_CC:-powerpc64-linux-gnu-gcc}
qemu=${PPC64_QEMU:-qemu-ppc64}
root=${PPC64_ROOT:-/usr/powerpc64-linux-gnu}
for tool in "$cc" "$qemu"; do
	command -v "$tool" >/dev/null && continue
	echo "SKIP: no $tool"
	exit 77
done
tmp=$(mktemp -d "${TMPDIR:-/tmp}/ppc64.XXXXXX") || exit 99
trap 'rm -rf "$tmp"' EXIT
# qemu 7.2 forgets that MREMAP_DONTUNMAP leaves the old range mapped: the next
# access to it is a fault there and nowhere else.
MEMAIX_OPTIONS=move:false
export MEMAIX_OPTIONS
src=$top_srcdir/src
passed=0
failed=0

sources=$(sed -n '/^libcore_la_SOURCES/,/[^\\]$/p' "$src/local.mk" |
    tr ' \\\t' '\n\n\n' | sed -n "s|^%D%/\(.*\.c\)\$|$src/\1|p")
for f in extras sys_linux usage_linux signal_linux override_elf; do
	sources="$sources $src/$f.c"
done
flags="-std=gnu11 -O2 -D_GNU_SOURCE -pthread -I$top_srcdir/include -I$src
    -fvisibility=hidden -fno-builtin-malloc -fno-builtin-calloc
    -fno-builtin-realloc -fno-builtin-free"

# check NAME COMMAND...: under a time limit, since a hang is a failure too
check()
{
	name=$1
	shift
	if timeout 300 "$@" >"$tmp/out" 2>&1; then
		echo "PASS $name"
		passed=$((passed + 1))
	else
		echo "FAIL $name (status $?)"
		tail -n 5 "$tmp/out"
		failed=$((failed + 1))
	fi
}

# shellcheck disable=SC2086
check "build shared" "$cc" $flags -fPIC -DPIC -shared $sources \
    -o "$tmp/libmemaix.so"
tests=$top_srcdir/tests
plain="-std=gnu11 -O1 -D_GNU_SOURCE -pthread -fno-builtin"
interface="$tests/interface_test.c $tests/interface_align.c
    $tests/interface_report.c $tests/interface_random.c"
# shellcheck disable=SC2086
{
	check "build interface" "$cc" $plain $interface -o "$tmp/interface"
	check "build stress" "$cc" $plain "$tests/stress_threads.c" \
	    -o "$tmp/stress"
	check "build static stress" "$cc" -static $flags $sources \
	    "$tests/stress_threads.c" -o "$tmp/stress.static"
}
for page in 4096 65536; do
	check "interface, pages of $page" "$qemu" -p $page -L "$root" \
	    -E "LD_PRELOAD=$tmp/libmemaix.so" "$tmp/interface"
	check "threads, pages of $page" "$qemu" -p $page -L "$root" \
	    -E "LD_PRELOAD=$tmp/libmemaix.so" "$tmp/stress" 3
	check "static threads, pages of $page" "$qemu" -p $page \
	    "$tmp/stress.static" 3
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
