/* pattern.h - bytes that say which block they belong to.
 *
 * The byte at offset I depends on the id and on I alone, so that a part of a
 * block can be looked at after it was copied to a larger or smaller one.
 *
 * SPDX-License-Identifier: MIT  */

#ifndef PATTERN_H
#define PATTERN_H

#include <string.h>

#include "base.h"

static inline uint64_t
pattern_word(uint64_t id, size_t i)
{
	return (id * 0x9e3779b97f4a7c15u) ^ (i * 0xff51afd7ed558ccdu);
}

static inline void
pattern_fill(void *p, size_t n, uint64_t id)
{
	char *c = p;
	uint64_t w;
	size_t at;

	for (at = 0; at + 8 <= n; at += 8) {
		w = pattern_word(id, at);
		memcpy(c + at, &w, 8);
	}
	w = pattern_word(id, at);
	memcpy(c + at, &w, n - at);
}

/* Are the first N bytes at P those of ID?  */
static inline bool
pattern_is(const void *p, size_t n, uint64_t id)
{
	const char *c = p;
	uint64_t w, got, bad = 0;
	size_t at;

	for (at = 0; at + 8 <= n; at += 8) {
		memcpy(&got, c + at, 8);
		bad |= got ^ pattern_word(id, at);
	}
	w = pattern_word(id, at);
	return bad == 0 && memcmp(c + at, &w, n - at) == 0;
}

#endif /* PATTERN_H */
