#!/bin/sh
# fault.sh - with explain_fault:true each program of fault.c ends by the signal by
# which it ends anyway, and one line says what it touched.
#
# SPDX-License-Identifier: MIT

: "${LIBMEMAIX:?}" "${top_builddir:?}"
program=$top_builddir/tests/fault
tmp=$(mktemp -d "${TMPDIR:-/tmp}/fault.XXXXXX") || exit 99
trap 'rm -rf "$tmp"' EXIT
ulimit -S -c 0
passed=0
failed=0

run()
{
	env LD_PRELOAD="$LIBMEMAIX" MEMAIX_OPTIONS="$2" timeout 60 \
	    "$program" "$1" >"$tmp/out" 2>"$tmp/err"
}

result()
{
	if [ -z "$why" ]; then
		passed=$((passed + 1))
		echo "PASS $1"
	else
		failed=$((failed + 1))
		echo "FAIL $1: $why"
		head -n 3 "$tmp/err"
	fi
}

"$program" >"$tmp/list" || exit 99
while IFS='|' read -r name options signal says; do
	why=
	expected=$((signal > 0 ? 128 + signal : 0))
	run "$name" "explain_fault:true${options:+,$options}"
	status=$?
	[ "$status" = "$expected" ] || why="status $status"
	if [ "$says" = - ]; then
		! grep -q memaix: "$tmp/err" || why="$why, it said something"
	else
		grep -q "^memaix: M014 SIG[A-Z]* at .*$says" "$tmp/err" ||
			why="$why, no line '$says'"
		[ "$(grep -c memaix: "$tmp/err")" -eq 1 ] ||
			why="$why, not one line"
	fi
	result "$name"

	# Without the option: the same end, and no line.
	why=
	run "$name" "$options"
	status=$?
	[ "$status" = "$expected" ] || why="status $status"
	! grep -q M014 "$tmp/err" || why="$why, it said something"
	result "$name, not explained"
done <"$tmp/list" 2>"$tmp/noise"

# The core that the kernel writes otherwise is written still.
here=$PWD
cd "$tmp" || exit 99
case $program in
/*)	;;
*)	program=$here/$program ;;
esac
case $LIBMEMAIX in
/*)	;;
*)	LIBMEMAIX=$here/$LIBMEMAIX ;;
esac
why=
ulimit -S -c unlimited 2>/dev/null
alone=$("$program" core)
if [ "$alone" = "a core" ]; then
	run core explain_fault:true
	grep -q '^a core$' "$tmp/out" || why="no core"
	grep -q '^memaix: M014' "$tmp/err" || why="$why, no line"
	result core
else
	echo "SKIP core (the system writes none)"
fi

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -ge 32 ]
