/* shim_libc.c - libc's names that mean the same on both systems, its errno, and
 * those whose numbers differ.
 *
 * SPDX-License-Identifier: MIT  */

#include "xload.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* ---- errno: up to 34 the numbers agree; these: rustlibc, GoDefs ---- */

int
rig_errno(int e)
{
	switch (e) {
	case EDEADLK:
		return 45;
	case ETIMEDOUT:
		return 78;
	case ENOSYS:
		return 109;
	case ENOTSUP:
		return 124;
	default:
		return e;
	}
}

static int *
_Errno(void)
{
	return &errno;
}

/* ---- signals: rustlibc ---- */

static int
native_signal(int sig)
{
	switch (sig) {
	case 10:
		return SIGBUS;
	case 16:
		return SIGURG;
	case 17:
		return SIGSTOP;
	case 20:
		return SIGCHLD;
	case 30:
		return SIGUSR1;
	case 31:
		return SIGUSR2;
	default:
		if (sig > 15)
			rig_die("no signal %d here", sig);
		return sig;
	}
}

/* Handlers learn AIX's number.  */
static void (*handlers[65])(int);

static void
deliver(int sig)
{
	int aix = sig == SIGBUS ? 10 : sig == SIGUSR1 ? 30 :
	    sig == SIGUSR2 ? 31 : sig == SIGCHLD ? 20 : sig;

	handlers[sig](aix);
}

typedef void handler(int);

static handler *
set_handler(int sig, handler *fn, int flags)
{
	struct sigaction sa = { .sa_flags = flags }, old;
	int n = native_signal(sig);
	handler *before = handlers[n];

	sa.sa_handler = fn == SIG_DFL || fn == SIG_IGN ? fn : deliver;
	handlers[n] = fn;
	if (sigaction(n, &sa, &old) != 0)
		return SIG_ERR;
	return old.sa_handler == deliver ? before : old.sa_handler;
}

static handler *
aix_signal(int sig, handler *fn)
{
	return set_handler(sig, fn, SA_RESTART);
}

/* testdecl.h has the same: only what tests set.  */
struct aix_sigaction {
	handler *fn;
	uint64_t mask[4];
	int flags;
};

static int
aix_sigaction(int sig, const struct aix_sigaction *new_,
    struct aix_sigaction *old)
{
	handler *before;

	if (new_ == NULL || old != NULL)
		rig_die("sigaction: the rig only sets");
	before = set_handler(sig, new_->fn, 0);
	return before == SIG_ERR ? -1 : 0;
}

static int
aix_raise(int sig)
{
	return raise(native_signal(sig));
}

static int
aix_kill(pid_t pid, int sig)
{
	return kill(pid, native_signal(sig));
}

/* ---- files: rustlibc ---- */

static int
native_open_flags(int f)
{
	int n = f & 3;

	n |= f & 0x4 ? O_NONBLOCK : 0;
	n |= f & 0x8 ? O_APPEND : 0;
	n |= f & 0x100 ? O_CREAT : 0;
	n |= f & 0x200 ? O_TRUNC : 0;
	n |= f & 0x400 ? O_EXCL : 0;
	return n | (f & 0x800000 ? O_CLOEXEC : 0);
}

static int
aix_open(const char *path, int flags, ...)
{
	va_list args;
	unsigned mode;

	va_start(args, flags);
	mode = va_arg(args, unsigned);
	va_end(args);
	return open(path, native_open_flags(flags), mode);
}

/* F_DUPFD 0, F_GETFD 1, F_SETFD 2, F_GETFL 3, F_SETFL 4 agree; F_DUPFD_CLOEXEC is 16
 * (rustlibc).  */
static int
aix_fcntl(int fd, int what, ...)
{
	va_list args;
	long arg;

	va_start(args, what);
	arg = va_arg(args, long);
	va_end(args);
	if (what == 16)
		return fcntl(fd, F_DUPFD_CLOEXEC, arg);
	if (what > 4)
		rig_die("fcntl %d", what);
	return fcntl(fd, what, what == 4 ? native_open_flags((int)arg) : arg);
}

