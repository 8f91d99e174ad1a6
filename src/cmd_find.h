/* cmd_find.h - where the program and the library are.
 *
 * Owns: the search rules.  Must not know: file formats.
 *
 * SPDX-License-Identifier: MIT  */

#ifndef MX_CMD_FIND_H
#define MX_CMD_FIND_H

#include "cmd_os.h"

/* The file that execvp would start for P->name, and what it leads to: sets
 * path and binary, then has the system look at it (mx_cmd_os_inspect).
 * Answers 0, or the exit code after having said why it cannot be started.  */
int mx_cmd_find_program(struct mx_cmd_program *p, const char *library);

/* The library file: MEMAIX_LIBRARY, else near the command, else where it was
 * installed.  Dies when there is none.  */
char *mx_cmd_find_library(void);

#endif /* MX_CMD_FIND_H */
