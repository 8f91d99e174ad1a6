/* panic.h - the end: one line that names what is wrong, then abort.
 *
 * For errors of the program (a pointer that is no block) and of memaix itself.
 * A refusal by the kernel is never a panic.
 *
 * SPDX-License-Identifier: MIT  */

#ifndef MX_PANIC_H
#define MX_PANIC_H

#include "base.h"

/* WHAT is a fixed text such as "free: not a block".  */
MX_NORETURN MX_COLD void mx_panic(const char *what, const void *p);

#endif /* MX_PANIC_H */
