/* api.c - the cold halves, and the functions that are all cold.  See api.h.
 *
 * SPDX-License-Identifier: MIT  */

#include "api.h"

#include <errno.h>
#include <string.h>

#include "conf.h"
#include "heap.h"
#include "panic.h"
#include "process.h"
#include "stats.h"
#include "sys.h"

/* From here on moving page tables beats copying: below, the cost of the system
 * call and of the page walks is more than that of 128 KiB of memcpy.  */
#define MOVE_MIN (256 * MX_KIB)

void (*mx_api_find_next)(struct mx_api_next *next);

static void *
no_memory(void)
{
	errno = ENOMEM;
	return NULL;
}

/* ---- foreign pointers ---- */

static const struct mx_api_next *
next_definitions(void)
{
	static struct mx_api_next next;
	static bool found;

	mx_add(&mx_stats_foreign, 1, RELAXED);
	if (!mx_load(&found, ACQUIRE) && mx_api_find_next != NULL) {
		/* Two threads may both look; they find the same.  */
		int saved = errno;

		mx_api_find_next(&next);
		errno = saved;
		mx_store(&found, true, RELEASE);
	}
	return &next;
}

static void
free_foreign(void *p)
{
	const struct mx_api_next *next = next_definitions();

	if (next->free_ == NULL)
		mx_panic("free: not a block of memaix, and no other free is "
		    "there to take it", p);
	next->free_(p);
}

/* ---- malloc ---- */

static void *
take_small(unsigned c)
{
	struct mx_cache *cache = mx_process_cache();
	void *p = mx_cache_take(cache, c);

	if (p == NULL)
		p = mx_cache_refill(cache, c);
	mx_process_done(cache);
	return p != NULL ? p : no_memory();
}

static void *
take_large(size_t n, size_t align, bool *zero)
{
	struct mx_span *s;

	mx_process_init();
	if (n > PTRDIFF_MAX)
		return no_memory();
	s = mx_heap_take_large(n, align, zero);
	return s != NULL ? s->base : no_memory();
}

MX_NOINLINE void *
mx_malloc_slow(size_t n)
{
	bool zero;

	return n <= MX_CLASS_MAX ? take_small(mx_class_of(n)) :
	    take_large(n, MX_PAGE, &zero);
}

/* ---- free ---- */

static void
check_block(const char *what, const struct mx_span *s, const void *p)
{
	if (s->state == MX_SPAN_LARGE ? p != s->base :
	    s->state != MX_SPAN_SMALL || !mx_span_is_block(s, p))
		mx_panic(what, p);
}

MX_COLD static void
free_cold(struct mx_span *s, void *p)
{
	struct mx_cache *cache;

	if (p == NULL)
		return;
	if (s == NULL) {
		free_foreign(p);
		return;
	}
	check_block("free: not the start of a block", s, p);
	if (s->state == MX_SPAN_LARGE) {
		mx_heap_give(s);
		return;
	}
	cache = mx_process_cache();
	mx_cache_put_remote(cache, s, p);
	mx_process_done(cache);
}

MX_HOT void
mx_free_slow(struct mx_span *s, void *p)
{
	struct mx_cache *cache = mx_cache_self;

	if (MX_LIKELY(s != NULL && s->state == MX_SPAN_SMALL &&
	    cache != &mx_cache_empty))
		mx_cache_put_remote(cache, s, p);
	else
		free_cold(s, p);
}

/* ---- calloc ---- */

void *
mx_calloc(size_t count, size_t size)
{
	size_t n;
	bool zero = false;
	void *p;

	if (__builtin_mul_overflow(count, size, &n))
		return no_memory();
	p = n <= MX_CLASS_MAX ? mx_malloc(n) : take_large(n, MX_PAGE, &zero);
	if (p != NULL)
		mx_sys_clear(p, n, zero);
	return p;
}

/* ---- realloc ---- */

static void *
copy_block(void *p, size_t old, size_t n)
{
	void *q = mx_malloc(n);

	if (q == NULL)
		return NULL;
	memcpy(q, p, mx_min(old, n));
	mx_free(p);
	return q;
}

/* A large block of another size: in place, else by moving its pages, else by
 * copying.  */
