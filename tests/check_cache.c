/* check_cache.c - unit tests of the blocks of one thread.
 *
 * check_cache_remote.c has the ways to another thread, check_cache_random.c
 * random sequences and check_cache_threads.c real threads.
 *
 * SPDX-License-Identifier: MIT  */

#include <errno.h>

#include "central.h"
#include "check_caches.h"
#include "check_text.h"

#define CLASS 7         /* 128 bytes, 512 in a span */
#define FEW 11          /* 256 bytes, 256 in a span: an empty one may stay */

static size_t
count_list(const struct mx_block *b)
{
	size_t n = 0;

	for (; b != MX_BLOCK_END; b = b->next)
		n++;
	return n;
}

/* One thread.  */

/* All blocks of a span, each once.  */
START_TEST(test_whole_span)
{
	struct mx_cache *cache = new_cache();
	unsigned c = (unsigned)_i;
	char *p = take(cache, c);
	struct mx_span *s = mx_pagemap_get(p);
	size_t bad = 0;

	ck_assert_ptr_eq(s->owner, cache);
	ck_assert_ptr_eq(cache->span[c], s);
	ck_assert_uint_eq(s->class_, c);
	for (size_t i = 0;;) {
		bad += !mx_span_is_start(s, p) || p[s->size - 1] != 0;
		memset(p, 7, s->size);
		if (++i == s->blocks)
			break;
		p = take(cache, c);
	}
	ck_assert_uint_eq(bad, 0);
	/* The next comes from another span; this one waits.  */
	ck_assert_ptr_ne(mx_pagemap_get(take(cache, c)), s);
	ck_assert_ptr_eq(s->owner, cache);
	ck_assert_ptr_eq(cache->used_up[c].first, s);
	ck_assert_uint_eq(mx_span_get_left(s), s->blocks);
	expect_heap();
}
END_TEST

/* A fresh span is touched only as far as it is used.  */
START_TEST(test_carve)
{
	struct mx_cache *cache = new_cache();
	struct mx_span *s;

	(void)take(cache, 0);
	s = cache->span[0];
	ck_assert_uint_eq(s->carved, 256);
	ck_assert_uint_eq(count_list(s->local), 255);
	ck_assert_uint_le(sysResidentOS(s->base, 4 * MX_PAGE),
	    mx_max(4096, mx_sys_facts.page));
	(void)take(cache, MX_CLASS_COUNT - 1);
	ck_assert_uint_eq(cache->span[MX_CLASS_COUNT - 1]->carved, 1);
}
END_TEST

/* The first blocks of several classes do not all begin where pages do.  */
START_TEST(test_first_blocks)
{
	struct mx_cache *cache = new_cache();
	unsigned at_start = 0;

	for (unsigned c = 0; c < 16; c++)
		at_start += take(cache, c) == (void *)cache->span[c]->base;
	ck_assert_uint_lt(at_start, 8);
}
END_TEST

/* The block freed last is the next one handed out.  */
START_TEST(test_last_first)
{
	struct mx_cache *cache = new_cache();
	void *a = take(cache, CLASS);
	void *b = take(cache, CLASS);

	put(cache, a);
	put(cache, b);
	ck_assert_ptr_eq(take(cache, CLASS), b);
	ck_assert_ptr_eq(take(cache, CLASS), a);
}
END_TEST

/* A loop in one span takes and gives no pages.  */
START_TEST(test_steady)
{
	struct mx_cache *cache = new_cache();
	unsigned long calls;
	void *p[100];

	for (int i = 0; i < 100; i++)
		p[i] = take(cache, CLASS);
	calls = fake_os_calls(FAKE_ANY);
	for (int k = 0; k < 1000; k++) {
		for (int i = 0; i < 100; i++)
			put(cache, p[i]);
		for (int i = 0; i < 100; i++)
			p[i] = take(cache, CLASS);
	}
	ck_assert_uint_eq(fake_os_calls(FAKE_ANY), calls);
	ck_assert_uint_eq(mx_heap_account.used, mx_class_pages[CLASS]);
}
END_TEST

#define MANY 5000

static void *blocks[MANY];
static unsigned many = CLASS;           /* their class */

static void
take_many(struct mx_cache *cache, size_t n)
{
	for (size_t i = 0; i < n; i++)
		expect((blocks[i] = take(cache, many)) != NULL);
}

static void
put_many(struct mx_cache *cache, size_t n)
{
	for (size_t i = 0; i < n; i++)
		put(cache, blocks[i]);
}

/* Spans that become empty go back, but the current one and, if its blocks are not small,
 * one per class.  */
