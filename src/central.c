/* central.c - spans without an owner.  See central.h.
 *
 * SPDX-License-Identifier: MIT  */

#include "central.h"

#include "heap.h"
#include "lock.h"
#include "misuse.h"

struct central {
	struct mx_lock lock;
	struct mx_span_queue partial;
	size_t count;           /* of partial; read without the lock too */
} MX_ALIGNED(MX_CACHE_LINE);

static struct central central[MX_CLASS_COUNT] = {
	[0 ... MX_CLASS_COUNT - 1] = { .lock = MX_LOCK_INIT }
};

void
mx_central_lock_all(void)
{
	for (unsigned c = 0; c < MX_CLASS_COUNT; c++)
		mx_lock(&central[c].lock);
}

void
mx_central_unlock_all(void)
{
	for (unsigned c = MX_CLASS_COUNT; c-- > 0;)
		mx_unlock(&central[c].lock);
}

void
mx_central_lock_init_all(void)
{
	for (unsigned c = 0; c < MX_CLASS_COUNT; c++)
		mx_lock_init(&central[c].lock);
}

static void
list(struct central *k, struct mx_span *s)
{
	mx_span_append(&k->partial, s);
	mx_store(&k->count, k->count + 1, RELAXED);
	s->listed = true;
}

static void
unlist(struct central *k, struct mx_span *s)
{
	mx_span_unlink(&k->partial, s);
	mx_store(&k->count, k->count - 1, RELAXED);
	s->listed = false;
}

struct mx_span *
mx_central_take(unsigned c, struct mx_cache *cache)
{
	struct central *k = &central[c];
	struct mx_span *s;

	/* A racy look: a span that comes a moment later is found next time. */
	if (mx_load(&k->count, RELAXED) == 0)
		return NULL;
	mx_lock(&k->lock);
	s = k->partial.first;
	if (s != NULL) {
		unlist(k, s);
		mx_store(&s->owner, cache, RELAXED);
	}
	mx_unlock(&k->lock);
	return s;
}

bool
mx_central_adopt(struct mx_span *s, struct mx_cache *cache)
{
	struct central *k = &central[s->class_];
	bool mine;

	mx_lock(&k->lock);
	/* Acquire: mx_central_give_full does not take the lock.  */
	mine = mx_load(&s->owner, ACQUIRE) == NULL &&
	    mx_load(&s->state, RELAXED) == MX_SPAN_SMALL;
	if (mine) {
		if (s->listed)
			unlist(k, s);
		mx_store(&s->owner, cache, RELAXED);
	}
	mx_unlock(&k->lock);
	return mine;
}

void
mx_central_give(struct mx_span *s)
{
	struct central *k = &central[s->class_];
	bool empty;

	mx_lock(&k->lock);
	mx_store(&s->home, NULL, RELAXED);
	empty = mx_span_get_out(s) == 0;
	if (!empty) {
		mx_store(&s->owner, NULL, RELAXED);
		if (s->local != MX_BLOCK_END || s->carved < s->blocks)
			list(k, s);
	}
	mx_unlock(&k->lock);
	if (empty)
		mx_heap_give(s);
}

bool
mx_central_push(struct mx_span *s, struct mx_block *head,
    struct mx_block *tail, uint64_t out)
{
	struct central *k = &central[s->class_];
	bool empty;

	mx_lock(&k->lock);
	if (mx_load(&s->owner, ACQUIRE) != NULL ||      /* as above */
	    mx_load(&s->state, RELAXED) != MX_SPAN_SMALL) {
		mx_unlock(&k->lock);
		return false;
	}
	if (MX_UNLIKELY(s->local == head ||
	    mx_span_get_left(s) < mx_span_count(out))) {
		mx_unlock(&k->lock);
		mx_misuse(MX_MESSAGE_DOUBLE_FREE, "free", head, s, NULL);
		return true;
	}
	(void)mx_span_push_chain(s, head, tail, out);
	empty = mx_span_get_out(s) == 0;
	if (empty && s->listed)
		unlist(k, s);
	else if (!empty && !s->listed)
		list(k, s);
	mx_unlock(&k->lock);
	if (empty)
		mx_heap_give(s);
	return true;
}
