# bench/local.mk - make bench: memaix beside other allocators.
#
# Plain `make' and `make check' build and run nothing of this.  The programs are
# never linked with memaix: run.py preloads one allocator after the other.
#
#   make bench                          all, 5 rounds, 12 minutes an allocator
#   make bench-quick                    less of it, 3 rounds, under 3 minutes
#   make bench-secure                   secure:true beside hardened allocators
#   make bench BENCH=pairs,larson ROUNDS=9 ALLOCS=memaix,jemalloc
#   make bench LIBS="sn=/path/libsn.so" one allocator more
#   make bench MORE=/path/list          more programs
#   make bench-list                     the names for BENCH
#   make bench-commit                   keep the results of `make bench'
#
# Results go to bench-results/ in the build folder.  `make clean' keeps them.
#
# To add a program: write bench/foo.c, put it on bench_programs, give it a
# _SOURCES and an empty _LDADD line, and put it on the list in suite.py.
#
# SPDX-License-Identifier: MIT

bench_programs = \
	%D%/align \
	%D%/batch \
	%D%/churn \
	%D%/compile \
	%D%/density \
	%D%/exchange \
	%D%/ladder \
	%D%/large \
	%D%/larson \
	%D%/latency \
	%D%/lru \
	%D%/pairs \
	%D%/phases \
	%D%/replace \
	%D%/ring \
	%D%/scale \
	%D%/shrink \
	%D%/spawn \
	%D%/stress \
	%D%/trees \
	%D%/vector \
	%D%/zero
EXTRA_PROGRAMS += $(bench_programs)
CLEANFILES += $(bench_programs)

bench_common = %D%/bench.h %D%/bench.c %D%/sample.h %D%/sample.c

%C%_align_SOURCES = %D%/align.c $(bench_common)
%C%_batch_SOURCES = %D%/batch.c $(bench_common)
%C%_churn_SOURCES = %D%/churn.c $(bench_common)
%C%_compile_SOURCES = %D%/compile.c $(bench_common)
%C%_density_SOURCES = %D%/density.c $(bench_common)
%C%_exchange_SOURCES = %D%/exchange.c $(bench_common)
%C%_ladder_SOURCES = %D%/ladder.c $(bench_common)
%C%_large_SOURCES = %D%/large.c $(bench_common)
%C%_larson_SOURCES = %D%/larson.c $(bench_common)
%C%_latency_SOURCES = %D%/latency.c %D%/ticks.h %D%/ticks.c $(bench_common)
%C%_lru_SOURCES = %D%/lru.c $(bench_common)
%C%_pairs_SOURCES = %D%/pairs.c $(bench_common)
%C%_phases_SOURCES = %D%/phases.c $(bench_common)
%C%_replace_SOURCES = %D%/replace.c $(bench_common)
%C%_ring_SOURCES = %D%/ring.c $(bench_common)
%C%_scale_SOURCES = %D%/scale.c $(bench_common)
%C%_shrink_SOURCES = %D%/shrink.c $(bench_common)
%C%_spawn_SOURCES = %D%/spawn.c
%C%_stress_SOURCES = %D%/stress.c $(bench_common)
%C%_trees_SOURCES = %D%/trees.c $(bench_common)
%C%_vector_SOURCES = %D%/vector.c $(bench_common)
%C%_zero_SOURCES = %D%/zero.c $(bench_common)

%C%_align_LDADD =
%C%_batch_LDADD =
%C%_churn_LDADD =
%C%_compile_LDADD =
%C%_density_LDADD = -lm
%C%_exchange_LDADD =
%C%_ladder_LDADD =
%C%_large_LDADD =
%C%_larson_LDADD =
%C%_latency_LDADD =
%C%_lru_LDADD =
%C%_pairs_LDADD =
%C%_phases_LDADD =
%C%_replace_LDADD =
%C%_ring_LDADD =
%C%_scale_LDADD =
%C%_shrink_LDADD =
%C%_spawn_LDADD =
%C%_stress_LDADD =
%C%_trees_LDADD =
%C%_vector_LDADD =
%C%_zero_LDADD =

EXTRA_DIST += \
	%D%/README.md \
	%D%/allocators.py \
	%D%/goals.py \
	%D%/plot.py \
	%D%/programs.py \
	%D%/report.py \
	%D%/run.py \
	%D%/runner.py \
	%D%/suite.py \
	%D%/inputs/group.jq \
	%D%/inputs/objects.lua \
	%D%/inputs/objects.pl \
	%D%/inputs/objects.py \
	%D%/inputs/objects.rb \
	%D%/inputs/tables.sql \
	%D%/results

PYTHON3 = python3

bench_run = \
	commit=`git -C $(srcdir) describe --always --dirty 2>/dev/null` ; \
	$(PYTHON3) $(srcdir)/%D%/run.py --bin %D% \
	--memaix .libs/libmemaix.so.0 --commit "$${commit:-$(PACKAGE_VERSION)}" \
	--rounds='$(ROUNDS)' --bench='$(BENCH)' --allocs='$(ALLOCS)' \
	--libs='$(LIBS)' --more='$(MORE)'

.PHONY: bench bench-quick bench-secure bench-build bench-list bench-commit
bench: bench-build
	@$(bench_run)

bench-quick: bench-build
	@$(bench_run) --quick

# Hardened allocators that are not installed: LIBS="hardened=/path/lib.so ...".
bench-secure: bench-build
	@$(bench_run) --quick --allocs='memaix,jemalloc,memaix-secure,scudo?,hardened?,mimalloc-secure?'

# LIBS is also what programs are linked with.  So they are built by a make of
# their own that has the configured LIBS back, and run.py passes over words
# that start with a dash.
bench-build:
	@$(MAKE) $(AM_MAKEFLAGS) LIBS='@LIBS@' libmemaix.la $(bench_programs)

bench-list:
	@$(PYTHON3) $(srcdir)/%D%/run.py --list

# What an older bench made and this one does not must not stay behind.
bench_kept = full.csv full.md full-memory.csv full-density.csv \
	full-time.svg full-rss.svg full-memory.svg full-density.svg \
	full-latency.svg full-scale.svg
bench-commit:
	for f in $(bench_kept); do \
	  test -f bench-results/$$f || { echo "no bench-results/$$f"; exit 1; }; \
	done
	rm -f $(srcdir)/%D%/results/full*
	for f in $(bench_kept); do \
	  cp bench-results/$$f $(srcdir)/%D%/results/ || exit 1; \
	done
