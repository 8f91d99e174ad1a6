#!/bin/sh
# inject.sh - every system call that the library makes is refused: the N-th, and
# all from the N-th on; then again by strace and under seccomp filters.
#
#   inject.sh [LIBRARY]
#
# The program goes on with what it gets, or ends with a message about memory of its
# own (or where it ends without the library too): never by a signal, with a hang, or
# with a wrong result.  MEMAIX_TEST_LONG=1: each N up
# to 200, else a sample.
#
# SPDX-License-Identifier: MIT

here=$(cd "$(dirname "$0")" && pwd) || exit 99
lib=${1:-${LIBMEMAIX:?}}
cc=${MX_CC:-cc}
tmp=$(mktemp -d "${TMPDIR:-/tmp}/inject.XXXXXX") || exit 99
trap 'rm -rf "$tmp"' EXIT
trap 'exit 99' HUP INT TERM
unset LD_PRELOAD MEMAIX_OPTIONS
if [ "${MX_CPU:-$(uname -m)}" != "$(uname -m)" ]; then
	echo "skipped: the library is for $MX_CPU"
	exit 77
fi
PYTHONMALLOC=malloc PYTHONHASHSEED=0 PYTHONDONTWRITEBYTECODE=1
export PYTHONMALLOC PYTHONHASHSEED PYTHONDONTWRITEBYTECODE
# Little at a time and nothing kept, so that there are many calls.
often=arena:4M,dirty_min:0,dirty_percent:0,decay_ms:0
# Every call there is: huge pages, statistics to a file.
all=$often,huge:auto,huge_min:0,mixed_min:0,mixed_percent:0,stats:true,stats_json:true
all=$all,stats_file:$tmp/stats

$cc -shared -fPIC -O1 -o "$tmp/refuse.so" "$here/inject/refuse.c" || exit 99
$cc -O1 -pthread -o "$tmp/work" "$here/inject/work.c" || exit 99
$cc -O1 -o "$tmp/filter" "$here/inject/filter.c" || exit 99

long=0
case ${MEMAIX_TEST_LONG:-0} in
0|'') ;;
*)	long=1 ;;
esac

# numbers MOST DENSE STEP: which N up to MOST; a sample takes those up to DENSE
# and each STEP-th.
numbers()
{
	i=1
	while [ $i -le "$1" ]; do
		echo $i
		if [ $long = 1 ] || [ $i -lt "$2" ]; then
			i=$((i + 1))
		else
			i=$((i + $3))
		fi
	done
}

runs=0
failed=0

# What a program that ends says: its own words, python's, the dynamic linker's.
says_why='memory|cannot (map|allocate|enable|apply|change)|failed to map'

# judge WHAT STATUS MAY-FAIL
judge()
{
	runs=$((runs + 1))
	why=
	if [ "$2" = 124 ]; then
		why="no end"
	elif [ "$2" -ge 128 ]; then
		why="signal $(($2 - 128))"
	elif [ "$2" = 0 ] && ! cmp -s "$tmp/expected" "$tmp/out"; then
		why="wrong result"
	elif [ "$2" != 0 ] && [ "$3" = no ]; then
		why="status $2"
	elif [ "$2" != 0 ] && ! grep -qiE "$says_why" "$tmp/err"; then
		why="status $2, and no word about memory"
	fi
	[ -n "$why" ] || return 0
	echo "FAIL $1 ($why) $(head -n 1 "$tmp/err")"
	failed=$((failed + 1))
}

# expect COMMAND...: what it prints, and the calls it makes.
expect()
{
	REFUSE_COUNT=$tmp/count LD_PRELOAD="$tmp/refuse.so:$lib" "$@" \
	    >"$tmp/expected" 2>"$tmp/err" || {
		echo "FAIL $* without refusals"
		tail -n 3 "$tmp/err"
		exit 1
	}
}

# The errno values that a call may have.
errors_of()
{
	case $1 in
	mmap|munmap|mprotect)
		echo 12 ;;
	pthread_create)
		echo 11 ;;
	sched_getaffinity)
		echo 22 ;;
	madvise|mremap)
		if [ $long = 1 ]; then
			echo 12 1 38
		else
			echo 12
		fi ;;
	*)	echo 1 ;;
	esac
}

