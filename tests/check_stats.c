/* check_stats.c - unit tests of the numbers, and of their three printed forms.
 *
 * SPDX-License-Identifier: MIT  */

#include <pthread.h>

#include "api.h"
#include "check_core.h"
#include "check_pages.h"
#include "check_text.h"
#include "process.h"
#include "stats.h"

static struct memaix_stats st;

/* Read, and check what is always so.  */
static void
read_stats(void)
{
	mx_stats_read(&st);
	ck_assert_uint_eq(st.live + st.rounding + st.caches +
	    st.free_in_spans + st.dirty + st.metadata, st.ready);
	ck_assert_uint_eq(st.live, st.live_small + st.live_large);
	ck_assert_uint_le(st.untouched, st.ready);
	ck_assert_uint_eq(st.ready, fake_os_bytes(FAKE_READY));
	ck_assert_uint_eq(st.prepared, fake_os_bytes(FAKE_PREPARED));
	ck_assert_uint_eq(st.reserved, fake_os_bytes(FAKE_RESERVED));
	ck_assert_uint_eq(st.metadata, mx_meta_bytes());
	ck_assert_uint_ge(st.peak_ready, st.ready);
	ck_assert_uint_ge(st.peak_prepared, st.prepared);
	ck_assert_uint_ge(st.peak_reserved, st.reserved);
}

static void
setup_stats(void)
{
	setup();
	mx_process_start();
}

START_TEST(test_nothing)
{
	static const struct memaix_stats none;

	start_on(&kernels[_i]);
	memset(&st, 0xff, sizeof st);
	read_stats();
	ck_assert_uint_eq(st.huge_page, options.huge);
	st.huge_page = 0;
	ck_assert_mem_eq(&st, &none, sizeof st);
}
END_TEST

START_TEST(test_small)
{
	size_t size = mx_class_size((unsigned)_i);
	void *p[3];

	for (int i = 0; i < 3; i++)
		p[i] = mx_malloc(size);
	read_stats();
	ck_assert_uint_eq(st.live_small, 3 * size);
	ck_assert_uint_eq(st.live_large, 0);
	ck_assert_uint_eq(st.spans, 1);
	ck_assert_uint_eq(st.rounding, mx_align_up((size_t)mx_class_pages[_i] <<
	    MX_PAGE_SHIFT, mx_sys_facts.page) % size);
	ck_assert_uint_eq(st.threads, 1);
	mx_free(p[1]);
	read_stats();
	ck_assert_uint_eq(st.live, 2 * size);
	ck_assert_uint_ge(st.caches, size);
	mx_cache_flush(mx_cache_self);
	read_stats();
	ck_assert_uint_eq(st.live, 2 * size);
	ck_assert_uint_eq(st.caches, 0);
	ck_assert_uint_eq(st.spans, 1);
	mx_free(p[0]);
	mx_free(p[2]);
	mx_cache_flush(mx_cache_self);
	read_stats();
	ck_assert_uint_eq(st.live | st.rounding | st.spans |
	    st.free_in_spans, 0);
	ck_assert_uint_gt(st.dirty, 0);
}
END_TEST

/* A sparse span that serves two classes counts what is in use of both.  */
START_TEST(test_mixed)
{
	static char *p[4096];
	struct mx_span *s;
	size_t live = 0;
	uint32_t n;

	mx_conf.mixed_min = mx_conf.mixed_percent = 0;
	for (int i = 0; i < 4096; i++)
		p[i] = mx_malloc(128);
	for (int i = 0; i < 4096; i++)
		if (i % 10 != 0)
			mx_free(p[i]);
		else
			live += 128;
	for (int i = 0; i < 700; i++)
		live += mx_usable_size(mx_malloc(384));
	read_stats();
	ck_assert_uint_eq(st.live_small, live);
	/* Between two looks the record may become that of a span with more.  */
	s = mx_pagemap_get(p[0]);
	ck_assert_uint_eq(s->state, MX_SPAN_MIXED);
	n = s->mixed->free_;
	s->mixed->free_ = UINT32_MAX;
	mx_stats_read(&st);
	ck_assert_uint_lt(st.live_small, live);
	s->mixed->free_ = n;
	mx_cache_flush(mx_cache_self);
	read_stats();
	ck_assert_uint_eq(st.live_small, live);
	ck_assert_uint_eq(st.caches, 0);
	/* 512 blocks of 128 bytes in a span, 170 of 384: eight spans, and two of
	 * the larger class instead of five.  */
	ck_assert_uint_le(st.spans, 10);
}
END_TEST

