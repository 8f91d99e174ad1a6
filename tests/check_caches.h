/* check_caches.h - several caches driven by one thread: what malloc and free do,
 * with the cache named.
 *
 * SPDX-License-Identifier: MIT  */

#ifndef CHECK_CACHES_H
#define CHECK_CACHES_H

#include "cache.h"
#include "check_core.h"
#include "check_pages.h"

/* A block of class C for the thread that has CACHE.  */
static inline void *
take(struct mx_cache *cache, unsigned c)
{
	void *p = mx_cache_take(cache, c);

	return p != NULL ? p : mx_cache_refill(cache, c);
}

/* That thread frees P.  */
static inline void
put(struct mx_cache *cache, void *p)
{
	struct mx_span *s = mx_pagemap_get(p);

	expect(s != NULL && mx_span_is_small(s));
	if (s->state == MX_SPAN_MIXED)
		mx_cache_put_mixed(cache, s, p);
	else if (mx_load(&s->owner, RELAXED) != cache)
		mx_cache_put_remote(cache, s, p);
	else if (mx_span_push(s, p, cache->key) == MX_SPAN_LAST)
		mx_cache_event(cache, s);
}

static inline struct mx_cache *
new_cache(void)
{
	struct mx_cache *cache = mx_cache_new();

	expect(cache != NULL);
	return cache;
}

#endif /* CHECK_CACHES_H */
