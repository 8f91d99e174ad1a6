#!/bin/sh
# prove.sh - asks a real AIX what memaix only believes of it, in one text.
#
#   tests/aix/prove.sh >proof.txt 2>&1
#
# Run once, on AIX 7.2 or 7.3, as an ordinary user; takes about a minute, needs a
# C compiler (CC, else ibm-clang, xlclang, gcc or cc), changes nothing and leaves
# nothing behind.  Then send proof.txt back.  With memaix built in its own folder, in
# build/ or in the folder in MEMAIX_BUILD, its tests run too.
#
# doc/aix.md, "What is unknown", says which answer stands for what.
#
# SPDX-License-Identifier: MIT
# The compiler's options are several words.
# shellcheck disable=SC2086

here=$(cd "$(dirname "$0")" && pwd) || exit 99
if [ "$(uname -s)" != AIX ]; then
	echo "prove.sh: this is $(uname -s), not AIX" >&2
	exit 77
fi
tmp=${TMPDIR:-/tmp}/memaix-prove.$$
mkdir "$tmp" || exit 99
trap 'rm -rf "$tmp"' 0
trap 'exit 99' 1 2 15
OBJECT_MODE=64
export OBJECT_MODE

part()
{
	echo
	echo "== $*"
}

# show COMMAND...: what it says and its exit code; nothing stops the script.
show()
{
	echo "+ $*"
	"$@" 2>&1
	echo "status=$?"
}

part machine
show oslevel -s
show uname -a
show pagesize -af
show prtconf -m
show ulimit -a
show lslpp -Lqc bos.rte.libc bos.rte.libpthreads
env | grep -E '^(LDR_|MALLOC|PSALLOC|XPG_SUS|NODISCLAIM|EXTSHM|VMM_)' || :
show vmo -o esid_allocator
show vmo -o vmm_default_pspa

part compiler
cc=${CC:-}
for c in ibm-clang xlclang gcc cc; do
	[ -n "$cc" ] || ! command -v $c >/dev/null 2>&1 || cc=$c
done
case $cc in
"")	echo "compiler=none"
	exit 1 ;;
*gcc*)	m64=-maix64 ;;
*clang*)	m64=-m64 ;;
*)	m64='-q64 -qlanglvl=extc99 -qtls' ;;
esac
procfs=
[ ! -f /usr/include/sys/procfs.h ] || procfs=-DPROVE_PROCFS
echo "compiler=$cc $m64"
"$cc" --version 2>&1 | head -n 3
echo | "$cc" $m64 -dM -E -x c - 2>/dev/null |
    grep -E '_AIX|__VEC__|__TOS|__64BIT__|_ALL_SOURCE|__STDC_NO_ATOMICS__'

