/* sys_os.h - the contract between memaix and a kernel: nine primitives.
 *
 * Every byte of address space is in one of four states:
 *
 *   None       not ours.
 *   Reserved   ours; an access faults; costs nothing but address space.
 *   Prepared   readable and writable, but its bytes are given up: a read gives
 *              zeros or old bytes, and the kernel may keep no page behind it.
 *   Ready      in use.
 *
 * Each primitive is one edge between states.  A back end (sys_linux.c,
 * sys_aix.c, tests/fake_os.c) does the system call and says what *really*
 * happened.  It keeps no accounts, never exits for a refusal by the kernel, and
 * knows nothing of arenas or spans.  sys.h has the same stems with accounts.
 *
 *   None --sysReserveOS--> Reserved --sysMapOS--> Prepared --sysUsedOS--> Ready
 *   Ready --sysUnusedOS--> Prepared       Ready --sysFaultOS--> Reserved
 *   None --sysAllocOS--> Ready            any --sysFreeOS--> None
 *
 * Page-size duty: V and N are multiples of sysPageSizeOS() in every call but
 * sysUnusedOS, sysHugePageOS, sysNoHugePageOS and sysFreeOS, which round the
 * range *inward* and do nothing when no whole page is left.  N is never 0.
 *
 * Errors: functions that return int answer 0 or an errno value; those that
 * return a pointer answer NULL and set errno.  ENOMEM means "not now"; anything
 * else is passed up as it is.  All of them may be called from any thread and
 * from inside malloc: they do not allocate and take no lock.
 *
 * SPDX-License-Identifier: MIT  */

#ifndef MX_SYS_OS_H
#define MX_SYS_OS_H

#include "base.h"

/* What sysUnusedOS did.  */
enum mx_release {
	MX_RELEASE_ZERO,        /* pages are gone; the next read gives zeros */
	MX_RELEASE_LAZY,        /* pages may go later; bytes are undefined */
	MX_RELEASE_KEPT         /* nothing happened: memory kept, bytes old */
};

/* What sysHugePageOS and sysNoHugePageOS can say.  */
enum mx_huge {
	MX_HUGE_GRANTED,        /* the kernel confirmed the page size */
	MX_HUGE_HINTED,         /* the kernel took the hint */
	MX_HUGE_UNSUPPORTED     /* no such thing here, or switched off */
};

/* Where sysReserveOS takes address space from.  */
enum mx_source {
	MX_SOURCE_MAP,          /* the kernel's choice */
	MX_SOURCE_LARGE,        /* mappings that have larger pages from the start */
	MX_SOURCE_BREAK         /* the break; Reserved memory does not fault then */
};

/* Before the first sysReserveOS; may change what sysPageSizeOS says.  0, or an
 * errno value and all is as it was (ENOSYS: no such thing here).  */
int sysSourceOS(enum mx_source source);

/* None -> Reserved.  HINT is only a hint: compare the answer with it.  */
void *sysReserveOS(void *hint, size_t n);

/* Reserved -> Prepared.  */
int sysMapOS(void *v, size_t n);

/* Prepared -> Ready.  Undoes whatever sysUnusedOS did to the protection.  */
int sysUsedOS(void *v, size_t n);

/* Ready -> Prepared.  */
enum mx_release sysUnusedOS(void *v, size_t n);

/* No change of state: ask for large pages on the whole large pages inside the
 * range, or for ordinary ones, also in the library's own data.  */
enum mx_huge sysHugePageOS(void *v, size_t n);
enum mx_huge sysNoHugePageOS(void *v, size_t n);

/* Ready -> Reserved.  Every later access faults; memory need not go back, and the
 * bytes are the same when they can be read again.  */
int sysFaultOS(void *v, size_t n);

/* Any -> None.  */
int sysFreeOS(void *v, size_t n);

/* None -> Ready, zeroed.  */
void *sysAllocOS(size_t n);

/* Facts about the system, which the edges need.  No state, no error; each is
 * asked once by sys.c and may be slow.  */

/* Bytes in a page of this kernel, a power of two: 4K, 16K, 64K, ...  */
size_t sysPageSizeOS(void);

/* Bytes in the large page that sysHugePageOS asks for; 0: none, or switched
 * off by the kernel's configuration.  */
size_t sysHugeSizeOS(void);

/* The limit on address space that reservations count against; SIZE_MAX: none
 * is in force.  */
size_t sysLimitOS(void);

/* What whoever started this process lets it have, which may be less than the machine
 * does; 0: nobody says.  Asked once, when it begins to matter.  */
struct mx_grant {
	size_t memory;          /* bytes */
	size_t processors;
};

