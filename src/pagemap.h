/* pagemap.h - from an address to the span that holds it.
 *
 * Owns: a flat table of slots of 64 MiB of address space, and for each slot
 * that memaix has memory in, one pointer and one record per page, and two bits
 * per page that say whether it is Ready, and whether it was made to fault.
 * Everything is out of band: no write of the program can reach it, and a reader
 * outside the process can walk it.
 * Must not know: what spans are for.
 *
 * An address is foreign if its slot is NULL; a page without a block leads to
 * mx_pagemap_none, so that a look-up needs no second test.
 *
 * Beside it a smaller table of hints, for the hit path of free: by the lower bits
 * of the page's number alone, so what it says of an address may be true of another
 * one, 32 GiB away.
 *
 * Slots are made under the heap lock and stay for ever.  Look-ups take no lock:
 * whoever holds a block got it from a thread that saw the slot.
 *
 * SPDX-License-Identifier: MIT  */

#ifndef MX_PAGEMAP_H
#define MX_PAGEMAP_H

#include "address.h"
#include "base.h"
#include "span.h"

#define MX_SLOT_SHIFT   26
#define MX_SLOT         ((size_t)1 << MX_SLOT_SHIFT)
#define MX_SLOT_PAGES   ((size_t)1 << (MX_SLOT_SHIFT - MX_PAGE_SHIFT))

/* Where user addresses begin and how many bits they have; on AIX in each of the
 * windows of address.h.  x86-64 Linux gives 47 bits; the other 64-bit systems at
 * most 48 without being asked.  */
#if UINTPTR_MAX <= 0xffffffffu
# define MX_ADDRESS_BASE ((uintptr_t)0)
# define MX_ADDRESS_BITS 32
#elif defined _AIX
# define MX_ADDRESS_BASE ((uintptr_t)MX_ADDRESS_AIX_NEW)
# define MX_ADDRESS_BITS MX_ADDRESS_AIX_BITS
# define MX_ADDRESS_WINDOWS 3
#elif defined __x86_64__
# define MX_ADDRESS_BASE ((uintptr_t)0)
# define MX_ADDRESS_BITS 47
#else
# define MX_ADDRESS_BASE ((uintptr_t)0)
# define MX_ADDRESS_BITS 48
#endif

#ifndef MX_ADDRESS_WINDOWS
# define MX_ADDRESS_WINDOWS 1
#endif

#define MX_SLOT_COUNT \
	((size_t)MX_ADDRESS_WINDOWS << (MX_ADDRESS_BITS - MX_SLOT_SHIFT))

struct mx_slot {
	struct mx_span *page[MX_SLOT_PAGES];    /* span that holds the page */
	uint64_t ready[MX_SLOT_PAGES / 64];     /* heap lock */
	uint64_t closed[MX_SLOT_PAGES / 64];    /* heap lock */
	struct mx_span span[MX_SLOT_PAGES];     /* by mx_pagemap_place */
};

/* The table; it lies in zeroed memory of which only the touched pages cost.  An
 * entry is the address of its slot less MX_SLOT_BIAS, so that a look-up adds
 * the page's number as it is, without a mask.  */
extern uintptr_t mx_pagemap[MX_SLOT_COUNT];

/* For any address in slot I of the table.  */
#define MX_SLOT_BIAS(p) (((uintptr_t)(p) >> MX_SLOT_SHIFT) * \
	MX_SLOT_PAGES * sizeof(struct mx_span *))

/* Stands for "no block here".  */
extern struct mx_span mx_pagemap_none;

/* The hints: 2^21 pages, 32 GiB, since a system places the arenas of a process side
 * by side, and what heap is larger has some frees that are longer; on 32 bits all
 * pages there are.  The table counts as memory where a limit does (RLIMIT_AS, strict
 * overcommit), so it is no larger.  */
#ifndef MX_HINT_BITS
# if UINTPTR_MAX <= 0xffffffffu
#  define MX_HINT_BITS  (MX_ADDRESS_BITS - MX_PAGE_SHIFT)
# else
#  define MX_HINT_BITS  21
# endif
#endif
#define MX_HINT_COUNT   ((size_t)1 << MX_HINT_BITS)

/* Has each page a hint of its own?  */
#define MX_HINT_IS_ALL (MX_ADDRESS_WINDOWS == 1 && \
	MX_HINT_BITS >= MX_ADDRESS_BITS - MX_PAGE_SHIFT)

/* An entry is the address of the span less that of the table, so that nothing has
 * to be written where there is no span, and zero leads to `none', which no cache
 * owns: no test.  */
struct mx_hints {
	struct mx_span none;                    /* zero */
	uintptr_t page[MX_HINT_COUNT];          /* atomic */
};

extern struct mx_hints mx_pagemap_hints;

/* Does mx_span_is_start refuse each address that a program may have and that
 * mx_pagemap_hint finds a wrong span for?  (See there; tests/check_span.c tries all
 * classes.)  */
#define MX_HINT_IS_CHECKED (MX_HINT_IS_ALL || \
	(MX_CHECKS && MX_ADDRESS_WINDOWS == 1 && MX_HINT_BITS >= 21))

