/* plain.h - what the test programs without Check share: seeds, random numbers,
 * patterns in blocks, and the memory figures of /proc.
 *
 * These programs run with any malloc, and are C and C++.  They must not know:
 * any header of memaix.
 *
 * SPDX-License-Identifier: MIT  */

#ifndef PLAIN_H
#define PLAIN_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PLAIN_KIB ((size_t)1 << 10)
#define PLAIN_MIB ((size_t)1 << 20)
#define PLAIN_GIB ((size_t)1 << 30)

/* From the compiler's command line, for an emulator: so many times less is done
 * where the amount proves nothing new.  */
#ifndef PLAIN_SLOW
# define PLAIN_SLOW 1
#endif

#define PLAIN_UNUSED __attribute__((unused))

/* On AIX malloc(0) is NULL, and malloc_usable_size does not exist.  */
#ifdef _AIX
# define PLAIN_LEAST 1
#else
# define PLAIN_LEAST 0
#endif

/* The seed of this run, printed so that MEMAIX_SEED=N replays it.  */
PLAIN_UNUSED static uint64_t
plain_seed(const char *program)
{
	const char *text = getenv("MEMAIX_SEED");
	struct timespec now;
	uint64_t seed;

	clock_gettime(CLOCK_REALTIME, &now);
	seed = text != NULL ? strtoull(text, NULL, 0) :
	    (uint64_t)now.tv_nsec ^ ((uint64_t)now.tv_sec << 20) ^
	    (uint64_t)getpid();
	printf("%s: MEMAIX_SEED=%llu\n", program, (unsigned long long)seed);
	fflush(stdout);
	return seed;
}

/* splitmix64: any seed will do, and no state but one word.  */
PLAIN_UNUSED static uint64_t
plain_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

/* Below N.  */
PLAIN_UNUSED static size_t
plain_below(uint64_t *state, size_t n)
{
	return (size_t)(plain_random(state) % n);
}

/* A size with as many between 16 and 32 as between 16 and 32 MiB, up to about
 * 1 << LOG bytes; 0 is among them where it makes a block.  */
PLAIN_UNUSED static size_t
plain_size(uint64_t *state, unsigned most_log)
{
	size_t log = plain_below(state, most_log) + 1;

	return plain_below(state, (size_t)1 << log) + PLAIN_LEAST;
}

/* Byte I of the pattern with key KEY.  */
PLAIN_UNUSED static unsigned char
plain_byte(uint64_t key, size_t i)
{
	return (unsigned char)((key >> (8 * (i & 7))) ^ (i >> 3));
}

PLAIN_UNUSED static void
plain_fill(void *v, size_t n, uint64_t key)
{
	unsigned char *p = (unsigned char *)v;

	for (size_t i = 0; i < n; i++)
		p[i] = plain_byte(key, i);
}

/* Index of the first byte that is not the pattern's, or N.  */
PLAIN_UNUSED static size_t
plain_verify(const void *v, size_t n, uint64_t key)
{
	const unsigned char *p = (const unsigned char *)v;

	for (size_t i = 0; i < n; i++)
		if (p[i] != plain_byte(key, i))
			return i;
	return n;
}

/* Index of the first byte that is not zero, or N.  */
PLAIN_UNUSED static size_t
plain_zeros(const void *v, size_t n)
{
	const unsigned char *p = (const unsigned char *)v;

	for (size_t i = 0; i < n; i++)
		if (p[i] != 0)
			return i;
	return n;
}

/* The same for blocks of all sizes: a large one has the pattern at both ends
 * only, since filling it all would be most of the test's time.  */
#define PLAIN_EDGE ((size_t)4096)

PLAIN_UNUSED static void
plain_mark(void *v, size_t n, uint64_t key)
{
	if (n <= 2 * PLAIN_EDGE) {
		plain_fill(v, n, key);
		return;
	}
	plain_fill(v, PLAIN_EDGE, key);
	plain_fill((char *)v + n - PLAIN_EDGE, PLAIN_EDGE, key + 1);
}

/* Nonzero when the first KEEP bytes are still those of a block that was marked
 * when it had N.  */
PLAIN_UNUSED static int
plain_is_marked(const void *v, size_t n, size_t keep, uint64_t key)
{
	size_t start = n <= 2 * PLAIN_EDGE ? n : PLAIN_EDGE;

	if (start > keep)
		start = keep;
	if (plain_verify(v, start, key) != start)
		return 0;
	if (n <= 2 * PLAIN_EDGE || keep < n)
		return 1;
	return plain_verify((const char *)v + n - PLAIN_EDGE, PLAIN_EDGE,
	    key + 1) == PLAIN_EDGE;
}

/* Bytes of this process in memory; 0 where there is no /proc/self/statm.  */
PLAIN_UNUSED static size_t
plain_rss(void)
{
	FILE *f = fopen("/proc/self/statm", "r");
	unsigned long pages = 0;

	if (f == NULL)
		return 0;
	if (fscanf(f, "%*s %lu", &pages) != 1)
		pages = 0;
	fclose(f);
	return pages * (size_t)sysconf(_SC_PAGESIZE);
}

#endif /* PLAIN_H */
