/* check_runs.c - free runs of pages, against a model of one byte per page.
 *
 * SPDX-License-Identifier: MIT  */

#include "arena.h"
#include "check_core.h"
#include "runs.h"

/* Pages of the two islands of memory, with a hole between them that is no one's.
 * The second one lies about a slot's border.  */
#define ISLAND  ((size_t)700)

enum page { TAKEN, CLEAN, DIRTY };

static struct island {
	char *base;
	unsigned char page[ISLAND];     /* enum page */
} islands[2];

static size_t
page_of(const struct island *is, const void *p)
{
	return (size_t)((const char *)p - is->base) >> MX_PAGE_SHIFT;
}

static struct island *
island_of(const void *p)
{
	for (int i = 0; i < 2; i++)
		if (page_of(&islands[i], p) < ISLAND)
			return &islands[i];
	ck_abort_msg("a run that is nowhere");
	return NULL;
}

/* Nothing is free.  The memory is only address space: runs.c never reads it. */
static void
setup_runs(void)
{
	char *v;

	setup();
	v = mx_sys_reserve(3 * MX_SLOT, MX_SLOT);
	ck_assert_ptr_nonnull(v);
	islands[0].base = v + MX_SLOT / 2;
	islands[1].base = v + 2 * MX_SLOT - ISLAND / 2 * MX_PAGE;
	ck_assert(mx_pagemap_cover(v, 3 * MX_SLOT));
}

static char *
at(const struct island *is, size_t i)
{
	return is->base + (i << MX_PAGE_SHIFT);
}

/* Pages [I, I + N) become free; DIRTY of them at the front are Ready.  If all are, the
 * run may wait.  */
static void
insert_last(struct island *is, size_t i, size_t n, size_t dirty, uint32_t now)
{
	for (size_t k = 0; k < n; k++) {
		expect(is->page[i + k] == TAKEN);
		is->page[i + k] = k < dirty ? DIRTY : CLEAN;
	}
	if (dirty > 0)
		mx_pagemap_mark_ready(at(is, i), dirty, true);
	mx_pagemap_mark_ready(at(is, i + dirty), n - dirty, false);
	mx_runs_insert(at(is, i), n, dirty, now);
}

/* And it does not wait.  */
static void
insert(struct island *is, size_t i, size_t n, size_t dirty, uint32_t now)
{
	insert_last(is, i, n, dirty, now);
	mx_runs_settle();
}

/* S was taken: what it says must be so.  */
static void
took(const struct mx_span *s)
{
	struct island *is = island_of(s->base);
	size_t i = page_of(is, s->base);
	size_t dirty = 0;

	expect(s->state == MX_SPAN_BUSY);
	expect(s == mx_pagemap_record(s->base));
	expect(i + s->pages <= ISLAND);
	for (size_t k = i; k < i + s->pages; k++) {
		expect(is->page[k] != TAKEN);
		dirty += is->page[k] == DIRTY;
		is->page[k] = TAKEN;
	}
	expect_eq(s->dirty, dirty);
}

/* The longest free run from page I of the model on; *DIRTY of it are.  */
static size_t
model_run(const struct island *is, size_t i, size_t *dirty)
{
	size_t n = 0;

	for (*dirty = 0; i + n < ISLAND && is->page[i + n] != TAKEN; n++)
		*dirty += is->page[i + n] == DIRTY;
	return n;
}

/* Milliseconds of the random tests: steps of different lengths, and the clock may
 * come to its end.  */
static uint32_t clock_start, clock_pace;

static uint32_t
now_random(void)
{
	return clock_start + (uint32_t)property.step * clock_pace;
}

/* The records say what the model says: joined runs, and lengths at both ends. */
static void
expect_same(void)
{
	size_t n, dirty, all_dirty = 0;
	uint32_t stamp, oldest = 0;

	for (const struct island *is = islands; is < islands + 2; is++) {
		for (size_t i = 0; i < ISLAND; i += n) {
			const struct mx_span *s = mx_pagemap_record(at(is, i));
			const struct mx_span *end;

			n = model_run(is, i, &dirty);
			all_dirty += dirty;
			if (n == 0) {
				expect(s->state != MX_SPAN_FREE &&
				    s->state != MX_SPAN_FREE_END);
				n = 1;
				continue;
			}
			end = mx_pagemap_record(at(is, i + n - 1));
			expect(s->state == MX_SPAN_FREE);
			expect(s->base == at(is, i));
			expect_eq(s->pages, n);
			expect_eq(s->dirty, dirty);
			if (dirty > 0 && (all_dirty == dirty ||
			    (int32_t)(s->stamp - oldest) < 0))
				oldest = s->stamp;
			expect(s == end || end->state == MX_SPAN_FREE_END);
			expect_eq(end->pages, n);
		}
	}
	expect(mx_runs_oldest(&stamp) == (all_dirty > 0));
	/* Of 128 ms as well as of what is older than about 2 s all are alike.  */
	expect(all_dirty == 0 || stamp / 128 == oldest / 128 ||
	    now_random() - stamp > 14 * 128);
}

