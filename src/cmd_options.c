/* cmd_options.c - memaix options: the table of MEMAIX_OPTIONS.
 *
 * The library prints it, and nobody else has a copy: this command starts
 * itself with the library and help:true.
 *
 * SPDX-License-Identifier: MIT  */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd_find.h"
#include "cmd_preload.h"
#include "cmd_verbs.h"

const char mx_cmd_options_help[] =
"Print the options of the library and the values that the MEMAIX_OPTIONS of\n"
"this environment gives them.\n";

int
mx_cmd_options_main(int argc, char **argv)
{
	char verb[] = "nothing";
	char *words[] = { argv[0], verb, NULL };
	struct mx_cmd_program p = { .name = mx_cmd_os_self() };
	int status;

	if (argc > 1)
		mx_cmd_die("options takes no argument");
	if (p.name == NULL)
		mx_cmd_die("cannot find the file of this command");
	status = mx_cmd_preload_prepare(&p, mx_cmd_find_library());
	if (status != 0)
		return status;
	if (p.why != NULL)
		mx_cmd_die("%s", p.why);
	mx_cmd_preload_options("help:true");
	/* The library speaks on standard error; here the table is the result.  */
	dup2(STDOUT_FILENO, STDERR_FILENO);
	execv(p.path, words);
	mx_cmd_die("%s: %s", p.path, strerror(errno));
}
