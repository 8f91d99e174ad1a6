# programs.py - real programs as benchmarks, and the files they work on.
#
# Owns: the workloads; nothing here is downloaded or depends on the date.  Must
# not know: which allocators there are.
#
# SPDX-License-Identifier: MIT

import json
import os
import shutil
import subprocess
import time

INPUTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "inputs")


class Program:
    """A command timed from outside, by its CPU time unless CLOCK is "wall".
    Its output must be the same with every allocator, unless SAME_OUTPUT is
    False."""

    group = "programs"
    threads = 1
    runs = 3                    # a full round: the fastest counts

    def __init__(self, name, command, stdin=None, env=None, count=1,
                 harmless=("--version",), clock="cpu", same_output=True):
        self.name, self.command, self.stdin = name, command, stdin
        self.env, self.count = env or {}, count
        self.clock, self.same_output = clock, same_output
        self.proof = [command[0], *harmless]


class Server:
    """redis-server under redis-benchmark; see redis_run."""

    name, group, threads, runs = "redis", "programs", 2, 2
    env = {}

    def __init__(self, server, client, requests, preload_libc):
        self.server, self.client, self.requests = server, client, requests
        self.proof = [server, "--version"]
        # Distributions link the server with jemalloc, so for the system's
        # malloc it takes a preload too.
        self.preload_libc = preload_libc


def random_numbers(seed):
    while True:
        seed = (seed * 6364136223846793005 + 1442695040888963407) % 2 ** 64
        yield seed >> 33


def c_source(functions):
    """A C file with structures, loops, switches and tables."""
    r = random_numbers(1)
    out = ["typedef unsigned long word;", "extern word use(word);"]
    for i in range(functions):
        fields = 3 + next(r) % 6
        out.append("struct s%d { %s };" % (i, " ".join(
            "word f%d;" % k for k in range(fields))))
        out.append("static const word t%d[] = { %s };" % (i, ", ".join(
            "%du" % (next(r) % 100000) for _ in range(8 + next(r) % 24))))
        out.append("word g%d(struct s%d *s, word a, word b)\n{" % (i, i))
        out.append("\tfor (word i = 0; i < a; i++) {\n\t\tswitch (i %% %d) {"
                   % (4 + next(r) % 9))
        for case in range(4):
            out.append("\t\tcase %d:\n\t\t\ts->f%d += t%d[(i ^ b) %% 8] * %du;"
                       % (case, next(r) % fields, i, next(r) % 977))
            out.append("\t\t\tif (s->f%d > b)\n\t\t\t\tb = use(b + %du);"
                       "\n\t\t\tbreak;" % (next(r) % fields, next(r) % 77))
        out.append("\t\tdefault:\n\t\t\tb ^= s->f%d >> %d;\n\t\t}\n\t}"
                   % (next(r) % fields, next(r) % 9))
        if i > 0:
            k = next(r) % i
            out.append("\tstruct s%d x = { b, a };\n\tb += g%d(&x, a / 2, b);"
                       % (k, k))
        out.append("\treturn b + s->f0;\n}")
    return "\n".join(out) + "\n"


def json_source(records):
    r = random_numbers(2)
    return json.dumps([
        {"id": i, "city": "city-%d" % (next(r) % 60), "amount": next(r) % 1000,
         "name": "name-%d" % (next(r) % 5000),
         "tags": ["tag%d" % (next(r) % 40) for _ in range(next(r) % 5)]}
        for i in range(records)])


def smt_source(jobs, machines, limit):
    """Jobs that go over machines one after the other: is there a plan that
    ends in time?"""
    r = random_numbers(3)
    took = [[1 + next(r) % 20 for _ in range(machines)] for _ in range(jobs)]
    out = ["(set-logic QF_LIA)"]
    for j in range(jobs):
        for m in range(machines):
            least = "(+ s%d_%d %d)" % (j, m - 1, took[j][m - 1]) if m else "0"
            out.append("(declare-const s%d_%d Int)\n(assert (>= s%d_%d %s))"
                       % (j, m, j, m, least))
        out.append("(assert (<= (+ s%d_%d %d) %d))"
                   % (j, machines - 1, took[j][-1], limit))
    for a in range(jobs):
        for b in range(a):
            for m in range(machines):
                i, k = (m + a) % machines, (m + b) % machines
                x, y = "s%d_%d" % (a, i), "s%d_%d" % (b, k)
                out.append(
                    "(assert (or (<= (+ %s %d) %s) (<= (+ %s %d) %s)))"
                    % (x, took[a][i], y, y, took[b][k], x))
    return "\n".join(out) + "\n(check-sat)\n"


