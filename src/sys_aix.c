/* sys_aix.c - the primitives on AIX.  Contract: sys_os.h.
 *
 * Owns: the system calls, what probes at start found out about them, and the range
 * of the break that is ours.  Must not know: accounts, arenas.
 *
 * UNPROVEN: this file runs in tests/aix, against shims that do what is believed of
 * AIX; it has never run on AIX.  doc/aix.md says what each belief rests on.
 *
 * SPDX-License-Identifier: MIT  */

#include "sys_os.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/time.h>
#include <sys/vminfo.h>
#include <time.h>
#include <unistd.h>

/* What this file believes of the system's headers, checked wherever it is compiled
 * (sources: doc/aix.md).  */
_Static_assert(PROT_NONE == 0 && PROT_READ == 1 && PROT_WRITE == 2, "PROT_*");
_Static_assert(MAP_PRIVATE == 2 && MAP_ANONYMOUS == 0x10, "MAP_*");
_Static_assert(MAP_FIXED == 0x100, "MAP_FIXED");
_Static_assert(ENOMEM == 12 && EINVAL == 22 && EAGAIN == 11, "errno values");
_Static_assert(ENOSYS == 109 && ETIMEDOUT == 78 && ESRCH == 3, "errno values");
_Static_assert(EINTR == 4 && EFAULT == 14 && EBUSY == 16, "errno values");
_Static_assert(O_WRONLY == 1 && O_APPEND == 8 && O_CREAT == 0x100, "O_*");
_Static_assert(O_CLOEXEC == 0x800000 && F_DUPFD_CLOEXEC == 16, "O_CLOEXEC");
_Static_assert(CLOCK_MONOTONIC == 10 && CLOCK_REALTIME == 9, "CLOCK_*");
_Static_assert(sizeof(pthread_key_t) == 4 && sizeof(pthread_t) == 4, "threads");
_Static_assert(DISCLAIM_ZEROMEM == 1, "disclaim's flag");
_Static_assert(_SC_PAGESIZE == 48, "sysconf's number");
_Static_assert(VM_PAGE_INFO == 7, "vmgetinfo's command");
_Static_assert(sizeof(size_t) == sizeof(void *), "flat addresses");
_Static_assert(sizeof(struct vm_page_info) == 16, "vm_page_info");

/* From AIX 7.3 TL1 in <sys/mman.h> (OpenJDK, JDK-8334371); asked for at run time,
 * so that a library built before it finds it too.  */
#ifndef MAP_ANON_64K
# define MAP_ANON_64K 0x400
#endif
_Static_assert(MAP_ANON_64K == 0x400, "MAP_ANON_64K");

#define PAGE_4K         ((size_t)4 << 10)
#define PAGE_64K        ((size_t)64 << 10)
#define SCRATCH         (4 * PAGE_64K)

/* What was found out.  Written before the first reservation; what two threads
 * may both find is the same.  */
static struct {
	size_t page;            /* of the memory that sysReserveOS gives */
	int flags;              /* of its mmap */
	bool probed;
	bool disclaims;         /* disclaim64 takes such pages and zeroes them */
	bool replaces;          /* mapping over a mapping does (XPG_SUS_ENV=ON) */
	enum mx_source source;
} facts = { .flags = MAP_PRIVATE | MAP_ANONYMOUS };

/* What sbrk gave us lies between these; others' parts of it are not touched, since
 * the core asks for nothing outside of what it was given.  */
static uintptr_t break_low = UINTPTR_MAX, break_high;

static bool
is_break(const void *v)
{
	return (uintptr_t)v >= mx_load(&break_low, RELAXED) &&
	    (uintptr_t)v < mx_load(&break_high, RELAXED);
}

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
	void *v = mmap(hint, n, prot, facts.flags, -1, 0);

	return v == MAP_FAILED ? NULL : v;
}

/* ---- probes ---- */

/* The size of the page that holds V, which was touched; 4 KiB if the system does
 * not say.  */
