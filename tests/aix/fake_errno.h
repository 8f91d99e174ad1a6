/* fake_errno.h - included before the toy kernel, so that it answers with AIX's
 * error numbers.
 *
 * SPDX-License-Identifier: MIT  */
#include <errno.h>

#undef ENOSYS
#define ENOSYS 109