START_TEST(test_empty_spans)
{
	struct mx_cache *cache = new_cache();

	many = _i == 0 ? CLASS : FEW;
	take_many(cache, MANY);
	ck_assert_uint_eq(mx_heap_account.used, (_i == 0 ? 10 : 20) *
	    mx_class_pages[many]);
	put_many(cache, MANY);
	ck_assert_uint_eq(mx_heap_account.used, (_i == 0 ? 1 : 2) *
	    mx_class_pages[many]);
	expect_heap();
	mx_cache_flush(cache);
	expect_heap_is_empty();
}
END_TEST

/* With many caches none of them keeps an empty span, and all of them together keep as
 * many blocks of others as a few.  */
START_TEST(test_crowd)
{
	struct mx_cache *cache = new_cache(), *other, *crowd[256];
	size_t most = 0;

	for (int i = 0; i < 256; i++)
		expect((crowd[i] = mx_cache_new()) != NULL);
	other = crowd[0];
	many = FEW;
	take_many(cache, MANY);
	ck_assert_ptr_null(cache->used_up[many].first);
	for (size_t i = 0; i < MANY; i++) {
		put(other, blocks[i]);
		most = mx_max(most, other->pending_bytes);
	}
	ck_assert_uint_gt(most, 0);
	ck_assert_uint_le(most, 512 * MX_KIB * 16 / 257);
	mx_cache_flush(other);
	/* They are in the inbox, and this takes them out.  */
	take_many(cache, MANY);
	put_many(cache, MANY);
	ck_assert_uint_eq(mx_heap_account.used, mx_class_pages[many]);
	for (int i = 0; i < 256; i++)
		mx_cache_delete(crowd[i]);
	take_many(cache, MANY);
	put_many(cache, MANY);
	ck_assert_uint_eq(mx_heap_account.used, 2 * mx_class_pages[many]);
	mx_cache_flush(cache);
	expect_heap_is_empty();
}
END_TEST

/* A current span's count is only a guard: running out means nothing.  */
START_TEST(test_event_of_current)
{
	struct mx_cache *cache = new_cache();
	void *p = take(cache, CLASS);
	struct mx_span *s = cache->span[CLASS];

	mx_span_set_out(s, MX_SPAN_ONE, 1);
	put(cache, p);
	ck_assert_uint_eq(s->out, MX_SPAN_MANY);
	ck_assert(mx_span_is_current(s));
	ck_assert_ptr_eq(cache->span[CLASS], s);
	ck_assert_ptr_eq(take(cache, CLASS), p);
}
END_TEST

/* The two spans that were used up last stay, and are used again when 16 of 512 blocks
 * have come.  */
START_TEST(test_used_up)
{
	struct mx_cache *cache = new_cache();
	struct mx_span *s[3];

	take_many(cache, 3 * 512 + 1);
	for (size_t i = 0; i < 3; i++)
		s[i] = mx_pagemap_get(blocks[i * 512]);
	ck_assert_ptr_null(s[0]->owner);
	ck_assert_ptr_eq(s[0]->home, cache);
	ck_assert_ptr_eq(s[1]->owner, cache);
	ck_assert_ptr_eq(cache->used_up[CLASS].first, s[1]);
	ck_assert_ptr_eq(cache->used_up[CLASS].last, s[2]);
	for (size_t i = 0; i < 16; i++) {
		ck_assert_ptr_null(cache->partial[CLASS].first);
		put(cache, blocks[512 + i]);
	}
	ck_assert_ptr_eq(cache->partial[CLASS].first, s[1]);
	ck_assert_ptr_eq(cache->used_up[CLASS].first, s[2]);
	/* What has too little when its time is over sleeps on.  */
	put(cache, blocks[2 * 512]);
	while (s[2]->waits == MX_SPAN_USED_UP)
		expect(take(cache, CLASS) != NULL);
	ck_assert_ptr_eq(cache->asleep[CLASS].first, s[2]);
	ck_assert_uint_eq(cache->used_up_count[CLASS], 2);
	for (size_t i = 1; i < 16; i++)
		put(cache, blocks[2 * 512 + i]);
	ck_assert_ptr_eq(cache->partial[CLASS].first, s[2]);
	mx_cache_flush(cache);
	ck_assert_ptr_null(cache->used_up[CLASS].first);
	ck_assert_uint_eq(cache->used_up_count[CLASS], 0);
	for (size_t i = 0; i < 3; i++)
		ck_assert_ptr_null(s[i]->owner);
	expect_heap();
}
END_TEST

