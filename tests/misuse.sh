#!/bin/sh
# misuse.sh - every program of misuse.c ends in the line it must end in, and with
# on_misuse:report it says the same and works on.
#
#   misuse.sh --count LIBRARY...   how many of the mistakes end by a message and
#                                  abort with each; `none': with libc alone
#
# SPDX-License-Identifier: MIT

program=${top_builddir:?}/tests/misuse
tmp=$(mktemp -d "${TMPDIR:-/tmp}/misuse.XXXXXX") || exit 99
trap 'rm -rf "$tmp"' EXIT
ulimit -c 0
passed=0
failed=0

"$program" >"$tmp/list" || exit 99

# What memaix finds by default, by anyone's words.
count()
{
	of=0
	found=0
	while IFS='|' read -r name message _; do
		case $message in
		-|'?')	continue ;;
		esac
		of=$((of + 1))
		env LD_PRELOAD="$1" timeout 60 "$program" "$name" \
		    >"$tmp/out" 2>"$tmp/err" </dev/null
		[ $? = 134 ] && [ -s "$tmp/err" ] && found=$((found + 1))
	done <"$tmp/list" 2>"$tmp/noise"
	echo "${1:-libc}: $found of $of"
}

if [ "${1-}" = --count ]; then
	shift
	for library; do
		[ "$library" = none ] && library=
		count "$library"
	done
	exit 0
fi
: "${LIBMEMAIX:?}" "${MEMAIX:?}" "${top_srcdir:?}"

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
