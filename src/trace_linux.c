/* trace_linux.c - who called, on Linux.  Contract: sys_os.h.
 *
 * Owns: the way to the unwinder of the compiler's run-time library.  Must not know:
 * who wants to know.
 *
 * SPDX-License-Identifier: MIT  */

#ifndef _GNU_SOURCE
# define _GNU_SOURCE 1
#endif

#include <dlfcn.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <unwind.h>

#include "sys_os.h"

typedef _Unwind_Reason_Code unwind_fn(_Unwind_Trace_Fn, void *);
typedef _Unwind_Ptr get_ip_fn(struct _Unwind_Context *);

/* In C++ programs they are there; a C program gets them from libgcc_s, and a static
 * one that has none does without.  */
#pragma weak _Unwind_Backtrace
#pragma weak _Unwind_GetIP

static unwind_fn *backtrace;
static get_ip_fn *get_ip;

struct walk {
	void **pc;
	size_t n;
	size_t used;
	bool self;              /* the first frame is sysTraceOS itself */
};

void
sysTraceStartOS(void)
{
	unwind_fn *fn = _Unwind_Backtrace;

	get_ip = _Unwind_GetIP;
#ifdef PIC
	if (fn == NULL || get_ip == NULL) {
		void *lib = dlopen("libgcc_s.so.1", RTLD_NOW | RTLD_LOCAL);

		if (lib == NULL)
			return;
		fn = (unwind_fn *)dlsym(lib, "_Unwind_Backtrace");
		get_ip = (get_ip_fn *)dlsym(lib, "_Unwind_GetIP");
	}
#endif
	if (get_ip != NULL)
		mx_store(&backtrace, fn, RELEASE);
}

static _Unwind_Reason_Code
step(struct _Unwind_Context *context, void *arg)
{
	struct walk *w = arg;
	void *pc = (void *)get_ip(context);

	if (pc == NULL || w->used == w->n)
		return _URC_END_OF_STACK;
	if (w->self)
		w->self = false;
	else
		w->pc[w->used++] = pc;
	return _URC_NO_REASON;
}

size_t
sysTraceOS(void **pc, size_t n)
{
	unwind_fn *fn = mx_load(&backtrace, ACQUIRE);
	struct walk w = { pc, n, 0, true };

	if (fn != NULL)
		(void)fn(step, &w);
	return w.used;
}

void
sysPlaceOS(const void *pc, struct mx_place *place)
{
	Dl_info info;

	*place = (struct mx_place){ .file = NULL };
	if (dladdr(pc, &info) == 0)
		return;
	place->file = info.dli_fname;
	place->base = info.dli_fbase;
	if (info.dli_saddr != NULL) {
		place->name = info.dli_sname;
		place->start = info.dli_saddr;
	}
}

size_t
sysThreadOS(void)
{
	return (size_t)syscall(SYS_gettid);
}
