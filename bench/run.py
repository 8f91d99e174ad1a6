#!/usr/bin/env python3
# run.py - compare allocators by preloading each into the same programs.
#
# Owns: the order of the runs, the measurements, the CSV file.  Must not know:
# what a benchmark does (suite.py, programs.py), how a table looks (report.py).
#
# SPDX-License-Identifier: MIT

import argparse
import csv
import mmap
import os
import platform
import re
import sys
import tempfile
import time

sys.dont_write_bytecode = True      # the source folder may be read-only

import allocators                   # noqa: E402
import plot                         # noqa: E402
import programs                     # noqa: E402
import report                       # noqa: E402
import runner                       # noqa: E402
import suite                        # noqa: E402

COLUMNS = ["bench", "group", "threads", "round", "run", "alloc", "status",
           "clock", "score_ns", "ops", "wall_ns", "user_us", "system_us",
           "maxrss_kib", "minflt", "majflt", "nvcsw", "nivcsw", "more"]

# What programs write line by line, see suite.py.
KEPT = {"memory": "bench,alloc,ms,kib,phase",
        "density": "bench,alloc,size,ratio"}


class Progress:
    """A line on stderr: what was run, how long the rest takes."""

    def __init__(self, total):
        self.total, self.done, self.took = total, 0, {}
        self.spoken = 0.0

    def left(self, todo):
        known = list(self.took.values())
        mean = sum(known) / len(known)
        return sum(self.took.get(key, mean) for key in todo)

    def tell(self, key, seconds, text, todo):
        self.done += 1
        self.took[key] = seconds
        now = time.monotonic()
        on_terminal = sys.stderr.isatty()
        if not on_terminal and now - self.spoken < 10 and todo:
            return
        self.spoken = now
        left = int(self.left(todo))
        line = "[%d/%d] %s  %d:%02d left" % (
            self.done, self.total, text, left // 60, left % 60)
        sys.stderr.write("\r\033[K" + line if on_terminal else line + "\n")
        if on_terminal and not todo:
            sys.stderr.write("\n")
        sys.stderr.flush()


def read_first(path):
    try:
        with open(path) as f:
            return f.readline().strip()
    except OSError:
        return "unknown"


def cpu_model():
    try:
        with open("/proc/cpuinfo") as f:
            names = [line.split(":", 1)[1].strip() for line in f
                     if line.startswith(("model name", "cpu\t\t:"))]
        return names[0]
    except (OSError, IndexError):
        return platform.processor() or platform.machine()


def touch(advice=None, size=64 << 20):
    """Microseconds for each 4 KiB of fresh memory."""
    with mmap.mmap(-1, size, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as m:
        if advice is not None:
            m.madvise(advice)
        start = time.perf_counter()
        for at in range(0, size, 4096):
            m[at] = 1
        return (time.perf_counter() - start) * 1e6 / (size // 4096)


def first_touch():
    """What pages cost here.  A host that takes free memory back has whole huge
    pages only of what was in use a moment ago."""
    try:
        small = touch()
        touch(mmap.MADV_HUGEPAGE)
        soon = touch(mmap.MADV_HUGEPAGE)
        time.sleep(2)
        late = touch(mmap.MADV_HUGEPAGE)
    except (AttributeError, OSError):   # no such pages
        return "unknown"
    return "%.1f us for 4 KiB; of huge pages %.1f, after 2 s at rest %.1f" % (
        small, soon, late)


def comments(args, chosen, skipped):
    """The head of the CSV file."""
    settings = ["%s=%s" % item for item in sorted(os.environ.items())
                if item[0].startswith(("MEMAIX", "MALLOC", "MIMALLOC",
                                       "TCMALLOC", "GLIBC_TUNABLES", "TBB"))]
    lines = [
        "command: " + args.shown,
        "commit: " + args.commit,
        "cpu: %s, %d online" % (cpu_model(), os.cpu_count()),
        "kernel: %s %s; huge pages: %s; load at start: %s" % (
            platform.system(), platform.release(),
            read_first("/sys/kernel/mm/transparent_hugepage/enabled"),
            read_first("/proc/loadavg")),
        "first touch: " + first_touch(),
        "date: " + time.strftime("%Y-%m-%d %H:%M:%S %z"),
        "rounds: %d, %s" % (args.rounds, "quick" if args.quick else "full"),
        "settings: " + (" ".join(settings) or "none"),
    ]
    lines += ["allocator %s: %s" % (a.name, a.describe()) for a in chosen]
    lines += ["not installed, left out: " + " ".join(skipped)] \
        if skipped else []
    return lines


def select(benches, wanted):
    """Those whose name is one of WANTED or starts with one and a dash."""
    if not wanted:
        return benches
    for w in wanted:
        if not any(b.name == w or b.name.startswith(w + "-")
                   for b in benches):
            raise allocators.Wrong("no benchmark %s; there are: %s" % (
                w, " ".join(b.name for b in benches)))
    return [b for b in benches if any(
        b.name == w or b.name.startswith(w + "-") for w in wanted)]


def prove_all(run, benches, chosen):
    """Ask the run-time linker about each program with each allocator."""
    commands = {}
    for bench in benches:
        commands.setdefault(tuple(run.proof_command(bench)), bench)
    lines = []
    for alloc in chosen:
        found = {run.prove(bench, alloc) for bench in commands.values()}
        names = sorted({os.path.basename(c[0]) for c in commands})
        lines.append("proof %s: malloc of %s is bound to %s" % (
            alloc.name, " ".join(names), " or ".join(sorted(found))))
    return lines


class Session:
    """One comparison: rounds, rows, files."""

    def __init__(self, args, run, benches, chosen, head):
        self.args, self.runner = args, run
        self.benches, self.chosen = benches, chosen
        self.stem = os.path.join(args.out, args.name)
        self.failed = set()             # not run again in later rounds
        with open(self.stem + ".csv", "w", newline="") as f:
            f.writelines("# %s\n" % line for line in head)
        for kind, columns in KEPT.items():
            with open(self.kept(kind), "w", newline="") as f:
                f.writelines("# %s\n" % line for line in head)
                f.write(columns + "\n")
        self.file = open(self.stem + ".csv", "a", newline="")
        self.writer = csv.DictWriter(self.file, COLUMNS, restval="",
                                     extrasaction="ignore",
                                     lineterminator="\n")
        self.writer.writeheader()

    def kept(self, kind):
        return "%s-%s.csv" % (self.stem, kind)

    def keep(self, bench, alloc, path):
        with open(path) as source, open(self.kept(bench.keeps), "a") as f:
            for line in source:
                f.write("%s,%s,%s\n" % (bench.name, alloc.name,
                                        ",".join(line.split())))

    def one(self, turn, number, bench, alloc):
        first = turn == 1 and number == 1
        row = {"bench": bench.name, "group": bench.group, "round": turn,
               "run": number, "threads": bench.threads, "alloc": alloc.name,
               "status": "ok"}
        try:
            use, lines = self.runner.run(bench, alloc, first)
            row.update(use)
            if lines and first:
                self.keep(bench, alloc, lines)
        except runner.Failed as e:
            row["status"] = "fail: " + str(e).replace(",", ";")[:200]
            sys.stderr.write("\n%s with %s: %s\n" % (
                bench.name, alloc.name, row["status"]))
            self.failed.add((bench.name, alloc.name))
        self.writer.writerow(row)
        self.file.flush()
        return row

    def runs(self, bench):
        return 1 if self.args.quick else bench.runs

    def run(self):
        """A B C, A B C, ...: every allocator meets every mood of the
        machine."""
        todo = [(turn, number, bench, alloc)
                for turn in range(1, self.args.rounds + 1)
                for bench in self.benches
                for number in range(1, self.runs(bench) + 1)
                for alloc in self.chosen]
        keys = [(bench.name, alloc.name) for _, _, bench, alloc in todo]
        progress = Progress(len(todo))
        for i, (turn, number, bench, alloc) in enumerate(todo):
            start = time.monotonic()
            row = {} if keys[i] in self.failed else self.one(
                turn, number, bench, alloc)
            progress.tell(keys[i], time.monotonic() - start,
                          "round %d/%d %s %s %.0f ms" % (
                              turn, self.args.rounds, bench.name, alloc.name,
                              int(row.get("score_ns") or 0) / 1e6),
                          keys[i + 1:])


def options():
    p = argparse.ArgumentParser(
        description="Compare allocators by preloading each into the same "
        "programs.  See README.md beside this file.")
    p.add_argument("--quick", action="store_true", help="less work, and only "
                   "some of the benchmarks")
    p.add_argument("--bin", metavar="DIR", help="where the programs are")
    p.add_argument("--memaix", metavar="FILE", help="the library")
    p.add_argument("--out", metavar="DIR", default="bench-results")
    p.add_argument("--rounds", default="", help="default 5, quick 3")
    p.add_argument("--bench", default="", help="names or beginnings, commas")
    p.add_argument("--allocs", default="", help="only these, commas")
    p.add_argument("--libs", default="", help="more: NAME=PATH[;VAR=VALUE]")
    p.add_argument("--more", default="", metavar="FILE",
                   help="a list of more programs")
    p.add_argument("--commit", default="unknown")
    p.add_argument("--report", metavar="CSV", help="no runs: make the tables "
                   "and plots of an earlier run again")
    p.add_argument("--list", action="store_true", help="name the benchmarks")
    args = p.parse_args()
    # make calls the linker flags of the build LIBS, too.
    args.libs = " ".join(w for w in args.libs.split() if w[0] != "-")
    args.shown = "make bench%s%s" % ("-quick" if args.quick else "", "".join(
        ' %s="%s"' % (name, value) for name, value in [
            ("ROUNDS", args.rounds), ("BENCH", args.bench),
            ("ALLOCS", args.allocs), ("MORE", os.path.basename(args.more)),
            ("LIBS", re.sub(r"=(?!/usr/|/lib|/opt/)/[^ ;]*/", "=", args.libs))
        ] if value))
    args.rounds = int(args.rounds or (3 if args.quick else 5))
    args.bench = [w for w in args.bench.split(",") if w]
    args.allocs = [w for w in args.allocs.split(",") if w]
    # What is compared with and without must be in it to be kept.
    is_part = args.bench or args.allocs and not {
        "memaix", "jemalloc", "glibc"} <= set(args.allocs)
    args.name = "part" if is_part else "quick" if args.quick else "full"
    return args


def finish(stem):
    """Tables and plots from the files of a run."""
    result = report.load(stem + ".csv")
    with open(stem + ".md", "w") as f:
        f.write(report.markdown(result))
    for line in plot.draw(result, stem):
        sys.stderr.write(line + "\n")
    sys.stderr.write("results: %s.csv and %s.md\n" % (stem, stem))


def compare(args, work):
    made, skipped = programs.all_of(work, args.quick)
    everything = suite.micro() + made + programs.more(args.more)
    if args.list:
        print("\n".join(b.name for b in everything))
        return 0
    benches = select(everything, args.bench)
    if args.quick and not args.bench:
        benches = [b for b in benches if getattr(b, "in_quick", True)]
    chosen = allocators.choose(args.memaix, args.libs, args.allocs, work)
    run = runner.Runner(os.path.abspath(args.bin), work, args.quick)
    head = comments(args, chosen, skipped)
    head += prove_all(run, benches, chosen)
    for name in skipped:
        sys.stderr.write("%s is not installed: left out\n" % name)
    session = Session(args, run, benches, chosen, head)
    try:
        session.run()
    except KeyboardInterrupt:
        sys.stderr.write("\nstopped; the tables show what there is\n")
    session.file.close()
    finish(session.stem)
    return 1 if "memaix" in {alloc for _, alloc in session.failed} else 0


def main():
    args = options()
    os.environ.pop("LD_PRELOAD", None)
    try:
        if args.report and not os.path.isfile(args.report):
            raise allocators.Wrong("no file " + args.report)
        if args.report:
            finish(os.path.splitext(args.report)[0])
            return 0
        if not args.bin and not args.list:
            raise allocators.Wrong("--bin is missing")
        os.makedirs(args.out, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="memaix-bench.") as work:
            return compare(args, work)
    except allocators.Wrong as e:
        sys.stderr.write("bench: %s\n" % e)
        return 2


sys.exit(main())
