#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""One small complete job, run again and again, with one system call going wrong each time.

sweep.py fail SYSCALL=ERROR[,ERROR...]...   the N-th call fails, for each N a clean run makes; with ERROR+
                                            all later ones too
sweep.py kill SYSCALL...                    the agent is killed at the N-th call; then it runs again
Options before: --agent FILE, --work DIR, --most N (points per call and error; default 90), --many N
(the transform writes N more files: above 16 the store syncs once instead of each), --rewrite,
--rewrite-in-place or --replace (another job, see below).

The job stages two objects, its transform writes four files to two outputs, one output is laid out, the
other packed, both are published over a store that holds an older result. strace injects (into the agent
alone: its children are not traced). Prints what broke a promise; exit status 1 when something did.

--rewrite: three outputs are laid out, by time, by path and by a column, and only the
calls of that stage fail or are killed at; "kill all" is every one of them. --rewrite-in-place: the same
where both outputs are mount points. --replace: one output with mode = replace, a manifest and a marker, over
an older publication; only the calls of publishing.
"""
import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys

TRANSFORM = """#!/bin/sh
set -eu
mkdir -p "$1/part" "$1/arch/sub"
cat "$1/in/a.csv" "$1/in/sub/b.csv" >"$1/part/x.csv"
echo y >"$1/part/y.csv"
cp "$1/in/a.csv" "$1/arch/a.csv"
echo z >"$1/arch/sub/z.csv"
i=0
while [ "$i" -lt "$2" ]; do echo m >"$1/part/m$i.csv"; i=$((i + 1)); done
"""
INI = """[job]
time = 2021-12-14T15:30:00Z
timezone = Asia/Tokyo
[store]
kind = folder
root = {store}
[input "in"]
local_path = /opt/ml/processing/in
s3_uri = s3://bucket/in
[output "part"]
local_path = /opt/ml/processing/part
s3_uri = s3://bucket/part
layout = day={{time:%Y-%m-%d}}
[output "arch"]
local_path = /opt/ml/processing/arch
s3_uri = s3://bucket/arch
pack = out.tar.gz
"""
INPUTS = {"bucket/in/a.csv": b"a\n" * 500, "bucket/in/sub/b.csv": b"b\n" * 300}
DAY = "bucket/part/day=2021-12-15/"
OLD = {**INPUTS, DAY + "x.csv": b"old\n", "bucket/arch/out.tar.gz": b"old archive\n"}
X, Y = INPUTS["bucket/in/a.csv"] + INPUTS["bucket/in/sub/b.csv"], b"y\n"
# What a path below ML/processing may hold, if it is there.
LOCAL = {"in/a.csv": INPUTS["bucket/in/a.csv"], "in/sub/b.csv": INPUTS["bucket/in/sub/b.csv"],
         "part/x.csv": X, "part/day=2021-12-15/x.csv": X, "part/y.csv": Y,
         "part/day=2021-12-15/y.csv": Y, "arch/a.csv": INPUTS["bucket/in/a.csv"],
         "arch/sub/z.csv": b"z\n"}
MANY = re.compile(r"part/(?:day=2021-12-15/)?m\d+\.csv")
LIMIT = 20
# Calls that change nothing: a kill at one is a kill at the next that does. A few of each are enough.
LOOKS = {"read", "readlink", "newfstatat", "fcntl", "getdents64", "fgetxattr", "poll", "openat"}
FEW = 12
# Calls that removing a temporary needs: when one of them fails, the temporary may stay.
REMOVAL = {"unlinkat", "openat", "getdents64", "newfstatat", "fstat", "fcntl"}


class Job:
    """The job's folders, fresh."""

    def __init__(self, agent, work, many):
        self.agent, self.work, self.many = agent, work, many
        self.ml, self.store = work / "ml", work / "store"
        self.new = None  # the store after a clean run

    def fresh_ml(self):
        shutil.rmtree(self.ml, ignore_errors=True)
        (self.ml / "processing").mkdir(parents=True)

    def fresh(self):
        self.fresh_ml()
        shutil.rmtree(self.store, ignore_errors=True)
        for name, data in OLD.items():
            path = self.store / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        (self.work / "agent.ini").write_text(INI.format(store=self.store))
        transform = self.work / "transform"
        if not transform.exists():
            transform.write_text(TRANSFORM)
            transform.chmod(0o755)

    def command(self):
        return [self.agent, "run", "--ml-root", str(self.ml), "-c", str(self.work / "agent.ini"), "--",
                str(self.work / "transform"), str(self.ml / "processing"), str(self.many)]

    def prefix(self):
        return []

    def run(self, *strace):
        """(status, stderr); strace's options first, none = not traced."""
        prefix = ["strace", "-qq", "-y", "-o", str(self.work / "trace"), *strace] if strace else []
        prefix = self.prefix() + prefix
        done = subprocess.run(prefix + self.command(), stdin=subprocess.DEVNULL, timeout=LIMIT,
                              capture_output=True, cwd=self.work, check=False)
        return done.returncode, done.stderr.decode(errors="replace")

    def trace(self):
        return (self.work / "trace").read_text(errors="replace").splitlines()

    def objects(self):
        return files_of(self.store)

    def judge_failure(self, syscall, _, status, stderr):
        return judge_failure(self, syscall, status, stderr)

    def judge_kill(self, status, _):
        bad = broken_names(self) if status in (-9, 137) else [f"status {status}, not killed"]
        return bad + judge_second_run(self, "after the kill")

    def points(self, syscalls):
        return calls_of_a_clean_run(self, syscalls)


