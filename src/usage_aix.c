/* usage_aix.c - memory of this process and of all, on AIX.  See usage.h.
 *
 * From getprocs64, as ps does it: resident is data and text in pages of their
 * segment's own size, virtual is the image in 4 KiB pages (Zabbix, OMR).
 *
 * UNPROVEN on AIX: whether pi_drss counts private mmap memory.  doc/aix.md.
 *
 * SPDX-License-Identifier: MIT  */

#include "usage.h"

#include <errno.h>
#include <procinfo.h>
#include <unistd.h>

#include "base.h"

/* Records read at a time: about 4 KiB of stack.  */
#define BATCH 4

/* Headers of some levels lack the prototype (OpenJDK declares it too).  */
extern int getprocs64(struct procentry64 *, int, struct fdsinfo64 *, int,
    pid_t *, int);

/* A log2 page size of 0 means the ordinary 4 KiB.  */
static size_t
to_bytes(uint64_t pages, unsigned shift)
{
	return (size_t)(pages << (shift == 0 ? 12 : shift));
}

static size_t
rss_of(const struct procentry64 *p)
{
	return to_bytes(p->pi_drss, (unsigned)p->pi_data_l2psize) +
	    to_bytes(p->pi_trss, (unsigned)p->pi_text_l2psize);
}

int
mx_usage_own(struct mx_usage *u)
{
	struct procentry64 p;
	pid_t pid = getpid();
	int saved = errno;
	int n, e;

	*u = (struct mx_usage){ .rss = 0 };
	/* It may find nothing and set nothing.  */
	errno = 0;
	n = getprocs64(&p, (int)sizeof p, NULL, 0, &pid, 1);
	e = errno;
	errno = saved;
	if (n != 1)
		return e != 0 ? e : ESRCH;
	u->rss = rss_of(&p);
	u->vsz = to_bytes(p.pi_size, 12);
	u->processes = 1;
	u->sum_rss = u->rss;
	u->sum_vsz = u->vsz;
	mx_usage_finish(u);
	return 0;
}

int
mx_usage_all(struct mx_usage *u)
{
	struct procentry64 batch[BATCH];
	pid_t next = 0;
	int n;
	int e = mx_usage_own(u);

	if (e != 0)
		return e;
	u->processes = u->sum_rss = u->sum_vsz = 0;
	do {
		n = getprocs64(batch, (int)sizeof batch[0], NULL, 0, &next,
		    BATCH);
		if (n < 0)
			return errno;
		for (int i = 0; i < n; i++) {
			u->processes++;
			u->sum_rss += rss_of(&batch[i]);
			u->sum_vsz += to_bytes(batch[i].pi_size, 12);
		}
	} while (n == BATCH);
	mx_usage_finish(u);
	return 0;
}

int
mx_usage_process(size_t pid, size_t *rss, size_t *vsz)
{
	struct procentry64 p;
	pid_t next = (pid_t)pid;
	int n = getprocs64(&p, (int)sizeof p, NULL, 0, &next, 1);

	if (n < 0)
		return errno;
	/* It begins with the first number that is not less.  */
	if (n == 0 || (size_t)p.pi_pid != pid)
		return ESRCH;
	*rss = rss_of(&p);
	*vsz = to_bytes(p.pi_size, 12);
	return 0;
}

/* Limits on AIX (ulimit -d, -v, paging space) are told apart in no way that is
 * known here for certain.  */
enum mx_limit
mx_usage_limit(size_t n, size_t *limit, size_t *used)
{
	*limit = *used = 0;
	return n > PTRDIFF_MAX ? MX_LIMIT_REQUEST : MX_LIMIT_UNKNOWN;
}
