# configured.sh - the build that a user of AIX makes, by configure, libtool and make,
# for rig.sh to read in: what comes out has the same members and names as what the
# rig linked, and the command is compiled.
#
# SPDX-License-Identifier: MIT
# shellcheck shell=sh

: "${top_srcdir:?}" "${work:?}" "${rig:?}" "${ld:?}" "${aix_ar:?}" "${aix_nm:?}" \
    "${aix_readobj:?}"

# The import files of tools.sh.
configured_imports()
{
	AIX_IMPORTS=$work/configured/imports
	AIX_LD=$ld
	export AIX_IMPORTS AIX_LD
	mkdir -p "$AIX_IMPORTS" &&
	cp "$work/lib/libc.imp" "$work/lib/libpthreads.imp" "$AIX_IMPORTS/" &&
	{ cat "$work/libc.imp" &&
	  sed -n 's/^command //p' "$rig/imports.allow" &&
	  cat "$work/rig.imp"; } >"$AIX_IMPORTS/program.imp"
}

# Without AIX's own ld, libtool would make no shared library: to it, this one is.
configured_build()
{
	tools="sh $rig/tools.sh"
	"$top_srcdir/configure" --build="$(uname -m)-pc-linux-gnu" \
	    --host=powerpc64-ibm-aix7.2.0.0 --enable-werror \
	    CC="$tools cc" AR="$tools ar" LD="$tools ld" RANLIB=: STRIP=: \
	    NM="$aix_nm -X64 -B" PKG_CONFIG=false lt_cv_prog_gnu_ld=no &&
	make -j"$(nproc 2>/dev/null || echo 2)" libmemaix.la libmemaix_user.a \
	    memaix
}

# members ARCHIVE MEMBER: that one and no other.
members()
{
	[ "$("$aix_ar" t "$1")" = "$2" ] || {
		echo "$1:"
		"$aix_ar" t "$1"
		return 1
	}
}

# The folder as programs find it, and each module as check_loader looks for it.
configured_products()
{
	built=$work/configured/build/.libs
	[ ! -e "$built/libmemaix_user.la" ] &&
	cmp "$built/libmemaix_user.a" "$built/../libmemaix_user.a" &&
	members "$built/libmemaix.a" libmemaix.so.0 &&
	members "$built/libmemaix_user.a" mem64.o &&
	cp "$built/libmemaix.so.0" "$work/configured/libmemaix.so.0.so" &&
	(cd "$work/configured" && "$aix_ar" x "$built/libmemaix_user.a" &&
	    mv mem64.o mem64.o.so) &&
	check_loader libmemaix.so.0 libmemaix_aix.sym init configured &&
	check_loader mem64.o libmemaix_user.sym none configured &&
	"$aix_readobj" --file-headers "$built/../memaix" |
	    grep -q 'Format: aix5coff64-rs6000'
}

check_configured()
{
	(
	rm -rf "$work/configured"
	mkdir -p "$work/configured/build"
	[ -x "$top_srcdir/configure" ] || (cd "$top_srcdir" && ./autogen.sh)
	configured_imports && cd "$work/configured/build" &&
	configured_build && configured_products
	)
}

# What came out runs, by the names that a user gives.
list_configured()
{
	label=configured
	run user configured/build/.libs '' 4096 aix_test user
	run user configured/build/.libs '' 4096 stress_threads 2
	member=libmemaix.so.0
	run preload configured/build/.libs '' 4096 aix_test ''
	run preload configured/build/.libs '' 4096 fork_test '6 3 1'
	member=
	label=
}
