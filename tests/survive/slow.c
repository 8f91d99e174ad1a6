/* slow.c - new processes while a thread is held up inside of malloc: the program's
 * own mprotect, which takes a second.  To be linked with -rdynamic.
 *
 * SPDX-License-Identifier: MIT  */

#define _GNU_SOURCE 1
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "../plain.h"

enum { THREAD_MIB = 200, CHILD_MIB = 150 };

/* 1: the next large request is slow; 2: it is under way.  */
static int slow;

static void
sleep_ms(long ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000 };

	while (nanosleep(&t, &t) != 0 && errno == EINTR)
		continue;
}

int
mprotect(void *v, size_t n, int prot)
{
	int one = 1;

	if (n > 100 * PLAIN_MIB && __atomic_compare_exchange_n(&slow, &one, 2,
	    0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
		sleep_ms(1000);
		__atomic_store_n(&slow, 0, __ATOMIC_SEQ_CST);
	}
	return (int)syscall(SYS_mprotect, v, n, prot);
}

static void *
take_large(void *small)
{
	if (small != NULL)
		free(malloc(10));
	return malloc(THREAD_MIB * PLAIN_MIB);
}

/* A thread that is inside malloc.  With SMALL it had a small block before.  */
static pthread_t
hold_up(int small)
{
	static char yes;
	pthread_t t;

	free(malloc(10));
	__atomic_store_n(&slow, 1, __ATOMIC_SEQ_CST);
	if (pthread_create(&t, NULL, take_large, small ? &yes : NULL) != 0)
		exit(99);
	for (int i = 0; i < 1000; i++)
		if (__atomic_load_n(&slow, __ATOMIC_SEQ_CST) != 2)
			sleep_ms(1);
	return t;
}

/* The child has the parent's memory, and so its threads' locks: it waits.  */
static const char *
try_vfork(void)
{
	static char *volatile theirs;
	pthread_t t = hold_up(1);
	char *ours = NULL;
	int status;
	pid_t pid = vfork();

	if (pid == 0) {
		theirs = malloc(CHILD_MIB * PLAIN_MIB);
		_exit(0);
	}
	if (waitpid(pid, &status, 0) != pid || status != 0)
		return "the child did not end well";
	pthread_join(t, (void **)&ours);
	return theirs != NULL && ours != NULL && theirs < ours + THREAD_MIB *
	    PLAIN_MIB && ours < theirs + CHILD_MIB * PLAIN_MIB ?
	    "parent and child got the same memory" : NULL;
}

/* The child has a copy of it, in which nobody will ever open the lock.  */
static const char *
try_clone(int small)
{
	pthread_t t = hold_up(small);
	int status;
	pid_t pid = (pid_t)syscall(SYS_clone, (long)SIGCHLD, 0L, 0L, 0L, 0L);

	if (pid == 0) {
		void *volatile p = malloc(CHILD_MIB * PLAIN_MIB);

		_exit(p == NULL);
	}
	for (int i = 0; i < 500; i++) {
		if (waitpid(pid, &status, WNOHANG) == pid) {
			pthread_join(t, NULL);
			return status == 0 ? NULL : "no memory";
		}
		sleep_ms(10);
	}
	kill(pid, SIGKILL);
	return "hangs";
}

int
main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "";
	const char *why = "no such case";

	if (strcmp(name, "vfork-held-up") == 0)
		why = try_vfork();
	if (strcmp(name, "clone-held-up") == 0)
		why = try_clone(1);
	if (strcmp(name, "clone-held-up-large") == 0)
		why = try_clone(0);
	if (why == NULL)
		printf("PASS %s\n", name);
	else
		printf("FAIL %s (%s)\n", name, why);
	return 0;
}
