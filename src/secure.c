/* secure.c - tails, wiping and rest.  See secure.h.
 *
 * SPDX-License-Identifier: MIT  */

#include "secure.h"

#include <errno.h>
#include <string.h>

#include "heap.h"
#include "lock.h"
#include "meta.h"
#include "misuse.h"
#include "sys.h"

/* What rests on a thread's shelf of one class.  */
#define SHELF_BYTES     (32 * MX_KIB)
#define SHELF_MIN       4
#define SHELF_MAX       128

/* Large blocks at rest.  Up to WIPE_MAX they are wiped and keep their memory: the
 * kernel takes longer for that, page by page (64 KiB by calloc: 10 times).  The
 * others are closed; they hold address space and no memory.  */
#define WIPE_MAX        MX_MIB
#define WIPED_COUNT     64
#define WIPED_BYTES     (16 * MX_MIB)
#define ASK_BYTES       (2 * MX_MIB)
#define CLOSED_COUNT    64
#define CLOSED_BYTES    (256 * MX_MIB)

/* So many blocks freed later rest longer than the one that is used again.  */
#define WIPED_KEEP      4

/* Bytes of a wiped block that are looked at before it is used again.  */
#define LOOK            64

/* Distinguishes the tail of a free block from one in use.  */
#define FREED           ((uint64_t)1 << 63)

struct shelf {
	struct mx_block **slot;
	uint32_t mask;          /* slots less one */
};

struct mx_secure {
	uint64_t random;

	/* The block that left last, and what it began with: looked at when the
	 * next one leaves, since it comes from far and nobody should wait.  */
	struct mx_block *last;
	uint64_t began;
	struct shelf shelf[MX_CLASS_COUNT];
};

static uint64_t key;

static struct mx_lock lock = MX_LOCK_INIT;

/* lock.  Large blocks, the oldest first.  */
struct queue {
	size_t count, bytes;
	struct mx_span *block[WIPED_COUNT];
};

static struct queue wiped, closed;

_Static_assert(CLOSED_COUNT <= WIPED_COUNT, "one type serves both");

void
mx_secure_init(uint64_t random)
{
	key = random * 0xd6e8feb86659fd93u;
	key ^= key >> 32;
}

void
mx_secure_lock(void)
{
	mx_lock(&lock);
}

void
mx_secure_unlock(void)
{
	mx_unlock(&lock);
}

void
mx_secure_lock_init(void)
{
	mx_lock_init(&lock);
}

/* ---- tails ---- */

/* The secret of the block at P.  */
static uint64_t
secret(const void *p)
{
	uint64_t x = ((uintptr_t)p ^ key) * 0x9e3779b97f4a7c15u;

	return x ^ x >> 29;
}

static uint64_t
get_word(const void *p)
{
	uint64_t w;

	memcpy(&w, p, sizeof w);
	return w;
}

static void
put_word(void *p, uint64_t w)
{
	memcpy(p, &w, sizeof w);
}

/* All of this works on the block at P of SIZE bytes.  The secret is an argument
 * since most callers need it twice.  */

static void
put_tail(void *p, size_t size, uint64_t x, uint64_t tail)
{
	put_word((char *)p + size - MX_SECURE_TAIL, x ^ tail);
}

/* The bytes asked for, and FREED; anything above SIZE besides: this is no tail.  */
static uint64_t
get_tail(const void *p, size_t size, uint64_t x)
{
	return get_word((const char *)p + size - MX_SECURE_TAIL) ^ x;
}

/* The N bytes are followed by the pattern, and that by the tail.  */
static void
put_end(void *p, size_t size, size_t n)
{
	uint64_t x = secret(p);

	put_word((char *)p + n, ~x);
	put_tail(p, size, x, n);
}

/* Is the pattern behind N bytes whole?  Its first 8 bytes are looked at.  */
static bool
is_pattern_whole(const void *p, size_t size, uint64_t x, size_t n)
{
	size_t slack = size - MX_SECURE_TAIL - n;
	uint64_t changed = get_word((const char *)p + n) ^ ~x;
	uint64_t mask = UINT64_MAX;

	/* What is not slack of the word is the tail's.  */
	if (slack < sizeof changed)
		mask = MX_BIG_ENDIAN ? ~(UINT64_MAX >> 8 * slack) :
		    ((uint64_t)1 << 8 * slack) - 1;
	return (changed & mask) == 0;
}

/* Clear a block.  Most are short, and a call of memset would take as long as the
 * work; the parts overlap, so that there are few branches to guess.  */
static void
wipe(char *p, size_t size)
{
	if (size > 128) {
		memset(p, 0, size);
		return;
	}
	if (size > 64) {
		memset(p, 0, 64);
		memset(p + size - 64, 0, 64);
		return;
	}
	memset(p, 0, 32);
	memset(p + size - 32, 0, 32);
}

