/* check_api.c - unit tests of what the allocation functions mean.
 *
 * check_api_random.c has the random sequences.
 *
 * SPDX-License-Identifier: MIT  */

#include <errno.h>

#include "api.h"
#include "check_caches.h"
#include "check_core.h"
#include "check_pages.h"
#include "check_text.h"
#include "conf.h"
#include "misuse.h"
#include "process.h"
#include "stats.h"

/* Sizes about every edge.  */
static const size_t sizes[] = {
	0, 1, 15, 16, 17, 31, 32, 100, 127, 128, 129, 1000, 4095, 4096, 4097,
	16383, 16384, 16385, 32767, 32768, 32769, 65536, 100000, 1 << 20,
	(1 << 20) + 1, PROPERTY_SLOW < 50 ? 10 << 20 : 2 << 20
};

#define N_SIZES (int)(sizeof sizes / sizeof sizes[0])

/* Requests that no one can serve.  */
static const size_t absurd[] = {
	SIZE_MAX, SIZE_MAX - 15, SIZE_MAX - 4096, (size_t)PTRDIFF_MAX + 1,
	PTRDIFF_MAX, PTRDIFF_MAX - 65536, SIZE_MAX / 4, 2 * FAKE_OS_AREA
};

#define N_ABSURD (int)(sizeof absurd / sizeof absurd[0])

static bool
is_all(const char *p, size_t n, char c)
{
	return n == 0 || (p[0] == c && memcmp(p, p + 1, n - 1) == 0);
}

static void
expect_no_memory(const void *p)
{
	ck_assert_ptr_null(p);
	ck_assert_int_eq(errno, ENOMEM);
	errno = 0;
}

/* Nothing is in use after the program's last free.  */
static void
finish(void)
{
	mx_cache_flush(mx_cache_self);
	expect_heap_is_empty();
}

static void
setup_api(void)
{
	setup();
	mx_process_start();
	errno = 0;
}

START_TEST(test_malloc)
{
	size_t n = sizes[_i];
	char *p = mx_malloc(n);
	char *q = mx_malloc(n);

	ck_assert(p != NULL && q != NULL && p != q);
	ck_assert(mx_is_aligned((uintptr_t)p | (uintptr_t)q, 16));
	if (mx_is_pow2(n) && n <= MX_MIB)
		ck_assert(mx_is_aligned((uintptr_t)p | (uintptr_t)q, n));
	ck_assert_uint_ge(mx_usable_size(p), n);
	memset(p, 7, mx_usable_size(p));
	memset(q, 8, mx_usable_size(q));
	ck_assert(is_all(p, mx_usable_size(p), 7));
	errno = 1234;
	mx_free(p);
	mx_free(q);
	ck_assert_int_eq(errno, 1234);
	finish();
}
END_TEST

START_TEST(test_free_null)
{
	errno = 1234;
	mx_free(NULL);
	ck_assert_int_eq(errno, 1234);
	ck_assert_uint_eq(mx_usable_size(NULL), 0);
}
END_TEST

START_TEST(test_absurd)
{
	size_t n = absurd[_i];
	void *out = &out;
	void *p = mx_malloc(100);
	void *large = mx_malloc(MX_MIB);

	memset(p, 7, 100);
	memset(large, 7, MX_MIB);
	expect_no_memory(mx_malloc(n));
	expect_no_memory(mx_calloc(1, n));
	expect_no_memory(mx_calloc(n, 1));
	expect_no_memory(mx_realloc(NULL, n));
	expect_no_memory(mx_realloc(p, n));
	expect_no_memory(mx_realloc(large, n));
	expect_no_memory(mx_reallocarray(p, n, 1));
	expect_no_memory(mx_aligned_alloc(16, n));
	expect_no_memory(mx_aligned_alloc(64, n));
	expect_no_memory(mx_aligned_alloc(MX_MIB, n));
	expect_no_memory(mx_memalign(100, n));
	expect_no_memory(mx_valloc(n));
	expect_no_memory(mx_pvalloc(n));
	ck_assert_int_eq(mx_posix_memalign(&out, 64, n), ENOMEM);
	ck_assert_int_eq(errno, 0);
	ck_assert_ptr_eq(out, &out);
	/* What is there stays as it is.  */
	ck_assert(is_all(p, 100, 7) && is_all(large, MX_MIB, 7));
	mx_free(p);
	mx_free(large);
	finish();
}
END_TEST

