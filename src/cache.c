/* cache.c - refill, free to others, birth and death of a cache.  See cache.h.
 *
 * SPDX-License-Identifier: MIT  */

#include "cache.h"

#include <string.h>

#include "central.h"
#include "conf.h"
#include "guard.h"
#include "heap.h"
#include "lock.h"
#include "meta.h"
#include "misuse.h"
#include "mixed.h"
#include "sys.h"

/* Bytes carved at a time: a fresh span touches only what it hands out.  */
#define CARVE_BYTES     4096

/* Others' blocks kept per class for reuse by this thread: few, since they are
 * others' the next time, too, and share cache lines with theirs (with 32 more
 * stress, 4 % more time; with none exchange-mixed, 10 %).  Blocks of one span
 * gathered before they travel (8 KiB: ring-mixed-2 a quarter more time); what all
 * that wait may hold.  */
#define ROOM_BYTES      32768
#define ROOM_MAX        4
#define PENDING_BYTES   16384
#define PENDING_MAX     64
#define PENDING_BYTES_ALL (512 * MX_KIB)

/* So many caches, or so many for each processor if that is more, may have all of
 * that.  When there are more each has its share, so that the sum stays what it is:
 * a thousand threads that keep half a MiB each would keep half a GiB.  */
#define CROWD           16
#define CROWD_EACH      8

/* A used-up span sleeps until one of WAKE_SHARE blocks came back, WAKE_MAX at most.
 * If each was used again for its first block, a heap of which random blocks are
 * replaced would go through all of its spans, a block at a time.  */
#ifndef WAKE_SHARE
#define WAKE_SHARE      32
#endif
#ifndef WAKE_MAX
#define WAKE_MAX        16
#endif

/* A span of which one part in SPARSE_SHARE or less is in use is sparse.  A refill lets
 * so many become MIXED at most, or find that they have no room.  */
#define SPARSE_SHARE    4
#define SPARSE_LOOKS    2

/* One part in so many of `mixed_min' for each thread, 4 MiB, are never too much: two
 * spans of each class that can be granules.  */
#define MIXED_EACH      4

/* While fewer blocks than this are on a list, a block of a MIXED span joins it: one that
 * comes and goes needs none of the span's bits (20 ns for 50).  */
#define SHORT           8

/* So many in a row found the list as long as that: the program frees, and what is on the
 * list would keep as many spans (lru, all freed: 9 % of the peak was left for 5).  */
#define UNWANTED        32

/* An empty span of no more blocks than this may stay.  To give one of more and take it
 * again is a few instructions for each of its blocks (0 to 1.6 % in 10 benchmarks), and
 * one of each class was a MiB that stayed after lru.  */
#define EMPTY_BLOCKS    256

/* So many used-up spans of a class stay with their thread.  Their blocks come home
 * without a lock, and the record's first line stays as it is, which all who free read.
 * (With none, ring-small-4 takes half as much time again.)  Not more: what others free
 * of them waits for this thread, which may sleep.  */
#define USED_UP_MAX     2

/* So many caches whose threads ended keep their spans for the next ones, if no more
 * than this was ever used of all of a cache's spans: else each short thread would make
 * its lists and sum them up again (churn-4: a third of the time).  The spans' other
 * pages may still be there from a former use: 2.8 MiB in one cache at the worst.  */
#define WARM_MAX        4
#define WARM_BYTES      (256 * MX_KIB)

/* The inbox of a cache without a thread, and without spans, takes nothing.  */
#define CLOSED          ((struct mx_block *)(uintptr_t)1)

#define NO_SPANS { [0 ... MX_CLASS_COUNT - 1] = &mx_cache_no_span }
#define NO_DIRECT \
	{ [0 ... MX_CACHE_DIRECT / MX_BLOCK_ALIGN] = &mx_cache_no_span }

struct mx_span mx_cache_no_span = { .local = MX_BLOCK_END };
struct mx_cache mx_cache_empty = {
	.span = NO_SPANS, .direct = NO_DIRECT, .key = 1, .hot = &mx_cache_empty
};
/* malloc's hit path never sees it, so `direct' is of no use in it: 8 KiB of
 * pointers and relocations less.  */
struct mx_cache mx_cache_shared = { .span = NO_SPANS };
struct mx_cache *mx_cache_list = &mx_cache_shared;

/* atomic.  Caches with a thread; how many may have all they want; what each may have
 * at the moment.  */
static size_t live_caches, most_caches = CROWD;
static size_t room_bytes = ROOM_BYTES;
static size_t pending_most = PENDING_BYTES_ALL;

static void
count_live(bool born)
{
	size_t n = born ? mx_add(&live_caches, 1, RELAXED) :
	    mx_sub(&live_caches, 1, RELAXED);
	size_t most = mx_load(&most_caches, RELAXED);

	if (n > most) {
		most = mx_max(CROWD, CROWD_EACH * mx_sys_grant()->processors);
		mx_store(&most_caches, most, RELAXED);
	}
	n = mx_max(n, most);
	mx_store(&room_bytes, ROOM_BYTES * most / n, RELAXED);
	mx_store(&pending_most, PENDING_BYTES_ALL * most / n, RELAXED);
}

static bool
is_crowded(void)
{
	return mx_load(&room_bytes, RELAXED) < ROOM_BYTES;
}

/* ---- whose cache ---- */

#ifdef MX_THREAD_KEY

unsigned mx_cache_key;

int
mx_cache_make_key(void (*end)(void *))
{
	pthread_key_t key;
	int e = pthread_key_create(&key, end);

	if (e == 0)
		mx_store(&mx_cache_key, (unsigned)key + 1, RELEASE);
	return e;
}

int
mx_cache_set_self(struct mx_cache *cache)
{
	return pthread_setspecific((pthread_key_t)(mx_cache_key - 1), cache);
}

void
mx_cache_end_self(void)
{
	(void)mx_cache_set_self(&mx_cache_empty);
}

bool
mx_cache_self_ended(void)
{
	return pthread_getspecific((pthread_key_t)(mx_cache_key - 1)) ==
	    &mx_cache_empty;
}

#else

