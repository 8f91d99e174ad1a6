/* phases.c - threads grow, end, and others come that want other sizes.
 *
 *   grow    the only mode
 *
 * In each of eight phases THREADS threads start.  Each allocates 64 MiB of the
 * sizes of the phase, frees six blocks of ten at random, and ends; the main
 * thread frees what it left when the next phase is over.  While threads run,
 * the main thread does nothing but take samples.
 *
 * SPDX-License-Identifier: MIT  */

#include "bench.h"
#include "sample.h"

#include <pthread.h>
#include <time.h>

enum {
	PHASES = 8,
	MAX_LIVE = 64,
	SMALLEST = 16,
	BURIED = 2,
	SAMPLE_NS = 4000000
};

struct life {
	_Alignas(BENCH_LINE) pthread_t thread;
	uint64_t rng;
	unsigned lo, hi;
	void **block;
	size_t blocks;
};

static struct life lives[BURIED][MAX_LIVE];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t done = PTHREAD_COND_INITIALIZER;
static unsigned running;                /* under lock */
static size_t bytes;                    /* of one thread */

static const struct { unsigned lo, hi; } sizes[PHASES] = {
	{ 4, 6 }, { 6, 8 }, { 8, 10 }, { 4, 8 }, { 9, 12 }, { 5, 7 }, { 7, 11 },
	{ 4, 10 }
};

static void *
live(void *arg)
{
	struct life *l = arg;
	size_t drop;

	for (size_t n, left = bytes; left > 0; left -= n < left ? n : left) {
		n = bench_size(&l->rng, l->lo, l->hi);
		l->block[l->blocks++] = bench_malloc(n);
	}
	drop = l->blocks * 6 / 10;
	for (size_t i = 0; i < drop; i++) {
		size_t k = bench_below(&l->rng, l->blocks);

		bench_free(l->block[k]);
		l->block[k] = l->block[--l->blocks];
	}
	pthread_mutex_lock(&lock);
	if (--running == 0)
		pthread_cond_signal(&done);
	pthread_mutex_unlock(&lock);
	return NULL;
}

static void
start(struct life *l, unsigned phase, unsigned id)
{
	l->rng = bench_seed(phase * 100 + id);
	l->lo = sizes[phase].lo;
	l->hi = sizes[phase].hi;
	if (pthread_create(&l->thread, NULL, live, l) != 0)
		bench_die("cannot start a thread");
}

static void
bury(struct life *l)
{
	for (size_t i = 0; i < l->blocks; i++)
		bench_free(l->block[i]);
	l->blocks = 0;
}

/* Take samples until the last thread is done, and not a moment longer: the
 * time counts.  */
static void
wait_for_all(void)
{
	struct timespec until;

	pthread_mutex_lock(&lock);
	while (running > 0) {
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec += SAMPLE_NS;
		if (until.tv_nsec >= 1000000000) {
			until.tv_nsec -= 1000000000;
			until.tv_sec++;
		}
		pthread_cond_timedwait(&done, &lock, &until);
		sample_now();
	}
	pthread_mutex_unlock(&lock);
}

static void
run_phase(const struct bench *b, unsigned phase)
{
	struct life *now = lives[phase % BURIED];

	pthread_mutex_lock(&lock);
	running = b->threads;
	pthread_mutex_unlock(&lock);
	for (unsigned i = 0; i < b->threads; i++)
		start(&now[i], phase, i);
	wait_for_all();
	for (unsigned i = 0; i < b->threads; i++)
		pthread_join(now[i].thread, NULL);
	for (unsigned i = 0; i < b->threads; i++)
		bury(&lives[(phase + 1) % BURIED][i]);
	sample_now();
}

int
main(int argc, char **argv)
{
	static const char *const name[PHASES] = {
		"1", "2", "3", "4", "5", "6", "7", "8"
	};
	struct bench b;
	size_t room;

	bench_open(&b, argc, argv, " grow ");
	b.wall = true;
	bytes = bench_scale(&b, 64 * BENCH_MIB);
	room = (bytes / SMALLEST + 1) * sizeof(void *);
	for (unsigned i = 0; i < BURIED * b.threads; i++)
		lives[i % BURIED][i / BURIED].block = bench_map(room);
	bench_start(&b);
	for (unsigned phase = 0; phase < PHASES; phase++) {
		sample_phase(name[phase]);
		run_phase(&b, phase);
	}
	for (unsigned i = 0; i < BURIED * b.threads; i++) {
		bury(&lives[i % BURIED][i / BURIED]);
		bench_unmap(lives[i % BURIED][i / BURIED].block, room);
	}
	bench_done(&b, (uint64_t)PHASES * b.threads);
	return 0;
}
