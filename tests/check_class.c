/* check_class.c - the laws of the size classes.
 *
 * SPDX-License-Identifier: MIT  */

#include "check_core.h"
#include "class.h"
#include "span.h"

START_TEST(test_fits_and_is_smallest)
{
	for (size_t n = 0; n <= MX_CLASS_MAX; n++) {
		unsigned c = mx_class_of(n);

		expect(c < MX_CLASS_COUNT);
		expect(mx_class_size(c) >= n);
		expect(c == 0 || mx_class_size(c - 1) < n);
	}
}
END_TEST

START_TEST(test_monotone)
{
	for (size_t n = 1; n <= MX_CLASS_MAX; n++)
		expect(mx_class_of(n) >= mx_class_of(n - 1));
	for (unsigned c = 1; c < MX_CLASS_COUNT; c++)
		expect(mx_class_size(c) > mx_class_size(c - 1));
	for (unsigned c = 0; c < MX_CLASS_COUNT; c++)
		expect_eq(mx_class_of(mx_class_size(c)), c);
	ck_assert_uint_eq(mx_class_size(MX_CLASS_COUNT - 1), MX_CLASS_MAX);
}
END_TEST

/* Steps of 16 bytes up to 128, then a rounding of at most a fifth.  */
START_TEST(test_waste_inside)
{
	for (size_t n = 1; n <= MX_CLASS_MAX; n++) {
		size_t size = mx_class_size(mx_class_of(n));

		if (n <= 128)
			expect(size - n < 16);
		else
			expect(size - n < (size + 4) / 5);
	}
}
END_TEST

START_TEST(test_waste_behind)
{
	for (unsigned c = 0; c < MX_CLASS_COUNT; c++) {
		size_t bytes = (size_t)mx_class_pages[c] << MX_PAGE_SHIFT;
		size_t size = mx_class_size(c);

		expect(size % MX_BLOCK_ALIGN == 0);
		expect(bytes / size >= 8);
		expect(bytes % size * 1000 <= bytes * 16);
		expect(mx_class_pages[c] >= 4);
	}
}
END_TEST

/* A power of two is a class of its own: natural alignment rests on it.  */
START_TEST(test_powers)
{
	for (size_t n = 16; n <= MX_CLASS_MAX; n *= 2)
		expect_eq(mx_class_size(mx_class_of(n)), n);
}
END_TEST

/* Division by multiplication is right for each class and every byte of the
 * largest span there can be (an OS page of 16 MiB).  */
START_TEST(test_magic)
{
	uint64_t magic = mx_class_magics[_i];
	size_t unit = mx_class_size((unsigned)_i) / MX_BLOCK_ALIGN;
	size_t x = 0;
	size_t bad = 0;

	for (size_t i = 0; x < 16 * MX_MIB / MX_BLOCK_ALIGN; i++)
		for (size_t k = 0; k < unit; k++, x++)
			bad += (x * magic) >> 31 != i;
	ck_assert_uint_eq(bad, 0);
}
END_TEST

START_TEST(test_index)
{
	struct mx_span s = { .class_ = (uint8_t)_i };
	size_t size = mx_class_size((unsigned)_i);
	size_t bad = 0;

	for (size_t offset = 0; offset < MX_MIB; offset++)
		bad += mx_span_index(&s, offset) != offset / size;
	ck_assert_uint_eq(bad, 0);
}
END_TEST

/* Every offset of a block in its span is then a multiple of ALIGN.  */
START_TEST(test_aligned)
{
	size_t align = (size_t)1 << _i;

	for (size_t n = 0; n <= MX_CLASS_MAX + 100; n++) {
		unsigned c = mx_class_of_aligned(n, align);
		unsigned want = 0;

		while (want < MX_CLASS_COUNT && (mx_class_size(want) < n ||
		    !mx_is_aligned(mx_class_size(want), align)))
			want++;
		/* For nothing any class would do; callers ask for 1.  */
		if (n > 0)
			expect_eq(c, want);
	}
}
END_TEST

START_TEST(test_aligned_ends)
{
	ck_assert_uint_eq(mx_class_of_aligned(1, MX_CLASS_MAX),
	    MX_CLASS_COUNT - 1);
	ck_assert_uint_eq(mx_class_of_aligned(1, 2 * MX_CLASS_MAX),
	    MX_CLASS_COUNT);
	ck_assert_uint_eq(mx_class_of_aligned(SIZE_MAX, 16), MX_CLASS_COUNT);
	ck_assert_uint_eq(mx_class_of_aligned(SIZE_MAX - 14, 4096),
	    MX_CLASS_COUNT);
	ck_assert_uint_eq(mx_class_of_aligned(SIZE_MAX / 2, SIZE_MAX / 2 + 1),
	    MX_CLASS_COUNT);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("class");
	TCase *tc = add_case(s, "laws");

	tcase_add_test(tc, test_fits_and_is_smallest);
	tcase_add_test(tc, test_monotone);
	tcase_add_test(tc, test_waste_inside);
	tcase_add_test(tc, test_waste_behind);
	tcase_add_test(tc, test_powers);
	tcase_add_loop_test(tc, test_magic, 0, MX_CLASS_COUNT);
	tcase_add_loop_test(tc, test_index, 0, MX_CLASS_COUNT);
	tc = add_case(s, "aligned");
	tcase_add_loop_test(tc, test_aligned, 0, 16);
	tcase_add_test(tc, test_aligned_ends);
	return run(s);
}
