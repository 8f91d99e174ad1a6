/* filter.c - run a program under a filter of system calls.
 *
 *   filter ERRNO CALL... -- PROGRAM [ARGUMENT]...
 *
 * The CALLs fail with ERRNO in it, by seccomp.
 *
 * SPDX-License-Identifier: MIT  */

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static const struct { const char *name; long number; } calls[] = {
	{ "madvise", SYS_madvise }, { "mremap", SYS_mremap },
	{ "prctl", SYS_prctl }, { "membarrier", SYS_membarrier },
	{ "mincore", SYS_mincore }, { "prlimit64", SYS_prlimit64 },
	{ "sched_yield", SYS_sched_yield }, { "rseq", SYS_rseq },
	{ "getdents64", SYS_getdents64 }, { "readlinkat", SYS_readlinkat },
};

static long
number_of(const char *name)
{
	for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++)
		if (strcmp(calls[i].name, name) == 0)
			return calls[i].number;
	fprintf(stderr, "filter: no call %s\n", name);
	exit(99);
}

int
main(int argc, char **argv)
{
	struct sock_filter code[64] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
		    offsetof(struct seccomp_data, nr))
	};
	struct sock_fprog program = { 1, code };
	unsigned error;
	int i = 2;

	if (argc < 4)
		return 99;
	error = (unsigned)atoi(argv[1]);
	for (; i < argc && strcmp(argv[i], "--") != 0 && program.len < 60; i++) {
		code[program.len++] = (struct sock_filter)BPF_JUMP(
		    BPF_JMP | BPF_JEQ | BPF_K, (unsigned)number_of(argv[i]),
		    0, 1);
		code[program.len++] = (struct sock_filter)BPF_STMT(
		    BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error);
	}
	code[program.len++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K,
	    SECCOMP_RET_ALLOW);
	if (i + 1 >= argc)
		return 99;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
		return 77;
	execvp(argv[i + 1], argv + i + 1);
	return 99;
}
