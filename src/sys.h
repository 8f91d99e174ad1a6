/* sys.h - the nine primitives with accounts.
 *
 * Owns: the count of bytes in each state, their peaks, and the facts asked of
 * the system.  Same stems as sys_os.h.  Must not know: what the memory is for.
 *
 * Invariant: reserved + prepared + ready == address space that memaix holds.
 *
 * All functions are safe in any thread; none allocates or locks.
 *
 * SPDX-License-Identifier: MIT  */

#ifndef MX_SYS_H
#define MX_SYS_H

#include "sys_os.h"

/* Bytes, counted where the state changes.  any thread, relaxed.  */
struct mx_sys_account {
	size_t reserved;
	size_t prepared;
	size_t ready;
	size_t peak_held;       /* of reserved + prepared + ready */
	size_t peak_ready;
	size_t released;        /* ever given back by mx_sys_unused, total */
	size_t calls;           /* system calls that changed a state */
	size_t refused;         /* of these, refused by the kernel */
	size_t peak_reserved;   /* last: readers know the places (root.h) */
	size_t peak_prepared;
};

extern struct mx_sys_account mx_sys_account;

/* Asked once, in mx_sys_init.  const after it.  */
struct mx_sys_facts {
	size_t page;            /* bytes in an OS page */
	size_t limit;           /* address-space limit, SIZE_MAX: none */
	bool lazy;              /* a release left old bytes behind: Prepared
	                         * memory is not known to be zero any more */
	bool no_move;           /* sysMoveOS said that it does not exist */
	bool large;             /* all mappings have larger pages from the start */
};

extern struct mx_sys_facts mx_sys_facts;

void mx_sys_init(void);

/* Asked the first time, which takes some system calls: hold no lock.  */
const struct mx_grant *mx_sys_grant(void);

/* The memory of it, and 0 before anybody asked.  */
size_t mx_sys_granted_memory(void);

/* Before the first mx_sys_reserve; without effect where there is no such
 * source.  */
void mx_sys_choose_source(enum mx_source source);

/* None -> Reserved, aligned to ALIGN (a power of two, or 0: OS page).  NULL and
 * errno if refused.  Aligned means: reserve more, then free both ends.  */
void *mx_sys_reserve(size_t n, size_t align);

/* Reserved -> Prepared.  0 or errno.  */
int mx_sys_map(void *v, size_t n);

/* Prepared -> Ready.  0 or errno.  */
int mx_sys_used(void *v, size_t n);

/* Ready -> Prepared.  On MX_RELEASE_KEPT the range is still Ready.  */
enum mx_release mx_sys_unused(void *v, size_t n);

/* The same in two steps, for those who let go of a lock for the first: the accounts of
 * states change in the second, which must come unless the answer is KEPT.  */
enum mx_release mx_sys_release(void *v, size_t n);
void mx_sys_released(size_t n);

/* Ready -> Reserved.  0 or errno.  */
int mx_sys_fault(void *v, size_t n);

/* Any -> None: of the N bytes PREPARED and READY are in these states, the rest
 * is Reserved.  0 or errno; on errno nothing changed.  */
int mx_sys_free(void *v, size_t n, size_t prepared, size_t ready);

/* None -> Ready, zeroed.  NULL and errno if refused.  */
void *mx_sys_alloc(size_t n);

/* Would the system give N bytes of memory, if all goes well with their pages?  */
bool mx_sys_would_alloc(size_t n);

/* Ready pages from OLD to NEW, both Ready before and after.  0 or errno.  */
int mx_sys_move(void *new_, void *old, size_t n);

/* Can this system give large pages?  Asked of the kernel the first time.  */
bool mx_sys_huge_is_supported(void);

/* Bytes in a large page, 0 if unsupported or switched off.  */
size_t mx_sys_huge_size(void);

/* Switch large pages off for this process from now on.  */
void mx_sys_huge_disable(void);

/* Hints on a range; for large pages UNSUPPORTED once they are switched off.  Where the
 * system gives them unasked the other one is of use all the same.  */
enum mx_huge mx_sys_huge(void *v, size_t n);
enum mx_huge mx_sys_no_huge(void *v, size_t n);

/* Write to each OS page of N bytes at V, all of which are zero and stay so.  */
void mx_sys_touch(void *v, size_t n);

/* Clear N bytes at V, unless they are KNOWN_ZERO.  */
void mx_sys_clear(void *v, size_t n, bool known_zero);

/* Are N bytes at V zero?  They are read.  */
bool mx_sys_is_clear(const void *v, size_t n);

/* Is memory that went Reserved or Ready -> Prepared zero when read?  */
bool mx_sys_prepared_is_zero(void);

#endif /* MX_SYS_H */
