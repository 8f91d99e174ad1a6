/* check_heap_random.c - random page runs on every kernel, against a list of what
 * was handed out.
 *
 * SPDX-License-Identifier: MIT  */

#include <errno.h>

#include "check_core.h"
#include "check_pages.h"
#include "heap.h"

#define MOST 200

/* A run that was handed out.  Its pages are marked with the id.  */
static struct live {
	struct mx_span *s;
	char *base;
	size_t pages;
	size_t bytes;           /* 0: small */
	uint64_t id;
} lives[MOST];

static size_t n_lives;
static size_t used;             /* pages */
static size_t large_bytes;
static size_t budget;           /* pages that may be in use at a time */
static bool refusing;           /* this test refuses calls now and then */
static uint64_t last_id;

/* One word in each of up to some hundred pages, and in the last.  */
static size_t
mark_step(size_t bytes)
{
	return mx_max(4096, bytes >> 8);
}

static void
mark(const struct live *l)
{
	size_t bytes = l->pages << MX_PAGE_SHIFT;
	size_t step = mark_step(bytes);

	for (size_t at = 0; at < bytes; at += step)
		*(uint64_t *)(void *)(l->base + at) = l->id + at;
	*(uint64_t *)(void *)(l->base + bytes - 8) = l->id;
}

/* The marks of the first PART bytes are there.  */
static void
expect_marks(const struct live *l, size_t part)
{
	size_t step = mark_step(l->pages << MX_PAGE_SHIFT);

	for (size_t at = 0; at < part; at += step)
		expect(*(uint64_t *)(void *)(l->base + at) == l->id + at);
}

/* BYTES of it, or where marks and junk would be seen.  */
static void
expect_zero(const struct live *l, size_t bytes)
{
	size_t all = mx_min(bytes, MX_MIB);

	expect(l->base[0] == 0 && memcmp(l->base, l->base + 1, all - 1) == 0);
	for (size_t at = all; at < bytes; at += 4096)
		expect(l->base[at] == 0);
	expect(l->base[bytes - 1] == 0);
}

static void
expect_apart(const struct live *l)
{
	const char *end = l->base + (l->pages << MX_PAGE_SHIFT);

	for (const struct live *m = lives; m < lives + n_lives; m++)
		expect(m == l || end <= m->base ||
		    m->base + (m->pages << MX_PAGE_SHIFT) <= l->base);
}

/* S came from the heap; ZERO bytes of it are said to be zero.  */
static void
add(struct mx_span *s, size_t bytes, size_t zero)
{
	struct live *l = &lives[n_lives];

	*l = (struct live){ s, s->base, s->pages, bytes, ++last_id << 32 };
	expect_apart(l);
	expect(mx_is_aligned((uintptr_t)l->base, mx_sys_facts.page));
	expect(mx_is_aligned(l->pages << MX_PAGE_SHIFT, mx_sys_facts.page));
	expect_eq(count_really_ready(l->base, l->pages), l->pages);
	if (zero > 0)
		expect_zero(l, zero);
	mark(l);
	n_lives++;
	used += l->pages;
	large_bytes += bytes;
}

/* NULL is an answer only if the kernel refused something.  */
static void
expect_excuse(unsigned long refused)
{
	expect(errno == ENOMEM);
	expect(fake_os_refused(FAKE_ANY) > refused);
}

static void
random_take(void)
{
	unsigned long refused = fake_os_refused(FAKE_ANY);
	bool is_small = property_one_in(3);
	unsigned c = (unsigned)property_below(MX_CLASS_COUNT);
	size_t n = 1 + property_size(8 * MX_MIB);
	size_t align = property_one_in(2) ? 1 : (size_t)1 <<
	    property_below(25);
	bool wanted = property_one_in(3);
	bool zero = wanted;
	struct mx_span *s;

	if (property_one_in(8))
		n = (size_t)1 << property_below(23);
	errno = 0;
	s = is_small ? mx_heap_take_small(c) :
	    mx_heap_take_large(n, align, &zero);
	if (s == NULL) {
		expect_excuse(refused);
		return;
	}
	expect(is_small || zero || !wanted);
	add(s, is_small ? 0 : n, is_small || !zero ? 0 :
	    wanted ? n : (size_t)s->pages << MX_PAGE_SHIFT);
	expect(is_small || s->bytes == n);
	expect(is_small || mx_is_aligned((uintptr_t)s->base, align));
	if (is_small)
		n = mx_class_size(c);
	if (mx_is_pow2(n) && n <= MX_MIB)
		expect(mx_is_aligned((uintptr_t)s->base, n));
}

static void
expect_bound(void)
{
	if (can_release() && !refusing)
		expect(mx_heap_account.dirty <= dirty_most());
}

static void
give(struct live *l)
{
	expect(l->s->base == l->base && l->s->pages == l->pages);
	expect_marks(l, l->pages << MX_PAGE_SHIFT);
	used -= l->pages;
	large_bytes -= l->bytes;
	mx_heap_give(l->s);
	*l = lives[--n_lives];
	expect_bound();
}

