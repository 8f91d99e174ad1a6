/* check_heap.c - unit tests of page runs: take, give, stretch, give back.
 *
 * check_heap_bound.c has the rules for free pages, check_heap_random.c the random
 * sequences.
 *
 * SPDX-License-Identifier: MIT  */

#include <errno.h>

#include "check_core.h"
#include "check_pages.h"
#include "heap.h"

static bool
is_zero(const char *v, size_t n)
{
	return v[0] == 0 && memcmp(v, v + 1, n - 1) == 0;
}

static struct mx_span *
take(size_t n, bool *zero)
{
	struct mx_span *s;

	*zero = false;
	s = mx_heap_take_large(n, MX_PAGE, zero);
	expect(s != NULL);
	return s;
}

static size_t
os_pages(size_t n)
{
	return mx_align_up(n, mx_max(MX_PAGE, mx_sys_facts.page)) >>
	    MX_PAGE_SHIFT;
}

/* Taking.  */

START_TEST(test_small)
{
	start_on(&kernels[_i]);
	for (unsigned c = 0; c < MX_CLASS_COUNT; c++) {
		struct mx_span *s = mx_heap_take_small(c);
		size_t size = mx_class_size(c), pages;

		ck_assert_ptr_nonnull(s);
		pages = os_pages((size_t)mx_class_pages[c] << MX_PAGE_SHIFT);
		ck_assert_uint_eq(s->pages, pages);
		ck_assert_uint_eq(s->class_, c);
		ck_assert_uint_eq(s->size, size);
		ck_assert_uint_eq(s->blocks, (pages << MX_PAGE_SHIFT) / size);
		ck_assert_uint_eq(s->carved | mx_span_get_left(s) | s->listed, 0);
		ck_assert_int_eq(s->state, MX_SPAN_SMALL);
		ck_assert_ptr_null(s->owner);
		ck_assert_ptr_null(s->home);
		ck_assert_ptr_eq(s->local, MX_BLOCK_END);
		ck_assert(!mx_span_is_current(s));
		if (mx_is_pow2(size))
			ck_assert(mx_is_aligned((uintptr_t)s->base, size));
	}
	expect_heap();
	ck_assert_uint_eq(mx_heap_account.large_blocks, 0);
}
END_TEST

static const size_t large_sizes[] = {
	1, 16384, 16385, 32769, 40000, 65536, 100000, 131072, 1000000,
	1 << 20, (1 << 20) + 1, 2 << 20, 5000000
};

#define N_LARGE (sizeof large_sizes / sizeof large_sizes[0])

START_TEST(test_large)
{
	size_t bytes = 0;
	bool zero;

	start_on(&kernels[_i]);
	for (size_t i = 0; i < N_LARGE; i++) {
		size_t n = large_sizes[i];
		struct mx_span *s = take(n, &zero);

		ck_assert_uint_eq(s->pages, os_pages(n));
		ck_assert_uint_eq(s->bytes, n);
		ck_assert_int_eq(s->state, MX_SPAN_LARGE);
		ck_assert(zero && is_zero(s->base, n));
		if (mx_is_pow2(n) && n <= MX_MIB)
			ck_assert(mx_is_aligned((uintptr_t)s->base, n));
		memset(s->base, 7, n);
		bytes += n;
		ck_assert_uint_eq(mx_heap_account.large_blocks, i + 1);
		ck_assert_uint_eq(mx_heap_account.large_bytes, bytes);
	}
	expect_heap();
}
END_TEST

START_TEST(test_align)
{
	struct mx_span *s;
	bool zero = false;

	start_on(&kernels[_i]);
	for (size_t align = 1; align <= 256 * MX_MIB; align *= 4) {
		s = mx_heap_take_large(50000, align, &zero);
		ck_assert_ptr_nonnull(s);
		ck_assert(mx_is_aligned((uintptr_t)s->base, align));
		ck_assert_uint_eq(s->pages, os_pages(50000));
	}
	expect_heap();
}
END_TEST

