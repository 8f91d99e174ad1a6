/* cmd_elf.h - the few facts of an ELF file that decide about preloading.
 *
 * Owns: reading a file's ELF header, program header and symbol names.  Must
 * not know: users, loaders, messages.
 *
 * SPDX-License-Identifier: MIT  */

#ifndef MX_CMD_ELF_H
#define MX_CMD_ELF_H

#include <limits.h>

#include "base.h"

struct mx_cmd_elf {
	unsigned bits;                  /* 32 or 64 */
	bool big_endian;
	unsigned machine;
	bool native;                    /* as this command: the rest is known */
	bool dynamic;                   /* has a loader */
	bool own_malloc;                /* defines malloc for everyone */
	char loader[PATH_MAX];
};

/* False: FILE is not ELF, is broken or cannot be read.  */
bool mx_cmd_elf_read(const char *file, struct mx_cmd_elf *e);

/* The kind of machine in words, for messages.  Static or in BUF.  */
const char *mx_cmd_elf_machine(const struct mx_cmd_elf *e, char *buf,
    size_t n);

#endif /* MX_CMD_ELF_H */
