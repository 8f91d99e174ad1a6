/* check_fake.h - what the tests of the toy kernel share.
 *
 * Owns: the options of the running test.  For check_fake_*.c alone.
 *
 * SPDX-License-Identifier: MIT  */

#ifndef CHECK_FAKE_H
#define CHECK_FAKE_H

#include <check.h>
#include <string.h>
#include <unistd.h>

#include "fake_os.h"

static struct fake_os_options options;
static size_t page;

static inline void
start(void)
{
	fake_os_reset(&options);
	page = sysPageSizeOS();
}

static inline void
setup(void)
{
	memset(&options, 0, sizeof options);
	start();
}

/* Can the byte at V be read?  The kernel's own answer, without a signal.  */
static inline bool
is_readable(const volatile void *v)
{
	int fd[2];
	bool good;

	ck_assert_int_eq(pipe(fd), 0);
	good = write(fd[1], (const void *)(uintptr_t)v, 1) == 1;
	close(fd[0]);
	close(fd[1]);
	return good;
}

static inline bool
is_all(const char *v, size_t n, char c)
{
	return n == 0 || (v[0] == c && memcmp(v, v + 1, n - 1) == 0);
}

static inline void
assert_bytes(size_t reserved, size_t prepared, size_t ready)
{
	ck_assert_uint_eq(fake_os_bytes(FAKE_RESERVED), reserved);
	ck_assert_uint_eq(fake_os_bytes(FAKE_PREPARED), prepared);
	ck_assert_uint_eq(fake_os_bytes(FAKE_READY), ready);
	ck_assert_uint_eq(fake_os_bytes(FAKE_NONE), FAKE_OS_AREA - reserved -
	    prepared - ready);
}

static inline void
assert_wrong(const char *first, const char *second)
{
	const char *text = fake_os_wrong_text(0);

	ck_assert_uint_eq(fake_os_wrong(), 1);
	ck_assert_ptr_nonnull(text);
	ck_assert_msg(strstr(text, first) != NULL, "%s: no %s", text, first);
	ck_assert_msg(strstr(text, second) != NULL, "%s: no %s", text, second);
	fake_os_forgive();
}

/* N bytes that went to STATE by legal edges.  */
static inline char *
make(enum fake_os_state state, size_t n)
{
	char *v = sysReserveOS(NULL, n);

	ck_assert_ptr_nonnull(v);
	if (state == FAKE_NONE)
		ck_assert_int_eq(sysFreeOS(v, n), 0);
	if (state >= FAKE_PREPARED)
		ck_assert_int_eq(sysMapOS(v, n), 0);
	if (state >= FAKE_READY)
		ck_assert_int_eq(sysUsedOS(v, n), 0);
	ck_assert_int_eq(fake_os_state(v), state);
	return v;
}

/* Do CALL; true when it was done.  */
static inline bool
call_on(enum fake_os_call call, char *v, size_t n)
{
	switch (call) {
	case FAKE_MAP:
		return sysMapOS(v, n) == 0;
	case FAKE_USED:
		return sysUsedOS(v, n) == 0;
	case FAKE_UNUSED:
		return sysUnusedOS(v, n) != MX_RELEASE_KEPT;
	case FAKE_HUGE:
		return sysHugePageOS(v, n) != MX_HUGE_UNSUPPORTED;
	case FAKE_NOHUGE:
		return sysNoHugePageOS(v, n) != MX_HUGE_UNSUPPORTED;
	case FAKE_FAULT:
		return sysFaultOS(v, n) == 0;
	default:
		return sysFreeOS(v, n) == 0;
	}
}

#endif /* CHECK_FAKE_H */
