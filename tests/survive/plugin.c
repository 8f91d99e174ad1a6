/* plugin.c - a library that allocates whenever it can, for loads.c.
 *
 * Every block is from the malloc that this library sees, and no call of libc's
 * allocates: bound to libc alone (RTLD_DEEPBIND), it must not mix the two.
 *
 * With TLS_BYTES defined it takes so much of the static thread-local storage.
 *
 * SPDX-License-Identifier: MIT  */

#include <stdlib.h>
#include <string.h>

#ifdef TLS_BYTES
__attribute__((tls_model("initial-exec")))
__thread char plugin_tls[TLS_BYTES];

char *plugin_local(void);

char *
plugin_local(void)
{
	return plugin_tls;
}
#endif

void *plugin_take(size_t n);

static char *kept[50];
static __thread char *mine;

void *
plugin_take(size_t n)
{
	char *p = malloc(n);

	if (p != NULL)
		memset(p, 'p', n);
	free(mine);
	mine = malloc(20);
	return p;
}

__attribute__((constructor))
static void
construct(void)
{
	for (size_t i = 0; i < 50; i++)
		kept[i] = malloc(i * i * 8 + 1);
}

__attribute__((destructor))
static void
destruct(void)
{
	for (int i = 0; i < 50; i++)
		free(kept[i]);
	free(mine);
}
