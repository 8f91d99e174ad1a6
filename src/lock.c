/* lock.c - what a thread knows of its locks, and waiting for one.  See lock.h.
 *
 * SPDX-License-Identifier: MIT  */

#include "lock.h"

#include <errno.h>
#include <time.h>
#include <unistd.h>

/* Critical sections last microseconds.  */
#define PATIENCE_NS     100000000
#define SECOND_NS       1000000000

__thread struct mx_lock_thread mx_lock_thread
    __attribute__((tls_model("initial-exec")));

/* The process whose threads may contend; 0: there was only one thread.  */
static pid_t process;

void
mx_lock_shared(void)
{
	if (mx_load(&process, RELAXED) == 0)
		mx_store(&process, getpid(), RELAXED);
}

void
mx_lock_forked(void)
{
	mx_lock_thread = (struct mx_lock_thread){ 0, false };
	mx_store(&process, 0, RELAXED);
}

/* L's holder is in another process.  What it was doing with what L guards stays
 * half done; that is still better than to wait for ever.  */
static bool
is_orphan(struct mx_lock *l)
{
	pid_t self = getpid();
	pid_t first = mx_load(&process, RELAXED);

	return first != 0 && first != self &&
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
