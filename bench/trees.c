/* trees.c - build binary trees, walk them, free them; one large tree lives all
 * the time.
 *
 *   binary  nodes of 32 bytes
 *   text    every node also owns a string of 8..64 bytes
 *
 * Threads share nothing.  The amount of work is per thread.
 *
 * SPDX-License-Identifier: MIT  */

#include "bench.h"

#include <string.h>

enum { DEPTH_MIN = 4, DEPTH_MAX = 16, DEPTH_LONG = 17 };

struct node {
	struct node *left;
	struct node *right;
	char *text;                     /* NULL in mode binary */
	uint64_t value;
};

static size_t nodes_per_depth;
static bool with_text;

static char *
make_text(uint64_t *rng)
{
	size_t n = bench_size(rng, 3, 6);
	char *text = bench_malloc(n);

	memset(text, (int)(n & 0x7f), n);
	return text;
}

static struct node *
build(unsigned depth, uint64_t *rng)
{
	struct node *t = bench_check(malloc(sizeof(*t)));

	t->value = depth;
	t->text = with_text ? make_text(rng) : NULL;
	t->left = depth > 0 ? build(depth - 1, rng) : NULL;
	t->right = depth > 0 ? build(depth - 1, rng) : NULL;
	return t;
}

static uint64_t
count(const struct node *t)
{
	return t == NULL ? 0 : 1 + count(t->left) + count(t->right);
}

static void
drop(struct node *t)
{
	if (t == NULL)
		return;
	drop(t->left);
	drop(t->right);
	bench_free(t->text);
	bench_free(t);
}

static void
check(const struct node *t, unsigned depth)
{
	if (count(t) != ((uint64_t)2 << depth) - 1)
		bench_die("a tree lost a node");
}

static void
grow(void *arg, unsigned id)
{
	uint64_t rng = bench_seed(id);
	struct node *longest = build(DEPTH_LONG, &rng);

	(void)arg;
	for (unsigned depth = DEPTH_MIN; depth <= DEPTH_MAX; depth += 2) {
		size_t trees = nodes_per_depth >> (depth + 1);

		for (size_t i = 0; i < trees; i++) {
			struct node *t = build(depth, &rng);

			check(t, depth);
			drop(t);
		}
	}
	check(longest, DEPTH_LONG);
	drop(longest);
}

int
main(int argc, char **argv)
{
	struct bench b;

	bench_open(&b, argc, argv, " binary text ");
	with_text = bench_is(&b, "text");
	nodes_per_depth = bench_scale(&b, with_text ? 2000000 : 5000000);
	bench_start(&b);
	bench_run(b.threads, grow, NULL);
	bench_done(&b, (uint64_t)nodes_per_depth * b.threads);
	return 0;
}
