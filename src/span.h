/* span.h - a run of pages, and the blocks in it.
 *
 * One record of 128 bytes per page, out of band (pagemap.h); the record of a
 * run's first page describes the run.  A run is
 *
 *   SMALL   equal blocks of one class,
 *   LARGE   one block,
 *   FREE    nothing (the last page's record says FREE_END and how long it is).
 *
 * A SMALL span has at most one owner: the cache that takes blocks from it.
 *
 *   owner == a cache  only that cache's thread writes the fields marked "owner"
 *   owner == NULL     they are written under the lock of the class (central.h)
 *
 * An owned span is the cache's current one for the class, and then its free
 * blocks lie in the cache's own list, or it is one of the cache's partial ones,
 * and they lie on `local'.  `list' points at the one in force, so that a free
 * need not ask which.
 *
 * This file moves blocks and says what the move meant.  It must not know
 * threads, classes' queues, page maps or the system.
 *
 * Invariant of a span that is not current:
 *   left == carved - blocks on `local' == blocks not seen back yet.
 *
 * SPDX-License-Identifier: MIT  */

#ifndef MX_SPAN_H
#define MX_SPAN_H

#include "base.h"
#include "class.h"

#define MX_PAGE_SHIFT   14
#define MX_PAGE         ((size_t)1 << MX_PAGE_SHIFT)

enum mx_span_state {
	MX_SPAN_NONE,           /* no run starts here */
	MX_SPAN_SMALL,
	MX_SPAN_LARGE,
	MX_SPAN_FREE,
	MX_SPAN_FREE_END,
	MX_SPAN_BUSY            /* free, but out of the heap's lists for now */
};

/* Free user memory.  A block is at least 16 bytes: two words on 64 bits.  */
struct mx_block {
	struct mx_block *next;
	uintptr_t aux;          /* only in blocks that travel: cache.c */
};

struct mx_cache;

struct mx_span {
	/* First line: what every thread that frees a block reads, and hardly
	 * anyone writes.  Second line: what the owner writes.  In one line, each
	 * free by one thread would take it away from the other (exchange, two
	 * threads: 10 % more time).  */
	struct mx_cache *owner; /* atomic */
	char *base;             /* const while a run: its first byte */
	uint8_t class_;         /* const while SMALL */
	uint8_t state;          /* const while a run; else heap lock */
	bool listed;            /* lock of the class: on central's list */
	uint8_t unused_;
	uint32_t blocks;        /* const while SMALL: how many fit */
	uint32_t size;          /* const while SMALL: bytes in a block */
	uint32_t pages;         /* of the run; const while SMALL or LARGE */
	struct mx_cache *home;  /* atomic: the cache that used it up last */
	size_t bytes;           /* const while LARGE: what was asked for */
	uint32_t dirty;         /* heap lock, FREE: pages that are Ready */
	uint32_t stamp;         /* heap lock, FREE: since when, milliseconds */

	struct mx_block **list MX_ALIGNED(64); /* owner */
	struct mx_block *local; /* owner */
	uint32_t left;          /* owner */
	uint32_t carved;        /* owner: blocks [0, carved) were ever free */

	/* A queue's links: owner's partial queue, central's list, or one of
	 * the heap's bins.  Whoever has the span in a queue owns them.  */
	struct mx_span *next;
	struct mx_span *prev;

	/* heap lock, FREE only: the queue of runs with dirty pages.  */
	struct mx_span *older;
	struct mx_span *newer;
} MX_ALIGNED(MX_CACHE_LINE);

_Static_assert(sizeof(struct mx_span) == MX_CACHE_LINE,
    "a record is one cache line of POWER, two of x86");

/* A doubly linked queue, oldest first.  */
struct mx_span_queue {
	struct mx_span *first;
	struct mx_span *last;
};

/* `left' of a current span: so many frees may pass before anyone looks.  */
#define MX_SPAN_MANY ((uint32_t)1 << 30)

/* Owner only.  Put P back; true: the count ran out, somebody must look.  */
MX_INLINE bool
mx_span_push(struct mx_span *s, void *p)
{
	struct mx_block *b = p;
	struct mx_block **list = s->list;

	b->next = *list;
	*list = b;
	return --s->left == 0;
}

/* Owner, or holder of the lock of the class.  Put a chain of N blocks back, HEAD
 * to TAIL; true: the count ran out.  */
static inline bool
mx_span_push_chain(struct mx_span *s, struct mx_block *head,
    struct mx_block *tail, uint32_t n)
{
	tail->next = *s->list;
	*s->list = head;
	mx_assert(s->left >= n || s->list != &s->local);
	s->left -= n;
	return s->left == 0;
}

/* Index of the block that holds the byte at OFFSET from the span's base.  */
static inline uint32_t
mx_span_index(const struct mx_span *s, size_t offset)
{
	return (uint32_t)((uint64_t)(offset / MX_BLOCK_ALIGN) *
	    mx_class_magics[s->class_] >> 31);
}

/* Is P the first byte of a block of S?  Reads the first line only: whoever asks
 * need not be the owner.  */
static inline bool
mx_span_is_block(const struct mx_span *s, const void *p)
{
	size_t offset = (size_t)((const char *)p - s->base);
	uint32_t i;

	if (offset >= (size_t)s->pages << MX_PAGE_SHIFT)
		return false;
	i = mx_span_index(s, offset);
	return i < s->blocks && (size_t)i * s->size == offset;
}

static inline void
mx_span_append(struct mx_span_queue *q, struct mx_span *s)
{
	s->next = NULL;
	s->prev = q->last;
	if (q->last != NULL)
		q->last->next = s;
	else
		q->first = s;
	q->last = s;
}

static inline void
mx_span_unlink(struct mx_span_queue *q, struct mx_span *s)
{
	if (s->prev != NULL)
		s->prev->next = s->next;
	else
		q->first = s->next;
	if (s->next != NULL)
		s->next->prev = s->prev;
	else
		q->last = s->prev;
	s->next = s->prev = NULL;
}

#endif /* MX_SPAN_H */