START_TEST(test_calloc)
{
	size_t n = sizes[_i];
	char *p;

	for (int i = 0; i < 3; i++) {
		p = mx_calloc(n, 1);
		ck_assert_ptr_nonnull(p);
		ck_assert(is_all(p, n, 0));
		memset(p, 7, mx_usable_size(p));
		mx_free(p);
		p = mx_calloc(n / 3, 3);
		ck_assert(is_all(p, n / 3 * 3, 0));
		memset(p, 7, mx_usable_size(p));
		mx_free(p);
		if (i == 1)
			(void)mx_trim();
	}
	finish();
}
END_TEST

/* Fresh pages have their first write, if they are few.  */
START_TEST(test_calloc_touches)
{
	char *p = mx_calloc(1, 64 * MX_KIB);

	ck_assert_uint_eq(sysResidentOS(p, 64 * MX_KIB), 64 * MX_KIB);
	ck_assert(is_all(p, 64 * MX_KIB, 0));
	mx_free(p);
	p = mx_calloc(1, MX_MIB);
	ck_assert_uint_lt(sysResidentOS(p, MX_MIB), MX_MIB / 2);
	mx_free(p);
	finish();
}
END_TEST

START_TEST(test_overflow)
{
	void *p = mx_malloc(100);

	expect_no_memory(mx_calloc(SIZE_MAX / 2, 3));
	expect_no_memory(mx_calloc(SIZE_MAX, SIZE_MAX));
	expect_no_memory(mx_calloc((size_t)1 << 32, (size_t)1 << 32));
	expect_no_memory(mx_reallocarray(p, (size_t)1 << 32,
	    (size_t)1 << 32));
	expect_no_memory(mx_reallocarray(NULL, 3, SIZE_MAX / 2));
	ck_assert_ptr_nonnull(mx_calloc(0, SIZE_MAX));
	ck_assert_ptr_nonnull(mx_reallocarray(p, 10, 20));
}
END_TEST

/* From every size to every size, contents kept.  */
START_TEST(test_realloc)
{
	for (int k = 0; k < N_SIZES; k++) {
		size_t from = sizes[_i], to = sizes[k];
		char *p = mx_malloc(from);

		memset(p, 7, from);
		p = mx_realloc(p, to);
		if (to == 0) {
			/* As glibc does: freed.  */
			ck_assert_ptr_null(p);
			continue;
		}
		ck_assert_ptr_nonnull(p);
		ck_assert_uint_ge(mx_usable_size(p), to);
		ck_assert(is_all(p, mx_min(from, to), 7));
		memset(p, 8, mx_usable_size(p));
		mx_free(p);
	}
	finish();
}
END_TEST

/* All that usable_size said may be used, and is kept by realloc.  */
START_TEST(test_realloc_usable)
{
	for (int k = 0; k < N_SIZES; k++) {
		char *p = mx_malloc(sizes[_i]);
		size_t usable = mx_usable_size(p);

		memset(p, 7, usable);
		p = mx_realloc(p, sizes[k] + 1);
		ck_assert(is_all(p, mx_min(usable, sizes[k] + 1), 7));
		mx_free(p);
	}
	finish();
}
END_TEST

START_TEST(test_realloc_null)
{
	char *p = mx_realloc(NULL, 100);

	ck_assert_uint_ge(mx_usable_size(p), 100);
	ck_assert_ptr_nonnull(mx_realloc(NULL, 0));
}
END_TEST

/* A small change stays in place; a large shrink gives memory back.  */
START_TEST(test_realloc_in_place)
{
	char *p = mx_malloc(1000);
	char *q;
	size_t used;

	ck_assert_ptr_eq(mx_realloc(p, 1024), p);
	ck_assert_ptr_eq(mx_realloc(p, 600), p);
	q = mx_realloc(p, 100);
	ck_assert_uint_lt(mx_usable_size(q), 200);
	mx_free(q);
	p = mx_malloc(10 * MX_MIB);
	used = mx_heap_account.used;
	ck_assert_ptr_eq(mx_realloc(p, MX_MIB), p);
	ck_assert_uint_lt(mx_heap_account.used, used / 5);
	ck_assert_ptr_eq(mx_realloc(p, 9 * MX_MIB), p);
	mx_free(p);
	finish();
}
END_TEST

