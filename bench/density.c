/* density.c - resident bytes for each byte asked for, size by size.
 *
 *   sizes   16 bytes to 64 KiB, eight sizes per power of two, and each of them
 *           plus one byte
 *
 * For each size a child allocates 4 MiB and writes to every OS page of it; what
 * has become resident is compared with what was asked for.  So what an
 * allocator needs besides is in it, and what it keeps unused.  FILE gets one
 * line "size ratio" for each.  Extra results, times 1,000: the geometric mean
 * and the worst.
 *
 * SPDX-License-Identifier: MIT  */

#include "bench.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LO = 4, HI = 16, PARTS = 8, MAX_SIZES = (HI - LO) * PARTS * 2 };

struct result {
	size_t size;
	double ratio;
};

static struct result *results;          /* children write to it */
static size_t sizes;
static size_t bytes;

/* Anonymous memory in KiB, counted page by page: what statm says may be off by
 * some hundred KiB.  */
static size_t
anonymous_kib(void)
{
	size_t kib;

	return bench_rollup_kib("Anonymous", &kib) ? kib : bench_rss_kib();
}

static void
measure(struct result *r)
{
	size_t n = bytes / r->size, before, after;
	volatile unsigned char *c;

	anonymous_kib();
	before = anonymous_kib();
	for (size_t i = 0; i < n; i++) {
		c = bench_malloc(r->size);
		for (size_t k = 0; k < r->size; k += 512)
			c[k] = 1;
	}
	after = anonymous_kib();
	r->ratio = (double)(after - before) * (double)BENCH_KIB /
	    (double)(n * r->size);
}

static void
in_child(struct result *r)
{
	int status;
	pid_t child = fork();

	if (child == 0) {
		measure(r);
		_exit(0);
	}
	if (child < 0 || waitpid(child, &status, 0) != child || status != 0)
		bench_die("a child failed");
}

static void
write_results(const char *path)
{
	FILE *f = fopen(path, "w");

	if (f == NULL)
		bench_die("cannot write the results");
	for (size_t i = 0; i < sizes; i++)
		fprintf(f, "%zu %.4f\n", results[i].size, results[i].ratio);
	if (fclose(f) != 0)
		bench_die("cannot write the results");
}

int
main(int argc, char **argv)
{
	struct bench b;
	double logs = 0;
	size_t worst = 0;

	bench_open(&b, argc, argv, " sizes ");
	if (b.threads != 1)
		bench_die("one thread only");
	bytes = bench_scale(&b, 4 * BENCH_MIB);
	results = bench_map_shared(MAX_SIZES * sizeof(*results));
	bench_start(&b);
	for (unsigned e = LO; e < HI; e++)
		for (size_t part = PARTS; part < 2 * PARTS; part++)
			for (size_t more = 0; more < 2; more++)
				results[sizes++].size =
				    (part << e) / PARTS + more;
	for (size_t i = 0; i < sizes; i++) {
		in_child(&results[i]);
		logs += log(results[i].ratio);
		if (results[i].ratio > results[worst].ratio)
			worst = i;
	}
	snprintf(b.extra, sizeof(b.extra),
	    " density=%.0f density_worst=%.0f density_worst_size=%zu",
	    1000 * exp(logs / (double)sizes), 1000 * results[worst].ratio,
	    results[worst].size);
	b.own_file = true;
	if (b.file != NULL)
		write_results(b.file);
	bench_done(&b, sizes);
	return 0;
}
