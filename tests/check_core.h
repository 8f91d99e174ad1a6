/* check_core.h - what the unit tests of the core share: a toy kernel that no one
 * has used, accounts that must agree with it, and the runner.
 *
 * Check forks for each test, so the core's own state is new in each too.
 *
 * SPDX-License-Identifier: MIT  */

#ifndef CHECK_CORE_H
#define CHECK_CORE_H

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "conf.h"
#include "fake_os.h"
#include "property.h"
#include "span.h"
#include "sys.h"

static struct fake_os_options options;

/* Before the first use of anything: the kernel of `options', defaults.  */
static inline void
start(void)
{
	fake_os_reset(&options);
	mx_sys_init();
	mx_span_init(sysRandomOS());
	mx_conf_init(true);
}

static inline void
setup(void)
{
	memset(&options, 0, sizeof options);
	start();
}

/* The kernels that the core must live on, for loop tests.  */
static const struct kernel {
	const char *name;
	struct fake_os_options is;
} kernels[] = {
	{ "4K", { .page = 4 * MX_KIB } },
	{ "16K", { .page = 16 * MX_KIB } },
	{ "64K", { .page = 64 * MX_KIB } },
	{ "16M", { .page = 16 * MX_MIB } },
	{ "AIX 4K", { .page = 4 * MX_KIB, .aix = true } },
	{ "AIX 64K", { .page = 64 * MX_KIB, .aix = true } },
	{ "AIX 64K disclaim",
	    { .page = 64 * MX_KIB, .aix = true, .disclaim = true } },
	{ "AIX 16M", { .page = 16 * MX_MIB, .aix = true, .disclaim = true } },
	{ "lazy", { .poison = true } },
	{ "lazy 64K", { .page = 64 * MX_KIB, .poison = true } },
	{ "strict", { .prepared_faults = true } },
	{ "huge", { .huge = 2 * MX_MIB } },
	{ "limit", { .limit = 2 * MX_GIB } }
};

#define N_KERNELS (int)(sizeof kernels / sizeof kernels[0])

static inline void
start_on(const struct kernel *k)
{
	options = k->is;
	start();
}

/* Does this kernel take pages back?  */
static inline bool
can_release(void)
{
	return !options.aix || options.disclaim;
}

/* sys.c counted what the toy kernel knows, and no call was wrong.  */
static inline void
expect_accounts(void)
{
	fake_os_check();
	expect_eq(mx_sys_account.reserved, fake_os_bytes(FAKE_RESERVED));
	expect_eq(mx_sys_account.prepared, fake_os_bytes(FAKE_PREPARED));
	expect_eq(mx_sys_account.ready, fake_os_bytes(FAKE_READY));
}

static inline TCase *
add_case(Suite *s, const char *name)
{
	TCase *tc = tcase_create(name);

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_set_timeout(tc, 300);
	suite_add_tcase(s, tc);
	return tc;
}

static inline int
run(Suite *s)
{
	SRunner *r = srunner_create(s);
	int failed;

	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* Free pages that may stay, whatever is in use, if they are wanted again.  */
static inline size_t
dirty_least(void)
{
	size_t n = mx_conf.dirty_min;

	if (mx_sys_account.peak_ready <= 4 * n)
		n *= 4;
	return n >> MX_PAGE_SHIFT;
}

#endif /* CHECK_CORE_H */
