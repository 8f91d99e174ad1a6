/* runner.c - runs unit tests as the Check library does: each in a child, with its
 * fixture, and it passes if it ends as it should.  See check.h.
 *
 * RUNNER_FORK: what makes the child; fork, unless defined.
 *
 * RUNNER_STEP: of a loop of more than MANY cases only each so many-th is run, since
 * an emulator forks slowly: it copies what it has translated.  7 is prime to the 2, 4
 * and 8 by which the loops mix what they vary.
 *
 * SPDX-License-Identifier: MIT  */

#include "check.h"

#include <signal.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mincore.h"
#undef mincore

#ifndef RUNNER_FORK
# define RUNNER_FORK fork
#endif

#ifndef RUNNER_STEP
# define RUNNER_STEP 7
#endif

#define MOST_TESTS 400
#define MANY 50

pid_t RUNNER_FORK(void);

static struct test {
	void (*fn)(int);
	const char *name;
	int sig, from, to;
	void (*setup)(void), (*teardown)(void);
} tests[MOST_TESTS];
static int n_tests;
static const char *suite;
static void (*next_setup)(void), (*next_teardown)(void);

/* Where the last assertion stood, for tests that die; shared with the child.  */
static struct place {
	const char *file;
	int line;
} *last;

__attribute__((noreturn))
static void
die(const char *why)
{
	fprintf(stderr, "runner: %s\n", why);
	_exit(99);
}

Suite *
suite_create(const char *name)
{
	suite = name;
	return (Suite *)&suite;
}

TCase *
tcase_create(const char *name)
{
	(void)name;
	next_setup = next_teardown = NULL;
	return (TCase *)tests;
}

void
tcase_add_checked_fixture(TCase *tc, SFun setup, SFun teardown)
{
	(void)tc;
	next_setup = setup;
	next_teardown = teardown;
}

void
runner_add(TCase *tc, TFun fn, const char *name, int sig, int from, int to)
{
	(void)tc;
	if (n_tests == MOST_TESTS)
		die("too many tests");
	tests[n_tests++] = (struct test){ fn, name, sig, from, to, next_setup,
	    next_teardown };
}

void
suite_add_tcase(Suite *s, TCase *tc)
{
	(void)s;
	(void)tc;
}

void
tcase_set_timeout(TCase *tc, double seconds)
{
	(void)tc;
	(void)seconds;
}

void
runner_line(const char *file, int line)
{
	*last = (struct place){ file, line };
}

void
runner_fail(const char *file, int line, const char *format, ...)
{
	va_list args;

	printf("%s:%d: ", file, line);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
	fflush(stdout);
	_exit(1);
}

static bool
run_one(const struct test *t, int i)
{
	int status;
	pid_t pid;

	fflush(stdout);
	/* CK_FORK=no: for a debugger.  */
	pid = getenv("CK_FORK") != NULL ? 0 : RUNNER_FORK();
	if (pid == 0) {
		setpgid(0, 0);
		if (t->setup != NULL)
			t->setup();
		t->fn(i);
		if (t->teardown != NULL)
			t->teardown();
		fflush(stdout);
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		die("no child");
	kill(-pid, SIGKILL);
	if (WIFSIGNALED(status) ? WTERMSIG(status) == t->sig :
	    t->sig == 0 && WEXITSTATUS(status) == 0)
		return true;
	printf("FAIL %s %s %d: status 0x%x, after %s:%d\n", suite, t->name, i,
	    (unsigned)status, last->file, last->line);
	return false;
}

/* The emulator counts by 4 KiB, whatever its page size, and refuses ranges with
 * pages that can't be read: those are taken for not in memory.  The toy kernel is
 * compiled to call this.  */
int
runner_mincore(char *v, size_t n, unsigned char *vec)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	unsigned char parts[65536 / 4096];

	for (size_t i = 0; i < n / page; i++) {
		memset(parts, 0, sizeof parts);
		(void)mincore(v + i * page, page, parts);
		vec[i] = 0;
		for (size_t k = 0; k < page / 4096; k++)
			vec[i] |= parts[k];
	}
	return 0;
}

static int failed;

void
srunner_run_all(SRunner *runner, int how)
{
	const char *only = getenv("CK_RUN_TEST");
	int n = 0;

	(void)runner;
	(void)how;
	last = mmap(NULL, sizeof *last, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	last->file = "the start";
	for (const struct test *t = tests; t < tests + n_tests; t++)
		for (int i = t->from; i < t->to;
		    i += t->to - t->from > MANY ? RUNNER_STEP : 1) {
			if (only != NULL && strcmp(only, t->name) != 0)
				continue;
			n++;
			failed += !run_one(t, i);
		}
	printf("%s: %d checks, %d failed\n", suite, n, failed);
	if (n == 0)
		die("no tests");
}

int
srunner_ntests_failed(SRunner *runner)
{
	(void)runner;
	return failed;
}

SRunner *
srunner_create(Suite *s)
{
	return (SRunner *)s;
}

void
srunner_free(SRunner *runner)
{
	(void)runner;
}