/* A large block that can't grow where it is: pages move, or bytes are copied.  */
static char *
grow_walled(void)
{
	char *p = mx_malloc(3 * MX_MIB);
	char *wall = mx_malloc(3 * MX_MIB);
	char *q;

	if (wall < p) {
		q = p;
		p = wall;
		wall = q;
	}
	ck_assert_ptr_eq(p + 3 * MX_MIB, wall);
	memset(p, 7, 3 * MX_MIB);
	q = mx_realloc(p, 5 * MX_MIB);
	ck_assert_ptr_ne(q, p);
	ck_assert(is_all(q, 3 * MX_MIB, 7));
	memset(q, 8, 5 * MX_MIB);
	mx_free(wall);
	return q;
}

START_TEST(test_realloc_moves)
{
	if (_i == 1)
		mx_conf.move = false;
	if (_i == 2)
		fake_os_refuse(FAKE_MOVE, 1, true);
	mx_free(grow_walled());
	ck_assert_uint_eq(fake_os_calls(FAKE_MOVE), _i != 1);
	finish();
}
END_TEST

/* Where pages are at hand a short block is copied to them.  */
START_TEST(test_realloc_copies)
{
	size_t n = (_i == 0 ? 4 : 5) * MX_MIB;
	char *p = mx_malloc(n);
	char *walls[2], *at_hand;

	mx_conf.dirty_min = 8 * MX_MIB;
	walls[0] = mx_malloc(MX_MIB);
	at_hand = mx_malloc(n + MX_MIB);
	walls[1] = mx_malloc(MX_MIB);
	memset(p, 7, n);
	mx_free(at_hand);
	ck_assert_ptr_eq(mx_realloc(p, n + MX_MIB), at_hand);
	ck_assert_uint_eq(fake_os_calls(FAKE_MOVE), (size_t)_i);
	ck_assert(is_all(at_hand, n, 7));
	mx_free(at_hand);
	mx_free(walls[0]);
	mx_free(walls[1]);
	finish();
}
END_TEST

/* Linux can unmap where a block was to move, and then refuse to move it.  */
START_TEST(test_realloc_breaks)
{
	size_t n = 3 * MX_MIB;
	char *p;
	void *wall;

	options.move_breaks = true;
	start();
	mx_process_start();
	mx_conf.secure = _i;
	p = mx_malloc(n);
	wall = mx_malloc(MX_MIB);
	memset(p, 7, n);
	fake_os_refuse(FAKE_MOVE, 1, true);
	expect_no_memory(mx_realloc(p, 2 * n + 12345));
	ck_assert(is_all(p, n, 7));
	ck_assert_uint_eq(fake_os_calls(FAKE_MOVE), 1);
	fake_os_refuse_nothing();
	p = mx_realloc(p, 3 * n);
	ck_assert_ptr_nonnull(p);
	ck_assert(is_all(p, n, 7));
	mx_free(p);
	mx_free(wall);
	expect_accounts();
}
END_TEST

START_TEST(test_trim)
{
	void *p = mx_malloc(MX_MIB);
	void *q = mx_malloc(100);

	mx_free(p);
	mx_free(q);
	errno = 1234;
	ck_assert_int_eq(mx_trim(), 1);
	ck_assert_int_eq(mx_trim(), 0);
	ck_assert_int_eq(errno, 1234);
	ck_assert_uint_eq(mx_heap_account.used | mx_heap_account.dirty, 0);
	expect_heap_is_empty();
}
END_TEST

/* What a thread that ended has left serves before a request fails.  */
START_TEST(test_left_by_thread)
{
	struct mx_cache *cache = new_cache();
	void *p;

	for (unsigned c = 0; c < 4; c++)
		put(cache, take(cache, c));
	mx_cache_delete(cache);
	ck_assert_uint_gt(mx_heap_account.used, 0);
	fake_os_refuse(FAKE_ANY, 1, true);
	p = mx_malloc(100000);
	ck_assert_ptr_nonnull(p);
	fake_os_refuse_nothing();
	ck_assert_ptr_eq(cache->span[0], &mx_cache_no_span);
	mx_free(p);
	finish();
}
END_TEST

