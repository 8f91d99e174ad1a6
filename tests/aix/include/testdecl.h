/* testdecl.h - what only test programs and the command use of the system's headers,
 * for the rig.
 *
 * The library includes none of this, so nothing here is a claim about AIX but
 * for what has a source: rustlibc, as in aixdecl.h.  The shims know the rest; of
 * what only the command uses no layout is AIX's, since it is only compiled.
 *
 * SPDX-License-Identifier: MIT  */

#ifndef TESTDECL_H
#define TESTDECL_H

#include "aixdecl.h"

/* stdio.h */
typedef struct rig_file FILE;
extern FILE *rig_stdout, *rig_stderr;
#define stdout rig_stdout
#define stderr rig_stderr
#define EOF (-1)
int printf(const char *, ...) __attribute__((format(printf, 1, 2)));
int fprintf(FILE *, const char *, ...) __attribute__((format(printf, 2, 3)));
int snprintf(char *, size_t, const char *, ...)
    __attribute__((format(printf, 3, 4)));
int vfprintf(FILE *, const char *, va_list);
int vsnprintf(char *, size_t, const char *, va_list);
int puts(const char *);
int fputs(const char *, FILE *);
int fputc(int, FILE *);
int putchar(int);
size_t fwrite(const void *, size_t, size_t, FILE *);
size_t fread(void *, size_t, size_t, FILE *);
char *fgets(char *, int, FILE *);
int fflush(FILE *);
FILE *fopen(const char *, const char *);
int fclose(FILE *);
int fileno(FILE *);
int fscanf(FILE *, const char *, ...);
FILE *tmpfile(void);
int mkstemp(char *);
char *mkdtemp(char *);
int rmdir(const char *);
void rewind(FILE *);
int ferror(FILE *);
void perror(const char *);

/* stdlib.h */
#define SEEK_CUR 1
off_t lseek(int, off_t, int);
#define RTLD_DEFAULT ((void *)-1)
#define EXIT_SUCCESS 0
#define EXIT_FAILURE 1
char *getenv(const char *);
int setenv(const char *, const char *, int);
int unsetenv(const char *);
unsigned long strtoul(const char *, char **, int);
unsigned long long strtoull(const char *, char **, int);
long strtol(const char *, char **, int);
int atoi(const char *);
long atol(const char *);
void qsort(void *, size_t, size_t, int (*)(const void *, const void *));
_Noreturn void exit(int);
void *aligned_alloc(size_t, size_t);
void *valloc(size_t);

/* string.h, ctype.h */
char *strerror(int);
char *strdup(const char *);
char *strrchr(const char *, int);
char *strcpy(char *, const char *);
int strcmp(const char *, const char *);
size_t strspn(const char *, const char *);
void *memmove(void *, const void *, size_t);
void *memchr(const void *, int, size_t);
int isalnum(int);
int isdigit(int);
int isspace(int);

/* malloc.h */
struct mallinfo mallinfo(void);
struct mallinfo_heap mallinfo_heap(int);
int mallopt(int, int);
/* Not on AIX: weak references to them are null.  */
size_t malloc_usable_size(void *);
void *reallocarray(void *, size_t, size_t);
void *memalign(size_t, size_t);
void *pvalloc(size_t);
struct mallinfo2 { size_t arena, uordblks, fordblks, hblkhd; };
struct mallinfo2 mallinfo2(void);
int malloc_trim(size_t);
void malloc_stats(void);
int malloc_info(int, FILE *);

