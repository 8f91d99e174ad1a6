/* check.h - as much of the Check library's interface as the unit tests use, where
 * Check itself is not to be had: for other machines under qemu, and for AIX's rig.
 * runner.c runs them, each in a process of its own.
 *
 * SPDX-License-Identifier: MIT  */

#ifndef CHECK_H
#define CHECK_H

#ifdef _AIX
# include "../aix/include/testdecl.h"
#else
# include <stdbool.h>
# include <stdint.h>
# include <stdio.h>
# include <stdlib.h>
# include <string.h>
# include <sys/types.h>
#endif

typedef struct suite Suite;
typedef struct tcase TCase;
typedef struct srunner SRunner;
typedef void (*TFun)(int);
typedef void (*SFun)(void);

#define CK_NORMAL 1

#define START_TEST(name) \
	static void name(int _i) { (void)_i; {
#define END_TEST }}

Suite *suite_create(const char *name);
TCase *tcase_create(const char *name);
void suite_add_tcase(Suite *, TCase *);
void tcase_set_timeout(TCase *, double);
void tcase_add_checked_fixture(TCase *, SFun, SFun);
SRunner *srunner_create(Suite *);
void srunner_run_all(SRunner *, int);
int srunner_ntests_failed(SRunner *);
void srunner_free(SRunner *);

void runner_add(TCase *, TFun, const char *name, int sig, int from, int to);
_Noreturn void runner_fail(const char *file, int line, const char *, ...)
    __attribute__((format(printf, 3, 4)));
void runner_line(const char *file, int line);

#define tcase_add_test(tc, f) runner_add(tc, f, #f, 0, 0, 1)
#define tcase_add_test_raise_signal(tc, f, sig) \
	runner_add(tc, f, #f, sig, 0, 1)
#define tcase_add_loop_test(tc, f, from, to) \
	runner_add(tc, f, #f, 0, from, to)
#define tcase_add_loop_test_raise_signal(tc, f, sig, from, to) \
	runner_add(tc, f, #f, sig, from, to)

#define ck_abort_msg(...) runner_fail(__FILE__, __LINE__, __VA_ARGS__)
#define ck_assert_msg(x, ...) \
	((x) ? runner_line(__FILE__, __LINE__) : ck_abort_msg(__VA_ARGS__))
#define ck_assert(x) ck_assert_msg(x, "%s", #x)

#define RUNNER_COMPARE(type, format, a, op, b) do { \
	type a_ = (type)(a); \
	type b_ = (type)(b); \
	ck_assert_msg(a_ op b_, "%s " #op " %s: " format ", " format, #a, #b, \
	    a_, b_); \
} while (0)
#define RUNNER_INT(a, op, b) RUNNER_COMPARE(long long, "%lld", a, op, b)
#define RUNNER_UINT(a, op, b) RUNNER_COMPARE(unsigned long long, "%llu", a, op, b)
#define RUNNER_POINTER(a, op, b) RUNNER_COMPARE(const void *, "%p", a, op, b)

#define ck_assert_int_eq(a, b) RUNNER_INT(a, ==, b)
#define ck_assert_int_ne(a, b) RUNNER_INT(a, !=, b)
#define ck_assert_int_ge(a, b) RUNNER_INT(a, >=, b)
#define ck_assert_uint_eq(a, b) RUNNER_UINT(a, ==, b)
#define ck_assert_uint_ne(a, b) RUNNER_UINT(a, !=, b)
#define ck_assert_uint_ge(a, b) RUNNER_UINT(a, >=, b)
#define ck_assert_uint_gt(a, b) RUNNER_UINT(a, >, b)
#define ck_assert_uint_le(a, b) RUNNER_UINT(a, <=, b)
#define ck_assert_uint_lt(a, b) RUNNER_UINT(a, <, b)
#define ck_assert_ptr_eq(a, b) RUNNER_POINTER(a, ==, b)
#define ck_assert_ptr_ne(a, b) RUNNER_POINTER(a, !=, b)
#define ck_assert_ptr_null(a) RUNNER_POINTER(a, ==, NULL)
#define ck_assert_ptr_nonnull(a) RUNNER_POINTER(a, !=, NULL)
#define ck_assert_str_eq(a, b) do { \
	const char *s_ = (a), *t_ = (b); \
	ck_assert_msg(strcmp(s_, t_) == 0, "%s == %s: \"%s\", \"%s\"", #a, \
	    #b, s_, t_); \
} while (0)
#define ck_assert_mem_eq(a, b, n) \
	ck_assert_msg(memcmp(a, b, n) == 0, "%s == %s", #a, #b)

#endif /* CHECK_H */
