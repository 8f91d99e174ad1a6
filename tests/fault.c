/* fault.c - programs that touch what they must not, one for each name.
 *
 *   fault             print the names: options, the signal it must end by (0:
 *                     none), what the line must say
 *   fault NAME        do it
 *
 * Others, which the scripts name: `core'; and some that ask for more memory than
 * there is, for oom.sh.
 *
 * Runs with any malloc.  tests/fault.sh says which line must come.
 *
 * SPDX-License-Identifier: MIT  */

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "plain.h"

static void *volatile hidden;

static char *
hide(void *p)
{
	hidden = p;
	return hidden;
}

static void
poke(char *p)
{
	*(volatile char *)hide(p) = 1;
}

static int
peek(char *p)
{
	return *(volatile char *)hide(p);
}

static void
null_read(void)
{
	exit(peek((char *)24) == 7);
}

static void
null_write(void)
{
	poke(NULL);
}

static void
past_large(void)
{
	char *p = hide(malloc(100000));

	for (size_t i = 0;; i += 8)
		poke(p + 100000 + i);
}

static void
before_large(void)
{
	char *p = hide(malloc(100000));

	poke(p - 8);
}

static void
past_small(void)
{
	char *p = hide(malloc(1000));

	for (size_t i = 0;; i += 1000)
		poke(p + i);
}

static void
freed_large(void)
{
	char *p = hide(malloc(5000000));

	poke(p);
	free(p);
	p = hidden;
	poke(p + 4000000);
}

static void
reserved(void)
{
	char *p = hide(malloc(1000));

	poke(p + 900 * PLAIN_MIB);
}

static void
foreign(void)
{
	char *p = mmap(NULL, 65536, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1,
	    0);

	poke(p + 5);
}

static void
unmapped(void)
{
	char *p = mmap(NULL, 65536, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1,
	    0);

	munmap(p, 65536);
	poke(p + 5);
}

static int
deeper(volatile char *up)
{
	volatile char here[1000];

	here[0] = up[0];
	here[999] = 1;
	if (here[0] == 0)       /* never */
		return 0;
	return deeper(here) + here[0];
}

static void
stack(void)
{
	char c = 1;

	exit(deeper(&c));
}

static void *
stack_of_thread(void *arg)
{
	char c = 1;

	free(hide(malloc(10)));
	(void)arg;
	return (void *)(intptr_t)deeper(&c);
}

static void
thread_stack(void)
{
	pthread_t t;

	if (pthread_create(&t, NULL, stack_of_thread, NULL) == 0)
		pthread_join(t, NULL);
}

/* Its own handler, which replaces memaix's. */
static sigjmp_buf back;

static void
come_back(int sig)
{
	siglongjmp(back, sig);
}

static void
own_handler(void)
{
	struct sigaction act;

	memset(&act, 0, sizeof act);
	act.sa_handler = come_back;
	sigaction(SIGSEGV, &act, NULL);
	if (sigsetjmp(back, 1) == 0)
		poke(NULL);
	free(hide(malloc(100)));
	puts("handled");
	exit(0);
}

/* A handler that was there first: see fault.sh. */
static void
bus(void)
{
	FILE *f = tmpfile();
	char *p;

	if (f == NULL)
		exit(99);
	p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fileno(f), 0);
	poke(p);
}

/* Nobody's fault: no line. */
static void
sent(void)
{
	raise(SIGSEGV);
}

static void
in_protected(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char *p = hide(aligned_alloc(page, 5 * page));

	mprotect(p + 2 * page, page, PROT_NONE);
	poke(p + 2 * page + 100);
}

static void
protected_small(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char *p = hide(aligned_alloc(page, page));

	mprotect(p, page, PROT_NONE);
	peek(p + 100);
}

/* What may be read there tells more.  */
static void
read_only_small(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char *p = hide(aligned_alloc(page, page));

	mprotect(p, page, PROT_READ);
	poke(p + 100);
}

static void
read_only_freed(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char *p = hide(aligned_alloc(page, page));

	free(p);
	p = hidden;
	mprotect(p, page, PROT_READ);
	poke(p + 100);
}

/* Says whether the kernel wrote a core of a process that died of a fault, where it
 * would be written without us.  */
