/* check_panic.c - unit tests of panic.h.
 *
 * SPDX-License-Identifier: MIT  */

#include <signal.h>
#include <sys/wait.h>

#include "check_core.h"
#include "check_text.h"
#include "panic.h"

#define ABORTED 42

static void
on_abort(int sig)
{
	(void)sig;
	_exit(ABORTED);
}

/* What a child that aborts in FN says.  It catches the signal: an emulator would add
 * a line of its own about a program that died.  */
static void
last_words(void (*fn)(void))
{
	int status;
	pid_t pid;

	text_divert();
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		signal(SIGABRT, on_abort);
		fn();
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	text_restore();
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == ABORTED);
}

static void
do_panic(void)
{
	mx_panic("free: not a block", (void *)(uintptr_t)0xabc0);
}

static void
do_assert(void)
{
	mx_assert_fail("file.c", 12, "a == b");
}

START_TEST(test_panic_words)
{
	last_words(do_panic);
	ck_assert_str_eq(text, "memaix: free: not a block (address 0xabc0)\n");
	last_words(do_assert);
	ck_assert_str_eq(text,
	    "memaix: file.c:12: assertion failed: a == b\n");
}
END_TEST

START_TEST(test_panic)
{
	do_panic();
}
END_TEST

START_TEST(test_assert)
{
	do_assert();
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("panic");
	TCase *tc = add_case(s, "panic");

	tcase_add_test(tc, test_panic_words);
	tcase_add_test_raise_signal(tc, test_panic, SIGABRT);
	tcase_add_test_raise_signal(tc, test_assert, SIGABRT);
	return run(s);
}
