# SPDX-License-Identifier: MIT
"""Benchmarks of the stores: what a job's staging and publishing cost, from the start of `procagent run` to its
exit, against the AWS CLI and rclone on one S3 server (s3rver), and against `cp -r` on a folder store. bench.py runs
them.

The server is the same process for all clients of a table and stores in files. Sources are read once before each run,
so that the page cache holds them for everybody; what other runs left to write is written (sync). Every run has a
new prefix or folder. Those of few files are removed at once, those of many when all benchmarks are done: for a minute
or more after many files were removed ext4 is slow to make new ones.
"""
import atexit
import dataclasses
import filecmp
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import time

import split

SERVER = split.TOP / "build/node-s3/node_modules/s3rver/bin/s3rver.js"
KEY = "S3RVER"  # the only key pair that s3rver knows: id and secret are the same


@dataclasses.dataclass
class Cost:
    """What a client's process used, its children included."""
    wall: float        # seconds, as the others
    cpu: float         # user and system
    rss: float         # MB at the most
    server: float = 0  # CPU seconds of the server meanwhile


@dataclasses.dataclass
class Case:
    """How many files of which size, and the name of it all."""
    name: str
    files: int
    size: int

    def make(self, folder):
        """The files, of bytes that do not compress, 100 to a folder."""
        for i in range(self.files):
            path = folder / f"d{i // 100:03}" / f"f{i:05}.bin"
            path.parent.mkdir(parents=True, exist_ok=True)
            with open(path, "wb") as out:
                for at in range(0, self.size, 1 << 20):
                    out.write(os.urandom(min(1 << 20, self.size - at)))

    @property
    def few(self):
        return self.files < split.FEW


LARGE = Case("4 objects of 512 MB", 4, 512 << 20)
SMALL = Case("10,000 objects of 10 KB", 10000, 10 << 10)


def workplace(case):
    """A new folder, which goes when the program ends."""
    work = split.DATA / f"stores-{os.getpid()}-{case.files}-{time.time_ns()}"
    work.mkdir(parents=True)
    atexit.register(shutil.rmtree, work, ignore_errors=True)
    return work


# ---- measuring ----

def environment():
    """This one without any setting for AWS but the server's key pair."""
    env = {name: value for name, value in os.environ.items() if not name.upper().startswith(("AWS_", "RCLONE_"))}
    return {**env, "AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": KEY, "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true", "NO_PROXY": "127.0.0.1",
            "no_proxy": "127.0.0.1"}