static void
core(void)
{
	struct rlimit r = { RLIM_INFINITY, RLIM_INFINITY };
	int status = 0;
	pid_t pid;

	(void)setrlimit(RLIMIT_CORE, &r);
	pid = fork();
	if (pid == 0) {
		poke((char *)24);
		_exit(0);
	}
	if (waitpid(pid, &status, 0) != pid || !WIFSIGNALED(status) ||
	    WTERMSIG(status) != SIGSEGV)
		exit(1);
	puts(WCOREDUMP(status) ? "a core" : "no core");
}

/* ---- for oom.sh ---- */

/* Until there is no more; then it must still work. */
static void
eat(void)
{
	void **first = NULL, **p;

	while ((p = malloc(PLAIN_MIB)) != NULL) {
		*p = first;
		first = p;
	}
	while (first != NULL) {
		p = *first;
		free(first);
		first = p;
	}
	puts(malloc(PLAIN_MIB) != NULL ? "works again" : "broken");
}

static void
eat_mappings(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	int prot = PROT_READ;

	while (mmap(NULL, page, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) !=
	    MAP_FAILED)
		prot ^= PROT_WRITE;
	while (malloc(PLAIN_MIB) != NULL)
		continue;
}

static void
ask_too_much(void)
{
	volatile size_t n = SIZE_MAX / 2 + 1;

	if (malloc(n) != NULL)
		exit(1);
}

static const struct {
	const char *name;
	void (*fn)(void);
	const char *options;
	int signal;
	const char *says;
} cases[] = {
	{ "null-read", null_read, "", SIGSEGV, "a null pointer and 24" },
	{ "null-write", null_write, "", SIGSEGV, "a null pointer and 0" },
	{ "past-large", past_large, "secure:true", SIGSEGV,
	    "a guard, [0-9]* bytes past the end of the block of 100000 at" },
	{ "before-large", before_large, "secure:true", SIGSEGV,
	    "a guard, 8 bytes in front of the block of 100000 at" },
	{ "past-small", past_small, "secure:true", SIGSEGV,
	    "a guard, [0-9]* bytes past the end of the last of [0-9]* blocks" },
	{ "freed-large", freed_large, "secure:true", SIGSEGV,
	    "byte 4000000 of the block of 5000000 at .*, which was freed" },
	{ "reserved", reserved, "", SIGSEGV, "reserved and not used" },
	{ "foreign", foreign, "", SIGSEGV,
	    "not memaix's memory; what is mapped there forbids it" },
	{ "unmapped", unmapped, "", SIGSEGV,
	    "not memaix's memory; nothing is there" },
	{ "stack", stack, "", SIGSEGV, "the stack has overflowed" },
	{ "thread-stack", thread_stack, "", SIGSEGV,
	    "the stack has overflowed" },
	{ "own-handler", own_handler, "", 0, "-" },
	{ "bus", bus, "", SIGBUS, "not memaix's memory" },
	{ "sent", sent, "", SIGSEGV, "-" },
	{ "protected", in_protected, "", SIGSEGV,
	    "byte 8292 of the block of 20480 at\\|byte .* of block" },
	{ "protected-small", protected_small, "", SIGSEGV,
	    "byte 100 of block [0-9]* (" },
	{ "read-only-small", read_only_small, "", SIGSEGV,
	    "byte 100 of block [0-9]*, in use (" },
	{ "read-only-freed", read_only_freed, "", SIGSEGV,
	    "byte 100 of block [0-9]*, free (" },
};

static const struct {
	const char *name;
	void (*fn)(void);
} others[] = {
	{ "core", core },
	{ "eat", eat },
	{ "eat-mappings", eat_mappings },
	{ "ask-too-much", ask_too_much },
};

int
main(int argc, char **argv)
{
	for (size_t i = 0; argc > 1 && i < sizeof others /
	    sizeof others[0]; i++) {
		if (strcmp(others[i].name, argv[1]) == 0) {
			others[i].fn();
			return 0;
		}
	}
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		if (argc < 2) {
			printf("%s|%s|%d|%s\n", cases[i].name, cases[i].options,
			    cases[i].signal, cases[i].says);
		} else if (strcmp(cases[i].name, argv[1]) == 0) {
			cases[i].fn();
			puts("survived");
			return 0;
		}
	}
	return argc < 2 ? 0 : 99;
}
