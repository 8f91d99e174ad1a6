/* lock.c - what a thread knows of its locks, and waiting for one.  See lock.h.
 *
 * SPDX-License-Identifier: MIT  */

#include "lock.h"

#ifdef MX_LOCK_WORD

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <time.h>

#define SPINS   100
#define YIELDS  20

/* A nap lets a holder of lower priority run, which yielding need not.  It is a place
 * where a thread may be cancelled: one that is waited for so long would keep the locks
 * that it has (doc/aix.md).  */
static void
nap(void)
{
	struct timespec t = { 0, 200000 };

	(void)nanosleep(&t, NULL);
}

MX_COLD void
mx_lock_wait(struct mx_lock *l)
{
	int saved = errno;

	for (unsigned tries = 0;; tries++) {
		int expected = 0;

		if (mx_load(&l->taken, RELAXED) == 0 &&
		    mx_cas_weak(&l->taken, &expected, 1, ACQUIRE, RELAXED))
			break;
		if (tries < SPINS)
			continue;
		if (tries < SPINS + YIELDS)
			(void)sched_yield();
		else
			nap();
	}
	errno = saved;
}


/* The holder is written before the word and read behind it, and by nobody else
 * who could take it for himself.  */
static pthread_t holder;
bool mx_lock_all;

bool
mx_lock_is_passed(void)
{
	/* The word was read relaxed, and POWER may read the holder before it: then
	 * this thread might find itself, from a fork before.  */
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return pthread_equal(holder, pthread_self());
}

void
mx_lock_hold_all(bool all)
{
	if (all)
		holder = pthread_self();
	mx_store(&mx_lock_all, all, RELEASE);
}

#else

#include <errno.h>
#include <time.h>
#include <unistd.h>

/* Critical sections last microseconds.  */
#define PATIENCE_NS     100000000
#define SECOND_NS       1000000000

__thread struct mx_lock_thread mx_lock_thread
    __attribute__((tls_model("initial-exec")));

pid_t mx_lock_process;

/* NULL: unknown.  */
static const uint32_t *first_origin;
static bool was_asked;

MX_COLD void
mx_lock_note_process(void)
{
	mx_store(&mx_lock_process, getpid(), RELAXED);
}

bool
mx_lock_wants_origin(void)
{
	return !mx_load(&was_asked, RELAXED) &&
	    !mx_swap(&was_asked, true, RELAXED);
}

void
mx_lock_set_origin(const uint32_t *origin)
{
	mx_store(&first_origin, origin, RELEASE);
}

void
mx_lock_forked(void)
{
	mx_lock_thread = (struct mx_lock_thread){ 0, false };
	mx_store(&mx_lock_process, 0, RELAXED);
	mx_store(&first_origin, NULL, RELAXED);
	mx_store(&was_asked, false, RELAXED);
}

/* L's holder is in another process and not in this one's memory.  Where the system
 * does not tell copies from the memory itself, the number of the process has to do.
 * What it was doing with what L guards stays
 * half done; that is still better than to wait for ever.  */
static bool
is_orphan(struct mx_lock *l)
{
	const uint32_t *origin = mx_load(&first_origin, ACQUIRE);
	pid_t self = getpid();
	pid_t first = mx_load(&mx_lock_process, RELAXED);

	return first != 0 && first != self &&
	    (origin == NULL || mx_load(origin, RELAXED) == 0) &&
	    mx_swap(&l->freed_in, self, RELAXED) != self;
}

int
mx_lock_wait(struct mx_lock *l)
{
	struct timespec until;
	int e;

	do {
		(void)clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec += PATIENCE_NS;
		if (until.tv_nsec >= SECOND_NS) {
			until.tv_nsec -= SECOND_NS;
			until.tv_sec++;
		}
		e = pthread_mutex_timedlock(&l->mutex, &until);
		if (e == ETIMEDOUT && is_orphan(l)) {
			mx_lock_init(l);
			e = pthread_mutex_trylock(&l->mutex);
		}
	} while (e == ETIMEDOUT || e == EBUSY);
	return e;
}

#endif /* MX_LOCK_WORD */