part headers
for name in MAP_ANON_64K VM_PAGE_INFO DISCLAIM_ZEROMEM M_DISCLAIM \
    RTLD_NEXT RTLD_MEMBER VM_PA_SET_PSIZE_EXTENDED; do
	grep -hE "define[[:space:]]+$name" /usr/include/sys/*.h \
	    /usr/include/*.h 2>/dev/null | head -n 1
done
echo "+ struct mallinfo_heap, vm_page_info, vmpattr.h"
sed -n '/struct mallinfo_heap/,/}/p' /usr/include/malloc.h
sed -n '/struct vm_page_info/,/}/p' /usr/include/sys/vminfo.h
grep 'VM_PA_' /usr/include/sys/vmpattr.h 2>/dev/null
sed -n '/struct/,/}/p' /usr/include/sys/vmpattr.h 2>/dev/null
echo "+ where libc and libpthreads keep the names that memaix imports"
for lib in libc libpthreads; do
	dump -X64 -Tv /usr/lib/$lib.a 2>/dev/null | awk '/EXP/ { print $NF }' |
	    sort -u >"$tmp/$lib.names"
done
sed -n 's/^command /libc /;s/^\(lib[a-z]*\) \(.*\)$/\1 \2/p' \
    "$here/imports.allow" |
while read -r lib name; do
	grep -qx -e "$name" -e "\[noIMid\] $name" "$tmp/$lib.names" ||
		echo "import.missing=$lib $name"
done

part "mappings, disclaim, pages, limits"
if show "$cc" $m64 -D_ALL_SOURCE $procfs -o "$tmp/probe" "$here/prove_probe.c" \
    -lpthreads && [ -x "$tmp/probe" ]; then
	for question in pages disclaim map none 64k rss next limit; do
		show "$tmp/probe" $question
	done
	echo "+ the same with XPG_SUS_ENV=ON"
	XPG_SUS_ENV=ON "$tmp/probe" map
	echo "+ the same with PSALLOC=early"
	PSALLOC=early "$tmp/probe" map
	PSALLOC=early "$tmp/probe" none
	echo "+ the same with 64K data"
	LDR_CNTRL=DATAPSIZE=64K "$tmp/probe" disclaim
fi

part "MALLOCTYPE=user:"
grep '^__' "$here/../../src/libmemaix_user.sym" >"$tmp/user.exp"
show "$cc" $m64 -D_ALL_SOURCE -c -o "$tmp/user.o" "$here/prove_user.c"
show ld -b64 -o "$tmp/mem64.o" "$tmp/user.o" "-bE:$tmp/user.exp" -bM:SRE \
    -bnoentry -lpthreads -lc
(cd "$tmp" && show ar -X64 -r libprove.a mem64.o)
show "$cc" $m64 -D_ALL_SOURCE -o "$tmp/main" "$here/prove_user_main.c" \
    -lpthreads
show "$cc" $m64 -D_ALL_SOURCE -DPROVE_VEC -o "$tmp/main.vec" \
    "$here/prove_user_main.c" -lpthreads
for program in "$tmp/main" "$tmp/main.vec"; do
	[ -x "$program" ] || continue
	echo "+ MALLOCTYPE=user:libprove.a $program"
	MALLOCTYPE=user:libprove.a LIBPATH=$tmp "$program"
	echo "status=$?"
done
case $m64 in
-maix64)	m32=-maix32 ;;
-q64*)	m32='-q32 -qlanglvl=extc99 -qtls' ;;
*)	m32=-m32 ;;
esac
echo "+ a 32-bit program, and no mem32.o"
if OBJECT_MODE=32 "$cc" $m32 -D_ALL_SOURCE -o "$tmp/main32" \
    "$here/prove_user_main.c" -lpthreads 2>&1; then
	MALLOCTYPE=user:libprove.a LIBPATH=$tmp "$tmp/main32" 2>&1 | head -n 5
fi

part "LDR_PRELOAD64, LDR_PRELOAD and set-user-ID"
# A library that is not there is an error, unless the variable is dropped.
echo "+ LDR_PRELOAD64 with a library that is not there"
LDR_PRELOAD64=/nonexistent/lib.so "$tmp/main" 2>&1 | head -n 3
# set_user_id BITS VARIABLE: ask the first such program of that width.
set_user_id()
{
	find /usr/bin /usr/sbin -perm -4000 -user root 2>/dev/null |
	    head -n 60 >"$tmp/setuid"
	while read -r program; do
		dump -X"$1" -ov "$program" 2>/dev/null | grep . >/dev/null ||
			continue
		echo "setuid.program=$program ($1 bits)"
		env "$2=/nonexistent/lib.so" "$program" --help </dev/null 2>&1 |
		    head -n 2
		return
	done <"$tmp/setuid"
	echo "setuid.program=none found ($1 bits)"
}
set_user_id 64 LDR_PRELOAD64
set_user_id 32 LDR_PRELOAD

part memaix
top=$here/../..
build=${MEMAIX_BUILD:-}
for folder in "$top" "$top/build"; do
	[ -n "$build" ] || [ ! -x "$folder/memaix" ] || build=$folder
done

# test_program NAME SOURCE...: its path, that of the build or else compiled here.
test_program()
{
	name=$1
	shift
	if [ ! -x "$build/tests/$name" ]; then
		(cd "$top/tests" && "$cc" $m64 -D_ALL_SOURCE -o "$tmp/$name" "$@" \
		    -lpthreads) >&2 && echo "$tmp/$name"
		return
	fi
	echo "$build/tests/$name"
}

if [ -n "$build" ] && [ -x "$build/memaix" ]; then
	show dump -X64 -Tv "$build/.libs/libmemaix.a"
	show ar -X64 -t "$build/.libs/libmemaix_user.a"
	show "$build/memaix" doctor "$tmp/main"
	for name in interface_test stress_threads fork_test thread_churn; do
		more=
		[ $name = interface_test ] && more="interface_align.c
		    interface_report.c interface_random.c"
		program=$(test_program $name $name.c $more) || continue
		for way in LDR_PRELOAD64 MALLOCTYPE; do
			echo "+ $way $program"
			case $way in
			MALLOCTYPE)	value=user:libmemaix_user.a ;;
			*)	value="$build/.libs/libmemaix.a(libmemaix.so.0)" ;;
			esac
			env LIBPATH="$build/.libs:/usr/lib" "$way=$value" \
			    MEMAIX_OPTIONS=verbose:true,stats:true \
			    "$program" 2>&1 | tail -n 40
		done
	done
else
	echo "memaix=not built"
fi
echo
echo "== end"
