/* check_central.c - unit tests of spans that no cache owns.
 *
 * SPDX-License-Identifier: MIT  */

#include "cache.h"
#include "central.h"
#include "check_core.h"
#include "check_pages.h"
#include "check_text.h"
#include "conf.h"
#include "misuse.h"

#define CLASS 5

/* Only their addresses count.  */
static struct mx_cache a, b;

/* A span of CLASS owned by A, of which the first N blocks were handed out and
 * all others never carved.  */
static struct mx_span *
make_span(uint32_t n)
{
	struct mx_span *s = mx_heap_take_small(CLASS);

	expect(s != NULL && n <= s->blocks);
	s->owner = &a;
	mx_span_set_carved(s, n);
	mx_span_set_out(s, mx_span_all_out(s), s->carved);
	return s;
}

static struct mx_block *
block(const struct mx_span *s, size_t i)
{
	return (struct mx_block *)(void *)(s->base + i * s->size);
}

/* Blocks [FROM, TO) come back to unowned S; false: it has an owner.  */
static bool
push(struct mx_span *s, size_t from, size_t to)
{
	uint64_t out = 0;

	for (size_t i = from; i < to; i++) {
		mx_block_link(block(s, i), i + 1 < to ? block(s, i + 1) :
		    MX_BLOCK_END, mx_block_key);
		out += mx_span_unit(s, block(s, i));
	}
	return mx_central_push(s, block(s, from), block(s, to - 1), out);
}

START_TEST(test_empty)
{
	for (unsigned c = 0; c < MX_CLASS_COUNT; c++)
		ck_assert_ptr_null(mx_central_take(c, &a));
}
END_TEST

/* A span with blocks left is found by the next that asks for its class.  */
START_TEST(test_give_and_take)
{
	struct mx_span *s = make_span(3);

	mx_central_give(s);
	ck_assert_ptr_null(s->owner);
	ck_assert(s->listed);
	ck_assert_ptr_null(mx_central_take(CLASS + 1, &b));
	ck_assert_ptr_null(mx_central_take(CLASS - 1, &b));
	ck_assert_ptr_eq(mx_central_take(CLASS, &b), s);
	ck_assert_ptr_eq(s->owner, &b);
	ck_assert(!s->listed);
	ck_assert_uint_eq(mx_span_get_left(s), 3);
	ck_assert_ptr_null(mx_central_take(CLASS, &a));
	expect_heap();
}
END_TEST

START_TEST(test_oldest_first)
{
	struct mx_span *s[5];

	for (int i = 0; i < 5; i++)
		mx_central_give(s[i] = make_span(1));
	/* One leaves from the middle.  */
	ck_assert(mx_central_adopt(s[2], &b));
	for (int i = 0; i < 5; i++)
		if (i != 2)
			ck_assert_ptr_eq(mx_central_take(CLASS, &a), s[i]);
	ck_assert_ptr_null(mx_central_take(CLASS, &a));
}
END_TEST

/* No block is out: the pages go home.  */
START_TEST(test_give_empty)
{
	struct mx_span *s = make_span(3);

	for (size_t i = 0; i < 3; i++)
		(void)mx_span_push(s, block(s, i), mx_block_key);
	mx_central_give(s);
	ck_assert_ptr_null(mx_central_take(CLASS, &a));
	expect_heap_is_empty();
}
END_TEST

START_TEST(test_give_untouched)
{
	mx_central_give(make_span(0));
	ck_assert_ptr_null(mx_central_take(CLASS, &a));
	expect_heap_is_empty();
}
END_TEST

/* More blocks than are out: some of them twice.  */
START_TEST(test_push_too_many)
{
	struct mx_span *s = make_span(3);

	mx_conf.on_misuse = MX_CONF_REPORT;
	mx_central_give(s);
	ck_assert(push(s, 0, 2));
	text_divert();
	ck_assert(push(s, 0, 2));
	text_restore();
	ck_assert_uint_eq(mx_misuse_count, 1);
	ck_assert_uint_eq(mx_span_get_left(s), 1);
}
END_TEST

/* Every block is out: no one can use the span until one comes back.  */
START_TEST(test_give_used_up)
{
	struct mx_span *s = make_span(0);

	mx_span_set_carved(s, s->blocks);
	mx_span_set_out(s, mx_span_all_out(s), s->carved);
	mx_central_give(s);
	ck_assert(!s->listed);
	ck_assert_ptr_null(mx_central_take(CLASS, &b));
	ck_assert(push(s, 7, 8));
	ck_assert(s->listed);
	ck_assert_ptr_eq(mx_central_take(CLASS, &b), s);
	ck_assert_ptr_eq(s->local, block(s, 7));
	ck_assert_uint_eq(mx_span_get_left(s), s->blocks - 1);
}
END_TEST

