#!/bin/sh
# linked.sh - programs that know nothing of memaix, with memaix in each way:
# preloaded, linked with the shared library, linked with the archive, and static.
#
# SPDX-License-Identifier: MIT

: "${top_srcdir:?}" "${top_builddir:?}" "${LIBMEMAIX:?}"
archive=$top_builddir/.libs/libmemaix.a
bin=$top_builddir/tests
tmp=$(mktemp -d "${TMPDIR:-/tmp}/linked.XXXXXX") || exit 99
trap 'rm -rf "$tmp"' EXIT
passed=0
failed=0

# check NAME COMMAND...
check()
{
	name=$1
	shift
	if timeout 300 "$@" >"$tmp/out" 2>&1; then
		echo "PASS $name"
		passed=$((passed + 1))
	else
		echo "FAIL $name (status $?)"
		tail -n 5 "$tmp/out"
		failed=$((failed + 1))
	fi
}

preloaded()
{
	name=$1
	shift
	check "preloaded $name" env LD_PRELOAD="$LIBMEMAIX" "$@"
}

# build OUTPUT COMPILER FLAGS...: 1 if it cannot be
build()
{
	out=$1
	shift
	"$@" -o "$tmp/$out" >"$tmp/out" 2>&1 && return 0
	echo "FAIL build of $out"
	tail -n 5 "$tmp/out"
	failed=$((failed + 1))
	return 1
}

# in_each_way NAME COMPILER SOURCES-AND-FLAGS...
in_each_way()
{
	name=$1
	shift
	dir=$(dirname "$LIBMEMAIX")
	build "$name.shared" "$@" -L"$dir" -lmemaix &&
	    check "shared $name" env LD_LIBRARY_PATH="$dir" "$tmp/$name.shared"
	[ -f "$archive" ] || return 0
	build "$name.archive" "$@" "$archive" -ldl &&
	    check "archive $name" "$tmp/$name.archive"
	build "$name.static" "$@" -static "$archive" &&
	    check "static $name" "$tmp/$name.static"
}

preloaded interface "$bin/interface_test"
preloaded stress "$bin/stress_threads" 3
preloaded stress-64 "$bin/stress_threads" 3 64
preloaded fork "$bin/fork_test"
preloaded churn "$bin/thread_churn"
preloaded grow-forward "$bin/grow_free" 1024 forward
preloaded grow-random "$bin/grow_free" 1024 random
preloaded grow-backward "$bin/grow_free" 1024 backward

cd "$top_srcdir/tests" || exit 99
in_each_way interface "$MX_CC" -pthread -O1 interface_test.c \
    interface_align.c interface_report.c interface_random.c
# Ended threads' caches are taken back in each way: a static program once kept all.
in_each_way churn "$MX_CC" -pthread -O1 thread_churn.c
# Tools that look into a program that is linked with memaix.
dir=$(dirname "$LIBMEMAIX")
if command -v valgrind >/dev/null; then
	check "valgrind --tool=none" env LD_LIBRARY_PATH="$dir" valgrind \
	    --tool=none --error-exitcode=1 "$tmp/interface.shared"
else
	echo "SKIP valgrind (not installed)"
fi
if command -v gdb >/dev/null; then
	check gdb sh -c "LD_LIBRARY_PATH='$dir' gdb -batch -nx -ex 'set breakpoint pending on' \
	    -ex 'break malloc' \
	    -ex run -ex backtrace -ex delete -ex continue \
	    '$tmp/interface.shared' | tee '$tmp/gdb' | grep -q 'exited normally' &&
	    grep -q '^#0.* malloc' '$tmp/gdb'"
else
	echo "SKIP gdb (not installed)"
fi
if [ -n "$MX_CXX" ] && command -v "$MX_CXX" >/dev/null; then
	build cxx.plain "$MX_CXX" -pthread -std=c++17 cxx_test.cc &&
	    preloaded cxx "$tmp/cxx.plain"
	in_each_way cxx "$MX_CXX" -pthread -std=c++17 cxx_test.cc
	build cxx.so "$MX_CXX" -pthread -std=c++17 -shared -fPIC cxx_test.cc &&
	    build cxx_load.plain "$MX_CC" cxx_load.c -ldl &&
	    preloaded cxx_load "$tmp/cxx_load.plain" "$tmp/cxx.so"
else
	echo "SKIP cxx (no C++ compiler)"
fi
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
