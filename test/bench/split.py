# SPDX-License-Identifier: MIT
"""Benchmarks of `procagent partition`: splits by columns against DuckDB, Miller and cp, moves against a loop of
rename(2). bench.py runs them.

The data is made by orders.c, once, in build/bench/data (or $PROCAGENT_BENCH_DATA). Every run of the agent has a
folder of its own with a hard link to it, since the agent rewrites in place; what other runs left to write is
written (sync) before each. DuckDB is timed inside its process (duck_bench.mjs), all others from start to exit.
"""
import dataclasses
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import time

HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parents[1]
AGENT = TOP / "build/procagent"
NODE = TOP / "build/node"
DATA = pathlib.Path(os.environ.get("PROCAGENT_BENCH_DATA", TOP / "build/bench/data"))
MANY_FILES = "partitioned_write_max_open_files=4000"  # else DuckDB begins new files when it comes back to a partition

FEW = 100  # files


@dataclasses.dataclass
class Run:
    """One measured run."""
    ms: float
    rss_kb: int = 0
    files: int = 0
    bytes: int = 0


@dataclasses.dataclass
class Side:
    """A command to compare: run(folder) measures it in a fresh folder."""
    name: str
    run: object
    files: int = 0       # it must make so many, unless 0
    slow: bool = False   # no warm-up, fewer runs


# ---- data ----

def data_file(name, *orders_args):
    """The path of DATA/name, made of `orders ARGS` when it is not there."""
    path = DATA / name
    if not path.exists():
        DATA.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        with open(part, "wb") as out:
            subprocess.run([TOP / "build/bench/orders", *orders_args], stdout=out, check=True)
        part.rename(path)
    return path


def orders():
    return data_file("orders.csv")


def orders_gz():
    path = DATA / "orders.csv.gz"
    if not path.exists():
        with open(DATA / "orders.gz.part", "wb") as out:
            subprocess.run(["gzip", "-6", "-c", orders()], stdout=out, check=True)
        (DATA / "orders.gz.part").rename(path)
    return path


# ---- measuring ----

def timed(command, **kw):
    """Wall time of a command that must succeed, and its peak resident size (which counts the bit of Python that
    starts it: some 20 MB are the least that is ever shown)."""
    os.sync()
    start = time.perf_counter()
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                          **kw) as child:
        said = child.stderr.read()
        _, status, usage = os.wait4(child.pid, 0)
        ms = (time.perf_counter() - start) * 1e3
        child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        raise RuntimeError(f"{command}: {child.returncode}: {said.decode()[-1000:]}")
    return ms, usage.ru_maxrss


def measured(folder, ms, rss_kb):
    found = [p.stat().st_size for p in folder.rglob("*") if p.is_file()]
    return Run(ms, rss_kb, len(found), sum(found))


def agent_side(source, layout, *sets, name="procagent", files=0, prefix=(), slow=False):
    """`sets` are KEY=VALUE."""
    def run(folder):
        os.link(source, folder / source.name)
        command = [*prefix, AGENT, "partition", "-q", "--layout", layout]
        for word in sets:
            command += ["--set", word]
        return measured(folder, *timed([*command, folder]))
    return Side(name, run, files, slow)


def duck_sides(source, columns, compression="none", settings=((),), slow=False, files=0):
    """DuckDB with typed values and with texts, for each list of settings; none where it is not installed."""
    if not (NODE / "node_modules/@duckdb/node-api").exists() or not shutil.which("node"):
        return []

    def side(mode, words):
        def run(folder):
            os.sync()
            out = subprocess.run(["node", HERE / "duck_bench.mjs", NODE, source, folder / "out", columns, mode,
                                  compression, *words], check=True, capture_output=True, stdin=subprocess.DEVNULL)
            said = json.loads(out.stdout)
            return Run(said["ms"], said["rss_kb"], said["files"], said["bytes"])
        label = f"DuckDB, {'all_varchar' if mode == 'text' else 'typed'}{', many open files' if words else ''}"
        return Side(label, run, files if words or len(settings) == 1 else 0, slow)
    return [side(mode, words) for words in settings for mode in ("text", "typed")]


