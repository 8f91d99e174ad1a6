#!/bin/sh
# survive.sh - everything that can happen to a preloaded malloc: tests/survive.
#
#   survive.sh                 all cases with $LIBMEMAIX
#   survive.sh LIBRARY         with another library; `none': with libc alone
#   survive.sh --table         a Markdown table: each case with each library
#
# MEMAIX_TEST_LONG=1 runs the long form: 10,000 forks, and so on.
#
# SPDX-License-Identifier: MIT

here=$(cd "$(dirname "$0")" && pwd) || exit 99
programs=${top_builddir:-$here/../build}/tests/survive
tmp=$(mktemp -d "${TMPDIR:-/tmp}/survive.XXXXXX") || exit 99
trap 'rm -rf "$tmp"' EXIT
trap 'exit 99' HUP INT TERM

# What is preloaded already, by a sanitizer's user for one, is not ours.
unset LD_PRELOAD MEMAIX_OPTIONS
if [ "${MX_CPU:-$(uname -m)}" != "$(uname -m)" ]; then
	echo "skipped: the library is for $MX_CPU"
	exit 77
fi

# The plug-ins, and the program with its own malloc.
prepare()
{
	cc=${MX_CC:-cc}
	SURVIVE_PLUGINS=$tmp
	export SURVIVE_PLUGINS
	$cc -shared -fPIC -o "$tmp/plugin.so" "$here/survive/plugin.c" ||
	    exit 99
	$cc -shared -fPIC -pthread -o "$tmp/early.so" \
	    "$here/survive/early.c" || exit 99
	$cc -shared -fPIC -DTLS_BYTES=64 -o "$tmp/tls0.so" \
	    "$here/survive/plugin.c" || exit 99
	i=1
	while [ $i -lt 64 ]; do
		cp "$tmp/tls0.so" "$tmp/tls$i.so"
		i=$((i + 1))
	done
	$cc -O1 -pthread -fno-builtin -o "$tmp/own" "$here/survive/own.c" ||
	    exit 99
	$cc -O1 -pthread -fno-builtin -rdynamic -o "$tmp/slow" \
	    "$here/survive/slow.c" || exit 99
	# Descriptors that programs inherit here; that of the list itself is
	# closed when it is looked at.
	# shellcheck disable=SC2016
	SURVIVE_FDS=" $(sh -c 'for f in /proc/$$/fd/*; do
		[ -e "$f" ] && printf "%s " "${f##*/}"
	    done')"
	export SURVIVE_FDS
}

# with LIBRARY COMMAND...
with()
{
	library=$1
	shift
	if [ "$library" = none ]; then
		"$@"
	else
		env LD_PRELOAD="$library" "$@"
	fi
}

# Every case with LIBRARY: PASS, SKIP and FAIL lines.
run_all()
{
	for program in forks ends loads limits stack; do
		if [ ! -x "$programs/$program" ]; then
			echo "FAIL $program (not built)"
			continue
		fi
		set -- "$programs/$program"
		[ $program = loads ] && set -- "$@" dlopen-loop \
		    dlopen-threads foreign-libc foreign-deepbind \
		    foreign-threads foreign-coroutine \
		    foreign-signal-stack foreign-fork-in-thread \
		    early-threads early-forks early-foreign \
		    takes-nothing
		with "$lib" "$@"
	done
	if [ -z "${table-}" ] && [ "$lib" = "${LIBMEMAIX-}" ]; then
		export MEMAIX_OPTIONS=secure:true
		for program in ends limits; do
			with "$lib" "$programs/$program"
		done | sed 's/$/, secure:true/'
		for options in secure:true guard_rate:1 \
		    guard_rate:1,secure:true; do
			MEMAIX_OPTIONS=$options
			with "$lib" "$programs/stack" |
			    sed "s/\$/, $options/"
		done
		unset MEMAIX_OPTIONS
	fi
	for case in vfork-held-up clone-held-up clone-held-up-large; do
		with "$lib" timeout 20 "$tmp/slow" $case ||
			echo "FAIL $case (status $?)"
	done
	# Not preloaded, so the program names it.
	if [ "$lib" = none ]; then
		"$programs/loads" library-by-dlopen no-static-tls
	else
		SURVIVE_LIBRARY=$lib "$programs/loads" library-by-dlopen \
		    no-static-tls
	fi
	with "$lib" timeout 20 "$tmp/own" || echo "FAIL own-malloc (status $?)"
}

# The word for a table: what a line of run_all says.
table()
{
	dir=/usr/lib/$(uname -m)-linux-gnu
	n=0
	for lib in "$LIBMEMAIX" none "$dir/libjemalloc.so.2" \
	    "$dir/libmimalloc.so.2" "$dir/libtcmalloc_minimal.so.4"; do
		n=$((n + 1))
		if [ "$lib" = none ] || [ -f "$lib" ]; then
			run_all >"$tmp/result$n" 2>/dev/null
		else
			: >"$tmp/result$n"
		fi
	done
	echo "| case | of | memaix | glibc | jemalloc | mimalloc | tcmalloc |"
	echo "|---|---|---|---|---|---|---|"
	while read -r _ case _; do
		of=$(grep -lw -e "\"$case\"" -e "PASS $case" \
		    "$here"/survive/*.c | sed 's|.*/||')
		printf '| %s | %s |' "$case" "$of"
		for i in 1 2 3 4 5; do
			sed -n "s/^\([A-Z]*\) $case\( .*\)*\$/\1\2/p" \
			    "$tmp/result$i" | sed 's/^PASS$/yes/
				s/^PASS (refused\(.*\))$/refused\1/
				s/^PASS (\(.*\))$/yes, \1/
				s/^SKIP.*/-/
				s/^FAIL (\(.*\))$/**\1**/' | tr -d '\n' |
			    sed 's/.*/ & |/'
		done
		echo
	done <"$tmp/result1"
}

prepare
case ${1:-} in
--table)
	: "${LIBMEMAIX:?}"
	table=yes
	table
	exit 0 ;;
'')
	lib=${LIBMEMAIX:?} ;;
none)
	lib=none ;;
*)
	lib=$(readlink -f "$1") || exit 99 ;;
esac
[ "$lib" = none ] || [ -f "$lib" ] || exit 99
run_all 2>"$tmp/err" | tee "$tmp/out"
passed=$(grep -c '^PASS' "$tmp/out")
failed=$(grep -c '^FAIL' "$tmp/out")
skipped=$(grep -c '^SKIP' "$tmp/out")
[ "$failed" = 0 ] || tail -n 20 "$tmp/err"
echo "survive.sh: $passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
