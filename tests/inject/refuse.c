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
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
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
	OPEN, OPENAT, READ, WRITE, FCNTL, READLINKAT, SYSCALL, CALLS };

static const char *const names[] = { "mmap", "munmap", "mprotect", "madvise",
	"mremap", "mincore", "getrlimit", "open", "openat", "read", "write",
	"fcntl", "readlinkat", "syscall" };

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

/* CALL, or its refusal with the value BAD.  */
#define GUARD(call, bad) \
	do { \
		int refused = refuse(call, __builtin_return_address(0)); \
		if (refused != 0) { \
			errno = refused; \
			return bad; \
		} \
	} while (0)

void *
mmap(void *v, size_t n, int prot, int flags, int fd, off_t at)
{
	GUARD(MMAP, MAP_FAILED);
	return (void *)syscall(SYS_mmap, v, n, prot, flags, fd, at);
}

int
munmap(void *v, size_t n)
{
	GUARD(MUNMAP, -1);
	return (int)syscall(SYS_munmap, v, n);
}

int
mprotect(void *v, size_t n, int prot)
{
	GUARD(MPROTECT, -1);
	return (int)syscall(SYS_mprotect, v, n, prot);
}

int
madvise(void *v, size_t n, int advice)
{
	GUARD(MADVISE, -1);
	return (int)syscall(SYS_madvise, v, n, advice);
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
	return (void *)syscall(SYS_mremap, old, old_n, n, flags, to_);
}

int
mincore(void *v, size_t n, unsigned char *vec)
{
	GUARD(MINCORE, -1);
	return (int)syscall(SYS_mincore, v, n, vec);
}

int
getrlimit(__rlimit_resource_t what, struct rlimit *r)
{
	GUARD(GETRLIMIT, -1);
	return (int)syscall(SYS_prlimit64, 0, what, NULL, r);
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
	return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
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
	return (int)syscall(SYS_openat, dir, path, flags, mode);
}

ssize_t
read(int fd, void *buf, size_t n)
{
	GUARD(READ, -1);
	return syscall(SYS_read, fd, buf, n);
}

ssize_t
write(int fd, const void *buf, size_t n)
{
	GUARD(WRITE, -1);
	return syscall(SYS_write, fd, buf, n);
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
	return (int)syscall(SYS_fcntl, fd, what, arg);
}

ssize_t
readlinkat(int dir, const char *path, char *buf, size_t n)
{
	GUARD(READLINKAT, -1);
	return syscall(SYS_readlinkat, dir, path, buf, n);
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
