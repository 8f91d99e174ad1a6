/* fault.h - with explain_fault:true, what a memory fault hit, in one line.
 *
 * Owns: the signal handler, its stacks, and what was installed before it.  Must
 * not know: how the heap works; it reads the records as a viewer from outside
 * would, without locks.
 *
 * The handler calls nothing that is not async-signal-safe, and then hands on: the
 * program's own handler runs, or the process ends by the signal as ever, core
 * and all.  A program that installs a handler of its own later replaces this one.
 *
 * SPDX-License-Identifier: MIT  */

#ifndef MX_FAULT_H
#define MX_FAULT_H

#include "cache.h"
#include "out.h"

/* Once, at the start of the program.  */
void mx_fault_start(void);

/* Let the calling thread, which has CACHE, handle faults on another stack, so
 * that a stack that overflowed is explained too.  */
void mx_fault_watch_thread(struct mx_cache *cache);

/* The calling thread, which has CACHE, ends.  */
void mx_fault_leave_thread(struct mx_cache *cache);

/* What is at P, a few words; for the handler and for tests.  MAPPED: something is,
 * that forbids the access.  */
void mx_fault_describe(struct mx_out *o, const void *p, bool mapped);

#endif /* MX_FAULT_H */
