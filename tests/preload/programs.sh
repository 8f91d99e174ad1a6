# programs.sh - the tests of preload.sh, which sources this file.
#
# Uses lib, top, data, and the functions same, with, need, fail, skip,
# shows_itself and is_loaded.
#
# SPDX-License-Identifier: MIT
# shellcheck shell=sh disable=SC2154,SC2329

# A version manager's wrapper is a shell script: prefer the system's own.
python=/usr/bin/python3
[ -x "$python" ] || python=python3

test_python()
{
	need "$python"
	shows_itself "$python" -c 'print(open("/proc/self/maps").read())'
	same 300 "$python" "$data/python.py"
}

test_perl()
{
	need perl
	shows_itself perl -e 'open F, "/proc/self/maps"; print <F>'
	same 120 perl "$data/perl.pl"
}

test_bash()
{
	need bash
	# shellcheck disable=SC2016
	shows_itself bash -c \
	    'while read -r l; do echo "$l"; done </proc/self/maps'
	same 120 bash "$data/bash.bash"
}

test_awk()
{
	need awk
	shows_itself awk '{ print }' /proc/self/maps
	same 120 awk 'BEGIN {
		x = 1
		for (i = 0; i < 400000; i++) {
			x = (x * 1103515245 + 12345) % 2147483648
			count[x % 50021 "k"]++
			if (i % 1000 == 0)
				s = s x ","
		}
		for (k in count)
			n += count[k] * length(k)
		print n, length(s), split(s, parts, ","), parts[77]
		for (i = 0; i < 300; i++) {
			gsub(/[0-9],/, "&-", s)
			gsub(/,-/, ";", s)
		}
		print length(s), substr(s, 1000, 50)
	}'
}

numbers()
{
	awk -v n="$1" 'BEGIN {
		x = 1
		for (i = 0; i < n; i++) {
			x = (x * 1103515245 + 12345) % 2147483648
			print x, i, substr("abcdefghijklmnopqrstuvwxyz", x % 20)
		}
	}'
}

test_sort()
{
	need sort
	shows_itself sort /proc/self/maps
	numbers 300000 >in
	same 120 sort --parallel=4 -S 3M -T . -k3 -k1n in
	same 120 sort --parallel=2 -S 200M -n in
}

test_tar()
{
	need tar
	is_loaded tar
	mkdir tree
	numbers 20000 | split -l 50 - tree/f
	same 120 tar cf - --sort=name --mtime=@0 --owner=0 --group=0 tree
	mkdir out
	with 120 tar xf with.out -C out || fail "cannot extract"
	diff -r tree out/tree >/dev/null || fail "extracted files differ"
}

test_xz()
{
	need xz
	numbers 500000 >in
	is_loaded xz
	same 300 xz -T2 -1 --block-size=2MiB -c in
	mv with.out in.xz
	same 120 xz -dc -T2 in.xz
	cmp in with.out || fail "decompressed file differs"
}

test_sqlite()
{
	need sqlite3
	is_loaded sqlite3
	same 120 sqlite3 :memory: ".read $data/sqlite.sql"
	cat >file.sh <<-END
	rm -f db
	sqlite3 db ".read $data/sqlite.sql" && cksum <db
	END
	same 120 sh file.sh
}

test_git()
{
	need git
	is_loaded git
	same 300 sh "$data/git.sh"
}

test_make()
{
	need make
	is_loaded make
	same 120 make -s -B -j2 -f "$data/many.mk"
}

# objects COMPILER FLAGS... -- FILE...: the same object for each file.
objects()
{
	flags=
	while [ "$1" != -- ]; do
		flags="$flags $1"
		shift
	done
	shift
	for file; do
		# shellcheck disable=SC2086
		timeout -k 10 300 $flags -c "$file" -o a.o >plain.err 2>&1 ||
		    skip "cannot compile $file"
		mv a.o plain.o
		# shellcheck disable=SC2086
		with 300 $flags -c "$file" -o a.o >with.err 2>&1 ||
		    fail "$file: $(grep -m 1 -i error with.err)"
		cmp plain.o a.o >cmp.out 2>&1 || fail "$file: $(cat cmp.out)"
	done
}