/* ---- the rest of what has other numbers ---- */

/* CLOCK_REALTIME 9, CLOCK_MONOTONIC 10, and a long long: rustlibc.  */
static int
aix_clock_gettime(long long clock, struct timespec *t)
{
	if (clock != 9 && clock != 10)
		rig_die("clock %lld", clock);
	return clock_gettime(clock == 9 ? CLOCK_REALTIME : CLOCK_MONOTONIC, t);
}

static long
aix_sysconf(int what)
{
	switch (what) {
	case 48:
		return 4096;            /* on all of AIX: OpenJDK */
	case 72:
		return sysconf(_SC_NPROCESSORS_ONLN);
	default:
		rig_die("sysconf %d", what);
	}
}

/* CPU 0, FSIZE 1, DATA 2, STACK 3, CORE 4, RSS 5, AS 6: the last is not
 * enforced (gnulib), so it is not passed on.  */
static struct rlimit limit_as = { RLIM_INFINITY, RLIM_INFINITY };

static int
aix_getrlimit(int what, struct rlimit *l)
{
	if (what == 6) {
		*l = limit_as;
		return 0;
	}
	return getrlimit(what, l);
}

static int
aix_setrlimit(int what, const struct rlimit *l)
{
	if (what == 6) {
		limit_as = *l;
		return 0;
	}
	return what == 4 ? setrlimit(RLIMIT_CORE, l) : 0;
}

/* aixdecl.h's; of this process only what statm tells.  */
struct aix_procentry64 {
	pid_t pi_pid;
	uint64_t pi_size, pi_drss, pi_trss;
	int pi_data_l2psize, pi_text_l2psize;
};

static int
aix_getprocs64(struct aix_procentry64 *p, int size, void *fds, int fd_size,
    pid_t *index, int count)
{
	unsigned long total = 0, resident = 0;
	FILE *f;

	if (size != (int)sizeof *p || fds != NULL || fd_size != 0 || count < 1)
		rig_die("getprocs64: wrong arguments");
	if (*index > getpid() || rig.no_getprocs)
		return 0;
	f = fopen("/proc/self/statm", "r");
	if (f == NULL || fscanf(f, "%lu %lu", &total, &resident) != 2)
		rig_die("no statm");
	fclose(f);
	*p = (struct aix_procentry64){ getpid(), total, resident, 0, 12, 0 };
	*index = getpid() + 1;
	return 1;
}

char **aix_environ;

static int
aix_setenv(const char *name, const char *value, int over)
{
	int r = setenv(name, value, over);

	aix_environ = environ;
	return r;
}

static int
aix_unsetenv(const char *name)
{
	int r = unsetenv(name);

	aix_environ = environ;
	return r;
}

static void
aix_abort(void)
{
	fflush(stdout);
	/* The emulator would add its own line to the program's.  */
	if (handlers[SIGABRT] == NULL)
		close(2);
	abort();
}

void
aix_exit(int status)
{
	fflush(stdout);
	xload_fini();
	exit(status);
}

/* IBM: dlsym.  RTLD_NEXT is -3, RTLD_MEMBER 0x40000 (rustlibc).  */
static void *
aix_dlsym(void *handle, const char *name)
{
	if (handle == (void *)-3)
		return rig.no_next ? NULL :
		    xload_next(__builtin_return_address(0), name);
	if (handle == (void *)xload_shim)
		return xload_shim("libc.a", name);
	return NULL;
}

static void *
aix_dlopen(const char *file, int flags)
{
	if ((flags & 0x40000) && strcmp(file, "libc.a(shr_64.o)") == 0)
		return (void *)xload_shim;
	return NULL;
}

/* AIX has no statm; this one makes the tests' plain_rss count what the modules
 * mapped, without the emulator's own memory.  */
