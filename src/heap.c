/* heap.c - page runs, and how many free ones stay.  See heap.h.
 *
 * SPDX-License-Identifier: MIT  */

#include "heap.h"

#include <errno.h>
#include <sched.h>
#include <string.h>

#include "arena.h"
#include "conf.h"
#include "lock.h"
#include "pagemap.h"
#include "runs.h"
#include "spare.h"
#include "sys.h"

/* Powers of two up to this are aligned to themselves.  */
#define NATURAL_MAX (1 * MX_MIB)

/* Largest part given back in one call: longer calls would make other threads of
 * the process wait for the kernel's map lock.  */
#define RELEASE_STEP (32 * MX_MIB)

/* Most that goes beyond what the bound asks for.  */
#define RELEASE_AHEAD (4 * MX_MIB)

/* Pages closed at a time to stay within a limit on data.  */
#define CLOSE_AHEAD ((1 * MX_MIB) >> MX_PAGE_SHIFT)

/* Memory for blocks above this is not made of huge pages: such blocks are often used
 * in places only, and each place would cost a huge page.  */
#define HUGE_BLOCK_MAX (4 * MX_MIB)

/* Larger heaps than this may get huge pages back: to keep the system from it splits its
 * mappings, of which Linux lets a process have 65,530.  */
#define BREAK_MAX       (16 * MX_GIB)

/* What is touched to see what ordinary pages cost; growths without huge pages at a
 * time, at most.  */
#define SAMPLE          (64 * MX_KIB)
#define UNTRIED_MAX     63

/* An alignment above this is not kept free of use in front of the block.  */
#define LEAD_MAX (4 * MX_MIB)

struct mx_heap_account mx_heap_account;

static struct mx_lock lock = MX_LOCK_INIT;

/* heap lock.  A thread gives pages back, or touches new ones, and lets the lock go
 * meanwhile: one at a time.  */
static bool away;

/* heap lock.  Some of the memory may be huge pages; there may be more.  */
static bool has_huge;
static bool wants_huge;

/* heap lock.  With huge:auto, how long the first touch of as many bytes as a huge page
 * has takes in ordinary pages, in nanoseconds; 0: not known yet.  For how many growths
 * no huge page is tried, and for how many after the next that is not cheap.  */
static uint64_t ordinary;
static unsigned untried, untried_next = 1;

/* heap lock.  After a refusal nothing is tried below this many dirty pages.  */
static size_t refused_at;

void
mx_heap_lock(void)
{
	mx_lock(&lock);
}

void
mx_heap_lock_idle(void)
{
	for (;;) {
		mx_lock(&lock);
		if (!away)
			return;
		mx_unlock(&lock);
		(void)sched_yield();
	}
}

void
mx_heap_unlock(void)
{
	mx_unlock(&lock);
}

void
mx_heap_lock_init(void)
{
	mx_lock_init(&lock);
	away = false;
}

static uint32_t
now(void)
{
	return (uint32_t)sysClockOS();
}

/* Pages for N bytes: whole pages of memaix and of the system.  */
static size_t
pages_for(size_t n)
{
	return mx_align_up(n, mx_max(MX_PAGE, mx_sys_facts.page)) >>
	    MX_PAGE_SHIFT;
}

static bool
uses_huge(void)
{
	return mx_conf.huge != MX_CONF_FALSE && !mx_conf.secure &&
	    mx_heap_account.used >= mx_conf.huge_min >> MX_PAGE_SHIFT &&
	    mx_sys_huge_is_supported() && (mx_conf.huge == MX_CONF_TRUE ||
	    mx_sys_huge_size() <= MX_ARENA_STEP);
}

/* ---- pages that fault, with secure:true ----
 *
 * Guards, and blocks at rest.  A free run may have some: they are opened when
 * somebody wants them, so that giving a run needs no system call, which may be
 * refused.  */

/* PAGES free pages from V on, all Ready (READY) or none, are Reserved.  */
static bool
close_part(char *v, size_t pages, bool ready)
{
	size_t n = pages << MX_PAGE_SHIFT;

	/* What is opened again may be taken for zero.  */
	if (ready) {
		if (mx_sys_unused(v, n) == MX_RELEASE_KEPT) {
			memset(v, 0, n);
		} else {
			mx_pagemap_mark_ready(v, pages, false);
			mx_heap_account.dirty -= pages;
			ready = false;
		}
	}
	if (!ready) {
		if (mx_sys_used(v, n) != 0)
			return false;
		mx_pagemap_mark_ready(v, pages, true);
		mx_heap_account.dirty += pages;
	}
	if (mx_sys_fault(v, n) != 0)
		return false;
	mx_pagemap_mark_ready(v, pages, false);
	mx_heap_account.dirty -= pages;
	mx_pagemap_mark_closed(v, pages, true);
	return true;
}

