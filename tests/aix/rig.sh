#!/bin/sh
# rig.sh - build the AIX library as XCOFF and run the tests with it, on emulated
# POWER.  One line per test, and the totals.
#
#   rig.sh [FOLDER]      what is built lies in FOLDER (build/aix)
#   rig.sh -o WORD       only tests with WORD in their names
#
# What it proves and what not: doc/aix.md.
#
# SPDX-License-Identifier: MIT

top_srcdir=${top_srcdir:-$(CDPATH='' cd "$(dirname "$0")/../.." && pwd)}
export top_srcdir
rig=$top_srcdir/tests/aix
# shellcheck source-path=SCRIPTDIR
. "$rig/build.sh"

# ---- one test: rig.sh --job FILE ----

# A file of variables: name page env words expect.  The emulator (7.2) may die in a
# fork beside threads: then the test is run again.  It always does when a child
# makes a thread and the one that forked was not the newest of its process, so one
# thread forks, and it is the last that is made.  Once in some hundred runs its fork
# never returns in the child, before any code of ours: one more try, which must pass.
if [ "${1-}" = --job ]; then
	name=; page=4096; set_env=; words=; expect=; not=; fails=; limit=600
	# shellcheck disable=SC1090
	. "$2"
	log=${2%.job}.log
	tries=0
	begin=$(date +%s)
	while :; do
		# shellcheck disable=SC2086
		timeout "$limit" env $set_env "$AIX_QEMU" -p "$page" "$AIX_RIG/xload" \
		    $words >"$log" 2>&1 </dev/null &
		wait $!
		status=$?
		# A grandchild that a fault made hang would stay: timeout leads a
		# group of its own.
		kill -s KILL -- "-$!" 2>/dev/null
		tries=$((tries + 1))
		grep -q 'a child hung in fork' "$log" && [ "$tries" = 1 ] &&
		    [ -z "$fails" ] && continue
		grep -q 'qemu/rcu.h' "$log" || break
		[ "$tries" -lt 12 ] || break
	done
	why=
	[ "$status" -eq 0 ] || why="status $status"
	[ -z "$expect" ] || grep -q "$expect" "$log" || why="no '$expect'"
	[ -z "$not" ] || ! grep -q "$not" "$log" || why="'$not'"
	# A fault must be seen, by the words that go with it: a test that takes too
	# long or an emulator that dies has seen nothing.
	if [ -n "$fails" ]; then
		why=
		[ "$status" -ne 0 ] || why='it passes'
		[ "$status" -ne 124 ] || why='it takes too long'
		grep -Eq "$fails" "$log" || why="no '$fails'"
	fi
	end=$(date +%s)
	if [ -z "$why" ]; then
		echo "PASS $name ($((end - begin)) s)"
	else
		echo "FAIL $name ($why; $log)"
	fi
	exit 0
fi

# ---- what is needed ----

only=
while getopts o: option; do
	case $option in
	o)	only=$OPTARG ;;
	*)	exit 99 ;;
	esac
done
shift $((OPTIND - 1))
work=${1:-$top_srcdir/build/aix}
elf=${PPC64_CC:-powerpc64-linux-gnu-gcc}
AIX_QEMU=${PPC64_QEMU:-qemu-ppc64}
export AIX_QEMU
for tool in "$aix_cc" "$aix_nm" "$aix_readobj" "$aix_ar" "$elf" "$AIX_QEMU" \
    timeout xargs; do
	command -v "$tool" >/dev/null && continue
	echo "SKIP: no $tool"
	exit 77
done
ld=$(sh "$rig/ld.sh") || exit $?
rm -rf "$work/jobs"
mkdir -p "$work/jobs" "$work/units" "$work/programs" || exit 99
work=$(CDPATH='' cd "$work" && pwd) || exit 99
AIX_RIG=$work
export AIX_RIG
: >"$work/results"

say()
{
	echo "$*" | tee -a "$work/results"
}

die()
{
	echo "$*"
	exit 1
}

# ---- building ----

# Of the toy kernel: the loader has it, the tests know of it.
toy=-DFAKE_OS_GIB=4

elf_flags="-std=gnu11 -O1 -g -Wall -Wextra -Werror -D_GNU_SOURCE -static
    -pthread -I$top_srcdir/src -I$top_srcdir/include -I$top_srcdir/tests
    $toy"

