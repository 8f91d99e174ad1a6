/* runs.c - bins, neighbours and the dirty queue.  See runs.h.
 *
 * The last page's record of a run of two pages or more says FREE_END and the
 * length, so that the run after it finds its head: boundary tags, out of band.
 *
 * SPDX-License-Identifier: MIT  */

#include "runs.h"

/* Bins for 1..32 pages exactly, then four per power of two.  */
#define EXACT           32
#define EXACT_SHIFT     5
#define BINS            (EXACT + 4 * (MX_ADDRESS_BITS - MX_PAGE_SHIFT))
#define WORDS           ((BINS + 63) / 64)

/* Runs looked at in a bin that holds several lengths, before a longer one is
 * cut.  */
#define LOOKS           16

/* Runs without a dirty page, and the others.  The others are looked at first:
 * taking a clean run while a dirty one would do means page faults now and pages
 * given back soon (blocks of 32 KiB to 4 MiB at random: 5 times slower).  */
static struct set {
	struct mx_span_queue bins[BINS];
	uint64_t filled[WORDS];
} sets[2];

/* Runs with dirty pages by age.  One queue in order would do, but what joins is
 * older than what was freed last, and to look for its place among 20,000 runs took
 * 20 us a free.  So there is a queue for each slice of time, and one for all that is
 * older than the slices; in each a run looks for its place WALK steps far.  */
#define SLICE           128             /* milliseconds, a power of two */
#define SLICES          16
#define WALK            8

static struct ages {
	struct mx_span *oldest;
	struct mx_span *newest;
} slices[SLICES], ancient;

/* A bit for each slice with a run.  (A look at all of them was 3 % of a short thread's
 * instructions.)  */
static uint32_t filled_slices;

/* Where the first slice begins; a multiple of SLICE.  Times wrap around.  */
static uint32_t horizon;

static unsigned
bin_of(size_t pages)
{
	unsigned l;

	if (pages <= EXACT)
		return (unsigned)pages - 1;
	l = mx_log2(pages);
	return EXACT + 4 * (l - EXACT_SHIFT) + (unsigned)(pages >> (l - 2) & 3);
}

static struct set *
set_of(const struct mx_span *s)
{
	return &sets[s->dirty > 0];
}

/* First non-empty bin from B on; BINS if none.  */
static unsigned
next_filled(const uint64_t *filled, unsigned b)
{
	uint64_t w;

	if (b >= BINS)
		return BINS;
	w = filled[b / 64] & ~(uint64_t)0 << b % 64;
	for (unsigned i = b / 64;;) {
		if (w != 0)
			return i * 64 + (unsigned)__builtin_ctzll(w);
		if (++i == WORDS)
			return BINS;
		w = filled[i];
	}
}

/* Was what became free at A free before what did at B?  */
static bool
is_before(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) < 0;
}

static struct ages *
ages_of(uint32_t stamp)
{
	return is_before(stamp, horizon) ? &ancient :
	    &slices[stamp / SLICE % SLICES];
}

/* The queue that S is in.  An end of `ancient' is known by itself, since in 25 days
 * its stamp may have come to look young; what lies between needs no queue.  */
static struct ages *
queue_of(const struct mx_span *s)
{
	return s == ancient.oldest || s == ancient.newest ? &ancient :
	    ages_of(s->stamp);
}

/* AGES has become empty, or no longer is.  */
static void
note_filled(const struct ages *ages)
{
	uint32_t bit;

	if (ages == &ancient)
		return;
	bit = (uint32_t)1 << (ages - slices);
	if (ages->oldest != NULL)
		filled_slices |= bit;
	else
		filled_slices &= ~bit;
}

/* All runs of AGES become ancient.  */
static void
make_ancient(struct ages *ages)
{
	if (ages->oldest == NULL)
		return;
	ages->oldest->older = ancient.newest;
	if (ancient.newest != NULL)
		ancient.newest->newer = ages->oldest;
	else
		ancient.oldest = ages->oldest;
	ancient.newest = ages->newest;
	*ages = (struct ages){ NULL, NULL };
	note_filled(ages);
}

