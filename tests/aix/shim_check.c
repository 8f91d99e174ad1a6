/* shim_check.c - runs unit tests as the Check library does: each in a child, with
 * its fixture, and it passes if it ends as it should.
 *
 * The toy kernel that they run on (tests/fake_os.c) is compiled for this system,
 * so that no rule of AIX is between it and its memory.
 *
 * SPDX-License-Identifier: MIT  */

#include "xload.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../fake_os.h"

#define MOST_TESTS 400

pid_t aix_fork(void);
int rig_mincore(char *v, size_t n, unsigned char *vec);

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

static void *
suite_create(const char *name)
{
	suite = name;
	return &suite;
}

static void *
tcase_create(const char *name)
{
	(void)name;
	next_setup = next_teardown = NULL;
	return tests;
}

static void
tcase_add_checked_fixture(void *tc, void (*setup)(void), void (*teardown)(void))
{
	(void)tc;
	next_setup = setup;
	next_teardown = teardown;
}

static void
rig_check_add(void *tc, void (*fn)(int), const char *name, int sig, int from,
    int to)
{
	(void)tc;
	if (n_tests == MOST_TESTS)
		rig_die("too many tests");
	tests[n_tests++] = (struct test){ fn, name, sig, from, to, next_setup,
	    next_teardown };
}

static void
ignore(void)
{
}

static void
rig_check_line(const char *file, int line)
{
	*last = (struct place){ file, line };
}

__attribute__((noreturn, format(printf, 3, 4)))
static void
rig_check_fail(const char *file, int line, const char *format, ...)
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
	pid = getenv("CK_FORK") != NULL ? 0 : aix_fork();
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
		rig_die("no child");
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
rig_mincore(char *v, size_t n, unsigned char *vec)
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

static void
srunner_run_all(void *runner, int how)
{
	const char *only = getenv("CK_RUN_TEST");
	int n = 0;

	(void)runner;
	(void)how;
	last = mmap(NULL, sizeof *last, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	last->file = "the start";
	for (const struct test *t = tests; t < tests + n_tests; t++)
		for (int i = t->from; i < t->to; i++) {
			if (only != NULL && strcmp(only, t->name) != 0)
				continue;
			n++;
			failed += !run_one(t, i);
		}
	printf("%s: %d checks, %d failed\n", suite, n, failed);
	if (n == 0)
		rig_die("no tests");
}

static int
srunner_ntests_failed(void *runner)
{
	(void)runner;
	return failed;
}

static void *
srunner_create(void *s)
{
	return s;
}

#define OURS(name) SHIM("rig.a", name)
#define NOTHING(name) SHIM_AS("rig.a", name, ignore)

const struct shim shim_check[] = {
	OURS(suite_create), OURS(tcase_create), OURS(tcase_add_checked_fixture),
	OURS(rig_check_add), OURS(rig_check_line), OURS(rig_check_fail),
	OURS(srunner_create), OURS(srunner_run_all),
	OURS(srunner_ntests_failed), NOTHING(suite_add_tcase),
	NOTHING(tcase_set_timeout), NOTHING(srunner_free),
	OURS(sysReserveOS), OURS(sysMapOS), OURS(sysUsedOS), OURS(sysUnusedOS),
	OURS(sysHugePageOS), OURS(sysNoHugePageOS), OURS(sysFaultOS),
	OURS(sysFreeOS), OURS(sysAllocOS), OURS(sysSourceOS),
	OURS(sysPageSizeOS), OURS(sysHugeSizeOS), OURS(sysLimitOS),
	OURS(sysTraceStartOS), OURS(sysTraceOS), OURS(sysPlaceOS),
	OURS(sysThreadOS), OURS(sysCatchFaultsOS), OURS(sysHasFaultStackOS),
	OURS(sysSetFaultStackOS), OURS(sysDropFaultStackOS),
	OURS(sysSecureOS), OURS(sysResidentOS), OURS(sysClockOS),
	OURS(sysMoveOS), OURS(sysThreadExitOS), OURS(sysRandomOS),
	OURS(sysWhereOS), OURS(fake_os_where), OURS(fake_os_reset),
	OURS(fake_os_refuse), OURS(fake_os_refuse_nothing), OURS(fake_os_limit),
	OURS(fake_os_advance), OURS(fake_os_calls), OURS(fake_os_refused),
	OURS(fake_os_thread_exit), OURS(fake_os_bytes),
	OURS(fake_os_huge_bytes), OURS(fake_os_state), OURS(fake_os_wrong),
	OURS(fake_os_wrong_text), OURS(fake_os_forgive), OURS(fake_os_check),
	{ NULL, NULL, NULL }
};
