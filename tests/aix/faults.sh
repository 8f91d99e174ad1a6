# faults.sh - faults that the rig must see, for rig.sh to read in.
#
# Each is a change to a copy of the sources; a test that passes without it must fail
# with it, and say what goes with it.  A change that changes nothing is an error.
#
# SPDX-License-Identifier: MIT
# shellcheck shell=sh

# seed NAME FILE SED [FLAG...]: a library with that fault in work/fault-NAME.
seed()
{
	: "${work:?}"
	case "fault $1" in
	*"$only"*) ;;
	*)	return 1 ;;
	esac
	seed_name=$1
	seed_file=$2
	seed_change=$3
	shift 3
	rm -rf "$work/src-$seed_name"
	cp -r "$top_srcdir/src" "$work/src-$seed_name" || exit 99
	aix_src=$work/src-$seed_name
	if [ -n "$seed_file" ]; then
		sed "$seed_change" "$top_srcdir/src/$seed_file" \
		    >"$aix_src/$seed_file"
		! cmp -s "$top_srcdir/src/$seed_file" "$aix_src/$seed_file" ||
			die "FAIL fault $seed_name changes nothing"
	fi
	library "fault-$seed_name" -Wno-error "$@" >"$work/log" 2>&1 ||
		die "FAIL fault $seed_name does not build"
	aix_src=$top_srcdir/src
}

# try NAME INSTALL LIBRARY KERNEL PROGRAM ARGUMENTS WORDS: with the fault, and with the
# library that it is a copy of.
try()
{
	label="fault $1"
	run "$2" "fault-$1" "$4" 4096 "$5" "$6" "fails='$7'"
	label="without fault $1"
	run "$2" "$3" "$4" 4096 "$5" "$6"
}

# Nothing says more where memory is used that is not there.
crash='uncaught target signal 11'

list_faults()
{
	# One cache for all threads.
	if seed tls '' '' -DMX_NATIVE_TLS -D__thread= '-Dtls_model(x)=unused'
	then
		try tls preload native '' stress_threads '4 16' \
		    "FAIL stress_threads|memaix: M0|$crash"
	fi
	# A key that is not ours.
	if seed key cache.h 's/(pthread_key_t)(key - 1)/(pthread_key_t)key/'
	then
		try key user lib '' aix_test user "$crash"
	fi
	# The kernel kept the pages, but they are taken for zero.
	if seed zero sys_aix.c \
	    's/return done ? MX_RELEASE_ZERO : MX_RELEASE_KEPT/(void)done; return MX_RELEASE_ZERO/'
	then
		try zero preload lib disclaim=fails aix_test kept \
		    'FAIL .*plain_zeros'
	fi
	# disclaim is believed without a look at the bytes.
	if seed believe sys_aix.c 's/(tells && is_resident(page, n))/false/
	    s/v\[0\] == 0 && v\[n - 1\] == 0;/true;/'
	then
		try believe preload lib disclaim=lies aix_test kept \
		    'FAIL .*plain_zeros'
	fi
	# Hooks around fork that do nothing.
	if seed fork override_aix.c \
	    's/^	mx_process_fork_prepare();/	return;/'
	then
		try fork user lib '' fork_test '150 6 1' "a child hung|$crash"
	fi
	# Reserved memory becomes usable by mapping over it.
	if seed over sys_aix.c \
	    's/return mprotect(v, n, PROT_READ | PROT_WRITE) == 0/return replace(v, n)/'
	then
		try over preload lib '' aix_test '' "$crash"
	fi
	# Pages said to be given back, and nothing done, as madvise does.
	if seed madvise sys_aix.c \
	    's/done = disclaim64(v, n, DISCLAIM_ZEROMEM) == 0/done = true/'
	then
		try madvise preload lib '' aix_test '' 'FAIL .*after'
	fi
	# Pages of 64 KiB given back by halves.
	if seed page sys_aix.c 's/facts.page = mx_min(page_at(mid), PAGE_64K)/facts.page = PAGE_4K/'
	then
		try page preload lib page=64k interface_test '' \
		    "memaix: M0|$crash"
	fi
	# libc's blocks are not handed on.
	if seed foreign override_aix.c 's/ = find_next;$/ = NULL;/'
	then
		try foreign preload lib '' aix_test '' 'memaix: M011'
	fi
	# A mutex of libpthreads before libpthreads is up.
	aix_more="pthread_mutex_lock pthread_mutex_unlock"
	if seed mutex lock.h \
	    's/^#include "base.h"/&\
#include <pthread.h>/
	    s/^	int expected = 0;/	static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER; (void)pthread_mutex_lock(\&m); (void)pthread_mutex_unlock(\&m); &/'
	then
		try mutex user lib '' aix_test user 'a mutex before libpthreads'
	fi
	aix_more=
	# Threads get caches too early.
	if seed early process.c 's/if (!mx_load(&started, ACQUIRE) ||/if (/'
	then
		try early user lib '' aix_test user \
		    'pthread_self before libpthreads'
	fi
	label=
	fault_pagemap
}

# A page map for addresses of 48 bits.
fault_pagemap()
{
	case "fault pagemap" in
	*"$only"*) ;;
	*)	return ;;
	esac
	rm -rf "$work/src-pagemap"
	cp -r "$top_srcdir/src" "$work/src-pagemap" || exit 99
	sed 's/^	uint64_t at = a - MX_ADDRESS_AIX_NEW;/	uint64_t at = a << 16 >> 16;/' \
	    "$top_srcdir/src/address.h" >"$work/src-pagemap/address.h"
	! cmp -s "$top_srcdir/src/address.h" "$work/src-pagemap/address.h" ||
		die "FAIL fault pagemap changes nothing"
	aix_src=$work/src-pagemap
	# shellcheck disable=SC2086
	aix_compile "$top_srcdir/tests/check_address.c" "$work/fault.o" \
	    $test_flags -DMX_NATIVE_TLS || die "FAIL fault pagemap does not build"
	aix_src=$top_srcdir/src
	# shellcheck disable=SC2086
	link_program "$work/fault-pagemap" libc.imp "$work/fault.o" $core ||
		die "FAIL fault pagemap does not link"
	job "check_address, fault pagemap" "words='$work/fault-pagemap'" \
	    "fails='FAIL address test_o'"
}
