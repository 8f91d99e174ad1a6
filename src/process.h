/* process.h - birth, fork and death, of the process and of its threads.
 *
 * Owns: the start of the library, which thread has which cache, and the cache
 * for those that can't have one.  Must not know: what malloc promises.
 *
 * SPDX-License-Identifier: MIT  */

#ifndef MX_PROCESS_H
#define MX_PROCESS_H

#include "cache.h"

/* The calling thread's cache, made at its first call.  Never NULL: a thread
 * whose end has begun, or for which there is no memory, borrows a shared one.
 * Hand it to mx_process_done when finished.  */
struct mx_cache *mx_process_cache(void);
void mx_process_done(struct mx_cache *cache);

/* First use of anything: options and facts of the system; forks are watched.  Any
 * number of calls.  */
void mx_process_init(void);

/* The program is about to start; constructors of libraries may have run already,
 * and threads too.  Prints what `help' and `verbose' ask for.  */
void mx_process_start(void);

/* The program ends: prints what `stats' asks for.  */
void mx_process_exit(void);

/* pthread_atfork's three; where sysForkOS is ENOSYS the override registers them.  */
void mx_process_fork_prepare(void);
void mx_process_fork_parent(void);
void mx_process_fork_child(void);

#endif /* MX_PROCESS_H */
