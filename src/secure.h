/* secure.h - what secure:true adds to a block: a tail that tells of its end and
 * its state, bytes that are wiped when it is freed, and a rest before its reuse.
 *
 * Owns: the tails, and the blocks at rest.  Must not know: under which names the
 * program comes here; where guard pages lie (heap.h).
 *
 * A small block of N bytes has, in the last 8 bytes of its class's size, a tail
 * made of N, its state, its address and a secret; between the N bytes and the tail
 * lies a pattern made of the same secret.  The bytes from the end of a large block to
 * the guard behind it are zero.  Any of these changed means that the program wrote
 * behind the block.
 *
 * A freed block is wiped at once and rests: small ones in the thread's shelves,
 * from which a random one leaves for each that comes; large ones, all pages
 * closed, in a queue of the process.
 *
 * SPDX-License-Identifier: MIT  */

#ifndef MX_SECURE_H
#define MX_SECURE_H

#include "cache.h"

/* Bytes that every small block needs beyond what was asked for.  */
#define MX_SECURE_TAIL 8

/* Once, after mx_span_init.  */
void mx_secure_init(uint64_t random);

/* As mx_malloc and mx_aligned_alloc; ALIGN 0: 16 bytes, whatever N is.  *ZERO:
 * the memory is known to be zero.  NULL and errno.  */
void *mx_secure_take(struct mx_cache *cache, size_t n, size_t align,
    bool *zero);

/* What is wrong with P, the start of a block of S: one of enum mx_message; 0: the
 * block is in use, and its end as it was.  */
int mx_secure_check(const struct mx_span *s, const void *p);

/* Bytes asked for.  P has passed mx_secure_check.  */
size_t mx_secure_size(const struct mx_span *s, const void *p);

/* Let P have N bytes where it is; false: there is no room.  */
bool mx_secure_resize(struct mx_span *s, void *p, size_t n);

/* Free P of S if it is a small block and nothing is wrong with it.  */
bool mx_secure_free(struct mx_cache *cache, struct mx_span *s, void *p);

/* Free P, which has passed mx_secure_check.  */
void mx_secure_put(struct mx_cache *cache, struct mx_span *s, void *p);

/* All blocks that rest in CACHE leave.  Before mx_cache_flush.  */
void mx_secure_flush(struct mx_cache *cache);

/* For the fork handlers: the lock of the large blocks' queue.  */
void mx_secure_lock(void);
void mx_secure_unlock(void);
void mx_secure_lock_init(void);

#endif /* MX_SECURE_H */
