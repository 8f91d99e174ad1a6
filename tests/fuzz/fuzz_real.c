/* fuzz_real.c - the real kernel for the fuzzing harness.  It refuses by limits that
 * the input sets.
 *
 * SPDX-License-Identifier: MIT  */

#include "fuzz_os.h"

#include <fcntl.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static bool limited;

/* Libc's malloc, which is not what is tested, and the stack have all they need from
 * the start: limits are for them too, and stdio would ask malloc.  */
void
fuzz_os_start(unsigned which)
{
	char stack[256 * 1024];

	memset(stack, (int)which, sizeof stack);
	__asm__ volatile("" : : "r" (stack) : "memory");
	(void)mallopt(M_ARENA_MAX, 1);
	free(malloc(60000));
}

static size_t
mapped(void)
{
	char text[100];
	int fd = open("/proc/self/statm", O_RDONLY);
	ssize_t n = read(fd, text, sizeof text - 1);

	if (n <= 0)
		abort();
	close(fd);
	text[n] = '\0';
	return strtoul(text, NULL, 10) * (size_t)sysconf(_SC_PAGESIZE);
}

static void
limit(int which, size_t n)
{
	struct rlimit r = { n, RLIM_INFINITY };

	if (setrlimit(which, &r) != 0)
		abort();
}

void
fuzz_os_refuse(unsigned a, unsigned b)
{
	limited = true;
	if (a % 2 == 0)
		limit(RLIMIT_AS, mapped() + b * MX_MIB / 8);
	else
		limit(RLIMIT_DATA, b * MX_MIB / 2);
}

void
fuzz_os_refuse_nothing(void)
{
	limit(RLIMIT_AS, RLIM_INFINITY);
	limit(RLIMIT_DATA, RLIM_INFINITY);
	limited = false;
}

bool
fuzz_os_refused(void)
{
	return limited;
}

void
fuzz_os_advance(unsigned ms)
{
	(void)ms;
}

void
fuzz_os_check(void)
{
}

size_t
fuzz_os_most(void)
{
	return MX_GIB;
}

size_t
fuzz_os_budget(void)
{
	return 48 * MX_MIB;
}
