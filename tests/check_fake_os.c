/* check_fake_os.c - is the toy kernel of fake_os.c as strict as it says?
 *
 * Every primitive from every state, places, page sizes, and what becomes of the
 * bytes.  check_fake_refuse.c has the rest.
 *
 * SPDX-License-Identifier: MIT  */

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "check_fake.h"

static const size_t page_sizes[] = {
	4 * MX_KIB, 16 * MX_KIB, 64 * MX_KIB, 16 * MX_MIB
};

#define N_PAGE_SIZES (int)(sizeof page_sizes / sizeof page_sizes[0])

START_TEST(test_page_size)
{
	char *v;

	options.page = page_sizes[_i];
	start();
	ck_assert_uint_ge(page, page_sizes[_i]);
	v = make(FAKE_READY, 3 * page);
	ck_assert(mx_is_aligned((uintptr_t)v, page));
	ck_assert(is_readable(v) && is_readable(v + 3 * page - 1));
	assert_bytes(0, 0, 3 * page);
	fake_os_check();
}
END_TEST

START_TEST(test_whole_life)
{
	char *v;

	options.page = page_sizes[_i];
	start();
	v = sysReserveOS(NULL, 4 * page);
	assert_bytes(4 * page, 0, 0);
	ck_assert(!is_readable(v));
	ck_assert_int_eq(sysMapOS(v + page, 3 * page), 0);
	assert_bytes(page, 3 * page, 0);
	ck_assert(is_readable(v + page) && !is_readable(v));
	ck_assert_int_eq(sysUsedOS(v + page, 2 * page), 0);
	assert_bytes(page, page, 2 * page);
	memset(v + page, 7, 2 * page);
	ck_assert_int_eq(sysUnusedOS(v + page, page), MX_RELEASE_ZERO);
	assert_bytes(page, 2 * page, page);
	ck_assert(is_all(v + page, page, 0));
	ck_assert(is_all(v + 2 * page, page, 7));
	ck_assert_int_eq(sysFaultOS(v + 2 * page, page), 0);
	assert_bytes(2 * page, 2 * page, 0);
	ck_assert(!is_readable(v + 2 * page));
	ck_assert_int_eq(sysFreeOS(v, 4 * page), 0);
	assert_bytes(0, 0, 0);
	ck_assert(!is_readable(v + page));
	fake_os_check();
}
END_TEST

/* Every primitive from every state.  */

static const struct {
	enum fake_os_call call;
	const char *name;
	unsigned from;          /* legal start states, by bit */
	int to;                 /* end state, -1: no change */
} edges[] = {
	{ FAKE_MAP, "sysMapOS", 1u << FAKE_RESERVED, FAKE_PREPARED },
	{ FAKE_USED, "sysUsedOS", 1u << FAKE_PREPARED, FAKE_READY },
	{ FAKE_UNUSED, "sysUnusedOS", 1u << FAKE_READY, FAKE_PREPARED },
	{ FAKE_HUGE, "sysHugePageOS", 14, -1 },
	{ FAKE_NOHUGE, "sysNoHugePageOS", 14, -1 },
	{ FAKE_FAULT, "sysFaultOS", 1u << FAKE_READY, FAKE_RESERVED },
	{ FAKE_FREE, "sysFreeOS", 14, FAKE_NONE },
};

static const char *const state_names[] = {
	"None", "Reserved", "Prepared", "Ready"
};

#define N_EDGES (int)(sizeof edges / sizeof edges[0])

START_TEST(test_edge)
{
	int e = _i / 4;
	enum fake_os_state from = (enum fake_os_state)(_i % 4);
	bool legal = edges[e].from & (1u << from);
	size_t n;
	char *v;

	options.huge = page;
	start();
	n = 2 * page;
	v = make(from, n);
	ck_assert_int_eq(call_on(edges[e].call, v, n), legal);
	ck_assert_int_eq(fake_os_state(v + page),
	    legal && edges[e].to >= 0 ? edges[e].to : (int)from);
	if (legal)
		fake_os_check();
	else
		assert_wrong(edges[e].name, state_names[from]);
}
END_TEST

