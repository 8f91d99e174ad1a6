/* heap.h - page runs for spans: take, give, stretch, and give back.
 *
 * Owns: the heap lock, and the count of pages in use and of dirty ones.  Must not
 * know: blocks, threads, classes' queues.
 *
 * Invariant: pages in use + dirty pages == pages that are Ready.
 *
 * The bound: dirty pages never exceed that of spare.h after a call of
 * mx_heap_give, whatever happens later; below it they go back when they are older
 * than decay_ms and the heap is called again.
 *
 * With secure:true a guard lies behind every span, and in front of large blocks
 * too: pages that fault.  They are in the state Reserved and count nowhere here.
 * A free run may have such pages too; they are opened when they are wanted.
 *
 * All functions take the heap lock.
 *
 * SPDX-License-Identifier: MIT  */

#ifndef MX_HEAP_H
#define MX_HEAP_H

#include "span.h"

struct mx_heap_account {
	size_t used;            /* pages in spans and large blocks */
	size_t dirty;           /* free pages that are Ready */
	size_t large_blocks;    /* now */
	size_t large_bytes;     /* asked for, now */
};

extern struct mx_heap_account mx_heap_account;

/* A span of class C, nothing carved, no owner.  NULL and errno.  */
struct mx_span *mx_heap_take_small(unsigned c);

/* A span of one block of N bytes at an address divisible by ALIGN (a power of
 * two).  *ZERO: its N bytes shall be zero, and what of them may not be so is cleared;
 * if not, *ZERO becomes true when all of its pages are known to be zero.  NULL and
 * errno.  */
struct mx_span *mx_heap_take_large(size_t n, size_t align, bool *zero);

/* Either kind goes back.  */
void mx_heap_give(struct mx_span *s);

/* The LARGE block S, which begins at P, goes back, or rests: `listed' is set, and it
 * stays what it is.  False: it is not there, or rests already.  */
bool mx_heap_give_large(struct mx_span *s, const void *p);
bool mx_heap_rest(struct mx_span *s, const void *p);

/* What is behind the bytes of LARGE block S, which begins at P.  Looked at under
 * the lock, since another thread that frees the block may close its pages.  */
enum mx_heap_end {
	MX_HEAP_END_GONE,       /* the block is not there, or rests */
	MX_HEAP_END_ZERO,
	MX_HEAP_END_WRITTEN,
};
enum mx_heap_end mx_heap_look_behind(const struct mx_span *s, const void *p);

/* Every access to the LARGE block S faults from here on, and its memory goes back;
 * only the address space is kept.  False: refused; S is given as by
 * mx_heap_give.  */
bool mx_heap_close(struct mx_span *s);

/* The pages of the LARGE block S are None: its address space is out of use for
 * ever.  */
void mx_heap_lose(struct mx_span *s);

/* A closed block's address space becomes free.  */
void mx_heap_open(struct mx_span *s);

/* Let a large block have N bytes where it is; false: there is no room.  */
bool mx_heap_resize(struct mx_span *s, size_t n);

/* Give back what has been free for MS milliseconds.  */
void mx_heap_decay(size_t ms);

/* Give all dirty pages back; true if there was one.  */
bool mx_heap_trim(void);

void mx_heap_lock(void);

/* The same, when no thread is giving pages back: for fork, since the child would
 * lose the run that such a thread has in hand.  */
void mx_heap_lock_idle(void);
void mx_heap_unlock(void);
void mx_heap_lock_init(void);

/* The LARGE block around P, which need not be in its first page; NULL: none.
 * Slow.  */
struct mx_span *mx_heap_find_large(const void *p);

#endif /* MX_HEAP_H */
