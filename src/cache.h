/* cache.h - the blocks of one thread.
 *
 * Owns: the cache of each thread, the pool of caches without a thread, and the
 * ways a block goes back: to this cache's span, to another cache's inbox, to
 * central.  Must not know: how threads begin and end, what malloc promises.
 *
 * Synchronization (who may do what to a cache A, by thread):
 *
 *                         A's thread      any other thread
 *   span and queues       read, write     -
 *   pending, room         read, write     -
 *   inbox                 swap for empty  push by CAS
 *
 * A cache in the pool belongs to whoever takes it out, under the pool's lock: a new
 * thread, or one that leaves it with nothing.
 *
 * A block lying in a cache's list, in `pending' or in an inbox counts as used
 * in its span, so a span never goes back to the heap under it.
 *
 * SPDX-License-Identifier: MIT  */

#ifndef MX_CACHE_H
#define MX_CACHE_H

#include <pthread.h>

#include "class.h"
#include "pagemap.h"
#include "span.h"

/* Chains of blocks of other owners' spans that this thread has freed and not
 * yet sent; found by a hash of the span.  256: with a dozen classes in flight a
 * chain gets as long as it may before another span wants its place (exchange,
 * small blocks: 54 blocks a journey; with 64 places 7, and 14 % more time).  */
#define MX_CACHE_PENDING_BITS 8
#define MX_CACHE_PENDING (1 << MX_CACHE_PENDING_BITS)

struct mx_pending {
	struct mx_span *span;           /* NULL: empty */
	struct mx_block *head;
	struct mx_block *tail;
	uint64_t out;                   /* of its blocks: their units' sum */
};

/* Larger blocks than those of so many classes are no granules.  */
#define MX_CACHE_SPARSE 32

/* Up to so many bytes, the size of a class, malloc finds its span without the class.
 * With 1 KiB sizes on both sides of it at random take a branch that no processor
 * foretells (batch-mixed 12 % more time); with 32 KiB the table is 16 KiB long
 * (scale-1e3 and stress-1 3 % more than with 4 KiB).  */
#define MX_CACHE_DIRECT (4 * MX_KIB)

struct mx_cache {
	/* Hot, as the next two: the current span by class, whose list malloc takes
	 * from.  Never NULL: mx_cache_no_span stands for none.  (A free has to read
	 * the record anyway.  With the lists here and their addresses in the records
	 * it read one word more before it could write, see doc/performance.md.)  */
	struct mx_span *span[MX_CLASS_COUNT];

	/* mx_block_key: at hand where the lists are.  1 in mx_cache_empty, whose
	 * lists are always at their end.  */
	uintptr_t key;

	/* The same by size, in steps of MX_BLOCK_ALIGN: one load less that the next
	 * one waits for (pairs-single 8 % less time).  */
	struct mx_span *direct[MX_CACHE_DIRECT / MX_BLOCK_ALIGN + 1];

	/* Owned spans with free blocks on their local lists, oldest first.  */
	struct mx_span_queue partial[MX_CLASS_COUNT];

	/* Those of them of which little is in use, linked by `older' and
	 * `newer', and a bit for each class that has one.  */
	struct mx_span_queue sparse[MX_CACHE_SPARSE];
	uint32_t sparse_classes;

	/* Owned spans that sleep: few of their blocks came back so far.  */
	struct mx_span_queue asleep[MX_CLASS_COUNT];

	/* Owned spans that were used up last, and how many.  */
	struct mx_span_queue used_up[MX_CLASS_COUNT];
	uint8_t used_up_count[MX_CLASS_COUNT];

	/* Blocks of other owners that may still join span[c]'s before the next
	 * refill.  The others go home: a thread that kept them all would free
	 * foreign blocks for ever (larson: 1.8 times the time).  */
	uint16_t room[MX_CLASS_COUNT];

	/* Blocks of MIXED spans came to the list; none may, since they are at any
	 * multiple of 16.  */
	bool borrowed[MX_CLASS_COUNT];
	bool aligned[MX_CLASS_COUNT];
	uint8_t unwanted[MX_CLASS_COUNT];       /* mx_cache_put_mixed */