/* What others free of it comes through the inbox; all of it, and it goes.  */
START_TEST(test_used_up_by_others)
{
	struct mx_cache *cache = new_cache(), *other = new_cache();
	struct mx_span *s;

	take_many(cache, 512 + 1);
	s = mx_pagemap_get(blocks[0]);
	for (size_t i = 0; i < 512; i++)
		put(other, blocks[i]);
	mx_cache_flush(other);
	ck_assert_ptr_eq(s->owner, cache);
	ck_assert_ptr_null(cache->partial[CLASS].first);
	while (cache->span[CLASS] != s)
		expect(take(cache, CLASS) != NULL);
	ck_assert_ptr_null(cache->used_up[CLASS].last->next);
	ck_assert_ptr_ne(cache->used_up[CLASS].first, s);
	expect_heap();
}
END_TEST

/* When its time is over and others freed some of it, it is for all: its thread may
 * sleep from now on.  */
START_TEST(test_used_up_for_all)
{
	struct mx_cache *cache = new_cache(), *other = new_cache();
	struct mx_span *s;

	take_many(cache, 512 + 1);
	s = mx_pagemap_get(blocks[0]);
	put(other, blocks[0]);
	mx_cache_flush(other);
	put(cache, blocks[1]);
	/* This thread is awake, and the first to find it.  */
	while (cache->span[CLASS] != s)
		expect(take(cache, CLASS) != NULL);
	ck_assert_uint_eq(s->waits, MX_SPAN_AWAKE);
	ck_assert_uint_eq(count_list(s->local), 1);
	ck_assert_uint_eq(cache->used_up_count[CLASS], 2);
	expect_heap();
}
END_TEST

/* The shared cache, which may never be used again, keeps none.  Nor does another from
 * when there are many.  */
START_TEST(test_none_used_up)
{
	struct mx_cache *cache = new_cache();

	mx_cache_init();
	take_many(&mx_cache_shared, 512 + 1);
	ck_assert_ptr_null(mx_cache_shared.used_up[CLASS].first);
	ck_assert_ptr_null(mx_pagemap_get(blocks[0])->owner);
	take_many(cache, 512 + 1);
	ck_assert_ptr_nonnull(cache->used_up[CLASS].first);
	for (int i = 0; i < 256; i++)
		expect(mx_cache_new() != NULL);
	for (int i = 0; i < 512; i++)
		(void)take(cache, CLASS);
	ck_assert_ptr_null(cache->used_up[CLASS].first);
	expect_heap();
}
END_TEST

/* Used-up spans that got a block serve before a request fails.  */
START_TEST(test_used_up_serves)
{
	struct mx_cache *cache = new_cache();

	take_many(cache, 512 + 1);
	put(cache, blocks[7]);
	fake_os_refuse(FAKE_ANY, 1, true);
	for (size_t i = 0; i < 511; i++)
		expect(take(cache, CLASS) != NULL);
	ck_assert_ptr_eq(take(cache, CLASS), blocks[7]);
	ck_assert_ptr_null(take(cache, CLASS));
	fake_os_refuse_nothing();
	put(cache, blocks[7]);
	ck_assert_ptr_eq(mx_pagemap_get(blocks[7])->owner, cache);
	mx_cache_flush(cache);
	expect_heap();
}
END_TEST

/* A span that was used up before them comes home with the first block, and is used
 * again when 16 of 512 have come.  */
START_TEST(test_adopt)
{
	struct mx_cache *cache = new_cache();
	struct mx_span *s;

	take_many(cache, 3 * 512 + 1);
	s = mx_pagemap_get(blocks[0]);
	ck_assert_ptr_null(s->owner);
	for (size_t i = 0; i < 16; i++) {
		ck_assert_ptr_null(cache->partial[CLASS].first);
		put(cache, blocks[i]);
		ck_assert_ptr_eq(s->owner, cache);
		ck_assert_uint_eq(mx_span_get_left(s), 511 - i);
		ck_assert_ptr_eq(s->local, blocks[i]);
	}
	ck_assert_ptr_null(cache->asleep[CLASS].first);
	ck_assert_ptr_eq(cache->partial[CLASS].first, s);
	/* When the current one is empty, it is current again.  */
	while (cache->span[CLASS] != s)
		ck_assert_ptr_nonnull(take(cache, CLASS));
	expect_heap();
}
END_TEST

/* Large blocks, of which a span has few, do not wait.  */
START_TEST(test_no_sleep)
{
	unsigned c = mx_class_of(8192);
	struct mx_cache *cache = new_cache();
	size_t n = 0;
	void *p = take(cache, c);
	struct mx_span *s = cache->span[c];

	while (cache->span[c] == s && n++ < 100)
		(void)take(cache, c);
	put(cache, p);
	ck_assert_ptr_eq(cache->partial[c].first, s);
	mx_cache_flush(cache);
	expect_heap();
}
END_TEST

