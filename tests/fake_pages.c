/* fake_pages.c - pages, refusals and notes of the toy kernel.  See
 * fake_pages.h.
 *
 * SPDX-License-Identifier: MIT  */

#include "fake_pages.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define SMALLEST_PAGE   (4 * MX_KIB)
#define STATE           3u      /* the bits of a page's byte that say where */
#define HUGE            4u      /* and the one for the large-page hint */

struct fake fake;

static const char *const call_names[] = {
	"sysReserveOS", "sysMapOS", "sysUsedOS", "sysUnusedOS",
	"sysHugePageOS", "sysNoHugePageOS", "sysFaultOS", "sysFreeOS",
	"sysAllocOS", "sysMoveOS", "sysThreadExitOS", "sysResidentOS",
	"sysEveryOS"
};
static const char *const state_names[] = {
	"None", "Reserved", "Prepared", "Ready"
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static bool is_running;
static char *area;
static unsigned char pages[FAKE_OS_AREA / SMALLEST_PAGE];

/* All of the area that was ever anything but None lies below, and so do its pages'
 * bytes: a reset need not touch 16 GiB, which emulators do page by page.  */
static char *used_to;
static unsigned char *pages_to = pages;

void
fake_must(bool good, const char *what)
{
	if (good)
		return;
	perror(what);
	abort();
}

void
fake_enter(void)
{
	pthread_mutex_lock(&lock);
	if (!is_running)
		fake_reset(NULL);
}

void
fake_leave(void)
{
	pthread_mutex_unlock(&lock);
}

/* A child gets the lock free, whatever other threads did at the fork.  */
static void
lock_for_fork(void)
{
	pthread_mutex_lock(&lock);
}

/* Before the runner makes a child for each test.  */
__attribute__((constructor))
static void
get_area(void)
{
	char *v = mmap(NULL, FAKE_OS_AREA + MX_GIB, PROT_NONE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	fake_must(v != MAP_FAILED, "fake_os: address space");
	area = used_to = (char *)mx_align_up((uintptr_t)v, MX_GIB);
	fake_must(pthread_atfork(lock_for_fork, fake_leave, fake_leave) == 0,
	    "fake_os: atfork");
}

void
fake_reset(const struct fake_os_options *options)
{
	size_t used = (size_t)(used_to - area);

	fake_must(used == 0 || (mprotect(area, used, PROT_NONE) == 0 &&
	    madvise(area, used, MADV_DONTNEED) == 0), "fake_os: reset");
	used_to = area;
	memset(&fake, 0, sizeof fake);
	memset(pages, 0, (size_t)(pages_to - pages));
	pages_to = pages;
	if (options != NULL)
		fake.is = *options;
	/* Protection can be no finer than the real pages are.  */
	fake.is.page = mx_max(mx_max(fake.is.page, SMALLEST_PAGE),
	    (size_t)sysconf(_SC_PAGESIZE));
	if (fake.is.limit == 0)
		fake.is.limit = SIZE_MAX;
	fake.bytes[FAKE_NONE] = FAKE_OS_AREA;
	fake.clock = 1000000;
	is_running = true;
}

static bool
rule_hits(struct fake_rule *r)
{
	if (r->nth == 0)
		return false;
	if (r->nth > 1) {
		r->nth--;
		return false;
	}
	if (!r->forever)
		r->nth = 0;
	return true;
}

bool
fake_is_refused(enum fake_os_call call)
{
	/* Both count this call, whichever of them hits.  */
	bool one = rule_hits(&fake.rules[call]);
	bool any = rule_hits(&fake.rules[FAKE_ANY]);

	fake.calls[call]++;
	fake.calls[FAKE_ANY]++;
	if (!one && !any)
		return false;
	fake.refused[call]++;
	fake.refused[FAKE_ANY]++;
	return true;
}

void
fake_wrong(enum fake_os_call call, const void *v, size_t n, const char *why)
{
	char text[sizeof fake.notes[0]];

	snprintf(text, sizeof text, "%s(%p, 0x%zx): %s", call_names[call], v,
	    n, why);
	if (fake.wrong < FAKE_NOTES)
		memcpy(fake.notes[fake.wrong], text, sizeof text);
	fake.wrong++;
	if (fake.is.trap) {
		fprintf(stderr, "fake_os: %s\n", text);
		abort();
	}
}

bool
fake_is_inside(const void *v, size_t n)
{
	uintptr_t at = (uintptr_t)v - (uintptr_t)area;

	return area != NULL && at < FAKE_OS_AREA && n <= FAKE_OS_AREA - at;
}

/* Where the bytes of the pages of a range inside the area begin.  */
static unsigned char *
first_page(const void *v)
{
	return pages + (size_t)((const char *)v - area) / fake.is.page;
}

bool
fake_is_legal(enum fake_os_call call, const void *v, size_t n, unsigned from)
{
	size_t page = fake.is.page;
	char why[100];

	if (n == 0 || !mx_is_aligned((uintptr_t)v | n, page)) {
		fake_wrong(call, v, n, "the range is not whole pages");
		return false;
	}
	if (!fake_is_inside(v, n)) {
		fake_wrong(call, v, n, "the range is not the toy's");
		return false;
	}
	for (size_t i = 0; i < n / page; i++) {
		unsigned state = first_page(v)[i] & STATE;

		if (from & FAKE_BIT(state))
			continue;
		snprintf(why, sizeof why, "page %p is %s",
		    (const void *)((const char *)v + i * page),
		    state_names[state]);
		fake_wrong(call, v, n, why);
		return false;
	}
	return true;
}

static int
protection(enum fake_os_state state)
{
	if (state == FAKE_READY ||
	    (state == FAKE_PREPARED && !fake.is.prepared_faults))
		return PROT_READ | PROT_WRITE;
	return PROT_NONE;
}

void
fake_become(void *v, size_t n, enum fake_os_state state)
{
	unsigned char *p = first_page(v);
	unsigned char *end = p + n / fake.is.page;
	bool other = false;

	if (state == FAKE_NONE)
		fake_mark_huge(v, n, false);
	if ((char *)v + n > used_to)
		used_to = (char *)v + n;
	if (end > pages_to)
		pages_to = end;
	for (; p < end; p++) {
		other |= protection((enum fake_os_state)(*p & STATE)) !=
		    protection(state);
		fake.bytes[*p & STATE] -= fake.is.page;
		*p = (unsigned char)((*p & ~STATE) | state);
	}
	fake.bytes[state] += n;
	fake_must(!other || mprotect(v, n, protection(state)) == 0,
	    "fake_os: mprotect");
}

void
fake_zero(void *v, size_t n)
{
	fake_must(madvise(v, n, MADV_DONTNEED) == 0, "fake_os: madvise");
}

size_t
fake_resident(const void *v, size_t n)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	unsigned char vec[256];
	size_t resident = 0;

	for (size_t at = 0; at < n; at += sizeof vec * page) {
		size_t part = mx_min(n - at, sizeof vec * page);

		fake_must(mincore((char *)(uintptr_t)v + at, part, vec) == 0,
		    "fake_os: mincore");
		for (size_t i = 0; i < part / page; i++)
			resident += (vec[i] & 1) * page;
	}
	return resident;
}

void
fake_mark_huge(void *v, size_t n, bool huge)
{
	unsigned char *p = first_page(v);
	unsigned char *end = p + n / fake.is.page;

	for (; p < end; p++) {
		if (*p & HUGE)
			fake.huge_bytes -= fake.is.page;
		if (huge)
			fake.huge_bytes += fake.is.page;
		*p = (unsigned char)((*p & ~HUGE) | (huge ? HUGE : 0));
	}
}

static bool
is_free(const void *v, size_t n)
{
	if (!mx_is_aligned((uintptr_t)v, fake.is.page) || !fake_is_inside(v, n))
		return false;
	for (size_t i = 0; i < n / fake.is.page; i++)
		if (first_page(v)[i] != FAKE_NONE)
			return false;
	return true;
}

/* AIX searches upward and looks at no hint; Linux searches downward.  */
void *
fake_find(void *hint, size_t n)
{
	size_t want = n / fake.is.page;
	size_t last = FAKE_OS_AREA / fake.is.page - 1;
	size_t run = 0;

	if (hint != NULL && !fake.is.aix && is_free(hint, n))
		return hint;
	for (size_t i = 1; i < last; i++) {
		size_t at = fake.is.aix ? i : last - i;

		run = pages[at] == FAKE_NONE ? run + 1 : 0;
		if (run == want && fake.is.aix)
			return area + (at + 1 - want) * fake.is.page;
		if (run == want)
			return area + at * fake.is.page;
	}
	return NULL;
}

size_t
fake_os_bytes(enum fake_os_state state)
{
	return is_running ? fake.bytes[state] : state == FAKE_NONE ?
	    FAKE_OS_AREA : 0;
}

size_t
fake_os_huge_bytes(void)
{
	return fake.huge_bytes;
}

enum fake_os_state
fake_os_state(const void *v)
{
	return fake_is_inside(v, 1) ?
	    (enum fake_os_state)(*first_page(v) & STATE) : FAKE_NONE;
}

unsigned
fake_os_wrong(void)
{
	return fake.wrong;
}

const char *
fake_os_wrong_text(unsigned i)
{
	return i < fake.wrong && i < FAKE_NOTES ? fake.notes[i] : NULL;
}

void
fake_os_forgive(void)
{
	fake.wrong = 0;
}

void
fake_os_check(void)
{
	if (fake.wrong == 0)
		return;
	fprintf(stderr, "fake_os: %u wrong calls\n", fake.wrong);
	for (unsigned i = 0; i < fake.wrong && i < FAKE_NOTES; i++)
		fprintf(stderr, "fake_os: %s\n", fake.notes[i]);
	abort();
}
