/* cmd.h - what the files of the command `memaix' share.
 *
 * Owns: how the command speaks and ends.  Must not know: any verb, any system,
 * and anything of the library: the command starts programs and links no part
 * of libmemaix but usage.h, which knows nothing of the rest.
 *
 * SPDX-License-Identifier: MIT  */

#ifndef MX_CMD_H
#define MX_CMD_H

#include "base.h"

/* Exit codes, as env(1), nice(1) and timeout(1) have them.  Everything else is
 * the program's own.  */
enum {
	MX_CMD_REFUSED = 125,           /* memaix itself failed or declined */
	MX_CMD_NOT_EXECUTABLE = 126,
	MX_CMD_NOT_FOUND = 127
};

/* How this command was called; main sets it.  */
extern const char *mx_cmd_name;

/* One line "memaix: ..." to standard error.  */
void mx_cmd_say(const char *format, ...) MX_PRINTF(1, 2);

/* The same, then exit with MX_CMD_REFUSED.  */
MX_NORETURN void mx_cmd_die(const char *format, ...) MX_PRINTF(1, 2);

/* Text of any length, from malloc; dies when there is no memory.  */
char *mx_cmd_text(const char *format, ...) MX_PRINTF(1, 2);

/* setenv that dies.  */
void mx_cmd_set_env(const char *name, const char *value);

#endif /* MX_CMD_H */