/* PAGES pages from V on, free and in no list, fault from here on.  False: refused,
 * for some of them.  */
static bool
close_free(char *v, size_t pages)
{
	size_t skip, open, n;

	for (; pages > 0; v += n << MX_PAGE_SHIFT, pages -= n) {
		open = mx_pagemap_find_closed(v, pages, false, &skip);
		v += skip << MX_PAGE_SHIFT;
		pages -= skip;
		if (open == 0)
			return true;
		n = mx_pagemap_find_ready(v, open, true, &skip);
		if (skip > 0)
			n = skip;
		if (!close_part(v, n, skip == 0))
			return false;
	}
	return true;
}

/* Close some pages of free runs, WANT if there are so many: a limit on data
 * (RLIMIT_DATA) counts what can be written to.  True: some.  */
MX_COLD static bool
close_some(size_t want)
{
	size_t done = 0;
	size_t skip, n;

	mx_runs_settle();
	for (struct mx_arena *a = mx_arena_list; a != NULL; a = a->next) {
		char *end = a->base + a->mapped;

		for (char *v = a->base; v < end && done < want; v += n) {
			struct mx_span *s = mx_pagemap_record(v);
			size_t open = 0;

			n = (s->state == MX_SPAN_NONE ? 1 : s->pages) <<
			    MX_PAGE_SHIFT;
			if (s->state == MX_SPAN_FREE)
				open = mx_pagemap_find_closed(v, s->pages,
				    false, &skip);
			if (open == 0)
				continue;
			s = mx_runs_take_at(v, s->pages);
			if (close_free(v, s->pages))
				done += open;
			else
				want = 0;
			mx_runs_insert(v, s->pages, mx_pagemap_count_ready(v,
			    s->pages), s->stamp);
		}
	}
	return done > 0;
}

/* Reserved -> Prepared for those of PAGES pages from V on that were closed.  0 or
 * errno.  */
static int
open_pages(char *v, size_t pages)
{
	size_t skip, n;
	int e;

	while (pages > 0) {
		n = mx_pagemap_find_closed(v, pages, true, &skip);
		v += skip << MX_PAGE_SHIFT;
		pages -= skip + n;
		if (n == 0)
			continue;
		e = mx_sys_map(v, n << MX_PAGE_SHIFT);
		if (e == ENOMEM && close_some(mx_max(n, CLOSE_AHEAD)))
			e = mx_sys_map(v, n << MX_PAGE_SHIFT);
		if (e != 0)
			return e;
		mx_pagemap_mark_closed(v, n, false);
		v += n << MX_PAGE_SHIFT;
	}
	return 0;
}

/* Is nothing of the huge page at V in memory?  */
static bool
is_fresh(char *v, size_t huge)
{
	size_t skip;

	return mx_arena_maps(v, huge) &&
	    mx_pagemap_find_ready(v, huge >> MX_PAGE_SHIFT, true, &skip) == 0;
}

/* [V, V + N), of which nothing is in memory, is about to be used.  If that is true of
 * all of a huge page there it may be one, again (break_huge).  */
static void
make_huge(char *v, size_t n)
{
	size_t huge = mx_sys_huge_size();
	char *at = (char *)mx_align_down((uintptr_t)v, huge);
	char *end;

	for (; at < v + n; at = end + huge) {
		for (end = at; end < v + n && is_fresh(end, huge); end += huge)
			continue;
		if (end > at)
			(void)mx_sys_huge(at, (size_t)(end - at));
	}
}

/* Prepared -> Ready for the pages of BUSY run S that are not.  As a rule all are, and
 * that needs no look at their bits.  */
