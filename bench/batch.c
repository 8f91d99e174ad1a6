/* batch.c - batches of 400 blocks freed in changing orders: in order, last
 * first, every second one and then the rest backwards, and with one half kept
 * until two batches later.
 *
 *   same    all blocks of a batch have one size, 8..1024
 *   mixed   sizes 8..4096 at random
 *
 * Threads share nothing.  The amount of work is per thread.
 *
 * SPDX-License-Identifier: MIT  */

#include "bench.h"

enum { BATCH = 400, KEPT = BATCH / 2, ORDERS = 4 };

struct state {
	uint64_t rng;
	void *block[BATCH];
	void *kept[2][KEPT];            /* of the last two batches that kept */
};

static size_t batches;
static bool mixed;

static void
fill(struct state *s)
{
	size_t n = bench_size(&s->rng, 3, 10);

	for (int i = 0; i < BATCH; i++) {
		if (mixed)
			n = bench_size(&s->rng, 3, 12);
		s->block[i] = bench_malloc(n);
	}
}

static void
drop_alternating(struct state *s)
{
	for (int i = 0; i < BATCH; i += 2)
		bench_free(s->block[i]);
	for (int i = BATCH - 1; i > 0; i -= 2)
		bench_free(s->block[i]);
}

/* Free the even ones; keep the odd ones in place of those kept before.  */
static void
drop_half(struct state *s, size_t turn)
{
	void **kept = s->kept[turn / ORDERS % 2];

	for (int i = 0; i < KEPT; i++) {
		bench_free(s->block[2 * i]);
		bench_free(kept[i]);
		kept[i] = s->block[2 * i + 1];
	}
}

static void
drop(struct state *s, size_t turn)
{
	switch (turn % ORDERS) {
	case 0:
		for (int i = 0; i < BATCH; i++)
			bench_free(s->block[i]);
		break;
	case 1:
		for (int i = BATCH; i-- > 0;)
			bench_free(s->block[i]);
		break;
	case 2:
		drop_alternating(s);
		break;
	default:
		drop_half(s, turn);
	}
}

static void
churn(void *arg, unsigned id)
{
	struct state s = { .rng = bench_seed(id) };

	(void)arg;
	for (size_t turn = 0; turn < batches; turn++) {
		fill(&s);
		drop(&s, turn);
	}
	for (int k = 0; k < 2; k++)
		for (int i = 0; i < KEPT; i++)
			bench_free(s.kept[k][i]);
}

int
main(int argc, char **argv)
{
	struct bench b;

	bench_open(&b, argc, argv, " same mixed ");
	mixed = bench_is(&b, "mixed");
	batches = bench_scale(&b, mixed ? 100000 : 60000);
	bench_start(&b);
	bench_run(b.threads, churn, NULL);
	bench_done(&b, (uint64_t)batches * BATCH * b.threads);
	return 0;
}
