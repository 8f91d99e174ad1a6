/* background.c - what stays resident while a program rests.
 *
 *   background MILLISECONDS
 *
 * Grows, frees everything, rests; prints the resident KiB that this cost before and
 * after the rest.  Then a child does the same.
 *
 * SPDX-License-Identifier: MIT  */

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { BLOCKS = 200, BYTES = 30000 };

static pid_t handled_by;

static long
resident_kib(void)
{
	long size = 0, pages = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	if (f == NULL || fscanf(f, "%ld %ld", &size, &pages) != 2)
		exit(99);
	fclose(f);
	return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

static void
handle(int sig)
{
	(void)sig;
	handled_by = gettid();
}

static void
grow_and_rest(const char *name, long ms)
{
	const struct timespec pause = { ms / 1000, ms % 1000 * 1000000 };
	static void *block[BLOCKS];
	long before = resident_kib(), freed, rested;

	for (int i = 0; i < BLOCKS; i++) {
		block[i] = malloc(BYTES);
		if (block[i] == NULL)
			exit(99);
		memset(block[i], 1, BYTES);
	}
	for (int i = 0; i < BLOCKS; i++)
		free(block[i]);
	freed = resident_kib();
	nanosleep(&pause, NULL);
	rested = resident_kib();
	/* A signal to the process is not the library's thread's.  */
	kill(getpid(), SIGUSR1);
	printf("%s: %ld KiB, then %ld, signal %s\n", name, freed - before,
	    rested - before, handled_by == getpid() ? "here" : "elsewhere");
	fflush(stdout);
}

int
main(int argc, char **argv)
{
	long ms = argc > 1 ? atol(argv[1]) : 1000;
	int status = 1;
	pid_t pid;

	signal(SIGUSR1, handle);
	grow_and_rest("parent", ms);
	pid = fork();
	if (pid == 0) {
		grow_and_rest("child", ms);
		exit(0);
	}
	return waitpid(pid, &status, 0) == pid && status == 0 ? 0 : 1;
}
