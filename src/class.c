/* class.c - the generated tables as data.  See class.h.
 *
 * SPDX-License-Identifier: MIT  */

#include "class.h"

const uint16_t mx_class_sizes[MX_CLASS_COUNT] = { MX_CLASS_SIZES };
const uint8_t mx_class_pages[MX_CLASS_COUNT] = { MX_CLASS_PAGES };
const uint32_t mx_class_magics[MX_CLASS_COUNT] = { MX_CLASS_MAGICS };
const uint8_t mx_class_map[MX_CLASS_MAX / MX_BLOCK_ALIGN + 1] = {
	MX_CLASS_MAP
};

unsigned
mx_class_of_aligned(size_t n, size_t align)
{
	unsigned c;

	n = mx_align_up(n, align);
	if (n < align || n > MX_CLASS_MAX)
		return MX_CLASS_COUNT;
	for (c = mx_class_of(n); c < MX_CLASS_COUNT; c++)
		if (mx_is_aligned(mx_class_size(c), align))
			break;
	return c;
}
