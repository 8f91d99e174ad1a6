/* thread_churn.c - does memory grow with the number of threads there have been?
 *
 *   thread_churn [THREADS [AT_ONCE]]
 *
 * THREADS threads (10,000), AT_ONCE (1) of them alive together.  Each allocates
 * 1 MiB in small blocks and frees it.  Fails when more than 32 MiB, and 2 MiB
 * for each further one alive, are in memory at the end.  Runs with any malloc.
 *
 * SPDX-License-Identifier: MIT  */

#include <pthread.h>

#include "plain.h"

enum { MOST_AT_ONCE = 64 };

struct link {
	struct link *next;
};

static uint64_t seed;

/* NULL when there was no memory.  */
static void *
allocate(void *arg)
{
	uint64_t state = seed + (uint64_t)(uintptr_t)arg;
	struct link *list = NULL;
	size_t total = 0;

	while (total < PLAIN_MIB) {
		size_t n = plain_below(&state, 500) + sizeof(struct link);
		struct link *l = malloc(n);

		if (l == NULL)
			return NULL;
		memset(l, 1, n);
		l->next = list;
		list = l;
		total += n;
	}
	while (list != NULL) {
		struct link *next = list->next;

		free(list);
		list = next;
	}
	return arg;
}

int
main(int argc, char **argv)
{
	unsigned long threads = argc > 1 ? strtoul(argv[1], NULL, 10) : 10000;
	unsigned long n = argc > 2 ? strtoul(argv[2], NULL, 10) : 1;
	size_t before, after, limit;
	pthread_t t[MOST_AT_ONCE];

	if (n < 1 || n > MOST_AT_ONCE)
		n = 1;
	seed = plain_seed("thread_churn");
	before = plain_rss();
	for (unsigned long done = 0; done < threads; done += n) {
		for (unsigned long i = 0; i < n; i++)
			if (pthread_create(&t[i], NULL, allocate,
			    (void *)(done + i + 1)) != 0)
				return 99;
		for (unsigned long i = 0; i < n; i++) {
			void *answer;

			pthread_join(t[i], &answer);
			if (answer == NULL)
				return 99;
		}
	}
	after = plain_rss();
	limit = 32 * PLAIN_MIB + (n - 1) * 2 * PLAIN_MIB;
	printf("%s thread_churn: threads=%lu at_once=%lu rss_kib=%zu "
	    "before_kib=%zu\n", after > limit ? "FAIL" : "ok", threads, n,
	    after / PLAIN_KIB, before / PLAIN_KIB);
	return after > limit ? EXIT_FAILURE : EXIT_SUCCESS;
}
