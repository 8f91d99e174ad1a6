/* exchange.c - every thread allocates batches, leaves them in a shared box and
 * frees what it finds there: frees by other threads, in both directions.
 *
 *   small   sizes 16..256
 *   mixed   sizes 16..8192
 *
 * Which thread finds which batch depends on the scheduler; how many blocks are
 * allocated and freed does not.
 *
 * SPDX-License-Identifier: MIT  */

#include "bench.h"

enum { BATCH = 120, BOXES = 64 };

struct batch {
	void *block[BATCH];
};

struct box {
	_Alignas(BENCH_LINE) struct batch *batch;       /* any thread */
};

static struct box boxes[BOXES];
static size_t batches;                          /* per thread */
static unsigned hi;

static struct batch *
fill(uint64_t *rng)
{
	struct batch *batch = bench_malloc(sizeof(*batch));

	for (int i = 0; i < BATCH; i++)
		batch->block[i] = bench_malloc(bench_size(rng, 4, hi));
	return batch;
}

static void
drop(struct batch *batch)
{
	if (batch == NULL)
		return;
	for (int i = 0; i < BATCH; i++)
		bench_consume(batch->block[i]);
	bench_free(batch);
}

static void
trade(void *arg, unsigned id)
{
	uint64_t rng = bench_seed(id);

	(void)arg;
	for (size_t i = 0; i < batches; i++) {
		struct box *box = &boxes[bench_below(&rng, BOXES)];

		drop(__atomic_exchange_n(&box->batch, fill(&rng),
		    __ATOMIC_ACQ_REL));
	}
}

int
main(int argc, char **argv)
{
	struct bench b;

	bench_open(&b, argc, argv, " small mixed ");
	hi = bench_is(&b, "small") ? 8 : 13;
	batches = bench_scale(&b, bench_is(&b, "small") ? 240000 : 80000);
	bench_start(&b);
	bench_run(b.threads, trade, NULL);
	for (int i = 0; i < BOXES; i++)
		drop(boxes[i].batch);
	bench_done(&b, (uint64_t)batches * (BATCH + 1) * b.threads);
	return 0;
}
