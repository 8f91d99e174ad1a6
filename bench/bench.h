/* bench.h - what every benchmark program shares.
 *
 * Owns: the command line, the clock, the seeded random numbers, the threads and
 * the line that is printed.  Must not know: memaix.  The programs call malloc
 * by its standard names only and are never linked with an allocator; run.py
 * preloads one.
 *
 * A program does a fixed amount of work, the same for every allocator: fixed
 * seeds, a count of operations and never a duration.
 *
 * SPDX-License-Identifier: MIT  */

#ifndef BENCH_H
#define BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

/* Data that two threads write lies this far apart.  */
#define BENCH_LINE      128

#define BENCH_KIB       ((size_t)1 << 10)
#define BENCH_MIB       ((size_t)1 << 20)

struct bench {
	const char *mode;       /* one of the program's modes */
	unsigned threads;
	unsigned percent;       /* of the full amount of work */
	const char *file;       /* for samples, or NULL */
	unsigned idle_ms;       /* how long to sit idle at the end */
	bool wall;              /* time by the wall clock, not by CPU time */
	uint64_t start;
	uint64_t extra_ns;      /* not to be counted */
	bool own_file;          /* the program writes FILE, not bench_done */
	char extra[640];        /* more to print, " name=value ..." */
};

/* Read MODE THREADS PERCENT [FILE IDLE_MS].  MODES is a list of words, as
 * " small large ".  One thread: the score is CPU time; else wall time.  Exits
 * with a usage line when the command line is wrong.  */
void bench_open(struct bench *b, int argc, char **argv, const char *modes);
bool bench_is(const struct bench *b, const char *mode);

/* PERCENT of N, at least 1.  */
size_t bench_scale(const struct bench *b, size_t n);

void bench_start(struct bench *b);

/* Print the result: OPS operations since bench_start.  With a FILE, which asks
 * for samples of the resident size, sit idle first: everything is freed.  */
void bench_done(struct bench *b, uint64_t ops);

/* Call FN(ARG, 0) ... FN(ARG, N-1), each in a thread of its own and the only
 * one of N == 1 in the caller's.  Returns when all have ended.  */
void bench_run(unsigned n, void (*fn)(void *arg, unsigned id), void *arg);

uint64_t bench_wall_ns(void);
uint64_t bench_cpu_ns(void);

/* Resident memory of this process now, in KiB; 0 where /proc does not say.
 * Does not allocate.  */
size_t bench_rss_kib(void);

/* What /proc/self/smaps_rollup says of FIELD, in KiB; false where it does not.
 * Counts page by page: 0.1 ms and more.  Does not allocate.  */
bool bench_rollup_kib(const char *field, size_t *kib);

/* N zero bytes that the allocator knows nothing of.  */
void *bench_map(size_t n);
void *bench_map_shared(size_t n);       /* children write to the same */
void bench_unmap(void *p, size_t n);

_Noreturn void bench_die(const char *what);

/* Give back what was given, in a way the compiler cannot see through: without
 * it a malloc whose block only goes to free may be removed.  */
static inline void *
bench_hide(void *p)
{
	void *volatile hidden = p;

	return hidden;
}

/* Use the first and the last byte of P, a block of N.  */
static inline void
bench_touch(void *p, size_t n)
{
	volatile unsigned char *c = p;

	c[0] = (unsigned char)n;
	c[n - 1] = (unsigned char)n;
}

/* One byte of each OS page as well.  */
static inline void
bench_touch_pages(void *p, size_t n)
{
	volatile unsigned char *c = p;

	for (size_t i = 0; i < n; i += 4096)
		c[i] = (unsigned char)n;
	c[n - 1] = (unsigned char)n;
}

static inline void *
bench_check(void *p)
{
	if (p == NULL)
		bench_die("out of memory");
	return bench_hide(p);
}

static inline void *
bench_malloc(size_t n)
{
	void *p = bench_check(malloc(n));

	bench_touch(p, n);
	return p;
}

static inline void
bench_free(void *p)
{
	free(bench_hide(p));
}

/* What a thread does with a block that another one filled: read it, then free
 * it.  Without the read the block's memory would never have to travel from one
 * processor to the other, and it does in every program.  */
static inline void
bench_consume(void *p)
{
	const volatile unsigned char *c = p;

	(void)c[0];
	bench_free(p);
}

/* A random state that differs for every SEED.  */
static inline uint64_t
bench_seed(uint64_t seed)
{
	return (seed + 1) * 0x9e3779b97f4a7c15u | 1;
}

static inline uint64_t
bench_random(uint64_t *state)
{
	uint64_t x = *state;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return *state = x;
}

/* A number in [0, N), N < 2^32.  */
static inline size_t
bench_below(uint64_t *state, size_t n)
{
	return (size_t)((bench_random(state) >> 32) * n >> 32);
}

/* A size in [2^LO, 2^HI): every power of two is as likely as any other, so
 * that small sizes are more frequent, as in programs.  */
static inline size_t
bench_size(uint64_t *state, unsigned lo, unsigned hi)
{
	uint64_t r = bench_random(state);
	unsigned e = lo + (unsigned)((r >> 48) * (hi - lo) >> 16);

	return ((size_t)1 << e) | ((size_t)r & (((size_t)1 << e) - 1));
}

#endif /* BENCH_H */
