# doctor.sh - what memaix doctor says on AIX of XCOFF files, for rig.sh to read in.
#
# The command with AIX's rules (cmd_aix.c), compiled for this machine: it only
# reads files.
#
# SPDX-License-Identifier: MIT
# shellcheck shell=sh

: "${top_srcdir:?}" "${work:?}" "${ld:?}" "${aix_cc:?}"

build_doctor()
{
	doctor_sources=
	for doctor_f in memaix_cmd cmd cmd_find cmd_preload cmd_run \
	    cmd_options cmd_doctor cmd_explain cmd_stat cmd_xcoff cmd_aix \
	    usage_linux; do
		doctor_sources="$doctor_sources $top_srcdir/src/$doctor_f.c"
	done
	# shellcheck disable=SC2086
	"${MX_CC:-cc}" -std=gnu11 -O1 -Wall -Wextra -Werror -D_GNU_SOURCE \
	    -DPACKAGE_VERSION='"rig"' -DMX_LIBDIR='"/nonexistent"' \
	    -I"$top_srcdir/include" -I"$top_srcdir/src" $doctor_sources \
	    -o "$work/doctor"
}

# A 32-bit program, and one without a library.
build_kinds()
{
	mkdir -p "$work/kinds" && cd "$work/kinds" || return
	echo 'int main(void) { return 0; }' >none.c
	echo 'void *malloc(unsigned long n) { (void)n; return 0; }
extern int puts(const char *); int main(void) { return puts("x"); }' >own.c
	echo '#!libc.a(shr.o)' >libc32.imp
	echo puts >>libc32.imp
	echo malloc >own.exp
	aix_compile none.c none.o -Wno-missing-prototypes &&
	aix_compile own.c own.o -fno-builtin &&
	aix_width 32 && aix_compile own.c own32.o -fno-builtin &&
	aix_width 64 &&
	"$ld" -b64 -e main none.o -o static &&
	"$ld" -b64 -e main own.o -bE:own.exp -bI:"$work/libc.imp" -o own &&
	"$ld" -b32 -e main own32.o -bI:libc32.imp -o narrow &&
	"$ld" -b64 -bM:SRE -bnoentry own.o -bE:own.exp -bI:"$work/libc.imp" \
	    -o object &&
	cp "$work/programs/stress_threads" threads &&
	cp "$work/programs/grow_free" plain && chmod +x ./* &&
	cp threads setuid && chmod u+s setuid &&
	head -c 100 threads >short && chmod +x short &&
	printf '#!%s/kinds/threads\n' "$work" >script && chmod +x script &&
	mkdir -p alone wrong both && cp "$work/lib/libmemaix.a" alone/ &&
	cp "$work/lib/libmemaix.a" wrong/ && cp "$work/lib/libmemaix.a" both/ &&
	build_archives
}

# One with a member that MALLOCTYPE does not look for, as libtool's are; one with
# both widths; one that ends early.
build_archives()
{
	cp "$work/lib/mem64.o.so" libmemaix_user.so &&
	"$aix_ar" --format=bigarchive rcs wrong/libmemaix_user.a \
	    libmemaix_user.so &&
	cp "$work/lib/members/mem64.o" "$work/lib32/members/mem32.o" . &&
	"$aix_ar" --format=bigarchive rcs both/libmemaix_user.a mem64.o \
	    mem32.o &&
	mkdir -p torn && cp "$work/lib/libmemaix.a" torn/ &&
	head -c 150 "$work/lib/libmemaix_user.a" >torn/libmemaix_user.a
}

# says STATUS PROGRAM LIBRARY WORD...: each word is in the answer.
says()
{
	want=$1
	program=$work/kinds/$2
	MEMAIX_LIBRARY=$3 "$work/doctor" doctor "$program" >"$work/said" 2>&1
	status=$?
	shift 3
	[ $status -eq "$want" ] || {
		echo "$program: status $status, not $want"
		cat "$work/said"
		return 1
	}
	for word in "$@"; do
		grep -Fq -e "$word" "$work/said" && continue
		echo "$program: no '$word'"
		cat "$work/said"
		return 1
	done
}

check_doctor()
{
	(
	unset MALLOCTYPE LIBPATH LDR_PRELOAD64 LDR_PRELOAD
	with=$work/lib/libmemaix.a
	without=$work/kinds/alone/libmemaix.a
	build_doctor && build_kinds &&
	says 0 threads "$with" '64-bit XCOFF program, dynamic, with threads' \
	    'variable   MALLOCTYPE=user:libmemaix_user.a' \
	    "variable   LIBPATH=$work/lib" "libc's own too" &&
	says 0 plain "$with" 'MALLOCTYPE=user:' 'libpthreads' &&
	says 0 threads "$without" "LDR_PRELOAD64=$without(libmemaix.so.0)" \
	    "not libc's own" 'libmemaix_user.a' &&
	for folder in wrong torn; do
		says 0 threads "$work/kinds/$folder/libmemaix.a" \
		    "LDR_PRELOAD64=$work/kinds/$folder/libmemaix.a" \
		    'no libmemaix_user.a with mem64.o' || exit 1
	done &&
	says 0 narrow "$work/kinds/both/libmemaix.a" 'MALLOCTYPE=user:' \
	    '32-bit XCOFF program, dynamic' "libc's own too" &&
	says 0 threads "$work/kinds/both/libmemaix.a" 'MALLOCTYPE=user:' &&
	says 0 threads "$work/configured/build/.libs/libmemaix.a" \
	    'MALLOCTYPE=user:libmemaix_user.a' &&
	says 0 script "$with" "script of  $work/kinds/threads" &&
	says 125 static "$with" '64-bit XCOFF program, static' &&
	says 125 own "$with" 'brings its own malloc' &&
	says 125 narrow "$with" '32-bit XCOFF program, dynamic' \
	    'is a 32-bit program, libmemaix is 64-bit' &&
	says 125 object "$with" '64-bit XCOFF object' 'is no program' &&
	says 125 short "$with" 'static' &&
	says 125 ../doctor "$with" 'ELF, for another system' &&
	{ MALLOCTYPE=debug; export MALLOCTYPE
	  says 0 threads "$with" "LDR_PRELOAD64=$with" 'MALLOCTYPE is set'; } &&
	{ MALLOCTYPE=user:libmemaix_user.a; LIBPATH=/usr/lib; export LIBPATH
	  says 0 threads "$with" 'MALLOCTYPE=user:libmemaix_user.a' \
	      "LIBPATH=$work/lib:/usr/lib"; } &&
	{ unset MALLOCTYPE; LDR_PRELOAD64=other.so; export LDR_PRELOAD64
	  says 0 threads "$without" \
	      "LDR_PRELOAD64=$without(libmemaix.so.0):other.so"; } || exit 1
	[ "$(id -u)" = 0 ] || exit 0
	chown 65534 "$work/kinds/setuid" && chmod 4755 "$work/kinds/setuid" &&
	says 125 setuid "$with" 'set-user-ID'
	)
}
