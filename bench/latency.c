/* latency.c - how long single calls of malloc and free take.
 *
 *   small   16..1024 bytes, up to 200,000 live blocks
 *   mixed   16..32 KiB, up to 16,000 live blocks; one block in 1,000 is of
 *           up to 4 MiB
 *   cross   as `small', in THREADS threads that swap one block in four, so
 *           that it is freed by a thread that did not allocate it
 *
 * The set fills, random blocks are replaced, half of it is freed, it fills
 * again, and is emptied.  calls_ns is the sum of all calls.  What it takes to
 * read the clock is taken off each.
 *
 * Calls in which the thread lost the processor do not count.  The results are
 * in ns, for malloc (m_) and free (f_): over the calls without a page fault
 * p50 p99 p999 p9999 max, over all calls all999 all9999 allmax.  own_max is
 * the longest call when each of its page faults is taken off at what a fault
 * on fresh memory costs here (fault_ns).  Calls with a fault that took HUGE_NS
 * in a process that has huge pages are not among them (huge: how many): the
 * kernel made one, and cleared all of it.
 *
 * A page fault or a switch can be seen only by asking the kernel, which takes
 * longer than malloc.  So it is asked after each call, and each first use of a
 * block, that took longer than any fault could be short.
 *
 * SPDX-License-Identifier: MIT  */

#include "bench.h"
#include "ticks.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

enum {
	MAX_THREADS = 64,
	SHARED = 1024,
	FAULT_PAGES = 2048,             /* touched to see what a fault costs */
	CLOCK_TURNS = 10000,
	SUSPECT_NS = 200,               /* no fault is shorter */
	SWITCH_NS = 5000,               /* no switch is shorter */
	HUGE_NS = 250000                /* no small page takes so long */
};

/* What the kernel counted for this thread.  */
struct seen {
	long faults, switches;
};

struct meter {
	_Alignas(BENCH_LINE) struct seen seen;
	uint64_t rng;
	uint64_t sum;                   /* ticks */
	struct ticks_tally plain[2];    /* malloc, free: without a fault */
	struct ticks_tally all[2];
	uint64_t own_max[2];
	uint64_t faults[2], switches[2], huge[2]; /* calls with any */
};

enum { MALLOC, FREE };

static struct meter *meters;            /* one per thread */
static void *shared[SHARED];            /* any thread */
static uint64_t suspect, switch_ticks, fault_ticks, clock_ticks, huge_ticks;
static size_t slots, turns;
static bool mixed, cross;

static struct seen
ask(void)
{
	struct rusage use;

#ifdef RUSAGE_THREAD
	if (getrusage(RUSAGE_THREAD, &use) != 0)
#else
	if (getrusage(RUSAGE_SELF, &use) != 0)
#endif
		bench_die("no resource usage");
	return (struct seen){ use.ru_minflt + use.ru_majflt, use.ru_nivcsw };
}

static bool
has_huge(void)
{
	size_t kib;

	return bench_rollup_kib("AnonHugePages", &kib) && kib > 0;
}

static void
note_slow(struct meter *m, int what, uint64_t t)
{
	struct seen now = ask();
	uint64_t faults = (uint64_t)(now.faults - m->seen.faults), own = t;
	bool lost = t >= switch_ticks && now.switches != m->seen.switches;

	bool huge = faults > 0 && t >= huge_ticks && has_huge();

	m->seen = now;
	if (lost) {
		m->switches[what]++;
		return;
	}
	ticks_tally_add(&m->all[what], t);
	if (faults == 0) {
		ticks_tally_add(&m->plain[what], t);
	} else {
		m->faults[what]++;
		own = t > faults * fault_ticks ? t - faults * fault_ticks : 0;
	}
	if (huge)
		m->huge[what]++;
	else if (own > m->own_max[what])
		m->own_max[what] = own;
}

static inline void
note(struct meter *m, int what, uint64_t t)
{
	t = t > clock_ticks ? t - clock_ticks : 0;
	m->sum += t;
	if (t >= suspect) {
		note_slow(m, what, t);
		return;
	}
	ticks_tally_add(&m->all[what], t);
	ticks_tally_add(&m->plain[what], t);
}

static void *
timed_malloc(struct meter *m, size_t n)
{
	uint64_t start = ticks_start();
	void *p = malloc(n);
	uint64_t end = ticks_end();

	note(m, MALLOC, end - start);
	p = bench_check(p);
	start = ticks_start();
	if (n >= 4096)
		bench_touch_pages(p, n);
	else
		bench_touch(p, n);
	if (ticks_end() - start >= suspect)
		m->seen = ask();
	return p;
}

static void
timed_free(struct meter *m, void *p)
{
	uint64_t start;

	p = bench_hide(p);
	start = ticks_start();
	free(p);
	note(m, FREE, ticks_end() - start);
}

static size_t
draw(uint64_t *rng)
{
	if (!mixed)
		return bench_size(rng, 4, 10);
	if (bench_below(rng, 1000) == 0)
		return bench_size(rng, 17, 22);
	return bench_size(rng, 4, 15);
}

static void
fill(struct meter *m, void **slot)
{
	for (size_t i = 0; i < slots; i++)
		if (slot[i] == NULL)
			slot[i] = timed_malloc(m, draw(&m->rng));
}

static void
empty(struct meter *m, void **slot, size_t step)
{
	for (size_t i = 0; i < slots; i += step) {
		timed_free(m, slot[i]);
		slot[i] = NULL;
	}
}

