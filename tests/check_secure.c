/* check_secure.c - unit tests of secure:true: tails, wiping, rest, guards.
 *
 * SPDX-License-Identifier: MIT  */

#include "check_caches.h"
#include "arena.h"
#include "heap.h"
#include "misuse.h"
#include "secure.h"

static struct mx_cache *cache;

static void
start_secure(const struct kernel *k)
{
	start_on(k);
	mx_conf.secure = true;
	mx_conf.on_misuse = MX_CONF_REPORT;
	mx_cache_init();
	mx_secure_init(sysRandomOS());
	cache = new_cache();
}

static char *
get(size_t n, size_t align)
{
	bool zero;
	char *p = mx_secure_take(cache, n, align, &zero);

	if (p != NULL && zero)
		expect(n == 0 || (p[0] == 0 && memcmp(p, p + 1, n - 1) == 0));
	return p;
}

static int
check(const char *p)
{
	return mx_secure_check(mx_pagemap_get(p), p);
}

static void
drop(char *p)
{
	struct mx_span *s = mx_pagemap_get(p);

	expect_eq(mx_secure_check(s, p), 0);
	if (!mx_secure_free(cache, s, p))
		mx_secure_put(cache, s, p);
}

/* Blocks of all kinds keep what is written, to the last byte.  */
START_TEST(test_random)
{
	enum { BLOCKS = 300, ROUNDS = 6000 };
	static struct { char *p; size_t n; } b[BLOCKS];
	size_t top[] = { 64, 1000, 40000, 3000000 };

	start_secure(&kernels[_i]);
	memset(b, 0, sizeof b);
	property_start();
	for (property_steps(ROUNDS)) {
		size_t i = property_below(BLOCKS);
		size_t most = top[property_below(32) % 31 / 10];
		size_t align = !property_one_in(8) ? 0 :
		    (size_t)16 << property_below(12);

		if (b[i].p != NULL) {
			expect_eq(mx_secure_size(mx_pagemap_get(b[i].p),
			    b[i].p), b[i].n);
			expect(b[i].n == 0 || (b[i].p[0] == (char)i &&
			    b[i].p[b[i].n - 1] == (char)i));
			drop(b[i].p);
		}
		b[i].n = property_below(most) + 1;
		b[i].p = get(b[i].n, align);
		expect(b[i].p != NULL);
		expect(mx_is_aligned((uintptr_t)b[i].p, mx_max(align, 16)));
		memset(b[i].p, (int)i, b[i].n);
	}
	for (size_t i = 0; i < BLOCKS; i++)
		if (b[i].p != NULL)
			drop(b[i].p);
	expect_eq(mx_misuse_count, 0);
	mx_secure_flush(cache);
	mx_cache_flush(cache);
	expect_accounts();
}
END_TEST

/* Sizes around those of the classes, with each byte in place.  */
START_TEST(test_ends)
{
	start_secure(&kernels[0]);
	for (size_t n = 0; n <= 40000; n += 1 + n / 50) {
		char *p = get(n, 0);

		ck_assert_ptr_nonnull(p);
		memset(p, 0xff, n);
		ck_assert_int_eq(check(p), 0);
		p[n] ^= 1;
		ck_assert_int_eq(check(p), MX_MESSAGE_OVERRUN);
		p[n] ^= 1;
		drop(p);
		ck_assert_int_ne(check(p), 0);
	}
}
END_TEST

