/* override_aix.c - the names by which AIX calls memaix.
 *
 * Owns: names.  Two sets, each the export list of one product: those of
 * MALLOCTYPE=user: (IBM, "User-defined malloc replacement"; libmemaix_user.sym),
 * by which libc calls a replacement, and the plain ones (libmemaix_aix.sym), which
 * LDR_PRELOAD64 and -lmemaix bring in front of libc's.
 *
 * malloc(0) is NULL on AIX and a block in programs built with
 * _LINUX_SOURCE_COMPAT, which reach us by the __linux_ names.
 *
 * UNPROVEN on AIX: see doc/aix.md.
 *
 * SPDX-License-Identifier: MIT  */

#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "api.h"
#include "conf.h"
#include "process.h"
#include "stats.h"

/* <stdlib.h> gives other names to what is defined here: malloc and calloc where
 * AltiVec is on, as in Open XL by default, and all four with
 * _LINUX_SOURCE_COMPAT (H53).  */
#undef malloc
#undef calloc
#undef realloc
#undef valloc
/* It tells legacy XL C by a pragma instead, and that can't be undone.  */
#if defined(__IBMC__) && !defined(__clang__) && \
    (defined(__VEC__) || defined(__AIXVEC))
# error "this compiler would rename malloc: build without -qaltivec"
#endif

/* What tests/aix believes of the system's headers (sources: doc/aix.md).  */
_Static_assert(offsetof(struct mallinfo, uordblks) == 3 * sizeof(long) + 16 &&
    offsetof(struct mallinfo, keepcost) == 5 * sizeof(long) + 16, "mallinfo");
_Static_assert(sizeof(struct mallinfo_heap) == 5 * sizeof(long),
    "mallinfo_heap");
_Static_assert(M_DISCLAIM == 5 && M_MALIGN == 6, "mallopt's commands");
_Static_assert(RTLD_MEMBER == 0x40000 && (intptr_t)RTLD_NEXT == -3, "RTLD_*");

/* The same function under several names, declared and defined in one go.  The build
 * hides what does not ask to be seen, and what is hidden no list exports.  */
#define DEFINE(type, name, parameters, body) \
	MX_EXPORT type name parameters; \
	MX_EXPORT type name parameters body

static void *
aix_malloc(size_t n)
{
	return n == 0 ? NULL : mx_malloc(n);
}

static void *
aix_calloc(size_t count, size_t size)
{
	return count == 0 || size == 0 ? NULL : mx_calloc(count, size);
}

/* AIX: realloc(P, 0) frees, answers NULL and says EINVAL.  */
static void *
aix_realloc(void *p, size_t n)
{
	if (n != 0)
		return mx_realloc(p, n);
	mx_free(p);
	errno = EINVAL;
	return NULL;
}

static int
aix_posix_memalign(void **out, size_t align, size_t n)
{
	if (n == 0) {
		*out = NULL;
		return 0;
	}
	return mx_posix_memalign(out, align, n);
}

static struct mallinfo
aix_mallinfo(void)
{
	struct memaix_stats st;
	struct mallinfo m = { 0 };

	mx_process_init();
	mx_stats_read(&st);
	m.arena = st.ready;
	m.ordblks = (int)st.spans;
	m.hblks = (int)st.large_blocks;
	m.uordblks = st.live;
	m.fordblks = st.caches + st.free_in_spans + st.dirty;
	return m;
}

/* There is one heap, 0.  The size of the largest free piece would take a walk.  */
static struct mallinfo_heap
aix_mallinfo_heap(int heap)
{
	struct memaix_stats st;
	struct mallinfo_heap m = { 0 };

	if (heap != 0)
		return m;
	mx_process_init();
	mx_stats_read(&st);
	m.acquired = st.ready;
	m.blks_alloc = st.spans + st.large_blocks;
	m.netalloc = st.live;
	m.bytes_free = st.caches + st.free_in_spans + st.dirty;
	return m;
}

/* 0: done, 1: not (IBM: malloc).  What picks one of libc's own allocators means
 * nothing here and does no harm.  */
static int
aix_mallopt(int what, int value)
{
	if (what == M_DISCLAIM)
		(void)mx_trim();
	return what == M_MALIGN && (value <= 0 || value > 16 ||
	    (value & (value - 1)) != 0);
}

/* ---- MALLOCTYPE=user: ---- */

DEFINE(void *, __malloc__, (size_t n), { return aix_malloc(n); })
DEFINE(void, __free__, (void *p), { mx_free(p); })
DEFINE(void *, __realloc__, (void *p, size_t n), { return aix_realloc(p, n); })
DEFINE(void *, __calloc__, (size_t count, size_t size),
    { return aix_calloc(count, size); })
DEFINE(int, __mallopt__, (int what, int value),
    { return aix_mallopt(what, value); })
DEFINE(struct mallinfo, __mallinfo__, (void), { return aix_mallinfo(); })
DEFINE(int, __posix_memalign__, (void **out, size_t align, size_t n),
    { return aix_posix_memalign(out, align, n); })

