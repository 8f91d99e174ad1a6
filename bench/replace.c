/* replace.c - replace a random block of a live set, sizes 16..1024.
 *
 *   small   1,000 blocks per thread: everything stays in the CPU's caches
 *   large   1,000,000 blocks in all: nearly every free is a cache miss
 *
 * Filling and emptying the set counts too.
 *
 * SPDX-License-Identifier: MIT  */

#include "bench.h"

enum { LO = 4, HI = 10 };

struct plan {
	size_t slots;           /* per thread */
	size_t turns;           /* per thread */
};

static void
replace(void *arg, unsigned id)
{
	const struct plan *plan = arg;
	uint64_t rng = bench_seed(id);
	void **slot = bench_check(malloc(plan->slots * sizeof(*slot)));

	for (size_t i = 0; i < plan->slots; i++)
		slot[i] = bench_malloc(bench_size(&rng, LO, HI));
	for (size_t i = 0; i < plan->turns; i++) {
		size_t k = bench_below(&rng, plan->slots);

		bench_free(slot[k]);
		slot[k] = bench_malloc(bench_size(&rng, LO, HI));
	}
	for (size_t i = 0; i < plan->slots; i++)
		bench_free(slot[i]);
	free(slot);
}

int
main(int argc, char **argv)
{
	struct bench b;
	struct plan plan;

	bench_open(&b, argc, argv, " small large ");
	if (bench_is(&b, "small")) {
		plan.slots = 1000;
		plan.turns = bench_scale(&b, 50000000);
	} else {
		plan.slots = bench_scale(&b, 1000000) / b.threads;
		plan.turns = bench_scale(&b, 3000000) / b.threads;
	}
	bench_start(&b);
	bench_run(b.threads, replace, &plan);
	bench_done(&b, (uint64_t)(plan.slots + plan.turns) * b.threads);
	return 0;
}