START_TEST(test_resize)
{
	struct mx_span *s;
	char *p;

	start_secure(&kernels[0]);
	p = get(100, 0);
	s = mx_pagemap_get(p);
	memset(p, 7, 100);
	ck_assert(mx_secure_resize(s, p, 90));
	ck_assert_uint_eq(mx_secure_size(s, p), 90);
	ck_assert_int_eq(check(p), 0);
	ck_assert(mx_secure_resize(s, p, s->size - MX_SECURE_TAIL));
	ck_assert_int_eq(p[89], 7);
	ck_assert_int_eq(p[95], 0);     /* not what was there before */
	ck_assert(!mx_secure_resize(s, p, s->size - MX_SECURE_TAIL + 1));
	ck_assert(!mx_secure_resize(s, p, 10));
	drop(p);

	p = get(100000, 0);
	s = mx_pagemap_get(p);
	memset(p, 7, 100000);
	ck_assert(mx_secure_resize(s, p, 99990));
	ck_assert_int_eq(check(p), 0);
	p[99990] = 1;
	ck_assert_int_eq(check(p), MX_MESSAGE_OVERRUN);
	p[99990] = 0;
	ck_assert(!mx_secure_resize(s, p, 200000));
	drop(p);
	expect_accounts();
}
END_TEST

/* What was freed is wiped at once, stays away for a while, and comes back in no
 * order.  */
START_TEST(test_rest)
{
	enum { N = 64 };
	char *p[N];
	unsigned same = 0, near = 0;

	start_secure(&kernels[0]);
	for (int i = 0; i < N; i++) {
		p[i] = get(200, 0);
		memset(p[i], 1, 200);
		near += i > 0 && p[i] == p[i - 1] + mx_class_size(
		    mx_class_of(200 + MX_SECURE_TAIL));
	}
	ck_assert_uint_lt(near, N / 4);
	for (int i = 0; i < N; i++) {
		char *q;

		drop(p[i]);
		for (int k = 0; k < 16; k++)
			ck_assert_int_eq(p[i][k], 0);
		q = get(200, 0);
		same += q == p[i];
		p[i] = q;
	}
	ck_assert_uint_lt(same, N / 8);
}
END_TEST

static unsigned long
misused(void)
{
	return mx_load(&mx_misuse_count, RELAXED);
}

/* Every byte that a dangling pointer changes is seen in the end.  */
START_TEST(test_written)
{
	static const size_t at[] = { 0, 8, 16, 24, 55, 192, 199 };

	char *p;

	start_secure(&kernels[0]);
	p = get(200, 0);
	drop(p);
	p[at[_i]] = 1;
	for (int k = 0; k < 20000 && misused() == 0; k++)
		drop(get(200, 0));
	ck_assert_uint_eq(misused(), 1);
}
END_TEST

START_TEST(test_written_large)
{
	char *p;

	start_secure(&kernels[0]);
	p = get(100000, 0);
	drop(p);
	ck_assert_int_eq(check(p), MX_MESSAGE_DOUBLE_FREE);
	p[5] = 1;
	for (int k = 0; k < 100 && misused() == 0; k++)
		drop(get(100000, 0));
	ck_assert_uint_eq(misused(), 1);
	expect_accounts();
}
END_TEST

/* Guards: the page behind any span, and those in front of a large one.  */
START_TEST(test_guards)
{
	static const size_t sizes[] = { 1, 500, 30000, 50000, 4000000 };

	start_secure(&kernels[_i]);
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		char *p = get(sizes[i], 0);
		struct mx_span *s = mx_pagemap_get(p);

		ck_assert(s->guard);
		ck_assert_int_eq(fake_os_state(s->base +
		    ((size_t)s->pages << MX_PAGE_SHIFT)), FAKE_RESERVED);
		if (s->state == MX_SPAN_LARGE)
			ck_assert_int_eq(fake_os_state(s->base - 1),
			    FAKE_RESERVED);
		drop(p);
		if (sizes[i] == 4000000 && can_release())
			ck_assert_int_eq(fake_os_state(p), FAKE_RESERVED);
	}
	mx_secure_flush(cache);
	mx_cache_flush(cache);
	expect_accounts();
}
END_TEST

/* A kernel that refuses guards, or later the pages behind them, costs no memory
 * in use and no block.  */
