/* check_heap_bound.c - how many free pages stay, and large pages.
 *
 * SPDX-License-Identifier: MIT  */

#include <pthread.h>

#include "check_core.h"
#include "check_pages.h"
#include "heap.h"
#include "lock.h"

static struct mx_span *
take(size_t n, bool *zero)
{
	struct mx_span *s;

	*zero = false;
	s = mx_heap_take_large(n, MX_PAGE, zero);
	expect(s != NULL);
	return s;
}

/* How much stays.  */

START_TEST(test_bound)
{
	struct mx_span *all[100];
	bool zero;

	start_on(&kernels[_i]);
	mx_conf.dirty_min = 32 * MX_MIB;
	mx_conf.dirty_percent = 50;
	mx_conf.decay_ms = 3600000;
	for (int i = 0; i < 100; i++)
		all[i] = take(16 * MX_MIB, &zero);
	for (int i = 0; i < 100; i++) {
		mx_heap_give(all[i]);
		if (can_release())
			ck_assert_uint_le(mx_heap_account.dirty,
			    dirty_most());
	}
	expect_heap_is_empty();
	if (can_release())
		/* No one wanted any of it again, so next to nothing stays.  */
		ck_assert_uint_le(mx_heap_account.dirty, MX_MIB / MX_PAGE);
	(void)mx_heap_trim();
	ck_assert(!mx_heap_trim());
	if (can_release())
		ck_assert_uint_eq(mx_heap_account.dirty, 0);
	expect_heap_is_empty();
}
END_TEST

static unsigned asked, asked_busy;

static void
count_asked(void)
{
	asked++;
	asked_busy += mx_lock_is_busy();
}

static void *
nothing(void *arg)
{
	return arg;
}

/* The system is asked for the limit once, and not under the lock.  */
START_TEST(test_granted)
{
	struct mx_span *s[4];
	pthread_t t;
	bool zero;

	options.grant.memory = 100 * MX_MIB;
	start();
	fake_os_on_grant(count_asked);
	/* With one thread locks do nothing.  */
	ck_assert_int_eq(pthread_create(&t, NULL, nothing, NULL), 0);
	ck_assert_int_eq(pthread_join(t, NULL), 0);
	mx_heap_give(take(10 * MX_MIB, &zero));
	ck_assert_uint_eq(asked, 0);
	for (int i = 0; i < 4; i++)
		s[i] = take(20 * MX_MIB, &zero);
	mx_heap_give(s[0]);
	ck_assert_uint_eq(asked, 1);
	ck_assert_uint_le(mx_heap_account.dirty, 10 * MX_MIB / MX_PAGE);
	for (int i = 1; i < 4; i++)
		mx_heap_give(s[i]);
	ck_assert_uint_eq(asked, 1);
	ck_assert_uint_eq(asked_busy, 0);
}
END_TEST

static bool over;

static void *
take_and_give(void *arg)
{
	bool zero;

	for (int i = 0; i < 20000; i++)
		mx_heap_give(take(MX_MIB, &zero));
	mx_store(&over, true, RELEASE);
	return arg;
}

/* Under the lock all that is Ready is known, also while pages go back without it.  */
START_TEST(test_sums_beside_release)
{
	size_t known, ready;
	pthread_t t;

	mx_conf.dirty_min = 0;
	mx_conf.dirty_percent = 0;
	ck_assert_int_eq(pthread_create(&t, NULL, take_and_give, NULL), 0);
	while (!mx_load(&over, ACQUIRE)) {
		mx_heap_lock();
		known = ((mx_heap_account.used + mx_heap_account.dirty) <<
		    MX_PAGE_SHIFT) + mx_meta_bytes();
		ready = mx_load(&mx_sys_account.ready, RELAXED);
		mx_heap_unlock();
		expect_eq(known, ready);
	}
	ck_assert_int_eq(pthread_join(t, NULL), 0);
	expect_heap();
}
END_TEST

/* Take N bytes and give them back, TIMES times, with PAUSE milliseconds between;
 * answers how many bytes went to the system.  */
static size_t
come_and_go(size_t n, int times, uint64_t pause)
{
	size_t before = mx_sys_account.released;
	bool zero;

	for (int i = 0; i < times; i++) {
		mx_heap_give(take(n, &zero));
		fake_os_advance(pause);
	}
	return mx_sys_account.released - before;
}

