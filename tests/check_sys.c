/* check_sys.c - unit tests of the primitives with accounts.
 *
 * SPDX-License-Identifier: MIT  */

#include <errno.h>

#include "check_core.h"

static const struct mx_sys_account *const books = &mx_sys_account;

static size_t page;

static void
setup_sys(void)
{
	setup();
	page = mx_sys_facts.page;
}

static void
assert_books(size_t reserved, size_t prepared, size_t ready)
{
	expect_accounts();
	ck_assert_uint_eq(books->reserved, reserved);
	ck_assert_uint_eq(books->prepared, prepared);
	ck_assert_uint_eq(books->ready, ready);
}

START_TEST(test_facts)
{
	start_on(&kernels[_i]);
	ck_assert_uint_eq(mx_sys_facts.page, sysPageSizeOS());
	ck_assert_uint_eq(mx_sys_facts.limit, sysLimitOS());
	ck_assert(!mx_sys_facts.lazy && !mx_sys_facts.no_move);
	ck_assert(mx_sys_prepared_is_zero());
	assert_books(0, 0, 0);
}
END_TEST

START_TEST(test_reserve_align)
{
	size_t align = (size_t)1 << _i;
	size_t n = 5 * page + 1;
	char *a, *b;

	/* Someone else's page makes the next address an odd one.  */
	ck_assert_ptr_nonnull(mx_sys_reserve(1, 0));
	a = mx_sys_reserve(n, align);
	b = mx_sys_reserve(n, align);
	ck_assert_ptr_nonnull(a);
	ck_assert_ptr_nonnull(b);
	ck_assert(mx_is_aligned((uintptr_t)a | (uintptr_t)b, align));
	ck_assert(mx_is_aligned((uintptr_t)a | (uintptr_t)b, page));
	ck_assert_int_eq(fake_os_state(a), FAKE_RESERVED);
	ck_assert_int_eq(fake_os_state(a + 6 * page - 1), FAKE_RESERVED);
	assert_books(13 * page, 0, 0);
	ck_assert_int_eq(mx_sys_free(a, 6 * page, 0, 0), 0);
	assert_books(7 * page, 0, 0);
}
END_TEST

START_TEST(test_reserve_refused)
{
	errno = 0;
	fake_os_refuse(FAKE_RESERVE, 1, true);
	ck_assert_ptr_null(mx_sys_reserve(page, 0));
	ck_assert_int_eq(errno, ENOMEM);
	errno = 0;
	ck_assert_ptr_null(mx_sys_reserve(page, 8 * page));
	ck_assert_int_eq(errno, ENOMEM);
	fake_os_refuse_nothing();
	errno = 0;
	ck_assert_ptr_null(mx_sys_reserve(SIZE_MAX - 2 * page, 8 * page));
	ck_assert_int_eq(errno, ENOMEM);
	errno = 0;
	ck_assert_ptr_null(mx_sys_reserve(page, SIZE_MAX / 2 + 1));
	ck_assert_int_eq(errno, ENOMEM);
	ck_assert_ptr_null(mx_sys_reserve(2 * FAKE_OS_AREA, 0));
	ck_assert_uint_eq(books->refused, 3);
	ck_assert_uint_eq(books->peak_held, 0);
	assert_books(0, 0, 0);
}
END_TEST

/* The ends of an aligned reservation that could not be freed are still ours, and
 * are counted.  */
START_TEST(test_reserve_untrimmed)
{
	fake_os_refuse(FAKE_FREE, 1, true);
	ck_assert_ptr_nonnull(mx_sys_reserve(page, 8 * page));
	assert_books(8 * page, 0, 0);
}
END_TEST

START_TEST(test_life)
{
	char *v;

	options.page = (size_t)4096 << 2 * _i;
	start();
	page = mx_sys_facts.page;
	v = mx_sys_reserve(8 * page, 0);
	ck_assert_int_eq(mx_sys_map(v, 6 * page), 0);
	assert_books(2 * page, 6 * page, 0);
	ck_assert_int_eq(mx_sys_used(v, 4 * page), 0);
	assert_books(2 * page, 2 * page, 4 * page);
	ck_assert_uint_eq(books->peak_ready, 4 * page);
	memset(v, 1, 4 * page);
	ck_assert_int_eq(mx_sys_unused(v, page), MX_RELEASE_ZERO);
	assert_books(2 * page, 3 * page, 3 * page);
	ck_assert_uint_eq(books->released, page);
	ck_assert_int_eq(mx_sys_fault(v + page, page), 0);
	assert_books(3 * page, 3 * page, 2 * page);
	ck_assert_int_eq(mx_sys_free(v, 8 * page, 3 * page, 2 * page), 0);
	assert_books(0, 0, 0);
	ck_assert_uint_eq(books->peak_ready, 4 * page);
	ck_assert_uint_eq(books->peak_held, 8 * page);
	ck_assert_uint_eq(books->peak_reserved, 8 * page);
	ck_assert_uint_eq(books->peak_prepared, 6 * page);
	ck_assert_uint_eq(books->refused, 0);
	ck_assert_uint_eq(books->calls, fake_os_calls(FAKE_ANY) -
	    fake_os_calls(FAKE_USED));
}
END_TEST