__thread struct mx_cache *mx_cache_self
    __attribute__((tls_model("initial-exec"))) = &mx_cache_empty;

__thread struct mx_cache *mx_cache_own
    __attribute__((tls_model("initial-exec")));

/* This thread's destructors have run; it gets no second cache, since nobody
 * would take that one back.  */
static __thread bool ended __attribute__((tls_model("initial-exec")));

int
mx_cache_set_self(struct mx_cache *cache)
{
	mx_cache_own = cache;
	mx_cache_self = cache == NULL ? &mx_cache_empty : cache->hot;
	return 0;
}

void
mx_cache_end_self(void)
{
	ended = true;
	(void)mx_cache_set_self(NULL);
}

bool
mx_cache_self_ended(void)
{
	return ended;
}

#endif

static struct mx_lock pool_lock = MX_LOCK_INIT;
static struct mx_cache *pool;

/* pool lock.  Caches that have spans; how many, which is also read without it, and at
 * least since mx_cache_tidy looked.  */
static struct mx_cache *warm_pool;
static size_t warm, warm_least;

/* CACHE, which is new, gets what never changes.  */
static void
set_up(struct mx_cache *cache)
{
	cache->key = mx_block_key;
	for (unsigned c = 0; c < MX_CLASS_COUNT; c++)
		cache->chain_most[c] = (uint8_t)mx_min(PENDING_MAX,
		    (PENDING_BYTES - 1) / mx_class_size(c) + 1);
}

void
mx_cache_init(void)
{
	mx_assert(mx_class_size(mx_class_of(MX_CACHE_DIRECT)) == MX_CACHE_DIRECT);
	set_up(&mx_cache_shared);
	/* Who frees after its thread's end has no more that could join a chain, and
	 * nobody would send it later: it would keep its span.  */
	memset(mx_cache_shared.chain_most, 1, sizeof mx_cache_shared.chain_most);
}

void
mx_cache_lock(void)
{
	mx_lock(&pool_lock);
}

void
mx_cache_unlock(void)
{
	mx_unlock(&pool_lock);
}

void
mx_cache_lock_init(void)
{
	/* A child has none of the other threads.  */
	mx_store(&live_caches, mx_cache_own != NULL, RELAXED);
	mx_store(&room_bytes, ROOM_BYTES, RELAXED);
	mx_store(&pending_most, PENDING_BYTES_ALL, RELAXED);
	mx_lock_init(&pool_lock);
}

/* ---- a chain that travels ----
 *
 * In the inbox a chain of blocks of one span is one item.  Its first block's mark
 * links the items, and bit 0 of it says that there is a second block; the second
 * block's mark says where the chain ends (24 bits: spans are below 256 MiB), how
 * many blocks it has (8 bits) and what their units add up to.  Both are hidden by a
 * key: what a program writes to a block that it freed would else be believed, and a
 * block in use be taken for the end of a chain.  */

_Static_assert(PENDING_MAX <= 255, "the length of a chain has 8 bits");

/* Not mx_block_key: what that hides in a mark is another link.  */
static uint64_t
travel_key(void)
{
	return mx_block_key * 0x9e3779b97f4a7c15u;
}

/* What links an item to NEXT.  */
static uintptr_t
pack_link(const struct mx_block *next, bool many)
{
	return ((uintptr_t)next | many) ^ (uintptr_t)travel_key();
}

/* From the item's mark, the other way round; bit 0: many.  */
static uintptr_t
unpack_link(uintptr_t mark)
{
	return mark ^ (uintptr_t)travel_key();
}

static void
pack_chain(struct mx_span *s, struct mx_block *head, struct mx_block *tail,
    uint64_t out)
{
	uint64_t place = (uint64_t)((char *)tail - s->base) / MX_BLOCK_ALIGN;

	if (mx_span_count(out) > 1)
		head->next->travel = travel_key() ^ (place << 40 |
		    (uint64_t)mx_span_count(out) << 32 | (uint32_t)out);
}

/* What the chain adds up to; its first two blocks get their marks back.  0: these
 * are not the marks of a chain, because one of the blocks was freed again.  */
static uint64_t
unpack_chain(struct mx_span *s, struct mx_block *head, bool many,
    struct mx_block **tail)
{
	struct mx_block *second = head->next;
	uint64_t packed;

	*tail = head;
	if (!many) {
		mx_block_link(head, second, mx_block_key);
		return mx_span_unit(s, head);
	}
	if (MX_UNLIKELY(!mx_span_is_block(s, second)))
		return 0;
	packed = second->travel ^ travel_key();
	*tail = (struct mx_block *)(void *)(s->base +
	    (packed >> 40) * MX_BLOCK_ALIGN);
	if (MX_UNLIKELY(!mx_span_is_block(s, *tail)))
		return 0;
	mx_block_link(head, second, mx_block_key);
	mx_block_link(second, second->next, mx_block_key);
	return packed & 0xffffffffff;
}

static bool
push_inbox(struct mx_cache *owner, struct mx_span *s, struct mx_block *head,
    struct mx_block *tail, uint64_t out)
{
	struct mx_block *old = mx_load(&owner->inbox, RELAXED);

	pack_chain(s, head, tail, out);
	do {
		if (old == CLOSED) {
			(void)unpack_chain(s, head, mx_span_count(out) > 1,
			    &tail);
			return false;
		}
		if (MX_UNLIKELY(old == head)) {
			mx_misuse(MX_MESSAGE_DOUBLE_FREE, "free", head, s,
			    NULL);
			return true;
		}
		head->mark = pack_link(old, mx_span_count(out) > 1);
	} while (!mx_cas_weak(&owner->inbox, &old, head, RELEASE, RELAXED));
	return true;
}

/* Owner only.  An own span's chain comes home.  */
static void
push_own(struct mx_cache *cache, struct mx_span *s, struct mx_block *head,
    struct mx_block *tail, uint64_t out)
{
	if (s->waits == MX_SPAN_USED_UP)
		s->waits = MX_SPAN_FREED_BY_OTHERS;
	if (mx_span_push_chain(s, head, tail, out))
		mx_cache_event(cache, s);
}

