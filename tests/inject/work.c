/* work.c - threads that allocate and go on when they are refused.
 *
 * Prints a sum that does not depend on refusals, or says what is wrong.  Every
 * block that was handed out must keep its bytes.
 *
 * SPDX-License-Identifier: MIT  */

#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <pthread.h>

#include "../plain.h"

enum { THREADS = 3, BLOCKS = 400, ROUNDS = 4000 };

static unsigned long refused, wrong, sum;

static void
complain(const char *what)
{
	fprintf(stderr, "work: %s\n", what);
	__atomic_add_fetch(&wrong, 1, __ATOMIC_RELAXED);
}

struct block {
	char *p;
	size_t n;
};

static void
check(const struct block *b)
{
	if (b->p != NULL && !plain_is_marked(b->p, b->n, b->n, b->n))
		complain("a block changed");
}

/* Another size for B, in one of the ways there are.  */
static void
change(struct block *b, uint64_t *state, size_t n)
{
	size_t old = b->n;
	size_t keep = old < n ? old : n;
	char *p;

	errno = 0;
	if (plain_below(state, 3) > 0) {
		p = realloc(b->p, n);
		if (p != NULL && b->p != NULL &&
		    !plain_is_marked(p, old, keep, old))
			complain("realloc lost bytes");
	} else {
		free(b->p);
		b->p = NULL;
		p = plain_below(state, 2) ? calloc(1, n) :
		    memalign(64 << plain_below(state, 10), n);
	}
	if (p == NULL) {
		if (errno != ENOMEM)
			complain("a refusal without ENOMEM");
		__atomic_add_fetch(&refused, 1, __ATOMIC_RELAXED);
		return;
	}
	b->p = p;
	b->n = n;
	plain_mark(p, n, n);
}

/* A block that grows from 128 KiB to 16 MiB, beside others.  */
static void
grow(void)
{
	struct block b = { NULL, 0 };
	char *p;

	for (size_t n = 128 * PLAIN_KIB; n <= 16 * PLAIN_MIB; n *= 2) {
		p = realloc(b.p, n);
		if (p == NULL)
			break;
		if (b.n > 0 && !plain_is_marked(p, b.n, PLAIN_EDGE, b.n))
			complain("realloc lost bytes");
		b.p = p;
		b.n = n;
		plain_mark(p, n, n);
	}
	check(&b);
	free(b.p);
}

static void *
work(void *arg)
{
	static __thread struct block b[BLOCKS];
	uint64_t state = (uintptr_t)arg;

	for (unsigned i = 0; i < ROUNDS; i++) {
		struct block *x = &b[plain_below(&state, BLOCKS)];

		check(x);
		if (plain_below(&state, 5) == 0) {
			free(x->p);
			x->p = NULL;
		} else {
			change(x, &state, plain_size(&state,
			    i % 50 ? 13 : 23) + 1);
		}
		if (i % 1000 == 999) {
			malloc_trim(0);
			grow();
		}
	}
	for (int i = 0; i < BLOCKS; i++) {
		check(&b[i]);
		free(b[i].p);
		b[i].p = NULL;
	}
	__atomic_add_fetch(&sum, (uintptr_t)arg, __ATOMIC_RELAXED);
	return NULL;
}

extern void *__libc_malloc(size_t n);

/* Calls that are not about memory: what is at another allocator's blocks, and what
 * other processes use.  */
static void *
ask(void *arg)
{
	int (*usage)(size_t *, size_t);
	size_t u[7];

	for (int i = 0; i < 4; i++)
		free(__libc_malloc(i % 2 ? 100 : 200000));
	*(void **)&usage = dlsym(RTLD_DEFAULT, "memaix_usage_read");
	if (usage != NULL)
		(void)usage(u, sizeof u);
	return arg;
}

int
main(void)
{
	pthread_t t[THREADS];
	int running[THREADS];

	for (int i = 0; i < THREADS; i++)
		running[i] = pthread_create(&t[i], NULL, work,
		    (void *)(uintptr_t)(i + 1)) == 0;
	(void)ask(NULL);
	(void)work((void *)10);
	for (int i = 0; i < THREADS; i++) {
		if (running[i])
			pthread_join(t[i], NULL);
		else
			(void)work((void *)(uintptr_t)(i + 1));
	}
	malloc_stats();
	if (wrong != 0)
		abort();
	/* stdio may be without a buffer.  */
	printf("sum %lu\n", sum);
	if (getenv("WORK_VERBOSE") != NULL)
		fprintf(stderr, "refused %lu\n", refused);
	return fflush(stdout) == 0 ? 0 : 3;
}
