#!/bin/sh
# tools.sh - what configure, libtool and make get in the place of AIX's own tools, so
# that the build which a user makes is made here too: clang and the rig's ld as one
# compiler, and archives as AIX's ar writes them.
#
#   tools.sh cc|ar|ld ARGUMENT...
#
# AIX_IMPORTS is a folder of import files: libc.imp and libpthreads.imp for libraries,
# program.imp for programs.  AIX_LD is the rig's ld.
#
# SPDX-License-Identifier: MIT

top_srcdir=$(CDPATH='' cd "$(dirname "$0")/../.." && pwd)
export top_srcdir
# shellcheck source-path=SCRIPTDIR
. "$top_srcdir/tests/aix/build.sh"
: "${AIX_IMPORTS:?}" "${AIX_LD:?}"

# As a program's compiler, unlike aix_compile's: what memset and strlen may become
# is for it to choose.
compiler()
{
	"$aix_cc" --target="$aix_target" -nostdlibinc \
	    -I"$top_srcdir/tests/aix/include/test" \
	    -I"$top_srcdir/tests/aix/include" "$@"
}

# Objects, and options for ld; a source among them is compiled first.
link()
{
	: "${out:=a.out}"
	mkdir "$out.tmp" || return
	shared=''
	threads=''
	objects=''
	options=''
	for word in $words; do
		case $word in
		*.c)	object=$out.tmp/$(basename "$word" .c).o
			# shellcheck disable=SC2086
			compiler $flags -c "$word" -o "$object" || return
			objects="$objects $object" ;;
		*.o|*.a)	objects="$objects $word" ;;
		-shared)	shared=1 ;;
		-pthread|-lpthread|-lpthreads)	threads=1 ;;
		-Wl,*)	options="$options $(echo "${word#-Wl,}" | tr , ' ')" ;;
		esac
	done
	# The start of a program is AIX's crt0; the rig's loader calls main.
	if [ -n "$shared" ]; then
		set -- -bM:SRE -bI:"$AIX_IMPORTS/libc.imp"
	else
		set -- -e main -bI:"$AIX_IMPORTS/program.imp"
	fi
	[ -z "$threads" ] || set -- "$@" -bI:"$AIX_IMPORTS/libpthreads.imp"
	# shellcheck disable=SC2086
	"$AIX_LD" -b"$aix_bits" $objects $options "$@" -o "$out"
}

# cc ARGUMENT...: what is no link goes to clang.
cc()
{
	out=''
	words=''
	flags=''
	before=''
	for word; do
		case $word in
		-c|-E|-S|-v|-V|-print-*|-dump*|--version|-qversion)
			compiler "$@"
			return ;;
		esac
		if [ "$before" = -o ]; then
			out=$word
		else
			case $word in
			-o)	;;
			-shared|-Wl,*|-pthread|-l*)	words="$words $word" ;;
			-*)	flags="$flags $word" ;;
			*)	words="$words $word" ;;
			esac
		fi
		before=$word
	done
	link
	status=$?
	rm -rf "$out.tmp"
	return $status
}

tool=$1
shift
case $tool in
cc)	cc "$@" ;;
ld)	exec "$AIX_LD" "$@" ;;
ar)	# AIX's takes -X64 and the like.
	case $1 in
	-X*)	shift ;;
	esac
	exec "$aix_ar" --format=bigarchive "$@" ;;
*)	exit 99 ;;
esac
