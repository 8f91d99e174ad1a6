/* check_address.c - unit tests of the order of AIX's addresses in the page map.
 *
 * Pure functions, so they are tested on every system; no emulator here has
 * addresses of 60 bits.
 *
 * SPDX-License-Identifier: MIT  */

#include "check_core.h"

#include "address.h"

#define WINDOW  MX_ADDRESS_AIX_WINDOW
#define MIB     ((uint64_t)1 << 20)

/* Where AIX puts memory that malloc may be given (IBM, truss), and the first
 * address of each window.  */
static const struct {
	uint64_t address;
	uint64_t at;
} ours[] = {
	{ 0x0A00000000000000, 0 },
	{ 0x0A00000008000000, 0x8000000 },
	{ 0x0A00000000000000 + WINDOW - 1, WINDOW - 1 },
	{ 0x0700000000000000, WINDOW },
	{ 0x0700000010000000, WINDOW + 0x10000000 },
	{ 0x0700000000000000 + WINDOW - 1, 2 * WINDOW - 1 },
	{ 0x0000000000000000, 2 * WINDOW },
	{ 0x0000000110000000, 2 * WINDOW + 0x110000000 },
	{ WINDOW - 1, 3 * WINDOW - 1 }
};

/* What else there is: shared memory's and libraries' segments, the stack, and
 * addresses that differ from ours only above bit 47.  */
static const uint64_t others[] = {
	0x0A00000000000000 + WINDOW, 0x09FFFFFFFFFFFFFF, 0x0900000000000000,
	0x0900000010000000, 0x0800000000000000, 0x0700000000000000 + WINDOW,
	0x06FFFFFFFFFFFFFF, 0x0F00000000000000, 0x0FFFFFFFFFFFFF00,
	0x0B00000000000000, 0x0A01000000000000, 0x0701000000000000,
	0x0001000000000000, 0x0001000110000000, 0x1A00000000000000,
	0x8A00000000000000, 0xFFFFFFFFFFFFFFFF, WINDOW
};

START_TEST(test_ours)
{
	ck_assert_uint_eq(mx_address_aix(ours[_i].address), ours[_i].at);
}
END_TEST

START_TEST(test_others)
{
	ck_assert_uint_eq(mx_address_aix(others[_i]), MX_ADDRESS_NONE);
}
END_TEST

/* No two addresses share a place, and neighbours stay neighbours.  */
START_TEST(test_order)
{
	static const uint64_t bases[] = {
		MX_ADDRESS_AIX_NEW, MX_ADDRESS_AIX_OLD, MX_ADDRESS_AIX_BREAK
	};

	property_start();
	for (property_steps(200000)) {
		uint64_t b = property_below(3);
		uint64_t off = property_next() % WINDOW;
		uint64_t a = bases[b] + off;
		uint64_t any = property_next();
		bool inside = any - MX_ADDRESS_AIX_NEW < WINDOW ||
		    any - MX_ADDRESS_AIX_OLD < WINDOW || any < WINDOW;

		expect_eq(mx_address_aix(a), b * WINDOW + off);
		expect_eq(mx_address_aix(any) == MX_ADDRESS_NONE, !inside);
		if (off + MIB < WINDOW)
			expect_eq(mx_address_aix(a + MIB),
			    mx_address_aix(a) + MIB);
	}
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("address");
	TCase *tc = add_case(s, "address");

	tcase_add_loop_test(tc, test_ours, 0,
	    (int)(sizeof ours / sizeof ours[0]));
	tcase_add_loop_test(tc, test_others, 0,
	    (int)(sizeof others / sizeof others[0]));
	tcase_add_test(tc, test_order);
	return run(s);
}
