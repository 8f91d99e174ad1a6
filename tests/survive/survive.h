/* survive.h - runs cases, each in a process of its own, and says how they ended.
 *
 *   program [--list] [CASE...]
 *
 * A line for each: PASS name, SKIP name (why) or FAIL name (what).  A case that
 * crashes or hangs fails; what it left behind is killed.  Runs with any malloc.
 * Must not know: any header of memaix.
 *
 * SPDX-License-Identifier: MIT  */

#ifndef SURVIVE_H
#define SURVIVE_H

#ifndef _GNU_SOURCE
# define _GNU_SOURCE 1
#endif

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/wait.h>

#include "../plain.h"

enum {
	SURVIVE_SKIPPED = 77,
	SURVIVE_SECONDS = 20            /* before a case counts as hung */
};

struct survive_case {
	const char *name;
	void (*run)(void);              /* returns, or ends by survive_fail */
};

/* Where a case says why it fails.  */
static int survive_why = -1;

PLAIN_UNUSED __attribute__((noreturn, format(printf, 2, 3)))
static void
survive_end(int status, const char *format, ...)
{
	char text[200];
	va_list ap;
	int n;

	va_start(ap, format);
	n = vsnprintf(text, sizeof text, format, ap);
	va_end(ap);
	if (n > 0 && write(survive_why, text,
	    n < (int)sizeof text ? (size_t)n : sizeof text - 1) < 0)
		status = 99;
	_exit(status);
}

/* A case passed, and has something to tell.  */
#define survive_pass(...) survive_end(0, __VA_ARGS__)
#define survive_fail(...) survive_end(1, __VA_ARGS__)
#define survive_skip(...) survive_end(SURVIVE_SKIPPED, __VA_ARGS__)

/* True when the long form of the tests is asked for.  */
PLAIN_UNUSED static int
survive_is_long(void)
{
	const char *text = getenv("MEMAIX_TEST_LONG");

	return text != NULL && *text != '\0' && strcmp(text, "0") != 0;
}

PLAIN_UNUSED static void
survive_sleep_ms(unsigned ms)
{
	struct timespec t = { ms / 1000, (long)(ms % 1000) * 1000000 };

	while (nanosleep(&t, &t) != 0 && errno == EINTR)
		continue;
}

/* The status of child PID, or -1: it did not end and was killed.  */
PLAIN_UNUSED static int
survive_wait(pid_t pid, unsigned seconds)
{
	int status;

	for (unsigned ms = 0; ms < seconds * 1000;) {
		pid_t w = waitpid(pid, &status, WNOHANG);

		if (w == pid)
			return status;
		if (w < 0 && errno != EINTR)
			return 0x7f00;
		/* Quick children are waited for with short naps.  */
		struct timespec nap = { 0, ms < 20 ? 200000 : 2000000 };

		(void)nanosleep(&nap, NULL);
		ms += ms < 20 ? 1 : 2;
	}
	kill(-pid, SIGKILL);
	kill(pid, SIGKILL);
	(void)waitpid(pid, &status, 0);
	return -1;
}

/* A child of a case has to end well.  */
PLAIN_UNUSED static void
survive_child_ends(pid_t pid, const char *what)
{
	int status = survive_wait(pid, 8);

	if (status == -1)
		survive_fail("%s: hangs", what);
	if (WIFSIGNALED(status))
		survive_fail("%s: signal %d", what, WTERMSIG(status));
	if (WEXITSTATUS(status) != 0)
		survive_fail("%s: status %d", what, WEXITSTATUS(status));
}

/* Allocate, check and free COUNT blocks of up to 1 << LOG bytes; 0 if one was
 * bad or refused.  */
PLAIN_UNUSED static int
survive_churn(uint64_t *state, size_t count, unsigned log)
{
	struct { char *p; size_t n; } b[48], *x;
	int good = 1;

	memset(b, 0, sizeof b);
	for (size_t i = 0; i < count + 48; i++) {
		x = &b[i % 48];
		if (x->p != NULL)
			good &= plain_is_marked(x->p, x->n, x->n, x->n);
		if (i >= count || plain_below(state, 4) == 0) {
			free(x->p);
			x->p = NULL;
			continue;
		}
		x->n = plain_size(state, log);
		x->p = (char *)realloc(x->p, x->n + 1);
		if (x->p == NULL)
			return 0;
		plain_mark(x->p, x->n, x->n);
	}
	return good;
}

static int survive_stop;

