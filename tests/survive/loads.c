/* loads.c - libraries that come and go, and pointers that are not the library's.
 *
 * SURVIVE_PLUGINS is the folder of plugin.so (plugin.c), SURVIVE_LIBRARY the
 * library to be brought in by dlopen.
 *
 * SPDX-License-Identifier: MIT  */

#include "survive.h"

#include <dlfcn.h>
#include <malloc.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <ucontext.h>

static void *
open_plugin(int mode)
{
	const char *folder = getenv("SURVIVE_PLUGINS");
	char path[1000];
	void *handle;

	if (folder == NULL)
		survive_skip("no SURVIVE_PLUGINS");
	snprintf(path, sizeof path, "%s/plugin.so", folder);
	handle = dlopen(path, mode);
	if (handle == NULL)
		survive_end(99, "dlopen: %s", dlerror());
	return handle;
}

static void *
symbol(void *handle, const char *name)
{
	void *v = dlsym(handle, name);

	if (v == NULL)
		survive_end(99, "no symbol %s", name);
	return v;
}

typedef void *allocator(size_t);
typedef void *reallocator(void *, size_t);
typedef void releaser(void *);

/* ---- libraries in loops ---- */

static void
load_often(unsigned most)
{
	for (unsigned i = 0; i < most; i++) {
		void *handle = open_plugin(i % 2 ? RTLD_NOW : RTLD_LAZY);
		allocator *take = (allocator *)symbol(handle, "plugin_take");
		char *p = take(100 + i);

		/* The block outlives the library that it came from.  */
		if (dlclose(handle) != 0)
			survive_fail("dlclose");
		if (p == NULL || p[0] != 'p' || p[99 + i] != 'p')
			survive_fail("a block changed");
		free(p);
	}
}

static void
dlopen_loop(void)
{
	size_t before;

	load_often(100);
	before = plain_rss();
	load_often(survive_is_long() ? 20000 : 500);
	if (plain_rss() > before + 4 * PLAIN_MIB)
		survive_fail("grew by %zu KiB", (plain_rss() - before) / 1024);
}

static void *
load_in_thread(void *arg)
{
	load_often(100);
	return arg;
}

static void
dlopen_threads(void)
{
	pthread_t t[SURVIVE_THREADS], loader[3];

	survive_start_threads(t);
	for (int i = 0; i < 3; i++)
		if (pthread_create(&loader[i], NULL, load_in_thread, NULL) != 0)
			survive_end(99, "no thread");
	for (int i = 0; i < 3; i++)
		pthread_join(loader[i], NULL);
	survive_stop_threads(t);
}

/* ---- the library itself ---- */

static allocator *its_malloc;
static reallocator *its_realloc;
static releaser *its_free;

static void *
use_its(void *arg)
{
	char *p[300];

	for (int round = 0; round < 10; round++) {
		for (size_t i = 0; i < 300; i++) {
			p[i] = its_malloc(i * 37 + 1);
			plain_mark(p[i], i * 37 + 1, i);
		}
		for (size_t i = 0; i < 300; i++) {
			p[i] = its_realloc(p[i], i * 80 + 1);
			if (!plain_is_marked(p[i], i * 37 + 1, i * 37 + 1, i))
				survive_fail("a block changed");
			its_free(p[i]);
		}
	}
	return arg;
}

/* Not preloaded but loaded in the middle, and closed again.  */
static void
library_by_dlopen(void)
{
	const char *library = getenv("SURVIVE_LIBRARY");
	void *handle, *kept = NULL;
	pthread_t t[4];

	if (library == NULL || *library == '\0')
		survive_skip("no SURVIVE_LIBRARY");
	for (int i = 0; i < 20; i++) {
		handle = dlopen(library, RTLD_NOW | (i % 2 ? RTLD_GLOBAL :
		    RTLD_LOCAL));
		if (handle == NULL)
			survive_fail("%s", dlerror());
		its_malloc = (allocator *)symbol(handle, "malloc");
		its_realloc = (reallocator *)symbol(handle, "realloc");
		its_free = (releaser *)symbol(handle, "free");
		for (int k = 0; k < 4; k++)
			pthread_create(&t[k], NULL, use_its, NULL);
		(void)use_its(NULL);
		for (int k = 0; k < 4; k++)
			pthread_join(t[k], NULL);
		its_free(kept);
		kept = its_malloc(1000);
		/* libc's, given to the wrong free.  */
		its_free(strdup("from the program's malloc"));
		dlclose(handle);
		free(malloc(5000));
	}
}

