#!/bin/sh
# oom.sh - with explain_oom:true one line says which limit refused memory, and
# without it none.
#
# SPDX-License-Identifier: MIT

: "${LIBMEMAIX:?}" "${top_builddir:?}" "${top_srcdir:?}"
program=$top_builddir/tests/fault
tmp=$(mktemp -d "${TMPDIR:-/tmp}/oom.XXXXXX") || exit 99
trap 'rm -rf "$tmp"' EXIT
passed=0
failed=0
preload=

# refuse NAME LIMIT WORDS: under ulimit LIMIT, with what is in $preload.
refuse()
{
	for options in explain_oom:true ''; do
		why=
		# shellcheck disable=SC2086
		( ulimit -c 0
		  [ -z "$2" ] || ulimit $2 || exit 98
		  LD_PRELOAD="$preload$LIBMEMAIX" MEMAIX_OPTIONS="$options" \
			exec timeout 120 "$program" "$1" ) >"$tmp/out" 2>"$tmp/err"
		status=$?
		[ $status -eq 0 ] || why="status $status"
		! grep -q broken "$tmp/out" || why="$why, broken afterwards"
		if [ -n "$options" ]; then
			grep -q "^memaix: M015 [0-9]* bytes were refused by $3" \
			    "$tmp/err" || why="$why, no line '$3'"
			[ "$(grep -c memaix: "$tmp/err")" -eq 1 ] ||
				why="$why, not one line"
		else
			! grep -q memaix: "$tmp/err" || why="$why, a line"
		fi
		if [ -z "$why" ]; then
			passed=$((passed + 1))
			echo "PASS $1 ${2:-} ${options:-silent}"
		else
			failed=$((failed + 1))
			echo "FAIL $1 ${2:-} ${options:-silent}: $why"
			head -n 3 "$tmp/err"
		fi
	done
}

refuse eat '-v 300000' 'RLIMIT_AS; .*([0-9]* of 300000 KiB are in use)'
refuse eat '-d 100000' 'RLIMIT_DATA; .*([0-9]* of 100000 KiB are in use)'
refuse ask-too-much '' 'its own size'
# A system that allows millions would take long to get there.
[ "$(cat /proc/sys/vm/max_map_count)" -gt 300000 ] ||
	refuse eat-mappings '' 'vm.max_map_count; .*in use)'

# A system that promises no more than it has: its files are made up, and it is we who
# refuse.
mkdir -p "$tmp/proc/sys/vm" || exit 99
echo 2 >"$tmp/proc/sys/vm/overcommit_memory"
printf '%s\n' 'MemTotal: 800000 kB' 'CommitLimit: 700000 kB' \
    'Committed_AS: 699900 kB' >"$tmp/proc/meminfo"
for part in refuse proc; do
	${MX_CC:-cc} -shared -fPIC -O1 -o "$tmp/$part.so" \
	    "$top_srcdir/tests/inject/$part.c" || exit 99
done
preload=$tmp/proc.so:$tmp/refuse.so:
PROC_ROOT=$tmp REFUSE=mprotect:3+:12
export PROC_ROOT REFUSE
refuse eat '' 'CommitLimit, as vm.overcommit_memory is 2.*(699900 of 700000 KiB are in use)'
unset PROC_ROOT REFUSE

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -ge 8 ]