static void
random_resize(void)
{
	struct live *l = &lives[property_below(n_lives)];
	size_t n = property_one_in(2) ? 1 + property_size(8 * MX_MIB) :
	    l->bytes + property_size(MX_MIB);
	struct live old = *l;
	bool done;

	if (l->bytes == 0)
		return;
	done = mx_heap_resize(l->s, n);
	expect(l->s->base == l->base);
	if (!done) {
		expect(l->s->pages == l->pages && l->s->bytes == l->bytes);
		return;
	}
	l->pages = l->s->pages;
	l->bytes = n;
	expect(l->s->bytes == n && l->pages << MX_PAGE_SHIFT >= n);
	expect_apart(l);
	expect_eq(count_really_ready(l->base, l->pages), l->pages);
	expect_marks(&old, 8);
	if (l->pages == old.pages)
		expect_marks(&old, old.pages << MX_PAGE_SHIFT);
	mark(l);
	used += l->pages - old.pages;
	large_bytes += l->bytes - old.bytes;
	if (l->pages < old.pages)
		expect_bound();
}

static void
random_refusal(void)
{
	if (property_one_in(10))
		fake_os_refuse_nothing();
	if (property_one_in(10))
		fake_os_refuse((enum fake_os_call)property_below(FAKE_ANY + 1),
		    1 + (unsigned)property_below(4), property_one_in(3));
}

static void
random_step(void)
{
	if (refusing)
		random_refusal();
	if (property_one_in(100))
		fake_os_advance(property_size(100000));
	/* Huge pages become cheap and dear.  */
	if (property_one_in(50))
		fake_os_step(property_size(100000));
	if (property_one_in(200))
		(void)mx_heap_trim();
	if (n_lives > 0 && property_one_in(4))
		random_resize();
	while (n_lives == MOST || used > budget)
		give(&lives[property_below(n_lives)]);
	if (property_below(MOST) < n_lives)
		give(&lives[property_below(n_lives)]);
	else
		random_take();
	expect_eq(mx_heap_account.used, used);
	expect_eq(mx_heap_account.large_bytes, large_bytes);
	if (property_one_in(32))
		expect_heap();
}

/* Each kernel, without refusals and with them.  */
START_TEST(test_random)
{
	start_on(&kernels[_i % N_KERNELS]);
	refusing = _i >= N_KERNELS;
	property_start();
	mx_conf.arena = (size_t)4 << property_below(9) << 20;
	mx_conf.dirty_min = property_size(64 * MX_MIB);
	mx_conf.dirty_percent = property_size(200);
	mx_conf.huge = property_below(3);
	mx_conf.huge_min = 0;
	budget = (options.limit != 0 ? 256 * MX_MIB : mx_sys_facts.page <
	    MX_MIB ? 512 * MX_MIB : 2 * MX_GIB) >> MX_PAGE_SHIFT;
	for (property_steps(mx_sys_facts.page < MX_MIB ? 1500u : 400u))
		random_step();
	fake_os_refuse_nothing();
	while (n_lives > 0)
		give(&lives[property_below(n_lives)]);
	expect_heap_is_empty();
	(void)mx_heap_trim();
	if (can_release())
		expect_eq(mx_heap_account.dirty, 0);
	expect_heap_is_empty();
}
END_TEST

/* The same work with the N-th call refused, once or from then on, for every N:
 * nothing is lost, and afterwards all works.  */

static void
work_large(void)
{
	bool zero = false;
	struct mx_span *s = mx_heap_take_large(5 * MX_MIB, MX_PAGE, &zero);
	struct live *l = &lives[n_lives];

	if (s == NULL)
		return;
	add(s, 5 * MX_MIB, zero ? 5 * MX_MIB : 0);
	if (mx_heap_resize(s, 9 * MX_MIB)) {
		used += s->pages - l->pages;
		l->pages = s->pages;
		large_bytes += 4 * MX_MIB;
		l->bytes = 9 * MX_MIB;
		mark(l);
	}
	give(l);
}

static void
work(void)
{
	struct mx_span *s;
	bool zero = false;

	s = mx_heap_take_small(7);
	if (s != NULL)
		add(s, 0, 0);
	work_large();
	(void)mx_heap_trim();
	s = mx_heap_take_large(30 * MX_MIB, 2 * MX_MIB, &zero);
	if (s != NULL)
		add(s, 30 * MX_MIB, zero ? 30 * MX_MIB : 0);
	expect_eq(mx_heap_account.used, used);
	expect_eq(mx_heap_account.large_bytes, large_bytes);
	expect_heap();
}

#define MOST_CALLS 40

START_TEST(test_refuse_nth)
{
	start_on(&kernels[_i % 2 ? 2 : 0]);
	refusing = true;
	mx_conf.arena = 16 * MX_MIB;
	mx_conf.dirty_min = 0;
	fake_os_refuse(FAKE_ANY, (unsigned)_i / 4 + 1, _i / 2 % 2);
	work();
	/* This many calls are enough to reach the end.  */
	ck_assert(_i / 4 < MOST_CALLS - 1 || fake_os_refused(FAKE_ANY) == 0);
	fake_os_refuse_nothing();
	work();
	ck_assert_uint_ge(n_lives, 2);
	while (n_lives > 0)
		give(&lives[0]);
	ck_assert(!mx_heap_trim() || mx_heap_account.dirty == 0);
	expect_heap_is_empty();
	expect_eq(mx_heap_account.dirty, 0);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("heap_random");
	TCase *tc = add_case(s, "random");

	tcase_add_loop_test(tc, test_random, 0, 2 * N_KERNELS);
	tc = add_case(s, "refused");
	tcase_add_loop_test(tc, test_refuse_nth, 0, 4 * MOST_CALLS);
	return run(s);
}
