/* forks.c - new processes, made in every way, while memory is being allocated.
 *
 * SPDX-License-Identifier: MIT  */

#include "survive.h"

#include <spawn.h>
#include <sys/syscall.h>
#include <sys/time.h>

static char true_name[] = "true";
static char *const true_argv[] = { true_name, NULL };

enum { KEPT = 200 };
static struct { char *p; size_t n; } kept[KEPT];

static void
keep_some(void)
{
	uint64_t state = 5;

	for (int i = 0; i < KEPT; i++) {
		kept[i].n = plain_size(&state, 14);
		kept[i].p = malloc(kept[i].n);
		if (kept[i].p == NULL)
			survive_fail("no memory");
		plain_mark(kept[i].p, kept[i].n, kept[i].n);
	}
}

/* What a child does with the heap it got.  */
static int
use_heap(uint64_t state)
{
	for (int i = 0; i < KEPT; i++) {
		if (!plain_is_marked(kept[i].p, kept[i].n, kept[i].n,
		    kept[i].n))
			return 10;
		if (i % 2 == 0)
			free(kept[i].p);
	}
	return survive_churn(&state, 500, 14) ? 0 : 11;
}

static void
child_of_fork(unsigned i)
{
	int status = use_heap(i);

	/* Again, since shells and servers do that.  */
	if (status == 0 && i % 5 == 0) {
		pid_t pid = fork();

		if (pid == 0) {
			uint64_t state = i;

			_exit(survive_churn(&state, 200, 12) ? 0 : 12);
		}
		status = survive_wait(pid, 5);
		status = status == 0 ? 0 : 13;
	}
	if (status == 0 && i % 7 == 0)
		execve("/bin/true", true_argv, environ);
	if (status == 0 && i % 11 == 0)
		exit(0);
	_exit(status);
}

static void
fork_threads(void)
{
	unsigned most = survive_is_long() ? 10000 : 200;
	pthread_t t[SURVIVE_THREADS];

	keep_some();
	survive_start_threads(t);
	for (unsigned i = 1; i <= most; i++) {
		pid_t pid = fork();

		if (pid == 0)
			child_of_fork(i);
		if (pid < 0)
			survive_fail("fork: errno %d", errno);
		survive_child_ends(pid, "child");
	}
	survive_stop_threads(t);
}

/* ---- vfork, posix_spawn ---- */

static void
vfork_threads(void)
{
	pthread_t t[SURVIVE_THREADS];

	keep_some();
	survive_start_threads(t);
	for (unsigned i = 0; i < 200; i++) {
		pid_t pid = vfork();

		if (pid == 0) {
			/* In the parent's memory, by a thread that waits.  */
			free(malloc(100 + i * 50));
			if (i % 2 == 0)
				execve("/bin/true", true_argv, environ);
			_exit(0);
		}
		survive_child_ends(pid, "child of vfork");
	}
	survive_stop_threads(t);
	if (use_heap(1) != 0)
		survive_fail("the parent's heap changed");
}

static void
spawn_threads(void)
{
	pthread_t t[SURVIVE_THREADS];

	survive_start_threads(t);
	for (unsigned i = 0; i < 200; i++) {
		posix_spawn_file_actions_t actions;
		pid_t pid;
		int e;

		posix_spawn_file_actions_init(&actions);
		posix_spawn_file_actions_addopen(&actions, 1, "/dev/null",
		    O_WRONLY, 0);
		e = posix_spawn(&pid, "/bin/true", &actions, NULL, true_argv,
		    environ);
		posix_spawn_file_actions_destroy(&actions);
		if (e != 0)
			survive_fail("posix_spawn: errno %d", e);
		survive_child_ends(pid, "spawned program");
	}
	survive_stop_threads(t);
}

/* ---- fork in a signal handler ---- */

static volatile sig_atomic_t handled;
static volatile sig_atomic_t fork_failed;

static void
fork_in_handler(int sig)
{
	int saved = errno;
	int status;
	pid_t pid = fork();

	(void)sig;
	if (pid == 0)
		_exit(0);
	if (pid < 0)
		fork_failed = 1;
	else if (waitpid(pid, &status, 0) != pid || status != 0)
		fork_failed = 2;
	handled++;
	errno = saved;
}

