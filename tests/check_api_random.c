/* check_api_random.c - random calls of every allocation function on every
 * kernel, by several caches in turn, against a list of what was handed out.
 *
 * SPDX-License-Identifier: MIT  */

#include <errno.h>

#include "api.h"
#include "check_core.h"
#include "check_pages.h"
#include "pattern.h"
#include "process.h"
#include "stats.h"

#define MOST 1000
#define CACHES 4

static struct live {
	char *p;
	size_t n;               /* asked for, and filled */
	uint64_t id;
} lives[MOST];

static size_t n_lives;
static size_t held;             /* bytes asked for and not freed */
static size_t budget;           /* bytes that may be held */
static struct mx_cache *caches[CACHES];
static bool refusing;
static unsigned long refused;   /* before the call */
static uint64_t last_id;

/* NULL is an answer only if the kernel refused something.  */
static bool
got(const void *p)
{
	if (p != NULL)
		return true;
	expect_eq(errno, ENOMEM);
	expect(fake_os_refused(FAKE_ANY) > refused);
	return false;
}

static void
fill(struct live *l)
{
	l->id = ++last_id;
	expect(mx_usable_size(l->p) >= l->n);
	pattern_fill(l->p, l->n, l->id);
}

static void
add(char *p, size_t n, size_t align)
{
	struct live *l = &lives[n_lives++];

	align = mx_max(align, MX_BLOCK_ALIGN);
	expect(mx_is_aligned((uintptr_t)p, align));
	if (mx_is_pow2(n) && n <= MX_MIB)
		expect(mx_is_aligned((uintptr_t)p, n));
	*l = (struct live){ .p = p, .n = n };
	held += n;
	fill(l);
}

static size_t
random_size(void)
{
	size_t most = property_one_in(30) ? 4 * MX_MIB :
	    property_one_in(4) ? 100 * MX_KIB : 4 * MX_KIB;

	if (property_one_in(10))
		return (size_t)1 << property_below(mx_log2(most) + 1);
	return property_size(most);
}

static void
random_calloc(size_t n)
{
	char *p = mx_calloc(n, 1);

	if (!got(p))
		return;
	expect(n == 0 || (p[0] == 0 && memcmp(p, p + 1, n - 1) == 0));
	add(p, n, 1);
}

static void
random_aligned(size_t n)
{
	size_t align = (size_t)8 << property_below(property_one_in(8) ? 20 :
	    10);
	void *p = NULL;

	switch (property_below(3)) {
	case 0:
		p = mx_aligned_alloc(align, n);
		break;
	case 1:
		p = mx_memalign(align, n);
		break;
	default:
		errno = mx_posix_memalign(&p, align, n);
		break;
	}
	if (got(p))
		add(p, n, align);
}

static void
random_free(void)
{
	struct live *l = &lives[property_below(n_lives)];

	expect(pattern_is(l->p, l->n, l->id));
	held -= l->n;
	errno = 1234;
	mx_free(l->p);
	expect_eq(errno, 1234);
	*l = lives[--n_lives];
}

static void
random_realloc(void)
{
	struct live *l = &lives[property_below(n_lives)];
	size_t n = property_one_in(2) ? random_size() : l->n + property_size(
	    l->n);
	char *p;

	expect(pattern_is(l->p, l->n, l->id));
	p = mx_realloc(l->p, n);
	if (n == 0) {
		expect(p == NULL);
		held -= l->n;
		*l = lives[--n_lives];
		return;
	}
	if (!got(p)) {
		expect(pattern_is(l->p, l->n, l->id));
		return;
	}
	expect(pattern_is(p, mx_min(n, l->n), l->id));
	expect(mx_is_aligned((uintptr_t)p, MX_BLOCK_ALIGN));
	held += n - l->n;
	l->p = p;
	l->n = n;
	fill(l);
}

static void
expect_live(size_t small, size_t large)
{
	struct memaix_stats st;

	mx_stats_read(&st);
	expect_eq(st.live_small, small);
	expect_eq(st.live_large, large);
	expect_eq(st.live, small + large);
	expect_eq(st.live + st.rounding + st.caches + st.free_in_spans +
	    st.dirty + st.metadata, st.ready);
	expect_eq(st.threads, CACHES);
}

/* The statistics know every byte, wherever the free blocks are.  */
static void
expect_stats(void)
{
	size_t small = 0, large = 0;

	for (size_t i = 0; i < n_lives; i++) {
		const struct mx_span *s = mx_pagemap_get(lives[i].p);

		if (s->state == MX_SPAN_SMALL)
			small += s->size;
		else
			large += mx_max(lives[i].n, 1);
	}
	expect_heap();
	expect_live(small, large);
	mx_cache_flush(mx_cache_self);
	expect_heap();
	expect_live(small, large);
}