/* The run that is first to go; NULL: none is dirty.  */
static struct mx_span *
find_oldest(void)
{
	uint32_t first = horizon / SLICE % SLICES;
	uint32_t from_first = filled_slices >> first |
	    filled_slices << (SLICES - first);

	if (ancient.oldest != NULL)
		return ancient.oldest;
	return from_first == 0 ? NULL : slices[(first +
	    (unsigned)__builtin_ctz(from_first)) % SLICES].oldest;
}

/* Let the slices reach up to NOW.  When nothing is queued they begin there, whatever
 * the clock said before: it may be half way round when the first run comes.  */
static void
move_horizon(uint32_t now)
{
	uint32_t to = now / SLICE * SLICE - (SLICES - 1) * SLICE;

	if (to == horizon)
		return;
	if (find_oldest() == NULL) {
		horizon = to;
		return;
	}
	for (int i = 0; i < SLICES && is_before(horizon, to); i++) {
		make_ancient(&slices[horizon / SLICE % SLICES]);
		horizon += SLICE;
	}
	if (is_before(horizon, to))
		horizon = to;
}

/* Put S into AGES behind OLDER; NULL: in front.  */
static void
queue_behind(struct ages *ages, struct mx_span *older, struct mx_span *s)
{
	s->older = older;
	s->newer = older != NULL ? older->newer : ages->oldest;
	if (s->newer != NULL)
		s->newer->older = s;
	else
		ages->newest = s;
	if (older != NULL)
		older->newer = s;
	else
		ages->oldest = s;
	note_filled(ages);
}

/* Where S belongs: as a rule at the end; in front if it was there before and
 * only a part of it went back.  */
static void
queue_dirty(struct mx_span *s)
{
	struct ages *ages;
	struct mx_span *older;

	move_horizon(s->stamp);
	ages = ages_of(s->stamp);
	older = ages->newest;
	if (ages->oldest == NULL || is_before(s->stamp, ages->oldest->stamp))
		older = NULL;
	for (int i = 0; i < WALK && older != NULL &&
	    is_before(s->stamp, older->stamp); i++)
		older = older->older;
	queue_behind(ages, older, s);
}

static void
unqueue_dirty(struct mx_span *s)
{
	struct ages *ages = queue_of(s);

	if (s->older != NULL)
		s->older->newer = s->newer;
	else
		ages->oldest = s->newer;
	if (s->newer != NULL)
		s->newer->older = s->older;
	else
		ages->newest = s->older;
	note_filled(ages);
}

static void
put_in_bin(struct mx_span *s)
{
	unsigned b = bin_of(s->pages);
	struct set *set = set_of(s);

	mx_span_append(&set->bins[b], s);
	set->filled[b / 64] |= (uint64_t)1 << b % 64;
}

static struct mx_span *
end_record(const struct mx_span *s)
{
	return mx_pagemap_record(s->base +
	    ((size_t)(s->pages - 1) << MX_PAGE_SHIFT));
}

/* The records say that there is a free run, which is in no list.  */
static struct mx_span *
begin_run(char *base, size_t pages, size_t dirty, uint32_t now)
{
	struct mx_span *s = mx_pagemap_record(base);
	struct mx_span *end;

	mx_poke(&s->base, base);
	s->pages = (uint32_t)pages;
	s->dirty = (uint32_t)dirty;
	s->stamp = now;
	end = end_record(s);
	end->state = MX_SPAN_FREE_END;
	end->pages = (uint32_t)pages;
	s->state = MX_SPAN_FREE;        /* after the end: they may be one */
	return s;
}

static void
end_run(struct mx_span *s)
{
	end_record(s)->state = MX_SPAN_NONE;
	s->state = MX_SPAN_BUSY;
}

