/* sys.c - accounts and edge assertions above the nine primitives.  See sys.h.
 *
 * SPDX-License-Identifier: MIT  */

#include "sys.h"

#include <errno.h>
#include <string.h>

struct mx_sys_account mx_sys_account;
struct mx_sys_facts mx_sys_facts;

/* Large page size: UNKNOWN until asked for, since asking reads two files, which
 * a short-lived process should not pay for.  */
#define HUGE_UNKNOWN SIZE_MAX
static size_t huge_size = HUGE_UNKNOWN;

#define LIMIT_UNALIGNED (SIZE_MAX / 2)

void
mx_sys_init(void)
{
	mx_sys_facts.page = sysPageSizeOS();
	mx_sys_facts.limit = sysLimitOS();
	mx_assert(mx_is_pow2(mx_sys_facts.page));
}

static struct mx_grant grant;
static bool grant_known;        /* atomic */

const struct mx_grant *
mx_sys_grant(void)
{
	/* Two threads may both ask; they are told the same.  */
	if (!mx_load(&grant_known, ACQUIRE)) {
		struct mx_grant g = { 0, 0 };
		int saved = errno;

		sysGrantOS(&g);
		errno = saved;          /* free may be who asks */
		mx_store(&grant.memory, g.memory, RELAXED);
		mx_store(&grant.processors, g.processors, RELAXED);
		mx_store(&grant_known, true, RELEASE);
	}
	return &grant;
}

size_t
mx_sys_granted_memory(void)
{
	return mx_load(&grant.memory, RELAXED);
}

void
mx_sys_choose_source(enum mx_source source)
{
	if (sysSourceOS(source) != 0)
		return;
	mx_sys_facts.page = sysPageSizeOS();
	mx_sys_facts.large = source == MX_SOURCE_LARGE;
}

static void
raise_peak(size_t *peak, size_t value)
{
	size_t old = mx_load(peak, RELAXED);

	while (value > old &&
	    !mx_cas_weak(peak, &old, value, RELAXED, RELAXED))
		continue;
}

static void
move_bytes(size_t *from, size_t *to, size_t n)
{
	if (from != NULL) {
		mx_assert(mx_load(from, RELAXED) >= n);
		mx_sub(from, n, RELAXED);
	}
	if (to != NULL)
		mx_add(to, n, RELAXED);
}

/* One call that has changed a state, or was refused.  */
static void
count_call(bool done)
{
	struct mx_sys_account *a = &mx_sys_account;
	size_t reserved, prepared, ready;

	mx_add(&a->calls, 1, RELAXED);
	if (!done) {
		mx_add(&a->refused, 1, RELAXED);
		return;
	}
	reserved = mx_load(&a->reserved, RELAXED);
	prepared = mx_load(&a->prepared, RELAXED);
	ready = mx_load(&a->ready, RELAXED);
	raise_peak(&a->peak_reserved, reserved);
	raise_peak(&a->peak_prepared, prepared);
	raise_peak(&a->peak_ready, ready);
	raise_peak(&a->peak_held, reserved + prepared + ready);
}

static void
assert_pages(const void *v, size_t n)
{
	mx_assert(n > 0);
	mx_assert(mx_is_aligned((uintptr_t)v, mx_sys_facts.page));
	mx_assert(mx_is_aligned(n, mx_sys_facts.page));
	(void)v;
	(void)n;
}

static void *
reserve(size_t n)
{
	void *v = sysReserveOS(NULL, n);

	if (v != NULL)
		move_bytes(NULL, &mx_sys_account.reserved, n);
	count_call(v != NULL);
	return v;
}

/* Free the part [FROM, TO) of a reservation.  */
static void
trim(uintptr_t from, uintptr_t to)
{
	if (to > from)
		(void)mx_sys_free((void *)from, to - from, 0, 0);
}

void *
mx_sys_reserve(size_t n, size_t align)
{
	size_t page = mx_sys_facts.page;
	uintptr_t base, v;

	n = mx_align_up(n, page);
	if (align <= page)
		return reserve(n);
	if (n > LIMIT_UNALIGNED || align > LIMIT_UNALIGNED) {
		errno = ENOMEM;
		return NULL;
	}
	base = (uintptr_t)reserve(n + align - page);
	if (base == 0)
		return NULL;
	v = mx_align_up(base, align);
	trim(base, v);
	trim(v + n, base + n + align - page);
	return (void *)v;
}

int
mx_sys_map(void *v, size_t n)
{
	int e;

	assert_pages(v, n);
	e = sysMapOS(v, n);
	if (e == 0)
		move_bytes(&mx_sys_account.reserved, &mx_sys_account.prepared,
		    n);
	count_call(e == 0);
	return e;
}

int
mx_sys_used(void *v, size_t n)
{
	int e;

	assert_pages(v, n);
	e = sysUsedOS(v, n);
	if (e == 0) {
		move_bytes(&mx_sys_account.prepared, &mx_sys_account.ready, n);
		raise_peak(&mx_sys_account.peak_ready,
		    mx_load(&mx_sys_account.ready, RELAXED));
	}
	return e;
}

