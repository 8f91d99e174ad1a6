/* sample.h - resident memory over time.
 *
 * Owns: the samples of one program, of which the main thread takes all.  Must
 * not know: what the program does.
 *
 * SPDX-License-Identifier: MIT  */

#ifndef BENCH_SAMPLE_H
#define BENCH_SAMPLE_H

#include <stddef.h>

/* What follows belongs to the phase NAME, a word.  */
void sample_phase(const char *name);

/* Take a sample now.  Returns the resident KiB.  */
size_t sample_now(void);

/* Take one if the last is 4 ms old.  STEP counts the calls: most do not look
 * at the clock.  */
void sample_tick(size_t step);

/* Sit idle for MS; returns the resident KiB at the end.  */
size_t sample_idle(unsigned ms);

/* One line "milliseconds KiB phase" for each sample.  */
void sample_write(const char *path);

#endif /* BENCH_SAMPLE_H */
