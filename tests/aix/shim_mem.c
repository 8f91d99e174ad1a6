/* shim_mem.c - AIX's memory calls, as doc/aix.md believes them to be.
 *
 * Owns: the list of mappings, without which "is something mapped there" has no
 * answer; and the break.
 *
 * SPDX-License-Identifier: MIT  */

#include "xload.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* AIX's numbers: H53/mman.h, rustlibc; the last: OpenJDK, JDK-8334371.  */
#define AIX_MAP_SHARED  0x1
#define AIX_MAP_PRIVATE 0x2
#define AIX_MAP_ANON    0x10
#define AIX_MAP_FIXED   0x100
#define AIX_MAP_ANON_64K 0x400

#define PAGE            4096u           /* sysconf says so always: OpenJDK */
#define PAGE_64K        65536u

/* Where truss shows the break (nodejs/help 4083).  */
#define BREAK_AT        ((char *)0x110000000)
#define BREAK_ROOM      ((size_t)1 << 32)

#define MOST_MAPPINGS   20000

static struct mapping {
	uintptr_t from, to;
	bool is_64k;
} mappings[MOST_MAPPINGS];
static size_t n_mappings;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static size_t break_used, break_mapped;

static unsigned long count_mmap, count_fixed_refused, count_madvise,
    count_disclaim;

static int
fail(int e)
{
	errno = e;
	return -1;
}

static bool
overlaps(uintptr_t from, uintptr_t to)
{
	for (size_t i = 0; i < n_mappings; i++)
		if (mappings[i].from < to && from < mappings[i].to)
			return true;
	return false;
}

static void
add_mapping(uintptr_t from, uintptr_t to, bool is_64k)
{
	if (n_mappings == MOST_MAPPINGS)
		rig_die("too many mappings");
	mappings[n_mappings++] = (struct mapping){ from, to, is_64k };
}

static void
remove_mapping(uintptr_t from, uintptr_t to)
{
	for (size_t i = 0; i < n_mappings; ) {
		struct mapping m = mappings[i];

		if (m.from >= to || from >= m.to) {
			i++;
			continue;
		}
		mappings[i] = mappings[--n_mappings];
		if (m.from < from)
			add_mapping(m.from, from, m.is_64k);
		if (to < m.to)
			add_mapping(to, m.to, m.is_64k);
	}
}

static size_t
page_at(uintptr_t p)
{
	if (p - (uintptr_t)BREAK_AT < BREAK_ROOM)
		return PAGE;
	for (size_t i = 0; i < n_mappings; i++)
		if (p >= mappings[i].from && p < mappings[i].to)
			return mappings[i].is_64k ? PAGE_64K : PAGE;
	return rig.page_64k ? PAGE_64K : PAGE;
}

static bool
in_break(const void *v)
{
	return (uintptr_t)v - (uintptr_t)BREAK_AT < BREAK_ROOM;
}

static size_t
total_mapped(void)
{
	size_t n = 0;

	for (size_t i = 0; i < n_mappings; i++)
		n += mappings[i].to - mappings[i].from;
	return n;
}

/* Hints are not honoured (truss in nodejs/help 4083).  MAP_FIXED over a mapping
 * fails with ENOMEM (bdwgc issue 285, OpenJDK, V8) unless XPG_SUS_ENV=ON was set
 * at exec (OpenJDK, IBM: mmap).  */
static void *
aix_mmap(void *hint, size_t n, int prot, int flags, int fd, off_t off)
{
	bool fixed = flags & AIX_MAP_FIXED;
	int native = flags & (AIX_MAP_SHARED | AIX_MAP_PRIVATE);
	bool is_64k = rig.page_64k || ((flags & AIX_MAP_ANON_64K) &&
	    !rig.map_64k_small);
	uintptr_t at = (uintptr_t)hint;
	size_t whole = (n + PAGE - 1) & ~(size_t)(PAGE - 1);
	void *v;

	if (n == 0 || (fixed && at % PAGE != 0) ||
	    ((flags & AIX_MAP_ANON_64K) && !rig.map_64k)) {
		errno = EINVAL;
		return MAP_FAILED;
	}
	if (flags & (AIX_MAP_ANON | AIX_MAP_ANON_64K))
		native |= MAP_ANONYMOUS | MAP_NORESERVE;
	pthread_mutex_lock(&lock);
	count_mmap++;
	if (fixed && !rig.sus && (overlaps(at, at + whole) ||
	    in_break(hint))) {
		count_fixed_refused++;
		pthread_mutex_unlock(&lock);
		errno = ENOMEM;
		return MAP_FAILED;
	}
	if (rig.limit_maps && total_mapped() + whole > rig.data_limit) {
		pthread_mutex_unlock(&lock);
		errno = ENOMEM;
		return MAP_FAILED;
	}
	v = mmap(fixed ? hint : NULL, n, prot, native |
	    (fixed ? MAP_FIXED : 0), fd, off);
	if (v != MAP_FAILED) {
		at = (uintptr_t)v;
		remove_mapping(at, at + whole);
		add_mapping(at, at + whole, is_64k);
	} else {
		errno = rig_errno(errno);
	}
	pthread_mutex_unlock(&lock);
	return v;
}

