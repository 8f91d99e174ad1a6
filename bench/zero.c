/* zero.c - calloc in a live set, random replacement.
 *
 *   small   16..512 bytes, 10,000 blocks
 *   middle  64 KiB, 200 blocks
 *   large   1..4 MiB, 32 blocks
 *
 * One byte of every OS page is read, must be zero, and is written.
 *
 * SPDX-License-Identifier: MIT  */

#include "bench.h"

enum { MAX_SLOTS = 10000 };

struct plan {
	const char *mode;
	unsigned lo, hi;                /* sizes 2^lo .. 2^hi */
	size_t slots;
	size_t turns;
};

static const struct plan plans[] = {
	{ "small", 4, 9, MAX_SLOTS, 20000000 },
	{ "middle", 16, 16, 200, 12000 },
	{ "large", 20, 22, 32, 600 }
};

static void *slot[MAX_SLOTS];

static void
use(void *p, size_t n)
{
	volatile unsigned char *c = p;
	unsigned char seen = c[n - 1];

	for (size_t i = 0; i < n; i += 4096) {
		seen |= c[i];
		c[i] = 1;
	}
	c[n - 1] = 1;
	if (seen != 0)
		bench_die("calloc gave a byte that is not zero");
}

static void
replace(const struct plan *plan, size_t turns)
{
	uint64_t rng = bench_seed(0);

	for (size_t i = 0; i < turns; i++) {
		size_t k = bench_below(&rng, plan->slots);
		size_t n = plan->lo == plan->hi ? (size_t)1 << plan->lo :
		    bench_size(&rng, plan->lo, plan->hi);

		bench_free(slot[k]);
		slot[k] = bench_check(calloc(1, n));
		use(slot[k], n);
	}
	for (size_t k = 0; k < plan->slots; k++)
		bench_free(slot[k]);
}

int
main(int argc, char **argv)
{
	struct bench b;
	const struct plan *plan = plans;
	size_t turns;

	bench_open(&b, argc, argv, " small middle large ");
	if (b.threads != 1)
		bench_die("one thread only");
	while (!bench_is(&b, plan->mode))
		plan++;
	turns = bench_scale(&b, plan->turns);
	bench_start(&b);
	replace(plan, turns);
	bench_done(&b, turns);
	return 0;
}
