/* early.c - a library whose constructor runs before that of a preloaded malloc.
 *
 * Its place is behind that malloc in LD_PRELOAD: constructors run from the last
 * library to the first.  SURVIVE_EARLY says what the constructor does, and
 * SURVIVE_WHY the descriptor for the reason of a failure.  It ends the process.
 *
 * SPDX-License-Identifier: MIT  */

#include "survive.h"

/* Small blocks of 1 MiB, all of them freed again.  */
static void *
use_a_mebibyte(void *arg)
{
	struct link { struct link *next; } *list = NULL, *l;
	uint64_t state = (uintptr_t)arg + 1;

	for (size_t used = 0, n; used < PLAIN_MIB; used += n) {
		n = sizeof *l + plain_below(&state, 500);
		l = malloc(n);
		if (l == NULL)
			survive_fail("no memory");
		memset(l, 1, n);
		l->next = list;
		list = l;
	}
	for (; list != NULL; list = l) {
		l = list->next;
		free(list);
	}
	return NULL;
}

static void
thread_after_thread(void)
{
	pthread_t t;

	for (uintptr_t i = 0; i < 300; i++) {
		if (pthread_create(&t, NULL, use_a_mebibyte, (void *)i) != 0)
			survive_end(99, "no thread");
		pthread_join(t, NULL);
	}
	if (plain_rss() > 32 * PLAIN_MIB)
		survive_fail("%zu KiB", plain_rss() / 1024);
}

/* Large enough that pages go back to the kernel.  */
static void *
use_pages(void *arg)
{
	uint64_t state = (uintptr_t)arg + 1;
	char *p[64] = { NULL };

	while (!__atomic_load_n(&survive_stop, __ATOMIC_RELAXED)) {
		size_t i = plain_below(&state, 64);

		free(p[i]);
		p[i] = malloc(40000 + plain_below(&state, 60000));
	}
	for (int i = 0; i < 64; i++)
		free(p[i]);
	return NULL;
}

static void
fork_beside_threads(void)
{
	pthread_t t[SURVIVE_THREADS];
	uint64_t state = 7;

	for (uintptr_t i = 0; i < SURVIVE_THREADS; i++)
		if (pthread_create(&t[i], NULL, use_pages, (void *)i) != 0)
			survive_end(99, "no thread");
	for (int i = 0; i < 50; i++) {
		pid_t pid = fork();

		if (pid == 0)
			_exit(survive_churn(&state, 50, 18) ? 0 : 1);
		survive_child_ends(pid, "fork");
	}
	survive_stop_threads(t);
}

extern void *__libc_malloc(size_t n);

static void
use_foreign(void)
{
	char *p = __libc_malloc(100);

	p[99] = 'f';
	p = realloc(p, 1000);
	if (p == NULL || p[99] != 'f')
		survive_fail("realloc lost bytes");
	free(p);
}

__attribute__((constructor))
static void
construct(void)
{
	const char *what = getenv("SURVIVE_EARLY");
	const char *why = getenv("SURVIVE_WHY");

	if (what == NULL || why == NULL)
		return;
	survive_why = atoi(why);
	if (strcmp(what, "threads") == 0)
		thread_after_thread();
	else if (strcmp(what, "forks") == 0)
		fork_beside_threads();
	else if (strcmp(what, "foreign") == 0)
		use_foreign();
	else
		survive_end(99, "no case %s", what);
	_exit(0);
}