build_loader()
{
	for f in fake_os fake_pages; do
		# shellcheck disable=SC2086
		"$elf" $elf_flags -include "$rig/fake_errno.h" \
		    -include "$top_srcdir/tests/runner/mincore.h" \
		    -c "$top_srcdir/tests/$f.c" -o "$work/$f.o" || return
	done
	# shellcheck disable=SC2086
	"$elf" $elf_flags -DRUNNER_FORK=aix_fork "$rig"/x*.c "$rig"/shim_*.c \
	    "$top_srcdir/tests/runner/runner.c" "$work/fake_os.o" \
	    "$work/fake_pages.o" -o "$work/xload"
}

# The shims' names, as import files: FILE LIBRARY ID.
shim_imports()
{
	{
		echo "#!$3"
		sed -n "s/.*SHIM\\(_AS\\)\\{0,1\\}(\"$2\", \\([a-zA-Z0-9_]*\\).*/\\2/p" \
		    "$rig"/shim_*.c
		[ "$2" = libc.a ] && tr ',' '\n' <"$rig/shim_libc.c" |
		    sed -n 's/.*SAME(\([a-zA-Z0-9_]*\)).*/\1/p'
		[ "$2" = rig.a ] && tr ',' '\n' <"$rig/shim_check.c" |
		    sed -n 's/.*OURS(\([a-zA-Z0-9_]*\)).*/\1/p'
	} | grep -vx name >"$1"
}

# Programs call malloc, not vec_malloc, but for those that say so.
test_flags="-I$rig/include/test -I$top_srcdir/tests/runner
    -I$top_srcdir/tests -U__VEC__ -Wno-sign-compare
    -Wno-unused-value -fno-builtin -DPROPERTY_SLOW=100 -DPLAIN_SLOW=16 $toy"

# link_program OUTPUT LIBC OBJECT...: of two import files, GNU ld believes the
# last.
link_program()
{
	to=$1
	libc=$2
	shift 2
	"$ld" -b64 "$@" -bI:"$work/$libc" -bI:"$work/libpthreads.imp" \
	    -bI:"$work/rig.imp" -bI:"$work/lib/tls.imp" -berok -e main \
	    -o "$to"
}

# program NAME SOURCE...
program()
{
	name=$1
	shift
	objects=
	for f in "$@"; do
		o=$work/programs/$(basename "$f" .c).o
		# shellcheck disable=SC2086
		aix_compile "$f" "$o" $test_flags ${program_flags-} || return
		objects="$objects $o"
	done
	# shellcheck disable=SC2086
	link_program "$work/programs/$name" libc.imp $objects || return
	# The same linked with -lmemaix: its names are found there first.
	# shellcheck disable=SC2086
	link_program "$work/programs/$name.linked" memaix.imp $objects
}

build_programs()
{
	t=$top_srcdir/tests
	{ grep -vxF -f "$top_srcdir/src/libmemaix_aix.sym" "$work/libc.imp"
	  echo '#!libmemaix.a(shr_64.o)'
	  cat "$top_srcdir/src/libmemaix_aix.sym"; } >"$work/memaix.imp"
	for f in interface_vec interface_test; do
		[ "$f" = interface_vec ] && program_flags=-D__VEC__=1 ||
			program_flags=
		program "$f" "$t/interface_test.c" \
		    "$t/interface_align.c" "$t/interface_report.c" \
		    "$t/interface_random.c" || return
	done
	for f in stress_threads fork_test thread_churn grow_free misuse guard \
	    aix/aix_test; do
		program "${f#aix/}" "$t/$f.c" || return
	done
}

build_units()
{
	for f in $(aix_core) usage_aix; do
		aix_compile "$top_srcdir/src/$f.c" "$work/units/$f.o" \
		    -DMX_NATIVE_TLS || return
	done
	core=$(for f in $(aix_core) usage_aix; do
		echo "$work/units/$f.o"
	done)
	for f in "$top_srcdir"/tests/check_*.c; do
		f=$(basename "$f" .c)
		[ "$f" = check_usage ] && continue
		# shellcheck disable=SC2086
		aix_compile "$top_srcdir/tests/$f.c" "$work/units/$f.test.o" \
		    $test_flags -DMX_NATIVE_TLS || return
		# shellcheck disable=SC2086
		link_program "$work/units/$f" libc.imp \
		    "$work/units/$f.test.o" $core || return
	done
}

# library FOLDER FLAG...
library()
{
	folder=$work/$1
	shift
	rm -rf "$folder"
	mkdir -p "$folder"
	aix_compile_library "$folder" "$@" && aix_imports "$folder" &&
	    aix_link_products "$ld" "$folder"
}

# ---- tests ----

jobs=0