/* Is there a place for PAGES at a multiple of ALIGN?  */
static bool
model_fits(size_t pages, size_t align)
{
	size_t n, dirty;

	for (const struct island *is = islands; is < islands + 2; is++)
		for (size_t i = 0; i < ISLAND; i++) {
			n = model_run(is, i, &dirty);
			if (n >= pages && mx_is_aligned((uintptr_t)at(is, i),
			    align))
				return true;
		}
	return false;
}

/* Everything is one run, and then nothing is there.  */
static void
expect_all_joined(void)
{
	struct mx_span *s;

	for (struct island *is = islands; is < islands + 2; is++)
		for (size_t i = 0; i < ISLAND; i++)
			if (is->page[i] == TAKEN)
				insert(is, i, 1, 1, 0);
	expect_same();
	for (int i = 0; i < 2; i++) {
		s = mx_runs_take(ISLAND, MX_PAGE);
		expect(s != NULL);
		took(s);
	}
	expect(mx_runs_take(1, MX_PAGE) == NULL);
	expect(mx_runs_take_oldest() == NULL);
}

START_TEST(test_empty)
{
	uint32_t stamp;

	ck_assert_ptr_null(mx_runs_take(1, MX_PAGE));
	ck_assert_ptr_null(mx_runs_take_at(islands[0].base, 1));
	ck_assert_ptr_null(mx_runs_take_at((char *)&stamp, 1));
	ck_assert_ptr_null(mx_runs_take_oldest());
	ck_assert(!mx_runs_oldest(&stamp));
	expect_same();
}
END_TEST

/* A gap is closed from the left, from the right and from both sides.  */
START_TEST(test_join)
{
	struct island *is = &islands[1];
	static const size_t order[][3] = {
		{ 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 }, { 1, 2, 0 },
		{ 2, 0, 1 }, { 2, 1, 0 }
	};
	size_t n = (size_t)1 << _i / 6;

	for (int i = 0; i < 3; i++) {
		insert(is, order[_i % 6][i] * n, n, (size_t)i % (n + 1), 0);
		expect_same();
	}
	took(mx_runs_take(3 * n, MX_PAGE));
	expect_same();
}
END_TEST

/* The shortest that is long enough; in bins of one length and of several.  */
START_TEST(test_best_fit)
{
	static const size_t lengths[] = { 200, 7, 9, 40, 8, 70, 100 };
	static const struct {
		size_t want, from;
	} takes[] = {
		{ 8, 8 }, { 8, 9 }, { 30, 40 }, { 45, 70 }, { 71, 100 },
		{ 101, 200 }
	};
	size_t i = 1;
	struct mx_span *s;

	for (size_t k = 0; k < 7; k++) {
		insert(&islands[0], i, lengths[k], 0, 0);
		i += lengths[k] + 1;
	}
	for (size_t k = 0; k < 6; k++) {
		s = mx_runs_take(takes[k].want, MX_PAGE);
		ck_assert_ptr_nonnull(s);
		ck_assert_uint_eq(s->pages, takes[k].want);
		/* It is cut from the front, and the page before is taken.  */
		for (i = page_of(&islands[0], s->base); ; i++)
			if (i + 1 == ISLAND || model_run(&islands[0], i,
			    &(size_t){ 0 }) == 0)
				break;
		ck_assert_uint_eq(i - page_of(&islands[0], s->base),
		    takes[k].from);
		took(s);
		expect_same();
	}
}
END_TEST

/* Dirty runs go first, even a longer one.  */
START_TEST(test_dirty_first)
{
	struct mx_span *s;

	insert(&islands[0], 10, 4, 0, 0);
	insert(&islands[0], 20, 100, 1, 0);
	s = mx_runs_take(4, MX_PAGE);
	ck_assert_ptr_eq(s->base, at(&islands[0], 20));
	took(s);
	expect_same();
	s = mx_runs_take(4, MX_PAGE);
	ck_assert_ptr_eq(s->base, at(&islands[0], 10));
	took(s);
	expect_same();
}
END_TEST

/* A run that fits is found, however many do not fit are in its bin.  */
START_TEST(test_crowded_bin)
{
	size_t n = (size_t)_i;
	struct mx_span *s;

	for (size_t i = 0; i < 18; i++)
		insert(&islands[0], i * (n + 1), n, 0, 0);
	insert(&islands[1], 0, n + 1, 0, 0);
	s = mx_runs_take(n + 1, MX_PAGE);
	ck_assert_ptr_nonnull(s);
	ck_assert_ptr_eq(s->base, islands[1].base);
}
END_TEST