static void
random_refusal(void)
{
	if (property_one_in(20))
		fake_os_refuse_nothing();
	if (property_one_in(20))
		fake_os_refuse((enum fake_os_call)property_below(FAKE_ANY + 1),
		    1 + (unsigned)property_below(3), property_one_in(3));
}

static void
random_call(void)
{
	size_t n = random_size();
	char *p;

	refused = fake_os_refused(FAKE_ANY);
	switch (property_below(n_lives > 0 ? 9 : 4)) {
	case 0:
		random_calloc(n);
		break;
	case 1:
		random_aligned(n);
		break;
	case 2:
	case 3:
		p = mx_malloc(n);
		if (got(p))
			add(p, n, 1);
		break;
	case 4:
	case 5:
		random_realloc();
		break;
	default:
		random_free();
		break;
	}
}

static void
random_step(size_t aim)
{
	mx_cache_set_self(caches[property_below(CACHES)]);
	if (refusing)
		random_refusal();
	if (property_one_in(500))
		fake_os_advance(property_size(10000));
	if (property_one_in(1000))
		(void)mx_trim();
	if (property_one_in(500))
		expect_stats();
	while (n_lives > aim || held > budget)
		random_free();
	random_call();
}

static void
finish(void)
{
	fake_os_refuse_nothing();
	expect_stats();
	while (n_lives > 0) {
		mx_cache_set_self(caches[property_below(CACHES)]);
		random_free();
	}
	mx_cache_set_self(&mx_cache_empty);
	for (int i = 0; i < CACHES; i++)
		mx_cache_delete(caches[i]);
	expect_heap_is_empty();
}

START_TEST(test_random)
{
	size_t aim = 1;

	start_on(&kernels[_i % N_KERNELS]);
	mx_process_init();
	refusing = _i >= N_KERNELS;
	property_start();
	mx_conf.huge = property_below(3);
	mx_conf.huge_min = 0;
	mx_conf.move = property_below(2);
	mx_conf.mixed_min = property_below(2) ? 0 : 64 * MX_GIB;
	mx_conf.mixed_percent = 0;
	mx_conf.dirty_min = property_size(32 * MX_MIB);
	budget = mx_sys_facts.page < MX_MIB ? 64 * MX_MIB : 16 * MX_MIB;
	for (int i = 0; i < CACHES; i++)
		expect((caches[i] = mx_cache_new()) != NULL);
	for (property_steps(mx_sys_facts.page < MX_MIB ? 20000 : 3000)) {
		if (property_one_in(500))
			aim = 1 + property_size(MOST - 2);
		random_step(aim);
	}
	finish();
}
END_TEST

/* A fixed sequence of calls with the N-th call to the kernel refused, once or
 * from then on, for every N.  */

static void
work(void)
{
	static const size_t sizes[] = { 24, 5000, 40000, 700000, 6000000 };
	char *p;

	for (int i = 0; i < 5; i++) {
		mx_cache_set_self(caches[i % CACHES]);
		refused = fake_os_refused(FAKE_ANY);
		if (got(p = mx_malloc(sizes[i])))
			add(p, sizes[i], 1);
		refused = fake_os_refused(FAKE_ANY);
		random_calloc(sizes[i] / 2);
		refused = fake_os_refused(FAKE_ANY);
		if (got(p = mx_aligned_alloc(65536, sizes[i])))
			add(p, sizes[i], 65536);
		refused = fake_os_refused(FAKE_ANY);
		if (n_lives > 0)
			random_realloc();
		refused = fake_os_refused(FAKE_ANY);
		if (n_lives > 3)
			random_free();
	}
	(void)mx_trim();
}

#define MOST_CALLS 90

START_TEST(test_refuse_nth)
{
	mx_process_init();
	mx_conf.arena = 4 * MX_MIB;
	property_start();
	for (int i = 0; i < CACHES; i++)
		expect((caches[i] = mx_cache_new()) != NULL);
	fake_os_refuse(FAKE_ANY, (unsigned)_i / 2 + 1, _i % 2);
	work();
	/* This many calls are enough to reach the end.  */
	expect(_i / 2 < MOST_CALLS - 1 || fake_os_refused(FAKE_ANY) == 0);
	fake_os_refuse_nothing();
	expect_stats();
	work();
	expect(n_lives >= 6);
	finish();
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("api_random");
	TCase *tc = add_case(s, "random");

	tcase_add_loop_test(tc, test_random, 0, 2 * N_KERNELS);
	tc = add_case(s, "refused");
	tcase_add_loop_test(tc, test_refuse_nth, 0, 2 * MOST_CALLS);
	return run(s);
}
