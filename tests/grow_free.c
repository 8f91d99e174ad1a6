/* grow_free.c - does memory go back when everything is freed?
 *
 *   grow_free [MIB [ORDER]]
 *
 * Grows MIB (1024) of small objects, frees them all in ORDER (`forward',
 * `random', `backward'; default: one after the other) and looks at the process
 * at once.  Fails when 64 MiB or more are in memory then.  Runs with any
 * malloc.
 *
 * SPDX-License-Identifier: MIT  */

#include <sys/mman.h>

#include "plain.h"

enum { MEAN = 128 };

/* The pointers lie outside of the heap, and are gone when it is measured.  */
static void **pointers;
static size_t most;

static size_t
grow(size_t bytes, uint64_t *state)
{
	size_t i = 0;

	for (size_t total = 0; total < bytes && i < most; i++) {
		size_t n = plain_below(state, 2 * MEAN) + 1;

		pointers[i] = malloc(n);
		if (pointers[i] == NULL)
			exit(99);
		memset(pointers[i], 1, n);
		total += n;
	}
	return i;
}

static void
swap(size_t i, size_t j)
{
	void *p = pointers[i];

	pointers[i] = pointers[j];
	pointers[j] = p;
}

static void
arrange(const char *order, size_t n, uint64_t *state)
{
	if (strcmp(order, "random") == 0)
		for (size_t i = n; i > 1; i--)
			swap(i - 1, plain_below(state, i));
	if (strcmp(order, "backward") == 0)
		for (size_t i = 0; i < n / 2; i++)
			swap(i, n - 1 - i);
}

static int
run(const char *order, size_t bytes, uint64_t *state)
{
	size_t n, peak, after;
	int bad;

	/* Twice the expected number: the sizes are random.  */
	most = bytes / MEAN * 2 + 1000;
	pointers = mmap(NULL, most * sizeof *pointers, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (pointers == MAP_FAILED)
		exit(99);
	n = grow(bytes, state);
	peak = plain_rss();
	arrange(order, n, state);
	for (size_t i = 0; i < n; i++)
		free(pointers[i]);
	munmap(pointers, most * sizeof *pointers);
	after = plain_rss();
	bad = after >= 64 * PLAIN_MIB || peak < bytes;
	printf("%s grow_free: order=%s objects=%zu peak_kib=%zu rss_kib=%zu\n",
	    bad ? "FAIL" : "ok", order, n, peak / PLAIN_KIB,
	    after / PLAIN_KIB);
	fflush(stdout);
	return bad;
}

int
main(int argc, char **argv)
{
	static const char *const orders[] = {
		"forward", "random", "backward"
	};
	size_t mib = argc > 1 ? strtoul(argv[1], NULL, 10) : 1024;
	uint64_t state = plain_seed("grow_free");
	int bad = 0;

	if (mib < 1)
		mib = 1;
	for (size_t i = 0; i < sizeof orders / sizeof orders[0]; i++)
		if (argc <= 2 || strcmp(argv[2], orders[i]) == 0)
			bad |= run(orders[i], mib * PLAIN_MIB, &state);
	return bad ? EXIT_FAILURE : EXIT_SUCCESS;
}
