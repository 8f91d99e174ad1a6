/* check_pagemap.c - unit tests of the way from an address to its span.
 *
 * SPDX-License-Identifier: MIT  */

#include <errno.h>

#include "check_core.h"
#include "meta.h"
#include "pagemap.h"

/* Address space of SLOTS slots and a page on each side, on slot borders.  */
static char *
make_area(size_t slots)
{
	char *v = mx_sys_reserve((slots + 2) * MX_SLOT, MX_SLOT);

	ck_assert_ptr_nonnull(v);
	return v + MX_SLOT;
}

/* The same on kernels without room for it: the map reads no memory there.  */
static char *
any_area(void)
{
	return (char *)(MX_ADDRESS_BASE + 77 * MX_SLOT);
}

START_TEST(test_foreign)
{
	int local;

	ck_assert_ptr_null(mx_pagemap_get(NULL));
	ck_assert_ptr_null(mx_pagemap_get(&local));
	ck_assert_ptr_null(mx_pagemap_get((void *)UINTPTR_MAX));
	ck_assert_ptr_null(mx_pagemap_get((void *)(UINTPTR_MAX / 2 + 1)));
	ck_assert_ptr_null(mx_pagemap_slot(&local));
	ck_assert_ptr_null(mx_pagemap_record(NULL));
	ck_assert_uint_eq(mx_pagemap_entry(&local), 0);
}
END_TEST

/* The last address that the table can name, and the first that it can't.  */
START_TEST(test_ends)
{
	size_t slots = MX_SLOT_COUNT / MX_ADDRESS_WINDOWS;
	char *last = (char *)(MX_ADDRESS_BASE + (slots - 1) * MX_SLOT);

	ck_assert_uint_eq(mx_pagemap_index(last), slots - 1);
	ck_assert_uint_ge(mx_pagemap_index(last + MX_SLOT), MX_SLOT_COUNT);
	ck_assert(mx_pagemap_cover(last, MX_SLOT));
	ck_assert_ptr_eq(mx_pagemap_get(last + MX_SLOT - 1),
	    &mx_pagemap_none);
	ck_assert_ptr_null(mx_pagemap_get(last + MX_SLOT));
	errno = 0;
	ck_assert(!mx_pagemap_cover(last, MX_SLOT + 1));
	ck_assert_int_eq(errno, ENOMEM);
	ck_assert(!mx_pagemap_cover(last + MX_SLOT, 1));
	ck_assert(!mx_pagemap_cover((void *)(UINTPTR_MAX - MX_PAGE + 1),
	    MX_PAGE));
	ck_assert_ptr_null(mx_pagemap_get((void *)UINTPTR_MAX));
}
END_TEST

START_TEST(test_cover)
{
	char *v = any_area();

	/* Two pages about a border: two slots and no third.  */
	ck_assert(mx_pagemap_cover(v + MX_SLOT - MX_PAGE, 2 * MX_PAGE));
	ck_assert_ptr_null(mx_pagemap_get(v - 1));
	ck_assert_ptr_eq(mx_pagemap_get(v), &mx_pagemap_none);
	ck_assert_ptr_eq(mx_pagemap_get(v + 2 * MX_SLOT - 1),
	    &mx_pagemap_none);
	ck_assert_ptr_null(mx_pagemap_get(v + 2 * MX_SLOT));
	ck_assert_ptr_ne(mx_pagemap_slot(v), mx_pagemap_slot(v + MX_SLOT));
	ck_assert_ptr_eq(mx_pagemap_slot(v),
	    mx_pagemap_slot(v + MX_SLOT - 1));
}
END_TEST

START_TEST(test_cover_again)
{
	char *v = any_area();
	struct mx_slot *slot;
	size_t bytes;

	ck_assert(mx_pagemap_cover(v, MX_SLOT));
	slot = mx_pagemap_slot(v);
	bytes = mx_meta_bytes();
	mx_pagemap_set(v, 1, &slot->span[5]);
	ck_assert(mx_pagemap_cover(v, MX_SLOT));
	ck_assert_ptr_eq(mx_pagemap_slot(v), slot);
	ck_assert_ptr_eq(mx_pagemap_get(v), &slot->span[5]);
	ck_assert_uint_eq(mx_meta_bytes(), bytes);
}
END_TEST

