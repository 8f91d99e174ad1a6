#!/bin/sh
# emulated.sh - the library built for other machines' Linux, and run under qemu:
# static, and preloaded, with pages of 4 KiB and of 64 KiB; and the unit tests, run by
# runner/runner.c.  64-bit POWER of both byte orders, and ARM, side by side.
#
#   EMULATED=ppc64le sh emulated.sh      only that machine
#
# Of the unit tests each machine has its third, or all with MEMAIX_TEST_LONG=1, which
# takes a quarter of an hour.
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
long=0
slow=500
plain_slow=16
step=7
case ${MEMAIX_TEST_LONG:-0} in
0|'') ;;
*)	long=1
	slow=100
	plain_slow=2
	step=1 ;;
esac

core=$(sed -n '/^libcore_la_SOURCES/,/[^\\]$/p' "$src/local.mk" |
    tr ' \\\t' '\n\n\n' | sed -n "s|^%D%/\(.*\.c\)\$|$src/\1|p")
backend="$src/extras.c $src/sys_linux.c $src/signal_linux.c $src/trace_linux.c
    $src/override_elf.c"
flags="-std=gnu11 -O2 -D_GNU_SOURCE -pthread -I$top_srcdir/include -I$src
    -fvisibility=hidden -fno-builtin-malloc -fno-builtin-calloc
    -fno-builtin-realloc -fno-builtin-free"
unit="-std=gnu11 -O1 -D_GNU_SOURCE -pthread -fno-builtin -DPROPERTY_SLOW=$slow
    -DRUNNER_STEP=$step -DFAKE_OS_GIB=4
    -Wno-address -I$top_srcdir/include -I$src -I$tests/runner -I$tests"
plain="-std=gnu11 -O1 -D_GNU_SOURCE -pthread -fno-builtin -DPLAIN_SLOW=$plain_slow"

# check NAME COMMAND...: under a time limit, since a hang is a failure too
check()
{
	name="$machine: $1"
	shift
	begin=$(date +%s)
	if timeout 300 "$@" >"$to/log" 2>&1; then
		echo "PASS $name ($(($(date +%s) - begin)) s)"
	else
		echo "FAIL $name (status $?)"
		tail -n 5 "$to/log"
	fi
}

# build OUTPUT SOURCE...: the program, and the program with memaix in it
build()
{
	out=$1
	shift
	# shellcheck disable=SC2086
	{
		check "build $out" "$cc" $plain "$@" -o "$to/$out"
		check "build static $out" "$cc" -static $plain "$@" \
		    "$to"/core/*.o "$to"/backend/*.o -o "$to/$out.static"
	}
}

# both PROGRAM ARGUMENT...: preloaded and static
both()
{
	out=$1
	shift
	check "$out, pages of $page" "$qemu" -p "$page" -L "$root" \
	    -E "LD_PRELOAD=$to/libmemaix.so" "$to/$out" "$@"
	check "static $out, pages of $page" "$qemu" -p "$page" \
	    "$to/$out.static" "$@"
}

# units: the unit tests, on the toy kernel; every second one with large pages.
units()
{
	mkdir "$to/units"
	for f in fake_os fake_pages runner/runner; do
		# shellcheck disable=SC2086
		check "build $f" "$cc" $unit \
		    -include "$tests/runner/mincore.h" -c "$tests/$f.c" \
		    -o "$to/units/$(basename $f).o"
	done
	page=4096
	i=0
	for f in "$tests"/check_*.c; do
		i=$((i + 1))
		[ $long = 1 ] || [ $((i % 3)) -eq "$third" ] || continue
		f=$(basename "$f" .c)
		# Of the real kernel's /proc.
		[ "$f" = check_usage ] && continue
		# shellcheck disable=SC2086
		check "build $f" "$cc" -static $unit "$tests/$f.c" \
		    "$to"/units/*.o "$to"/core/*.o -o "$to/$f"
		# The toy kernel moves pages well.
		check "$f, pages of $page" env -u MEMAIX_OPTIONS \
		    "$qemu" -p "$page" "$to/$f"
		[ "$page" = 4096 ] && page=65536 || page=4096
	done
}

# on MACHINE TRIPLET THIRD: all of it; 1 if there is no compiler or emulator
on()
{
	machine=$1
	third=$3
	to=$tmp/$1
	cc=$2-gcc
	qemu=qemu-$1
	root=/usr/$2
	[ "${EMULATED:-$machine}" = "$machine" ] || return 0
	for tool in "$cc" "$qemu"; do
		command -v "$tool" >/dev/null && continue
		echo "SKIP $machine: no $tool"
		return 0
	done
	mkdir -p "$to/core" "$to/backend"
	# shellcheck disable=SC2086
	(cd "$to/core" && "$cc" $flags -fPIC -DPIC -c $core "$src/usage_linux.c")
	# shellcheck disable=SC2086
	(cd "$to/backend" && "$cc" $flags -fPIC -DPIC -c $backend)
	check "build shared" "$cc" -shared -pthread "$to"/core/*.o \
	    "$to"/backend/*.o -o "$to/libmemaix.so"
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
	units
}

(on ppc64 powerpc64-linux-gnu 0) >"$tmp/1.out" 2>&1 &
(on ppc64le powerpc64le-linux-gnu 1) >"$tmp/2.out" 2>&1 &
on aarch64 aarch64-linux-gnu 2 >"$tmp/3.out" 2>&1
wait
cat "$tmp"/?.out
passed=$(cat "$tmp"/?.out | grep -c '^PASS')
failed=$(cat "$tmp"/?.out | grep -c '^FAIL')
echo "$passed passed, $failed failed"
[ $((passed + failed)) -gt 0 ] || exit 77
[ "$failed" -eq 0 ]
