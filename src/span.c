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

__attribute__((no_sanitize("thread")))
size_t
mx_span_find(const struct mx_span *s, size_t offset, size_t *size, bool *used)
{
	struct mx_mixed *m = mx_load(&s->mixed, RELAXED);
	uint32_t i = mx_min(mx_span_index(s, offset), s->blocks - 1);
	uint32_t end = i + 1;

	/* A record is never unmapped, nor is the span's that may be there now.  */
	*used = m != NULL && mx_load(&m->span, ACQUIRE) == s &&
	    mx_span_bit(mx_span_used(m), i);
	if (*used) {
		while (i > 0 && mx_span_bit(mx_span_inner(m), i))
			i--;
		while (end < s->blocks && mx_span_bit(mx_span_inner(m), end))
			end++;
	}
	*size = (size_t)(end - i) * s->size;
	return (size_t)i * s->size;
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
