/* check_pages.h - a walk over every page that the heap has, with all that must
 * be true of it.
 *
 * Nothing may be in motion meanwhile: for tests with one thread, or after the
 * others have ended.
 *
 * SPDX-License-Identifier: MIT  */

#ifndef CHECK_PAGES_H
#define CHECK_PAGES_H

#include "arena.h"
#include "cache.h"
#include "check_core.h"
#include "heap.h"
#include "meta.h"
#include "pagemap.h"
#include "runs.h"

/* Mapped memory without a gap: arenas that touch are one.  */
struct extent {
	char *from, *to;
};

#define MOST_EXTENTS 4096

static struct extent extents[MOST_EXTENTS];
static size_t n_extents;

/* What the walk counted, in pages.  */
static struct {
	size_t used;
	size_t dirty;
	size_t free_runs;
	size_t not_joined;
	size_t large_blocks;
} walked;

static inline int
compare_extents(const void *a, const void *b)
{
	const struct extent *x = a, *y = b;

	return x->from < y->from ? -1 : x->from > y->from;
}

static inline void
collect_extents(void)
{
	size_t used = 0;

	n_extents = 0;
	for (struct mx_arena *a = mx_arena_list; a != NULL; a = a->next) {
		expect(n_extents < MOST_EXTENTS);
		if (a->mapped > 0)
			extents[n_extents++] = (struct extent){ a->base,
			    a->base + a->mapped };
	}
	qsort(extents, n_extents, sizeof extents[0], compare_extents);
	for (size_t i = 1; i < n_extents; i++) {
		expect(extents[used].to <= extents[i].from);
		if (extents[used].to == extents[i].from)
			extents[used].to = extents[i].to;
		else
			extents[++used] = extents[i];
	}
	n_extents = n_extents == 0 ? 0 : used + 1;
}

/* Pages of [V, V + PAGES) that the toy kernel has as Ready.  */
static inline size_t
count_really_ready(const char *v, size_t pages)
{
	size_t n = 0;

	for (size_t i = 0; i < pages; i++) {
		enum fake_os_state state =
		    fake_os_state(v + (i << MX_PAGE_SHIFT));

		size_t skip;

		expect(state == FAKE_READY || state == (mx_pagemap_find_closed(
		    (char *)(uintptr_t)v + (i << MX_PAGE_SHIFT), 1, true,
		    &skip) == 1 ? FAKE_RESERVED : FAKE_PREPARED));
		n += state == FAKE_READY;
	}
	return n;
}

/* No inner granule without one before it, nothing in use beyond the last.  */
static inline void
expect_mixed(const struct mx_span *s)
{
	struct mx_mixed *m = s->mixed;
	uint32_t free_ = 0, run = 0, longest = 0;

	expect(m->span == s && s->owner == NULL && s->home == NULL);
	expect(s->local == MX_BLOCK_END && m->granules == s->blocks);
	for (uint32_t i = 0; i < m->words * MX_SPAN_WORD; i++) {
		bool used = mx_span_bit(mx_span_used(m), i);
		bool inner = mx_span_bit(mx_span_inner(m), i);

		expect(!used || i < m->granules);
		expect(!inner || (used && i > 0 &&
		    mx_span_bit(mx_span_used(m), i - 1)));
		run = used || i >= m->granules ? 0 : run + 1;
		longest = mx_max(longest, run);
		free_ += i < m->granules && !used;
	}
	expect_eq(m->free_, free_);
	expect(free_ < m->granules);
	/* Its longest run is known, and it can be found.  */
	expect_eq(m->room, (size_t)longest * s->size);
	expect_eq(m->list, longest == 0 ? 24 : mx_log2(m->room));
}

static inline void
expect_run(const struct mx_span *s, char *v, bool after_free)
{
	const struct mx_span *end = mx_pagemap_record(v +
	    ((size_t)(s->pages - 1) << MX_PAGE_SHIFT));
	size_t ready = mx_pagemap_count_ready(v, s->pages);

	expect(s->base == v);
	expect(s->pages > 0);
	expect_eq(count_really_ready(v, s->pages), ready);
	switch (s->state) {
	case MX_SPAN_FREE:
		/* The last to become free may wait.  */
		walked.not_joined += after_free;
		expect(walked.not_joined <= 2);
		expect(s == end || end->state == MX_SPAN_FREE_END);
		expect_eq(end->pages, s->pages);
		expect_eq(s->dirty, ready);
		expect(mx_pagemap_get(v) == &mx_pagemap_none);
		walked.dirty += ready;
		walked.free_runs++;
		break;
	case MX_SPAN_MIXED:
		expect_mixed(s);
		/* fall through */
	case MX_SPAN_SMALL:
	case MX_SPAN_LARGE:
		expect_eq(ready, s->pages);
		expect(mx_pagemap_get(v) == s);
		walked.used += s->pages;
		walked.large_blocks += s->state == MX_SPAN_LARGE;
		break;
	default:
		ck_abort_msg("page %p is lost: state %d%s", (void *)v,
		    s->state, property_note());
	}
	for (size_t i = 1; i < s->pages; i++)
		expect(mx_pagemap_get(v + (i << MX_PAGE_SHIFT)) ==
		    (mx_span_is_small(s) ? s : &mx_pagemap_none));
}

/* Runs cover the memory without a gap, free neighbours are one, but for a run that
 * waits to be joined, and the accounts are the sums.  */
static inline void
expect_heap(void)
{
	expect_accounts();
	collect_extents();
	memset(&walked, 0, sizeof walked);
	for (size_t i = 0; i < n_extents; i++) {
		bool after_free = false;
		char *v = extents[i].from;

		while (v < extents[i].to) {
			const struct mx_span *s = mx_pagemap_record(v);

			expect_run(s, v, after_free);
			after_free = s->state == MX_SPAN_FREE;
			v += (size_t)s->pages << MX_PAGE_SHIFT;
		}
		expect(v == extents[i].to);
	}
	expect_eq(mx_heap_account.used, walked.used);
	expect_eq(mx_heap_account.dirty, walked.dirty);
	expect_eq(mx_heap_account.large_blocks, walked.large_blocks);
	expect_eq(((walked.used + walked.dirty) << MX_PAGE_SHIFT) +
	    mx_meta_bytes(), mx_sys_account.ready);
}

/* Everything came back, and was joined.  */
static inline void
expect_heap_is_empty(void)
{
	mx_cache_trim();
	mx_runs_settle();
	expect_heap();
	expect_eq(mx_heap_account.used, 0);
	expect_eq(mx_heap_account.large_blocks, 0);
	expect_eq(mx_heap_account.large_bytes, 0);
	expect_eq(walked.not_joined, 0);
	expect_eq(walked.free_runs, n_extents);
}

/* The most free pages that may be Ready after a give.  */
static inline size_t
dirty_most(void)
{
	return mx_max(mx_heap_account.used * mx_conf.dirty_percent / 100,
	    dirty_least());
}

#endif /* CHECK_PAGES_H */
