/* span.h - a run of pages, and the blocks in it.
 *
 * One record of 128 bytes per page, out of band (pagemap.h); the record of a
 * run's first page describes the run.  A run is
 *
 *   SMALL   equal blocks of one class,
 *   MIXED   was SMALL; blocks of one class and of larger ones (mixed.h),
 *   LARGE   one block,
 *   FREE    nothing (the last page's record says FREE_END and how long it is).
 *
 * A SMALL span has at most one owner: the cache that takes blocks from it.
 *
 *   owner == a cache  only that cache's thread writes the fields marked "owner"
 *   owner == NULL     they are written under the lock of the class (central.h)
 *
 * Free blocks lie on `local'.  An owned span is the cache's current one for the
 * class, from which malloc takes, and on whose list blocks of other spans may lie,
 * or it is one of the cache's partial ones, or it waits.
 *
 * This file moves blocks and says what the move meant.  It must not know
 * threads, classes' queues, page maps or the system.
 *
 * An owned span of which no blocks came back so far, or only a few, may wait: it is in
 * no queue that malloc takes from.
 *
 * A MIXED span's list is empty, and it has bits for each of what were its blocks.
 *
 * Invariant of a SMALL span that is not current:
 *   left + bias == carved - blocks on `local' == blocks not seen back yet,
 * and `out' is the sum of their units (mx_span_unit).  Were `left' alone counted,
 * a block freed twice would let the span go while another one of it is in use.
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
	MX_SPAN_BUSY,           /* free, but out of the heap's lists for now */
	MX_SPAN_MIXED           /* was SMALL (mixed.h) */
};

/* Does a span wait until blocks of it came back?  */
enum mx_span_waits {
	MX_SPAN_AWAKE,
	MX_SPAN_USED_UP,        /* for the first ones; one of the latest */
	MX_SPAN_FREED_BY_OTHERS, /* the same, and others freed a block of it */
	MX_SPAN_ASLEEP          /* for more */
};

/* Free user memory.  A block is at least 16 bytes: two words on 64 bits.  Only
 * free blocks carry a right mark: malloc clears it, and no program knows the
 * key.  In a chain that travels the marks of the first two blocks have other
 * uses (cache.c).  */
struct mx_block {
	struct mx_block *next;
	union {
		uintptr_t mark;         /* next ^ mx_block_key */
		uint64_t travel;        /* cache.c's */
	};
};

/* Ends every list, in NULL's place: its mark is wrong, so malloc needs one test
 * for "empty" and for "damaged".  */
extern struct mx_block mx_block_end;
#define MX_BLOCK_END (&mx_block_end)

/* Drawn once for the process; never 0 after that.  */
extern uintptr_t mx_block_key;

/* Before the first block.  */
void mx_span_init(uint64_t random);

MX_INLINE void
mx_block_link(struct mx_block *b, struct mx_block *next, uintptr_t key)
{
	b->next = next;
	b->mark = (uintptr_t)next ^ key;
}

MX_INLINE bool
mx_block_is_free(const struct mx_block *b, uintptr_t key)
{
	return ((uintptr_t)b->next ^ b->mark) == key;
}

struct mx_cache;

struct mx_span {
	/* First line: what every thread that frees a block reads, and hardly
	 * anyone writes.  Second line: what the owner writes.  In one line, each
	 * free by one thread would take it away from the other (exchange, two
	 * threads: 10 % more time).  */
	struct mx_cache *owner; /* atomic */
	char *base;             /* const while a run: its first byte */
	uint8_t class_;         /* const while SMALL or MIXED */
	uint8_t state;          /* atomic: SMALL becomes MIXED by its owner, and
	                         * back (mixed.c); else const while a run; else
	                         * heap lock */
	bool listed;            /* lock of the class: on central's list; LARGE:
	                         * at rest (secure.c) */
	bool guard;             /* heap lock: a guard lies behind the run */
	uint32_t blocks;        /* const while SMALL or MIXED: how many fit */
	uint32_t size;          /* the same: bytes in a block */
	uint32_t pages;         /* of the run; const while not FREE */
	struct mx_cache *home;  /* atomic: the cache that used it up and gave it up */
	union {
		uint64_t zero;  /* const while SMALL: see mx_span_unit */
		size_t bytes;   /* const while LARGE: what was asked for */
	};
	union {
		uint64_t magic; /* const while SMALL: see mx_span_magic */
		size_t lead;    /* const while LARGE: guard pages in front */
	};
	union {
		struct {        /* heap lock, FREE: */
			uint32_t dirty; /* pages that are Ready */
			uint32_t stamp; /* since when, milliseconds */
		};
		uintptr_t limit; /* atomic, SMALL, owner: mx_span_is_start */
	};

