# tests/local.mk - what `make check' builds and runs.
#
# To add a unit test for src/foo.c: write tests/check_foo.c and put its name on
# unit_tests.  To add a script: put it on script_tests.  Exit codes: 0 passed,
# 77 skipped, 99 could not be set up, anything else failed.
#
# SPDX-License-Identifier: MIT

# Scripts and programs find these in their environment.
AM_TESTS_ENVIRONMENT = \
	top_srcdir='$(abs_top_srcdir)'; export top_srcdir; \
	top_builddir='$(abs_top_builddir)'; export top_builddir; \
	LIBMEMAIX='$(abs_top_builddir)/.libs/libmemaix.so.0'; \
	export LIBMEMAIX; \
	MEMAIX='$(abs_top_builddir)/memaix'; export MEMAIX; \
	MX_CC='$(CC)'; export MX_CC; \
	MX_CXX='$(MX_CXX)'; export MX_CXX; \
	MX_CFLAGS='$(CPPFLAGS) $(CFLAGS)'; export MX_CFLAGS; \
	MX_DEBUG='$(MX_DEBUG)'; export MX_DEBUG; \
	MX_BITS='$(MX_BITS)'; export MX_BITS; \
	MX_CROSS='$(MX_CROSS)'; export MX_CROSS; \
	MX_CPU='$(host_cpu)'; export MX_CPU; \
	MX_VERSION='$(PACKAGE_VERSION)'; export MX_VERSION; \
	MX_CHECK_CFLAGS='$(CHECK_CFLAGS)'; export MX_CHECK_CFLAGS; \
	MX_CHECK_LIBS='$(CHECK_LIBS)'; export MX_CHECK_LIBS; \
	AWK='$(AWK)'; export AWK; \
	NM='$(NM)'; export NM; \
	OBJDUMP='$(OBJDUMP)'; export OBJDUMP;

# EMULATOR, on make's command line, runs the programs of a cross build.
LOG_COMPILER = $(EMULATOR)
TEST_EXTENSIONS = .sh
SH_LOG_COMPILER = $(SHELL)

###############################################################################
# Scripts
###############################################################################

# The longest comes first, for `make -j check'.
script_tests = \
	%D%/emulated.sh \
	%D%/layers.sh \
	%D%/class_table.sh \
	%D%/version.sh \
	%D%/quickstart.sh \
	%D%/symbols.sh \
	%D%/fastpath.sh \
	%D%/cmd.sh \
	%D%/linked.sh \
	%D%/survive.sh \
	%D%/stress.sh \
	%D%/model.sh \
	%D%/inject.sh \
	%D%/syscalls.sh \
	%D%/stats.sh \
	%D%/misuse.sh \
	%D%/fault.sh \
	%D%/guard.sh \
	%D%/background.sh \
	%D%/oom.sh \
	%D%/fuzz.sh \
	%D%/aix-objects.sh \
	%D%/sanitize.sh \
	%D%/preload.sh

TESTS += $(script_tests)
EXTRA_DIST += $(script_tests) %D%/fastpath.x86_64.golden

###############################################################################
# Unit tests: one per module, the core on a fake system
###############################################################################

unit_tests = \
	%D%/check_fake_os \
	%D%/check_fake_refuse \
	%D%/check_lock \
	%D%/check_out \
	%D%/check_panic \
	%D%/check_conf \
	%D%/check_sys \
	%D%/check_class \
	%D%/check_spare \
	%D%/check_oom \
	%D%/check_misuse \
	%D%/check_meta \
	%D%/check_span \
	%D%/check_address \
	%D%/check_pagemap \
	%D%/check_arena \
	%D%/check_runs \
	%D%/check_heap \
	%D%/check_heap_bound \
	%D%/check_heap_random \
	%D%/check_mixed \
	%D%/check_central \
	%D%/check_cache \
	%D%/check_cache_remote \
	%D%/check_cache_random \
	%D%/check_cache_threads \
	%D%/check_secure \
	%D%/check_fault \
	%D%/check_guard \
	%D%/check_process \
	%D%/check_api \
	%D%/check_api_align \
	%D%/check_api_random \
	%D%/check_stats \
	%D%/check_root

# What all of them may include.
noinst_HEADERS = \
	%D%/check_fake.h \
	%D%/check_core.h %D%/check_pages.h %D%/check_caches.h %D%/pattern.h \
	%D%/check_text.h \
	%D%/property.h

