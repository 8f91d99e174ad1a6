/* spawn.c - run a command, once or more, and say what it used.
 *
 *   spawn FILE COUNT [NAME=VALUE ...] PROGRAM [ARGUMENT ...]
 *
 * FILE gets one line: runs, wall ns, user us, system us, peak KiB, minor
 * faults, major faults, voluntary and involuntary switches, wait status of the
 * last run.  Sums over the runs; the peak is the largest.
 *
 * It is a program of its own because on Linux a child's peak starts at the size
 * of the process that forked it: this one is small, an interpreter is not.
 *
 * SPDX-License-Identifier: MIT  */

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct total {
	uint64_t wall_ns;
	uint64_t user_us;
	uint64_t system_us;
	long peak_kib;
	long minor, major, voluntary, involuntary;
};

static _Noreturn void
die(const char *what)
{
	fprintf(stderr, "spawn: %s: %s\n", what, strerror(errno));
	exit(2);
}

static uint64_t
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint64_t
micro(struct timeval t)
{
	return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_usec;
}

static void
add(struct total *t, uint64_t wall, const struct rusage *use)
{
	t->wall_ns += wall;
	t->user_us += micro(use->ru_utime);
	t->system_us += micro(use->ru_stime);
	if (use->ru_maxrss > t->peak_kib)
		t->peak_kib = use->ru_maxrss;
	t->minor += use->ru_minflt;
	t->major += use->ru_majflt;
	t->voluntary += use->ru_nvcsw;
	t->involuntary += use->ru_nivcsw;
}

static _Noreturn void
become(char **argv)
{
	while (*argv != NULL && strchr(*argv, '=') != NULL)
		if (putenv(*argv++) != 0)
			_exit(126);
	if (*argv != NULL)
		execv(*argv, argv);
	_exit(127);
}

static int
run(struct total *t, char **argv)
{
	uint64_t start = now_ns();
	struct rusage use;
	int status;
	pid_t child = fork();

	if (child == 0)
		become(argv);
	if (child < 0 || wait4(child, &status, 0, &use) != child)
		die("fork or wait");
	add(t, now_ns() - start, &use);
	return status;
}

int
main(int argc, char **argv)
{
	struct total t = { 0 };
	long count, done = 0;
	int status = 0;
	FILE *out;

	if (argc < 4 || (count = strtol(argv[2], NULL, 10)) < 1) {
		fprintf(stderr, "usage: spawn FILE COUNT [NAME=VALUE ...] "
		    "PROGRAM [ARGUMENT ...]\n");
		return 2;
	}
	while (done < count && status == 0) {
		status = run(&t, argv + 3);
		done++;
	}
	out = fopen(argv[1], "w");
	if (out == NULL)
		die(argv[1]);
	fprintf(out, "%ld %llu %llu %llu %ld %ld %ld %ld %ld %d\n", done,
	    (unsigned long long)t.wall_ns, (unsigned long long)t.user_us,
	    (unsigned long long)t.system_us, t.peak_kib, t.minor, t.major,
	    t.voluntary, t.involuntary, status);
	if (fclose(out) != 0)
		die(argv[1]);
	return 0;
}
