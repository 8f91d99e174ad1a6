/* check_arena.c - unit tests of address space: reserve, map, fall back.
 *
 * SPDX-License-Identifier: MIT  */

#include <errno.h>

#include "arena.h"
#include "check_core.h"
#include "meta.h"
#include "pagemap.h"

/* What a border moves by when there is room.  */
#define STEP (4 * MX_MIB)

static size_t unit;

/* Every arena is Prepared below its border and Reserved above it, the slots are
 * there, and that is all there is.  */
static void
expect_arenas(void)
{
	size_t reserved = 0, prepared = 0;

	expect_accounts();
	for (struct mx_arena *a = mx_arena_list; a != NULL; a = a->next) {
		expect(mx_is_aligned((uintptr_t)a->base, unit));
		expect(mx_is_aligned(a->size | a->mapped, unit));
		expect(a->mapped <= a->size);
		prepared += a->mapped;
		reserved += a->size - a->mapped;
		if (a->mapped > 0) {
			expect(fake_os_state(a->base) == FAKE_PREPARED);
			expect(fake_os_state(a->base + a->mapped - 1) ==
			    FAKE_PREPARED);
			expect(mx_pagemap_get(a->base) == &mx_pagemap_none);
			expect(mx_pagemap_get(a->base + a->mapped - 1) ==
			    &mx_pagemap_none);
		}
		if (a->mapped < a->size)
			expect(fake_os_state(a->base + a->mapped) ==
			    FAKE_RESERVED);
	}
	expect_eq(mx_sys_account.prepared, prepared);
	/* Only address space that the kernel would not take back is lost.  */
	expect(mx_sys_account.reserved >= reserved);
	expect(mx_sys_account.reserved == reserved ||
	    fake_os_refused(FAKE_FREE) > 0);
	expect_eq(mx_sys_account.ready, mx_meta_bytes());
}

static size_t
count_arenas(void)
{
	size_t n = 0;

	for (struct mx_arena *a = mx_arena_list; a != NULL; a = a->next)
		n++;
	return n;
}

/* Grow by N; NULL if refused.  */
static char *
grow(size_t n, size_t *got)
{
	char *v = mx_arena_grow(n, got);

	if (v != NULL) {
		expect(*got >= n);
		expect(mx_is_aligned((uintptr_t)v | *got, unit));
	}
	expect_arenas();
	return v;
}

static void
begin(const struct kernel *k)
{
	start_on(k);
	unit = mx_max(MX_PAGE, mx_sys_facts.page);
}

static void
setup_arena(void)
{
	setup();
	unit = MX_PAGE;
}

START_TEST(test_first)
{
	char *v;
	size_t got;

	begin(&kernels[_i]);
	ck_assert_ptr_null(mx_arena_border());
	v = grow(unit, &got);
	ck_assert_ptr_nonnull(v);
	ck_assert_uint_eq(got, mx_max(STEP, unit));
	ck_assert_ptr_eq(mx_arena_border(), v + got);
	ck_assert_ptr_eq(grow(unit, &got), v + mx_max(STEP, unit));
	ck_assert_uint_eq(count_arenas(), 1);
}
END_TEST

START_TEST(test_size_option)
{
	size_t got;

	mx_conf.arena = 16 * MX_MIB;
	ck_assert_ptr_nonnull(grow(MX_PAGE, &got));
	ck_assert_uint_eq(mx_arena_list->size, 16 * MX_MIB);
	/* More than an arena: one of its own, of the size that is needed.  */
	ck_assert_ptr_nonnull(grow(100 * MX_MIB, &got));
	ck_assert_uint_eq(got, 100 * MX_MIB);
	ck_assert_uint_eq(mx_arena_list->size, 100 * MX_MIB);
	ck_assert_uint_eq(count_arenas(), 2);
	/* The older one still has room.  */
	ck_assert_ptr_nonnull(grow(10 * MX_MIB, &got));
	ck_assert_uint_eq(got, 10 * MX_MIB);
	ck_assert_ptr_nonnull(grow(MX_MIB, &got));
	ck_assert_uint_eq(got, 2 * MX_MIB);
	ck_assert_uint_eq(count_arenas(), 2);
	ck_assert_ptr_nonnull(grow(MX_PAGE, &got));
	ck_assert_uint_eq(count_arenas(), 3);
}
END_TEST