/* One wrong page, the last, is enough, and then nothing happens at all.  */
START_TEST(test_mixed_range)
{
	char *v = make(FAKE_RESERVED, 3 * page);

	ck_assert_int_eq(sysMapOS(v + 2 * page, page), 0);
	ck_assert_int_eq(sysMapOS(v, 3 * page), EINVAL);
	assert_wrong("sysMapOS", "Prepared");
	assert_bytes(2 * page, page, 0);
	ck_assert(!is_readable(v));
}
END_TEST

START_TEST(test_page_duty)
{
	char *v = make(FAKE_RESERVED, 3 * page);

	ck_assert_int_eq(sysMapOS(v + 16, page), EINVAL);
	assert_wrong("sysMapOS", "whole pages");
	ck_assert_int_eq(sysMapOS(v, page + 16), EINVAL);
	assert_wrong("sysMapOS", "whole pages");
	ck_assert_int_eq(sysMapOS(v, 0), EINVAL);
	assert_wrong("sysMapOS", "whole pages");
	errno = 0;
	ck_assert_ptr_null(sysReserveOS(NULL, page / 2));
	ck_assert_int_eq(errno, EINVAL);
	assert_wrong("sysReserveOS", "whole pages");
	ck_assert_ptr_null(sysAllocOS(0));
	assert_wrong("sysAllocOS", "whole pages");
	ck_assert_int_eq(sysFreeOS(&options, 4 * page), EINVAL);
	assert_wrong("sysFreeOS", "not the toy's");
	assert_bytes(3 * page, 0, 0);
}
END_TEST

START_TEST(test_rounds_inward)
{
	char *v = make(FAKE_READY, 4 * page);

	memset(v, 7, 4 * page);
	ck_assert_int_eq(sysUnusedOS(v + 1, page), MX_RELEASE_KEPT);
	ck_assert_int_eq(sysUnusedOS(v + 1, 3 * page), MX_RELEASE_ZERO);
	assert_bytes(0, 2 * page, 2 * page);
	ck_assert(is_all(v, page, 7) && is_all(v + page, 2 * page, 0));
	ck_assert_int_eq(sysFreeOS(v + 1, page), 0);
	assert_bytes(0, 2 * page, 2 * page);
	ck_assert_int_eq(sysFreeOS(v + page - 1, page + 1), 0);
	assert_bytes(0, page, 2 * page);
	fake_os_check();
}
END_TEST

START_TEST(test_alloc)
{
	char *v = sysAllocOS(2 * page);

	ck_assert_ptr_nonnull(v);
	ck_assert(is_all(v, 2 * page, 0));
	memset(v, 7, 2 * page);
	assert_bytes(0, 0, 2 * page);
	ck_assert_int_eq(sysFreeOS(v, 2 * page), 0);
	v = sysAllocOS(2 * page);
	ck_assert(is_all(v, 2 * page, 0));
	fake_os_check();
}
END_TEST

/* Room, hints, direction, and nothing aligned by luck.  */
START_TEST(test_places)
{
	char *a = sysReserveOS(NULL, page);
	char *b = sysReserveOS(NULL, page);
	char *c;

	ck_assert_ptr_eq(b, a - page);
	ck_assert(!mx_is_aligned((uintptr_t)a + page, MX_MIB));
	ck_assert_ptr_eq(sysReserveOS(a - 8 * page, page), a - 8 * page);
	ck_assert_ptr_ne(sysReserveOS(a, page), a);
	ck_assert_int_eq(sysFreeOS(a, page), 0);
	ck_assert_ptr_eq(sysReserveOS(NULL, page), a);
	options.aix = true;
	start();
	a = sysReserveOS(NULL, page);
	b = sysReserveOS(a + 9 * page, page);
	c = sysReserveOS(NULL, page);
	ck_assert_ptr_eq(b, a + page);
	ck_assert_ptr_eq(c, b + page);
	ck_assert_ptr_null(sysReserveOS(NULL, FAKE_OS_AREA));
	ck_assert_ptr_nonnull(sysReserveOS(NULL, FAKE_OS_AREA - 5 * page));
	ck_assert_ptr_null(sysReserveOS(NULL, page));
	ck_assert_int_eq(errno, ENOMEM);
	fake_os_check();
}
END_TEST

