#!/bin/sh
# model.sh - search every state of the model of inboxes and owners (model/inbox.pml),
# and see that each careless variant of it is found.
#
# MEMAIX_TEST_LONG=1: three threads too, which takes minutes and some GiB.
#
# SPDX-License-Identifier: MIT

here=$(cd "$(dirname "$0")" && pwd) || exit 99
cc=${MX_CC:-cc}
if ! command -v spin >/dev/null; then
	echo "skipped: no spin"
	exit 77
fi
tmp=$(mktemp -d "${TMPDIR:-/tmp}/model.XXXXXX") || exit 99
trap 'rm -rf "$tmp"' EXIT
failed=0
depth=3000000           # of the search; the words tell if it was too small

# search FLAGS...: the searcher's words are in $tmp/out.
search()
{
	(cd "$tmp" && rm -f pan* && spin "$@" -a "$here/model/inbox.pml" \
	    >out 2>&1 && $cc -O2 -w -DSAFETY -DCOLLAPSE -DMEMLIM=12000 \
	    -o pan pan.c && ./pan -m"$depth" >out 2>&1) || {
		cat "$tmp/out"
		exit 99
	}
}

# Nobody ever got a block in one of the drains of a thread: what is asserted of it
# says nothing then.
blind()
{
	sed -n '/^unreached in proctype thread/,/states)/p' "$tmp/out" |
	    grep -q 'next = mark'
}

# Nothing is wrong, and nothing was left out.
sound()
{
	search "$@"
	if grep -q 'errors: 0$' "$tmp/out" &&
	    ! grep -qi 'error: max search depth\|not completed\|out of memory' \
	    "$tmp/out" && ! blind; then
		echo "PASS ${*:-two threads}: $(sed -n \
		    's/ *\([0-9.e+]*\) states, stored.*/\1 states/p' "$tmp/out")"
	else
		echo "FAIL ${*:-two threads}"
		cat "$tmp/out"
		failed=1
	fi
}

# found NUMBER WHAT
found()
{
	search -DWRONG="$1"
	if grep -q 'assertion violated' "$tmp/out"; then
		echo "PASS seen: $2"
	else
		echo "FAIL not seen: $2"
		failed=1
	fi
}

sound
found 1 "a push that does not look whether the inbox changed"
found 2 "an inbox that is read and then emptied"
found 3 "an inbox that stays open at the end"
found 4 "a chain for a span that got an owner meanwhile"
found 5 "a span that is adopted though it has an owner"
found 6 "a chain for a span that became mixed meanwhile"
found 7 "a span that is adopted though it is mixed"
found 8 "a mixed span that ends before it has quite begun"
case ${MEMAIX_TEST_LONG:-0} in
0|'') ;;
*)	depth=30000000
	sound -DTHREADS=3
	;;
esac
exit $failed