# The usage report reads the real /proc, so it is under the fake system too.
check_LTLIBRARIES += libfake.la
libfake_la_SOURCES = \
	%D%/fake_os.h %D%/fake_os.c \
	%D%/fake_pages.h %D%/fake_pages.c
if !OS_AIX
libfake_la_SOURCES += src/usage_linux.c
unit_tests += %D%/check_usage
endif

# Every program without an LDADD of its own is a unit test.
LDADD = libcore.la libfake.la $(CHECK_LIBS)

if HAVE_CHECK
check_PROGRAMS += $(unit_tests)
TESTS += $(unit_tests)
endif

###############################################################################
# Programs that know nothing of memaix.  tests/linked.sh preloads it into them,
# and links them with it in each way.
###############################################################################

plain_programs = \
	%D%/interface_test \
	%D%/stress_threads \
	%D%/fork_test \
	%D%/thread_churn \
	%D%/grow_free
check_PROGRAMS += $(plain_programs) %D%/misuse %D%/fault %D%/guard \
	%D%/background

%C%_interface_test_SOURCES = \
	%D%/interface_test.c %D%/interface_align.c %D%/interface_report.c \
	%D%/interface_random.c %D%/interface.h %D%/plain.h
%C%_stress_threads_SOURCES = %D%/stress_threads.c %D%/plain.h
%C%_fork_test_SOURCES = %D%/fork_test.c %D%/plain.h
%C%_thread_churn_SOURCES = %D%/thread_churn.c %D%/plain.h
%C%_grow_free_SOURCES = %D%/grow_free.c %D%/plain.h
%C%_misuse_SOURCES = %D%/misuse.c %D%/plain.h
%C%_misuse_LDADD =
%C%_fault_SOURCES = %D%/fault.c %D%/plain.h
%C%_fault_LDADD =
%C%_background_SOURCES = %D%/background.c
%C%_background_LDADD =
%C%_guard_SOURCES = %D%/guard.c %D%/plain.h
%C%_guard_LDFLAGS = -export-dynamic
%C%_guard_LDADD =
%C%_interface_test_LDADD =
%C%_stress_threads_LDADD =
%C%_fork_test_LDADD =
%C%_thread_churn_LDADD =
%C%_grow_free_LDADD =

# The programs of tests/survive.sh.
survive_programs = \
	%D%/survive/forks \
	%D%/survive/ends \
	%D%/survive/loads \
	%D%/survive/limits \
	%D%/survive/stack
if !OS_AIX
check_PROGRAMS += $(survive_programs)
endif

%C%_survive_forks_SOURCES = %D%/survive/forks.c %D%/survive/survive.h
%C%_survive_ends_SOURCES = %D%/survive/ends.c %D%/survive/survive.h
%C%_survive_loads_SOURCES = %D%/survive/loads.c %D%/survive/survive.h
%C%_survive_limits_SOURCES = %D%/survive/limits.c %D%/survive/survive.h
%C%_survive_stack_SOURCES = %D%/survive/stack.c %D%/survive/survive.h
%C%_survive_forks_LDADD =
%C%_survive_ends_LDADD =
%C%_survive_loads_LDADD = -ldl
%C%_survive_limits_LDADD =
%C%_survive_stack_LDADD =

# The programs of tests/fuzz.sh: the core, and either kernel.
if !OS_AIX
check_PROGRAMS += %D%/fuzz_fake %D%/fuzz_real
endif
%C%_fuzz_fake_SOURCES = \
	%D%/fuzz/fuzz_main.c %D%/fuzz/fuzz_os.h %D%/fuzz/fuzz_fake.c
%C%_fuzz_fake_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)/%D%
%C%_fuzz_fake_LDADD = libcore.la libfake.la
%C%_fuzz_real_SOURCES = \
	%D%/fuzz/fuzz_main.c %D%/fuzz/fuzz_os.h %D%/fuzz/fuzz_real.c \
	src/sys_linux.c src/signal_linux.c src/trace_linux.c src/usage_linux.c
%C%_fuzz_real_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)/%D%
%C%_fuzz_real_LDADD = libcore.la -ldl

