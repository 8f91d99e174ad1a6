#!/bin/sh
# fuzz.sh - sequences of calls from bytes (tests/fuzz): replay, or run AFL++.
#
#   fuzz.sh                          replay the corpus, then a few random inputs
#   fuzz.sh afl fake|real SECONDS [FOLDER]
#                                    build for AFL++ and run; findings in FOLDER
#
# MEMAIX_TEST_LONG=1 replays with 2000 random inputs more.
#
# SPDX-License-Identifier: MIT

here=$(cd "$(dirname "$0")" && pwd) || exit 99
src=$here/..

# The core and one kernel, instrumented: KIND, PROGRAM
build()
{
	core=
	for f in "$src"/src/*.c; do
		case $f in
		*/cmd*|*/memaix_cmd.c|*/override_*|*/extras.c|*_aix.c|*/sys_linux.c|*/signal_linux.c|*/trace_linux.c)
			;;
		*)	core="$core $f" ;;
		esac
	done
	case $1 in
	fake)	core="$core $here/fake_os.c $here/fake_pages.c" ;;
	real)	core="$core $src/src/sys_linux.c $src/src/signal_linux.c $src/src/trace_linux.c" ;;
	*)	exit 99 ;;
	esac
	# shellcheck disable=SC2086
	afl-clang-fast -std=gnu11 -D_GNU_SOURCE -g -O2 -pthread \
	    -I"$src/include" -I"$src/src" -I"$here" -o "$2" $core \
	    "$here/fuzz/fuzz_main.c" "$here/fuzz/fuzz_$1.c" -ldl
}

if [ "${1:-}" = afl ]; then
	command -v afl-fuzz >/dev/null || exit 77
	out=${4:-fuzz-$2}
	mkdir -p "$out" || exit 99
	build "$2" "$out/program" || exit 99
	AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES=1 AFL_SKIP_CPUFREQ=1 \
	    AFL_NO_AFFINITY=1 AFL_NO_UI=1 afl-fuzz -V "$3" -t 5000 -m none \
	    -i "$here/fuzz/corpus" -o "$out" "$out/program" \
	    >"$out/log" 2>&1 || exit 99
	grep -E '^(execs_done|edges_found|bitmap_cvg|saved_)' \
	    "$out/default/fuzzer_stats"
	exit 0
fi

: "${top_builddir:?}"
failed=0
random=20
case ${MEMAIX_TEST_LONG:-0} in
0|'') ;;
*)	random=2000 ;;
esac
for kind in fake real; do
	program=$top_builddir/tests/fuzz_$kind
	[ -x "$program" ] || exit 99
	"$program" "$here"/fuzz/corpus/* || failed=1
	"$program" --random $random || failed=1
	# It sees what is wrong.
	if FUZZ_BREAK=1 "$program" "$here"/fuzz/corpus/* >/dev/null; then
		echo "FAIL fuzz_$kind: a changed byte is not noticed"
		failed=1
	fi
done
exit $failed
