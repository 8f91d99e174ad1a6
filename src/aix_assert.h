/* aix_assert.h - what the AIX back end believes of the system's headers.
 *
 * Read by the build on a real AIX and by the cross build alike: a belief that is
 * wrong stops the compiler.  Sources: doc/aix.md.
 *
 * SPDX-License-Identifier: MIT  */

#ifndef MX_AIX_ASSERT_H
#define MX_AIX_ASSERT_H

#include <errno.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <unistd.h>

_Static_assert(PROT_NONE == 0 && PROT_READ == 1 && PROT_WRITE == 2, "PROT_*");
_Static_assert(MAP_PRIVATE == 2 && MAP_ANONYMOUS == 0x10, "MAP_*");
_Static_assert(MAP_FIXED == 0x100, "MAP_FIXED");
_Static_assert(ENOMEM == 12 && EINVAL == 22 && EAGAIN == 11, "errno values");
_Static_assert(ENOSYS == 109, "ENOSYS");
_Static_assert(DISCLAIM_ZEROMEM == 1, "disclaim's flag");
_Static_assert(_SC_PAGESIZE == 48, "sysconf's number");
_Static_assert(sizeof(size_t) == sizeof(void *), "flat addresses");

#endif /* MX_AIX_ASSERT_H */