static bool
make_ready(const struct mx_span *s)
{
	char *v = s->base;
	size_t rest = s->dirty == s->pages ? 0 : s->pages;
	size_t skip, n;
	int e;

	while (rest > 0) {
		n = mx_pagemap_find_ready(v, rest, false, &skip);
		v += skip << MX_PAGE_SHIFT;
		if (n > 0) {
			if (wants_huge &&
			    s->pages <= HUGE_BLOCK_MAX >> MX_PAGE_SHIFT)
				make_huge(v, n << MX_PAGE_SHIFT);
			e = mx_conf.secure ? open_pages(v, n) : 0;
			if (e == 0)
				e = mx_sys_used(v, n << MX_PAGE_SHIFT);
			if (e != 0) {
				errno = e;
				return false;
			}
			mx_pagemap_mark_ready(v, n, true);
			if (mx_spare_watches())
				mx_spare_wanted(n, mx_heap_account.used,
				    now());
			v += n << MX_PAGE_SHIFT;
		}
		rest -= skip + n;
	}
	return true;
}

/* A BUSY run enters use; on failure it is free again.  */
static bool
start_use(struct mx_span *s)
{
	if (!make_ready(s)) {
		size_t dirty = mx_pagemap_count_ready(s->base, s->pages);

		mx_heap_account.dirty += dirty - s->dirty;
		mx_runs_insert(s->base, s->pages, dirty, now());
		return false;
	}
	mx_heap_account.dirty -= s->dirty;
	mx_heap_account.used += s->pages;
	return true;
}

/* What of a run may hold old bytes: all else is zero.  */
struct old {
	char *from, *to;
};

static struct old
old_bytes(const struct mx_span *s)
{
	char *v = s->base, *end = v + ((size_t)s->pages << MX_PAGE_SHIFT);
	struct old old = { v, v };
	size_t skip, n;

	if (s->dirty == s->pages || !mx_sys_prepared_is_zero())
		return (struct old){ v, end };
	for (size_t rest = s->pages; s->dirty > 0 && rest > 0; rest -= skip + n) {
		n = mx_pagemap_find_ready(v, rest, true, &skip);
		v += skip << MX_PAGE_SHIFT;
		if (n > 0 && old.to == s->base)
			old.from = v;
		v += n << MX_PAGE_SHIFT;
		if (n > 0)
			old.to = v;
	}
	return old;
}

/* A run from what is free.  OLD may be NULL.  */
static struct mx_span *
take_free(size_t pages, size_t align, struct old *old)
{
	struct mx_span *s = mx_runs_take(pages, align);

	if (s == NULL)
		return NULL;
	if (old != NULL)
		*old = old_bytes(s);
	return start_use(s) ? s : NULL;
}

/* Is it time to try a huge page?  With huge:true it always is.  */
static bool
is_turn(void)
{
	if (mx_conf.huge == MX_CONF_TRUE)
		return true;
	if (away || untried > 0) {
		untried -= untried > 0;
		return false;
	}
	return true;
}

/* N bytes at V, which nobody else knows yet, become Ready, and the first TOUCHED of them
 * are touched.  How many nanoseconds that takes goes to *NS: up to some milliseconds, so
 * the lock is let go.  The answer is how many pages are Ready now.  */
static size_t
touch(char *v, size_t n, size_t touched, uint64_t *ns)
{
	if (mx_sys_used(v, n) != 0)
		return 0;
	mx_pagemap_mark_ready(v, n >> MX_PAGE_SHIFT, true);
	mx_heap_account.dirty += n >> MX_PAGE_SHIFT;
	mx_lock_busy();
	away = true;
	mx_unlock(&lock);
	*ns = sysNanosOS();
	mx_sys_touch(v, touched);
	*ns = sysNanosOS() - *ns;
	mx_lock(&lock);
	away = false;
	mx_lock_idle();
	return n >> MX_PAGE_SHIFT;
}

/* Of the new memory [V, END), whole huge pages of HUGE bytes, the first becomes one, and
 * if that was cheap, the others are to.  How many pages are Ready now.
 *
 * A host that takes free memory back may have no huge page at hand (5 us for each 4 KiB,
 * where ordinary pages take 2.6 and huge ones as a rule 0.8), or the kernel makes room
 * for one first.  */
static size_t
try_huge(char *v, const char *end, size_t huge)
{
	uint64_t ns = 0;
	size_t ready;

	if (ordinary == 0) {
		ready = touch(v, SAMPLE, SAMPLE, &ns);
		ordinary = mx_max(ns, 1) * (huge / SAMPLE);
		return ready;
	}
	if (mx_sys_huge(v, huge) == MX_HUGE_UNSUPPORTED)
		return 0;
	has_huge = true;
	ready = touch(v, huge, 1, &ns);
	wants_huge = ns <= ordinary / 4 * 3;
	if (!wants_huge) {
		untried = untried_next;
		untried_next = mx_min(2 * untried_next + 1, UNTRIED_MAX);
		return ready;
	}
	untried_next = 1;
	if (v + huge < end)
		(void)mx_sys_huge(v + huge, (size_t)(end - v) - huge);
	return ready;
}

