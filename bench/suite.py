# suite.py - the list of benchmarks.
#
# Owns: which programs run with which arguments.  Must not know: allocators,
# rounds, files.
#
# SPDX-License-Identifier: MIT

"""A benchmark is a name, a group and a way to run it."""


BY_WALL = ("larson", "churn", "phases")

# A quarter of the work, four times.  For programs whose live blocks are as many
# however long they run.
SHORT = {"full": 25, "runs": 4}


class Micro:
    """One of our programs.  It times itself: CPU time with one thread, wall
    time with more; larson, churn and phases always by wall time.

    KEEPS says which file the lines go to that the program writes: "memory",
    samples of the resident size, for which it sits idle in the end, or
    "density".  Being idle takes long, so in a quick run few are: IDLES.  GROUP
    is for what has tables of its own and is in no mean.  A full round has RUNS
    runs, of which the fastest counts."""

    def __init__(self, name, command, full=100, quick=20, in_quick=True,
                 keeps=None, idles=False, group=None, runs=1):
        self.name = name
        self.program, self.mode, threads = command.split()
        self.threads = int(threads)
        self.full, self.quick, self.in_quick = full, quick, in_quick
        self.keeps, self.idles, self.runs = keeps, idles, runs
        by_wall = self.threads > 1 or self.program in BY_WALL
        self.group = group or ("threads" if by_wall else "1 thread")

    def arguments(self, is_quick):
        percent = self.quick if is_quick else self.full
        return [self.mode, str(self.threads), str(percent)]


def threads_of(name, command, counts, quick_counts, quick=20, full=100,
               **others):
    """The same program with several numbers of threads.  The work is mostly
    per thread, so four do less each."""
    return [Micro("%s-%d" % (name, n), "%s %d" % (command, n),
                  full=full // 2 if n == 4 else full,
                  quick=quick // 2 if n == 4 else quick,
                  in_quick=n in quick_counts, **others) for n in counts]


def scale():
    """What an operation costs as the heap grows and threads join."""
    return ([Micro("scale-1e%d" % e, "scale 1e%d 1" % e, quick=30,
                   in_quick=e in (4, 6), **(SHORT if e < 6 else {}))
             for e in range(3, 8)] +
            [Micro("scale-threads-%d" % n, "scale threads %d" % n,
                   in_quick=n == 8, **SHORT) for n in (1, 2, 4, 8)])


def micro():
    """All of our own programs, in the order of the tables."""
    one, two, four = (1,), (2,), (4,)
    return [
        Micro("pairs-single", "pairs single 1", **SHORT),
        *threads_of("pairs-lifo", "pairs lifo", (1, 2, 4), (1, 2),
                    quick=16, **SHORT),
        *threads_of("pairs-fifo", "pairs fifo", (1, 2, 4), one, **SHORT),
        *threads_of("replace-small", "replace small", (1, 2, 4), one,
                    **SHORT),
        *threads_of("replace-large", "replace large", (1, 2), one, quick=30,
                    keeps="memory"),
        Micro("batch-same-1", "batch same 1", **SHORT),
        *threads_of("batch-mixed", "batch mixed", (1, 2, 4), (1, 4),
                    quick=12, **SHORT),
        *threads_of("ladder-six", "ladder six", (1, 2), one, **SHORT),
        *threads_of("ladder-eight", "ladder eight", (2, 4), two,
                    **SHORT),
        Micro("trees-binary-1", "trees binary 1", in_quick=False, **SHORT),
        *threads_of("trees-text", "trees text", (1, 2), one, quick=25,
                    **SHORT),
        *threads_of("compile", "compile units", (1, 2), one, full=15,
                    runs=4),
        Micro("align", "align random 1", quick=15, **SHORT),
        Micro("vector-many", "vector many 1", **SHORT),
        Micro("vector-side", "vector side 1", in_quick=False, **SHORT),
        Micro("vector-one", "vector one 1", quick=25, runs=2),
        Micro("vector-gig", "vector gig 1", in_quick=False, keeps="memory",
              runs=2),
        Micro("calloc-small", "zero small 1", **SHORT),
        Micro("calloc-64k", "zero middle 1", quick=25, runs=4),
        Micro("calloc-large", "zero large 1", quick=15, keeps="memory",
              runs=2),
        Micro("large-1", "large random 1", quick=15, keeps="memory",
              runs=2),
        Micro("large-4", "large random 4", full=25, in_quick=False,
              keeps="memory"),
        Micro("shrink-all", "shrink all 1", quick=25, keeps="memory"),
        Micro("shrink-most", "shrink most 1", quick=25, keeps="memory",
              idles=True),
        Micro("shrink-shift", "shrink shift 1", quick=25, keeps="memory"),
        Micro("lru", "lru drift 1", quick=25, keeps="memory", idles=True),
        *threads_of("phases", "phases grow", (1, 4), (4,), quick=50,
                    keeps="memory", idles=True),
        *scale(),
        Micro("ring-small-2", "ring small 2", **SHORT),
        Micro("ring-small-4", "ring small 4", full=12, in_quick=False,
              runs=4),
        Micro("ring-mixed-2", "ring mixed 2", **SHORT),
        *threads_of("larson-small", "larson small", two + four, two,
                    **SHORT),
        *threads_of("larson-mixed", "larson mixed", two + four, four,
                    quick=16, **SHORT),
        *threads_of("exchange-small", "exchange small", two + four, two,
                    quick=30, **SHORT),
        *threads_of("exchange-mixed", "exchange mixed", two + four, four,
                    quick=16, **SHORT),
        *threads_of("churn", "churn short", (1, 4), four, quick=30,
                    **SHORT),
        *threads_of("stress", "stress mixed", (1, 2, 4), (1, 2, 4), quick=14,
                    **SHORT),
        Micro("latency-small", "latency small 1", group="latency", runs=3),
        Micro("latency-mixed", "latency mixed 1", group="latency",
              in_quick=False, runs=3),
        Micro("latency-cross", "latency cross 2", group="latency",
              in_quick=False, runs=3),
        Micro("density", "density sizes 1", quick=25, keeps="density",
              group="density"),
    ]
