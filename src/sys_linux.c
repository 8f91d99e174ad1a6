/* sys_linux.c - the nine primitives on Linux.  Contract: sys_os.h.
 *
 * Owns: nothing but the system calls.  Must not know: accounts, arenas.
 *
 * SPDX-License-Identifier: MIT  */

#include "sys_os.h"
#include "usage.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* The part of [*V, *V + *N) that is made of whole pages of size PAGE.  */
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

static void *
map_anonymous(void *hint, size_t n, int prot, int flags)
{
	void *v = mmap(hint, n, prot, MAP_PRIVATE | MAP_ANONYMOUS | flags,
	    -1, 0);

	return v == MAP_FAILED ? NULL : v;
}

void *
sysReserveOS(void *hint, size_t n)
{
	return map_anonymous(hint, n, PROT_NONE, MAP_NORESERVE);
}

int
sysMapOS(void *v, size_t n)
{
	return mprotect(v, n, PROT_READ | PROT_WRITE) == 0 ? 0 : errno;
}

/* Linux 4.14.  */
#ifndef MADV_WIPEONFORK
# define MADV_WIPEONFORK 18
#endif

const uint32_t *
sysOriginOS(void)
{
	static uint32_t *word;
	size_t n = sysPageSizeOS();
	int saved = errno;

	if (word == NULL) {
		uint32_t *v = map_anonymous(NULL, n, PROT_READ | PROT_WRITE,
		    0);

		if (v != NULL && madvise(v, n, MADV_WIPEONFORK) != 0) {
			(void)munmap(v, n);
			v = NULL;
		}
		word = v;
	}
	if (word != NULL)
		mx_store(word, 1, RELAXED);
	errno = saved;
	return word;
}

/* Linux backs the page at the first touch.  */
int
sysUsedOS(void *v, size_t n)
{
	(void)v;
	(void)n;
	return 0;
}

/* DONTNEED and not FREE: with MADV_FREE the pages still count as resident until
 * the kernel is short, which users take for a leak.  */
enum mx_release
sysUnusedOS(void *v, size_t n)
{
	if (!round_inward(&v, &n, sysPageSizeOS()))
		return MX_RELEASE_KEPT;
	return madvise(v, n, MADV_DONTNEED) == 0 ? MX_RELEASE_ZERO :
	    MX_RELEASE_KEPT;
}

enum mx_huge
sysHugePageOS(void *v, size_t n)
{
	static size_t known;    /* what /sys said, and 1 */
	size_t huge = mx_load(&known, RELAXED);

	if (huge == 0) {
		huge = sysHugeSizeOS() + 1;
		mx_store(&known, huge, RELAXED);
	}
	huge--;
	if (huge == 0 || !round_inward(&v, &n, huge))
		return MX_HUGE_UNSUPPORTED;
	return madvise(v, n, MADV_HUGEPAGE) == 0 ? MX_HUGE_HINTED :
	    MX_HUGE_UNSUPPORTED;
}

/* Without a look at /sys: a kernel that has none says so.  */
enum mx_huge
sysNoHugePageOS(void *v, size_t n)
{
	return round_inward(&v, &n, sysPageSizeOS()) &&
	    madvise(v, n, MADV_NOHUGEPAGE) == 0 ? MX_HUGE_HINTED :
	    MX_HUGE_UNSUPPORTED;
}

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
	return map_anonymous(NULL, n, PROT_READ | PROT_WRITE, 0);
}

int
sysSourceOS(enum mx_source source)
{
	return source == MX_SOURCE_MAP ? 0 : ENOSYS;
}

size_t
sysPageSizeOS(void)
{
	/* The auxiliary vector: no system call, and valid before libc is.  */
	return getauxval(AT_PAGESZ);
}

/* First line of a small file of the kernel's; the length, 0 if unreadable.  The heap
 * lock may be held, so that the thread must not be cancelled here.  */
static size_t
read_line(const char *path, char *buf, size_t size)
{
	ssize_t n = 0;
	int state, fd;

	(void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		n = read(fd, buf, size - 1);
		close(fd);
	}
	(void)pthread_setcancelstate(state, &state);
	if (n <= 0)
		return 0;
	buf[n] = '\0';
	return (size_t)n;
}