void sysGrantOS(struct mx_grant *g);

/* True when the process has rights that its caller lacks (set-user-ID and kin):
 * its environment is not to be trusted.  */
bool sysSecureOS(void);

/* The environment variable NAME (with its `=') as the program was started with it,
 * before libc has it: up to N bytes and a NUL to TEXT, which has room for both.  1;
 * 0: it is not set; -1: this system does not say, or it is longer.  */
int sysEnvironOS(const char *name, char *text, size_t n);

/* Bytes of [V, V+N), a mapped range, that are in memory; SIZE_MAX: this system
 * does not say.  */
size_t sysResidentOS(void *v, size_t n);

/* 64 bits that another process can't guess; never fails, makes no system call.  */
uint64_t sysRandomOS(void);

/* What is at P, an address that no primitive gave.  UNKNOWN is always right, for
 * P may be in another allocator's heap.  */
enum mx_where {
	MX_WHERE_UNKNOWN,
	MX_WHERE_STACK,         /* of the calling thread */
	MX_WHERE_STATIC,        /* in a program or library */
	MX_WHERE_UNMAPPED
};

enum mx_where sysWhereOS(const void *p);

/* Services of the same kind.  */

/* Milliseconds from some fixed point; cheap, coarse.  */
uint64_t sysClockOS(void);

/* Nanoseconds, to measure with.  */
uint64_t sysNanosOS(void);

/* Ready -> Ready at another address, and the old range is Ready and zero: move
 * the pages of [OLD, OLD+N) to [NEW, NEW+N), which is Ready and whose bytes are
 * given up.  0, or an errno value and nothing happened (ENOSYS where the system
 * has no such call; EFAULT: NEW is None now).  */
int sysMoveOS(void *new_, void *old, size_t n);

/* A memory fault, as the processor and the kernel tell it.  */
enum mx_access { MX_ACCESS_UNKNOWN, MX_ACCESS_READ, MX_ACCESS_WRITE };

struct mx_fault {
	const void *address;
	uintptr_t stack;        /* the stack pointer; 0: unknown */
	enum mx_access access;
	bool bus;               /* SIGBUS, else SIGSEGV */
	bool mapped;            /* there is something, that forbids the access */
};

/* From here on TELL is called for each memory fault, in a signal handler, before
 * what would happen without it happens.  Once.  0, or ENOSYS.  */
int sysCatchFaultsOS(void (*tell)(const struct mx_fault *f));

/* Copy N bytes from V, whose pages may fault, to TO; in a signal handler, too.  False:
 * they do, or this system does not say.  */
bool sysPeekOS(void *to, const void *v, size_t n);

/* The calling thread's stack for signal handlers: has it one, let it be the N
 * bytes at V, and let it be none any more if it is still V.  */
bool sysHasFaultStackOS(void);
void sysSetFaultStackOS(void *v, size_t n);
void sysDropFaultStackOS(void *v);

/* Callers, for those who read a report.  Before the first of these; may load the
 * system's unwinder, and so allocate.  */
void sysTraceStartOS(void);

/* The addresses to which the calling function, its caller and so on return, N at
 * most, innermost first; how many.  May allocate.  */
size_t sysTraceOS(void **pc, size_t n);

/* What code is at PC; NULL: unknown.  Allocates nothing.  */
struct mx_place {
	const char *file;
	const void *base;       /* where the file lies in memory */
	const char *name;       /* of a function that begins at START or below */
	const void *start;
};

void sysPlaceOS(const void *pc, struct mx_place *place);

/* The calling thread's number, as debuggers show it.  */
size_t sysThreadOS(void);

/* A word that is 1 here, and 0 in a process that got a copy of this one's memory; a
 * child of vfork has the memory itself.  Not by two threads at once.  NULL: refused,
 * or there is no such thing here.  */
const uint32_t *sysOriginOS(void);

/* Call FN every MS milliseconds, in a thread of its own that no signal interrupts,
 * until the process ends; a fork's child does not have that thread.  May allocate.
 * 0 or an errno value: ENOSYS, this system does not do that.  */
int sysEveryOS(size_t ms, void (*fn)(void));

/* From here on the three are called around each fork, as pthread_atfork has it.  May
 * call malloc.  0 or an errno value: ENOSYS, it is too early for that here.  */
int sysForkOS(void (*prepare)(void), void (*parent)(void),
    void (*child)(void));

/* Have FN(ARG) called when the calling thread ends, before its thread-local
 * storage goes.  May itself call malloc.  0 or an errno value.  */
int sysThreadExitOS(void (*fn)(void *), void *arg);

#endif /* MX_SYS_OS_H */
