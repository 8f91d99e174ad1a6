# programs.sh - the suites of tests/suites.sh, which reads this file.
#
# For each NAME: build_NAME makes version and tree/ in the suite's folder,
# active_NAME asks whether the library takes hold in the program that is tested,
# run_NAME runs the tests from WAY/, and results_NAME prints what came of each,
# likewise from there: pass, fail, skip or todo, and the test's name.  A failure
# called `file' does not count, but has to be there without the library too.
#
# SPDX-License-Identifier: MIT

# shellcheck shell=sh disable=SC2016,SC2154

# sqlite: veryquick is all but the tests that make malloc and I/O fail.  Each
# file in a process of its own, which looks for the programs where it runs, in a
# folder of the same name both ways: some tests count the letters.
build_sqlite()
{
	need gcc make tcl-dev zlib1g-dev
	fetch sqlite3 || return 1
	(cd tree && as_user ./configure --enable-all --disable-shared \
	    --disable-readline CFLAGS='-O2 -DSQLITE_ENABLE_DBPAGE_VTAB' &&
	    as_user make -j "$jobs" testfixture sqlite3)
	as_user tee tree/test/list.tcl >/dev/null <<-'END'
		set testdir [file dirname $argv0]
		source $testdir/permutations.test
		array set spec $::testspec(veryquick)
		foreach file [lsort $spec(-files)] { puts [file tail $file] }
	END
}

active_sqlite()
{
	active tree/sqlite3 :memory: 'SELECT 1'
}

run_sqlite()
{
	under sh -c '
		cd "$3" || exit 1
		"$2/testfixture" "$2/test/list.tcl" | grep "\.test$" |
		    xargs -P "$1" -I{} sh -c '\''
			mkdir "$2/$3" "$3" && cd "$3" || exit
			ln -s "$1/testfixture" "$1/sqlite3" .
			./testfixture "$1/test/permutations.test" veryquick \
			    "$3" >"$2/$3/log" 2>&1 ||
			    echo "! $3 expected: end" >>"$2/$3/log"
			cd .. && rm -rf "$3"
		    '\'' - "$2" "$4" {}' \
		- "$jobs" "$work/sqlite/tree" "$tmp" "$PWD"
}

# Tests that let the N-th malloc fail count as one each: where malloc gives more
# than was asked for, sqlite makes fewer calls.
results_sqlite()
{
	sed 's/\.(mu=[0-9]*)//' ./*.test/log |
	    sed -n -e 's/\(\.transient\|\.persistent\)\.[0-9]*\.\.\. Ok$/\1/' \
		-e 's/^\(.*\)\.\.\. Ok$/pass \1/p' \
		-e 's/^\(.*\.transient\|.*\.persistent\)$/pass \1/p' \
		-e 's/^! \(.*\) expected: .*/fail \1/p' \
		-e 's/^\(.*\)\.\.\. Omitted$/skip \1/p' |
	    awk '!/\.(transient|persistent)$/ || !seen[$0]++'
}

# git: t0 is what everything else stands on, t1 the object store and the index,
# t3 and t4 are commands, t5 is packs.  Its own use of libc's malloc checker
# would take the place of the preload.
build_git()
{
	need gcc make zlib1g-dev
	fetch git || return 1
	(cd tree && as_user make -j "$jobs" NO_CURL=1 NO_GETTEXT=1 NO_TCLTK=1 \
	    NO_PYTHON=1 NO_EXPAT=1 NO_OPENSSL=1 all)
}

active_git()
{
	active tree/git version
}

run_git()
{
	here=$PWD
	cd ../tree/t || return 1
	as_user rm -rf test-results
	under env TEST_NO_MALLOC_CHECK=1 sh -c '
		ls t[01]*.sh t3[0-3]*.sh t40*.sh t53*.sh |
		    xargs -P "$1" -I{} sh -c '\''
			sh "$3" --verbose-log --root="$2/trash" >"$1/$3.tap" ||
			    echo "not ok 0 - exit status" >>"$1/$3.tap"
		    '\'' - "$2" "$3" {}' - "$jobs" "$here" "$tmp"
	as_user cp -r test-results "$here/output"
}

results_git()
{
	tap ./*.tap
}

# perl: those that test perl itself.
build_perl()
{
	need gcc make
	fetch perl || return 1
	(cd tree && as_user sh Configure -des -Dusethreads -Uusemymalloc &&
	    as_user make -j "$jobs" test_prep)
}

active_perl()
{
	active tree/perl -e 1
}

run_perl()
{
	here=$PWD
	cd ../tree/t || return 1
	under sh -c '
		ls base/*.t cmd/*.t comp/*.t io/*.t mro/*.t op/*.t re/*.t \
		    run/*.t uni/*.t |
		    xargs -P "$1" -I{} sh -c '\''
			file=$1/$(echo "$2" | tr / -).tap
			./perl TEST -v "$2" >"$file" 2>&1 ||
			    echo "not ok 0 - exit status" >>"$file"
		    '\'' - "$2" {}' - "$jobs" "$here"
}

results_perl()
{
	tap ./*.tap
}

# redis: all of runtest.  On libc's malloc, as every allocator of its own would
# hide ours.  Steps that psync2 draws at random count if they fail.
build_redis()
{
	need gcc make tcl
	fetch redis || return 1
	(cd tree && as_user make -j "$jobs" MALLOC=libc)
}

active_redis()
{
	active tree/src/redis-server --version
}

run_redis()
{
	here=$PWD
	cd ../tree || return 1
	under sh runtest --clients 8 --durable --dont-clean --timeout 300
	find tests/tmp -name 'std*' -exec cat {} + | as_user tee "$here/servers" |
	    grep -c .
	as_user rm -rf tests/tmp
	as_user mkdir tests/tmp
}

results_redis()
{
	sed -e "s/$(printf '\033')\\[[0-9;]*m//g" -e 's/ ([0-9]* ms)$//' log |
	    sed -n -e '/^\[ok\]: PSYNC2/d' \
		-e 's/^\[ok\]: /pass /p' \
		-e 's/^\[err\]: /fail /p' \
		-e 's/^\[exception\].*/fail exception/p' \
		-e 's/^\[timeout\].*/fail timeout/p' \
		-e 's/^\[skip\]: /skip /p'
}

