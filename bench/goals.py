# goals.py - one allocator against all others: who is best how often, how far
# behind at worst, and whether memaix reaches its goals.
#
# Owns: the choice of peers, the goals and their limits.  Must not know: how
# tables look beyond lists of cells.
#
# SPDX-License-Identifier: MIT

import math
import random
import statistics

SELF = "memaix"
NEAR = 1.02                     # as good as the best
FAR = 1.10                      # behind it
LATENCY = [("m", "malloc"), ("f", "free")]


def peers(result):
    """Who is to be beaten: not the system's own allocator, not other builds of
    memaix."""
    return [a for a in result.allocs
            if not a.startswith(SELF) and a not in ("glibc", "libc")]


def best_peer(result, bench, column, but=None):
    """The smallest median of any peer, and whose it is."""
    found = [(result.median(bench, a, column), a) for a in peers(result)
             if a != but]
    return min((f for f in found if f[0]), default=(None, None))


def behind(result, alloc, column, benches):
    """(ratio to the best peer, benchmark, that peer), largest first."""
    found = []
    for bench in benches:
        best, whose = best_peer(result, bench, column, but=alloc)
        mine = result.median(bench, alloc, column)
        if best and mine:
            found.append((mine / best, bench, whose))
    return sorted(found, reverse=True)


def far_and_near(ratios):
    """How many of RATIOS, a list, are behind the best, and how many as good as it."""
    return sum(r > FAR for r in ratios), sum(r <= NEAR for r in ratios)


def idle_percents(result, alloc):
    """(percent of the peak that is resident 1 s after all was freed,
    benchmark), largest first."""
    found = []
    for bench in result.benches:
        left = result.median(bench, alloc, "rss_idle")
        peak = result.median(bench, alloc, "maxrss_kib")
        if left and peak:
            found.append((100 * left / peak, bench))
    return sorted(found, reverse=True)


def summary(result):
    """The head and the rows of a table: one line for each allocator."""
    head = ["", "time, all", "time, programs", "peak memory",
            "best or within 2 %", "slowest beside the best peer",
            "largest beside the best peer", "left when idle"]
    rows = []
    benches = result.compared()
    programs = [b for b in benches if result.group[b] == "programs"]
    for alloc in result.allocs:
        row = [alloc]
        for part, column in [(benches, "score_ns"), (programs, "score_ns"),
                             (benches, "maxrss_kib")]:
            mean, n = result.mean(part, alloc, column)
            row.append("–" if mean is None else "%.3f%s" % (
                mean, "" if n == len(part) else " of %d" % n))
        ratios = behind(result, alloc, "score_ns", benches)
        near = far_and_near([r for r, _, _ in ratios])[1]
        row.append("%d of %d" % (near, len(ratios)))
        for list_of in (ratios, behind(result, alloc, "maxrss_kib", benches)):
            row.append("%.2f %s" % list_of[0][:2] if list_of else "–")
        idle = idle_percents(result, alloc)
        row.append("%.1f %% %s" % idle[0] if idle else "–")
        rows.append(row)
    return head, rows


def beside(result, benches, column, peer):
    """Geometric mean of memaix's ratios to PEER, where both have a value."""
    pairs = [(result.median(b, SELF, column), result.median(b, peer, column))
             for b in benches]
    logs = [math.log(mine / other) for mine, other in pairs if mine and other]
    return math.exp(statistics.fmean(logs)) if logs else None


def verdict(value, limit):
    return "yes" if value <= limit else "no"


def mean_goals(result):
    benches = result.compared()
    programs = [b for b in benches if result.group[b] == "programs"]
    for part, column, name, limits in [
            (benches, "score_ns", "1. time, all", (0.70, 0.93)),
            (programs, "score_ns", "1. time, programs", (None, 0.9999)),
            (benches, "maxrss_kib", "3. peak memory", (None, 1))]:
        mine = result.mean(part, SELF, column)[0]
        ratios = [(beside(result, part, column, a), a) for a in peers(result)]
        worst, best = max((r for r in ratios if r[0]), default=(None, None))
        if not mine or not worst:
            continue
        if limits[0] and result.base == "jemalloc":
            yield ("%s / jemalloc" % name, "%.3f" % mine, "%.2f" % limits[0],
                   verdict(mine, limits[0]))
        yield ("%s / best peer (%s)" % (name, best),
               "%.3f" % worst, "%.2f" % limits[1],
               verdict(worst, limits[1]))


