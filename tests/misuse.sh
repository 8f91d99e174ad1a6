#!/bin/sh
# misuse.sh - every program of misuse.c ends in the line it must end in, and with
# on_misuse:report it says the same and works on.
#
# SPDX-License-Identifier: MIT

: "${LIBMEMAIX:?}" "${top_builddir:?}" "${MEMAIX:?}" "${top_srcdir:?}"
program=$top_builddir/tests/misuse
tmp=$(mktemp -d "${TMPDIR:-/tmp}/misuse.XXXXXX") || exit 99
trap 'rm -rf "$tmp"' EXIT
ulimit -c 0
passed=0
failed=0

# run NAME OPTIONS: status, and standard error in $tmp/err
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

# tell NAME OPTIONS MESSAGE CALL: ends the program, or with on_misuse:report does
# not.
tell()
{
	why=
	run "$1" "$2"
	status=$?
	if [ "$3" = - ]; then
		[ "$status" = 0 ] || why="status $status"
		[ ! -s "$tmp/err" ] || why="it said something"
	elif [ "$3" != '?' ]; then
		[ "$status" = 134 ] || why="status $status"
		grep -q "^memaix: $3 $4(0x.*memaix explain $3" \
		    "$tmp/err" || why="$why, no line $3 $4"
		[ "$(grep -c memaix: "$tmp/err")" -eq 1 ] ||
		    why="$why, not one line"
	fi
	result "$1 $2"

	why=
	run "$1" "${2:+$2,}on_misuse:report"
	status=$?
	[ "$status" = 0 ] || why="status $status"
	grep -q '^survived$' "$tmp/out" || why="$why, did not survive"
	case $3 in
	-|'?')	;;
	*)	grep -q "^memaix: $3 $4(0x" "$tmp/err" ||
		    why="$why, no line $3 $4" ;;
	esac
	result "$1 $2, reported"
}

"$program" >"$tmp/list" || exit 99
while IFS='|' read -r name message secure call; do
	tell "$name" "" "$message" "$call"
	# What is otherwise seen by a later malloc is now seen at once.
	[ "$secure" = "$message" ] || call=${call%malloc}
	tell "$name" secure:true "$secure" "${call:-free}"
done <"$tmp/list" 2>"$tmp/noise"
# The command and the manual know every message, by the same words.
"$MEMAIX" explain >"$tmp/codes" || failed=$((failed + 1))
while read -r code brief; do
	why=
	"$MEMAIX" explain "$code" >"$tmp/out" 2>"$tmp/err" || why="status $?"
	grep -q "^$code: $brief\$" "$tmp/out" || why="$why, no such text"
	awk -v code="$code" -v brief="$brief" '$0 == ".B " code { getline
		found = tolower($0) == tolower(brief) "." }
		END { exit !found }' "$top_srcdir/doc/memaix-messages.7" ||
		why="$why, not in the manual"
	result "explain $code"
done <"$tmp/codes"
! "$MEMAIX" explain M999 >/dev/null 2>&1 || failed=$((failed + 1))

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 250 ]
