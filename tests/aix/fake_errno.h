/* fake_errno.h - included before the toy kernel, so that it answers with AIX's
 * error numbers, and asks the emulator what that can answer (shim_check.c).
 *
 * SPDX-License-Identifier: MIT  */
#include <errno.h>
#include <stddef.h>
#include <sys/mman.h>

#undef ENOSYS
#define ENOSYS 109

int rig_mincore(char *v, size_t n, unsigned char *vec);
#define mincore(v, n, vec) rig_mincore(v, n, vec)
