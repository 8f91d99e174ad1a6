/* shim_malloc.c - libc's malloc, and MALLOCTYPE=user: in front of it.
 *
 * libc's own malloc is this system's, so a pointer of the wrong heap given to it
 * ends the test.  What AIX's does otherwise than others is added: NULL for no
 * bytes (IBM: malloc).
 *
 * SPDX-License-Identifier: MIT  */

#include "xload.h"

#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* rustlibc */
struct aix_mallinfo {
	unsigned long arena;
	int ordblks, smblks, hblks, hblkhd;
	unsigned long usmblks, fsmblks, uordblks, fordblks;
	int keepcost;
};

/* H71 */
struct aix_mallinfo_heap {
	unsigned long root_sz, acquired, blks_alloc, netalloc, bytes_free;
};

/* The names of IBM's page; the first nine are required.  */
static struct {
	void *(*malloc)(size_t);
	void (*free)(void *);
	void *(*realloc)(void *, size_t);
	void *(*calloc)(size_t, size_t);
	int (*mallopt)(int, int);
	struct aix_mallinfo (*mallinfo)(void);
	void (*malloc_init)(void);
	void (*prefork)(void);
	void (*postfork)(void);
	void (*malloc_start)(void);
	int (*posix_memalign)(void **, size_t, size_t);
} user;

static const struct {
	const char *name;
	void *at;
	bool required;
} names[] = {
	{ "__malloc__", &user.malloc, true },
	{ "__free__", &user.free, true },
	{ "__realloc__", &user.realloc, true },
	{ "__calloc__", &user.calloc, true },
	{ "__mallopt__", &user.mallopt, true },
	{ "__mallinfo__", &user.mallinfo, true },
	{ "__malloc_init__", &user.malloc_init, true },
	{ "__malloc_prefork_lock__", &user.prefork, true },
	{ "__malloc_postfork_unlock__", &user.postfork, true },
	{ "__malloc_start__", &user.malloc_start, false },
	{ "__posix_memalign__", &user.posix_memalign, false }
};

/* ---- the functions that programs import from libc ---- */

void *
libc_malloc(size_t n)
{
	return user.malloc != NULL ? user.malloc(n) : malloc(n);
}

void
libc_free(void *p)
{
	if (user.malloc != NULL)
		user.free(p);
	else
		free(p);
}

static void *
aix_malloc(size_t n)
{
	return n == 0 && user.malloc == NULL ? NULL : libc_malloc(n);
}

static void *
aix_calloc(size_t count, size_t size)
{
	if (user.malloc != NULL)
		return user.calloc(count, size);
	return count == 0 || size == 0 ? NULL : calloc(count, size);
}

static void *
aix_realloc(void *p, size_t n)
{
	if (user.malloc != NULL)
		return user.realloc(p, n);
	if (n != 0)
		return realloc(p, n);
	free(p);
	errno = EINVAL;
	return NULL;
}

static int
aix_posix_memalign(void **out, size_t align, size_t n)
{
	if (user.posix_memalign != NULL)
		return user.posix_memalign(out, align, n);
	if (user.malloc != NULL)
		rig_die("posix_memalign: the replacement has none");
	*out = NULL;
	return n == 0 ? 0 : posix_memalign(out, align, n);
}

/* Not before 7.3, where it refuses alignments below a pointer's (gnulib); that it
 * goes by posix_memalign is belief.  */
static void *
aix_aligned_alloc(size_t align, size_t n)
{
	void *p;
	int e = aix_posix_memalign(&p, align, n);

	if (e == 0)
		return p;
	errno = e;
	return NULL;
}

/* Whether this one goes to a replacement is not known: IBM's list of hooks does
 * not have it.  If not, the replacement's free meets libc's block.  */
static void *
aix_valloc(size_t n)
{
	return rig.libc_valloc || user.malloc == NULL ? memalign(4096, n) :
	    aix_aligned_alloc(4096, n);
}

/* What malloc is in programs built with AltiVec (H53: stdlib.h).  Whether these go to
 * a replacement is as little known.  */
static void *
aix_vec_malloc(size_t n)
{
	if (rig.libc_vec)
		return n == 0 ? NULL : memalign(16, n);
	return aix_malloc(n);
}

static void *
aix_vec_calloc(size_t count, size_t size)
{
	if (rig.libc_vec)
		return count == 0 || size == 0 ? NULL : calloc(count, size);
	return aix_calloc(count, size);
}