def copy_side(source):
    def run(folder):
        return measured(folder, *timed(["cp", source, folder / "copy.csv"]))
    return Side("cp", run, 1)


def miller_sides(source, columns, files):
    if not shutil.which("mlr"):
        return []

    def run(folder):
        return measured(folder, *timed(["mlr", "--csv", "split", "-g", columns, source], cwd=folder))
    return [Side("Miller", run, files, slow=True)]


def compare(sides, runs=5):
    """{name: Run} with medians of time and the worst peak, one run of each side in turn after a warm-up. Every
    run has a new folder. Those of few files go at once, so that their memory serves the next run; those of many at
    the end, since file systems are slow to make files where many were just removed."""
    base = DATA / "run"
    shutil.rmtree(base, ignore_errors=True)
    seen = {side.name: [] for side in sides}
    for i in range(runs + 1):
        for side in sides:
            if side.slow and (i == 0 or i > 3):
                continue
            folder = base / str(i) / side.name.replace("/", " ")
            folder.mkdir(parents=True)
            result = side.run(folder)
            if side.files and result.files != side.files:
                raise RuntimeError(f"{side.name}: {result.files} files instead of {side.files}")
            if i > 0:
                seen[side.name].append(result)
            if result.files < FEW:
                shutil.rmtree(folder)
    shutil.rmtree(base, ignore_errors=True)
    return {name: Run(statistics.median(r.ms for r in v), max(r.rss_kb for r in v), v[-1].files, v[-1].bytes)
            for name, v in seen.items()}


