# runner.py - run one benchmark with one allocator and say what it used.
#
# Owns: processes, time limits, the check that every allocator gave the same
# answer.  Must not know: rounds, files of results.
#
# SPDX-License-Identifier: MIT

import hashlib
import os
import signal
import subprocess
import tempfile

import allocators
import programs
import suite

SPAWN_FIELDS = ["runs", "wall_ns", "user_us", "system_us", "maxrss_kib",
                "minflt", "majflt", "nvcsw", "nivcsw", "wait"]
TIMEOUT = 180                   # seconds
IDLE_MS = 1000
COMMON = ("bench", "threads", "clock", "ns", "ops", "rss_kib")


class Failed(Exception):
    """A run that gave no result."""


class Runner:
    """Runs one benchmark with one allocator."""

    def __init__(self, folder, work, quick):
        self.folder, self.work, self.quick = folder, work, quick
        self.expected = {}              # the answer of each benchmark

    def program(self, name):
        return os.path.join(self.folder, name)

    def spawn(self, command, count, env, stdin):
        """Run COMMAND by our launcher.  Returns its output and what it
        used."""
        used = os.path.join(self.work, "used")
        pairs = ["%s=%s" % item for item in sorted(env.items())]
        with open(stdin or os.devnull, "rb") as source, \
                tempfile.TemporaryFile(dir=self.work) as out, \
                tempfile.TemporaryFile(dir=self.work) as err:
            child = subprocess.Popen(
                [self.program("spawn"), used, str(count)] + pairs + command,
                stdin=source, stdout=out, stderr=err, start_new_session=True)
            try:
                child.wait(TIMEOUT)
            except BaseException as e:
                os.killpg(child.pid, signal.SIGKILL)
                child.wait()
                if isinstance(e, subprocess.TimeoutExpired):
                    raise Failed("no end after %d s" % TIMEOUT)
                raise
            out.seek(0)
            err.seek(0)
            text, errors = out.read(), err.read().decode(errors="replace")
        if "cannot be preloaded" in errors or child.returncode != 0:
            raise Failed(errors.strip() or "the launcher failed")
        with open(used) as f:
            use = dict(zip(SPAWN_FIELDS, map(int, f.read().split())))
        if use["wait"] != 0:
            how = ("signal %d" % (use["wait"] & 0x7f) if use["wait"] & 0x7f
                   else "exit %d" % (use["wait"] >> 8))
            raise Failed("%s: %s" % (how, (errors.splitlines() or [""])[0]))
        return text, use

    def agree(self, bench, answer):
        """The same work, the same answer, whatever the allocator."""
        if self.expected.setdefault(bench.name, answer) != answer:
            raise Failed("the answer differs from an earlier run's")

    def micro(self, bench, env, first_round):
        command = [self.program(bench.program)]
        command += bench.arguments(self.quick)
        lines = None
        if bench.keeps:
            lines = os.path.join(self.work, "lines")
            # The idle time is long, and what it shows hardly varies.
            idle = IDLE_MS if first_round and (
                bench.idles or not self.quick) else 0
            command += [lines, str(idle)]
        text, use = self.spawn(command, 1, env, None)
        words = dict(w.split("=", 1) for w in text.decode().split())
        self.agree(bench, words["ops"])
        use.update(score_ns=int(words["ns"]), ops=int(words["ops"]),
                   clock=words["clock"])
        use["more"] = " ".join("%s=%s" % item for item in words.items()
                               if item[0] not in COMMON)
        return use, lines

    def outside(self, bench, env):
        env = dict(bench.env, **env)
        text, use = self.spawn(bench.command, bench.count, env, bench.stdin)
        if bench.same_output:
            self.agree(bench, hashlib.sha256(text).hexdigest())
        ns = use["wall_ns"] if bench.clock == "wall" else \
            (use["user_us"] + use["system_us"]) * 1000
        use.update(score_ns=ns // bench.count, ops=bench.count,
                   clock=bench.clock)
        return use, None

    def environment(self, bench, alloc):
        env = alloc.environment()
        if alloc.path is None and isinstance(bench, programs.Server) and \
                bench.preload_libc:
            env["LD_PRELOAD"] = bench.preload_libc
        return env

    def run(self, bench, alloc, first_round):
        env = self.environment(bench, alloc)
        if isinstance(bench, suite.Micro):
            return self.micro(bench, env, first_round)
        if isinstance(bench, programs.Server):
            try:
                use = programs.redis_run(bench, env, self.work, TIMEOUT)
            except (OSError, subprocess.SubprocessError) as e:
                raise Failed(str(e))
            return dict(use, clock="cpu"), None
        return self.outside(bench, env)

    def proof_command(self, bench):
        """A quick way to start the program of BENCH."""
        if isinstance(bench, suite.Micro):
            return [self.program(bench.program)]
        return bench.proof

    def prove(self, bench, alloc):
        """Raise unless the program of BENCH gets its malloc from ALLOC."""
        return allocators.prove(alloc, self.proof_command(bench),
                                self.environment(bench, alloc))
