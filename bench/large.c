/* large.c - random replacement of large blocks: 32 KiB..4 MiB, 64 per thread,
 * one byte of every OS page written.
 *
 *   random  the only mode
 *
 * SPDX-License-Identifier: MIT  */

#include "bench.h"

enum { SLOTS = 64 };

static size_t turns;                    /* per thread */

static void
replace(void *arg, unsigned id)
{
	uint64_t rng = bench_seed(id);
	void *slot[SLOTS] = { NULL };

	(void)arg;
	for (size_t i = 0; i < turns; i++) {
		size_t k = bench_below(&rng, SLOTS);
		size_t n = bench_size(&rng, 15, 22);

		bench_free(slot[k]);
		slot[k] = bench_check(malloc(n));
		bench_touch_pages(slot[k], n);
	}
	for (int k = 0; k < SLOTS; k++)
		bench_free(slot[k]);
}

int
main(int argc, char **argv)
{
	struct bench b;

	bench_open(&b, argc, argv, " random ");
	turns = bench_scale(&b, 24000);
	bench_start(&b);
	bench_run(b.threads, replace, NULL);
	bench_done(&b, (uint64_t)turns * b.threads);
	return 0;
}
