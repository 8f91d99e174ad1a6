/* cmd_run.c - memaix run: start a program with libmemaix in it.
 *
 * The loader is asked beforehand whether it takes the library (cmd_os.h);
 * then this process becomes the program.  So there is no process in between:
 * its id, its terminal, its signals and its exit code are the program's own.
 *
 * SPDX-License-Identifier: MIT  */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd_find.h"
#include "cmd_preload.h"
#include "cmd_verbs.h"

const char mx_cmd_run_help[] =
"Start PROGRAM so that its malloc, free and their family are memaix's.\n"
"\n"
"  -o, --options LIST   options for the library, name:value,name:value;\n"
"                       they go behind those in MEMAIX_OPTIONS\n"
"      --stats          print statistics at exit (-o stats:true)\n"
"  -v, --verbose        say that memaix is active, or why it is not\n"
"  -q, --quiet          with --force: do not say that memaix is not active\n"
"  -f, --force          start the program even if memaix cannot be active\n"
"\n"
"Exit code: the program's.  125: memaix declined or failed; 126: PROGRAM\n"
"cannot be executed; 127: PROGRAM was not found.\n"
"\n"
"MEMAIX_LIBRARY names the library file to use instead of the one that\n"
"belongs to this command.\n";

struct request {
	bool verbose, quiet, force;
};

/* If *ARGV is the option SHORT or LONG with a value, step to its last word and
 * answer the value.  */
static const char *
value_of(char ***argv, const char *brief, const char *full)
{
	char *word = **argv;
	size_t n = strlen(full);

	if (strncmp(word, full, n) == 0 && word[n] == '=')
		return word + n + 1;
	if (strncmp(word, brief, 2) == 0 && word[2] != '\0')
		return word + 2;
	if (strcmp(word, brief) != 0 && strcmp(word, full) != 0)
		return NULL;
	if ((*argv)[1] == NULL)
		mx_cmd_die("%s wants a value", word);
	return *++*argv;
}

static bool
is_option(const char *word, const char *brief, const char *full)
{
	return strcmp(word, brief) == 0 || strcmp(word, full) == 0;
}

/* Read the options before PROGRAM; answers where PROGRAM is.  */
static char **
read_options(char **argv, struct request *r)
{
	const char *value;

	for (; *argv != NULL && **argv == '-'; argv++) {
		if (strcmp(*argv, "--") == 0)
			return argv + 1;
		if (is_option(*argv, "-v", "--verbose"))
			r->verbose = true;
		else if (is_option(*argv, "-q", "--quiet"))
			r->quiet = true;
		else if (is_option(*argv, "-f", "--force"))
			r->force = true;
		else if (strcmp(*argv, "--stats") == 0)
			mx_cmd_preload_options("stats:true");
		else if ((value = value_of(&argv, "-o", "--options")) != NULL)
			mx_cmd_preload_options(value);
		else
			mx_cmd_die("run: no option %s; try 'memaix help run'",
			    *argv);
	}
	return argv;
}

static void
say_active(const struct mx_cmd_program *p, const char *library)
{
	const char *wish = getenv("MEMAIX_LIBRARY");

	/* The version of a library that somebody named is not known here.  */
	if (wish != NULL && *wish != '\0')
		mx_cmd_say("active in %s (pid %ld), %s", p->name,
		    (long)getpid(), library);
	else
		mx_cmd_say("active in %s (pid %ld), libmemaix "
		    PACKAGE_VERSION, p->name, (long)getpid());
}

int
mx_cmd_run_main(int argc, char **argv)
{
	struct mx_cmd_program p = { .name = NULL };
	struct request r = { .force = false };
	char *library;
	int status;

	(void)argc;
	argv = read_options(argv + 1, &r);
	if (*argv == NULL)
		mx_cmd_die("run: no program given; try 'memaix help run'");
	p.name = *argv;
	library = mx_cmd_find_library();
	status = mx_cmd_preload_prepare(&p, library);
	if (status != 0)
		return status;
	if (p.why != NULL && !r.force) {
		mx_cmd_say("NOT active: %s; %s, or add --force to run it "
		    "without memaix", p.why, p.advice);
		return MX_CMD_REFUSED;
	}
	if (p.why != NULL && !r.quiet)
		mx_cmd_say("NOT active: %s", p.why);
	else if (p.why == NULL && r.verbose)
		say_active(&p, library);
	/* execvp gives text without a #! line to the shell.  */
	if (p.why == NULL)
		execvp(p.path, argv);
	else
		execv(p.path, argv);
	mx_cmd_say("%s: %s", p.path, strerror(errno));
	return errno == ENOENT ? MX_CMD_NOT_FOUND : MX_CMD_NOT_EXECUTABLE;
}
