/* mixed.h - sparse spans whose free blocks serve larger classes.
 *
 * A program that frees most of its small blocks, and then wants larger ones, leaves
 * spans of which little is in use and nothing can go back: that little lies everywhere.
 * Such a span can become MIXED.  Its free blocks, the granules, are handed out as runs
 * of as many as a larger class needs; two bits for each granule say where the blocks
 * are.  So what a heap-wide allocator gains by joining neighbours is had where it is
 * worth it, and the other spans pay nothing for it (bench/shrink.c: 0.7 of the memory
 * that all allocators with size classes keep).
 *
 * A MIXED span has no owner, and is MIXED until its last block comes back.  All frees
 * take the slow way, and a lock.
 *
 * Owns: the bits, the lists of mixed spans by what they may have room for, their locks.
 * Must not know: caches, threads, which span is sparse.
 *
 * SPDX-License-Identifier: MIT  */

#ifndef MX_MIXED_H
#define MX_MIXED_H

#include "span.h"

/* So many granules at most: spans on OS pages of 16 MiB may have more.  */
#define MX_MIXED_MAX 4096

/* The classes, a bit for each, whose blocks would make one of class C and waste little.  */
uint32_t mx_mixed_fitting(unsigned c);

/* SMALL span S of at most MX_MIXED_MAX blocks, some of which are in use, owned by the
 * caller and in no queue, becomes MIXED and has no owner.  False: it stays what it is,
 * since it has no room for a block of class C, or there is no memory for the bits, or
 * its list is damaged.  */
bool mx_mixed_begin(struct mx_span *s, unsigned c);

/* Blocks of class C, in granules of the classes that FIT it, for the caller's list, of
 * which the last links to MX_BLOCK_END; MX_BLOCK_END: there is no room that a short look
 * finds.  */
struct mx_block *mx_mixed_take(unsigned c, uint32_t fit);

/* Free P, an address in MIXED span S, or tell what is wrong with it.  Any thread.  */
void mx_mixed_give(struct mx_span *s, void *p);

/* The same for a list of N blocks.  */
void mx_mixed_give_chain(struct mx_span *s, struct mx_block *b, uint32_t n);

/* Bytes in the block that begins at P, an address in MIXED span S; 0: none that is in
 * use does.  *INSIDE: P lies in one that is.  */
size_t mx_mixed_size(struct mx_span *s, const void *p, bool *inside);

/* For the fork handlers.  */
void mx_mixed_lock_all(void);
void mx_mixed_unlock_all(void);
void mx_mixed_lock_init_all(void);

#endif /* MX_MIXED_H */
