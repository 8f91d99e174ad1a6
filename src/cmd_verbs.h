/* cmd_verbs.h - the verbs of the command.
 *
 * A verb is a cmd_NAME.c and a line in the table of memaix_cmd.c.
 *
 * SPDX-License-Identifier: MIT  */

#ifndef MX_CMD_VERBS_H
#define MX_CMD_VERBS_H

/* ARGV[0] is the verb.  Answers the exit code.  */
typedef int mx_cmd_verb_main(int argc, char **argv);

mx_cmd_verb_main mx_cmd_run_main;
mx_cmd_verb_main mx_cmd_options_main;
mx_cmd_verb_main mx_cmd_doctor_main;
mx_cmd_verb_main mx_cmd_explain_main;
mx_cmd_verb_main mx_cmd_stat_main;

/* What `memaix help NAME' prints behind the usage line.  */
extern const char mx_cmd_run_help[];
extern const char mx_cmd_options_help[];
extern const char mx_cmd_doctor_help[];
extern const char mx_cmd_explain_help[];
extern const char mx_cmd_stat_help[];

#endif /* MX_CMD_VERBS_H */