REWRITE_INI = """[job]
time = 2021-12-14T15:30:00Z
[output "day"]
local_path = /opt/ml/processing/day
s3_uri = s3://bucket/day
layout = d={time:%Y-%m-%d}
[output "tree"]
local_path = /opt/ml/processing/tree
s3_uri = s3://bucket/tree
match = {y}/{m}/*.csv
layout = y={path.y}/m={path.m}
[output "rows"]
local_path = /opt/ml/processing/rows
s3_uri = s3://bucket/rows
layout = k={column.k}
on_bad_row = reject
"""
REWRITE_FILES = ["day/a.csv", "day/b.csv", "day/sub/c.csv", "day/sub/deep/d.csv", "day/_SUCCESS", "day/.x/y",
                 "tree/2021/01/a.csv", "tree/2021/02/a.csv", "tree/2022/01/a.csv", "tree/2022/01/b.csv",
                 "tree/_meta/info", "tree/y=2020/m=12/old.csv", "rows/x.csv", "rows/sub/y.csv", "rows/_SUCCESS"]
REWRITE_OUTPUTS = ("day", "tree", "rows")
ROWS = "id,k\n1,a\n2,b\n3\n4,a\n\"5\n\",\n"  # the third is set aside
# Errors of linkat and renameat2 by which a file system says that it cannot do that.
NOT_THIS_WAY = ("EXDEV", "EPERM", "EACCES", "EINVAL", "ENOSPC")


