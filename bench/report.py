# report.py - from the CSV file of a run to tables in markdown.
#
# Owns: medians, ratios, geometric means.  Must not know: how runs are made.
#
# SPDX-License-Identifier: MIT

import csv
import math
import statistics

import goals

GROUPS = ["1 thread", "threads", "programs"]
GIVEN_BACK = [("maxrss_kib", "peak"), ("rss_drop", "after the first free"),
              ("rss_live", "before the last free"),
              ("rss_end", "after the last free"), ("rss_idle", "1 s later")]
PARTS = [("p50", "p50"), ("p99", "p99"), ("p999", "p99.9"),
         ("p9999", "p99.99"), ("max", "max"), ("all9999", "p99.99 of all"),
         ("allmax", "max of all")]


def words_of(row):
    return dict(w.split("=", 1) for w in (row.get("more") or "").split())


def rounds_of(runs):
    """A row for each round: that of its fastest run, with the largest peak, and
    with what only another run says (the first is idle).  If one failed, so did
    the round."""
    rounds = {}
    for r in runs:
        r.update(words_of(r))
        key = (r["bench"], r["alloc"], r["round"])
        fast = rounds.setdefault(key, r)
        if fast is r or fast["status"] != "ok":
            continue
        slow = r
        if r["status"] != "ok" or float(r["score_ns"]) < \
                float(fast["score_ns"]):
            slow, fast = fast, r
        if fast["status"] == "ok":
            fast = dict(slow, **dict(fast, maxrss_kib=max(
                slow["maxrss_kib"], fast["maxrss_kib"], key=float)))
        rounds[key] = fast
    return list(rounds.values())


class Result:
    """The rows of a comparison, one for each round, by benchmark and
    allocator."""

    def __init__(self, comments, runs):
        rows = rounds_of(runs)
        self.comments, self.rows = comments, rows
        self.benches = list(dict.fromkeys(r["bench"] for r in rows))
        self.allocs = list(dict.fromkeys(r["alloc"] for r in rows))
        self.group = {r["bench"]: r["group"] for r in rows}
        self.clock = {r["bench"]: r["clock"] for r in rows if r["clock"]}
        self.base = next((a for a in ("jemalloc", "glibc", "libc")
                          if a in self.allocs), self.allocs[0])
        self.failed = {(r["bench"], r["alloc"]) for r in rows
                       if r["status"] != "ok"}
        self.cells = {}
        for r in rows:
            self.cells.setdefault((r["bench"], r["alloc"]), []).append(r)

    def values(self, bench, alloc, column):
        """The numbers of all rounds; none if any round failed."""
        if (bench, alloc) in self.failed:
            return []
        return [float(r[column]) for r in self.cells.get((bench, alloc), [])
                if r.get(column, "") != ""]

    def median(self, bench, alloc, column):
        values = self.values(bench, alloc, column)
        return statistics.median(values) if values else None

    def ratio(self, bench, alloc, column):
        """Median, smallest and largest, as ratios to the baseline's
        median."""
        base = self.median(bench, self.base, column)
        values = self.values(bench, alloc, column)
        if not base or not values:
            return None
        return (statistics.median(values) / base, min(values) / base,
                max(values) / base)

    def compared(self):
        """The benchmarks that count in means: startup has its own table."""
        return [b for b in self.benches
                if b != "startup" and self.group[b] in GROUPS]

    def of_group(self, group):
        return [b for b in self.benches if self.group[b] == group]

    def mean(self, benches, alloc, column):
        """Geometric mean of the ratios, and how many there were."""
        ratios = [self.ratio(b, alloc, column) for b in benches]
        logs = [math.log(r[0]) for r in ratios if r and r[0] > 0]
        return (math.exp(statistics.fmean(logs)) if logs else None, len(logs))


def noise(result):
    """How far a round may be off: what half of all rounds differ from their
    median at most, and what nine of ten do, in percent.  None: too few
    rounds."""
    off = []
    for bench in result.compared():
        for alloc in result.allocs:
            values = result.values(bench, alloc, "score_ns")
            middle = statistics.median(values) if len(values) > 2 else 0
            off += [abs(v / middle - 1) * 100 for v in values if middle]
    if not off:
        return None
    parts = statistics.quantiles(off, n=10, method="inclusive")
    return parts[4], parts[8]


def noise_text(result):
    parts = noise(result)
    return "" if parts is None else (
        "  Half of the rounds are within %.1f %% of their median, nine in ten "
        "within %.0f %%: single ratios closer than that say little." % parts)


