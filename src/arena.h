/* arena.h - address space: reserved large, mapped on demand.
 *
 * Owns: the list of arenas, and in each the border between the part that is
 * Prepared or Ready (below) and the part that is still Reserved (above).  Must
 * not know: what the heap does with the pages below the border.
 *
 * All functions: heap lock.
 *
 * SPDX-License-Identifier: MIT  */

#ifndef MX_ARENA_H
#define MX_ARENA_H

#include "base.h"

/* Mapped at a time.  One mprotect of 4 MiB costs about 1 us, so once per 256
 * spans it does not show.  */
#define MX_ARENA_STEP (4 * MX_MIB)

struct mx_arena {
	struct mx_arena *next;  /* older arena */
	char *base;
	size_t size;            /* bytes of address space */
	size_t mapped;          /* bytes below the border; a reader without the
	                         * lock may see it too small, never too large */
};

/* Newest first.  */
extern struct mx_arena *mx_arena_list;

/* Move a border up by at least N bytes (a multiple of MX_PAGE): the answer is
 * Prepared memory, page-aligned, that no one had before; *GOT gets its length,
 * at least N.  NULL and errno if the system gives no more.  */
void *mx_arena_grow(size_t n, size_t *got);

/* The border of the newest arena; NULL: none yet.  */
char *mx_arena_border(void);

/* The same as mx_arena_grow, but only where the border is at V, and NULL if it is
 * not.  */
void *mx_arena_grow_at(const void *v, size_t n, size_t *got);

/* Any thread.  Is P in the address space of an arena?  A slot of the page map
 * can have other owners' memory beside ours.  */
bool mx_arena_holds(const void *p);

/* Any thread.  Are all N bytes at V below the border of an arena?  */
bool mx_arena_maps(const void *v, size_t n);

#endif /* MX_ARENA_H */