START_TEST(test_alloc)
{
	char *v = mx_sys_alloc(page + 1);

	ck_assert_ptr_nonnull(v);
	assert_books(0, 0, 2 * page);
	for (size_t i = 0; i < 2 * page; i++)
		expect(v[i] == 0);
	ck_assert_uint_eq(books->peak_ready, 2 * page);
	fake_os_refuse(FAKE_ALLOC, 1, false);
	errno = 0;
	ck_assert_ptr_null(mx_sys_alloc(page));
	ck_assert_int_eq(errno, ENOMEM);
	ck_assert_uint_eq(books->refused, 1);
	assert_books(0, 0, 2 * page);
	/* The call that gave most of it up counts too.  */
	ck_assert_uint_eq(books->peak_prepared, 0);
	ck_assert_int_eq(mx_sys_unused(v, 2 * page), MX_RELEASE_ZERO);
	assert_books(0, 2 * page, 0);
	ck_assert_uint_eq(books->peak_prepared, 2 * page);
	ck_assert_uint_eq(books->peak_reserved, 0);
}
END_TEST

/* A refusal says so, and counts nothing else.  */
START_TEST(test_refused)
{
	char *v = mx_sys_reserve(4 * page, 0);
	char *used = v + 2 * page;

	ck_assert_int_eq(mx_sys_map(v + page, 3 * page), 0);
	ck_assert_int_eq(mx_sys_used(used, 2 * page), 0);
	fake_os_refuse(FAKE_ANY, 1, true);
	ck_assert_int_eq(mx_sys_map(v, page), ENOMEM);
	ck_assert_int_eq(mx_sys_used(v + page, page), ENOMEM);
	errno = 1234;
	ck_assert_int_eq(mx_sys_unused(used, page), MX_RELEASE_KEPT);
	ck_assert_int_eq(errno, 1234);
	ck_assert_int_eq(mx_sys_fault(used, page), ENOMEM);
	ck_assert_int_eq(mx_sys_free(v, 4 * page, page, 2 * page), ENOMEM);
	ck_assert_int_eq(mx_sys_move(used, used + page, page), ENOMEM);
	ck_assert_uint_eq(books->released, 0);
	ck_assert(!mx_sys_facts.no_move && !mx_sys_facts.lazy);
	assert_books(page, page, 2 * page);
	/* mx_sys_used is not counted among the calls: it may be none.  */
	ck_assert_uint_eq(books->refused, 5);
}
END_TEST

START_TEST(test_lazy)
{
	char *v;

	options.poison = true;
	start();
	v = mx_sys_reserve(page, 0);
	ck_assert_int_eq(mx_sys_map(v, page), 0);
	ck_assert_int_eq(mx_sys_used(v, page), 0);
	ck_assert(mx_sys_prepared_is_zero());
	ck_assert_int_eq(mx_sys_unused(v, page), MX_RELEASE_LAZY);
	ck_assert(!mx_sys_prepared_is_zero());
	assert_books(0, page, 0);
}
END_TEST

START_TEST(test_move)
{
	char *v = mx_sys_alloc(2 * page);
	unsigned long calls;

	memset(v, 7, page);
	ck_assert_int_eq(mx_sys_move(v + page, v, page), 0);
	ck_assert(v[0] == 0 && v[page] == 7 && v[2 * page - 1] == 7);
	assert_books(0, 0, 2 * page);
	options.no_move = true;
	start();
	v = mx_sys_alloc(2 * page);
	ck_assert_int_eq(mx_sys_move(v + page, v, page), ENOSYS);
	ck_assert(mx_sys_facts.no_move);
	/* Not asked a second time.  */
	calls = fake_os_calls(FAKE_MOVE);
	ck_assert_int_eq(mx_sys_move(v + page, v, page), ENOSYS);
	ck_assert_uint_eq(fake_os_calls(FAKE_MOVE), calls);
}
END_TEST