/* Spans that sleep serve before a request fails, and go back with their thread.  */
START_TEST(test_asleep)
{
	struct mx_cache *cache = new_cache();
	size_t n;

	take_many(cache, MANY);
	for (n = 0; n < MANY / 512; n++)
		put(cache, blocks[n * 512]);
	ck_assert_ptr_nonnull(cache->asleep[CLASS].first);
	fake_os_refuse(FAKE_ANY, 1, true);
	for (size_t i = 0; i < n; i++) {
		void *p;

		do
			p = take(cache, CLASS);
		while (p != NULL && p != blocks[0]);
		if (i == 0)
			ck_assert_ptr_eq(p, blocks[0]);
	}
	ck_assert_ptr_null(cache->asleep[CLASS].first);
	fake_os_refuse_nothing();
	put(cache, blocks[1]);
	ck_assert_ptr_nonnull(cache->asleep[CLASS].first);
	mx_cache_flush(cache);
	ck_assert_ptr_null(cache->asleep[CLASS].first);
	ck_assert_ptr_null(mx_pagemap_get(blocks[1])->owner);
	expect_heap();
}
END_TEST

/* Birth and death.  */

/* ---- sparse spans ---- */

#define LARGER 13       /* 384 bytes: three granules of CLASS */

static char *smalls[4000];

/* Four blocks of LARGER's current span are left, and SPANS spans of CLASS of which one
 * block in STEP is in use.  */
static struct mx_cache *
make_sparse(unsigned spans, size_t step)
{
	struct mx_cache *cache = new_cache();
	size_t n = spans * 512;

	mx_conf.mixed_min = 0;
	mx_conf.mixed_percent = 0;
	for (size_t i = 0; i < 166; i++)
		(void)take(cache, LARGER);
	for (size_t i = 0; i < n; i++)
		smalls[i] = take(cache, CLASS);
	(void)take(cache, CLASS);
	for (size_t i = 0; i < n; i++)
		if (i % step != 0)
			put(cache, smalls[i]);
	return cache;
}

static size_t
count_mixed(struct mx_cache *cache, size_t takes)
{
	size_t n = 0;

	for (; takes > 0; takes--) {
		char *p = take(cache, LARGER);

		n += mx_pagemap_get(p)->state == MX_SPAN_MIXED;
		memset(p, 7, 384);
	}
	return n;
}

/* They serve a larger class when its own span is used up, before a fresh one does.  */
START_TEST(test_mixed)
{
	struct mx_cache *cache = make_sparse(6, 10);
	size_t used = mx_heap_account.used;

	mx_conf.mixed_min = 512 * MX_KIB;
	ck_assert_ptr_nonnull(cache->sparse[CLASS].first);
	ck_assert_uint_eq(count_mixed(cache, 4), 0);
	ck_assert_uint_eq(count_mixed(cache, 600), 600);
	ck_assert_uint_eq(mx_heap_account.used, used);
	expect_heap();
	/* A class that is a power of two, and one that would waste too much. */
	(void)take(cache, 11);          /* 256 */
	(void)take(cache, 8);           /* 160 */
	for (int i = 0; i < 1000; i++) {
		expect(mx_pagemap_get(take(cache, 11))->state == MX_SPAN_SMALL);
		expect(mx_pagemap_get(take(cache, 8))->state == MX_SPAN_SMALL);
	}
	expect_heap();
}
END_TEST

/* A third is in use: that is not sparse.  Nor is it worth while below the limits.  */
START_TEST(test_not_mixed)
{
	struct mx_cache *cache = make_sparse(6, _i == 0 ? 3 : 10);

	if (_i == 1)
		mx_conf.mixed_min = MX_GIB;
	if (_i == 2)
		mx_conf.mixed_percent = 100;
	/* Six spans are 96 KiB for each of four caches, where 128 are needed.  */
	if (_i == 3) {
		mx_conf.mixed_min = 512 * MX_KIB;
		for (int i = 0; i < 3; i++)
			(void)new_cache();
	}
	ck_assert(_i == 0 ? cache->sparse[CLASS].first == NULL :
	    cache->sparse[CLASS].first != NULL);
	ck_assert_uint_eq(count_mixed(cache, 600), 0);
}
END_TEST

/* One that becomes empty is for the heap, as ever, and is not mixed; one that is used
 * again is no longer sparse.  */
START_TEST(test_sparse_ends)
{
	struct mx_cache *cache = make_sparse(6, 10);

	for (size_t i = 0; i < 6 * 512; i += 10)
		put(cache, smalls[i]);
	ck_assert_ptr_null(cache->sparse[CLASS].first);
	ck_assert_uint_eq(count_mixed(cache, 600), 0);
	cache = make_sparse(6, 10);
	for (size_t i = 0; i < 6 * 512; i++)
		(void)take(cache, CLASS);
	ck_assert_ptr_null(cache->sparse[CLASS].first);
	ck_assert_ptr_null(cache->sparse[CLASS].last);
	expect_heap();
}
END_TEST