START_TEST(test_too_much)
{
	static const size_t sizes[] = {
		2 * FAKE_OS_AREA, SIZE_MAX / 2 + 1, SIZE_MAX,
		SIZE_MAX & ~(MX_PAGE - 1)
	};
	size_t got;

	errno = 0;
	ck_assert_ptr_null(grow(sizes[_i], &got));
	ck_assert_int_eq(errno, ENOMEM);
	ck_assert_ptr_null(mx_arena_list);
	ck_assert_ptr_nonnull(grow(MX_PAGE, &got));
}
END_TEST

/* What the system would not back gets neither records nor address space.  */
START_TEST(test_not_backed)
{
	size_t got, metadata = mx_meta_bytes();

	fake_os_refuse(FAKE_ALLOC, 1, false);
	errno = 0;
	ck_assert_ptr_null(mx_arena_grow(2 * MX_GIB, &got));
	ck_assert_int_eq(errno, ENOMEM);
	ck_assert_ptr_null(mx_arena_list);
	ck_assert_uint_eq(mx_meta_bytes(), metadata);
	ck_assert_ptr_nonnull(mx_arena_grow(2 * MX_GIB, &got));
}
END_TEST

/* Refused a GiB, it asks for less, down to what it needs.  */
START_TEST(test_ladder)
{
	size_t room = ((size_t)3 << _i) * MX_MIB;
	size_t taken = FAKE_OS_AREA - 2 * mx_sys_facts.page - room;
	size_t want = MX_GIB;
	size_t got;

	ck_assert_ptr_nonnull(mx_sys_reserve(taken, 0));
	ck_assert_ptr_nonnull(mx_arena_grow(MX_PAGE, &got));
	while (want >= room)
		want /= 4;
	ck_assert_uint_eq(mx_arena_list->size, want);
	ck_assert_uint_eq(mx_sys_account.reserved, taken + want - got);
	expect_accounts();
}
END_TEST

/* So little that even the smallest arena is too large: what is needed.  */
START_TEST(test_last_drop)
{
	size_t got;
	char *v;

	options.limit = 3 * MX_MIB;
	start();
	v = grow(2 * MX_MIB, &got);
	ck_assert_ptr_nonnull(v);
	ck_assert_ptr_null(grow(2 * MX_MIB, &got));
	ck_assert_int_eq(errno, ENOMEM);
	ck_assert_ptr_nonnull(grow(MX_PAGE, &got));
	ck_assert_uint_eq(count_arenas(), 2);
}
END_TEST

START_TEST(test_tight)
{
	size_t got;

	options.limit = MX_GIB;
	start();
	ck_assert_ptr_nonnull(grow(MX_PAGE, &got));
	ck_assert_uint_eq(mx_arena_list->size, 8 * MX_MIB);
	ck_assert_ptr_nonnull(grow(20 * MX_MIB, &got));
	ck_assert_uint_eq(mx_arena_list->size, 20 * MX_MIB);
}
END_TEST