enum mx_release
mx_sys_release(void *v, size_t n)
{
	enum mx_release r;
	int saved = errno;

	assert_pages(v, n);
	r = sysUnusedOS(v, n);
	errno = saved;          /* the one call that free makes */
	if (r == MX_RELEASE_LAZY)
		mx_store(&mx_sys_facts.lazy, true, RELAXED);
	if (r == MX_RELEASE_KEPT)
		count_call(false);
	return r;
}

void
mx_sys_released(size_t n)
{
	mx_add(&mx_sys_account.released, n, RELAXED);
	move_bytes(&mx_sys_account.ready, &mx_sys_account.prepared, n);
	count_call(true);
}

enum mx_release
mx_sys_unused(void *v, size_t n)
{
	enum mx_release r = mx_sys_release(v, n);

	if (r != MX_RELEASE_KEPT)
		mx_sys_released(n);
	return r;
}

int
mx_sys_fault(void *v, size_t n)
{
	int e;

	assert_pages(v, n);
	e = sysFaultOS(v, n);
	if (e == 0)
		move_bytes(&mx_sys_account.ready, &mx_sys_account.reserved, n);
	count_call(e == 0);
	return e;
}

int
mx_sys_free(void *v, size_t n, size_t prepared, size_t ready)
{
	int e;

	assert_pages(v, n);
	mx_assert(prepared + ready <= n);
	e = sysFreeOS(v, n);
	if (e == 0) {
		move_bytes(&mx_sys_account.prepared, NULL, prepared);
		move_bytes(&mx_sys_account.ready, NULL, ready);
		move_bytes(&mx_sys_account.reserved, NULL,
		    n - prepared - ready);
	}
	count_call(e == 0);
	return e;
}

void *
mx_sys_alloc(size_t n)
{
	void *v;

	n = mx_align_up(n, mx_sys_facts.page);
	v = sysAllocOS(n);
	if (v != NULL)
		move_bytes(NULL, &mx_sys_account.ready, n);
	count_call(v != NULL);
	return v;
}

bool
mx_sys_would_alloc(size_t n)
{
	void *v;

	n = mx_align_up(n, mx_sys_facts.page);
	v = sysAllocOS(n);
	count_call(v != NULL);
	return v != NULL && sysFreeOS(v, n) == 0;
}

int
mx_sys_move(void *new_, void *old, size_t n)
{
	int e;

	assert_pages(old, n);
	if (mx_load(&mx_sys_facts.no_move, RELAXED))
		return ENOSYS;
	e = sysMoveOS(new_, old, n);
	/* A range of which parts were advised otherwise is several mappings, which
	 * Linux does not move.  Made one, it does.  */
	if (e == ENOMEM && mx_load(&huge_size, RELAXED) != HUGE_UNKNOWN &&
	    mx_sys_no_huge(old, n) != MX_HUGE_UNSUPPORTED)
		e = sysMoveOS(new_, old, n);
	if (e == ENOSYS || e == EINVAL)
		mx_store(&mx_sys_facts.no_move, true, RELAXED);
	if (e == EFAULT)
		move_bytes(&mx_sys_account.ready, NULL, n);
	count_call(e == 0);
	return e;
}

size_t
mx_sys_huge_size(void)
{
	size_t size = mx_load(&huge_size, RELAXED);

	if (size == HUGE_UNKNOWN) {
		size = sysHugeSizeOS();
		mx_store(&huge_size, size, RELAXED);
	}
	return size;
}

bool
mx_sys_huge_is_supported(void)
{
	return mx_sys_huge_size() != 0;
}

void
mx_sys_huge_disable(void)
{
	mx_store(&huge_size, 0, RELAXED);
}

enum mx_huge
mx_sys_huge(void *v, size_t n)
{
	int saved = errno;
	enum mx_huge r = mx_sys_huge_is_supported() ? sysHugePageOS(v, n) :
	    MX_HUGE_UNSUPPORTED;

	errno = saved;
	return r;
}

enum mx_huge
mx_sys_no_huge(void *v, size_t n)
{
	int saved = errno;
	enum mx_huge r = sysNoHugePageOS(v, n);

	errno = saved;
	return r;
}

void
mx_sys_touch(void *v, size_t n)
{
	mx_assert(mx_sys_facts.page > 0);
	for (size_t i = 0; i < n; i += mx_sys_facts.page)
		*((volatile char *)v + i) = 0;
}

void
mx_sys_clear(void *v, size_t n, bool known_zero)
{
	if (!known_zero)
		memset(v, 0, n);
}

bool
mx_sys_is_clear(const void *v, size_t n)
{
	const char *p = v;

	return n == 0 || (p[0] == 0 && memcmp(p, p + 1, n - 1) == 0);
}

bool
mx_sys_prepared_is_zero(void)
{
	return !mx_load(&mx_sys_facts.lazy, RELAXED);
}