/* Send a chain to whoever has its span now.  The owner may change under our
 * eyes; each way in refuses when it is the wrong one.  */
static void
send_chain(struct mx_cache *cache, struct mx_span *s, struct mx_block *head,
    struct mx_block *tail, uint64_t out)
{
	for (;;) {
		struct mx_cache *owner = mx_load(&s->owner, ACQUIRE);

		if (owner == NULL) {
			if (mx_load(&s->state, RELAXED) == MX_SPAN_MIXED) {
				mx_mixed_give_chain(s, head,
				    mx_span_count(out));
				return;
			}
			if (mx_central_push(s, head, tail, out))
				return;
		} else if (owner == cache) {
			push_own(cache, s, head, tail, out);
			return;
		} else if (push_inbox(owner, s, head, tail, out)) {
			return;
		}
	}
}

static void
send_pending(struct mx_cache *cache, struct mx_pending *e)
{
	struct mx_span *s = e->span;

	e->span = NULL;
	cache->pending_bytes -= mx_span_count(e->out) * s->size;
	/* The first to come is the last of the chain: freed again, it is not.  (Any
	 * other makes a ring, which malloc will see.)  */
	if (MX_UNLIKELY(e->tail->next != MX_BLOCK_END)) {
		mx_misuse(MX_MESSAGE_LIST_DAMAGED, "free", e->tail, s, cache);
		return;
	}
	send_chain(cache, s, e->head, e->tail, e->out);
}

MX_COLD static void
send_all_pending(struct mx_cache *cache)
{
	for (size_t i = 0; cache->pending_bytes > 0 && i < MX_CACHE_PENDING; i++)
		if (cache->pending[i].span != NULL)
			send_pending(cache, &cache->pending[i]);
}

static struct mx_span *
checked_span(const struct mx_block *b)
{
	struct mx_span *s = mx_pagemap_get(b);

	return s != NULL && mx_span_is_small(s) && mx_span_is_block(s, b) ?
	    s : NULL;
}

/* All chains of an inbox list; not all of them need be ours still.  */
static void
receive(struct mx_cache *cache, struct mx_block *item)
{
	while (item != NULL) {
		struct mx_span *s = checked_span(item);
		uintptr_t link = s == NULL ? 0 : unpack_link(item->mark);
		struct mx_block *tail;
		uint64_t out = s == NULL ? 0 :
		    unpack_chain(s, item, link & 1, &tail);

		/* Freed again on the way: what linked the items is gone.  */
		if (MX_UNLIKELY(out == 0)) {
			mx_misuse(MX_MESSAGE_LIST_DAMAGED, "malloc", item, s,
			    cache);
			return;
		}
		send_chain(cache, s, item, tail, out);
		item = (struct mx_block *)(link & ~(uintptr_t)1);
	}
}

static void
drain_inbox(struct mx_cache *cache)
{
	if (mx_load(&cache->inbox, RELAXED) != NULL)
		receive(cache, mx_swap(&cache->inbox, NULL, ACQUIRE));
}

__attribute__((no_sanitize("thread")))
void
mx_cache_count_inbox(const struct mx_cache *cache,
    size_t counts[MX_CLASS_COUNT], size_t *mixed)
{
	const struct mx_block *item = mx_load(&cache->inbox, ACQUIRE);
	const struct mx_block *second;
	const struct mx_span *s;
	uintptr_t link;
	size_t n;

	for (int limit = 1 << 20; limit > 0 && item != NULL && item != CLOSED;
	    limit--) {
		s = checked_span(item);
		if (s == NULL)
			return;
		link = unpack_link(item->mark);
		second = item->next;
		n = 1;
		if ((link & 1) != 0)
			n = second != NULL && checked_span(second) == s ?
			    (second->travel ^ travel_key()) >> 32 & 0xff : 0;
		if (mx_load(&s->state, RELAXED) == MX_SPAN_MIXED)
			*mixed += n * s->size;
		else
			counts[s->class_] += n;
		item = (const struct mx_block *)(link & ~(uintptr_t)1);
	}
}

/* ---- refill ---- */

/* The same in an order that nobody can guess, with secure:true: at least 8 blocks
 * at a time, so that there is an order.  Their last words become zero, since what
 * was there before, in blocks of another size, says nothing about these.  */
MX_COLD static struct mx_block *
carve_shuffled(struct mx_span *s)
{
	uint8_t order[CARVE_BYTES / MX_BLOCK_ALIGN];
	size_t size = s->size;
	size_t n = mx_min(mx_max(CARVE_BYTES / size, 8),
	    s->blocks - s->carved);
	char *p = s->base + s->carved * size;
	struct mx_block *b = MX_BLOCK_END;
	uint64_t x = mx_block_key ^ ((uintptr_t)p * 0x9e3779b97f4a7c15u);

	_Static_assert(sizeof order <= 256, "an index has 8 bits");
	for (size_t i = 0; i < n; i++) {
		size_t j;

		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		j = (uint32_t)((x >> 32) * (i + 1) >> 32);
		order[i] = order[j];
		order[j] = (uint8_t)i;
	}
	mx_span_set_carved(s, s->carved + (uint32_t)n);
	while (n-- > 0) {
		struct mx_block *next = b;

		b = (struct mx_block *)(void *)(p + order[n] * size);
		mx_block_link(b, next, mx_block_key);
		memset((char *)b + size - 8, 0, 8);
	}
	return b;
}

/* One of N, by X.  Records and pages of neighbouring spans lie at the same distances,
 * so the bits have to be mixed: multiply by 2^32 / golden ratio, take the top.  */
static size_t
spread(uintptr_t x, size_t n)
{
	return (size_t)((uint64_t)((uint32_t)x * 2654435769u) * n >> 32);
}

/* Which of the first N blocks of S is the first to be handed out: else the blocks of
 * all classes that a small program uses most would begin where pages do, in the same
 * few sets of the processor's cache (pairs-single: 9 % more time).  */
static size_t
first_of(const struct mx_span *s, size_t n)
{
	return spread((uintptr_t)s->base >> MX_PAGE_SHIFT, n);
}