	/* So many blocks of a span travel together: const.  */
	uint8_t chain_most[MX_CLASS_COUNT];

	struct mx_pending pending[MX_CACHE_PENDING];

	struct mx_cache *next;          /* every cache ever made */
	struct mx_cache *next_free;     /* pool lock: the pool it is in */
	bool live;                      /* atomic: a thread has it */
	uint32_t pending_bytes;         /* in all of pending */
	struct mx_secure *secure;       /* secure.c's; NULL: nothing */
	void *signal_stack;             /* fault.c's; NULL: none */
	struct mx_cache *hot;           /* this, or with mx_conf_hides the
	                                 * empty one: what the hit paths see */
	uint32_t until_guard;           /* allocations before one is sampled */

	/* Any thread.  Chains, linked by the marks of their first blocks.  */
	struct mx_block *inbox MX_ALIGNED(MX_CACHE_LINE);
};

/* What a thread has before its first block and after its last: it hands out
 * nothing and owns nothing, so no path needs a test for NULL.  */
extern struct mx_cache mx_cache_empty;

#if defined _AIX && !defined MX_NATIVE_TLS && !defined MX_THREAD_KEY
# define MX_THREAD_KEY 1
#endif

#ifdef MX_THREAD_KEY
/* AIX loads the library late, where native thread-local storage is not to be
 * relied on (doc/aix.md), so a pthread key holds the thread's cache: nothing
 * before its first block, mx_cache_empty after its end.  One word, so that none
 * can see a key that is half made.  */
extern unsigned mx_cache_key;           /* the key plus one, 0: none */

/* What the key holds; NULL: nothing.  */
MX_INLINE struct mx_cache *
mx_cache_get_key(void)
{
	unsigned key = mx_load(&mx_cache_key, RELAXED);

	return MX_UNLIKELY(key == 0) ? NULL :
	    pthread_getspecific((pthread_key_t)(key - 1));
}

MX_INLINE struct mx_cache *
mx_cache_get_self(void)
{
	struct mx_cache *cache = mx_cache_get_key();

	return MX_LIKELY(cache != NULL) ? cache->hot : &mx_cache_empty;
}

MX_INLINE struct mx_cache *
mx_cache_get_own(void)
{
	struct mx_cache *cache = mx_cache_get_key();

	return cache == &mx_cache_empty ? NULL : cache;
}

# define mx_cache_self mx_cache_get_self()
# define mx_cache_own mx_cache_get_own()

/* Make the key; END gets the cache of each thread that ends.  0 or errno.  */
int mx_cache_make_key(void (*end)(void *));

#else
/* Initial-exec: one load.  In a library that is loaded with the program, and 8
 * bytes fit the static TLS that glibc keeps for late ones.  */
extern __thread struct mx_cache *mx_cache_self
    __attribute__((tls_model("initial-exec")));

/* The same, but with mx_conf_hides mx_cache_self stays at mx_cache_empty, so that
 * every hit path misses.  NULL: none yet, or none any more.  */
extern __thread struct mx_cache *mx_cache_own
    __attribute__((tls_model("initial-exec")));
#endif

/* Let CACHE be the calling thread's; NULL: none, for now.  0 or errno; it may call
 * malloc.  */
int mx_cache_set_self(struct mx_cache *cache);

/* The thread's end has begun: it has no cache any more and gets none.  */
void mx_cache_end_self(void);
bool mx_cache_self_ended(void);

/* For threads without a cache of their own; whoever uses it sees to it that no
 * one else does.  */
extern struct mx_cache mx_cache_shared;

/* All caches, newest first, the shared one last.  */
extern struct mx_cache *mx_cache_list;

/* Add to COUNTS, by class, the blocks that lie in CACHE's inbox, and to *MIXED the bytes
 * of those whose spans are MIXED by now.  Its owner may be taking them meanwhile: what
 * is found is checked before it is followed.  */
