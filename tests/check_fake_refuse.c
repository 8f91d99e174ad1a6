/* check_fake_refuse.c - refusals, services and deaths of the toy kernel.
 *
 * SPDX-License-Identifier: MIT  */

#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "check_fake.h"

static void
nothing(void)
{
}

static int calls_at_exit;

static void
at_exit(void *arg)
{
	calls_at_exit += *(int *)arg;
}

/* Do CALL legally; true when it was granted.  */
static bool
do_call(enum fake_os_call call)
{
	static int one = 1;
	char *v;

	switch (call) {
	case FAKE_RESERVE:
		return sysReserveOS(NULL, page) != NULL;
	case FAKE_ALLOC:
		return sysAllocOS(page) != NULL;
	case FAKE_MAP:
		v = make(FAKE_RESERVED, page);
		return sysMapOS(v, page) == 0;
	case FAKE_USED:
		v = make(FAKE_PREPARED, page);
		return sysUsedOS(v, page) == 0;
	case FAKE_MOVE:
		v = make(FAKE_READY, 2 * page);
		return sysMoveOS(v, v + page, page) == 0;
	case FAKE_THREAD_EXIT:
		return sysThreadExitOS(at_exit, &one) == 0;
	case FAKE_EVERY:
		return sysEveryOS(1, nothing) == 0;
	case FAKE_RESIDENT:
		v = make(FAKE_PREPARED, page);
		return sysResidentOS(v, page) != SIZE_MAX;
	default:
		v = make(FAKE_READY, page);
		return call_on(call, v, page);
	}
}

START_TEST(test_refuse)
{
	enum fake_os_call call = (enum fake_os_call)_i;
	unsigned long before;

	options.huge = page;
	start();
	ck_assert(do_call(call));
	before = fake_os_calls(call);
	fake_os_refuse(call, 1, true);
	ck_assert(!do_call(call));
	ck_assert(!do_call(call));
	ck_assert_uint_eq(fake_os_refused(call), 2);
	ck_assert_uint_eq(fake_os_refused(FAKE_ANY), 2);
	fake_os_refuse(call, 0, false);
	ck_assert(do_call(call));
	fake_os_refuse(call, 3, false);
	ck_assert(do_call(call) && do_call(call));
	ck_assert(!do_call(call));
	ck_assert(do_call(call));
	ck_assert_uint_eq(fake_os_refused(call), 3);
	ck_assert_uint_eq(fake_os_calls(call), before + 7);
	fake_os_thread_exit();
	fake_os_check();
}
END_TEST

/* A refused call changes nothing.  */
START_TEST(test_refused_is_no_edge)
{
	char *r = make(FAKE_RESERVED, page);
	char *p = make(FAKE_PREPARED, page);
	char *q = make(FAKE_READY, 2 * page);

	memset(q, 7, 2 * page);
	fake_os_refuse(FAKE_ANY, 1, true);
	errno = 0;
	ck_assert_ptr_null(sysReserveOS(NULL, page));
	ck_assert_int_eq(errno, ENOMEM);
	errno = 0;
	ck_assert_ptr_null(sysAllocOS(page));
	ck_assert_int_eq(errno, ENOMEM);
	ck_assert_int_eq(sysMapOS(r, page), ENOMEM);
	ck_assert_int_eq(sysUsedOS(p, page), ENOMEM);
	ck_assert_int_eq(sysUnusedOS(q, page), MX_RELEASE_KEPT);
	ck_assert_int_eq(sysFaultOS(q, page), ENOMEM);
	ck_assert_int_eq(sysFreeOS(q, page), ENOMEM);
	ck_assert_int_eq(sysMoveOS(q, q + page, page), ENOMEM);
	ck_assert_int_eq(sysThreadExitOS(at_exit, NULL), ENOMEM);
	assert_bytes(page, page, 2 * page);
	ck_assert(is_all(q, 2 * page, 7) && !is_readable(r));
	ck_assert_uint_eq(fake_os_refused(FAKE_ANY), 9);
	fake_os_refuse_nothing();
	ck_assert_int_eq(sysFreeOS(q, 2 * page), 0);
	fake_os_check();
}
END_TEST

START_TEST(test_refuse_any_nth)
{
	char *v;

	fake_os_refuse(FAKE_ANY, 3, false);
	v = sysReserveOS(NULL, page);
	ck_assert_int_eq(sysMapOS(v, page), 0);
	ck_assert_int_eq(sysUsedOS(v, page), ENOMEM);
	ck_assert_int_eq(sysUsedOS(v, page), 0);
	fake_os_check();
}
END_TEST

