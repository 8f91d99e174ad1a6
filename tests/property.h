/* property.h - random tests that can be run again.
 *
 * Owns: a seeded generator and assertions that name the seed.  A test calls
 * property_start() and then asks for random numbers; when it fails or dies, the
 * message says which MEMAIX_SEED in the environment repeats it.
 *
 * The assertions cost nothing while they hold, unlike those of Check, and so may
 * stand in hot loops; not in threads.
 *
 * SPDX-License-Identifier: MIT  */

#ifndef PROPERTY_H
#define PROPERTY_H

#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base.h"

/* Under a sanitizer, or without optimizing, fewer steps take as long.  */
#ifdef PROPERTY_SLOW
/* From the compiler's command line: an emulator.  */
#elif defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
# define PROPERTY_SLOW 4
#elif !defined __OPTIMIZE__
# define PROPERTY_SLOW 2
#else
# define PROPERTY_SLOW 1
#endif

static struct property {
	bool running;
	unsigned long long seed;
	uint64_t state;
	unsigned long step;
} property;

static inline const char *
property_note(void)
{
	static char text[80];

	text[0] = '\0';
	if (property.running)
		snprintf(text, sizeof text, " [step %lu; MEMAIX_SEED=%llu]",
		    property.step, property.seed);
	return text;
}

#define expect(x) do { \
	if (!(x)) \
		ck_abort_msg("%s: false%s", #x, property_note()); \
} while (0)

#define expect_eq(a, b) do { \
	unsigned long long a_ = (unsigned long long)(a); \
	unsigned long long b_ = (unsigned long long)(b); \
	if (a_ != b_) \
		ck_abort_msg("%s == %llu, but %s == %llu%s", #a, a_, #b, b_, \
		    property_note()); \
} while (0)

static inline void
property_died(int sig)
{
	const char *text = property_note();

	if (write(STDERR_FILENO, text, strlen(text)) < 0 ||
	    write(STDERR_FILENO, "\n", 1) < 0)
		_exit(1);
	signal(sig, SIG_DFL);
	raise(sig);
}

/* A well-mixed 64-bit number (splitmix64).  */
static inline uint64_t
property_mix(uint64_t z)
{
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

/* Seed from the environment, or a new one for each test and each run.  */
static inline void
property_start(void)
{
	static const int deadly[] = { SIGABRT, SIGSEGV, SIGBUS, SIGFPE };
	const char *text = getenv("MEMAIX_SEED");
	struct timespec t;

	if (text != NULL) {
		property.seed = strtoull(text, NULL, 0);
	} else {
		clock_gettime(CLOCK_REALTIME, &t);
		property.seed = property_mix((uint64_t)t.tv_nsec << 32 ^
		    (uint64_t)t.tv_sec << 16 ^ (uint64_t)getpid()) >> 32;
	}
	property.state = property.seed;
	property.running = true;
	property.step = 0;
	for (size_t i = 0; i < sizeof deadly / sizeof deadly[0]; i++)
		signal(deadly[i], property_died);
}

static inline uint64_t
property_next(void)
{
	property.state += 0x9e3779b97f4a7c15u;
	return property_mix(property.state);
}

/* In [0, N).  */
static inline size_t
property_below(size_t n)
{
	return (size_t)(property_next() % n);
}

static inline bool
property_one_in(size_t n)
{
	return property_below(n) == 0;
}

/* In [0, MAX], each order of magnitude as likely as the next.  */
static inline size_t
property_size(size_t max)
{
	size_t top = (size_t)2 << property_below(mx_log2(max | 1) + 1);

	return mx_min(property_below(top), max);
}

/* N, or fewer where that is slow; never none.  */
#define property_times(n) \
	((n) < PROPERTY_SLOW ? 1 : (n) / PROPERTY_SLOW)

/* for (property_steps(n)) ...: so many steps.  */
#define property_steps(n) \
	property.step = 0; property.step < property_times(n); property.step++

#endif /* PROPERTY_H */
