/* check_cache_remote.c - unit tests of blocks that one thread has and another
 * frees.
 *
 * SPDX-License-Identifier: MIT  */

#include "check_caches.h"

#define CLASS 7         /* 128 bytes, 512 in a span */

static size_t
count_list(const struct mx_block *b)
{
	size_t n = 0;

	for (; b != MX_BLOCK_END; b = b->next)
		n++;
	return n;
}

static size_t
count_pending(const struct mx_cache *cache)
{
	size_t n = 0;

	for (size_t i = 0; i < MX_CACHE_PENDING; i++)
		if (cache->pending[i].span != NULL) {
			expect_eq(count_list(cache->pending[i].head),
			    mx_span_count(cache->pending[i].out));
			n += mx_span_count(cache->pending[i].out);
		}
	return n;
}

#define MANY 2000

static void *blocks[MANY];

static void
take_many(struct mx_cache *cache, size_t n)
{
	for (size_t i = 0; i < n; i++)
		expect((blocks[i] = take(cache, CLASS)) != NULL);
}

/* B frees blocks of A: the first few it keeps for itself.  */
START_TEST(test_remote_room)
{
	struct mx_cache *a = new_cache(), *b = new_cache();
	size_t room;

	take_many(a, 300);
	(void)take(b, CLASS);
	room = b->room[CLASS];
	ck_assert_uint_gt(room, 0);
	for (size_t i = 0; i < room; i++) {
		put(b, blocks[i]);
		ck_assert_ptr_eq(b->span[CLASS]->local, blocks[i]);
	}
	ck_assert_uint_eq(count_pending(b), 0);
	put(b, blocks[room]);
	ck_assert_ptr_ne(b->span[CLASS]->local, blocks[room]);
	ck_assert_uint_eq(count_pending(b), 1);
	for (size_t i = room; i-- > 0;)
		ck_assert_ptr_eq(take(b, CLASS), blocks[i]);
}
END_TEST

/* With no memory for a span B has no list that a block of A could join.  */
START_TEST(test_remote_refused)
{
	struct mx_cache *a = new_cache(), *b = new_cache();

	take_many(a, 512);
	ck_assert_ptr_nonnull(take(b, CLASS));
	fake_os_refuse(FAKE_ANY, 1, true);
	while (take(b, CLASS) != NULL)
		continue;
	fake_os_refuse_nothing();
	put(b, blocks[0]);
	ck_assert_uint_eq(count_pending(b), 1);
	ck_assert(mx_cache_is_dry(b, CLASS));
	ck_assert(mx_cache_is_dry(&mx_cache_empty, CLASS));
}
END_TEST

/* The others travel together to A, which finds them at its next refill.  */
START_TEST(test_remote_home)
{
	struct mx_cache *a = new_cache(), *b = new_cache();
	size_t sent = 0;

	take_many(a, 512);
	ck_assert(mx_cache_is_dry(a, CLASS));
	for (; a->inbox == NULL; sent++)
		put(b, blocks[sent]);
	ck_assert_uint_gt(sent, 1);
	ck_assert_uint_eq(count_pending(b), 0);
	for (size_t i = sent; i-- > 0;)
		ck_assert_ptr_eq(take(a, CLASS), blocks[i]);
	ck_assert_ptr_null(a->inbox);
	ck_assert_uint_eq(mx_heap_account.used, mx_class_pages[CLASS]);
}
END_TEST

/* Single blocks and chains of several spans in one inbox.  */
START_TEST(test_remote_mixed)
{
	struct mx_cache *a = new_cache(), *b = new_cache();
	void *p[MX_CLASS_COUNT][3];

	for (unsigned c = 0; c < MX_CLASS_COUNT; c++)
		for (int i = 0; i < 3; i++)
			p[c][i] = take(a, c);
	for (unsigned c = 0; c < MX_CLASS_COUNT; c++)
		for (unsigned i = 0; i <= c % 3; i++)
			put(b, p[c][i]);
	mx_cache_flush(b);
	ck_assert_uint_eq(count_pending(b), 0);
	ck_assert_ptr_nonnull(a->inbox);
	mx_cache_flush(a);
	ck_assert_ptr_null(a->inbox);
	for (unsigned c = 0; c < MX_CLASS_COUNT; c++)
		for (unsigned i = c % 3 + 1; i < 3; i++)
			put(b, p[c][i]);
	mx_cache_flush(b);
	expect_heap_is_empty();
}
END_TEST