/* Much goes, and is not missed.  */
static void
forget(void)
{
	struct mx_span *all[128];
	bool zero;

	for (int i = 0; i < 128; i++)
		all[i] = take(MX_MIB, &zero);
	for (int i = 0; i < 128; i++)
		mx_heap_give(all[i]);
	ck_assert_uint_le(mx_heap_account.dirty, 2 * MX_MIB / MX_PAGE);
	fake_os_advance(1000);
}

/* Pages that are wanted again at once stay after a few rounds, up to dirty_min in a
 * process that once had more than four times that.  */
START_TEST(test_spare_learns)
{
	mx_conf.dirty_min = 8 * MX_MIB;
	mx_conf.decay_ms = 3600000;
	forget();
	ck_assert_uint_gt(come_and_go(7 * MX_MIB, 5, 10), 5 * MX_MIB);
	ck_assert_uint_eq(come_and_go(7 * MX_MIB, 100, 10), 0);
	ck_assert_uint_ge(come_and_go(9 * MX_MIB, 10, 10), 10 * MX_MIB);
	ck_assert_uint_le(mx_heap_account.dirty, 8 * MX_MIB / MX_PAGE);
	expect_heap();
}
END_TEST

/* In one that never had so much all of them may stay, if they are wanted again.  */
START_TEST(test_spare_small_heap)
{
	mx_conf.dirty_min = 8 * MX_MIB;
	mx_conf.decay_ms = 3600000;
	ck_assert_uint_ge(come_and_go(30 * MX_MIB, 5, 1000), 100 * MX_MIB);
	ck_assert_uint_gt(come_and_go(30 * MX_MIB, 5, 10), 20 * MX_MIB);
	ck_assert_uint_eq(come_and_go(30 * MX_MIB, 100, 10), 0);
	ck_assert_uint_ge(come_and_go(40 * MX_MIB, 10, 10), 300 * MX_MIB);
	ck_assert_uint_le(mx_heap_account.dirty, 8 * MX_MIB / MX_PAGE);
	expect_heap();
}
END_TEST

/* Pages that are wanted again much later go each time.  */
START_TEST(test_spare_in_time)
{
	mx_conf.dirty_min = 8 * MX_MIB;
	mx_conf.decay_ms = 3600000;
	forget();
	ck_assert_uint_ge(come_and_go(4 * MX_MIB, 20, 1000), 20 * 3 * MX_MIB);
	ck_assert_uint_le(mx_heap_account.dirty, 2 * MX_MIB / MX_PAGE);
}
END_TEST

/* When much goes and is not missed, the spare shrinks again.  */
START_TEST(test_spare_forgets)
{
	mx_conf.dirty_min = 8 * MX_MIB;
	mx_conf.decay_ms = 3600000;
	(void)come_and_go(7 * MX_MIB, 10, 10);
	ck_assert_uint_ge(mx_heap_account.dirty, 7 * MX_MIB / MX_PAGE);
	forget();
	expect_heap_is_empty();
}
END_TEST

/* Where much is in use, much may learn to stay.  */
START_TEST(test_spare_share)
{
	struct mx_span *keep;
	bool zero;

	mx_conf.dirty_min = 8 * MX_MIB;
	mx_conf.dirty_percent = 300;
	mx_conf.decay_ms = 3600000;
	keep = take(20 * MX_MIB, &zero);
	(void)come_and_go(50 * MX_MIB, 20, 1);
	ck_assert_uint_eq(come_and_go(50 * MX_MIB, 20, 1), 0);
	mx_heap_give(keep);
	ck_assert_uint_le(mx_heap_account.dirty, 8 * MX_MIB / MX_PAGE);
}
END_TEST

START_TEST(test_bound_zero)
{
	struct mx_span *s;
	bool zero;

	mx_conf.dirty_min = 0;
	mx_conf.dirty_percent = 0;
	s = take(MX_MIB, &zero);
	mx_heap_give(s);
	ck_assert_uint_eq(mx_heap_account.dirty, 0);
	s = take(MX_MIB, &zero);
	ck_assert(zero);
	ck_assert(mx_heap_resize(s, 100000));
	ck_assert_uint_eq(mx_heap_account.dirty, 0);
	expect_heap();
}
END_TEST

/* A block with used ones on both sides, so that it is never part of a longer free
 * run.  */
static struct mx_span *
take_walled(void)
{
	size_t n = mx_max(MX_PAGE, mx_sys_facts.page);
	struct mx_span *s = NULL;
	bool zero;

	for (int i = 0; i < 8; i++) {
		struct mx_span *t = take(n, &zero);

		if (mx_pagemap_record(t->base - n)->state == MX_SPAN_LARGE &&
		    i == 4)
			s = t;
	}
	expect(s != NULL && mx_pagemap_record(s->base + n)->state ==
	    MX_SPAN_LARGE);
	return s;
}