/* Whoever asks for an alignment gets it: what is on the list from mixed spans goes
 * back, and none comes any more.  */
START_TEST(test_mixed_align)
{
	struct mx_cache *cache = make_sparse(6, 10);
	char *mixed;

	ck_assert_uint_eq(count_mixed(cache, 10), 6);
	mixed = take(cache, LARGER);
	mx_cache_align(cache, LARGER);
	expect_heap();
	for (int i = 0; i < 600; i++) {
		char *p = take(cache, LARGER);

		expect(mx_is_aligned((uintptr_t)p, 128));
		expect(mx_pagemap_get(p)->state == MX_SPAN_SMALL);
	}
	/* Nor does one that is freed stay on the list.  */
	while (cache->span[LARGER]->local != MX_BLOCK_END)
		(void)take(cache, LARGER);
	put(cache, mixed);
	ck_assert_ptr_eq(cache->span[LARGER]->local, MX_BLOCK_END);
	expect_heap();
}
END_TEST

/* One that comes and goes stays on the list while that is short, and freed twice is
 * seen.  */
START_TEST(test_mixed_put)
{
	struct mx_cache *cache = make_sparse(6, 10);
	struct mx_span *s;
	uint32_t free_;
	char *p[100];

	for (int i = 0; i < 100; i++)
		p[i] = take(cache, LARGER);
	while (count_list(cache->span[LARGER]->local) > 3)
		(void)take(cache, LARGER);
	s = mx_pagemap_get(p[99]);
	ck_assert_uint_eq(s->state, MX_SPAN_MIXED);
	free_ = s->mixed->free_;
	put(cache, p[99]);
	ck_assert_uint_eq(s->mixed->free_, free_);
	mx_conf.on_misuse = MX_CONF_REPORT;
	text_divert();
	put(cache, p[99]);
	text_restore();
	ck_assert_ptr_nonnull(strstr(text, "M001 free("));
	ck_assert_ptr_eq(take(cache, LARGER), p[99]);
	/* Another's small block in it is nothing for this list.  */
	for (size_t i = 0; i < 6 * 512; i += 10)
		if (mx_pagemap_get(smalls[i]) == s) {
			put(cache, smalls[i]);
			ck_assert_uint_eq(s->mixed->free_, ++free_);
		}
	for (int i = 50; i < 99; i++)
		put(cache, p[i]);
	text_divert();
	put(cache, p[98]);
	text_restore();
	ck_assert_ptr_nonnull(strstr(text, "M001 free("));
	ck_assert_uint_le(count_list(cache->span[LARGER]->local), 8);
	expect_heap();
}
END_TEST

/* A program that only frees keeps none of them on a list.  */
START_TEST(test_mixed_unwanted)
{
	struct mx_cache *cache = make_sparse(6, 10);
	char *p[400];

	for (int i = 0; i < 400; i++)
		p[i] = take(cache, LARGER);
	for (int i = 0; i < 400; i++)
		put(cache, p[i]);
	ck_assert(!cache->borrowed[LARGER]);
	for (struct mx_block *b = cache->span[LARGER]->local; b != MX_BLOCK_END;
	    b = b->next)
		ck_assert_uint_eq(mx_pagemap_get(b)->state, MX_SPAN_SMALL);
	expect_heap();
}
END_TEST

/* A thread that ends leaves nothing of them, and one that frees the small blocks of
 * another's needs no owner.  */
START_TEST(test_mixed_ends)
{
	struct mx_cache *a = make_sparse(6, 10), *b = new_cache();
	char *p[200];
	size_t mixed = 0;

	for (int i = 0; i < 200; i++)
		p[i] = take(a, LARGER);
	for (size_t i = 0; i < 6 * 512; i += 10) {
		mixed += mx_pagemap_get(smalls[i])->state == MX_SPAN_MIXED;
		put(b, smalls[i]);
	}
	ck_assert_uint_gt(mixed, 50);
	mx_cache_delete(a);
	mx_cache_delete(b);
	expect_heap();
	a = new_cache();
	for (int i = 0; i < 200; i++)
		put(a, p[i]);
	mx_cache_delete(a);
	(void)mx_cache_trim();
	for (const struct mx_arena *r = mx_arena_list; r != NULL; r = r->next)
		for (char *v = r->base; v < r->base + r->mapped; v += MX_PAGE)
			expect(mx_pagemap_record(v)->state != MX_SPAN_MIXED);
	expect_heap();
}
END_TEST

static size_t
count_granules(void)
{
	size_t n = 0;

	for (const struct mx_arena *r = mx_arena_list; r != NULL; r = r->next)
		for (char *v = r->base; v < r->base + r->mapped; v += MX_PAGE) {
			const struct mx_span *s = mx_pagemap_record(v);

			if (s->state == MX_SPAN_MIXED)
				n += s->mixed->free_;
		}
	return n;
}

