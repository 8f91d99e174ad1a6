/* check_span.c - unit tests of blocks in a span and of queues of spans.
 *
 * SPDX-License-Identifier: MIT  */

#include "check_core.h"
#include "span.h"

static char memory[MX_MIB] MX_ALIGNED(16384);
static struct mx_span span;

#define KEY 0x1234567u

static void
setup_key(void)
{
	mx_span_init(KEY);
}

/* A span of class C in `memory', of which N blocks were handed out.  */
static void
make_span(unsigned c, uint32_t n)
{
	memset(&span, 0, sizeof span);
	memset(memory, 0, sizeof memory);
	span.base = memory;
	span.class_ = (uint8_t)c;
	span.state = MX_SPAN_SMALL;
	span.pages = mx_class_pages[c];
	mx_span_set_size(&span, mx_class_size(c));
	span.blocks = (uint32_t)(((size_t)span.pages << MX_PAGE_SHIFT) /
	    span.size);
	span.local = MX_BLOCK_END;
	mx_span_set_carved(&span, n);
	mx_span_set_out(&span, mx_span_all_out(&span), span.carved);
}

static struct mx_block *
block(size_t i)
{
	return (struct mx_block *)(void *)(memory + i * span.size);
}

static enum mx_span_answer
push(size_t i)
{
	return mx_span_push(&span, block(i), mx_block_key);
}

/* Blocks [FROM, TO) as a chain.  */
static bool
push_chain(size_t from, size_t to)
{
	uint64_t out = 0;

	for (size_t i = from; i < to; i++) {
		mx_block_link(block(i), i + 1 < to ? block(i + 1) :
		    MX_BLOCK_END, mx_block_key);
		out += mx_span_unit(&span, block(i));
	}
	return mx_span_push_chain(&span, block(from), block(to - 1), out);
}

START_TEST(test_push)
{
	make_span(3, 3);
	ck_assert_int_eq(push(1), MX_SPAN_PUSHED);
	ck_assert_int_eq(push(0), MX_SPAN_PUSHED);
	ck_assert_uint_eq(mx_span_get_left(&span), 1);
	ck_assert_uint_eq(mx_span_get_out(&span),
	    MX_SPAN_ONE + 2 * mx_span_step(&span));
	ck_assert_int_eq(push(2), MX_SPAN_LAST);
	ck_assert_uint_eq(mx_span_get_out(&span), 0);
	ck_assert_ptr_eq(span.local, block(2));
	ck_assert_ptr_eq(block(2)->next, block(0));
	ck_assert_ptr_eq(block(0)->next, block(1));
	ck_assert_ptr_eq(block(1)->next, MX_BLOCK_END);
}
END_TEST

/* What is no start of a block, and what came last, does not come in.  */
START_TEST(test_push_misuse)
{
	make_span(_i, 3);
	ck_assert_int_eq(push(1), MX_SPAN_PUSHED);
	ck_assert_int_eq(push(1), MX_SPAN_MISUSE);
	for (size_t i = 1; i < 2 * span.size; i++)
		if (i % span.size != 0)
			expect_eq(mx_span_push(&span, memory + i,
			    mx_block_key), MX_SPAN_MISUSE);
	ck_assert_uint_eq(mx_span_get_left(&span), 2);
	ck_assert_ptr_eq(span.local, block(1));
	ck_assert_ptr_eq(block(1)->next, MX_BLOCK_END);
}
END_TEST

/* A block that is freed twice, with another between, does not let the span go
 * while one of its blocks is in use.  */
START_TEST(test_push_twice)
{
	make_span(_i, 3);
	ck_assert_int_eq(push(1), MX_SPAN_PUSHED);
	ck_assert_int_eq(push(0), MX_SPAN_PUSHED);
	ck_assert_int_eq(push(1), MX_SPAN_LAST);
	ck_assert_uint_eq(mx_span_get_left(&span), 0);
	ck_assert_uint_ne(mx_span_get_out(&span), 0);
}
END_TEST

/* The count runs out when as many came back as it was told, one by one or in chains,
 * whichever they are; and the sum says all the time what is missing.  */