START_TEST(test_too_large)
{
	static const struct {
		size_t n, align;
	} all[] = {
		{ SIZE_MAX, 16 }, { PTRDIFF_MAX, 16 },
		{ (size_t)PTRDIFF_MAX + 1, 16 }, { 2 * FAKE_OS_AREA, 16 },
		{ SIZE_MAX - MX_PAGE, MX_PAGE }, { 1, SIZE_MAX / 2 + 1 },
		{ 1, SIZE_MAX / 4 + 1 }, { PTRDIFF_MAX, SIZE_MAX / 2 + 1 },
		{ PTRDIFF_MAX / 2, SIZE_MAX / 4 + 1 }
	};
	bool zero = false;

	start_on(&kernels[_i]);
	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
		errno = 0;
		ck_assert_ptr_null(mx_heap_take_large(all[i].n, all[i].align,
		    &zero));
		ck_assert_int_eq(errno, ENOMEM);
	}
	ck_assert_uint_eq(mx_heap_account.used, 0);
	ck_assert_ptr_nonnull(mx_heap_take_large(1, 16, &zero));
	expect_heap();
}
END_TEST

/* Giving.  */

START_TEST(test_give)
{
	struct mx_span *a = mx_heap_take_small(5);
	struct mx_span *b;
	char *base = a->base;
	bool zero;

	b = take(100000, &zero);
	mx_heap_give(a);
	ck_assert_ptr_eq(mx_pagemap_get(base), &mx_pagemap_none);
	ck_assert_uint_eq(mx_heap_account.used, os_pages(100000));
	ck_assert_uint_eq(mx_heap_account.dirty, mx_class_pages[5]);
	expect_heap();
	base = b->base;
	mx_heap_give(b);
	ck_assert_ptr_eq(mx_pagemap_get(base), &mx_pagemap_none);
	expect_heap_is_empty();
}
END_TEST

/* What comes back dirty is not called zero; what went to the system and came
 * back is, unless the system is lazy.  */
START_TEST(test_zero)
{
	struct mx_span *s;
	bool zero, dirty;

	start_on(&kernels[_i]);
	s = take(MX_MIB, &zero);
	ck_assert(zero);
	memset(s->base, 7, MX_MIB);
	mx_heap_give(s);
	/* An OS page above the bound goes back at once.  */
	dirty = mx_heap_account.dirty > 0;
	ck_assert(dirty || mx_sys_facts.page > mx_conf.dirty_min);
	s = take(MX_MIB, &zero);
	ck_assert(zero == (!dirty && !options.poison));
	memset(s->base, 7, MX_MIB);
	mx_heap_give(s);
	/* Above the bound, but wanted again at once: it may stay now.  */
	dirty = mx_heap_account.dirty > 0;
	ck_assert(mx_heap_trim() == (dirty && can_release()));
	s = take(MX_MIB, &zero);
	ck_assert(zero == (can_release() && !options.poison));
	if (zero)
		ck_assert(is_zero(s->base, MX_MIB));
}
END_TEST

/* Part of a run dirty: not zero as a whole.  */
START_TEST(test_zero_mixed)
{
	struct mx_span *s, *t;
	bool zero;

	s = take(10 * MX_PAGE, &zero);
	t = take(10 * MX_PAGE, &zero);
	memset(s->base, 7, 10 * MX_PAGE);
	mx_heap_give(s);
	mx_heap_give(t);
	(void)mx_heap_trim();
	s = take(5 * MX_PAGE, &zero);
	memset(s->base, 7, 5 * MX_PAGE);
	mx_heap_give(s);
	t = take(20 * MX_PAGE, &zero);
	ck_assert_ptr_eq(t, s);
	ck_assert(!zero);
}
END_TEST

/* Wanted zero: whatever was dirty, and wherever it lies.  */
START_TEST(test_zero_wanted)
{
	struct mx_span *s, *t;
	bool zero;

	for (size_t at = 0; at <= 15; at++) {
		s = take(at * MX_PAGE + 1, &zero);
		t = take(5 * MX_PAGE, &zero);
		memset(t->base, 7, 5 * MX_PAGE);
		mx_heap_give(s);
		(void)mx_heap_trim();
		mx_heap_give(t);
		zero = true;
		s = mx_heap_take_large(20 * MX_PAGE - 100, MX_PAGE, &zero);
		ck_assert_ptr_nonnull(s);
		ck_assert(zero);
		ck_assert(is_zero(s->base, 20 * MX_PAGE - 100));
		memset(s->base, 7, 20 * MX_PAGE);
		mx_heap_give(s);
	}
	zero = true;
	s = mx_heap_take_large(7 * MX_PAGE, MX_PAGE, &zero);
	ck_assert(zero && is_zero(s->base, 7 * MX_PAGE));
}
END_TEST

/* Stretching.  */

