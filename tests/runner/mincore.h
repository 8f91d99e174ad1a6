/* mincore.h - included before the toy kernel, so that it asks the emulator what that
 * can answer (runner.c).
 *
 * SPDX-License-Identifier: MIT  */

#ifndef MINCORE_H
#define MINCORE_H

#include <stddef.h>
#include <sys/mman.h>

int runner_mincore(char *v, size_t n, unsigned char *vec);
#define mincore(v, n, vec) runner_mincore(v, n, vec)

#endif /* MINCORE_H */