/* Pointers of others.  */

static int asked, freed, resized, measured;
static char theirs[100] MX_ALIGNED(16);

static void
their_free(void *p)
{
	freed += p == theirs;
}

static void *
their_realloc(void *p, size_t n)
{
	resized += p == theirs && n == 55;
	return NULL;
}

static size_t
their_size(void *p)
{
	measured += p == theirs;
	return sizeof theirs;
}

static void
find_next(struct mx_api_next *next)
{
	asked++;
	errno = 99;
	*next = (struct mx_api_next){ their_free, their_realloc, their_size };
}

START_TEST(test_foreign)
{
	mx_api_find_next = find_next;
	mx_free(mx_malloc(1));
	ck_assert_int_eq(asked, 0);
	errno = 1234;
	mx_free(theirs);
	ck_assert_int_eq(errno, 1234);
	ck_assert_int_eq(freed, 1);
	ck_assert_ptr_null(mx_realloc(theirs, 55));
	ck_assert_int_eq(resized, 1);
	ck_assert_uint_eq(mx_usable_size(theirs), sizeof theirs);
	ck_assert_int_eq(measured, 1);
	ck_assert_int_eq(asked, 1);
	ck_assert_uint_ge(mx_stats_foreign, 1);
}
END_TEST

START_TEST(test_foreign_alone)
{
	ck_assert_uint_eq(mx_usable_size(theirs), 0);
	ck_assert_uint_eq(mx_usable_size((void *)(UINTPTR_MAX - 15)), 0);
}
END_TEST

/* What no allocator can have given is told, and given to none.  */
START_TEST(test_foreign_misuse)
{
	static const struct {
		enum mx_where where;
		const char *line;
	} cases[] = {
		{ MX_WHERE_STACK, "memaix: M008 free(0x" },
		{ MX_WHERE_STATIC, "memaix: M009 free(0x" },
		{ MX_WHERE_UNMAPPED, "memaix: M010 free(0x" },
		{ MX_WHERE_UNKNOWN, "memaix: M007 free(0x" }
	};

	fake_os_where(cases[_i].where);
	mx_api_find_next = find_next;
	mx_free(mx_malloc(1));
	mx_conf.on_misuse = MX_CONF_REPORT;
	text_divert();
	mx_free(theirs + (cases[_i].where == MX_WHERE_UNKNOWN));
	ck_assert_ptr_null(mx_realloc(theirs + 8, 55));
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_uint_eq(mx_usable_size(theirs + 8), 0);
	text_restore();
	text_has(cases[_i].line);
	ck_assert_int_eq(text_lines(), 3);
	ck_assert_int_eq(freed + resized + measured, 0);
	ck_assert_uint_eq(mx_misuse_count, 3);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("api");
	TCase *tc = tcase_create("all");

	tcase_add_checked_fixture(tc, setup_api, NULL);
	tcase_set_timeout(tc, 300);
	suite_add_tcase(s, tc);
	tcase_add_loop_test(tc, test_malloc, 0, N_SIZES);
	tcase_add_test(tc, test_free_null);
	tcase_add_loop_test(tc, test_absurd, 0, N_ABSURD);
	tcase_add_loop_test(tc, test_calloc, 0, N_SIZES);
	tcase_add_test(tc, test_calloc_touches);
	tcase_add_test(tc, test_overflow);
	tcase_add_loop_test(tc, test_realloc, 0, N_SIZES);
	tcase_add_loop_test(tc, test_realloc_usable, 0, N_SIZES);
	tcase_add_test(tc, test_realloc_null);
	tcase_add_test(tc, test_realloc_in_place);
	tcase_add_loop_test(tc, test_realloc_moves, 0, 3);
	tcase_add_loop_test(tc, test_realloc_copies, 0, 2);
	tcase_add_test(tc, test_trim);
	tcase_add_test(tc, test_left_by_thread);
	tcase_add_test(tc, test_foreign);
	tcase_add_test(tc, test_foreign_alone);
	tcase_add_loop_test(tc, test_foreign_misuse, 0, 4);
	tc = add_case(s, "broken");
	tcase_add_loop_test(tc, test_realloc_breaks, 0, 2);
	return run(s);
}