/* Link the next blocks of S, which has some, into a list.  */
static struct mx_block *
carve(struct mx_span *s)
{
	size_t size = s->size;
	size_t n = mx_min(mx_max(CARVE_BYTES / size, 1),
	    s->blocks - s->carved);
	char *start = s->base + s->carved * size;
	char *end = start + n * size;
	char *p = start;
	struct mx_block *first;

	if (MX_UNLIKELY(mx_conf.secure))
		return carve_shuffled(s);
	if (s->carved == 0)
		p += first_of(s, n) * size;
	mx_span_set_carved(s, s->carved + (uint32_t)n);
	first = (struct mx_block *)(void *)p;
	for (; n > 1; n--) {
		struct mx_block *b = (struct mx_block *)(void *)p;

		p = p + size == end ? start : p + size;
		mx_block_link(b, (struct mx_block *)(void *)p, mx_block_key);
	}
	mx_block_link((struct mx_block *)(void *)p, MX_BLOCK_END, mx_block_key);
	return first;
}

/* malloc takes blocks of class C from S.  */
static void
set_span(struct mx_cache *cache, unsigned c, struct mx_span *s)
{
	struct mx_span *four[4] = { s, s, s, s };
	size_t end = mx_class_size(c) / MX_BLOCK_ALIGN + 1;
	size_t i = c == 0 ? 0 : mx_class_size(c - 1) / MX_BLOCK_ALIGN + 1;

	mx_store(&cache->span[c], s, RELEASE);  /* stats.c follows it */
	if (end > sizeof cache->direct / sizeof cache->direct[0])
		return;
	/* 32 places at the most.  Four at once: 3 % fewer instructions in align.  */
	for (; i + 4 <= end; i += 4)
		memcpy(&cache->direct[i], four, sizeof four);
	for (; i < end; i++)
		cache->direct[i] = s;
}

/* S, owned by CACHE and in no queue, becomes the current span of C.  */
static void
make_current(struct mx_cache *cache, unsigned c, struct mx_span *s)
{
	mx_span_set_current(s);
	if (s->local == MX_BLOCK_END)
		s->local = carve(s);
	set_span(cache, c, s);
}

/* And no other takes its place, for now.  Up to set_span malloc still finds it.  */
static void
leave_current(struct mx_cache *cache, unsigned c)
{
	cache->span[c] = &mx_cache_no_span;
	cache->room[c] = 0;             /* no list for others' blocks */
}

/* After how many of its blocks came back it is worth while to use S again.  */
static uint32_t
wake_count(const struct mx_span *s)
{
	return mx_max(1, mx_min(s->blocks / WAKE_SHARE, WAKE_MAX));
}

static void
end_wait(struct mx_cache *cache, struct mx_span *s)
{
	unsigned c = s->class_;

	mx_assert(s->waits != MX_SPAN_AWAKE);
	if (s->waits == MX_SPAN_ASLEEP) {
		mx_span_unlink(&cache->asleep[c], s);
	} else {
		mx_span_unlink(&cache->used_up[c], s);
		cache->used_up_count[c]--;
	}
	s->waits = MX_SPAN_AWAKE;
}

/* atomic.  Bytes of the sparse spans of all caches.  */
static size_t sparse_bytes;

static void
unmark_sparse(struct mx_cache *cache, struct mx_span *s)
{
	struct mx_span_queue *q;

	if (!s->sparse)
		return;
	q = &cache->sparse[s->class_];
	if (s->older != NULL)
		s->older->newer = s->newer;
	else
		q->first = s->newer;
	if (s->newer != NULL)
		s->newer->older = s->older;
	else
		q->last = s->older;
	if (q->first == NULL)
		cache->sparse_classes &= ~((uint32_t)1 << s->class_);
	s->sparse = false;
	mx_sub(&sparse_bytes, (size_t)s->pages << MX_PAGE_SHIFT, RELAXED);
}

static void
mark_sparse(struct mx_cache *cache, struct mx_span *s)
{
	struct mx_span_queue *q;

	if (s->sparse || s->class_ >= MX_CACHE_SPARSE ||
	    s->blocks > MX_MIXED_MAX || mx_conf.secure ||
	    cache == &mx_cache_shared)
		return;
	q = &cache->sparse[s->class_];
	s->newer = NULL;
	s->older = q->last;
	if (s->older != NULL)
		s->older->newer = s;
	else
		q->first = s;
	q->last = s;
	cache->sparse_classes |= (uint32_t)1 << s->class_;
	s->sparse = true;
	mx_add(&sparse_bytes, (size_t)s->pages << MX_PAGE_SHIFT, RELAXED);
}

/* The next event of S, which is partial, is to be when it is sparse or, if it is, when
 * all of it came back.  */
static void
watch_partial(struct mx_cache *cache, struct mx_span *s)
{
	uint64_t out = mx_span_get_out(s);
	uint32_t n = mx_span_count(out);
	uint32_t few = s->blocks / SPARSE_SHARE;

	if (n > few) {
		mx_span_set_out(s, out, n - few);
		return;
	}
	if (n == 0)
		return;
	mx_span_set_out(s, out, n);
	mark_sparse(cache, s);
}

/* S waits no more: it is the next to be used after the others.  */
static void
wake(struct mx_cache *cache, struct mx_span *s)
{
	uint64_t out = mx_span_get_out(s);

	mx_span_set_out(s, out, mx_span_count(out));
	end_wait(cache, s);
	mx_span_append(&cache->partial[s->class_], s);
	watch_partial(cache, s);
}

/* S, in no queue, is to wait until its count runs out.  */
static void
put_to_sleep(struct mx_cache *cache, struct mx_span *s)
{
	s->waits = MX_SPAN_ASLEEP;
	mx_span_append(&cache->asleep[s->class_], s);
}

/* Of the used-up spans of C no more than MOST stay.  One that this thread freed a block
 * of goes on waiting for it.  If others did, all of it may come from them, and this
 * thread may sleep.  */
static void
limit_used_up(struct mx_cache *cache, unsigned c, unsigned most)
{
	while (cache->used_up_count[c] > most) {
		struct mx_span *s = cache->used_up[c].first;
		bool by_others = s->waits == MX_SPAN_FREED_BY_OTHERS;

		end_wait(cache, s);
		if (s->local == MX_BLOCK_END)
			mx_central_give_full(s, cache);
		else if (by_others)
			mx_central_give(s);
		else
			put_to_sleep(cache, s);
	}
}

