/* check_mixed.c - unit tests of spans that serve several classes.
 *
 * SPDX-License-Identifier: MIT  */


#include "cache.h"
#include "check_core.h"
#include "check_pages.h"
#include "check_text.h"
#include "misuse.h"
#include "mixed.h"
#include "pattern.h"

#define SMALL 2         /* 48 bytes */
#define LARGER 13       /* 384 */

static struct mx_cache a;

static char *
block(const struct mx_span *s, size_t i)
{
	return s->base + i * s->size;
}

/* A span of C, CARVED blocks of which were ever free, and of these now those whose
 * number STEP divides are in use.  */
static struct mx_span *
make_span(unsigned c, uint32_t carved, uint32_t step)
{
	struct mx_span *s = mx_heap_take_small(c);
	uint64_t out = 0;
	uint32_t n = 0;

	expect(s != NULL && carved <= s->blocks);
	s->owner = &a;
	mx_span_set_carved(s, carved);
	for (uint32_t i = 0; i < carved; i++) {
		struct mx_block *b = (struct mx_block *)(void *)block(s, i);

		if (i % step == 0) {
			memset(b, 0, s->size);
			out += mx_span_unit(s, b);
			n++;
		} else {
			mx_block_link(b, s->local, mx_block_key);
			s->local = b;
		}
	}
	mx_span_set_out(s, mx_span_kept(out), n);
	return s;
}

static struct mx_span *
make_mixed(unsigned c, uint32_t carved, uint32_t step)
{
	struct mx_span *s = make_span(c, carved, step);

	expect(mx_mixed_begin(s, c));
	return s;
}

static size_t
size_of(struct mx_span *s, const void *p)
{
	bool inside;

	return mx_mixed_size(s, p, &inside);
}

static struct mx_block *
take(unsigned c)
{
	return mx_mixed_take(c, mx_mixed_fitting(c));
}

static bool
fits(unsigned g, unsigned c)
{
	return g < 32 && mx_mixed_fitting(c) >> g & 1;
}

static bool
is_inside(struct mx_span *s, const void *p)
{
	bool inside;

	ck_assert_uint_eq(mx_mixed_size(s, p, &inside), 0);
	return inside;
}

START_TEST(test_begin)
{
	struct mx_span *s = make_mixed(SMALL, 100, 10);

	ck_assert_uint_eq(s->state, MX_SPAN_MIXED);
	ck_assert_ptr_null(s->owner);
	ck_assert(!mx_span_is_start(s, s->base));
	for (uint32_t i = 0; i < s->blocks; i++)
		ck_assert_uint_eq(size_of(s, block(s, i)),
		    i < 100 && i % 10 == 0 ? 48 : 0);
	ck_assert(is_inside(s, s->base + 1));
	ck_assert(is_inside(s, s->base + 47));
	ck_assert(!is_inside(s, s->base + 49));
	expect_heap();
	for (uint32_t i = 0; i < 100; i += 10)
		mx_mixed_give(s, block(s, i));
	expect_heap_is_empty();
}
END_TEST

/* A block freed twice let the count run out while another is in use.  */
START_TEST(test_begin_twice)
{
	struct mx_span *s = make_span(SMALL, 100, 10);

	(void)mx_span_count_down(s, mx_span_get_left(s) * MX_SPAN_ONE + 1);
	ck_assert_uint_eq(mx_span_get_left(s), 0);
	ck_assert(!mx_mixed_begin(s, SMALL));
	ck_assert_uint_eq(s->state, MX_SPAN_SMALL);
	ck_assert_ptr_eq(s->owner, &a);
}
END_TEST