static struct mx_span *
add_run(char *base, size_t pages, size_t dirty, uint32_t now)
{
	struct mx_span *s = begin_run(base, pages, dirty, now);

	put_in_bin(s);
	return s;
}

/* Out of the lists, and no neighbour will join it.  */
static void
remove_run(struct mx_span *s)
{
	unsigned b = bin_of(s->pages);
	struct set *set = set_of(s);

	mx_span_unlink(&set->bins[b], s);
	if (set->bins[b].first == NULL)
		set->filled[b / 64] &= ~((uint64_t)1 << b % 64);
	if (s->dirty > 0)
		unqueue_dirty(s);
	end_run(s);
}

/* The free run that ends just below BASE.  */
static struct mx_span *
run_before(char *base)
{
	struct mx_span *r = mx_pagemap_record(base - MX_PAGE);

	if (r == NULL)
		return NULL;
	if (r->state == MX_SPAN_FREE_END)
		r = mx_pagemap_record(base -
		    ((size_t)r->pages << MX_PAGE_SHIFT));
	return r->state == MX_SPAN_FREE ? r : NULL;
}

static struct mx_span *
run_at(char *base)
{
	struct mx_span *r = mx_pagemap_record(base);

	return r != NULL && r->state == MX_SPAN_FREE ? r : NULL;
}

/* The age of DIRTY pages freed at STAMP joined with S: the mean over the pages.
 * With the younger age of the two, one small block that comes and goes would keep
 * the whole run for ever; with the older, pages in steady use would go back.  */
static uint32_t
join_age(uint32_t stamp, size_t dirty, const struct mx_span *s)
{
	int64_t apart = (int32_t)(s->stamp - stamp);

	if (dirty + s->dirty == 0)
		return stamp;
	return stamp + (uint32_t)(apart * (int64_t)s->dirty /
	    (int64_t)(dirty + s->dirty));
}

/* The run that became free last, if all of it is dirty: in no list, and not joined with
 * its neighbours.  Often the next who wants pages wants as many (calloc-64k: 510 of
 * 1,300 instructions less for each block, 3 % of the time).  NULL: none waits.  */
static struct mx_span *latest;

static void
join(char *base, size_t pages, size_t dirty, uint32_t now)
{
	struct mx_span *before = run_before(base);
	struct mx_span *after = run_at(base + (pages << MX_PAGE_SHIFT));

	mx_pagemap_record(base)->state = MX_SPAN_NONE;
	if (after != NULL) {
		remove_run(after);
		after->state = MX_SPAN_NONE;
		now = join_age(now, dirty, after);
		pages += after->pages;
		dirty += after->dirty;
	}
	if (before != NULL) {
		remove_run(before);
		before->state = MX_SPAN_NONE;
		now = join_age(now, dirty, before);
		base = before->base;
		pages += before->pages;
		dirty += before->dirty;
	}
	before = add_run(base, pages, dirty, now);
	if (dirty > 0)
		queue_dirty(before);
}

static struct mx_span *
take_latest(void)
{
	struct mx_span *s = latest;

	latest = NULL;
	if (s != NULL)
		end_run(s);
	return s;
}

void
mx_runs_settle(void)
{
	const struct mx_span *s = take_latest();

	if (s != NULL)
		join(s->base, s->pages, s->dirty, s->stamp);
}

void
mx_runs_insert(char *base, size_t pages, size_t dirty, uint32_t now)
{
	mx_runs_settle();
	if (dirty == pages)
		latest = begin_run(base, pages, dirty, now);
	else
		join(base, pages, dirty, now);
}

/* Of DIRTY pages in a run of PAGES, those in its part [BASE, BASE + PART).  */
static size_t
dirty_part(char *base, size_t part, size_t dirty, size_t pages)
{
	if (dirty == 0 || part == 0)
		return 0;
	return dirty == pages ? part : mx_pagemap_count_ready(base, part);
}

