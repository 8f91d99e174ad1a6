/* panic.h - the end: one line that names what is wrong, then abort.
 *
 * For what nobody can go on after: an error of memaix itself, or an operator new
 * that may neither return nor throw.  An error of the program is mx_misuse's.
 *
 * SPDX-License-Identifier: MIT  */

#ifndef MX_PANIC_H
#define MX_PANIC_H

#include "base.h"

/* WHAT is a fixed text, P an address that belongs to it or NULL.  */
MX_NORETURN MX_COLD void mx_panic(const char *what, const void *p);

#endif /* MX_PANIC_H */