# job NAME LINE...: a test for later; each line sets a variable of --job.
job()
{
	case $1 in
	*"$only"*) ;;
	*)	return ;;
	esac
	jobs=$((jobs + 1))
	file=$(printf '%s/jobs/%04d.job' "$work" "$jobs")
	echo "name='$1'" >"$file"
	shift
	printf '%s\n' "$@" >>"$file"
}

# run INSTALL LIBRARY KERNEL PAGE PROGRAM ARGUMENTS [LINE...]
run()
{
	install=$1; lib=$work/$2; kernel=$3; page=$4; program=$5; args=$6
	suffix=
	shift 6
	set_env="LIBPATH=$lib RIG=$kernel"
	case $install in
	preload)	set_env="$set_env LDR_PRELOAD64=libmemaix.a(${member:-shr_64.o})" ;;
	user)		set_env="$set_env MALLOCTYPE=user:libmemaix_user.a" ;;
	linked)		suffix=.linked ;;
	esac
	[ -z "${options-}" ] || set_env="$set_env MEMAIX_OPTIONS=$options"
	job "$program${case:+ $case}, $install${label:+, $label}, ${kernel:-default}, pages of $page" \
	    "set_env='$set_env'" "page=$page" \
	    "words='$work/programs/$program$suffix $args'" "$@"
}

kept()
{
	case ,$1, in
	*,sus,*) ;;
	*,disclaim=fails,*|*,disclaim=lies,*)	echo kept ;;
	*,disclaim=zeroes,*|*,mincore=all,*)	echo kept ;;
	esac
}

# Every program, by one way of installing, on one kernel.
programs()
{
	[ "$1" = user ] && user=user || user=
	run "$1" lib "$2" "$3" aix_test "$(kept "$2") $user"
	run "$1" lib "$2" "$3" interface_test ""
	run "$1" lib "$2" "$3" stress_threads 2
	run "$1" lib "$2" "$3" fork_test "6 3 1"
	run "$1" lib "$2" "$3" thread_churn 500
	[ -n "$(kept "$2")" ] || run "$1" lib "$2" "$3" grow_free 150
}

list_tests()
{
	for f in "$work"/units/check_*.test.o; do
		f=${f%.test.o}
		job "$(basename "$f"), pages of 4096" "words='$f'"
		# The toy kernel has pages of its own: the long tests once.
		case $f in
		*_random)	continue ;;
		esac
		job "$(basename "$f"), pages of 65536" "words='$f'" page=65536
	done
	for install in preload user linked; do
		for kernel in '' sus disclaim=fails disclaim=lies \
		    sus,disclaim=fails page=64k no_vmgetinfo; do
			programs "$install" "$kernel" 4096
		done
		programs "$install" page=64k 65536
	done
	list_options
	list_doubts
	list_misuse
	list_configured
	. "$rig/faults.sh"
	list_faults
}

# The other answers, where the behaviour of one part alone is in doubt.
list_doubts()
{
	for kernel in part_refused part_refused,page=64k disclaim=zeroes \
	    mincore=fails mincore=all page=64k,mprotect_whole; do
		run preload lib $kernel 4096 aix_test "$(kept $kernel)"
		run user lib $kernel 4096 stress_threads 2
	done
	run preload lib no_getprocs 4096 aix_test unknown
	run preload lib limit_maps,data_limit=900000000 4096 aix_test ""
	run preload lib limit_maps,data_limit=900000000 4096 stress_threads 2
	for kernel in pthreads_early no_early_key key_mallocs; do
		run user lib $kernel 4096 aix_test user
		run user lib $kernel 4096 stress_threads 2
		run user lib $kernel 4096 fork_test "6 3 1"
		run user lib $kernel 4096 thread_churn 500
	done
	run user lib hooks_outside 4096 fork_test "6 3 1"
	run user lib hooks_outside,no_postfork_child 4096 fork_test "6 3 1"
	label='brk' options=brk:true
	run preload lib break_mprotect 4096 aix_test ""
	run user lib break_mprotect 4096 stress_threads 2
	label='huge' options=huge:true
	run preload lib map_64k,map_64k_small 4096 aix_test ""
	label='' options=''
}