/* The last block of S was handed out.  */
static void
use_up(struct mx_cache *cache, struct mx_span *s)
{
	unsigned c = s->class_;

	/* The shared cache may never be used again.  */
	if (is_crowded() || cache == &mx_cache_shared) {
		limit_used_up(cache, c, 0);
		mx_central_give_full(s, cache);
		return;
	}
	mx_span_set_out(s, mx_span_all_out(s), wake_count(s));
	s->waits = MX_SPAN_USED_UP;
	mx_span_append(&cache->used_up[c], s);
	cache->used_up_count[c]++;
	limit_used_up(cache, c, USED_UP_MAX);
}

/* All that wait and have a block; the others are given up.  */
static void
wake_all(struct mx_cache *cache, unsigned c)
{
	limit_used_up(cache, c, 0);
	while (cache->asleep[c].first != NULL)
		wake(cache, cache->asleep[c].first);
}

static struct mx_span *
take_partial(struct mx_cache *cache, unsigned c)
{
	struct mx_span *s = cache->partial[c].first;

	if (s != NULL) {
		unmark_sparse(cache, s);
		mx_span_unlink(&cache->partial[c], s);
	}
	return s;
}

static struct mx_span *
take_fresh(struct mx_cache *cache, unsigned c)
{
	struct mx_span *s = mx_heap_take_small(c);

	if (s != NULL)
		mx_store(&s->owner, cache, RELAXED);
	return s;
}

static uint16_t
room_for(unsigned c)
{
	return (uint16_t)mx_min(ROOM_MAX, mx_load(&room_bytes, RELAXED) /
	    mx_class_size(c));
}

/* Nothing behind a damaged block can be trusted, so all of it is lost: its spans
 * never add up to nothing handed out, and stay.  */
MX_COLD static void
drop_damaged(const char *call, struct mx_cache *cache, unsigned c)
{
	struct mx_span *s = cache->span[c];
	struct mx_block *b = s->local;

	s->local = MX_BLOCK_END;
	mx_misuse(MX_MESSAGE_LIST_DAMAGED, call, b, mx_pagemap_get(b), cache);
}

/* One that no cache has.  */
static struct mx_span *
take_unowned(struct mx_cache *cache, unsigned c)
{
	struct mx_span *s = mx_central_take(c, cache);

	return s != NULL ? s : take_fresh(cache, c);
}

/* A span of C with free blocks, from anywhere.  NULL and errno.  */
static struct mx_span *
next_span(struct mx_cache *cache, unsigned c)
{
	struct mx_span *s = take_partial(cache, c);

	if (s == NULL)
		s = take_unowned(cache, c);
	if (s == NULL && mx_cache_trim())
		s = take_unowned(cache, c);
	if (s == NULL) {
		wake_all(cache, c);
		s = take_partial(cache, c);
	}
	return s;
}

/* ---- blocks of sparse spans ---- */

/* Is there so much memory, and so much of it in sparse spans, that they are better used
 * than left?  A free takes 35 instructions, and of a block of a MIXED span 350.  Some for
 * each thread are what it needs to have spans of all classes: they come and go
 * (ladder-eight, 20 MiB: two to three times the time for 6 to 13 % of the memory).  */
static bool
is_sparse(void)
{
	size_t all = mx_load(&mx_sys_account.ready, RELAXED);
	size_t sparse = mx_load(&sparse_bytes, RELAXED);

	return all >= mx_conf.mixed_min &&
	    sparse >= all / 100 * mx_conf.mixed_percent &&
	    sparse / mx_max(1, mx_load(&live_caches, RELAXED)) >=
	    mx_conf.mixed_min / MIXED_EACH;
}

/* Of the sparse spans whose blocks FIT the oldest with the smallest becomes MIXED, or is
 * no longer taken for sparse, since it has no room for a block of C.  False: there is
 * none, or they better stay as they are.  */
static bool
mix_sparse(struct mx_cache *cache, unsigned c, uint32_t fit)
{
	struct mx_span *s;
	struct mx_span_queue *q;

	fit &= cache->sparse_classes;
	if (fit == 0 || !is_sparse())
		return false;
	s = cache->sparse[__builtin_ctz(fit)].first;
	q = &cache->partial[s->class_];
	unmark_sparse(cache, s);
	mx_span_unlink(q, s);
	if (!mx_mixed_begin(s, c))
		mx_span_append(q, s);
	return true;
}

/* Blocks of MIXED spans become the list of C, which is empty.  It has a current span,
 * which stays.  False: there are none, or a span of its own is better.  */
static bool
borrow(struct mx_cache *cache, unsigned c)
{
	struct mx_span *s = cache->span[c];
	uint32_t fit;

	if (cache->partial[c].first != NULL || s == &mx_cache_no_span ||
	    cache->aligned[c] || cache == &mx_cache_shared)
		return false;
	fit = mx_mixed_fitting(c);
	s->local = mx_mixed_take(c, fit);
	/* One that serves its own class does that better as it is.  */
	fit &= ~(uint32_t)((uint64_t)1 << c);
	for (int n = 0; s->local == MX_BLOCK_END && n < SPARSE_LOOKS &&
	    mix_sparse(cache, c, fit); n++)
		s->local = mx_mixed_take(c, fit);
	cache->borrowed[c] |= s->local != MX_BLOCK_END;
	return s->local != MX_BLOCK_END;
}

/* What MIXED spans have on the list of C goes back to them.  */
static void
give_back_mixed(struct mx_cache *cache, unsigned c)
{
	struct mx_block *b, *next, *last = NULL;

	cache->borrowed[c] = false;
	cache->unwanted[c] = 0;
	for (b = cache->span[c]->local; b != MX_BLOCK_END && (!MX_CHECKS ||
	    mx_block_is_free(b, cache->key)); b = next) {
		struct mx_span *s = mx_pagemap_get(b);

		next = b->next;
		if (mx_load(&s->state, RELAXED) != MX_SPAN_MIXED) {
			last = b;
			continue;
		}
		if (last == NULL)
			cache->span[c]->local = next;
		else
			mx_block_link(last, next, cache->key);
		mx_mixed_give(s, b);
	}
}

