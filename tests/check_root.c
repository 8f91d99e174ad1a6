/* check_root.c - can everything be found from memaix_root alone?
 *
 * A reader that knows HACKING, "The root record", and no header of the core but
 * root.h.  It reads through words and offsets, as it would in a core file, and
 * has to come to what was allocated.
 *
 * SPDX-License-Identifier: MIT  */

#include <memaix.h>

#include "api.h"
#include "check_core.h"
#include "process.h"
#include "root.h"

static const struct mx_root *const root = &memaix_root;

static const char *
pointer(const void *p)
{
	const char *v;

	memcpy(&v, p, sizeof v);
	return v;
}

static size_t
word(const void *p)
{
	return (size_t)(uintptr_t)pointer(p);
}

static uint32_t
half(const void *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof v);
	return v;
}

/* The slot of the address A, NULL if there is none.  */
static const char *
slot_of(const char *a)
{
	size_t i = root->slot_count;
	size_t entry;

	for (uint64_t k = 0; k < root->window_count; k++) {
		uint64_t at = (uintptr_t)a - root->window_base[k];

		if (at >> root->window_bits == 0)
			i = ((k << root->window_bits) + at) >>
			    root->slot_shift;
	}
	if (i >= root->slot_count)
		return NULL;
	entry = word((const char *)root->pagemap + i * root->pointer_size);
	if (entry == 0)
		return NULL;
	entry += ((uintptr_t)a >> root->slot_shift <<
	    (root->slot_shift - root->page_shift)) * root->pointer_size;
	return (const char *)(uintptr_t)entry;
}

static size_t
page_of(const char *a)
{
	return (uintptr_t)a >> root->page_shift &
	    (((size_t)1 << (root->slot_shift - root->page_shift)) - 1);
}

static const char *
record_of(const char *a)
{
	size_t i = page_of(a);

	return slot_of(a) + root->slot_span + root->span_size *
	    ((i & ~(size_t)3) | ((i + (i >> 2) + (i >> 5)) & 3));
}

/* The record of the span that holds A, as free would find it.  */
static const char *
span_of(const char *a)
{
	return pointer(slot_of(a) + root->slot_page +
	    page_of(a) * root->pointer_size);
}

/* Blocks by class, large blocks, and bytes, as the reader counts them.  */
static struct {
	size_t blocks[MX_CLASS_COUNT];
	size_t mixed;           /* of any class, in mixed spans */
	size_t large, large_bytes;
	size_t used, free_, dirty, ready;
} seen;

/* Blocks of the list that begins at B are free.  */
static void
take_list(const char *b, unsigned c)
{
	for (; b != root->end; b = pointer(b)) {
		const char *s = span_of(b);

		expect(s != root->none);
		if (s[root->span_state] == 6) {
			seen.mixed--;
			continue;
		}
		expect((unsigned char)s[root->span_class] == c);
		seen.blocks[c]--;
	}
}

static void
read_small(const char *s)
{
	unsigned c = (unsigned char)s[root->span_class];
	size_t size = half(s + root->span_block_size);

	expect(c < root->class_count);
	expect_eq(size, root->class_sizes[c]);
	expect_eq(half(s + root->span_blocks), ((size_t)half(s +
	    root->span_pages) << root->page_shift) / size);
	seen.blocks[c] += half(s + root->span_carved);
	take_list(pointer(s + root->span_local), c);
	if (half(s + root->span_bias) != 0)
		expect((uint32_t)(half(s + root->span_left) +
		    half(s + root->span_bias)) <= half(s + root->span_carved));
}

static bool
bit(const char *words, size_t i)
{
	size_t n = 8 * root->pointer_size;

	return word(words + i / n * root->pointer_size) >> i % n & 1;
}

static void
read_mixed(const char *s)
{
	const char *m = pointer(s + root->span_mixed);
	const char *used = m + root->mixed_bits;
	const char *inner = used + (size_t)half(m + root->mixed_words) *
	    root->pointer_size;

	expect(pointer(s + root->span_owner) == NULL);
	for (size_t i = 0; i < half(s + root->span_blocks); i++)
		seen.mixed += bit(used, i) && !bit(inner, i);
}

static size_t
read_ready(const char *v, size_t pages)
{
	size_t n = 0;

	for (size_t i = 0; i < pages; i++) {
		const char *a = v + (i << root->page_shift);
		uint64_t bits;

		memcpy(&bits, slot_of(a) + root->slot_ready + page_of(a) / 64 *
		    8, 8);
		n += bits >> page_of(a) % 64 & 1;
	}
	return n;
}

/* One run; its length.  */
static size_t
read_run(const char *v)
{
	const char *s = record_of(v);
	size_t pages = half(s + root->span_pages);

	expect(pointer(s + root->span_base) == v);
	seen.ready += read_ready(v, pages);
	switch (s[root->span_state]) {
	case 1:
		expect(span_of(v + (pages << root->page_shift) - 1) == s);
		read_small(s);
		seen.used += pages;
		break;
	case 2:
		expect(span_of(v) == s);
		seen.large++;
		seen.large_bytes += word(s + root->span_bytes);
		seen.used += pages;
		break;
	case 3:
		expect(span_of(v) == root->none);
		seen.free_ += pages;
		seen.dirty += half(s + root->span_dirty);
		break;
	case 6:
		expect(span_of(v + (pages << root->page_shift) - 1) == s);
		read_mixed(s);
		seen.used += pages;
		break;
	default:
		ck_abort_msg("state %d", s[root->span_state]);
	}
	return pages << root->page_shift;
}