/* Old pages go when anyone gives anything back; young ones stay.  */
START_TEST(test_decay)
{
	struct mx_span *s, *tick;
	bool zero;

	/* The clock may pass the end of 32 bits of milliseconds.  */
	if (_i)
		fake_os_advance(((uint64_t)1 << 32) - 1000000 - 500);
	mx_conf.decay_ms = 1000;
	s = take(MX_MIB, &zero);
	tick = take_walled();
	mx_heap_give(s);
	for (int i = 0; i < 10; i++) {
		mx_heap_give(tick);
		fake_os_advance(90);
		tick = take(MX_PAGE, &zero);
	}
	ck_assert_uint_eq(mx_sys_account.released, 0);
	for (int i = 0; i < 20; i++) {
		fake_os_advance(2000);
		mx_heap_give(tick);
		tick = take(MX_PAGE, &zero);
	}
	ck_assert_uint_ge(mx_sys_account.released, MX_MIB);
	ck_assert_uint_le(mx_heap_account.dirty, mx_max(MX_PAGE,
	    mx_sys_facts.page) / MX_PAGE);
	expect_heap();
}
END_TEST

/* One page that comes and goes beside them does not keep old pages young.  */
START_TEST(test_decay_joined)
{
	struct mx_span *s, *tick;
	bool zero;

	s = take(MX_MIB, &zero);
	tick = take(MX_PAGE, &zero);
	mx_heap_give(s);
	for (int i = 0; i < 40; i++) {
		fake_os_advance(500);
		mx_heap_give(tick);
		tick = take(MX_PAGE, &zero);
	}
	ck_assert_uint_gt(mx_sys_account.released, MX_MIB / 2);
	expect_heap();
}
END_TEST

/* A kernel that keeps pages is not asked at each give.  */
START_TEST(test_kept)
{
	struct mx_span *all[400];
	unsigned long calls;
	bool zero;

	options.aix = true;
	start();
	mx_conf.dirty_min = 0;
	mx_conf.dirty_percent = 0;
	for (int i = 0; i < 400; i++)
		all[i] = take(MX_MIB, &zero);
	for (int i = 0; i < 400; i++)
		mx_heap_give(all[i]);
	calls = fake_os_calls(FAKE_UNUSED);
	ck_assert_uint_ge(calls, 1);
	ck_assert_uint_le(calls, 80);
	ck_assert(!mx_heap_trim());
	expect_heap_is_empty();
}
END_TEST

/* Once refused, it is tried again later.  */
START_TEST(test_kept_once)
{
	struct mx_span *all[100];
	bool zero;

	mx_conf.dirty_min = 0;
	mx_conf.dirty_percent = 0;
	for (int i = 0; i < 100; i++)
		all[i] = take(MX_MIB, &zero);
	fake_os_refuse(FAKE_UNUSED, 1, false);
	for (int i = 0; i < 100; i++)
		mx_heap_give(all[i]);
	ck_assert_uint_eq(fake_os_refused(FAKE_UNUSED), 1);
	ck_assert_uint_eq(mx_heap_account.dirty, 0);
	expect_heap_is_empty();
}
END_TEST

/* Nor over and over when old pages go, however few they are.  */
START_TEST(test_kept_few)
{
	bool zero;

	mx_heap_give(take(MX_PAGE, &zero));
	ck_assert_uint_gt(mx_heap_account.dirty, 0);
	fake_os_advance(2 * mx_conf.decay_ms + 10);
	fake_os_refuse(FAKE_UNUSED, 1, true);
	mx_heap_decay(mx_conf.decay_ms);
	ck_assert_uint_eq(fake_os_refused(FAKE_UNUSED), 1);
	fake_os_refuse_nothing();
	expect_heap_is_empty();
}
END_TEST

enum { SCARCE = 6 * MX_MIB };

static void *
take_scarce(void *arg)
{
	bool zero = false;

	for (int i = 0; i < 3000; i++) {
		struct mx_span *s = mx_heap_take_large(SCARCE, MX_PAGE, &zero);

		if (s == NULL) {
			mx_add((unsigned *)arg, 1, RELAXED);
			continue;
		}
		mx_heap_give(s);
	}
	return NULL;
}

/* Where the system gives no more, a run that another thread is giving back counts
 * as free.  */