START_TEST(test_large)
{
	void *p, *q;

	start_on(&kernels[_i]);
	p = mx_malloc(100000);
	q = mx_malloc(10 * MX_MIB);
	read_stats();
	ck_assert_uint_eq(st.live, 100000 + 10 * MX_MIB);
	ck_assert_uint_eq(st.live_large, st.live);
	ck_assert_uint_eq(st.large_blocks, 2);
	ck_assert_uint_eq(st.rounding + st.live,
	    mx_heap_account.used << MX_PAGE_SHIFT);
	p = mx_realloc(p, 100001);
	read_stats();
	ck_assert_uint_eq(st.live, 100001 + 10 * MX_MIB);
	mx_free(q);
	mx_free(p);
	read_stats();
	ck_assert_uint_eq(st.live | st.rounding | st.large_blocks, 0);
	(void)mx_trim();
	read_stats();
	ck_assert_uint_eq(st.released > 0, can_release());
	ck_assert_uint_eq(st.dirty == 0, can_release());
}
END_TEST

/* Ready, but never touched: not in memory.  */
START_TEST(test_untouched)
{
	char *p = mx_malloc(10 * MX_MIB);
	size_t before;

	read_stats();
	before = st.untouched;
	ck_assert_uint_ge(before, 10 * MX_MIB);
	memset(p, 7, 4 * MX_MIB);
	read_stats();
	ck_assert_uint_eq(st.untouched, before - 4 * MX_MIB);
	fake_os_refuse(FAKE_RESIDENT, 1, true);
	read_stats();
	ck_assert_uint_eq(st.untouched, 0);
}
END_TEST

/* A block that another thread freed is no longer live, wherever it is.  */
START_TEST(test_freed_by_other)
{
	struct mx_cache *a = mx_cache_self, *b = mx_cache_new();
	void *p[300];

	for (int i = 0; i < 300; i++)
		p[i] = mx_malloc(128);
	mx_cache_set_self(b);
	for (int i = 0; i < 300; i++) {
		mx_free(p[i]);
		mx_stats_read(&st);
		expect_eq(st.live, (299u - (unsigned)i) * 128);
	}
	read_stats();
	ck_assert_uint_eq(st.threads, 2);
	mx_cache_set_self(a);
	mx_cache_delete(b);
	read_stats();
	ck_assert_uint_eq(st.threads, 1);
	ck_assert_uint_eq(st.live, 0);
}
END_TEST

/* Nor is one that a thread frees after its end has begun.  */
static void *
outlive(void *arg)
{
	void *p[300];
	void **before = arg;

	for (int i = 0; i < 2; i++)
		before[i] = mx_malloc(128);
	fake_os_thread_exit();
	mx_free(before[0]);
	for (int i = 0; i < 300; i++)
		p[i] = mx_malloc(128);
	for (int i = 0; i < 300; i++)
		mx_free(p[i]);
	return NULL;
}

START_TEST(test_after_the_end)
{
	pthread_t t;
	void *before[2];

	ck_assert_int_eq(pthread_create(&t, NULL, outlive, before), 0);
	ck_assert_int_eq(pthread_join(t, NULL), 0);
	/* Nothing waits where nobody would send it, and keeps its span.  */
	ck_assert_uint_eq(mx_cache_shared.pending_bytes, 0);
	mx_free(before[1]);
	read_stats();
	ck_assert_uint_eq(st.threads, 1);
	ck_assert_uint_eq(st.live, 0);
}
END_TEST

static void
take_foreign(void *p)
{
	(void)p;
}

static void
find_next(struct mx_api_next *next)
{
	next->free_ = take_foreign;
}

START_TEST(test_foreign)
{
	static char block[16] MX_ALIGNED(16);

	mx_api_find_next = find_next;
	for (int i = 0; i < 3; i++)
		mx_free(block);
	read_stats();
	ck_assert_uint_eq(st.foreign, 3);
}
END_TEST

/* Printing.  */

static void
print(void (*fn)(struct mx_out *))
{
	struct mx_out o;

	text_clear();
	mx_out_init(&o, text_take, NULL);
	fn(&o);
	mx_out_done(&o);
	read_stats();
}

static void
make_some(void)
{
	for (size_t n = 1; n < 300000; n *= 3)
		mx_free(mx_malloc(n));
	(void)mx_malloc(1000);
	(void)mx_malloc(1000000);
}

static const struct {
	const char *name;
	const size_t *at;
} members[] = {
	{ "live", &st.live }, { "rounding", &st.rounding },
	{ "caches", &st.caches }, { "free_in_spans", &st.free_in_spans },
	{ "dirty", &st.dirty }, { "metadata", &st.metadata },
	{ "ready", &st.ready }, { "untouched", &st.untouched },
	{ "prepared", &st.prepared }, { "reserved", &st.reserved },
	{ "peak_ready", &st.peak_ready }, { "released", &st.released },
	{ "live_small", &st.live_small }, { "live_large", &st.live_large },
	{ "spans", &st.spans }, { "large_blocks", &st.large_blocks },
	{ "threads", &st.threads }, { "foreign", &st.foreign },
	{ "peak_prepared", &st.peak_prepared },
	{ "peak_reserved", &st.peak_reserved },
	{ "huge_page", &st.huge_page }
};

#define N_MEMBERS (sizeof members / sizeof members[0])

_Static_assert(N_MEMBERS == sizeof(struct memaix_stats) / sizeof(size_t),
    "all of them");

