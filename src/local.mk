# src/local.mk - the library and the command.
#
# SPDX-License-Identifier: MIT

###############################################################################
# libcore: all logic, no public name and no system call.  Unit tests link it
# with tests/fake_os.c.
###############################################################################

noinst_LTLIBRARIES += libcore.la

libcore_la_SOURCES = \
	%D%/base.h \
	%D%/address.h \
	%D%/lock.h %D%/lock.c \
	%D%/panic.h %D%/panic.c \
	%D%/out.h %D%/out.c \
	%D%/sys_os.h \
	%D%/conf.h %D%/conf.c \
	%D%/sys.h %D%/sys.c \
	%D%/class.h %D%/class.c %D%/class_table.h \
	%D%/meta.h %D%/meta.c \
	%D%/secure.h %D%/secure.c \
	%D%/fault.h %D%/fault.c \
	%D%/oom.h %D%/oom.c \
	%D%/spare.h %D%/spare.c \
	%D%/span.h %D%/span.c \
	%D%/guard.h %D%/guard.c \
	%D%/messages.h %D%/misuse.h %D%/misuse.c \
	%D%/pagemap.h %D%/pagemap.c \
	%D%/arena.h %D%/arena.c \
	%D%/runs.h %D%/runs.c \
	%D%/heap.h %D%/heap.c \
	%D%/mixed.h %D%/mixed.c \
	%D%/central.h %D%/central.c \
	%D%/cache.h %D%/cache.c \
	%D%/process.h %D%/process.c \
	%D%/stats.h %D%/stats.c \
	%D%/root.h %D%/root.c \
	%D%/api.h %D%/api.c \
	%D%/usage.h
libcore_la_CPPFLAGS = $(MX_CPPFLAGS) -I$(top_srcdir)/include
libcore_la_CFLAGS = $(AM_CFLAGS) $(MX_LIB_CFLAGS)

###############################################################################
# libmemaix: libcore + a back end + the names the system calls us by
###############################################################################

lib_LTLIBRARIES += libmemaix.la

#            current : revision : age
#                  |         |    |
#   interfaces added, removed or changed: +1 : 0 : +1 if only added, else 0
#                            |
#   code changed:            +1
MX_VERSION_INFO = 0:0:0

libmemaix_la_CPPFLAGS = $(libcore_la_CPPFLAGS)
libmemaix_la_CFLAGS = $(libcore_la_CFLAGS) $(MX_UNWIND_CFLAGS)
libmemaix_la_LIBADD = libcore.la
libmemaix_la_LDFLAGS = $(MX_LIB_LDFLAGS) -no-undefined \
	-version-info $(MX_VERSION_INFO) \
	-export-symbols $(top_srcdir)/$(mx_symbols)
EXTRA_libmemaix_la_DEPENDENCIES = $(mx_symbols)

# Both lists are always in the tarball.
EXTRA_DIST += %D%/libmemaix.sym %D%/libmemaix_aix.sym %D%/libmemaix_user.sym \
	 %D%/mkclass.awk

if OS_AIX
mx_symbols = %D%/libmemaix_aix.sym
libmemaix_la_SOURCES = %D%/extras.c \
	%D%/sys_aix.c %D%/usage_aix.c %D%/signal_aix.c %D%/trace_aix.c \
	%D%/override_aix.c
else
mx_symbols = %D%/libmemaix.sym
libmemaix_la_SOURCES = %D%/extras.c \
	%D%/sys_linux.c %D%/usage_linux.c %D%/signal_linux.c \
	%D%/trace_linux.c \
	%D%/override_elf.c %D%/override_cxx.c
endif

# AIX runs these two for the library that is preloaded or linked.
if OS_AIX
libmemaix_la_LDFLAGS += -Wl,-binitfini:mx_override_start:mx_override_end
endif

# MALLOCTYPE=user:libmemaix_user.a wants an archive whose member mem64.o (or
# mem32.o) is a shared object in spite of its name: the same code, with the names
# by which libc calls a replacement, and without start and end.  A build makes the
# member of its own width; to have both, add the other build's to the archive.  The
# copy is for `memaix run' of the build tree, which looks beside the library there;
# libtool's own archive, whose member has another name, must not be found instead.
if USER_ARCHIVE
noinst_LTLIBRARIES += libmemaix_mem.la
libmemaix_mem_la_SOURCES = $(libmemaix_la_SOURCES)
libmemaix_mem_la_CPPFLAGS = $(libmemaix_la_CPPFLAGS)
libmemaix_mem_la_CFLAGS = $(libmemaix_la_CFLAGS)
libmemaix_mem_la_LIBADD = libcore.la
libmemaix_mem_la_LDFLAGS = -no-undefined -avoid-version -rpath $(libdir) \
	-export-symbols $(top_srcdir)/%D%/libmemaix_user.sym

libarchive_DATA += libmemaix_user.a
CLEANFILES += libmemaix_user.a mem$(MX_BITS).o
libmemaix_user.a: libmemaix_mem.la
	$(AM_V_GEN)rm -rf user.tmp $@ && mkdir user.tmp && \
	(cd user.tmp && $(AR) -X32_64 -x ../.libs/libmemaix_mem.a) && \
	mv user.tmp/* mem$(MX_BITS).o && rmdir user.tmp && \
	$(AR) -X32_64 -r $@ mem$(MX_BITS).o && cp $@ .libs
endif

###############################################################################
# The size classes.  The table is committed; run this after a change to the
# script.  tests/class_table.sh sees that it was run.
###############################################################################

.PHONY: class-table
class-table:
	$(AM_V_GEN)$(AWK) -f $(srcdir)/%D%/mkclass.awk >class_table.tmp && \
	mv class_table.tmp $(srcdir)/%D%/class_table.h

###############################################################################
# memaix: the command
###############################################################################

bin_PROGRAMS += memaix

memaix_SOURCES = \
	%D%/memaix_cmd.c \
	%D%/cmd.h %D%/cmd.c \
	%D%/cmd_os.h \
	%D%/cmd_find.h %D%/cmd_find.c \
	%D%/cmd_preload.h %D%/cmd_preload.c \
	%D%/cmd_verbs.h \
	%D%/cmd_run.c \
	%D%/cmd_options.c \
	%D%/cmd_doctor.c \
	%D%/cmd_xcoff.h %D%/cmd_xcoff.c \
	%D%/messages.h %D%/cmd_explain.c \
	%D%/usage.h %D%/cmd_stat.c
if OS_AIX
memaix_SOURCES += %D%/cmd_aix.c %D%/usage_aix.c
else
memaix_SOURCES += %D%/cmd_elf.h %D%/cmd_elf.c %D%/cmd_linux.c %D%/usage_linux.c
endif
memaix_LDADD =
memaix_CPPFLAGS = $(MX_CPPFLAGS) -I$(top_srcdir)/include \
	-DMX_LIBDIR='"$(libdir)"'