# What AIX's build can see: not where a foreign pointer lies, nor sizes that free is
# told, since the names for that are not there.
list_misuse()
{
	sed -n 's/^	CASE(\([a-z_0-9]*\), \([0-9]*\), "\(.*\)", "\(.*\)", "\(.*\)"),/\1-\2 \3 \4 \5/p' \
	    "$top_srcdir/tests/misuse.c" >"$work/misuse.cases"
	while read -r name message secure call; do
		case $call in
		malloc_usable_size)	continue ;;
		esac
		case $message in
		M00[123457])
			case=$name label='' options=''
			run preload lib '' 4096 misuse "$name" \
			    "fails='memaix: $message $call'" ;;
		esac
		# What is otherwise seen by a later malloc is seen at once.
		[ "$secure" = "$message" ] || call=${call%malloc}
		case $secure in
		M00[123457]|M01[23])
			case=$name label=secure options=secure:true
			run preload lib '' 4096 misuse "$name" \
			    "fails='memaix: $secure ${call:-free}'" ;;
		esac
	done <"$work/misuse.cases"
	case=''
	# Not interface_test: with secure:true blocks are not aligned to their size.
	label=secure options=secure:true
	for install in preload user; do
		run $install lib '' 4096 stress_threads 2
		run $install lib page=64k 65536 stress_threads 2
		run $install lib '' 4096 fork_test "6 3 1"
		run $install lib '' 4096 thread_churn 500
	done
	label=guard_rate options=guard_rate:1
	# Not `between': a thread's first block, which makes its cache, is no sample,
	# and here nothing of libc's comes before it.
	for pair in in-front:M012 double-free:M001 interior:M002 \
	    resize-freed:M001; do
		case=${pair%:*}
		run preload lib '' 4096 guard "$case" \
		    "fails='memaix: ${pair#*:} [a-z]*.0x'"
	done
	case=nothing
	run preload lib '' 4096 guard nothing
	case=''
	label=guard_rate options=guard_rate:10
	for install in preload user; do
		run $install lib '' 4096 interface_test ""
		run $install lib '' 4096 stress_threads 2
		run $install lib '' 4096 fork_test "6 3 1"
	done
	label='' options=''
}

list_options()
{
	run user lib libc_valloc 4096 aix_test user
	run user lib libc_vec 4096 aix_test user
	for install in preload user linked; do
		run $install lib '' 4096 interface_vec ""
	done
	run user lib no_postfork_child 4096 fork_test "6 3 1"
	run user lib no_pthreads 4096 aix_test "user alone"
	run user lib no_pthreads 4096 interface_test ""
	run preload lib no_next 4096 aix_test ""
	for install in preload linked; do
		run $install lib no_init 4096 aix_test ""
		run $install lib no_init 4096 stress_threads 2
	done
	label='brk' options=brk:true
	for install in preload user; do
		[ $install = user ] && user=user || user=
		run $install lib disclaim=fails 4096 aix_test "$user"
		run $install lib "" 4096 stress_threads 2
		run $install lib data_limit=33554432 4096 interface_test ""
	done
	label='huge' options=huge:true
	run preload lib map_64k 4096 aix_test ""
	run preload lib map_64k 4096 grow_free 150
	run user lib map_64k 65536 stress_threads 2
	label='verbose' options=verbose:true
	run preload lib "" 4096 aix_test "" "expect='memaix: active in'"
	run user lib late_environ 4096 aix_test user \
	    "expect='memaix: active in'"
	label='stats' options=stats:true
	run preload lib "" 4096 aix_test "" "expect='memaix: statistics of'"
	run user lib "" 4096 aix_test user "expect='memaix: statistics of'"
	label='native TLS' options=
	for install in preload user; do
		[ $install = user ] && user=user || user=
		run $install native "" 4096 aix_test "$user"
		run $install native "" 4096 stress_threads 2
		run $install native "" 4096 fork_test "6 3 1"
	done
	label=
}

# check_imports MODULE MORE: each name is on the list, and asked of the library that
# has it there.
check_imports()
{
	case $1 in
	shr.o|mem32.o)	want='libc.a(shr.o) libpthreads.a(shr_xpg5.o)' ;;
	*)	want='libc.a(shr_64.o) libpthreads.a(shr_xpg5_64.o)' ;;
	esac
	"$aix_readobj" --needed-libs "$file" |
	    awk '$1 ~ /\.a$/ { print $1 "(" $2 ")" }' >"$work/$1.libraries"
	# A symbol's number counts the libraries from 1; 0x40: imported.
	awk -v kinds="^(libc|libpthreads$2)\$" -v libraries="$want" '
	BEGIN { split(libraries, of) }
	FILENAME ~ /allow$/ && $1 ~ kinds {
		want[$2] = of[$1 == "libpthreads" ? 2 : 1]
	}
	FILENAME ~ /libraries$/ { library[FNR] = $1 }
	FILENAME ~ /symbols$/ && $2 ~ /^0x4/ {
		names++
		from = library[substr($3, 3)]
		if (from == "" || from != want[$1]) {
			print "imports " $1 " from " from
			bad = 1
		}
	}
	END { exit bad || names < 20 }' "$rig/imports.allow" \
	    "$work/$1.libraries" "$work/$1.symbols"
}

