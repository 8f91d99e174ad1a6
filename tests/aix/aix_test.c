/* aix_test.c - what only AIX has: its names, libc's own blocks, and a kernel that
 * may keep what it is given back.  An XCOFF program, run in the rig.
 *
 * Arguments say what to expect: `kept': the kernel takes nothing back; `user':
 * under MALLOCTYPE, where no plain name is ours; `alone': without libpthreads;
 * `unknown': getprocs64 does not know this process.
 *
 * SPDX-License-Identifier: MIT  */

#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "plain.h"

/* Each name by itself, whatever <stdlib.h> makes of it.  */
#undef malloc
#undef calloc

#define BIG (48 * PLAIN_MIB)

#pragma weak memaix_usage_read
#pragma weak __linux_malloc
#pragma weak __linux_calloc
#pragma weak __linux_realloc
int memaix_usage_read(size_t *, size_t);
void *vec_malloc(size_t);
void *vec_calloc(size_t, size_t);
void *__linux_malloc(size_t);
void *__linux_calloc(size_t, size_t);
void *__linux_realloc(void *, size_t);

static bool kept, user, unknown;
static unsigned failures;

#define CHECK(x) do { \
	if (!(x)) { \
		printf("FAIL %s:%d: %s\n", __FILE__, __LINE__, #x); \
		failures++; \
	} \
} while (0)

/* Through these, so that no compiler knows what is called.  */
static void *(*volatile p_malloc)(size_t) = malloc;
static void *(*volatile p_calloc)(size_t, size_t) = calloc;
static void *(*volatile p_realloc)(void *, size_t) = realloc;
static void (*volatile p_free)(void *) = free;
static void *(*volatile p_linux_calloc)(size_t, size_t) = __linux_calloc;
static void *(*volatile p_linux_realloc)(void *, size_t) = __linux_realloc;
static void *(*volatile p_linux_malloc)(size_t) = __linux_malloc;
static int (*volatile p_usage)(size_t *, size_t) = memaix_usage_read;
static void *(*volatile p_vec_malloc)(size_t) = vec_malloc;
static void *(*volatile p_vec_calloc)(size_t, size_t) = vec_calloc;

static void
test_nothing(void)
{
	void *p = (void *)1;

	CHECK(p_malloc(0) == NULL);
	CHECK(p_calloc(0, 5) == NULL && p_calloc(5, 0) == NULL);
	errno = 0;
	CHECK(p_realloc(p_malloc(10), 0) == NULL);
	CHECK(errno == EINVAL);
	CHECK(posix_memalign(&p, 64, 0) == 0 && p == NULL);
	p_free(NULL);
	errno = 0;
	CHECK(p_malloc((size_t)1 << 62) == NULL && errno == ENOMEM);
	CHECK(mallopt(1, 1) == 0);
	CHECK(mallopt(M_MALIGN, 16) == 0 && mallopt(M_MALIGN, 8) == 0);
	CHECK(mallopt(M_MALIGN, 64) == 1 && mallopt(M_MALIGN, 12) == 1);
}

static void
test_names(void)
{
	char *p = p_vec_malloc(24);

	CHECK(p != NULL && ((uintptr_t)p & 15) == 0);
	p_free(p);
	p = p_vec_calloc(3, 1000);
	CHECK(plain_zeros(p, 3000) == 3000);
	p_free(p);
	CHECK(p_vec_malloc(0) == NULL && p_vec_calloc(0, 3) == NULL);
	if (user)
		return;
	CHECK(p_linux_malloc != NULL);
	p = p_linux_malloc(0);
	CHECK(p != NULL);
	p_free(p);
	p = p_linux_calloc(0, 8);
	CHECK(p != NULL);
	p = p_linux_realloc(p, 100);
	CHECK(p != NULL);
	p_free(p);
}

/* libc calls its own malloc when memaix is preloaded.  */
static void
test_foreign(void)
{
	char *p = strdup("made by libc");
	char *q;

	CHECK(strcmp(p, "made by libc") == 0);
	p_free(p);
	p = strdup("made by libc, grown by us");
	q = p_realloc(p, 5000);
	CHECK(q != NULL && strcmp(q, "made by libc, grown by us") == 0);
	p_free(q);
	errno = 1234;
	p_free(strdup("keeps errno"));
	CHECK(errno == 1234);
	/* valloc has no hook under MALLOCTYPE.  */
	p = valloc(100);
	CHECK(p != NULL && ((uintptr_t)p & 4095) == 0);
	memset(p, 7, 100);
	p_free(p);
}