/* Nor does one whose cache waits for the next thread.  */
START_TEST(test_mixed_warm)
{
	struct mx_cache *a = make_sparse(6, 10), *b = new_cache();
	size_t before;
	char *p[200];

	ck_assert_uint_gt(count_mixed(a, 10), 0);
	mx_cache_delete(a);
	before = count_granules();
	for (int i = 0; i < 200; i++)
		p[i] = take(b, LARGER);
	ck_assert(b->borrowed[LARGER]);
	ck_assert_uint_lt(count_granules(), before);
	for (int i = 0; i < 200; i++)
		put(b, p[i]);
	mx_cache_delete(b);
	ck_assert_ptr_ne(b->inbox, (struct mx_block *)1);       /* it is warm */
	ck_assert_uint_eq(count_granules(), before);
	expect_heap();
}
END_TEST

/* Spans without room for a class stay what they are.  */
START_TEST(test_mixed_room)
{
	struct mx_cache *cache = make_sparse(6, 4);

	/* Three free blocks between any two: room for 384 bytes, not for 448.  */
	(void)take(cache, LARGER + 1);
	for (int i = 0; i < 145; i++)
		(void)take(cache, LARGER + 1);
	for (int i = 0; i < 300; i++)
		expect(mx_pagemap_get(take(cache, LARGER + 1))->state ==
		    MX_SPAN_SMALL);
	expect_heap();
}
END_TEST

/* A chain that was on its way when its span became mixed.  */
START_TEST(test_mixed_meanwhile)
{
	struct mx_cache *a = make_sparse(1, 10), *b = new_cache();
	struct mx_span *s = mx_pagemap_get(smalls[0]);
	uint32_t free_;

	ck_assert_ptr_eq(s->owner, a);
	for (size_t i = 0; i < 50; i += 10)
		put(b, smalls[i]);      /* pending, or on its list */
	ck_assert_uint_gt(count_mixed(a, 20), 0);
	ck_assert_uint_eq(s->state, MX_SPAN_MIXED);
	free_ = s->mixed->free_;
	for (size_t i = 50; i < 100; i += 10)
		put(b, smalls[i]);
	ck_assert_uint_eq(s->mixed->free_, free_ + 5);
	mx_cache_delete(b);
	ck_assert_uint_eq(s->mixed->free_, free_ + 10);
	expect_heap();
}
END_TEST

START_TEST(test_pool)
{
	struct mx_cache *a = new_cache(), *b = new_cache();

	ck_assert_ptr_ne(a, b);
	ck_assert_ptr_eq(mx_cache_list, b);
	ck_assert_ptr_eq(b->next, a);
	ck_assert_ptr_eq(a->next, &mx_cache_shared);
	ck_assert(a->live && b->live);
	mx_cache_delete(a);
	ck_assert(!a->live && b->live);
	ck_assert_ptr_eq(new_cache(), a);
	ck_assert(a->live);
	ck_assert_ptr_ne(new_cache(), a);
	ck_assert_ptr_null(a->inbox);
}
END_TEST

/* A thread that used little leaves it to the next.  */
START_TEST(test_warm)
{
	struct mx_cache *a = new_cache(), *b = new_cache();
	struct mx_span *s;

	take_many(a, 10);
	s = mx_pagemap_get(blocks[0]);
	for (size_t i = 1; i < 10; i++)
		put(a, blocks[i]);
	mx_cache_delete(a);
	ck_assert(!a->live);
	ck_assert_ptr_eq(s->owner, a);
	/* What others free meanwhile waits.  */
	put(b, blocks[0]);
	mx_cache_flush(b);
	ck_assert_ptr_nonnull(a->inbox);
	ck_assert_ptr_eq(new_cache(), a);
	ck_assert_ptr_eq(take(a, CLASS), blocks[9]);
	mx_cache_delete(a);
	mx_cache_delete(b);
	/* It would come to the next thread that needs it; or it is asked for.  */
	ck_assert_uint_eq(mx_heap_account.used, mx_class_pages[CLASS]);
	mx_cache_trim();
	ck_assert_ptr_null(s->owner);
	put(new_cache(), blocks[9]);
	expect_heap();
}
END_TEST