def table(title, target, results):
    """Ratios: to the fastest of DuckDB's, and to cp where it ran."""
    duck = min((r.ms for n, r in results.items() if n.startswith("DuckDB")), default=None)
    peers = {"DuckDB's best": duck, "cp": results["cp"].ms if "cp" in results else None}
    peers = {name: ms for name, ms in peers.items() if ms}
    heads = ["command", "median ms", *(f"x {name}" for name in peers), "peak MB", "files", "bytes"]
    lines = [f"### {title}", "", target, "", "| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    for name, r in results.items():
        ratios = [f"{r.ms / ms:.2f}" for ms in peers.values()]
        lines.append("| " + " | ".join([name, f"{r.ms:.0f}", *ratios, f"{r.rss_kb / 1024:.0f}", str(r.files),
                                        str(r.bytes)]) + " |")
    own = results["procagent"].ms
    others = {**peers, "Miller": results["Miller"].ms} if "Miller" in results else peers
    if others:
        said = ", ".join(f"{name} {ms / own:.1f} x" for name, ms in others.items())
        lines += ["", f"Against procagent's time: {said}."]
    if duck is None and "DuckDB" in target:
        lines += ["", "DuckDB is not installed here (scripts/duckdb.sh)."]
    return lines + [""]


# ---- the cases ----

REGION, DAY = "region={column.region}", "order_date={column.order_date}"


def split_region(_work):
    source = orders()
    sides = [agent_side(source, REGION, files=5), *duck_sides(source, "region", files=5), copy_side(source),
             *miller_sides(source, "region", 5)]
    return table("5,000,000 rows by region: 5 partitions",
                 "Target: DuckDB takes at least 6 times as long (aim 10), Miller 20 times; at most 2.5 x cp; at most "
                 "256 MB. The file has 359 MB, its rows are in no order.", compare(sides))


def split_date(_work):
    source = orders()
    sides = [agent_side(source, DAY, files=365),
             *duck_sides(source, "order_date", settings=((), (MANY_FILES,)), slow=True, files=365)]
    return table("The same by day: 365 partitions",
                 "Target: DuckDB takes at least 6 times as long; one file a partition; at most 256 MB.",
                 compare(sides, 3))


def split_date_region(_work):
    source = orders()
    sides = [agent_side(source, DAY + "/" + REGION, files=1825),
             *duck_sides(source, "order_date,region", settings=((), (MANY_FILES,)), slow=True, files=1825)]
    return table("The same by day and region: 1,825 partitions",
                 "Target: DuckDB takes at least 10 times as long; one file a partition; at most 256 MB.",
                 compare(sides, 3))


def split_quoted(_work):
    source = data_file("quoted.csv", "-q")
    sides = [agent_side(source, REGION, files=5), *duck_sides(source, "region", files=5), copy_side(source)]
    return table("Newlines in quotes, by region", "Target: faster than DuckDB; at most 256 MB. One row in 17 has a "
                 "quoted field with a newline, commas and quotes.", compare(sides, 3))


def split_2gb(_work):
    source = data_file("big.csv", "28500000")
    sides = [agent_side(source, REGION, files=5, slow=True), copy_side(source)]
    sides[1].slow = True
    results = compare(sides, 2)
    source.unlink()
    return table("28,500,000 rows by region: 2 GB", "Target: at most 256 MB, whatever the size of the file.", results)


def split_gzip_out(_work):
    source = orders()
    sides = [agent_side(source, REGION, "compress=gzip", files=5, slow=True),
             *duck_sides(source, "region", "gzip", slow=True, files=5)]
    return table("By region, written as .gz",
                 "Target: DuckDB (whose level is 6) takes at least 6 times as long; no more bytes.",
                 compare(sides, 3))


def split_gzip_in(_work):
    source = orders_gz()
    sides = [agent_side(source, REGION, files=5), *duck_sides(source, "region", files=5)]
    return table("By region, read from .gz",
                 "Target: DuckDB takes at least twice as long; at most 256 MB. The file is gzip -6's.",
                 compare(sides, 3))


def split_many(_work):
    source = data_file("million.csv", "1000000")
    limit = ["prlimit", "--nofile=64:64"]
    sides = [agent_side(source, "customer={column.customer}", "max_partitions=100000", files=100000, prefix=limit,
                        slow=True)]
    return table("1,000,000 rows in 100,000 partitions, 64 descriptors",
                 "Target: it ends well, with at most 256 MB and one file a partition. One run.", compare(sides, 1))


def moves(_work):
    """100,000 empty files in 100 folders, made once: folders that were moved into are renamed back."""
    folders, files = 100, 1000
    loop, tree = TOP / "build/bench/renames", DATA / "moves"
    shutil.rmtree(tree, ignore_errors=True)
    DATA.mkdir(parents=True, exist_ok=True)
    subprocess.run([loop, "make", tree, str(folders), str(files)], check=True)

    def back():
        found = list(tree.iterdir())
        if len(found) != folders or len(list(found[0].iterdir())) != files:
            raise RuntimeError(f"{len(found)} folders instead of {folders}, or files are missing")
        for folder in found:
            folder.rename(tree / folder.name.removeprefix("k="))

    def peer(_folder):
        os.sync()
        done = subprocess.run([loop, "move", tree, str(folders), str(files)], check=True, capture_output=True)
        back()
        return Run(float(done.stdout))  # the loop alone

    def agent(_folder):
        ms, rss_kb = timed([AGENT, "partition", "-q", "--match", "{p}/*.csv", "--layout", "k={path.p}", tree])
        back()
        return Run(ms, rss_kb)
    results = compare([Side("procagent", agent), Side("rename(2) in a loop", peer)], 5)
    shutil.rmtree(tree)
    base = results["rename(2) in a loop"].ms
    lines = ["### 100,000 files moved by their paths", "", "Target: at most 1.5 x the loop.", "",
             "| command | median ms | x rename(2) in a loop | peak MB |", "|---|---|---|---|"]
    lines += [f"| {name} | {r.ms:.0f} | {r.ms / base:.2f} | {r.rss_kb / 1024:.0f} |" for name, r in results.items()]
    return lines + [""]


BENCHES = {"split-region": split_region, "split-date": split_date, "split-date-region": split_date_region,
           "split-quoted": split_quoted, "split-2gb": split_2gb, "split-gzip-out": split_gzip_out,
           "split-gzip-in": split_gzip_in, "split-many": split_many, "moves": moves}
