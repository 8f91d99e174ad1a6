/* own.c - a program with a malloc of its own, whatever is preloaded.
 *
 * SPDX-License-Identifier: MIT  */

#define _GNU_SOURCE 1
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static _Alignas(16) char pool[64 << 20];
static size_t used;

/* Blocks have their size in front and are never given back.  */
static void *
take(size_t align, size_t n)
{
	size_t need = n + 2 * align + 16;
	size_t at = __atomic_fetch_add(&used, (need + 15) & ~(size_t)15,
	    __ATOMIC_RELAXED);
	uintptr_t p;

	if (at + need > sizeof pool) {
		errno = ENOMEM;
		return NULL;
	}
	p = ((uintptr_t)pool + at + 16 + align - 1) & ~(uintptr_t)(align - 1);
	((size_t *)p)[-1] = n;
	return (void *)p;
}

static int
is_mine(const void *p)
{
	return p == NULL || ((const char *)p >= pool &&
	    (const char *)p < pool + sizeof pool);
}

void *malloc(size_t n) { return take(16, n); }
void *calloc(size_t a, size_t b) { return take(16, a * b); }
void *memalign(size_t align, size_t n) { return take(align, n); }
void *aligned_alloc(size_t align, size_t n) { return take(align, n); }
size_t malloc_usable_size(void *p) { return p ? ((size_t *)p)[-1] : 0; }

int
posix_memalign(void **out, size_t align, size_t n)
{
	*out = take(align, n);
	return *out == NULL ? ENOMEM : 0;
}

void
free(void *p)
{
	if (!is_mine(p))
		abort();
}

void *
realloc(void *p, size_t n)
{
	void *q = take(16, n);
	size_t old = malloc_usable_size(p);

	if (!is_mine(p))
		abort();
	if (p != NULL && q != NULL)
		memcpy(q, p, old < n ? old : n);
	return q;
}

static void *
work(void *arg)
{
	for (size_t i = 0; i < 1000; i++) {
		char *p = strdup("some text of the program");
		FILE *f = i % 100 == 0 ? fopen("/dev/null", "w") : NULL;

		p = realloc(p, 100);
		if (p == NULL || strcmp(p, "some text of the program") != 0)
			exit(1);
		free(p);
		if (f != NULL)
			fclose(f);
	}
	return arg;
}

int
main(void)
{
	pthread_t t[4];

	for (int i = 0; i < 4; i++)
		if (pthread_create(&t[i], NULL, work, NULL) != 0)
			return 99;
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	puts("PASS own-malloc");
	return 0;
}