START_TEST(test_refused)
{
	static const enum fake_os_call calls[] = {
		FAKE_FAULT, FAKE_MAP, FAKE_USED, FAKE_UNUSED
	};
	unsigned nth = 1 + (unsigned)_i / 8;
	char *p[40];
	size_t n[40];

	start_secure(&kernels[_i % 2 == 0 ? 0 : 2]);
	property_start();
	fake_os_refuse(calls[_i / 2 % 4], nth, nth % 2 == 0);
	for (size_t i = 0; i < 40; i++) {
		n[i] = property_below(property_one_in(4) ? 3000000 : 50000);
		p[i] = get(n[i], 0);
		if (p[i] != NULL)
			memset(p[i], (int)i, n[i]);
	}
	for (size_t i = 0; i < 40; i++) {
		if (p[i] == NULL)
			continue;
		expect(n[i] == 0 || (p[i][0] == (char)i &&
		    p[i][n[i] - 1] == (char)i));
		drop(p[i]);
	}
	fake_os_refuse_nothing();
	mx_secure_flush(cache);
	mx_cache_flush(cache);
	expect_accounts();
	p[0] = get(100000, 0);
	expect(p[0] != NULL);
	drop(p[0]);
}
END_TEST

/* Guards and closed blocks whose pages the kernel does not want to open at the time
 * are not lost: what was given is one run in the end.  */
START_TEST(test_refused_open)
{
	enum { N = 10 };
	struct mx_span *s[N], *all;
	char *border;
	bool zero;

	start_secure(&kernels[_i]);
	for (int i = 0; i < N; i++) {
		zero = false;
		s[i] = mx_heap_take_large(100000, MX_PAGE, &zero);
	}
	border = mx_arena_border();
	fake_os_refuse(FAKE_MAP, 1, true);
	for (int i = 0; i < N; i++) {
		if (i % 2 == 0)
			mx_heap_give(s[i]);
		else if (mx_heap_close(s[i]))
			mx_heap_open(s[i]);
	}
	fake_os_refuse_nothing();
	zero = false;
	all = mx_heap_take_large(N * 100000, MX_PAGE, &zero);
	ck_assert_ptr_nonnull(all);
	if (zero)
		expect(all->base[0] == 0 && memcmp(all->base, all->base + 1,
		    all->bytes - 1) == 0);
	ck_assert_ptr_eq(mx_arena_border(), border);
	mx_heap_give(all);
	expect_accounts();
}
END_TEST

/* Where there is no more, blocks that rest are handed out, another thread's too.  */
START_TEST(test_no_more)
{
	static char *p[200000];
	size_t count = 0, again = 0;
	size_t n = _i == 0 ? 100 : 5000;
	struct mx_cache *other;
	bool zero;

	start_secure(&kernels[0]);
	other = new_cache();
	drop(get(n, 0));
	for (int i = 0; i < 64; i++)
		p[i] = mx_secure_take(other, n, 0, &zero);
	for (int i = 0; i < 64; i++)
		drop(p[i]);
	fake_os_refuse(FAKE_MAP, 1, true);
	while ((p[count] = get(n, 0)) != NULL)
		count++;
	for (size_t i = 0; i < count; i++)
		drop(p[i]);
	while ((p[again] = get(n, 0)) != NULL)
		again++;
	/* Those of the other's have gone home by now.  */
	expect(again + 64 >= count);
	expect_eq(mx_misuse_count, 0);
	fake_os_refuse_nothing();
	for (size_t i = 0; i < again; i++)
		drop(p[i]);
	expect_accounts();
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("secure");
	TCase *tc = add_case(s, "all");

	tcase_add_loop_test(tc, test_random, 0, N_KERNELS);
	tcase_add_test(tc, test_ends);
	tcase_add_test(tc, test_resize);
	tcase_add_test(tc, test_rest);
	tcase_add_loop_test(tc, test_written, 0, 7);
	tcase_add_test(tc, test_written_large);
	tcase_add_loop_test(tc, test_guards, 0, N_KERNELS);
	tcase_add_loop_test(tc, test_refused, 0, 320);
	tcase_add_loop_test(tc, test_no_more, 0, 2);
	tcase_add_loop_test(tc, test_refused_open, 0, N_KERNELS);
	return run(s);
}
