/* prove_user.c - a replacement for MALLOCTYPE=user: that only says who calls it
 * when.  Part of prove.sh; runs in the rig too.
 *
 * SPDX-License-Identifier: MIT  */

#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

extern char **environ;

static char heap[16 << 20] __attribute__((aligned(16)));
static size_t used;
static unsigned long calls;
static __thread int touched;

static void
say(const char *text)
{
	char line[100];
	size_t n = strlen(text);

	memcpy(line, text, n);
	line[n++] = '\n';
	(void)write(1, line, n);
}

/* Touch thread-local storage, and say whether that calls back: HERE is on the stack of
 * who does it.  */
static int
touch(char *here)
{
	static char *volatile inside;
	char *at = inside;
	int first;

	if (at != NULL && at - here < 65536 && here - at < 65536) {
		say("user.tls=touching it called malloc");
		return 0;
	}
	inside = here;
	first = touched == 0;
	touched = 1;
	inside = NULL;
	return first;
}

/* What the first call finds, and the first of a thread.  */
static void
look(const char *who)
{
	static int looked;
	char here;

	__sync_fetch_and_add(&calls, 1);
	if (!looked) {
		looked = 1;
		say(who);
		say(environ != NULL && *environ != NULL ?
		    "user.environ=readable in the first call" :
		    "user.environ=not readable in the first call");
		(void)touch(&here);
		say("user.tls=touched in the first call");
	} else if (touch(&here)) {
		say("user.tls=touched in a new thread");
	}
}

static void *
take(size_t n, size_t align)
{
	size_t at = __sync_fetch_and_add(&used, n + align + 32);
	uintptr_t p = ((uintptr_t)heap + at + 16 + align - 1) & ~(align - 1);

	if (at + n + align + 32 > sizeof heap)
		return NULL;
	((size_t *)p)[-1] = n;
	return (void *)p;
}

void *
__malloc__(size_t n)
{
	look("user.first=__malloc__");
	return take(n, 16);
}

void
__free__(void *p)
{
	if (p != NULL && ((char *)p < heap || (char *)p >= heap + sizeof heap))
		say("user.free=a block that is not ours");
}

void *
__realloc__(void *p, size_t n)
{
	char *q = take(n, 16);
	size_t old = p == NULL ? 0 : ((size_t *)p)[-1];

	look("user.first=__realloc__");
	if (q != NULL && p != NULL)
		memcpy(q, p, old < n ? old : n);
	return q;
}

void *
__calloc__(size_t count, size_t size)
{
	look("user.first=__calloc__");
	return take(count * size, 16);
}

int
__mallopt__(int what, int value)
{
	(void)what;
	(void)value;
	return 0;
}

struct mallinfo
__mallinfo__(void)
{
	struct mallinfo m;

	memset(&m, 0, sizeof m);
	m.uordblks = calls;
	return m;
}

int
__posix_memalign__(void **out, size_t align, size_t n)
{
	say("user.posix_memalign=called");
	*out = take(n, align < 16 ? 16 : align);
	return *out == NULL ? ENOMEM : 0;
}

void
__malloc_start__(void)
{
	say("user.start=__malloc_start__");
}

/* Is the library of threads usable from inside this call?  */
void
__malloc_init__(void)
{
	pthread_key_t key;
	unsigned long before = calls;

	say(calls == 0 ? "user.init=no call before it" :
	    "user.init=calls came before it");
	if (pthread_key_create(&key, NULL) != 0) {
		say("user.key=refused inside __malloc_init__");
		return;
	}
	say("user.key=made inside __malloc_init__");
	(void)pthread_setspecific(key, heap);
	say(calls == before ? "user.setspecific=called no malloc" :
	    "user.setspecific=called malloc");
}

static pid_t parent;

void
__malloc_prefork_lock__(void)
{
	parent = getpid();
	say("user.prefork=called");
}

void
__malloc_postfork_unlock__(void)
{
	say(getpid() == parent ? "user.postfork=called in the parent" :
	    "user.postfork=called in the child");
}
