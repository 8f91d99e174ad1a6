/* shrink.c - how much memory comes back: grow, free, refill with blocks of
 * another size, free everything, sit idle.
 *
 *   all     16..256 bytes, then 256..2048; the first free takes all blocks
 *   most    the same; the first free takes 90 %, at random
 *   shift   32..256 bytes, all equally likely, 90 % of which go at random;
 *           then 300..2000 until as many bytes are in use as before
 *
 * The score is CPU time; the idle time costs none.  Extra results, in KiB:
 * rss_drop (after the first free), rss_live (after the refill), both without
 * the list of blocks, and live_kib (what the program had asked for then).
 *
 * SPDX-License-Identifier: MIT  */

#include "bench.h"
#include "sample.h"

#include <stdio.h>

enum { SMALLEST = 16 };

struct sizes {
	size_t lo, hi;
	bool equal;             /* or every power of two equally likely */
};

/* The list of blocks is mapped, not allocated: at the end of a phase only the
 * allocator's own memory is to be seen.  */
struct item {
	void *p;
	size_t n;
};

static struct item *block;
static size_t blocks, most;             /* in use; as many pages were touched */
static size_t live;                     /* bytes */

static unsigned
log2_of(size_t n)
{
	unsigned e = 0;

	while (n >>= 1)
		e++;
	return e;
}

static size_t
draw(const struct sizes *s, uint64_t *rng)
{
	return s->equal ? s->lo + bench_below(rng, s->hi - s->lo + 1) :
	    bench_size(rng, log2_of(s->lo), log2_of(s->hi));
}

static void
grow(const char *name, uint64_t *rng, size_t bytes, const struct sizes *s)
{
	sample_phase(name);
	for (size_t step = 0, n; bytes > 0; bytes -= n < bytes ? n : bytes) {
		n = draw(s, rng);
		block[blocks++] = (struct item){ bench_malloc(n), n };
		live += n;
		sample_tick(step++);
	}
	if (blocks > most)
		most = blocks;
}

/* Resident KiB without the list.  */
static size_t
resident(void)
{
	return sample_now() - most * sizeof(*block) / BENCH_KIB;
}

/* Free PERCENT of the blocks, in random order.  Returns the resident KiB.  */
static size_t
drop(const char *name, uint64_t *rng, unsigned percent)
{
	size_t n = (size_t)((uint64_t)blocks * percent / 100);

	sample_phase(name);
	for (size_t i = 0; i < n; i++) {
		size_t k = bench_below(rng, blocks);

		bench_free(block[k].p);
		live -= block[k].n;
		block[k] = block[--blocks];
		sample_tick(i);
	}
	return resident();
}

int
main(int argc, char **argv)
{
	static const struct sizes first[] = {
		{ 16, 256, false }, { 32, 256, true }
	}, second[] = {
		{ 256, 2048, false }, { 300, 2000, true }
	};
	struct bench b;
	uint64_t rng = bench_seed(0), ops;
	size_t bytes, room, after_drop, after_refill, live_kib;
	bool shift;

	bench_open(&b, argc, argv, " all most shift ");
	if (b.threads != 1)
		bench_die("one thread only");
	shift = bench_is(&b, "shift");
	bytes = bench_scale(&b, 256 * BENCH_MIB);
	room = 2 * bytes / SMALLEST * sizeof(*block);
	block = bench_map(room);
	bench_start(&b);
	grow("grow", &rng, bytes, &first[shift]);
	ops = blocks;
	after_drop = drop("drop", &rng, bench_is(&b, "all") ? 100 : 90);
	ops -= blocks;
	grow("refill", &rng, shift ? bytes - live : bytes, &second[shift]);
	ops += blocks;
	after_refill = resident();
	live_kib = live / BENCH_KIB;
	drop("end", &rng, 100);
	bench_unmap(block, room);
	snprintf(b.extra, sizeof(b.extra),
	    " rss_drop=%zu rss_live=%zu live_kib=%zu", after_drop,
	    after_refill, live_kib);
	bench_done(&b, ops);
	return 0;
}
