/* oom.h - with explain_oom:true, which limit refused memory, in one line.
 *
 * Owns: the line, and how often it comes.  Must not know: who asked for what.
 *
 * SPDX-License-Identifier: MIT  */

#ifndef MX_OOM_H
#define MX_OOM_H

#include "base.h"

/* N bytes were refused, and the program gets NULL.  Keeps errno.  */
MX_COLD void mx_oom_explain(size_t n);

#endif /* MX_OOM_H */
