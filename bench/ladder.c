/* ladder.c - sizes climb in rungs from 1 to 1,000 bytes, again and again; small
 * sizes are more frequent.
 *
 *   six     every block waits in a ring for its turn to be freed; a third of
 *           each rung is freed at once, last first or first to last
 *   eight   groups of blocks are left in a table that all threads share, and
 *           the groups found there are freed, in order or backwards
 *
 * SPDX-License-Identifier: MIT  */

#include "bench.h"

enum {
	RUNGS = 64,
	RUNG_BYTES = 16,
	RING = 16384,
	GROUP = 120,
	SHARED = 64
};

struct group {
	struct group *next;             /* of one rung */
	size_t used;
	void *block[GROUP];
};

static struct group *shared[SHARED];    /* any thread */
static size_t passes;                   /* per thread */

static size_t
draw(uint64_t *rng, size_t rung)
{
	size_t n = (rung + 1) * RUNG_BYTES - bench_below(rng, RUNG_BYTES);

	return n < 1000 ? n : 1000;
}

static size_t
count_of(size_t rung)
{
	return 16 + 6000 / (rung + 4);
}

/* Free a third of the N newest blocks of the ring.  */
static void
drop_newest(void **ring, size_t pos, size_t n, bool backwards)
{
	size_t third = n / 3;

	for (size_t i = 0; i < third; i++) {
		size_t back = backwards ? i : third - 1 - i;
		void **slot = &ring[(pos - 1 - back) % RING];

		bench_free(*slot);
		*slot = NULL;
	}
}

static void
six(void *arg, unsigned id)
{
	static _Alignas(BENCH_LINE) void *rings[64][RING];
	void **ring = rings[id];
	uint64_t rng = bench_seed(id);
	size_t pos = 0;

	(void)arg;
	for (size_t pass = 0; pass < passes; pass++)
		for (size_t rung = 0; rung < RUNGS; rung++) {
			size_t n = count_of(rung);

			for (size_t i = 0; i < n; i++, pos++) {
				bench_free(ring[pos % RING]);
				ring[pos % RING] =
				    bench_malloc(draw(&rng, rung));
			}
			drop_newest(ring, pos, n, rung % 2 == 0);
		}
	for (size_t i = 0; i < RING; i++)
		bench_free(ring[i]);
}

static struct group *
fill(uint64_t *rng, size_t rung)
{
	struct group *g = NULL;

	for (size_t n = count_of(rung) / GROUP + 1; n > 0; n--) {
		struct group *more = bench_malloc(sizeof(*more));

		more->next = g;
		more->used = GROUP;
		for (int i = 0; i < GROUP; i++)
			more->block[i] = bench_malloc(draw(rng, rung));
		g = more;
	}
	return g;
}

static void
drop(struct group *g, bool backwards)
{
	while (g != NULL) {
		struct group *next = g->next;

		for (size_t i = 0; i < g->used; i++)
			bench_consume(g->block[backwards ?
			    g->used - 1 - i : i]);
		bench_free(g);
		g = next;
	}
}

static void
eight(void *arg, unsigned id)
{
	uint64_t rng = bench_seed(id);

	(void)arg;
	for (size_t pass = 0; pass < passes; pass++)
		for (size_t rung = 0; rung < RUNGS; rung++)
			drop(__atomic_exchange_n(
			    &shared[bench_below(&rng, SHARED)],
			    fill(&rng, rung), __ATOMIC_ACQ_REL), rung % 2);
}

int
main(int argc, char **argv)
{
	struct bench b;
	size_t blocks = 0;

	bench_open(&b, argc, argv, " six eight ");
	for (size_t rung = 0; rung < RUNGS; rung++)
		blocks += count_of(rung);
	passes = bench_scale(&b, bench_is(&b, "six") ? 500 : 120);
	bench_start(&b);
	bench_run(b.threads, bench_is(&b, "six") ? six : eight, NULL);
	for (int i = 0; i < SHARED; i++)
		drop(shared[i], false);
	bench_done(&b, (uint64_t)passes * blocks * b.threads);
	return 0;
}
