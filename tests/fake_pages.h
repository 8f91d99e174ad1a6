/* fake_pages.h - pages, refusals and notes of the toy kernel in fake_os.c.
 *
 * Owns: the area, one byte of state per page, the counters and rules.  Must not
 * know: which primitive makes which edge.
 *
 * Invariant: the bytes of the four states add up to FAKE_OS_AREA, and the real
 * protection of every page is the one of its state.
 *
 * Everything here wants fake_enter() first.
 *
 * SPDX-License-Identifier: MIT  */

#ifndef FAKE_PAGES_H
#define FAKE_PAGES_H

#include "fake_os.h"

#define FAKE_BIT(state) (1u << (state))
#define FAKE_OURS       (FAKE_BIT(FAKE_RESERVED) | FAKE_BIT(FAKE_PREPARED) | \
			FAKE_BIT(FAKE_READY))

struct fake_rule {
	unsigned nth;
	bool forever;
};

struct fake {
	struct fake_os_options is;      /* const between resets */
	size_t bytes[4];
	size_t huge_bytes;
	uint64_t clock;
	unsigned long calls[FAKE_ANY + 1];
	unsigned long refused[FAKE_ANY + 1];
	struct fake_rule rules[FAKE_ANY + 1];
	unsigned wrong;
	char notes[16][200];
};

#define FAKE_NOTES (sizeof fake.notes / sizeof fake.notes[0])

extern struct fake fake;

/* The one lock; the first enter is a reset if there was none.  */
void fake_enter(void);
void fake_leave(void);
void fake_reset(const struct fake_os_options *options);

/* End the process with the system's message unless GOOD.  */
void fake_must(bool good, const char *what);

/* Count this call; true when it is to be refused.  */
bool fake_is_refused(enum fake_os_call call);

/* Note that CALL on [V, V+N) is no legal edge.  */
void fake_wrong(enum fake_os_call call, const void *v, size_t n,
    const char *why);

/* True when [V, V+N) is whole pages, each in one of the states of FROM.  If
 * not, that is noted.  */
bool fake_is_legal(enum fake_os_call call, const void *v, size_t n,
    unsigned from);

/* Is [V, V+N) the toy's?  */
bool fake_is_inside(const void *v, size_t n);

/* All of a legal range changes to STATE; the bytes stay.  */
void fake_become(void *v, size_t n, enum fake_os_state state);

/* The bytes of a range become zero, and its real memory goes.  */
void fake_zero(void *v, size_t n);

/* Bytes of a range inside the area that have real memory.  */
size_t fake_resident(const void *v, size_t n);

/* Mark the pages of a legal range as part of large ones, or not.  */
void fake_mark_huge(void *v, size_t n, bool huge);

/* N bytes that are None: at HINT if the rules allow it.  NULL: no room.  */
void *fake_find(void *hint, size_t n);

#endif /* FAKE_PAGES_H */
