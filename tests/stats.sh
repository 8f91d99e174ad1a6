#!/bin/sh
# stats.sh - the statistics at exit: they come, and they add up.
#
# SPDX-License-Identifier: MIT

: "${LIBMEMAIX:?}" "${top_builddir:?}"
tmp=$(mktemp -d "${TMPDIR:-/tmp}/stats.XXXXXX") || exit 99
trap 'rm -rf "$tmp"' EXIT
failed=0

fail()
{
	echo "FAIL $*"
	failed=$((failed + 1))
}

# with OPTIONS COMMAND...: standard error goes to $tmp/err
with()
{
	options=$1
	shift
	env LD_PRELOAD="$LIBMEMAIX" MEMAIX_OPTIONS="$options" "$@" \
	    >/dev/null 2>"$tmp/err"
}

# number NAME: the figure of a text line
number()
{
	awk -v name="$1" '{ for (i = 2; i <= 3; i++)
		if ($i == name) { print $(i - 1); exit } }' "$tmp/err"
}

for program in ls awk sort; do
	case $program in
	ls) with stats:true ls / ;;
	awk) with stats:true awk 'BEGIN { for (i = 0; i < 99999; i++)
	    a[i] = i }' ;;
	sort) with stats:true sort /dev/null ;;
	esac || fail "$program under stats"
	sum=0
	for name in live rounding caches free_in_spans dirty metadata; do
		n=$(number $name)
		[ -n "$n" ] || fail "$program: no line for $name"
		sum=$((sum + ${n:-0}))
	done
	[ "$sum" -eq "$(number ready)" ] ||
	    fail "$program: $sum is not $(number ready)"
	[ $(($(number ready) - $(number untouched))) -eq \
	    "$(number resident)" ] || fail "$program: resident"
	[ "$(number resident)" -le "$(number rss)" ] || fail "$program: rss"
done

# The kernel agrees: what awk grew is resident in memaix.
with stats:true awk 'BEGIN { for (i = 0; i < 499999; i++) a[i] = i }'
[ "$(number resident)" -gt 20000000 ] || fail "awk's memory is not there"

with stats_json:true ls /
python3=$(command -v python3)
if [ -n "$python3" ]; then
	"$python3" - "$tmp/err" <<'END' || fail JSON
import json, sys
d = json.load(open(sys.argv[1]))
names = ["live", "rounding", "caches", "free_in_spans", "dirty", "metadata"]
assert sum(d[n] for n in names) == d["ready"]
assert d["ready"] - d["untouched"] == d["resident"] <= d["rss"]
units = d["units"]
assert d["schema"] == 2
assert set(units) == {n for n in d if type(d[n]) is int} - {"schema", "pid"}
assert units["live"] == "bytes" and units["threads"] == "threads"
END
fi

with "stats:true,stats_file:$tmp/at.%p" ls /
[ -s "$tmp/err" ] && fail "stats_file: text on standard error"
set -- "$tmp"/at.[0-9]*
[ -s "$1" ] || fail "stats_file: nothing in $1"

with "stat:true,arena:7,move:maybe,huge:maybe" true
grep -q 'no option named stat; did you mean stats?' "$tmp/err" ||
    fail "a wrong name"
grep -q 'arena: 7 is not a number from' "$tmp/err" || fail "a wrong number"
grep -q 'move: maybe is neither true nor false' "$tmp/err" ||
    fail "a wrong truth"
with help:true true
grep -q 'dirty_percent' "$tmp/err" || fail "help"
[ "$failed" -eq 0 ] && echo "statistics and options: good"
[ "$failed" -eq 0 ]