	struct mx_block *local MX_ALIGNED(64); /* owner */
	union {
		uint64_t out;   /* owner: both of these as one number */
		struct {
#if MX_BIG_ENDIAN
			uint32_t left, lower;
#else
			uint32_t lower, left;
#endif
		};
	};
	uint32_t carved;        /* owner: blocks [0, carved) were ever free */
	uint32_t bias;          /* owner: what `left' is too low by; 0: current */

	/* A queue's links: one of its owner's, central's list, or one of
	 * the heap's bins.  Whoever has the span in a queue owns them.  */
	struct mx_span *next;
	struct mx_span *prev;

	union {
		struct {        /* heap lock, FREE: the queue of runs with dirty
		                 * pages.  Owner, SMALL: of sparse spans.  */
			struct mx_span *older;
			struct mx_span *newer;
		};
		struct mx_mixed *mixed; /* const while MIXED */
	};

	bool sparse;            /* owner, SMALL: it is in that queue */
	uint8_t waits;          /* owner: enum mx_span_waits; AWAKE without one */
} MX_ALIGNED(MX_CACHE_LINE);

_Static_assert(sizeof(struct mx_span) == MX_CACHE_LINE,
    "a record is one cache line of POWER, two of x86");

/* What is where in a MIXED span.  A granule is what was a block.  mixed.c has the
 * rest of the record; that others read the bits without its locks is for words about a
 * block, and for statistics.  */
struct mx_mixed {
	struct mx_mixed *next, *prev;
	struct mx_span *span;
	size_t room;            /* bytes: the longest free run */
	uint32_t granules;
	uint32_t words;
	uint32_t free_;         /* granules */
	uint16_t list;          /* by what `room' was when it was enlisted */
	uintptr_t bits[];       /* used; inner: used, and not a block's first */
};

#define MX_SPAN_WORD ((uint32_t)(8 * sizeof(uintptr_t)))

MX_INLINE uintptr_t *
mx_span_used(struct mx_mixed *m)
{
	return m->bits;
}

MX_INLINE uintptr_t *
mx_span_inner(struct mx_mixed *m)
{
	return m->bits + m->words;
}

MX_INLINE bool
mx_span_bit(const uintptr_t *bits, uint32_t i)
{
	return mx_load(&bits[i / MX_SPAN_WORD], RELAXED) >>
	    i % MX_SPAN_WORD & 1;
}

/* A doubly linked queue, oldest first.  */
struct mx_span_queue {
	struct mx_span *first;
	struct mx_span *last;
};

/* `out' of a current span: so many frees may pass before anyone looks.  */
#define MX_SPAN_MANY ((uint64_t)1 << 62)

/* `out' counts blocks in its upper half.  */
#define MX_SPAN_ONE ((uint64_t)1 << 32)

/* What units are compared without: not even 32-bit machines need a library to read
 * `limit' at once.  */
#define MX_SPAN_BELOW (UINTPTR_MAX > 0xffffffffu ? 0 : MX_SPAN_ONE)

/* With magic = 2^64 / d rounded down, plus 1, and e = magic * d - 2^64, which is
 * 1 to d, the product of n = q * d + r and magic is q * e + r * magic, modulo 2^64
 * (Lemire, Kaser, Kurz: Faster remainder by direct computation, 2019).  For the
 * multiples of d that is q * e, for all others at least magic.
 *
 * It is odd, if need be by one more, and e up to 2 d: or the upper bits of an address
 * that no system has, which free no longer looks at, would not show in the product.  */
static inline uint64_t
mx_span_magic(uint32_t size)
{
	return (UINT64_MAX / size + 1) | 1;
}

/* e of the above.  */
static inline uint32_t
mx_span_step(const struct mx_span *s)
{
	return (uint32_t)(s->magic * s->size);
}

