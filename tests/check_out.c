/* check_out.c - unit tests of out.h.
 *
 * SPDX-License-Identifier: MIT  */

#ifndef _GNU_SOURCE
# define _GNU_SOURCE           /* O_DIRECT on a pipe */
#endif

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sys/time.h>
#include <sys/wait.h>

#include "check_core.h"
#include "check_text.h"

static size_t sinks;

static void
count_sinks(void *arg, const char *s, size_t n)
{
	sinks++;
	text_take(arg, s, n);
}

static struct mx_out out;

static void
begin(void)
{
	text_clear();
	sinks = 0;
	mx_out_init(&out, count_sinks, NULL);
}

/* Printf's answer is the right one.  */
#define SAME(...) do { \
	char want[200]; \
	snprintf(want, sizeof want, __VA_ARGS__); \
	begin(); \
	mx_out(&out, __VA_ARGS__); \
	mx_out_done(&out); \
	ck_assert_str_eq(text, want); \
} while (0)

START_TEST(test_like_printf)
{
	static const int ints[] = { 0, 1, -1, 42, INT_MAX, INT_MIN };
	static const size_t sizes[] = { 0, 9, 10, 4096, SIZE_MAX };

	for (size_t i = 0; i < sizeof ints / sizeof ints[0]; i++) {
		SAME("%d|%1d|%12d|%-12d|", ints[i], ints[i], ints[i],
		    ints[i]);
		SAME("%u|%x|%08x|%-8x|%3u", (unsigned)ints[i],
		    (unsigned)ints[i], (unsigned)ints[i], (unsigned)ints[i],
		    (unsigned)ints[i]);
	}
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		SAME("%zu|%25zu|%-25zu|%025zu|%zx|%020zx", sizes[i], sizes[i],
		    sizes[i], sizes[i], sizes[i], sizes[i]);
		SAME("%llu|%22llu|%llx", (unsigned long long)sizes[i],
		    (unsigned long long)sizes[i],
		    (unsigned long long)sizes[i]);
	}
	SAME("%05d|%07d", 42, 0);
	SAME("%s|%5s|%-5s|%2s|%s", "abc", "abc", "abc", "abc", "");
	SAME("%c|%3c|%-3c|", 'x', 'y', 'z');
	SAME("%p|%20p|%-20p|", (void *)&out, (void *)&out, (void *)&out);
	SAME("100%%|%%d|%%");
	SAME("no conversion");
	SAME("%s%d%s%u%c", "a", -5, "b", 7u, 'c');
}
END_TEST

/* Where printf would be undefined, or is a matter of taste.  */
START_TEST(test_not_like_printf)
{
	static const char lonely[] = "end %";
	static const char unknown[] = "%q";

	begin();
	mx_out(&out, "%p", NULL);
	mx_out_done(&out);
	ck_assert_str_eq(text, "0x0");
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat"
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	begin();
	mx_out(&out, lonely);
	mx_out_done(&out);
	ck_assert_str_eq(text, "end ");
	begin();
	mx_out(&out, unknown);
	mx_out_done(&out);
	ck_assert_str_eq(text, "q");
#pragma GCC diagnostic pop
}
END_TEST

/* Text of every length about the buffer's, in one piece and byte by byte.  */
START_TEST(test_flush)
{
	static char in[3 * sizeof out.buf + 1];
	size_t n = _i;

	for (size_t i = 0; i < n; i++)
		in[i] = (char)('a' + i % 26);
	begin();
	mx_out(&out, "%s", in);
	mx_out_done(&out);
	ck_assert_str_eq(text, in);
	ck_assert_uint_eq(sinks, (n + sizeof out.buf - 1) / sizeof out.buf);
	mx_out_done(&out);
	ck_assert_uint_eq(sinks, (n + sizeof out.buf - 1) / sizeof out.buf);
	begin();
	for (size_t i = 0; i < n; i++)
		mx_out(&out, "%c", in[i]);
	mx_out_done(&out);
	ck_assert_str_eq(text, in);
}
END_TEST

START_TEST(test_wide)
{
	begin();
	mx_out(&out, "%1000s|%-1000s|", "a", "b");
	mx_out_done(&out);
	ck_assert_uint_eq(text_used, 2002);
	ck_assert(text[998] == ' ' && text[999] == 'a' && text[1000] == '|');
	ck_assert(text[1001] == 'b' && text[2000] == ' ');
}
END_TEST

