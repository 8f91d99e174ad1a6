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
