#!/bin/sh
# cmd.sh - what the command `memaix' promises.
#
# A program that looks into its own /proc/self/maps tells whether the library
# is really in it.
#
# SPDX-License-Identifier: MIT

# Single quotes with $ in them are for another shell.
# shellcheck disable=SC2016

if [ ! -f "$LIBMEMAIX" ] || [ ! -r /proc/self/maps ]; then
	echo "skipped: needs the shared library and /proc"
	exit 77
fi
if [ "${MX_CROSS:-no}" = yes ]; then
	echo "skipped: the command is for another machine"
	exit 77
fi
unset MEMAIX_OPTIONS MEMAIX_LIBRARY LD_PRELOAD

dir=$(pwd)/cmd.$$
mkdir "$dir" || exit 99
trap 'rm -rf "$dir"' 0
cd "$dir" || exit 99
LC_ALL=C
export LC_ALL

failed=0
count=0
out=
err=

# run STATUS COMMAND...: run it, keep what it prints, compare the exit code.
run()
{
	want=$1
	shift
	what=$*
	count=$((count + 1))
	"$@" >out 2>err </dev/null
	status=$?
	out=$(cat out)
	err=$(cat err)
	if [ "$status" != "$want" ]; then
		bad "exit code $status, not $want"
	fi
}

bad()
{
	echo "FAILED: $what"
	echo "  $1"
	echo "  output: $out"
	echo "  errors: $err"
	failed=$((failed + 1))
}

# has TEXT PATTERN: TEXT, which is $out or $err, matches the shell PATTERN.
has()
{
	# shellcheck disable=SC2254
	case $1 in
	$2) ;;
	*) bad "nothing like: $2" ;;
	esac
}

is()
{
	[ "$1" = "$2" ] || bad "not exactly: $2"
}

compile()
{
	# shellcheck disable=SC2086
	$MX_CC "$@" 2>compile.err || {
		cat compile.err
		return 1
	}
}

cat >probe.c <<'END'
#include <stdio.h>
#include <string.h>
int main(void)
{
	char line[4096];
	FILE *f = fopen("/proc/self/maps", "r");
	int found = 0;

	while (f != NULL && fgets(line, sizeof line, f) != NULL)
		found |= strstr(line, "libmemaix") != NULL;
	puts(found ? "inside" : "outside");
	return 0;
}
END
compile probe.c -o probe || exit 99
run 0 ./probe
is "$out" outside

# Verbs and help.
run 125 "$MEMAIX"
has "$out" '*memaix run*'
run 0 "$MEMAIX" --help
has "$out" '*memaix options*'
for verb in run doctor options explain stat help; do
	run 0 "$MEMAIX" help $verb
	has "$out" "usage: memaix $verb*"
done
run 0 "$MEMAIX" run --help
has "$out" 'usage: memaix run*'
run 125 "$MEMAIX" help nonesuch
run 125 "$MEMAIX" nonesuch
has "$err" 'memaix: no verb nonesuch*'
run 0 "$MEMAIX" --version
is "$out" "memaix $MX_VERSION"
run 125 "$MEMAIX" run
run 125 "$MEMAIX" run --nonesuch true
has "$err" '*no option --nonesuch*'
run 125 "$MEMAIX" run -o
run 125 sh -c '"$0" --help >/dev/full' "$MEMAIX"

# The library's table of options, without a second copy.
run 0 "$MEMAIX" options
has "$out" '*stats*'
has "$out" '*help*'
is "$err" ''
run 125 "$MEMAIX" options more

# The memory of all processes, and of one.
run 0 "$MEMAIX" stat
has "$out" '* resident * virtual
[0-9]* processes * [1-9]* KiB * [1-9]* KiB
mean * [1-9]* KiB * [1-9]* KiB'
run 0 "$MEMAIX" stat $$
has "$out" "* processes *
mean *
process $$ * [1-9]* KiB * [1-9]* KiB
of the mean * [0-9]* % * [0-9]* %"
# Sums and shares are what the lines say; a KiB is lost to each rounding.
awk '/processes/ { n = $1; rss = $3; vsz = $5 }
    /^mean/ { if ($2 != int(rss / n) || $4 != int(vsz / n)) exit 1
	mean = $2; }
    /^process / { own = $3 }
    /^of/ { low = int(own * 100 / (mean + 1)); high = (own + 1) * 100 / mean
	exit !($4 >= low && $4 <= high) }' out || bad "the figures do not fit"
