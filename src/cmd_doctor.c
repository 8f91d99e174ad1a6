/* cmd_doctor.c - memaix doctor: can memaix be active in a program, and how?
 *
 * All questions are those of memaix run, in the same order; only here the answers
 * are printed, and nothing is started.
 *
 * SPDX-License-Identifier: MIT  */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd_find.h"
#include "cmd_preload.h"
#include "cmd_verbs.h"

const char mx_cmd_doctor_help[] =
"Tell what kind of binary PROGRAM is, whether memaix can be active in it, by which\n"
"variable of the environment, and whose calls that one reaches; or why not, and\n"
"what to do. Without PROGRAM: of this command itself. Starts nothing.\n"
"\n"
"Exit code: 0: it can; 125: it cannot; 126: PROGRAM cannot be executed; 127: it\n"
"was not found.\n";

static void
line(const char *label, const char *text)
{
	printf("%-10s %s\n", label, text);
}

static void
print_variable(const char *name)
{
	char *text = mx_cmd_text("%s=%s", name, getenv(name));

	line("variable", text);
	free(text);
}

/* Answers the exit code.  */
static int
examine(const char *name, const char *library)
{
	struct mx_cmd_program p = { .name = name };
	int status;

	status = mx_cmd_preload_prepare(&p, library);
	line("program", p.path == NULL ? name : p.path);
	if (status != 0) {
		line("active", "no: it cannot be started at all");
		return status;
	}
	if (strcmp(p.path, p.binary) != 0)
		line("script of", p.binary);
	line("kind", p.kind == NULL ? "unknown" : p.kind);
	line("library", library);
	if (p.why != NULL) {
		line("active", "no");
		line("because", p.why);
		line("instead", p.advice);
		return MX_CMD_REFUSED;
	}
	print_variable(p.variable);
	if (p.folders != NULL)
		print_variable(p.folders);
	line("reaches", p.reach);
	if (p.note != NULL)
		line("note", p.note);
	line("active", "yes");
	return 0;
}

int
mx_cmd_doctor_main(int argc, char **argv)
{
	char *name = argc > 1 ? argv[1] : mx_cmd_os_self();

	if (argc > 2)
		mx_cmd_die("doctor takes one program");
	if (name == NULL)
		mx_cmd_die("cannot find the file of this command");
	return examine(name, mx_cmd_find_library());
}
