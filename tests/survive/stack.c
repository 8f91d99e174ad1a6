/* stack.c - how much stack each path of the library needs: 64 KiB at most.
 *
 * Each path runs in a thread of its own, on a stack that is painted before and
 * looked at afterwards, in a child that may end as it likes.
 *
 * SPDX-License-Identifier: MIT  */

#include "survive.h"

#include <malloc.h>
#include <sys/mman.h>
#include <sys/resource.h>

enum { STACK = 1 << 20, PAINT = 0xa5, LIMIT = 64 << 10 };

static void nothing(void) { }
static void take_small(void) { free(malloc(100)); }
static void take_zeroed(void) { free(calloc(1, 3000)); }
static void take_large(void) { free(malloc(3000000)); }
static void take_aligned(void) { free(memalign(1 << 20, 5000)); }
static void refuse(void) { free(malloc(PTRDIFF_MAX - 65536)); }
static void trim(void) { free(malloc(30000000)); malloc_trim(0); }
static void mallinfo_path(void) { (void)mallinfo2(); }
static void stats_path(void) { malloc_stats(); }
static void exit_path(void) { free(malloc(10)); exit(0); }

/* The compiler would warn.  */
static void
misuse(void)
{
	char *volatile p = malloc(100000);

	p += 16;
	free(p);
}

static void
info_path(void)
{
	FILE *f = fopen("/dev/null", "w");

	malloc_info(0, f);
	fclose(f);
}

static void
grow_large(void)
{
	char *p = malloc(1 << 20);

	for (size_t n = 1 << 20; n < (size_t)1 << 26; n *= 2)
		p = realloc(p, n);
	free(p);
}

static void
churn(void)
{
	uint64_t state = 1;

	if (!survive_churn(&state, 20000, 24))
		survive_fail("a block changed");
}

static void
fork_path(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		free(malloc(100));
		_exit(0);
	}
	(void)survive_wait(pid, 5);
}

static void
foreign(void)
{
	extern void *__libc_malloc(size_t n);

	free(__libc_malloc(100));
}

static void
at_limit(void)
{
	struct rlimit r = { 0, RLIM_INFINITY };

	setrlimit(RLIMIT_AS, &r);
	for (size_t n = (size_t)1 << 32; n > 0; n /= 2)
		while (malloc(n) != NULL)
			if (n < 1 << 20)
				return;
}

struct path {
	const char *name;
	void (*run)(void);
};

static struct path paths[] = {
	{ "nothing", nothing },
	{ "small block", take_small },
	{ "calloc", take_zeroed },
	{ "large block", take_large },
	{ "memalign", take_aligned },
	{ "refusal", refuse },
	{ "growing block", grow_large },
	{ "malloc_trim", trim },
	{ "mallinfo2", mallinfo_path },
	{ "malloc_stats", stats_path },
	{ "malloc_info", info_path },
	{ "churn", churn },
	{ "fork", fork_path },
	{ "foreign pointer", foreign },
	{ "limit", at_limit },
	{ "exit", exit_path },
	{ "wrong free", misuse },
};

static void *
run_path(void *arg)
{
	((const struct path *)arg)->run();
	return NULL;
}

/* Bytes of the stack that PATH wrote to.  */
static size_t
measure(struct path *path)
{
	unsigned char *stack = mmap(NULL, STACK, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	size_t i = 0;
	pid_t pid;

	if (stack == MAP_FAILED)
		survive_end(99, "no stack");
	memset(stack, PAINT, STACK);
	pid = fork();
	if (pid == 0) {
		pthread_attr_t attr;
		pthread_t t;
		int null = open("/dev/null", O_WRONLY);

		dup2(null, 1);
		dup2(null, 2);
		pthread_attr_init(&attr);
		pthread_attr_setstack(&attr, stack, STACK);
		if (pthread_create(&t, &attr, run_path, path) == 0)
			pthread_join(t, NULL);
		_exit(0);
	}
	(void)survive_wait(pid, 10);
	while (i < STACK && stack[i] == PAINT)
		i++;
	munmap(stack, STACK);
	return STACK - i;
}

static void
stack_use(void)
{
	size_t base = measure(&paths[0]);
	size_t worst = 0;
	const char *what = "";

	for (size_t i = 1; i < sizeof paths / sizeof paths[0]; i++) {
		size_t used = measure(&paths[i]);

		used = used > base ? used - base : 0;
		if (getenv("SURVIVE_VERBOSE") != NULL)
			printf("%6zu %s\n", used, paths[i].name);
		if (used > worst) {
			worst = used;
			what = paths[i].name;
		}
	}
	fflush(stdout);
	if (worst > LIMIT)
		survive_fail("%zu KiB: %s", worst / 1024, what);
	survive_pass("%zu KiB at most: %s", worst / 1024, what);
}

static const struct survive_case cases[] = {
	{ "stack-use", stack_use },
};

SURVIVE_MAIN(cases)