/* What the block at P, in SMALL span S, adds to `out' while it is handed out: one to
 * the count, and below it q * e for the Q-th block, less than twice the span's bytes.
 * For what is no start of a block it is at least magic.  `zero' is such that one
 * multiplication gives all of that.  The sum of the lower halves reaches 2^32 only
 * in spans that OS pages of 16 MiB make large; there the count is up to 4096 of a
 * million too high before the last block comes.  */
MX_INLINE uint64_t
mx_span_unit(const struct mx_span *s, const void *p)
{
	return (uint64_t)(uintptr_t)p * s->magic - s->zero;
}

/* The sum of the units of N blocks of S whose offsets from its base add up to
 * OFFSETS.  */
static inline uint64_t
mx_span_units(const struct mx_span *s, uint32_t n, uint64_t offsets)
{
	return offsets * s->magic + n * MX_SPAN_ONE;
}

/* Is UNIT that of the start of a block that was ever free?  One compare with
 * carved * e tells both.  Whoever has a block got it after the limit that lets it
 * pass was set.  */
MX_INLINE bool
mx_span_is_unit(const struct mx_span *s, uint64_t unit)
{
	return unit - MX_SPAN_BELOW < mx_peek(&s->limit);
}

/* Does a block of SMALL span S that was ever free start at P?
 *
 * P may also be what lies a multiple of 32 GiB from the span, among addresses of 48
 * bits: the answer is no.  If it lies q blocks from the base, its unit is about q * e,
 * and e is a fifth of the block at least, since all sizes are 1 to 7 times a power of
 * two; a fifth of 32 GiB is more than the 2^32 that the compare does not see.  Between
 * blocks its unit is at least magic, 2^49, less 2^48.  Of addresses with more bits, which
 * no program was given, one in 2^32 passes.  */
MX_INLINE bool
mx_span_is_start(const struct mx_span *s, const void *p)
{
	return mx_span_is_unit(s, mx_span_unit(s, p));
}

/* SMALL span S, whose base is known, has blocks of SIZE bytes.  */
static inline void
mx_span_set_size(struct mx_span *s, size_t size)
{
	mx_poke(&s->size, (uint32_t)size);
	s->magic = mx_span_magic(s->size);
	s->zero = (uintptr_t)s->base * s->magic - MX_SPAN_ONE;
}

/* OUT, a sum of units, as far as this build keeps count of it.  */
MX_INLINE uint64_t
mx_span_kept(uint64_t out)
{
	return MX_CHECKS ? out : out >> 32 << 32;
}

/* How many blocks OUT, a sum of units, stands for.  */
MX_INLINE uint32_t
mx_span_count(uint64_t out)
{
	return (uint32_t)(out >> 32);
}

/* `out' when every carved block is handed out.  */
static inline uint64_t
mx_span_all_out(const struct mx_span *s)
{
	uint64_t n = s->carved;

	if (!MX_CHECKS || n == 0)
		return n << 32;
	return (n << 32) + n * (n - 1) / 2 * mx_span_step(s);
}

/* The sum of the units of S's blocks that are handed out.  */
static inline uint64_t
mx_span_get_out(const struct mx_span *s)
{
	return s->out + ((uint64_t)s->bias << 32);
}

/* How many they are.  */
MX_INLINE uint32_t
mx_span_get_left(const struct mx_span *s)
{
	return s->left + s->bias;
}

/* Owner only.  The sum becomes OUT, and the count runs out when N >= 1 blocks have
 * come back.  */
static inline void
mx_span_set_out(struct mx_span *s, uint64_t out, uint32_t n)
{
	s->bias = mx_span_count(out) - n + 1;
	s->out = out - ((uint64_t)s->bias << 32);
}

/* Owner only.  S becomes the current span: so many frees may pass before anyone
 * looks.  */
static inline void
mx_span_set_current(struct mx_span *s)
{
	s->bias = 0;
	s->out = MX_SPAN_MANY;
}

static inline bool
mx_span_is_current(const struct mx_span *s)
{
	return s->bias == 0;
}

/* Owner only.  Blocks whose units' sum is OUT came back; true: the count ran out.
 * With the bias it falls below zero then, so that a free has one test for the last
 * block and for the one that wakes a span.  */
MX_INLINE bool
mx_span_count_down(struct mx_span *s, uint64_t out)
{
	s->out -= out;
	return (int64_t)s->out < 0;
}