/* So many thread locals that no room is left for the library's.  */
static void
no_static_tls(void)
{
	const char *library = getenv("SURVIVE_LIBRARY");
	const char *folder = getenv("SURVIVE_PLUGINS");
	char path[1000];
	void *handle;

	if (library == NULL || *library == '\0' || folder == NULL)
		survive_skip("no SURVIVE_LIBRARY");
	for (int i = 0; i < 64; i++) {
		snprintf(path, sizeof path, "%s/tls%d.so", folder, i);
		if (dlopen(path, RTLD_NOW) == NULL)
			break;
	}
	handle = dlopen(library, RTLD_NOW);
	if (handle == NULL) {
		if (strstr(dlerror(), "static TLS") == NULL)
			survive_fail("%s", dlerror());
		survive_pass("refused by the dynamic linker");
	}
	its_malloc = (allocator *)symbol(handle, "malloc");
	its_realloc = (reallocator *)symbol(handle, "realloc");
	its_free = (releaser *)symbol(handle, "free");
	(void)use_its(NULL);
}

/* ---- foreign pointers ---- */

static void
use_foreign(allocator *take)
{
	for (size_t n = 1; n < 3000000; n *= 3) {
		char *p = take(n);
		char *q = take(n);

		if (p == NULL || q == NULL)
			survive_fail("no memory");
		memset(p, 'f', n);
		if (malloc_usable_size(p) < n)
			survive_fail("malloc_usable_size %zu of %zu",
			    malloc_usable_size(p), n);
		p = realloc(p, n * 2);
		if (p == NULL || p[0] != 'f' || p[n - 1] != 'f')
			survive_fail("realloc lost bytes");
		free(p);
		free(q);
	}
}

extern void *__libc_malloc(size_t n);

static void
from_libc(void)
{
	use_foreign(__libc_malloc);
}

/* A library that finds libc's malloc before any preloaded one.  */
static void
deepbind(void)
{
	void *handle = open_plugin(RTLD_NOW | RTLD_DEEPBIND);

	use_foreign((allocator *)symbol(handle, "plugin_take"));
	dlclose(handle);
}

static void *
foreign_in_thread(void *arg)
{
	use_foreign(__libc_malloc);
	return arg;
}

static void
foreign_threads(void)
{
	pthread_t t[4];

	/* libc's malloc must have had its first call before threads begin.  */
	free(__libc_malloc(1));
	for (int i = 0; i < 4; i++)
		if (pthread_create(&t[i], NULL, foreign_in_thread, NULL) != 0)
			survive_end(99, "no thread");
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
}

/* ---- before the constructor of the library ---- */

/* WHAT early.c does, in a new process image.  */
static void
run_early(const char *what)
{
	const char *folder = getenv("SURVIVE_PLUGINS");
	const char *preloaded = getenv("LD_PRELOAD");
	char text[2000];

	if (folder == NULL)
		survive_skip("no SURVIVE_PLUGINS");
	snprintf(text, sizeof text, "%s:%s/early.so",
	    preloaded == NULL ? "" : preloaded, folder);
	setenv("LD_PRELOAD", text, 1);
	setenv("SURVIVE_EARLY", what, 1);
	snprintf(text, sizeof text, "%d", survive_why);
	setenv("SURVIVE_WHY", text, 1);
	execl("/proc/self/exe", "loads", (char *)NULL);
	survive_fail("exec: errno %d", errno);
}

static void
early_threads(void)
{
	run_early("threads");
}

static void
early_forks(void)
{
	run_early("forks");
}

static void
early_foreign(void)
{
	run_early("foreign");
}

/* Other stacks than the thread's, above which anything may lie: pages of libc's on
 * both sides.  */
static void *others[40];

static void
free_others(void)
{
	for (int i = 0; i < 40; i++) {
		free(others[i]);
		others[i] = NULL;
	}
}

