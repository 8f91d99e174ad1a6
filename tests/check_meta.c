/* check_meta.c - unit tests of the memory for records.
 *
 * SPDX-License-Identifier: MIT  */

#include <errno.h>
#include <pthread.h>

#include "check_core.h"
#include "meta.h"

static bool
is_zero(const char *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (v[i] != 0)
			return false;
	return true;
}

static void
assert_bytes(void)
{
	expect_accounts();
	ck_assert_uint_eq(mx_meta_bytes(), fake_os_bytes(FAKE_READY));
}

START_TEST(test_nothing_yet)
{
	ck_assert_uint_eq(mx_meta_bytes(), 0);
	ck_assert_uint_eq(mx_meta_resident(), 0);
}
END_TEST

/* Records of any size: zeroed, aligned, apart.  */
START_TEST(test_records)
{
	enum { N = 3000 };
	static struct {
		unsigned char *v;
		size_t n;
	} all[N];

	start_on(&kernels[_i]);
	property_start();
	for (int i = 0; i < N; i++) {
		size_t n = 1 + property_size(property_one_in(100) ?
		    3 * MX_MIB : 8 * MX_KIB);
		unsigned char *v = mx_meta_take(n);

		expect(v != NULL);
		expect(mx_is_aligned((uintptr_t)v, MX_CACHE_LINE));
		expect(is_zero((char *)v, n));
		all[i].v = v;
		all[i].n = n;
		memset(v, 1 + i % 255, n);
	}
	for (int i = 0; i < N; i++)
		expect(all[i].v[0] == 1 + i % 255 &&
		    memcmp(all[i].v, all[i].v + 1, all[i].n - 1) == 0);
	assert_bytes();
}
END_TEST

/* Small records share: 1000 of them are not 1000 system calls.  */
START_TEST(test_step)
{
	for (int i = 0; i < 1000; i++)
		ck_assert_ptr_nonnull(mx_meta_take(1));
	ck_assert_uint_eq(fake_os_calls(FAKE_ALLOC), 1);
	ck_assert_uint_le(mx_meta_bytes(), MX_MIB);
	assert_bytes();
}
END_TEST

/* Under a limit on address space, hardly more than asked for.  */
START_TEST(test_tight)
{
	options.limit = 4 * MX_MIB;
	start();
	ck_assert_ptr_nonnull(mx_meta_take(1));
	ck_assert_uint_le(mx_meta_bytes(), 64 * MX_KIB);
	ck_assert_ptr_nonnull(mx_meta_take(MX_MIB));
	ck_assert_uint_le(mx_meta_bytes(), MX_MIB + 128 * MX_KIB);
	assert_bytes();
	errno = 0;
	ck_assert_ptr_null(mx_meta_take(4 * MX_MIB));
	ck_assert_int_eq(errno, ENOMEM);
	ck_assert_ptr_nonnull(mx_meta_take(MX_MIB));
	assert_bytes();
}
END_TEST

START_TEST(test_refused)
{
	char *v;

	fake_os_refuse(FAKE_ALLOC, 1, true);
	errno = 0;
	ck_assert_ptr_null(mx_meta_take(100));
	ck_assert_int_eq(errno, ENOMEM);
	ck_assert_uint_eq(mx_meta_bytes(), 0);
	fake_os_refuse_nothing();
	ck_assert_ptr_nonnull(mx_meta_take(100));
	fake_os_refuse(FAKE_ALLOC, 1, true);
	/* What there is still serves.  */
	ck_assert_ptr_null(mx_meta_take(2 * MX_MIB));
	v = mx_meta_take(100);
	ck_assert_ptr_nonnull(v);
	ck_assert(is_zero(v, 100));
	assert_bytes();
}
END_TEST

START_TEST(test_resident)
{
	size_t ends = 2 * mx_max(mx_sys_facts.page, 4 * MX_KIB);
	char *v;

	ck_assert_ptr_nonnull(mx_meta_take(1));
	ck_assert_uint_le(mx_meta_resident(), ends);
	v = mx_meta_take(512 * MX_KIB);
	memset(v, 1, 512 * MX_KIB);
	ck_assert_uint_ge(mx_meta_resident(), 512 * MX_KIB);
	ck_assert_uint_le(mx_meta_resident(), 512 * MX_KIB + ends);
	/* A second piece counts too.  */
	v = mx_meta_take(2 * MX_MIB);
	memset(v, 1, 2 * MX_MIB);
	ck_assert_uint_ge(mx_meta_resident(), 5 * MX_MIB / 2);
	/* Not to be known means: all of it.  */
	fake_os_refuse(FAKE_RESIDENT, 1, true);
	ck_assert_uint_eq(mx_meta_resident(), mx_meta_bytes());
	assert_bytes();
}
END_TEST

#define THREADS 4
#define EACH 2000

static char *taken[THREADS][EACH];

static void *
take_many(void *arg)
{
	int t = (int)(intptr_t)arg;

	for (int i = 0; i < EACH; i++) {
		taken[t][i] = mx_meta_take(200);
		if (taken[t][i] != NULL && is_zero(taken[t][i], 200))
			memset(taken[t][i], t + 1, 200);
	}
	return NULL;
}

START_TEST(test_threads)
{
	pthread_t t[THREADS];
	size_t bad = 0;

	for (int i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&t[i], NULL, take_many,
		    (void *)(intptr_t)i), 0);
	for (int i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_join(t[i], NULL), 0);
	for (int i = 0; i < THREADS; i++)
		for (int k = 0; k < EACH; k++)
			bad += taken[i][k] == NULL || taken[i][k][0] != i + 1 ||
			    memcmp(taken[i][k], taken[i][k] + 1, 199) != 0;
	ck_assert_uint_eq(bad, 0);
	assert_bytes();
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("meta");
	TCase *tc = add_case(s, "all");

	tcase_add_test(tc, test_nothing_yet);
	tcase_add_loop_test(tc, test_records, 0, N_KERNELS);
	tcase_add_test(tc, test_step);
	tcase_add_test(tc, test_tight);
	tcase_add_test(tc, test_refused);
	tcase_add_test(tc, test_resident);
	tcase_add_test(tc, test_threads);
	return run(s);
}