class Rewrite(Job):
    """A job that only lays out what is there. An output is at any time the old or the new tree; in place,
    between the journal and its end, nothing is lost; and the next run gives the new one."""

    def __init__(self, agent, work, in_place):
        super().__init__(agent, work, 0)
        self.in_place = in_place
        self.old = None

    def write(self, outputs):
        for name in REWRITE_FILES:
            path = self.ml / "processing" / name
            if name.split("/")[0] in outputs:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(ROWS if name.endswith(("x.csv", "y.csv")) else f"bytes of {name}\n")

    def fresh(self):
        self.fresh_ml()
        self.write(REWRITE_OUTPUTS)
        (self.ml / "processing/day/link").symlink_to("nowhere")
        (self.ml / "processing/tree/empty").mkdir()
        (self.work / "agent.ini").write_text(REWRITE_INI)

    def command(self):
        return [self.agent, "run", "--ml-root", str(self.ml), "-c", str(self.work / "agent.ini"), "--", "true"]

    def prefix(self):
        if not self.in_place:
            return []
        binds = "".join(f'mount --bind "{p}" "{p}" && ' for p in map(self.output, REWRITE_OUTPUTS))
        return ["unshare", "-Urm", "sh", "-c", binds + 'exec "$@"', "sh"]

    def output(self, name):
        return self.ml / "processing" / name

    def points(self, syscalls):
        """As calls_of_a_clean_run, for what the partition stage calls."""
        self.fresh()
        self.old = {name: tree_of(self.output(name)) for name in REWRITE_OUTPUTS}
        status, stderr = self.run("-e", "trace=all")
        if status != 0:
            sys.exit(f"the clean run ended with {status}: {stderr}")
        self.new = {name: tree_of(self.output(name)) for name in REWRITE_OUTPUTS}
        trace = self.trace()
        marks = [i for i, line in enumerate(trace) if "procagent: run: true exited" in line
                 or "procagent: partition: output" in line]
        if len(marks) != 1 + len(REWRITE_OUTPUTS) or self.new == self.old:
            sys.exit(f"the clean run did not do what it should: {stderr}")
        exchanged = any("RENAME_EXCHANGE" in line for line in trace)
        if exchanged == self.in_place:
            sys.exit("the clean run took the other way")
        count, points = {}, {}
        for i, line in enumerate(trace):
            found = re.match(r"(\w+)\(", line)
            name = found.group(1) if found else ""
            count[name] = count.get(name, 0) + 1
            if found and marks[0] < i <= marks[-1] and name != "close" and (name in syscalls or "all" in syscalls):
                points.setdefault(name, []).append(count[name])
        return points

    def seen(self, tree):
        """What counts at a kill: in place, empty folders may be there still, or already."""
        return {p: data for p, data in tree.items() if data != "folder"} if self.in_place else tree

    def states(self):
        """Each output's: "old", "new" or "mixed"; what is broken."""
        states, bad = {}, []
        for name in REWRITE_OUTPUTS:
            now = self.seen(tree_of(self.output(name)))
            states[name] = "new" if now == self.seen(self.new[name]) else \
                "old" if now == self.seen(self.old[name]) else "mixed"
            everything = [p.read_bytes() for p in self.output(name).rglob("*") if p.is_file()]
            lost = [p for p, data in self.old[name].items() if isinstance(data, bytes) and data not in everything]
            if states[name] == "mixed" and not self.in_place:
                bad.append(f"{name} is neither the old nor the new tree: {sorted(now)}")
            if lost and not (name == "rows" and states[name] == "new"):  # its files are not kept whole
                bad.append(f"{name}: lost {lost}")
        return states, bad

    def judge_next_run(self, anew):
        """What runs next: nothing, or the same transform again where its files are not in place yet."""
        states, _ = self.states()
        if anew:
            self.write([name for name, state in states.items() if state != "new"])
        status, stderr = self.run()
        bad = [] if status == 0 else [f"the next run ended with {status}: {stderr}"]
        for name in REWRITE_OUTPUTS:
            now = tree_of(self.output(name))
            if now != self.new[name]:
                bad.append(f"the next run made {sorted(now)} of {name}")
        left = leftovers(self.work)
        return bad + ([f"not swept: {left}"] if left else [])

    def judge_failure(self, syscall, error, status, stderr):
        states, bad = self.states()
        if syscall in ("linkat", "renameat2") and error in NOT_THIS_WAY and status != 0 and not self.in_place:
            bad.append("no exchange is no reason to fail")
        errors = re.findall(r"^procagent: (?:\w+: )?error: .*", stderr, re.M)
        if status == 0 and set(states.values()) != {"new"}:
            bad.append(f"status 0 with {states}")
        if status not in (0, 125) or len(errors) != (status != 0):
            bad.append(f"status {status}, {len(errors)} error lines")
        left = leftovers(self.work)
        stuck = "the next run will try again" in stderr and self.in_place
        if status != 0 and "mixed" in states.values() and not stuck:
            bad.append(f"a failure left {states}: {stderr}")
        if left and syscall not in REMOVAL and not stuck:
            bad.append(f"left behind: {left}")
        return bad + (self.judge_next_run(False) if left else [])

    def judge_kill(self, status, n):
        _, bad = self.states()
        if status not in (-9, 137, 0):
            bad.append(f"status {status}")
        return bad + self.judge_next_run(n % 2)


