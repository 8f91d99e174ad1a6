#!/bin/sh
# layers.sh - src/ obeys the file LAYERS: includes and calls go down only.
#
# LAYERS has lines "LEVEL STEM [STEM]...".  A stem is a file name in src/
# without .c or .h.  A file may include its own stem and stems of a strictly
# lower level; its object may need mx_* names of those only.  <sys/mman.h> is
# for the back ends.
#
# SPDX-License-Identifier: MIT

top=${top_srcdir:-.}
build=${top_builddir:-.}
tmp=layers.$$
trap 'rm -f "$tmp" "$tmp.nm"' 0

[ -f "$top/LAYERS" ] || { echo "no file LAYERS"; exit 99; }

# One line per fact: file FILE, include FILE NAME, object STEM,
# need STEM SYMBOL, has STEM SYMBOL.
for f in "$top"/src/*.[ch]; do
	echo "file ${f##*/}"
	sed -n 's/^[ 	]*#[ 	]*include[ 	]*\(["<][^">]*[">]\).*/\1/p' \
	    "$f" | sed "s|^|include ${f##*/} |"
done >"$tmp"

awk '$1 ~ /^[0-9]/ { for (i = 2; i <= NF; i++) print $i }' "$top/LAYERS" |
while read -r stem; do
	for o in "$build"/src/libcore_la-"$stem".o \
	    "$build"/src/memaix-"$stem".o \
	    "$build"/src/libmemaix_la-"$stem".o; do
		[ -f "$o" ] || continue
		${NM:-nm} -P "$o" >"$tmp.nm" 2>/dev/null || continue
		awk -v f="$stem" 'BEGIN { print "object", f }
		    $2 == "U" { print "need", f, $1 }
		    $2 ~ /^[TDBRCVW]$/ { print "has", f, $1 }' "$tmp.nm"
	done
done >>"$tmp"

awk '
function stem(name)
{
	sub(/\.[ch]$/, "", name)
	return name
}

function bad(text)
{
	print text
	failed = 1
}

# The stem that SYMBOL is named after: the longest that fits.
function owner(symbol,    s, best)
{
	best = ""
	for (s in level)
		if (index(symbol, "mx_" s "_") == 1 && length(s) > length(best))
			best = s
	if (best == "" && symbol ~ /^sys[A-Z][A-Za-z]*OS$/)
		best = "sys_os"
	return best
}

# The names that FROM may use belong to its own stem or to a lower level.
function check(from, to, how)
{
	if (from == to || !(from in level) || !(to in level))
		return
	if (level[to] >= level[from])
		bad(from " [" level[from] "] " how " " to " [" level[to] "]")
}

FILENAME != facts {
	sub(/#.*/, "")
	if (NF == 0)
		next
	if ($1 !~ /^[0-9]+$/ || NF < 2)
		bad("LAYERS:" FNR ": not LEVEL STEM...")
	for (i = 2; i <= NF; i++) {
		if ($i in level)
			bad("LAYERS:" FNR ": " $i " is there twice")
		level[$i] = $1
	}
	next
}

$1 == "file" {
	s = stem($2)
	seen[s] = 1
	if (!(s in level))
		bad("src/" $2 " is not in LAYERS")
	next
}

$1 == "include" {
	if ($3 == "<sys/mman.h>" && $2 !~ /^sys_(linux|aix)\.c$/)
		bad("src/" $2 " includes <sys/mman.h>")
	if ($3 ~ /^"/) {
		name = substr($3, 2, length($3) - 2)
		if (name == "memaix.h")
			next
		if (!(stem(name) in level))
			bad("src/" $2 " includes " $3 ", not in LAYERS")
		check(stem($2), stem(name), "includes")
		includes++
	}
	next
}

$1 == "object" {
	objects++
	next
}

$1 == "has" && $3 ~ /^mx_/ {
	home[$3] = $2
	next
}

$1 == "need" {
	from[++needs] = $2
	what[needs] = $3
}

END {
	for (s in level)
		if (!(s in seen))
			bad("LAYERS: src/ has no " s)
	if (includes == 0)
		bad("src/ includes nothing: the test looked at nothing")
	# A name with no stem in it (mx_malloc) belongs where it is defined.
	# mx_assert_fail is declared in base.h for everyone.
	for (i = 1; i <= needs; i++) {
		o = owner(what[i])
		if (o == "" && what[i] != "mx_assert_fail" && what[i] in home)
			o = home[what[i]]
		if (o != "")
			check(from[i], o, "needs " what[i] " of")
	}
	if (!failed)
		printf "%d includes, %d names in %d objects: all downward\n",
		    includes, needs + 0, objects + 0
	exit failed
}' facts="$tmp" "$top/LAYERS" "$tmp"
