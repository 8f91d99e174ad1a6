/* fake_os.h - the contract of sys_os.h kept by a toy kernel, for unit tests.
 *
 * Owns: one large range of real address space, the state of each of its pages,
 * and a note of every call that was not a legal edge.  Pages that are None or
 * Reserved really fault.  Must not know: anything above sys_os.h.
 *
 * A call that is no legal edge does nothing, answers EINVAL and is written
 * down; fake_os_check() ends the process when anything was.
 *
 * SPDX-License-Identifier: MIT  */

#ifndef FAKE_OS_H
#define FAKE_OS_H

#include "sys_os.h"

/* Address space of the toy; its first and last page are never given out, so
 * nothing is aligned to more than a page by luck.  */
#ifndef FAKE_OS_GIB
# define FAKE_OS_GIB 16
#endif
#define FAKE_OS_AREA (FAKE_OS_GIB * MX_GIB)

enum fake_os_state {
	FAKE_NONE,
	FAKE_RESERVED,
	FAKE_PREPARED,
	FAKE_READY
};

enum fake_os_call {
	FAKE_RESERVE,
	FAKE_MAP,
	FAKE_USED,
	FAKE_UNUSED,
	FAKE_HUGE,
	FAKE_NOHUGE,
	FAKE_FAULT,
	FAKE_FREE,
	FAKE_ALLOC,
	FAKE_MOVE,
	FAKE_THREAD_EXIT,
	FAKE_RESIDENT,
	FAKE_EVERY,
	FAKE_ANY                /* all of the above, counted together */
};

/* All zero is a Linux with pages of 4 KiB, without large pages or limit.  */
struct fake_os_options {
	size_t page;            /* 0: 4 KiB; never below the real page */
	size_t huge;            /* what sysHugeSizeOS says */
	size_t limit;           /* what sysLimitOS says; 0: none */
	/* AIX rules: hints are ignored, addresses grow upward (else downward),
	 * a mapping over a mapping is ENOMEM, sysMoveOS is ENOSYS, and
	 * sysUnusedOS does nothing (MX_RELEASE_KEPT).  */
	bool aix;
	bool disclaim;          /* AIX rules, but sysUnusedOS can release */
	bool poison;            /* given-up bytes become junk (RELEASE_LAZY) */
	bool prepared_faults;   /* Prepared pages fault until sysUsedOS */
	bool granted;           /* sysHugePageOS says GRANTED, not HINTED */
	bool no_move;           /* sysMoveOS is ENOSYS */
	bool move_breaks;       /* a move that is refused is EFAULT */
	struct mx_grant grant;  /* what sysGrantOS says */
	bool secure;            /* what sysSecureOS says */
	bool trap;              /* abort at a wrong edge, for a debugger */
};

/* Start afresh: every page None, counters 0, no refusals, clock back.  NULL:
 * all zero.  Pointers from before are dead.  A process that never calls this
 * gets it at the first primitive.  */
void fake_os_reset(const struct fake_os_options *options);

/* The NTH call of CALL from here (1: the next one) is refused as the system
 * would: ENOMEM, MX_RELEASE_KEPT, MX_HUGE_UNSUPPORTED or "does not say".
 * FOREVER: and every later one.  One rule for each CALL, one for FAKE_ANY; NTH 0
 * removes it.  */
void fake_os_refuse(enum fake_os_call call, unsigned nth, bool forever);
void fake_os_refuse_nothing(void);

/* What sysWhereOS says from here on; at first MX_WHERE_UNKNOWN.  */
void fake_os_where(enum mx_where where);

/* FN is called by each sysGrantOS.  */
void fake_os_on_grant(void (*fn)(void));

/* A new limit on address space; 0: none.  */
void fake_os_limit(size_t limit);

/* Let MS milliseconds pass.  */
void fake_os_advance(uint64_t ms);

/* Each sysNanosOS is NS nanoseconds later than the one before.  */
void fake_os_step(uint64_t ns);

/* Run what the calling thread gave to sysThreadExitOS, as if it ended.  */
void fake_os_thread_exit(void);

/* How often sysForkOS was called; its three are never called here.  */
unsigned fake_os_forks(void);

/* Run what was last given to sysEveryOS, as if its time had passed.  How many
 * milliseconds that is; 0: nothing was given.  */
size_t fake_os_every(void);

/* Calls so far (refused and wrong ones too), and how many were refused.  */
unsigned long fake_os_calls(enum fake_os_call call);
unsigned long fake_os_refused(enum fake_os_call call);

/* Bytes in STATE; FAKE_NONE: what is left of the area.  Pages for which
 * sysUnusedOS answered KEPT are still Ready.  */
size_t fake_os_bytes(enum fake_os_state state);

/* Bytes under the large-page hint.  */
size_t fake_os_huge_bytes(void);

/* State of the page at V; None for every address that is not the toy's.  */
enum fake_os_state fake_os_state(const void *v);

/* Wrong edges so far, the text of one of the first few (NULL: not kept), and
 * forgetting them.  */
unsigned fake_os_wrong(void);
const char *fake_os_wrong_text(unsigned i);
void fake_os_forgive(void);

/* Print the wrong edges and abort, if there were any.  */
void fake_os_check(void);

#endif /* FAKE_OS_H */