def copies_text(result):
    parts = goals.copies(result)
    return "" if parts is None else (
        "What goal 2 can say: were the peers copies of memaix, with rounds drawn "
        "from its own, %.0f benchmarks would be over, and %.0f of %d best or "
        "within 2 %%." % parts)


def load(path):
    with open(path, newline="") as f:
        lines = f.read().splitlines()
    comments = [line[2:] for line in lines if line.startswith("# ")]
    rows = list(csv.DictReader(x for x in lines if not x.startswith("# ")))
    if not rows:
        raise SystemExit("bench: no results in %s" % path)
    return Result(comments, rows)


def table(head, rows):
    """A markdown table; every column but the first is of numbers."""
    lines = ["| " + " | ".join(head) + " |",
             "|---" + "|---:" * (len(head) - 1) + "|"]
    return lines + ["| " + " | ".join(row) + " |" for row in rows] + [""]


def with_spread(form, values):
    middle, low, high = values
    return "%s (%s–%s)" % (form % middle, form % low, form % high)


def absolute(result, bench, column, unit, form):
    values = result.values(bench, result.base, column)
    if not values:
        return "failed" if (bench, result.base) in result.failed else "–"
    return with_spread(form, [v / unit for v in (
        statistics.median(values), min(values), max(values))])


def cell(result, bench, alloc, column, spread):
    if (bench, alloc) in result.failed:
        return "failed"
    ratio = result.ratio(bench, alloc, column)
    if ratio is None:
        return "–"
    return with_spread("%.2f", ratio) if spread else "%.2f" % ratio[0]


def mean_rows(result, column):
    """A row for each group, and one for all."""
    others = [a for a in result.allocs if a != result.base]
    rows = []
    for group in GROUPS + ["all"]:
        benches = [b for b in result.compared()
                   if group in ("all", result.group[b])]
        if not benches:
            continue
        row = ["**geometric mean, %s (%d)**" % (group, len(benches)), "1"]
        for alloc in others:
            mean, n = result.mean(benches, alloc, column)
            text = "–" if mean is None else "**%.2f**" % mean
            row.append(text + (" of %d" % n if 0 < n < len(benches) else ""))
        rows.append(row)
    return rows


def ratios(result, column, unit, name, form, spread):
    """The main kind of table."""
    others = [a for a in result.allocs if a != result.base]
    rows = [[bench, absolute(result, bench, column, unit, form)] +
            [cell(result, bench, a, column, spread) for a in others]
            for bench in result.compared()]
    if not rows:
        return []
    return table(["benchmark", "%s, %s" % (result.base, name)] + others,
                 rows + mean_rows(result, column))


def given_back(result):
    benches = [b for b in result.benches
               if any(result.values(b, a, "rss_end") for a in result.allocs)]
    rows = []
    for bench in benches:
        for column, name in GIVEN_BACK:
            medians = [result.median(bench, a, column) for a in result.allocs]
            if any(m is not None for m in medians):
                rows.append(["%s, %s" % (bench, name)] + [
                    "–" if m is None else "%.0f" % (m / 1024)
                    for m in medians])
        left = [dict((b, p) for p, b in goals.idle_percents(result, a)).get(
            bench) for a in result.allocs]
        if any(p is not None for p in left):
            rows.append(["**%s, left, %% of the peak**" % bench] + [
                "–" if p is None else "**%.1f**" % p for p in left])
    return table(["resident MiB"] + result.allocs, rows) if rows else []


def over_requested(result):
    """Resident bytes for each byte in use, in programs that know it."""
    rows = []
    for bench in result.benches:
        cells = []
        for alloc in result.allocs:
            rss = result.median(bench, alloc, "rss_live")
            live = result.median(bench, alloc, "live_kib")
            cells.append("%.2f" % (rss / live) if rss and live else "–")
        if any(c != "–" for c in cells):
            rows.append([bench + ", before the last free"] + cells)
    for bench in result.of_group("density"):
        for column, name in [("density", "geometric mean over sizes"),
                             ("density_worst", "worst size")]:
            medians = [result.median(bench, a, column) for a in result.allocs]
            rows.append(["%s, %s" % (bench, name)] + [
                "–" if m is None else "%.2f" % (m / 1000) for m in medians])
    return table([""] + result.allocs, rows) if rows else []


