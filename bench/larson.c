/* larson.c - a server: threads replace random blocks of an array and hand the
 * array on to a new thread when they end, so most blocks are freed by a thread
 * that did not allocate them.
 *
 *   small   sizes 8..256, 2,000 blocks per array
 *   mixed   sizes 8..8192, 2,000 blocks per array
 *
 * THREADS chains run side by side; each is 40 threads long.
 *
 * SPDX-License-Identifier: MIT  */

#include "bench.h"

#include <pthread.h>

enum { SLOTS = 2000, LIVES = 40, MAX_CHAINS = 64 };

struct chain {
	_Alignas(BENCH_LINE) uint64_t rng;
	unsigned lives;                 /* threads still to come */
	void *slot[SLOTS];
};

static struct chain chains[MAX_CHAINS];
static size_t turns;                    /* of one thread */
static unsigned hi;
static unsigned running;                /* chains, under lock */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t all_done = PTHREAD_COND_INITIALIZER;
static pthread_attr_t detached;

static void *live(void *arg);

static void
start_next(struct chain *c)
{
	pthread_t thread;

	if (pthread_create(&thread, &detached, live, c) != 0)
		bench_die("cannot start a thread");
}

static void
end(struct chain *c)
{
	for (int i = 0; i < SLOTS; i++)
		bench_free(c->slot[i]);
	pthread_mutex_lock(&lock);
	if (--running == 0)
		pthread_cond_signal(&all_done);
	pthread_mutex_unlock(&lock);
}

static void *
live(void *arg)
{
	struct chain *c = arg;
	uint64_t rng = c->rng;

	for (size_t i = 0; i < turns; i++) {
		size_t k = bench_below(&rng, SLOTS);

		bench_free(c->slot[k]);
		c->slot[k] = bench_malloc(bench_size(&rng, 3, hi));
	}
	c->rng = rng;
	if (c->lives-- > 1)
		start_next(c);
	else
		end(c);
	return NULL;
}

int
main(int argc, char **argv)
{
	struct bench b;

	bench_open(&b, argc, argv, " small mixed ");
	b.wall = true;
	hi = bench_is(&b, "small") ? 8 : 13;
	turns = bench_scale(&b, bench_is(&b, "small") ? 1000000 : 400000);
	pthread_attr_init(&detached);
	pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
	running = b.threads;
	bench_start(&b);
	for (unsigned i = 0; i < b.threads; i++) {
		struct chain *c = &chains[i];

		c->rng = bench_seed(i);
		c->lives = LIVES;
		for (int k = 0; k < SLOTS; k++)
			c->slot[k] = bench_malloc(bench_size(&c->rng, 3, hi));
		start_next(c);
	}
	pthread_mutex_lock(&lock);
	while (running > 0)
		pthread_cond_wait(&all_done, &lock);
	pthread_mutex_unlock(&lock);
	bench_done(&b, (uint64_t)turns * LIVES * b.threads);
	return 0;
}