START_TEST(test_limit)
{
	char *v;

	ck_assert_uint_eq(sysLimitOS(), SIZE_MAX);
	options.limit = 10 * page;
	start();
	ck_assert_uint_eq(sysLimitOS(), 10 * page);
	v = make(FAKE_READY, 8 * page);
	errno = 0;
	ck_assert_ptr_null(sysReserveOS(NULL, 3 * page));
	ck_assert_int_eq(errno, ENOMEM);
	ck_assert_ptr_null(sysAllocOS(3 * page));
	ck_assert_ptr_nonnull(sysAllocOS(2 * page));
	ck_assert_ptr_null(sysAllocOS(page));
	ck_assert_int_eq(sysFreeOS(v, page), 0);
	ck_assert_ptr_nonnull(sysAllocOS(page));
	fake_os_limit(5 * page);
	ck_assert_ptr_null(sysAllocOS(page));
	fake_os_limit(0);
	ck_assert_ptr_nonnull(sysAllocOS(page));
	fake_os_check();
}
END_TEST

START_TEST(test_clear_aix)
{
	char *v;

	options.aix = true;
	start();
	v = make(FAKE_READY, 2 * page);
	memset(v, 7, 2 * page);
	ck_assert_int_eq(sysUnusedOS(v, page), MX_RELEASE_KEPT);
	ck_assert(is_all(v, 2 * page, 7));
	assert_bytes(0, 0, 2 * page);
	ck_assert_int_eq(sysUnusedOS(v, page), MX_RELEASE_KEPT);
	ck_assert_int_eq(sysMapOS(v, page), ENOMEM);
	assert_wrong("sysMapOS", "Ready");
	ck_assert_int_eq(sysFaultOS(v, page), 0);
	ck_assert(!is_readable(v));
	ck_assert_int_eq(sysMapOS(v, page), 0);
	ck_assert(is_all(v, page, 7));
	ck_assert_int_eq(sysMoveOS(v + page, v + page, page), EINVAL);
	assert_wrong("sysMoveOS", "overlap");
	ck_assert_int_eq(sysUsedOS(v, page), 0);
	ck_assert_int_eq(sysMoveOS(v, v + page, page), ENOSYS);
	options.disclaim = true;
	start();
	v = make(FAKE_READY, page);
	memset(v, 7, page);
	fake_os_refuse(FAKE_UNUSED, 1, false);
	ck_assert_int_eq(sysUnusedOS(v, page), MX_RELEASE_KEPT);
	ck_assert(is_all(v, page, 7));
	ck_assert_int_eq(sysUnusedOS(v, page), MX_RELEASE_ZERO);
	ck_assert(is_all(v, page, 0));
	fake_os_check();
}
END_TEST

START_TEST(test_fault_keeps_bytes)
{
	char *v = make(FAKE_READY, page);

	memset(v, 7, page);
	ck_assert_int_eq(sysFaultOS(v, page), 0);
	ck_assert_int_eq(sysMapOS(v, page), 0);
	ck_assert(is_all(v, page, 7));
	fake_os_check();
}
END_TEST

START_TEST(test_poison)
{
	char *v;

	options.poison = true;
	start();
	v = make(FAKE_READY, 2 * page);
	ck_assert(is_all(v, 2 * page, 0));
	memset(v, 7, 2 * page);
	ck_assert_int_eq(sysUnusedOS(v, page), MX_RELEASE_LAZY);
	ck_assert_int_eq(sysUsedOS(v, page), 0);
	ck_assert(is_all(v, page, (char)0xdb));
	ck_assert_int_eq(sysFaultOS(v + page, page), 0);
	ck_assert_int_eq(sysMapOS(v + page, page), 0);
	ck_assert(is_all(v + page, page, 7));
	ck_assert_int_eq(sysFreeOS(v, 2 * page), 0);
	ck_assert(is_all(sysAllocOS(2 * page), 2 * page, 0));
	fake_os_check();
}
END_TEST