static FILE *
aix_fopen(const char *name, const char *mode)
{
	static char text[64];

	if (strcmp(name, "/proc/self/statm") != 0)
		return fopen(name, mode);
	snprintf(text, sizeof text, "0 %zu\n", shim_mem_resident() / 4096);
	return fmemopen(text, strlen(text), "r");
}

static struct {
	FILE *out, *err;
} streams;

void
shim_start(void)
{
	streams.out = stdout;
	streams.err = stderr;
}

#define SAME(name) SHIM_AS("libc.a", name, name)

const struct shim shim_libc[] = {
	SAME(_Errno), SAME(memcpy), SAME(memset), SAME(memcmp), SAME(memmove),
	SAME(memchr), SAME(strlen), SAME(strchr), SAME(strrchr), SAME(strstr),
	SAME(strncmp), SAME(strcmp), SAME(strspn), SAME(strcspn), SAME(strcpy),
	SAME(strtoul), SAME(strtoull), SAME(strtol), SAME(atoi), SAME(atol), SAME(time), SAME(strerror),
	SAME(isalnum), SAME(isdigit), SAME(isspace),
	SAME(printf), SAME(fprintf), SAME(snprintf), SAME(vfprintf),
	SAME(vsnprintf), SAME(puts), SAME(fputs), SAME(fputc), SAME(putchar),
	SAME(fwrite), SAME(fflush), SAME(fclose), SAME(fileno),
	SAME(fread), SAME(fgets), SAME(fscanf), SAME(perror), SAME(rewind),
	SAME(tmpfile), SAME(getenv), SAME(qsort),
	SAME(write), SAME(read), SAME(close), SAME(pipe), SAME(dup), SAME(dup2),
	SAME(unlink), SAME(mkstemp), SAME(mkdtemp), SAME(rmdir), SAME(lseek), SAME(getpid), SAME(getppid), SAME(getuid), SAME(geteuid),
	SAME(getgid), SAME(getegid), SAME(_exit), SAME(alarm), SAME(setitimer),
	SAME(nanosleep), SAME(usleep), SAME(waitpid), SAME(atexit),
	SHIM_AS("libc.a", ___bzero64, bzero),
	SHIM_AS("libc.a", ___memmove64, memmove),
	SHIM_AS("libc.a", ___memset64, memset),
	SHIM_AS("libc.a", environ, aix_environ),
	SHIM_AS("libc.a", setenv, aix_setenv),
	SHIM_AS("libc.a", unsetenv, aix_unsetenv),
	SHIM_AS("libc.a", fopen, aix_fopen),
	SHIM_AS("libc.a", exit, aix_exit),
	SHIM_AS("libc.a", abort, aix_abort),
	SHIM_AS("libc.a", dlsym, aix_dlsym),
	SHIM_AS("libc.a", dlopen, aix_dlopen),
	SHIM_AS("rig.a", rig_stdout, streams.out),
	SHIM_AS("rig.a", rig_stderr, streams.err),
	{ NULL, NULL, NULL }
};

const struct shim shim_sys[] = {
	SHIM_AS("libc.a", signal, aix_signal),
	SHIM_AS("libc.a", sigaction, aix_sigaction),
	SHIM_AS("libc.a", raise, aix_raise),
	SHIM_AS("libc.a", kill, aix_kill),
	SHIM_AS("libc.a", open, aix_open),
	SHIM_AS("libc.a", fcntl, aix_fcntl),
	SHIM_AS("libc.a", clock_gettime, aix_clock_gettime),
	SHIM_AS("libc.a", sysconf, aix_sysconf),
	SHIM_AS("libc.a", getrlimit, aix_getrlimit),
	SHIM_AS("libc.a", setrlimit, aix_setrlimit),
	SHIM_AS("libc.a", getprocs64, aix_getprocs64),
	{ NULL, NULL, NULL }
};
