/* cmd_xcoff.h - the few facts of an XCOFF file that decide about preloading.
 *
 * Owns: reading a file's headers and its loader section.  Must not know: users,
 * variables, messages; nor AIX, so that it works wherever the command does.
 *
 * SPDX-License-Identifier: MIT  */

#ifndef MX_CMD_XCOFF_H
#define MX_CMD_XCOFF_H

#include "base.h"

struct mx_cmd_xcoff {
	unsigned bits;                  /* 32 or 64 */
	bool program;                   /* else a shared object, or unlinked */
	bool dynamic;                   /* a loader binds it to other modules */
	bool threads;                   /* imports from libpthreads.a */
	bool own_malloc;                /* exports malloc */
};

/* False: FILE is not XCOFF, is broken or cannot be read.  */
bool mx_cmd_xcoff_read(const char *file, struct mx_cmd_xcoff *x);

/* Has the big archive FILE a member of that name?  */
bool mx_cmd_xcoff_has_member(const char *file, const char *member);

#endif /* MX_CMD_XCOFF_H */
