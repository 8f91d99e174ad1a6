/* refuse.c - refuses system calls of one library: preloaded before it.
 *
 *   REFUSE=CALL:N:ERRNO    the N-th call of CALL by the library fails
 *   REFUSE=CALL:N+:ERRNO   this one and all after it
 *   REFUSE_COUNT=FILE      at the end: how often each call was made
 *   REFUSE_LIBRARY=NAME    part of the library's path, libmemaix by default
 *
 * It stands between the library and libc's wrappers and looks at the address
 * that it will return to, so that calls by libc and by the program pass.
 *
 * SPDX-License-Identifier: MIT  */

#define _GNU_SOURCE 1
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

static uintptr_t from, to;

static int
look(struct dl_phdr_info *info, size_t size, void *name)
{
	(void)size;
	if (strstr(info->dlpi_name, name) == NULL)
		return 0;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *h = &info->dlpi_phdr[i];

		if (h->p_type == PT_LOAD && (h->p_flags & PF_X)) {
			from = info->dlpi_addr + h->p_vaddr;
			to = from + h->p_memsz;
		}
	}
	return 1;
}

/* Is the code at ADDRESS the library's?  */
static int
is_library(void *address)
{
	const char *name = getenv("REFUSE_LIBRARY");

	if (to == 0)
		dl_iterate_phdr(look, name != NULL ? (void *)name :
		    (void *)"libmemaix");
	return (uintptr_t)address >= from && (uintptr_t)address < to;
}

enum call { MMAP, MUNMAP, MPROTECT, MADVISE, MREMAP, MINCORE, GETRLIMIT,
	OPEN, OPENAT, CLOSE, READ, WRITE, FCNTL, READLINKAT, GETDENTS64, GETTID,
	SCHED_GETAFFINITY, PRCTL, SIGACTION, SIGALTSTACK, PROCESS_VM_READV,
	PTHREAD_CREATE, PTHREAD_GETATTR, CLOCK_NANOSLEEP, CALLS };

static const char *const names[] = { "mmap", "munmap", "mprotect", "madvise",
	"mremap", "mincore", "getrlimit", "open", "openat", "close", "read",
	"write", "fcntl", "readlinkat", "getdents64", "gettid",
	"sched_getaffinity", "prctl", "sigaction", "sigaltstack",
	"process_vm_readv", "pthread_create", "pthread_getattr_np",
	"clock_nanosleep" };

static unsigned long made[CALLS];

/* The errno value of this call, or 0: let it pass.  */
static int
refuse(enum call call, void *caller)
{
	const char *order = getenv("REFUSE");
	unsigned long n, nth;
	char *end;

	if (!is_library(caller))
		return 0;
	n = __atomic_add_fetch(&made[call], 1, __ATOMIC_RELAXED);
	if (order == NULL || strncmp(order, names[call],
	    strlen(names[call])) != 0 || order[strlen(names[call])] != ':')
		return 0;
	nth = strtoul(order + strlen(names[call]) + 1, &end, 10);
	if (*end == '+' ? n < nth : n != nth)
		return 0;
	return atoi(end + (*end == '+') + 1);
}

/* libc's definition of NAME.  */
static void *
next(const char *name)
{
	void *v = dlsym(RTLD_NEXT, name);

	if (v == NULL)
		abort();
	return v;
}

/* CALL, or its refusal with the value BAD.  */
#define GUARD(call, bad) \
	do { \
		int refused = refuse(call, __builtin_return_address(0)); \
		if (refused != 0) { \
			errno = refused; \
			return bad; \
		} \
	} while (0)

/* The same for those that return the errno value.  */
#define GUARD_VALUE(call) \
	do { \
		int refused = refuse(call, __builtin_return_address(0)); \
		if (refused != 0) \
			return refused; \
	} while (0)

static long
raw(long number, long a, long b, long c, long d, long e, long f)
{
	static long (*real)(long, ...);

	if (real == NULL)
		*(void **)&real = next("syscall");
	return real(number, a, b, c, d, e, f);
}

/* All of them have the kernel's arguments.  */
#define RAW(number, a, b, c, d, e, f) raw(number, (long)(a), (long)(b), \
	(long)(c), (long)(d), (long)(e), (long)(f))

long
syscall(long number, ...)
{
	long arg[6];
	va_list ap;

	va_start(ap, number);
	for (int i = 0; i < 6; i++)
		arg[i] = va_arg(ap, long);
	va_end(ap);
	if (number == SYS_getdents64)
		GUARD(GETDENTS64, -1);
	if (number == SYS_gettid)
		GUARD(GETTID, -1);
	return raw(number, arg[0], arg[1], arg[2], arg[3], arg[4], arg[5]);
}

void *
mmap(void *v, size_t n, int prot, int flags, int fd, off_t at)
{
	GUARD(MMAP, MAP_FAILED);
	return (void *)RAW(SYS_mmap, v, n, prot, flags, fd, at);
}

int
munmap(void *v, size_t n)
{
	GUARD(MUNMAP, -1);
	return (int)RAW(SYS_munmap, v, n, 0, 0, 0, 0);
}

int
mprotect(void *v, size_t n, int prot)
{
	GUARD(MPROTECT, -1);
	return (int)RAW(SYS_mprotect, v, n, prot, 0, 0, 0);
}

int
madvise(void *v, size_t n, int advice)
{
	GUARD(MADVISE, -1);
	return (int)RAW(SYS_madvise, v, n, advice, 0, 0, 0);
}

