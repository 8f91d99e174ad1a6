#!/bin/sh
# fastpath.sh - the hit paths of malloc and free are as short as promised.
#
# Walks the machine code from the entry, no conditional jump taken, direct
# jumps followed, up to the first ret, and compares the number of instructions
# and of conditional branches with the golden file of this CPU.  The numbers
# are those of one compiler and its default flags; elsewhere: skipped.
#
# UPDATE=1 writes the golden file anew.  Say why in the ChangeLog.
#
# SPDX-License-Identifier: MIT

lib=${LIBMEMAIX:-.libs/libmemaix.so.0}
cpu=${MX_CPU:-$(uname -m)}
golden=${top_srcdir:-.}/tests/fastpath.$cpu.golden
tmp=fastpath.$$
trap 'rm -f "$tmp" "$tmp.s"' 0

skip()
{
	echo "skipped: $1"
	exit 77
}

[ "$cpu" = x86_64 ] || skip "this script reads x86-64 code only"
[ -f "$lib" ] || skip "no shared library was built"
[ "${MX_DEBUG:-0}" = 0 ] || skip "built with --enable-debug"
# shellcheck disable=SC2086
set -- ${MX_CFLAGS:--g -O2}
[ "$*" = "-g -O2" ] || skip "built with CFLAGS $*"
${OBJDUMP:-objdump} --version >/dev/null 2>&1 || skip "no objdump"

cc=$(${MX_CC:-gcc} --version 2>/dev/null |
    sed -n '1s/^\([a-z]*\).* \([0-9][0-9]*\)\.[0-9.]*.*$/\1 \2/p')
if [ -z "${UPDATE:-}" ]; then
	[ -f "$golden" ] || skip "no golden file for $cpu"
	want=$(sed -n 's/^# compiler: //p' "$golden")
	[ "$cc" = "$want" ] || skip "compiler is '$cc', golden is for '$want'"
fi

${OBJDUMP:-objdump} -d --no-show-raw-insn "$lib" >"$tmp.s" || exit 99

{
	echo "# name insns branches: the hit path, see tests/fastpath.sh"
	echo "# compiler: $cc"
	awk '
function fail(text)
{
	print "fastpath.sh: " text >"/dev/stderr"
	failed = 1
}

function walk(name,    at, insns, branches)
{
	if (!(name in entry)) {
		fail(name " is not in the disassembly")
		return
	}
	at = entry[name]
	while (insns++ < 1000) {
		if (!(at in op)) {
			fail(name ": no instruction at " at)
			return
		}
		if (op[at] ~ /^(rep|repz|bnd)?ret/) {
			print name, insns, branches + 0
			return
		}
		if (op[at] ~ /^jmp/) {
			if (!(at in target)) {
				fail(name ": indirect jump at " at)
				return
			}
			at = target[at]
			continue
		}
		if (op[at] ~ /^j/)
			branches++
		at = after[at]
	}
	fail(name ": no end of the path")
}

/^[0-9a-f]+ <.*>:$/ {
	name = $2
	gsub(/[<>:]/, "", name)
	sub(/^0+/, "", $1)
	entry[name] = $1
	last = ""
	next
}

/^ *[0-9a-f]+:\t/ {
	at = $1
	sub(/:$/, "", at)
	op[at] = $2
	# A prefix stands in front of the name of the instruction.
	for (i = 3; op[at] ~ /^(bnd|notrack|rep|repz|lock)$/; i++)
		op[at] = op[at] $i
	sub(/^(bnd|notrack)/, "", op[at])
	if (op[at] ~ /^j/ && $(NF - 1) ~ /^[0-9a-f]+$/)
		target[at] = $(NF - 1)
	if (last != "")
		after[last] = at
	last = at
}

END {
	walk("malloc")
	walk("free")
	exit failed
}' "$tmp.s" || exit 1
} >"$tmp" || exit 1

if [ -n "${UPDATE:-}" ]; then
	cp "$tmp" "$golden" && echo "wrote $golden"
	exit
fi
if ! diff "$golden" "$tmp"; then
	echo "< was promised, > was built; if that is meant, type:"
	echo "  make check TESTS=tests/fastpath.sh UPDATE=1"
	exit 1
fi
