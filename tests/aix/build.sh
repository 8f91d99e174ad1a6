# build.sh - how the AIX build's sources become XCOFF, for scripts to read in.
#
# The same clang target, headers and flags everywhere: aix-objects.sh compiles
# with them, rig.sh also links.  Needs top_srcdir; no script of its own.
#
# SPDX-License-Identifier: MIT
# shellcheck shell=sh

: "${top_srcdir:?}"
aix_src=${AIX_SRC:-$top_srcdir/src}     # a fault has its own
aix_cc=${AIX_CC:-clang-19}
aix_nm=${AIX_NM:-llvm-nm-19}
aix_objdump=${AIX_OBJDUMP:-llvm-objdump-19}
aix_readobj=${AIX_READOBJ:-llvm-readobj-19}
aix_ar=${AIX_AR:-llvm-ar-19}

# The core's sources, from the one list there is.
aix_core()
{
	sed -n '/^libcore_la_SOURCES/,/[^\\]$/p' "$top_srcdir/src/local.mk" |
	    tr ' \\\t' '\n\n\n' | sed -n 's|^%D%/\(.*\)\.c$|\1|p'
}

aix_sources="$(aix_core | tr '\n' ' ')extras sys_aix usage_aix signal_aix trace_aix override_aix"

# The width of everything: of a program, what AIX calls libc's member, and ours.
aix_width()
{
	aix_bits=$1
	case $1 in
	64)	aix_target=powerpc64-ibm-aix7.2.0.0
		aix_libc=shr_64.o aix_threads=shr_xpg5_64.o ;;
	32)	aix_target=powerpc-ibm-aix7.2.0.0
		aix_libc=shr.o aix_threads=shr_xpg5.o ;;
	esac
}
aix_width 64

# aix_compile FILE.c OBJECT FLAG...: no zero-initialized thread-local data in
# .bss: GNU ld loses it.
aix_compile()
{
	aix_from=$1
	aix_to=$2
	shift 2
	"$aix_cc" --target="$aix_target" -nostdlibinc \
	    -I"$top_srcdir/tests/aix/include" -I"$top_srcdir/include" \
	    -I"$aix_src" -ffreestanding \
	    -fno-zero-initialized-in-bss -std=gnu11 -O2 -Wall -Wextra \
	    -Wno-redundant-decls -Werror -D_ALL_SOURCE "$@" \
	    -c "$aix_from" -o "$aix_to"
}

# The flags that configure adds to the library's own, less those that this compiler
# does not know: -fvisibility=hidden decides what the linker may export.
aix_find_flags()
{
	[ -z "${aix_flags-}" ] || return 0
	for aix_f in $(sed -n '/^MX_COMPILE_FLAGS(\[MX_LIB_/,/\])/p
	    /^MX_COMPILE_FLAGS(\[MX_UNWIND_/,/\])/p' \
	    "$top_srcdir/configure.ac" | grep -oe '-f[a-z=_-]*'); do
		"$aix_cc" --target="$aix_target" -Werror "$aix_f" -c -x c \
		    /dev/null -o /dev/null 2>/dev/null &&
			aix_flags="${aix_flags-} $aix_f"
	done
	case ${aix_flags-} in
	*-fvisibility=hidden*)	;;
	*)	echo "no flags in configure.ac"
		return 1 ;;
	esac
}

# aix_compile_library FOLDER FLAG...
aix_compile_library()
{
	aix_folder=$1
	shift
	aix_find_flags && mkdir -p "$aix_folder" || return
	for aix_f in $aix_sources; do
		# shellcheck disable=SC2086
		aix_compile "$aix_src/$aix_f.c" "$aix_folder/$aix_f.o" \
		    $aix_flags "$@" || return
	done
}

# aix_imports FOLDER: import files for the linker.  What a list has is in that
# library on AIX; the addresses of the last two are the rig's alone.
aix_imports()
{
	for aix_f in libc libpthreads; do
		sed -n "s/^$aix_f //p" "$top_srcdir/tests/aix/imports.allow" \
		    >"$1/$aix_f.names" || return
	done
	# What a fault needs beyond the list.
	for aix_f in ${aix_more-}; do
		echo "$aix_f" >>"$1/libpthreads.names"
	done
	if [ "$aix_bits" = 32 ]; then
		sed -n 's/^[a-z]*32 //p' \
		    "$top_srcdir/tests/aix/imports.allow" >>"$1/libc.names"
	fi
	{ echo "#!libc.a($aix_libc)"; cat "$1/libc.names"; } >"$1/libc.imp"
	{ echo "#!libpthreads.a($aix_threads)"
	  cat "$1/libpthreads.names"; } >"$1/libpthreads.imp"
	{ echo '.__tls_get_addr 0x10000'
	  echo '.__tls_get_mod 0x10040'; } >"$1/tls.imp"
}

# aix_link_shared LD FOLDER OUTPUT EXPORTS OPTION...: the objects of FOLDER.
aix_link_shared()
{
	aix_ld=$1
	aix_folder=$2
	aix_to=$3
	aix_exports=$4
	shift 4
	"$aix_ld" -b"$aix_bits" -bM:SRE -bnoentry -bE:"$aix_exports" \
	    -bI:"$aix_folder/libc.imp" -bI:"$aix_folder/libpthreads.imp" \
	    -bI:"$aix_folder/tls.imp" "$@" "$aix_folder"/*.o -o "$aix_to"
}

# aix_link_products LD FOLDER: both libraries, from the same objects.
aix_link_products()
{
	aix_link_shared "$1" "$2" "$2/$aix_libc.so" \
	    "$top_srcdir/src/libmemaix_aix.sym" \
	    -binitfini:mx_override_start:mx_override_end || return
	aix_link_shared "$1" "$2" "$2/mem$aix_bits.o.so" \
	    "$top_srcdir/src/libmemaix_user.sym" || return
	rm -f "$2"/*.a
	(cd "$2" && mkdir -p members && cp "$aix_libc.so" "members/$aix_libc" &&
	    cp "mem$aix_bits.o.so" "members/mem$aix_bits.o" &&
	    "$aix_ar" --format=bigarchive rcs libmemaix.a "members/$aix_libc" &&
	    "$aix_ar" --format=bigarchive rcs libmemaix_user.a \
	    "members/mem$aix_bits.o")
}
