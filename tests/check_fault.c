/* check_fault.c - unit tests of the words for an address.
 *
 * tests/fault.sh tests the handler.
 *
 * SPDX-License-Identifier: MIT  */

#include "arena.h"
#include "check_caches.h"
#include "fault.h"
#include "heap.h"
#include "mixed.h"

static char text[1000];

static void
append(void *arg, const char *part, size_t n)
{
	size_t used = strlen(text);

	(void)arg;
	ck_assert_uint_lt(used + n, sizeof text);
	memcpy(text + used, part, n);
	text[used + n] = '\0';
}

static const char *
words(const void *p, bool mapped)
{
	struct mx_out o;

	text[0] = '\0';
	mx_out_init(&o, append, NULL);
	mx_fault_describe(&o, p, mapped);
	mx_out_done(&o);
	return text;
}

#define says(p, what) ck_assert_msg(strstr(words(p, true), what) != NULL, \
	"%p: %s, not %s", (const void *)(p), text, what)

START_TEST(test_outside)
{
	says((void *)12, "a null pointer and 12");
	says((void *)0x5000000, "not memaix's memory; what is mapped there");
	words((void *)0x5000000, false);
	ck_assert_ptr_nonnull(strstr(text, "nothing is there"));
	says((void *)UINTPTR_MAX, "not memaix's memory");
}
END_TEST

START_TEST(test_blocks)
{
	struct mx_span *s = mx_heap_take_small(mx_class_of(100)), *l;
	struct mx_arena *a;
	bool zero = false;

	ck_assert_ptr_nonnull(s);
	says(s->base, "byte 0 of block 0, never handed out (112 bytes each");
	mx_span_set_carved(s, 2);
	mx_block_link((struct mx_block *)(void *)s->base, MX_BLOCK_END,
	    mx_block_key);
	says(s->base + 7, "byte 7 of block 0, free (112 bytes each");
	says(s->base + 113, "byte 1 of block 1, in use (112 bytes each");
	mx_span_set_carved(s, 0);
	l = mx_heap_take_large(100000, MX_PAGE, &zero);
	ck_assert_ptr_nonnull(l);
	says(l->base + 5, "byte 5 of the block of 100000 at");
	says(l->base + 99999, "byte 99999 of the block of 100000 at");
	says(l->base + 100000, "0 bytes past the end of the block of 100000");
	a = mx_arena_list;
	says(a->base + a->mapped + 7, "reserved and not used, 7 bytes");
	says(a->base + a->mapped - 7, "hold no block");
	mx_heap_give(l);
	says(l->base + 5, "hold no block");
}
END_TEST

START_TEST(test_guards)
{
	struct mx_span *s, *l, *m;
	bool zero = false;

	mx_conf.secure = true;
	s = mx_heap_take_small(mx_class_of(100));
	l = mx_heap_take_large(100000, MX_PAGE, &zero);
	m = mx_heap_take_large(3000000, MX_PAGE, &zero);
	ck_assert(s->guard && l->guard && l->lead > 0);
	says(s->base + ((size_t)s->pages << MX_PAGE_SHIFT), "a guard, ");
	says(s->base + ((size_t)s->pages << MX_PAGE_SHIFT), "of the last of");
	says(l->base - 8, "a guard, 8 bytes in front of the block of 100000");
	says(l->base + ((size_t)l->pages << MX_PAGE_SHIFT),
	    "bytes past the end of the block of 100000 at");
	ck_assert(mx_heap_close(m));
	says(m->base + 2999999,
	    "byte 2999999 of the block of 3000000 at");
	ck_assert_ptr_nonnull(strstr(text, "which was freed"));
	says(m->base + ((size_t)m->pages << MX_PAGE_SHIFT), "which was freed");
}
END_TEST

START_TEST(test_mixed)
{
	unsigned small = mx_class_of(48), larger = mx_class_of(384);
	struct mx_span *s = mx_heap_take_small(small);
	const struct mx_block *b;

	mx_span_set_carved(s, 10);
	mx_span_set_out(s, mx_span_all_out(s), 10);
	memset(s->base, 0, 10 * 48);
	ck_assert(mx_mixed_begin(s, small));
	says(s->base + 50, "byte 2 of a block of 48, in use, of the mixed span");
	says(s->base + 10 * 48, "byte 0 of a block of 48, free, of the mixed");
	b = mx_mixed_take(larger, mx_mixed_fitting(larger));
	ck_assert_ptr_ne(b, MX_BLOCK_END);
	says((const char *)b + 100, "byte 100 of a block of 384, in use, of");
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("fault");
	TCase *tc = add_case(s, "words");

	tcase_add_test(tc, test_outside);
	tcase_add_test(tc, test_blocks);
	tcase_add_test(tc, test_guards);
	tcase_add_test(tc, test_mixed);
	return run(s);
}
