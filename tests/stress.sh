#!/bin/sh
# stress.sh - the programs that try hardest, again and again under all options, until
# STRESS_SECONDS (20) have passed: threads that come and go, blocks that outlive them,
# forks, limits, random calls with random refusals.
#
# Each run has a new seed and looks at every byte it wrote; at its end the statistics
# have to add up, and memaix must have had nothing to report.  `make stress' does it
# for hours.
#
# SPDX-License-Identifier: MIT

: "${LIBMEMAIX:?}" "${top_builddir:?}"
bin=$top_builddir/tests
seconds=${STRESS_SECONDS:-20}
tmp=$(mktemp -d "${TMPDIR:-/tmp}/stress.XXXXXX") || exit 99
trap 'rm -rf "$tmp"' EXIT
trap 'exit 99' HUP INT TERM
unset LD_PRELOAD MEMAIX_OPTIONS
if [ "${MX_CPU:-$(uname -m)}" != "$(uname -m)" ]; then
	echo "skipped: the library is for $MX_CPU"
	exit 77
fi
begin=$(date +%s)
runs=0
failed=0
children=0

# Programs, and whether the library is to be preloaded into them.
programs='yes stress_threads 1
yes stress_threads 1 64
yes fork_test 12
no fuzz_fake --random 8
yes thread_churn 200 8
no fuzz_real --random 8
yes interface_test standard
yes stress_threads 1 3
yes survive/limits limit-threads limit-changes limit-split-block
yes survive/ends hand-over key-destructors
yes grow_free 100 random
yes survive/forks fork-threads atfork-late-allocates'

options=',
,secure:true
,dirty_min:0,dirty_percent:0,decay_ms:0,mixed_min:0,mixed_percent:0
,guard_rate:20
,arena:4M,move:false,background_thread:true,decay_ms:20,mixed_min:0
,secure:true,guard_rate:7,dirty_min:0,dirty_percent:0'

# Every process that ended by exit left a file: live + ... = ready.
add_up()
{
	for f in "$tmp"/stats.*; do
		[ -e "$f" ] || continue
		children=$((children + 1))
		tr ',{}' '\n' <"$f" | awk -F: '
			{ gsub(/"/, "", $1) }
			$1 == "units" { exit }          # names again
			{ v[$1] = $2 }
			END {
				sum = v["live"] + v["rounding"] + v["caches"]
				sum += v["free_in_spans"] + v["dirty"]
				sum += v["metadata"]
				if (sum == 0 || sum != v["ready"])
					exit 1
			}' ||
			return
	done
}

# run OPTIONS PRELOAD PROGRAM ARGUMENTS...
run()
{
	with=$1
	preload=$2
	program=$bin/$3
	# What rests may be in any span, and keeps it.
	case $with$3 in
	*secure*grow_free)	return ;;
	esac
	shift 3
	rm -f "$tmp"/stats.*
	if [ "$preload" = yes ]; then
		set -- env LD_PRELOAD="$LIBMEMAIX" \
		    MEMAIX_OPTIONS="stats_json:true,stats_file:$tmp/stats.%p$with" \
		    "$program" "$@"
	else
		set -- "$program" "$@"
	fi
	(cd "$tmp" && timeout 300 "$@") >"$tmp/out" 2>&1
	status=$?
	runs=$((runs + 1))
	why=
	[ $status -eq 0 ] || why="status $status"
	! grep -q '^FAIL\|memaix: M0' "$tmp/out" || why="$why, a line"
	case $with in
	*secure*) ;;
	*)	add_up || why="$why, statistics: $(cat "$f")" ;;
	esac
	[ -z "$why" ] && return
	failed=$((failed + 1))
	echo "FAIL $*: $why"
	cat "$tmp/out"
}

# Pairs of program and options, each pair as often as the next.
pass=0
while :; do
	round=$pass
	while read -r preload words; do
		[ $(($(date +%s) - begin)) -lt "$seconds" ] || break 2
		line=$((round % 6 + 1))
		# shellcheck disable=SC2086
		run "$(echo "$options" | sed -n "${line}s/^,\$//;${line}p")" \
		    "$preload" $words </dev/null
		round=$((round + 1))
	done <<-EOF
		$programs
	EOF
	pass=$((pass + 1))
	[ "$failed" -lt 10 ] || break
done
echo "$runs runs, $children processes whose statistics add up, $failed failed," \
    "$(($(date +%s) - begin)) seconds"
[ "$failed" -eq 0 ] && [ "$runs" -ge 6 ] && [ "$children" -gt 0 ]
