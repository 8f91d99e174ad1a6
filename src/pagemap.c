/* pagemap.c - the table, and the bits per page.  See pagemap.h.
 *
 * SPDX-License-Identifier: MIT  */

#include "pagemap.h"

#include <errno.h>

#include "meta.h"
#include "sys.h"

/* 24 MiB on AIX, where clang writes what is not common into the file, as zeros.  */
uintptr_t mx_pagemap[MX_SLOT_COUNT] MX_COMMON;

struct mx_hints mx_pagemap_hints MX_COMMON;

/* No cache has this address.  */
struct mx_span mx_pagemap_none = {
	.owner = (struct mx_cache *)(uintptr_t)1,
	.state = MX_SPAN_NONE
};

void
mx_pagemap_init(void)
{
	(void)mx_sys_no_huge(mx_pagemap, sizeof mx_pagemap);
	(void)mx_sys_no_huge(&mx_pagemap_hints, sizeof mx_pagemap_hints);
}

static bool
make_slot(const char *p)
{
	struct mx_slot *slot = mx_meta_take(sizeof *slot);

	if (slot == NULL)
		return false;
	/* 32 KiB written per 64 MiB of address space, so that a look-up has one
	 * test for "foreign" and none for "no block".  */
	for (size_t k = 0; k < MX_SLOT_PAGES; k++)
		slot->page[k] = &mx_pagemap_none;
	mx_store(&mx_pagemap[mx_pagemap_index(p)],
	    (uintptr_t)slot - MX_SLOT_BIAS(p), RELEASE);
	return true;
}

bool
mx_pagemap_cover(void *v, size_t n)
{
	size_t first = mx_pagemap_index(v);
	size_t last = mx_pagemap_index((char *)v + n - 1);

	if (last >= MX_SLOT_COUNT || first > last) {
		/* The kernel gave addresses that the table cannot name.  */
		errno = ENOMEM;
		return false;
	}
	for (char *p = v; first <= last; first++, p += MX_SLOT)
		if (mx_pagemap[first] == 0 && !make_slot(p))
			return false;
	return true;
}

void
mx_pagemap_set(void *v, size_t pages, struct mx_span *s)
{
	char *p = v;
	uintptr_t hint = s == &mx_pagemap_none ? 0 :
	    (uintptr_t)s - (uintptr_t)&mx_pagemap_hints;

	/* Whoever is led to S by a hint for another address sees what was written of
	 * it before: its base, and no owner.  */
	__atomic_thread_fence(__ATOMIC_RELEASE);
	for (size_t i = 0; i < pages; i++, p += MX_PAGE) {
		mx_store(&mx_pagemap_slot(p)->page[mx_pagemap_page(p)], s,
		    RELAXED);
		mx_store(mx_pagemap_hint_entry(p), hint, RELAXED);
	}
}

/* Which of a slot's two bits per page.  */
enum bits { READY, CLOSED };

/* The bits of up to 64 pages from P on, as a mask; *N gets how many it covers
 * of the PAGES wanted.  */
static uint64_t *
word_of(enum bits which, const char *p, size_t pages, uint64_t *mask,
    size_t *n)
{
	struct mx_slot *slot = mx_pagemap_slot(p);
	size_t page = mx_pagemap_page(p);
	size_t bit = page % 64;

	*n = mx_min(64 - bit, pages);
	*mask = (*n == 64 ? ~(uint64_t)0 : (((uint64_t)1 << *n) - 1)) << bit;
	return which == READY ? &slot->ready[page / 64] :
	    &slot->closed[page / 64];
}

static size_t
mark(enum bits which, char *p, size_t pages, bool set)
{
	size_t changed = 0;
	size_t n;
	uint64_t mask;

	for (; pages > 0; pages -= n, p += n << MX_PAGE_SHIFT) {
		uint64_t *w = word_of(which, p, pages, &mask, &n);
		uint64_t diff = (set ? ~*w : *w) & mask;

		changed += (size_t)__builtin_popcountll(diff);
		*w ^= diff;
	}
	return changed;
}

/* How many pages from P on have the bit SET, up to PAGES.  */
static size_t
count_same(enum bits which, const char *p, size_t pages, bool set)
{
	size_t same = 0;
	size_t n;
	uint64_t mask;

	for (; pages > 0; pages -= n, p += n << MX_PAGE_SHIFT) {
		const uint64_t *w = word_of(which, p, pages, &mask, &n);
		uint64_t other = (set ? ~*w : *w) & mask;

		if (other != 0)
			return same + (size_t)__builtin_ctzll(other) -
			    mx_pagemap_page(p) % 64;
		same += n;
	}
	return same;
}

static size_t
find(enum bits which, const char *p, size_t pages, bool set, size_t *skip)
{
	*skip = count_same(which, p, pages, !set);
	return count_same(which, p + (*skip << MX_PAGE_SHIFT), pages - *skip,
	    set);
}

size_t
mx_pagemap_mark_ready(void *v, size_t pages, bool ready)
{
	return mark(READY, v, pages, ready);
}

void
mx_pagemap_mark_closed(void *v, size_t pages, bool closed)
{
	(void)mark(CLOSED, v, pages, closed);
}

size_t
mx_pagemap_find_ready(void *v, size_t pages, bool ready, size_t *skip)
{
	return find(READY, v, pages, ready, skip);
}

size_t
mx_pagemap_find_closed(void *v, size_t pages, bool closed, size_t *skip)
{
	return find(CLOSED, v, pages, closed, skip);
}

size_t
mx_pagemap_count_ready(void *v, size_t pages)
{
	char *p = v;
	size_t ready = 0;
	size_t n;
	uint64_t mask;

	for (; pages > 0; pages -= n, p += n << MX_PAGE_SHIFT) {
		const uint64_t *w = word_of(READY, p, pages, &mask, &n);

		/* As a rule all or none; x86-64 alone has no instruction.  */
		ready += (*w & mask) == mask ? n : (*w & mask) == 0 ? 0 :
		    (size_t)__builtin_popcountll(*w & mask);
	}
	return ready;
}