/* Large blocks too, so that signals meet calls into the kernel.  */
static void
fork_from_signals(int most)
{
	struct sigaction action = { .sa_handler = fork_in_handler,
		.sa_flags = SA_RESTART };
	struct itimerval timer = { { 0, 2000 }, { 0, 2000 } };
	uint64_t state = 3;

	keep_some();
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &timer, NULL);
	while (handled < most) {
		size_t n = 12 * PLAIN_MIB;
		char *p = malloc(n);

		if (p == NULL)
			survive_fail("no memory");
		memset(p, 1, n);
		free(p);
		if (!survive_churn(&state, 300, 16))
			survive_fail("a block changed");
	}
	memset(&timer, 0, sizeof timer);
	setitimer(ITIMER_REAL, &timer, NULL);
	if (fork_failed)
		survive_fail("a child failed (%d)", (int)fork_failed);
	if (use_heap(2) != 0)
		survive_fail("the heap changed");
}

static void
fork_handler(void)
{
	fork_from_signals(survive_is_long() ? 5000 : 300);
}

static void
fork_handler_threads(void)
{
	sigset_t set, old;
	pthread_t t[SURVIVE_THREADS];

	/* The signals are for the first thread, which is in malloc too.  */
	sigemptyset(&set);
	sigaddset(&set, SIGALRM);
	pthread_sigmask(SIG_BLOCK, &set, &old);
	survive_start_threads(t);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	fork_from_signals(survive_is_long() ? 5000 : 300);
	survive_stop_threads(t);
}

/* ---- the system call itself: no handler runs ---- */

static void
clone_often(unsigned most)
{
	for (unsigned i = 0; i < most; i++) {
		long pid = syscall(SYS_clone, (long)SIGCHLD, 0L, 0L, 0L, 0L);

		if (pid == 0)
			_exit(use_heap(i));
		if (pid < 0)
			survive_fail("clone: errno %d", errno);
		survive_child_ends((pid_t)pid, "child of clone");
	}
}

static void
clone_alone(void)
{
	keep_some();
	clone_often(50);
}

static void
clone_threads(void)
{
	pthread_t t[SURVIVE_THREADS];

	keep_some();
	survive_start_threads(t);
	clone_often(survive_is_long() ? 10000 : 300);
	survive_stop_threads(t);
}

/* ---- handlers that allocate ---- */

static char *at_fork[3];

static void
allocate_at(int i)
{
	uint64_t state = 77;

	free(at_fork[i]);
	at_fork[i] = malloc(3000);
	if (at_fork[i] == NULL || !survive_churn(&state, 60, 17))
		survive_fail("atfork handler %d", i);
	memset(at_fork[i], i, 3000);
}

static void prepare(void) { allocate_at(0); }
static void parent(void) { allocate_at(1); }
static void child(void) { allocate_at(2); }

static void
fork_some(void)
{
	pthread_t t[SURVIVE_THREADS];

	keep_some();
	survive_start_threads(t);
	for (unsigned i = 1; i <= 100; i++) {
		pid_t pid = fork();

		if (pid == 0)
			_exit(use_heap(i));
		survive_child_ends(pid, "child");
	}
	survive_stop_threads(t);
}

static void
atfork_late(void)
{
	pthread_atfork(prepare, parent, child);
	fork_some();
}

static int early_on;

static void early_prepare(void) { if (early_on) prepare(); }
static void early_parent(void) { if (early_on) parent(); }
static void early_child(void) { if (early_on) child(); }

/* Before any constructor of a library: its `prepare' runs after all others.  */
static void
register_early(void)
{
	pthread_atfork(early_prepare, early_parent, early_child);
}

__attribute__((section(".preinit_array"), used))
static void (*const preinit)(void) = register_early;

static void
atfork_early(void)
{
	early_on = 1;
	fork_some();
}

static const struct survive_case cases[] = {
	{ "fork-threads", fork_threads },
	{ "vfork-threads", vfork_threads },
	{ "spawn-threads", spawn_threads },
	{ "fork-in-handler", fork_handler },
	{ "fork-in-handler-threads", fork_handler_threads },
	{ "clone", clone_alone },
	{ "clone-threads", clone_threads },
	{ "atfork-late-allocates", atfork_late },
	{ "atfork-early-allocates", atfork_early },
};

SURVIVE_MAIN(cases)
