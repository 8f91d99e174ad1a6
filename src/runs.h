/* runs.h - free runs of pages: which there are, and which is next to which.
 *
 * Owns: bins of FREE runs by length, and queues of those with dirty (Ready)
 * pages, about oldest first.  Touching free runs are always one run, but the one that
 * became free last may wait to be joined.  Must not know: the system, arenas, or when
 * pages go back.
 *
 * All functions: heap lock.  Lengths are in pages.
 *
 * SPDX-License-Identifier: MIT  */

#ifndef MX_RUNS_H
#define MX_RUNS_H

#include "pagemap.h"

/* Make [BASE, BASE + PAGES), of which DIRTY are Ready, a free run, joined with
 * its free neighbours, now or later.  NOW is the time in milliseconds.  */
void mx_runs_insert(char *base, size_t pages, size_t dirty, uint32_t now);

/* The run that waits, if any, is joined with its neighbours.  */
void mx_runs_settle(void);

/* Cut PAGES pages at an address divisible by ALIGN bytes out of the best fitting
 * free run; the one that waits is best if it has just so many.  The record of the
 * first page comes back with base, pages and dirty set and state MX_SPAN_BUSY; NULL
 * if no run fits.  */
struct mx_span *mx_runs_take(size_t pages, size_t align);

/* Cut the first PAGES pages out of the free run that begins at BASE; NULL if
 * there is none, or it is shorter.  */
struct mx_span *mx_runs_take_at(char *base, size_t pages);

/* Take the whole run that has been dirty the longest; NULL if none is.  */
struct mx_span *mx_runs_take_oldest(void);

/* When that run became free.  False if none is dirty.  */
bool mx_runs_oldest(uint32_t *stamp);

#endif /* MX_RUNS_H */