void mx_cache_count_inbox(const struct mx_cache *cache,
    size_t counts[MX_CLASS_COUNT], size_t *mixed);

/* Has nothing to hand out, ever.  */
extern struct mx_span mx_cache_no_span;

/* Is there nothing of class C on the list?  */
static inline bool
mx_cache_is_dry(const struct mx_cache *cache, unsigned c)
{
	return cache->span[c]->local == MX_BLOCK_END;
}

/* A block from the list of S, a current span of CACHE's; NULL: refill.  */
MX_INLINE void *
mx_cache_take_from(struct mx_cache *cache, struct mx_span *s)
{
	struct mx_block *b = s->local;
	struct mx_block *next;

	/* At the end of the list the mark is wrong, too.  What the mark says is taken,
	 * and the link compared with it: one instruction less than the other way.  */
	next = MX_CHECKS ? (struct mx_block *)(b->mark ^ cache->key) : b->next;
	MX_NO_RESULT(next);
	if (MX_UNLIKELY(MX_CHECKS ? b->next != next : b == MX_BLOCK_END))
		return NULL;
	s->local = next;
	if (MX_CHECKS)
		b->mark = 0;
	__builtin_prefetch(next, 1);
	return b;
}

/* The same for class C.  */
MX_INLINE void *
mx_cache_take(struct mx_cache *cache, unsigned c)
{
	return mx_cache_take_from(cache, cache->span[c]);
}

/* For N bytes, at most MX_CACHE_DIRECT.  */
MX_INLINE void *
mx_cache_take_direct(struct mx_cache *cache, size_t n)
{
	struct mx_span *s = cache->direct[(n + MX_BLOCK_ALIGN - 1) /
	    MX_BLOCK_ALIGN];

	mx_assert(s == cache->span[mx_class_of(n)]);
	return mx_cache_take_from(cache, s);
}

/* B, of class C and some span, is the next to be taken.  There is a current span.  */
MX_INLINE void
mx_cache_untake(struct mx_cache *cache, unsigned c, struct mx_block *b)
{
	struct mx_span *s = cache->span[c];

	mx_assert(s != &mx_cache_no_span);
	mx_block_link(b, s->local, cache->key);
	s->local = b;
}

/* Get free blocks of class C from anywhere and take one.  NULL and errno.  */
void *mx_cache_refill(struct mx_cache *cache, unsigned c);

/* From here on all blocks of class C are as aligned as their size is: none of MIXED
 * spans is on the list.  */
void mx_cache_align(struct mx_cache *cache, unsigned c);

/* S's count ran out in a push by its owner CACHE.  */
void mx_cache_event(struct mx_cache *cache, struct mx_span *s);

/* Is B, a block of SMALL span S, free and on a list of CACHE's own?  Only a block
 * with a right mark is looked for.  */
bool mx_cache_holds(const struct mx_cache *cache, const struct mx_span *s,
    const struct mx_block *b);

/* Free P, an address in SMALL span S, which CACHE may not own; or tell what is
 * wrong with it.  */
void mx_cache_put_remote(struct mx_cache *cache, struct mx_span *s, void *p);

/* The same for MIXED span S.  */
void mx_cache_put_mixed(struct mx_cache *cache, struct mx_span *s, void *p);

/* Once, after mx_span_init.  */
void mx_cache_init(void);

/* A cache for a new thread, from the pool or fresh; NULL and errno.  */
struct mx_cache *mx_cache_new(void);

/* Every block and span goes where other threads find it, but a few that wait for the
 * next thread; then the cache goes to the pool.  */
void mx_cache_delete(struct mx_cache *cache);

/* Leave CACHE with nothing.  */
void mx_cache_flush(struct mx_cache *cache);

/* Caches without a thread are left with nothing.  False: they had nothing.  */
bool mx_cache_trim(void);

/* The same for those that no thread wanted since the last call.  */
void mx_cache_tidy(void);

/* For the fork handlers: the pool's lock.  */
void mx_cache_lock(void);
void mx_cache_unlock(void);
void mx_cache_lock_init(void);

#endif /* MX_CACHE_H */
