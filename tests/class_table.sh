#!/bin/sh
# class_table.sh - the committed class table is what src/mkclass.awk prints.
#
# Tried with every awk that is here, because the script must be POSIX awk.
#
# SPDX-License-Identifier: MIT

top=${top_srcdir:-.}
tmp=class_table.$$
trap 'rm -f "$tmp"' 0
tried=0
failed=0

for awk in "${AWK:-awk}" mawk gawk original-awk 'busybox awk'; do
	# Unquoted: one of them is two words.
	command -v "${awk%% *}" >/dev/null 2>&1 || continue
	tried=$((tried + 1))
	# shellcheck disable=SC2086
	if ! $awk -f "$top/src/mkclass.awk" </dev/null >"$tmp"; then
		echo "$awk: src/mkclass.awk does not run"
		failed=1
	elif ! cmp -s "$tmp" "$top/src/class_table.h"; then
		echo "$awk: prints another table than src/class_table.h:"
		diff "$top/src/class_table.h" "$tmp" | head -20
		failed=1
	fi
done

if [ "$tried" = 0 ]; then
	echo "no awk found"
	exit 99
fi
if [ "$failed" != 0 ]; then
	echo "if the script is right, type: make class-table"
	exit 1
fi
