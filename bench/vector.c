/* vector.c - growth by realloc.
 *
 *   many    2,000 vectors of 8-byte elements grow side by side, each element
 *           to a random vector, capacity times 1.5, to about 1,000 elements
 *           each; then all are freed, and again
 *   side    4 vectors grow side by side to 1 MiB each, element by element,
 *           capacity times 1.5; then all are freed, and again
 *   one     one vector grows to 256 MiB, capacity times 1.25
 *   gig     one vector grows to 1 GiB, capacity times 1.25, one byte of each
 *           OS page written
 *
 * SPDX-License-Identifier: MIT  */

#include "bench.h"

enum {
	VECTORS = 2000, ELEMENTS = 1000,
	SIDES = 4, SIDE_ELEMENTS = 131072
};

struct vector {
	uint64_t *item;
	size_t used;
	size_t room;
};

static void
push(struct vector *v, uint64_t item, size_t parts)
{
	if (v->used == v->room) {
		v->room += v->room / parts + 4;
		v->item = bench_check(realloc(bench_hide(v->item),
		    v->room * sizeof(*v->item)));
	}
	v->item[v->used++] = item;
}

/* The elements must have survived the moves.  */
static void
drop(struct vector *v)
{
	for (size_t i = 0; i < v->used; i += v->used / 8 + 1)
		if (v->item[i] != i)
			bench_die("realloc lost an element");
	bench_free(v->item);
	*v = (struct vector){ NULL, 0, 0 };
}

static uint64_t
many(const struct bench *b)
{
	static struct vector vectors[VECTORS];
	uint64_t rng = bench_seed(0);
	size_t passes = bench_scale(b, 20);

	for (size_t pass = 0; pass < passes; pass++) {
		for (size_t i = 0; i < VECTORS * ELEMENTS; i++) {
			struct vector *v =
			    &vectors[bench_below(&rng, VECTORS)];

			push(v, v->used, 2);
		}
		for (int i = 0; i < VECTORS; i++)
			drop(&vectors[i]);
	}
	return (uint64_t)passes * VECTORS * ELEMENTS;
}

static uint64_t
side(const struct bench *b)
{
	struct vector vectors[SIDES] = { { NULL, 0, 0 } };
	size_t passes = bench_scale(b, 200);

	for (size_t pass = 0; pass < passes; pass++) {
		for (size_t i = 0; i < SIDE_ELEMENTS; i++)
			for (int k = 0; k < SIDES; k++)
				push(&vectors[k], i, 2);
		for (int k = 0; k < SIDES; k++)
			drop(&vectors[k]);
	}
	return (uint64_t)passes * SIDES * SIDE_ELEMENTS;
}

static uint64_t
one(const struct bench *b)
{
	struct vector v = { NULL, 0, 0 };
	size_t n = bench_scale(b, 256 * BENCH_MIB / sizeof(*v.item));

	for (size_t i = 0; i < n; i++)
		push(&v, i, 4);
	drop(&v);
	return n;
}

/* As `one', but what counts is how realloc grows, not the filling.  */
static uint64_t
gig(const struct bench *b)
{
	size_t step = 4096, n = bench_scale(b, 1024 * BENCH_MIB);
	size_t used = 0, room = 0;
	unsigned char *p = NULL;

	for (; used < n; used += step) {
		if (used == room) {
			room += (room / 4 / step + 4) * step;
			p = bench_check(realloc(bench_hide(p), room));
		}
		p[used] = (unsigned char)(used / step);
	}
	for (size_t i = 0; i < used; i += step)
		if (p[i] != (unsigned char)(i / step))
			bench_die("realloc lost a byte");
	bench_free(p);
	return n / step;
}

int
main(int argc, char **argv)
{
	struct bench b;

	bench_open(&b, argc, argv, " many side one gig ");
	if (b.threads != 1)
		bench_die("one thread only");
	bench_start(&b);
	bench_done(&b, bench_is(&b, "many") ? many(&b) :
	    bench_is(&b, "side") ? side(&b) :
	    bench_is(&b, "one") ? one(&b) : gig(&b));
	return 0;
}
