/* lru.c - a cache of 96 MiB that drops what was not used for longest, while the
 * size of its values drifts.
 *
 *   drift   the only mode
 *
 * An entry is a node, a key and a value, three blocks.  The mean size of values
 * goes from 100 to 600, 60, 2,000 and 250 bytes, step by step; a value is half
 * to one and a half times the mean.  Every second request is for a key used
 * lately, and one in eight of those gives the entry a new value.  In the end
 * everything is freed.  Extra results, in KiB: rss_live and live_kib, the
 * resident size without the hash table and what was asked for, both before the
 * end.
 *
 * SPDX-License-Identifier: MIT  */

#include "bench.h"
#include "sample.h"

#include <stdio.h>
#include <string.h>

enum { BUCKETS = 1 << 20, STAGES = 5, RECENT = 1 << 16 };

struct node {
	struct node *older, *newer, *next;
	char *key;
	void *value;
	size_t size, bucket;
};

static const double stage_mean[STAGES] = { 100, 600, 60, 2000, 250 };

static struct node **table;
static struct node *oldest, *newest;
static size_t live, limit;
static struct node *recent[RECENT];     /* by the last bits of the key */

static void
unlink_use(struct node *n)
{
	*(n->older != NULL ? &n->older->newer : &oldest) = n->newer;
	*(n->newer != NULL ? &n->newer->older : &newest) = n->older;
}

static void
link_newest(struct node *n)
{
	n->newer = NULL;
	n->older = newest;
	*(newest != NULL ? &newest->newer : &oldest) = n;
	newest = n;
}

static void
set_value(struct node *n, size_t size)
{
	bench_free(n->value);
	n->value = bench_malloc(size);
	live += size - n->size;
	n->size = size;
}

static size_t
key_size(uint64_t key)
{
	return 12 + key % 29;
}

static void
insert(uint64_t key, size_t size)
{
	struct node *n = bench_malloc(sizeof(*n));
	size_t room = key_size(key);

	memset(n, 0, sizeof(*n));
	n->bucket = key * 0x9e3779b97f4a7c15u >> 44;
	n->next = table[n->bucket];
	table[n->bucket] = n;
	n->key = bench_malloc(room);
	memset(n->key, 0, room);
	memcpy(n->key, &key, sizeof(key));
	live += sizeof(*n) + room;
	set_value(n, size);
	link_newest(n);
	recent[key % RECENT] = n;
}

static void
evict(struct node *n)
{
	struct node **at = &table[n->bucket];
	uint64_t key;

	memcpy(&key, n->key, sizeof(key));
	if (recent[key % RECENT] == n)
		recent[key % RECENT] = NULL;
	while (*at != n)
		at = &(*at)->next;
	*at = n->next;
	unlink_use(n);
	live -= n->size + sizeof(*n) + key_size(key);
	bench_free(n->value);
	bench_free(n->key);
	bench_free(n);
}

/* The mean at turn I of N: straight lines between the stages.  */
static double
mean_at(size_t i, size_t n)
{
	double at = (double)i / (double)n * (STAGES - 1);
	size_t stage = (size_t)at;

	return stage_mean[stage] + (at - (double)stage) *
	    (stage_mean[stage + 1] - stage_mean[stage]);
}

static void
serve(size_t turns)
{
	uint64_t rng = bench_seed(0), key = 0;
	struct node *n;

	for (size_t i = 0; i < turns; i++) {
		double mean = mean_at(i, turns);
		size_t size = (size_t)(mean / 2 + mean *
		    (double)bench_below(&rng, 1024) / 1024) + 1;

		n = recent[bench_below(&rng, RECENT)];
		if (i % 2 == 0 || n == NULL) {
			insert(key++, size);
		} else {
			unlink_use(n);
			link_newest(n);
			if (i / 2 % 8 == 0)
				set_value(n, size);
		}
		while (live > limit)
			evict(oldest);
		sample_tick(i);
	}
}

int
main(int argc, char **argv)
{
	struct bench b;
	size_t turns, live_kib, rss;

	bench_open(&b, argc, argv, " drift ");
	if (b.threads != 1)
		bench_die("one thread only");
	turns = bench_scale(&b, 3000000);
	limit = bench_scale(&b, 96 * BENCH_MIB);
	table = bench_map(BUCKETS * sizeof(*table));
	sample_phase("serve");
	bench_start(&b);
	serve(turns);
	rss = sample_now() - BUCKETS * sizeof(*table) / BENCH_KIB;
	live_kib = live / BENCH_KIB;
	sample_phase("end");
	while (oldest != NULL)
		evict(oldest);
	bench_unmap(table, BUCKETS * sizeof(*table));
	snprintf(b.extra, sizeof(b.extra), " rss_live=%zu live_kib=%zu", rss,
	    live_kib);
	bench_done(&b, turns);
	return 0;
}