static size_t
page_at(const void *v)
{
	struct vm_page_info info = { .addr = (uintptr_t)v };

	if (vmgetinfo(&info, VM_PAGE_INFO, (int)sizeof info) != 0 ||
	    info.pagesize < PAGE_4K || !mx_is_pow2(info.pagesize))
		return PAGE_4K;
	return info.pagesize;
}

static bool
is_resident(void *v, size_t n)
{
	size_t bytes = sysResidentOS(v, n);

	return bytes != SIZE_MAX && bytes > 0;
}

/* IBM documents disclaim for data, stack and shared memory; for mmap the sources
 * disagree, so what it says is believed only if the bytes are gone, and the frames
 * too where mincore tells of such pages.  */
static bool
probe_disclaim(volatile char *v, size_t n)
{
	void *page = (void *)(uintptr_t)v;
	bool tells;

	v[0] = 1;
	v[n - 1] = 1;
	tells = is_resident(page, n);
	if (disclaim64(page, n, DISCLAIM_ZEROMEM) != 0 ||
	    (tells && is_resident(page, n)))
		return false;
	return v[0] == 0 && v[n - 1] == 0;
}

static bool
replace(void *v, size_t n)
{
	return mmap(v, n, PROT_READ | PROT_WRITE, facts.flags | MAP_FIXED, -1,
	    0) == v;
}

static void
probe(void)
{
	char *v = map_anonymous(NULL, SCRATCH, PROT_READ | PROT_WRITE);
	char *mid;

	facts.page = PAGE_4K;
	facts.probed = true;
	if (v == NULL)
		return;
	mid = (char *)mx_align_up((uintptr_t)v + 1, PAGE_64K);
	*mid = 1;
	facts.page = mx_min(page_at(mid), PAGE_64K);
	facts.disclaims = probe_disclaim(mid, facts.page);
	*mid = 1;
	facts.replaces = replace(mid, facts.page) && *mid == 0;
	(void)munmap(v, SCRATCH);
}

/* MAP_ANON_64K is believed if a page is then as large; OpenJDK asks the same way,
 * of shared memory.  */
static int
use_large_mappings(void)
{
	int flags = facts.flags;

	facts.flags |= MAP_ANON_64K;
	probe();
	if (facts.page >= PAGE_64K)
		return 0;
	facts.flags = flags;
	probe();
	return ENOSYS;
}

/* The page size of the break is that of DATAPSIZE (IBM: multiple page size
 * support), and disclaim is documented for it.  */
static int
use_break(void)
{
	volatile char *v = sbrk((intptr_t)PAGE_64K);

	if (v == (void *)-1)
		return ENOMEM;
	v[PAGE_64K - 1] = 1;
	facts.page = mx_min(page_at((void *)(uintptr_t)(v + PAGE_64K - 1)),
	    PAGE_64K);
	facts.source = MX_SOURCE_BREAK;
	return 0;
}

int
sysSourceOS(enum mx_source source)
{
	if (!facts.probed)
		probe();
	switch (source) {
	case MX_SOURCE_LARGE:
		return facts.page >= PAGE_64K ? 0 : use_large_mappings();
	case MX_SOURCE_BREAK:
		return use_break();
	default:
		return 0;
	}
}

/* ---- edges ---- */

static void
widen(uintptr_t from, uintptr_t to)
{
	mx_store(&break_low, mx_min(break_low, from), RELAXED);
	mx_store(&break_high, mx_max(break_high, to), RELAXED);
}

/* The program may move the break too, so each answer stands for itself; what is
 * lost to alignment is less than a page.  NULL: the limit on data.  */
static void *
take_break(size_t n)
{
	size_t page = facts.page;
	char *v;

	if (n > PTRDIFF_MAX - page)
		return NULL;
	v = sbrk((intptr_t)(n + page));
	if (v == (void *)-1)
		return NULL;
	v = (char *)mx_align_up((uintptr_t)v, page);
	widen((uintptr_t)v, (uintptr_t)v + n);
	return v;
}

/* Hints are ignored in practice (truss in nodejs/help 4083); the caller compares
 * anyway.  Addresses are multiples of 4 KiB even with larger pages (OpenJDK).  */
