/* prove_probe.c - asks AIX what tests/aix only believes of it.  Part of prove.sh,
 * which says what the answers mean; runs in the rig too.
 *
 * One answer per line: QUESTION=ANSWER.  Argument: which question.  C99 that legacy
 * XL C takes; -DPROVE_PROCFS where <sys/procfs.h> is there.
 *
 * SPDX-License-Identifier: MIT  */

#include <errno.h>
#include <dlfcn.h>
#include <procinfo.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#ifdef PROVE_PROCFS
# include <fcntl.h>
# include <sys/procfs.h>
#endif
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/vminfo.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef MAP_ANON_64K
# define MAP_ANON_64K 0x400
#endif

#define K64     ((size_t)65536)
#define MIB     ((size_t)1 << 20)

extern int getprocs64(struct procentry64 *, int, struct fdsinfo64 *, int,
    pid_t *, int);

static char *
map(size_t n, int prot, int more)
{
	char *v = mmap(NULL, n, prot, MAP_PRIVATE | MAP_ANONYMOUS | more, -1,
	    0);

	return v == (char *)MAP_FAILED ? NULL : v;
}

static char *
up(char *v)
{
	return (char *)(((uintptr_t)v + K64 - 1) & ~(K64 - 1));
}

static unsigned long
page_of(const void *v)
{
	struct vm_page_info info;

	memset(&info, 0, sizeof info);
	info.addr = (uintptr_t)v;
	if (vmgetinfo(&info, VM_PAGE_INFO, (int)sizeof info) != 0)
		return 0;
	return (unsigned long)info.pagesize;
}

/* pr_rssize, in KiB; 0 where there is no such file.  */
static unsigned long
psinfo_rss(void)
{
	unsigned long rss = 0;
#ifdef PROVE_PROCFS
	struct psinfo info;
	char name[40];
	int fd;

	snprintf(name, sizeof name, "/proc/%ld/psinfo", (long)getpid());
	fd = open(name, O_RDONLY);
	if (fd >= 0 && read(fd, &info, sizeof info) == sizeof info)
		rss = (unsigned long)info.pr_rssize;
	if (fd >= 0)
		close(fd);
#endif
	return rss;
}

/* Let the kernel write there, since the answer must not be a signal.  */
static int
can_write(char *p)
{
	int fd[2];
	int good;

	if (pipe(fd) != 0)
		return -1;
	good = write(fd[1], "x", 1) == 1 && read(fd[0], p, 1) == 1;
	close(fd[0]);
	close(fd[1]);
	return good;
}

/* MiB of the N bytes at V that mincore says are in memory; -1: it fails.  */
static long
mib_in_core(char *v, size_t n)
{
	char vec[256];
	size_t pages = 0;

	for (; n > 0; v += MIB, n -= MIB) {
		if (mincore(v, MIB, vec) != 0)
			return -1;
		for (size_t i = 0; i < sizeof vec; i++)
			pages += vec[i] & 1;
	}
	return (long)(pages / 256);
}

static unsigned long
drss(void)
{
	struct procentry64 p;
	pid_t pid = getpid();

	memset(&p, 0, sizeof p);
	(void)getprocs64(&p, (int)sizeof p, NULL, 0, &pid, 1);
	return (unsigned long)p.pi_drss;
}

/* Is less in memory after 64 MiB are disclaimed?  By three that may know.  */
static void
ask_core(const char *key, char *v)
{
	size_t n = 64 * MIB;
	long full;
	unsigned long full_ps, full_drss;

	memset(v, 7, n);
	full = mib_in_core(v, n);
	full_ps = psinfo_rss();
	full_drss = drss();
	errno = 0;
	(void)disclaim64(v, n, DISCLAIM_ZEROMEM);
	printf("%serrno %d mincore %ld then %ld psinfo %lu then %lu drss %lu "
	    "then %lu\n", key, errno, full, mib_in_core(v, n), full_ps,
	    psinfo_rss(), full_drss, drss());
}

static void
ask_return(void)
{
	char *v = map(65 * MIB, PROT_READ | PROT_WRITE, 0);

	if (v != NULL)
		ask_core("disclaim.map.rss=", up(v));
	v = sbrk((intptr_t)(65 * MIB));
	if (v != (char *)-1)
		ask_core("disclaim.break.rss=", up(v));
}

/* A page of the break, of its own size; and may it be protected?  */
static void
ask_break(void)
{
	char *p = sbrk((intptr_t)(2 * K64));
	int rc;

	if (p == (char *)-1)
		return;
	p = up(p);
	memset(p, 7, K64);
	errno = 0;
	rc = disclaim64(p, 4096, DISCLAIM_ZEROMEM);
	printf("disclaim.break=rc %d errno %d first %d at4096 %d last %d page "
	    "%lu\n", rc, errno, p[0], p[4096], p[K64 - 1], page_of(p));
	errno = 0;
	rc = mprotect(p, 4096, PROT_READ);
	printf("mprotect.break=rc %d errno %d writable %d\n", rc, errno,
	    can_write(p));
}

/* The sizes that this machine has; what mappings get is another question.  */
static void
ask_pages(void)
{
	psize_t size[16];
	int n = vmgetinfo(NULL, VMINFO_GETPSIZES, 0);

	printf("pages.count=%d\n", n);
	if (n > 16)
		n = 16;
	n = n < 1 ? 0 : vmgetinfo(size, VMINFO_GETPSIZES, n);
	printf("pages.sizes=");
	for (int i = 0; i < n; i++)
		printf("%s%llu", i == 0 ? "" : " ", (unsigned long long)size[i]);
	printf("\n");
}

