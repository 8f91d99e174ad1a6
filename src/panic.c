/* panic.c - one line, then abort.  See panic.h.
 *
 * SPDX-License-Identifier: MIT  */

#include "panic.h"

#include <stdlib.h>

#include "out.h"

void
mx_panic(const char *what, const void *p)
{
	mx_out_message("%s (address %p)", what, p);
	abort();
}

void
mx_assert_fail(const char *file, int line, const char *what)
{
	mx_out_message("%s:%d: assertion failed: %s", file, line, what);
	abort();
}
