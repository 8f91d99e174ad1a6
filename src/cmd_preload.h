/* cmd_preload.h - make the environment in which a program gets libmemaix.
 *
 * Owns: the loader's variable and MEMAIX_OPTIONS.  Must not know: verbs.
 *
 * SPDX-License-Identifier: MIT  */

#ifndef MX_CMD_PRELOAD_H
#define MX_CMD_PRELOAD_H

#include "cmd_os.h"

/* Find P->name, look at it, ask its loader, and set the loader's variable so
 * that LIBRARY comes first and what was there stays, if it can hold both.  Answers
 * an exit code when the program cannot be started at all, else 0; then P->why is NULL, or
 * says why memaix would not be active, and the variable is untouched.  */
int mx_cmd_preload_prepare(struct mx_cmd_program *p, const char *library);

/* Put OPTIONS behind what MEMAIX_OPTIONS holds: the last one wins.  */
void mx_cmd_preload_options(const char *options);

#endif /* MX_CMD_PRELOAD_H */
