/* check.h - as much of the Check library's interface as the unit tests use, for
 * the rig; shim_check.c runs them, each in a process of its own.
 *
 * SPDX-License-Identifier: MIT  */

#ifndef CHECK_H
#define CHECK_H

#include "../testdecl.h"

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

void rig_check_add(TCase *, TFun, const char *name, int sig, int from, int to);
_Noreturn void rig_check_fail(const char *file, int line, const char *, ...)
    __attribute__((format(printf, 3, 4)));
void rig_check_line(const char *file, int line);

#define tcase_add_test(tc, f) rig_check_add(tc, f, #f, 0, 0, 1)
#define tcase_add_test_raise_signal(tc, f, sig) \
	rig_check_add(tc, f, #f, sig, 0, 1)
#define tcase_add_loop_test(tc, f, from, to) \
	rig_check_add(tc, f, #f, 0, from, to)
#define tcase_add_loop_test_raise_signal(tc, f, sig, from, to) \
	rig_check_add(tc, f, #f, sig, from, to)

#define ck_abort_msg(...) rig_check_fail(__FILE__, __LINE__, __VA_ARGS__)
#define ck_assert_msg(x, ...) \
	((x) ? rig_check_line(__FILE__, __LINE__) : ck_abort_msg(__VA_ARGS__))
#define ck_assert(x) ck_assert_msg(x, "%s", #x)

#define RIG_COMPARE(type, format, a, op, b) do { \
	type a_ = (type)(a); \
	type b_ = (type)(b); \
	ck_assert_msg(a_ op b_, "%s " #op " %s: " format ", " format, #a, #b, \
	    a_, b_); \
} while (0)
#define RIG_INT(a, op, b) RIG_COMPARE(long long, "%lld", a, op, b)
#define RIG_UINT(a, op, b) RIG_COMPARE(unsigned long long, "%llu", a, op, b)
#define RIG_POINTER(a, op, b) RIG_COMPARE(const void *, "%p", a, op, b)

#define ck_assert_int_eq(a, b) RIG_INT(a, ==, b)
#define ck_assert_int_ne(a, b) RIG_INT(a, !=, b)
#define ck_assert_int_ge(a, b) RIG_INT(a, >=, b)
#define ck_assert_uint_eq(a, b) RIG_UINT(a, ==, b)
#define ck_assert_uint_ne(a, b) RIG_UINT(a, !=, b)
#define ck_assert_uint_ge(a, b) RIG_UINT(a, >=, b)
#define ck_assert_uint_gt(a, b) RIG_UINT(a, >, b)
#define ck_assert_uint_le(a, b) RIG_UINT(a, <=, b)
#define ck_assert_uint_lt(a, b) RIG_UINT(a, <, b)
#define ck_assert_ptr_eq(a, b) RIG_POINTER(a, ==, b)
#define ck_assert_ptr_ne(a, b) RIG_POINTER(a, !=, b)
#define ck_assert_ptr_null(a) RIG_POINTER(a, ==, NULL)
#define ck_assert_ptr_nonnull(a) RIG_POINTER(a, !=, NULL)
#define ck_assert_str_eq(a, b) do { \
	const char *s_ = (a), *t_ = (b); \
	ck_assert_msg(strcmp(s_, t_) == 0, "%s == %s: \"%s\", \"%s\"", #a, \
	    #b, s_, t_); \
} while (0)
#define ck_assert_mem_eq(a, b, n) \
	ck_assert_msg(memcmp(a, b, n) == 0, "%s == %s", #a, #b)

#endif /* CHECK_H */
