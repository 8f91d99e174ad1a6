# prove_rig.sh - the parts of prove.sh that can run here do so, for rig.sh to read
# in: its programs, on shims whose answers are known.
#
# SPDX-License-Identifier: MIT
# shellcheck shell=sh

: "${top_srcdir:?}" "${work:?}" "${rig:?}" "${ld:?}"

# The programs, and the replacement that tells who calls it.
build_prove()
{
	program prove_probe "$rig/prove_probe.c" || return
	program prove_main "$rig/prove_user_main.c" || return
	rm -rf "$work/prove"
	mkdir -p "$work/prove" && aix_imports "$work/prove" || return
	# shellcheck disable=SC2086,SC2154
	aix_compile "$rig/prove_user.c" "$work/prove/user.o" $test_flags &&
	grep '^__' "$top_srcdir/src/libmemaix_user.sym" \
	    >"$work/prove/user.exp" &&
	cp "$work/libc.imp" "$work/libpthreads.imp" "$work/prove/" &&
	aix_link_shared "$ld" "$work/prove" "$work/prove/mem64.o" \
	    "$work/prove/user.exp" &&
	(cd "$work/prove" && "$aix_ar" --format=bigarchive rcs libprove.a \
	    mem64.o)
}

# answers KERNEL QUESTION PATTERN
answers()
{
	job "prove $2, ${1:-default}: $3" \
	    "set_env='LIBPATH=$work/lib RIG=$1'" \
	    "words='$work/programs/prove_probe $2'" "expect='^$3'"
}

# told KERNEL PATTERN [LINE]
told()
{
	job "prove the hooks, ${1:-default}: $2" \
	    "set_env='LIBPATH=$work/prove MALLOCTYPE=user:libprove.a RIG=$1'" \
	    "words='$work/programs/prove_main'" "expect='^$2'" "${3-}"
}

list_prove()
{
	answers '' disclaim 'disclaim.map=rc 0 errno 0 first 0 last 0 next 7'
	answers '' disclaim 'disclaim.part=rc 0 errno 0 at0 0 .* at8192 7'
	answers page=64k disclaim 'disclaim.part=rc 0 errno 0 .* at8192 0'
	answers disclaim=fails disclaim 'disclaim.map=rc -1 errno 22 first 7'
	answers disclaim=lies disclaim 'disclaim.map=rc 0 errno 0 first 7'
	answers disclaim=fails disclaim 'disclaim.break=rc 0 errno 0 first 0'
	answers '' disclaim 'mprotect.break=rc -1 errno 22 writable 1'
	answers break_mprotect disclaim 'mprotect.break=rc 0 errno 0 writable 1'
	answers '' disclaim 'disclaim.map.rss=.* mincore 64 then 0 '
	answers disclaim=zeroes disclaim 'disclaim.map.rss=.* mincore 64 then 64 '
	answers '' disclaim 'disclaim.break.rss=.* mincore 64 then 0 '
	answers '' pages 'pages.sizes=4096 65536'
	answers '' map 'map.over=refused errno 12 byte 5'
	answers sus map 'map.over=replaced errno 0 byte 0'
	answers page=64k map 'map.page=65536'
	answers '' 64k 'map64k=.*nil.* errno 22'
	answers map_64k 64k 'map64k.page=65536'
	answers map_64k 64k 'map64k.mprotect=rc -1 errno 22 writable 1 1 1'
	answers map_64k,mprotect_whole 64k \
	    'map64k.mprotect=rc 0 errno 0 writable 0 0 0'
	answers '' rss 'rss.drss=[0-9]* then [0-9]'
	answers '' limit 'limit.map=not counted'
	answers data_limit=33554432 limit 'limit.break=counted'
	answers '' next 'next.libc.free=found'
	answers no_next next 'next.free=none'
	told '' 'user.first=__malloc__'
	told '' 'user.start=__malloc_start__'
	told '' 'user.init=calls came before it'
	told late_environ 'user.environ=not readable'
	told '' 'user.environ=readable'
	told '' 'user.tls=touched in the first call' "not='touching it called'"
	told '' 'user.tls=touched in a new thread' "not='touching it called'"
	told '' 'user.key=made inside'
	told '' 'user.malloc=reaches it'
	told '' 'user.strdup=reaches it'
	told libc_valloc 'user.valloc=does not reach it'
	told '' 'user.prefork=called'
	told '' 'user.postfork=called in the parent'
	told '' 'user.postfork=called in the child'
	told no_postfork_child 'user.postfork=called in the parent' \
	    "not='called in the child'"
}