static int
aix_mallopt(int what, int value)
{
	return user.malloc != NULL ? user.mallopt(what, value) : 0;
}

static struct aix_mallinfo
aix_mallinfo(void)
{
	struct aix_mallinfo none = { 0 };

	return user.malloc != NULL ? user.mallinfo() : none;
}

/* No hook for it: under a replacement too it tells of libc's heap.  */
static struct aix_mallinfo_heap
aix_mallinfo_heap(int heap)
{
	struct aix_mallinfo_heap none = { 0 };

	(void)heap;
	return none;
}

/* libc's own calls are bound inside it: LDR_PRELOAD64 does not reach them, and
 * so its blocks meet the program's free (IBM: shared object and runtime
 * linking).  */
static char *
aix_strdup(const char *s)
{
	size_t n = strlen(s) + 1;
	char *p = libc_malloc(n);

	return p == NULL ? NULL : memcpy(p, s, n);
}

/* The same in the other direction: what free does inside libc.  */
static void
rig_libc_free(void *p)
{
	libc_free(p);
}

/* ---- MALLOCTYPE ---- */

static void
libc_start(void)
{
	/* Calls before __malloc_init__ (IBM): what libc does with them is not
	 * said, so these do a bit of everything.  */
	void *p[64];
	void *big = libc_malloc(1000000);

	for (int i = 0; i < 64; i++) {
		p[i] = libc_malloc((size_t)i * 50 + 1);
		memset(p[i], i, (size_t)i * 50 + 1);
	}
	for (int i = 0; i < 64; i += 2)
		libc_free(p[i]);
	big = user.realloc(big, 3000000);
	if (big == NULL)
		rig_die("realloc before __malloc_init__");
	libc_free(big);
	free(user.malloc == NULL ? NULL : strdup("libc"));
}

void pthread_shim_up(void);
bool malloc_is_in_init;

/* "user:NAME": the archive is found by LIBPATH, its 64-bit member is mem64.o, and
 * it is not loaded if a required name is missing (IBM).  */
void
malloc_choose(void)
{
	const char *type = getenv("MALLOCTYPE");
	char what[256];
	struct module *m;

	if (type == NULL || strncmp(type, "user:", 5) != 0) {
		pthread_shim_up();
		return;
	}
	if (strchr(type, '/') != NULL)
		rig_die("MALLOCTYPE takes a name, not a path");
	snprintf(what, sizeof what, "%s(mem64.o)", type + 5);
	m = xload_module(what);
	if (m == NULL)
		rig_die("MALLOCTYPE: no %s", what);
	xload_bind(m);
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		void *v = xload_export(m, names[i].name);

		*(void **)names[i].at = v;
		if (v == NULL && names[i].required)
			rig_die("%s lacks %s", what, names[i].name);
	}
	if (rig.pthreads_early)
		pthread_shim_up();
	if (user.malloc_start != NULL)
		user.malloc_start();
	libc_start();
	if (rig.no_pthreads)
		return;
	pthread_shim_up();
	aix_environ = environ;
	malloc_is_in_init = true;
	user.malloc_init();
	malloc_is_in_init = false;
}

/* Called by libpthreads' fork (IBM).  */
void
malloc_fork_hook(bool before, bool child)
{
	(void)child;
	if (user.malloc == NULL || rig.no_pthreads)
		return;
	if (before)
		user.prefork();
	else
		user.postfork();
}

const struct shim shim_malloc[] = {
	SHIM_AS("libc.a", malloc, aix_malloc),
	SHIM_AS("libc.a", free, libc_free),
	SHIM_AS("libc.a", calloc, aix_calloc),
	SHIM_AS("libc.a", realloc, aix_realloc),
	SHIM_AS("libc.a", posix_memalign, aix_posix_memalign),
	SHIM_AS("libc.a", aligned_alloc, aix_aligned_alloc),
	SHIM_AS("libc.a", valloc, aix_valloc),
	SHIM_AS("libc.a", vec_malloc, aix_vec_malloc),
	SHIM_AS("libc.a", vec_calloc, aix_vec_calloc),
	SHIM_AS("libc.a", mallopt, aix_mallopt),
	SHIM_AS("libc.a", mallinfo, aix_mallinfo),
	SHIM_AS("libc.a", mallinfo_heap, aix_mallinfo_heap),
	SHIM_AS("libc.a", strdup, aix_strdup),
	SHIM("rig.a", rig_libc_free),
	{ NULL, NULL, NULL }
};