/* Address space for a run of N bytes that did not fit, and for others: whole huge pages,
 * and the system is asked to make them so.  Such memory fills to the last block, so
 * nothing is lost, and the first touch of 2 MiB costs a quarter of 512 faults where the
 * system has huge pages at hand (calloc-large 0.6 of its time, shrink-all 0.8).  *READY:
 * how many pages of it are Ready.  */
static char *
grow_huge(size_t n, size_t *got, size_t *ready)
{
	size_t huge = mx_sys_huge_size();
	char *at = mx_arena_border();
	size_t pad = at == NULL ? 0 : mx_align_up((uintptr_t)at, huge) -
	    (uintptr_t)at;
	/* By a step at least, or the border would not stop where a huge page
	 * does.  */
	char *v = mx_arena_grow(pad + mx_align_up(mx_max(n, MX_ARENA_STEP),
	    huge), got);
	char *from, *to;

	if (v == NULL)
		return NULL;
	from = (char *)mx_align_up((uintptr_t)v, huge);
	to = (char *)mx_align_down((uintptr_t)v + *got, huge);
	if (from >= to)
		return v;
	if (mx_conf.huge == MX_CONF_AUTO)
		*ready = try_huge(from, to, huge);
	else if (mx_sys_huge(from, (size_t)(to - from)) != MX_HUGE_UNSUPPORTED)
		has_huge = wants_huge = true;
	return v;
}

/* Address space for a run that did not fit.  */
static bool
grow(size_t pages, size_t align)
{
	size_t n = pages << MX_PAGE_SHIFT;
	size_t slack = align - MX_PAGE;
	size_t got, ready = 0;
	char *v = NULL;

	if (n <= HUGE_BLOCK_MAX && uses_huge() && is_turn())
		v = grow_huge(n + slack, &got, &ready);
	if (v == NULL)
		v = mx_arena_grow(n + slack, &got);
	if (v == NULL)
		return false;
	mx_runs_insert(v, got >> MX_PAGE_SHIFT, ready, now());
	return true;
}

static struct mx_span *
take_run(size_t pages, size_t align, struct old *old)
{
	struct mx_span *s = take_free(pages, align, old);

	if (s == NULL && grow(pages, align))
		s = take_free(pages, align, old);
	if (s != NULL) {
		s->lead = 0;
		s->guard = false;
	}
	return s;
}

/* ---- guards, with secure:true ---- */

static size_t
guard_pages(void)
{
	return mx_conf.secure ? pages_for(1) : 0;
}

/* How many guard pages go in front of a large block: one to four guards' worth,
 * at random, unless the alignment says it.  Address space only.  */
static size_t
lead_pages(size_t align)
{
	static uint32_t random;

	if (!mx_conf.secure || align > LEAD_MAX)
		return 0;
	if (align > mx_max(MX_PAGE, mx_sys_facts.page))
		return align >> MX_PAGE_SHIFT;
	random = (random ^ (uint32_t)mx_block_key) * 1664525 + 1013904223;
	return guard_pages() * (1 + (random >> 30));
}

/* Pages beside a block that were to be its guard go back to the free ones if they
 * do not fault.  */
static bool
guard_or_free(char *v, size_t pages)
{
	if (pages == 0 || close_free(v, pages))
		return pages > 0;
	mx_runs_insert(v, pages, mx_pagemap_count_ready(v, pages), now());
	return false;
}

/* As take_free, between guards: LEAD pages of them in front.  They are closed
 * first, so that what is opened for the block has room below a limit.  */
static struct mx_span *
take_between(size_t pages, size_t align, size_t lead, struct old *old)
{
	struct mx_span *r = mx_runs_take(lead + pages + guard_pages(), align);
	struct mx_span *s;
	char *from, *base, *end;
	bool front, behind;

	if (r == NULL)
		return NULL;
	from = r->base;
	base = from + (lead << MX_PAGE_SHIFT);
	end = base + (pages << MX_PAGE_SHIFT);
	r->state = MX_SPAN_NONE;
	s = mx_pagemap_record(base);
	s->state = MX_SPAN_BUSY;
	mx_poke(&s->base, base);
	s->pages = (uint32_t)pages;
	s->dirty = (uint32_t)mx_pagemap_count_ready(base, pages);
	if (old != NULL)
		*old = old_bytes(s);
	front = guard_or_free(from, lead);
	behind = guard_or_free(end, guard_pages());
	if (!start_use(s)) {
		if (front)
			mx_runs_insert(from, lead, 0, now());
		if (behind)
			mx_runs_insert(end, guard_pages(), 0, now());
		return NULL;
	}
	s->lead = front ? lead : 0;
	s->guard = behind;
	return s;
}