START_TEST(test_prepared_faults)
{
	char *v;

	options.prepared_faults = true;
	options.poison = _i;
	start();
	v = make(FAKE_PREPARED, page);
	ck_assert(!is_readable(v));
	ck_assert_int_eq(sysUsedOS(v, page), 0);
	ck_assert(is_readable(v));
	ck_assert_int_ne(sysUnusedOS(v, page), MX_RELEASE_KEPT);
	ck_assert(!is_readable(v));
	fake_os_check();
}
END_TEST

START_TEST(test_huge)
{
	char *v;

	ck_assert_uint_eq(sysHugeSizeOS(), 0);
	v = make(FAKE_READY, page);
	ck_assert_int_eq(sysHugePageOS(v, page), MX_HUGE_UNSUPPORTED);
	options.huge = 4 * page;
	options.granted = _i;
	start();
	ck_assert_uint_eq(sysHugeSizeOS(), 4 * page);
	v = make(FAKE_RESERVED, 12 * page);
	ck_assert_int_eq(sysHugePageOS(v, 3 * page), MX_HUGE_UNSUPPORTED);
	ck_assert_uint_eq(fake_os_huge_bytes(), 0);
	ck_assert_int_eq(sysHugePageOS(v, 12 * page),
	    _i ? MX_HUGE_GRANTED : MX_HUGE_HINTED);
	ck_assert_uint_eq(fake_os_huge_bytes(), 8 * page);
	v = (char *)mx_align_up((uintptr_t)v, 4 * page);
	ck_assert_int_eq(sysNoHugePageOS(v, 4 * page),
	    _i ? MX_HUGE_GRANTED : MX_HUGE_HINTED);
	ck_assert_uint_eq(fake_os_huge_bytes(), 4 * page);
	ck_assert_int_eq(sysMapOS(v + 4 * page, page), 0);
	ck_assert_uint_eq(fake_os_huge_bytes(), 4 * page);
	ck_assert_int_eq(sysFreeOS(v + 4 * page, page), 0);
	ck_assert_uint_eq(fake_os_huge_bytes(), 3 * page);
	fake_os_check();
}
END_TEST

START_TEST(test_move)
{
	char *from = make(FAKE_READY, 2 * page);
	char *to = make(FAKE_READY, 2 * page);
	char *other = make(FAKE_PREPARED, 2 * page);

	memset(from, 7, 2 * page);
	memset(to, 8, 2 * page);
	ck_assert_int_eq(sysMoveOS(to, from, 2 * page), 0);
	ck_assert(is_all(to, 2 * page, 7) && is_all(from, 2 * page, 0));
	ck_assert_int_eq(sysMoveOS(other, to, page), EINVAL);
	assert_wrong("sysMoveOS", "Prepared");
	ck_assert_int_eq(sysMoveOS(to, other, page), EINVAL);
	assert_wrong("sysMoveOS", "Prepared");
	ck_assert(is_all(to, 2 * page, 7));
	options.no_move = true;
	start();
	from = make(FAKE_READY, page);
	to = make(FAKE_READY, page);
	memset(from, 7, page);
	ck_assert_int_eq(sysMoveOS(to, from, page), ENOSYS);
	ck_assert(is_all(from, page, 7));
	fake_os_check();
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("fake_os");
	TCase *tc = tcase_create("all");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_set_timeout(tc, 120);
	tcase_add_loop_test(tc, test_page_size, 0, N_PAGE_SIZES);
	tcase_add_loop_test(tc, test_whole_life, 0, N_PAGE_SIZES);
	tcase_add_loop_test(tc, test_edge, 0, N_EDGES * 4);
	tcase_add_test(tc, test_mixed_range);
	tcase_add_test(tc, test_page_duty);
	tcase_add_test(tc, test_rounds_inward);
	tcase_add_test(tc, test_alloc);
	tcase_add_test(tc, test_places);
	tcase_add_test(tc, test_limit);
	tcase_add_test(tc, test_clear_aix);
	tcase_add_test(tc, test_fault_keeps_bytes);
	tcase_add_test(tc, test_poison);
	tcase_add_loop_test(tc, test_prepared_faults, 0, 2);
	tcase_add_loop_test(tc, test_huge, 0, 2);
	tcase_add_test(tc, test_move);
	suite_add_tcase(s, tc);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
