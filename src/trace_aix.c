/* trace_aix.c - who called, on AIX.  Contract: sys_os.h.
 *
 * The walk follows the back chain, which the ABI promises at the stack pointer: the
 * word there is the caller's frame, and two words on each frame keeps the address to
 * which its callee returns.  Unproven on a real machine (doc/aix.md).
 *
 * SPDX-License-Identifier: MIT  */

#include <pthread.h>

#include "sys_os.h"

struct frame {
	struct frame *back;
	uintptr_t cr;
	void *lr;
};

void
sysTraceStartOS(void)
{
}

size_t
sysTraceOS(void **pc, size_t n)
{
	const struct frame *f = __builtin_frame_address(0);
	size_t used = 0;

	/* Frames lie upward; anything else is no chain.  The first lr is that of
	 * the function that called this one's caller.  */
	while (used < n && f != NULL && f->back > f &&
	    mx_is_aligned((uintptr_t)f->back, sizeof(void *))) {
		f = f->back;
		if (f->lr == NULL)
			break;
		pc[used++] = f->lr;
	}
	return used;
}

void
sysPlaceOS(const void *pc, struct mx_place *place)
{
	(void)pc;
	*place = (struct mx_place){ .file = NULL };
}

size_t
sysThreadOS(void)
{
	return (size_t)pthread_self();
}
