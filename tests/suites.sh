#!/bin/sh
# suites.sh - the test suites of real programs, with the library preloaded and
# without it.  `make suites'; not part of `make check': half an hour and 4 GB.
#
#   suites.sh [SUITE...]
#
# SUITEs are cpython git perl postgres redis sqlite; by default all.  Sources
# are Debian's source packages of the release that runs; apt-get gets them
# without root, by lists of its own.  Everything is done in the folder
# $MEMAIX_SUITES (./suites), and by nobody if this is root, since some suites
# refuse root and others skip tests for it; nobody has to be able to reach the
# folder.  What is built is not built again, and what it did without the library
# not measured again; remove SUITE/ or SUITE/without/ for that.  At most
# $MEMAIX_SUITES_JOBS run at once (one per processor).  MEMAIX_OPTIONS counts
# where the library is.
#
# A suite passes if each test that passes without the library passes with it,
# and memaix reported nothing.  SUITE/with/ has the logs; in it, differences are
# the tests that did not, and reports what memaix said.
#
# SPDX-License-Identifier: MIT

all='sqlite git perl redis cpython postgres'

here=$(cd "$(dirname "$0")" && pwd) || exit 99
lib=${MEMAIX_LIBRARY:-${LIBMEMAIX:-}}
if [ ! -f "$lib" ]; then
	echo "suites.sh: no library; set MEMAIX_LIBRARY" >&2
	exit 99
fi
lib=$(readlink -f "$lib") || exit 99
for tool in apt-get dpkg-source setpriv timeout xargs; do
	command -v "$tool" >/dev/null && continue
	echo "SKIP all ($tool is not there)"
	exit 77
done
unset LD_PRELOAD MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES PYTHONPATH \
    PYTHONSTARTUP PERL5LIB PERL5OPT GIT_DIR GIT_WORK_TREE CDPATH ENV
options=${MEMAIX_OPTIONS:-}
unset MEMAIX_OPTIONS
LC_ALL=C TZ=UTC
export LC_ALL TZ

# shellcheck disable=SC2034 # programs.sh uses it
jobs=${MEMAIX_SUITES_JOBS:-$(nproc)}
work=${MEMAIX_SUITES:-suites}
drop=
if [ "$(id -u)" = 0 ]; then
	drop='setpriv --reuid=65534 --regid=65534 --clear-groups --'
fi
mkdir -p "$work" && work=$(cd "$work" && pwd) || exit 99
[ -z "$drop" ] || chown 65534:65534 "$work" || exit 99
# Short: names of sockets go below it.
tmp=$(mktemp -d /tmp/suites.XXXXXX) || exit 99
trap 'rm -rf "$tmp"' EXIT
trap 'exit 99' HUP INT TERM
[ -z "$drop" ] || chown 65534:65534 "$tmp" || exit 99

# as_user COMMAND...: never as root.
as_user()
{
	# shellcheck disable=SC2086
	$drop env HOME="$tmp" TMPDIR="$tmp" USER=nobody LOGNAME=nobody "$@"
}

# under COMMAND...: the way this run is about, for half an hour at most.
under()
{
	if [ "$way" = with ]; then
		set -- env LD_PRELOAD="$work/libaborts.so $lib" \
		    SUITES_ABORTS="$work/$suite/with/aborts" "$@"
		[ -z "$options" ] || set -- env MEMAIX_OPTIONS="$options" "$@"
	fi
	as_user timeout -k 10 1800 "$@" </dev/null
}

# active PROGRAM ARGUMENT...: the library takes hold in it.
active()
{
	as_user env LD_PRELOAD="$lib" MEMAIX_OPTIONS=verbose:true "$@" 2>&1 |
	    grep -q '^memaix: active in '
}

skip()
{
	echo "SKIP $suite ($*)"
	exit 77
}

need()
{
	missing=
	for package; do
		dpkg -s "$package" 2>/dev/null | grep -q '^Status:.* installed' ||
		    missing="$missing $package"
	done
	[ -z "$missing" ] || skip "apt-get install$missing"
}

# sources: make apt's own lists of source packages, once.
sources()
{
	APT_CONFIG=$work/apt/apt.conf
	export APT_CONFIG
	[ ! -f "$work/apt/ready" ] || return 0
	as_user mkdir -p "$work/apt/lists/partial" \
	    "$work/apt/cache/archives/partial" || return 1
	# shellcheck disable=SC1091
	release=$(. /etc/os-release && echo "$VERSION_CODENAME")
	mirror=http://deb.debian.org
	key=/usr/share/keyrings/debian-archive-keyring.gpg
	for archive in "debian $release" "debian $release-updates" \
	    "debian-security $release-security"; do
		echo "deb-src [signed-by=$key] $mirror/$archive main"
	done | as_user tee "$work/apt/sources.list" >/dev/null
	as_user tee "$work/apt/apt.conf" >/dev/null <<END
Dir::Etc::sourcelist "$work/apt/sources.list";
Dir::Etc::sourceparts "-";
Dir::State::lists "$work/apt/lists";
Dir::Cache "$work/apt/cache";
END
	as_user apt-get update && as_user touch "$work/apt/ready"
}