/* Of a part too (truss in nodejs/help 4083).  */
static int
aix_munmap(void *v, size_t n)
{
	int r;

	if ((uintptr_t)v % PAGE != 0 || n == 0)
		return fail(EINVAL);
	pthread_mutex_lock(&lock);
	r = munmap(v, n);
	if (r == 0)
		remove_mapping((uintptr_t)v, (uintptr_t)v + n);
	pthread_mutex_unlock(&lock);
	return r == 0 ? 0 : fail(rig_errno(errno));
}

/* Works on mmap memory (Go, IBM: mprotect), not on the break's (gnulib; whether it
 * then answers EINVAL is not known: rig.break_mprotect).  */
static int
aix_mprotect(void *v, size_t n, int prot)
{
	uintptr_t from = (uintptr_t)v;
	uintptr_t to = from + n;
	size_t page;

	if ((uintptr_t)v % PAGE != 0)
		return fail(EINVAL);
	if (in_break(v))
		return rig.break_mprotect ? 0 : fail(EINVAL);
	pthread_mutex_lock(&lock);
	page = page_at((uintptr_t)v);
	pthread_mutex_unlock(&lock);
	/* Protection can be no finer than pages: belief.  */
	from &= ~(page - 1);
	to = (to + page - 1) & ~(page - 1);
	if ((from != (uintptr_t)v || to - from != n) && !rig.mprotect_whole)
		return fail(EINVAL);
	return mprotect((void *)from, to - from, prot) == 0 ? 0 :
	    fail(rig_errno(errno));
}

/* Has no function, and says so to nobody (IBM: madvise; OMR).  */
static int
aix_madvise(void *v, size_t n, int advice)
{
	(void)v;
	(void)n;
	(void)advice;
	__atomic_add_fetch(&count_madvise, 1, __ATOMIC_RELAXED);
	return 0;
}

static size_t
resident(uintptr_t from, uintptr_t to)
{
	unsigned char vec[4096];
	size_t n = 0;

	/* The emulator counts by 4 KiB, whatever -p says.  */
	for (; from < to; from += sizeof vec * PAGE) {
		size_t pages = (to - from + PAGE - 1) / PAGE;

		pages = pages < sizeof vec ? pages : sizeof vec;
		if (mincore((void *)from, pages * PAGE, vec) != 0)
			continue;
		for (size_t i = 0; i < pages; i++)
			n += (vec[i] & 1) * PAGE;
	}
	return n;
}

/* Let the kernel try, since the answer must not be a signal.  */
static bool
is_writable(char *p)
{
	int fd[2];
	bool good;

	if (pipe(fd) != 0)
		rig_die("no pipe");
	good = write(fd[1], p, 1) == 1 && read(fd[0], p, 1) == 1;
	close(fd[0]);
	close(fd[1]);
	return good;
}

/* Documented for data, stack and shared memory (IBM: disclaim); OMR relies on it
 * for the break.  What it does to private mappings nobody says: rig.disclaim.
 * What happens to a page that is in the range in part is not known either: it is
 * lost, the worst that can be, or all is refused.  */
static int
aix_disclaim64(void *v, size_t n, unsigned long flag)
{
	uintptr_t from = (uintptr_t)v;
	uintptr_t to = from + n;
	size_t page;
	char *p;

	__atomic_add_fetch(&count_disclaim, 1, __ATOMIC_RELAXED);
	if (flag != 1)
		return fail(EINVAL);
	if (n == 0 || !is_writable(v) || !is_writable((char *)v + n - 1))
		return fail(EFAULT);
	if (!in_break(v) && rig.disclaim == DISCLAIM_FAILS)
		return fail(EINVAL);
	if (!in_break(v) && rig.disclaim == DISCLAIM_LIES)
		return 0;
	pthread_mutex_lock(&lock);
	page = page_at(from);
	pthread_mutex_unlock(&lock);
	if (rig.part_refused && (from % page != 0 || n % page != 0))
		return fail(EINVAL);
	from &= ~(page - 1);
	to = (to + page - 1) & ~(page - 1);
	p = (char *)from;
	if (!in_break(v) && rig.disclaim == DISCLAIM_ZEROES) {
		memset(p, 0, to - from);
		return 0;
	}
	/* Where this system's pages are larger, it does nothing to a part.  */
	(void)madvise(p, to - from, MADV_DONTNEED);
	for (; from < to; from += PAGE)
		if (resident(from, from + PAGE) != 0)
			memset((void *)from, 0, PAGE);
	return 0;
}

