/* churn.c - 10,000 short threads, THREADS of them at a time.  Each allocates
 * 200 blocks of 16..1024 bytes and frees all but ten, which the main thread
 * frees after the thread has ended.
 *
 *   short   the only mode
 *
 * SPDX-License-Identifier: MIT  */

#include "bench.h"

#include <pthread.h>

enum { LIVES = 10000, BLOCKS = 200, LEFT = 10, MAX_LIVE = 64 };

struct life {
	_Alignas(BENCH_LINE) pthread_t thread;
	uint64_t rng;
	void *left[LEFT];
};

static struct life lives[MAX_LIVE];

static void *
live(void *arg)
{
	struct life *l = arg;
	void *block[BLOCKS];

	for (int i = 0; i < BLOCKS; i++)
		block[i] = bench_malloc(bench_size(&l->rng, 4, 10));
	for (int i = 0; i < LEFT; i++)
		l->left[i] = block[i * (BLOCKS / LEFT)];
	for (int i = 0; i < BLOCKS; i++)
		if (i % (BLOCKS / LEFT) != 0)
			bench_free(block[i]);
	return NULL;
}

static void
bury(struct life *l)
{
	pthread_join(l->thread, NULL);
	for (int i = 0; i < LEFT; i++)
		bench_free(l->left[i]);
}

int
main(int argc, char **argv)
{
	struct bench b;
	size_t n;

	bench_open(&b, argc, argv, " short ");
	b.wall = true;
	n = bench_scale(&b, LIVES);
	if (n < b.threads)
		n = b.threads;
	bench_start(&b);
	for (size_t i = 0; i < n; i++) {
		struct life *l = &lives[i % b.threads];

		if (i >= b.threads)
			bury(l);
		l->rng = bench_seed(i);
		if (pthread_create(&l->thread, NULL, live, l) != 0)
			bench_die("cannot start a thread");
	}
	for (unsigned i = 0; i < b.threads; i++)
		bury(&lives[i]);
	bench_done(&b, n);
	return 0;
}
