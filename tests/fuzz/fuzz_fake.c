/* fuzz_fake.c - the toy kernel for the fuzzing harness: its page size, its rules
 * and its refusals come from the input.
 *
 * SPDX-License-Identifier: MIT  */

#include "fuzz_os.h"

#include <stdlib.h>

#include "fake_pages.h"
#include "sys.h"

static const struct fake_os_options kernels[] = {
	{ .page = 4 * MX_KIB },
	{ .page = 64 * MX_KIB },
	{ .page = 4 * MX_KIB, .aix = true },
	{ .page = 64 * MX_KIB, .aix = true, .disclaim = true },
	{ .page = 4 * MX_KIB, .poison = true },
	{ .page = 64 * MX_KIB, .poison = true, .no_move = true },
	{ .page = 4 * MX_KIB, .prepared_faults = true },
	{ .page = 16 * MX_KIB, .prepared_faults = true, .poison = true },
	{ .page = 4 * MX_KIB, .huge = 2 * MX_MIB },
	{ .page = 16 * MX_MIB },
	{ .page = 4 * MX_KIB, .limit = 300 * MX_MIB }
};

static unsigned long refused;
static bool limited;

void
fuzz_os_start(unsigned which)
{
	struct fake_os_options is =
	    kernels[which % (sizeof kernels / sizeof kernels[0])];

	/* A reset writes all of the toy's records, and nothing of it was used;
	 * so only the options are set.  */
	fake_enter();
	is.trap = true;
	limited = is.limit != 0;
	if (is.limit == 0)
		is.limit = SIZE_MAX;
	fake.is = is;
	fake_leave();
}

void
fuzz_os_refuse(unsigned a, unsigned b)
{
	if (a % 4 == 3) {
		size_t held = FAKE_OS_AREA - fake_os_bytes(FAKE_NONE);

		limited = true;
		fake_os_limit(held + b * MX_MIB / 8 + 1);
		return;
	}
	fake_os_refuse((enum fake_os_call)(b % (FAKE_ANY + 1)),
	    1 + b / 16, a % 2 != 0);
}

void
fuzz_os_refuse_nothing(void)
{
	fake_os_refuse_nothing();
	fake_os_limit(0);
	limited = false;
}

bool
fuzz_os_refused(void)
{
	unsigned long now = fake_os_refused(FAKE_ANY);
	bool any = now != refused || limited;

	refused = now;
	return any;
}

void
fuzz_os_advance(unsigned ms)
{
	fake_os_advance(ms);
}

void
fuzz_os_check(void)
{
	fake_os_check();
	if (mx_sys_account.reserved != fake_os_bytes(FAKE_RESERVED) ||
	    mx_sys_account.prepared != fake_os_bytes(FAKE_PREPARED) ||
	    mx_sys_account.ready != fake_os_bytes(FAKE_READY))
		abort();
}

size_t
fuzz_os_most(void)
{
	return FAKE_OS_AREA / 64;
}

size_t
fuzz_os_budget(void)
{
	return 64 * MX_MIB;
}
