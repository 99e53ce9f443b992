# SPDX-License-Identifier: MIT
"""Benchmarks of packing: a job that has nothing to do but to pack, from its start to its exit, its members removed,
against `tar -c | pigz -6 -p 2`, which leaves them. bench.py runs them.

The trees are made once, in build/bench/data (or $PROCAGENT_BENCH_DATA). Each of the agent's runs has hard links to
their files, made before the clock starts. Processor time is given beside wall time: it is what remains comparable
when a machine has other things to do.
"""
import base64
import dataclasses
import json
import os
import pathlib
import random
import resource
import shutil
import statistics
import subprocess
import time

import split

RUNS = 3


@dataclasses.dataclass
class Cost:
    """One run: wall and processor seconds, peak resident MB, bytes of the archive."""
    wall: float
    cpu: float
    rss: float
    size: int


def notebook(rand, source):
    """A notebook of eight cells, each with a PNG of 88 KB, as a file's text."""
    def output():
        png = base64.b64encode(b"\x89PNG\r\n\x1a\n" + rand.randbytes(88000)).decode()
        return {"output_type": "display_data", "metadata": {},
                "data": {"image/png": png, "text/plain": ["<Figure size 640x480 with 1 Axes>"]}}
    cells = [{"cell_type": "code", "execution_count": k + 1, "metadata": {}, "source": source, "outputs": [output()]}
             for k in range(8)]
    return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}, indent=1)


def make_mixed(folder):
    """2 GB: half CSV, a quarter notebooks, a quarter bytes that do not compress."""
    rand = random.Random(1)
    source = [line for i in range(50) for line in
              (f"df = pd.read_csv('extract-{i}.csv')\n", f"df.plot.bar(x='feature{i}', y='y')\n")]
    for name in ("csv", "notebooks", "random"):
        (folder / name).mkdir(parents=True)
    for i in range(4):
        with open(folder / f"csv/orders-{i}.csv", "wb") as out:
            subprocess.run([split.TOP / "build/bench/orders", "3500000"], stdout=out, check=True)
    for i in range(512):
        (folder / f"notebooks/n{i:04}.ipynb").write_text(notebook(rand, source))
    for i in range(8):
        with open(folder / f"random/r{i}.bin", "wb") as out:
            for _ in range(64):
                out.write(rand.randbytes(1 << 20))


def make_small(folder):
    """100,000 files of 1 to 8 KB, pieces of a CSV file, 1,000 to a folder."""
    rand = random.Random(2)
    data = subprocess.run([split.TOP / "build/bench/orders", "100000"], stdout=subprocess.PIPE, check=True).stdout
    for i in range(100000):
        path = folder / f"day={i // 1000:03}" / f"part-{i:06}.csv"
        if i % 1000 == 0:
            path.parent.mkdir(parents=True)
        at = rand.randrange(len(data) - 8192)
        path.write_bytes(data[at:at + rand.randrange(1024, 8193)])


def tree(name, make):
    path = split.DATA / f"pack-{name}"
    if not path.exists():
        part = path.with_suffix(".part")
        shutil.rmtree(part, ignore_errors=True)
        make(part)
        part.rename(path)
    return path


def measured(command, archive):
    """What a command that makes `archive` costs, its children counted."""
    os.sync()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wall = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = sum(getattr(after, k) - getattr(before, k) for k in ("ru_utime", "ru_stime"))
    size = archive.stat().st_size
    archive.unlink()
    return Cost(wall, cpu, 0, size)


def run_peer(source, work):
    archive = work / "peer.tar.gz"
    return measured(["sh", "-c", 'tar -c -C "$1" . | pigz -6 -p 2 >"$2"', "sh", source, archive], archive)


def run_agent(source, work, name, level):
    ml = work / "ml"
    shutil.rmtree(ml, ignore_errors=True)
    out = ml / "processing/output"
    out.mkdir(parents=True)
    subprocess.run(["cp", "-rl", source, out / "out"], check=True)
    peak = work / "peak"
    command = ["/usr/bin/time", "-o", peak, "-f", "%M", split.AGENT, "run", "-q", "--ml-root", ml,
               "--set", "output.out.local_path=/opt/ml/processing/output/out", "--set", f"output.out.pack={name}",
               "--set", f"output.out.pack_level={level}", "--", "true"]
    cost = measured(command, out / "out" / name)
    cost.rss = int(peak.read_text()) / 1024
    return cost


PEER = "tar, pigz -6 -p 2"


def bench(title, target, source, kinds):
    """A table of the peer and of the agent's kinds of archives, one run of each in turn."""
    work = split.DATA / "pack-run"  # where the trees are: links to them must be possible
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    sides = {PEER: lambda: run_peer(source, work)}
    for name, level in kinds:
        sides[f"{name[1:]}, {level}"] = lambda name=name, level=level: run_agent(source, work, name, level)
    seen = {name: [] for name in sides}
    for _ in range(RUNS):
        for name, run in sides.items():
            seen[name].append(run())
    shutil.rmtree(work)
    best = {name: Cost(statistics.median(c.wall for c in v), statistics.median(c.cpu for c in v),
                       max(c.rss for c in v), v[-1].size) for name, v in seen.items()}
    peer = best[PEER]
    lines = [f"### {title}", "", target, "",
             "| archive | median s | peer takes x | processor s | peer takes x | peak MB | bytes | of peer's |",
             "|---|---|---|---|---|---|---|---|"]
    for name, c in best.items():
        peak = f"{c.rss:.0f}" if c.rss else ""
        lines.append(f"| {name} | {c.wall:.2f} | {peer.wall / c.wall:.2f} | {c.cpu:.2f} | {peer.cpu / c.cpu:.2f} | "
                     f"{peak} | {c.size} | {c.size / peer.size:.3f} |")
    return lines + [""]


KINDS = [("o.tar.gz", "normal"), ("o.tar.gz", "fast"), ("o.tar.zst", "normal"), ("o.tar.zst", "fast")]


def bench_mixed(_):
    return bench("Packing 2 GB of CSV, notebooks and noise",
                 "Target: the peer takes at least 2.5 times as long, 6 times with pack_level = fast; normal is no "
                 "larger than its archive; at most 128 MB.", tree("mixed", make_mixed), KINDS)


def bench_small(_):
    return bench("Packing 100,000 files of 1 to 8 KB", "Target: the same. The agent removes the files too.",
                 tree("small", make_small), KINDS)


BENCHES = {"pack-mixed": bench_mixed, "pack-small": bench_small}