# cpython: all that regrtest runs without -u, but for test_tools, which builds
# Python again.  PYTHONMALLOC=malloc, since its own allocator would hide ours.
build_cpython()
{
	need gcc make libssl-dev libffi-dev zlib1g-dev libbz2-dev liblzma-dev \
	    libsqlite3-dev
	fetch python3.11 || return 1
	# A fix of Debian's needs what Debian's own build defines.
	as_user sed -i "s/Extension('pyexpat',/& define_macros=[\
	    ('Py_BUILD_CORE_MODULE', '1')],/" tree/setup.py
	as_user mkdir tree/b
	(cd tree/b && as_user ../configure && as_user make -j "$jobs" &&
	    ./python -c 'import ctypes, pyexpat, sqlite3, ssl')
}

active_cpython()
{
	active tree/b/python -c 1
}

run_cpython()
{
	under env PYTHONMALLOC=malloc ../tree/b/python -m test -j "$jobs" \
	    --timeout 600 --junit-xml "$PWD/junit.xml" -x test_tools
}

results_cpython()
{
	awk 'BEGIN { RS = "<testcase " }
	/^name="/ {
		name = substr($0, 7)
		sub(/".*/, "", name)
		result = "pass"
		if (/<skipped/)
			result = "skip"
		else if (/<(failure|error)/)
			result = "fail"
		print result, name
	}' junit.xml
	# Parts of a test that fail are in the counts of its file only.
	sed -n -e 's/.*\] \(test[a-z0-9_]*\) \(crashed\|timed out\).*/fail \1/p' \
	    -e 's/.*\] \(test[a-z0-9_]* failed ([^)]*)\).*/file \1/p' log
}

# postgres: initdb, pgbench with its three scripts, and the regression tests.
build_postgres()
{
	need gcc make bison flex
	fetch postgresql-15 || return 1
	(cd tree && as_user ./configure --without-readline --without-icu \
	    --prefix="$work/postgres/inst" &&
	    as_user make -s -j "$jobs" &&
	    as_user make -s install &&
	    as_user make -s -C contrib/spi &&
	    as_user make -s -C src/test/regress)
}

active_postgres()
{
	active inst/bin/postgres --version
}

# step NAME COMMAND...: a result of our own.
step()
{
	name=$1
	shift
	if under env PGHOST="$tmp" PGPORT=54329 PGDATABASE=postgres \
	    PATH="$work/postgres/inst/bin:$PATH" "$@"; then
		echo "step pass $name"
	else
		echo "step fail $name"
	fi
}

# bench SCRIPT: each of 8 clients has to come through.
bench()
{
	step "pgbench -b $1" sh -c \
	    'pgbench -n -b "$1" -M prepared -c 8 -j 2 -t 4000 >bench-$1 &&
		grep "processed: 32000/32000" bench-$1' - "$1"
}

run_postgres()
{
	step initdb initdb -D "$PWD/data" -A trust --no-locale
	step start pg_ctl -D "$PWD/data" -w -l "$PWD/server.log" \
	    -o "-k $tmp -p 54329 -c listen_addresses= -c fsync=off" start
	step 'pgbench -i' pgbench -i -s 10
	for script in tpcb-like simple-update select-only; do
		bench $script
	done
	step sums sh -c 'psql -Atc "SELECT (SELECT sum(abalance)
	    FROM pgbench_accounts) = (SELECT sum(delta) FROM pgbench_history)" |
	    grep -x t'
	as_user mkdir regress
	step pg_regress sh -c 'cd "$1" && ./pg_regress --inputdir=. --dlpath=. \
	    --bindir="$2" --outputdir="$3" --max-concurrent-tests=20 \
	    --schedule=parallel_schedule' - "$work/postgres/tree/src/test/regress" \
	    "$work/postgres/inst/bin" "$PWD/regress"
	step stop pg_ctl -D "$PWD/data" -w -m fast stop
}

results_postgres()
{
	sed -n -e 's/^step //p' \
	    -e 's/^\(test\)* *\([a-z0-9_.]*\)  *\.\.\. ok .*/pass \2/p' \
	    -e 's/^\(test\)* *\([a-z0-9_.]*\)  *\.\.\. FAILED.*/fail \2/p' log
}