static void
replace(struct meter *m, void **slot)
{
	for (size_t i = 0; i < turns; i++) {
		void **mine = &slot[bench_below(&m->rng, slots)];
		void **other = &shared[bench_below(&m->rng, SHARED)];

		if (cross && i % 4 == 0)
			*mine = __atomic_exchange_n(other, *mine,
			    __ATOMIC_ACQ_REL);
		if (*mine != NULL)
			timed_free(m, *mine);
		*mine = timed_malloc(m, draw(&m->rng));
	}
}

static void
live(void *arg, unsigned id)
{
	struct meter *m = &meters[id];
	void **slot = bench_map(slots * sizeof(*slot));

	(void)arg;
	memset(slot, 0, slots * sizeof(*slot));
	m->rng = bench_seed(id);
	m->seen = ask();
	for (int pass = 0; pass < 2; pass++) {
		fill(m, slot);
		replace(m, slot);
		empty(m, slot, 2);
	}
	fill(m, slot);
	empty(m, slot, 1);
}

/* What two looks at the clock are apart when nothing is between them.  */
static uint64_t
cost_of_clock(void)
{
	static struct ticks_tally tally;

	for (int i = 0; i < CLOCK_TURNS; i++) {
		uint64_t start = ticks_start();

		ticks_tally_add(&tally, ticks_end() - start);
	}
	return ticks_tally_at(&tally, 0.5);
}

/* The median time of the first use of a page.  */
static uint64_t
cost_of_fault(void)
{
	static struct ticks_tally tally;
	unsigned char *p = bench_map((size_t)FAULT_PAGES * 4096);

	for (size_t i = 0; i < FAULT_PAGES; i++) {
		uint64_t start = ticks_start();

		bench_touch(p + i * 4096, 1);
		ticks_tally_add(&tally, ticks_end() - start);
	}
	return ticks_tally_at(&tally, 0.5);
}

static int
print_counts(char *to, size_t room, int what, const struct meter *m, double ns)
{
	static const char *const prefix[] = { "m", "f" };
	const struct ticks_tally *plain = &m->plain[what], *all = &m->all[what];
	const char *x = prefix[what];

	return snprintf(to, room, " %s_p50=%.0f %s_p99=%.0f %s_p999=%.0f "
	    "%s_p9999=%.0f %s_max=%.0f %s_all999=%.0f %s_all9999=%.0f "
	    "%s_allmax=%.0f %s_own_max=%.0f %s_faults=%llu %s_lost=%llu "
	    "%s_huge=%llu",
	    x, ns * (double)ticks_tally_at(plain, 0.5),
	    x, ns * (double)ticks_tally_at(plain, 0.99),
	    x, ns * (double)ticks_tally_at(plain, 0.999),
	    x, ns * (double)ticks_tally_at(plain, 0.9999),
	    x, ns * (double)plain->max,
	    x, ns * (double)ticks_tally_at(all, 0.999),
	    x, ns * (double)ticks_tally_at(all, 0.9999),
	    x, ns * (double)all->max, x, ns * (double)m->own_max[what],
	    x, (unsigned long long)m->faults[what],
	    x, (unsigned long long)m->switches[what],
	    x, (unsigned long long)m->huge[what]);
}

static void
add(struct meter *to, const struct meter *m)
{
	to->sum += m->sum;
	for (int k = MALLOC; k <= FREE; k++) {
		ticks_tally_join(&to->plain[k], &m->plain[k]);
		ticks_tally_join(&to->all[k], &m->all[k]);
		if (m->own_max[k] > to->own_max[k])
			to->own_max[k] = m->own_max[k];
		to->faults[k] += m->faults[k];
		to->switches[k] += m->switches[k];
		to->huge[k] += m->huge[k];
	}
}

int
main(int argc, char **argv)
{
	struct bench b;
	double ns;
	int n;

	bench_open(&b, argc, argv, " small mixed cross ");
	mixed = bench_is(&b, "mixed");
	cross = bench_is(&b, "cross");
	slots = (mixed ? 16000 : 200000) / b.threads;
	turns = bench_scale(&b, mixed ? 300000 : 600000) / b.threads;
	ns = ticks_ns();
	suspect = (uint64_t)(SUSPECT_NS / ns);
	switch_ticks = (uint64_t)(SWITCH_NS / ns);
	huge_ticks = (uint64_t)(HUGE_NS / ns);
	clock_ticks = cost_of_clock();
	fault_ticks = cost_of_fault();
	meters = bench_map(b.threads * sizeof(*meters));
	memset(meters, 0, b.threads * sizeof(*meters));
	memset(shared, 0, sizeof(shared));      /* no faults later */
	bench_start(&b);
	bench_run(b.threads, live, NULL);
	for (unsigned i = 1; i < b.threads; i++)
		add(&meters[0], &meters[i]);
	n = snprintf(b.extra, sizeof(b.extra), " clock_ns=%.0f fault_ns=%.0f "
	    "calls_ns=%.0f", ns * (double)clock_ticks,
	    ns * (double)fault_ticks, ns * (double)meters[0].sum);
	n += print_counts(b.extra + n, sizeof(b.extra) - (size_t)n, MALLOC,
	    &meters[0], ns);
	print_counts(b.extra + n, sizeof(b.extra) - (size_t)n, FREE,
	    &meters[0], ns);
	bench_done(&b, (uint64_t)turns * b.threads);
	return 0;
}