/* What was given back is zero or is cleared; what is kept is counted as kept.  */
static void
test_release(void)
{
	size_t before, full, after;
	char *p = p_malloc(BIG);
	struct mallinfo m;

	before = plain_rss();
	memset(p, 0xa5, BIG);
	full = plain_rss();
	CHECK(full >= before + BIG / 2);
	m = mallinfo();
	CHECK(m.uordblks >= BIG);
	p_free(p);
	after = plain_rss();
	CHECK(kept ? after + BIG / 4 >= full : after + BIG / 2 <= full);
	m = mallinfo();
	CHECK(kept ? m.arena >= BIG : m.arena < BIG);
	for (int i = 0; i < 3; i++) {
		/* A run of which one page is left is cleared anyway.  */
		if (i == 1)
			(void)mallopt(M_DISCLAIM, 0);
		p = p_calloc(1, BIG - (size_t)i * 4096);
		CHECK(plain_zeros(p, BIG - (size_t)i * 4096) ==
		    BIG - (size_t)i * 4096);
		memset(p, 0x5a, BIG - (size_t)i * 4096);
		p_free(p);
	}
	/* Memory that was kept is used again, not added to.  */
	CHECK(plain_rss() <= full + BIG / 4);
}

/* What is free and still in memory goes back on demand.  */
static void
test_disclaim(void)
{
	void *p[64];
	struct mallinfo m;
	struct mallinfo_heap h;

	for (int i = 0; i < 64; i++) {
		p[i] = p_malloc(60000);
		memset(p[i], 1, 60000);
	}
	h = mallinfo_heap(0);
	CHECK(user || (h.netalloc >= sizeof p / sizeof p[0] * 60000 &&
	    h.acquired >= h.netalloc && h.blks_alloc > 0));
	for (int i = 0; i < 64; i++)
		p_free(p[i]);
	CHECK(mallopt(M_DISCLAIM, 0) == 0);
	m = mallinfo();
	CHECK(kept || plain_rss() < m.uordblks + PLAIN_MIB);
	h = mallinfo_heap(1);
	CHECK(h.acquired == 0 && h.netalloc == 0 && h.bytes_free == 0);
}

static void
test_usage(void)
{
	size_t u[7];
	int e;

	if (user)
		return;
	errno = EINVAL;
	e = p_usage(u, sizeof u);
	CHECK(unknown ? e == ESRCH : e == 0 && u[0] > 0 && u[2] > 0);
}

/* Nothing is asked of the kernel that it does not have.  */
static void
test_calls(void)
{
	CHECK(rig_count("madvise") == 0);
	CHECK(rig_count("fixed") <= 3);         /* one for each probe */
	CHECK(rig_count("mmap") > 0);
}

static void *
many(void *arg)
{
	void *p[200];

	for (int round = 0; round < 20; round++) {
		for (size_t i = 0; i < 200; i++) {
			p[i] = p_malloc(i * 17 + 1);
			if (p[i] == NULL)
				return arg;
			memset(p[i], (int)i, i * 17 + 1);
		}
		for (size_t i = 0; i < 200; i++)
			if (((unsigned char *)p[i])[i * 17] != (unsigned char)i)
				return arg;
		for (size_t i = 0; i < 200; i++)
			p_free(p[i]);
	}
	return NULL;
}

static void
test_threads(void)
{
	pthread_t t[8];
	void *answer;

	for (int i = 0; i < 8; i++)
		CHECK(pthread_create(&t[i], NULL, many, t) == 0);
	for (int i = 0; i < 8; i++) {
		pthread_join(t[i], &answer);
		CHECK(answer == NULL);
	}
}

/* The program's own keys are behind memaix's; what they hold is not memaix's. */
static void
test_keys(void)
{
	static char mine[65536];
	pthread_key_t key[2];
	void *p;

	memset(mine, 0x5a, sizeof mine);
	for (int i = 0; i < 2; i++)
		CHECK(pthread_key_create(&key[i], NULL) == 0 &&
		    pthread_setspecific(key[i], mine) == 0);
	p = malloc(100);
	CHECK(p != NULL);
	free(p);
	for (size_t i = 0; i < sizeof mine; i++)
		failures += mine[i] != 0x5a;
	for (int i = 0; i < 2; i++)
		CHECK(pthread_getspecific(key[i]) == mine);
}

int
main(int argc, char **argv)
{
	bool alone = false;

	for (int i = 1; i < argc; i++) {
		kept |= strcmp(argv[i], "kept") == 0;
		user |= strcmp(argv[i], "user") == 0;
		alone |= strcmp(argv[i], "alone") == 0;
		unknown |= strcmp(argv[i], "unknown") == 0;
	}
	test_nothing();
	test_names();
	test_foreign();
	test_release();
	test_disclaim();
	test_usage();
	if (!alone) {
		test_keys();
		test_threads();
	}
	test_foreign();
	test_calls();
	printf("aix_test: %u failures\n", failures);
	return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