sources()
{
	for name in src/out.c src/sys.c tests/interface_test.c \
	    tests/interface_random.c tests/stress_threads.c \
	    tests/fork_test.c; do
		echo "$top/$name"
	done
}

test_gcc()
{
	need gcc
	is_loaded gcc "$(gcc -print-prog-name=cc1)"
	# shellcheck disable=SC2046
	objects gcc -std=gnu11 -O2 -g "-I$top/src" -- $(sources)
}

test_gxx()
{
	need g++
	is_loaded g++ "$(g++ -print-prog-name=cc1plus)"
	objects g++ -std=c++17 -O2 -g -- "$data/templates.cc"
}

test_clang()
{
	need clang
	is_loaded clang
	# shellcheck disable=SC2046
	objects clang -std=gnu11 -O2 -g "-I$top/src" -- $(sources)
	objects clang++ -std=c++17 -O1 -- "$data/templates.cc"
}

test_node()
{
	need node
	shows_itself node -e \
	    'console.log(require("fs").readFileSync("/proc/self/maps", "utf8"))'
	same 300 node "$data/node.js"
}

# redis_up NAME [ENV=VALUE]: a server on NAME.sock with the file NAME.rdb.
redis_up()
{
	name=$1
	shift
	env "$@" redis-server --port 0 --unixsocket "$name.sock" --save '' \
	    --dbfilename "$name.rdb" --daemonize no >"$name.log" 2>&1 &
	pids="$pids $!"
	i=0
	until redis_do "$name" ping 2>/dev/null | grep -q PONG; do
		i=$((i + 1))
		[ $i -lt 200 ] || return 1
		sleep 0.1
	done
}

redis_do()
{
	socket=$1.sock
	shift
	timeout -k 10 120 redis-cli -s "$socket" "$@"
}

redis_save()
{
	redis_do a bgsave >/dev/null || fail "bgsave"
	i=0
	while redis_do a info persistence | grep -q 'bgsave_in_progress:1'; do
		i=$((i + 1))
		[ $i -lt 600 ] || fail "bgsave takes a minute"
		sleep 0.1
	done
	redis_do a info persistence | grep -q 'last_bgsave_status:ok' ||
	    fail "bgsave failed"
}

redis_test()
{
	redis_up b || skip "does not run without the library"
	redis_do b shutdown nosave
	redis_up a LD_PRELOAD="$lib" || fail "no answer: $(tail -n 1 a.log)"
	pid=$(redis_do a info server | tr -d '\r' | sed -n 's/^process_id://p')
	grep -qF "$lib" "/proc/$pid/maps" ||
	    fail "the library is not in redis-server"
	redis_do a --eval "$data/redis_fill.lua" >fill.out || fail "fill"
	with 120 redis-benchmark -s a.sock -n 30000 -c 20 -P 8 -r 5000 -d 100 \
	    -q -t set,get,incr,lpush,rpush,lpop,sadd,hset,spop,zadd,mset \
	    >bench.out 2>bench.err &
	bench=$!
	redis_save
	wait $bench || fail "redis-benchmark: $(tail -n 1 bench.err)"
	redis_save
	redis_do a --eval "$data/redis_digest.lua" >a.digest || fail "digest"
	# The file, read by a server that knows nothing of the library.
	cp a.rdb b.rdb
	redis_up b || fail "the saved file: $(tail -n 1 b.log)"
	redis_do b --eval "$data/redis_digest.lua" >b.digest || fail "digest"
	cmp a.digest b.digest >/dev/null ||
	    fail "saved $(cat a.digest), read $(cat b.digest)"
	[ "$(cut -d' ' -f1 <a.digest)" -gt 14000 ] ||
	    fail "only $(cat a.digest)"
	redis_do a flushall >/dev/null || fail "flushall"
	redis_do a shutdown nosave || fail "shutdown"
}