REPLACE_INI = """[store]
kind = folder
root = {store}
[output "part"]
local_path = /opt/ml/processing/part
s3_uri = s3://bucket/part
mode = replace
marker = _SUCCESS
manifest = m.json
"""
PART = "bucket/part/"
# x.csv is there before and after, y.csv comes, old.csv goes; another day stays.
REPLACE_OLD = {PART + "day=1/x.csv": b"old x\n", PART + "day=1/old.csv": b"old\n", PART + "day=2/other.csv": b"other\n",
               PART + "_SUCCESS": b"old marker\n", PART + "m.json": b"old manifest\n"}
REPLACE_NEW = {PART + "day=1/x.csv": b"x\n", PART + "day=1/y.csv": b"y\n", PART + "day=2/other.csv": b"other\n",
               PART + "_SUCCESS": b"",
               PART + "m.json": b'[{"prefix": "s3://bucket/part/"}, "day=1/x.csv", "day=1/y.csv"]'}


class Replace(Job):
    """A job that replaces a partition. Old data goes only when all new data is there; a marker is there only
    beside the complete old or the complete new data; the next run completes."""

    def __init__(self, agent, work):
        super().__init__(agent, work, 0)
        self.new = REPLACE_NEW

    def fresh(self):
        self.fresh_ml()
        shutil.rmtree(self.store, ignore_errors=True)
        for name, data in REPLACE_OLD.items():
            path = self.store / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        (self.work / "agent.ini").write_text(REPLACE_INI.format(store=self.store))

    def command(self):
        writes = 'cd "$0/part" && mkdir day=1 && echo x >day=1/x.csv && echo y >day=1/y.csv'
        return [self.agent, "run", "--ml-root", str(self.ml), "-c", str(self.work / "agent.ini"), "--",
                "sh", "-c", writes, str(self.ml / "processing")]

    def points(self, syscalls):
        """As calls_of_a_clean_run, for what publishing calls."""
        self.fresh()
        status, stderr = self.run("-e", "trace=all")
        if status != 0 or self.objects() != REPLACE_NEW:
            sys.exit(f"the clean run ended with {status}: {stderr}")
        trace = self.trace()
        marks = [i for i, line in enumerate(trace) if "procagent: partition: output" in line
                 or "procagent: publish: output" in line]
        count, points = {}, {}
        for i, line in enumerate(trace):
            found = re.match(r"(\w+)\(", line)
            name = found.group(1) if found else ""
            count[name] = count.get(name, 0) + 1
            if found and marks[0] < i < marks[-1] and (name in syscalls or "all" in syscalls):
                points.setdefault(name, []).append(count[name])
        return points

    def broken(self):
        now, bad = self.objects(), []
        odd = [n for n, data in now.items() if data not in (REPLACE_OLD.get(n), REPLACE_NEW.get(n))]
        old, new = ([n for n, data in wanted.items() if now.get(n) != data and n.endswith(".csv")]
                    for wanted in (REPLACE_OLD, REPLACE_NEW))
        gone = PART + "day=1/old.csv" not in now
        marker = now.get(PART + "_SUCCESS")
        if odd:
            bad.append(f"neither old nor new: {odd}")
        if gone and new:
            bad.append(f"old data went before {new} came")
        if marker == REPLACE_OLD[PART + "_SUCCESS"] and old:
            bad.append(f"the old marker is beside changed data: {old}")
        if marker == b"" and (new or not gone):
            bad.append(f"the new marker is there without {new}, or with old data")
        return bad

    def judge_next_run(self):
        self.fresh_ml()
        status, stderr = self.run()
        bad = [] if status == 0 else [f"the next run ended with {status}: {stderr}"]
        if self.objects() != REPLACE_NEW:
            bad.append(f"the next run made {sorted(self.objects())}")
        left = leftovers(self.store)
        return bad + ([f"not swept: {left}"] if left else [])

    def judge_failure(self, syscall, _, status, stderr):
        bad = self.broken()
        errors = re.findall(r"^procagent: (?:\w+: )?error: .*", stderr, re.M)
        if status == 0 and self.objects() != REPLACE_NEW:
            bad.append("status 0 without the complete result")
        if status not in (0, 125) or len(errors) != (status != 0):
            bad.append(f"status {status}, {len(errors)} error lines: {stderr}")
        told = r"\d of \d+ objects are already in place|old data is still there|new data is complete|data is in place"
        if status != 0 and self.objects() not in (REPLACE_OLD, REPLACE_NEW) and not re.search(told, stderr):
            bad.append(f"something was changed, and nothing says so: {stderr}")
        left = leftovers(self.work)
        if left and syscall not in REMOVAL:
            bad.append(f"left behind: {left}")
        return bad + self.judge_next_run()

    def judge_kill(self, status, _):
        bad = self.broken() if status in (-9, 137) else [f"status {status}, not killed"]
        return bad + self.judge_next_run()