/* Refused in the middle: what is there works, and the next try goes on.  */
START_TEST(test_cover_refused)
{
	char *v = any_area();

	fake_os_refuse(FAKE_ALLOC, (unsigned)_i, true);
	errno = 0;
	ck_assert(!mx_pagemap_cover(v, 40 * MX_SLOT));
	ck_assert_int_eq(errno, ENOMEM);
	ck_assert_ptr_null(mx_pagemap_get(v + 39 * MX_SLOT));
	fake_os_refuse_nothing();
	ck_assert(mx_pagemap_cover(v, 40 * MX_SLOT));
	for (size_t i = 0; i < 40; i++)
		expect(mx_pagemap_get(v + i * MX_SLOT) == &mx_pagemap_none);
	expect_accounts();
	/* Most of a slot is never touched: one costs less than it is long, on
	 * real pages of 64 KiB too.  */
	ck_assert_uint_lt(mx_meta_resident(), mx_meta_bytes() / 4 * 3);
}
END_TEST

START_TEST(test_set)
{
	char *v = any_area() + MX_SLOT - 3 * MX_PAGE;
	struct mx_span *s;

	ck_assert(mx_pagemap_cover(v, 6 * MX_PAGE));
	s = mx_pagemap_record(v + MX_PAGE);
	mx_pagemap_set(v + MX_PAGE, 4, s);
	ck_assert_ptr_eq(mx_pagemap_get(v + MX_PAGE - 1), &mx_pagemap_none);
	ck_assert_ptr_eq(mx_pagemap_get(v + MX_PAGE), s);
	ck_assert_ptr_eq(mx_pagemap_get(v + 5 * MX_PAGE - 1), s);
	ck_assert_ptr_eq(mx_pagemap_get(v + 5 * MX_PAGE), &mx_pagemap_none);
	mx_pagemap_set(v + 2 * MX_PAGE, 2, &mx_pagemap_none);
	ck_assert_ptr_eq(mx_pagemap_get(v + MX_PAGE), s);
	ck_assert_ptr_eq(mx_pagemap_get(v + 2 * MX_PAGE), &mx_pagemap_none);
	ck_assert_ptr_eq(mx_pagemap_get(v + 4 * MX_PAGE), s);
}
END_TEST

/* A hint is for an address, and for those that are the table's reach away; the
 * span says which.  */
START_TEST(test_hint)
{
	char *v = any_area() + MX_SLOT - 3 * MX_PAGE;
	struct mx_span *s;

	ck_assert(mx_pagemap_cover(v, 6 * MX_PAGE));
	ck_assert_ptr_eq(mx_pagemap_hint(v), &mx_pagemap_hints.none);
	ck_assert_ptr_null(mx_pagemap_hints.none.owner);
	ck_assert_int_eq(mx_pagemap_hints.none.state, MX_SPAN_NONE);
	ck_assert(!mx_pagemap_is_right(&mx_pagemap_hints.none, v));
	ck_assert(!mx_pagemap_is_right(&mx_pagemap_hints.none, (void *)16));
	s = mx_pagemap_record(v + MX_PAGE);
	s->base = v + MX_PAGE;
	s->pages = 4;
	mx_pagemap_set(v + MX_PAGE, 4, s);
	ck_assert_ptr_eq(mx_pagemap_hint(v + MX_PAGE - 1),
	    &mx_pagemap_hints.none);
	ck_assert_ptr_eq(mx_pagemap_hint(v + MX_PAGE), s);
	ck_assert(mx_pagemap_is_right(s, v + MX_PAGE));
	ck_assert_ptr_eq(mx_pagemap_hint(v + 5 * MX_PAGE - 1), s);
	ck_assert(mx_pagemap_is_right(s, v + 5 * MX_PAGE - 1));
	ck_assert_ptr_eq(mx_pagemap_hint(v + 5 * MX_PAGE),
	    &mx_pagemap_hints.none);
#if UINTPTR_MAX > 0xffffffffu
	{
		uintptr_t reach = MX_HINT_COUNT << MX_PAGE_SHIFT;
		uintptr_t at = (uintptr_t)v + MX_PAGE;

		for (size_t i = 0; i < 4 * MX_PAGE; i += 16) {
			expect(mx_pagemap_hint((void *)(at + i + reach)) == s);
			expect(!mx_pagemap_is_right(s, (void *)(at + i + reach)));
			expect(!mx_pagemap_is_right(s, (void *)(at + i - reach)));
		}
	}
#endif
	mx_pagemap_set(v + 2 * MX_PAGE, 2, &mx_pagemap_none);
	ck_assert_ptr_eq(mx_pagemap_hint(v + MX_PAGE), s);
	ck_assert_ptr_eq(mx_pagemap_hint(v + 2 * MX_PAGE),
	    &mx_pagemap_hints.none);
}
END_TEST