/* What is carved no further is free, too.  */
START_TEST(test_take_all)
{
	struct mx_span *s = make_mixed(SMALL, 10, 10);
	size_t n = 0, size;
	struct mx_block *b;

	ck_assert(fits(SMALL, LARGER));
	while ((b = take(LARGER)) != MX_BLOCK_END)
		for (; b != MX_BLOCK_END; b = b->next, n++) {
			ck_assert(mx_block_is_free(b, mx_block_key));
			size = size_of(s, b);
			ck_assert_uint_eq(size, 384);
			ck_assert(is_inside(s, (char *)b + 48));
			ck_assert(is_inside(s, (char *)b + 383));
		}
	/* One granule is in use, seven are left at the end or before it.  */
	ck_assert_uint_ge(n, (s->blocks - 1) / 8 - 1);
	ck_assert_ptr_eq(take(LARGER), MX_BLOCK_END);
	expect_heap();
}
END_TEST

/* A span without room, or without enough, stays what it is.  */
START_TEST(test_no_room)
{
	struct mx_span *s = make_span(SMALL, 1360, 1);

	mx_span_set_carved(s, s->blocks);
	mx_span_set_out(s, mx_span_all_out(s), s->blocks);
	ck_assert(!mx_mixed_begin(s, SMALL));
	ck_assert_uint_eq(s->state, MX_SPAN_SMALL);
	/* Seven free granules between any two that are in use.  */
	s = make_span(SMALL, 1361, 8);
	mx_span_set_carved(s, s->blocks);
	mx_span_set_out(s, mx_span_get_out(s) + 4 * MX_SPAN_ONE,
	    mx_span_get_left(s) + 4);
	ck_assert(!mx_mixed_begin(s, LARGER));
	ck_assert_ptr_eq(s->owner, &a);
	ck_assert(mx_mixed_begin(s, LARGER - 1));
	ck_assert_ptr_eq(take(LARGER), MX_BLOCK_END);
	ck_assert_ptr_ne(take(LARGER - 1), MX_BLOCK_END);
}
END_TEST

/* What comes back joins its neighbours, and is found.  */
START_TEST(test_join)
{
	struct mx_span *s = make_mixed(SMALL, 1361, 8);
	struct mx_block *b;

	/* The tail was never carved: fill it.  */
	while ((b = take(LARGER)) != MX_BLOCK_END)
		continue;
	mx_mixed_give(s, block(s, 80));
	b = take(LARGER);
	ck_assert_ptr_eq(b, block(s, 73));
	ck_assert_ptr_eq(b->next, MX_BLOCK_END);
	mx_mixed_give(s, b);
	mx_mixed_give(s, block(s, 88));
	mx_mixed_give(s, block(s, 96));
	ck_assert_uint_eq(s->mixed->room, 31 * 48);
	expect_heap();
}
END_TEST

/* malloc's word about powers of two holds, and little is wasted.  */
START_TEST(test_fits)
{
	for (unsigned g = 0; g < MX_CLASS_COUNT; g++)
		for (unsigned c = 0; c < MX_CLASS_COUNT; c++) {
			size_t size = mx_class_size(g), want = mx_class_size(c);
			size_t n = (want + size - 1) / size * size;
			bool does = fits(g, c);

			ck_assert(!does || n * 4 <= want * 5);
			ck_assert(!does || !mx_is_pow2(want) || g == c);
			ck_assert(g != c || does == (g < 32));
		}
	ck_assert(!fits(4, 3));         /* 80 for 64 */
}
END_TEST

/* A program may have copied what was once a mark: the list tells.  */
START_TEST(test_copied_mark)
{
	struct mx_span *s = make_span(SMALL, 100, 10);

	memcpy(block(s, 10), block(s, 11), 48);
	ck_assert(mx_mixed_begin(s, SMALL));
	ck_assert_uint_eq(size_of(s, block(s, 10)), 48);
	ck_assert_uint_eq(size_of(s, block(s, 11)), 0);
	ck_assert_uint_eq(s->mixed->free_, s->blocks - 10);
}
END_TEST

/* Blocks on their way home have a mark, and are on no list.  */
START_TEST(test_on_the_way)
{
	struct mx_span *s = make_span(SMALL, 100, 10);
	struct mx_block *b = (struct mx_block *)(void *)block(s, 10);
	struct mx_block *second = (struct mx_block *)(void *)block(s, 20);

	mx_block_link(second, MX_BLOCK_END, mx_block_key);
	mx_block_link(b, second, mx_block_key);
	ck_assert(mx_mixed_begin(s, SMALL));
	ck_assert_uint_eq(size_of(s, b), 48);
	mx_mixed_give_chain(s, b, 2);
	ck_assert_uint_eq(size_of(s, b), 0);
	ck_assert_uint_eq(size_of(s, second), 0);
	ck_assert_uint_eq(s->mixed->free_, s->blocks - 8);
}
END_TEST