static struct mx_span *
take_once(size_t pages, size_t align, size_t lead, struct old *old)
{
	struct mx_span *s;

	if (!mx_conf.secure)
		return take_run(pages, align, old);
	s = take_between(pages, align, lead, old);
	if (s == NULL && grow(lead + pages + guard_pages(), align))
		s = take_between(pages, align, lead, old);
	return s;
}

/* As take_once.  Before the answer is no, a thread that is away comes back: it may have
 * the only run that fits in hand.  */
static struct mx_span *
take_guarded(size_t pages, size_t align, size_t lead, struct old *old)
{
	struct mx_span *s = take_once(pages, align, lead, old);

	if (s != NULL || !away)
		return s;
	mx_unlock(&lock);
	mx_heap_lock_idle();
	return take_once(pages, align, lead, old);
}

struct mx_span *
mx_heap_take_small(unsigned c)
{
	size_t size = mx_class_size(c);
	size_t pages = pages_for((size_t)mx_class_pages[c] << MX_PAGE_SHIFT);
	size_t align = mx_is_pow2(size) ? mx_max(size, MX_PAGE) : MX_PAGE;
	struct mx_span *s;

	mx_lock(&lock);
	s = take_guarded(pages, align, 0, NULL);
	if (s != NULL) {
		mx_store(&s->owner, NULL, RELAXED);
		s->local = MX_BLOCK_END;
		mx_span_set_out(s, 0, 0);
		mx_poke(&s->class_, (uint8_t)c);
		s->waits = MX_SPAN_AWAKE;
		s->listed = s->sparse = false;
		s->blocks = (uint32_t)((pages << MX_PAGE_SHIFT) / size);
		mx_span_set_size(s, size);
		mx_span_set_carved(s, 0);
		mx_store(&s->home, NULL, RELAXED);
		s->next = s->prev = NULL;
		s->state = MX_SPAN_SMALL;
		mx_pagemap_set(s->base, pages, s);
	}
	mx_unlock(&lock);
	return s;
}

/* Clear what of the first N bytes of the new block S is in OLD.  */
static void
clear_old(const struct mx_span *s, size_t n, struct old old)
{
	char *from = old.from > s->base ? old.from : s->base;
	char *to = old.to < s->base + n ? old.to : s->base + n;

	if (from < to)
		mx_sys_clear(from, (size_t)(to - from), false);
}

struct mx_span *
mx_heap_take_large(size_t n, size_t align, bool *zero)
{
	size_t pages = pages_for(n);
	struct mx_span *s;
	struct old old;

	if (mx_is_pow2(n) && n <= NATURAL_MAX)
		align = mx_max(align, n);
	align = mx_max(align, mx_max(MX_PAGE, mx_sys_facts.page));
	if (n > PTRDIFF_MAX - align || pages > UINT32_MAX) {
		errno = ENOMEM;
		return NULL;
	}
	mx_lock(&lock);
	s = take_guarded(pages, align, lead_pages(align), &old);
	if (s != NULL) {
		mx_store(&s->owner, NULL, RELAXED);
		s->local = MX_BLOCK_END;
		mx_poke(&s->class_, MX_CLASS_COUNT);    /* no size has it */
		s->listed = false;
		mx_span_set_out(s, MX_SPAN_ONE, 1);
		s->carved = s->blocks = 1;
		mx_poke(&s->size, 0);
		mx_store(&s->home, NULL, RELAXED);
		s->bytes = n;
		s->state = MX_SPAN_LARGE;
		mx_pagemap_set(s->base, 1, s);
		mx_heap_account.large_blocks++;
		mx_heap_account.large_bytes += n;
	}
	mx_unlock(&lock);
	if (s != NULL && *zero)
		clear_old(s, n, old);
	else if (s != NULL)
		*zero = old.from == old.to;
	return s;
}

/* The dirty pages at *V, of which there are *N, shrink to whole huge pages.  False:
 * there is none.  */
