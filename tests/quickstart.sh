#!/bin/sh
# quickstart.sh - what quickstart installs and says, on a machine that is made up.
#
# Its PATH has few programs, an apt-get that notes what it is asked for, and an
# autogen.sh whose configure makes a `memaix' that only runs its program.
#
# SPDX-License-Identifier: MIT

: "${top_srcdir:?}"
tmp=$(mktemp -d "${TMPDIR:-/tmp}/quickstart.XXXXXX") || exit 99
trap 'rm -rf "$tmp"' EXIT
if [ "$(id -u)" != 0 ]; then
	echo "skipped: quickstart asks sudo when it is not root"
	exit 77
fi
for tool in gcc make autoconf automake libtoolize pkg-config; do
	if ! command -v "$tool" >/dev/null || [ ! -f /usr/include/stdlib.h ]; then
		echo "skipped: no $tool, or no headers"
		exit 77
	fi
done
failed=0

fail()
{
	echo "FAIL $*"
	sed 's/^/    /' "$tmp/out"
	failed=$((failed + 1))
}

# machine NAME: the folder, with a PATH in it that has no python3
machine()
{
	at=$tmp/$1
	mkdir -p "$at/bin" "$at/clone"
	for tool in sh env cat sed tail mkdir rm readlink dirname id flock touch ln \
	    nproc chmod gcc make autoconf automake libtoolize pkg-config; do
		path=$(command -v "$tool") && ln -s "$path" "$at/bin/$tool"
	done
	ln -s /bin/echo "$at/bin/echo"
	cp "$top_srcdir/quickstart" "$at/clone/"
	cat >"$at/clone/autogen.sh" <<'END'
#!/bin/sh
mkdir -p build-aux
touch Makefile.in build-aux/ltmain.sh
cat >configure <<'CONFIGURE'
#!/bin/sh
printf 'all:\n' >Makefile
printf '#!/bin/sh\nshift 2\nexec "$@"\n' >memaix
chmod +x memaix
CONFIGURE
chmod +x configure
END
	chmod +x "$at/clone/autogen.sh"
}

# has_apt COMMAND: apt-get, which does COMMAND for an `install python3'
has_apt()
{
	printf '#!/bin/sh\necho "$*" >>%s/asked\ncase $* in *install*python3*)
	    %s ;; esac\n' "$at" "$1" >"$at/bin/apt-get"
	chmod +x "$at/bin/apt-get"
}

# quickstart STATUS ARGUMENT...: what it prints goes to $tmp/out
quickstart()
{
	status=$1
	shift
	PATH=$at/bin "$at/clone/quickstart" "$@" >"$tmp/out" 2>&1
	rc=$?
	[ $rc = "$status" ] || fail "quickstart $*: status $rc"
}

# 1. The first command on a machine without python3, and the second.
machine bare
has_apt "ln -s /bin/echo $at/bin/python3"
quickstart 0 run python3 it-ran
grep -qx it-ran "$tmp/out" || fail "python3 did not run"
rm -f "$at/asked"
quickstart 0 run python3 again
grep -qx again "$tmp/out" || fail "python3 did not run again"
[ ! -f "$at/asked" ] || fail "asked apt-get twice"

# 2. python3 cannot be had: other programs run, and the second time in silence.
for case in refused none; do
	machine $case
	[ $case = none ] || has_apt 'exit 100'
	quickstart 0 run echo it-ran
	grep -qx it-ran "$tmp/out" || fail "$case: echo did not run"
	grep -q python3 "$tmp/out" || fail "$case: nothing said of python3"
	rm -f "$at/asked"
	quickstart 0 run echo again
	[ "$(cat "$tmp/out")" = again ] || fail "$case: not in silence"
	[ ! -f "$at/asked" ] || fail "$case: asked apt-get twice"
done
[ $failed = 0 ] && echo "3 machines"
[ $failed = 0 ]