/* A damaged list leaves the span what it was.  */
START_TEST(test_damaged)
{
	struct mx_span *s = make_span(SMALL, 100, 10);
	struct mx_block *b = s->local->next->next;

	switch (_i) {
	case 0:                         /* overwritten */
		memset(b, 0x55, sizeof *b);
		break;
	case 1:                         /* a ring */
		mx_block_link(b, s->local, mx_block_key);
		memset(block(s, 11), 0, 48);
		break;
	case 2:                         /* the end is lost */
		mx_block_link(b, MX_BLOCK_END, mx_block_key);
		memset(block(s, 11), 0, 48);
		break;
	default:                        /* what is no block of it */
		mx_block_link((struct mx_block *)(void *)(s->base + 8), b->next,
		    mx_block_key);
		mx_block_link(b, (struct mx_block *)(void *)(s->base + 8),
		    mx_block_key);
		memset(block(s, 11), 0, 48);
	}
	ck_assert(!mx_mixed_begin(s, SMALL));
	ck_assert_uint_eq(s->state, MX_SPAN_SMALL);
	ck_assert_ptr_eq(s->owner, &a);
	ck_assert_ptr_eq(take(SMALL), MX_BLOCK_END);
}
END_TEST

START_TEST(test_no_memory)
{
	struct mx_span *s = make_span(SMALL, 100, 10);

	/* Whatever is left of what was there before.  */
	fake_os_refuse(FAKE_ANY, 1, true);
	while (mx_meta_take(64) != NULL)
		continue;
	ck_assert(!mx_mixed_begin(s, SMALL));
	ck_assert_uint_eq(s->state, MX_SPAN_SMALL);
	fake_os_refuse_nothing();
	ck_assert(mx_mixed_begin(s, SMALL));
}
END_TEST

/* What is no block in use is not freed, and told.  */
START_TEST(test_misuse)
{
	struct mx_span *s = make_mixed(SMALL, 100, 10);
	struct mx_block *b = take(LARGER);

	mx_conf.on_misuse = MX_CONF_REPORT;
	text_divert();
	mx_mixed_give(s, block(s, 0));
	mx_mixed_give(s, block(s, 0));
	text_restore();
	ck_assert_ptr_nonnull(strstr(text, "M001 free("));
	ck_assert_ptr_nonnull(strstr(text, ": byte 0 of a block of 48, free, of "
	    "the mixed span at "));
	text_divert();
	mx_mixed_give(s, (char *)b + 48);
	text_restore();
	ck_assert_ptr_nonnull(strstr(text, "M002 free("));
	ck_assert_ptr_nonnull(strstr(text, ": byte 48 of a block of 384, in use, "
	    "of the mixed span at "));
	text_divert();
	mx_mixed_give(s, (char *)b + 1);
	mx_mixed_give(s, s->base + s->blocks * s->size);
	text_restore();
	ck_assert_ptr_nonnull(strstr(text, "M002 free("));
	ck_assert_uint_eq(mx_misuse_count, 4);
	ck_assert_uint_eq(size_of(s, b), 384);
	expect_heap();
}
END_TEST

/* Of a chain whose links are damaged nothing is believed.  */
START_TEST(test_damaged_chain)
{
	struct mx_span *s = make_mixed(SMALL, 100, 10);
	struct mx_block *b = (struct mx_block *)(void *)block(s, 10);

	mx_conf.on_misuse = MX_CONF_REPORT;
	mx_block_link(b, (struct mx_block *)(void *)block(s, 20), mx_block_key);
	text_divert();
	mx_mixed_give_chain(s, b, 2);
	text_restore();
	ck_assert_uint_eq(mx_misuse_count, 1);
	ck_assert_uint_eq(size_of(s, b), 0);
	ck_assert_uint_eq(size_of(s, block(s, 20)), 48);
}
END_TEST

