/* memaix_cmd.c - memaix: the command beside the library.
 *
 * Owns: the table of verbs, the help, nothing else.
 *
 * SPDX-License-Identifier: MIT  */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd.h"
#include "cmd_verbs.h"

static mx_cmd_verb_main help, nothing;

struct verb {
	const char *name;
	const char *arguments;
	const char *summary;    /* NULL: for the command's own use */
	const char *help;
	mx_cmd_verb_main *main;
};

static const struct verb verbs[] = {
	{ "run", "[OPTION]... PROGRAM [ARGUMENT]...",
	    "start a program with memaix", mx_cmd_run_help, mx_cmd_run_main },
	{ "doctor", "[PROGRAM]",
	    "tell whether memaix can be active in a program, and by which variable",
	    mx_cmd_doctor_help, mx_cmd_doctor_main },
	{ "options", "", "list the options of the library",
	    mx_cmd_options_help, mx_cmd_options_main },
	{ "explain", "[CODE]", "tell what a message means",
	    mx_cmd_explain_help, mx_cmd_explain_main },
	{ "stat", "[PID]", "print the memory of a process and of all",
	    mx_cmd_stat_help, mx_cmd_stat_main },
	{ "help", "[VERB]", "tell more about a verb",
	    "Print this, or the help of VERB.\n", help },
	{ "nothing", "", NULL, NULL, nothing },
	{ NULL, NULL, NULL, NULL, NULL }
};

static const struct verb *
find_verb(const char *name)
{
	const struct verb *v = verbs;

	while (v->name != NULL && strcmp(v->name, name) != 0)
		v++;
	return v->name == NULL ? NULL : v;
}

static const char *
space(const char *arguments)
{
	return *arguments == '\0' ? "" : " ";
}

static void
print_help(void)
{
	puts("usage: memaix VERB [ARGUMENT]...\n\n"
	    "The malloc for AIX and Linux, for programs as they are.\n");
	for (const struct verb *v = verbs; v->name != NULL; v++)
		if (v->summary != NULL)
			printf("  memaix %-8s %s\n", v->name, v->summary);
	puts("\n'memaix help VERB' tells more; 'memaix --version' tells the "
	    "version.");
}

static int
help(int argc, char **argv)
{
	const struct verb *v;

	if (argc < 2) {
		print_help();
		return EXIT_SUCCESS;
	}
	v = find_verb(argv[1]);
	if (v == NULL || v->summary == NULL)
		mx_cmd_die("no verb %s; try 'memaix help'", argv[1]);
	printf("usage: memaix %s%s%s\n\n%s", v->name, space(v->arguments),
	    v->arguments, v->help);
	return EXIT_SUCCESS;
}

static int
nothing(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return EXIT_SUCCESS;
}

static bool
is(const char *word, const char *brief, const char *full)
{
	return strcmp(word, brief) == 0 || strcmp(word, full) == 0;
}

/* Output that could not be written is a failure.  */
static int
finish(int status)
{
	if (fflush(stdout) != 0 || ferror(stdout) != 0)
		mx_cmd_die("cannot write");
	return status;
}

int
main(int argc, char **argv)
{
	const struct verb *v;

	if (argc > 0)
		mx_cmd_name = argv[0];
	if (argc < 2) {
		print_help();
		finish(0);
		return MX_CMD_REFUSED;
	}
	if (is(argv[1], "-h", "--help"))
		return finish(help(argc - 1, argv + 1));
	if (is(argv[1], "-V", "--version")) {
		puts("memaix " PACKAGE_VERSION);
		return finish(EXIT_SUCCESS);
	}
	v = find_verb(argv[1]);
	if (v == NULL)
		mx_cmd_die("no verb %s; try 'memaix help'", argv[1]);
	/* memaix VERB --help, as people try first.  */
	if (argc == 3 && v->help != NULL && is(argv[2], "-h", "--help")) {
		char *words[] = { argv[0], argv[1], NULL };

		return finish(help(2, words));
	}
	return finish(v->main(argc - 1, argv + 1));
}