START_TEST(test_shrink)
{
	struct mx_span *s;
	bool zero;

	start_on(&kernels[_i]);
	s = take(64 * MX_MIB, &zero);
	memset(s->base, 7, 100);
	ck_assert(mx_heap_resize(s, 40 * MX_MIB));
	ck_assert_uint_eq(s->pages, os_pages(40 * MX_MIB));
	ck_assert_uint_eq(s->bytes, 40 * MX_MIB);
	ck_assert_uint_eq(mx_heap_account.large_bytes, 40 * MX_MIB);
	ck_assert_int_eq(s->base[99], 7);
	expect_heap();
	ck_assert(mx_heap_resize(s, 40 * MX_MIB - 1));
	ck_assert_uint_eq(s->bytes, 40 * MX_MIB - 1);
	mx_heap_give(s);
	expect_heap_is_empty();
}
END_TEST

/* Into free pages, over the border, and through both at once.  */
START_TEST(test_stretch)
{
	size_t most = 500 * MX_MIB;
	struct mx_span *s;
	bool zero;

	start_on(&kernels[_i]);
	/* Under a limit arenas are small.  */
	if (options.limit != 0)
		most = 8 * MX_MIB;
	s = take(MX_MIB, &zero);
	memset(s->base, 7, MX_MIB);
	for (size_t n = 2 * MX_MIB; n <= most; n = n * 3 / 2) {
		ck_assert(mx_heap_resize(s, n));
		ck_assert_uint_eq(s->pages, os_pages(n));
		ck_assert_int_eq(fake_os_state(s->base + n - 1), FAKE_READY);
		s->base[n - 1] = 7;
	}
	expect_heap();
	ck_assert_int_eq(s->base[MX_MIB - 1], 7);
	mx_heap_give(s);
	expect_heap_is_empty();
}
END_TEST

START_TEST(test_stretch_no_room)
{
	struct mx_span *a, *b;
	bool zero;

	a = take(MX_MIB, &zero);
	b = take(MX_MIB, &zero);
	if (b->base < a->base) {
		struct mx_span *t = a;

		a = b;
		b = t;
	}
	ck_assert_ptr_eq(a->base + MX_MIB, b->base);
	ck_assert(!mx_heap_resize(a, MX_MIB + 1));
	ck_assert_uint_eq(a->bytes, MX_MIB);
	ck_assert(!mx_heap_resize(a, SIZE_MAX));
	ck_assert(!mx_heap_resize(a, PTRDIFF_MAX));
	ck_assert(!mx_heap_resize(a, PTRDIFF_MAX - MX_SLOT));
	ck_assert(!mx_heap_resize(b, FAKE_OS_AREA));
	ck_assert_uint_eq(mx_heap_account.large_bytes, 2 * MX_MIB);
	/* Half of what is needed is free.  */
	mx_heap_give(b);
	b = take(MX_MIB / 2, &zero);
	ck_assert_ptr_eq(a->base + MX_MIB, b->base);
	mx_heap_give(a);
	mx_heap_give(b);
	expect_heap_is_empty();
}
END_TEST

/* Locks.  */

START_TEST(test_lock)
{
	bool zero;

	mx_heap_lock();
	mx_heap_unlock();
	mx_heap_lock_idle();
	mx_heap_lock_init();
	mx_heap_lock();
	mx_heap_unlock();
	mx_heap_give(take(MX_MIB, &zero));
	expect_heap_is_empty();
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("heap");
	TCase *tc = add_case(s, "take");

	tcase_add_loop_test(tc, test_small, 0, N_KERNELS);
	tcase_add_loop_test(tc, test_large, 0, N_KERNELS);
	tcase_add_loop_test(tc, test_align, 0, N_KERNELS);
	tcase_add_loop_test(tc, test_too_large, 0, N_KERNELS);
	tc = add_case(s, "give");
	tcase_add_test(tc, test_give);
	tcase_add_loop_test(tc, test_zero, 0, N_KERNELS);
	tcase_add_test(tc, test_zero_mixed);
	tcase_add_test(tc, test_zero_wanted);
	tc = add_case(s, "stretch");
	tcase_add_loop_test(tc, test_shrink, 0, N_KERNELS);
	tcase_add_loop_test(tc, test_stretch, 0, N_KERNELS);
	tcase_add_test(tc, test_stretch_no_room);
	tcase_add_test(tc, test_lock);
	return run(s);
}
