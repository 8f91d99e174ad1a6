/* check_usage.c - unit tests of the usage report on the running system.
 *
 * SPDX-License-Identifier: MIT  */

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "usage.h"

#define BIG (32 * MX_MIB)

static void *
map(size_t n)
{
	void *v = mmap(NULL, n, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ck_assert_ptr_ne(v, MAP_FAILED);
	return v;
}

START_TEST(test_own_grows)
{
	struct mx_usage a, b, c, d;
	char *v;

	ck_assert_int_eq(mx_usage_own(&a), 0);
	v = map(BIG);
	ck_assert_int_eq(mx_usage_own(&b), 0);
	memset(v, 1, BIG);
	ck_assert_int_eq(mx_usage_own(&c), 0);
	ck_assert_int_eq(munmap(v, BIG), 0);
	ck_assert_int_eq(mx_usage_own(&d), 0);
	ck_assert_uint_gt(a.rss, 0);
	ck_assert_uint_ge(a.vsz, a.rss);
	ck_assert_uint_ge(b.vsz, a.vsz + BIG);
	ck_assert_uint_lt(b.rss, a.rss + BIG / 2);
	ck_assert_uint_ge(c.rss, b.rss + BIG - 4 * MX_MIB);
	ck_assert_uint_le(d.rss + BIG - 4 * MX_MIB, c.rss);
}
END_TEST

/* ---- cgroups ---- */

static char tree[] = "/tmp/check_usage.XXXXXX";

/* Write TEXT to the file PATH of the tree, whose folders are made.  */
static void
put_file(const char *path, const char *text)
{
	char name[300];
	FILE *f;

	snprintf(name, sizeof name, "%s%s", tree, path);
	for (char *p = name + strlen(tree) + 1; *p != '\0'; p++)
		if (*p == '/') {
			*p = '\0';
			(void)mkdir(name, 0777);
			*p = '/';
		}
	f = fopen(name, "w");
	ck_assert_ptr_nonnull(f);
	fputs(text, f);
	ck_assert_int_eq(fclose(f), 0);
}

static void
expect_grant(const char *cgroups, size_t memory, size_t processors)
{
	char file[300];
	size_t m = 77, p = 77;

	put_file("/cgroup", cgroups);
	snprintf(file, sizeof file, "%s/cgroup", tree);
	errno = 1234;
	mx_usage_grant(file, tree, &m, &p);
	ck_assert_int_eq(errno, 1234);
	ck_assert_uint_eq(m, memory);
	ck_assert_uint_eq(p, processors);
}

START_TEST(test_grant)
{
	char command[100], deep[700];

	ck_assert_ptr_nonnull(mkdtemp(tree));
	expect_grant("0::/\n", 0, 0);
	expect_grant("", 0, 0);
	expect_grant("12:memory:/a/b\n", 0, 0);
	put_file("/a/b/c/memory.max", "max\n");
	put_file("/a/b/c/cpu.max", "max 100000\n");
	expect_grant("0::/a/b/c\n", 0, 0);
	put_file("/a/b/memory.max", "268435456\n");
	put_file("/a/b/cpu.max", "150000 100000\n");
	expect_grant("0::/a/b/c\n", 268435456, 2);
	expect_grant("12:memory:/x\n1:name=systemd:/y\n0::/a/b/c\n",
	    268435456, 2);
	put_file("/a/memory.max", "1000000\n");
	put_file("/a/cpu.max", "400000 100000\n");
	put_file("/cpu.max", "50000 100000\n");
	expect_grant("0::/a/b/c\n", 1000000, 1);
	expect_grant("0::/a\n", 1000000, 1);
	expect_grant("0::/\n", 0, 1);
	expect_grant("0::/gone\n", 0, 1);
	/* Version 1; a container shows its own at the top.  */
	put_file("/memory/v/memory.limit_in_bytes", "9223372036854771712\n");
	expect_grant("4:memory:/v/w\n0::/\n", 0, 1);
	put_file("/memory/memory.limit_in_bytes", "5000000\n");
	expect_grant("4:memory:/v/w\n0::/\n", 5000000, 1);
	expect_grant("0::/a\n4:memory:/gone\n", 1000000, 1);
	put_file("/memory/v/memory.limit_in_bytes", "400000\n");
	expect_grant("0::/a\n4:memory:/v\n", 400000, 1);
	/* Too deep: what fits is read.  */
	strcpy(deep, "0::/a");
	for (int i = 0; i < 300; i++)
		strcat(deep, "/b");
	expect_grant(deep, 1000000, 1);
	mx_usage_grant("/nowhere", tree, &(size_t){ 0 }, &(size_t){ 0 });
	snprintf(command, sizeof command, "rm -r %s", tree);
	ck_assert_int_eq(system(command), 0);
}
END_TEST

START_TEST(test_own_is_alone)
{
	struct mx_usage u;

	ck_assert_int_eq(mx_usage_own(&u), 0);
	ck_assert_uint_eq(u.processes, 1);
	ck_assert_uint_eq(u.sum_rss, u.rss);
	ck_assert_uint_eq(u.sum_vsz, u.vsz);
	ck_assert_uint_eq(u.mean_rss, u.rss);
	ck_assert_uint_eq(u.mean_vsz, u.vsz);
	ck_assert_uint_eq(u.percent_rss, 100);
	ck_assert_uint_eq(u.percent_vsz, 100);
}
END_TEST

START_TEST(test_all)
{
	struct mx_usage u;

	ck_assert_int_eq(mx_usage_all(&u), 0);
	ck_assert_uint_gt(u.rss, 0);
	/* Check's parent process is the second one.  */
	ck_assert_uint_ge(u.processes, 2);
	ck_assert_uint_gt(u.sum_rss, u.rss);
	ck_assert_uint_gt(u.sum_vsz, u.vsz);
	ck_assert_uint_eq(u.mean_rss, u.sum_rss / u.processes);
	ck_assert_uint_eq(u.mean_vsz, u.sum_vsz / u.processes);
	ck_assert_uint_eq(u.percent_rss, u.rss * 100 / u.mean_rss);
	ck_assert_uint_eq(u.percent_vsz, u.vsz * 100 / u.mean_vsz);
}
END_TEST

START_TEST(test_process)
{
	struct mx_usage u;
	size_t rss = 1, vsz = 1;

	ck_assert_int_eq(mx_usage_own(&u), 0);
	errno = 1234;
	ck_assert_int_eq(mx_usage_process((size_t)getpid(), &rss, &vsz), 0);
	ck_assert_uint_eq(vsz, u.vsz);
	ck_assert_uint_ge(rss + MX_MIB, u.rss);
	ck_assert_uint_le(rss, u.rss + MX_MIB);
	ck_assert_int_eq(mx_usage_process(SIZE_MAX, &rss, &vsz), ESRCH);
	ck_assert_int_eq(errno, 1234);
}
END_TEST

/* A child with 32 MiB shows in the sum, and is not shown once it is gone.  */
START_TEST(test_child_counts)
{
	struct mx_usage with, without;
	int ready[2];
	char byte;
	pid_t pid;

	ck_assert_int_eq(pipe(ready), 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		memset(map(4 * BIG), 1, 4 * BIG);
		if (write(ready[1], "", 1) == 1)
			pause();
		_exit(0);
	}
	ck_assert_int_eq(read(ready[0], &byte, 1), 1);
	ck_assert_int_eq(mx_usage_all(&with), 0);
	ck_assert_int_eq(kill(pid, SIGKILL), 0);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	ck_assert_int_eq(mx_usage_all(&without), 0);
	/* Others on the machine may grow meanwhile; hardly by this much.  */
	ck_assert_uint_gt(with.sum_rss, without.sum_rss + BIG);
}
END_TEST

/* A zombie has no memory: it must neither fail the call nor count.  */
START_TEST(test_zombie)
{
	struct mx_usage u;
	siginfo_t info;
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid == 0)
		_exit(0);
	ck_assert_int_eq(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT),
	    0);
	ck_assert_int_eq(mx_usage_all(&u), 0);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
}
END_TEST