/* Number of P's slot; at least MX_SLOT_COUNT if P can't be memaix's.  */
MX_INLINE size_t
mx_pagemap_index(const void *p)
{
#if MX_ADDRESS_WINDOWS > 1
	return mx_address_aix((uintptr_t)p) >> MX_SLOT_SHIFT;
#else
	return ((uintptr_t)p - MX_ADDRESS_BASE) >> MX_SLOT_SHIFT;
#endif
}

MX_INLINE size_t
mx_pagemap_page(const void *p)
{
	return (uintptr_t)p >> MX_PAGE_SHIFT & (MX_SLOT_PAGES - 1);
}

/* The entry of P's slot, 0 if P is foreign.  */
MX_INLINE uintptr_t
mx_pagemap_entry(const void *p)
{
	size_t i = mx_pagemap_index(p);

	if (MX_UNLIKELY(i >= MX_SLOT_COUNT))
		return 0;
	return mx_load(&mx_pagemap[i], RELAXED);
}

/* Where in `span' the record of page I lies.  Most spans are four pages long;
 * in plain order their records would lie 512 bytes apart and share an eighth of
 * the processor's cache sets.  Turned by one place per four pages, and again per
 * 32, they share all (larson, 400 spans: 5 % less time).  */
MX_INLINE size_t
mx_pagemap_place(size_t i)
{
	return (i & ~(size_t)3) | ((i + (i >> 2) + (i >> 5)) & 3);
}

/* The span that holds P, whose slot's entry is ENTRY.  */
MX_INLINE struct mx_span *
mx_pagemap_span(uintptr_t entry, const void *p)
{
	uintptr_t at = entry + ((uintptr_t)p >> MX_PAGE_SHIFT) *
	    sizeof(struct mx_span *);

	return mx_load((struct mx_span **)at, RELAXED);
}

/* The span that holds P: NULL if foreign, mx_pagemap_none if P is ours but in
 * no block.  */
MX_INLINE struct mx_span *
mx_pagemap_get(const void *p)
{
	uintptr_t entry = mx_pagemap_entry(p);

	return entry == 0 ? NULL : mx_pagemap_span(entry, p);
}

/* Where P's hint stands.  */
MX_INLINE uintptr_t *
mx_pagemap_hint_entry(const void *p)
{
	return &mx_pagemap_hints.page[(uintptr_t)p >> MX_PAGE_SHIFT &
	    (MX_HINT_COUNT - 1)];
}

/* The span that holds P, or one that does not; never NULL.  Five instructions for
 * the eleven of mx_pagemap_get, and one load for two that depend on each other.  */
MX_INLINE struct mx_span *
mx_pagemap_hint(const void *p)
{
	return (struct mx_span *)((uintptr_t)&mx_pagemap_hints +
	    mx_peek(mx_pagemap_hint_entry(p)));
}

/* Is S, P's hint, the span that holds P?  `none' is not, which has no base.  */
MX_INLINE bool
mx_pagemap_is_right(const struct mx_span *s, const void *p)
{
	uintptr_t base = (uintptr_t)mx_peek(&s->base);

	return base != 0 && (MX_HINT_IS_ALL ||
	    ((uintptr_t)p - base) >> MX_PAGE_SHIFT < MX_HINT_COUNT);
}

/* The slot of P, NULL if there is none.  */
static inline struct mx_slot *
mx_pagemap_slot(const void *p)
{
	uintptr_t entry = mx_pagemap_entry(p);

	return entry == 0 ? NULL : (struct mx_slot *)(entry + MX_SLOT_BIAS(p));
}

/* The record of P's own page, whatever run the page is in; NULL if foreign.  */
static inline struct mx_span *
mx_pagemap_record(const void *p)
{
	struct mx_slot *slot = mx_pagemap_slot(p);

	return slot == NULL ? NULL :
	    &slot->span[mx_pagemap_place(mx_pagemap_page(p))];
}

/* Before the first slot: let the tables have ordinary pages, where the system gives
 * others unasked (transparent_hugepage is "always"): a small process has 4 MiB less.  */
void mx_pagemap_init(void);

/* Heap lock.  Make the slots of [V, V + N); false and errno if memory for the
 * records was refused.  */
bool mx_pagemap_cover(void *v, size_t n);

/* Heap lock.  Let PAGES pages from V on lead to S.  */
void mx_pagemap_set(void *v, size_t pages, struct mx_span *s);

/* Heap lock.  Mark PAGES pages from V on as Ready or not; the answer counts
 * those that changed.  */
size_t mx_pagemap_mark_ready(void *v, size_t pages, bool ready);

/* Heap lock.  Length of the first run of pages in [V, V + PAGES) that are all
 * Ready (READY) or all not; *SKIP gets the number of pages before it.  */
size_t mx_pagemap_find_ready(void *v, size_t pages, bool ready, size_t *skip);

/* Heap lock.  The same for pages that were Ready and are Reserved again.  */
void mx_pagemap_mark_closed(void *v, size_t pages, bool closed);
size_t mx_pagemap_find_closed(void *v, size_t pages, bool closed,
    size_t *skip);

/* Heap lock.  How many of PAGES pages from V on are Ready.  */
size_t mx_pagemap_count_ready(void *v, size_t pages);

#endif /* MX_PAGEMAP_H */
