/* fork_test.c - fork while other threads allocate.
 *
 *   fork_test [FORKS [THREADS [FORKERS]]]
 *
 * Two threads (FORKERS) fork, the others allocate and free without pause, every second
 * of them large blocks alone, so that a fork meets every state of the heap.  The
 * child uses the blocks it inherited, then the heap, then threads of its own, and ends in one of three ways.  A child
 * that hangs is a failure.  Runs with any malloc.
 *
 * SPDX-License-Identifier: MIT  */

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

#include "plain.h"

enum {
	CHILD_SECONDS = 20,
	KEPT = 500
};

struct block {
	char *p;
	size_t n;
};

static uint64_t seed;
static int stop;
static unsigned long failures, forks, churned;
static struct block kept[KEPT];

static void
fail(const char *what, int detail)
{
	__atomic_add_fetch(&failures, 1, __ATOMIC_RELAXED);
	printf("FAIL fork_test: %s (%d)\n", what, detail);
	fflush(stdout);
}

/* Allocate, check and free COUNT blocks; 0 if one was bad.  */
static int
churn(uint64_t *state, size_t count)
{
	struct block b[64];
	int good = 1;

	memset(b, 0, sizeof b);
	for (size_t i = 0; i < count + 64; i++) {
		struct block *x = &b[i % 64];

		if (x->p != NULL)
			good &= plain_is_marked(x->p, x->n, x->n, x->n);
		if (i >= count || plain_below(state, 4) == 0) {
			free(x->p);
			x->p = NULL;
			continue;
		}
		x->n = plain_size(state, plain_below(state, 50) ? 12 : 21);
		x->p = realloc(x->p, x->n + 1);
		if (x->p == NULL)
			return 0;
		plain_mark(x->p, x->n, x->n);
	}
	return good;
}

static void *
allocate(void *arg)
{
	uint64_t state = seed + (uint64_t)(uintptr_t)arg;

	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		if (!churn(&state, 500))
			fail("a block of the parent changed", 0);
		__atomic_add_fetch(&churned, 500, __ATOMIC_RELAXED);
	}
	return NULL;
}

/* Large blocks and nothing else: the heap's lock is hardly ever free, so that a fork
 * which does not take it leaves the child a lock that no one opens.  */
static void *
allocate_large(void *arg)
{
	(void)arg;
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		char *p = malloc(100000);

		if (p == NULL) {
			fail("no memory", 0);
			break;
		}
		p[0] = 1;
		free(p);
	}
	return NULL;
}

static void *
allocate_once(void *arg)
{
	uint64_t state = (uint64_t)(uintptr_t)arg;

	return churn(&state, 200) ? arg : NULL;
}

/* The exit status says what went wrong.  */
static int
child(uint64_t state)
{
	pthread_t t[2];
	void *answer;

	/* What the parent had: look at it, free half, resize the rest.  */
	for (size_t i = 0; i < KEPT; i++) {
		struct block *b = &kept[i];

		if (!plain_is_marked(b->p, b->n, b->n, b->n))
			return 10;
		if (i % 2 == 0) {
			free(b->p);
			continue;
		}
		b->p = realloc(b->p, b->n * 2 + 1);
		if (b->p == NULL || !plain_is_marked(b->p, b->n, b->n, b->n))
			return 11;
	}
	if (!churn(&state, 1000))
		return 12;
	for (uintptr_t i = 0; i < 2; i++)
		if (pthread_create(&t[i], NULL, allocate_once,
		    (void *)(i + 1)) != 0)
			return 13;
	for (int i = 0; i < 2; i++)
		if (pthread_join(t[i], &answer) != 0 || answer == NULL)
			return 14;
	return 0;
}

/* A child of a child, since shells and servers do that.  */
static int
grandchild(uint64_t state)
{
	int status = 99;
	pid_t pid = fork();

	if (pid == 0)
		_exit(child(state));
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return 20;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 21;
}

static void
run_child(unsigned long i, uint64_t state)
{
	int code;

	alarm(CHILD_SECONDS);
	if (i % 8 == 7)
		code = grandchild(state);
	else
		code = child(state);
	/* exit runs the handlers of the allocator too.  */
	if (i % 3 == 0)
		exit(code);
	_exit(code);
}

/* Wait for PID; fork itself may hang in the child before its alarm is set, so
 * the parent looks at the clock as well.  */
static void
wait_for(pid_t pid)
{
	const struct timespec nap = { 0, 2000000 };
	time_t end = time(NULL) + CHILD_SECONDS + 10;
	int status = 0;
	pid_t got;

	while ((got = waitpid(pid, &status, WNOHANG)) == 0) {
		if (time(NULL) > end) {
			kill(pid, SIGKILL);
			(void)waitpid(pid, &status, 0);
			fail("a child hung in fork", (int)pid);
			return;
		}
		nanosleep(&nap, NULL);
	}
	if (got != pid)
		fail("waitpid", errno);
	else if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
		fail("a child hung", (int)pid);
	else if (WIFSIGNALED(status))
		fail("a child died of signal", WTERMSIG(status));
	else if (WEXITSTATUS(status) != 0)
		fail("a child ended with", WEXITSTATUS(status));
}

static void *
fork_often(void *arg)
{
	unsigned long most = *(const unsigned long *)arg;
	uint64_t state = seed ^ (uint64_t)(uintptr_t)&state;
	unsigned long i;

	while ((i = __atomic_fetch_add(&forks, 1, __ATOMIC_RELAXED)) < most &&
	    __atomic_load_n(&failures, __ATOMIC_RELAXED) == 0) {
		uint64_t next = plain_random(&state);
		pid_t pid = fork();

		if (pid == 0)
			run_child(i, next);
		if (pid < 0) {
			fail("fork", errno);
			break;
		}
		wait_for(pid);
	}
	return NULL;
}

static void
keep_some(void)
{
	uint64_t state = seed;

	for (size_t i = 0; i < KEPT; i++) {
		kept[i].n = plain_size(&state, 14);
		kept[i].p = malloc(kept[i].n);
		if (kept[i].p == NULL)
			fail("no memory", 0);
		else
			plain_mark(kept[i].p, kept[i].n, kept[i].n);
	}
}

int
main(int argc, char **argv)
{
	unsigned long most = argc > 1 ? strtoul(argv[1], NULL, 10) : 300;
	unsigned n = argc > 2 ? (unsigned)atoi(argv[2]) : 4;
	unsigned forkers = argc > 3 ? (unsigned)atoi(argv[3]) : 2;
	pthread_t forker[8], t[64];

	if (n < 1 || n > 64)
		n = 4;
	if (forkers < 1 || forkers > 8)
		forkers = 2;
	seed = plain_seed("fork_test");
	/* The last resort, should the parent hang in fork.  */
	alarm(60 + (unsigned)most);
	keep_some();
	for (uintptr_t i = 0; i < n; i++)
		if (pthread_create(&t[i], NULL, i % 2 ? allocate_large :
		    allocate, (void *)i) != 0)
			return 99;
	for (unsigned i = 0; i < forkers; i++)
		if (pthread_create(&forker[i], NULL, fork_often, &most) != 0)
			return 99;
	for (unsigned i = 0; i < forkers; i++)
		pthread_join(forker[i], NULL);
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	for (unsigned i = 0; i < n; i++)
		pthread_join(t[i], NULL);
	if (failures != 0)
		return EXIT_FAILURE;
	printf("ok fork_test: %lu forks beside %lu operations\n", most,
	    churned);
	return EXIT_SUCCESS;
}