# stand_in NAME: a command of AIX, from standard input.
stand_in()
{
	{ echo '#!/bin/sh'; cat; } >"$work/prove/bin/$1" &&
	chmod +x "$work/prove/bin/$1"
}

# What prove.sh calls, of tools.sh; a program becomes a script that starts it.
stand_ins()
{
	mkdir -p "$work/prove/bin" "$work/prove/imports"
	cp "$work/libc.imp" "$work/libpthreads.imp" "$work/prove/imports/"
	cat "$work/libc.imp" "$work/rig.imp" >"$work/prove/imports/program.imp"
	echo 'echo AIX' | stand_in uname
	stand_in ibm-clang <<'EOF'
link=1
for word; do
	[ "$word" = -c ] && link=
	[ "${before-}" = -o ] && out=$word
	before=$word
done
sh "$AIX_TOOLS" cc -fno-zero-initialized-in-bss "$@" || exit
[ -n "$link" ] && [ -n "${out-}" ] || exit 0
mv "$out" "$out.xcoff"
printf '#!/bin/sh\nexec %s %s %s "$@"\n' "$AIX_QEMU" "$AIX_RIG/xload" \
    "$out.xcoff" >"$out"
chmod +x "$out"
EOF
	stand_in ld <<'EOF'
for word; do
	shift
	case $word in
	-l*)	;;
	*)	set -- "$@" "$word" ;;
	esac
done
exec "$AIX_LD" "$@" -bI:"$AIX_IMPORTS/libc.imp" \
    -bI:"$AIX_IMPORTS/libpthreads.imp" -bI:"$AIX_RIG/lib/tls.imp"
EOF
	# shellcheck disable=SC2016
	echo 'exec sh "$AIX_TOOLS" ar "$@"' | stand_in ar
	# Of the system's libraries, what memaix is allowed; no other file.
	stand_in dump <<'EOF'
for lib in libc libpthreads; do
	case $* in
	*"/usr/lib/$lib.a")	sed -n "s/^command /libc /;s/^$lib /EXP /p" \
	    "$AIX_ALLOW" ;;
	esac
done
EOF
}

# The whole script, as on AIX but for the commands of it that are not here.
check_prove_whole()
{
	(
	stand_ins || exit 1
	PATH=$work/prove/bin:$PATH
	AIX_TOOLS=$rig/tools.sh AIX_IMPORTS=$work/prove/imports AIX_LD=$ld
	AIX_ALLOW=$rig/imports.allow MEMAIX_BUILD=/nonexistent CC=ibm-clang
	export PATH AIX_TOOLS AIX_IMPORTS AIX_LD AIX_ALLOW MEMAIX_BUILD CC
	timeout 300 sh "$rig/prove.sh" >"$work/said" 2>&1 </dev/null
	for line in 'compiler=ibm-clang -m64' 'pages.sizes=4096 65536' \
	    'disclaim.map=rc 0 errno 0 first 0' 'map.none.1G=yes' \
	    'map.over=refused' 'rss.drss=' 'limit.set=0' 'next.free=found' \
	    'user.malloc=reaches it' 'user.vec_malloc=reaches it' \
	    'user.tls=touched in a new thread' 'setuid.program=none found' \
	    'memaix=not built' '== end'; do
		grep -q "^$line" "$work/said" && continue
		echo "prove.sh does not say $line"
		tail -n 20 "$work/said"
		exit 1
	done
	! grep '^import.missing' "$work/said"
	)
}

# It asks AIX only, and doc/aix.md explains every key that it prints.
check_prove()
{
	sh "$rig/prove.sh" >"$work/said" 2>&1
	status=$?
	if [ $status -ne 77 ] || ! grep -q 'not AIX' "$work/said"; then
		echo "prove.sh: status $status here"
		return 1
	fi
	grep -oh '"[a-z0-9]*[.a-z0-9]*=' "$rig"/prove*.c "$rig/prove.sh" |
	    tr -d '"=' | sort -u >"$work/prove.keys"
	sed -n '/^## What is unknown/,$p' "$top_srcdir/doc/aix.md" \
	    >"$work/prove.doc"
	missing=0
	while read -r key; do
		case $key in
		*.*)	grep -Fq "$key" "$work/prove.doc" && continue
			echo "doc/aix.md does not explain $key"
			missing=1 ;;
		esac
	done <"$work/prove.keys"
	[ "$(grep -c '\.' "$work/prove.keys")" -gt 20 ] && [ $missing -eq 0 ]
}