size_t
sysHugeSizeOS(void)
{
	char text[64];
	size_t size = 0;

	if (read_line("/sys/kernel/mm/transparent_hugepage/enabled", text,
	    sizeof text) == 0 || strstr(text, "[never]") != NULL)
		return 0;
	if (read_line("/sys/kernel/mm/transparent_hugepage/hpage_pmd_size",
	    text, sizeof text) == 0)
		return 0;
	for (const char *p = text; *p >= '0' && *p <= '9'; p++)
		size = size * 10 + (size_t)(*p - '0');
	return mx_is_pow2(size) ? size : 0;
}

size_t
sysLimitOS(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_AS, &r) != 0 || r.rlim_cur == RLIM_INFINITY)
		return SIZE_MAX;
	return (size_t)r.rlim_cur;
}

size_t
sysResidentOS(void *v, size_t n)
{
	/* Room for a byte per 4 KiB whatever the page: an emulator that thinks
	 * in its host's pages (qemu-user) writes that many.  */
	unsigned char vec[2048];
	size_t page = sysPageSizeOS();
	size_t step = sizeof vec * 4096;
	size_t resident = 0;

	for (char *p = v; n > 0; p += step) {
		size_t part = mx_min(n, step);

		if (mincore(p, part, vec) != 0)
			return SIZE_MAX;
		for (size_t i = 0; i < part / page; i++)
			resident += (vec[i] & 1) * page;
		n -= part;
	}
	return resident;
}

/* Where the first thread's stack ends, by a name of the dynamic loader's.  */
extern void *__libc_stack_end __attribute__((weak));

/* The kernel puts no mapping nearer to that end unless it is told an address.  */
#define FIRST_STACK     (128 * MX_MIB)

/* glibc 2.35; looks an object up without a lock.  */
struct dl_find_object;
extern int _dl_find_object(void *, struct dl_find_object *)
    __attribute__((weak));

/* Asks for memory, so it is called only where little else speaks against it.  */
static bool
on_thread_stack(uintptr_t p, uintptr_t frame)
{
	pthread_attr_t attr;
	void *v;
	size_t n;
	bool is;

	/* glibc keeps a thread's descriptor, which this points to, above its
	 * stack.  */
	if (p >= (uintptr_t)pthread_self() ||
	    pthread_getattr_np(pthread_self(), &attr) != 0)
		return false;
	is = pthread_attr_getstack(&attr, &v, &n) == 0 &&
	    frame - (uintptr_t)v < n && p - (uintptr_t)v < n;
	(void)pthread_attr_destroy(&attr);
	return is;
}

/* Code can run on stacks of the program's making: coroutines, signal handlers.  What
 * lies above these is anything.  */
static bool
on_stack(uintptr_t p)
{
	uintptr_t frame = (uintptr_t)__builtin_frame_address(0);
	uintptr_t end = &__libc_stack_end == NULL ? 0 :
	    (uintptr_t)__libc_stack_end;

	if (p < frame)
		return false;
	return end - frame < FIRST_STACK ? p < end :
	    on_thread_stack(p, frame);
}

enum mx_where
sysWhereOS(const void *p)
{
	uintptr_t page = mx_align_down((uintptr_t)p, sysPageSizeOS());
	uint64_t found[32];             /* struct dl_find_object is 64 bytes */
	unsigned char vec[16];
	int saved = errno;
	bool is = on_stack((uintptr_t)p);

	errno = saved;
	if (is)
		return MX_WHERE_STACK;
	if (_dl_find_object != NULL && _dl_find_object((void *)(uintptr_t)p,
	    (struct dl_find_object *)(void *)found) == 0)
		return MX_WHERE_STATIC;
	is = mincore((void *)page, 1, vec) != 0 &&
	    (errno == ENOMEM || errno == EINVAL);
	errno = saved;
	return is ? MX_WHERE_UNMAPPED : MX_WHERE_UNKNOWN;
}

