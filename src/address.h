/* address.h - which addresses a system gives to programs, and their order in the
 * page map.
 *
 * Pure functions.  Must not know: what lies at an address.
 *
 * SPDX-License-Identifier: MIT  */

#ifndef MX_ADDRESS_H
#define MX_ADDRESS_H

#include "base.h"

/* AIX's 64-bit addresses have 60 bits, but memory comes from three places, and
 * from each upward: undirected mappings from 0x0A00000000000000, or before AIX 7.0
 * and with esid_allocator=0 from 0x0700000000000000 (IBM, 1 TB segment aliasing);
 * the break from 0x0000000110000000.  64 TiB of each can be named.  */
#define MX_ADDRESS_AIX_BITS     46
#define MX_ADDRESS_AIX_WINDOW   ((uint64_t)1 << MX_ADDRESS_AIX_BITS)
#define MX_ADDRESS_AIX_NEW      ((uint64_t)0x0A00000000000000)
#define MX_ADDRESS_AIX_OLD      ((uint64_t)0x0700000000000000)
#define MX_ADDRESS_AIX_BREAK    ((uint64_t)0)

#define MX_ADDRESS_NONE         SIZE_MAX

/* Address A less the unused space between the windows; MX_ADDRESS_NONE if A is in
 * none of them.  The first is the likely one.  */
MX_INLINE uint64_t
mx_address_aix(uint64_t a)
{
	uint64_t at = a - MX_ADDRESS_AIX_NEW;

	if (MX_LIKELY(at < MX_ADDRESS_AIX_WINDOW))
		return at;
	at = a - MX_ADDRESS_AIX_OLD;
	if (at < MX_ADDRESS_AIX_WINDOW)
		return at + MX_ADDRESS_AIX_WINDOW;
	at = a - MX_ADDRESS_AIX_BREAK;
	if (at < MX_ADDRESS_AIX_WINDOW)
		return at + 2 * MX_ADDRESS_AIX_WINDOW;
	return MX_ADDRESS_NONE;
}

#endif /* MX_ADDRESS_H */