void *
sysReserveOS(void *hint, size_t n)
{
	size_t more = facts.page > PAGE_4K ? facts.page : 0;
	void *v = facts.source == MX_SOURCE_BREAK ? take_break(n) : NULL;

	if (v != NULL)
		return v;
	if (n > SIZE_MAX - more) {
		errno = ENOMEM;
		return NULL;
	}
	v = map_anonymous(hint, n + more, PROT_NONE);
	return v == NULL ? NULL :
	    (void *)mx_align_up((uintptr_t)v, mx_max(facts.page, 1));
}

/* Mapping over a mapping fails with ENOMEM unless XPG_SUS_ENV=ON was set at
 * exec, so the protection is changed instead; that of the break can't be.  */
int
sysMapOS(void *v, size_t n)
{
	if (is_break(v))
		return 0;
	return mprotect(v, n, PROT_READ | PROT_WRITE) == 0 ? 0 : errno;
}

int
sysUsedOS(void *v, size_t n)
{
	(void)v;
	(void)n;
	return 0;
}

/* madvise does nothing on AIX, so it is not called: success would be a lie.  */
enum mx_release
sysUnusedOS(void *v, size_t n)
{
	bool done = false;

	if (!round_inward(&v, &n, sysPageSizeOS()))
		return MX_RELEASE_KEPT;
	if (facts.disclaims || is_break(v))
		done = disclaim64(v, n, DISCLAIM_ZEROMEM) == 0;
	else if (facts.replaces)
		done = replace(v, n);
	return done ? MX_RELEASE_ZERO : MX_RELEASE_KEPT;
}

/* Larger pages for a range that is there already go by vm_pattr, whose structures
 * no source at hand spells out: not used until they are.  For 64 KiB from the
 * start see sysSourceOS.  */
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

const uint32_t *
sysOriginOS(void)
{
	return NULL;
}

/* Works on mmap memory; the pages stay until they are unmapped.  */
int
sysFaultOS(void *v, size_t n)
{
	return mprotect(v, n, PROT_NONE) == 0 ? 0 : errno;
}

/* What lies below the break's end can't be given back, but its pages can.  */
int
sysFreeOS(void *v, size_t n)
{
	if (!round_inward(&v, &n, sysPageSizeOS()))
		return 0;
	if (is_break(v)) {
		(void)disclaim64(v, n, DISCLAIM_ZEROMEM);
		return EINVAL;
	}
	return munmap(v, n) == 0 ? 0 : errno;
}

/* Records: never given back, so always mapped.  */
void *
sysAllocOS(size_t n)
{
	return map_anonymous(NULL, n, PROT_READ | PROT_WRITE);
}

/* ---- facts ---- */

size_t
sysPageSizeOS(void)
{
	if (!facts.probed)
		probe();
	return facts.page;
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

/* mincore's vector has one byte per 4 KiB page, whatever the page size.  */
size_t
sysResidentOS(void *v, size_t n)
{
	char vec[1024];
	size_t resident = 0;

	for (char *p = v; n > 0; p += sizeof vec * PAGE_4K) {
		size_t part = mx_min(n, sizeof vec * PAGE_4K);

		if (mincore(p, part, vec) != 0)
			return SIZE_MAX;
		for (size_t i = 0; i < part / PAGE_4K; i++)
			resident += (size_t)(vec[i] & 1) * PAGE_4K;
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

void
sysGrantOS(struct mx_grant *g)
{
	g->memory = g->processors = 0;
}

int
sysEnvironOS(const char *name, char *text, size_t n)
{
	(void)name;
	(void)text;
	(void)n;
	return -1;
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
sysNanosOS(void)
{
	struct timespec t;

	if (clock_gettime(CLOCK_MONOTONIC, &t) != 0)
		return 0;
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

uint64_t
sysClockOS(void)
{
	return sysNanosOS() / 1000000;
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

/* Where the cache lies in native thread-local storage, a pthread key sees the
 * thread's end.  One FN per process: it is the key's destructor.  */
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
