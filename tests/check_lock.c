/* check_lock.c - unit tests of lock.h.
 *
 * Forks that find a lock held are in check_process.c and survive/forks.c.
 *
 * SPDX-License-Identifier: MIT  */

#include <pthread.h>
#include <sched.h>

#include "check_core.h"
#include "lock.h"

#define THREADS 4

static struct mx_lock lock = MX_LOCK_INIT;
static size_t count;
static bool inside;
static size_t bad;              /* atomic */

static void *
nothing(void *arg)
{
	return arg;
}

static pthread_t
begin(void *(*fn)(void *), void *arg)
{
	pthread_t t;

	ck_assert_int_eq(pthread_create(&t, NULL, fn, arg), 0);
	return t;
}

/* With one thread locks may do nothing.  */
static void
setup_threads(void)
{
	ck_assert_int_eq(pthread_join(begin(nothing, NULL), NULL), 0);
}

static void *
add_up(void *arg)
{
	size_t *rounds = arg;

	for (size_t i = 0; i < *rounds; i++) {
		mx_lock(&lock);
		if (inside)
			mx_add(&bad, 1, RELAXED);
		inside = true;
		count++;
		if (i % 64 == 0)
			(void)sched_yield();
		inside = false;
		mx_unlock(&lock);
	}
	return NULL;
}

START_TEST(test_one_at_a_time)
{
	size_t rounds = (size_t)property_times(20000);
	pthread_t t[THREADS];

	for (int i = 0; i < THREADS; i++)
		t[i] = begin(add_up, &rounds);
	for (int i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_join(t[i], NULL), 0);
	ck_assert_uint_eq(bad, 0);
	ck_assert_uint_eq(count, THREADS * rounds);
}
END_TEST

/* A lock whose holder is gone.  */
START_TEST(test_init)
{
	mx_lock(&lock);
	mx_lock_init(&lock);
	mx_lock_forked();
	mx_lock(&lock);
	mx_unlock(&lock);
	ck_assert(!mx_lock_is_busy());
}
END_TEST

static bool entered;            /* atomic */

static void *
enter(void *arg)
{
	mx_lock(&lock);
	mx_store(&entered, true, RELEASE);
	mx_unlock(&lock);
	return arg;
}

/* Who holds all locks passes each, as often as it likes; others wait.  */
START_TEST(test_hold_all)
{
	pthread_t t;

	mx_lock(&lock);
	mx_lock_hold_all(true);
	t = begin(enter, NULL);
	for (int i = 0; i < 50; i++) {
		mx_lock(&lock);
		(void)sched_yield();
		mx_unlock(&lock);
	}
	ck_assert(!mx_load(&entered, ACQUIRE));
	mx_lock_hold_all(false);
	mx_unlock(&lock);
	ck_assert_int_eq(pthread_join(t, NULL), 0);
	ck_assert(mx_load(&entered, ACQUIRE));
}
END_TEST

#ifndef MX_LOCK_WORD
START_TEST(test_busy)
{
	struct mx_lock other = MX_LOCK_INIT;

	ck_assert(!mx_lock_is_busy());
	mx_lock(&lock);
	mx_lock(&other);
	ck_assert(mx_lock_is_busy());
	mx_unlock(&lock);
	ck_assert(mx_lock_is_busy());
	mx_unlock(&other);
	ck_assert(!mx_lock_is_busy());
	mx_lock_busy();
	ck_assert(mx_lock_is_busy());
	mx_lock_idle();
	ck_assert(!mx_lock_is_busy());
}
END_TEST
#endif

int
main(void)
{
	Suite *s = suite_create("lock");
	TCase *tc = add_case(s, "lock");

	tcase_add_checked_fixture(tc, setup_threads, NULL);
	tcase_add_test(tc, test_one_at_a_time);
	tcase_add_test(tc, test_init);
	tcase_add_test(tc, test_hold_all);
#ifndef MX_LOCK_WORD
	tcase_add_test(tc, test_busy);
#endif
	return run(s);
}
