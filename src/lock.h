/* lock.h - the one mutex type.
 *
 * Owns: nothing.  Lock order is layer order (LAYERS), downward, so a holder of
 * a lock only ever takes locks of lower files.  Critical sections are short and
 * make no system call that can take long.
 *
 * A pthread mutex: it sleeps when contended, and thread sanitizers know it.  The
 * adaptive kind spins a little first, where libc has it.
 *
 * SPDX-License-Identifier: MIT  */

#ifndef MX_LOCK_H
#define MX_LOCK_H

#include <pthread.h>
#if defined __has_include
# if __has_include(<sys/single_threaded.h>)
#  include <sys/single_threaded.h>
#  define MX_LOCK_ALONE __libc_single_threaded
# endif
#endif

#include "base.h"

/* True while the process has one thread: then nothing need be locked.  An atomic
 * operation waits for all stores before it, and those of a free to a large heap
 * miss the cache (random replacement among a million blocks: 16 % of the time).
 * glibc (2.32) lowers it before a thread starts, and its own malloc relies on it
 * too; it never changes between a lock and its unlock, since neither starts a
 * thread.  */
#ifndef MX_LOCK_ALONE
# define MX_LOCK_ALONE 0
#endif

struct mx_lock {
	pthread_mutex_t mutex;
};

#ifdef PTHREAD_ADAPTIVE_MUTEX_INITIALIZER_NP
# define MX_LOCK_INIT { PTHREAD_ADAPTIVE_MUTEX_INITIALIZER_NP }
#else
# define MX_LOCK_INIT { PTHREAD_MUTEX_INITIALIZER }
#endif

/* A lock in any state becomes a free one: in the child of a fork the holder may
 * not exist.  */
static inline void
mx_lock_init(struct mx_lock *l)
{
	const struct mx_lock fresh = MX_LOCK_INIT;

#ifdef __SANITIZE_THREAD__
	/* Thread sanitizer sees calls, not assignments.  */
	(void)pthread_mutex_init(&l->mutex, NULL);
#endif
	*l = fresh;
}

static inline void
mx_lock(struct mx_lock *l)
{
	int e = MX_LOCK_ALONE ? 0 : pthread_mutex_lock(&l->mutex);

	mx_assert(e == 0);
	(void)e;
}

static inline void
mx_unlock(struct mx_lock *l)
{
	int e = MX_LOCK_ALONE ? 0 : pthread_mutex_unlock(&l->mutex);

	mx_assert(e == 0);
	(void)e;
}

#endif /* MX_LOCK_H */
