/* extras.c - the functions of memaix.h.
 *
 * Owns: nothing; names and sizes of the public interface over the core.
 *
 * SPDX-License-Identifier: MIT  */

#include <errno.h>
#include <memaix.h>
#include <string.h>

#include "api.h"
#include "process.h"
#include "stats.h"
#include "usage.h"

MX_EXPORT const char *
memaix_version(void)
{
	return MEMAIX_VERSION;
}

MX_EXPORT void
memaix_stats_read(struct memaix_stats *stats, size_t size)
{
	struct memaix_stats st;
	int saved = errno;

	mx_process_init();
	mx_stats_read(&st);
	/* A program built against an older header knows fewer members, one
	 * built against a newer header gets zeroes in those we do not have. */
	memset(stats, 0, size);
	memcpy(stats, &st, mx_min(size, sizeof st));
	errno = saved;
}

MX_EXPORT void
memaix_stats_print(int fd, int json)
{
	struct mx_out o;
	int saved = errno;

	mx_process_init();
	mx_out_init_fd(&o, fd);
	if (json)
		mx_stats_json(&o);
	else
		mx_stats_text(&o);
	mx_out_done(&o);
	errno = saved;
}

MX_EXPORT int
memaix_usage_read(struct memaix_usage *usage, size_t size)
{
	struct mx_usage u;
	struct memaix_usage out;
	int saved = errno;
	int e = mx_usage_all(&u);

	errno = saved;
	if (e != 0)
		return e;
	out = (struct memaix_usage){
		.rss = u.rss,
		.vsz = u.vsz,
		.processes = u.processes,
		.sum_rss = u.sum_rss,
		.sum_vsz = u.sum_vsz,
		.mean_rss = u.mean_rss,
		.mean_vsz = u.mean_vsz,
		.percent_rss = u.percent_rss,
		.percent_vsz = u.percent_vsz
	};
	memset(usage, 0, size);
	memcpy(usage, &out, mx_min(size, sizeof out));
	return 0;
}

MX_EXPORT int
memaix_trim(void)
{
	return mx_trim();
}