START_TEST(test_locks)
{
	struct mx_span *s = make_mixed(SMALL, 100, 100);

	mx_mixed_lock_all();
	mx_mixed_unlock_all();
	mx_mixed_lock_all();
	mx_mixed_lock_init_all();
	ck_assert_ptr_ne(take(LARGER), MX_BLOCK_END);
	mx_mixed_give(s, s->base);
}
END_TEST

/* ---- at random, against a list ---- */

#define MOST 3000

static struct live {
	char *p;
	size_t size;            /* of the class, or of the granule */
	uint64_t id;
} lives[MOST];

static size_t n_lives;
static uint64_t last_id;

static void
add(void *p, size_t size)
{
	expect(n_lives < MOST);
	pattern_fill(p, size, ++last_id);
	lives[n_lives++] = (struct live){ p, size, last_id };
}

static void
random_begin(void)
{
	unsigned c = (unsigned)property_below(20);
	uint32_t step = 4 + (uint32_t)property_below(100);
	struct mx_span *s = mx_heap_take_small(c);
	uint32_t blocks;

	expect(s != NULL);
	blocks = s->blocks;
	mx_heap_give(s);
	if (n_lives + blocks / step + 1 > MOST)
		return;
	s = make_span(c, 1 + (uint32_t)property_below(blocks), step);
	if (!mx_mixed_begin(s, c))
		ck_abort_msg("refused%s", property_note());
	for (uint32_t i = 0; i < s->blocks; i++)
		if (size_of(s, block(s, i)) > 0)
			add(block(s, i), s->size);
}

static void
random_take(void)
{
	unsigned c = (unsigned)property_below(MX_CLASS_COUNT);
	size_t size = mx_class_size(c);
	struct mx_block *next;

	for (struct mx_block *b = take(c); b != MX_BLOCK_END; b = next) {
		struct mx_span *s = mx_pagemap_get(b);

		next = b->next;
		expect(mx_block_is_free(b, mx_block_key));
		expect(size_of(s, b) >= size && size_of(s, b) <= size / 4 * 5);
		expect(!mx_is_pow2(size) || mx_is_aligned((uintptr_t)b, size));
		if (n_lives < MOST)
			add(b, size);
		else
			mx_mixed_give(s, b);
	}
}

static void
random_give(void)
{
	struct live *l = &lives[property_below(n_lives)];

	expect(pattern_is(l->p, l->size, l->id));
	mx_mixed_give(mx_pagemap_get(l->p), l->p);
	*l = lives[--n_lives];
}

START_TEST(test_random)
{
	start_on(&kernels[_i % N_KERNELS]);
	if (mx_sys_facts.page > MX_MIB)
		return;                 /* more blocks in a span than it may have */
	property_start();
	for (property_steps(20000)) {
		if (property_one_in(500))
			random_begin();
		if (property_one_in(1000))
			expect_heap();
		if (n_lives > 0 && property_below(10) < 9)
			random_give();
		else
			random_take();
	}
	while (n_lives > 0)
		random_give();
	expect_heap_is_empty();
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("mixed");
	TCase *tc = add_case(s, "mixed");

	tcase_add_test(tc, test_begin);
	tcase_add_test(tc, test_begin_twice);
	tcase_add_test(tc, test_take_all);
	tcase_add_test(tc, test_no_room);
	tcase_add_test(tc, test_join);
	tcase_add_test(tc, test_fits);
	tcase_add_test(tc, test_copied_mark);
	tcase_add_test(tc, test_on_the_way);
	tcase_add_loop_test(tc, test_damaged, 0, 4);
	tcase_add_test(tc, test_no_memory);
	tcase_add_test(tc, test_misuse);
	tcase_add_test(tc, test_damaged_chain);
	tcase_add_test(tc, test_locks);
	tc = add_case(s, "random");
	tcase_add_loop_test(tc, test_random, 0, N_KERNELS);
	return run(s);
}