# refuse_each DENSE STEP MAY-FAIL COMMAND...: all calls, one after another.
refuse_each()
{
	dense=$1
	step=$2
	may_fail=$3
	shift 3
	expect "$@"
	while read -r call count; do
		[ "$count" -gt 0 ] || continue
		most=$((count + 1))
		[ $most -le 200 ] || most=200
		before=$runs
		for error in $(errors_of "$call"); do
			for n in $(numbers $most "$dense" "$step"); do
				for all_after in '' +; do
					order=$call:$n$all_after:$error
					REFUSE=$order \
					    LD_PRELOAD="$tmp/refuse.so:$lib" \
					    timeout -k 5 20 "$@" \
					    >"$tmp/out" 2>"$tmp/err" </dev/null
					judge "$order $1" $? "$may_fail"
				done
			done
		done
		echo "ran $1, $call of $count refused, $((runs - before)) times"
	done <"$tmp/count"
}

# How it ends without the library.
alone()
{
	timeout -k 5 30 strace -f -o "$tmp/trace" -e trace="$call" \
	    -e inject="$order" "$@" >/dev/null 2>"$tmp/alone" </dev/null
}

crashes_alone()
{
	alone "$@"
	[ $? -ge 128 ]
}

# The dynamic linker may end before it can speak.
fails_mute_alone()
{
	! alone "$@" && [ ! -s "$tmp/alone" ]
}

# strace_each DENSE STEP COMMAND...: the same calls of the whole process, libc's
# among them.  glibc aborts when it may not unmap, so munmap is left out; and
# where the dynamic linker crashes without the library too, that is no news.
strace_each()
{
	dense=$1
	step=$2
	shift 2
	if ! strace -o /dev/null true 2>/dev/null; then
		echo "SKIP strace (not there, or may not trace)"
		return 0
	fi
	before=$runs
	for call in mmap mprotect madvise mremap; do
		for n in $(numbers 200 "$dense" "$step"); do
			for all_after in '' +; do
				order=$call:error=ENOMEM:when=$n$all_after
				timeout -k 5 30 strace -f -o "$tmp/trace" \
				    -e trace=$call -e inject="$order" \
				    -E LD_PRELOAD="$lib" "$@" \
				    >"$tmp/out" 2>"$tmp/err" </dev/null
				rc=$?
				[ $rc -ge 128 ] && crashes_alone "$@" &&
				    rc=1 && echo "no memory" >>"$tmp/err"
				[ $rc = 1 ] && [ ! -s "$tmp/err" ] &&
				    fails_mute_alone "$@" &&
				    echo "no memory" >>"$tmp/err"
				judge "strace $order $1" $rc yes
			done
		done
	done
	echo "ran $1 under strace, $((runs - before)) times"
}

filtered()
{
	for error in 1 38; do
		for calls in madvise mremap prctl "madvise mremap prctl" \
		    "membarrier mincore prlimit64 sched_yield rseq"; do
			# shellcheck disable=SC2086
			"$tmp/filter" $error $calls -- \
			    timeout -k 5 30 env LD_PRELOAD="$lib" "$@" \
			    >"$tmp/out" 2>"$tmp/err" </dev/null
			rc=$?
			if [ $rc = 77 ]; then
				echo "SKIP seccomp (not allowed here)"
				return 0
			fi
			judge "filter $error $calls, $1" $rc no
		done
	done
	echo "ran $1 under seccomp filters"
}

export MEMAIX_OPTIONS
# Guards, rest and samples; what explains; the thread.
for MEMAIX_OPTIONS in "$often,secure:true,explain_oom:true" \
    "$often,guard_rate:50,explain_oom:true,background_thread:true,huge:true"; do
	refuse_each 3 89 no "$tmp/work"
done
MEMAIX_OPTIONS=$all
refuse_each 6 13 no "$tmp/work"
filtered "$tmp/work"
MEMAIX_OPTIONS=$often
strace_each 4 61 "$tmp/work"
# The program itself: what is called python3 may be a script that starts it.
python=$(python3 -c 'import sys; print(sys.executable)' 2>/dev/null)
if [ -n "$python" ]; then
	refuse_each 2 31 yes "$python" "$here/inject/work.py"
	filtered "$python" "$here/inject/work.py"
	strace_each 2 89 "$python" "$here/inject/work.py"
else
	echo "SKIP python3 (not installed)"
fi
echo "inject.sh: $runs runs, $failed failed"
[ $failed = 0 ]