/* signal.h: rustlibc */
typedef int sig_atomic_t;
#define SIGHUP 1
#define SIGINT 2
#define SIGABRT 6
#define SIGFPE 8
#define SIGKILL 9
#define SIGBUS 10
#define SIGSEGV 11
#define SIGPIPE 13
#define SIGALRM 14
#define SIGTERM 15
#define SIGCHLD 20
#define SIGUSR1 30
#define SIG_DFL ((void (*)(int))0)
#define SIG_IGN ((void (*)(int))1)
typedef struct { unsigned long word[4]; } sigset_t;
struct sigaction {
	void (*sa_handler)(int);
	sigset_t sa_mask;
	int sa_flags;
};
void (*signal(int, void (*)(int)))(int);
int sigaction(int, const struct sigaction *, struct sigaction *);
int raise(int);
int kill(pid_t, int);

/* sys/wait.h */
#define WNOHANG 1
#define WIFEXITED(s) (((s) & 0x7f) == 0)
#define WEXITSTATUS(s) ((s) >> 8 & 0xff)
#define WIFSIGNALED(s) (((s) & 0x7f) != 0)
#define WTERMSIG(s) ((s) & 0x7f)
pid_t waitpid(pid_t, int *, int);

/* sys/resource.h, sys/time.h: rustlibc */
#define RLIMIT_DATA 2
#define RLIMIT_CORE 4
#define RLIMIT_AS 6
#define RLIM_INFINITY (~0ul)
struct rlimit { unsigned long rlim_cur, rlim_max; };
int getrlimit(int, struct rlimit *);
int setrlimit(int, const struct rlimit *);
#define ITIMER_REAL 0
struct timeval { long tv_sec; long tv_usec; };
struct itimerval { struct timeval it_interval, it_value; };
int setitimer(int, const struct itimerval *, struct itimerval *);

/* time.h, unistd.h, fcntl.h: rustlibc */
#define CLOCK_REALTIME 9
typedef long time_t;
time_t time(time_t *);
int usleep(unsigned);
#define STDIN_FILENO 0
#define STDOUT_FILENO 1
#define _SC_NPROCESSORS_ONLN 72
#define O_RDONLY 0
#define O_RDWR 2
#define O_NONBLOCK 4
#define O_TRUNC 0x200
#define F_GETFD 1
#define F_SETFD 2
#define F_GETFL 3
#define F_SETFL 4
#define FD_CLOEXEC 1
#define EBADF 9
#define EMFILE 24
#define EPIPE 32
pid_t fork(void);
int pipe(int[2]);
int dup(int);
int dup2(int, int);
int unlink(const char *);
ssize_t read(int, void *, size_t);
unsigned alarm(unsigned);
_Noreturn void _exit(int);
extern char **environ;

/* What only the command uses: POSIX, rustlibc */
#define ENOENT 2
#define ENOEXEC 8
#define ENOTDIR 20
#define EISDIR 21
#define R_OK 4
#define X_OK 1
#define S_ISUID 04000
#define S_ISGID 02000
#define S_IFMT 0170000
#define S_IFDIR 0040000
#define S_ISDIR(m) (((m) & S_IFMT) == S_IFDIR)
struct stat { mode_t st_mode; uid_t st_uid; gid_t st_gid; };
int stat(const char *, struct stat *);
int access(const char *, int);
int execv(const char *, char *const[]);
int execvp(const char *, char *const[]);
ssize_t pread(int, void *, size_t, off_t);
char *realpath(const char *, char *);
char *strpbrk(const char *, const char *);
typedef struct { size_t gl_pathc; char **gl_pathv; } glob_t;
int glob(const char *, int, int (*)(const char *, int), glob_t *);
void globfree(glob_t *);

/* pthread.h: rustlibc */
typedef void *pthread_attr_t;
int pthread_create(pthread_t *, const pthread_attr_t *, void *(*)(void *),
    void *);
int pthread_join(pthread_t, void **);
int pthread_detach(pthread_t);
int pthread_mutex_init(pthread_mutex_t *, const void *);
int pthread_mutex_trylock(pthread_mutex_t *);
int pthread_mutex_destroy(pthread_mutex_t *);

/* What the rig itself tells a test.  */
unsigned long rig_count(const char *);
void rig_libc_free(void *);

#endif /* TESTDECL_H */
