/* check_oom.c - unit tests of oom.h.
 *
 * Which limit is named depends on the real system (check_usage.c).
 *
 * SPDX-License-Identifier: MIT  */

#include <errno.h>

#include "check_core.h"
#include "check_text.h"
#include "oom.h"

static void
explain(size_t n)
{
	errno = 1234;
	text_divert();
	mx_oom_explain(n);
	text_restore();
	ck_assert_int_eq(errno, 1234);
}

START_TEST(test_off)
{
	explain(100);
	ck_assert_str_eq(text, "");
}
END_TEST

START_TEST(test_line)
{
	mx_conf.explain_oom = true;
	explain(12345678);
	text_has("memaix: M015 12345678 bytes were refused by ");
	text_has("; 'memaix explain M015' tells more\n");
	ck_assert_uint_eq(text_lines(), 1);
}
END_TEST

#ifdef __linux__
/* No limit is in the way of what no address space has room for.  */
START_TEST(test_request)
{
	mx_conf.explain_oom = true;
	explain(SIZE_MAX - 100);
	text_has("refused by its own size");
	text_has_not("in use");
}
END_TEST
#endif

/* A program that tries again and again: a line each second, and ten in all.  */
START_TEST(test_seldom)
{
	mx_conf.explain_oom = true;
	explain(100);
	ck_assert_uint_eq(text_lines(), 1);
	for (int i = 0; i < 20; i++) {
		explain(100);
		ck_assert_uint_eq(text_lines(), 0);
		fake_os_advance(999);
		explain(100);
		ck_assert_uint_eq(text_lines(), 0);
		fake_os_advance(1);
		explain(100);
		ck_assert_uint_eq(text_lines(), i < 9 ? 1 : 0);
	}
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("oom");
	TCase *tc = add_case(s, "explain");

	tcase_add_test(tc, test_off);
	tcase_add_test(tc, test_line);
#ifdef __linux__
	tcase_add_test(tc, test_request);
#endif
	tcase_add_test(tc, test_seldom);
	return run(s);
}