/* Much, or where there are many, or while many wait, is left to all.  */
START_TEST(test_not_warm)
{
	struct mx_cache *cache, *crowd[256];

	cache = new_cache();
	for (unsigned c = CLASS; c < CLASS + 5; c++)
		for (size_t n = 0; n < 64 * MX_KIB; n += mx_class_size(c))
			(void)take(cache, c);
	mx_cache_delete(cache);
	ck_assert_ptr_eq(cache->span[CLASS], &mx_cache_no_span);
	ck_assert_ptr_null(cache->used_up[CLASS].first);
	for (int i = 0; i < 256; i++)
		expect((crowd[i] = mx_cache_new()) != NULL);
	(void)take(crowd[0], 0);
	mx_cache_delete(crowd[0]);
	ck_assert_ptr_eq(crowd[0]->span[0], &mx_cache_no_span);
	for (int i = 1; i < 256; i++)
		mx_cache_delete(crowd[i]);
	mx_cache_trim();
	for (int i = 0; i < 5; i++)
		(void)take(crowd[i] = new_cache(), 0);
	for (int i = 0; i < 5; i++)
		mx_cache_delete(crowd[i]);
	for (int i = 0; i < 5; i++)
		ck_assert_int_eq(crowd[i]->span[0] != &mx_cache_no_span, i < 4);
	expect_heap();
}
END_TEST

/* What waits goes when memory is refused.  */
START_TEST(test_warm_serves)
{
	struct mx_cache *a = new_cache(), *b = new_cache();
	void *p = take(a, CLASS);

	(void)take(a, CLASS + 1);
	put(a, take(a, CLASS + 2));
	mx_cache_delete(a);
	fake_os_refuse(FAKE_ANY, 1, true);
	ck_assert_ptr_eq(mx_pagemap_get(take(b, CLASS)), mx_pagemap_get(p));
	ck_assert_ptr_eq(a->span[CLASS], &mx_cache_no_span);
	fake_os_refuse_nothing();
	expect_heap();
}
END_TEST

/* And when no thread came for it between two looks.  */
START_TEST(test_warm_for_nobody)
{
	struct mx_cache *a = new_cache(), *b = new_cache();

	(void)take(a, CLASS);
	(void)take(b, CLASS);
	mx_cache_delete(a);
	mx_cache_delete(b);
	mx_cache_tidy();
	ck_assert_ptr_eq(new_cache(), b);
	mx_cache_delete(b);
	ck_assert_ptr_ne(b->span[CLASS], &mx_cache_no_span);
	mx_cache_tidy();
	/* One was wanted.  */
	ck_assert_ptr_ne(a->span[CLASS], b->span[CLASS]);
	ck_assert(a->span[CLASS] == &mx_cache_no_span ||
	    b->span[CLASS] == &mx_cache_no_span);
	mx_cache_tidy();
	ck_assert_ptr_eq(a->span[CLASS], b->span[CLASS]);
	expect_heap();
}
END_TEST

/* Blocks of others that a thread kept do not wait with its cache.  */
START_TEST(test_warm_without_others)
{
	struct mx_cache *a = new_cache(), *b = new_cache();
	void *p;

	take_many(a, 4);
	p = take(b, CLASS);
	for (size_t i = 0; i < 4; i++)
		put(b, blocks[i]);
	ck_assert_ptr_null(a->inbox);
	mx_cache_delete(b);
	ck_assert_ptr_nonnull(a->inbox);
	ck_assert_ptr_eq(mx_pagemap_get(p)->owner, b);
	for (const struct mx_block *at = b->span[CLASS]->local;
	    at != MX_BLOCK_END; at = at->next)
		ck_assert_ptr_eq(mx_pagemap_get(at)->owner, b);
	expect_heap();
}
END_TEST

/* Blocks that outlive their thread come back to the heap.  */
START_TEST(test_orphans)
{
	struct mx_cache *a = new_cache(), *b = new_cache();

	take_many(a, MANY);
	mx_cache_delete(a);
	ck_assert_uint_ge(mx_heap_account.used, 9 * mx_class_pages[CLASS]);
	put_many(b, MANY);
	mx_cache_delete(b);
	expect_heap_is_empty();
}
END_TEST

/* A thread that ends leaves spans with free blocks where others find them.  */
START_TEST(test_inherit)
{
	struct mx_cache *a = new_cache(), *b;
	struct mx_span *s;

	take_many(a, 10);
	s = mx_pagemap_get(blocks[0]);
	mx_cache_delete(a);
	b = new_cache();
	ck_assert_ptr_eq(a, b);
	ck_assert_ptr_eq(mx_pagemap_get(take(b, CLASS)), s);
	put_many(b, 10);
	expect_heap();
}
END_TEST

