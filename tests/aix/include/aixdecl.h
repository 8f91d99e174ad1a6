/* aixdecl.h - the part of AIX's headers that memaix uses, for compiling its AIX
 * sources where there is no AIX.  Never used on a real one.
 *
 * Every constant has its source in short: H53 = AIX 5.3 headers in a public
 * index, H71 = the same of 7.1, GoDefs = golang defs_aix_ppc64.go, rustlibc = rust-lang/libc
 * src/unix/aix, IBM = ibm.com/docs, POSIX.  The other headers of this folder
 * only include this one.
 *
 * SPDX-License-Identifier: MIT  */

#ifndef AIXDECL_H
#define AIXDECL_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

typedef long ssize_t;                   /* POSIX; 64-bit: rustlibc */
typedef long off_t;                     /* rustlibc */
typedef int pid_t;                      /* rustlibc, 32 bits */
typedef unsigned int uid_t, gid_t, mode_t;      /* rustlibc */

/* errno.h: rustlibc, GoDefs */
extern int *_Errno(void);
#define errno (*_Errno())
#define EINTR 4
#define EAGAIN 11
#define ENOMEM 12
#define EFAULT 14
#define EBUSY 16
#define EINVAL 22
#define ETIMEDOUT 78
#define ESRCH 3
#define ENOSYS 109

/* sys/mman.h: H53, rustlibc */
#define PROT_NONE 0
#define PROT_READ 1
#define PROT_WRITE 2
#define MAP_PRIVATE 2
#define MAP_ANONYMOUS 0x10
#define MAP_FIXED 0x100
#define MAP_FAILED ((void *)-1)
void *mmap(void *, size_t, int, int, int, off_t);
int munmap(void *, size_t);
int mprotect(void *, size_t, int);
int mincore(char *, size_t, char *);

/* sys/shm.h: H53 */
#define DISCLAIM_ZEROMEM 1
int disclaim64(void *, size_t, unsigned long);

/* sys/vminfo.h: H53, OpenJDK */
#define VM_PAGE_INFO 7
#define VMINFO_GETPSIZES 102
typedef uint64_t psize_t;
struct vm_page_info { uint64_t addr; uint64_t pagesize; };
int vmgetinfo(void *, int, int);

/* unistd.h: rustlibc */
void *sbrk(intptr_t);
#define _SC_PAGESIZE 48
#define STDERR_FILENO 2
long sysconf(int);
pid_t getpid(void);
uid_t getuid(void);
uid_t geteuid(void);
gid_t getgid(void);
gid_t getegid(void);
ssize_t write(int, const void *, size_t);
int close(int);

/* fcntl.h: rustlibc */
#define O_WRONLY 1
#define O_APPEND 8
#define O_CREAT 0x100
#define O_CLOEXEC 0x800000
#define F_DUPFD_CLOEXEC 16
int open(const char *, int, ...);
int fcntl(int, int, ...);

/* sched.h: POSIX */
int sched_yield(void);

/* dlfcn.h: rustlibc */
#define RTLD_NOW 2
#define RTLD_MEMBER 0x40000
#define RTLD_NEXT ((void *)-3)
void *dlopen(const char *, int);
void *dlsym(void *, const char *);

/* time.h: rustlibc */
struct timespec { long tv_sec; long tv_nsec; };
#define CLOCK_REALTIME 9
#define CLOCK_MONOTONIC 10
int nanosleep(const struct timespec *, struct timespec *);
int clock_gettime(long long, struct timespec *);

/* pthread.h: rustlibc; mutex of 8 longs, first word 0, second 2 */
typedef unsigned int pthread_t, pthread_key_t;
typedef struct { long word[8]; } pthread_mutex_t;
#define PTHREAD_MUTEX_INITIALIZER { { 0, 2, 0, 0, 0, 0, 0, 0 } }
int pthread_mutex_lock(pthread_mutex_t *);
int pthread_mutex_unlock(pthread_mutex_t *);
int pthread_mutex_trylock(pthread_mutex_t *);
int pthread_mutex_timedlock(pthread_mutex_t *, const struct timespec *);
int pthread_key_create(pthread_key_t *, void (*)(void *));
int pthread_setspecific(pthread_key_t, const void *);
void *pthread_getspecific(pthread_key_t);
pthread_t pthread_self(void);
int pthread_equal(pthread_t, pthread_t);
int pthread_atfork(void (*)(void), void (*)(void), void (*)(void));

/* string.h, stdlib.h: ISO C */
void *memcpy(void *, const void *, size_t);
void *memset(void *, int, size_t);
int memcmp(const void *, const void *, size_t);
size_t strlen(const char *);
char *strchr(const char *, int);
char *strstr(const char *, const char *);
int strncmp(const char *, const char *, size_t);
size_t strcspn(const char *, const char *);
_Noreturn void abort(void);
int atexit(void (*)(void));
void *malloc(size_t);
void free(void *);
void *calloc(size_t, size_t);
void *realloc(void *, size_t);
int posix_memalign(void **, size_t, size_t);

/* malloc.h: H71; struct mallinfo also rustlibc */
#define M_DISCLAIM 5
#define M_MALIGN 6
struct mallinfo_heap {
	unsigned long root_sz, acquired, blks_alloc, netalloc, bytes_free;
};
struct mallinfo {
	unsigned long arena;
	int ordblks, smblks, hblks, hblkhd;
	unsigned long usmblks, fsmblks, uordblks, fordblks;
	int keepcost;
};

/* procinfo.h: H53; only the members that are used, so the size is not AIX's */
struct fdsinfo64;
struct procentry64 {
	pid_t pi_pid;
	uint64_t pi_size, pi_drss, pi_trss;
	int pi_data_l2psize, pi_text_l2psize;
};

#endif /* AIXDECL_H */
