/* check_guard.c - unit tests of guarded sampling.
 *
 * tests/guard.sh has programs that err.
 *
 * SPDX-License-Identifier: MIT  */

#include "check_core.h"
#include "guard.h"
#include "messages.h"

static void
begin(size_t rate)
{
	mx_conf.guard_rate = rate;
	ck_assert(mx_guard_start(sysRandomOS()));
	ck_assert(!mx_guard_start(1));
}

START_TEST(test_place)
{
	size_t page, at_end = 0;

	options = kernels[_i].is;
	start();
	page = mx_sys_facts.page;
	mx_conf.guard_rate = 1;
	if (page > 64 * MX_KIB) {
		ck_assert(!mx_guard_start(1));
		ck_assert_ptr_null(mx_guard_take(10, 16));
		return;
	}
	begin(1);
	for (size_t n = 0; n <= page; n += n < 300 ? 1 : 500) {
		char *p = mx_guard_take(n, 16);
		size_t offset;

		ck_assert_ptr_nonnull(p);
		ck_assert(mx_guard_holds(p));
		ck_assert(mx_is_aligned((uintptr_t)p, 16));
		if (mx_is_pow2(n))
			ck_assert(mx_is_aligned((uintptr_t)p, n));
		ck_assert_uint_eq(mx_guard_size(p), n);
		offset = (size_t)(p - mx_guard_base) % page;
		ck_assert_uint_le(offset + n, page);
		ck_assert(offset == 0 || page - offset - n < 16 || n == 0);
		at_end += offset != 0;
		memset(p, 0, n);
		ck_assert_int_eq(mx_guard_give(p), 0);
	}
	ck_assert_uint_gt(at_end, 200);
	ck_assert_ptr_null(mx_guard_take(page + 1, 16));
	ck_assert_ptr_null(mx_guard_take(page / 2 + 1, 2 * page));
	ck_assert_ptr_null(mx_guard_take(1, SIZE_MAX / 2 + 1));
	for (size_t align = 16; align <= page; align *= 2)
		ck_assert(mx_is_aligned((uintptr_t)mx_guard_take(align / 2 + 1,
		    align), align));
	ck_assert_ptr_null(mx_guard_take(SIZE_MAX, 16));
}
END_TEST

/* The pool against a list: what is given is nobody else's, a freed place rests as
 * long as it can, and the accounts agree.  */
START_TEST(test_model)
{
	struct { char *p; size_t n; } live[MX_GUARD_SLOTS];
	size_t count = 0, bytes = 0, l, pages, before;
	size_t page = mx_sys_facts.page;
	char *order[MX_GUARD_SLOTS];

	property_start();
	begin(1);
	before = mx_sys_account.ready;
	for (property_steps(20000)) {
		if (count < MX_GUARD_SLOTS && property_below(2) == 0) {
			size_t n = property_below(4097);
			char *p = mx_guard_take(n, 16);

			ck_assert_ptr_nonnull(p);
			memset(p, 'x', n);
			for (size_t k = 0; k < count; k++)
				ck_assert(p + n <= live[k].p ||
				    live[k].p + live[k].n <= p);
			live[count].p = p;
			live[count++].n = n;
			bytes += n;
		} else if (count > 0) {
			size_t k = property_below(count);

			ck_assert_int_eq(mx_guard_give(live[k].p), 0);
			ck_assert_int_eq(mx_guard_give(live[k].p),
			    MX_MESSAGE_DOUBLE_FREE);
			bytes -= live[k].n;
			live[k] = live[--count];
		}
		mx_guard_count(&l, &pages);
		ck_assert_uint_eq(l, bytes);
		ck_assert_uint_eq(pages, count * mx_sys_facts.page);
		ck_assert_uint_eq(mx_sys_account.ready - before, pages);
	}
	while (count < MX_GUARD_SLOTS)
		live[count++].p = mx_guard_take(4096, 16);
	ck_assert_ptr_null(mx_guard_take(1, 16));
	for (size_t i = 0; i < MX_GUARD_SLOTS; i++) {
		order[i] = live[i].p;
		ck_assert_int_eq(mx_guard_give(order[i]), 0);
	}
	for (size_t i = 0; i < MX_GUARD_SLOTS; i++) {
		char *p = mx_guard_take(4096, 16);

		ck_assert_uint_eq((uintptr_t)p / page, (uintptr_t)order[i] /
		    page);
	}
}
END_TEST

