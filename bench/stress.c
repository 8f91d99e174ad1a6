/* stress.c - everything at once: mixed sizes, some blocks kept, some handed to
 * other threads, threads that end and leave blocks behind.
 *
 *   mixed   the only mode
 *
 * In each of a number of rounds THREADS threads start.  A thread takes runs of
 * blocks of like size, keeps a part, frees a part, and swaps a part against
 * what lies in a table that all threads share.
 *
 * SPDX-License-Identifier: MIT  */

#include "bench.h"

enum {
	SHARED = 1000,
	KEPT = 4000,                    /* per thread */
	STEPS = 60000                   /* per thread and round */
};

static void *shared[SHARED];            /* any thread */
static size_t round_now;

/* Mostly small; one run of blocks in 100 is ten times, one in 1,000 is a
 * hundred times larger.  */
static size_t
run_size(uint64_t *rng)
{
	size_t n = bench_size(rng, 3, 9);
	size_t luck = bench_below(rng, 1000);

	return luck == 0 ? n * 100 : luck <= 10 ? n * 10 : n;
}

static void
trade(uint64_t *rng, void **mine)
{
	*mine = __atomic_exchange_n(&shared[bench_below(rng, SHARED)], *mine,
	    __ATOMIC_ACQ_REL);
}

static void
one_round(void *arg, unsigned id)
{
	uint64_t rng = bench_seed(round_now * 100 + id);
	void **kept = bench_check(calloc(KEPT, sizeof(*kept)));
	size_t n = 0, left = 0;

	(void)arg;
	for (size_t i = 0; i < STEPS; i++) {
		void **slot = &kept[bench_below(&rng, KEPT)];

		if (left-- == 0) {
			n = run_size(&rng);
			left = bench_below(&rng, 30);
		}
		bench_free(*slot);
		*slot = bench_malloc(n);
		if (i % 8 == 0)
			trade(&rng, slot);
	}
	for (size_t i = 0; i < KEPT; i++)
		bench_free(kept[i]);
	free(kept);
}

/* Between rounds, half of what the threads left goes; at the end, all.  */
static void
clear(size_t step)
{
	for (size_t i = 0; i < SHARED; i += step) {
		bench_free(shared[i]);
		shared[i] = NULL;
	}
}

int
main(int argc, char **argv)
{
	struct bench b;
	size_t rounds;

	bench_open(&b, argc, argv, " mixed ");
	rounds = bench_scale(&b, 400);
	bench_start(&b);
	for (round_now = 0; round_now < rounds; round_now++) {
		bench_run(b.threads, one_round, NULL);
		clear(2);
	}
	clear(1);
	bench_done(&b, (uint64_t)rounds * STEPS * b.threads);
	return 0;
}