/* Owner only.  The first N blocks of S were ever free.  */
static inline void
mx_span_set_carved(struct mx_span *s, uint32_t n)
{
	mx_store(&s->carved, n, RELAXED);
	mx_store(&s->limit, (uintptr_t)(MX_SPAN_ONE - MX_SPAN_BELOW +
	    (uint64_t)n * mx_span_step(s)), RELAXED);
}

enum mx_span_answer {
	MX_SPAN_PUSHED,         /* done */
	MX_SPAN_LAST,           /* done, and the count ran out: look */
	MX_SPAN_MISUSE          /* nothing was done: P is not in use */
};

/* Owner only.  Put P back, if nothing speaks against it that costs next to
 * nothing to see: P is the start of a block that was ever free, and not the one
 * that was freed last.  KEY: mx_block_key, from where the caller has it at hand.  */
MX_INLINE enum mx_span_answer
mx_span_push(struct mx_span *s, void *p, uintptr_t key)
{
	struct mx_block *b = p;
	struct mx_block *next = s->local;
	uint64_t unit;

	if (!MX_CHECKS) {
		b->next = next;
		s->local = b;
		return MX_UNLIKELY(mx_span_count_down(s, MX_SPAN_ONE)) ?
		    MX_SPAN_LAST : MX_SPAN_PUSHED;
	}
	unit = mx_span_unit(s, p);
	/* Or gcc takes the sum apart for the subtraction below: 3 more.  */
	__asm__("" : "+r"(unit));
	if (MX_UNLIKELY(!mx_span_is_unit(s, unit) || next == b))
		return MX_SPAN_MISUSE;
	mx_block_link(b, next, key);
	s->local = b;
	return MX_UNLIKELY(mx_span_count_down(s, unit)) ?
	    MX_SPAN_LAST : MX_SPAN_PUSHED;
}

/* Owner, or holder of the lock of the class.  Put a chain of blocks back, HEAD to
 * TAIL, which is linked to MX_BLOCK_END and whose units sum up to OUT; true: the count
 * ran out.  A chain that becomes the whole list needs no write to its last block, whose
 * line is another processor's still.  */
static inline bool
mx_span_push_chain(struct mx_span *s, struct mx_block *head,
    struct mx_block *tail, uint64_t out)
{
	mx_assert(mx_span_is_current(s) ||
	    mx_span_get_left(s) >= mx_span_count(out));
	if (s->local != MX_BLOCK_END)
		mx_block_link(tail, s->local, mx_block_key);
	s->local = head;
	return mx_span_count_down(s, mx_span_kept(out));
}

/* Bytes from the end of LARGE block S to that of its last page.  */
static inline size_t
mx_span_slack(const struct mx_span *s)
{
	return ((size_t)s->pages << MX_PAGE_SHIFT) - s->bytes;
}

/* Index of the block that holds the byte at OFFSET from the span's base.  */
static inline uint32_t
mx_span_index(const struct mx_span *s, size_t offset)
{
	return (uint32_t)((uint64_t)(offset / MX_BLOCK_ALIGN) *
	    mx_class_magics[s->class_] >> 31);
}

/* Has S blocks of a class?  It may become MIXED meanwhile.  */
MX_INLINE bool
mx_span_is_small(const struct mx_span *s)
{
	uint8_t state = mx_load(&s->state, RELAXED);

	return state == MX_SPAN_SMALL || state == MX_SPAN_MIXED;
}

/* Does a block start at OFFSET, or would one if there were more?  */
static inline bool
mx_span_is_multiple(const struct mx_span *s, size_t offset)
{
	return (size_t)mx_span_index(s, offset) * s->size == offset;
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

/* In words, what is known of block I; HEAD: how it begins, NULL: unknown.  One on its
 * way to another thread's lists may look as if it were in use.  */
const char *mx_span_tell(const struct mx_span *s, uint32_t i,
    const struct mx_block *head);

/* What lies around OFFSET in MIXED span S: a block or, not *USED, one free granule.
 * Where it begins, and its bytes.  Without a lock, so for words only: if S is no longer
 * MIXED, a free granule.  */
size_t mx_span_find(const struct mx_span *s, size_t offset, size_t *size,
    bool *used);

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
