#!/bin/sh
# symbols.sh - libmemaix exports exactly the names in src/libmemaix.sym.
#
# SPDX-License-Identifier: MIT

top=${top_srcdir:-.}
lib=${LIBMEMAIX:-.libs/libmemaix.so.0}
list=$top/src/libmemaix.sym
tmp=symbols.$$
trap 'rm -f "$tmp"' 0

if ! LC_ALL=C sort -cu "$list"; then
	echo "src/libmemaix.sym is not sorted, or names something twice"
	exit 1
fi
if [ ! -f "$lib" ]; then
	echo "skipped: no shared library was built"
	exit 77
fi
# The C++ names spell size_t as unsigned long.
if [ "${MX_BITS:-64}" != 64 ]; then
	echo "skipped: the list is that of 64-bit systems"
	exit 77
fi

# Linux nm prints "address type name[@version]".
${NM:-nm} -D --defined-only "$lib" | sed 's/@.*//' |
    awk '$2 != "A" { print $3 }' | LC_ALL=C sort -u >"$tmp" || exit 99
if [ ! -s "$tmp" ]; then
	echo "nm found no exported name in $lib"
	exit 1
fi
if ! diff "$list" "$tmp"; then
	echo "< is missing in the library, > is exported and not on the list"
	exit 1
fi