run 125 "$MEMAIX" stat 999999999
has "$err" 'memaix: process 999999999: No such process'
for pid in '' x 1x -1 99999999999999999999999; do
	run 125 "$MEMAIX" stat "$pid"
	has "$err" "memaix: $pid is no process number"
done
run 125 "$MEMAIX" stat 1 2

# What the doctor says; tests/aix/doctor.sh asks it of AIX's files.
run 0 "$MEMAIX" doctor
has "$out" '*active     yes'
run 0 "$MEMAIX" doctor ./probe
has "$out" 'program    ./probe
kind       *-endian * ELF, dynamic, loader /*
library    /*libmemaix.so*
variable   LD_PRELOAD=/*libmemaix.so*
reaches    every call*
active     yes'
is "$err" ''
run 0 env LD_PRELOAD=libc.so.6 "$MEMAIX" doctor ./probe
has "$out" '*variable   LD_PRELOAD=/*:libc.so.6*'
run 127 "$MEMAIX" doctor nonesuch
has "$out" '*active     no*'
run 125 "$MEMAIX" doctor ./probe ./probe
run 125 env MEMAIX_LIBRARY=/nonesuch "$MEMAIX" doctor ./probe
# The head of an XCOFF64 program, and of one of 32 bits.
printf '\001\367\000\000%020d' 0 >xcoff64
printf '\001\337\000\000%020d' 0 >xcoff32
chmod +x xcoff64 xcoff32
run 125 "$MEMAIX" doctor ./xcoff64
has "$out" '*kind       64-bit XCOFF, for AIX*active     no*ask memaix there'
run 125 "$MEMAIX" doctor ./xcoff32
has "$out" '*kind       32-bit XCOFF, for AIX*'
run 125 "$MEMAIX" run ./xcoff64
has "$err" '*is a program for AIX*'

# The library is in the program.
run 0 "$MEMAIX" run ./probe
is "$out" inside
is "$err" ''
run 0 "$MEMAIX" run -v ./probe
is "$out" inside
has "$err" "memaix: active in ./probe (pid [0-9]*), libmemaix $MX_VERSION"
run 0 env PATH="$dir:$PATH" "$MEMAIX" run probe
is "$out" inside
run 0 env PATH=":$PATH" "$MEMAIX" run probe
is "$out" inside
run 0 env PATH="/nonesuch:$PATH" "$MEMAIX" run -- sh -c 'exec ./probe'
is "$out" inside
run 0 "$MEMAIX" run "$MEMAIX" run ./probe
is "$out" inside

# No process in between, and nothing of ours is left open.
run 0 sh -c 'echo $$; exec "$0" run sh -c "echo \$\$"' "$MEMAIX"
has "$out" "$(sed -n 1p out)
$(sed -n 1p out)"
run 0 sh -c 'ls /proc/self/fd; echo; "$0" run ls /proc/self/fd' "$MEMAIX"
is "$(sed '/^$/,$d' out)" "$(sed '1,/^$/d' out)"

# Exit codes and signals are the program's own.
for code in 0 1 7 125 126 127 255; do
	run $code "$MEMAIX" run sh -c "exit $code"
	is "$err" ''
done
run 143 sh -c '"$0" run sh -c "kill -TERM \$\$"' "$MEMAIX"
run 134 sh -c '"$0" run sh -c "ulimit -c 0; kill -ABRT \$\$"' "$MEMAIX"

# Programs that cannot be started.
run 127 "$MEMAIX" run nonesuch
has "$err" 'memaix: nonesuch: not found in PATH'
run 127 "$MEMAIX" run ./nonesuch
run 127 "$MEMAIX" run ''
run 126 "$MEMAIX" run "$dir"
echo text >plain
run 126 "$MEMAIX" run ./plain
has "$err" 'memaix: ./plain: Permission denied'
run 126 env PATH="$dir" "$MEMAIX" run plain
rm plain

# Scripts.
printf '#!/bin/sh\n./probe; exit 5\n' >script
printf '#!%s/script\n' "$dir" >script2
printf '#! /usr/bin/env sh\n./probe\n' >script3
echo './probe' >script4
: >script5
printf '#!/nonesuch/sh\n' >script6
printf '#!/bin/sh\r\n' >script7
printf '#!\n' >script8
printf '#!%s/script9\n' "$dir" >script9
chmod +x script*
run 5 "$MEMAIX" run ./script
is "$out" inside
run 5 "$MEMAIX" run ./script2
is "$out" inside
run 0 "$MEMAIX" run ./script3
is "$out" inside
run 0 "$MEMAIX" run ./script4
is "$out" inside
run 0 "$MEMAIX" run ./script5
run 127 "$MEMAIX" run ./script6
has "$err" 'memaix: ./script6: its interpreter /nonesuch/sh: No such*'
run 127 "$MEMAIX" run ./script7
run 126 "$MEMAIX" run ./script8
run 126 "$MEMAIX" run ./script9

# refused PROGRAM PATTERN: declined with a reason; --force runs it without us.
refused()
{
	run 125 "$MEMAIX" run "$1"
	has "$err" "memaix: NOT active: $2"
	has "$err" '*--force*'
	is "$out" ''
}

forced()
{
	run 0 "$MEMAIX" run --force "$1"
	is "$out" outside
	has "$err" 'memaix: NOT active: *'
	run 0 "$MEMAIX" run --force --quiet "$1"
	is "$out" outside
	is "$err" ''
}

if compile -static probe.c -o static; then
	refused ./static '*static program*'
	run 125 "$MEMAIX" doctor ./static
	has "$out" '*kind       * ELF, static*active     no*static program*'
	forced ./static
	printf '#!%s/static\n' "$dir" >script10
	chmod +x script10
	refused ./script10 "$dir/static is a static program*"
	run 125 "$MEMAIX" doctor ./script10
	has "$out" "program    ./script10
script of  $dir/static
kind       *"
fi

# A program with a malloc of its own, visible to libc.
cat >own.c <<'END'
#include <stddef.h>
static char heap[1 << 20];
static size_t used;
void *malloc(size_t n)
{
	char *p = heap + used;

	used += (n + 31) & ~(size_t)15;
	return used < sizeof heap ? p : NULL;
}
void free(void *p)
{
	(void)p;
}
END
if compile -fno-builtin -rdynamic own.c probe.c -o own; then
	refused ./own '*brings its own malloc*'
	forced ./own
fi

# patch FILE OFFSET OCTAL: a copy of probe with one byte changed.
patch()
{
	cp probe "$1"
	# shellcheck disable=SC2059
	printf "\\$3" | dd of="$1" bs=1 seek="$2" conv=notrunc 2>/dev/null
}

patch narrow 4 001
refused ./narrow '*32-bit*'
patch foreign 18 026
refused ./foreign '*S/390*'
patch foreign2 18 377
refused ./foreign2 '*machine*'
dd if=probe of=short bs=1 count=40 2>/dev/null
chmod +x short
refused ./short '*'
printf 'MZ\000\000' >unknown
chmod +x unknown
refused ./unknown '*neither*'

# Another C library: the same machine, another loader.
printf '#include <stdio.h>\nint main(void) { puts("outside"); return 0; }\n' \
    >musl.c
if compile musl.c -o musl -Wl,--dynamic-linker=/lib/ld-musl-x.so.1; then
	refused ./musl '*another C library*'
fi

# A program that the loader cannot start at all fails with its words.
echo 'int f(void) { return 0; }' >part.c
echo 'int f(void); int main(void) { return f(); }' >whole.c
if compile -shared -fPIC part.c -o libpart.so &&
    compile whole.c -L. -lpart -o whole; then
	run 127 "$MEMAIX" run ./whole
	has "$err" '*libpart.so*'
	run 0 env LD_LIBRARY_PATH=. "$MEMAIX" run ./whole
fi

# Set-user-ID and file capabilities.
if [ "$(id -u)" = 0 ]; then
	cp probe suid && chown 65534 suid && chmod 4755 suid
	cp probe sgid && chgrp 65534 sgid && chmod 2755 sgid
	cp probe own_suid && chmod 6755 own_suid
	if [ -u suid ] && ! findmnt -no OPTIONS -T . 2>/dev/null |
	    grep -q nosuid; then
		refused ./suid '*set-user-ID*'
		run 125 "$MEMAIX" doctor ./suid
		has "$out" '*kind       *, set-user-ID*active     no*'
		forced ./suid
		refused ./sgid '*set-group-ID*'
		forced ./sgid
		# Root starting root's: nothing changes.
		run 0 "$MEMAIX" run ./own_suid
		is "$out" inside
	fi
	if command -v setcap >/dev/null && command -v setpriv >/dev/null &&
	    cp probe capable && setcap cap_net_raw=ep capable 2>/dev/null; then
		chmod 755 .
		user='setpriv --reuid 65534 --regid 65534 --clear-groups'
		# The build may lie where only root may look.
		if $user "$MEMAIX" --version >/dev/null 2>&1; then
			# shellcheck disable=SC2086
			run 125 $user "$MEMAIX" run ./capable
			has "$err" '*file capabilities*'
		fi
	fi
fi

# Options are joined, in order.
show='echo "$MEMAIX_OPTIONS"'
run 0 "$MEMAIX" run sh -c "$show"
is "$out" ''
run 0 "$MEMAIX" run -o decay_ms:5 sh -c "$show"
is "$out" decay_ms:5
run 0 "$MEMAIX" run -odecay_ms:5 --options=dirty_min:0 sh -c "$show"
is "$out" decay_ms:5,dirty_min:0
run 0 env MEMAIX_OPTIONS=decay_ms:1 "$MEMAIX" run --options decay_ms:5 sh -c "$show"
is "$out" decay_ms:1,decay_ms:5
run 0 "$MEMAIX" run --stats sh -c "$show"
is "$out" stats:true
run 0 "$MEMAIX" run --stats ./probe
has "$err" '*memaix*statistics*'

# What was preloaded stays, behind us.
echo 'int nothing_at_all;' >other.c
if compile -shared -fPIC other.c -o other.so; then
	run 0 env LD_PRELOAD="$dir/other.so" "$MEMAIX" run \
	    sh -c 'echo "$LD_PRELOAD"; ./probe; grep -c other.so /proc/self/maps'
	has "$out" "/*libmemaix.so*:$dir/other.so
inside
[1-9]*"
fi

# Which library: MEMAIX_LIBRARY first, and a clear word when it is unfit.
cp "$LIBMEMAIX" libmemaix-copy.so
run 0 env MEMAIX_LIBRARY=libmemaix-copy.so "$MEMAIX" run -v \
    grep -c libmemaix-copy /proc/self/maps
has "$err" "memaix: active in grep (pid [0-9]*), $dir/libmemaix-copy.so"
run 125 env MEMAIX_LIBRARY=/nonesuch "$MEMAIX" run true
has "$err" 'memaix: MEMAIX_LIBRARY: /nonesuch: No such file or directory'
run 125 env MEMAIX_LIBRARY="$dir/probe.c" "$MEMAIX" run true
has "$err" 'memaix: *probe.c is no shared library'
# A library that the loader refuses: its words are passed on.
dd if="$LIBMEMAIX" of=broken.so bs=1 count=200 2>/dev/null
run 125 env MEMAIX_LIBRARY="$dir/broken.so" "$MEMAIX" run true
has "$err" 'memaix: NOT active: *broken.so: *'
mkdir 'a b' && cp "$LIBMEMAIX" 'a b/libmemaix.so'
run 125 env MEMAIX_LIBRARY="$dir/a b/libmemaix.so" "$MEMAIX" run true
has "$err" 'memaix: LD_PRELOAD cannot name *'

# An installed tree, moved somewhere else.
mkdir -p moved/bin moved/lib/any-machine
cp "$MEMAIX" moved/bin/ && cp "$LIBMEMAIX" moved/lib/any-machine/libmemaix.so.0
run 0 moved/bin/memaix run grep -c moved/lib/any-machine /proc/self/maps

echo "$count commands, $failed failures"
[ "$failed" = 0 ]