/* What became free last is taken as it is by who wants as much, although another run
 * would fit, and is joined before anything else happens.  */
START_TEST(test_last)
{
	struct island *is = &islands[0];
	struct mx_span *s;
	uint32_t stamp;

	insert(is, 0, 8, 8, 1);
	insert_last(is, 8, 8, 8, 2);
	s = mx_runs_take(8, MX_PAGE);
	ck_assert_ptr_eq(s->base, at(is, 8));
	took(s);
	expect_same();
	/* Others want more, or another address.  */
	insert_last(is, 8, 8, 8, 2);
	s = mx_runs_take(16, MX_PAGE);
	ck_assert_ptr_nonnull(s);
	ck_assert_ptr_eq(s->base, at(is, 0));
	took(s);
	insert_last(is, 9, 1, 1, 3);
	ck_assert_ptr_null(mx_runs_take(1, 2 * MX_PAGE << mx_log2(ISLAND)));
	expect_same();
	/* Alone, it is the oldest.  */
	took(mx_runs_take_at(at(is, 9), 1));
	insert_last(is, 9, 1, 1, 4);
	ck_assert(mx_runs_oldest(&stamp));
	ck_assert_uint_eq(stamp, 4);
	insert_last(is, 11, 1, 1, 5);
	ck_assert(mx_runs_oldest(&stamp));
	ck_assert_uint_eq(stamp, 4);
	s = mx_runs_take_oldest();
	ck_assert_ptr_eq(s->base, at(is, 9));
	took(s);
	s = mx_runs_take_oldest();
	ck_assert_ptr_eq(s->base, at(is, 11));
	took(s);
	/* With a clean page it does not wait.  */
	insert(is, 0, 8, 8, 1);
	insert_last(is, 9, 8, 7, 6);
	expect_same();
	took(mx_runs_take_at(at(is, 9), 8));
	expect_same();
}
END_TEST

START_TEST(test_take_at)
{
	struct island *is = &islands[0];

	insert(is, 10, 20, 5, 0);
	ck_assert_ptr_null(mx_runs_take_at(at(is, 9), 1));
	ck_assert_ptr_null(mx_runs_take_at(at(is, 11), 1));
	ck_assert_ptr_null(mx_runs_take_at(at(is, 29), 1));
	ck_assert_ptr_null(mx_runs_take_at(at(is, 10), 21));
	took(mx_runs_take_at(at(is, 10), 3));
	expect_same();
	took(mx_runs_take_at(at(is, 13), 17));
	expect_same();
	ck_assert_ptr_null(mx_runs_take_at(at(is, 10), 1));
}
END_TEST

START_TEST(test_oldest)
{
	struct island *is = &islands[0];
	struct mx_span *s;
	uint32_t stamp;

	insert(is, 10, 5, 0, 1);
	insert(is, 20, 5, 1, 2);
	insert(is, 30, 5, 5, 3);
	insert(is, 40, 5, 2, 4);
	ck_assert(mx_runs_oldest(&stamp));
	ck_assert_uint_eq(stamp, 2);
	/* What grows is as old as its dirty pages are on average: 5 here.  */
	insert(is, 25, 1, 1, 7);
	ck_assert(mx_runs_oldest(&stamp));
	ck_assert_uint_eq(stamp, 3);
	/* What is cut keeps its age.  */
	took(mx_runs_take_at(at(is, 30), 2));
	for (uint32_t want = 3; want <= 5; want++) {
		ck_assert(mx_runs_oldest(&stamp));
		ck_assert_uint_eq(stamp, want);
		s = mx_runs_take_oldest();
		ck_assert_uint_gt(s->dirty, 0);
		took(s);
		expect_same();
	}
	ck_assert_ptr_null(mx_runs_take_oldest());
}
END_TEST

/* Ages are told apart wherever the clock stands when the first run comes.  */
START_TEST(test_clock)
{
	struct island *is = &islands[0];
	uint32_t base = (uint32_t)_i << 30;
	struct mx_span *s;

	insert(is, 0, 1, 1, base);
	for (uint32_t i = 1; i <= 20; i++)
		insert(is, 4 * i, 1, 1, base + 1000 + i);
	insert(is, 2, 1, 1, base + 500);
	for (uint32_t want = 0; want <= 500; want += 500) {
		s = mx_runs_take_oldest();
		ck_assert_ptr_nonnull(s);
		ck_assert_uint_eq(s->stamp, base + want);
		took(s);
	}
	expect_same();
}
END_TEST

