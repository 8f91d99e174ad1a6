# plot.py - SVG plots of a result, drawn by gnuplot.
#
# Owns: how the plots look.  Filters nothing but what does not fit: a bar that
# is cut carries its value.
#
# SPDX-License-Identifier: MIT

import csv
import math
import os
import shutil
import subprocess

PER_ROW = 12                    # benchmarks side by side
TOP = 2.5                       # bars are cut here
COLOURS = ["#0072b2", "#999999", "#e69f00", "#009e73", "#cc79a7", "#56b4e9",
           "#d55e00", "#f0e442"]
HEAD = """set terminal svg size %d,%d dynamic font 'sans-serif,12' \
background '#ffffff'
set output '%s'
set style fill solid 0.9 noborder
set border 3 linecolor '#666666'
set grid y linecolor '#dddddd' linetype 1
set tics nomirror
"""


def colour(result, alloc):
    return COLOURS[result.allocs.index(alloc) % len(COLOURS)]


def quote(text):
    return "'" + text.replace("'", "") + "'"


def block(name, rows):
    return "$%s << EOD\n%s\nEOD\n" % (name, "\n".join(rows))


def bars(result, benches, column, row):
    """Data and plot command for one row of bars."""
    width = 0.84 / len(result.allocs)
    out, clauses = [], []
    for k, alloc in enumerate(result.allocs):
        data, labels = [], []
        for i, bench in enumerate(benches):
            ratio = result.ratio(bench, alloc, column)
            if ratio is None:
                continue
            x = i + (k - (len(result.allocs) - 1) / 2) * width
            middle, low, high = (min(v, TOP) for v in ratio)
            data.append("%.4f %.4f %.4f %.4f %.4f" % (
                x, middle, low, high, width * 0.92))
            if ratio[0] > TOP:
                labels.append("%.4f %.3f %.1f" % (x, TOP + 0.03, ratio[0]))
        # gnuplot does not survive an empty block.
        if not data:
            continue
        out.append(block("d%d_%d" % (row, k), data))
        clauses.append("$d%d_%d using 1:2:3:4:5 with boxerrorbars lc rgb '%s' "
                       "title %s" % (row, k, colour(result, alloc),
                                     quote(alloc) if row == 0 else "''"))
        if not labels:
            continue
        out.append(block("l%d_%d" % (row, k), labels))
        clauses.append("$l%d_%d using 1:2:(sprintf('%%.1f', $3)) with labels "
                       "rotate left font ',9' notitle" % (row, k))
    tics = ", ".join("%s %d" % (quote(b), i) for i, b in enumerate(benches))
    out.append("set xtics (%s) rotate by -28 scale 0\n" % tics)
    out.append("set xrange [-0.6:%.1f]\n" % (PER_ROW - 0.4))
    out.append("plot 1 lc rgb '#444444' lw 1 notitle, %s\n"
               % ", ".join(clauses))
    return "".join(out)


def bar_plot(result, column, title, path):
    benches = [b for b in result.compared()
               if result.median(b, result.base, column)]
    rows = max(1, math.ceil(len(benches) / PER_ROW))
    text = [HEAD % (1200, 60 + 270 * rows, path)]
    text.append("set multiplot layout %d,1 title %s\n" % (
        rows, quote("%s, ratio to %s (less is better)" % (title,
                                                         result.base))))
    text.append("set yrange [0:%.2f]\nset bars small\n"
                "set errorbars linecolor '#222222'\n"
                "set key outside right top vertical\n"
                "set rmargin 16\n" % (TOP + 0.25))
    for row in range(rows):
        part = benches[row * PER_ROW:(row + 1) * PER_ROW]
        text.append(bars(result, part, column, row))
    text.append("unset multiplot\n")
    return "".join(text)


def load_samples(path):
    """Seconds and MiB, by benchmark and allocator."""
    found = {}
    with open(path, newline="") as f:
        for r in csv.DictReader(x for x in f if not x.startswith("# ")):
            found.setdefault((r["bench"], r["alloc"]), []).append(
                (int(r["ms"]) / 1000, int(r["kib"]) / 1024, r["phase"]))
    return found


def lines_plot(result, samples, path):
    benches = list(dict.fromkeys(b for b, _ in samples))
    text = [HEAD % (1000, 60 + 340 * len(benches), path)]
    text.append("set multiplot layout %d,1 title %s\n" % (
        len(benches), quote("Resident memory: grow, free, refill with another "
                            "size, free, idle for 1 s")))
    text.append("set xlabel 'seconds'\nset ylabel 'MiB'\n"
                "set yrange [0:*]\nset key outside right top vertical\n"
                "set rmargin 16\n")
    for i, bench in enumerate(benches):
        clauses = []
        for k, alloc in enumerate(result.allocs):
            data = samples.get((bench, alloc))
            if not data:
                continue
            text.append(block("s%d_%d" % (i, k),
                              ["%.3f %.1f" % d[:2] for d in data]))
            clauses.append("$s%d_%d using 1:2 with lines lw 2 lc rgb '%s' "
                           "title %s" % (i, k, colour(result, alloc),
                                         quote(alloc)))
        text.append("set title %s\nplot %s\n" % (quote(bench),
                                                 ", ".join(clauses)))
    text.append("unset multiplot\n")
    return "".join(text)


def run(script, path):
    """Have SCRIPT write PATH.  Returns what went wrong, or nothing."""
    done = subprocess.run(["gnuplot"], input=script.encode(),
                          stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    said = done.stderr.decode(errors="replace").strip()
    if done.returncode == 0:
        return said
    if os.path.exists(path):
        os.unlink(path)
    return "gnuplot failed (%d), no %s %s" % (done.returncode, path, said)


def draw(result, stem):
    """Write STEM-time.svg, STEM-rss.svg and, when there are samples,
    STEM-shrink.svg.  Returns what there is to say."""
    if shutil.which("gnuplot") is None:
        return ["no gnuplot here: no plots"]
    plots = []
    if result.compared():
        for column, title, ending in [("score_ns", "Time", "time"),
                                      ("maxrss_kib", "Peak memory", "rss")]:
            path = "%s-%s.svg" % (stem, ending)
            plots.append((bar_plot(result, column, title, path), path))
    if os.path.exists(stem + "-shrink.csv"):
        samples = load_samples(stem + "-shrink.csv")
        path = stem + "-shrink.svg"
        if samples:
            plots.append((lines_plot(result, samples, path), path))
    said = [run(script, path) for script, path in plots]
    return [line for line in said if line]
