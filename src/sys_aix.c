/* sys_aix.c - the nine primitives on AIX.  Contract: sys_os.h.
 *
 * Owns: the system calls, and what one probe at start found out about them.
 * Must not know: accounts, arenas.
 *
 * UNPROVEN: this file has been compiled for AIX and checked as an object; it has
 * never run on AIX.  doc/aix.md says what each belief rests on.
 *
 * SPDX-License-Identifier: MIT  */

#include "sys_os.h"

#include <errno.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

/* What this file believes of the system's headers, checked wherever it is compiled
 * (sources: doc/aix.md).  */
_Static_assert(PROT_NONE == 0 && PROT_READ == 1 && PROT_WRITE == 2, "PROT_*");
_Static_assert(MAP_PRIVATE == 2 && MAP_ANONYMOUS == 0x10, "MAP_*");
_Static_assert(MAP_FIXED == 0x100, "MAP_FIXED");
_Static_assert(ENOMEM == 12 && EINVAL == 22 && EAGAIN == 11, "errno values");
_Static_assert(ENOSYS == 109, "ENOSYS");
_Static_assert(DISCLAIM_ZEROMEM == 1, "disclaim's flag");
_Static_assert(_SC_PAGESIZE == 48, "sysconf's number");
_Static_assert(sizeof(size_t) == sizeof(void *), "flat addresses");

/* Can disclaim64 give back pages of a private anonymous mapping?  IBM documents
 * it for data, stack and shared memory; for mmap the sources disagree, so it is
 * tried once on a page of our own.  */
enum { UNKNOWN, GIVES, KEEPS };
static int disclaim_works = UNKNOWN;

static bool
round_inward(void **v, size_t *n, size_t page)
{
	uintptr_t from = mx_align_up((uintptr_t)*v, page);
	uintptr_t to = mx_align_down((uintptr_t)*v + *n, page);

	if (to <= from)
		return false;
	*v = (void *)from;
	*n = to - from;
	return true;
}

