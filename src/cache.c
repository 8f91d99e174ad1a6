/* cache.c - refill, free to others, birth and death of a cache.  See cache.h.
 *
 * SPDX-License-Identifier: MIT  */

#include "cache.h"

#include "central.h"
#include "heap.h"
#include "lock.h"
#include "meta.h"

/* Bytes carved at a time: a fresh span touches only what it hands out.  */
#define CARVE_BYTES     4096

/* Others' blocks kept per class for reuse by this thread, and blocks of one span
 * gathered before they travel; what all that wait may hold.  */
#define ROOM_BYTES      8192
#define ROOM_MAX        64
#define PENDING_BYTES   8192
#define PENDING_MAX     64
#define PENDING_BYTES_ALL (512 * MX_KIB)

/* The inbox of a cache without a thread takes nothing.  */
#define CLOSED          ((struct mx_block *)(uintptr_t)1)

struct mx_cache mx_cache_empty;
struct mx_cache mx_cache_shared;
struct mx_cache *mx_cache_list = &mx_cache_shared;

__thread struct mx_cache *mx_cache_self
    __attribute__((tls_model("initial-exec"))) = &mx_cache_empty;

static struct mx_lock pool_lock = MX_LOCK_INIT;
static struct mx_cache *pool;

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
	mx_lock_init(&pool_lock);
}

/* ---- a chain that travels ----
 *
 * In the inbox a chain of blocks of one span is one item.  Its first block's
 * `aux' links the items; the second block's `aux' says where the chain ends and
 * how long it is, and bit 0 of the first one's that there is a second.  Blocks
 * are 16 bytes or more and spans below 1 MiB, so both numbers fit 16 bits.  */

static void
pack_chain(struct mx_span *s, struct mx_block *head, struct mx_block *tail,
    uint32_t n)
{
	uintptr_t offset = (uintptr_t)((char *)tail - s->base) / MX_BLOCK_ALIGN;

	if (n > 1)
		head->next->aux = offset << 16 | n;
}

static uint32_t
unpack_chain(struct mx_span *s, struct mx_block *head, bool many,
    struct mx_block **tail)
{
	uintptr_t packed;

	*tail = head;
	if (!many)
		return 1;
	packed = head->next->aux;
	*tail = (struct mx_block *)(void *)(s->base +
	    (packed >> 16) * MX_BLOCK_ALIGN);
	return (uint32_t)(packed & 0xffff);
}

static bool
push_inbox(struct mx_cache *owner, struct mx_span *s, struct mx_block *head,
    struct mx_block *tail, uint32_t n)
{
	struct mx_block *old = mx_load(&owner->inbox, RELAXED);

	pack_chain(s, head, tail, n);
	do {
		if (old == CLOSED)
			return false;
		head->aux = (uintptr_t)old | (n > 1);
	} while (!mx_cas_weak(&owner->inbox, &old, head, RELEASE, RELAXED));
	return true;
}

/* Owner only.  An own span's chain comes home.  */
static void
push_own(struct mx_cache *cache, struct mx_span *s, struct mx_block *head,
    struct mx_block *tail, uint32_t n)
{
	if (mx_span_push_chain(s, head, tail, n))
		mx_cache_event(cache, s);
}

/* Send a chain to whoever has its span now.  The owner may change under our
 * eyes; each way in refuses when it is the wrong one.  */
static void
send_chain(struct mx_cache *cache, struct mx_span *s, struct mx_block *head,
    struct mx_block *tail, uint32_t n)
{
	for (;;) {
		struct mx_cache *owner = mx_load(&s->owner, ACQUIRE);

		if (owner == NULL) {
			if (mx_central_push(s, head, tail, n))
				return;
		} else if (owner == cache) {
			push_own(cache, s, head, tail, n);
			return;
		} else if (push_inbox(owner, s, head, tail, n)) {
			return;
		}
	}
}

static void
send_pending(struct mx_cache *cache, struct mx_pending *e)
{
	struct mx_span *s = e->span;

	e->span = NULL;
	cache->pending_bytes -= e->count * s->size;
	send_chain(cache, s, e->head, e->tail, e->count);
}

MX_COLD static void
send_all_pending(struct mx_cache *cache)
{
	for (size_t i = 0; i < MX_CACHE_PENDING; i++)
		if (cache->pending[i].span != NULL)
			send_pending(cache, &cache->pending[i]);
}

