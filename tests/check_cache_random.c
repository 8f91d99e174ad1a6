/* check_cache_random.c - random blocks of several caches on every kernel, driven
 * by one thread, against a list of what was handed out.
 *
 * SPDX-License-Identifier: MIT  */

#include <errno.h>

#include "check_caches.h"
#include "mixed.h"
#include "pattern.h"

#define MOST 4000
#define CACHES 6

static struct live {
	char *p;
	unsigned class_;
	unsigned cache;         /* of the thread that took it */
	uint64_t id;
} lives[MOST];

static size_t n_lives;
static struct mx_cache *caches[CACHES];         /* NULL: no such thread */
static unsigned classes[4];                     /* of this test, mostly */
static bool refusing;
static uint64_t last_id;
static size_t n_mixed;         /* blocks taken from MIXED spans */

/* Live blocks of the span that begins at a page, by the page's number from the
 * first extent on.  */
static uint32_t in_span[FAKE_OS_AREA / MX_PAGE];

static unsigned
random_cache(void)
{
	unsigned i;

	do
		i = (unsigned)property_below(CACHES);
	while (caches[i] == NULL);
	return i;
}

static void
random_take(void)
{
	unsigned long refused = fake_os_refused(FAKE_ANY);
	unsigned c = property_one_in(16) ?
	    (unsigned)property_below(MX_CLASS_COUNT) :
	    classes[property_below(4)];
	unsigned i = random_cache();
	size_t size = mx_class_size(c);
	char *p;

	errno = 0;
	p = take(caches[i], c);
	if (p == NULL) {
		expect(errno == ENOMEM);
		expect(fake_os_refused(FAKE_ANY) > refused);
		return;
	}
	expect(mx_is_aligned((uintptr_t)p, MX_BLOCK_ALIGN));
	expect(!mx_is_pow2(size) || mx_is_aligned((uintptr_t)p, size));
	expect(mx_span_is_block(mx_pagemap_get(p), p));
	if (mx_pagemap_get(p)->state == MX_SPAN_SMALL)
		expect_eq(mx_pagemap_get(p)->class_, c);
	else
		n_mixed++;
	pattern_fill(p, size, ++last_id);
	lives[n_lives++] = (struct live){ p, c, i, last_id };
}

/* Half of the frees by the thread that took the block, if it lives.  */
static void
random_put(void)
{
	struct live *l = &lives[property_below(n_lives)];
	unsigned i = property_one_in(2) && caches[l->cache] != NULL ?
	    l->cache : random_cache();

	expect(pattern_is(l->p, mx_class_size(l->class_), l->id));
	put(caches[i], l->p);
	*l = lives[--n_lives];
}

static void
random_thread(void)
{
	unsigned i = (unsigned)property_below(CACHES);

	if (caches[i] == NULL) {
		caches[i] = mx_cache_new();
		expect(caches[i] != NULL || refusing);
	} else if (i > 0) {
		/* The first one stays, so that there always is one.  */
		mx_cache_delete(caches[i]);
		caches[i] = NULL;
	}
}

/* What malloc finds by a size is what it finds by the size's class.  */
static void
expect_direct(const struct mx_cache *cache)
{
	for (size_t n = 0; n <= MX_CACHE_DIRECT; n += MX_BLOCK_ALIGN)
		expect(cache->direct[n / MX_BLOCK_ALIGN] ==
		    cache->span[mx_class_of(n)]);
}

/* Every block that is on its way arrives.  */
static void
settle(void)
{
	bool again = true;

	for (int i = 0; i < CACHES; i++)
		if (caches[i] != NULL)
			expect_direct(caches[i]);
	expect_direct(&mx_cache_empty);

	while (again) {
		again = false;
		for (int i = 0; i < CACHES; i++)
			if (caches[i] != NULL)
				mx_cache_flush(caches[i]);
		for (int i = 0; i < CACHES; i++)
			again |= caches[i] != NULL && caches[i]->inbox != NULL;
	}
}

static size_t
number(const struct mx_span *s)
{
	return (size_t)(s->base - extents[0].from) >> MX_PAGE_SHIFT;
}

/* What is in use of MIXED span S is live.  */
static void
expect_mixed_balance(struct mx_span *s)
{
	size_t used = (size_t)(s->mixed->granules - s->mixed->free_) * s->size;
	bool inside;

	for (size_t i = 0; i < n_lives; i++) {
		size_t size;

		if (mx_pagemap_get(lives[i].p) != s)
			continue;
		size = mx_mixed_size(s, lives[i].p, &inside);
		expect(size >= mx_class_size(lives[i].class_) && size <= used);
		used -= size;
	}
	expect_eq(used, 0);
}

/* With everything settled a span is there for its live blocks alone, and all
 * others are on its list or were never carved.  */
