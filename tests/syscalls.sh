#!/bin/sh
# syscalls.sh - the library makes no system call that HACKING does not list.
#
# A program that only allocates is traced with and without the library.  What
# it calls with the library must be what it calls anyway, or be on the list.
#
# SPDX-License-Identifier: MIT

: "${top_srcdir:?}" "${LIBMEMAIX:?}"
tmp=$(mktemp -d "${TMPDIR:-/tmp}/syscalls.XXXXXX") || exit 99
trap 'rm -rf "$tmp"' EXIT
unset LD_PRELOAD MEMAIX_OPTIONS
if [ "${MX_CPU:-$(uname -m)}" != "$(uname -m)" ]; then
	echo "skipped: the library is for $MX_CPU"
	exit 77
fi
if ! strace -o /dev/null true 2>/dev/null; then
	echo "skipped: no strace, or it may not trace"
	exit 77
fi
${MX_CC:-cc} -O1 -pthread -o "$tmp/calls" \
    "$top_srcdir/tests/inject/calls.c" || exit 99
failed=0

fail()
{
	echo "FAIL $*"
	failed=$((failed + 1))
}

# trace NAME OPTIONS LIBRARY MODE: names of calls between the marks, with how
# often each, into NAME; and those of the whole run into NAME.all.
trace()
{
	strace -f -qq -o "$tmp/raw" ${2:+-E "MEMAIX_OPTIONS=$2"} \
	    ${3:+-E "LD_PRELOAD=$3"} "$tmp/calls" "$4" \
	    >/dev/null 2>"$tmp/err" || fail "$1: $(tail -n 1 "$tmp/err")"
	sed -n 's/^[0-9]* *\([a-z_0-9]*\)(.*/\1/p' "$tmp/raw" | sort |
	    uniq -c | awk '{ print $2, $1 }' >"$tmp/$1.all"
	sed -n '/write(-1, "begin/,/write(-1, "end/p' "$tmp/raw" |
	    sed '1d;$d' | sed -n 's/^[0-9]* *\([a-z_0-9]*\)(.*/\1/p' | sort |
	    uniq -c | awk '{ print $2, $1 }' >"$tmp/$1"
}

# The list: names in the first column of HACKING's table.
sed -n '/^SYSTEM CALLS/,/^Start of a program/p' "$top_srcdir/HACKING" |
    sed -n 's/^  \([a-z][a-z_0-9 ]*\)  .*/\1/p' | tr ' ' '\n' | grep . |
    sort -u >"$tmp/list"
grep -qx mmap "$tmp/list" || exit 99
[ "$(wc -l <"$tmp/list")" -gt 10 ] || exit 99

# 1. One thread, default options: five calls and, once, what asks for the cgroup's
# limits; no other.
trace one "" "$LIBMEMAIX" one
while read -r call count; do
	case $call in
	mmap|munmap|mprotect|madvise|mremap)
		echo "one thread: $call $count times" ;;
	openat|read|close|sched_getaffinity)
		[ "$count" -le 12 ] || fail "one thread: $call, $count times" ;;
	*)	fail "one thread: $call, $count times" ;;
	esac
done <"$tmp/one"
[ -s "$tmp/one" ] || fail "one thread: nothing was traced"

# 2. A foreign pointer: one call for each.
trace foreign "" "$LIBMEMAIX" foreign
while read -r call count; do
	[ "$call" = mincore ] && [ "$count" -le 20 ] ||
		fail "foreign: $call, $count times"
done <"$tmp/foreign"
[ -s "$tmp/foreign" ] || fail "foreign: nothing was traced"

# 3. Threads, forks, all options: what is new must be on the list.
options=stats:true,stats_json:true,verbose:true,huge:true,huge_min:0
options=$options,stats_file:$tmp/stats
for mode in nothing one threads fork foreign; do
	trace plain "" "" $mode
	trace with "$options" "$LIBMEMAIX" $mode
	cut -d ' ' -f 1 "$tmp/plain.all" >"$tmp/known"
	# The kernel's own, when a stopped thread goes on waiting.
	echo restart_syscall >>"$tmp/known"
	sort -u "$tmp/known" "$tmp/list" >"$tmp/allowed"
	cut -d ' ' -f 1 "$tmp/with.all" | sort -u >"$tmp/made"
	new=$(comm -13 "$tmp/allowed" "$tmp/made" | tr '\n' ' ')
	[ -z "$new" ] || fail "$mode: not in HACKING: $new"
	echo "$mode: $(wc -l <"$tmp/made") calls, all known"
done

# 4. A program begins with errno 0, also where start was refused something.
# (The first prlimit64 is libc's, which leaves errno as it is then.)
for rule in madvise:1 prlimit64:2; do
	call=${rule%:*}
	strace -f -qq -o /dev/null -e trace="$call" \
	    -e inject="$call:error=EINVAL:when=${rule#*:}+" \
	    -E "LD_PRELOAD=$LIBMEMAIX" "$tmp/calls" errno 2>"$tmp/err"
	code=$?
	[ $code = 0 ] || fail "errno: $code after $call"
done

# 5. The page map's tables have ordinary pages, whatever the system's default is.
if [ -d /sys/kernel/mm/transparent_hugepage ]; then
	LD_PRELOAD=$LIBMEMAIX cat /proc/self/smaps | awk '
	/^[0-9a-f]+-[0-9a-f]+ /	{ zero = / rw-p .* 0 *$/ }
	/^Size:/		{ kib = $2 }
	/^VmFlags:/ && zero && kib > 16000 { print kib, / nh( |$)/ }' \
	>"$tmp/tables"
	awk '{ sum += $1; bad += !$2 } END { exit sum < 30000 || bad }' \
	    "$tmp/tables" || fail "tables: $(tr '\n' ' ' <"$tmp/tables")"
fi

[ $failed = 0 ]
