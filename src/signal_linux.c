/* signal_linux.c - memory faults on Linux, the thread that gets no signal, and forks.
 * Contract: sys_os.h.
 *
 * Owns: the handler, and the handlers that were there before.  Must not know: what
 * lies at an address, what the thread does.
 *
 * SPDX-License-Identifier: MIT  */

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/uio.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "sys_os.h"

static const int signals[] = { SIGSEGV, SIGBUS };

#define N_SIGNALS (sizeof signals / sizeof signals[0])

static struct sigaction before[N_SIGNALS];

static void (*teller)(const struct mx_fault *f);

static void
read_context(const ucontext_t *u, struct mx_fault *f)
{
#ifdef __x86_64__
	f->stack = (uintptr_t)u->uc_mcontext.gregs[REG_RSP];
	/* Bit 1 of a page fault's error code (Intel, volume 3, 4.7).  */
	if (u->uc_mcontext.gregs[REG_TRAPNO] == 14)
		f->access = (u->uc_mcontext.gregs[REG_ERR] & 2) != 0 ?
		    MX_ACCESS_WRITE : MX_ACCESS_READ;
#elif defined __aarch64__
	f->stack = (uintptr_t)u->uc_mcontext.sp;
#elif defined __powerpc64__
	f->stack = (uintptr_t)u->uc_mcontext.gp_regs[1];
#else
	(void)u;
	(void)f;
#endif
}

/* What would have happened without us.  */
static void
hand_on(int sig, siginfo_t *info, void *context)
{
	const struct sigaction *old = &before[sig == signals[0] ? 0 : 1];

	if ((old->sa_flags & SA_SIGINFO) != 0) {
		old->sa_sigaction(sig, info, context);
	} else if (old->sa_handler != SIG_DFL && old->sa_handler != SIG_IGN) {
		old->sa_handler(sig);
	} else if (old->sa_handler == SIG_DFL || info->si_code > 0) {
		/* The instruction faults again, and the process ends there.  */
		(void)sigaction(sig, old, NULL);
		if (info->si_code <= 0)
			(void)raise(sig);
	}
}

static void
handle(int sig, siginfo_t *info, void *context)
{
	int saved = errno;
	struct mx_fault f = { .address = info->si_addr };

	/* Positive: the kernel found it; else somebody sent it.  */
	if (info->si_code > 0) {
		f.bus = sig == SIGBUS;
		f.mapped = f.bus || info->si_code != SEGV_MAPERR;
		read_context(context, &f);
		teller(&f);
	}
	errno = saved;
	hand_on(sig, info, context);
}

int
sysCatchFaultsOS(void (*tell)(const struct mx_fault *f))
{
	struct sigaction act;

	teller = tell;
	memset(&act, 0, sizeof act);
	act.sa_sigaction = handle;
	act.sa_flags = SA_SIGINFO | SA_ONSTACK;
	(void)sigemptyset(&act.sa_mask);
	for (size_t i = 0; i < N_SIGNALS; i++)
		(void)sigaction(signals[i], &act, &before[i]);
	return 0;
}

bool
sysPeekOS(void *to, const void *v, size_t n)
{
	struct iovec here = { to, n };
	struct iovec there = { (void *)(uintptr_t)v, n };

	return process_vm_readv(getpid(), &here, 1, &there, 1, 0) ==
	    (ssize_t)n;
}

bool
sysHasFaultStackOS(void)
{
	stack_t s;

	return sigaltstack(NULL, &s) != 0 || (s.ss_flags & SS_DISABLE) == 0;
}

void
sysSetFaultStackOS(void *v, size_t n)
{
	stack_t s;

	memset(&s, 0, sizeof s);
	s.ss_sp = v;
	s.ss_size = n;
	(void)sigaltstack(&s, NULL);
}

void
sysDropFaultStackOS(void *v)
{
	stack_t s;

	if (sigaltstack(NULL, &s) != 0 || s.ss_sp != v)
		return;
	s.ss_flags = SS_DISABLE;
	(void)sigaltstack(&s, NULL);
}

/* ---- the thread ---- */

/* It calls the kernel and little else.  */
#define EVERY_STACK (64 * MX_KIB)

static struct {
	struct timespec pause;
	void (*fn)(void);
} every;

static void *
run_every(void *arg)
{
	(void)arg;
	(void)prctl(PR_SET_NAME, "memaix");
	for (;;) {
		int e = clock_nanosleep(CLOCK_MONOTONIC, 0, &every.pause,
		    NULL);

		/* Who may not sleep must not work without end.  */
		if (e != 0 && e != EINTR)
			return NULL;
		every.fn();
	}
}

int
sysEveryOS(size_t ms, void (*fn)(void))
{
	sigset_t all, old;
	pthread_attr_t attr;
	pthread_t thread;
	int e;

	every.pause.tv_sec = (time_t)(ms / 1000);
	every.pause.tv_nsec = (long)(ms % 1000) * 1000000;
	every.fn = fn;
	e = pthread_attr_init(&attr);
	if (e != 0)
		return e;
	(void)pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	/* EINVAL where thread-local storage is large: then as it comes.  */
	(void)pthread_attr_setstacksize(&attr, EVERY_STACK);
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &old);
	e = pthread_create(&thread, &attr, run_every, NULL);
	if (e == EINVAL) {
		(void)pthread_attr_destroy(&attr);
		(void)pthread_attr_init(&attr);
		(void)pthread_attr_setdetachstate(&attr,
		    PTHREAD_CREATE_DETACHED);
		e = pthread_create(&thread, &attr, run_every, NULL);
	}
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	(void)pthread_attr_destroy(&attr);
	return e;
}

int
sysForkOS(void (*prepare)(void), void (*parent)(void), void (*child)(void))
{
	return pthread_atfork(prepare, parent, child);
}
