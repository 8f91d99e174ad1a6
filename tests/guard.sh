#!/bin/sh
# guard.sh - guard_rate: each program of guard.c is caught where it errs, with the
# callers that asked for the block and freed it; one allocation of N is a sample.
#
# SPDX-License-Identifier: MIT

: "${LIBMEMAIX:?}" "${top_builddir:?}"
program=$top_builddir/tests/guard
tmp=$(mktemp -d "${TMPDIR:-/tmp}/guard.XXXXXX") || exit 99
trap 'rm -rf "$tmp"' EXIT
ulimit -c 0
passed=0
failed=0

# run OPTIONS ARGUMENTS...
run()
{
	options=$1
	shift
	env LD_PRELOAD="$LIBMEMAIX" MEMAIX_OPTIONS="$options" timeout 60 \
	    "$program" "$@" >"$tmp/out" 2>"$tmp/err"
}

result()
{
	if [ -z "$why" ]; then
		passed=$((passed + 1))
		echo "PASS $1"
	else
		failed=$((failed + 1))
		echo "FAIL $1: $why"
		head -n 5 "$tmp/err"
	fi
}

# The function that the callers after the line `the block was $1' begin with.
asked_by()
{
	sed -n "/the block was $1 by thread [0-9]*, called by/{n;s/.*#0 0x[0-9a-f]* \([a-z_]*\)+.*/\1/p;}" \
	    "$tmp/err"
}

"$program" >"$tmp/list" || exit 99
for options in guard_rate:1 guard_rate:1,secure:true; do
	while IFS='|' read -r name says freed; do
		why=
		run $options "$name"
		status=$?
		case $says in
		-) expected=0 ;;
		M014*) expected=139 ;;
		*) expected=134 ;;
		esac
		[ "$status" = $expected ] || why="status $status"
		if [ "$says" = - ]; then
			[ ! -s "$tmp/err" ] || why="$why, it said something"
		else
			head -n 1 "$tmp/err" | grep -q "^memaix: $says" ||
			    why="$why, no line '$says'"
			[ "$(asked_by allocated)" = allocate_here ] ||
			    why="$why, not who allocated it"
		fi
		if [ "$freed" = freed ]; then
			[ "$(asked_by freed)" = free_here ] ||
			    why="$why, not who freed it"
		fi
		result "$name, $options"
	done <"$tmp/list" 2>"$tmp/noise"
done

# 100,000 allocations, one of 500: the mean is 200, its deviation below 15.
why=
run guard_rate:500 sampled 100000
samples=$(cat "$tmp/out")
[ "$samples" -gt 120 ] && [ "$samples" -lt 280 ] || why="$samples samples"
result "one of 500"

why=
run guard_rate:0 sampled 100000
[ "$(cat "$tmp/out")" -eq 0 ] || why="$(cat "$tmp/out") samples"
result "none without it"

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -ge 24 ]