/* A foreign pointer is a block of libc's own heap, from a function that has no
 * hook, such as valloc; libc's free would bring it back to us.  It is forgotten,
 * and counted in the statistics as foreign.  */
static void
forget(void *p)
{
	(void)p;
}

static void *
forget_realloc(void *p, size_t n)
{
	(void)p;
	(void)n;
	errno = ENOMEM;
	return NULL;
}

static void
find_none(struct mx_api_next *next)
{
	next->free_ = forget;
	next->realloc_ = forget_realloc;
}

/* Called once, before any other; allocations may come before libpthreads is up,
 * so nothing here may need it.  */
DEFINE(void, __malloc_start__, (void), {
	mx_api_find_next = find_none;
	mx_process_init();
})

/* Whether the hook behind a fork is called in the parent only or in the child too
 * is not known; so a handler of libpthreads looks after the child as well, and
 * both find out where they are.  */
static pid_t forking;

static void
prefork(void)
{
	mx_process_fork_prepare();
	forking = getpid();
}

static void
postfork(void)
{
	pid_t before = forking;

	if (before == 0)
		return;
	forking = 0;
	if (before == getpid())
		mx_process_fork_parent();
	else
		mx_process_fork_child();
}

/* Called when libpthreads comes up: threads may have caches from here on.  */
DEFINE(void, __malloc_init__, (void), {
	mx_api_find_next = find_none;
	mx_process_start();
	(void)pthread_atfork(NULL, NULL, postfork);
	if (mx_conf.stats || mx_conf.stats_json)
		(void)atexit(mx_process_exit);
})

DEFINE(void, __malloc_prefork_lock__, (void), { prefork(); })
DEFINE(void, __malloc_postfork_unlock__, (void), { postfork(); })

/* ---- the plain names ---- */

MX_EXPORT void *
malloc(size_t n)
{
	return aix_malloc(n);
}

MX_EXPORT void
free(void *p)
{
	mx_free(p);
}

MX_EXPORT void *
calloc(size_t count, size_t size)
{
	return aix_calloc(count, size);
}

MX_EXPORT void *
realloc(void *p, size_t n)
{
	return aix_realloc(p, n);
}

MX_EXPORT int
posix_memalign(void **out, size_t align, size_t n)
{
	return aix_posix_memalign(out, align, n);
}

DEFINE(void *, aligned_alloc, (size_t align, size_t n),
    { return mx_aligned_alloc(align, n); })
DEFINE(void *, valloc, (size_t n), { return mx_valloc(n); })
DEFINE(struct mallinfo, mallinfo, (void), { return aix_mallinfo(); })
DEFINE(struct mallinfo_heap, mallinfo_heap, (int heap),
    { return aix_mallinfo_heap(heap); })
DEFINE(int, mallopt, (int what, int value),
    { return aix_mallopt(what, value); })

/* Open XL and AltiVec builds call these for malloc and calloc; our blocks are
 * aligned to 16 anyway.  */
DEFINE(void *, vec_malloc, (size_t n), { return aix_malloc(n); })
DEFINE(void *, vec_calloc, (size_t count, size_t size),
    { return aix_calloc(count, size); })

/* _LINUX_SOURCE_COMPAT */
DEFINE(void *, __linux_malloc, (size_t n), { return mx_malloc(n); })
DEFINE(void *, __linux_calloc, (size_t count, size_t size),
    { return mx_calloc(count, size); })
DEFINE(void *, __linux_realloc, (void *p, size_t n),
    { return mx_realloc(p, n); })
DEFINE(void *, __linux_valloc, (size_t n), { return mx_valloc(n); })

/* ---- start and end of the module, by the linker's -binitfini ---- */

/* libc's own calls stay libc's under LDR_PRELOAD64 (IBM, shared object and
 * runtime linking), so free meets its blocks.  Behind us in the order of loading
 * is libc; asked by its name where that finds nothing, or us.  */
static void *
libc_symbol(const char *name, const void *ours)
{
	void *v = dlsym(RTLD_NEXT, name);
	void *libc;

	if (v != NULL && v != ours)
		return v;
	libc = dlopen(sizeof(void *) == 8 ? "libc.a(shr_64.o)" :
	    "libc.a(shr.o)", RTLD_NOW | RTLD_MEMBER);
	v = libc == NULL ? NULL : dlsym(libc, name);
	return v == ours ? NULL : v;
}

static void
find_next(struct mx_api_next *next)
{
	*(void **)&next->free_ = libc_symbol("free", (void *)free);
	*(void **)&next->realloc_ = libc_symbol("realloc", (void *)realloc);
}

/* From the start, since a routine of another module may run before ours, and the
 * linker's may not run at all.  Under MALLOCTYPE __malloc_start__ comes first.  */
void (*mx_api_find_next)(struct mx_api_next *next) = find_next;

DEFINE(void, mx_override_start, (void), {
	(void)pthread_atfork(prefork, postfork, postfork);
	mx_process_start();
})

DEFINE(void, mx_override_end, (void), { mx_process_exit(); })