static bool
is_whole(char **v, size_t *n, size_t huge)
{
	char *from = (char *)mx_align_up((uintptr_t)*v, huge);
	char *to = (char *)mx_align_down((uintptr_t)*v +
	    (*n << MX_PAGE_SHIFT), huge);

	if (from >= to)
		return false;
	*v = from;
	*n = (size_t)(to - from) >> MX_PAGE_SHIFT;
	return true;
}

/* Dirty pages of S that may go, from *V on; of huge pages whole ones first, *WANT of
 * them at least: one of which a part goes comes back small, and the system may keep
 * the part.  The answer is how many there are.  */
static size_t
find_dirty(const struct mx_span *s, char **v, size_t *want)
{
	size_t huge = has_huge ? mx_sys_huge_size() : 0;
	const char *end = s->base + ((size_t)s->pages << MX_PAGE_SHIFT);
	size_t skip;
	size_t first = mx_pagemap_find_ready(s->base, s->pages, true, &skip);
	char *at = s->base + (skip << MX_PAGE_SHIFT);

	*v = at;
	for (size_t n = huge == 0 ? 0 : first; n > 0;) {
		char *from = at;
		size_t whole = n;

		if (is_whole(&from, &whole, huge)) {
			*v = from;
			*want = mx_align_up(*want, huge >> MX_PAGE_SHIFT);
			return whole;
		}
		at += n << MX_PAGE_SHIFT;
		n = mx_pagemap_find_ready(at, (size_t)(end - at) >>
		    MX_PAGE_SHIFT, true, &skip);
		at += skip << MX_PAGE_SHIFT;
	}
	return first;
}

/* A part of the huge pages around [V, V + N) goes, and is not to come back by itself:
 * else the system would make a huge page again of any that has one ordinary page in use
 * (khugepaged), and a program that rests would grow.  */
static void
break_huge(char *v, size_t n)
{
	size_t huge = mx_sys_huge_size();
	char *first = (char *)mx_align_down((uintptr_t)v, huge);
	char *last = (char *)mx_align_down((uintptr_t)v + n, huge);

	if (first != v && mx_arena_maps(first, huge))
		(void)mx_sys_no_huge(first, huge);
	if (last != v + n && (last != first || first == v) &&
	    mx_arena_maps(last, huge))
		(void)mx_sys_no_huge(last, huge);
}

/* Give back up to WANT dirty pages of the BUSY run S.  The lock is let go while
 * the kernel works.  The answer is how many went; 0: refused.  */
static size_t
release_part(struct mx_span *s, size_t want)
{
	char *v;
	size_t n = find_dirty(s, &v, &want);
	bool may_break = has_huge && mx_load(&mx_sys_account.peak_ready,
	    RELAXED) <= BREAK_MAX;
	enum mx_release r;

	n = mx_min(n, mx_min(pages_for(want << MX_PAGE_SHIFT),
	    RELEASE_STEP >> MX_PAGE_SHIFT));
	mx_unlock(&lock);
	if (may_break)
		break_huge(v, n << MX_PAGE_SHIFT);
	r = mx_sys_release(v, n << MX_PAGE_SHIFT);
	mx_lock(&lock);
	if (r == MX_RELEASE_KEPT)
		return 0;
	mx_sys_released(n << MX_PAGE_SHIFT);
	mx_pagemap_mark_ready(v, n, false);
	s->dirty -= (uint32_t)n;
	mx_heap_account.dirty -= n;
	mx_spare_gone(n, mx_heap_account.used, now());
	return n;
}

/* Give back the oldest dirty pages until at most KEEP are left.  */
static void
release_down_to(size_t keep)
{
	struct mx_span *s;
	bool refused = false;

	/* This thread is at work even while the lock is open.  */
	mx_lock_busy();
	away = true;
	while (!refused && mx_heap_account.dirty > keep &&
	    (s = mx_runs_take_oldest()) != NULL) {
		uint32_t stamp = s->stamp;

		while (s->dirty > 0 && mx_heap_account.dirty > keep &&
		    !refused)
			refused = release_part(s,
			    mx_heap_account.dirty - keep) == 0;
		mx_runs_insert(s->base, s->pages, s->dirty, stamp);
	}
	refused_at = refused ? mx_heap_account.dirty +
	    mx_heap_account.dirty / 8 + 1 : 0;
	away = false;
	mx_lock_idle();
}

