/* stress_threads.c - threads that come and go, and blocks that outlive them.
 *
 *   stress_threads [SECONDS [THREADS]]
 *
 * Each thread keeps a table of blocks: it allocates, resizes and frees them,
 * swaps some with other threads through a shared ring, and when it ends leaves
 * its table to the next thread.  Every block carries a pattern, which is looked
 * at whenever the block is touched.  Runs with any malloc.
 *
 * SPDX-License-Identifier: MIT  */

#include <malloc.h>
#include <pthread.h>

#include "plain.h"

enum {
	TABLE = 400,            /* blocks that one thread has at most */
	RING = 64,
	BURST = 200
};

struct block {
	char *p;                /* NULL: none */
	size_t n;
	uint64_t key;           /* of the pattern in it */
};

struct table {
	struct table *next;     /* in the list of orphans */
	struct block block[TABLE];
};

static struct {
	pthread_mutex_t lock;
	struct block block;
} ring[RING];

static pthread_mutex_t orphan_lock = PTHREAD_MUTEX_INITIALIZER;
static struct table *orphans;

static uint64_t seed;
static uint64_t deadline;
static unsigned long operations, swaps, workers;

static uint64_t
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* One line in one write, and the end of the process: what the allocator would
 * do next is of no interest.  */
static void
must(int good, const char *what, const void *p, size_t n)
{
	char line[200];
	int length;

	if (good)
		return;
	length = snprintf(line, sizeof line,
	    "FAIL stress_threads: %s: block %p of %zu bytes\n", what, p, n);
	if (write(STDOUT_FILENO, line, (size_t)length) < 0)
		_exit(2);
	_exit(1);
}

static void
look(const struct block *b)
{
	must(plain_is_marked(b->p, b->n, b->n, b->key), "contents changed",
	    b->p, b->n);
}

static size_t
random_size(uint64_t *state)
{
	switch (plain_below(state, 64)) {
	case 0:
		return plain_size(state, 22);
	case 1:
	case 2:
	case 3:
		return plain_size(state, 17);
	default:
		return plain_size(state, 11);
	}
}

static void
take(struct block *b, uint64_t *state)
{
	size_t align = (size_t)8 << plain_below(state, 10);
	void *p = NULL;

	b->n = random_size(state);
	b->key = plain_random(state);
	switch (plain_below(state, 8)) {
	case 0:
	case 1:
		p = calloc(1, b->n);
		must(p != NULL && plain_zeros(p, b->n) == b->n,
		    "calloc is not zero", p, b->n);
		break;
	case 2:
		if (posix_memalign(&p, align, b->n) != 0)
			p = NULL;
		must(((uintptr_t)p & (align - 1)) == 0, "not aligned", p,
		    b->n);
		break;
	case 3:
		p = realloc(NULL, b->n);
		break;
	default:
		p = malloc(b->n);
		break;
	}
	must(p != NULL, "no memory", p, b->n);
#ifndef _AIX
	must(malloc_usable_size(p) >= b->n, "too small", p, b->n);
#endif
	b->p = p;
	plain_mark(p, b->n, b->key);
}

static void
drop(struct block *b)
{
	look(b);
	free(b->p);
	b->p = NULL;
}

static void
resize(struct block *b, uint64_t *state)
{
	size_t n = random_size(state) + 1;
	size_t keep = n < b->n ? n : b->n;
	void *p;

	look(b);
	p = realloc(b->p, n);
	must(p != NULL, "no memory", p, n);
	must(plain_is_marked(p, b->n, keep, b->key), "realloc lost contents",
	    p, n);
	b->p = p;
	b->n = n;
	plain_mark(p, n, b->key);
}

static void
swap(struct block *b, uint64_t *state)
{
	size_t i = plain_below(state, RING);
	struct block mine = *b;

	pthread_mutex_lock(&ring[i].lock);
	*b = ring[i].block;
	ring[i].block = mine;
	pthread_mutex_unlock(&ring[i].lock);
	__atomic_add_fetch(&swaps, 1, __ATOMIC_RELAXED);
	if (b->p != NULL)
		look(b);
}