void
mx_cache_align(struct mx_cache *cache, unsigned c)
{
	if (cache->aligned[c] || cache == &mx_cache_shared)
		return;
	cache->aligned[c] = true;
	give_back_mixed(cache, c);
}

void *
mx_cache_refill(struct mx_cache *cache, unsigned c)
{
	struct mx_span *s = cache->span[c];

	if (s->local != MX_BLOCK_END)
		drop_damaged("malloc", cache, c);
	drain_inbox(cache);
	if (s->local == MX_BLOCK_END) {
		if (s->carved < s->blocks) {
			s->local = carve(s);
		} else if (!borrow(cache, c)) {
			if (s != &mx_cache_no_span) {
				leave_current(cache, c);
				use_up(cache, s);
			}
			s = next_span(cache, c);
			if (s == NULL) {
				set_span(cache, c, &mx_cache_no_span);
				return NULL;
			}
			make_current(cache, c, s);
		}
	}
	cache->room[c] = room_for(c);
	return mx_cache_take(cache, c);
}

/* ---- free ---- */

void
mx_cache_event(struct mx_cache *cache, struct mx_span *s)
{
	unsigned c = s->class_;
	struct mx_span_queue *q = &cache->partial[c];

	if (s == cache->span[c]) {
		mx_span_set_current(s);
		return;
	}
	if (s->waits != MX_SPAN_AWAKE)
		wake(cache, s);
	else
		watch_partial(cache, s);
	/* Not so when it was woken or is sparse, or when a block came back twice.  */
	if (mx_span_get_out(s) != 0)
		return;
	/* An empty one would be MIXED for ever, if nobody took a block of it.  */
	unmark_sparse(cache, s);
	/* The last block came back.  One empty span per class stays, so that a
	 * loop across a span's end does not take and give pages each time;
	 * not of small blocks, and not where there are many threads.  */
	if (s->blocks <= EMPTY_BLOCKS && q->first == s && q->last == s &&
	    !is_crowded())
		return;
	mx_span_unlink(q, s);
	mx_heap_give(s);
}

/* The mark alone proves nothing: a program may copy memory that it did not write,
 * and in it the first words of what was once a free block.  */
bool
mx_cache_holds(const struct mx_cache *cache, const struct mx_span *s,
    const struct mx_block *b)
{
	const struct mx_block *at;
	size_t limit = (size_t)1 << 20;         /* a damaged list can be a ring */

	if (!MX_CHECKS || !mx_block_is_free(b, mx_block_key) ||
	    mx_load(&s->owner, RELAXED) != cache)
		return false;
	for (at = s->local; at != b; at = at->next)
		if (!mx_block_is_free(at, mx_block_key) || --limit == 0)
			return false;
	return true;
}

/* S has no owner and CACHE used it up: it comes home.  */
static bool
adopt(struct mx_cache *cache, struct mx_span *s)
{
	uint32_t n = wake_count(s);

	/* What waits in the shared one may wait for ever.  */
	if (cache == &mx_cache_shared || !mx_central_adopt(s, cache))
		return false;
	if (n > 1 && s->local == MX_BLOCK_END && !is_crowded()) {
		mx_span_set_out(s, mx_span_get_out(s), n);
		put_to_sleep(cache, s);
	} else {
		mx_span_append(&cache->partial[s->class_], s);
		watch_partial(cache, s);
	}
	return true;
}

static unsigned
hash(const struct mx_span *s)
{
	return (unsigned)spread((uintptr_t)s / sizeof *s, MX_CACHE_PENDING);
}

/* Are N blocks of S, which has no owner, the last that it waits for?  A racy look:
 * if it misleads, the chain travels early, or as late as any.  */
__attribute__((no_sanitize("thread")))
static bool
completes(const struct mx_span *s, uint32_t n)
{
	return mx_load(&s->owner, RELAXED) == NULL &&
	    n == mx_span_get_left(s);
}

/* A block has joined E, the chain of S: is it time to send?  */
MX_INLINE void
grown_pending(struct mx_cache *cache, struct mx_pending *e,
    const struct mx_span *s)
{
	uint32_t n = mx_span_count(e->out);

	cache->pending_bytes += s->size;
	if (MX_UNLIKELY(n >= cache->chain_most[s->class_] ||
	    completes(s, n)))
		send_pending(cache, e);
	else if (MX_UNLIKELY(cache->pending_bytes >=
	    mx_load(&pending_most, RELAXED)))
		send_all_pending(cache);
}

/* B begins a chain of S at E, or it was freed twice.  */
MX_NOINLINE static void
begin_pending(struct mx_cache *cache, struct mx_pending *e, struct mx_span *s,
    struct mx_block *b, uint64_t unit)
{
	if (MX_UNLIKELY(e->span == s)) {
		mx_misuse(MX_MESSAGE_DOUBLE_FREE, "free", b, s, cache);
		return;
	}
	if (e->span != NULL)
		send_pending(cache, e);
	e->span = s;
	e->head = e->tail = b;
	e->out = unit;
	mx_block_link(b, MX_BLOCK_END, cache->key);
	grown_pending(cache, e, s);
}

/* B, of S, whose unit is UNIT, waits for its way home.  All of the usual way
 * is here and in mx_cache_put_remote and calls nothing, so that no registers are saved
 * (exchange-small, ring-small: 30 instructions less for each free by another).  */
MX_INLINE void
add_pending(struct mx_cache *cache, struct mx_span *s, struct mx_block *b,
    uint64_t unit)
{
	struct mx_pending *e = &cache->pending[hash(s)];
	struct mx_block *head;

	/* Or gcc works out the address of each member anew: 7 more.  */
	__asm__("" : "+r"(e));
	head = e->head;
	if (MX_UNLIKELY(e->span != s || head == b)) {
		begin_pending(cache, e, s, b, unit);
		return;
	}
	mx_block_link(b, head, cache->key);
	e->head = b;
	e->out += unit;
	grown_pending(cache, e, s);
}

