/* cmd_os.h - what the command asks of a system: can this program be preloaded?
 *
 * A system has one file that answers (cmd_linux.c, cmd_aix.c); no other file
 * of the command knows a file format or the name of a loader's variable.
 *
 * SPDX-License-Identifier: MIT  */

#ifndef MX_CMD_OS_H
#define MX_CMD_OS_H

#include "cmd.h"

/* A program as it will be started, and what is known about it.  */
struct mx_cmd_program {
	const char *name;       /* as the user typed it */
	char *path;             /* the file to start */
	char *binary;           /* what the system loads for it: PATH, or the
				 * interpreter that its #! line ends at */
	char *kind;             /* what BINARY is, in words */
	const char *variable;   /* the environment variable of its loader */
	bool single;            /* VARIABLE holds one thing, not a list */
	const char *folders;    /* a variable that must list the library's
				 * folder, or NULL */
	const char *reach;      /* whose calls the variable brings to us */
	const char *note;       /* what one should know besides, or NULL */
	char *loader;           /* the loader it asks for, where that is known */
	char *why;              /* why memaix cannot be active, or NULL */
	const char *advice;     /* what to do about it; goes with WHY */
};

/* Shell patterns of the library, relative to the folder of the command, most
 * wanted first.  Ends with NULL.  */
extern const char *const mx_cmd_os_library[];

/* The same for the folder that the library is installed in.  */
extern const char mx_cmd_os_library_name[];

/* The text that goes into P->variable for the library file FILE.  */
char *mx_cmd_os_preload(const struct mx_cmd_program *p, const char *file);

/* The file of the running command, or NULL.  */
char *mx_cmd_os_self(void);

/* Look at P->binary, of which HEAD holds the first N bytes, and compare it
 * with LIBRARY.  Sets kind and variable and what belongs to it, or why and advice;
 * the variable in any case.  */
void mx_cmd_os_inspect(struct mx_cmd_program *p, const unsigned char *head,
    size_t n, const char *library);

/* Ask the loader itself, without running the program, whether it maps LIBRARY
 * when the variable has the value PRELOAD.  Sets why and advice if not.
 * Answers 0, or the exit code after having said why the loader cannot start
 * the program with or without LIBRARY.  */
int mx_cmd_os_probe(struct mx_cmd_program *p, const char *library,
    const char *preload);

#endif /* MX_CMD_OS_H */
