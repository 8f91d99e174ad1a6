/* cmd_stat.c - memaix stat: the memory of one process and of all.
 *
 * SPDX-License-Identifier: MIT  */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd.h"
#include "cmd_verbs.h"
#include "usage.h"

const char mx_cmd_stat_help[] =
"Print what the system counts: the memory and the address space of all processes\n"
"that you may see, and the mean of one. With PID: also those of that process,\n"
"and what they are of the mean.\n";

static void
print_line(const char *name, size_t rss, size_t vsz, const char *unit)
{
	printf("%-20s %12zu %-3s %14zu %s\n", name, rss, unit, vsz, unit);
}

static size_t
parse_pid(const char *text)
{
	char *end;
	unsigned long n;

	errno = 0;
	n = strtoul(text, &end, 10);
	if (*text < '0' || *text > '9' || *end != '\0' || errno != 0)
		mx_cmd_die("%s is no process number", text);
	return (size_t)n;
}

int
mx_cmd_stat_main(int argc, char **argv)
{
	size_t pid = argc > 1 ? parse_pid(argv[1]) : 0;
	struct mx_usage u;
	char name[32];
	int e;

	if (argc > 2)
		mx_cmd_die("stat takes one process number");
	e = mx_usage_all(&u);
	if (e != 0)
		mx_cmd_die("cannot read the list of processes: %s",
		    strerror(e));
	if (argc > 1) {
		e = mx_usage_process(pid, &u.rss, &u.vsz);
		if (e != 0)
			mx_cmd_die("process %zu: %s", pid, strerror(e));
		mx_usage_finish(&u);
	}
	printf("%-20s %16s %18s\n", "", "resident", "virtual");
	snprintf(name, sizeof name, "%zu processes", u.processes);
	print_line(name, u.sum_rss / MX_KIB, u.sum_vsz / MX_KIB, "KiB");
	print_line("mean", u.mean_rss / MX_KIB, u.mean_vsz / MX_KIB, "KiB");
	if (argc > 1) {
		snprintf(name, sizeof name, "process %zu", pid);
		print_line(name, u.rss / MX_KIB, u.vsz / MX_KIB, "KiB");
		print_line("of the mean", u.percent_rss, u.percent_vsz, "%");
	}
	return EXIT_SUCCESS;
}
