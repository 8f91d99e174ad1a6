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

PER_ROW = 10                    # benchmarks side by side
TOP = 2.5                       # bars are cut here
COLOURS = ["#0072b2", "#999999", "#e69f00", "#009e73", "#cc79a7", "#56b4e9",
           "#d55e00", "#f0e442", "#000000", "#8c564b"]
PERCENTILES = [("p50", "p50"), ("p99", "p99"), ("p999", "p99.9"),
               ("p9999", "p99.99"), ("max", "max")]
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


def load_lines(path, x, y):
    """(x, y) by benchmark and allocator, from the file PATH; X and Y are a
    column and what to divide it by."""
    found = {}
    if not os.path.exists(path):
        return found
    with open(path, newline="") as f:
        for r in csv.DictReader(line for line in f if line[0] != "#"):
            found.setdefault(r["bench"], {}).setdefault(r["alloc"], []).append(
                (float(r[x[0]]) / x[1], float(r[y[0]]) / y[1]))
    return found


def latency_lines(result):
    """Percentiles by benchmark and kind of call."""
    found = {}
    for bench in result.of_group("latency"):
        for key, name in (("m", "malloc"), ("f", "free")):
            for alloc in result.allocs:
                points = [result.median(bench, alloc, "%s_%s" % (key, part))
                          for part, _ in PERCENTILES]
                if None not in points:
                    found.setdefault("%s, %s" % (bench, name), {})[alloc] = \
                        list(enumerate(points))
    return found


def scale_lines(result):
    """ns of one operation, by live blocks and by threads."""
    found = {}
    for title, start, base in [("live blocks", "scale-1e", "1e"),
                               ("threads", "scale-threads-", "")]:
        for bench in result.benches:
            if not bench.startswith(start):
                continue
            x = float(base + bench[len(start):])
            for alloc in result.allocs:
                ns = result.median(bench, alloc, "score_ns")
                ops = result.median(bench, alloc, "ops")
                if ns:
                    found.setdefault(title, {}).setdefault(alloc, []).append(
                        (x, ns / ops))
    return found


def lines_plot(result, found, path, title, setting, style="lines lw 2"):
    """A plot for each key of FOUND, one below the other, a line for each
    allocator."""
    text = [HEAD % (1000, 60 + 300 * len(found), path)]
    text.append("set multiplot layout %d,1 title %s\n" % (len(found),
                                                          quote(title)))
    text.append(setting + "set key outside right top vertical\n"
                "set rmargin 16\n")
    for i, (name, lines) in enumerate(found.items()):
        clauses = []
        for k, alloc in enumerate(result.allocs):
            if not lines.get(alloc):
                continue
            text.append(block("s%d_%d" % (i, k),
                              ["%.6g %.6g" % p for p in lines[alloc]]))
            clauses.append("$s%d_%d using 1:2 with %s lc rgb '%s' title %s" % (
                i, k, style, colour(result, alloc), quote(alloc)))
        text.append("set title %s\nplot %s\n" % (quote(name),
                                                 ", ".join(clauses)))
    text.append("unset multiplot\n")
    return "".join(text)


def line_plots(result, stem):
    """(found, file's ending, title, settings, style) for each."""
    tics = ", ".join("'%s' %d" % (name, i)
                     for i, (_, name) in enumerate(PERCENTILES))
    return [
        (load_lines(stem + "-memory.csv", ("ms", 1000), ("kib", 1024)),
         "memory", "Resident memory; everything is freed, then 1 s idle",
         "set xlabel 'seconds'\nset ylabel 'MiB'\nset yrange [0:*]\n",
         "lines lw 2"),
        (load_lines(stem + "-density.csv", ("size", 1), ("ratio", 1)),
         "density", "Resident bytes for each byte asked for",
         "set xlabel 'size of blocks'\nset logscale x 2\n"
         "set yrange [1:2]\n", "lines lw 1"),
        (latency_lines(result), "latency",
         "Duration of single calls, without page faults",
         "set ylabel 'ns'\nset logscale y\nset xtics (%s)\n"
         "set xrange [-0.2:%.1f]\n" % (tics, len(PERCENTILES) - 0.8),
         "linespoints lw 2 pt 7 ps 0.5"),
        (scale_lines(result), "scale", "Cost of one replacement of a block",
         "set ylabel 'ns'\nset logscale x\nset autoscale xfix\n"
         "set yrange [0:*]\n",
         "linespoints lw 2 pt 7 ps 0.5"),
    ]


def is_wide(lines):
    """Is there more than a single x?"""
    return len({x for points in lines.values() for x, _ in points}) > 1


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
    """Write STEM-*.svg.  Returns what there is to say."""
    if shutil.which("gnuplot") is None:
        return ["no gnuplot here: no plots"]
    plots = []
    if result.compared():
        for column, title, ending in [("score_ns", "Time", "time"),
                                      ("maxrss_kib", "Peak memory", "rss")]:
            path = "%s-%s.svg" % (stem, ending)
            plots.append((bar_plot(result, column, title, path), path))
    for found, ending, title, setting, style in line_plots(result, stem):
        path = "%s-%s.svg" % (stem, ending)
        found = {name: lines for name, lines in found.items()
                 if is_wide(lines)}
        if found:
            plots.append((lines_plot(result, found, path, title, setting,
                                     style), path))
    said = [run(script, path) for script, path in plots]
    return [line for line in said if line]
