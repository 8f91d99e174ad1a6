/* pairs.c - malloc and free in the two plainest orders, small sizes.
 *
 *   single  one block, freed at once
 *   lifo    a batch of 64, freed last first
 *   fifo    a window of 1024 blocks, the oldest freed first
 *
 * Threads share nothing.  The amount of work is per thread.
 *
 * SPDX-License-Identifier: MIT  */

#include "bench.h"

enum { LO = 4, HI = 8, BATCH = 64, WINDOW = 1024 };

static size_t pairs;

static void
single(void *arg, unsigned id)
{
	uint64_t rng = bench_seed(id);

	(void)arg;
	for (size_t i = 0; i < pairs; i++)
		bench_free(bench_malloc(bench_size(&rng, LO, HI)));
}

static void
lifo(void *arg, unsigned id)
{
	uint64_t rng = bench_seed(id);
	void *block[BATCH];

	(void)arg;
	for (size_t i = 0; i < pairs; i += BATCH) {
		for (int k = 0; k < BATCH; k++)
			block[k] = bench_malloc(bench_size(&rng, LO, HI));
		for (int k = BATCH; k-- > 0;)
			bench_free(block[k]);
	}
}

static void
fifo(void *arg, unsigned id)
{
	uint64_t rng = bench_seed(id);
	void *window[WINDOW] = { NULL };

	(void)arg;
	for (size_t i = 0; i < pairs; i++) {
		void **slot = &window[i % WINDOW];

		bench_free(*slot);
		*slot = bench_malloc(bench_size(&rng, LO, HI));
	}
	for (int k = 0; k < WINDOW; k++)
		bench_free(window[k]);
}

int
main(int argc, char **argv)
{
	struct bench b;

	bench_open(&b, argc, argv, " single lifo fifo ");
	pairs = bench_scale(&b, 80000000);
	bench_start(&b);
	bench_run(b.threads, bench_is(&b, "single") ? single :
	    bench_is(&b, "lifo") ? lifo : fifo, NULL);
	bench_done(&b, (uint64_t)pairs * b.threads);
	return 0;
}