/* Each page has a record of its own, inside its slot.  */
START_TEST(test_records)
{
	static bool seen[MX_SLOT_PAGES];
	char *v = any_area();
	struct mx_slot *slot;

	ck_assert(mx_pagemap_cover(v, MX_SLOT));
	slot = mx_pagemap_slot(v);
	for (size_t i = 0; i < MX_SLOT_PAGES; i++) {
		struct mx_span *s = mx_pagemap_record(v + i * MX_PAGE + 5);
		size_t place = mx_pagemap_place(i);

		expect(place < MX_SLOT_PAGES && !seen[place]);
		expect(s == &slot->span[place]);
		expect(mx_is_aligned((uintptr_t)s, MX_CACHE_LINE));
		expect(s->state == MX_SPAN_NONE);
		seen[place] = true;
	}
}
END_TEST

/* No thread's cache owns the record that stands for no block.  */
START_TEST(test_none)
{
	ck_assert_ptr_nonnull(mx_pagemap_none.owner);
	ck_assert_int_eq(mx_pagemap_none.state, MX_SPAN_NONE);
}
END_TEST

/* The bits, against an array of bytes; across a slot's border.  */

#define PAGES 700

static bool model[PAGES];

static size_t
count(size_t from, size_t n, bool ready)
{
	size_t sum = 0;

	for (size_t i = from; i < from + n; i++)
		sum += model[i] == ready;
	return sum;
}

static void
expect_find(char *v, size_t from, size_t n, bool ready)
{
	size_t a = from, b, skip;

	while (a < from + n && model[a] != ready)
		a++;
	for (b = a; b < from + n && model[b] == ready; b++)
		continue;
	expect_eq(mx_pagemap_find_ready(v + from * MX_PAGE, n, ready, &skip),
	    b - a);
	expect_eq(skip, a - from);
}

START_TEST(test_ready)
{
	char *v = any_area() + MX_SLOT - 333 * MX_PAGE;
	size_t from, n;
	bool ready;

	property_start();
	ck_assert(mx_pagemap_cover(v, PAGES * MX_PAGE));
	for (property_steps(40000)) {
		from = property_below(PAGES);
		n = 1 + property_size(PAGES - from - 1);
		ready = property_below(2);
		expect_eq(mx_pagemap_count_ready(v + from * MX_PAGE, n),
		    count(from, n, true));
		expect_find(v, from, n, ready);
		if (property_one_in(3))
			continue;
		expect_eq(mx_pagemap_mark_ready(v + from * MX_PAGE, n, ready),
		    count(from, n, !ready));
		memset(&model[from], ready, n);
		expect_eq(mx_pagemap_count_ready(v, PAGES),
		    count(0, PAGES, true));
	}
}
END_TEST

START_TEST(test_ready_is_new)
{
	char *v = make_area(1);
	size_t skip;

	ck_assert(mx_pagemap_cover(v, MX_SLOT));
	ck_assert_uint_eq(mx_pagemap_count_ready(v, MX_SLOT_PAGES), 0);
	ck_assert_uint_eq(mx_pagemap_find_ready(v, MX_SLOT_PAGES, false,
	    &skip), MX_SLOT_PAGES);
	ck_assert_uint_eq(skip, 0);
	ck_assert_uint_eq(mx_pagemap_find_ready(v, MX_SLOT_PAGES, true,
	    &skip), 0);
	ck_assert_uint_eq(skip, MX_SLOT_PAGES);
	ck_assert_uint_eq(mx_pagemap_find_ready(v, 0, true, &skip), 0);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("pagemap");
	TCase *tc = add_case(s, "look-up");

	tcase_add_test(tc, test_foreign);
	tcase_add_test(tc, test_ends);
	tcase_add_test(tc, test_cover);
	tcase_add_test(tc, test_cover_again);
	tcase_add_loop_test(tc, test_cover_refused, 1, 5);
	tcase_add_test(tc, test_set);
	tcase_add_test(tc, test_hint);
	tcase_add_test(tc, test_records);
	tcase_add_test(tc, test_none);
	tc = add_case(s, "ready");
	tcase_add_test(tc, test_ready);
	tcase_add_test(tc, test_ready_is_new);
	return run(s);
}
