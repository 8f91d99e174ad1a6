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

script_tests = \
	%D%/layers.sh \
	%D%/class_table.sh \
	%D%/version.sh \
	%D%/symbols.sh \
	%D%/fastpath.sh \
	%D%/cmd.sh

TESTS += $(script_tests)
EXTRA_DIST += $(script_tests) %D%/fastpath.x86_64.golden

###############################################################################
# Unit tests: one per module, the core on a fake system
###############################################################################

unit_tests =

check_LTLIBRARIES += libfake.la
libfake_la_SOURCES = \
	%D%/fake_os.h %D%/fake_os.c \
	%D%/fake_pages.h %D%/fake_pages.c

# Every program without an LDADD of its own is a unit test.
LDADD = libcore.la libfake.la $(CHECK_LIBS)

if HAVE_CHECK
check_PROGRAMS += $(unit_tests)
TESTS += $(unit_tests)
endif