static char *
get_others(size_t stack)
{
	char *v = NULL;

	for (int i = 0; i < 40; i++) {
		others[i] = __libc_malloc(i % 2 ? 200000 : 100);
		if (i == 20)
			v = mmap(NULL, stack, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	}
	if (v == MAP_FAILED)
		survive_end(99, "no memory");
	return v;
}

static ucontext_t outer, inner;

static void
free_in_coroutine(char *stack, size_t n)
{
	getcontext(&inner);
	inner.uc_stack.ss_sp = stack;
	inner.uc_stack.ss_size = n;
	inner.uc_link = &outer;
	makecontext(&inner, free_others, 0);
	swapcontext(&outer, &inner);
	if (others[0] != NULL)
		survive_fail("the coroutine did not run");
}

static void *
coroutines_in_thread(void *arg)
{
	static char in_bss[65536];

	free_in_coroutine(get_others(1 << 20), 1 << 20);
	(void)get_others(4096);
	free_in_coroutine(in_bss, sizeof in_bss);
	return arg;
}

static void
foreign_coroutine(void)
{
	pthread_t t;

	(void)coroutines_in_thread(NULL);
	if (pthread_create(&t, NULL, coroutines_in_thread, NULL) != 0)
		survive_end(99, "no thread");
	pthread_join(t, NULL);
}

static void
free_in_handler(int sig)
{
	(void)sig;
	free_others();
}

static void
foreign_signal_stack(void)
{
	struct sigaction action = { .sa_handler = free_in_handler,
		.sa_flags = SA_ONSTACK };
	stack_t stack = { .ss_size = 1 << 20 };

	stack.ss_sp = get_others(stack.ss_size);
	if (sigaltstack(&stack, NULL) != 0)
		survive_end(99, "no signal stack");
	sigaction(SIGUSR1, &action, NULL);
	raise(SIGUSR1);
	if (others[0] != NULL)
		survive_fail("the handler did not run");
}

/* In the child the forking thread is the first one, on the stack it had.  */
static void *
fork_in_thread(void *arg)
{
	pid_t pid = fork();

	if (pid == 0) {
		free_others();
		_exit(0);
	}
	survive_child_ends(pid, "child");
	return arg;
}

static void
foreign_fork_in_thread(void)
{
	pthread_t t;

	(void)get_others(4096);
	if (pthread_create(&t, NULL, fork_in_thread, NULL) != 0)
		survive_end(99, "no thread");
	pthread_join(t, NULL);
}

/* ---- what belongs to the program stays the program's ---- */

/* SURVIVE_FDS: descriptors of the program that started this one.  */
static int
is_inherited(int fd)
{
	const char *list = getenv("SURVIVE_FDS");
	char word[16];

	snprintf(word, sizeof word, " %d ", fd);
	return list != NULL && strstr(list, word) != NULL;
}

static void
takes_nothing(void)
{
	pthread_key_t key;
	struct sigaction action;
	char now[8192], then[8192];
	size_t used = 0;
	ssize_t n;
	int keys = 0;
	int fd;

	while (pthread_key_create(&key, NULL) == 0)
		keys++;
	if (keys < 1024)
		survive_fail("%d of 1024 keys are left", keys);
	for (fd = 3; fd < 1000; fd++)
		if (fd != survive_why && fcntl(fd, F_GETFD) >= 0 &&
		    !is_inherited(fd))
			survive_fail("descriptor %d is open", fd);
	for (int i = 1; i < NSIG; i++)
		if (sigaction(i, NULL, &action) == 0 &&
		    action.sa_handler != SIG_DFL &&
		    action.sa_handler != SIG_IGN)
			survive_fail("signal %d has a handler", i);
	if (prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0) != 0)
		survive_fail("huge pages are off in this process");
	/* The environment that the kernel passed, and libc's.  */
	fd = open("/proc/self/environ", O_RDONLY);
	n = read(fd, then, sizeof then);
	if (n == (ssize_t)sizeof then)
		survive_skip("a large environment");
	for (char **e = environ; *e != NULL; e++) {
		memcpy(now + used, *e, strlen(*e) + 1);
		used += strlen(*e) + 1;
	}
	if (used != (size_t)n || memcmp(now, then, used) != 0)
		survive_fail("the environment changed");
}

static const struct survive_case cases[] = {
	{ "dlopen-loop", dlopen_loop },
	{ "dlopen-threads", dlopen_threads },
	{ "library-by-dlopen", library_by_dlopen },
	{ "no-static-tls", no_static_tls },
	{ "foreign-libc", from_libc },
	{ "foreign-deepbind", deepbind },
	{ "foreign-threads", foreign_threads },
	{ "early-threads", early_threads },
	{ "early-forks", early_forks },
	{ "early-foreign", early_foreign },
	{ "foreign-coroutine", foreign_coroutine },
	{ "foreign-signal-stack", foreign_signal_stack },
	{ "foreign-fork-in-thread", foreign_fork_in_thread },
	{ "takes-nothing", takes_nothing },
};

SURVIVE_MAIN(cases)