/* Every member by name, with its number in front.  */
START_TEST(test_text)
{
	char line[60];

	make_some();
	print(mx_stats_text);
	for (size_t i = 0; i < N_MEMBERS; i++) {
		snprintf(line, sizeof line, " %16zu  %-14s ", *members[i].at,
		    members[i].name);
		text_has(line);
	}
	snprintf(line, sizeof line, "memaix: statistics of process %d ",
	    (int)getpid());
	text_has(line);
}
END_TEST

static const char *
unit_of(const char *name)
{
	return strcmp(name, "spans") == 0 ? "spans" :
	    strcmp(name, "large_blocks") == 0 ? "blocks" :
	    strcmp(name, "threads") == 0 ? "threads" :
	    strcmp(name, "foreign") == 0 ? "pointers" : "bytes";
}

/* One object: "name":value pairs, each name once, and an object of their units.  */
START_TEST(test_json)
{
	char pair[60];
	size_t colons = 0, commas = 0, quotes = 0;
	const char *units;

	make_some();
	print(mx_stats_json);
	ck_assert_uint_eq(text_lines(), 1);
	units = strstr(text, "\"units\":{");
	ck_assert_ptr_nonnull(units);
	units = strchr(units, '{');
	ck_assert(text[0] == '{' && text[text_used - 2] == '}');
	for (const char *p = text; *p != '\0'; p++) {
		colons += *p == ':';
		commas += *p == ',';
		quotes += *p == '"';
		ck_assert(*p != '\\');
		ck_assert(p == text || *p != '{' || p == units);
	}
	/* memaix, schema, pid, huge, resident, rss, units; and units of all but
	 * the first four and the last.  */
	ck_assert_uint_eq(colons, 2 * (N_MEMBERS + 2) + 5);
	ck_assert_uint_eq(commas, colons - 2);
	ck_assert_uint_eq(quotes, 2 * (colons + 2 + N_MEMBERS + 2));
	for (size_t i = 0; i < N_MEMBERS; i++) {
		snprintf(pair, sizeof pair, ",\"%s\":%zu", members[i].name,
		    *members[i].at);
		text_has(pair);
		snprintf(pair, sizeof pair, "\"%s\":\"%s\"", members[i].name,
		    unit_of(members[i].name));
		ck_assert_msg(strstr(units, pair) != NULL, "no %s", pair);
	}
	text_has("{\"memaix\":\"" MEMAIX_VERSION "\",\"schema\":2,");
}
END_TEST

/* What the system gives, and whether it is asked for.  */
START_TEST(test_huge)
{
	const char *what;
	char word[40];

	options.huge = _i & 1 ? 2 * MX_MIB : 0;
	start();
	mx_conf.huge = (size_t)_i / 2;
	what = mx_conf.huge == MX_CONF_FALSE ? "off" : (_i & 1) == 0 ?
	    "unsupported" : mx_conf.huge == MX_CONF_TRUE ? "on" : "auto";
	print(mx_stats_text);
	text_has(_i & 1 ? " 2097152  huge_page " : " 0  huge_page ");
	snprintf(word, sizeof word, " %s  huge ", what);
	text_has(word);
	print(mx_stats_json);
	snprintf(word, sizeof word, ",\"huge\":\"%s\",", what);
	text_has(word);
}
END_TEST

/* Every element that begins ends, inside the one that it began in.  */
START_TEST(test_xml)
{
	const char *open[8];
	size_t depth = 0;

	make_some();
	print(mx_stats_xml);
	for (const char *p = text; (p = strchr(p, '<')) != NULL; p++) {
		const char *end = strchr(p, '>');

		ck_assert_ptr_nonnull(end);
		if (p[1] == '/') {
			ck_assert_uint_gt(depth, 0);
			depth--;
			ck_assert_int_eq(strncmp(p + 2, open[depth] + 1,
			    (size_t)(end - p) - 2), 0);
		} else if (end[-1] != '/') {
			ck_assert_uint_lt(depth, 8);
			open[depth++] = p;
		}
	}
	ck_assert_uint_eq(depth, 0);
	text_has("<malloc version=\"1\">");
	text_has("<heap nr=\"0\">");
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("stats");
	TCase *tc = add_case(s, "kernels");

	tcase_add_loop_test(tc, test_nothing, 0, N_KERNELS);
	tcase_add_loop_test(tc, test_large, 0, N_KERNELS);
	tcase_add_loop_test(tc, test_huge, 0, 6);
	tc = tcase_create("numbers");
	tcase_add_checked_fixture(tc, setup_stats, NULL);
	tcase_set_timeout(tc, 120);
	suite_add_tcase(s, tc);
	tcase_add_loop_test(tc, test_small, 0, MX_CLASS_COUNT);
	tcase_add_test(tc, test_mixed);
	tcase_add_test(tc, test_untouched);
	tcase_add_test(tc, test_freed_by_other);
	tcase_add_test(tc, test_after_the_end);
	tcase_add_test(tc, test_foreign);
	tcase_add_test(tc, test_text);
	tcase_add_test(tc, test_json);
	tcase_add_test(tc, test_xml);
	return run(s);
}