static void
expect_balance(void)
{
	size_t pages = 0;

	settle();
	mx_cache_trim();
	expect_heap();
	for (size_t i = 0; i < n_lives; i++) {
		const struct mx_span *s = mx_pagemap_get(lives[i].p);

		if (in_span[number(s)]++ == 0)
			pages += s->pages;
	}
	expect_eq(mx_heap_account.used, pages);
	for (size_t i = 0; i < n_lives; i++) {
		struct mx_span *s = mx_pagemap_get(lives[i].p);
		size_t count = 0;

		if (in_span[number(s)] == 0)
			continue;
		if (s->state == MX_SPAN_MIXED) {
			expect_mixed_balance(s);
			in_span[number(s)] = 0;
			continue;
		}
		expect(s->owner == NULL && !mx_span_is_current(s));
		expect_eq(mx_span_get_left(s), in_span[number(s)]);
		for (struct mx_block *b = s->local; b != MX_BLOCK_END; b = b->next) {
			expect(mx_span_is_block(s, b));
			count++;
		}
		expect_eq(mx_span_get_left(s), s->carved - count);
		expect(s->listed == (mx_span_get_left(s) < s->blocks));
		in_span[number(s)] = 0;
	}
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
random_step(size_t aim)
{
	if (refusing)
		random_refusal();
	if (property_one_in(300))
		random_thread();
	if (property_one_in(1000))
		mx_cache_flush(caches[random_cache()]);
	if (property_one_in(1500))
		expect_balance();
	if (n_lives > 0 && (n_lives == MOST ||
	    property_below(2 * aim) < n_lives))
		random_put();
	else
		random_take();
}

static void
give_all_back(void)
{
	fake_os_refuse_nothing();
	expect_balance();
	while (n_lives > 0)
		random_put();
	for (int i = 0; i < CACHES; i++)
		if (caches[i] != NULL)
			mx_cache_delete(caches[i]);
	expect_heap_is_empty();
}

/* Up to MOST_LIVES blocks at a time.  */
static void
random_life(size_t steps, size_t most_lives)
{
	size_t aim = 1;

	for (int i = 0; i < 3; i++)
		caches[i] = new_cache();
	for (property_steps(steps)) {
		/* Tides, so that spans are used up and become empty.  */
		if (property_one_in(1000))
			aim = 1 + property_size(most_lives - 1);
		random_step(aim);
	}
	give_all_back();
}

static void
mix(bool mixes)
{
	mx_conf.mixed_min = mixes ? 0 : 64 * MX_GIB;
	mx_conf.mixed_percent = mixes ? 0 : 100;
}

START_TEST(test_random)
{
	start_on(&kernels[_i % N_KERNELS]);
	refusing = _i >= N_KERNELS;
	property_start();
	mix(property_below(4) > 0);
	for (int i = 0; i < 4; i++)
		classes[i] = (unsigned)property_below(MX_CLASS_COUNT);
	random_life(mx_sys_facts.page < MX_MIB ? 60000 : 10000, MOST);
}
END_TEST

/* One class, so that the ways between the caches are crowded.  */
START_TEST(test_random_class)
{
	property_start();
	for (int i = 0; i < 4; i++)
		classes[i] = (unsigned)_i;
	random_life(30000, mx_min(MOST, 4 * MX_MIB /
	    mx_class_size((unsigned)_i)));
}
END_TEST

/* Many small blocks, of which few stay, and then larger ones, over and over: most of
 * what is sparse becomes MIXED, of any class that can.  */
START_TEST(test_random_mixed)
{
	property_start();
	mix(true);
	for (int i = 0; i < 3; i++)
		caches[i] = new_cache();
	/* The blocks of a round are what mixes, so fewer rounds where steps are slow, but
	 * never fewer than it takes: 30 give 227 mixed blocks and more.  */
	for (int round = 0; round < property_times(30) || n_mixed <= 100; round++) {
		unsigned small = (unsigned)property_below(12);

		expect(round < 300);
		for (int i = 0; i < 4; i++)
			classes[i] = small;
		while (n_lives < MOST)
			random_step(MOST * 100);
		while (n_lives > MOST / 10)
			random_put();
		for (int i = 0; i < 4; i++)
			classes[i] = small + 4 +
			    (unsigned)property_below(16);
		for (property.step = 0; property.step < 2000; property.step++)
			random_step(MOST / 2);
	}
	give_all_back();
}
END_TEST

/* The same work with the N-th call refused, once or from then on, for every N. */

static void
work_on(unsigned i, unsigned c)
{
	unsigned long refused = fake_os_refused(FAKE_ANY);
	char *p = take(caches[i], c);

	if (p == NULL) {
		expect(fake_os_refused(FAKE_ANY) > refused);
		return;
	}
	pattern_fill(p, mx_class_size(c), ++last_id);
	lives[n_lives++] = (struct live){ p, c, i, last_id };
}

static void
work(void)
{
	for (unsigned i = 0; i < 2; i++)
		if (caches[i] == NULL)
			caches[i] = mx_cache_new();
	for (int k = 0; k < 30; k++)
		for (unsigned c = 0; c < MX_CLASS_COUNT; c += 3)
			for (unsigned i = 0; i < 2; i++)
				if (caches[i] != NULL)
					work_on(i, c);
}

#define MOST_CALLS 80

START_TEST(test_refuse_nth)
{
	mx_conf.arena = 4 * MX_MIB;
	fake_os_refuse(FAKE_ANY, (unsigned)_i / 2 + 1, _i % 2);
	work();
	/* This many calls are enough to reach the end.  */
	ck_assert(_i / 2 < MOST_CALLS - 1 || fake_os_refused(FAKE_ANY) == 0);
	fake_os_refuse_nothing();
	work();
	ck_assert_uint_ge(n_lives, 2 * 14 * 30);
	give_all_back();
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("cache_random");
	TCase *tc = add_case(s, "random");

	tcase_add_loop_test(tc, test_random, 0, 2 * N_KERNELS);
	tcase_add_loop_test(tc, test_random_class, 0, MX_CLASS_COUNT);
	tcase_add_loop_test(tc, test_random_mixed, 0, 8);
	tc = add_case(s, "refused");
	tcase_add_loop_test(tc, test_refuse_nth, 0, 2 * MOST_CALLS);
	return run(s);
}