/* Short chains for many spans: together they hold no more than half a MiB.  */
START_TEST(test_remote_bound)
{
	enum { KIB = 19, SPANS = 80, EACH = 7, IN_SPAN = 64 };
	struct mx_cache *a = new_cache(), *b = new_cache();
	static void *p[SPANS * IN_SPAN];
	size_t most = 0;

	ck_assert_uint_eq(mx_class_size(KIB), 1024);
	for (size_t i = 0; i < SPANS * IN_SPAN; i++)
		p[i] = take(a, KIB);
	for (size_t i = 0; i < SPANS * IN_SPAN; i++)
		if (i % IN_SPAN < EACH) {
			put(b, p[i]);
			ck_assert_uint_eq(b->pending_bytes,
			    count_pending(b) * 1024);
			most = mx_max(most, b->pending_bytes);
		}
	ck_assert_uint_gt(most, 256 * MX_KIB);
	ck_assert_uint_le(most, 512 * MX_KIB);
	mx_cache_flush(b);
	ck_assert_uint_eq(b->pending_bytes, 0);
}
END_TEST

/* A gave the span up; B's blocks go to central, where A and B find them.  */
START_TEST(test_remote_unowned)
{
	struct mx_cache *a = new_cache(), *b = new_cache();
	struct mx_span *s;

	take_many(a, 3 * 512 + 1);
	s = mx_pagemap_get(blocks[0]);
	for (size_t i = 0; i < 200; i++)
		put(b, blocks[i]);
	mx_cache_flush(b);
	ck_assert(s->listed);
	ck_assert_uint_eq(mx_span_get_left(s), 512 - 200);
	ck_assert_ptr_nonnull(take(b, CLASS));
	ck_assert_ptr_eq(s->owner, b);
	for (size_t i = 200; i < 3 * 512 + 1; i++)
		put(a, blocks[i]);
	mx_cache_flush(a);
	expect_heap();
}
END_TEST

/* The owner changes while a chain lies in the old owner's inbox.  */
START_TEST(test_inbox_of_old_owner)
{
	struct mx_cache *a = new_cache(), *b = new_cache();
	struct mx_cache *c = new_cache();
	struct mx_span *s;
	size_t n = 0;

	take_many(a, 400);
	s = mx_pagemap_get(blocks[0]);
	for (; a->inbox == NULL; n++)
		put(b, blocks[n]);
	/* A's thread ends; its inbox is emptied on the way.  */
	mx_cache_delete(a);
	mx_cache_trim();
	ck_assert_ptr_null(s->owner);
	ck_assert_ptr_eq(mx_pagemap_get(take(c, CLASS)), s);
	ck_assert_ptr_eq(s->owner, c);
	for (; n < 400; n++)
		put(b, blocks[n]);
	mx_cache_delete(b);
	put(c, take(c, CLASS));
	mx_cache_delete(c);
	expect_heap();
	ck_assert_uint_eq(mx_heap_account.used, mx_class_pages[CLASS]);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("cache_remote");
	TCase *tc = add_case(s, "all");

	tcase_add_test(tc, test_remote_room);
	tcase_add_test(tc, test_remote_refused);
	tcase_add_test(tc, test_remote_home);
	tcase_add_test(tc, test_remote_mixed);
	tcase_add_test(tc, test_remote_bound);
	tcase_add_test(tc, test_remote_unowned);
	tcase_add_test(tc, test_inbox_of_old_owner);
	return run(s);
}
