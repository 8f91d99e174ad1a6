/* interface_random.c - a random sequence of operations beside a model: what is
 * in each live block.  Part of interface_test.
 *
 * SPDX-License-Identifier: MIT  */

#include "interface.h"

enum {
	SLOTS = 3000
};

/* Fewer for an emulator.  */
#define OPERATIONS (400000 / PLAIN_SLOW)

struct slot {
	unsigned char *p;       /* NULL: free */
	size_t n;
	size_t align;
	uint64_t key;           /* of the pattern in the block */
};

static struct slot slots[SLOTS];
static uint64_t state;
static unsigned long step;

static size_t
random_size(void)
{
	switch (plain_below(&state, 16)) {
	case 0:
		return plain_size(&state, 22);
	case 1:
		return plain_size(&state, 17);
	default:
		return plain_size(&state, 12);
	}
}

static void
put(struct slot *s, void *p, size_t n, size_t align)
{
	if (!CHECK_AT(p != NULL, step))
		return;
	s->p = p;
	s->n = n;
	s->align = align;
	CHECK_AT(is_aligned(p, align), step);
	CHECK_AT(usable(p, n) >= n, step);
	s->key = plain_random(&state);
	plain_mark(p, n, s->key);
}

static void
take(struct slot *s)
{
	size_t n = random_size();
	size_t align = (size_t)8 << plain_below(&state, 10);
	void *p = NULL;

	switch (plain_below(&state, 6)) {
	case 0:
		p = p_calloc(n / 8 + 1, 8);
		n = (n / 8 + 1) * 8;
		CHECK_AT(p != NULL && plain_zeros(p, n) == n, step);
		put(s, p, n, natural_alignment(n));
		return;
	case 1:
		put(s, p_aligned_alloc(align, n), n, align);
		return;
	case 2:
		CHECK_AT(p_posix_memalign(&p, align, n) == 0, step);
		put(s, p, n, align);
		return;
	case 3:
		put(s, p_realloc(NULL, n), n, natural_alignment(n));
		return;
	default:
		put(s, p_malloc(n), n, natural_alignment(n));
		return;
	}
}

static void
drop(struct slot *s)
{
	CHECK_AT(plain_is_marked(s->p, s->n, s->n, s->key), step);
	p_free(s->p);
	s->p = NULL;
}

static void
resize(struct slot *s)
{
	/* Half of them near the old size, as programs do.  */
	size_t n = plain_below(&state, 2) ? random_size() + 1 :
	    s->n + plain_below(&state, s->n / 2 + 64) + 1;
	size_t keep = n < s->n ? n : s->n;
	unsigned char *p;

	CHECK_AT(plain_is_marked(s->p, s->n, s->n, s->key), step);
	p = p_realloc(s->p, n);
	if (!CHECK_AT(p != NULL, step))
		return;
	CHECK_AT(plain_is_marked(p, s->n, keep, s->key), step);
	put(s, p, n, least_alignment(n));
}

/* Sorted by address, no block may reach into the next.  */
static int
by_address(const void *a, const void *b)
{
	uintptr_t p = (uintptr_t)((const struct slot *)a)->p;
	uintptr_t q = (uintptr_t)((const struct slot *)b)->p;

	return p < q ? -1 : p > q;
}

static void
check_no_overlap(void)
{
	static struct slot sorted[SLOTS];

	memcpy(sorted, slots, sizeof sorted);
	qsort(sorted, SLOTS, sizeof sorted[0], by_address);
	for (size_t i = 1; i < SLOTS; i++)
		if (sorted[i - 1].p != NULL)
			CHECK_AT(usable(sorted[i - 1].p, sorted[i - 1].n) <=
			    (size_t)(sorted[i].p - sorted[i - 1].p), step);
}

void
interface_random(void)
{
	state = plain_seed("interface_test");
	for (step = 0; step < OPERATIONS; step++) {
		struct slot *s = &slots[plain_below(&state, SLOTS)];

		if (s->p == NULL)
			take(s);
		else if (plain_below(&state, 3) == 0)
			resize(s);
		else
			drop(s);
		if (step % (OPERATIONS / 20) == 0)
			check_no_overlap();
	}
	for (size_t i = 0; i < SLOTS; i++)
		if (slots[i].p != NULL)
			drop(&slots[i]);
}
