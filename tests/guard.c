/* guard.c - programs that misuse a block, one for each name; tests/guard.sh runs them
 * with guard_rate:1, so that every block is a sample.
 *
 *   guard             print the names, and what the lines must say: the first
 *                     line; `freed' if there must be the callers that freed it
 *   guard NAME        do it
 *   guard sampled N   allocate and free N times; print how many were samples, by
 *                     their places in a page
 *
 * SPDX-License-Identifier: MIT  */

#include <malloc.h>
#include <pthread.h>

#include "plain.h"

/* Not on AIX, nor is memalign.  */
#ifdef _AIX
# define malloc_usable_size(p) ((void)(p), SIZE_MAX)
#endif

extern void free_sized(void *, size_t) __attribute__((weak));

static char *volatile hidden;

/* Names that the lists of callers must show: extern, and never inlined.  */
char *allocate_here(size_t n);
void free_here(char *p);

/* 0: by malloc; else by the others in turn, aligned to so much.  */
static size_t alignment;

__attribute__((noinline))
char *
allocate_here(size_t n)
{
	static unsigned turn;
	void *p = NULL;

	if (alignment == 0)
		p = malloc(n);
	else if (turn++ % 3 == 0)
		p = aligned_alloc(alignment, n);
#ifndef _AIX
	else if (turn % 3 == 0)
		p = memalign(alignment, n);
#endif
	else if (posix_memalign(&p, alignment, n) != 0)
		p = NULL;
	if (alignment != 0 && (uintptr_t)p % alignment != 0)
		exit(98);
	hidden = p;
	return p;
}

__attribute__((noinline))
void
free_here(char *p)
{
	hidden = p;
	free(hidden);
	hidden = NULL;
}

static void
poke(char *p)
{
	hidden = p;
	*(volatile char *)hidden = 1;
}

static void *
free_in_thread(void *p)
{
	free_here(p);
	return NULL;
}

/* Most blocks lie at the end of their page, where this faults.  */
static void
overrun(void)
{
	for (int i = 0; i < 50; i++)
		poke(allocate_here(96) + 96);
}

static void
overrun_aligned(void)
{
	alignment = 32;
	overrun();
}

static void
underrun(void)
{
	for (int i = 0; i < 50; i++)
		poke(allocate_here(96) - 1);
}

static void
between(void)
{
	char *p = allocate_here(20);

	poke(p + 25);
	free_here(p);
}

static void
in_front(void)
{
	for (int i = 0; i < 50; i++) {
		char *p = allocate_here(1000);

		if ((uintptr_t)p % 4096 == 0)
			continue;
		poke(p - 1);
		free_here(p);
	}
}

static void
use_after_free(void)
{
	char *p = allocate_here(500);

	free_here(p);
	poke(p + 3);
}

static void
use_after_thread(void)
{
	char *p = allocate_here(500);
	pthread_t t;

	if (pthread_create(&t, NULL, free_in_thread, p) == 0)
		pthread_join(t, NULL);
	poke(p);
}

/* As many others as there are places would hide it.  */
static void
use_long_after(void)
{
	char *p = allocate_here(500);

	free_here(p);
	for (int i = 0; i < 60; i++)
		free(malloc(10));
	poke(p + 499);
}

static void
double_free(void)
{
	char *p = allocate_here(500);

	free_here(p);
	free_here(p);
}

static void
interior(void)
{
	free_here(allocate_here(500) + 16);
}

static void
resize_freed(void)
{
	char *p = allocate_here(500);

	free_here(p);
	hidden = p;
	free(realloc(hidden, 600));
}

/* 16 is of the least class, as is what the page map's hints say of no span.  */
static void
sized(void)
{
	char *p = allocate_here(100);

	hidden = p;
	if (free_sized == NULL)
		exit(97);
	free_sized(hidden, 16);
}

/* All is as with other blocks.  */
static void
nothing(void)
{
	uint64_t state = 1;
	char *p[40];
	size_t n[40];

	for (int i = 0; i < 40; i++) {
		n[i] = plain_size(&state, 13);
		p[i] = i % 2 ? calloc(n[i], 1) : malloc(n[i]);
		if (i % 2 && plain_zeros(p[i], n[i]) != n[i])
			exit(98);
		if (malloc_usable_size(p[i]) < n[i])
			exit(97);
		plain_mark(p[i], n[i], n[i]);
	}
	for (int i = 0; i < 40; i++) {
		size_t more = n[i] + plain_size(&state, 13);

		p[i] = realloc(p[i], more);
		if (!plain_is_marked(p[i], n[i], n[i], n[i]))
			exit(96);
		free(p[i]);
	}
	puts("done");
}

/* A block of a size that no class has lies there only if it is a sample.  */
static void
count_samples(long times)
{
	long samples = 0;

	for (long i = 0; i < times; i++) {
		char *p = allocate_here(4000);

		samples += malloc_usable_size(p) == 4000;
		free_here(p);
	}
	printf("%ld\n", samples);
}

static const struct {
	const char *name;
	void (*run)(void);
	const char *says;
	int freed;
} programs[] = {
	{ "overrun", overrun,
	    "M014 SIGSEGV.*: a guard, 0 bytes past the end of the block of 96 at", 0 },
	{ "overrun-aligned", overrun_aligned,
	    "M014 SIGSEGV.*: a guard, 0 bytes past the end of the block of 96 at", 0 },
	{ "underrun", underrun,
	    "M014 SIGSEGV.*: a guard, 1 bytes in front of the block of 96 at", 0 },
	{ "between", between, "M012 free.*: byte 0 of the block of 20 at", 0 },
	{ "in-front", in_front, "M012 free.*: byte 0 of the block of 1000 at",
	    0 },
	{ "use-after-free", use_after_free,
	    "M014 SIGSEGV.*: byte 3 of the block of 500 at .*, which was freed",
	    1 },
	{ "use-after-thread", use_after_thread,
	    "M014 SIGSEGV.*: byte 0 of the block of 500 at .*, which was freed",
	    1 },
	{ "use-long-after", use_long_after,
	    "M014 SIGSEGV.*: byte 499 of the block of 500 at .*, which was freed",
	    1 },
	{ "double-free", double_free,
	    "M001 free.*: byte 0 of the block of 500 at .*, which was freed", 1 },
	{ "interior", interior, "M002 free.*: byte 16 of the block of 500 at",
	    0 },
	{ "resize-freed", resize_freed, "M001 realloc.*, which was freed", 1 },
	{ "sized", sized, "M006 free_sized", 0 },
	{ "nothing", nothing, "-", 0 },
};

#define N_PROGRAMS (sizeof programs / sizeof programs[0])

int
main(int argc, char **argv)
{
	if (argc == 3) {
		count_samples(atol(argv[2]));
		return 0;
	}
	for (size_t i = 0; i < N_PROGRAMS; i++) {
		if (argc < 2) {
			printf("%s|%s|%s\n", programs[i].name, programs[i].says,
			    programs[i].freed ? "freed" : "-");
		} else if (strcmp(argv[1], programs[i].name) == 0) {
			programs[i].run();
			return 0;
		}
	}
	return argc < 2 ? 0 : 99;
}