def tree_of(root):
    """{path: bytes, "link" or "folder"}, the agent's own names left out."""
    return {str(p.relative_to(root)): "link" if p.is_symlink() else "folder" if p.is_dir() else p.read_bytes()
            for p in sorted(root.rglob("*")) if ".procagent-" not in str(p.relative_to(root))}


def files_of(root):
    return {str(p.relative_to(root)): p.read_bytes() for p in sorted(root.rglob("*"))
            if p.is_file() and ".procagent-" not in str(p.relative_to(root))}


def leftovers(root):
    return [str(p.relative_to(root)) for p in sorted(root.rglob(".procagent-*"))]


def broken_names(job):
    """Files under a final name that are neither the old nor the complete new ones."""
    bad = []
    for name, data in job.objects().items():
        if data not in (OLD.get(name), job.new.get(name)):
            bad.append(f"store: {name} has {len(data)} bytes of neither the old nor the new object")
    bad += [f"store: {name} is gone" for name in OLD if not (job.store / name).is_file()]
    for name, data in files_of(job.ml / "processing").items():
        expected = b"m\n" if MANY.fullmatch(name) else LOCAL.get(name)
        expected = job.new["bucket/arch/out.tar.gz"] if name == "arch/out.tar.gz" else expected
        if data != expected:
            bad.append(f"ml: {name} has {len(data)} bytes, not what it should hold")
    return bad


def judge_failure(job, syscall, status, stderr):
    bad = broken_names(job)
    objects = job.objects()
    message = job.ml / "output/message"
    text = message.read_text() if message.is_file() else ""
    errors = re.findall(r"^procagent: (?:\w+: )?error: .*", stderr, re.M)
    if status == 0 and objects != job.new:
        bad.append("status 0 without the complete result")
    if status not in (0, 125, 126, 127):
        bad.append(f"status {status}")
    mixed = objects not in (OLD, job.new)
    if mixed and not re.search(r"\d of \d+ objects are already in place", text + stderr):
        bad.append("a part of the result was published, and nothing says so")
    if status != 0 and syscall != "write" and len(errors) != 1:
        bad.append(f"{len(errors)} error lines")
    if not message.is_file() and not re.search(r"warning: .*(message|output)", stderr) and syscall != "write":
        bad.append("no message file, and no warning of it")
    if text and (len(text.encode()) > 1024 or "\n" in text):
        bad.append("a message of more than one line or 1,024 bytes")
    if text and (status == 0) != text.startswith("completed"):
        bad.append(f"the message does not fit status {status}: {text}")
    part = [n for n in files_of(job.ml / "processing") if n.startswith("part/") and n.endswith(".csv")]
    if len({n.startswith("part/day=") for n in part}) > 1:
        bad.append(f"some files were moved into the partition and stayed there, others not: {part}")
    failed = describe(job, syscall)
    if re.match(r"close\(\d+<\S+\.tmp>", failed) and status == 0 and "warning: " not in stderr:
        bad.append("a written file's close failed and nobody cared")
    left = leftovers(job.work)
    if left and syscall not in REMOVAL:
        bad.append(f"left behind: {left}")
    elif left:
        bad += judge_second_run(job, "after what was left behind")
    return bad


def judge_second_run(job, when):
    """A new container, the same store: all is well and nothing is left of the first."""
    job.fresh_ml()
    status, stderr = job.run()
    bad = []
    if status != 0 or job.objects() != job.new:
        bad.append(f"{when}: the second run ended with {status}, not with the complete result: {stderr}")
    if leftovers(job.store):
        bad.append(f"{when}: not swept: {leftovers(job.store)}")
    return bad