START_TEST(test_fd)
{
	int fd[2];
	char got[100];

	ck_assert_int_eq(pipe(fd), 0);
	mx_out_init_fd(&out, fd[1]);
	errno = 1234;
	mx_out(&out, "number %d", 5);
	mx_out_done(&out);
	ck_assert_int_eq(errno, 1234);
	ck_assert_int_eq(read(fd[0], got, sizeof got), 8);
	ck_assert_int_eq(memcmp(got, "number 5", 8), 0);
	/* No one listens: dropped, and errno is the caller's.  */
	signal(SIGPIPE, SIG_IGN);
	close(fd[0]);
	mx_out(&out, "lost");
	mx_out_done(&out);
	mx_out_init_fd(&out, -1);
	mx_out(&out, "lost");
	mx_out_done(&out);
	ck_assert_int_eq(errno, 1234);
}
END_TEST

static int full_pipe[2];
static volatile sig_atomic_t alarms;

/* The second alarm makes room, the first only interrupts.  */
static void
on_alarm(int sig)
{
	static char junk[65536];

	(void)sig;
	if (++alarms == 2 && read(full_pipe[0], junk, sizeof junk) < 0)
		_exit(1);
}

START_TEST(test_interrupted)
{
	struct sigaction sa = { .sa_handler = on_alarm };
	struct itimerval soon = { { 0, 20000 }, { 0, 20000 } };
	struct itimerval never = { { 0, 0 }, { 0, 0 } };
	char got[100];

	ck_assert_int_eq(pipe(full_pipe), 0);
	ck_assert_int_ge(fcntl(full_pipe[1], F_SETFL, O_NONBLOCK), 0);
	memset(text, 'x', sizeof text);
	while (write(full_pipe[1], text, 4096) > 0)
		continue;
	ck_assert_int_ge(fcntl(full_pipe[1], F_SETFL, 0), 0);
	ck_assert_int_eq(sigaction(SIGALRM, &sa, NULL), 0);
	mx_out_init_fd(&out, full_pipe[1]);
	mx_out(&out, "got through");
	ck_assert_int_eq(setitimer(ITIMER_REAL, &soon, NULL), 0);
	mx_out_done(&out);
	ck_assert_int_eq(setitimer(ITIMER_REAL, &never, NULL), 0);
	ck_assert_int_ge(alarms, 2);
	close(full_pipe[1]);
	text_clear();
	for (;;) {
		ssize_t n = read(full_pipe[0], got, 1);

		if (n <= 0)
			break;
		if (got[0] != 'x')
			text_take(NULL, got, 1);
	}
	ck_assert_str_eq(text, "got through");
}
END_TEST

START_TEST(test_message)
{
	text_divert();
	mx_out_message("%s is %d", "answer", 42);
	text_restore();
	ck_assert_str_eq(text, "memaix: answer is 42\n");
}
END_TEST

#if defined O_DIRECT && defined __linux__
/* A pipe with O_DIRECT keeps writes apart: one read gives one write.  */
START_TEST(test_message_is_one_write)
{
	char got[600];
	int fd[2];

	ck_assert_int_eq(pipe2(fd, O_DIRECT), 0);
	ck_assert_int_ge(dup2(fd[1], STDERR_FILENO), 0);
	mx_out_message("%s %d %zu %400s", "word", 1, (size_t)2, "end");
	ck_assert_int_eq(read(fd[0], got, sizeof got), 8 + 9 + 400 + 1);
}
END_TEST
#endif

int
main(void)
{
	Suite *s = suite_create("out");
	TCase *tc = add_case(s, "format");

	tcase_add_test(tc, test_like_printf);
	tcase_add_test(tc, test_not_like_printf);
	tcase_add_test(tc, test_wide);
	tc = add_case(s, "flush");
	tcase_add_loop_test(tc, test_flush, 478, 484);
	tcase_add_loop_test(tc, test_flush, 958, 964);
	tcase_add_loop_test(tc, test_flush, 0, 3);
	tc = add_case(s, "write");
	tcase_add_test(tc, test_fd);
	tcase_add_test(tc, test_interrupted);
	tcase_add_test(tc, test_message);
#if defined O_DIRECT && defined __linux__
	tcase_add_test(tc, test_message_is_one_write);
#endif
	return run(s);
}