# What the loader section says: the names wanted, what is imported; and the size.
check_loader()
{
	file=$work/$4/$1.so
	"$aix_readobj" --loader-section-symbols --section-headers "$file" \
	    >"$work/$1.readobj" || return
	awk '/Name:/ { name = $2 } /SymbolType:/ { type = $2 }
	    /ImportFileID:/ { print name, type, $2 }' "$work/$1.readobj" \
	    >"$work/$1.symbols"
	# 0x10: exported, 0x40: imported.
	awk '$2 ~ /^0x[13]/ { print $1 }' "$work/$1.symbols" | sort \
	    >"$work/$1.exports"
	LC_ALL=C sort "$top_srcdir/src/$2" | diff "$work/$1.exports" - ||
		return
	check_imports "$1" "${5-}" || return
	! grep -E 'Name: (\.tbss|__sinit)' "$work/$1.readobj" || return
	# Tables that begin as zeros are not in the file.
	[ "$(wc -c <"$file")" -lt 2000000 ] || { wc -c "$file"; return 1; }
	# The linker's own start: where it is wanted, and only there.
	if [ "$3" = init ]; then
		grep -q '^__rtinit ' "$work/$1.symbols"
	else
		! grep '^__rtinit ' "$work/$1.symbols"
	fi
}

# What <stdlib.h> renames is defined by its own name.
check_renaming()
{
	aix_compile "$top_srcdir/src/override_aix.c" "$work/renamed.o" \
	    -U__VEC__ -D_LINUX_SOURCE_COMPAT || return
	"$aix_nm" -X64 "$work/renamed.o" >"$work/renamed" || return
	for name in malloc calloc realloc valloc __linux_malloc vec_malloc; do
		grep -q " T \.$name\$" "$work/renamed" || return
	done
}

looks=0
look()
{
	looks=$((looks + 1))
	what=$1
	shift
	if "$@" >"$work/log" 2>&1; then
		say "PASS $what"
	else
		say "FAIL $what"
		tail -n 20 "$work/log"
	fi
}

start=$(date +%s)
build_loader || die "FAIL the loader does not build"
library lib || die "FAIL the library does not build"
library native -DMX_NATIVE_TLS || die "FAIL nor with native TLS"
aix_width 32
library lib32 || die "FAIL nor for 32 bits"
aix_width 64
shim_imports "$work/libc.imp" libc.a 'libc.a(shr_64.o)'
shim_imports "$work/libpthreads.imp" libpthreads.a 'libpthreads.a(shr_xpg5_64.o)'
shim_imports "$work/rig.imp" rig.a 'rig.a(rig.o)'
build_programs || die "FAIL the programs do not build"
build_units || die "FAIL the unit tests do not build"
look "loader section of libmemaix" check_loader shr_64.o libmemaix_aix.sym init lib
look "loader section of libmemaix_user" check_loader mem64.o \
    libmemaix_user.sym none lib
look "loader section of libmemaix, 32 bits" check_loader shr.o \
    libmemaix_aix.sym init lib32 "|libc32|runtime32"
look "loader section of libmemaix_user, 32 bits" check_loader mem32.o \
    libmemaix_user.sym none lib32 "|libc32|runtime32"
look "names, with _LINUX_SOURCE_COMPAT" check_renaming
. "$rig/configured.sh"
look "configure, libtool and make for AIX" check_configured
. "$rig/doctor.sh"
look "doctor on XCOFF files" check_doctor
. "$rig/prove_rig.sh"
build_prove || die "FAIL the parts of prove.sh do not build"
look "prove.sh here, and its keys in doc/aix.md" check_prove
look "prove.sh, on stand-ins for AIX's commands" check_prove_whole
list_prove
list_tests
if [ "$jobs" -gt 0 ]; then
	find "$work/jobs" -name '*.job' | sort |
	    xargs -P "$(nproc 2>/dev/null || echo 2)" -n 1 sh "$rig/rig.sh" --job |
	    tee -a "$work/results"
fi
passed=$(grep -c '^PASS' "$work/results")
failed=$(grep -c '^FAIL' "$work/results")
echo "$passed passed, $failed failed, $(($(date +%s) - start)) seconds"
[ $((passed + failed)) -eq $((looks + jobs)) ] ||
	die "FAIL of $((looks + jobs)) tests, $((passed + failed)) answered"
[ "$failed" -eq 0 ]
