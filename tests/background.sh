#!/bin/sh
# background.sh - background_thread: free memory goes back while the program rests, in
# the process and in a fork's child; without the option it stays.
#
# SPDX-License-Identifier: MIT

: "${LIBMEMAIX:?}" "${top_builddir:?}"
tmp=$(mktemp -d "${TMPDIR:-/tmp}/background.XXXXXX") || exit 99
trap 'rm -rf "$tmp"' EXIT
failed=0

# run OPTIONS MILLISECONDS
run()
{
	env LD_PRELOAD="$LIBMEMAIX" MEMAIX_OPTIONS="$1" timeout 60 \
	    "$top_builddir/tests/background" "$2" >"$tmp/out" 2>"$tmp/err" &&
	    [ ! -s "$tmp/err" ] && [ "$(wc -l <"$tmp/out")" = 2 ] && return
	echo "FAIL $1: it ended with $?"
	cat "$tmp/out" "$tmp/err"
	failed=$((failed + 1))
}

# all NAME CONDITION: it holds in each line, $2 and $5 being the KiB
all()
{
	if awk "!($2) { bad = 1 } END { exit bad }" "$tmp/out"; then
		echo "PASS $1"
	else
		echo "FAIL $1"
		cat "$tmp/out"
		failed=$((failed + 1))
	fi
}

# It looks each 100 ms; a slow machine has ten times as long.
run background_thread:true,decay_ms:200 2000
all 'all goes back' '$2 > 5000 && $5 + 0 < 1000'
all 'signals go to the program' '$7 == "here"'
run background_thread:false,decay_ms:200 1000
all 'all stays without the thread' '$1 == "child:" || ($2 > 5000 && $5 + 0 > 5000)'
[ $failed = 0 ]