static void
read_arenas(void)
{
	const char *a = pointer(root->arenas);

	for (; a != NULL; a = pointer(a + root->arena_next)) {
		const char *base = pointer(a + root->arena_base);
		size_t mapped = word(a + root->arena_mapped);

		expect(word(a + root->arena_size) >= mapped);
		for (size_t at = 0; at < mapped;)
			at += read_run(base + at);
	}
}

/* Free blocks that caches have; the number of caches with a thread.  */
static size_t
read_caches(void)
{
	const char *cache = pointer(root->caches);
	size_t live = 0;

	for (; cache != NULL; cache = pointer(cache + root->cache_next)) {
		live += cache[root->cache_live] != 0;
		for (const char *e = cache + root->cache_pending;
		    e < cache + root->cache_next; e += 4 *
		    root->pointer_size) {
			const char *s = pointer(e);

			if (s != NULL)
				take_list(pointer(e + root->pointer_size),
				    (unsigned char)s[root->span_class]);
		}
	}
	return live;
}

static void
read_all(size_t threads)
{
	const char *account = root->heap_account;
	size_t w = root->pointer_size;

	memset(&seen, 0, sizeof seen);
	read_arenas();
	expect_eq(read_caches(), threads);
	expect_eq(seen.used, word(account));
	expect_eq(seen.dirty, word(account + w));
	expect_eq(seen.large, word(account + 2 * w));
	expect_eq(seen.large_bytes, word(account + 3 * w));
	expect_eq(seen.used + seen.dirty, seen.ready);
}

static void
setup_root(void)
{
	setup();
	mx_process_start();
}

START_TEST(test_head)
{
	ck_assert_mem_eq(root->magic, "MEMAIX\r\n", 8);
	ck_assert_uint_eq(root->version, 5);
	ck_assert_uint_eq(root->size, sizeof *root);
	ck_assert_uint_eq(root->pointer_size, sizeof(void *));
	ck_assert_str_eq(root->library, MEMAIX_VERSION);
	ck_assert_uint_eq((size_t)1 << root->page_shift, 16384);
	ck_assert_uint_eq(root->class_count, MX_CLASS_COUNT);
}
END_TEST

START_TEST(test_empty)
{
	read_all(1);
	ck_assert_uint_eq(seen.used, 0);
	ck_assert_ptr_null(slot_of((const char *)&seen));
}
END_TEST

/* Blocks of all classes and large ones, some free in each of the ways there
 * are; the reader finds those in use.  */
START_TEST(test_count)
{
	enum { N = 4000 };
	static void *all[N];
	struct mx_cache *a = mx_cache_self, *b = mx_cache_new();
	size_t want[MX_CLASS_COUNT] = { 0 };
	size_t large = 0, bytes = 0, n;

	property_start();
	for (int i = 0; i < N; i++) {
		mx_cache_set_self(property_one_in(2) ? a : b);
		n = property_size(property_one_in(100) ? 200000 : 32768);
		all[i] = mx_malloc(n);
		expect(span_of(all[i]) == (char *)mx_pagemap_get(all[i]));
		if (property_one_in(2)) {
			mx_cache_set_self(property_one_in(4) ? a : b);
			mx_free(all[i]);
		} else if (n > MX_CLASS_MAX) {
			large++;
			bytes += n;
		} else {
			want[mx_class_of(n)]++;
		}
	}
	/* What is on its way through an inbox is the one thing that only
	 * cache.c can read.  */
	while (a->inbox != NULL || b->inbox != NULL) {
		mx_cache_flush(a);
		mx_cache_flush(b);
	}
	mx_cache_set_self(b);
	all[0] = mx_malloc(1);
	want[0]++;
	read_all(2);
	for (unsigned c = 0; c < MX_CLASS_COUNT; c++)
		expect_eq(seen.blocks[c], want[c]);
	expect_eq(seen.large, large);
	expect_eq(seen.large_bytes, bytes);
}
END_TEST

/* With blocks in pending and on others' lists.  */
START_TEST(test_on_the_way)
{
	struct mx_cache *a = mx_cache_self, *b = mx_cache_new();
	void *p[30];

	for (int i = 0; i < 30; i++)
		p[i] = mx_malloc(100);
	mx_cache_set_self(b);
	mx_free(mx_malloc(100));
	for (int i = 0; i < 20; i++)
		mx_free(p[i]);
	ck_assert_ptr_null(a->inbox);
	read_all(2);
	ck_assert_uint_eq(seen.blocks[mx_class_of(100)], 10);
}
END_TEST

/* Sparse spans that serve another class.  */
START_TEST(test_mixed)
{
	static void *p[5000];
	unsigned c = mx_class_of(128);

	mx_conf.mixed_min = mx_conf.mixed_percent = 0;
	for (int i = 0; i < 5000; i++)
		p[i] = mx_malloc(128);
	for (int i = 0; i < 5000; i++)
		if (i % 10 != 0)
			mx_free(p[i]);
	for (int i = 0; i < 1000; i++)
		(void)mx_malloc(384);
	read_all(1);
	ck_assert_uint_gt(seen.mixed, 800);
	ck_assert_uint_eq(seen.mixed + seen.blocks[c] +
	    seen.blocks[mx_class_of(384)], 1500);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("root");
	TCase *tc = tcase_create("all");

	tcase_add_checked_fixture(tc, setup_root, NULL);
	tcase_set_timeout(tc, 120);
	suite_add_tcase(s, tc);
	tcase_add_test(tc, test_head);
	tcase_add_test(tc, test_empty);
	tcase_add_loop_test(tc, test_count, 0, 5);
	tcase_add_test(tc, test_on_the_way);
	tcase_add_test(tc, test_mixed);
	return run(s);
}