static void *
resize_large(struct mx_span *s, size_t n)
{
	/* All of its pages: a program may have asked how much it can use.  */
	size_t old = (size_t)s->pages << MX_PAGE_SHIFT;
	struct mx_span *t;
	bool zero;

	if (n > MX_CLASS_MAX && mx_heap_resize(s, n))
		return s->base;
	if (n < old || old < MOVE_MIN)
		return copy_block(s->base, old, n);
	if (n > PTRDIFF_MAX)
		return no_memory();
	t = mx_heap_take_large(n, MX_PAGE, &zero);
	if (t == NULL)
		return no_memory();
	if (!mx_conf.move || mx_sys_move(t->base, s->base, old) != 0)
		memcpy(t->base, s->base, old);
	mx_heap_give(s);
	return t->base;
}

static void *
resize_small(struct mx_span *s, void *p, size_t n)
{
	size_t size = s->size;

	/* Down to half of the block it stays: a copy costs more than the
	 * bytes are worth.  */
	if (n <= size && n >= size / 2)
		return p;
	return copy_block(p, size, n);
}

static void *
resize_foreign(void *p, size_t n)
{
	const struct mx_api_next *next = next_definitions();

	if (next->realloc_ == NULL)
		mx_panic("realloc: not a block of memaix, and no other "
		    "realloc is there to take it", p);
	return next->realloc_(p, n);
}

void *
mx_realloc(void *p, size_t n)
{
	struct mx_span *s;

	if (p == NULL)
		return mx_malloc(n);
	if (n == 0) {
		/* glibc's way, which programs on Linux rely on.  */
		mx_free(p);
		return NULL;
	}
	s = mx_pagemap_get(p);
	if (s == NULL)
		return resize_foreign(p, n);
	check_block("realloc: not the start of a block", s, p);
	return s->state == MX_SPAN_LARGE ? resize_large(s, n) :
	    resize_small(s, p, n);
}

void *
mx_reallocarray(void *p, size_t count, size_t size)
{
	size_t n;

	if (__builtin_mul_overflow(count, size, &n))
		return no_memory();
	return mx_realloc(p, n);
}

/* ---- alignment ---- */

static void *
take_aligned(size_t align, size_t n)
{
	unsigned c;
	bool zero;
	void *p;

	if (align <= MX_BLOCK_ALIGN)
		return mx_malloc(n);
	c = align <= MX_PAGE && n <= MX_CLASS_MAX ?
	    mx_class_of_aligned(mx_max(n, 1), align) : MX_CLASS_COUNT;
	if (c == MX_CLASS_COUNT)
		return take_large(mx_max(n, 1), align, &zero);
	p = mx_cache_take(mx_cache_self, c);
	return p != NULL ? p : take_small(c);
}

void *
mx_aligned_alloc(size_t align, size_t n)
{
	if (!mx_is_pow2(align)) {
		errno = EINVAL;
		return NULL;
	}
	return take_aligned(align, n);
}

void *
mx_memalign(size_t align, size_t n)
{
	if (align > SIZE_MAX / 2 + 1) {
		errno = EINVAL;
		return NULL;
	}
	if (align < MX_BLOCK_ALIGN)
		align = MX_BLOCK_ALIGN;
	if (!mx_is_pow2(align))
		align = (size_t)2 << mx_log2(align);
	return take_aligned(align, n);
}

int
mx_posix_memalign(void **out, size_t align, size_t n)
{
	int saved = errno;
	void *p;

	if (!mx_is_pow2(align) || align < sizeof(void *))
		return EINVAL;
	p = take_aligned(align, n);
	errno = saved;
	if (p == NULL)
		return ENOMEM;
	*out = p;
	return 0;
}

void *
mx_valloc(size_t n)
{
	mx_process_init();
	return take_aligned(mx_sys_facts.page, n);
}

void *
mx_pvalloc(size_t n)
{
	mx_process_init();
	if (n > PTRDIFF_MAX)
		return no_memory();
	return take_aligned(mx_sys_facts.page,
	    mx_align_up(mx_max(n, 1), mx_sys_facts.page));
}

/* ---- the rest ---- */

size_t
mx_usable_size(void *p)
{
	const struct mx_api_next *next;
	struct mx_span *s;

	if (p == NULL)
		return 0;
	s = mx_pagemap_get(p);
	if (s == NULL) {
		next = next_definitions();
		return next->usable_size != NULL ? next->usable_size(p) : 0;
	}
	check_block("malloc_usable_size: not the start of a block", s, p);
	return s->state == MX_SPAN_LARGE ?
	    (size_t)s->pages << MX_PAGE_SHIFT : s->size;
}

int
mx_trim(void)
{
	struct mx_cache *cache = mx_cache_self;
	int saved = errno;
	bool went;

	mx_process_init();
	if (cache != &mx_cache_empty)
		mx_cache_flush(cache);
	went = mx_heap_trim();
	errno = saved;
	return went;
}
