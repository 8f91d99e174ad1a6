/* ends.c - before main and after it, and at the ends of threads.
 *
 * SPDX-License-Identifier: MIT  */

#include "survive.h"

#include <limits.h>
#include <malloc.h>
#include <sys/auxv.h>

/* All functions, with small, middle and large blocks.  */
static void
use_all(void)
{
	static const size_t sizes[] = { 1, 100, 5000, 60000, 300000, 2000000 };
	void *p, *q;

	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		p = malloc(sizes[i]);
		q = calloc(1, sizes[i]);
		if (p == NULL || q == NULL ||
		    plain_zeros(q, sizes[i]) != sizes[i])
			survive_fail("malloc, calloc of %zu", sizes[i]);
		plain_mark(p, sizes[i], i);
		p = realloc(p, sizes[i] * 3);
		if (p == NULL || !plain_is_marked(p, sizes[i], sizes[i], i))
			survive_fail("realloc of %zu", sizes[i]);
		free(q);
		if (posix_memalign(&q, 256, sizes[i]) != 0 ||
		    (uintptr_t)q % 256 != 0)
			survive_fail("posix_memalign of %zu", sizes[i]);
		free(p);
		free(q);
	}
}

/* ---- destructors of keys and of thread locals ---- */

enum { KEYS = 100 };
static pthread_key_t keys[KEYS];
static unsigned long destroyed;

struct value {
	int key;
	int rounds;
	char *block;
};

static struct value *
new_value(int key, int rounds)
{
	struct value *v = malloc(sizeof *v);

	if (v == NULL)
		survive_fail("no memory");
	v->key = key;
	v->rounds = rounds;
	v->block = malloc((size_t)key * 97 + 1);
	if (v->block == NULL)
		survive_fail("no memory");
	plain_mark(v->block, (size_t)key * 97 + 1, (uint64_t)key);
	return v;
}

/* Comes back as often as POSIX lets it.  */
static void
destroy(void *arg)
{
	struct value *v = arg;
	size_t n = (size_t)v->key * 97 + 1;

	if (!plain_is_marked(v->block, n, n, (uint64_t)v->key))
		survive_fail("a block changed before its destructor");
	__atomic_add_fetch(&destroyed, 1, __ATOMIC_RELAXED);
	if (v->rounds > 0)
		pthread_setspecific(keys[v->key],
		    new_value(v->key, v->rounds - 1));
	free(v->block);
	free(v);
}

static void *
with_keys(void *arg)
{
	for (int i = 0; i < KEYS; i++)
		pthread_setspecific(keys[i], new_value(i, 2));
	return arg;
}

static void
run_threads(unsigned n, void *(*fn)(void *))
{
	pthread_t t[8];

	for (unsigned i = 0; i < n; i += 8) {
		for (uintptr_t k = 0; k < 8; k++)
			if (pthread_create(&t[k], NULL, fn,
			    (void *)(i + k + 1)) != 0)
				survive_end(99, "no thread");
		for (int k = 0; k < 8; k++)
			pthread_join(t[k], NULL);
	}
}

/* N rounds of threads must not need more memory than a few.  */
static void
run_bounded(unsigned n, void *(*fn)(void *))
{
	size_t before, after;

	run_threads(n / 4, fn);
	before = plain_rss();
	run_threads(n, fn);
	after = plain_rss();
	if (after > before + 16 * PLAIN_MIB)
		survive_fail("grew from %zu to %zu KiB", before / 1024,
		    after / 1024);
}

static void
key_destructors(void)
{
	for (int i = 0; i < KEYS; i++)
		if (pthread_key_create(&keys[i], destroy) != 0)
			survive_end(99, "no key");
	run_bounded(384, with_keys);
	if (destroyed != 480UL * KEYS * 3)
		survive_fail("%lu destructors ran", destroyed);
}

/* What C++ compilers make of thread_local objects.  */
extern int __cxa_thread_atexit_impl(void (*)(void *), void *, void *);
extern void *__dso_handle;

static void
destroy_local(void *arg)
{
	uint64_t state = (uintptr_t)arg;

	free(arg);
	if (!survive_churn(&state, 20, 14))
		survive_fail("a block changed in a destructor");
	__atomic_add_fetch(&destroyed, 1, __ATOMIC_RELAXED);
}

