/* align.c - posix_memalign: alignments 16..4096, sizes 16..2048, random
 * replacement of 10,000 blocks.
 *
 *   random  the only mode
 *
 * SPDX-License-Identifier: MIT  */

#include "bench.h"

enum { SLOTS = 10000 };

static void *slot[SLOTS];

static void *
take(uint64_t *rng)
{
	size_t align = (size_t)16 << bench_below(rng, 9);
	size_t n = bench_size(rng, 4, 11);
	void *p;

	if (posix_memalign(&p, align, n) != 0)
		bench_die("out of memory");
	p = bench_hide(p);
	if (((uintptr_t)p & (align - 1)) != 0)
		bench_die("posix_memalign did not align");
	bench_touch(p, n);
	return p;
}

int
main(int argc, char **argv)
{
	struct bench b;
	uint64_t rng = bench_seed(0);
	size_t turns;

	bench_open(&b, argc, argv, " random ");
	if (b.threads != 1)
		bench_die("one thread only");
	turns = bench_scale(&b, 12000000);
	bench_start(&b);
	for (size_t i = 0; i < turns; i++) {
		size_t k = bench_below(&rng, SLOTS);

		bench_free(slot[k]);
		slot[k] = take(&rng);
	}
	for (int k = 0; k < SLOTS; k++)
		bench_free(slot[k]);
	bench_done(&b, turns);
	return 0;
}