START_TEST(test_give_full)
{
	struct mx_span *s = make_span(0);

	mx_span_set_carved(s, s->blocks);
	mx_span_set_current(s);
	s->out -= 77 * MX_SPAN_ONE;
	mx_central_give_full(s, &a);
	ck_assert_ptr_null(s->owner);
	ck_assert_ptr_eq(s->home, &a);
	ck_assert(!mx_span_is_current(s));
	ck_assert_ptr_eq(s->local, MX_BLOCK_END);
	ck_assert_uint_eq(mx_span_get_left(s), s->blocks);
	ck_assert(!s->listed);
	/* All blocks, in two parts.  */
	ck_assert(push(s, 0, 100));
	ck_assert(s->listed);
	ck_assert(push(s, 100, s->blocks));
	ck_assert_ptr_null(mx_central_take(CLASS, &a));
	expect_heap_is_empty();
}
END_TEST

/* All blocks at once, into a span that is in no list.  */
START_TEST(test_push_all)
{
	struct mx_span *s = make_span(0);

	mx_span_set_carved(s, s->blocks);
	mx_central_give_full(s, &a);
	ck_assert(push(s, 0, s->blocks));
	ck_assert_ptr_null(mx_central_take(CLASS, &a));
	expect_heap_is_empty();
}
END_TEST

START_TEST(test_push_into_owned)
{
	struct mx_span *s = make_span(3);

	ck_assert(!push(s, 0, 2));
	ck_assert_uint_eq(mx_span_get_left(s), 3);
	ck_assert_ptr_eq(s->local, MX_BLOCK_END);
	ck_assert_ptr_eq(s->owner, &a);
}
END_TEST

START_TEST(test_push_order)
{
	struct mx_span *s = make_span(5);

	mx_central_give(s);
	ck_assert(push(s, 0, 2));
	ck_assert(push(s, 3, 4));
	ck_assert_ptr_eq(s->local, block(s, 3));
	ck_assert_ptr_eq(s->local->next, block(s, 0));
	ck_assert_ptr_eq(s->local->next->next, block(s, 1));
	ck_assert_ptr_eq(s->local->next->next->next, MX_BLOCK_END);
	ck_assert_uint_eq(mx_span_get_left(s), 2);
	/* It is in the list once.  */
	ck_assert_ptr_eq(mx_central_take(CLASS, &b), s);
	ck_assert_ptr_null(mx_central_take(CLASS, &b));
}
END_TEST

START_TEST(test_adopt)
{
	struct mx_span *s = make_span(3);

	ck_assert(!mx_central_adopt(s, &b));
	ck_assert_ptr_eq(s->owner, &a);
	mx_central_give(s);
	ck_assert(mx_central_adopt(s, &b));
	ck_assert_ptr_eq(s->owner, &b);
	ck_assert(!s->listed);
	ck_assert_ptr_null(mx_central_take(CLASS, &a));
	ck_assert(!mx_central_adopt(s, &a));
	/* And one that was in no list.  */
	mx_span_set_carved(s, s->blocks);
	mx_central_give_full(s, &b);
	ck_assert(mx_central_adopt(s, &a));
	ck_assert_ptr_null(mx_central_take(CLASS, &b));
}
END_TEST

/* A dead cache's home is forgotten.  */
START_TEST(test_give_forgets_home)
{
	struct mx_span *s = make_span(3);

	s->home = &b;
	mx_central_give(s);
	ck_assert_ptr_null(s->home);
}
END_TEST

START_TEST(test_locks)
{
	struct mx_span *s = make_span(1);

	mx_central_lock_all();
	mx_central_unlock_all();
	mx_central_lock_all();
	mx_central_lock_init_all();
	mx_central_give(s);
	ck_assert_ptr_eq(mx_central_take(CLASS, &b), s);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("central");
	TCase *tc = add_case(s, "all");

	tcase_add_test(tc, test_empty);
	tcase_add_test(tc, test_give_and_take);
	tcase_add_test(tc, test_oldest_first);
	tcase_add_test(tc, test_give_empty);
	tcase_add_test(tc, test_give_untouched);
	tcase_add_test(tc, test_push_too_many);
	tcase_add_test(tc, test_give_used_up);
	tcase_add_test(tc, test_give_full);
	tcase_add_test(tc, test_push_all);
	tcase_add_test(tc, test_push_into_owned);
	tcase_add_test(tc, test_push_order);
	tcase_add_test(tc, test_adopt);
	tcase_add_test(tc, test_give_forgets_home);
	tcase_add_test(tc, test_locks);
	return run(s);
}
