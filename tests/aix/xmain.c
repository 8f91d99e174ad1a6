/* xmain.c - start and end of a program in the rig.
 *
 *   qemu-ppc64 [-p 65536] -E RIG=... -E LDR_PRELOAD64=... xload PROGRAM ARG...
 *
 * LIBPATH, LDR_PRELOAD64 and MALLOCTYPE mean what they mean on AIX; RIG says which
 * AIX to be (xload.h).
 *
 * SPDX-License-Identifier: MIT  */

#include "xload.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "xcoff.h"

struct rig rig;

void
rig_die(const char *format, ...)
{
	va_list args;

	fflush(stdout);
	fputs("rig: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	_exit(121);
}

/* What -binitfini named at the link.  */
static void
run_initfini(const struct module *m, bool init)
{
	const struct xcoff_rtinit *r = xload_export(m, "__rtinit");
	const struct xcoff_initfini *d;
	int32_t at = r == NULL ? 0 : init ? r->init : r->fini;

	if (at == 0)
		return;
	for (d = (const void *)((const char *)r + at); d->fn != NULL; d++)
		d->fn();
}

void
xload_init(void)
{
	/* Those that others need come first: belief.  */
	int n = 0;

	while (xload_nth(n) != NULL)
		n++;
	while (n-- > 0)
		run_initfini(xload_nth(n), true);
}

void
xload_fini(void)
{
	for (int i = 0; xload_nth(i) != NULL; i++)
		run_initfini(xload_nth(i), false);
}

/* LDR_PRELOAD64: a list by colons (IBM: preloading shared libraries).  */
static void
load_preloads(void)
{
	const char *list = getenv("LDR_PRELOAD64");
	char what[256];

	while (list != NULL && *list != '\0') {
		size_t n = strcspn(list, ":");
		struct module *m;

		snprintf(what, sizeof what, "%.*s", (int)n, list);
		m = xload_module(what);
		if (m == NULL)
			rig_die("LDR_PRELOAD64: no %s", what);
		xload_set_preload(m);
		list += n + (list[n] == ':');
	}
}

/* Another module's routine may come before the library's, and free what libc gave
 * it: belief.  */
static void
free_early(void)
{
	const char *list = getenv("LDR_PRELOAD64");
	void (*fn)(void *);

	if (list == NULL || *list == '\0')
		return;
	*(void **)&fn = xload_export(xload_nth(0), "free");
	if (fn != NULL)
		fn(libc_malloc(100));
}

static void
read_modes(void)
{
	static const struct {
		const char *name;
		bool *flag;
	} flags[] = {
		{ "sus", &rig.sus }, { "page=64k", &rig.page_64k },
		{ "map_64k", &rig.map_64k },
		{ "map_64k_small", &rig.map_64k_small },
		{ "part_refused", &rig.part_refused },
		{ "mprotect_whole", &rig.mprotect_whole },
		{ "break_mprotect", &rig.break_mprotect },
		{ "limit_maps", &rig.limit_maps },
		{ "pthreads_early", &rig.pthreads_early },
		{ "no_early_key", &rig.no_early_key },
		{ "key_mallocs", &rig.key_mallocs },
		{ "hooks_outside", &rig.hooks_outside },
		{ "no_vmgetinfo", &rig.no_vmgetinfo },
		{ "no_postfork_child", &rig.no_postfork_child },
		{ "no_pthreads", &rig.no_pthreads },
		{ "libc_valloc", &rig.libc_valloc },
		{ "libc_vec", &rig.libc_vec },
		{ "late_environ", &rig.late_environ },
		{ "no_getprocs", &rig.no_getprocs },
		{ "no_init", &rig.no_init }, { "no_next", &rig.no_next },
		{ "report", &rig.report }
	};
	char *list = getenv("RIG");

	list = strdup(list == NULL ? "" : list);
	for (char *s = strtok(list, ","); s != NULL; s = strtok(NULL, ",")) {
		bool known = true;

		if (strcmp(s, "disclaim=works") == 0)
			rig.disclaim = DISCLAIM_WORKS;
		else if (strcmp(s, "disclaim=fails") == 0)
			rig.disclaim = DISCLAIM_FAILS;
		else if (strcmp(s, "disclaim=lies") == 0)
			rig.disclaim = DISCLAIM_LIES;
		else if (strcmp(s, "disclaim=zeroes") == 0)
			rig.disclaim = DISCLAIM_ZEROES;
		else if (strcmp(s, "mincore=fails") == 0)
			rig.mincore = MINCORE_FAILS;
		else if (strcmp(s, "mincore=all") == 0)
			rig.mincore = MINCORE_ALL;
		else if (strncmp(s, "data_limit=", 11) == 0)
			rig.data_limit = strtoul(s + 11, NULL, 0);
		else
			known = false;
		for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++)
			if (strcmp(s, flags[i].name) == 0)
				known = *flags[i].flag = true;
		if (!known)
			rig_die("no mode %s", s);
	}
	free(list);
}

int
main(int argc, char **argv, char **envp)
{
	int (*entry)(int, char **, char **);
	struct module *program;

	if (argc < 2)
		rig_die("usage: xload PROGRAM [ARGUMENT]...");
	read_modes();
	aix_environ = rig.late_environ ? NULL : envp;
	xload_make_stubs();
	shim_start();
	load_preloads();
	program = xload_module(argv[1]);
	if (program == NULL)
		rig_die("no %s", argv[1]);
	for (int i = 0; xload_nth(i) != NULL; i++)
		xload_bind(xload_nth(i));
	malloc_choose();
	free_early();
	if (!rig.no_init)
		xload_init();
	*(void **)&entry = xload_entry(program);
	aix_exit(entry(argc - 1, argv + 1, envp));
}
