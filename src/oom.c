/* oom.c - which limit refused memory.  See oom.h.
 *
 * SPDX-License-Identifier: MIT  */

#include "oom.h"

#include <errno.h>

#include "conf.h"
#include "messages.h"
#include "out.h"
#include "sys_os.h"
#include "usage.h"

/* A program that tries again and again would fill its log.  */
#define LINES_MAX       10
#define EVERY_MS        1000

static const struct {
	const char *text;       /* the limit, and how to raise it */
	bool number;
} limits[] = {
	[MX_LIMIT_UNKNOWN] = { "the system; no limit that can be read is near",
	    false },
	[MX_LIMIT_REQUEST] = { "its own size: no address space is so large; "
	    "look for a negative or overflowed size", false },
	[MX_LIMIT_ADDRESS] = { "RLIMIT_AS; raise it with ulimit -v", false },
	[MX_LIMIT_DATA] = { "RLIMIT_DATA; raise it with ulimit -d", false },
	[MX_LIMIT_MAPS] = { "vm.max_map_count; raise it with sysctl", true },
	[MX_LIMIT_COMMIT] = { "CommitLimit, as vm.overcommit_memory is 2; add "
	    "swap or raise vm.overcommit_ratio", false },
};

static bool
is_due(void)
{
	static unsigned lines;
	static uint32_t next;           /* it wraps */
	uint32_t now = (uint32_t)sysClockOS();

	if (mx_load(&lines, RELAXED) >= LINES_MAX || (mx_load(&lines,
	    RELAXED) > 0 && (int32_t)(now - mx_load(&next, RELAXED)) < 0))
		return false;
	mx_store(&next, now + EVERY_MS, RELAXED);
	return mx_add(&lines, 1, RELAXED) <= LINES_MAX;
}

void
mx_oom_explain(size_t n)
{
	int saved = errno;
	size_t limit, used;
	enum mx_limit which;
	struct mx_out o;

	if (!mx_conf.explain_oom || !is_due())
		return;
	which = mx_usage_limit(n, &limit, &used);
	mx_out_init_fd(&o, 2);
	mx_out(&o, "memaix: M%03u %zu bytes were refused by %s",
	    (unsigned)MX_MESSAGE_REFUSED, n, limits[which].text);
	if (limits[which].number)
		mx_out(&o, " (%zu of %zu are in use)", used, limit);
	else if (limit > 0)
		mx_out(&o, " (%zu of %zu KiB are in use)", used / MX_KIB,
		    limit / MX_KIB);
	mx_out(&o, "; 'memaix explain M%03u' tells more\n",
	    (unsigned)MX_MESSAGE_REFUSED);
	mx_out_done(&o);
	errno = saved;
}