/* 1: is a private mapping's page given back, and what of a part of one?  */
static void
ask_disclaim(void)
{
	char *v = map(8 * K64, PROT_READ | PROT_WRITE, 0);
	char *p;
	int rc;

	if (v == NULL)
		return;
	p = up(v);
	memset(p, 7, 4 * K64);
	errno = 0;
	rc = disclaim64(p, K64, DISCLAIM_ZEROMEM);
	printf("disclaim.map=rc %d errno %d first %d last %d next %d\n", rc,
	    errno, p[0], p[K64 - 1], p[K64]);
	p += K64;
	errno = 0;
	rc = disclaim64(p + 100, 5000, DISCLAIM_ZEROMEM);
	printf("disclaim.part=rc %d errno %d at0 %d at100 %d at4096 %d at5099 "
	    "%d at8192 %d\n", rc, errno, p[0], p[100], p[4096], p[5099],
	    p[8192]);
	ask_break();
	ask_return();
}

/* Where mappings lie, and may one be mapped over another?  */
static void
ask_map(void)
{
	char *v = map(MIB, PROT_READ | PROT_WRITE, 0);
	char *w = mmap((char *)0x0700000050000000, K64, PROT_READ |
	    PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	printf("map.address=%p\n", (void *)v);
	printf("map.hint=%p\n", (void *)w);
	printf("break.address=%p\n", sbrk(0));
	if (v == NULL)
		return;
	v[0] = 5;
	errno = 0;
	w = mmap(v, K64, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS |
	    MAP_FIXED, -1, 0);
	printf("map.over=%s errno %d byte %d\n", w == v ? "replaced" :
	    "refused", errno, v[0]);
	printf("map.page=%lu\n", page_of(v));
}

/* How much address space can be reserved?  */
static void
ask_none(void)
{
	for (size_t gib = 1; gib <= 1024; gib *= 4)
		printf("map.none.%luG=%s\n", (unsigned long)gib,
		    map(gib << 30, PROT_NONE, 0) != NULL ? "yes" : "no");
}

/* 2: 64 KiB pages in private mappings, and a protection for a part of one.  */
static void
ask_64k(void)
{
	char *v = map(8 * K64, PROT_READ | PROT_WRITE, MAP_ANON_64K);
	int rc;

	printf("map64k=%p errno %d\n", (void *)v, v == NULL ? errno : 0);
	if (v == NULL)
		return;
	v = up(v);
	memset(v, 7, K64);
	printf("map64k.page=%lu\n", page_of(v));
	errno = 0;
	rc = mprotect(v + 4096, 4096, PROT_READ);
	printf("map64k.mprotect=rc %d errno %d writable %d %d %d\n", rc, errno,
	    can_write(v), can_write(v + 4096), can_write(v + 8192));
	errno = 0;
	rc = disclaim64(v + K64, K64, DISCLAIM_ZEROMEM);
	printf("map64k.disclaim=rc %d errno %d\n", rc, errno);
}

/* 3: does a limit on data hold for private mappings?  */
static void
ask_limit(void)
{
	struct rlimit l;

	l.rlim_cur = l.rlim_max = 64 * MIB;
	printf("limit.set=%d\n", setrlimit(RLIMIT_DATA, &l));
	printf("limit.map=%s\n", map(512 * MIB, PROT_READ | PROT_WRITE, 0) !=
	    NULL ? "not counted" : "counted");
	printf("limit.break=%s\n", sbrk((intptr_t)(512 * MIB)) == (void *)-1 ?
	    "counted" : "not counted");
}

/* 4: are mapped pages resident data?  */
static void
ask_rss(void)
{
	struct procentry64 before, after;
	pid_t pid = getpid();
	char *v = map(64 * MIB, PROT_READ | PROT_WRITE, 0);
	unsigned long psinfo = psinfo_rss();

	memset(&before, 0, sizeof before);
	memset(&after, 0, sizeof after);
	(void)getprocs64(&before, (int)sizeof before, NULL, 0, &pid, 1);
	if (v == NULL)
		return;
	memset(v, 1, 64 * MIB);
	pid = getpid();
	(void)getprocs64(&after, (int)sizeof after, NULL, 0, &pid, 1);
	printf("rss.drss=%llu then %llu\n",
	    (unsigned long long)before.pi_drss,
	    (unsigned long long)after.pi_drss);
	printf("rss.psinfo=%lu then %lu\n", psinfo, psinfo_rss());
	printf("rss.size=%llu then %llu\n",
	    (unsigned long long)before.pi_size,
	    (unsigned long long)after.pi_size);
}

/* Who answers for free, by the ways that a preloaded library has to ask.  */
static void
ask_next(void)
{
	void *libc = dlopen("libc.a(shr_64.o)", RTLD_NOW | RTLD_MEMBER);

	printf("next.free=%s\n", dlsym(RTLD_NEXT, "free") != NULL ? "found" :
	    "none");
	printf("next.libc=%s\n", libc != NULL ? "opened" : "none");
	if (libc != NULL)
		printf("next.libc.free=%s\n", dlsym(libc, "free") != NULL ?
		    "found" : "none");
}

int
main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*ask)(void);
	} asks[] = {
		{ "disclaim", ask_disclaim }, { "map", ask_map },
		{ "none", ask_none }, { "pages", ask_pages },
		{ "64k", ask_64k }, { "rss", ask_rss }, { "next", ask_next },
		{ "limit", ask_limit }
	};

	for (size_t i = 0; i < sizeof asks / sizeof asks[0]; i++)
		if (argc < 2 || strcmp(argv[1], asks[i].name) == 0) {
			asks[i].ask();
			fflush(stdout);
		}
	return 0;
}