/* One is registered before the thread's first block, so it runs last.  */
static void *
with_locals(void *arg)
{
	__cxa_thread_atexit_impl(destroy_local, NULL, &__dso_handle);
	free(malloc(10));
	for (size_t i = 0; i < 50; i++)
		__cxa_thread_atexit_impl(destroy_local, malloc(i * 50),
		    &__dso_handle);
	return arg;
}

static void
tls_destructors(void)
{
	run_bounded(800, with_locals);
	if (destroyed != 1000UL * 51)
		survive_fail("%lu destructors ran", destroyed);
}

/* ---- start and end of the process ---- */

static void *early[8];
static int late_on;

/* Before the constructor of any library.  */
static void
before_all(void)
{
	for (size_t i = 0; i < 8; i++) {
		early[i] = malloc((size_t)100 << (2 * i));
		if (early[i] == NULL)
			_exit(3);
		memset(early[i], (int)i, (size_t)100 << (2 * i));
	}
}

__attribute__((section(".preinit_array"), used))
static void (*const preinit)(void) = before_all;

__attribute__((constructor(101)))
static void
construct(void)
{
	early[0] = realloc(early[0], 70000);
	if (early[0] == NULL)
		_exit(3);
}

__attribute__((destructor(101)))
static void
destruct(void)
{
	if (!late_on)
		return;
	use_all();
	for (int i = 0; i < 8; i++)
		free(early[i]);
}

static void
at_exit(void)
{
	use_all();
	free(early[7]);
	early[7] = malloc(50000);
}

static void
start_and_end(void)
{
	/* As many as make libc allocate for its list.  */
	for (int i = 0; i < 100; i++)
		if (atexit(at_exit) != 0)
			survive_fail("atexit");
	late_on = 1;
	exit(0);
}

static void
exit_beside_threads(void)
{
	for (int i = 0; i < 40; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			pthread_t t[SURVIVE_THREADS];

			survive_start_threads(t);
			survive_sleep_ms(2);
			late_on = 1;
			atexit(at_exit);
			exit(0);
		}
		survive_child_ends(pid, "exit");
	}
}

static void *
outlive(void *arg)
{
	uint64_t state = 9;

	pthread_join(*(pthread_t *)arg, NULL);
	for (int i = 0; i < 200; i++)
		if (!survive_churn(&state, 200, 14))
			survive_fail("a block changed");
	exit(0);
}

static void
first_thread_ends(void)
{
	static pthread_t first, other;

	first = pthread_self();
	if (pthread_create(&other, NULL, outlive, &first) != 0)
		survive_end(99, "no thread");
	free(malloc(1000));
	pthread_exit(NULL);
}

/* ---- stacks ---- */

static void *
small_thread(void *arg)
{
	use_all();
	return arg;
}

static void
small_stacks(void)
{
	pthread_attr_t attr;
	pthread_t t;

	pthread_attr_init(&attr);
	if (pthread_attr_setstacksize(&attr, PTHREAD_STACK_MIN) != 0)
		survive_end(99, "no attribute");
	for (int i = 0; i < 100; i++) {
		if (pthread_create(&t, &attr, small_thread, NULL) != 0)
			survive_end(99, "no thread");
		pthread_join(t, NULL);
	}
}

static volatile int handled;

static void
use_in_handler(int sig)
{
	(void)sig;
	use_all();
	handled = 1;
}

static void *
signal_thread(void *arg)
{
	/* What the kernel needs for the frame, and 16 KiB for us.  */
	size_t n = getauxval(AT_MINSIGSTKSZ) + 16 * PLAIN_KIB;
	stack_t stack = { .ss_sp = aligned_alloc(4096, n), .ss_size = n };

	if (sigaltstack(&stack, NULL) != 0)
		survive_end(99, "no signal stack");
	raise(SIGUSR1);
	stack.ss_flags = SS_DISABLE;
	sigaltstack(&stack, NULL);
	free(stack.ss_sp);
	return arg;
}

static void
signal_stack(void)
{
	struct sigaction action = { .sa_handler = use_in_handler,
		.sa_flags = SA_ONSTACK };

	sigaction(SIGUSR1, &action, NULL);
	run_threads(16, signal_thread);
	if (!handled)
		survive_fail("no signal came");
}

/* ---- many threads, and blocks that change hands ---- */

static void *
brief(void *arg)
{
	uint64_t state = (uintptr_t)arg;

	if (!survive_churn(&state, 30, 13))
		survive_fail("a block changed");
	return arg;
}

