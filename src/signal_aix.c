/* signal_aix.c - memory faults on AIX.  Contract: sys_os.h.
 *
 * Nothing yet.  What a handler needs has sources: SA_SIGINFO, SA_ONSTACK, si_addr and
 * its codes, the stack pointer in the context (Go's defs_aix_ppc64.go, gnulib).  But
 * nobody here has seen AIX call one, on an alternate stack of a thread, in a library
 * that libc loaded; and a handler that is wrong is worse than none.
 *
 * SPDX-License-Identifier: MIT  */

#include <errno.h>

#include "sys_os.h"

int
sysCatchFaultsOS(void (*tell)(const struct mx_fault *f))
{
	(void)tell;
	return ENOSYS;
}

bool
sysPeekOS(void *to, const void *v, size_t n)
{
	(void)to;
	(void)v;
	(void)n;
	return false;
}

bool
sysHasFaultStackOS(void)
{
	return true;            /* so that none is made */
}

void
sysSetFaultStackOS(void *v, size_t n)
{
	(void)v;
	(void)n;
}

void
sysDropFaultStackOS(void *v)
{
	(void)v;
}

/* Not yet: it is not known whether a thread may be made where the library starts.  */
int
sysEveryOS(size_t ms, void (*fn)(void))
{
	(void)ms;
	(void)fn;
	return ENOSYS;
}

/* Here malloc is called before libpthreads is up; override_aix.c knows when it is.  */
int
sysForkOS(void (*prepare)(void), void (*parent)(void), void (*child)(void))
{
	(void)prepare;
	(void)parent;
	(void)child;
	return ENOSYS;
}
