# allocators.py - which allocators there are, and proof that a program uses
# the one that was asked for.
#
# Owns: the search for libraries, the environment that preloads one.  Must not
# know: benchmarks.
#
# SPDX-License-Identifier: MIT

import glob
import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys

BASELINE = "jemalloc"
SYSTEM = "glibc" if platform.libc_ver()[0] == "glibc" else "libc"
AIX = sys.platform.startswith("aix")

# Name, and the files that can be it; the first one found is used.
KNOWN = [
    ("jemalloc", ["libjemalloc.so.2"]),
    (SYSTEM, []),
    ("mimalloc", ["libmimalloc.so.3", "libmimalloc.so.2"]),
    ("tcmalloc", ["libtcmalloc_minimal.so.4"]),
    ("tbb", ["libtbbmalloc_proxy.so.2"]),
    ("snmalloc", ["libsnmallocshim.so"]),
]

# Those that make errors of the program hard to profit from: only in runs that name
# them.
HARDENED = [
    ("scudo", ["libclang_rt.scudo_standalone-%s.so" % platform.machine()]),
    ("hardened", ["libhardened_malloc.so"]),
    ("mimalloc-secure", ["libmimalloc-secure.so.3", "libmimalloc-secure.so.2"]),
]


class Wrong(Exception):
    """A thing the user must put right."""


class Allocator:
    """PATH is None for the one of the system."""

    def __init__(self, name, path, env=None):
        self.name, self.path, self.env = name, path, env or {}
        self.shown = path

    def environment(self):
        """What to add to the environment of a program that uses it."""
        add = dict(self.env)
        if self.path is not None:
            add["LDR_PRELOAD64" if AIX else "LD_PRELOAD"] = self.path
        return add

    def describe(self):
        if self.path is None:
            return "nothing preloaded; %s %s" % platform.libc_ver()
        with open(self.path, "rb") as f:
            digest = hashlib.sha256(f.read()).hexdigest()[:16]
        more = "".join(" %s=%s" % item for item in sorted(self.env.items()))
        return "%s sha256=%s%s%s" % (self.shown, digest,
                                     package(self.path), more)


def first_line(command):
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    text = done.stdout.decode(errors="replace").strip()
    return text.splitlines()[0] if done.returncode == 0 and text else ""


def package(path):
    """The package that PATH belongs to, with its version, or nothing."""
    for p in (path, os.path.realpath(path)):
        owner = first_line(["dpkg-query", "-S", p]).split(": ")[0]
        if owner:
            return " package=" + first_line(
                ["dpkg-query", "-W", "-f", "${Package}-${Version}", owner])
        owner = first_line(["rpm", "-qf", p])
        if owner:
            return " package=" + owner
    return ""


def find_file(names):
    cache = first_line(["/sbin/ldconfig", "-V"]) and subprocess.run(
        ["/sbin/ldconfig", "-p"], stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL).stdout.decode()
    for name in names:
        known = re.findall(r"^\s*%s .*=> (\S+)$" % re.escape(name),
                           cache or "", re.M)
        for pattern in ("/usr/local/lib/", "/usr/local/lib64/", "/usr/lib64/",
                        "/usr/lib/", "/usr/lib/*-linux-gnu/",
                        "/usr/lib/llvm-*/lib/clang/*/lib/linux/"):
            known += glob.glob(pattern + name)
        for path in known:
            if os.path.exists(path):
                return path
    return None


def parse_extra(words):
    """NAME=PATH[;VARIABLE=VALUE...] words."""
    found = []
    for word in words.split():
        first, *rest = word.split(";")
        name, equals, path = first.partition("=")
        if not equals or not re.match(r"^[A-Za-z0-9_.+-]+$", name):
            raise Wrong("LIBS: %s is not NAME=PATH" % word)
        if any("=" not in r for r in rest):
            raise Wrong("LIBS: %s: after `;' comes VARIABLE=VALUE" % word)
        found.append(Allocator(name, path or None,
                               dict(r.split("=", 1) for r in rest)))
    return found


def choose(memaix, extra, only, copy_to):
    """The allocators of this run, memaix first.  Those called memaix... are
    copied to COPY_TO: their files may be built anew while benchmarks run.  A name
    in ONLY that ends in `?' need not be there."""
    all_of = {}
    if memaix:
        all_of["memaix"] = Allocator("memaix", memaix)
        if "memaix-secure" in only:
            all_of["memaix-secure"] = Allocator(
                "memaix-secure", memaix, {"MEMAIX_OPTIONS": "secure:true"})
    for name, files in KNOWN + [h for h in HARDENED if h[0] in only or
                                h[0] + "?" in only]:
        path = find_file(files)
        if path is not None or not files:
            all_of[name] = Allocator(name, path)
    for a in parse_extra(extra):
        all_of[a.name] = a
    only = [n.rstrip("?") for n in only if n[-1] != "?" or n[:-1] in all_of]
    if only:
        unknown = [n for n in only if n not in all_of]
        if unknown:
            raise Wrong("no allocator %s here; there are: %s"
                        % (", ".join(unknown), ", ".join(all_of)))
        all_of = {n: a for n, a in all_of.items() if n in only}
    for a in all_of.values():
        if a.path is None:
            continue
        if not os.path.isfile(a.path):
            raise Wrong("%s: no file %s" % (a.name, a.path))
        a.path = os.path.abspath(a.path)
        # Where it lies in somebody's home says nothing.
        if not a.path.startswith(("/usr/", "/lib", "/opt/")):
            a.shown = os.path.basename(os.path.realpath(a.path))
        if a.name.startswith("memaix"):
            copy = os.path.join(copy_to, a.name + ".so")
            shutil.copyfile(a.path, copy)
            os.chmod(copy, 0o755)
            a.path = copy
    return list(all_of.values())


def bindings(command, env):
    """Where malloc is bound to, as the run-time linker tells it."""
    env = dict(os.environ, LD_BIND_NOW="1", LD_DEBUG="bindings", **env)
    done = subprocess.run(command, env=env, stdin=subprocess.DEVNULL,
                          stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                          timeout=60)
    text = done.stderr.decode(errors="replace")
    if "cannot be preloaded" in text:
        line = [t for t in text.splitlines() if "cannot be preloaded" in t]
        raise Wrong(line[0])
    program = os.path.realpath(command[0])
    targets = re.findall(r"to (\S+) \[\d+\]: normal symbol `malloc'", text)
    return {os.path.realpath(t) for t in targets} - {program}


def prove(allocator, command, env):
    """Raise Wrong unless COMMAND, run with ENV, gets its malloc from
    ALLOCATOR.  Returns the name of the file it is in."""
    if SYSTEM != "glibc":
        return "what nobody checked: this system has no way to tell"
    seen = bindings(command, env)
    if allocator.path is not None:
        want = {os.path.realpath(allocator.path)}
    else:
        want = {p for p in seen if re.search(r"/libc(-2.*)?\.so", p)}
    if len(seen) != 1 or seen != want:
        raise Wrong("%s: malloc of %s is in %s, not in %s" % (
            allocator.name, command[0], ", ".join(sorted(seen)) or "no file",
            allocator.path or "libc"))
    return os.path.basename(seen.pop())