START_TEST(test_count_down)
{
	const size_t n = 40, stop = (size_t)_i + 1;
	uint64_t sum;

	make_span(0, (uint32_t)n);
	sum = mx_span_all_out(&span);
	ck_assert_uint_eq(mx_span_kept(mx_span_units(&span, (uint32_t)n,
	    n * (n - 1) / 2 * span.size)), sum);
	mx_span_set_out(&span, sum, (uint32_t)stop);
	for (size_t k = 0; k < stop - 1; k++) {
		size_t i = (k * 7 + stop) % n;

		ck_assert_int_eq(push(i), MX_SPAN_PUSHED);
		sum -= mx_span_unit(&span, block(i));
		ck_assert_uint_eq(mx_span_get_out(&span), sum);
		ck_assert_uint_eq(mx_span_get_left(&span), n - 1 - k);
	}
	ck_assert_int_eq(push(((stop - 1) * 7 + stop) % n), MX_SPAN_LAST);
	ck_assert_uint_eq(mx_span_get_left(&span), n - stop);

	make_span(0, (uint32_t)n);
	mx_span_set_out(&span, mx_span_all_out(&span), (uint32_t)stop);
	if (stop > 1)
		ck_assert(!push_chain(0, stop - 1));
	ck_assert(push_chain(stop - 1, n));
	ck_assert_uint_eq(mx_span_get_out(&span), 0);
}
END_TEST

START_TEST(test_marks)
{
	make_span(3, 3);
	ck_assert(!mx_block_is_free(MX_BLOCK_END, mx_block_key));
	ck_assert(!mx_block_is_free(block(0), mx_block_key));
	(void)push(0);
	(void)push(1);
	ck_assert(mx_block_is_free(block(0), mx_block_key));
	ck_assert(mx_block_is_free(block(1), mx_block_key));
	block(1)->next = block(2);
	ck_assert(!mx_block_is_free(block(1), mx_block_key));
	mx_span_init(0);
	ck_assert_uint_ne(mx_block_key, 0);
}
END_TEST

/* While a span is current nobody looks at the count.  */
START_TEST(test_push_current)
{
	make_span(3, 4);
	ck_assert(!mx_span_is_current(&span));
	mx_span_set_current(&span);
	ck_assert(mx_span_is_current(&span));
	for (size_t i = 0; i < 3; i++)
		ck_assert_int_eq(push(i), MX_SPAN_PUSHED);
	ck_assert(!push_chain(3, 4));
	ck_assert_ptr_eq(span.local, block(3));
	ck_assert_ptr_eq(block(3)->next, block(2));
	mx_span_set_out(&span, mx_span_unit(&span, block(2)), 1);
	ck_assert(!mx_span_is_current(&span));
	ck_assert_int_eq(push(2), MX_SPAN_LAST);
}
END_TEST

START_TEST(test_push_chain)
{
	make_span(0, 6);
	ck_assert_int_eq(push(5), MX_SPAN_PUSHED);
	ck_assert(push_chain(0, 5));
	ck_assert_uint_eq(mx_span_get_out(&span), 0);
	ck_assert_ptr_eq(span.local, block(0));
	ck_assert_ptr_eq(block(4)->next, block(5));
	ck_assert_ptr_eq(block(5)->next, MX_BLOCK_END);
	for (size_t i = 0; i < 6; i++)
		ck_assert(mx_block_is_free(block(i), mx_block_key));
}
END_TEST

#ifdef MX_DEBUG
START_TEST(test_push_too_many_dies)
{
	make_span(0, 2);
	(void)push_chain(0, 3);
}
END_TEST
#endif

/* Of all bytes around a span, those where a block begins, and no others.  */
START_TEST(test_is_block)
{
	size_t bytes, bad = 0;

	make_span((unsigned)_i, 0);
	span.base = memory + MX_PAGE;
	bytes = (size_t)span.pages << MX_PAGE_SHIFT;
	for (size_t i = 0; i < bytes + 2 * MX_PAGE; i++) {
		bool inside = i >= MX_PAGE && i - MX_PAGE < bytes;
		size_t offset = i - MX_PAGE;
		bool want = inside && offset % span.size == 0 &&
		    offset / span.size < span.blocks;

		bad += mx_span_is_block(&span, memory + i) != want;
	}
	ck_assert_uint_eq(bad, 0);
	ck_assert(!mx_span_is_block(&span, NULL));
	ck_assert(!mx_span_is_block(&span, (void *)UINTPTR_MAX));
}
END_TEST

/* Of all offsets in a span, those of blocks below N, and no others.  */
START_TEST(test_is_start)
{
	size_t bytes, bad = 0;

	make_span((unsigned)_i, 0);
	bytes = (size_t)span.pages << MX_PAGE_SHIFT;
	for (uint32_t n = 0; n <= span.blocks; n += 1 + n / 2) {
		mx_span_set_carved(&span, n);
		for (size_t i = 0; i < bytes; i++)
			bad += mx_span_is_start(&span, memory + i) !=
			    (i % span.size == 0 && i / span.size < n);
	}
	ck_assert_uint_eq(bad, 0);
	for (size_t i = 0; i < bytes; i++)
		bad += mx_span_is_multiple(&span, i) != (i % span.size == 0);
	ck_assert_uint_eq(bad, 0);
}
END_TEST

