/* spare.c - how many free pages may stay.  See spare.h.
 *
 * SPDX-License-Identifier: MIT  */

#include "spare.h"

#include "conf.h"
#include "span.h"
#include "sys.h"

/* The spare is never less, unless the first bound is; and a page that is wanted
 * again within so many milliseconds should not have gone.  */
#define LEAST           ((1 * MX_MIB) >> MX_PAGE_SHIFT)
#define SOON            200

/* 0: nothing learnt yet; then it is dirty_min.  (With LEAST to begin with programs
 * pay for their first seconds: calloc-large 1.3 times the time.)  */
static size_t spare;

/* Pages that went and were not wanted again, and when the last of them did.  */
static size_t gone;
static uint32_t gone_at;

/* A heap that never had more than so many times dirty_min is small: as much of it may
 * stay, if it is wanted over and over (vector-many: 27 MiB that come and go, 40 % less
 * time).  */
#define SMALL_HEAP      4

/* So much in use is worth a look at the cgroup, which takes some system calls.  */
#define LARGE           ((16 * MX_MIB) >> MX_PAGE_SHIFT)

/* A quarter of what USED leaves of the cgroup's memory.  */
static size_t
most_granted(size_t used)
{
	size_t all = mx_sys_granted_memory() >> MX_PAGE_SHIFT;

	if (all == 0)
		return SIZE_MAX;
	return all <= used ? 0 : (all - used) / 4;
}

static size_t
most(size_t used)
{
	size_t least = mx_conf.dirty_min >> MX_PAGE_SHIFT;
	size_t granted = most_granted(used);
	size_t n;

	if (mx_load(&mx_sys_account.peak_ready, RELAXED) <=
	    SMALL_HEAP * mx_conf.dirty_min)
		least = mx_max(least, mx_min(SMALL_HEAP * least, granted));
	n = mx_max(used / 100 * mx_conf.dirty_percent, least);
	return used < LARGE ? n : mx_min(n, granted);
}

static void
set_spare(size_t n, size_t much)
{
	spare = mx_min(mx_max(n, LEAST), much);
}

void
mx_spare_ask(void)
{
	if (mx_load(&mx_sys_account.ready, RELAXED) >= LARGE << MX_PAGE_SHIFT)
		(void)mx_sys_grant();
}

size_t
mx_spare_bound(size_t used)
{
	size_t much = most(used);

	if (spare == 0)
		spare = mx_conf.dirty_min >> MX_PAGE_SHIFT;
	set_spare(spare, much);         /* less may be in use by now */
	return mx_min(used / 2 + spare, much);
}

void
mx_spare_gone(size_t n, size_t used, uint32_t now)
{
	size_t much = most(used);

	gone += n;
	gone_at = now;
	while (gone > much) {
		gone -= much;
		set_spare(spare / 2, much);
		if (spare <= LEAST)
			break;
	}
}

bool
mx_spare_watches(void)
{
	return gone > 0;
}

void
mx_spare_wanted(size_t n, size_t used, uint32_t now)
{
	if (now - gone_at > SOON)
		n = gone = 0;
	n = mx_min(n, gone);
	gone -= n;
	if (n > 0)
		set_spare(spare + n, most(used));
}
