# SPDX-License-Identifier: MIT
"""Runs the benchmarks and writes their table. Every figure is a median over interleaved runs; compare
ratios within one table, never seconds between machines."""
import argparse
import os
import pathlib
import platform
import shutil
import statistics
import subprocess
import tempfile
import time

import split

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


BENCHES = {"start": bench_start, "idle": bench_idle, **split.BENCHES}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=pathlib.Path)
    parser.add_argument("names", nargs="*", default=[])
    args = parser.parse_args()
    names = args.names or list(BENCHES)
    lines = ["# Benchmark results", "",
             f"Made by `make bench` on {time.strftime('%Y-%m-%d')}: {os.cpu_count()} cores, "
             f"Linux {platform.release().split('-')[0]}. Medians of interleaved runs; other machines "
             "give other figures but like ratios.", ""]
    for name in names:
        with tempfile.TemporaryDirectory(prefix="procagent-bench.") as work:
            lines += BENCHES[name](pathlib.Path(work))
    text = "\n".join(lines)
    print(text)
    if args.out and not args.names:
        args.out.write_text(text)


if __name__ == "__main__":
    main()