/* The two rules: the bound, and age.  */
static void
release_some(uint32_t t)
{
	size_t bound = mx_spare_bound(mx_heap_account.used);
	uint32_t stamp;

	if (away || mx_heap_account.dirty < refused_at)
		return;
	if (mx_heap_account.dirty > bound) {
		/* A quarter at a time, so that a steady stream of frees costs
		 * one system call per quarter of the bound; but the call takes
		 * 0.1 ms per MiB.  */
		release_down_to(bound - mx_min(bound / 4,
		    RELEASE_AHEAD >> MX_PAGE_SHIFT));
		return;
	}
	/* T may be a little older than what another thread gave before the lock was
	 * free.  */
	if (mx_runs_oldest(&stamp) && (int32_t)(t - stamp) >
	    (int32_t)mx_conf.decay_ms)
		release_down_to(mx_heap_account.dirty -
		    mx_min(mx_heap_account.dirty, mx_min(bound / 4 + 1,
		    RELEASE_AHEAD >> MX_PAGE_SHIFT)));
}

/* S, in no list, becomes free pages, of which DIRTY are Ready; its guards with
 * it.  */
static void
give_run(struct mx_span *s, size_t dirty, uint32_t t)
{
	char *base = s->base;
	size_t pages = s->pages;
	size_t lead = s->state == MX_SPAN_SMALL ? 0 : s->lead;

	if (s->guard)
		pages += guard_pages();
	if (lead > 0) {
		s->state = MX_SPAN_NONE;
		base -= lead << MX_PAGE_SHIFT;
		pages += lead;
	}
	mx_heap_account.dirty += dirty;
	mx_runs_insert(base, pages, dirty, t);
	release_some(t);
}

/* Heap lock.  S leaves use.  */
static void
end_use(struct mx_span *s)
{
	if (s->state == MX_SPAN_LARGE) {
		mx_pagemap_set(s->base, 1, &mx_pagemap_none);
		mx_heap_account.large_blocks--;
		mx_heap_account.large_bytes -= s->bytes;
	} else {
		mx_pagemap_set(s->base, s->pages, &mx_pagemap_none);
	}
	mx_heap_account.used -= s->pages;
}

void
mx_heap_give(struct mx_span *s)
{
	uint32_t t = now();

	mx_spare_ask();
	mx_lock(&lock);
	end_use(s);
	give_run(s, s->pages, t);
	mx_unlock(&lock);
}

/* Two threads that free the same block both see that it is one; under the lock one
 * of them is the first.  */
static bool
is_large_at(const struct mx_span *s, const void *p)
{
	return s->state == MX_SPAN_LARGE && s->base == p && !s->listed;
}

bool
mx_heap_give_large(struct mx_span *s, const void *p)
{
	uint32_t t = now();
	bool is;

	mx_spare_ask();
	mx_lock(&lock);
	is = is_large_at(s, p);
	if (is) {
		end_use(s);
		give_run(s, s->pages, t);
	}
	mx_unlock(&lock);
	return is;
}

bool
mx_heap_rest(struct mx_span *s, const void *p)
{
	bool is;

	mx_lock(&lock);
	is = is_large_at(s, p);
	if (is)
		s->listed = true;
	mx_unlock(&lock);
	return is;
}

enum mx_heap_end
mx_heap_look_behind(const struct mx_span *s, const void *p)
{
	enum mx_heap_end end = MX_HEAP_END_GONE;

	mx_lock(&lock);
	if (is_large_at(s, p))
		end = mx_sys_is_clear(s->base + s->bytes, mx_span_slack(s)) ?
		    MX_HEAP_END_ZERO : MX_HEAP_END_WRITTEN;
	mx_unlock(&lock);
	return end;
}

bool
mx_heap_close(struct mx_span *s)
{
	size_t n = (size_t)s->pages << MX_PAGE_SHIFT;
	size_t dirty = s->pages;
	bool closed = false;
	int saved = errno;

	mx_lock(&lock);
	end_use(s);
	/* Given up first: sysFaultOS need not do that.  */
	if (mx_sys_unused(s->base, n) != MX_RELEASE_KEPT) {
		if (mx_sys_used(s->base, n) != 0)
			dirty = 0;
		else
			closed = mx_sys_fault(s->base, n) == 0;
	}
	if (closed || dirty == 0)
		mx_pagemap_mark_ready(s->base, s->pages, false);
	if (closed) {
		mx_pagemap_mark_closed(s->base, s->pages, true);
		s->state = MX_SPAN_BUSY;
	} else {
		give_run(s, dirty, now());
	}
	mx_unlock(&lock);
	errno = saved;          /* free keeps it, whatever the kernel refused */
	return closed;
}

