/* check_misuse.c - unit tests of misuse.h.
 *
 * Who finds which misuse is in check_api.c and misuse.sh.
 *
 * SPDX-License-Identifier: MIT  */

#include <errno.h>
#include <signal.h>

#include "check_caches.h"
#include "check_text.h"
#include "misuse.h"

static const struct {
	enum mx_message message;
	const char *brief;
} briefs[] = {
#define BRIEF(number, name, brief, full) { MX_MESSAGE_##name, brief },
	MX_MESSAGES(BRIEF)
};

#define N_BRIEFS (int)(sizeof briefs / sizeof briefs[0])

/* A line of its own, `%p' being the pointer.  */
static void
report(enum mx_message message, const void *p, const struct mx_span *s,
    const struct mx_cache *self)
{
	mx_conf.on_misuse = MX_CONF_REPORT;
	errno = 1234;
	text_divert();
	mx_misuse(message, "free", p, s, self);
	text_restore();
	ck_assert_int_eq(errno, 1234);
	ck_assert_uint_eq(text_lines(), 1);
}

START_TEST(test_message)
{
	char want[300];

	report(briefs[_i].message, (void *)(uintptr_t)0xabc0, NULL, NULL);
	snprintf(want, sizeof want, "memaix: M%03d free(0xabc0): %s; "
	    "'memaix explain M%03d' tells more\n", (int)briefs[_i].message,
	    briefs[_i].brief, (int)briefs[_i].message);
	ck_assert_str_eq(text, want);
	ck_assert_uint_eq(mx_misuse_count, 1);
}
END_TEST

START_TEST(test_small)
{
	struct mx_cache *cache = new_cache();
	char *p = take(cache, 5);
	const struct mx_span *s = mx_pagemap_get(p);
	char want[100];

	report(MX_MESSAGE_INTERIOR, p + 7, s, cache);
	snprintf(want, sizeof want, ": byte 7 of block %u, in use (%zu "
	    "bytes each, class 5) of the span at ", (unsigned)mx_span_index(s,
	    (size_t)(p - s->base)), mx_class_size(5));
	text_has(want);
	text_has("owned by this thread;");
	report(MX_MESSAGE_INTERIOR, p + 7, s, new_cache());
	text_has("owned by another thread;");
	/* It is on a list of free blocks, and its mark is not that of one.  */
	report(MX_MESSAGE_LIST_DAMAGED, p, s, cache);
	snprintf(want, sizeof want, ": byte 0 of block %u (%zu bytes each",
	    (unsigned)mx_span_index(s, (size_t)(p - s->base)),
	    mx_class_size(5));
	text_has(want);
	put(cache, p);
	report(MX_MESSAGE_DOUBLE_FREE, p, s, cache);
	text_has(MX_CHECKS ? ", free (" : ": byte 0 of block ");
}
END_TEST

START_TEST(test_large)
{
	bool zero = false;
	struct mx_span *s = mx_heap_take_large(500000, 16, &zero);

	ck_assert_ptr_nonnull(s);
	report(MX_MESSAGE_INTERIOR, s->base + 4711, s, NULL);
	text_has(": byte 4711 of a block of 500000 at ");
	text_has(", in use;");
}
END_TEST

START_TEST(test_size)
{
	mx_conf.on_misuse = MX_CONF_REPORT;
	text_divert();
	mx_misuse_size("free_sized", (void *)(uintptr_t)0xabc0, 77, NULL,
	    NULL);
	text_restore();
	text_has("memaix: M006 free_sized(0xabc0, 77): the size is not ");
	ck_assert_uint_eq(mx_misuse_count, 1);
}
END_TEST

/* What happens unless the option says otherwise.  */
START_TEST(test_abort)
{
	mx_misuse(MX_MESSAGE_DOUBLE_FREE, "free", NULL, NULL, NULL);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("misuse");
	TCase *tc = add_case(s, "report");

	tcase_add_loop_test(tc, test_message, 0, N_BRIEFS);
	tcase_add_test(tc, test_small);
	tcase_add_test(tc, test_large);
	tcase_add_test(tc, test_size);
	tc = add_case(s, "abort");
	tcase_add_test_raise_signal(tc, test_abort, SIGABRT);
	return run(s);
}
