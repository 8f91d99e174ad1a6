#!/bin/sh
# emulated.sh - the library built for other machines' Linux, and run under qemu:
# static, and preloaded, with pages of 4 KiB and of 64 KiB where the machine has
# both.  64-bit POWER of both byte orders, and ARM.
#
#   EMULATED=ppc64le sh emulated.sh      only that machine
#
# SPDX-License-Identifier: MIT

: "${top_srcdir:?}"
tmp=$(mktemp -d "${TMPDIR:-/tmp}/emulated.XXXXXX") || exit 99
trap 'rm -rf "$tmp"' EXIT
# qemu 7.2 forgets that MREMAP_DONTUNMAP leaves the old range mapped: the next
# access to it is a fault there and nowhere else.
MEMAIX_OPTIONS=move:false
export MEMAIX_OPTIONS
src=$top_srcdir/src
tests=$top_srcdir/tests
passed=0
failed=0

sources=$(sed -n '/^libcore_la_SOURCES/,/[^\\]$/p' "$src/local.mk" |
    tr ' \\\t' '\n\n\n' | sed -n "s|^%D%/\(.*\.c\)\$|$src/\1|p")
for f in extras sys_linux usage_linux signal_linux trace_linux override_elf; do
	sources="$sources $src/$f.c"
done
flags="-std=gnu11 -O2 -D_GNU_SOURCE -pthread -I$top_srcdir/include -I$src
    -fvisibility=hidden -fno-builtin-malloc -fno-builtin-calloc
    -fno-builtin-realloc -fno-builtin-free"
plain="-std=gnu11 -O1 -D_GNU_SOURCE -pthread -fno-builtin -DOPERATIONS=100000"

# check NAME COMMAND...: under a time limit, since a hang is a failure too
check()
{
	name="$machine: $1"
	shift
	if timeout 300 "$@" >"$tmp/log" 2>&1; then
		echo "PASS $name"
		passed=$((passed + 1))
	else
		echo "FAIL $name (status $?)"
		tail -n 5 "$tmp/log"
		failed=$((failed + 1))
	fi
}

# build OUTPUT SOURCE...: the program, and the program with memaix in it
build()
{
	out=$1
	shift
	# shellcheck disable=SC2086
	{
		check "build $out" "$cc" $plain "$@" -o "$tmp/$out"
		check "build static $out" "$cc" -static $plain "$@" \
		    "$tmp/$machine"/*.o -o "$tmp/$out.static"
	}
}

# both PROGRAM ARGUMENT...: preloaded and static
both()
{
	out=$1
	shift
	check "$out, pages of $page" "$qemu" -p "$page" -L "$root" \
	    -E "LD_PRELOAD=$tmp/libmemaix.so" "$tmp/$out" "$@"
	check "static $out, pages of $page" "$qemu" -p "$page" \
	    "$tmp/$out.static" "$@"
}

# on MACHINE TRIPLET: all of it; 1 if there is no compiler or emulator
on()
{
	machine=$1
	cc=$2-gcc
	qemu=qemu-$1
	root=/usr/$2
	[ "${EMULATED:-$machine}" = "$machine" ] || return 0
	for tool in "$cc" "$qemu"; do
		command -v "$tool" >/dev/null && continue
		echo "SKIP $machine: no $tool"
		return 0
	done
	mkdir "$tmp/$machine"
	# shellcheck disable=SC2086
	(cd "$tmp/$machine" && "$cc" $flags -fPIC -DPIC -c $sources)
	check "build shared" "$cc" -shared -pthread "$tmp/$machine"/*.o \
	    -o "$tmp/libmemaix.so"
	build interface_test "$tests/interface_test.c" \
	    "$tests/interface_align.c" "$tests/interface_report.c" \
	    "$tests/interface_random.c"
	for f in stress_threads fork_test grow_free; do
		build $f "$tests/$f.c"
	done
	for page in 4096 65536; do
		both interface_test
		both stress_threads 3
		# Its newest thread forks: see aix/rig.sh.
		both fork_test 6 3 1
	done
	# What is resident is the emulator's, which counts by 4 KiB and keeps
	# memory for each thread that was: thread_churn fails with libc's malloc
	# too, so linked.sh has it alone.
	page=4096
	both grow_free 150
}

on ppc64 powerpc64-linux-gnu
on ppc64le powerpc64le-linux-gnu
on aarch64 aarch64-linux-gnu
echo "$passed passed, $failed failed"
[ $((passed + failed)) -gt 0 ] || exit 77
[ "$failed" -eq 0 ]
