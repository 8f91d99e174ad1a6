/* usage.h - memory of this process and of all processes, as ps would say it.
 *
 * Owns: nothing; each call asks the system anew, which is slow.  Must not know:
 * the accounts of memaix.
 *
 * No function allocates, locks or changes errno; one file descriptor or
 * two are open while it runs.
 *
 * SPDX-License-Identifier: MIT  */

#ifndef MX_USAGE_H
#define MX_USAGE_H

#include "base.h"

/* Bytes.  A process without address space of its own (a kernel thread, a
 * zombie) is not counted, nor is one that the system hides from us.  */
struct mx_usage {
	size_t rss, vsz;                /* this process */
	size_t processes;               /* all, this one included: at least 1 */
	size_t sum_rss, sum_vsz;
	size_t mean_rss, mean_vsz;      /* sums divided by processes */
	size_t percent_rss, percent_vsz;        /* this process, of the mean */
};

/* What N is of MEAN, in percent, rounded down; 0 where there is no mean.  */
static inline size_t
mx_usage_percent(size_t n, size_t mean)
{
	return mean == 0 ? 0 : (size_t)((uint64_t)n * 100 / mean);
}

/* The sums are there: the rest follows.  */
static inline void
mx_usage_finish(struct mx_usage *u)
{
	if (u->processes == 0)
		return;
	u->mean_rss = u->sum_rss / u->processes;
	u->mean_vsz = u->sum_vsz / u->processes;
	u->percent_rss = mx_usage_percent(u->rss, u->mean_rss);
	u->percent_vsz = mx_usage_percent(u->vsz, u->mean_vsz);
}

/* Fill rss and vsz; the rest is as if this were the only process.  0 or an
 * errno value, with all of *U zero.  */
int mx_usage_own(struct mx_usage *u);

/* Fill all.  Processes come and go meanwhile, so the sums are no snapshot.  0,
 * or an errno value; then *U is what mx_usage_own made of it.  */
int mx_usage_all(struct mx_usage *u);

/* The sizes of process PID.  0, or an errno value: ESRCH, there is none that the
 * system shows us.  */
int mx_usage_process(size_t pid, size_t *rss, size_t *vsz);

/* What keeps a process from more memory.  */
enum mx_limit {
	MX_LIMIT_UNKNOWN,
	MX_LIMIT_REQUEST,       /* no address space is that large */
	MX_LIMIT_ADDRESS,       /* RLIMIT_AS */
	MX_LIMIT_DATA,          /* RLIMIT_DATA */
	MX_LIMIT_MAPS,          /* the number of mappings */
	MX_LIMIT_COMMIT         /* what the system promises to all processes */
};

/* Which one keeps this process from N bytes more; *LIMIT and *USED are bytes, for
 * MX_LIMIT_MAPS numbers.  Slow.  */
enum mx_limit mx_usage_limit(size_t n, size_t *limit, size_t *used);

/* What the cgroups of a process grant it (memory: versions 1 and 2; processors:
 * version 2): the smallest along the way up.
 * CGROUPS: its file in /proc; ROOT: where the tree is.  Bytes, and processors rounded
 * up; 0: no limit is known.  Slow.  */
void mx_usage_grant(const char *cgroups, const char *root, size_t *memory,
    size_t *processors);

#endif /* MX_USAGE_H */
