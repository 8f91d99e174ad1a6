/* memaix.h - what memaix offers beyond the standard allocation functions.
 *
 * Everything here is optional: a program that only calls malloc and free needs
 * no header.  All functions may be called from any thread at any time, but not
 * from a signal handler; none of them changes errno unless it says so.
 *
 * SPDX-License-Identifier: MIT  */

#ifndef MEMAIX_H
#define MEMAIX_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The version this header belongs to.  */
#define MEMAIX_VERSION_MAJOR 0
#define MEMAIX_VERSION_MINOR 1
#define MEMAIX_VERSION_PATCH 0
#define MEMAIX_VERSION "0.1.0"

/* The version of the library in use, such as "0.1.0": a constant string that
 * the caller must not free.  */
const char *memaix_version(void);

/* Where the memory is.  All members are bytes.  These six add up to `ready':
 *
 *   live + rounding + caches + free_in_spans + dirty + metadata == ready
 *
 * and what the kernel counts as resident is `ready' less `untouched'.
 *
 * The numbers are exact while no other thread allocates or frees, and close to
 * that otherwise.  */
struct memaix_stats {
	size_t live;            /* in blocks that the program holds, by the size
	                         * of their class (small) or as asked (large) */
	size_t rounding;        /* lost to whole pages: behind large blocks and at
	                         * the ends of spans */
	size_t caches;          /* free blocks that threads, or some that ended,
	                         * keep at hand */
	size_t free_in_spans;   /* free blocks in spans, most never touched */
	size_t dirty;           /* free pages that may still be in memory */
	size_t metadata;        /* memaix's own records */
	size_t ready;           /* the sum: readable and writable, in use */
	size_t untouched;       /* of `ready': never touched, so not in memory */
	size_t prepared;        /* mapped, given up or never used */
	size_t reserved;        /* address space only */
	size_t peak_ready;      /* highest `ready' so far */
	size_t released;        /* given back to the kernel so far, in total */
	size_t live_small;      /* the part of `live' in blocks of classes */
	size_t live_large;      /* the part of `live' in blocks of their own */
	size_t spans;           /* number of spans of small blocks */
	size_t large_blocks;    /* number of large blocks */
	size_t threads;         /* number of threads that have a cache */
	size_t foreign;         /* number of pointers freed that were not ours */
	size_t peak_prepared;   /* highest `prepared' so far */
	size_t peak_reserved;   /* highest `reserved' so far */
	size_t huge_page;       /* bytes in a huge page, whether or not memaix asks
	                         * for some; 0: the system gives none */
};

/* Fill *STATS, whose first SIZE bytes the caller knows (sizeof *STATS).  Walks
 * the heap: about 250 us per 100 MiB.  Source: this project.  */
void memaix_stats_read(struct memaix_stats *stats, size_t size);

/* Print the statistics to file descriptor FD, as text or as JSON.  */
void memaix_stats_print(int fd, int json);

/* Memory of this process, and of all processes that the caller may see.  All
 * sizes are bytes, but the last two.  */
struct memaix_usage {
	size_t rss;             /* this process: in memory */
	size_t vsz;             /* this process: address space */
	size_t processes;       /* number of processes counted below */
	size_t sum_rss;
	size_t sum_vsz;
	size_t mean_rss;
	size_t mean_vsz;
	size_t percent_rss;     /* this process in percent of the mean */
	size_t percent_vsz;
};

/* Fill *USAGE, whose first SIZE bytes the caller knows.  0, or an errno value.
 * Reads /proc (Linux) or asks getprocs64 (AIX): about 50 us per process.  */
int memaix_usage_read(struct memaix_usage *usage, size_t size);

/* Give all free pages back to the kernel now, the free blocks of the calling thread
 * and of threads that ended included.  1 if any page went, 0 if none.  */
int memaix_trim(void);

#ifdef __cplusplus
}
#endif

#endif /* MEMAIX_H */