/* Where in S a run of PAGES aligned to ALIGN begins; NULL if it does not fit. */
static char *
place_in(const struct mx_span *s, size_t pages, size_t align)
{
	uintptr_t from = mx_align_up((uintptr_t)s->base, align);
	size_t skip = (from - (uintptr_t)s->base) >> MX_PAGE_SHIFT;

	return skip + pages <= s->pages ? (char *)from : NULL;
}

/* Remove S from the lists, give what lies before and behind [AT, AT + PAGES)
 * back, as old as it was, and make a record for the middle.  */
static struct mx_span *
cut(struct mx_span *s, char *at, size_t pages)
{
	size_t all = s->pages, dirty = s->dirty;
	size_t head = (size_t)(at - s->base) >> MX_PAGE_SHIFT;
	size_t tail = all - head - pages;
	char *base = s->base, *behind = at + (pages << MX_PAGE_SHIFT);
	size_t dirty_head, dirty_tail;
	uint32_t stamp = s->stamp;
	struct mx_span *older = dirty > 0 ? s->older : NULL;
	struct ages *ages = queue_of(s);
	struct mx_span *rest;

	remove_run(s);
	s->state = MX_SPAN_NONE;
	dirty_head = dirty_part(base, head, dirty, all);
	dirty_tail = dirty_part(behind, tail, dirty, all);
	if (head > 0) {
		rest = add_run(base, head, dirty_head, stamp);
		if (dirty_head > 0)
			queue_behind(ages, older, rest);
	}
	if (tail > 0) {
		rest = add_run(behind, tail, dirty_tail, stamp);
		if (dirty_tail > 0)
			queue_behind(ages, older, rest);
	}
	s = mx_pagemap_record(at);
	mx_poke(&s->base, at);
	s->pages = (uint32_t)pages;
	s->dirty = (uint32_t)(dirty - dirty_head - dirty_tail);
	s->state = MX_SPAN_BUSY;
	return s;
}

/* The best run for PAGES in SET; LOOKS bounds how many of a bin are looked at,
 * which only bins of several lengths can make necessary.  */
static struct mx_span *
take_from(const struct set *set, size_t pages, size_t align, size_t looks)
{
	unsigned b = next_filled(set->filled, bin_of(pages));
	char *at;

	for (; b < BINS; b = next_filled(set->filled, b + 1)) {
		struct mx_span *s = set->bins[b].first;

		for (size_t n = 0; s != NULL && n < looks; n++, s = s->next) {
			at = place_in(s, pages, align);
			if (at != NULL)
				return cut(s, at, pages);
		}
	}
	return NULL;
}

struct mx_span *
mx_runs_take(size_t pages, size_t align)
{
	struct mx_span *s;

	if (latest != NULL && latest->pages == pages &&
	    mx_is_aligned((uintptr_t)latest->base, align))
		return take_latest();
	mx_runs_settle();
	s = take_from(&sets[1], pages, align, LOOKS);
	if (s == NULL)
		s = take_from(&sets[0], pages, align, LOOKS);
	/* Nobody grows, or fails, while there is a run that fits.  */
	if (s == NULL)
		s = take_from(&sets[1], pages, align, SIZE_MAX);
	if (s == NULL)
		s = take_from(&sets[0], pages, align, SIZE_MAX);
	return s;
}

struct mx_span *
mx_runs_take_at(char *base, size_t pages)
{
	struct mx_span *s;

	mx_runs_settle();
	s = run_at(base);
	return s != NULL && s->pages >= pages ? cut(s, base, pages) : NULL;
}

struct mx_span *
mx_runs_take_oldest(void)
{
	struct mx_span *s;

	mx_runs_settle();
	s = find_oldest();
	if (s != NULL)
		remove_run(s);
	return s;
}

bool
mx_runs_oldest(uint32_t *stamp)
{
	const struct mx_span *s = find_oldest();

	if (s == NULL)
		s = latest;
	if (s == NULL)
		return false;
	*stamp = s->stamp;
	return true;
}
