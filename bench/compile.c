/* compile.c - the memory of a compiler: for every unit, intern names in a hash
 * table that grows, build a tree of nodes of many sizes whose child lists grow
 * by realloc, replace a third of the nodes, write text into a growing buffer,
 * then free everything.
 *
 *   units   the only mode
 *
 * Threads share nothing.  The amount of work is per thread.
 *
 * SPDX-License-Identifier: MIT  */

#include "bench.h"

#include <string.h>

enum {
	NODES = 20000,                  /* per unit */
	NAMES = 6000,                   /* different ones per unit */
	KINDS = 8
};

struct name {
	struct name *next;
	uint64_t hash;
	char text[];
};

struct node {
	const struct name *name;
	struct node **child;
	uint32_t children;
	uint32_t room;
	uint32_t kind;
	uint32_t weight;
	unsigned char body[];           /* its size depends on the kind */
};

struct unit {
	uint64_t rng;
	struct name **bucket;
	size_t buckets;                 /* a power of two */
	size_t names;
	struct node **node;             /* all nodes, the root first */
	char *text;
	size_t text_used, text_room;
};

static size_t units;

/* NODE with a body for KIND, all of it written.  */
static struct node *
make_node(const struct name *name, uint32_t kind)
{
	static const unsigned char body[KINDS] = {
		0, 8, 16, 16, 24, 40, 72, 136
	};
	struct node *n = bench_check(malloc(sizeof(*n) + body[kind]));

	memset(n, 0, sizeof(*n) + body[kind]);
	n->name = name;
	n->kind = kind;
	return n;
}

static void
add_child(struct node *parent, struct node *child)
{
	if (parent->children == parent->room) {
		parent->room = parent->room == 0 ? 2 : parent->room * 2;
		parent->child = bench_check(realloc(parent->child,
		    parent->room * sizeof(struct node *)));
	}
	parent->child[parent->children++] = child;
}

static void
grow_table(struct unit *u)
{
	size_t buckets = u->buckets == 0 ? 64 : u->buckets * 2;
	struct name **bucket = bench_check(calloc(buckets, sizeof(*bucket)));

	for (size_t i = 0; i < u->buckets; i++) {
		struct name *next;

		for (struct name *s = u->bucket[i]; s != NULL; s = next) {
			struct name **to = &bucket[s->hash & (buckets - 1)];

			next = s->next;
			s->next = *to;
			*to = s;
		}
	}
	free(u->bucket);
	u->bucket = bucket;
	u->buckets = buckets;
}

/* The name of number ID: 4 to 24 letters.  */
static size_t
spell(char *text, size_t id)
{
	uint64_t rng = bench_seed(id);
	size_t n = 4 + bench_below(&rng, 21);

	for (size_t i = 0; i < n; i++)
		text[i] = (char)('a' + bench_below(&rng, 26));
	text[n] = '\0';
	return n;
}

static const struct name *
intern(struct unit *u, size_t id)
{
	char text[32];
	size_t n = spell(text, id);
	uint64_t hash = 14695981039346656037u;
	struct name *s;

	for (size_t i = 0; i < n; i++)
		hash = (hash ^ (unsigned char)text[i]) * 1099511628211u;
	if (u->names >= u->buckets)
		grow_table(u);
	s = u->bucket[hash & (u->buckets - 1)];
	while (s != NULL && (s->hash != hash || strcmp(s->text, text) != 0))
		s = s->next;
	if (s != NULL)
		return s;
	s = bench_check(malloc(sizeof(*s) + n + 1));
	memcpy(s->text, text, n + 1);
	s->hash = hash;
	s->next = u->bucket[hash & (u->buckets - 1)];
	u->bucket[hash & (u->buckets - 1)] = s;
	u->names++;
	return s;
}

static struct node *
random_node(struct unit *u)
{
	return make_node(intern(u, bench_below(&u->rng, NAMES)),
	    (uint32_t)bench_below(&u->rng, KINDS));
}

static void
parse(struct unit *u)
{
	u->node = bench_check(malloc(NODES * sizeof(struct node *)));
	u->node[0] = random_node(u);
	for (size_t i = 1; i < NODES; i++) {
		size_t back = bench_size(&u->rng, 0, 10);

		u->node[i] = random_node(u);
		add_child(u->node[back < i ? i - back : 0], u->node[i]);
	}
}

/* Give a third of the nodes a body of another size, as passes of a compiler
 * do.  The child lists, which still name the old nodes, are not read again.  */
static void
rewrite(struct unit *u)
{
	for (size_t i = 0; i < NODES; i += 3) {
		struct node *old = u->node[i];
		struct node *n = random_node(u);

		n->child = old->child;
		n->children = old->children;
		n->room = old->room;
		bench_free(old);
		u->node[i] = n;
	}
}

static void
print(struct unit *u, const char *text)
{
	size_t n = strlen(text);

	if (u->text_used + n + 1 > u->text_room) {
		u->text_room = u->text_room * 2 + 256;
		u->text = bench_check(realloc(u->text, u->text_room));
	}
	memcpy(u->text + u->text_used, text, n + 1);
	u->text_used += n;
}

/* Each name goes through a block of its own, like a temporary string.  */
static void
generate(struct unit *u)
{
	for (size_t i = 0; i < NODES; i++) {
		const char *from = u->node[i]->name->text;
		size_t n = strlen(from);
		char *line = bench_check(malloc(n + 8));

		memcpy(line, "\tcall ", 6);
		memcpy(line + 6, from, n);
		memcpy(line + 6 + n, "\n", 2);
		print(u, line);
		bench_free(line);
	}
}

static void
drop(struct unit *u)
{
	for (size_t i = 0; i < NODES; i++) {
		bench_free(u->node[i]->child);
		bench_free(u->node[i]);
	}
	for (size_t i = 0; i < u->buckets; i++) {
		struct name *next;

		for (struct name *s = u->bucket[i]; s != NULL; s = next) {
			next = s->next;
			bench_free(s);
		}
	}
	bench_free(u->bucket);
	bench_free(u->node);
	bench_free(u->text);
}

static void
compile(void *arg, unsigned id)
{
	(void)arg;
	for (size_t i = 0; i < units; i++) {
		struct unit u = { .rng = bench_seed(id * 1000 + i) };

		parse(&u);
		rewrite(&u);
		generate(&u);
		drop(&u);
	}
}

int
main(int argc, char **argv)
{
	struct bench b;

	bench_open(&b, argc, argv, " units ");
	units = bench_scale(&b, 160);
	bench_start(&b);
	bench_run(b.threads, compile, NULL);
	bench_done(&b, (uint64_t)units * NODES * b.threads);
	return 0;
}