def keep(work, name, text):
    path = os.path.join(work, name)
    with open(path, "w") as f:
        f.write(text)
    return path


def read(name):
    with open(os.path.join(INPUTS, name)) as f:
        return f.read()


def find(*names):
    """A program by the first of NAMES that is there.  The system's folders
    come first: wrappers in others may start a shell."""
    for name in names:
        for folder in ("/usr/bin", "/bin", "/opt/freeware/bin"):
            path = os.path.join(folder, name)
            if os.access(path, os.X_OK):
                return path
        path = shutil.which(name)
        if path:
            return path
    return None


def compiler_proper():
    gcc = find("gcc")
    if gcc is None:
        return None
    path = subprocess.run([gcc, "-print-prog-name=cc1"],
                          stdout=subprocess.PIPE).stdout.decode().strip()
    return path if os.path.isabs(path) else None


def libc_path():
    """The C library's file: the one mapped into this process."""
    with open("/proc/self/maps") as f:
        mapped = [line.split()[-1] for line in f if "/libc" in line]
    return next((p for p in mapped if "/libc.so" in p or "/libc-2" in p), None)


def make_python(work, quick):
    python = find("python3")
    return python and Program(
        "python", [python, "-S", os.path.join(INPUTS, "objects.py"),
                   "3" if quick else "16"],
        env={"PYTHONMALLOC": "malloc", "PYTHONHASHSEED": "0"})


def make_gcc(work, quick):
    cc1 = compiler_proper()
    return cc1 and Program(
        "gcc", [cc1, "-quiet", "-O2", "-o", "/dev/stdout",
                keep(work, "generated.c", c_source(12 if quick else 60))])


def make_sqlite(work, quick):
    sqlite = find("sqlite3")
    text = read("tables.sql").replace("@N@", "12000" if quick else "80000")
    return sqlite and Program("sqlite", [sqlite, ":memory:"],
                              stdin=keep(work, "tables.sql", text))


def make_perl(work, quick):
    perl = find("perl")
    return perl and Program(
        "perl", [perl, os.path.join(INPUTS, "objects.pl"),
                 "2" if quick else "6"],
        env={"PERL_HASH_SEED": "0", "PERL_PERTURB_KEYS": "0"})


def make_lua(work, quick):
    lua = find("lua5.4", "lua5.3", "lua54", "lua")
    return lua and Program(
        "lua", [lua, os.path.join(INPUTS, "objects.lua"),
                "2" if quick else "10"], harmless=("-v",))


def make_jq(work, quick):
    jq = find("jq")
    return jq and Program(
        "jq", [jq, "-f", os.path.join(INPUTS, "group.jq"),
               keep(work, "records.json",
                    json_source(3000 if quick else 24000))])


def make_redis(work, quick):
    server, client = find("redis-server"), find("redis-benchmark")
    if server is None or client is None:
        return None
    return Server(server, client, 20000 if quick else 120000, libc_path())


def make_ruby(work, quick):
    ruby = find("ruby")
    return ruby and Program(
        "ruby", [ruby, "--disable=gems", os.path.join(INPUTS, "objects.rb"),
                 "1" if quick else "6"])


def make_z3(work, quick):
    z3 = find("z3")
    return z3 and Program(
        "z3", [z3, keep(work, "problem.smt2", smt_source(
            8 if quick else 15, 10, 200 if quick else 300))])


def make_rocksdb(work, quick):
    db_bench = find("db_bench")
    return db_bench and Program(
        "rocksdb", [db_bench, "--benchmarks=fillrandom,readrandom,seekrandom",
                    "--num=%d" % (10000 if quick else 50000), "--seed=1",
                    "--reads=%d" % (5000 if quick else 30000),
                    "--value_size=200", "--disable_wal=1",
                    "--compression_type=none", "--threads=2",
                    "--write_buffer_size=4000000",
                    "--db=" + os.path.join(work, "rocksdb")],
        same_output=False)


