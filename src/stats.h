/* stats.h - where the memory is, as numbers, text, JSON and XML.
 *
 * Owns: nothing.  It walks arenas, records and caches; the fast paths count
 * nothing.  Must not know: how the interface is called.
 *
 * SPDX-License-Identifier: MIT  */

#ifndef MX_STATS_H
#define MX_STATS_H

#include <memaix.h>

#include "out.h"

/* Takes the heap lock.  Exact while no other thread allocates or frees.  */
void mx_stats_read(struct memaix_stats *st);

void mx_stats_text(struct mx_out *o);
void mx_stats_json(struct mx_out *o);

/* The layout of malloc_info(3).  */
void mx_stats_xml(struct mx_out *o);

/* Pointers that were freed and are not ours; any thread, relaxed.  */
extern size_t mx_stats_foreign;

#endif /* MX_STATS_H */