/* Services.  */

START_TEST(test_clock)
{
	uint64_t t = sysClockOS();

	ck_assert_uint_eq(sysClockOS(), t);
	fake_os_advance(250);
	ck_assert_uint_eq(sysClockOS(), t + 250);
}
END_TEST

START_TEST(test_secure)
{
	ck_assert(!sysSecureOS());
	options.secure = true;
	start();
	ck_assert(sysSecureOS());
}
END_TEST

START_TEST(test_resident)
{
	char *v = make(FAKE_READY, 3000 * page);

	ck_assert_uint_eq(sysResidentOS(v, 3000 * page), 0);
	for (size_t i = 0; i < 3000; i += 3)
		v[i * page] = 1;
	ck_assert_uint_eq(sysResidentOS(v, 3000 * page), 1000 * page);
	ck_assert_uint_eq(sysResidentOS(v + page, 2 * page), 0);
	ck_assert_int_eq(sysUnusedOS(v, 300 * page), MX_RELEASE_ZERO);
	ck_assert_uint_eq(sysResidentOS(v, 3000 * page), 900 * page);
	fake_os_check();
	/* Guards are part of a range.  */
	v = make(FAKE_RESERVED, page);
	ck_assert_uint_eq(sysResidentOS(v, page), 0);
	ck_assert_int_eq(sysFreeOS(v, page), 0);
	fake_os_check();
	ck_assert_uint_eq(sysResidentOS(v, page), SIZE_MAX);
	assert_wrong("sysResidentOS", "None");
}
END_TEST

static void *
thread(void *arg)
{
	ck_assert_int_eq(sysThreadExitOS(at_exit, arg), 0);
	ck_assert_int_eq(sysThreadExitOS(at_exit, arg), 0);
	return NULL;
}

START_TEST(test_thread_exit)
{
	int three = 3;
	pthread_t t;

	ck_assert_int_eq(pthread_create(&t, NULL, thread, &three), 0);
	ck_assert_int_eq(pthread_join(t, NULL), 0);
	ck_assert_int_eq(calls_at_exit, 6);
	ck_assert_int_eq(sysThreadExitOS(at_exit, &three), 0);
	fake_os_thread_exit();
	ck_assert_int_eq(calls_at_exit, 9);
	fake_os_thread_exit();
	ck_assert_int_eq(calls_at_exit, 9);
}
END_TEST

START_TEST(test_touch_dies)
{
	volatile char *v = make((enum fake_os_state)_i, page);

	/* A sanitizer may have its own idea of this signal.  */
	signal(SIGSEGV, SIG_DFL);
	*v = 1;
}
END_TEST

START_TEST(test_check_dies)
{
	(void)sysUsedOS(make(FAKE_RESERVED, page), page);
	fake_os_check();
}
END_TEST

START_TEST(test_trap_dies)
{
	options.trap = true;
	start();
	(void)sysUsedOS(make(FAKE_RESERVED, page), page);
}
END_TEST

/* More wrong calls than are kept.  */
START_TEST(test_many_wrong)
{
	char *v = make(FAKE_RESERVED, page);

	for (int i = 0; i < 100; i++)
		ck_assert_int_eq(sysUsedOS(v, page), EINVAL);
	ck_assert_uint_eq(fake_os_wrong(), 100);
	ck_assert_ptr_nonnull(fake_os_wrong_text(0));
	ck_assert_ptr_null(fake_os_wrong_text(99));
	fake_os_reset(NULL);
	ck_assert_uint_eq(fake_os_wrong(), 0);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("fake_refuse");
	TCase *tc = tcase_create("all");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_set_timeout(tc, 120);
	tcase_add_loop_test(tc, test_refuse, 0, FAKE_ANY);
	tcase_add_test(tc, test_refused_is_no_edge);
	tcase_add_test(tc, test_refuse_any_nth);
	tcase_add_test(tc, test_clock);
	tcase_add_test(tc, test_secure);
	tcase_add_test(tc, test_resident);
	tcase_add_test(tc, test_thread_exit);
	tcase_add_loop_test_raise_signal(tc, test_touch_dies, SIGSEGV,
	    FAKE_NONE, FAKE_PREPARED);
	tcase_add_test_raise_signal(tc, test_check_dies, SIGABRT);
	tcase_add_test_raise_signal(tc, test_trap_dies, SIGABRT);
	tcase_add_test(tc, test_many_wrong);
	suite_add_tcase(s, tc);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
