/* fuzz_os.h - what the two builds of the fuzzing harness have of a kernel: the toy
 * one (fuzz_fake.c) and the real one (fuzz_real.c).
 *
 * SPDX-License-Identifier: MIT  */

#ifndef FUZZ_OS_H
#define FUZZ_OS_H

#include "base.h"

/* Before anything else; WHICH is a byte of the input that picks a kernel.  */
void fuzz_os_start(unsigned which);

/* From here on the kernel may refuse, in a way that A and B pick.  */
void fuzz_os_refuse(unsigned a, unsigned b);
void fuzz_os_refuse_nothing(void);

/* Did the kernel refuse anything since the last call, or may it have?  */
bool fuzz_os_refused(void);

/* Let MS milliseconds pass.  */
void fuzz_os_advance(unsigned ms);

/* End the process if the accounts of sys.c are not the kernel's.  */
void fuzz_os_check(void);

/* Bytes that may be asked of this kernel: in one block; held at a time.  */
size_t fuzz_os_most(void);
size_t fuzz_os_budget(void);

#endif /* FUZZ_OS_H */