int
mx_secure_check(const struct mx_span *s, const void *p)
{
	uint64_t x = secret(p);
	uint64_t tail;

	if (s->state == MX_SPAN_LARGE)
		switch (mx_heap_look_behind(s, p)) {
		case MX_HEAP_END_GONE:
			return MX_MESSAGE_DOUBLE_FREE;
		case MX_HEAP_END_ZERO:
			return 0;
		case MX_HEAP_END_WRITTEN:
			return MX_MESSAGE_OVERRUN;
		}
	tail = get_tail(p, s->size, x);
	if (MX_UNLIKELY(tail == x))
		return MX_MESSAGE_NEVER_GIVEN;  /* a word of zero: see carve */
	if (MX_LIKELY(tail <= s->size - MX_SECURE_TAIL))
		return is_pattern_whole(p, s->size, x, tail) ? 0 : MX_MESSAGE_OVERRUN;
	if ((tail & ~FREED) <= s->size - MX_SECURE_TAIL)
		return MX_MESSAGE_DOUBLE_FREE;
	return MX_MESSAGE_OVERRUN;
}

size_t
mx_secure_size(const struct mx_span *s, const void *p)
{
	return s->state == MX_SPAN_LARGE ? s->bytes :
	    (size_t)get_tail(p, s->size, secret(p));
}

/* ---- large blocks at rest ---- */

static struct mx_span *
pull(struct queue *q, size_t i)
{
	struct mx_span *s = q->block[i];

	q->count--;
	q->bytes -= (size_t)s->pages << MX_PAGE_SHIFT;
	for (; i < q->count; i++)
		q->block[i] = q->block[i + 1];
	return s;
}

/* Add S to Q.  Those that have to go for it, to stay within COUNT and BYTES,
 * get out one by one: the answer is one of them, NULL when S is in.  */
static struct mx_span *
push(struct queue *q, struct mx_span *s, size_t count, size_t bytes)
{
	size_t n = (size_t)s->pages << MX_PAGE_SHIFT;

	if (q->count == count || (q->count > 0 && q->bytes + n > bytes))
		return pull(q, 0);
	q->block[q->count++] = s;
	q->bytes += n;
	return NULL;
}

/* What may rest with its memory: not more than a sixteenth of the cgroup's, which
 * takes some system calls to ask for.  */
static size_t
wiped_most(void)
{
	size_t all = wiped.bytes < ASK_BYTES ? 0 : mx_sys_grant()->memory;

	return all == 0 ? WIPED_BYTES : mx_min(WIPED_BYTES, all / 16);
}

static void
put_wiped(struct mx_span *s)
{
	struct mx_span *old;
	size_t most;

	/* All of its pages: its next use may be longer.  */
	memset(s->base, 0, (size_t)s->pages << MX_PAGE_SHIFT);
	mx_lock(&lock);
	most = wiped_most();
	while ((old = push(&wiped, s, WIPED_COUNT, most)) != NULL)
		mx_heap_give(old);
	mx_unlock(&lock);
}

static void
put_closed(struct mx_span *s)
{
	struct mx_span *old;

	if ((size_t)s->pages << MX_PAGE_SHIFT > CLOSED_BYTES / 4) {
		mx_heap_give(s);
		return;
	}
	if (!mx_heap_close(s))
		return;
	mx_lock(&lock);
	while ((old = push(&closed, s, CLOSED_COUNT, CLOSED_BYTES)) != NULL)
		mx_heap_open(old);
	mx_unlock(&lock);
}

static void
put_large(struct mx_span *s, const void *p)
{
	if (MX_UNLIKELY(!mx_heap_rest(s, p)))
		mx_misuse(MX_MESSAGE_DOUBLE_FREE, "free", p, NULL, NULL);
	else if (s->bytes <= WIPE_MAX)
		put_wiped(s);
	else
		put_closed(s);
}

/* A wiped block of PAGES pages that has rested long enough; NULL: none.  */
static struct mx_span *
take_wiped(size_t pages)
{
	struct mx_span *s = NULL;

	mx_lock(&lock);
	for (size_t i = 0; i + WIPED_KEEP < wiped.count; i++) {
		if (wiped.block[i]->pages == pages) {
			s = pull(&wiped, i);
			s->listed = false;
			break;
		}
	}
	mx_unlock(&lock);
	return s;
}

/* There is no more memory: what rests has rested long enough, and what threads that
 * ended have left goes.  False: there was nothing.  */
MX_COLD static bool
end_rest(void)
{
	bool any;

	mx_lock(&lock);
	any = wiped.count + closed.count > 0;
	while (wiped.count > 0)
		mx_heap_give(pull(&wiped, 0));
	while (closed.count > 0)
		mx_heap_open(pull(&closed, 0));
	mx_unlock(&lock);
	return mx_cache_trim() || any;
}