START_TEST(test_no_descriptor_left)
{
	struct rlimit few = { 64, 64 };
	struct mx_usage u;
	int first = open("/dev/null", O_RDONLY);
	int last;

	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
	for (int i = 0; i < 200; i++) {
		ck_assert_int_eq(mx_usage_own(&u), 0);
		ck_assert_int_eq(mx_usage_all(&u), 0);
	}
	last = open("/dev/null", O_RDONLY);
	ck_assert_int_eq(last, first + 1);
}
END_TEST

/* No descriptor to be had: an error, zeros, and errno is the caller's.  */
START_TEST(test_refused)
{
	struct rlimit old, none;
	struct mx_usage u;

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &old), 0);
	none = old;
	none.rlim_cur = 0;
	memset(&u, 0xff, sizeof u);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	errno = 1234;
	ck_assert_int_eq(mx_usage_own(&u), EMFILE);
	ck_assert_int_eq(errno, 1234);
	ck_assert_uint_eq(u.rss | u.processes | u.mean_vsz, 0);
	memset(&u, 0xff, sizeof u);
	ck_assert_int_eq(mx_usage_all(&u), EMFILE);
	ck_assert_int_eq(errno, 1234);
	ck_assert_uint_eq(u.rss | u.processes | u.mean_vsz, 0);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &old), 0);
}
END_TEST

START_TEST(test_keeps_errno)
{
	struct mx_usage u;

	errno = 1234;
	ck_assert_int_eq(mx_usage_own(&u), 0);
	ck_assert_int_eq(errno, 1234);
	ck_assert_int_eq(mx_usage_all(&u), 0);
	ck_assert_int_eq(errno, 1234);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("usage");
	TCase *tc = tcase_create("all");
	SRunner *r;
	int failed;

	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, test_own_grows);
	tcase_add_test(tc, test_grant);
	tcase_add_test(tc, test_own_is_alone);
	tcase_add_test(tc, test_all);
	tcase_add_test(tc, test_process);
	tcase_add_test(tc, test_child_counts);
	tcase_add_test(tc, test_zombie);
	tcase_add_test(tc, test_no_descriptor_left);
	tcase_add_test(tc, test_refused);
	tcase_add_test(tc, test_keeps_errno);
	suite_add_tcase(s, tc);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