START_TEST(test_scarce)
{
	struct mx_span *all[64];
	unsigned refused = 0;
	pthread_t t;
	bool zero = false;
	int n = 0;

	options.limit = 64 * MX_MIB;
	start();
	mx_conf.dirty_min = 0;
	mx_conf.dirty_percent = 0;
	while (n < 64 && (all[n] = mx_heap_take_large(SCARCE, MX_PAGE,
	    &zero)) != NULL)
		n++;
	ck_assert_uint_gt((size_t)n, 2);
	mx_heap_give(all[--n]);
	mx_heap_give(all[--n]);
	ck_assert_int_eq(pthread_create(&t, NULL, take_scarce, &refused), 0);
	(void)take_scarce(&refused);
	ck_assert_int_eq(pthread_join(t, NULL), 0);
	ck_assert_uint_eq(refused, 0);
	while (n > 0)
		mx_heap_give(all[--n]);
	expect_heap_is_empty();
}
END_TEST

/* Large pages.  */

START_TEST(test_huge)
{
	size_t huge = 2 * MX_MIB;

	options.huge = huge;
	start();
	mx_conf.huge = true;
	mx_conf.huge_min = 8 * MX_MIB;
	while (mx_heap_account.used << MX_PAGE_SHIFT < 8 * MX_MIB)
		ck_assert_ptr_nonnull(mx_heap_take_small(0));
	ck_assert_uint_eq(fake_os_calls(FAKE_HUGE), 0);
	for (int i = 0; i < 1000; i++)
		ck_assert_ptr_nonnull(mx_heap_take_small(0));
	ck_assert_uint_ge(fake_os_huge_bytes(), 1000 * 4 * MX_PAGE -
	    8 * huge);
	expect_heap();
}
END_TEST

/* Blocks, too, but not those above 4 MiB, of which there may be little in use.  */
START_TEST(test_huge_large)
{
	size_t n = (size_t)_i * MX_MIB;
	bool zero = false;

	options.huge = 2 * MX_MIB;
	start();
	mx_conf.huge = true;
	mx_conf.huge_min = 0;
	for (int i = 0; i < 32; i++)
		ck_assert_ptr_nonnull(mx_heap_take_large(n, MX_PAGE, &zero));
	if (n <= 4 * MX_MIB)
		ck_assert_uint_ge(fake_os_huge_bytes(), 30 * n);
	else
		ck_assert_uint_eq(fake_os_calls(FAKE_HUGE), 0);
	expect_heap();
}
END_TEST

/* As long as there are whole huge pages to give back, no part of one goes.  */
START_TEST(test_huge_whole)
{
	size_t huge = 2 * MX_MIB;
	struct mx_span *s[64];
	bool zero = false;
	size_t huge_bytes, went = 0;

	options.huge = huge;
	start();
	mx_conf.huge = true;
	mx_conf.huge_min = 0;
	for (int i = 0; i < 64; i++) {
		s[i] = mx_heap_take_large(700 * MX_KIB, MX_PAGE, &zero);
		ck_assert_ptr_nonnull(s[i]);
	}
	huge_bytes = fake_os_huge_bytes();
	for (int i = 0; i < 64; i++) {
		size_t ready = mx_sys_account.ready;

		ck_assert(mx_heap_give_large(s[i], s[i]->base));
		went += ready - mx_sys_account.ready;
		if (mx_heap_account.dirty << MX_PAGE_SHIFT >= 2 * huge)
			ck_assert_uint_eq(went % huge, 0);
	}
	ck_assert_uint_gt(went, 8 * huge);
	ck_assert_uint_eq(fake_os_huge_bytes(), huge_bytes);
	ck_assert_uint_lt(mx_sys_account.ready, 24 * MX_MIB);
	expect_heap_is_empty();
}
END_TEST

/* Small spans, whatever they are for, until the heap has grown N times.  */
static void
grow_times(int n)
{
	while (n-- > 0)
		for (unsigned long calls = fake_os_calls(FAKE_MAP);
		    fake_os_calls(FAKE_MAP) == calls;)
			ck_assert_ptr_nonnull(mx_heap_take_small(0));
}

static void
start_auto(void)
{
	options.huge = 2 * MX_MIB;
	start();
	mx_conf.huge = MX_CONF_AUTO;
	mx_conf.huge_min = 0;
	fake_os_step(1000);
	grow_times(1);
}

/* With huge:auto the first growth tells what ordinary pages cost; as long as huge ones
 * are cheaper each later one has some.  */
START_TEST(test_huge_cheap)
{
	start_auto();
	ck_assert_uint_eq(fake_os_calls(FAKE_HUGE), 0);
	grow_times(20);
	ck_assert_uint_ge(fake_os_huge_bytes(), 20 * 4 * MX_MIB - 2 * options.huge);
	expect_heap();
}
END_TEST