/* ---- taking ---- */

static void *
take_large(size_t n, size_t align, bool *zero)
{
	struct mx_span *s;

	if (n > PTRDIFF_MAX) {
		errno = ENOMEM;
		return NULL;
	}
	if (n <= WIPE_MAX && align <= MX_PAGE) {
		s = take_wiped(mx_align_up(n, mx_max(MX_PAGE,
		    mx_sys_facts.page)) >> MX_PAGE_SHIFT);
		if (s != NULL && mx_sys_is_clear(s->base, LOOK)) {
			(void)mx_heap_resize(s, n);     /* as many pages */
			*zero = true;
			return s->base;
		}
		if (s != NULL)
			mx_misuse(MX_MESSAGE_WRITTEN, "malloc", s->base, s,
			    NULL);
	}
	align = mx_max(align, MX_PAGE);
	s = mx_heap_take_large(n, align, zero);
	if (s == NULL && end_rest())
		s = mx_heap_take_large(n, align, zero);
	if (s == NULL)
		return NULL;
	mx_sys_clear(s->base + n, mx_span_slack(s), *zero);
	return s->base;
}

/* B leaves the list of free blocks.  If the program had it before, it was wiped
 * then, and still is, but for the words of the list; its first 56 bytes and the
 * last 8 that it had are looked at, without branches.  False, and said, if the
 * program wrote to it: then it is left alone.  */
MX_INLINE bool
is_untouched(struct mx_cache *cache, struct mx_block *b, size_t size)
{
	const char *p = (const char *)b;
	uint64_t tail = get_tail(b, size, secret(b)) ^ FREED;
	size_t last = mx_max(mx_min(tail, size - MX_SECURE_TAIL), 24) - 8;
	uint64_t any = get_word(p + 16) | get_word(p + mx_min(24, last)) |
	    get_word(p + mx_min(32, last)) | get_word(p + mx_min(40, last)) |
	    get_word(p + mx_min(48, last)) | get_word(p + last);

	if (MX_LIKELY(any == 0 || tail > size))
		return true;
	mx_misuse(MX_MESSAGE_WRITTEN, "malloc", b, mx_pagemap_get(b), cache);
	return false;
}

static struct mx_block *
refill(struct mx_cache *cache, unsigned c)
{
	struct mx_block *b = mx_cache_refill(cache, c);

	if (MX_LIKELY(b != NULL))
		return b;
	mx_secure_flush(cache);
	(void)end_rest();
	b = mx_cache_take(cache, c);    /* its own come back first */
	return b != NULL ? b : mx_cache_refill(cache, c);
}

MX_HOT static void *
take_small(struct mx_cache *cache, unsigned c, size_t n)
{
	size_t size = mx_class_size(c);
	struct mx_block *b;

	do {
		b = mx_cache_take(cache, c);
		if (MX_UNLIKELY(b == NULL)) {
			b = refill(cache, c);
			if (b == NULL)
				return NULL;
		}
	} while (MX_UNLIKELY(!is_untouched(cache, b, size)));
	b->next = NULL;         /* no address of another block gets out */
	put_end(b, size, n);
	return b;
}

MX_HOT void *
mx_secure_take(struct mx_cache *cache, size_t n, size_t align, bool *zero)
{
	/* Not 16 bytes: the tail would lie where a free block has its mark.  */
	size_t need = mx_max(n + MX_SECURE_TAIL, 2 * MX_BLOCK_ALIGN);
	unsigned c = MX_CLASS_COUNT;

	*zero = false;
	if (n <= MX_CLASS_MAX - MX_SECURE_TAIL)
		c = align <= MX_BLOCK_ALIGN ? mx_class_of(need) :
		    align <= MX_PAGE ? mx_class_of_aligned(need, align) : c;
	if (MX_UNLIKELY(c == MX_CLASS_COUNT))
		return take_large(mx_max(n, 1), align, zero);
	return take_small(cache, c, n);
}

bool
mx_secure_resize(struct mx_span *s, void *p, size_t n)
{
	size_t old = mx_secure_size(s, p);

	if (s->state == MX_SPAN_LARGE) {
		if (n + MX_SECURE_TAIL <= MX_CLASS_MAX ||
		    !mx_heap_resize(s, n))
			return false;
		mx_sys_clear(s->base + n, mx_span_slack(s), false);
		return true;
	}
	if (n > s->size - MX_SECURE_TAIL || n < s->size / 2)
		return false;
	/* Neither what it had nor the pattern gets out with the next resize.  */
	memset((char *)p + mx_min(n, old), 0, mx_max(n, old) - mx_min(n, old));
	put_end(p, s->size, n);
	return true;
}

/* ---- rest ---- */

