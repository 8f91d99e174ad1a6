/* override_aix.c - the names by which AIX calls memaix.
 *
 * Owns: names.  Two sets: those of MALLOCTYPE=user: (IBM, "User-defined malloc
 * replacement"), by which libc calls a replacement, and the plain ones, which
 * LDR_PRELOAD64 and -lmemaix bring in front of libc's.
 *
 * malloc(0) is NULL on AIX and a block in programs built with
 * _LINUX_SOURCE_COMPAT, which reach us by the __linux_ names.
 *
 * UNPROVEN on AIX: see doc/aix.md.  Not there yet: mallinfo_heap, vec_valloc.
 *
 * SPDX-License-Identifier: MIT  */

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <unistd.h>

#include "api.h"
#include "process.h"
#include "stats.h"

/* The same function under several names, declared and defined in one go.  */
#define DEFINE(type, name, parameters, body) \
	type name parameters; \
	type name parameters body

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

static int
aix_mallopt(int what, int value)
{
	(void)value;
#ifdef M_DISCLAIM
	if (what == M_DISCLAIM)
		(void)mx_trim();
#endif
	(void)what;
	return 0;
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

/* Called once, before any other; allocations may come before libpthreads is up,
 * so nothing here may need it.  */
DEFINE(void, __malloc_start__, (void), { mx_process_init(); })

/* Called when libpthreads comes up: threads' ends can be watched from here on. */
DEFINE(void, __malloc_init__, (void), { mx_process_start(); })

/* Whether the second is called in the parent only or in the child too is not
 * known, so it finds out which of them it is in.  */
static pid_t forking;

DEFINE(void, __malloc_prefork_lock__, (void), {
	mx_process_fork_prepare();
	forking = getpid();
})

DEFINE(void, __malloc_postfork_unlock__, (void), {
	if (forking == getpid())
		mx_process_fork_parent();
	else
		mx_process_fork_child();
})

/* ---- the plain names ---- */

void *
malloc(size_t n)
{
	return aix_malloc(n);
}

void
free(void *p)
{
	mx_free(p);
}

void *
calloc(size_t count, size_t size)
{
	return aix_calloc(count, size);
}

void *
realloc(void *p, size_t n)
{
	return aix_realloc(p, n);
}

int
posix_memalign(void **out, size_t align, size_t n)
{
	return aix_posix_memalign(out, align, n);
}

DEFINE(void *, aligned_alloc, (size_t align, size_t n),
    { return mx_aligned_alloc(align, n); })
DEFINE(void *, valloc, (size_t n), { return mx_valloc(n); })
DEFINE(struct mallinfo, mallinfo, (void), { return aix_mallinfo(); })
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