def copies(result, draws=200):
    """What a run can tell of goal 2: how many benchmarks would be behind, and
    how many as good as the best, were the peers so many copies of memaix whose
    rounds are drawn from its own.  The medians of DRAWS.  None: too few
    rounds."""
    rounds = [result.values(b, SELF, "score_ns") for b in result.compared()]
    rounds = [r for r in rounds if r]
    n = len(peers(result))
    if not n or not rounds or min(map(len, rounds)) < 3:
        return None
    rng = random.Random(1)      # the same run, the same report
    counts = []
    for _ in range(draws):
        found = []
        for r in rounds:
            mine, *others = (statistics.median(rng.choices(r, k=len(r)))
                             for _ in range(n + 1))
            found.append(mine / min(others))
        counts.append(far_and_near(found))
    return (*map(statistics.median, zip(*counts)), len(rounds))


def bench_goals(result):
    ratios = behind(result, SELF, "score_ns", result.compared())
    if not ratios:
        return
    slow, near = far_and_near([r for r, _, _ in ratios])
    yield ("2. slowest beside the best peer: %s (%s); %d are over" % (
        ratios[0][1], ratios[0][2], slow), "%.2f" % ratios[0][0],
        "%.2f" % FAR, verdict(ratios[0][0], FAR))
    yield ("2. best or within 2 %", "%d of %d" % (near, len(ratios)), "half",
           verdict(len(ratios) / 2, near))
    idle = idle_percents(result, SELF)
    if idle:
        yield ("4. left when idle, of the peak: %s; %d are over" % (
            idle[0][1], sum(p > 5 for p, _ in idle)),
            "%.1f %%" % idle[0][0], "5 %", verdict(idle[0][0], 5))


def latency_goals(result):
    for bench in result.of_group("latency"):
        for key, name in LATENCY:
            for part, shown in [("p999", "p99.9"), ("p9999", "p99.99")]:
                column = "%s_%s" % (key, part)
                mine = result.median(bench, SELF, column)
                best, whose = best_peer(result, bench, column)
                if mine and best:
                    yield ("5. %s, %s of %s, ns (%s)" % (
                        bench, shown, name, whose), "%.0f" % mine,
                        "%.0f" % best, verdict(mine, best))
            own = result.median(bench, SELF, key + "_own_max")
            if own is not None:
                yield ("5. %s, longest %s, us" % (bench, name),
                       "%.0f" % (own / 1000), "1000",
                       verdict(own, 1e6))


def growth_of(result, alloc):
    """How many times more an operation costs at 10^7 live blocks than at
    10^4."""
    cost = [(result.median(b, alloc, "score_ns"),
             result.median(b, alloc, "ops")) for b in ("scale-1e7",
                                                       "scale-1e4")]
    if None in cost[0] + cost[1]:
        return None
    return cost[0][0] / cost[0][1] / (cost[1][0] / cost[1][1])


def single_goals(result):
    def ratio(bench, other_bench, other, column="score_ns"):
        mine = result.median(bench, SELF, column)
        base = result.median(other_bench, other, column)
        return mine / base if mine and base else None

    # What cache misses cost is taken to be the growth of the best peer.
    growth = growth_of(result, SELF)
    others = [(growth_of(result, a), a) for a in peers(result)]
    best = min((o for o in others if o[0]), default=(1, "no peer"))
    for name, value, limit in [
            ("6. vector-gig / glibc", ratio("vector-gig", "vector-gig",
                                            "glibc"), 1.0),
            ("6. vector-gig / jemalloc", ratio("vector-gig", "vector-gig",
                                               "jemalloc"), 1 / 3),
            ("7. cost at 10^7 / at 10^4, of the same for %s, %.1f"
             % (best[1], best[0]), growth and growth / best[0], 1.5),
            ("7. 8 threads / 2 threads", ratio("scale-threads-8",
                                               "scale-threads-2", SELF), 1.0),
            ("8. true, CPU time / jemalloc", ratio("startup", "startup",
                                                   "jemalloc"), 1.0),
            ("8. true, peak / jemalloc", ratio("startup", "startup",
                                               "jemalloc", "maxrss_kib"),
             1.0)]:
        if value is not None:
            yield (name, "%.2f" % value, "%.2f" % limit,
                   verdict(value, limit))


def goals(result):
    """(goal, value, limit, reached) for each goal that this run can tell."""
    if SELF not in result.allocs or not peers(result):
        return []
    return [list(g) for part in (mean_goals, bench_goals, latency_goals,
                                 single_goals) for g in part(result)]
