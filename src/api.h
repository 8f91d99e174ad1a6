/* api.h - what the allocation functions mean.
 *
 * Owns: sizes, alignment, overflow, errno and zeroes as ISO C, POSIX and the
 * man pages promise them.  Must not know: under which names a system calls
 * these functions (override_*.c).
 *
 * The hit paths are here so that an override compiles to them and nothing else;
 * tests/fastpath.sh counts their instructions.
 *
 * SPDX-License-Identifier: MIT  */

#ifndef MX_API_H
#define MX_API_H

#include "cache.h"

void *mx_malloc_slow(size_t n);

/* Take what the hit path of free did not: P, with S, its hint.  */
void mx_free_slow(void *p, struct mx_span *s);

/* N bytes, aligned to 16, to N itself if that is a power of two up to 1 MiB.
 * N == 0: the smallest block.  NULL and ENOMEM.  */
MX_INLINE void *
mx_malloc(size_t n)
{
	void *p;

	if (MX_LIKELY(n <= MX_CACHE_DIRECT)) {
		p = mx_cache_take_direct(mx_cache_self, n);
		if (MX_LIKELY(p != NULL))
			return p;
	} else if (n <= MX_CLASS_MAX) {
		p = mx_cache_take(mx_cache_self, mx_class_of(n));
		if (MX_LIKELY(p != NULL))
			return p;
	}
	return mx_malloc_slow(n);
}

/* Keeps errno.  P may be NULL.  */
MX_INLINE void
mx_free(void *p)
{
	struct mx_span *s = mx_pagemap_hint(p);
	struct mx_cache *cache = mx_cache_self;

	/* That the hint may be wrong does not matter: what this thread owns does not
	 * change under it, and the push looks whether P is a block's start there.  */
	if (MX_LIKELY(mx_peek(&s->owner) == cache) &&
	    (MX_HINT_IS_CHECKED || mx_pagemap_is_right(s, p))) {
		switch (mx_span_push(s, p, cache->key)) {
		case MX_SPAN_LAST:
			mx_cache_event(cache, s);
			return;
		case MX_SPAN_PUSHED:
			return;
		case MX_SPAN_MISUSE:
			break;
		}
	}
	mx_free_slow(p, s);
}

/* CALL: the name by which the program came here.  P was asked for with N bytes and
 * ALIGN (0: with none).  */
void mx_free_checked(const char *call, void *p, size_t align, size_t n);

/* C23's free_sized, C++'s sized delete: N is what malloc was called with.  */
MX_INLINE void
mx_free_sized(const char *call, void *p, size_t n)
{
	/* A wrong hint that has the class of N by chance is no harm: free looks
	 * again, and only that another class is P's is not said.  `none' has a class,
	 * but no size.  */
	const struct mx_span *s = mx_pagemap_hint(p);

	if (MX_LIKELY(n <= MX_CLASS_MAX && mx_class_of(n) == mx_peek(&s->class_) &&
	    mx_peek(&s->size) != 0))
		mx_free(p);
	else
		mx_free_checked(call, p, 0, n);
}

void *mx_calloc(size_t count, size_t size);
void *mx_realloc(void *p, size_t n);
void *mx_reallocarray(void *p, size_t count, size_t size);

/* ALIGN: any power of two; N: any.  EINVAL as C23 says for aligned_alloc.  */
void *mx_aligned_alloc(size_t align, size_t n);

/* ALIGN is rounded up to a power of two, as in glibc.  */
void *mx_memalign(size_t align, size_t n);
int mx_posix_memalign(void **out, size_t align, size_t n);
void *mx_valloc(size_t n);
void *mx_pvalloc(size_t n);

/* Bytes that may be used at P: its class's size, or its pages.  0 for NULL.  */
size_t mx_usable_size(void *p);

/* 1 if any memory went back to the system.  */
int mx_trim(void);

/* The functions that a program would reach without memaix, for pointers that
 * are not ours; set by the override before the program starts, NULL: none.  */
struct mx_api_next {
	void (*free_)(void *);
	void *(*realloc_)(void *, size_t);
	size_t (*usable_size)(void *);
};

/* Asked at the first foreign pointer, not before: looking costs.  */
extern void (*mx_api_find_next)(struct mx_api_next *next);

#endif /* MX_API_H */