/* As long as they are not, fewer and fewer are tried, and only one each time.  */
START_TEST(test_huge_dear)
{
	start_auto();
	/* 32 samples are as much as a huge page.  */
	fake_os_step(32 * 1000 * 3 / 4 + 1);
	grow_times(20);
	/* The 1st, 3rd, 7th and 15th.  */
	ck_assert_uint_eq(fake_os_calls(FAKE_HUGE), 4);
	ck_assert_uint_eq(fake_os_huge_bytes(), 4 * options.huge);
	fake_os_step(1000);
	grow_times(40);
	ck_assert_uint_ge(fake_os_huge_bytes(), 24 * options.huge);
	expect_heap();
}
END_TEST

/* A huge page of which a part went back may not become one by itself, and may when
 * all of it is wanted again.  */
START_TEST(test_huge_broken)
{
	struct mx_span *s[64];
	bool zero = false;
	size_t huge_bytes;

	options.huge = 2 * MX_MIB;
	start();
	mx_conf.huge = _i ? MX_CONF_AUTO : MX_CONF_TRUE;
	mx_conf.huge_min = 0;
	mx_conf.dirty_min = 0;
	fake_os_step(1000);
	grow_times(2);
	for (int i = 0; i < 64; i++) {
		s[i] = mx_heap_take_large(1 * MX_MIB, MX_PAGE, &zero);
		ck_assert_ptr_nonnull(s[i]);
	}
	huge_bytes = fake_os_huge_bytes();
	ck_assert_uint_ge(huge_bytes, 60 * MX_MIB);
	for (int i = 0; i < 64; i += 2)
		ck_assert(mx_heap_give_large(s[i], s[i]->base));
	(void)mx_heap_trim();
	ck_assert_uint_eq(mx_heap_account.dirty, 0);
	ck_assert_uint_le(fake_os_huge_bytes(), huge_bytes - 60 * MX_MIB);
	for (int i = 1; i < 64; i += 2)
		ck_assert(mx_heap_give_large(s[i], s[i]->base));
	(void)mx_heap_trim();
	for (int i = 0; i < 64; i++) {
		s[i] = mx_heap_take_large(1 * MX_MIB, MX_PAGE, &zero);
		ck_assert_ptr_nonnull(s[i]);
	}
	ck_assert_uint_ge(fake_os_huge_bytes(), huge_bytes - 4 * MX_MIB);
	expect_heap();
}
END_TEST

START_TEST(test_huge_off)
{
	options.huge = 2 * MX_MIB;
	start();
	mx_conf.huge_min = 0;
	mx_conf.huge = _i < 2 ? MX_CONF_FALSE : _i < 4 ? MX_CONF_TRUE :
	    MX_CONF_AUTO;
	mx_conf.secure = (_i & 1) != 0 || _i >= 2;
	for (int i = 0; i < 1000; i++)
		ck_assert_ptr_nonnull(mx_heap_take_small(0));
	ck_assert_uint_eq(fake_os_calls(FAKE_HUGE), 0);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("heap_bound");
	TCase *tc = add_case(s, "bound");

	tcase_add_loop_test(tc, test_bound, 0, N_KERNELS);
	tcase_add_test(tc, test_granted);
	tcase_add_test(tc, test_sums_beside_release);
	tcase_add_test(tc, test_spare_learns);
	tcase_add_test(tc, test_spare_small_heap);
	tcase_add_test(tc, test_spare_in_time);
	tcase_add_test(tc, test_spare_forgets);
	tcase_add_test(tc, test_spare_share);
	tcase_add_test(tc, test_bound_zero);
	tcase_add_loop_test(tc, test_decay, 0, 2);
	tcase_add_test(tc, test_decay_joined);
	tcase_add_test(tc, test_kept);
	tcase_add_test(tc, test_kept_once);
	tcase_add_test(tc, test_kept_few);
	tcase_add_test(tc, test_scarce);
	tc = add_case(s, "huge");
	tcase_add_test(tc, test_huge);
	tcase_add_loop_test(tc, test_huge_large, 1, 7);
	tcase_add_test(tc, test_huge_whole);
	tcase_add_test(tc, test_huge_cheap);
	tcase_add_test(tc, test_huge_dear);
	tcase_add_loop_test(tc, test_huge_broken, 0, 2);
	tcase_add_loop_test(tc, test_huge_off, 0, 6);
	return run(s);
}