/* P's span is CACHE's own, or was and may be again.  */
MX_NOINLINE static void
put_home(struct mx_cache *cache, struct mx_span *s, struct mx_block *b)
{
	if (mx_load(&s->owner, RELAXED) != cache && !adopt(cache, s)) {
		add_pending(cache, s, b, mx_span_unit(s, b));
		return;
	}
	switch (mx_span_push(s, b, cache->key)) {
	case MX_SPAN_LAST:
		mx_cache_event(cache, s);
		break;
	case MX_SPAN_PUSHED:
		break;
	case MX_SPAN_MISUSE:
		mx_misuse(MX_MESSAGE_DOUBLE_FREE, "free", b, s, cache);
		break;
	}
}

MX_COLD static void
put_no_start(struct mx_cache *cache, struct mx_span *s, void *p)
{
	/* If the limit is that of a MIXED span, so is the state.  */
	(void)mx_load(&s->limit, ACQUIRE);
	if (mx_load(&s->state, RELAXED) == MX_SPAN_MIXED) {
		mx_mixed_give(s, p);
		return;
	}
	mx_misuse(mx_span_is_multiple(s, (size_t)((char *)p - s->base)) ?
	    MX_MESSAGE_NEVER_GIVEN : MX_MESSAGE_INTERIOR, "free", p, s, cache);
}

MX_HOT void
mx_cache_put_remote(struct mx_cache *cache, struct mx_span *s, void *p)
{
	unsigned c = s->class_;
	struct mx_cache *owner = mx_load(&s->owner, RELAXED);
	struct mx_block *b = p;
	uint64_t unit = mx_span_unit(s, p);

	if (MX_UNLIKELY(!mx_span_is_unit(s, unit))) {
		put_no_start(cache, s, p);
		return;
	}
	if (owner == NULL)
		owner = mx_load(&s->home, RELAXED);
	if (MX_UNLIKELY(owner == cache)) {
		put_home(cache, s, b);
	} else if (MX_UNLIKELY(b == cache->span[c]->local)) {
		mx_misuse(MX_MESSAGE_DOUBLE_FREE, "free", p, s, cache);
	} else if (cache->room[c] > 0) {
		cache->room[c]--;
		mx_cache_untake(cache, c, b);
	} else {
		add_pending(cache, s, b, unit);
	}
}

/* The class that blocks of SIZE bytes serve, in granules of class G; MX_CLASS_COUNT:
 * none.  0 bytes are no block.  */
static unsigned
class_of_mixed(size_t size, unsigned g)
{
	unsigned c;

	if (size == 0 || size > MX_CLASS_MAX)
		return MX_CLASS_COUNT;
	c = mx_class_of(size);
	if (mx_class_size(c) > size)
		c--;
	return mx_mixed_fitting(c) >> g & 1 ? c : MX_CLASS_COUNT;
}

void
mx_cache_put_mixed(struct mx_cache *cache, struct mx_span *s, void *p)
{
	const struct mx_block *b;
	unsigned c, n = 0;
	bool inside;

	c = class_of_mixed(mx_mixed_size(s, p, &inside), s->class_);
	if (c == MX_CLASS_COUNT || !cache->borrowed[c] ||
	    cache->span[c] == &mx_cache_no_span) {
		mx_mixed_give(s, p);
		return;
	}
	for (b = cache->span[c]->local; b != MX_BLOCK_END && b != p && (!MX_CHECKS ||
	    mx_block_is_free(b, cache->key)) && n < SHORT; b = b->next)
		n++;
	if (MX_UNLIKELY(b == p)) {
		mx_misuse(MX_MESSAGE_DOUBLE_FREE, "free", p, s, cache);
	} else if (n < SHORT) {
		cache->unwanted[c] = 0;
		mx_cache_untake(cache, c, p);
	} else {
		mx_mixed_give(s, p);
		if (++cache->unwanted[c] == UNWANTED)
			give_back_mixed(cache, c);
	}
}

/* ---- birth and death ---- */

/* Pool lock.  */
static struct mx_cache *
take_warm(void)
{
	struct mx_cache *cache = warm_pool;

	if (cache != NULL) {
		warm_pool = cache->next_free;
		mx_store(&warm, warm - 1, RELAXED);
		warm_least = mx_min(warm_least, warm);
	}
	return cache;
}

struct mx_cache *
mx_cache_new(void)
{
	struct mx_cache *cache;

	mx_lock(&pool_lock);
	cache = take_warm();
	if (cache == NULL && pool != NULL) {
		cache = pool;
		pool = cache->next_free;
	}
	mx_unlock(&pool_lock);
	if (cache == NULL) {
		cache = mx_meta_take(sizeof *cache);
		if (cache == NULL)
			return NULL;
		for (unsigned c = 0; c < MX_CLASS_COUNT; c++)
			set_span(cache, c, &mx_cache_no_span);
		set_up(cache);
		cache->next = mx_load(&mx_cache_list, RELAXED);
		while (!mx_cas_weak(&mx_cache_list, &cache->next, cache,
		    RELEASE, RELAXED))
			continue;
	}
	cache->hot = mx_conf_hides() ? &mx_cache_empty : cache;
	cache->until_guard = mx_guard_next();
	/* A warm one's is open, and what lies in it is for this thread.  */
	if (mx_load(&cache->inbox, RELAXED) == CLOSED)
		mx_store(&cache->inbox, NULL, RELAXED);
	mx_store(&cache->live, true, RELAXED);
	count_live(true);
	return cache;
}

/* Others' blocks leave the list of C, for a list of their own, which is the answer.
 * *OUT: the sum of the units of the current span's, which stay.  When the list is
 * damaged, or a block is on it twice, which makes a ring, that is said and none
 * stays.  */
