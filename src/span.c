/* span.c - what all spans share.  See span.h.
 *
 * SPDX-License-Identifier: MIT  */

#include "span.h"

#include "conf.h"

struct mx_block mx_block_end;
uintptr_t mx_block_key;

void
mx_span_init(uint64_t random)
{
	/* Not 0, or the end of a list would look like a block.  */
	mx_block_key = (uintptr_t)random | 1;
}

const char *
mx_span_tell(const struct mx_span *s, uint32_t i, const struct mx_block *head)
{
	if (i >= mx_load(&s->carved, RELAXED))
		return ", never handed out";
	if (head == NULL)
		return "";
	if (mx_block_is_free(head, mx_block_key))
		return ", free";
	/* With secure:true it can rest, and has no mark then.  */
	return mx_conf.secure ? "" : ", in use";
}