test_redis()
{
	need redis-server redis-cli redis-benchmark
	is_loaded redis-server redis-benchmark
	pids=
	trap 'for p in $pids; do kill -9 $p; done 2>/dev/null' EXIT
	redis_test
}

# What gdb says, without addresses and process numbers.
debug()
{
	cat >gdb.sh <<-'END'
	gdb -batch -nx -ex 'break leaf' -ex run -ex bt -ex 'print *n' \
	    -ex 'print depth' -ex 'up 2' -ex 'print n->name' -ex finish \
	    -ex continue ./debug 2>&1 |
	    sed -e 's/0x[0-9a-f]*/ADDRESS/g' -e 's/process [0-9]*/process/'
	END
	same 120 sh gdb.sh
}

test_gdb()
{
	need gdb gcc
	gcc -g -O0 "$data/debug.c" -o debug || skip "cannot compile"
	is_loaded gdb
	debug
	grep -q 'Value returned is .* 15' plain.out ||
	    skip "gdb cannot run programs here"
	with 60 gdb -batch -nx -ex 'break leaf' -ex run \
	    -ex 'info proc mappings' ./debug >maps.out 2>&1
	grep -qF "$lib" maps.out || fail "the library is not in the program"
}

# limited COMMAND...: both ways, in 300 MB of address space.
limited()
{
	# shellcheck disable=SC2016
	same 120 sh -c 'ulimit -v 300000 && exec "$@"' sh "$@"
}

test_limit_python()
{
	need "$python"
	limited "$python" "$data/limit.py"
	! grep little with.out >why || fail "$(cat why)"
}

test_limit_perl()
{
	need perl
	limited perl "$data/perl.pl"
}

test_limit_sqlite()
{
	need sqlite3
	limited sqlite3 :memory: ".read $data/sqlite.sql"
}

test_limit_bash()
{
	need bash
	limited bash "$data/bash.bash"
}

test_limit_awk()
{
	need awk
	limited awk 'BEGIN {
		for (i = 0; i < 500000; i++)
			a[i] = i "text"
		for (i = 0; i < 500000; i += 2)
			delete a[i]
		print length(a), a[499999]
	}'
}

# products: what the compiler, ar and the linker made in build
products()
{
	(cd build && find . -name '*.o' -o -name '*.so.*.*' -o -name '*.a' \
	    -o -name memaix -type f) | sort
}

# This project from a copy, with everything that builds it preloaded, and without:
# the same to the last bit.  Then the new library has to carry a program itself.
test_project()
{
	need gcc make tar awk
	[ -x "$top/configure" ] || skip "no configure"
	mkdir copy build
	(cd "$top" && tar cf - --exclude=.git --exclude=build --exclude=.libs \
	    --exclude='*.o' --exclude='*.lo' --exclude='*.l[ao]' \
	    --exclude=config.status .) | tar xf - -C copy ||
	    fail "cannot copy"
	(cd build && with 300 ../copy/configure >../configure.out 2>&1) ||
	    fail "configure: $(tail -n 1 configure.out)"
	# In one folder, which the debugger's part of an object names.
	cp -a build plain
	with 600 make -C build -j2 >make.out 2>&1 ||
	    fail "make: $(tail -n 1 make.out)"
	mv build with
	mv plain build
	timeout -k 10 600 make -C build -j2 >plain.out 2>&1 ||
	    fail "make without the library: $(tail -n 1 plain.out)"
	[ "$(products | wc -l)" -gt 50 ] || fail "nothing was built"
	for file in $(products); do
		cmp "build/$file" "with/$file" >cmp.out 2>&1 ||
		    fail "$(cat cmp.out)"
	done
	new=$(readlink -f with/.libs/libmemaix.so)
	[ -f "$new" ] || fail "no library"
	LD_PRELOAD=$new sort /proc/self/maps | grep -qF "$new" ||
	    fail "the new library does not work"
}