/* Nor what lies as far from the span as the addresses that have the same hint
 * (pagemap.h): before it and behind it, as far as user addresses go.  */
START_TEST(test_is_start_far)
{
#if UINTPTR_MAX > 0xffffffffu
	size_t bytes, bad = 0;

	make_span((unsigned)_i, 0);
	bytes = (size_t)span.pages << MX_PAGE_SHIFT;
	mx_span_set_carved(&span, span.blocks);
	for (unsigned log = 0; log < 13; log++)
		for (uintptr_t k = (uintptr_t)1 << log; k < (uintptr_t)2 << log;
		    k += 1 + k / 3) {
			uintptr_t far = k << (MX_PAGE_SHIFT + 21);

			for (size_t i = 0; i < bytes; i += 8) {
				uintptr_t p = (uintptr_t)memory + i;

				bad += mx_span_is_start(&span, (void *)(p + far));
				bad += mx_span_is_start(&span, (void *)(p - far));
			}
		}
	/* Bits that no address has.  */
	for (uintptr_t tag = 1; tag <= 0xffff; tag++) {
		uint32_t q[] = { 0, 1, span.blocks / 2, span.blocks - 1 };

		for (size_t i = 0; i < sizeof q / sizeof q[0]; i++)
			bad += mx_span_is_start(&span, (void *)
			    ((uintptr_t)block(q[i]) ^ tag << 48));
	}
	ck_assert_uint_eq(bad, 0);
	ck_assert(mx_span_is_start(&span, memory));
#endif
}
END_TEST

/* Queues, against an array.  */

#define SPANS 20

static struct mx_span spans[SPANS];
static struct mx_span *model[SPANS];
static size_t used;

static void
expect_queue(const struct mx_span_queue *q)
{
	const struct mx_span *prev = NULL;
	const struct mx_span *s = q->first;

	for (size_t i = 0; i < used; i++) {
		expect(s == model[i]);
		expect(s->prev == prev);
		prev = s;
		s = s->next;
	}
	expect(s == NULL);
	expect(q->last == prev);
}

START_TEST(test_queue)
{
	struct mx_span_queue q = { NULL, NULL };
	struct mx_span *s;
	size_t i;

	property_start();
	for (property_steps(20000)) {
		s = &spans[property_below(SPANS)];
		for (i = 0; i < used && model[i] != s; i++)
			continue;
		if (i == used) {
			mx_span_append(&q, s);
			model[used++] = s;
		} else {
			mx_span_unlink(&q, s);
			expect(s->next == NULL && s->prev == NULL);
			used--;
			memmove(&model[i], &model[i + 1],
			    (used - i) * sizeof model[0]);
		}
		expect_queue(&q);
	}
}
END_TEST

/* The line that strangers read is not the one that the owner writes.  */
START_TEST(test_layout)
{
	ck_assert_uint_eq(sizeof span, MX_CACHE_LINE);
	ck_assert_uint_lt(offsetof(struct mx_span, owner), 64);
	ck_assert_uint_lt(offsetof(struct mx_span, home), 64);
	ck_assert_uint_ge(offsetof(struct mx_span, local), 64);
	ck_assert_uint_ge(offsetof(struct mx_span, left), 64);
	ck_assert_uint_ge(offsetof(struct mx_span, carved), 64);
	ck_assert_uint_le(sizeof(struct mx_block), MX_BLOCK_ALIGN);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("span");
	TCase *tc = add_case(s, "blocks");

	tcase_add_checked_fixture(tc, setup_key, NULL);
	tcase_add_test(tc, test_push);
	tcase_add_loop_test(tc, test_push_misuse, 0, MX_CLASS_COUNT);
	tcase_add_loop_test(tc, test_push_twice, 0, MX_CLASS_COUNT);
	tcase_add_loop_test(tc, test_count_down, 0, 40);
	tcase_add_test(tc, test_marks);
	tcase_add_test(tc, test_push_current);
	tcase_add_test(tc, test_push_chain);
#ifdef MX_DEBUG
	tcase_add_test_raise_signal(tc, test_push_too_many_dies, SIGABRT);
#endif
	tcase_add_loop_test(tc, test_is_block, 0, MX_CLASS_COUNT);
	tcase_add_loop_test(tc, test_is_start, 0, MX_CLASS_COUNT);
	tcase_add_loop_test(tc, test_is_start_far, 0, MX_CLASS_COUNT);
	tc = add_case(s, "queue");
	tcase_add_test(tc, test_queue);
	tcase_add_test(tc, test_layout);
	return run(s);
}