START_TEST(test_grow_at)
{
	size_t got;
	char *v = grow(STEP, &got);
	char *end = v + got;

	ck_assert_ptr_null(mx_arena_grow_at(v, MX_PAGE, &got));
	ck_assert_ptr_null(mx_arena_grow_at(end - MX_PAGE, MX_PAGE, &got));
	ck_assert_ptr_null(mx_arena_grow_at(end + MX_PAGE, MX_PAGE, &got));
	ck_assert_ptr_null(mx_arena_grow_at(&got, MX_PAGE, &got));
	ck_assert_ptr_null(mx_arena_grow_at(end, MX_GIB, &got));
	ck_assert_ptr_eq(mx_arena_grow_at(end, MX_PAGE, &got), end);
	ck_assert_uint_eq(got, STEP);
	end += got;
	ck_assert_ptr_eq(mx_arena_grow_at(end, 3 * STEP, &got), end);
	ck_assert_uint_eq(got, 3 * STEP);
	expect_arenas();
	/* An arena that is not the newest.  */
	end += got;
	ck_assert_ptr_nonnull(grow(MX_GIB, &got));
	ck_assert_ptr_eq(mx_arena_grow_at(end, MX_PAGE, &got), end);
	expect_arenas();
}
END_TEST

/* Each single call refused, once or from then on: an error, nothing lost, and
 * then it works.  */
START_TEST(test_refused)
{
	unsigned nth = (unsigned)_i / 2 + 1;
	bool forever = _i % 2;
	size_t got;
	char *v, *w;

	mx_conf.arena = 8 * MX_MIB;
	fake_os_refuse(FAKE_ANY, nth, forever);
	errno = 0;
	v = grow(6 * MX_MIB, &got);
	if (v == NULL)
		ck_assert_int_eq(errno, ENOMEM);
	w = grow(6 * MX_MIB, &got);
	if (forever && fake_os_refused(FAKE_ANY) > 0)
		ck_assert_ptr_null(w);
	fake_os_refuse_nothing();
	for (int i = 0; i < 10; i++)
		ck_assert_ptr_nonnull(grow(6 * MX_MIB, &got));
	/* Once refused, address space is not reserved again and again.  */
	ck_assert_uint_le(count_arenas(), 14);
}
END_TEST

/* A whole step is refused, what is needed is not.  */
START_TEST(test_map_less)
{
	size_t got;

	fake_os_refuse(FAKE_MAP, 1, false);
	ck_assert_ptr_nonnull(grow(MX_PAGE, &got));
	ck_assert_uint_eq(got, mx_max(MX_PAGE, mx_sys_facts.page));
	ck_assert_ptr_nonnull(grow(MX_PAGE, &got));
	ck_assert_uint_eq(got, STEP);
}
END_TEST

/* Random requests: no byte is handed out twice.  */
START_TEST(test_random)
{
	enum { MOST = 200 };
	static struct {
		char *v;
		size_t n;
	} all[MOST];
	size_t used = 0, n, got;
	char *v;

	begin(&kernels[_i]);
	property_start();
	mx_conf.arena = 64 * MX_MIB;
	for (property_steps(100)) {
		n = mx_align_up(1 + property_size(32 * MX_MIB), MX_PAGE);
		v = mx_arena_border();
		if (v != NULL && property_one_in(3))
			v = mx_arena_grow_at(v, n, &got);
		else
			v = mx_arena_grow(n, &got);
		if (v == NULL)
			continue;
		expect(got >= n);
		for (size_t i = 0; i < used; i++)
			expect(v + got <= all[i].v ||
			    all[i].v + all[i].n <= v);
		all[used].v = v;
		all[used++].n = got;
		expect_arenas();
	}
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("arena");
	TCase *tc = tcase_create("all");

	tcase_add_checked_fixture(tc, setup_arena, NULL);
	tcase_set_timeout(tc, 120);
	suite_add_tcase(s, tc);
	tcase_add_loop_test(tc, test_first, 0, N_KERNELS);
	tcase_add_test(tc, test_size_option);
	tcase_add_loop_test(tc, test_too_much, 0, 4);
	tcase_add_test(tc, test_not_backed);
	tcase_add_loop_test(tc, test_ladder, 1, 8);
	tcase_add_test(tc, test_last_drop);
	tcase_add_test(tc, test_tight);
	tcase_add_test(tc, test_grow_at);
	tcase_add_loop_test(tc, test_refused, 0, 40);
	tcase_add_test(tc, test_map_less);
	tcase_add_loop_test(tc, test_random, 0, N_KERNELS);
	return run(s);
}