/* A run of which the clock, which wraps around, thinks that it is yet to come.  */
START_TEST(test_very_old)
{
	struct island *is = &islands[0];

	for (size_t i = 0; i < 6; i++)
		insert(is, 10 * i, 5, 5, (uint32_t)i);
	insert(is, 70, 5, 5, (uint32_t)1 << 30);
	insert(is, 80, 5, 5, (uint32_t)3 << 30);
	insert(is, 90, 5, 5, ((uint32_t)3 << 30) + 1);
	/* From the middle, both ends, and with a rest that stays.  */
	took(mx_runs_take_at(at(is, 20), 5));
	took(mx_runs_take_at(at(is, 0), 2));
	took(mx_runs_take_at(at(is, 70), 2));
	took(mx_runs_take_at(at(is, 30), 5));
	for (int left = 7; left > 0; left--) {
		struct mx_span *s = mx_runs_take_oldest();

		ck_assert_ptr_nonnull(s);
		took(s);
	}
	ck_assert_ptr_null(mx_runs_take_oldest());
}
END_TEST

START_TEST(test_align)
{
	size_t align = MX_PAGE << _i;
	struct mx_span *s;

	insert(&islands[1], 1, ISLAND - 1, 100, 0);
	for (size_t n = 1; ; n += 7) {
		bool fits = model_fits(n, align);

		s = mx_runs_take(n, align);
		ck_assert((s != NULL) == fits);
		if (s == NULL)
			break;
		ck_assert(mx_is_aligned((uintptr_t)s->base, align));
		ck_assert_uint_eq(s->pages, n);
		took(s);
		expect_same();
	}
}
END_TEST

/* Random.  */

static void
random_insert(void)
{
	struct island *is = &islands[property_below(2)];
	size_t i = property_below(ISLAND);
	size_t n = 0, most = 1 + property_size(ISLAND);

	while (i + n < ISLAND && n < most && is->page[i + n] == TAKEN)
		n++;
	if (n > 0)
		insert_last(is, i, n, property_one_in(3) ? 0 :
		    property_below(n + 1), now_random());
}

static void
random_take(void)
{
	size_t n = 1 + property_size(ISLAND / 2);
	size_t align = property_one_in(2) ? MX_PAGE :
	    MX_PAGE << property_below(10);
	bool fits = model_fits(n, align);
	struct mx_span *s = mx_runs_take(n, align);

	expect((s != NULL) == fits);
	if (s == NULL)
		return;
	expect_eq(s->pages, n);
	expect(mx_is_aligned((uintptr_t)s->base, align));
	took(s);
}

static void
random_take_at(void)
{
	struct island *is = &islands[property_below(2)];
	size_t i = property_below(ISLAND), dirty;
	size_t have = model_run(is, i, &dirty);
	size_t n = 1 + property_size(have);
	bool begins = have > 0 && (i == 0 || is->page[i - 1] == TAKEN);
	struct mx_span *s = mx_runs_take_at(at(is, i), n);

	expect((s != NULL) == (begins && have >= n));
	if (s == NULL)
		return;
	expect(s->base == at(is, i) && s->pages == n);
	took(s);
}

/* As the heap does: take the oldest, release a part, put it back.  */
static void
random_release(void)
{
	struct mx_span *s = mx_runs_take_oldest();
	size_t pages;

	if (s == NULL)
		return;
	pages = s->pages;
	took(s);
	if (property_one_in(2))
		insert_last(island_of(s->base), page_of(island_of(s->base),
		    s->base), pages, property_below(s->dirty + 1u),
		    now_random());
}

START_TEST(test_random)
{
	property_start();
	clock_start = _i % 2 == 0 ? 0 : 0u - 2000;
	clock_pace = (const uint32_t[]){ 1, 7, 100, 3000 }[_i / 2];
	for (property_steps(6000)) {
		switch (property_below(8)) {
		case 0:
			random_release();
			break;
		case 1:
			random_take_at();
			break;
		case 2:
		case 3:
		case 4:
			random_take();
			break;
		default:
			random_insert();
			break;
		}
		if (property_one_in(2)) {
			mx_runs_settle();
			expect_same();
		}
	}
	expect_all_joined();
	expect_accounts();
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("runs");
	TCase *tc = tcase_create("all");

	tcase_add_checked_fixture(tc, setup_runs, NULL);
	tcase_set_timeout(tc, 120);
	suite_add_tcase(s, tc);
	tcase_add_test(tc, test_empty);
	tcase_add_loop_test(tc, test_join, 0, 6 * 8);
	tcase_add_test(tc, test_best_fit);
	tcase_add_test(tc, test_dirty_first);
	tcase_add_loop_test(tc, test_crowded_bin, 32, 38);
	tcase_add_test(tc, test_last);
	tcase_add_test(tc, test_take_at);
	tcase_add_test(tc, test_oldest);
	tcase_add_loop_test(tc, test_clock, 0, 4);
	tcase_add_test(tc, test_very_old);
	tcase_add_loop_test(tc, test_align, 0, 12);
	tcase_add_loop_test(tc, test_random, 0, 8);
	return run(s);
}
