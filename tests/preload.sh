#!/bin/sh
# preload.sh - real programs with the library preloaded, and without it.
#
#   preload.sh [LIBRARY [TEST...]]
#
# LIBRARY is $MEMAIX_LIBRARY or $LIBMEMAIX by default; without TESTs all run.
# A test is run twice; what it prints must be the same, and the library must be in
# the process.
# MEMAIX_TEST_KEEP=1 keeps the folder with the outputs.
#
# SPDX-License-Identifier: MIT

all='python perl bash awk sort tar xz sqlite git make gcc gxx clang node redis
gdb project limit_python limit_perl limit_sqlite limit_bash limit_awk'

here=$(cd "$(dirname "$0")" && pwd) || exit 99
# shellcheck disable=SC2034
top=$(dirname "$here")
data=$here/preload
lib=${1:-${MEMAIX_LIBRARY:-${LIBMEMAIX:-}}}
if [ -z "$lib" ]; then
	echo "preload.sh: which library?" >&2
	exit 99
fi
if [ ! -f "$lib" ]; then
	echo "SKIP all ($lib is not there)"
	[ $# -eq 0 ] && exit 77
	exit 99
fi
[ $# -eq 0 ] || shift
lib=$(readlink -f "$lib") || exit 99
if [ "${MX_CPU:-$(uname -m)}" != "$(uname -m)" ]; then
	echo "SKIP all (the library is for $MX_CPU)"
	exit 77
fi

# Whatever is preloaded already, by a sanitizer's user for one, is not ours.
unset LD_PRELOAD PYTHONPATH PYTHONSTARTUP PERL5OPT NODE_OPTIONS MAKEFLAGS \
    MFLAGS MAKELEVEL GIT_DIR GIT_WORK_TREE BASH_ENV ENV CDPATH XZ_OPT \
    TAR_OPTIONS
tmp=$(mktemp -d "${TMPDIR:-/tmp}/preload.XXXXXX") || exit 99
# shellcheck disable=SC2329,SC2317
clean()
{
	if [ -n "${MEMAIX_TEST_KEEP:-}" ]; then
		echo "kept $tmp"
	else
		rm -rf "$tmp"
	fi
}
trap clean EXIT
trap 'exit 99' HUP INT TERM
LC_ALL=C TZ=UTC HOME=$tmp SHELL=/bin/sh PYTHONDONTWRITEBYTECODE=1
PYTHONMALLOC=malloc PYTHONHASHSEED=0 PERL_HASH_SEED=0 PERL_PERTURB_KEYS=0
GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null
export LC_ALL TZ HOME SHELL PYTHONDONTWRITEBYTECODE PYTHONMALLOC \
    PYTHONHASHSEED PERL_HASH_SEED PERL_PERTURB_KEYS GIT_CONFIG_NOSYSTEM \
    GIT_CONFIG_GLOBAL

# A test is a function test_NAME, run in a subshell in a folder of its own.  It
# ends by pass, or sooner by one of these.
fail()
{
	echo "$*" >why
	exit 1
}

skip()
{
	echo "$*" >why
	exit 77
}

need()
{
	for program; do
		command -v "$program" >/dev/null 2>&1 ||
		    skip "$program is not installed"
	done
}

# with SECONDS COMMAND...: run it with the library.
with()
{
	seconds=$1
	shift
	timeout -k 10 "$seconds" env LD_PRELOAD="$lib" "$@"
}

# The dynamic linker complains of a library that it cannot use, and goes on.
complaints()
{
	grep -n -e 'ld\.so' -e '^memaix: ' "$@" | head -n 3 | tr '\n' ' '
}

# same SECONDS COMMAND...: both ways, with the same result.
same()
{
	limit=$1
	shift
	timeout -k 10 "$limit" "$@" >plain.out 2>plain.err </dev/null
	rc=$?
	[ $rc = 0 ] || skip "fails without the library, status $rc"
	with "$limit" "$@" >with.out 2>with.err </dev/null
	rc=$?
	[ $rc = 124 ] && fail "no end after $limit s"
	[ $rc = 0 ] ||
	    fail "status $rc $(tail -n 1 with.err | tr -cd '[:print:]')"
	cmp plain.out with.out >cmp.out 2>&1 || fail "$(cat cmp.out)"
	said=$(complaints with.err)
	[ -z "$said" ] || fail "$said"
}

# shows_itself COMMAND...: COMMAND prints its /proc/self/maps.
shows_itself()
{
	with 60 "$@" >maps.out 2>maps.err </dev/null
	grep -qF "$lib" maps.out || fail "the library is not in $1"
}

# is_loaded PROGRAM...: the dynamic linker would load the library into it.
is_loaded()
{
	for program; do
		path=$(command -v "$program") ||
		    skip "$program is not installed"
		with 60 env LD_TRACE_LOADED_OBJECTS=1 "$path" \
		    >ldd.out 2>&1 </dev/null
		grep -qF "$lib" ldd.out ||
		    fail "the library is not loaded into $path"
	done
}

# shellcheck source=tests/preload/programs.sh disable=SC1091
. "$data/programs.sh"

run()
{
	mkdir "$tmp/$1" || exit 99
	(cd "$tmp/$1" && "test_$1")
	rc=$?
	why=$(cat "$tmp/$1/why" 2>/dev/null)
	case $rc in
	0)
		echo "PASS $1"
		passed=$((passed + 1)) ;;
	77)
		echo "SKIP $1 ($why)"
		skipped=$((skipped + 1)) ;;
	*)
		echo "FAIL $1 (${why:-status $rc})"
		failed=$((failed + 1)) ;;
	esac
}

passed=0 skipped=0 failed=0
# shellcheck disable=SC2086
[ $# -gt 0 ] || set -- $all
for name; do
	if ! command -v "test_$name" >/dev/null; then
		echo "preload.sh: no test $name" >&2
		exit 99
	fi
	run "$name"
done
echo "preload.sh: $passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ] || exit 1
[ $passed -gt 0 ] || exit 77