PLAIN_UNUSED static void *
survive_allocate(void *arg)
{
	uint64_t state = (uint64_t)(uintptr_t)arg + 1;

	while (!__atomic_load_n(&survive_stop, __ATOMIC_RELAXED))
		if (!survive_churn(&state, 300,
		    plain_below(&state, 20) ? 12 : 20))
			survive_fail("a block of a thread changed");
	return NULL;
}

enum { SURVIVE_THREADS = 3 };

/* Threads that allocate and free until they are stopped.  */
PLAIN_UNUSED static void
survive_start_threads(pthread_t t[SURVIVE_THREADS])
{
	for (uintptr_t i = 0; i < SURVIVE_THREADS; i++)
		if (pthread_create(&t[i], NULL, survive_allocate,
		    (void *)i) != 0)
			survive_end(99, "no thread");
}

PLAIN_UNUSED static void
survive_stop_threads(pthread_t t[SURVIVE_THREADS])
{
	__atomic_store_n(&survive_stop, 1, __ATOMIC_RELAXED);
	for (int i = 0; i < SURVIVE_THREADS; i++)
		pthread_join(t[i], NULL);
}

/* One case: 0 passed or skipped, 1 failed.  */
static int
survive_run(const struct survive_case *c)
{
	unsigned seconds = survive_is_long() ? 600 : SURVIVE_SECONDS;
	char why[200] = "";
	int channel[2];
	ssize_t n;
	int status;
	pid_t pid;

	fflush(stdout);
	if (pipe(channel) != 0)
		exit(99);
	pid = fork();
	if (pid == 0) {
		close(channel[0]);
		survive_why = channel[1];
		setpgid(0, 0);
		c->run();
		exit(0);
	}
	close(channel[1]);
	if (pid < 0)
		exit(99);
	status = survive_wait(pid, seconds);
	kill(-pid, SIGKILL);
	fcntl(channel[0], F_SETFL, O_NONBLOCK);
	n = read(channel[0], why, sizeof why - 1);
	why[n > 0 ? n : 0] = '\0';
	close(channel[0]);
	if (status == -1)
		printf("FAIL %s (hangs)\n", c->name);
	else if (WIFSIGNALED(status))
		printf("FAIL %s (signal %d)\n", c->name, WTERMSIG(status));
	else if (WEXITSTATUS(status) == 0)
		printf("PASS %s%s%s%s\n", c->name, *why ? " (" : "", why,
		    *why ? ")" : "");
	else if (WEXITSTATUS(status) == SURVIVE_SKIPPED)
		printf("SKIP %s (%s)\n", c->name, why);
	else
		printf("FAIL %s (%s)\n", c->name, *why ? why : "no reason");
	fflush(stdout);
	return status == -1 || (status != 0 && (WIFSIGNALED(status) ||
	    WEXITSTATUS(status) != SURVIVE_SKIPPED));
}

/* Begin CASE again in a new process image, which has the limits of this one from
 * its start; true in that one.  */
PLAIN_UNUSED static int
survive_again(const char *name)
{
	char fd[16];

	if (getenv("SURVIVE_AGAIN") != NULL)
		return 1;
	setenv("SURVIVE_AGAIN", "1", 1);
	snprintf(fd, sizeof fd, "%d", survive_why);
	execl("/proc/self/exe", "survive", "--inside", name, fd, (char *)NULL);
	survive_fail("exec: errno %d", errno);
}

static int
survive_main(int argc, char **argv, const struct survive_case *cases, size_t n)
{
	int failed = 0;

	if (argc > 1 && strcmp(argv[1], "--list") == 0) {
		for (size_t i = 0; i < n; i++)
			printf("%s\n", cases[i].name);
		return 0;
	}
	if (argc == 4 && strcmp(argv[1], "--inside") == 0) {
		survive_why = atoi(argv[3]);
		for (size_t i = 0; i < n; i++)
			if (strcmp(argv[2], cases[i].name) == 0)
				cases[i].run();
		return 0;
	}
	for (size_t i = 0; i < n; i++) {
		int wanted = argc < 2;

		for (int k = 1; k < argc; k++)
			wanted |= strcmp(argv[k], cases[i].name) == 0;
		if (wanted)
			failed += survive_run(&cases[i]);
	}
	return failed != 0;
}

#define SURVIVE_MAIN(cases) \
int \
main(int argc, char **argv) \
{ \
	return survive_main(argc, argv, cases, \
	    sizeof (cases) / sizeof (cases)[0]); \
}

#endif /* SURVIVE_H */