void
mx_heap_lose(struct mx_span *s)
{
	mx_lock(&lock);
	end_use(s);
	mx_pagemap_mark_ready(s->base, s->pages, false);
	s->state = MX_SPAN_BUSY;
	mx_unlock(&lock);
}

void
mx_heap_open(struct mx_span *s)
{
	mx_lock(&lock);
	give_run(s, 0, now());
	mx_unlock(&lock);
}

/* Take NEED pages behind S, from a free run or from address space that no one
 * had before.  */
static bool
stretch(struct mx_span *s, size_t need)
{
	char *end = s->base + ((size_t)s->pages << MX_PAGE_SHIFT);
	struct mx_span *behind = mx_pagemap_record(end);
	struct mx_span *r = mx_runs_take_at(end, need);
	size_t free_ = 0;
	size_t got;
	char *v;

	if (r == NULL) {
		if (behind != NULL && behind->state == MX_SPAN_FREE)
			free_ = behind->pages;
		v = mx_arena_grow_at(end + (free_ << MX_PAGE_SHIFT),
		    (need - free_) << MX_PAGE_SHIFT, &got);
		if (v == NULL)
			return false;
		mx_runs_insert(v, got >> MX_PAGE_SHIFT, 0, now());
		r = mx_runs_take_at(end, need);
	}
	if (r == NULL || !start_use(r))
		return false;
	r->state = MX_SPAN_NONE;
	return true;
}

static void
cut_tail(struct mx_span *s, size_t pages)
{
	size_t n = s->pages - pages;
	uint32_t t = now();

	s->pages = (uint32_t)pages;
	mx_heap_account.used -= n;
	mx_heap_account.dirty += n;
	mx_runs_insert(s->base + (pages << MX_PAGE_SHIFT), n, n, t);
	release_some(t);
}

bool
mx_heap_resize(struct mx_span *s, size_t n)
{
	size_t pages;
	bool done = true;

	if (n > PTRDIFF_MAX - MX_SLOT)
		return false;
	pages = pages_for(n);
	if (pages > UINT32_MAX || (mx_conf.secure && pages != s->pages))
		return false;
	mx_lock(&lock);
	if (s->state != MX_SPAN_LARGE) {        /* another thread freed it */
		done = false;
	} else if (pages > s->pages) {
		done = stretch(s, pages - s->pages);
		if (done)
			s->pages = (uint32_t)pages;
	} else if (pages < s->pages) {
		cut_tail(s, pages);
	}
	if (done) {
		mx_heap_account.large_bytes += n - s->bytes;
		s->bytes = n;
	}
	mx_unlock(&lock);
	return done;
}

void
mx_heap_decay(size_t ms)
{
	uint32_t stamp;

	mx_lock(&lock);
	/* In parts, between which other threads take and give.  */
	while (!away && mx_heap_account.dirty > 0 &&
	    mx_heap_account.dirty >= refused_at && mx_runs_oldest(&stamp) &&
	    now() - stamp >= ms) {
		release_down_to(mx_heap_account.dirty -
		    mx_min(mx_heap_account.dirty,
		    RELEASE_AHEAD >> MX_PAGE_SHIFT));
		mx_unlock(&lock);
		mx_lock(&lock);
	}
	mx_unlock(&lock);
}

bool
mx_heap_trim(void)
{
	size_t before;
	bool went;

	mx_lock(&lock);
	before = mx_heap_account.dirty;
	if (!away)
		release_down_to(0);
	went = mx_heap_account.dirty < before;
	mx_unlock(&lock);
	return went;
}

struct mx_span *
mx_heap_find_large(const void *p)
{
	struct mx_span *s = NULL;
	const char *page = (const char *)mx_align_down((uintptr_t)p, MX_PAGE);

	mx_lock(&lock);
	/* Pages inside a run have no state; the first one that has is its
	 * first page, or belongs to another run.  */
	for (; mx_pagemap_slot(page) != NULL; page -= MX_PAGE) {
		s = mx_pagemap_record(page);
		if (s->state != MX_SPAN_NONE)
			break;
		s = NULL;
	}
	if (s != NULL && (s->state != MX_SPAN_LARGE || (size_t)((const char *)p -
	    s->base) >= (size_t)s->pages << MX_PAGE_SHIFT))
		s = NULL;
	mx_unlock(&lock);
	return s;
}
