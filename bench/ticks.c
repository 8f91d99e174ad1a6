/* ticks.c - how long a tick is; sums over tallies.
 *
 * SPDX-License-Identifier: MIT  */

#include "bench.h"
#include "ticks.h"

enum { CALIBRATE_NS = 20000000 };

double
ticks_ns(void)
{
	uint64_t wall = bench_wall_ns(), start = ticks_start(), now;

	do {
		now = bench_wall_ns();
	} while (now - wall < CALIBRATE_NS);
	return (double)(now - wall) / (double)(ticks_end() - start);
}

void
ticks_tally_join(struct ticks_tally *to, const struct ticks_tally *from)
{
	for (unsigned i = 0; i < TICKS_PLACES; i++)
		to->count[i] += from->count[i];
	to->sum += from->sum;
	if (from->max > to->max)
		to->max = from->max;
}

/* The longest duration that is counted in PLACE.  */
static uint64_t
upper(unsigned place)
{
	unsigned e, part;

	if (place < TICKS_EXACT)
		return place;
	e = (place - TICKS_EXACT) / TICKS_PARTS + TICKS_EXACT_BITS;
	part = (place - TICKS_EXACT) % TICKS_PARTS;
	return ((uint64_t)(TICKS_PARTS + part + 1) << (e - TICKS_PART_BITS)) -
	    1;
}

uint64_t
ticks_tally_at(const struct ticks_tally *t, double part)
{
	uint64_t rank = (uint64_t)((double)t->sum * part), seen = 0;

	for (unsigned i = 0; i < TICKS_PLACES; i++) {
		seen += t->count[i];
		if (seen > rank)
			return upper(i) < t->max ? upper(i) : t->max;
	}
	return t->max;
}
