/* sample.c - resident memory over time.
 *
 * Nothing here allocates before sample_write, which comes last.
 *
 * SPDX-License-Identifier: MIT  */

#include "sample.h"
#include "bench.h"

#include <stdio.h>
#include <time.h>

enum {
	SAMPLES = 20000,
	SAMPLE_MS = 4,
	IDLE_STEP_MS = 20,
	STEPS = 512                     /* between looks at the clock */
};

struct sample {
	unsigned ms;
	unsigned kib;
	const char *phase;
};

static struct sample samples[SAMPLES];
static size_t used;
static const char *phase = "run";
static uint64_t origin, last;

void
sample_phase(const char *name)
{
	phase = name;
	sample_now();
}

size_t
sample_now(void)
{
	uint64_t now = bench_wall_ns();
	size_t kib = bench_rss_kib();

	if (origin == 0)
		origin = now;
	last = now;
	if (used < SAMPLES)
		samples[used++] = (struct sample){
			(unsigned)((now - origin) / 1000000), (unsigned)kib,
			phase
		};
	return kib;
}

void
sample_tick(size_t step)
{
	if (step % STEPS == 0 &&
	    bench_wall_ns() - last >= SAMPLE_MS * 1000000u)
		sample_now();
}

size_t
sample_idle(unsigned ms)
{
	const struct timespec step = { 0, IDLE_STEP_MS * 1000000 };
	size_t kib = sample_now();

	phase = "idle";
	for (unsigned slept = 0; slept < ms; slept += IDLE_STEP_MS) {
		nanosleep(&step, NULL);
		kib = sample_now();
	}
	return kib;
}

void
sample_write(const char *path)
{
	FILE *f = fopen(path, "w");

	if (f == NULL)
		bench_die("cannot write the samples");
	for (size_t i = 0; i < used; i++)
		fprintf(f, "%u %u %s\n", samples[i].ms, samples[i].kib,
		    samples[i].phase);
	if (fclose(f) != 0)
		bench_die("cannot write the samples");
}