# fetch PACKAGE: the newest version that the mirror still has, in tree/.
fetch()
{
	sources || return 1
	for version in $(apt-cache showsrc --only-source "$1" |
	    sed -n 's/^Version: //p' | sort -rV); do
		as_user apt-get source --only-source "$1=$version" || continue
		as_user mv "$1"-*/ tree || return 1
		echo "$version" | as_user tee version >/dev/null
		return 0
	done
	return 1
}

# tap FILE...: results of tests that print TAP, named by file and number; 0 is
# the file as a whole.  Perl puts the file's name in front of the first line.
tap()
{
	awk '{ sub(/^t\/[^ ]* \.+ /, "") }
	FNR == 1 {
		file = FILENAME
		sub(/.*\//, "", file)
		none = 0
	}
	/^1\.\.0 *# *[Ss][Kk][Ii][Pp]/ {
		print "skip", file ":0"
		none = 1
	}
	/^(not )?ok [0-9]/ && !none {
		result = $1 == "ok" ? "pass" : "fail"
		number = $1 == "ok" ? $2 : $3
		if (tolower($0) ~ /# *todo/)
			result = "todo"
		else if (tolower($0) ~ /# *skip/)
			result = "skip"
		print result, file ":" number
	}' "$@"
}

# shellcheck source=tests/suites/programs.sh disable=SC1091
. "$here/suites/programs.sh"

# prepare: fetch and build the suite, in its folder.
prepare()
{
	[ ! -f built ] || return 0
	rm -rf ./tree
	if ! "build_$suite" >build.log 2>&1; then
		echo "FAIL $suite (cannot be built, see $PWD/build.log)"
		return 1
	fi
	as_user touch built
}

# go WAY: run it, into WAY/.
go()
{
	way=$1
	rm -rf "./$way"
	as_user mkdir "$way" || return 1
	date +%s >start
	(cd "$way" && "run_$suite") >log 2>&1
	mv log "$way/log"
	echo $(($(date +%s) - $(cat start))) >"$way/seconds"
}

# results WAY: every line is a word and a test's name, made unique.
results()
{
	(cd "$1" && "results_$suite") | awk '{
		name = $0
		sub(/^[a-z]+ /, "", name)
		n = ++count[name]
		print $0 (n > 1 ? " #" n : "")
	}' >"$1/results"
}

count()
{
	grep -c "^$1 " "$2"
}

# compare: print the suite's line.
compare()
{
	results with
	results without
	awk '{ name = $0; sub(/^[a-z]+ /, "", name) }
	    FNR == NR { without[name] = $1; next }
	    { seen[name]; before = name in without ? without[name] : "gone" }
	    $1 ~ /^f/ && before != $1 { print $1, name }
	    $1 ~ /^todo/ && before == "pass" { print $1, name }
	    $1 == "fail" && before == "fail" { both++ }
	    END {
		for (name in without)
			if (without[name] == "pass" && !(name in seen))
				print "gone", name
		print both + 0 >"both"
	    }' without/results with/results >with/differences
	grep -rsa --exclude=reports 'memaix: ' with >with/reports
	sed 's/^/abort of /' with/aborts >>with/reports 2>/dev/null
	line=$(count pass with/results)" passed"
	line="$line, $(count fail with/results) failed"
	line="$line ($(cat both) also without)"
	line="$line, $(count skip with/results) skipped"
	line="$line, $(grep -c . with/reports) reports"
	line="$line; without: $(count pass without/results) passed"
	line="$line, $(count fail without/results) failed"
	line="$line; $(cat with/seconds) s, without $(cat without/seconds) s"
	verdict=PASS
	if [ -s with/differences ] || [ -s with/reports ] ||
	    ! grep -q '^pass ' with/results; then
		verdict=FAIL
	fi
	echo "$verdict $suite $(cat version): $line"
	[ $verdict = PASS ] ||
	    head -q -n 20 with/differences with/reports | sed 's/^/    /'
	[ $verdict = PASS ]
}

one()
{
	as_user mkdir -p "$work/$suite" && cd "$work/$suite" || exit 99
	prepare || exit 1
	"active_$suite" || {
		echo "FAIL $suite (the library does not take hold)"
		exit 1
	}
	[ -s without/seconds ] || go without
	go with
	compare
}

# Under new names first: another run may have the old ones mapped.
cp "$lib" "$tmp/libmemaix.so.0" &&
    as_user "${MX_CC:-cc}" -std=gnu11 -O2 -fPIC -shared \
	-o "$tmp/libaborts.so" "$here/suites/aborts.c" -ldl &&
    mv -f "$tmp/libmemaix.so.0" "$tmp/libaborts.so" "$work" || exit 99
lib=$work/libmemaix.so.0
passed=0 failed=0 skipped=0
# shellcheck disable=SC2086
[ $# -gt 0 ] || set -- $all
for suite; do
	if ! command -v "run_$suite" >/dev/null; then
		echo "suites.sh: no suite $suite" >&2
		exit 99
	fi
	(one)
	case $? in
	0) passed=$((passed + 1)) ;;
	77) skipped=$((skipped + 1)) ;;
	*) failed=$((failed + 1)) ;;
	esac
done
echo "suites.sh: $passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ] || exit 1
[ $passed -gt 0 ] || exit 77
