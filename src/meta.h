/* meta.h - memory for memaix's own records, never for blocks.
 *
 * Owns: what mx_sys_alloc gave it, cut front to back and never unmapped: a late
 * reader, in this process or of a core file, always finds a record where a
 * pointer says it is.  What is recycled its user keeps in a list of its own.
 * Must not know: what the records are.
 *
 * SPDX-License-Identifier: MIT  */

#ifndef MX_META_H
#define MX_META_H

#include "base.h"

/* N zeroed bytes aligned to a cache line; NULL and errno if refused.  Any
 * thread.  Takes the meta lock.  */
void *mx_meta_take(size_t n);

/* Bytes taken from the system so far, and how many of them are in memory.  */
size_t mx_meta_bytes(void);
size_t mx_meta_resident(void);

void mx_meta_lock(void);
void mx_meta_unlock(void);
void mx_meta_lock_init(void);

#endif /* MX_META_H */
