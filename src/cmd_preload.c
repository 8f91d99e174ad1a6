/* cmd_preload.c - the environment of a program.  See cmd_preload.h.
 *
 * SPDX-License-Identifier: MIT  */

#include "cmd_preload.h"

#include <stdlib.h>
#include <string.h>

#include "cmd_find.h"

/* The value of variable NAME with TEXT before or behind it.  */
static char *
join(const char *name, const char *text, char between, bool before)
{
	const char *old = getenv(name);

	if (old == NULL || *old == '\0')
		return mx_cmd_text("%s", text);
	return before ? mx_cmd_text("%s%c%s", text, between, old) :
	    mx_cmd_text("%s%c%s", old, between, text);
}

/* Put LIBRARY's folder in front of those that the variable NAME lists.  */
static void
add_folder(const char *name, const char *library)
{
	const char *slash = strrchr(library, '/');
	char *folder = mx_cmd_text("%.*s", slash == NULL || slash == library ?
	    1 : (int)(slash - library), slash == NULL ? "." : library);
	char *value = join(name, folder, ':', true);

	mx_cmd_set_env(name, value);
	free(folder);
	free(value);
}

int
mx_cmd_preload_prepare(struct mx_cmd_program *p, const char *library)
{
	int status = mx_cmd_find_program(p, library);
	char *name, *value;

	if (status != 0 || p->why != NULL)
		return status;
	name = mx_cmd_os_preload(p, library);
	value = p->single ? mx_cmd_text("%s", name) :
	    join(p->variable, name, ':', true);
	status = mx_cmd_os_probe(p, library, value);
	if (status == 0 && p->why == NULL) {
		mx_cmd_set_env(p->variable, value);
		if (p->folders != NULL)
			add_folder(p->folders, library);
	}
	free(name);
	free(value);
	return status;
}

void
mx_cmd_preload_options(const char *options)
{
	char *value = join("MEMAIX_OPTIONS", options, ',', false);

	mx_cmd_set_env("MEMAIX_OPTIONS", value);
	free(value);
}
