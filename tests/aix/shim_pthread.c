/* shim_pthread.c - AIX's libpthreads: its layouts, over this system's threads.
 *
 * Sizes and the static initialisers are rustlibc's: a mutex is eight longs, of
 * which the second is 2 when it was initialised; a key and a thread are unsigned
 * ints; attributes are a pointer; the first thread is number 1.
 *
 * SPDX-License-Identifier: MIT  */

#include "xload.h"

#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MOST_THREADS    4096
#define STACK           ((size_t)256 << 10)
#define AIX_EDEADLK     45

/* Words 3 and 4 of a mutex are ours: futex, holder.  */
struct aix_mutex {
	long word[8];
};

static struct thread {
	pthread_t thread;
	void *(*fn)(void *);
	void *arg;
	void *stack;
	bool used;
} threads[MOST_THREADS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static bool is_up;
static __thread unsigned self = 1;
static __thread int self_tid;

static struct {
	void (*prepare)(void), (*parent)(void), (*child)(void);
} at_fork[32];
static int n_at_fork;

/* A replacement's functions are called before libpthreads is up (IBM: user
 * defined malloc replacement); that no call may be made then is the careful
 * reading (gperftools avoids them).  */
static void
must_be_up(const char *what)
{
	if (!is_up)
		rig_die("%s before libpthreads is up", what);
}

void
pthread_shim_up(void)
{
	is_up = true;
}

/* ---- mutexes ---- */

static int
tid(void)
{
	if (self_tid == 0)
		self_tid = (int)syscall(SYS_gettid);
	return self_tid;
}

static int *
futex_of(struct aix_mutex *m)
{
	must_be_up("a mutex");
	if (m->word[1] != 2)
		rig_die("mutex %p was not initialised", (void *)m);
	return (int *)&m->word[3];
}

static int
aix_mutex_lock(struct aix_mutex *m)
{
	int *f = futex_of(m);
	int old = 0;

	/* Belief: AIX may wait for ever instead.  */
	if (__atomic_load_n(&m->word[4], __ATOMIC_RELAXED) == tid())
		return AIX_EDEADLK;
	if (!__atomic_compare_exchange_n(f, &old, 1, false, __ATOMIC_ACQUIRE,
	    __ATOMIC_RELAXED))
		while (__atomic_exchange_n(f, 2, __ATOMIC_ACQUIRE) != 0)
			syscall(SYS_futex, f, FUTEX_WAIT, 2, NULL, NULL, 0);
	__atomic_store_n(&m->word[4], tid(), __ATOMIC_RELAXED);
	return 0;
}

static int
aix_mutex_trylock(struct aix_mutex *m)
{
	int old = 0;

	if (!__atomic_compare_exchange_n(futex_of(m), &old, 1, false,
	    __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
		return EBUSY;
	__atomic_store_n(&m->word[4], tid(), __ATOMIC_RELAXED);
	return 0;
}

/* AIX answers EPERM; here it ends the test: it is always a fault of ours.  */
static int
aix_mutex_unlock(struct aix_mutex *m)
{
	int *f = futex_of(m);

	if (m->word[4] != tid())
		rig_die("mutex %p is unlocked by %d, held by %ld", (void *)m,
		    tid(), m->word[4]);
	m->word[4] = 0;
	if (__atomic_exchange_n(f, 0, __ATOMIC_RELEASE) == 2)
		syscall(SYS_futex, f, FUTEX_WAKE, 1, NULL, NULL, 0);
	return 0;
}

static int
aix_mutex_init(struct aix_mutex *m, const void *attr)
{
	(void)attr;
	*m = (struct aix_mutex){ { 0, 2, 0, 0, 0, 0, 0, 0 } };
	return 0;
}

static int
aix_mutex_destroy(struct aix_mutex *m)
{
	m->word[1] = 0;
	return 0;
}

/* ---- threads ---- */

static void *
run(void *arg)
{
	struct thread *t = arg;

	self = (unsigned)(t - threads) + 2;
	xload_thread_start();
	return t->fn(t->arg);
}

/* Stacks come from malloc (OpenJDK): of libc, so from a replacement.  */
static int
aix_pthread_create(unsigned *id, void *const *attr, void *(*fn)(void *),
    void *arg)
{
	pthread_attr_t native;
	struct thread *t = threads;
	int e;

	(void)attr;
	must_be_up("pthread_create");
	pthread_mutex_lock(&lock);
	while (t < threads + MOST_THREADS && t->used)
		t++;
	if (t == threads + MOST_THREADS)
		rig_die("too many threads");
	t->used = true;
	pthread_mutex_unlock(&lock);
	t->fn = fn;
	t->arg = arg;
	t->stack = libc_malloc(STACK + 128);
	if (t->stack == NULL) {
		t->used = false;
		return EAGAIN;
	}
	pthread_attr_init(&native);
	pthread_attr_setstack(&native, (void *)
	    (((uintptr_t)t->stack + 127) & ~(uintptr_t)127), STACK);
	*id = (unsigned)(t - threads) + 2;
	e = pthread_create(&t->thread, &native, run, t);
	if (e != 0) {
		libc_free(t->stack);
		t->used = false;
	}
	return rig_errno(e);
}

static int
aix_pthread_join(unsigned id, void **result)
{
	struct thread *t = &threads[id - 2];
	int e = pthread_join(t->thread, result);

	if (e != 0)
		return rig_errno(e);
	libc_free(t->stack);
	t->used = false;
	return 0;
}

static int
aix_pthread_detach(unsigned id)
{
	return pthread_detach(threads[id - 2].thread);
}

static unsigned
aix_pthread_self(void)
{
	must_be_up("pthread_self");
	return self;
}

static int
aix_pthread_equal(unsigned a, unsigned b)
{
	return a == b;
}

/* ---- keys ---- */

static int
aix_key_create(unsigned *key, void (*fn)(void *))
{
	pthread_key_t native;
	int e;

	must_be_up("pthread_key_create");
	if (rig.no_early_key && malloc_is_in_init)
		return EAGAIN;
	e = pthread_key_create(&native, fn);
	*key = native;
	return rig_errno(e);
}

static int
aix_setspecific(unsigned key, const void *value)
{
	static __thread bool allocated;

	must_be_up("pthread_setspecific");
	/* A thread's table of values may come from malloc: not known.  */
	if (rig.key_mallocs && !allocated) {
		allocated = true;
		memset(libc_malloc(500), 0x5a, 500);
	}
	return rig_errno(pthread_setspecific(key, value));
}

static void *
aix_getspecific(unsigned key)
{
	must_be_up("pthread_getspecific");
	return pthread_getspecific(key);
}

/* ---- fork ---- */

static int
aix_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void))
{
	must_be_up("pthread_atfork");
	if (n_at_fork == 32)
		return ENOMEM;
	at_fork[n_at_fork].prepare = prepare;
	at_fork[n_at_fork].parent = parent;
	at_fork[n_at_fork++].child = child;
	return 0;
}

void shim_mem_fork(bool before);
pid_t aix_fork(void);

static void
run_handlers(bool child)
{
	for (int i = 0; i < n_at_fork; i++) {
		void (*fn)(void) = child ? at_fork[i].child :
		    at_fork[i].parent;

		if (fn != NULL)
			fn();
	}
}

static void
run_prepare(void)
{
	for (int i = n_at_fork; i-- > 0; )
		if (at_fork[i].prepare != NULL)
			at_fork[i].prepare();
}

/* Handlers in POSIX's order.  Whether the replacement's hooks come inside them, so
 * that handlers may allocate, or around them is not known: rig.hooks_outside.  */
pid_t
aix_fork(void)
{
	pid_t pid;

	if (rig.hooks_outside)
		malloc_fork_hook(true, false);
	run_prepare();
	if (!rig.hooks_outside)
		malloc_fork_hook(true, false);
	pthread_mutex_lock(&lock);
	shim_mem_fork(true);
	pid = fork();
	shim_mem_fork(false);
	pthread_mutex_unlock(&lock);
	if (pid == 0)
		self_tid = 0;
	if (rig.hooks_outside)
		run_handlers(pid == 0);
	if (pid != 0 || !rig.no_postfork_child)
		malloc_fork_hook(false, pid == 0);
	if (!rig.hooks_outside)
		run_handlers(pid == 0);
	return pid;
}

const struct shim shim_pthread[] = {
	SHIM_AS("libpthreads.a", pthread_mutex_lock, aix_mutex_lock),
	SHIM_AS("libpthreads.a", pthread_mutex_trylock, aix_mutex_trylock),
	SHIM_AS("libpthreads.a", pthread_mutex_unlock, aix_mutex_unlock),
	SHIM_AS("libpthreads.a", pthread_mutex_init, aix_mutex_init),
	SHIM_AS("libpthreads.a", pthread_mutex_destroy, aix_mutex_destroy),
	SHIM_AS("libpthreads.a", pthread_create, aix_pthread_create),
	SHIM_AS("libpthreads.a", pthread_join, aix_pthread_join),
	SHIM_AS("libpthreads.a", pthread_detach, aix_pthread_detach),
	SHIM_AS("libpthreads.a", pthread_self, aix_pthread_self),
	SHIM_AS("libpthreads.a", pthread_equal, aix_pthread_equal),
	SHIM_AS("libpthreads.a", pthread_key_create, aix_key_create),
	SHIM_AS("libpthreads.a", pthread_setspecific, aix_setspecific),
	SHIM_AS("libpthreads.a", pthread_getspecific, aix_getspecific),
	SHIM_AS("libpthreads.a", pthread_atfork, aix_atfork),
	SHIM_AS("libc.a", fork, aix_fork),
	SHIM_AS("libc.a", sched_yield, sched_yield),
	{ NULL, NULL, NULL }
};
