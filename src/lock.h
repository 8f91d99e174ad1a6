/* lock.h - the one lock type.
 *
 * Owns: what each thread knows of the locks it holds.  Lock order is layer order
 * (LAYERS), downward, so a holder of a lock only ever takes locks of lower files.
 * Critical sections are short and make no system call that can take long.
 *
 * A pthread mutex: it sleeps when contended, and thread sanitizers know it.  The
 * adaptive kind spins a little first, where libc has it.  On AIX malloc is called
 * before libpthreads is up, so there it is a word of our own (MX_LOCK_WORD), and
 * who waits yields and then naps.
 *
 * SPDX-License-Identifier: MIT  */

#ifndef MX_LOCK_H
#define MX_LOCK_H

#if defined _AIX && !defined MX_LOCK_WORD
# define MX_LOCK_WORD 1
#endif

#include "base.h"

#ifdef MX_LOCK_WORD

struct mx_lock {
	int taken;              /* atomic */
};

#define MX_LOCK_INIT { 0 }

void mx_lock_wait(struct mx_lock *l);

/* A lock in any state becomes a free one: in the child of a fork the holder may
 * not exist.  */
static inline void
mx_lock_init(struct mx_lock *l)
{
	mx_store(&l->taken, 0, RELAXED);
}

/* Who holds all locks, between the handlers of a fork; its calls of malloc pass
 * them.  Only there may pthread_self be called.  */
bool mx_lock_is_passed(void);
extern bool mx_lock_all;        /* atomic: somebody does */
void mx_lock_hold_all(bool all);

static inline void
mx_lock(struct mx_lock *l)
{
	int expected = 0;

	if (MX_UNLIKELY(mx_load(&mx_lock_all, RELAXED)) && mx_lock_is_passed())
		return;
	if (MX_UNLIKELY(!mx_cas_weak(&l->taken, &expected, 1, ACQUIRE,
	    RELAXED)))
		mx_lock_wait(l);
}

static inline void
mx_unlock(struct mx_lock *l)
{
	if (MX_UNLIKELY(mx_load(&mx_lock_all, RELAXED)) && mx_lock_is_passed())
		return;
	mx_assert(mx_load(&l->taken, RELAXED) != 0);
	mx_store(&l->taken, 0, RELEASE);
}

/* What a thread holds is not known here, without storage of its own: a fork from
 * a signal handler that interrupted malloc may wait for ever.  */
static inline void
mx_lock_busy(void)
{
}

static inline void
mx_lock_idle(void)
{
}

static inline bool
mx_lock_is_busy(void)
{
	return false;
}

static inline bool
mx_lock_wants_origin(void)
{
	return false;
}

static inline void
mx_lock_set_origin(const uint32_t *origin)
{
	(void)origin;
}

static inline void
mx_lock_forked(void)
{
	mx_lock_hold_all(false);
}

#else

#include <pthread.h>
#if defined __has_include
# if __has_include(<sys/single_threaded.h>)
#  include <sys/single_threaded.h>
#  define MX_LOCK_ALONE __libc_single_threaded
# endif
#endif

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
	pid_t freed_in;         /* see mx_lock_wait; 0: never */
};

#ifdef PTHREAD_ADAPTIVE_MUTEX_INITIALIZER_NP
# define MX_LOCK_INIT { PTHREAD_ADAPTIVE_MUTEX_INITIALIZER_NP, 0 }
#else
# define MX_LOCK_INIT { PTHREAD_MUTEX_INITIALIZER, 0 }
#endif

/* Two things go on while this thread holds locks.  A fork handler of the program
 * may allocate when memaix's own handler has all of them: it need not wait for
 * itself.  And a signal handler may fork while the code it interrupted has one:
 * it cannot wait for that.  */
struct mx_lock_thread {
	uint32_t held;          /* or waited for, or about to be taken again */
	bool all;               /* between the handlers of a fork */
};

extern __thread struct mx_lock_thread mx_lock_thread
    __attribute__((tls_model("initial-exec")));

/* A lock in any state becomes a free one: in the child of a fork the holder may
 * not exist.  */
static inline void
mx_lock_init(struct mx_lock *l)
{
	const struct mx_lock fresh = MX_LOCK_INIT;

#ifdef MX_TSAN
	/* Thread sanitizer sees calls, not assignments.  */
	(void)pthread_mutex_init(&l->mutex, NULL);
#endif
	*l = fresh;
}

/* Between these two the thread must not wait for what others do.  The compiler
 * keeps the count where it is: a signal handler looks at it.  */
static inline void
mx_lock_busy(void)
{
	mx_lock_thread.held++;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
}

static inline void
mx_lock_idle(void)
{
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	mx_lock_thread.held--;
}

/* The process whose threads may contend; 0: there was only one thread.  */
extern pid_t mx_lock_process;
void mx_lock_note_process(void);

/* The slow half of mx_lock: somebody has it.  0 or an errno value.
 *
 * A child made by the system call alone (clone without fork's handlers) can find
 * a lock held by a thread that it does not have.  When a lock does not come for
 * a tenth of a second, and this process has a copy of the memory of the one that had
 * threads, the lock is taken by force, once for each lock.  A child of vfork has no
 * copy: it waits.  */
int mx_lock_wait(struct mx_lock *l);

static inline void
mx_lock(struct mx_lock *l)
{
	int e;

	if (MX_LOCK_ALONE || mx_lock_thread.all)
		return;
	if (MX_UNLIKELY(mx_load(&mx_lock_process, RELAXED) == 0))
		mx_lock_note_process();
	mx_lock_busy();
	e = pthread_mutex_trylock(&l->mutex);
	if (MX_UNLIKELY(e != 0))
		e = mx_lock_wait(l);
	mx_assert(e == 0);
	(void)e;
}

static inline void
mx_unlock(struct mx_lock *l)
{
	int e;

	if (MX_LOCK_ALONE || mx_lock_thread.all)
		return;
	e = pthread_mutex_unlock(&l->mutex);
	mx_assert(e == 0);
	(void)e;
	mx_lock_idle();
}

static inline bool
mx_lock_is_busy(void)
{
	return mx_lock_thread.held != 0;
}

/* This thread has taken every lock there is, and calls malloc meanwhile; or is
 * about to let go of them.  */
static inline void
mx_lock_hold_all(bool all)
{
	mx_lock_thread.all = all;
}

/* ORIGIN is as from sysOriginOS, and tells whether those who hold locks are here: to
 * be set when a second thread is about to use them.  True: now, and by you.  */
bool mx_lock_wants_origin(void);
void mx_lock_set_origin(const uint32_t *origin);

/* In the child of a fork: the locks that this thread took for it are new.  */
void mx_lock_forked(void);

#endif /* MX_LOCK_WORD */

#endif /* MX_LOCK_H */
