/* conf.h - MEMAIX_OPTIONS.
 *
 * Owns: the options, their table and the values in force.  They are read once,
 * before the first block, and never change afterwards.  Must not know: what an
 * option does.
 *
 * SPDX-License-Identifier: MIT  */

#ifndef MX_CONF_H
#define MX_CONF_H

#include "base.h"

#define MX_CONF_VARIABLE "MEMAIX_OPTIONS"
#define MX_CONF_PATH_MAX 256

/* Values of on_misuse, in the order of the option's words.  */
enum { MX_CONF_ABORT, MX_CONF_REPORT };

/* Values of huge.  */
enum { MX_CONF_FALSE, MX_CONF_TRUE, MX_CONF_AUTO };

struct mx_conf {
	bool help;
	bool verbose;
	bool stats;
	bool stats_json;
	bool background_thread;
	bool move;
	bool brk;
	bool secure;
	bool explain_fault;
	bool explain_oom;
	size_t arena;           /* bytes */
	size_t dirty_min;       /* bytes */
	size_t dirty_percent;
	size_t decay_ms;
	size_t huge;            /* MX_CONF_... */
	size_t huge_min;        /* bytes */
	size_t mixed_min;       /* bytes */
	size_t mixed_percent;
	size_t guard_rate;      /* allocations; 0: none is sampled */
	size_t on_misuse;       /* MX_CONF_... */
	char stats_file[MX_CONF_PATH_MAX];
};

/* The values in force.  Read only after mx_conf_init.  */
extern struct mx_conf mx_conf;

/* Must mx_cache_self hand out nothing, so that the slow paths see each call?  */
static inline bool
mx_conf_hides(void)
{
	return mx_conf.secure || mx_conf.guard_rate > 0;
}

/* Read the environment, unless SECURE says not to trust it.  A wrong name or
 * value costs one line on standard error and leaves the default.  False: there is
 * no environment yet; ask again.  */
bool mx_conf_init(bool secure);

/* Read "name:value,name:value".  For mx_conf_init and for tests.  */
void mx_conf_parse(const char *text);

/* Print the table of options to FD: value in force, default, range, meaning.  */
void mx_conf_help(int fd);

#endif /* MX_CONF_H */