/* Many blocks of one size, freed in another order.  */
static void
burst(uint64_t *state)
{
	struct block b[BURST];
	size_t n = plain_size(state, 10);
	size_t turn = plain_below(state, BURST);

	for (size_t i = 0; i < BURST; i++) {
		b[i] = (struct block){ malloc(n), n, plain_random(state) };
		must(b[i].p != NULL, "no memory", NULL, n);
		plain_mark(b[i].p, n, b[i].key);
	}
	for (size_t i = 0; i < BURST; i++)
		drop(&b[(i + turn) % BURST]);
}

static struct table *
adopt(void)
{
	struct table *t;

	pthread_mutex_lock(&orphan_lock);
	t = orphans;
	if (t != NULL)
		orphans = t->next;
	pthread_mutex_unlock(&orphan_lock);
	if (t == NULL)
		t = calloc(1, sizeof *t);
	must(t != NULL, "no memory", t, sizeof *t);
	return t;
}

static void
leave(struct table *t)
{
	pthread_mutex_lock(&orphan_lock);
	t->next = orphans;
	orphans = t;
	pthread_mutex_unlock(&orphan_lock);
}

static void *
worker(void *arg)
{
	uint64_t state = seed + (uint64_t)(uintptr_t)arg;
	size_t most = plain_below(&state, 20000) + 1;
	size_t done;
	struct table *t = adopt();

	for (done = 0; done < most && now_ms() < deadline; done++) {
		struct block *b = &t->block[plain_below(&state, TABLE)];

		switch (plain_below(&state, 8)) {
		case 0:
			swap(b, &state);
			break;
		case 1:
			if (b->p != NULL)
				resize(b, &state);
			break;
		case 2:
			if (done % 16 == 0)
				burst(&state);
			break;
		default:
			if (b->p == NULL)
				take(b, &state);
			else
				drop(b);
			break;
		}
	}
	leave(t);
	__atomic_add_fetch(&operations, done, __ATOMIC_RELAXED);
	return NULL;
}

/* Workers one after another until time is up.  */
static void *
run(void *arg)
{
	(void)arg;
	while (now_ms() < deadline) {
		uintptr_t i = __atomic_add_fetch(&workers, 1,
		    __ATOMIC_RELAXED);
		pthread_t t;

		must(pthread_create(&t, NULL, worker, (void *)i) == 0,
		    "no thread", NULL, 0);
		pthread_join(t, NULL);
	}
	return NULL;
}

/* Everything that was left lying about.  */
static void
drop_all(void)
{
	struct table *next;

	for (size_t i = 0; i < RING; i++)
		if (ring[i].block.p != NULL)
			drop(&ring[i].block);
	for (struct table *t = orphans; t != NULL; t = next) {
		next = t->next;
		for (size_t i = 0; i < TABLE; i++)
			if (t->block[i].p != NULL)
				drop(&t->block[i]);
		free(t);
	}
}

int
main(int argc, char **argv)
{
	unsigned seconds = argc > 1 ? (unsigned)atoi(argv[1]) : 2;
	unsigned n = argc > 2 ? (unsigned)atoi(argv[2]) : 8;
	pthread_t t[256];

	if (n < 1 || n > 256)
		n = 8;
	seed = plain_seed("stress_threads");
	deadline = now_ms() + seconds * 1000u;
	for (size_t i = 0; i < RING; i++)
		pthread_mutex_init(&ring[i].lock, NULL);
	for (unsigned i = 0; i < n; i++)
		must(pthread_create(&t[i], NULL, run, NULL) == 0, "no thread",
		    NULL, 0);
	for (unsigned i = 0; i < n; i++)
		pthread_join(t[i], NULL);
	drop_all();
	printf("ok stress_threads: %lu operations, %lu swaps, %lu threads\n",
	    operations, swaps, workers);
	return EXIT_SUCCESS;
}