/* There is no MAP_NORESERVE: paging space is given at the first page-out.  */
static void *
map_anonymous(void *hint, size_t n, int prot)
{
	void *v = mmap(hint, n, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return v == MAP_FAILED ? NULL : v;
}

/* Hints are ignored in practice (truss in nodejs/help 4083); the caller compares
 * anyway.  */
void *
sysReserveOS(void *hint, size_t n)
{
	return map_anonymous(hint, n, PROT_NONE);
}

/* Mapping over a mapping fails with ENOMEM unless XPG_SUS_ENV=ON was set at
 * exec, so the protection is changed instead.  */
int
sysMapOS(void *v, size_t n)
{
	return mprotect(v, n, PROT_READ | PROT_WRITE) == 0 ? 0 : errno;
}

int
sysUsedOS(void *v, size_t n)
{
	(void)v;
	(void)n;
	return 0;
}

static int
probe_disclaim(void)
{
	size_t page = sysPageSizeOS();
	volatile char *v = map_anonymous(NULL, page, PROT_READ | PROT_WRITE);
	int answer;

	if (v == NULL)
		return KEEPS;
	v[0] = 1;
	v[page - 1] = 1;
	answer = disclaim64((void *)(uintptr_t)v, page, DISCLAIM_ZEROMEM) == 0 &&
	    v[0] == 0 && v[page - 1] == 0 ? GIVES : KEEPS;
	(void)munmap((void *)(uintptr_t)v, page);
	return answer;
}

/* madvise does nothing on AIX, so it is not called: success would be a lie.  */
enum mx_release
sysUnusedOS(void *v, size_t n)
{
	int works = mx_load(&disclaim_works, RELAXED);

	if (works == UNKNOWN) {
		/* Two threads may both probe; they find the same.  */
		works = probe_disclaim();
		mx_store(&disclaim_works, works, RELAXED);
	}
	if (works == KEEPS || !round_inward(&v, &n, sysPageSizeOS()))
		return MX_RELEASE_KEPT;
	return disclaim64(v, n, DISCLAIM_ZEROMEM) == 0 ? MX_RELEASE_ZERO :
	    MX_RELEASE_KEPT;
}

/* 64K and 16M pages for a private mapping go by vm_pattr, whose structures no
 * source at hand spells out: not used until they are.  */
enum mx_huge
sysHugePageOS(void *v, size_t n)
{
	(void)v;
	(void)n;
	return MX_HUGE_UNSUPPORTED;
}

enum mx_huge
sysNoHugePageOS(void *v, size_t n)
{
	(void)v;
	(void)n;
	return MX_HUGE_UNSUPPORTED;
}

/* Works on mmap memory; the pages stay until they are unmapped.  */
int
sysFaultOS(void *v, size_t n)
{
	return mprotect(v, n, PROT_NONE) == 0 ? 0 : errno;
}

int
sysFreeOS(void *v, size_t n)
{
	if (!round_inward(&v, &n, sysPageSizeOS()))
		return 0;
	return munmap(v, n) == 0 ? 0 : errno;
}

void *
sysAllocOS(size_t n)
{
	return map_anonymous(NULL, n, PROT_READ | PROT_WRITE);
}

size_t
sysPageSizeOS(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

size_t
sysHugeSizeOS(void)
{
	return 0;
}

/* RLIMIT_AS can be set but is not enforced (gnulib get-rusage-as.c).  */
size_t
sysLimitOS(void)
{
	return SIZE_MAX;
}

/* mincore's vector has one byte per 4 KiB page.  */
size_t
sysResidentOS(void *v, size_t n)
{
	char vec[1024];
	size_t page = sysPageSizeOS();
	size_t resident = 0;

	for (char *p = v; n > 0; p += sizeof vec * page) {
		size_t part = mx_min(n, sizeof vec * page);

		if (mincore(p, part, vec) != 0)
			return SIZE_MAX;
		for (size_t i = 0; i < part / page; i++)
			resident += (size_t)(vec[i] & 1) * page;
		n -= part;
	}
	return resident;
}

/* UNPROVEN that more can be said: where AIX ends a stack no document tells.  */
enum mx_where
sysWhereOS(const void *p)
{
	(void)p;
	return MX_WHERE_UNKNOWN;
}

bool
sysSecureOS(void)
{
	return getuid() != geteuid() || getgid() != getegid();
}

/* UNPROVEN, and weak: AIX gives a program no random bytes without a system call,
 * so this is what another process can't see well: the time base, the stack.  */
uint64_t
sysRandomOS(void)
{
	struct timespec t = { 0, 0 };
	uint64_t word;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	word = (uint64_t)t.tv_nsec << 32 ^ (uint64_t)t.tv_sec ^
	    (uintptr_t)&word;
	word = (word ^ word >> 32) * 0x9e3779b97f4a7c15u;
	return word ^ word >> 29;
}

uint64_t
sysClockOS(void)
{
	struct timespec t;

	if (clock_gettime(CLOCK_MONOTONIC, &t) != 0)
		return 0;
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* There is no mremap.  */
int
sysMoveOS(void *new_, void *old, size_t n)
{
	(void)new_;
	(void)old;
	(void)n;
	return ENOSYS;
}

/* A pthread key, which is AIX's only hook.  One FN per process: it is the key's
 * destructor.  Not usable before libpthreads is up; the caller goes without. */
int
sysThreadExitOS(void (*fn)(void *), void *arg)
{
	static pthread_key_t key;
	static int state;       /* 0: no key, 1: being made, 2: made */
	int expected = 0;

	if (__atomic_compare_exchange_n(&state, &expected, 1, false,
	    __ATOMIC_ACQUIRE, __ATOMIC_ACQUIRE)) {
		int e = pthread_key_create(&key, fn);

		mx_store(&state, e == 0 ? 2 : 0, RELEASE);
		if (e != 0)
			return e;
	}
	if (mx_load(&state, ACQUIRE) != 2)
		return EAGAIN;
	return pthread_setspecific(key, arg);
}