/* All chains of an inbox list; not all of them need be ours still.  */
static void
receive(struct mx_cache *cache, struct mx_block *item)
{
	while (item != NULL) {
		struct mx_span *s = mx_pagemap_get(item);
		uintptr_t aux = item->aux;
		struct mx_block *tail;
		uint32_t n = unpack_chain(s, item, aux & 1, &tail);

		send_chain(cache, s, item, tail, n);
		item = (struct mx_block *)(aux & ~(uintptr_t)1);
	}
}

static void
drain_inbox(struct mx_cache *cache)
{
	if (mx_load(&cache->inbox, RELAXED) != NULL)
		receive(cache, mx_swap(&cache->inbox, NULL, ACQUIRE));
}

static struct mx_span *
checked_span(const struct mx_block *b)
{
	struct mx_span *s = mx_pagemap_get(b);

	return s != NULL && s->state == MX_SPAN_SMALL &&
	    mx_span_is_block(s, b) ? s : NULL;
}

__attribute__((no_sanitize("thread")))
void
mx_cache_count_inbox(const struct mx_cache *cache,
    size_t counts[MX_CLASS_COUNT])
{
	const struct mx_block *item = mx_load(&cache->inbox, ACQUIRE);
	const struct mx_block *second;
	const struct mx_span *s;
	uintptr_t aux;

	for (int limit = 1 << 20; limit > 0 && item != NULL && item != CLOSED;
	    limit--) {
		s = checked_span(item);
		if (s == NULL)
			return;
		aux = item->aux;
		second = item->next;
		if ((aux & 1) == 0)
			counts[s->class_]++;
		else if (second != NULL && checked_span(second) == s)
			counts[s->class_] += second->aux & 0xffff;
		item = (const struct mx_block *)(aux & ~(uintptr_t)1);
	}
}

/* ---- refill ---- */

/* Link the next blocks of S, which has some, into a list.  */
static struct mx_block *
carve(struct mx_span *s)
{
	size_t size = s->size;
	size_t n = mx_min(mx_max(CARVE_BYTES / size, 1),
	    s->blocks - s->carved);
	char *p = s->base + s->carved * size;
	struct mx_block *first = (struct mx_block *)(void *)p;
	struct mx_block *b = first;

	s->carved += (uint32_t)n;
	for (; n > 1; n--) {
		p += size;
		b->next = (struct mx_block *)(void *)p;
		b = b->next;
	}
	b->next = NULL;
	return first;
}

/* S, owned by CACHE and in no queue, becomes the current span of C.  */
static void
make_current(struct mx_cache *cache, unsigned c, struct mx_span *s)
{
	struct mx_block *b = s->local;

	mx_assert(cache->head[c] == NULL);
	s->local = NULL;
	s->left = MX_SPAN_MANY;
	s->list = &cache->head[c];
	cache->span[c] = s;
	cache->head[c] = b != NULL ? b : carve(s);
}

static struct mx_span *
take_partial(struct mx_cache *cache, unsigned c)
{
	struct mx_span *s = cache->partial[c].first;

	if (s != NULL)
		mx_span_unlink(&cache->partial[c], s);
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
	return (uint16_t)mx_min(ROOM_MAX, ROOM_BYTES / mx_class_size(c));
}