static int
aix_disclaim(char *v, unsigned n, unsigned flag)
{
	return aix_disclaim64(v, n, flag);
}

/* One byte for 4 KiB (gnulib).  */
static int
aix_mincore(char *v, size_t n, char *vec)
{
	if (rig.mincore == MINCORE_FAILS)
		return fail(EINVAL);
	if (mincore(v, n, (unsigned char *)vec) != 0)
		return fail(rig_errno(errno));
	if (rig.mincore == MINCORE_ALL)
		memset(vec, 1, (n + PAGE - 1) / PAGE);
	return 0;
}

/* H53/vminfo.h: VM_PAGE_INFO 7, VMINFO_GETPSIZES 102.  */
static int
aix_vmgetinfo(void *out, int what, int arg)
{
	struct { uint64_t address, size; } *info = out;
	uint64_t *sizes = out;

	if (rig.no_vmgetinfo)
		return fail(rig_errno(ENOSYS));
	if (what == 7 && arg == (int)sizeof *info) {
		pthread_mutex_lock(&lock);
		info->size = page_at(info->address);
		pthread_mutex_unlock(&lock);
		return 0;
	}
	if (what == 102) {
		for (int i = 0; i < 2 && i < arg; i++)
			sizes[i] = i == 0 ? PAGE : PAGE_64K;
		return 2;
	}
	return fail(EINVAL);
}

/* The limit on data holds here (gnulib get-rusage-data.c).  */
static void *
aix_sbrk(intptr_t n)
{
	char *old;
	size_t want;

	pthread_mutex_lock(&lock);
	if (break_mapped == 0 && mmap(BREAK_AT, BREAK_ROOM, PROT_NONE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) !=
	    BREAK_AT)
		rig_die("no room for the break");
	break_mapped = 1;
	old = BREAK_AT + break_used;
	want = break_used + (size_t)n;
	if (want > BREAK_ROOM ||
	    (rig.data_limit != 0 && want > rig.data_limit)) {
		pthread_mutex_unlock(&lock);
		errno = ENOMEM;
		return (void *)-1;
	}
	if (n > 0)
		mprotect(BREAK_AT, (want + 0xffff) & ~(size_t)0xffff,
		    PROT_READ | PROT_WRITE);
	break_used = want;
	pthread_mutex_unlock(&lock);
	return old;
}

static int
aix_brk(void *v)
{
	char *now = aix_sbrk(0);

	return aix_sbrk((char *)v - now) == (void *)-1 ? -1 : 0;
}

size_t
shim_mem_resident(void)
{
	size_t n = 0;

	pthread_mutex_lock(&lock);
	for (size_t i = 0; i < n_mappings; i++)
		n += resident(mappings[i].from, mappings[i].to);
	n += resident((uintptr_t)BREAK_AT, (uintptr_t)BREAK_AT + break_used);
	pthread_mutex_unlock(&lock);
	return n;
}

/* What the rig saw: for tests.  */
static unsigned long
rig_count(const char *what)
{
	return strcmp(what, "mmap") == 0 ? count_mmap :
	    strcmp(what, "fixed") == 0 ? count_fixed_refused :
	    strcmp(what, "madvise") == 0 ? count_madvise :
	    strcmp(what, "disclaim") == 0 ? count_disclaim : 0;
}

void
shim_mem_fork(bool before)
{
	if (before)
		pthread_mutex_lock(&lock);
	else
		pthread_mutex_unlock(&lock);
}

const struct shim shim_mem[] = {
	SHIM_AS("libc.a", mmap, aix_mmap),
	SHIM_AS("libc.a", munmap, aix_munmap),
	SHIM_AS("libc.a", mprotect, aix_mprotect),
	SHIM_AS("libc.a", madvise, aix_madvise),
	SHIM_AS("libc.a", mincore, aix_mincore),
	SHIM_AS("libc.a", disclaim, aix_disclaim),
	SHIM_AS("libc.a", disclaim64, aix_disclaim64),
	SHIM_AS("libc.a", vmgetinfo, aix_vmgetinfo),
	SHIM_AS("libc.a", sbrk, aix_sbrk),
	SHIM_AS("libc.a", brk, aix_brk),
	SHIM("rig.a", rig_count),
	{ NULL, NULL, NULL }
};
