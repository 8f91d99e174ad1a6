/* check_api_align.c - unit tests of the functions that align, and of the deaths of
 * programs that err.
 *
 * SPDX-License-Identifier: MIT  */

#include <errno.h>

#include "api.h"
#include "check_core.h"
#include "check_pages.h"
#include "process.h"

static void
setup_api(void)
{
	setup();
	mx_process_start();
	errno = 0;
}

static const size_t sizes[] = {
	0, 1, 16, 100, 1000, 4096, 5000, 16384, 20000, 32768, 40000, 300000,
	1 << 20
};

#define N_SIZES (sizeof sizes / sizeof sizes[0])

/* P is a block of N bytes at a multiple of ALIGN, and all of it can be used.  */
static void
expect_block(char *p, size_t align, size_t n)
{
	expect(p != NULL);
	expect(mx_is_aligned((uintptr_t)p, mx_max(align, 16)));
	expect(mx_usable_size(p) >= n);
	memset(p, 7, mx_usable_size(p));
}

START_TEST(test_all_aligned)
{
	size_t align = (size_t)1 << _i;
	void *all[6];

	for (size_t i = 0; i < N_SIZES; i++) {
		size_t n = sizes[i];

		memset(all, 0, sizeof all);
		for (int k = 0; k < 3; k++)
			all[k] = mx_aligned_alloc(align, n);
		all[3] = mx_memalign(align, n);
		all[4] = mx_memalign(align - align / 4, n);
		errno = 1234;
		expect_eq(mx_posix_memalign(&all[5], align, n),
		    align < sizeof(void *) ? EINVAL : 0);
		expect_eq(errno, 1234);
		if (all[5] == NULL)
			all[5] = mx_malloc(n);
		for (int k = 0; k < 6; k++)
			expect_block(all[k], k < 5 || align >= 8 ? align : 1,
			    n);
		/* Twice the room is the most that alignment may cost.  */
		expect(mx_usable_size(all[0]) <= mx_max(mx_max(2 * align,
		    16384), 5 * n / 4 + 16384));
		all[3] = mx_realloc(all[3], n + 1);
		for (int k = 0; k < 6; k++)
			mx_free(all[k]);
	}
	mx_cache_flush(mx_cache_self);
	expect_heap_is_empty();
}
END_TEST

START_TEST(test_wrong_alignment)
{
	static const size_t wrong[] = { 0, 3, 24, 100, 4095, SIZE_MAX };
	void *out = &out;

	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		errno = 0;
		ck_assert_ptr_null(mx_aligned_alloc(wrong[i], 100));
		ck_assert_int_eq(errno, EINVAL);
		errno = 1234;
		ck_assert_int_eq(mx_posix_memalign(&out, wrong[i], 100),
		    EINVAL);
		ck_assert_int_eq(errno, 1234);
	}
	ck_assert_ptr_eq(out, &out);
	errno = 0;
	ck_assert_ptr_null(mx_memalign(SIZE_MAX / 2 + 2, 1));
	ck_assert_int_eq(errno, EINVAL);
	errno = 0;
	ck_assert_ptr_null(mx_memalign(SIZE_MAX / 2 + 1, 1));
	ck_assert_int_eq(errno, ENOMEM);
	expect_block(mx_memalign(0, 100), 16, 100);
	expect_block(mx_memalign(17, 100), 32, 100);
	expect_block(mx_memalign(4097, 100), 8192, 100);
}
END_TEST

/* Whole pages of the system, whatever they are.  */
START_TEST(test_valloc)
{
	size_t page;

	fake_os_reset(&kernels[_i].is);
	mx_process_init();
	page = mx_sys_facts.page;
	for (size_t i = 0; i < N_SIZES; i++) {
		char *p = mx_valloc(sizes[i]);
		char *q = mx_pvalloc(sizes[i]);

		expect_block(p, page, sizes[i]);
		expect_block(q, page, mx_align_up(mx_max(sizes[i], 1), page));
		mx_free(p);
		mx_free(q);
	}
	mx_cache_flush(mx_cache_self);
	expect_heap_is_empty();
}
END_TEST

/* Deaths.  */

START_TEST(test_free_stack)
{
	char local[64] MX_ALIGNED(16) = { 0 };

	mx_free(local + 16);
}
END_TEST

START_TEST(test_free_static)
{
	mx_free(&options);
}
END_TEST

START_TEST(test_free_noncanonical)
{
	mx_free((void *)(UINTPTR_MAX - 15));
}
END_TEST

START_TEST(test_realloc_static)
{
	(void)mx_realloc(&options, 100);
}
END_TEST

START_TEST(test_free_inside_large)
{
	char *p = mx_malloc(100000);

	mx_free(p + (_i == 0 ? 16 : _i == 1 ? 8192 : 65536));
}
END_TEST

START_TEST(test_free_large_twice)
{
	char *p = mx_malloc(100000);

	mx_free(p);
	mx_free(p);
}
END_TEST

START_TEST(test_realloc_inside)
{
	char *p = mx_malloc(_i ? 100000 : 100);

	(void)mx_realloc(p + 16, 100);
}
END_TEST

START_TEST(test_size_inside)
{
	char *p = mx_malloc(_i ? 100000 : 100);

	(void)mx_usable_size(p + 16);
}
END_TEST

/* A page of ours that no block is in.  */
START_TEST(test_free_nowhere)
{
	char *p = mx_malloc(100000);

	mx_free(p + 4 * MX_MIB - MX_PAGE);
}
END_TEST

/* Behind the last block of a span.  */
START_TEST(test_realloc_tail)
{
	char *p = mx_malloc(48);
	struct mx_span *s = mx_pagemap_get(p);

	(void)mx_realloc(s->base + (size_t)s->blocks * s->size, 100);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("api_align");
	TCase *tc = tcase_create("align");

	tcase_add_checked_fixture(tc, setup_api, NULL);
	tcase_set_timeout(tc, 300);
	suite_add_tcase(s, tc);
	tcase_add_loop_test(tc, test_all_aligned, 0, 27);
	tcase_add_test(tc, test_wrong_alignment);
	tc = tcase_create("kernels");
	suite_add_tcase(s, tc);
	tcase_add_loop_test(tc, test_valloc, 0, N_KERNELS);
	tc = tcase_create("deaths");
	tcase_add_checked_fixture(tc, setup_api, NULL);
	suite_add_tcase(s, tc);
	tcase_add_test_raise_signal(tc, test_free_stack, SIGABRT);
	tcase_add_test_raise_signal(tc, test_free_static, SIGABRT);
	tcase_add_test_raise_signal(tc, test_free_noncanonical, SIGABRT);
	tcase_add_test_raise_signal(tc, test_realloc_static, SIGABRT);
	tcase_add_loop_test_raise_signal(tc, test_free_inside_large, SIGABRT,
	    0, 3);
	tcase_add_test_raise_signal(tc, test_free_large_twice, SIGABRT);
	tcase_add_loop_test_raise_signal(tc, test_realloc_inside, SIGABRT,
	    0, 2);
	tcase_add_loop_test_raise_signal(tc, test_size_inside, SIGABRT, 0, 2);
	tcase_add_test_raise_signal(tc, test_free_nowhere, SIGABRT);
	tcase_add_test_raise_signal(tc, test_realloc_tail, SIGABRT);
	return run(s);
}
