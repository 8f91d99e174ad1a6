/* ticks.h - the finest clock there is, and how many times it gave what.
 *
 * Owns: the processor's counter, tallies of durations.  Must not know: what is
 * timed.
 *
 * SPDX-License-Identifier: MIT  */

#ifndef BENCH_TICKS_H
#define BENCH_TICKS_H

#include "bench.h"

#include <stdint.h>

#if defined(__x86_64__)
# include <x86intrin.h>
#endif

/* Durations below TICKS_EXACT have a place of their own; above it, each power
 * of two has TICKS_PARTS places.  */
enum {
	TICKS_EXACT_BITS = 8,
	TICKS_EXACT = 1 << TICKS_EXACT_BITS,
	TICKS_PART_BITS = 6,
	TICKS_PARTS = 1 << TICKS_PART_BITS,
	TICKS_PLACES = TICKS_EXACT + (44 - TICKS_EXACT_BITS) * TICKS_PARTS
};

struct ticks_tally {
	uint64_t sum;                   /* of all counts */
	uint64_t max;
	uint64_t count[TICKS_PLACES];
};

/* The fences keep what is timed between the two.  */
static inline uint64_t
ticks_start(void)
{
#if defined(__x86_64__)
	uint64_t t;

	_mm_lfence();
	t = __rdtsc();
	_mm_lfence();
	return t;
#elif defined(__powerpc64__)
	uint64_t t;

	__asm__ volatile("isync; mftb %0; isync" : "=r"(t) : : "memory");
	return t;
#else
	return bench_wall_ns();
#endif
}

static inline uint64_t
ticks_end(void)
{
#if defined(__x86_64__)
	unsigned processor;
	uint64_t t = __rdtscp(&processor);

	_mm_lfence();
	return t;
#else
	return ticks_start();
#endif
}

/* Nanoseconds in one tick, by the wall clock.  */
double ticks_ns(void);

static inline void
ticks_tally_add(struct ticks_tally *t, uint64_t ticks)
{
	unsigned e, place = (unsigned)ticks;

	if (ticks >= TICKS_EXACT) {
		e = 63u - (unsigned)__builtin_clzll(ticks);
		place = TICKS_EXACT + (e - TICKS_EXACT_BITS) * TICKS_PARTS +
		    (unsigned)(ticks >> (e - TICKS_PART_BITS)) % TICKS_PARTS;
	}
	if (place >= TICKS_PLACES)
		place = TICKS_PLACES - 1;
	t->count[place]++;
	t->sum++;
	if (ticks > t->max)
		t->max = ticks;
}

void ticks_tally_join(struct ticks_tally *to, const struct ticks_tally *from);

/* The duration that PART of all, 0..1, do not exceed.  */
uint64_t ticks_tally_at(const struct ticks_tally *t, double part);

#endif /* BENCH_TICKS_H */