def latency(result):
    rows = []
    for bench in result.of_group("latency"):
        for key, name in goals.LATENCY:
            for part, shown in PARTS:
                medians = [result.median(bench, a, "%s_%s" % (key, part))
                           for a in result.allocs]
                rows.append(["%s, %s, %s" % (bench, name, shown)] + [
                    "–" if m is None else "%.0f" % m for m in medians])
    return table(["ns"] + result.allocs, rows) if rows else []


def scale(result):
    """ns of one operation; in brackets, of writing to a random block."""
    rows = []
    for bench in result.benches:
        if not bench.startswith("scale-"):
            continue
        cells = []
        for alloc in result.allocs:
            ns, ops, walk = (result.median(bench, alloc, c) for c in (
                "score_ns", "ops", "walk_ns"))
            cells.append("–" if not ns else "%.1f" % (ns / ops) + (
                "" if walk is None else " (%.1f)" % (walk / ops)))
        rows.append([bench] + cells)
    return table(["ns per operation"] + result.allocs, rows) if rows else []


def behind(result):
    """Where memaix is not the best."""
    lines = []
    if goals.SELF not in result.allocs:
        return lines
    for column, name in [("score_ns", "time"), ("maxrss_kib", "peak memory")]:
        rows = [["%.2f" % ratio, bench, whose] for ratio, bench, whose in
                goals.behind(result, goals.SELF, column, result.compared())
                if ratio > goals.NEAR]
        if rows:
            lines += table([name + ", ratio", "benchmark", "best peer"], rows)
    return lines


def startup(result):
    if "startup" not in result.benches:
        return []
    plain = next((a for a in ("glibc", "libc") if a in result.allocs), None)
    rows = []
    for alloc in result.allocs:
        ns = result.values("startup", alloc, "score_ns")
        kib = result.median("startup", alloc, "maxrss_kib")
        if not ns or kib is None:
            rows.append([alloc, "failed", "–", "–"])
            continue
        without = plain and result.median("startup", plain, "maxrss_kib")
        rows.append([alloc, with_spread("%.3f", [x / 1e6 for x in (
            statistics.median(ns), min(ns), max(ns))]), "%d" % kib,
            "%+d" % (kib - without) if without else "–"])
    return table(["", "CPU ms for each run of true", "peak KiB",
                  "KiB over %s" % (plain or "glibc")], rows)


def failures(result):
    seen = {}
    for r in result.rows:
        if r["status"] != "ok":
            seen.setdefault((r["bench"], r["alloc"]), r["status"])
    return ["- %s with %s: %s" % (b, a, text)
            for (b, a), text in seen.items()] + ([""] if seen else [])


def section(title, text, lines):
    if not lines:
        return []
    return ["## " + title, ""] + ([text, ""] if text else []) + lines


def markdown(result):
    base = result.base
    lines = ["# Allocators compared", ""]
    lines += section(
        "Summary", "Geometric means relative to %s.  Peers are all but memaix "
        "and the system's allocator; an allocator is not its own peer." % base,
        table(*goals.summary(result)))
    reached = goals.goals(result)
    if reached:
        lines += section("Goals", copies_text(result), table(
            ["goal", "value", "limit", "reached"], reached))
    lines += section("Where memaix is behind the best peer", "",
                     behind(result))
    lines += section(
        "Time", "%s in milliseconds, the others as a ratio to it; less is "
        "better.  Median of the rounds, smallest and largest in brackets.  "
        "One thread and programs: CPU time; threads: wall time."
        % base + noise_text(result),
        ratios(result, "score_ns", 1e6, "ms", "%.0f", True))
    lines += section(
        "Peak memory", "%s in MiB, the others as a ratio to it; less is "
        "better." % base,
        ratios(result, "maxrss_kib", 1024, "MiB", "%.1f", False))
    lines += section("Memory given back", "", given_back(result))
    lines += section(
        "Resident for each byte in use", "", over_requested(result))
    lines += section(
        "Latency", "Calls without a page fault, but for the rows `of all`.  "
        "Calls in which the thread lost the processor are left out.",
        latency(result))
    lines += section(
        "Cost as the heap and the number of threads grow", "In brackets: what "
        "it costs to write to a random block and do nothing else.",
        scale(result))
    lines += section("Start of a program", "", startup(result))
    lines += section("Failures", "", failures(result))
    lines += section("How it was measured", "",
                     ["- " + c for c in result.comments])
    return "\n".join(lines).rstrip() + "\n"