MAKERS = {
    "python": make_python, "gcc": make_gcc, "sqlite": make_sqlite,
    "perl": make_perl, "lua": make_lua, "jq": make_jq, "ruby": make_ruby,
    "z3": make_z3, "rocksdb": make_rocksdb, "redis": make_redis,
}


def startup(quick):
    return Program("startup", [find("true")], count=100 if quick else 400)


def all_of(work, quick):
    """The programs that are installed, and the names of those that are not."""
    made = [(name, make(work, quick)) for name, make in MAKERS.items()]
    return ([startup(quick)] + [p for _, p in made if p],
            [name for name, p in made if not p])


def more(path):
    """The programs that the file PATH lists: NAME CLOCK COMMAND ..., where @
    is the file's folder and <FILE the standard input.  Times are often in
    their output, so it is not looked at."""
    found = []
    if not path:
        return found
    folder = os.path.dirname(os.path.abspath(path))
    with open(path) as f:
        for line in f:
            words = line.replace("@", folder).split()
            if not words or words[0][0] == "#":
                continue
            stdin = [w[1:] for w in words[3:] if w[0] == "<"]
            command = [w for w in words[2:] if w[0] != "<"]
            found.append(Program(words[0], command, (stdin or [None])[0],
                                 clock=words[1], same_output=False))
    return found


def status_of(pid, key):
    with open("/proc/%d/status" % pid) as f:
        for line in f:
            if line.startswith(key + ":"):
                return int(line.split()[1])
    return 0


def usage_of(pid):
    """Minor faults, and CPU time in microseconds: user, system."""
    with open("/proc/%d/stat" % pid) as f:
        field = f.read().rpartition(") ")[2].split()
    tick = 1000000 // os.sysconf("SC_CLK_TCK")
    return int(field[7]), int(field[11]) * tick, int(field[12]) * tick


def cpu_ns_of(pid):
    """CPU time of all threads, by the scheduler's clock: the ticks of usage_of
    are 10 ms."""
    total = 0
    for task in os.listdir("/proc/%d/task" % pid):
        with open("/proc/%d/task/%s/schedstat" % (pid, task)) as f:
            total += int(f.read().split()[0])
    return total


def wait_for(path, server):
    for _ in range(500):
        if os.path.exists(path):
            return
        if server.poll() is not None:
            break
        time.sleep(0.01)
    raise OSError("the server did not start")


def redis_run(bench, env, work, timeout):
    """Start the server with ENV, send it the requests, read what it used.
    Its linked-in jemalloc is told to start no thread of its own.  The score is
    the server's CPU time: redis-benchmark looks every 50 ms whether it is done,
    so that its own time goes by such steps."""
    socket = os.path.join(work, "redis.sock")
    if os.path.exists(socket):
        os.unlink(socket)
    server = subprocess.Popen(
        [bench.server, "--port", "0", "--unixsocket", socket, "--dir", work,
         "--save", "", "--appendonly", "no", "--daemonize", "no",
         "--loglevel", "warning", "--jemalloc-bg-thread", "no"],
        env=dict(os.environ, **env), stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL)
    try:
        wait_for(socket, server)
        start = time.monotonic_ns()
        subprocess.run(
            [bench.client, "-s", socket, "-q", "-n", str(bench.requests),
             "-P", "32", "-c", "20", "-r", "50000", "-d", "120", "-t",
             "set,get,incr,lpush,lpop,sadd,hset,zadd,mset"],
            stdout=subprocess.DEVNULL, timeout=timeout, check=True)
        wall = time.monotonic_ns() - start
        faults, user, system = usage_of(server.pid)
        return {"score_ns": cpu_ns_of(server.pid), "wall_ns": wall,
                "user_us": user, "system_us": system, "minflt": faults,
                "maxrss_kib": status_of(server.pid, "VmHWM"),
                "ops": bench.requests * 9}
    finally:
        server.terminate()
        server.wait()