static uint32_t
slots_of(unsigned c)
{
	size_t n = SHELF_BYTES / mx_class_size(c);

	n = mx_min(mx_max(n, SHELF_MIN), SHELF_MAX);
	return (uint32_t)1 << mx_log2(n);
}

/* The shelves of CACHE; NULL: no memory for them, and then nothing rests.  */
MX_COLD static struct mx_secure *
make_shelves(struct mx_cache *cache)
{
	size_t n = 0;
	struct mx_secure *e;
	struct mx_block **slot;

	for (unsigned c = 0; c < MX_CLASS_COUNT; c++)
		n += slots_of(c);
	e = mx_meta_take(sizeof *e + n * sizeof(struct mx_block *));
	if (e == NULL)
		return NULL;
	slot = (struct mx_block **)(e + 1);
	for (unsigned c = 0; c < MX_CLASS_COUNT; c++) {
		e->shelf[c].slot = slot;
		e->shelf[c].mask = slots_of(c) - 1;
		slot += slots_of(c);
	}
	e->random = (secret(cache) ^ sysClockOS()) | 1;
	cache->secure = e;
	return e;
}

/* Xorshift (Marsaglia, 2003): guessing it takes reading a thread's records, and
 * who can do that needs no guess.  */
static uint64_t
draw(uint64_t *state)
{
	uint64_t x = *state;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return *state = x;
}

/* B's rest is over: it becomes a free block like any other.  Nothing of it is
 * read here, since it has been out of the processor's cache for long; what is
 * written arrives while the program goes on.  */
MX_HOT static void
leave(struct mx_cache *cache, struct mx_block *b)
{
	struct mx_span *s = mx_pagemap_get(b);

	if (MX_LIKELY(mx_load(&s->owner, RELAXED) == cache)) {
		switch (mx_span_push(s, b, cache->key)) {
		case MX_SPAN_LAST:
			mx_cache_event(cache, s);
			return;
		case MX_SPAN_PUSHED:
			return;
		case MX_SPAN_MISUSE:
			break;
		}
	}
	mx_cache_put_remote(cache, s, b);
}

/* The list has put its own words over what was written there, so no harm comes of
 * it.  */
MX_COLD static void
tell_last(struct mx_secure *e, struct mx_cache *cache)
{
	struct mx_block *b = e->last;

	e->began = 0;
	mx_misuse(MX_MESSAGE_WRITTEN, "free", b, mx_pagemap_get(b), cache);
}

/* P, of N bytes and secret X.  */
MX_HOT static void
put_small(struct mx_cache *cache, struct mx_span *s, void *p, uint64_t x,
    size_t n)
{
	struct mx_secure *e = cache->secure;
	struct shelf *shelf;
	struct mx_block **slot;
	struct mx_block *old;

	wipe(p, s->size);
	put_tail(p, s->size, x, n | FREED);
	if (MX_UNLIKELY(e == NULL) && (e = make_shelves(cache)) == NULL) {
		leave(cache, p);
		return;
	}
	if (MX_UNLIKELY(e->began != 0))
		tell_last(e, cache);
	shelf = &e->shelf[s->class_];
	slot = &shelf->slot[draw(&e->random) >> 20 & shelf->mask];
	old = *slot;
	*slot = p;
	if (old != NULL) {
		e->began = get_word(old) | get_word((char *)old + 8);
		e->last = old;
		leave(cache, old);
	}
}

MX_HOT bool
mx_secure_free(struct mx_cache *cache, struct mx_span *s, void *p)
{
	uint64_t x = secret(p);
	uint64_t n;

	if (MX_UNLIKELY(s->state != MX_SPAN_SMALL || !mx_span_is_start(s, p)))
		return false;
	n = get_tail(p, s->size, x);
	if (MX_UNLIKELY(n > s->size - MX_SECURE_TAIL ||
	    !is_pattern_whole(p, s->size, x, n)))
		return false;
	put_small(cache, s, p, x, n);
	return true;
}

void
mx_secure_put(struct mx_cache *cache, struct mx_span *s, void *p)
{
	uint64_t x = secret(p);

	/* Not "if LARGE": another thread may have freed it since.  */
	if (s->state != MX_SPAN_SMALL)
		put_large(s, p);
	else
		put_small(cache, s, p, x, get_tail(p, s->size, x));
}

void
mx_secure_flush(struct mx_cache *cache)
{
	struct mx_secure *e = cache->secure;

	for (unsigned c = 0; e != NULL && c < MX_CLASS_COUNT; c++) {
		for (uint32_t i = 0; i <= e->shelf[c].mask; i++) {
			struct mx_block *b = e->shelf[c].slot[i];

			e->shelf[c].slot[i] = NULL;
			if (b != NULL)
				leave(cache, b);
		}
	}
}