static void
ten_thousand_threads(void)
{
	run_bounded(8000, brief);
}

static pthread_barrier_t barrier;

static void *
brief_at_once(void *arg)
{
	uint64_t state = (uintptr_t)arg;
	void *p = malloc(100);

	pthread_barrier_wait(&barrier);
	if (!survive_churn(&state, 60, 13))
		survive_fail("a block changed");
	free(p);
	return arg;
}

static void
thousand_at_once(void)
{
	enum { N = 1000 };
	static pthread_t t[N];
	pthread_attr_t attr;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 64 * PLAIN_KIB);
	pthread_barrier_init(&barrier, NULL, N);
	for (uintptr_t i = 0; i < N; i++)
		if (pthread_create(&t[i], &attr, brief_at_once,
		    (void *)i) != 0)
			survive_end(99, "no thread");
	for (int i = 0; i < N; i++)
		pthread_join(t[i], NULL);
}

enum { HANDED = 2000 };

static void *
allocate_and_end(void *arg)
{
	char **blocks = malloc(HANDED * sizeof *blocks);

	for (size_t i = 0; i < HANDED; i++) {
		blocks[i] = malloc(i % 700 + 1);
		plain_mark(blocks[i], i % 700 + 1, i);
	}
	(void)arg;
	return blocks;
}

static void
free_handed(char **blocks)
{
	for (size_t i = 0; i < HANDED; i++) {
		size_t n = i % 700 + 1;

		if (!plain_is_marked(blocks[i], n, n, i))
			survive_fail("a block changed");
		free(blocks[i]);
	}
	free(blocks);
}

static void *
free_and_end(void *arg)
{
	free_handed(arg);
	return NULL;
}

/* The thread that allocates has ended when the blocks are freed, then the
 * thread that frees ends first.  */
static void
hand_over(void)
{
	size_t before = 0;
	pthread_t t;
	void *blocks;

	for (int i = 0; i < 600; i++) {
		if (i == 100)
			before = plain_rss();
		if (pthread_create(&t, NULL, allocate_and_end, NULL) != 0)
			survive_end(99, "no thread");
		pthread_join(t, &blocks);
		free_handed(blocks);
		blocks = allocate_and_end(NULL);
		if (pthread_create(&t, NULL, free_and_end, blocks) != 0)
			survive_end(99, "no thread");
		pthread_join(t, NULL);
	}
	if (plain_rss() > before + 8 * PLAIN_MIB)
		survive_fail("grew from %zu to %zu KiB", before / 1024,
		    plain_rss() / 1024);
}

/* Somebody cancelled a thread, which goes on to the next place where that counts:
 * malloc and free are none.  What they do once for the process, when there is much
 * memory, reads files.  */
static int was_through;

static void *
use_cancelled(void *arg)
{
	static char *blocks[200];

	(void)pthread_cancel(pthread_self());
	for (int turn = 0; turn < 2; turn++) {
		for (size_t i = 0; i < 200; i++) {
			size_t n = (i & 1) != 0 ? 100 : PLAIN_MIB;

			blocks[i] = malloc(n);
			if (blocks[i] == NULL)
				survive_fail("no memory");
			plain_mark(blocks[i], n, i);
		}
		for (size_t i = 0; i < 200; i++)
			free(blocks[i]);
	}
	was_through = 1;
	pthread_testcancel();
	return arg;
}

static void
cancelled_thread(void)
{
	pthread_t t;
	void *end;

	if (pthread_create(&t, NULL, use_cancelled, NULL) != 0)
		survive_end(99, "no thread");
	pthread_join(t, &end);
	if (!was_through || end != PTHREAD_CANCELED)
		survive_fail("cancelled in malloc or free");
	use_all();
}

static const struct survive_case cases[] = {
	{ "key-destructors", key_destructors },
	{ "tls-destructors", tls_destructors },
	{ "start-and-end", start_and_end },
	{ "exit-beside-threads", exit_beside_threads },
	{ "first-thread-ends", first_thread_ends },
	{ "small-stacks", small_stacks },
	{ "signal-stack", signal_stack },
	{ "10000-threads", ten_thousand_threads },
	{ "1000-threads-at-once", thousand_at_once },
	{ "hand-over", hand_over },
	{ "cancelled-thread", cancelled_thread },
};

SURVIVE_MAIN(cases)