void *
mremap(void *old, size_t old_n, size_t n, int flags, ...)
{
	va_list ap;
	void *to_;

	va_start(ap, flags);
	to_ = va_arg(ap, void *);
	va_end(ap);
	GUARD(MREMAP, MAP_FAILED);
	return (void *)RAW(SYS_mremap, old, old_n, n, flags, to_, 0);
}

int
mincore(void *v, size_t n, unsigned char *vec)
{
	GUARD(MINCORE, -1);
	return (int)RAW(SYS_mincore, v, n, vec, 0, 0, 0);
}

int
getrlimit(__rlimit_resource_t what, struct rlimit *r)
{
	GUARD(GETRLIMIT, -1);
	return (int)RAW(SYS_prlimit64, 0, what, NULL, r, 0, 0);
}

int
open(const char *path, int flags, ...)
{
	va_list ap;
	int mode;

	va_start(ap, flags);
	mode = va_arg(ap, int);
	va_end(ap);
	GUARD(OPEN, -1);
	return (int)RAW(SYS_openat, AT_FDCWD, path, flags, mode, 0, 0);
}

int
openat(int dir, const char *path, int flags, ...)
{
	va_list ap;
	int mode;

	va_start(ap, flags);
	mode = va_arg(ap, int);
	va_end(ap);
	GUARD(OPENAT, -1);
	return (int)RAW(SYS_openat, dir, path, flags, mode, 0, 0);
}

ssize_t
read(int fd, void *buf, size_t n)
{
	GUARD(READ, -1);
	return RAW(SYS_read, fd, buf, n, 0, 0, 0);
}

ssize_t
write(int fd, const void *buf, size_t n)
{
	GUARD(WRITE, -1);
	return RAW(SYS_write, fd, buf, n, 0, 0, 0);
}

int
fcntl(int fd, int what, ...)
{
	va_list ap;
	void *arg;

	va_start(ap, what);
	arg = va_arg(ap, void *);
	va_end(ap);
	GUARD(FCNTL, -1);
	return (int)RAW(SYS_fcntl, fd, what, arg, 0, 0, 0);
}

ssize_t
readlinkat(int dir, const char *path, char *buf, size_t n)
{
	GUARD(READLINKAT, -1);
	return RAW(SYS_readlinkat, dir, path, buf, n, 0, 0);
}

int
close(int fd)
{
	GUARD(CLOSE, -1);
	return (int)RAW(SYS_close, fd, 0, 0, 0, 0, 0);
}

int
sched_getaffinity(pid_t pid, size_t n, cpu_set_t *set)
{
	static int (*real)(pid_t, size_t, cpu_set_t *);

	GUARD(SCHED_GETAFFINITY, -1);
	if (real == NULL)
		*(void **)&real = next("sched_getaffinity");
	return real(pid, n, set);
}

int
prctl(int what, ...)
{
	long arg[4];
	va_list ap;

	va_start(ap, what);
	for (int i = 0; i < 4; i++)
		arg[i] = va_arg(ap, long);
	va_end(ap);
	GUARD(PRCTL, -1);
	return (int)RAW(SYS_prctl, what, arg[0], arg[1], arg[2], arg[3], 0);
}

int
sigaction(int sig, const struct sigaction *new_, struct sigaction *old)
{
	static int (*real)(int, const struct sigaction *, struct sigaction *);

	GUARD(SIGACTION, -1);
	if (real == NULL)
		*(void **)&real = next("sigaction");
	return real(sig, new_, old);
}

int
sigaltstack(const stack_t *new_, stack_t *old)
{
	GUARD(SIGALTSTACK, -1);
	return (int)RAW(SYS_sigaltstack, new_, old, 0, 0, 0, 0);
}

ssize_t
process_vm_readv(pid_t pid, const struct iovec *here, unsigned long n,
    const struct iovec *there, unsigned long m, unsigned long flags)
{
	GUARD(PROCESS_VM_READV, -1);
	return RAW(SYS_process_vm_readv, pid, here, n, there, m, flags);
}

int
pthread_create(pthread_t *t, const pthread_attr_t *attr, void *(*fn)(void *),
    void *arg)
{
	static int (*real)(pthread_t *, const pthread_attr_t *,
	    void *(*)(void *), void *);

	GUARD_VALUE(PTHREAD_CREATE);
	if (real == NULL)
		*(void **)&real = next("pthread_create");
	return real(t, attr, fn, arg);
}

int
pthread_getattr_np(pthread_t t, pthread_attr_t *attr)
{
	static int (*real)(pthread_t, pthread_attr_t *);

	GUARD_VALUE(PTHREAD_GETATTR);
	if (real == NULL)
		*(void **)&real = next("pthread_getattr_np");
	return real(t, attr);
}

int
clock_nanosleep(clockid_t clock, int flags, const struct timespec *t,
    struct timespec *left)
{
	static int (*real)(clockid_t, int, const struct timespec *,
	    struct timespec *);

	GUARD_VALUE(CLOCK_NANOSLEEP);
	if (real == NULL)
		*(void **)&real = next("clock_nanosleep");
	return real(clock, flags, t, left);
}

__attribute__((destructor))
static void
report(void)
{
	const char *path = getenv("REFUSE_COUNT");
	char text[1000];
	size_t used = 0;
	int fd;

	if (path == NULL)
		return;
	for (int i = 0; i < CALLS; i++)
		used += (size_t)snprintf(text + used, sizeof text - used,
		    "%s %lu\n", names[i], made[i]);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
	if (fd >= 0 && write(fd, text, used) == (ssize_t)used)
		close(fd);
}