EXTRA_DIST += \
	%D%/fuzz/corpus \
	%D%/cxx_load.c %D%/cxx_test.cc \
	%D%/inject/calls.c %D%/inject/filter.c \
	%D%/inject/proc.c %D%/inject/refuse.c \
	%D%/inject/work.c %D%/inject/work.py \
	%D%/survive/early.c %D%/survive/own.c %D%/survive/plugin.c %D%/survive/slow.c \
	%D%/aix/imports.allow \
	%D%/aix/build.sh %D%/aix/ld.sh %D%/aix/rig.sh %D%/aix/faults.sh \
	%D%/aix/doctor.sh %D%/aix/prove_rig.sh %D%/aix/prove.sh \
	%D%/aix/configured.sh %D%/aix/tools.sh \
	%D%/aix/prove_probe.c %D%/aix/prove_user.c \
	%D%/aix/prove_user_main.c \
	%D%/aix/aix_test.c %D%/aix/fake_errno.h \
	%D%/aix/xcoff.h %D%/aix/xload.h \
	%D%/aix/xfile.c %D%/aix/xload.c %D%/aix/xmain.c \
	%D%/aix/shim_check.c %D%/aix/shim_libc.c %D%/aix/shim_malloc.c \
	%D%/aix/shim_mem.c %D%/aix/shim_pthread.c \
	%D%/aix/include/aixdecl.h \
	%D%/aix/include/dlfcn.h \
	%D%/aix/include/errno.h \
	%D%/aix/include/fcntl.h \
	%D%/aix/include/malloc.h \
	%D%/aix/include/procinfo.h \
	%D%/aix/include/pthread.h \
	%D%/aix/include/sched.h \
	%D%/aix/include/stdlib.h \
	%D%/aix/include/string.h \
	%D%/aix/include/sys/mman.h \
	%D%/aix/include/sys/resource.h \
	%D%/aix/include/sys/shm.h \
	%D%/aix/include/sys/time.h \
	%D%/aix/include/sys/vminfo.h \
	%D%/runner/check.h %D%/runner/mincore.h %D%/runner/runner.c \
	%D%/aix/include/test/ctype.h \
	%D%/aix/include/test/errno.h \
	%D%/aix/include/test/fcntl.h \
	%D%/aix/include/test/glob.h \
	%D%/aix/include/test/malloc.h \
	%D%/aix/include/test/pthread.h \
	%D%/aix/include/test/sched.h \
	%D%/aix/include/test/signal.h \
	%D%/aix/include/test/stdio.h \
	%D%/aix/include/test/stdlib.h \
	%D%/aix/include/test/string.h \
	%D%/aix/include/test/sys/mman.h \
	%D%/aix/include/test/sys/resource.h \
	%D%/aix/include/test/sys/shm.h \
	%D%/aix/include/test/sys/stat.h \
	%D%/aix/include/test/sys/time.h \
	%D%/aix/include/test/sys/wait.h \
	%D%/aix/include/test/time.h \
	%D%/aix/include/test/unistd.h \
	%D%/aix/include/testdecl.h \
	%D%/aix/include/time.h \
	%D%/aix/include/unistd.h \
	%D%/preload/bash.bash %D%/preload/debug.c %D%/preload/git.sh \
	%D%/preload/limit.py %D%/preload/many.mk %D%/preload/node.js \
	%D%/preload/perl.pl %D%/preload/programs.sh %D%/preload/python.py \
	%D%/preload/redis_digest.lua %D%/preload/redis_fill.lua \
	%D%/preload/sqlite.sql %D%/preload/templates.cc

###############################################################################
# The test suites of real programs: long, and fetched with apt-get.
#
#   make suites                 all that tests/suites.sh knows
#   make suites SUITES=git      one of them
###############################################################################

EXTRA_DIST += %D%/model/inbox.pml %D%/suites.sh %D%/suites/aborts.c %D%/suites/programs.sh

# Hours of it: make stress STRESS_SECONDS=36000
.PHONY: stress
stress: $(check_PROGRAMS) libmemaix.la
	@$(AM_TESTS_ENVIRONMENT) STRESS_SECONDS=$${STRESS_SECONDS:-3600} \
	$(SHELL) $(srcdir)/%D%/stress.sh

.PHONY: suites
suites: libmemaix.la
	@$(AM_TESTS_ENVIRONMENT) $(SHELL) $(srcdir)/%D%/suites.sh $(SUITES)