/* Asked by malloc and free, which a cancelled thread must not leave half way.  */
void
sysGrantOS(struct mx_grant *g)
{
	cpu_set_t set;
	int state;

	(void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	mx_usage_grant("/proc/self/cgroup", "/sys/fs/cgroup", &g->memory,
	    &g->processors);
	(void)pthread_setcancelstate(state, &state);
	if (sched_getaffinity(0, sizeof set, &set) == 0) {
		size_t n = (size_t)CPU_COUNT(&set);

		if (g->processors == 0 || n < g->processors)
			g->processors = n;
	}
}

bool
sysSecureOS(void)
{
	return getauxval(AT_SECURE) != 0;
}

/* The byte C of the environment comes next.  True: TEXT is whole.  */
static bool
match_next(const char *name, char *text, size_t n, size_t *at, char c)
{
	size_t key = strlen(name);

	if (*at == SIZE_MAX) {                  /* another variable */
		if (c == '\0')
			*at = 0;
	} else if (*at < key) {
		*at = name[*at] == c ? *at + 1 : c == '\0' ? 0 : SIZE_MAX;
	} else {
		text[*at - key] = c;
		if (c == '\0')
			return true;
		*at = *at - key == n ? SIZE_MAX : *at + 1;
	}
	return false;
}

int
sysEnvironOS(const char *name, char *text, size_t n)
{
	int saved = errno;
	int fd = open("/proc/self/environ", O_RDONLY | O_CLOEXEC);
	size_t at = 0;
	char part[512];
	ssize_t got = 0;
	int found = 0;

	while (fd >= 0 && found == 0 &&
	    (got = read(fd, part, sizeof part)) > 0)
		for (ssize_t i = 0; i < got && found == 0; i++)
			found = match_next(name, text, n, &at, part[i]);
	if (fd < 0 || got < 0)
		found = -1;
	if (fd >= 0)
		close(fd);
	errno = saved;
	return found;
}

/* The kernel puts 16 random bytes into each new program; libc uses them as they
 * are for its own secrets, so they are mixed here.  */
uint64_t
sysRandomOS(void)
{
	const char *bytes = (const char *)getauxval(AT_RANDOM);
	uint64_t word[2] = { 0, 0 };

	if (bytes != NULL)
		memcpy(word, bytes, sizeof word);
	word[0] ^= (uintptr_t)&word;
	word[0] = (word[0] ^ word[0] >> 32) * 0x9e3779b97f4a7c15u;
	word[1] = (word[1] ^ word[1] >> 29) * 0xbf58476d1ce4e5b9u;
	return word[0] ^ (word[1] << 32 | word[1] >> 32);
}

uint64_t
sysClockOS(void)
{
	struct timespec t;

	/* Coarse: the vDSO reads one word, no time-stamp counter.  */
	if (clock_gettime(CLOCK_MONOTONIC_COARSE, &t) != 0)
		return 0;
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

uint64_t
sysNanosOS(void)
{
	struct timespec t;

	if (clock_gettime(CLOCK_MONOTONIC, &t) != 0)
		return 0;
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

int
sysMoveOS(void *new_, void *old, size_t n)
{
#ifdef MREMAP_DONTUNMAP
	/* In two steps, by way of a place that the kernel chooses.  Straight to
	 * NEW, a range of several mappings (a fork and a program's madvise make
	 * such) is moved piece by piece since Linux 6.17, and left half moved
	 * when the kernel gives up between two; before that NEW is unmapped
	 * before the kernel notices.  The first step does all or nothing.
	 * DONTUNMAP (Linux 5.7) leaves the old range mapped and empty, so there
	 * is no moment at which another thread could map into a hole.  */
	void *way = mremap(old, n, n, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL);
	int e;

	if (way == MAP_FAILED)
		return errno == EFAULT ? ENOMEM : errno;
	if (mremap(way, n, n, MREMAP_MAYMOVE | MREMAP_FIXED, new_) !=
	    MAP_FAILED)
		return 0;
	e = errno;
	memcpy(old, way, n);
	(void)munmap(way, n);
	/* The kernel may have unmapped NEW, and another thread may have mapped
	 * something there since: only what can be mapped now is ours.  */
	if (mmap(new_, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS |
	    MAP_FIXED_NOREPLACE, -1, 0) == new_)
		return e == EFAULT ? ENOMEM : e;
	return EFAULT;
#else
	(void)new_;
	(void)old;
	(void)n;
	return ENOSYS;
#endif
}

/* A pthread key would be one of the program's 1024, and its destructor can run
 * before those that still call free.  glibc's hook for C++ thread locals
 * costs the program nothing.  */
#ifdef PIC
# define MAYBE __attribute__((weak))
#else
# define MAYBE          /* a weak name brings nothing in from libc.a */
#endif
extern int __cxa_thread_atexit_impl(void (*)(void *), void *, void *) MAYBE;
extern void *__dso_handle;

int
sysThreadExitOS(void (*fn)(void *), void *arg)
{
#ifdef PIC
	if (__cxa_thread_atexit_impl == NULL)
		return ENOSYS;
#endif
	return __cxa_thread_atexit_impl(fn, arg, &__dso_handle) == 0 ? 0 :
	    ENOMEM;
}
