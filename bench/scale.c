/* scale.c - what one operation costs as the heap grows and as threads join.
 *
 *   1e3 ... 1e7   so many live blocks of 16..63 bytes; random ones are
 *                 replaced.  Filling is not counted.  Extra result: walk_ns,
 *                 the time to write to as many random blocks without replacing
 *                 them
 *   threads       a fixed amount of work, divided among THREADS: blocks of
 *                 16..1024 bytes in 100,000 slots, which are divided, too; one
 *                 in 16 is swapped against one that any thread left
 *
 * SPDX-License-Identifier: MIT  */

#include "bench.h"

#include <stdio.h>

enum { SMALLEST = 16, SLOTS = 100000, SHARED = 4096 };

static size_t turns;
static void *shared[SHARED];            /* any thread */

static void
heap(struct bench *b, size_t n)
{
	void **slot = bench_map(n * sizeof(*slot));
	uint64_t rng = bench_seed(n), start;

	for (size_t i = 0; i < n; i++)
		slot[i] = bench_malloc(bench_size(&rng, 4, 6));
	bench_start(b);
	for (size_t i = 0; i < turns; i++) {
		size_t k = bench_below(&rng, n);

		bench_free(slot[k]);
		slot[k] = bench_malloc(bench_size(&rng, 4, 6));
	}
	start = bench_cpu_ns();
	for (size_t i = 0; i < turns; i++)
		bench_touch(slot[bench_below(&rng, n)], SMALLEST);
	b->extra_ns = bench_cpu_ns() - start;
	snprintf(b->extra, sizeof(b->extra), " walk_ns=%llu",
	    (unsigned long long)b->extra_ns);
}

static void
trade(uint64_t *rng, void **mine)
{
	*mine = __atomic_exchange_n(&shared[bench_below(rng, SHARED)], *mine,
	    __ATOMIC_ACQ_REL);
}

static void
replace(void *arg, unsigned id)
{
	const struct bench *b = arg;
	size_t slots = SLOTS / b->threads;
	void **slot = bench_map(slots * sizeof(*slot));
	uint64_t rng = bench_seed(id);

	for (size_t i = 0; i < turns; i++) {
		void **mine = &slot[bench_below(&rng, slots)];

		bench_free(*mine);
		*mine = bench_malloc(bench_size(&rng, 4, 10));
		if (i % 16 == 0)
			trade(&rng, mine);
	}
	for (size_t i = 0; i < slots; i++)
		bench_free(slot[i]);
}

int
main(int argc, char **argv)
{
	struct bench b;
	double live;

	bench_open(&b, argc, argv, " 1e3 1e4 1e5 1e6 1e7 threads ");
	if (bench_is(&b, "threads")) {
		turns = bench_scale(&b, 10000000) / b.threads;
		bench_start(&b);
		bench_run(b.threads, replace, &b);
	} else {
		if (b.threads != 1)
			bench_die("one thread only");
		live = strtod(b.mode, NULL);
		turns = bench_scale(&b, live > 1e5 ? 5000000 : 20000000);
		heap(&b, (size_t)live);
	}
	bench_done(&b, (uint64_t)turns * b.threads);
	return 0;
}