def calls_of_a_clean_run(job, syscalls):
    """{syscall: [the numbers of its calls that may fail]}. A close or read of something that is no file
    of the job is left out: strace fails a close by not making it, and a pipe would then never end."""
    job.fresh()
    status, stderr = job.run("-e", "trace=" + ",".join(syscalls))
    if status != 0:
        sys.exit(f"the clean run ended with {status}: {stderr}")
    job.new = job.objects()
    count, points = {}, {s: [] for s in syscalls}
    for line in job.trace():
        found = re.match(r"(\w+)\(", line)
        if not found:
            continue
        name = found.group(1)
        count[name] = count.get(name, 0) + 1
        if name in points and (name not in ("close", "read", "fstat") or str(job.work) in line):
            points[name].append(count[name])
    return points


def sample(points, most):
    if len(points) <= most:
        return points
    return [points[i * len(points) // most] for i in range(most)]


def describe(job, syscall):
    for line in job.trace():
        if "(INJECTED)" in line:
            return line.replace(str(job.work), "WORK")[:160]
    return syscall


def sweep_fail(job, wanted, most):
    points = job.points([w.split("=")[0] for w in wanted])
    runs, broken = 0, 0
    for want in wanted:
        syscall, errors = want.split("=")
        for error in errors.split(","):
            statuses, plus = {}, "+" if error.endswith("+") else ""
            for n in sample(points.get(syscall, []), most):
                job.fresh()
                bad = []
                try:
                    status, stderr = job.run("-e", f"trace={syscall}",
                                             f"--inject={syscall}:error={error.rstrip('+')}:when={n}{plus}")
                    statuses[status] = statuses.get(status, 0) + 1
                    bad = job.judge_failure(syscall, error, status, stderr)
                except subprocess.TimeoutExpired:
                    bad = [f"no end within {LIMIT} s"]
                runs += 1
                if bad:
                    broken += 1
                    print(f"{syscall} {n} {error}: {describe(job, syscall)}")
                    print("    " + "\n    ".join(bad))
            print(f"{syscall} {error}: {len(points.get(syscall, []))} calls, runs by status: {statuses}")
    print(f"{runs} runs, {broken} broke a promise")
    return runs > 0 and broken == 0


def sweep_kill(job, syscalls, most):
    points = job.points(syscalls)
    runs, broken = 0, 0
    for syscall in points:
        for n in sample(points[syscall], min(most, FEW) if "all" in syscalls and syscall in LOOKS else most):
            job.fresh()
            status, _ = job.run("-e", f"trace={syscall}", f"--inject={syscall}:signal=KILL:when={n}")
            bad = job.judge_kill(status, n)
            runs += 1
            if bad:
                broken += 1
                print(f"killed at {syscall} {n}: " + "\n    ".join(bad))
        print(f"{syscall}: {len(points[syscall])} calls")
    print(f"{runs} runs, {broken} broke a promise")
    return runs > 0 and broken == 0


def main():
    # The N-th call is strace's N-th of one thread: on one CPU the agent copies with one.
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    parser = argparse.ArgumentParser()
    parser.add_argument("--agent", default="build/procagent")
    parser.add_argument("--work", required=True)
    parser.add_argument("--most", type=int, default=90)
    parser.add_argument("--many", type=int, default=0)
    parser.add_argument("--rewrite", action="store_true")
    parser.add_argument("--rewrite-in-place", action="store_true")
    parser.add_argument("--replace", action="store_true")
    parser.add_argument("what", choices=["fail", "kill"])
    parser.add_argument("calls", nargs="+")
    args = parser.parse_args()
    for name in [v for v in os.environ if v.startswith("PROCAGENT_")]:
        del os.environ[name]
    work = pathlib.Path(args.work).resolve()
    work.mkdir(parents=True, exist_ok=True)
    agent = str(pathlib.Path(args.agent).resolve())
    rewrite = args.rewrite or args.rewrite_in_place
    job = Rewrite(agent, work, args.rewrite_in_place) if rewrite else \
        Replace(agent, work) if args.replace else Job(agent, work, args.many)
    sweep = sweep_fail if args.what == "fail" else sweep_kill
    return 0 if sweep(job, args.calls, args.most) else 1


if __name__ == "__main__":
    sys.exit(main())
