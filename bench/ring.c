/* ring.c - one thread allocates, another frees.
 *
 *   small   sizes 16..256
 *   mixed   sizes 16..8192
 *
 * Half of the threads produce, half consume, in pairs that share nothing with
 * other pairs.  Blocks travel in batches of 256 through a ring of 32 batches,
 * so the producer is at most 8,192 blocks ahead.
 *
 * SPDX-License-Identifier: MIT  */

#include "bench.h"

#include <pthread.h>

enum { BATCH = 256, RING = 32, MAX_PAIRS = 32 };

struct ring {
	_Alignas(BENCH_LINE) pthread_mutex_t lock;
	pthread_cond_t not_full;
	pthread_cond_t not_empty;
	size_t head;                    /* batches put, ever */
	size_t tail;                    /* batches taken, ever */
	void *block[RING][BATCH];
};

static struct ring rings[MAX_PAIRS];
static size_t batches;
static unsigned hi;

static void
produce(struct ring *r, uint64_t rng)
{
	for (size_t i = 0; i < batches; i++) {
		void **slot = r->block[i % RING];

		pthread_mutex_lock(&r->lock);
		while (r->head - r->tail == RING)
			pthread_cond_wait(&r->not_full, &r->lock);
		pthread_mutex_unlock(&r->lock);
		for (int k = 0; k < BATCH; k++)
			slot[k] = bench_malloc(bench_size(&rng, 4, hi));
		pthread_mutex_lock(&r->lock);
		r->head++;
		pthread_cond_signal(&r->not_empty);
		pthread_mutex_unlock(&r->lock);
	}
}

static void
consume(struct ring *r)
{
	for (size_t i = 0; i < batches; i++) {
		void **slot = r->block[i % RING];

		pthread_mutex_lock(&r->lock);
		while (r->head == r->tail)
			pthread_cond_wait(&r->not_empty, &r->lock);
		pthread_mutex_unlock(&r->lock);
		for (int k = 0; k < BATCH; k++)
			bench_consume(slot[k]);
		pthread_mutex_lock(&r->lock);
		r->tail++;
		pthread_cond_signal(&r->not_full);
		pthread_mutex_unlock(&r->lock);
	}
}

static void
role(void *arg, unsigned id)
{
	struct ring *r = &rings[id / 2];

	(void)arg;
	if (id % 2 == 0)
		produce(r, bench_seed(id));
	else
		consume(r);
}

int
main(int argc, char **argv)
{
	struct bench b;

	bench_open(&b, argc, argv, " small mixed ");
	if (b.threads % 2 != 0)
		bench_die("threads come in pairs");
	hi = bench_is(&b, "small") ? 8 : 13;
	batches = bench_scale(&b, bench_is(&b, "small") ? 60000 : 20000);
	for (unsigned i = 0; i < b.threads / 2; i++) {
		pthread_mutex_init(&rings[i].lock, NULL);
		pthread_cond_init(&rings[i].not_full, NULL);
		pthread_cond_init(&rings[i].not_empty, NULL);
	}
	bench_start(&b);
	bench_run(b.threads, role, NULL);
	bench_done(&b, (uint64_t)batches * BATCH * b.threads / 2);
	return 0;
}
