/* guard.h - guarded sampling: with guard_rate:N one allocation of N gets a page of
 * its own between two guards, and the stacks that asked for it and freed it are
 * kept.
 *
 * Owns: the pool of such pages, which lies outside all arenas and is not in the page
 * map; what is written about its blocks.  Must not know: caches, spans, what malloc
 * promises.
 *
 * A block lies at the end of its page, or one time in four at the start, and the
 * rest of the page holds a pattern that is looked at when the block is freed.  A
 * freed block's page faults; it is used again when all others have been, so it
 * faults for as long as possible.
 *
 * Any thread; takes the pool's lock.
 *
 * SPDX-License-Identifier: MIT  */

#ifndef MX_GUARD_H
#define MX_GUARD_H

#include "messages.h"
#include "out.h"

/* Blocks in use and freed ones together.  Address space, not memory: 2 pages each,
 * of which one is in memory while the block is in use.  */
#define MX_GUARD_SLOTS 128

/* The pool's first byte, and its size; 0: there is none.  Changed once.  */
extern char *mx_guard_base;
extern size_t mx_guard_bytes;

MX_INLINE bool
mx_guard_holds(const void *p)
{
	return (uintptr_t)p - (uintptr_t)mx_guard_base <
	    mx_load(&mx_guard_bytes, ACQUIRE);
}

/* Make the pool; false: guard_rate is 0, or the system refuses it.  Once.  */
bool mx_guard_start(uint64_t random);

/* How many allocations until the next that is taken from here: on average
 * guard_rate.  */
uint32_t mx_guard_next(void);

/* A block of N bytes, aligned to ALIGN (16 at least); NULL: it is too large for a page,
 * or the pool is full.  Its bytes are not zero.  */
void *mx_guard_take(size_t n, size_t align);

/* The functions below want mx_guard_holds(P).  */

/* What is wrong with P; 0: it is a block in use and nothing around it changed.  */
int mx_guard_check(const void *p);

/* Bytes asked for.  P has passed mx_guard_check.  */
size_t mx_guard_size(const void *p);

/* Free P, if it passes mx_guard_check; else what is wrong, and nothing is done.  */
int mx_guard_give(void *p);

/* What is at P, a few words.  Without a lock: for signal handlers.  */
void mx_guard_describe(struct mx_out *o, const void *p);

/* A line for each caller that asked for the block at P or next to it, and for each
 * that freed it.  Without a lock.  */
void mx_guard_trace(struct mx_out *o, const void *p);

/* Bytes of blocks in use, and of pages in memory.  */
void mx_guard_count(size_t *live, size_t *pages);

/* For the fork handlers.  */
void mx_guard_lock(void);
void mx_guard_unlock(void);
void mx_guard_lock_init(void);

#endif /* MX_GUARD_H */
