/* shrink.c - how much memory comes back: grow, free, refill with blocks of
 * another size, free everything, sit idle.
 *
 *   all     the first free takes all blocks
 *   most    the first free takes 90 %, at random
 *
 * FILE gets one line "milliseconds KiB phase" for every sample of the resident
 * size.  The score is CPU time; the idle time costs none.  Extra results, in
 * KiB: rss_peak, rss_drop (after the first free), rss_end (after the last),
 * rss_idle (after the idle time).
 *
 * SPDX-License-Identifier: MIT  */

#include "bench.h"

#include <stdio.h>
#include <sys/mman.h>
#include <time.h>

#ifndef MAP_ANONYMOUS
# define MAP_ANONYMOUS MAP_ANON
#endif

enum {
	SMALLEST = 16,
	SAMPLES = 20000,
	SAMPLE_MS = 4,
	IDLE_STEP_MS = 20,
	STEPS = 512                     /* between looks at the clock */
};

struct sample {
	unsigned ms;
	unsigned kib;
	const char *phase;
};

static struct sample samples[SAMPLES];
static size_t used_samples;
static const char *phase;
static uint64_t origin, last;
static size_t peak;

/* The list of blocks is mapped, not allocated: at the end of a phase only the
 * allocator's own memory is to be seen.  */
static void **block;
static size_t blocks;

static size_t
sample(void)
{
	uint64_t now = bench_wall_ns();
	size_t kib = bench_rss_kib();

	last = now;
	if (kib > peak)
		peak = kib;
	if (used_samples < SAMPLES)
		samples[used_samples++] = (struct sample){
			(unsigned)((now - origin) / 1000000), (unsigned)kib,
			phase
		};
	return kib;
}

static void
tick(size_t step)
{
	if (step % STEPS == 0 &&
	    bench_wall_ns() - last >= SAMPLE_MS * 1000000u)
		sample();
}

static void
grow(const char *name, uint64_t *rng, size_t bytes, unsigned lo, unsigned hi)
{
	phase = name;
	for (size_t step = 0, n; bytes > 0; bytes -= n < bytes ? n : bytes) {
		n = bench_size(rng, lo, hi);
		block[blocks++] = bench_malloc(n);
		tick(step++);
	}
	sample();
}

/* Free PERCENT of the blocks, in random order.  Returns the resident KiB.  */
static size_t
drop(const char *name, uint64_t *rng, unsigned percent)
{
	size_t n = (size_t)((uint64_t)blocks * percent / 100);

	phase = name;
	for (size_t i = 0; i < n; i++) {
		size_t k = bench_below(rng, blocks);

		bench_free(block[k]);
		block[k] = block[--blocks];
		tick(i);
	}
	return sample();
}

static size_t
idle(unsigned ms)
{
	const struct timespec step = { 0, IDLE_STEP_MS * 1000000 };
	size_t kib = sample();

	phase = "idle";
	for (unsigned slept = 0; slept < ms; slept += IDLE_STEP_MS) {
		nanosleep(&step, NULL);
		kib = sample();
	}
	return kib;
}

static void
write_samples(const char *path)
{
	FILE *f = fopen(path, "w");

	if (f == NULL)
		bench_die("cannot write the samples");
	for (size_t i = 0; i < used_samples; i++)
		fprintf(f, "%u %u %s\n", samples[i].ms, samples[i].kib,
		    samples[i].phase);
	if (fclose(f) != 0)
		bench_die("cannot write the samples");
}

int
main(int argc, char **argv)
{
	struct bench b;
	uint64_t rng = bench_seed(0);
	size_t bytes, room, after_drop, at_end, after_idle;
	uint64_t ops;

	bench_open(&b, argc, argv, " all most ");
	if (b.threads != 1)
		bench_die("one thread only");
	bytes = bench_scale(&b, 256 * BENCH_MIB);
	room = 2 * bytes / SMALLEST * sizeof(*block);
	block = mmap(NULL, room, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (block == MAP_FAILED)
		bench_die("out of memory");
	origin = bench_wall_ns();
	bench_start(&b);
	grow("grow", &rng, bytes, 4, 8);
	ops = blocks;
	after_drop = drop("drop", &rng, bench_is(&b, "all") ? 100 : 90);
	ops -= blocks;
	grow("refill", &rng, bytes, 8, 11);
	ops += blocks;
	drop("end", &rng, 100);
	munmap(block, room);
	at_end = sample();
	after_idle = idle(b.idle_ms);
	snprintf(b.extra, sizeof(b.extra),
	    " rss_peak=%zu rss_drop=%zu rss_end=%zu rss_idle=%zu",
	    peak, after_drop, at_end, after_idle);
	bench_done(&b, ops);
	if (b.file != NULL)
		write_samples(b.file);
	return 0;
}
