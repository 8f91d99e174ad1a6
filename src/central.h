/* central.h - spans of a class that no cache owns.
 *
 * Owns: one lock per class, and under it the list of unowned spans that have a
 * free block, oldest first.  An unowned span without a free block is in no list:
 * the first block that comes back puts it in.  Must not know: threads.
 *
 * A cache gives a span up some time after it has handed out the last block, or when
 * its thread ends and used more than a little; so the blocks of a thread that sleeps or
 * is gone come back to where every thread finds them, but for a few.
 *
 * All functions may take the lock of the class and, below it, none.
 *
 * SPDX-License-Identifier: MIT  */

#ifndef MX_CENTRAL_H
#define MX_CENTRAL_H

#include "span.h"

/* An unowned span of class C with a free block becomes CACHE's; NULL: none.  */
struct mx_span *mx_central_take(unsigned c, struct mx_cache *cache);

/* S becomes CACHE's if no one owns it.  */
bool mx_central_adopt(struct mx_span *s, struct mx_cache *cache);

/* A cache gives up S, whose blocks all lie on `local' or are handed out.  */
void mx_central_give(struct mx_span *s);

/* Put a chain into S, see mx_span_push_chain; false: S has an owner, nothing
 * happened.  */
bool mx_central_push(struct mx_span *s, struct mx_block *head,
    struct mx_block *tail, uint64_t out);

/* Owner only.  Give up S, of which every block is handed out: no lock.  */
static inline void
mx_central_give_full(struct mx_span *s, struct mx_cache *cache)
{
	mx_assert(s->local == MX_BLOCK_END);
	mx_span_set_out(s, mx_span_all_out(s), s->carved);
	mx_store(&s->home, cache, RELAXED);
	mx_store(&s->owner, NULL, RELEASE);
}

/* For the fork handlers: all locks, in class order.  */
void mx_central_lock_all(void);
void mx_central_unlock_all(void);
void mx_central_lock_init_all(void);

#endif /* MX_CENTRAL_H */
