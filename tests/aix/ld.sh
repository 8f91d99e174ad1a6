#!/bin/sh
# ld.sh - print the path of a GNU ld that links XCOFF, building it if need be.
#
# No package has one, but Debian's binutils-source holds the source.  What was
# built stays in the user's cache folder, or in MX_AIX_CACHE: a minute once, then
# nothing.  For the rig only: nothing that it links may ever go to a real AIX,
# whose own ld is the one to use there.
#
# SPDX-License-Identifier: MIT

set -u
version=2.40
cache=${MX_AIX_CACHE:-${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/memaix}
ld=$cache/aix-ld-$version/bin/powerpc-ibm-aix7.2.0.0-ld
if [ -x "$ld" ]; then
	echo "$ld"
	exit 0
fi

tar=
for f in ${MX_BINUTILS:-/usr/src/binutils/binutils-*.tar.xz}; do
	[ -f "$f" ] && tar=$f
done
for tool in flex bison make gcc xz; do
	command -v $tool >/dev/null && continue
	echo "SKIP: no $tool to build GNU ld for AIX with" >&2
	exit 77
done
if [ -z "$tar" ]; then
	echo "SKIP: no source of GNU ld (Debian: binutils-source)" >&2
	exit 77
fi

# Two at once would build on each other's toes.
mkdir -p "$cache" || exit 99
exec 9>"$cache/lock"
if command -v flock >/dev/null; then
	flock 9
fi
if [ -x "$ld" ]; then
	echo "$ld"
	exit 0
fi
tmp=$(mktemp -d "$cache/build.XXXXXX") || exit 99
trap 'rm -rf "$tmp"' EXIT
trap 'exit 99' HUP INT TERM

# The target must say powerpc, even for 64 bits.
build()
{
	tar -xf "$tar" -C "$tmp" --strip-components=1 &&
	mkdir "$tmp/b" && cd "$tmp/b" &&
	../configure --target=powerpc-ibm-aix7.2.0.0 --prefix="$tmp/i" \
	    --disable-nls --disable-gdb --disable-gprofng --disable-gprof \
	    --disable-gas --disable-binutils --disable-sim --disable-werror \
	    --disable-plugins --disable-libctf --without-zstd \
	    --enable-64-bit-bfd MAKEINFO=true CFLAGS='-O0 -g0' &&
	make -j2 MAKEINFO=true all-ld &&
	make MAKEINFO=true install-ld
}
if ! (build) >"$tmp/log" 2>&1 9>&-; then
	tail -n 20 "$tmp/log" >&2
	echo "GNU ld for AIX does not build" >&2
	exit 99
fi
rm -rf "${cache:?}/aix-ld-$version"
mkdir -p "$cache/aix-ld-$version/bin" &&
cp "$tmp/i/bin/powerpc-ibm-aix7.2.0.0-ld" "$ld.new" && mv "$ld.new" "$ld" ||
	exit 99
echo "$ld"