void *
mx_cache_refill(struct mx_cache *cache, unsigned c)
{
	struct mx_span *s;

	drain_inbox(cache);
	if (cache->head[c] == NULL) {
		s = cache->span[c];
		if (s != NULL && s->carved < s->blocks) {
			cache->head[c] = carve(s);
		} else {
			if (s != NULL) {
				cache->span[c] = NULL;
				mx_central_give_full(s, cache);
			}
			s = take_partial(cache, c);
			if (s == NULL)
				s = mx_central_take(c, cache);
			if (s == NULL)
				s = take_fresh(cache, c);
			if (s == NULL)
				return NULL;
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
		s->left = MX_SPAN_MANY;
		return;
	}
	/* The last block came back.  One empty span per class stays, so that a
	 * loop across a span's end does not take and give pages each time.  */
	if (q->first == s && q->last == s)
		return;
	mx_span_unlink(q, s);
	mx_heap_give(s);
}

/* S has no owner and CACHE used it up: it comes home.  */
static bool
adopt(struct mx_cache *cache, struct mx_span *s)
{
	if (!mx_central_adopt(s, cache))
		return false;
	mx_span_append(&cache->partial[s->class_], s);
	return true;
}

/* Records of neighbouring spans lie at the same distances, so the bits have to
 * be mixed: multiply by 2^32 / golden ratio, take the top.  */
static unsigned
hash(const struct mx_span *s)
{
	uint32_t h = (uint32_t)((uintptr_t)s / sizeof *s) * 2654435769u;

	return h >> (32 - MX_CACHE_PENDING_BITS);
}

MX_NOINLINE static void
begin_pending(struct mx_cache *cache, struct mx_pending *e, struct mx_span *s)
{
	if (e->span != NULL)
		send_pending(cache, e);
	e->span = s;
	e->count = 0;
	e->head = NULL;
	e->tail = NULL;
}

MX_NOINLINE static void
add_pending(struct mx_cache *cache, struct mx_span *s, struct mx_block *b)
{
	struct mx_pending *e = &cache->pending[hash(s)];

	if (MX_UNLIKELY(e->span != s))
		begin_pending(cache, e, s);
	b->next = e->head;
	if (e->head == NULL)
		e->tail = b;
	e->head = b;
	e->count++;
	cache->pending_bytes += s->size;
	if (e->count >= PENDING_MAX || e->count * s->size >= PENDING_BYTES)
		send_pending(cache, e);
	else if (cache->pending_bytes >= PENDING_BYTES_ALL)
		send_all_pending(cache);
}

/* P's span is CACHE's own, or was and may be again.  */
MX_NOINLINE static void
put_home(struct mx_cache *cache, struct mx_span *s, struct mx_block *b)
{
	if (mx_load(&s->owner, RELAXED) != cache && !adopt(cache, s))
		add_pending(cache, s, b);
	else if (mx_span_push(s, b))
		mx_cache_event(cache, s);
}

MX_HOT void
mx_cache_put_remote(struct mx_cache *cache, struct mx_span *s, void *p)
{
	unsigned c = s->class_;
	struct mx_cache *owner = mx_load(&s->owner, RELAXED);
	struct mx_block *b = p;

	if (owner == NULL)
		owner = mx_load(&s->home, RELAXED);
	if (MX_UNLIKELY(owner == cache)) {
		put_home(cache, s, b);
	} else if (cache->room[c] > 0) {
		cache->room[c]--;
		b->next = cache->head[c];
		cache->head[c] = b;
	} else {
		add_pending(cache, s, b);
	}
}

/* ---- birth and death ---- */

struct mx_cache *
mx_cache_new(void)
{
	struct mx_cache *cache;

	mx_lock(&pool_lock);
	cache = pool;
	if (cache != NULL)
		pool = cache->next_free;
	mx_unlock(&pool_lock);
	if (cache == NULL) {
		cache = mx_meta_take(sizeof *cache);
		if (cache == NULL)
			return NULL;
		cache->next = mx_load(&mx_cache_list, RELAXED);
		while (!mx_cas_weak(&mx_cache_list, &cache->next, cache,
		    RELEASE, RELAXED))
			continue;
	}
	mx_store(&cache->inbox, NULL, RELAXED);
	mx_store(&cache->live, true, RELAXED);
	return cache;
}

/* The blocks in the head list go back to their spans.  */
static void
flush_head(struct mx_cache *cache, unsigned c)
{
	struct mx_block *b = cache->head[c];
	struct mx_span *current = cache->span[c];
	struct mx_span *s;
	struct mx_block *next;

	cache->head[c] = NULL;
	cache->span[c] = NULL;
	cache->room[c] = 0;
	if (current != NULL) {
		current->list = &current->local;
		current->left = current->carved;
	}
	for (; b != NULL; b = next) {
		next = b->next;
		s = mx_pagemap_get(b);
		if (s == current)
			(void)mx_span_push(s, b);
		else
			add_pending(cache, s, b);
	}
	if (current != NULL)
		mx_central_give(current);
}

void
mx_cache_flush(struct mx_cache *cache)
{
	struct mx_span *s;

	for (unsigned c = 0; c < MX_CLASS_COUNT; c++)
		flush_head(cache, c);
	send_all_pending(cache);
	drain_inbox(cache);
	for (unsigned c = 0; c < MX_CLASS_COUNT; c++)
		while ((s = take_partial(cache, c)) != NULL)
			mx_central_give(s);
}

void
mx_cache_delete(struct mx_cache *cache)
{
	mx_cache_flush(cache);
	/* Nothing is owned any more, so whatever still arrived travels on.  */
	receive(cache, mx_swap(&cache->inbox, CLOSED, ACQUIRE));
	mx_store(&cache->live, false, RELAXED);
	mx_lock(&pool_lock);
	cache->next_free = pool;
	pool = cache;
	mx_unlock(&pool_lock);
}
