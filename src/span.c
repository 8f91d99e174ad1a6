/* span.c - what all spans share.  See span.h.
 *
 * SPDX-License-Identifier: MIT  */

#include "span.h"

struct mx_block mx_block_end;
uintptr_t mx_block_key;

void
mx_span_init(uint64_t random)
{
	/* Not 0, or the end of a list would look like a block.  */
	mx_block_key = (uintptr_t)random | 1;
}
