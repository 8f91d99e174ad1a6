/* check_spare.c - the rule that says how many free pages may stay.
 *
 * Pages here are counts; what heap.c makes of them is in check_heap_bound.c.
 *
 * SPDX-License-Identifier: MIT  */

#include "check_core.h"
#include "spare.h"

#define PAGES(mib) ((size_t)(mib) * MX_MIB / MX_PAGE)

/* So much went, and was not missed, that the spare is as small as it gets.  */
static void
forget(void)
{
	mx_spare_gone(PAGES(10000), 0, 0);
	mx_spare_wanted(1, 0, 1000);
}

static void
limits(size_t min_mib, size_t percent)
{
	mx_conf.dirty_min = min_mib * MX_MIB;
	mx_conf.dirty_percent = percent;
}

START_TEST(test_at_first)
{
	limits(8, 300);
	ck_assert_uint_eq(mx_spare_bound(0), PAGES(8));
	ck_assert_uint_eq(mx_spare_bound(PAGES(10)), PAGES(13));
	limits(0, 0);
	ck_assert_uint_eq(mx_spare_bound(0), 0);
	ck_assert_uint_eq(mx_spare_bound(PAGES(10)), 0);
	ck_assert(!mx_spare_watches());
}
END_TEST

START_TEST(test_wanted)
{
	limits(8, 300);
	forget();
	ck_assert_uint_eq(mx_spare_bound(0), PAGES(1));
	mx_spare_gone(PAGES(3), 0, 1000);
	ck_assert(mx_spare_watches());
	mx_spare_wanted(PAGES(2), PAGES(2), 1200);
	ck_assert_uint_eq(mx_spare_bound(0), PAGES(3));
	/* Of three that went two were wanted: only one more can be missed.  */
	mx_spare_wanted(PAGES(5), PAGES(5), 1200);
	ck_assert_uint_eq(mx_spare_bound(0), PAGES(4));
	ck_assert(!mx_spare_watches());
}
END_TEST

/* The clock may pass the end of its 32 bits meanwhile.  */
START_TEST(test_too_late)
{
	uint32_t t = (uint32_t)-100;

	limits(8, 300);
	forget();
	mx_spare_gone(PAGES(3), 0, t);
	mx_spare_wanted(PAGES(1), 0, t + 200);
	ck_assert_uint_eq(mx_spare_bound(0), PAGES(2));
	mx_spare_wanted(PAGES(2), 0, t + 201);
	ck_assert_uint_eq(mx_spare_bound(0), PAGES(2));
	ck_assert(!mx_spare_watches());
}
END_TEST

START_TEST(test_forgets)
{
	limits(8, 300);
	mx_sys_account.peak_ready = 33 * MX_MIB;
	ck_assert_uint_eq(mx_spare_bound(0), PAGES(8));
	mx_spare_gone(PAGES(8), 0, 0);
	ck_assert_uint_eq(mx_spare_bound(0), PAGES(8));
	mx_spare_gone(1, 0, 0);
	ck_assert_uint_eq(mx_spare_bound(0), PAGES(4));
	mx_spare_gone(PAGES(64), 0, 0);
	ck_assert_uint_eq(mx_spare_bound(0), PAGES(1));
	ck_assert_uint_le(mx_spare_bound(1), PAGES(1) + 1);
}
END_TEST

/* Four times dirty_min may stay, but only as long as there never was more.  */
START_TEST(test_small_heap)
{
	limits(8, 300);
	mx_sys_account.peak_ready = 32 * MX_MIB;
	ck_assert_uint_eq(mx_spare_bound(0), PAGES(8));
	mx_spare_gone(PAGES(24), 0, 0);
	mx_spare_wanted(PAGES(30), 0, 0);
	ck_assert_uint_eq(mx_spare_bound(0), PAGES(32));
	mx_sys_account.peak_ready++;
	ck_assert_uint_eq(mx_spare_bound(0), PAGES(8));
}
END_TEST

/* ... and not more than a cgroup's memory allows.  */
START_TEST(test_small_heap_granted)
{
	options.grant.memory = (_i == 0 ? 60 : 20) * MX_MIB;
	start();
	limits(8, 300);
	mx_sys_account.ready = mx_sys_account.peak_ready = 16 * MX_MIB;
	mx_spare_ask();
	ck_assert_uint_eq(mx_spare_bound(0), PAGES(8));
	mx_spare_gone(PAGES(7), 0, 0);
	mx_spare_wanted(PAGES(7), 0, 0);
	ck_assert_uint_eq(mx_spare_bound(0), PAGES(_i == 0 ? 15 : 8));
}
END_TEST

/* A quarter of what is left of a cgroup's memory; small heaps do not ask.  */
START_TEST(test_granted)
{
	options.grant.memory = 100 * MX_MIB;
	start();
	limits(8, 300);
	ck_assert_uint_eq(mx_spare_bound(PAGES(15)), PAGES(15) / 2 + PAGES(8));
	/* Nobody asked yet, and nobody has to, for so little.  */
	mx_spare_ask();
	ck_assert_uint_eq(mx_spare_bound(PAGES(60)), PAGES(60) / 2 + PAGES(8));
	mx_sys_account.ready = 16 * MX_MIB;
	mx_spare_ask();
	ck_assert_uint_eq(mx_spare_bound(PAGES(60)), PAGES(10));
	ck_assert_uint_eq(mx_spare_bound(PAGES(96)), PAGES(1));
	ck_assert_uint_eq(mx_spare_bound(PAGES(101)), 0);
}
END_TEST

/* Whatever happens, neither bound is passed.  */
START_TEST(test_random)
{
	uint32_t now = 0;

	property_start();

	for (int i = 0; i < 100000; i++) {
		size_t used = property_below(PAGES(1000));
		size_t n = property_below(PAGES(50));
		size_t most, bound;

		if (i % 1000 == 0) {
			limits(property_below(20),
			    property_below(400));
			mx_sys_account.peak_ready =
			    property_below(100) * MX_MIB;
		}
		now += (uint32_t)property_below(300);
		if (property_below(2))
			mx_spare_gone(n, used, now);
		else
			mx_spare_wanted(n, used, now);
		most = mx_max(dirty_least(),
		    used / 100 * mx_conf.dirty_percent);
		bound = mx_spare_bound(used);
		expect(bound <= most);
		expect(bound >= mx_min(used / 2, most));
	}
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("spare");
	TCase *tc = add_case(s, "spare");

	tcase_add_test(tc, test_at_first);
	tcase_add_test(tc, test_wanted);
	tcase_add_test(tc, test_too_late);
	tcase_add_test(tc, test_forgets);
	tcase_add_test(tc, test_small_heap);
	tcase_add_loop_test(tc, test_small_heap_granted, 0, 2);
	tcase_add_test(tc, test_granted);
	tcase_add_test(tc, test_random);
	return run(s);
}
