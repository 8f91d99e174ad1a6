#!/bin/sh
# sanitize.sh - the unit tests, and the core with them, built and run under
# sanitizers: addresses and undefined behaviour, then threads.
#
# Prints one line for each test and sanitizer.  MEMAIX_TEST_KEEP=1 keeps the
# folder with the programs and what they said.
#
# SPDX-License-Identifier: MIT

: "${top_srcdir:?}"
cc=${MX_CC:-cc}

skip()
{
	echo "skipped: $1"
	exit 77
}

[ -n "${MX_CHECK_LIBS:-}" ] || skip "Check is not here"
[ "${MX_CROSS:-no}" = no ] || skip "built for another machine"
[ "$(uname -s)" = Linux ] || skip "this script knows Linux only"

top=$(cd "$top_srcdir" && pwd) || exit 99
tmp=$(mktemp -d "${TMPDIR:-/tmp}/sanitize.XXXXXX") || exit 99
# shellcheck disable=SC2329,SC2317
clean()
{
	if [ -n "${MEMAIX_TEST_KEEP:-}" ]; then
		echo "kept $tmp"
	else
		rm -rf "$tmp"
	fi
}
trap clean EXIT
trap 'exit 99' HUP INT TERM

# The C files of an automake list.
sources()
{
	awk -v name="$1" '
	$1 == name { inside = 1 }
	inside { for (i = 1; i <= NF; i++)
		if ($i ~ /\.c$/) { sub(/.*\//, "", $i); print $i } }
	inside && !/\\$/ { exit }' "$2"
}

core=$(sources libcore_la_SOURCES "$top/src/local.mk")
core="$core usage_linux.c"
[ "$(echo "$core" | wc -w)" -gt 10 ] || { echo "no list of files"; exit 99; }
all=$(cd "$top/tests" && echo check_*.c)

# Threads, forks, locks: what the other tests do, one thread does.
threaded='check_meta.c check_cache_threads.c check_process.c'

# build FOLDER FLAGS SOURCE...: the objects, two at a time; 1 if one failed.
# Every command is written to a file first, so that xargs has simple lines.
build()
{
	dir=$1
	flags=$2
	shift 2
	for f; do
		case $f in
		*/*) echo "$f" ;;
		*) echo "$top/src/$f" ;;
		esac
	done >"$dir/list"
	export cc dir flags top
	# shellcheck disable=SC2016,SC2086
	xargs -P 2 -n 1 sh -c 'o=${1##*/}; exec $cc -std=gnu11 -O1 -g \
	    -pthread -D_GNU_SOURCE -DMX_DEBUG=2 -I"$top/include" \
	    -I"$top/src" -I"$top/tests" $flags $MX_CHECK_CFLAGS \
	    -c "$1" -o "$dir/${o%.c}.o"' sh <"$dir/list" \
	    >"$dir/log" 2>&1
}

# sanitize NAME FLAGS TEST...
sanitize()
{
	name=$1
	flags=$2
	shift 2
	dir=$tmp/$name
	mkdir "$dir" || exit 99
	echo 'int main(void) { return 0; }' >"$dir/try.c"
	# shellcheck disable=SC2086
	if ! $cc $flags "$dir/try.c" -o "$dir/try" >/dev/null 2>&1 ||
	    ! "$dir/try" >/dev/null 2>&1; then
		echo "SKIP $name (the compiler has no runtime for it)"
		return
	fi
	tests=
	for t; do
		tests="$tests $top/tests/$t"
	done
	# shellcheck disable=SC2086
	if ! build "$dir" "$flags" $core "$top/tests/fake_os.c" \
	    "$top/tests/fake_pages.c" $tests; then
		echo "FAIL $name: build"
		tail -n 5 "$dir/log"
		failed=$((failed + 1))
		return
	fi
	objects=
	for f in $core fake_os.c fake_pages.c; do
		objects="$objects $dir/${f%.c}.o"
	done
	for t; do
		run "$name" "${t%.c}"
	done
}

# run NAME TEST: link it and run it.
run()
{
	# shellcheck disable=SC2086
	if $cc -pthread $flags "$dir/$2.o" $objects $MX_CHECK_LIBS \
	    -o "$dir/$2" >"$dir/$2.log" 2>&1 &&
	    timeout -k 10 300 "$dir/$2" >"$dir/$2.log" 2>&1; then
		echo "PASS $1 $2"
		passed=$((passed + 1))
	else
		echo "FAIL $1 $2"
		grep -e ERROR: -e WARNING: -e 'runtime error' -e ' #[0-4] ' \
		    -e '\.c:' "$dir/$2.log" | head -n 20
		failed=$((failed + 1))
	fi
}

passed=0
failed=0
ASAN_OPTIONS=detect_leaks=0
UBSAN_OPTIONS=print_stacktrace=1
# Two things that look like errors and are meant: the statistics read what threads
# are writing (stats.c says how they live with it), and the child of a fork makes
# locks new which its parent holds (process.c).
echo race:mx_stats_read >"$tmp/suppressions"
TSAN_OPTIONS="die_after_fork=0 suppressions=$tmp/suppressions"
TSAN_OPTIONS="$TSAN_OPTIONS report_mutex_bugs=0"
export ASAN_OPTIONS UBSAN_OPTIONS TSAN_OPTIONS
unset LD_PRELOAD
# shellcheck disable=SC2086
sanitize address '-fsanitize=address,undefined -fno-sanitize-recover=all' $all
# shellcheck disable=SC2086
sanitize thread -fsanitize=thread $threaded
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] || exit 1
[ "$passed" -gt 0 ] || exit 77