static struct mx_block *
take_others(struct mx_cache *cache, unsigned c, uint64_t *out)
{
	struct mx_span *s = cache->span[c];
	const size_t bytes = (size_t)s->pages << MX_PAGE_SHIFT;
	const uint32_t most = s->blocks;
	const uintptr_t base = (uintptr_t)s->base;
	const uintptr_t key = cache->key;
	struct mx_block *others = MX_BLOCK_END;
	struct mx_block *last = NULL;
	struct mx_block *b, *next;
	uint64_t offsets = 0;
	uint32_t n = 0;

	for (b = s->local; b != MX_BLOCK_END; b = next) {
		size_t offset = (uintptr_t)b - base;

		next = b->next;
		if (MX_UNLIKELY((MX_CHECKS && !mx_block_is_free(b, key)) ||
		    n > most)) {
			drop_damaged("free", cache, c);
			n = 0;
			offsets = 0;
			break;
		}
		if (MX_LIKELY(offset < bytes)) {
			offsets += offset;
			n++;
			last = b;
			continue;
		}
		if (last == NULL)
			s->local = next;
		else
			mx_block_link(last, next, key);
		b->next = others;
		b->mark = 0;            /* seen if it is met again */
		others = b;
	}
	*out = mx_span_units(s, n, offsets);
	return others;
}

/* All of the list that begins at B.  */
static void
send_home(struct mx_cache *cache, struct mx_block *b)
{
	struct mx_block *next;

	for (; b != MX_BLOCK_END; b = next) {
		struct mx_span *s = mx_pagemap_get(b);

		next = b->next;
		if (mx_load(&s->state, RELAXED) == MX_SPAN_MIXED)
			mx_mixed_give(s, b);
		else
			add_pending(cache, s, b, mx_span_unit(s, b));
	}
}

/* The blocks on the list go back to their spans.  */
static void
flush_list(struct mx_cache *cache, unsigned c)
{
	struct mx_span *s = cache->span[c];
	struct mx_block *others;
	uint64_t out;

	if (s == &mx_cache_no_span)
		return;
	others = take_others(cache, c, &out);
	leave_current(cache, c);
	set_span(cache, c, &mx_cache_no_span);
	out = mx_span_all_out(s) - mx_span_kept(out);
	mx_span_set_out(s, out, mx_span_count(out));
	mx_central_give(s);
	/* What is pending may be of S, and may come home: not before here.  */
	send_home(cache, others);
}

void
mx_cache_flush(struct mx_cache *cache)
{
	struct mx_span *s;

	for (unsigned c = 0; c < MX_CLASS_COUNT; c++)
		flush_list(cache, c);
	send_all_pending(cache);
	drain_inbox(cache);
	for (unsigned c = 0; c < MX_CLASS_COUNT; c++) {
		wake_all(cache, c);
		while ((s = take_partial(cache, c)) != NULL)
			mx_central_give(s);
	}
}

/* Bytes that S and those behind it in its queue ever used; not all of them if they are
 * too many.  */
static size_t
used_bytes(const struct mx_span *s)
{
	size_t n = 0;

	for (; s != NULL && n <= WARM_BYTES; s = s->next)
		n += mx_align_up((size_t)s->carved * s->size,
		    mx_sys_facts.page);
	return n;
}

/* Has so little of CACHE's spans ever been used that they may stay with it?  A current
 * span is in no queue.  */
static bool
is_light(const struct mx_cache *cache)
{
	size_t n = 0;

	for (unsigned c = 0; c < MX_CLASS_COUNT && n <= WARM_BYTES; c++)
		n += used_bytes(cache->span[c]) +
		    used_bytes(cache->partial[c].first) +
		    used_bytes(cache->asleep[c].first) +
		    used_bytes(cache->used_up[c].first);
	return n <= WARM_BYTES;
}

/* Others' blocks on the list of C go home: nobody knows for how long this cache will
 * have no thread.  */
static void
send_others(struct mx_cache *cache, unsigned c)
{
	uint64_t out;

	if ((cache->room[c] == room_for(c) && !cache->borrowed[c]) ||
	    cache->span[c] == &mx_cache_no_span)
		return;
	send_home(cache, take_others(cache, c, &out));
	cache->room[c] = room_for(c);
	cache->borrowed[c] = false;
}

/* The thread of CACHE has ended.  False: it is not to keep what it has.  */
static bool
keep_warm(struct mx_cache *cache)
{
	bool keeps;

	if (is_crowded() || mx_load(&warm, RELAXED) >= WARM_MAX)
		return false;
	drain_inbox(cache);
	if (!is_light(cache))
		return false;
	for (unsigned c = 0; c < MX_CLASS_COUNT; c++)
		send_others(cache, c);
	send_all_pending(cache);
	mx_lock(&pool_lock);
	keeps = warm < WARM_MAX;
	if (keeps) {
		mx_store(&warm, warm + 1, RELAXED);
		mx_store(&cache->live, false, RELAXED);
		cache->next_free = warm_pool;
		warm_pool = cache;
	}
	mx_unlock(&pool_lock);
	return keeps;
}

/* CACHE, without a thread, is left with nothing and goes to the pool.  */
static void
let_go(struct mx_cache *cache)
{
	mx_cache_flush(cache);
	memset(cache->aligned, 0, sizeof cache->aligned);
	/* Nothing is owned any more, so whatever still arrived travels on.  */
	receive(cache, mx_swap(&cache->inbox, CLOSED, ACQUIRE));
	mx_store(&cache->live, false, RELAXED);
	mx_lock(&pool_lock);
	cache->next_free = pool;
	pool = cache;
	mx_unlock(&pool_lock);
}

void
mx_cache_delete(struct mx_cache *cache)
{
	count_live(false);
	if (!keep_warm(cache))
		let_go(cache);
}

/* MOST of the warm ones at most.  True: some.  */
static bool
let_warm_go(size_t most)
{
	size_t n;

	for (n = 0; n < most; n++) {
		struct mx_cache *cache;

		mx_lock(&pool_lock);
		cache = take_warm();
		mx_unlock(&pool_lock);
		if (cache == NULL)
			break;
		let_go(cache);
	}
	return n > 0;
}

bool
mx_cache_trim(void)
{
	return let_warm_go(WARM_MAX);
}

void
mx_cache_tidy(void)
{
	size_t idle;

	mx_lock(&pool_lock);
	idle = warm_least;
	warm_least = warm - idle;
	mx_unlock(&pool_lock);
	(void)let_warm_go(idle);
}
