/* spare.h - how many free pages may stay with the process.
 *
 * Owns: the rule.  Two bounds, of which the lower holds:
 *
 *     max(dirty_min, dirty_percent of the pages in use), or four times dirty_min as
 *         long as the process never had more than that
 *     half of the pages in use + a spare that learns
 *
 * The spare begins at dirty_min, grows by pages that were wanted again right after
 * they had gone, and falls by half each time that much more went and was not missed.
 * So a loop with a buffer of some MiB keeps it, large blocks that come and go at
 * random keep as many as they need (large-1: a third of the time that half of the
 * pages in use alone would take), and a program that let go of everything keeps next
 * to nothing; no timer and no thread has to tell them apart.
 *
 * Where a cgroup limits memory, a quarter of what is left of that is a third bound:
 * the kernel ends a process whose cgroup is full, free pages or not.
 *
 * Must not know: runs, the system, locks.  All functions but the first: heap lock.
 * Counts are in pages, times in milliseconds and may wrap around.
 *
 * SPDX-License-Identifier: MIT  */

#ifndef MX_SPARE_H
#define MX_SPARE_H

#include "base.h"

/* Before the heap lock is taken: learn the cgroup's limit, once, if so much is in use
 * that it matters.  */
void mx_spare_ask(void);

/* How many free pages may stay while USED are in use.  */
size_t mx_spare_bound(size_t used);

/* N free pages went to the system at NOW.  */
void mx_spare_gone(size_t n, size_t used, uint32_t now);

/* Has anything gone that could be missed?  */
bool mx_spare_watches(void);

/* N pages came from the system at NOW.  */
void mx_spare_wanted(size_t n, size_t used, uint32_t now);

#endif /* MX_SPARE_H */