def cost(command):
    """Of a command that must succeed. Its peak counts the bit of Python that starts it: some 20 MB are the least
    that is ever shown."""
    os.sync()
    start = time.perf_counter()
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                          env=environment()) as child:
        said = child.stderr.read()
        _, status, usage = os.wait4(child.pid, 0)
        wall = time.perf_counter() - start
        child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        raise RuntimeError(f"{command}: {child.returncode}: {said.decode()[-1000:]}")
    return Cost(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def warm(folder):
    for path in folder.rglob("*"):
        if path.is_file():
            with open(path, "rb", buffering=0) as f:
                while f.read(1 << 20):
                    pass


def equal(case, source, target, suffix=""):
    """Raises unless `target` has all of the source's files, with the same bytes. A server's files have names that
    end in `suffix`."""
    names = [p.relative_to(source) for p in source.rglob("*") if p.is_file()]
    found = [p for p in target.rglob("*" + suffix) if p.is_file()]
    if len(names) != case.files or len(found) != case.files:
        raise RuntimeError(f"{target}: {len(found)} files, {len(names)} in {source}, {case.files} wanted")
    for name in names:
        if not filecmp.cmp(source / name, f"{target / name}{suffix}", shallow=False):
            raise RuntimeError(f"{target / name} is not {source / name}")


def compare(case, source, clients, target_of, verify, runs=3, server_cpu=lambda: 0):
    """{name: Cost} of medians, and the worst peak: one run of each client in turn, the first last in the next round.
    A round more comes first: it warms up, since memory that is new to a virtual machine makes a copy three times as
    slow, and what it made is verified. `clients` are {name: command(target)}; target_of(name, run) is the target and
    the folder that it becomes, verify(folder) raises when it is not what it must be."""
    seen = {name: [] for name in clients}
    names = list(clients)
    for run in range(runs + 1):
        for name in names:
            target, folder = target_of(name, run)
            warm(source)
            before = server_cpu()
            took = cost(clients[name](target))
            took.server = server_cpu() - before
            if run == 0:
                verify(folder)
            else:
                seen[name].append(took)
            if case.few:
                shutil.rmtree(folder)
        names = names[1:] + names[:1]
    return {name: Cost(statistics.median(c.wall for c in v), statistics.median(c.cpu for c in v),
                       max(c.rss for c in v), statistics.median(c.server for c in v)) for name, v in seen.items()}


# ---- S3 ----

class Server:
    """s3rver with one bucket, `bench`, on a free port, while the block lasts."""

    def __init__(self, folder):
        self.folder = folder
        self.child = None
        self.url = None

    def __enter__(self):
        (self.folder / "bench").mkdir(parents=True)
        command = ["node", "--openssl-legacy-provider", SERVER, "--directory", self.folder, "--address", "127.0.0.1",
                   "--port", "0", "--no-vhost-buckets", "--silent"]
        with open(self.folder / "log", "wb") as log:
            self.child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        for _ in range(200):
            found = re.search(r"127\.0\.0\.1:(\d+)", (self.folder / "log").read_text())
            if found:
                self.url = "http://" + found[0]
                return self
            time.sleep(0.05)
        self.__exit__()
        raise RuntimeError("s3rver does not start: " + (self.folder / "log").read_text())

    def cpu(self):
        """Seconds so far."""
        stat = pathlib.Path(f"/proc/{self.child.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")

    def __exit__(self, *_):
        self.child.terminate()
        self.child.wait()


def aws_cli():
    """The path of the program: a version manager's shim would add a shell to each start. None: not installed."""
    path = shutil.which("aws")
    if path and "/shims/" in path:
        path = subprocess.run(["pyenv", "which", "aws"], check=True, capture_output=True, text=True).stdout.strip()
    return path


def agent(root, *sets):
    command = [split.AGENT, "run", "-q", "--ml-root", root]
    for word in sets:
        command += ["--set", word]
    return [*command, "--", "true"]


def agent_down(root, uri, *store):
    return agent(root, *store, "input.i.local_path=/opt/ml/processing/input", f"input.i.s3_uri={uri}")


def agent_up(root, uri, *store):
    return agent(root, *store, "output.o.local_path=/opt/ml/processing/output", f"output.o.s3_uri={uri}")


def rclone_sides(case, work, url, command):
    """`command(rclone)` makes {target: command}; rclone with its defaults, and for many files with more at once."""
    if not shutil.which("rclone"):
        return {}
    config = work / "rclone.conf"
    config.write_text(f"[bench]\ntype = s3\nprovider = Other\naccess_key_id = {KEY}\nsecret_access_key = {KEY}\n"
                      f"endpoint = {url}\nregion = us-east-1\n")
    base = ["rclone", "--config", config, "copy"]
    many = {} if case.few else {"rclone, 16 at once": command([*base, "--transfers", "16", "--checkers", "16"])}
    return {"rclone": command(base), **many}


def aws_sides(url, command):
    path = aws_cli()
    return {"AWS CLI": command([path, "--endpoint-url", url, "s3", "cp", "--recursive"])} if path else {}


def prefix_of(name, run):
    return re.sub(r"[^a-z0-9]+", "-", name.lower()) + f"-{run}"


def upload(case, work, server, root):
    """Every client's uploads of root/processing/output; the agent's first is at `procagent-0`."""
    source = root / "processing/output"
    store = ["store.kind=s3", f"store.endpoint={server.url}"]
    clients = {
        "procagent": lambda to: agent_up(root, f"s3://bench/{to}", *store),
        **aws_sides(server.url, lambda aws: lambda to: [*aws, source, f"s3://bench/{to}/"]),
        **rclone_sides(case, work, server.url, lambda rclone: lambda to: [*rclone, source, f"bench:bench/{to}"]),
    }

    def target_of(name, run):
        prefix = prefix_of(name, run)
        return prefix, server.folder / "bench" / prefix
    return compare(case, source, clients, target_of, lambda to: equal(case, source, to, "._S3rver_object"),
                   server_cpu=server.cpu)


def download(case, work, server, source):
    """Every client's downloads of s3://bench/source."""
    store = ["store.kind=s3", f"store.endpoint={server.url}"]
    clients = {
        "procagent": lambda to: agent_down(to, "s3://bench/source/", *store),
        **aws_sides(server.url, lambda aws: lambda to: [*aws, "s3://bench/source/", to]),
        **rclone_sides(case, work, server.url, lambda rclone: lambda to: [*rclone, "bench:bench/source", to]),
    }

    def target_of(name, run):
        folder = work / "down" / prefix_of(name, run)
        folder.mkdir(parents=True)
        return folder, folder

    def verify(to):
        equal(case, source, to / "processing/input" if (to / "processing").exists() else to)
    return compare(case, server.folder / "bench/source", clients, target_of, verify, server_cpu=server.cpu)


def ratio(a, b):
    return f"{a / b:.2f}" if b else "-"


def s3_table(title, results):
    """Ratios to each peer, and whether the targets are met: of rclone's rows the better one counts."""
    aws = [c for name, c in results.items() if name == "AWS CLI"]
    rclone = [c for name, c in results.items() if name.startswith("rclone")]
    heads = ["client", "wall s", "CPU s", "peak MB", "wall x AWS CLI", "CPU x AWS CLI", "wall x rclone",
             "CPU x rclone", "server's CPU s"]
    lines = [f"### {title}", "", "Target: wall time at most that of the faster of AWS CLI and rclone, CPU time at "
             "most 0.20 x AWS CLI's and 0.50 x rclone's, at most 64 MB. s3rver is one process on the same machine: "
             "where its CPU time is near the wall time, that is the server's speed and not the client's.", "",
             "| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    peers = [(min((c.wall for c in rows), default=None), min((c.cpu for c in rows), default=None))
             for rows in (aws, rclone)]
    for name, c in results.items():
        cells = [name, f"{c.wall:.2f}", f"{c.cpu:.2f}", f"{c.rss:.0f}"]
        for wall, cpu in peers:
            cells += [ratio(c.wall, wall), ratio(c.cpu, cpu)]
        cells.append(f"{c.server:.2f}")
        lines.append("| " + " | ".join(cells) + " |")
    missing = [name for name, rows in (("The AWS CLI", aws), ("rclone", rclone)) if not rows]
    if missing:
        return lines + ["", f"{' and '.join(missing)} not installed here.", ""]
    own = results["procagent"]
    goals = [(own.wall, min(peers[0][0], peers[1][0]), 1.0, "wall time of the faster"),
             (own.cpu, peers[0][1], 0.2, "CPU time of AWS CLI"), (own.cpu, peers[1][1], 0.5, "CPU time of rclone"),
             (own.rss, 64, 1.0, "64 MB")]
    said = [f"{a / b:.2f} x {what} ({'met' if a <= b * most else 'missed'})" for a, b, most, what in goals]
    return lines + ["", f"procagent: {', '.join(said)}.", ""]


def s3(case):
    def bench(_work):
        if not SERVER.exists():
            return [f"### S3, {case.name}", "", "s3rver is not installed here (scripts/s3rver.sh).", ""]
        work = workplace(case)
        root = work / "ml"
        case.make(root / "processing/output")
        with Server(work / "server") as server:
            cost(agent_up(root, "s3://bench/source", "store.kind=s3", f"store.endpoint={server.url}"))
            up = upload(case, work, server, root)
            down = download(case, work, server, root / "processing/output")
        return s3_table(f"S3, {case.name}: down", down) + s3_table(f"S3, {case.name}: up", up)
    return bench


# ---- folder ----

def folder_table(title, target, results, peer):
    heads = ["command", "wall s", "CPU s", "peak MB", f"x {peer}"]
    lines = [f"### {title}", "", target, "", "| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    for name, c in results.items():
        lines.append(f"| {name} | {c.wall:.2f} | {c.cpu:.2f} | {c.rss:.0f} | {c.wall / results[peer].wall:.2f} |")
    return lines + [""]


def folder(case):
    def bench(_work):
        work = workplace(case)
        root, bucket = work / "ml", work / "store/bench"
        source = root / "processing/output"
        store = ["store.kind=folder", f"store.root={bucket.parent}"]
        case.make(source)
        bucket.mkdir(parents=True)
        shutil.copytree(source, bucket / "source")

        def place(name, run):
            to = work / "down" / prefix_of(name, run)
            to.parent.mkdir(exist_ok=True)
            return to, to

        def key(name, run):
            to = bucket / prefix_of(name, run)
            return to, to

        def verify(to):
            equal(case, source, to / "processing/input" if (to / "processing").exists() else to)
        down = {"procagent": lambda to: agent_down(to, "s3://bench/source/", *store),
                "cp -r": lambda to: ["cp", "-r", bucket / "source", to]}
        up = {"procagent": lambda to: agent_up(root, f"s3://bench/{to.name}", *store),
              "cp -r, sync": lambda to: ["sh", "-c", 'cp -r "$1" "$2" && sync -f "$2"', "sh", source, to],
              "cp -r": lambda to: ["cp", "-r", source, to]}
        down = compare(case, bucket / "source", down, place, verify, 5)
        up = compare(case, source, up, key, verify, 5)
        target = "Target: at most 1.20 x cp -r."
        return (folder_table(f"Folder store, {case.name}: down", target, down, "cp -r") +
                folder_table(f"Folder store, {case.name}: up", "Target: at most 1.20 x cp -r with a sync of the target "
                             "behind it, since what the agent publishes outlives a power cut.", up, "cp -r, sync"))
    return bench


BENCHES = {"s3-large": s3(LARGE), "s3-small": s3(SMALL), "folder-large": folder(LARGE),
           "folder-small": folder(SMALL)}