START_TEST(test_refused)
{
	struct mx_cache *a;
	size_t n = 0;

	fake_os_refuse(FAKE_ANY, 1, true);
	errno = 0;
	ck_assert_ptr_null(mx_cache_new());
	ck_assert_int_eq(errno, ENOMEM);
	ck_assert_ptr_eq(mx_cache_list, &mx_cache_shared);
	fake_os_refuse_nothing();
	a = new_cache();
	fake_os_refuse(FAKE_ANY, 1, true);
	errno = 0;
	ck_assert_ptr_null(take(a, CLASS));
	ck_assert_int_eq(errno, ENOMEM);
	fake_os_refuse_nothing();
	blocks[n++] = take(a, CLASS);
	fake_os_refuse(FAKE_ANY, 1, true);
	/* What the span holds is still there to take.  */
	while ((blocks[n] = take(a, CLASS)) != NULL)
		n++;
	ck_assert_uint_eq(n, 512);
	put_many(a, n);
	ck_assert_ptr_nonnull(take(a, CLASS));
	fake_os_refuse_nothing();
	mx_cache_delete(a);
	expect_heap();
}
END_TEST

START_TEST(test_nothing_from_empty)
{
	for (unsigned c = 0; c < MX_CLASS_COUNT; c++)
		ck_assert_ptr_null(mx_cache_take(&mx_cache_empty, c));
	ck_assert_ptr_eq(mx_cache_self, &mx_cache_empty);
}
END_TEST

/* A fork's child has one thread, however many its parent has.  */
START_TEST(test_crowd_forks)
{
	struct mx_cache *cache = new_cache();

	mx_cache_init();
	for (int i = 0; i < 256; i++)
		expect(mx_cache_new() != NULL);
	take_many(cache, 512 + 1);
	ck_assert_ptr_null(cache->used_up[CLASS].first);
	mx_cache_lock_init();
	for (int i = 0; i < 512; i++)
		(void)take(cache, CLASS);
	ck_assert_ptr_nonnull(cache->used_up[CLASS].first);
	expect_heap();
}
END_TEST

/* Nothing sleeps in the shared cache, which may never be used again: what it used up
 * stays with all.  */
START_TEST(test_shared_adopts_none)
{
	struct mx_span *s;

	mx_cache_init();
	take_many(&mx_cache_shared, 512 + 1);
	s = mx_pagemap_get(blocks[0]);
	ck_assert_ptr_eq(s->home, &mx_cache_shared);
	put(&mx_cache_shared, blocks[0]);
	ck_assert_ptr_null(s->owner);
	ck_assert_uint_eq(count_list(s->local), 1);
	expect_heap();
}
END_TEST

START_TEST(test_locks)
{
	mx_cache_lock();
	mx_cache_unlock();
	mx_cache_lock();
	mx_cache_lock_init();
	mx_cache_delete(new_cache());
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("cache");
	TCase *tc = add_case(s, "one thread");

	tcase_add_loop_test(tc, test_whole_span, 0, MX_CLASS_COUNT);
	tcase_add_test(tc, test_carve);
	tcase_add_test(tc, test_first_blocks);
	tcase_add_test(tc, test_last_first);
	tcase_add_test(tc, test_steady);
	tcase_add_loop_test(tc, test_empty_spans, 0, 2);
	tcase_add_test(tc, test_crowd);
	tcase_add_test(tc, test_event_of_current);
	tcase_add_test(tc, test_adopt);
	tcase_add_test(tc, test_used_up);
	tcase_add_test(tc, test_used_up_by_others);
	tcase_add_test(tc, test_used_up_for_all);
	tcase_add_test(tc, test_none_used_up);
	tcase_add_test(tc, test_used_up_serves);
	tcase_add_test(tc, test_no_sleep);
	tcase_add_test(tc, test_asleep);
	tc = add_case(s, "sparse");
	tcase_add_test(tc, test_mixed);
	tcase_add_loop_test(tc, test_not_mixed, 0, 4);
	tcase_add_test(tc, test_sparse_ends);
	tcase_add_test(tc, test_mixed_align);
	tcase_add_test(tc, test_mixed_put);
	tcase_add_test(tc, test_mixed_unwanted);
	tcase_add_test(tc, test_mixed_ends);
	tcase_add_test(tc, test_mixed_warm);
	tcase_add_test(tc, test_mixed_room);
	tcase_add_test(tc, test_mixed_meanwhile);
	tc = add_case(s, "life");
	tcase_add_test(tc, test_pool);
	tcase_add_test(tc, test_warm);
	tcase_add_test(tc, test_not_warm);
	tcase_add_test(tc, test_warm_serves);
	tcase_add_test(tc, test_warm_for_nobody);
	tcase_add_test(tc, test_warm_without_others);
	tcase_add_test(tc, test_orphans);
	tcase_add_test(tc, test_inherit);
	tcase_add_test(tc, test_refused);
	tcase_add_test(tc, test_nothing_from_empty);
	tcase_add_test(tc, test_crowd_forks);
	tcase_add_test(tc, test_shared_adopts_none);
	tcase_add_test(tc, test_locks);
	return run(s);
}