START_TEST(test_huge)
{
	size_t huge = 4 * page;
	char *v;

	options.huge = huge;
	options.granted = _i;
	start();
	v = mx_sys_reserve(8 * huge, huge);
	ck_assert_uint_eq(mx_sys_huge_size(), huge);
	ck_assert(mx_sys_huge_is_supported());
	ck_assert_int_eq(mx_sys_huge(v, 8 * huge),
	    _i ? MX_HUGE_GRANTED : MX_HUGE_HINTED);
	ck_assert_uint_eq(fake_os_huge_bytes(), 8 * huge);
	ck_assert_int_ne(mx_sys_no_huge(v, 2 * huge), MX_HUGE_UNSUPPORTED);
	ck_assert_uint_eq(fake_os_huge_bytes(), 6 * huge);
	assert_books(8 * huge, 0, 0);
	mx_sys_huge_disable();
	ck_assert(!mx_sys_huge_is_supported());
	ck_assert_uint_eq(mx_sys_huge_size(), 0);
	ck_assert_int_eq(mx_sys_huge(v, 2 * huge), MX_HUGE_UNSUPPORTED);
	ck_assert_uint_eq(fake_os_huge_bytes(), 6 * huge);
	ck_assert_int_ne(mx_sys_no_huge(v, 8 * huge), MX_HUGE_UNSUPPORTED);
	ck_assert_uint_eq(fake_os_huge_bytes(), 0);
}
END_TEST

START_TEST(test_no_huge)
{
	char *v = mx_sys_alloc(64 * page);

	ck_assert(!mx_sys_huge_is_supported());
	ck_assert_int_eq(mx_sys_huge(v, 64 * page), MX_HUGE_UNSUPPORTED);
	ck_assert_int_eq(mx_sys_no_huge(v, 64 * page), MX_HUGE_UNSUPPORTED);
	ck_assert_uint_eq(fake_os_calls(FAKE_HUGE), 0);
	ck_assert_uint_eq(fake_os_calls(FAKE_NOHUGE), 1);
}
END_TEST

START_TEST(test_touch)
{
	char *v = mx_sys_alloc(8 * page);

	ck_assert_uint_eq(sysResidentOS(v, 8 * page), 0);
	mx_sys_touch(v + page, 2 * page + 1);
	ck_assert_uint_eq(sysResidentOS(v, 8 * page), 3 * page);
	for (size_t i = 0; i < 8 * page; i++)
		expect(v[i] == 0);
}
END_TEST

START_TEST(test_clear)
{
	char bytes[64];

	memset(bytes, 7, sizeof bytes);
	mx_sys_clear(bytes, sizeof bytes, true);
	ck_assert_int_eq(bytes[0], 7);
	mx_sys_clear(bytes + 1, sizeof bytes - 2, false);
	for (size_t i = 1; i < sizeof bytes - 1; i++)
		ck_assert_int_eq(bytes[i], 0);
	ck_assert_int_eq(bytes[0], 7);
	ck_assert_int_eq(bytes[sizeof bytes - 1], 7);
}
END_TEST

#ifdef MX_DEBUG
START_TEST(test_unaligned_dies)
{
	char *v = mx_sys_alloc(4 * page);

	(void)mx_sys_unused(v + 16, page);
}
END_TEST

START_TEST(test_empty_dies)
{
	char *v = mx_sys_alloc(4 * page);

	(void)mx_sys_unused(v, 0);
}
END_TEST

START_TEST(test_wrong_sum_dies)
{
	char *v = mx_sys_alloc(4 * page);

	(void)mx_sys_free(v, 4 * page, page, 4 * page);
}
END_TEST
#endif

/* Asked by free, which keeps errno.  */
START_TEST(test_grant)
{
	errno = 1234;
	(void)mx_sys_grant();
	ck_assert_int_eq(errno, 1234);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("sys");
	TCase *tc = tcase_create("all");

	tcase_add_checked_fixture(tc, setup_sys, NULL);
	tcase_set_timeout(tc, 120);
	suite_add_tcase(s, tc);
	tcase_add_loop_test(tc, test_facts, 0, N_KERNELS);
	tcase_add_loop_test(tc, test_reserve_align, 0, 31);
	tcase_add_test(tc, test_reserve_refused);
	tcase_add_test(tc, test_reserve_untrimmed);
	tcase_add_loop_test(tc, test_life, 0, 4);
	tcase_add_test(tc, test_alloc);
	tcase_add_test(tc, test_refused);
	tcase_add_test(tc, test_lazy);
	tcase_add_test(tc, test_move);
	tcase_add_loop_test(tc, test_huge, 0, 2);
	tcase_add_test(tc, test_no_huge);
	tcase_add_test(tc, test_touch);
	tcase_add_test(tc, test_clear);
	tcase_add_test(tc, test_grant);
#ifdef MX_DEBUG
	tcase_add_test_raise_signal(tc, test_unaligned_dies, SIGABRT);
	tcase_add_test_raise_signal(tc, test_empty_dies, SIGABRT);
	tcase_add_test_raise_signal(tc, test_wrong_sum_dies, SIGABRT);
#endif
	return run(s);
}
