# SPDX-License-Identifier: MIT
"""Runs the benchmarks and writes their table. Every figure is a median over interleaved runs; compare
ratios within one table, never seconds between machines."""
import argparse
import os
import pathlib
import platform
import re
import shutil
import statistics
import subprocess
import tempfile
import time

import pack
import split
import stores

TOP = pathlib.Path(__file__).resolve().parents[2]
AGENT = TOP / "build/procagent"


def wall(command, **kw):
    """Milliseconds of one run of a command that must succeed."""
    start = time.perf_counter()
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL, **kw)
    return (time.perf_counter() - start) * 1e3


def interleaved(commands, runs, before=None):
    """Medians of several commands, one run of each in turn, after a warm-up round."""
    seen = {name: [] for name in commands}
    for i in range(runs + 1):
        for name, command in commands.items():
            if before:
                before(name)
            took = wall(command)
            if i > 0:
                seen[name].append(took)
    return {name: statistics.median(v) for name, v in seen.items()}


def table(title, target, medians, peer, unit="ms", digits=2):
    lines = [f"### {title}", "", target, "", f"| command | median {unit} | x {peer} |", "|---|---|---|"]
    for name, value in medians.items():
        lines.append(f"| {name} | {value:.{digits}f} | {value / medians[peer]:.2f} |")
    return lines + [""]


def bench_start(work):
    """Added wall time of an empty job."""
    root = work / "ml"
    commands = {
        "true alone": ["/bin/true"],
        "tini": ["/usr/bin/tini", "-s", "--", "/bin/true"],
        "dumb-init": ["/usr/bin/dumb-init", "/bin/true"],
        "catatonit": [shutil.which("catatonit") or "/usr/libexec/podman/catatonit", "--", "/bin/true"],
        "procagent": [str(AGENT), "run", "--ml-root", str(root), "--", "/bin/true"],
    }
    medians = interleaved(commands, 400)
    return table("Empty job: `run -- true`", "Target: at most 2 x tini and under 5 ms. 400 runs each.",
                 medians, "tini")


def status_of(pid, key):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(key + ":"):
            return int(line.split()[1])
    raise KeyError(key)


def bench_idle(work):
    """Memory and wake-ups while the command runs."""
    commands = {
        "tini": ["/usr/bin/tini", "-s", "--", "sleep", "9"],
        "procagent": [str(AGENT), "run", "-q", "--ml-root", str(work / "ml"), "--", "sleep", "9"],
    }
    running = {name: subprocess.Popen(c, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                      stderr=subprocess.DEVNULL) for name, c in commands.items()}
    time.sleep(2)
    before = {n: status_of(p.pid, "voluntary_ctxt_switches") for n, p in running.items()}
    memory = {n: status_of(p.pid, "VmRSS") for n, p in running.items()}
    time.sleep(5)
    after = {n: status_of(p.pid, "voluntary_ctxt_switches") for n, p in running.items()}
    for p in running.values():
        p.wait()
    lines = ["### While the command runs", "", "Target: at most 4 MB resident, no wake-up in 5 s.", "",
             "| command | resident kB | x tini | wake-ups in 5 s |", "|---|---|---|---|"]
    for name in commands:
        lines.append(f"| {name} | {memory[name]} | {memory[name] / memory['tini']:.2f} | "
                     f"{after[name] - before[name]} |")
    return lines + [""]


BENCHES = {"start": bench_start, "idle": bench_idle, **split.BENCHES, **pack.BENCHES, **stores.BENCHES}


def sections(text):
    """What is in front of the first table, and {title: lines} of all tables, in their order."""
    head, *tables = re.split(r"(?m)^(?=### )", text)
    return head, {t.partition("\n")[0]: t.rstrip("\n") for t in tables}


def replaced(old, new, how):
    """The results `old` with the tables of `new` in the places of those of the same titles, or at the end; each
    says what made it."""
    head, tables = sections(old)
    for title, lines in sections(new)[1].items():
        tables[title] = f"{lines}\n\n({how})"
    return head + "\n\n".join(tables.values()) + "\n"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=pathlib.Path, help="written whole; with names only their tables are replaced")
    parser.add_argument("names", nargs="*", default=[])
    args = parser.parse_args()
    names = args.names or list(BENCHES)
    today = time.strftime("%Y-%m-%d")
    lines = ["# Benchmark results", "",
             f"Made by `make bench` on {today}: {os.cpu_count()} cores, "
             f"Linux {platform.release().split('-')[0]}. Medians of interleaved runs; other machines "
             "give other figures but like ratios.", ""]
    for name in names:
        with tempfile.TemporaryDirectory(prefix="procagent-bench.") as work:
            made = BENCHES[name](pathlib.Path(work))
        lines += made
        if args.out and args.names:  # each at once, so that the next one's failure loses nothing
            how = f"Of `scripts/bench.sh {name}` alone, {today}."
            args.out.write_text(replaced(args.out.read_text(), "\n".join(made), how))
    text = "\n".join(lines)
    print(text)
    if args.out and not args.names:
        args.out.write_text(text)


if __name__ == "__main__":
    main()