START_TEST(test_wrong)
{
	size_t page = mx_sys_facts.page;
	char *p, *q;

	begin(1);
	ck_assert_int_eq(mx_guard_check(mx_guard_base), MX_MESSAGE_NO_BLOCK);
	ck_assert_int_eq(mx_guard_check(mx_guard_base + 3 * page),
	    MX_MESSAGE_NEVER_GIVEN);
	/* Not at the start of its page, where nothing is in front.  */
	do
		p = mx_guard_take(100, 16);
	while (mx_is_aligned((uintptr_t)p, page));
	ck_assert_int_eq(mx_guard_check(p), 0);
	ck_assert_int_eq(mx_guard_check(p + 16), MX_MESSAGE_INTERIOR);
	ck_assert_int_eq(mx_guard_give(p - 16), MX_MESSAGE_INTERIOR);
	p[100]++;
	ck_assert_int_eq(mx_guard_give(p), MX_MESSAGE_OVERRUN);
	p[100]--;
	ck_assert_int_eq(mx_guard_give(p), 0);
	ck_assert_int_eq(mx_guard_check(p), MX_MESSAGE_DOUBLE_FREE);
	ck_assert_int_eq(mx_guard_check(p + 1), MX_MESSAGE_NO_BLOCK);
	/* Every byte around a block is looked at.  */
	q = mx_guard_take(1000, 16);
	p = (char *)mx_align_down((uintptr_t)q, page);
	for (size_t i = 0; i < page; i++) {
		p[i]++;
		ck_assert_int_eq(mx_guard_check(q), p + i >= q &&
		    p + i < q + 1000 ? 0 : MX_MESSAGE_OVERRUN);
		p[i]--;
	}
}
END_TEST

START_TEST(test_refused)
{
	char *p;
	size_t given = 0;

	mx_conf.guard_rate = 1;
	fake_os_refuse(FAKE_RESERVE, 1, true);
	ck_assert(!mx_guard_start(1));
	ck_assert(!mx_guard_holds(&given));
	fake_os_refuse_nothing();
	begin(1);
	for (int i = 0; i < 300; i++) {
		fake_os_refuse(FAKE_MAP, i % 3 == 0, false);
		fake_os_refuse(FAKE_USED, i % 5 == 0, false);
		fake_os_refuse(FAKE_FAULT, i % 7 == 0, false);
		p = mx_guard_take(10, 16);
		if (p == NULL)
			continue;
		given++;
		memset(p, 1, 10);
		ck_assert_int_eq(mx_guard_give(p), 0);
		ck_assert_int_ne(mx_guard_give(p), 0);
	}
	ck_assert_uint_gt(given, 0);
	fake_os_refuse_nothing();
	/* Nothing is lost.  */
	for (int i = 0; i < MX_GUARD_SLOTS; i++)
		ck_assert_ptr_nonnull(mx_guard_take(10, 16));
	expect_accounts();
}
END_TEST

START_TEST(test_rate)
{
	static const size_t rates[] = { 1, 2, 3, 100, 1000, 1000000 };

	begin(1);
	for (size_t i = 0; i < sizeof rates / sizeof rates[0]; i++) {
		double sum = 0;

		mx_conf.guard_rate = rates[i];
		for (int k = 0; k < 100000; k++)
			sum += mx_guard_next() + 1.0;
		sum /= 100000;
		ck_assert(sum > (double)rates[i] * 0.98);
		ck_assert(sum < (double)rates[i] * 1.02);
	}
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("guard");
	TCase *tc = add_case(s, "pool");

	tcase_add_loop_test(tc, test_place, 0, N_KERNELS);
	tcase_add_test(tc, test_model);
	tcase_add_test(tc, test_wrong);
	tcase_add_test(tc, test_refused);
	tcase_add_test(tc, test_rate);
	return run(s);
}
